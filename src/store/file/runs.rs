//! The records of runs: a file of JSON lines for each, in `runs/` beside the state.
//!
//! Nothing here ever stops a run: a line that cannot be written is lost. A run that is under way holds a lock on its file,
//! so that it is told from one that was killed.

use super::folder::{at, is_file, private};
use crate::store::StoreError;
use serde_json::Value as Json;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// So many records are kept.
const KEPT: usize = 100;
/// So many bytes they have together.
const KEPT_BYTES: u64 = 256 << 20;
/// A record of a run that goes on and on stops growing here.
const LARGEST_BYTES: u64 = 32 << 20;
/// What a line has at most: what is longer was not written by lambdo.
const LONGEST_LINE: u64 = 1 << 20;
const EXTENSION: &str = "jsonl";

/// Writes down what a run does.
pub struct RunLog {
    id: String,
    file: Mutex<Open>,
}

struct Open {
    file: File,
    bytes: u64,
    /// Whether the last line may have been written in part.
    is_torn: bool,
}

/// What one record says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRecord {
    /// What it is called.
    pub id: String,
    /// The lines that can be read, in their order.
    pub lines: Vec<Json>,
    /// How many lines cannot be read.
    pub unreadable: usize,
    /// Whether the run is still under way.
    pub is_running: bool,
}

/// The records in a folder.
#[derive(Clone, Debug)]
pub struct RunRecords {
    folder: PathBuf,
}

impl RunLog {
    /// The record's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes a line. One that can be done without is left out where the record is large already.
    pub fn write(&self, line: &str, is_essential: bool) {
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes > LARGEST_BYTES && !is_essential {
            return;
        }
        let text = format!("{}{line}\n", if open.is_torn { "\n" } else { "" });
        open.is_torn = open.file.write_all(text.as_bytes()).is_err();
        open.bytes += u64::try_from(text.len()).unwrap_or_default();
    }
}

impl RunRecords {
    /// Those below the folder of the state.
    pub fn below(state_folder: &Path) -> Self {
        Self { folder: state_folder.join("runs") }
    }

    /// Where they are, for people.
    pub fn describe(&self) -> String {
        self.folder.display().to_string()
    }

    /// The time of day, as ids begin with it.
    pub fn now() -> String {
        jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S%.3f").to_string()
    }

    /// Begins a record whose id begins so, and lets old ones go.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn begin(&self, id: &str) -> io::Result<RunLog> {
        fs::create_dir_all(&self.folder)?;
        let (id, file) = self.create(id)?;
        // Where files cannot be locked, a run that goes on looks like one that was killed.
        let _ = file.try_lock();
        self.prune();
        Ok(RunLog { id, file: Mutex::new(Open { file, bytes: 0, is_torn: false }) })
    }

    fn create(&self, id: &str) -> io::Result<(String, File)> {
        let mut number = 1;
        loop {
            let id = if number == 1 { id.to_owned() } else { format!("{id}-{number}") };
            match private().append(true).create_new(true).open(self.path(&id)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => number += 1,
                result => return result.map(|file| (id, file)),
            }
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }

    /// Removes the oldest ones that are too many. Who cannot remove them keeps them.
    fn prune(&self) {
        let Ok(ids) = self.ids() else { return };
        let mut bytes = 0;
        for (number, id) in ids.iter().enumerate() {
            let path = self.path(id);
            bytes += fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
            if (number >= KEPT || bytes > KEPT_BYTES) && !is_locked(&path) {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// The ids, the newest first.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at("read", &self.folder))?,
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut ids: Vec<String> =
            entries.filter_map(name).filter_map(|name| Some(name.strip_suffix(&format!(".{EXTENSION}"))?.to_owned())).collect();
        // A record from a time when the clock was ahead is not the newest, and goes first.
        let now = Self::now();
        let is_past = |id: &str| id < now.as_str() || id.starts_with(&now);
        ids.sort_by(|one, other| (is_past(other), natural(other)).cmp(&(is_past(one), natural(one))));
        Ok(ids)
    }

    /// All of one record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, id: &str) -> Result<RunRecord, StoreError> {
        let path = self.path(id);
        let file = is_file(&path).and_then(|()| File::open(&path)).map_err(at("read", &path))?;
        let mut record = RunRecord { id: id.to_owned(), is_running: is_locked(&path), ..RunRecord::default() };
        let mut reader = BufReader::new(file.take(LARGEST_BYTES * 2));
        let mut line = Vec::new();
        while reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(at("read", &path))? > 0 {
            record.add(&line);
            line.clear();
        }
        Ok(record)
    }

    /// The first line of a record and its last, which is enough for one that was ended; else all of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outline(&self, id: &str, is_end: impl Fn(&Json) -> bool) -> Result<RunRecord, StoreError> {
        let path = self.path(id);
        let mut file = is_file(&path).and_then(|()| File::open(&path)).map_err(at("read", &path))?;
        let mut first = Vec::new();
        BufReader::new(&file).take(LONGEST_LINE).read_until(b'\n', &mut first).map_err(at("read", &path))?;
        let length = file.metadata().map_err(at("read", &path))?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE))).map_err(at("read", &path))?;
        let mut tail = Vec::new();
        file.take(LONGEST_LINE).read_to_end(&mut tail).map_err(at("read", &path))?;
        let last = tail.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).and_then(|line| serde_json::from_slice(line).ok());
        match (serde_json::from_slice::<Json>(&first), last) {
            (Ok(first), Some(last)) if is_end(&last) => {
                Ok(RunRecord { id: id.to_owned(), lines: vec![first, last], ..RunRecord::default() })
            }
            _ => self.read(id),
        }
    }
}

impl RunRecord {
    fn add(&mut self, line: &[u8]) {
        match serde_json::from_slice::<Json>(line) {
            Ok(json) if json.is_object() => self.lines.push(json),
            _ if line.iter().all(u8::is_ascii_whitespace) => {}
            _ => self.unreadable += 1,
        }
    }
}

/// `…-2` comes before `…-10`.
fn natural(id: &str) -> (&str, u32) {
    let numbered = id.rsplit_once('-').and_then(|(stem, number)| Some((stem, number.parse().ok()?)));
    numbered.unwrap_or((id, 1))
}

fn is_locked(path: &Path) -> bool {
    let shared = is_file(path).and_then(|()| File::open(path)).map(|file| file.try_lock_shared());
    matches!(shared, Ok(Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records() -> (tempfile::TempDir, RunRecords) {
        let folder = tempfile::tempdir().unwrap();
        let records = RunRecords::below(folder.path());
        (folder, records)
    }

    #[test]
    fn a_record_is_read_while_it_grows_and_after_a_kill() {
        let (_folder, records) = records();
        let log = records.begin("20261122-100000-up").unwrap();
        log.write(r#"{"event":"run_started"}"#, true);
        assert!(records.read(log.id()).unwrap().is_running);
        // A line that was cut off, as by a kill or a full disk.
        fs::OpenOptions::new().append(true).open(records.path(log.id())).unwrap().write_all(br#"{"event":"cal"#).unwrap();
        let id = log.id().to_owned();
        drop(log);
        let record = records.read(&id).unwrap();
        assert_eq!((record.lines, record.unreadable, record.is_running), (vec![json!({ "event": "run_started" })], 1, false));
    }

    #[test]
    fn two_runs_of_one_second_have_two_records_and_the_newest_is_first() {
        let (_folder, records) = records();
        let ids: Vec<String> = (0..11).map(|_| records.begin("20261122-100000-up").unwrap().id().to_owned()).collect();
        assert_eq!((ids[1].as_str(), ids[10].as_str()), ("20261122-100000-up-2", "20261122-100000-up-11"));
        let listed = records.ids().unwrap();
        assert_eq!((listed[0].as_str(), listed[10].as_str()), ("20261122-100000-up-11", "20261122-100000-up"));
    }

    #[test]
    fn old_records_go_and_those_under_way_stay() {
        let (_folder, records) = records();
        let first = records.begin("20260101-000000-up").unwrap();
        for number in 0..KEPT + 5 {
            records.begin(&format!("20261122-{number:06}-up")).unwrap();
        }
        let ids = records.ids().unwrap();
        assert_eq!((ids.len(), ids.contains(&first.id().to_owned())), (KEPT + 1, true));
    }

    #[test]
    fn a_record_of_a_clock_that_was_ahead_is_no_newer_one() {
        let (_folder, records) = records();
        for id in ["20991231-000000.000-plan", "20200101-000000.000-up", "20200102-000000.000-up"] {
            records.begin(id).unwrap();
        }
        assert_eq!(records.ids().unwrap(), ["20200102-000000.000-up", "20200101-000000.000-up", "20991231-000000.000-plan"]);
    }

    #[test]
    fn an_outline_is_the_ends_of_a_run_that_has_ended() {
        let (_folder, records) = records();
        let log = records.begin("a").unwrap();
        for line in [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#] {
            log.write(line, false);
        }
        let is_three = |json: &Json| json["n"] == 3;
        assert_eq!(records.outline("a", is_three).unwrap().lines, [json!({ "n": 1 }), json!({ "n": 3 })]);
        assert_eq!(records.outline("a", |_| false).unwrap().lines.len(), 3);
        assert!(records.read("b").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let file = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let log = RunLog { id: "x".into(), file: Mutex::new(Open { file, bytes: 0, is_torn: false }) };
        log.write("{}", true);
        assert!(log.file.lock().unwrap().is_torn);
        let (_folder, records) = records();
        fs::create_dir_all(&records.folder).unwrap();
        let (_, file) = records.create("x").unwrap();
        log.file.lock().unwrap().file = file;
        log.write(r#"{"after":"it was emptied"}"#, true);
        assert_eq!(records.read("x").unwrap().lines, [json!({ "after": "it was emptied" })]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_and_none_is_no_record() {
        let (folder, records) = records();
        assert_eq!(records.ids().unwrap(), Vec::<String>::new());
        fs::write(folder.path().join("runs"), "").unwrap();
        assert!(records.begin("a").is_err() && records.ids().is_err());
    }
}

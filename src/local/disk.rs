//! What the cloud was told, on disk. One thread writes; changes that come in while it writes go
//! together into its next transaction, so a hundred callers wait for one fsync.

use super::error::ApiError;
use redb::backends::InMemoryBackend;
use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

const FILE: &str = "cloud.redb";
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");

/// Between a table's name and a key; no name of AWS's has it.
const SEPARATOR: char = '\u{1}';

/// Why the disk could not do its part.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiskError {
    /// The file is broken, or the system refused.
    #[error("{file}: {reason}", file = .file.display())]
    Storage {
        /// The database's file.
        file: PathBuf,
        /// What was said.
        reason: String,
    },
    /// The folder belongs to a cloud with another account.
    #[error("it is the cloud of account {stored}, and account {wanted} was asked for")]
    OtherAccount {
        /// The account that it was made with.
        stored: String,
        /// The account that was asked for.
        wanted: String,
    },
    /// A record is not what this version writes.
    #[error("the record `{key}` cannot be read: {reason}")]
    Record {
        /// Its key.
        key: String,
        /// What was said.
        reason: String,
    },
}

/// Changes that reach the disk together or not at all.
#[derive(Debug, Default)]
pub struct Batch(Vec<Change>);

impl Batch {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record over what had its key.
    #[must_use]
    pub fn put(mut self, table: &str, key: &str, record: &impl Serialize) -> Self {
        // Our own records are plain data, which always serialises.
        self.0.push((full_key(table, key), Some(serde_json::to_vec(record).unwrap_or_default())));
        self
    }

    fn size_bytes(&self) -> usize {
        self.0.iter().map(|(key, record)| key.len() + record.as_ref().map_or(0, Vec::len)).sum()
    }

    /// Removes a record, if it is there.
    #[must_use]
    pub fn delete(mut self, table: &str, key: &str) -> Self {
        self.0.push((full_key(table, key), None));
        self
    }
}

/// Resolves once a batch is on disk.
#[must_use = "nothing may be acknowledged before it is on disk"]
pub struct Saved(oneshot::Receiver<Result<(), String>>);

impl Saved {
    /// Waits until the changes are on disk.
    ///
    /// # Errors
    /// `InternalFailure` when the disk refused; the changes are tried again with the next ones.
    pub async fn wait(self) -> Result<(), ApiError> {
        Self::outcome(self.0.await.ok())
    }

    /// Waits until the changes are on disk, for threads of their own; never to be called in async code.
    ///
    /// # Errors
    /// As [`Saved::wait`].
    pub fn wait_blocking(self) -> Result<(), ApiError> {
        Self::outcome(self.0.blocking_recv().ok())
    }

    fn outcome(answer: Option<Result<(), String>>) -> Result<(), ApiError> {
        let outcome = answer.unwrap_or_else(|| Err("the cloud is shutting down".to_owned()));
        outcome.map_err(|reason| ApiError::internal(format!("The change could not be written to disk: {reason}")))
    }
}

/// In which order records are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first key on.
    Forward,
    /// From the last key back.
    Backward,
}

struct Request {
    batch: Batch,
    answer: oneshot::Sender<Result<(), String>>,
}

/// How the database is opened.
type Opening = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The database. After a failed write it takes nothing more, not even when there is space again, until it
/// is opened anew.
struct Storage {
    open: Opening,
    database: RwLock<Option<Database>>,
}

impl Storage {
    fn new(open: Opening) -> Result<Self, DatabaseError> {
        let database = RwLock::new(Some(open()?));
        Ok(Self { open, database })
    }

    fn reading(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, changes: &[Change]) -> Result<(), redb::Error> {
        self.reopen_if_closed()?;
        let outcome = self.reading().as_ref().map_or(Ok(()), |database| write(database, changes));
        if outcome.is_err() {
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
            // Else nothing could be read until the next write; if this fails too, that one tries again.
            let _ = self.reopen_if_closed();
        }
        outcome
    }

    fn reopen_if_closed(&self) -> Result<(), DatabaseError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some((self.open)()?);
        }
        Ok(())
    }
}

/// A database that is half made when its process dies cannot be opened any more, so it gets its name when it is whole.
fn open(file: &Path) -> Result<Database, DatabaseError> {
    if !file.exists() {
        let new = file.with_extension("new");
        // What a process left that died here, if one did.
        let _ = std::fs::remove_file(&new);
        drop(Database::create(&new)?);
        let whole = tempfile::TempPath::try_from_path(new).map_err(redb::StorageError::from)?;
        match whole.persist_noclobber(file) {
            // Another process was faster.
            Err(_) if file.exists() => {}
            outcome => outcome.map_err(|refused| redb::StorageError::from(refused.error))?,
        }
    }
    Database::create(file)
}

/// A key, and what stands behind it from now on.
type Change = (String, Option<Vec<u8>>);

/// How much may wait for a disk that refuses. What comes on top of it is not kept.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The cloud's database.
pub struct Disk {
    file: PathBuf,
    storage: Arc<Storage>,
    requests: Mutex<Option<Sender<Request>>>,
    is_in_memory: bool,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Disk {
    /// Opens the database in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be written, or another process has the database open.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        let file = folder.join(FILE);
        let refused = |reason: String| DiskError::Storage { file: file.clone(), reason };
        make_private(folder).map_err(|error| refused(error.to_string()))?;
        let path = file.clone();
        Self::with(file.clone(), Box::new(move || open(&path)))
    }

    fn with(file: PathBuf, open: Opening) -> Result<Self, DiskError> {
        let refused = |reason: String| DiskError::Storage { file: file.clone(), reason };
        let storage = Arc::new(Storage::new(open).map_err(|error| refused(error.to_string()))?);
        let (sender, receiver) = channel();
        let of_writer = Arc::clone(&storage);
        let writer = std::thread::Builder::new().name("cloud-disk".into()).spawn(move || write_all(&of_writer, &receiver));
        let writer = writer.map_err(|error| refused(error.to_string()))?;
        Ok(Self { file, storage, requests: Mutex::new(Some(sender)), is_in_memory: false, writer: Mutex::new(Some(writer)) })
    }

    /// A database that nothing is left of. What is handed over to it is written at once, by nobody else.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, DiskError> {
        let file = PathBuf::from("memory");
        let open: Opening = Box::new(|| Database::builder().create_with_backend(InMemoryBackend::new()));
        let storage = Storage::new(open).map_err(|error| DiskError::Storage { file: file.clone(), reason: error.to_string() })?;
        Ok(Self { file, storage: Arc::new(storage), requests: Mutex::new(None), is_in_memory: true, writer: Mutex::new(None) })
    }

    /// Hands over changes. Those handed over first reach the disk first, so an empty batch is saved once
    /// everything before it is; it costs no fsync of its own.
    pub fn commit(&self, batch: Batch) -> Saved {
        let (answer, saved) = oneshot::channel();
        if self.is_in_memory {
            let _ = answer.send(self.storage.write(&batch.0).map_err(|error| error.to_string()));
            return Saved(saved);
        }
        if let Some(requests) = self.requests.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = requests.send(Request { batch, answer });
        }
        Saved(saved)
    }

    /// All records of a table, by key.
    ///
    /// # Errors
    /// When the file or a record cannot be read.
    pub fn load<T: DeserializeOwned>(&self, table: &str) -> Result<Vec<(String, T)>, DiskError> {
        let records = self.scan(table, "", "\u{10ffff}", usize::MAX)?;
        records
            .into_iter()
            .map(|(key, bytes)| match serde_json::from_slice(&bytes) {
                Ok(record) => Ok((key, record)),
                Err(error) => Err(DiskError::Record { key: format!("{table} {key}"), reason: error.to_string() }),
            })
            .collect()
    }

    /// The first `limit` records of a table with keys from `from` up to, but not including, `to`, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scan(&self, table: &str, from: &str, to: &str, limit: usize) -> Result<Vec<(String, Vec<u8>)>, DiskError> {
        let mut records = Vec::new();
        if limit == 0 {
            return Ok(records);
        }
        self.walk(table, from, to, Direction::Forward, |key, value| {
            records.push((key.to_owned(), value.to_vec()));
            if records.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(records)
    }

    /// Shows the records of a table with keys from `from` up to, but not including, `to`, one after the
    /// other without holding more than one of them, until the visitor breaks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn walk(
        &self,
        table: &str,
        from: &str,
        to: &str,
        direction: Direction,
        mut visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), DiskError> {
        if from >= to {
            return Ok(());
        }
        let database = self.storage.reading();
        let Some(database) = database.as_ref() else { return Err(self.refused("it could not be opened again after an error")) };
        let transaction = database.begin_read().map_err(|error| self.refused(error))?;
        let records = match transaction.open_table(RECORDS) {
            Ok(records) => records,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(self.refused(error)),
        };
        let (from, to) = (full_key(table, from), full_key(table, to));
        let prefix_bytes = table.len() + SEPARATOR.len_utf8();
        let mut range = records.range(from.as_str()..to.as_str()).map_err(|error| self.refused(error))?;
        while let Some(record) = if direction == Direction::Forward { range.next() } else { range.next_back() } {
            let (key, value) = record.map_err(|error| self.refused(error))?;
            if visit(&key.value()[prefix_bytes..], value.value()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Writes what was handed over, and lets go of the file. Nothing is read or written any more.
    pub fn close(&self) {
        drop(self.requests.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
        *self.storage.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the system or the database said, as an error of this disk.
    pub fn refused(&self, reason: impl std::fmt::Display) -> DiskError {
        DiskError::Storage { file: self.file.clone(), reason: reason.to_string() }
    }
}

impl Drop for Disk {
    /// What was handed over and is not acknowledged yet still reaches the disk.
    fn drop(&mut self) {
        self.close();
    }
}

fn full_key(table: &str, key: &str) -> String {
    format!("{table}{SEPARATOR}{key}")
}

/// Makes a folder that only its owner can look into: the database holds the functions' variables.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The writer's life. What could not be written stays first in line for the next attempt, since memory
/// has it already and a later success must not skip it.
fn write_all(storage: &Storage, requests: &Receiver<Request>) {
    let mut waiting: Vec<Change> = Vec::new();
    let mut waiting_bytes = 0;
    while let Ok(first) = requests.recv() {
        let mut answers = Vec::new();
        for request in std::iter::once(first).chain(requests.try_iter()) {
            if waiting_bytes <= WAITING_BYTES {
                waiting_bytes += request.batch.size_bytes();
                waiting.extend(request.batch.0);
            }
            answers.push(request.answer);
        }
        let outcome = if waiting.is_empty() { Ok(()) } else { storage.write(&waiting).map_err(|error| error.to_string()) };
        if outcome.is_ok() {
            waiting.clear();
            waiting_bytes = 0;
        }
        for answer in answers {
            let _ = answer.send(outcome.clone());
        }
    }
}

fn write(database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for (key, record) in changes {
            match record {
                Some(bytes) => drop(records.insert(key.as_str(), bytes.as_slice())?),
                None => drop(records.remove(key.as_str())?),
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn what_was_acknowledged_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.commit(Batch::new().put("role", "a", &1).put("role", "b", &2).put("rule", "a", &3)).wait().await.unwrap();
        disk.commit(Batch::new().delete("role", "b").put("role", "c", &4)).wait().await.unwrap();
        drop(disk);
        let disk = Disk::open(folder.path()).unwrap();
        assert_eq!(disk.load::<u32>("role").unwrap(), [("a".to_owned(), 1), ("c".to_owned(), 4)]);
        assert_eq!(disk.load::<u32>("rule").unwrap(), [("a".to_owned(), 3)]);
        assert_eq!(disk.load::<u32>("ro").unwrap(), []);
    }

    #[tokio::test]
    async fn a_scan_ends_before_its_end_and_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let batch = ["a", "b", "c", "d"].iter().fold(Batch::new(), |batch, key| batch.put("t", key, key));
        disk.commit(batch).wait().await.unwrap();
        let keys = |from, to, limit| disk.scan("t", from, to, limit).unwrap().into_iter().map(|(key, _)| key).collect::<String>();
        assert_eq!(keys("b", "d", 9), "bc");
        assert_eq!(keys("a", "z", 3), "abc");
    }

    #[tokio::test]
    async fn a_walk_goes_both_ways_and_stops_where_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let batch = ["a", "b", "c", "d"].iter().fold(Batch::new(), |batch, key| batch.put("t", key, key));
        drop(disk.commit(batch));
        disk.commit(Batch::new()).wait().await.unwrap();
        let seen = |from, to, direction, until: &str| {
            let mut keys = String::new();
            let visit = |key: &str, _: &[u8]| {
                keys.push_str(key);
                if key == until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            disk.walk("t", from, to, direction, visit).unwrap();
            keys
        };
        assert_eq!(seen("a", "d", Direction::Forward, "b"), "ab");
        assert_eq!(seen("a", "z", Direction::Backward, "b"), "dcb");
        assert_eq!(seen("c", "b", Direction::Forward, ""), "");
    }

    /// A file on a disk that can be full.
    #[derive(Debug)]
    struct Full(redb::backends::FileBackend, Arc<AtomicBool>);

    impl redb::StorageBackend for Full {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            if self.1.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { self.0.write(offset, data) }
        }
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_goes_on_once_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let (path, is_full) = (folder.path().join(FILE), Arc::new(AtomicBool::new(false)));
        let (of_opening, of_backend) = (path.clone(), Arc::clone(&is_full));
        let open = move || {
            let file = fs::File::options().read(true).write(true).create(true).truncate(false).open(&of_opening)?;
            Database::builder().create_with_backend(Full(redb::backends::FileBackend::new(file)?, Arc::clone(&of_backend)))
        };
        let disk = Disk::with(path, Box::new(open)).unwrap();
        disk.commit(Batch::new().put("t", "a", &1)).wait().await.unwrap();
        is_full.store(true, Ordering::SeqCst);
        for attempt in 2..5 {
            let refused = disk.commit(Batch::new().put("t", "b", &attempt)).wait().await.unwrap_err();
            assert_eq!(refused.code, "InternalFailure", "{refused:?}");
        }
        is_full.store(false, Ordering::SeqCst);
        disk.commit(Batch::new().put("t", "c", &9)).wait().await.unwrap();
        assert_eq!(disk.load::<u32>("t").unwrap(), [("a".to_owned(), 1), ("b".to_owned(), 4), ("c".to_owned(), 9)]);
    }

    #[test]
    fn what_a_process_left_half_made_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cloud.new"), [0; 4096]).unwrap();
        drop(Disk::open(folder.path()).unwrap());
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE]);
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Disk::open(folder.path()).unwrap();
        assert!(Disk::open(folder.path()).is_err());
    }
}

//! What files held when they were last read, so that what did not move since need not be read again.

use super::hash::hex;
use super::manifest::Manifests;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The first line of the file; another one means another format, and costs one reading of everything.
const FORMAT: &str = "lambdo index 1";
const FILE: &str = "index";

/// Clocks of file systems move in steps of up to this; two changes within one step look alike.
const STEP_NS: i64 = 20_000_000;
/// The same for file systems that keep no parts of a millisecond: some keep only every other second.
const COARSE_STEP_NS: i64 = 2_000_000_000;

/// The hashes of files by path. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Index {
    cache: Option<PathBuf>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<PathBuf, Seen>,
    is_changed: bool,
    /// How many files were opened.
    reads: usize,
}

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    stamp: Stamp,
    read_at_ns: i64,
    sha256: [u8; 32],
}

/// What moves when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified_ns: i64,
    /// The system's own note of any change, which no program can set back.
    changed_ns: i64,
    inode: u64,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its length.
    pub bytes: u64,
    /// Its content's SHA-256.
    pub sha256: [u8; 32],
}

impl Index {
    /// What earlier runs kept in the folder `cache`; a damaged index only costs reading.
    pub fn load(cache: &Path) -> Self {
        let files = fs::read_to_string(cache.join(FILE)).ok().and_then(|text| parse(&text)).unwrap_or_default();
        Self { cache: Some(cache.to_owned()), known: Arc::new(Mutex::new(Known { files, ..Known::default() })) }
    }

    /// What `path` holds, read only where the file moved since it was read last.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn held(&self, path: &Path) -> io::Result<Held> {
        let key = std::path::absolute(path)?;
        let metadata = fs::metadata(path)?;
        let stamp = Stamp::of(&metadata);
        if let Some(seen) = self.known().files.get(&key).filter(|seen| seen.stamp == stamp && seen.is_settled()) {
            return Ok(Held { bytes: stamp.bytes, sha256: seen.sha256 });
        }
        let mut file = File::open(path)?;
        let before = Stamp::of(&file.metadata()?);
        let (held, read_at_ns) = (Held::read(&mut file)?, now_ns());
        let mut known = self.known();
        known.reads += 1;
        known.is_changed = true;
        // Who writes to it while it is read leaves a file that nobody has seen as a whole.
        if before == Stamp::of(&file.metadata()?) && before.bytes == held.bytes {
            known.files.insert(key, Seen { stamp: before, read_at_ns, sha256: held.sha256 });
        } else {
            known.files.remove(&key);
        }
        Ok(held)
    }

    /// Keeps what is known for the next run. What cannot be kept is read again, and nothing else.
    pub fn save(&self) {
        let mut known = self.known();
        let Some(cache) = self.cache.as_ref().filter(|_| known.is_changed) else { return };
        known.is_changed = false;
        known.files.retain(|path, _| path.symlink_metadata().is_ok());
        let _ = write(&cache.join(FILE), &known.files);
    }

    /// What is kept of packages and zips beside it.
    pub(super) fn manifests(&self) -> Option<Manifests> {
        self.cache.as_deref().map(Manifests::new)
    }

    /// How many files were opened.
    #[cfg(test)]
    pub(super) fn reads(&self) -> usize {
        self.known().reads
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Reads to the end.
    fn read(from: &mut impl Read) -> io::Result<Self> {
        let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) => return Ok(Self { bytes, sha256: hasher.finalize().into() }),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..length]);
            bytes += length as u64;
        }
    }
}

impl Seen {
    /// Whether a later change shows in the stamp: one right after the reading may not, as with Git's index.
    /// <https://git-scm.com/docs/racy-git>
    fn is_settled(&self) -> bool {
        let moved_ns = self.stamp.modified_ns.max(self.stamp.changed_ns);
        let step_ns = if moved_ns % 1_000_000 == 0 { COARSE_STEP_NS } else { STEP_NS };
        self.read_at_ns.saturating_sub(moved_ns) >= step_ns
    }

    fn line(&self) -> String {
        let Stamp { bytes, modified_ns, changed_ns, inode } = self.stamp;
        format!("{} {} {bytes} {modified_ns} {changed_ns} {inode}", hex(&self.sha256), self.read_at_ns)
    }

    fn parse(line: &str) -> Option<(PathBuf, Self)> {
        let mut words = line.splitn(7, ' ');
        let sha256 = unhex(words.next()?)?;
        let read_at_ns = words.next()?.parse().ok()?;
        let bytes = words.next()?.parse().ok()?;
        let modified_ns = words.next()?.parse().ok()?;
        let changed_ns = words.next()?.parse().ok()?;
        let inode = words.next()?.parse().ok()?;
        let stamp = Stamp { bytes, modified_ns, changed_ns, inode };
        Some((PathBuf::from(words.next()?), Self { stamp, read_at_ns, sha256 }))
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            bytes: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(i64::MAX, since_epoch_ns);
        Self { bytes: metadata.len(), modified_ns, changed_ns: 0, inode: 0 }
    }
}

fn now_ns() -> i64 {
    since_epoch_ns(SystemTime::now())
}

fn since_epoch_ns(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The bytes of lower-case hex digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn parse(text: &str) -> Option<BTreeMap<PathBuf, Seen>> {
    let mut lines = text.lines();
    (lines.next()? == FORMAT).then(|| lines.map_while(Seen::parse).collect())
}

/// In one step, so that a run beside this one reads the old index or the new one.
fn write(place: &Path, files: &BTreeMap<PathBuf, Seen>) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut to = io::BufWriter::new(&mut temporary);
    writeln!(to, "{FORMAT}")?;
    for (path, seen) in files {
        // A path with a line end, or of bytes that are no text, is read anew each time.
        if let Some(path) = path.to_str().filter(|path| !path.contains(['\n', '\r'])) {
            writeln!(to, "{} {path}", seen.line())?;
        }
    }
    to.flush()?;
    drop(to);
    temporary.persist(place).map(|_| ()).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn settle(path: &Path) {
        let long_ago = SystemTime::now() - Duration::from_secs(100);
        File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }

    /// An index that knows `path` as it would some time after it was written.
    fn settled(cache: &Path, path: &Path) -> Index {
        let index = Index::load(cache);
        index.held(path).unwrap();
        index.known().files.values_mut().for_each(|seen| seen.read_at_ns += 10_000_000_000);
        index.save();
        Index::load(cache)
    }

    #[test]
    fn what_did_not_move_is_not_read_again_and_what_moved_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("with a space ü");
        fs::write(&path, "one").unwrap();
        let index = settled(folder.path(), &path);
        let first = index.held(&path).unwrap();
        assert_eq!((first.bytes, index.reads()), (3, 0));
        fs::write(&path, "two").unwrap();
        assert_ne!(index.held(&path).unwrap(), first);
        assert_eq!(index.reads(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_time_that_was_set_back_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        settle(&path);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let index = settled(folder.path(), &path);
        let first = index.held(&path).unwrap();
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_ne!(index.held(&path).unwrap().sha256, first.sha256);
    }

    #[test]
    fn what_was_written_just_before_it_was_read_is_read_once_more() {
        let seen = |moved_ns, read_at_ns| {
            let stamp = Stamp { bytes: 1, modified_ns: moved_ns, changed_ns: 0, inode: 1 };
            Seen { stamp, read_at_ns, sha256: [0; 32] }.is_settled()
        };
        assert!(!seen(1_000_000_001, 1_010_000_001) && seen(1_000_000_001, 1_030_000_001));
        assert!(!seen(1_000_000_000, 2_000_000_000) && seen(1_000_000_000, 3_000_000_000), "whole seconds");
        assert!(!seen(9_000_000_001, 1_000_000_000), "a clock that is ahead");
    }

    #[test]
    fn a_damaged_index_costs_reading_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        for damage in ["", "lambdo index 0\n", "lambdo index 1\nnonsense\n", "\0"] {
            fs::write(folder.path().join(FILE), damage).unwrap();
            let index = Index::load(folder.path());
            assert_eq!((index.held(&path).unwrap().bytes, index.reads()), (3, 1), "{damage:?}");
        }
    }

    #[test]
    fn files_that_are_gone_leave_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, kept) = (folder.path().join("gone"), folder.path().join("kept"));
        fs::write(&gone, "").unwrap();
        fs::write(&kept, "").unwrap();
        let index = Index::load(folder.path());
        index.held(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        index.held(&kept).unwrap();
        index.save();
        let known: Vec<PathBuf> = Index::load(folder.path()).known().files.keys().cloned().collect();
        assert_eq!(known, [kept]);
    }
}

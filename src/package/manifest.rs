//! What packages held and what they were made from, by content hash: kept so that a later run can say what
//! differs from what was applied, however many builds came between.

use super::cache;
use super::fingerprint::Sources;
use super::hash::{Item, hex};
use super::index::unhex;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// All manifests together may have so many bytes; beyond, those that were used least recently go.
const KEPT_BYTES_MAX: u64 = 64 << 20;
/// How the first line of a listing begins; the length and the hash of the rest follow.
const FORMAT: &str = "lambdo files 1";
/// More than a first line ever has.
const HEAD_BYTES_MAX: u64 = 128;

/// The folder of the manifests.
#[derive(Clone, Debug)]
pub(super) struct Manifests {
    folder: PathBuf,
}

impl Manifests {
    /// Those in the folder `cache`.
    pub fn new(cache: &Path) -> Self {
        Self { folder: cache.join("manifests") }
    }

    /// Keeps which files the package or zip with this hash holds.
    pub fn keep(&self, hash: &str, items: &[Item]) {
        let path = self.files_path(hash);
        if is_whole(&path) {
            cache::used(&path);
        } else {
            self.write(&path, || listing(items));
        }
    }

    /// Whether a package or zip with this hash was made before.
    pub fn has(&self, hash: &str) -> bool {
        is_whole(&self.files_path(hash))
    }

    /// The files of the package or zip with this hash, sorted by name, where they were kept.
    pub fn items(&self, hash: &str) -> Option<Vec<Item>> {
        let path = self.files_path(hash);
        let items = unlisted(&fs::read_to_string(&path).ok()?);
        if items.is_none() {
            // It is made anew when the package comes by again.
            let _ = fs::remove_file(path);
        }
        items
    }

    /// Keeps what the build that `key` identifies made the package with this content hash from.
    pub fn keep_sources(&self, content_hash: &str, key: &str, sources: &Sources) {
        let path = self.sources_path(content_hash, key);
        if self.sources(content_hash, key).as_ref() == Some(sources) {
            cache::used(&path);
        } else {
            self.write(&path, || serde_json::to_string(sources).unwrap_or_default());
        }
    }

    /// What that build made this package from, where it was kept.
    pub fn sources(&self, content_hash: &str, key: &str) -> Option<Sources> {
        serde_json::from_slice(&fs::read(self.sources_path(content_hash, key)).ok()?).ok()
    }

    fn files_path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{}.files", hash.trim_start_matches("sha256:")))
    }

    fn sources_path(&self, content_hash: &str, key: &str) -> PathBuf {
        let key = hex(&Sha256::digest(key));
        let key = key.get(..16).unwrap_or_default();
        self.folder.join(format!("{}-{key}.json", content_hash.trim_start_matches("sha256:")))
    }

    /// What cannot be kept costs a sentence in a later plan, and nothing else.
    fn write(&self, path: &Path, text: impl FnOnce() -> String) {
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let temporary = tempfile::NamedTempFile::new_in(&self.folder)?;
            fs::write(temporary.path(), text())?;
            temporary.persist(path).map_err(|error| error.error)?;
            prune(&self.folder, KEPT_BYTES_MAX)
        };
        let _: io::Result<()> = write();
    }
}

/// Whether it is there in its whole length, as its first line says it.
fn is_whole(path: &Path) -> bool {
    let mut begin = String::new();
    let read = File::open(path).and_then(|file| {
        file.take(HEAD_BYTES_MAX).read_to_string(&mut begin)?;
        path.metadata()
    });
    let head = begin.split_once('\n').and_then(|(line, _)| Some((line.len() as u64 + 1, head(line)?)));
    read.is_ok_and(|metadata| head.is_some_and(|(own, (bytes, _))| own + bytes == metadata.len()))
}

/// The length of what follows the first line, and its hash.
fn head(line: &str) -> Option<(u64, [u8; 32])> {
    let (bytes, sha256) = line.strip_prefix(FORMAT)?.trim_start().split_once(' ')?;
    Some((bytes.parse().ok()?, unhex(sha256)?))
}

fn prune(folder: &Path, bytes_max: u64) -> io::Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        all.push((metadata.modified()?, metadata.len(), entry.path()));
    }
    all.sort();
    let mut bytes: u64 = all.iter().map(|(_, bytes, _)| bytes).sum();
    // The newest stays in any case: it is what the next plan compares with.
    all.pop();
    for (_, size, path) in all {
        if bytes <= bytes_max {
            break;
        }
        fs::remove_file(path)?;
        bytes -= size;
    }
    Ok(())
}

/// The files of a listing, unless a part of it is missing or another.
fn unlisted(text: &str) -> Option<Vec<Item>> {
    let (line, lines) = text.split_once('\n')?;
    let (_, sha256) = head(line)?;
    let is_sound = <[u8; 32]>::from(Sha256::digest(lines)) == sha256;
    lines.lines().filter(|_| is_sound).map(parse).collect::<Option<Vec<_>>>().filter(|_| is_sound)
}

fn listing(items: &[Item]) -> String {
    let lines = items.iter().fold(String::new(), |mut text, item| {
        // A name may have a line end in it. Writing to a string cannot fail.
        let name = serde_json::Value::from(item.name.as_str());
        let _ = writeln!(text, "{:o} {} {} {name}", item.mode, item.bytes, hex(&item.sha256));
        text
    });
    format!("{FORMAT} {} {}\n{lines}", lines.len(), hex(&Sha256::digest(&lines)))
}

fn parse(line: &str) -> Option<Item> {
    let mut words = line.splitn(4, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let bytes = words.next()?.parse().ok()?;
    let sha256 = unhex(words.next()?)?;
    Some(Item { name: serde_json::from_str(words.next()?).ok()?, mode, bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::Facts;
    use super::super::hash::content_hash;
    use super::*;
    use std::time::{Duration, SystemTime};

    fn item(name: &str) -> Item {
        Item { name: name.to_owned(), mode: 0o755, bytes: 3, sha256: [7; 32] }
    }

    #[test]
    fn files_are_kept_by_content_hash_whatever_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let manifests = Manifests::new(folder.path());
        let items = vec![item("a b/ü"), item("line\nend"), item("quote\"")];
        let hash = content_hash(&items);
        assert_eq!(manifests.items(&hash), None);
        manifests.keep(&hash, &items);
        assert_eq!(Manifests::new(folder.path()).items(&hash), Some(items));
    }

    #[test]
    fn a_damaged_one_is_no_empty_one_and_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let manifests = Manifests::new(folder.path());
        let items = vec![item("a"), item("b")];
        let (hash, sources) = (content_hash(&items), Sources::default());
        manifests.keep(&hash, &items);
        manifests.keep_sources(&hash, "one", &sources);
        let whole = listing(&items);
        let line = whole.lines().last().unwrap().to_owned() + "\n";
        for damaged in ["", "\0", &whole[..whole.len() - 1], whole.trim_end_matches(&line), &line, &whole.replace("755", "644")] {
            fs::write(manifests.files_path(&hash), damaged).unwrap();
            assert_eq!(manifests.items(&hash), None, "{damaged:?}");
            manifests.keep(&hash, &items);
            assert_eq!(manifests.items(&hash).as_ref(), Some(&items), "{damaged:?}");
        }
        fs::write(manifests.files_path(&hash), "").unwrap();
        manifests.keep(&hash, &items);
        assert_eq!(manifests.items(&hash), Some(items), "it need not be read first");
        fs::write(manifests.sources_path(&hash, "one"), "{").unwrap();
        manifests.keep_sources(&hash, "one", &sources);
        assert_eq!(manifests.sources(&hash, "one"), Some(sources));
    }

    #[test]
    fn sources_are_kept_for_each_build_that_makes_the_same_package() {
        let folder = tempfile::tempdir().unwrap();
        let manifests = Manifests::new(folder.path());
        let sources = |value: &str| {
            let facts = Facts::default().shown("go", value);
            Sources::read(&Default::default(), facts, &Default::default()).unwrap()
        };
        manifests.keep_sources("sha256:aa", "one", &sources("1"));
        manifests.keep_sources("sha256:aa", "two", &sources("2"));
        manifests.keep_sources("sha256:aa", "one", &sources("3"));
        assert_eq!(manifests.sources("sha256:aa", "one"), Some(sources("3")), "the last of equal results counts");
        assert_eq!(manifests.sources("sha256:aa", "two"), Some(sources("2")));
        assert_eq!(manifests.sources("sha256:bb", "one"), None);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [("old", 300), ("older", 400), ("new", 0)] {
            let path = folder.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let modified = SystemTime::now() - Duration::from_secs(age);
            File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        }
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        prune(folder.path(), 20).unwrap();
        assert_eq!(names(), ["new", "old"]);
        prune(folder.path(), 0).unwrap();
        assert_eq!(names(), ["new"]);
    }
}

//! The folder in which builds and packages are kept between runs: who is in it, and what goes once nobody needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Held while the folder is used, and by whoever tidies it alone.
const LOCK: &str = "lock";
/// Says when it was tidied last.
const TIDIED: &str = "tidied";
/// What a folder of things that can be made again is known by, to backups and to whoever looks for sources.
/// <https://bford.info/cachedir/>
const TAG: &str = "CACHEDIR.TAG";
const SIGNATURE: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# Packages and builds of lambdo; they are made again when they are gone.\n";

/// What has a life of its own: it is kept by another rule, or for as long as the folder.
const OTHERS: [&str; 8] = [LOCK, TIDIED, TAG, "index", "manifests", "checked", "blobs", "images"];
/// How names begin of what is only there while something is made.
const IN_THE_MAKING: [&str; 3] = [".new-", ".tmp", "image-"];
/// How they end.
const LISTS: &str = ".requirements";
/// Part of the names of folders with what an installer brought.
const INSTALLED: &str = "-installed-";
const BLOBS: &str = "blobs/sha256";
/// A blob that could not be fetched as a whole; the next run goes on with it.
const PART: &str = "part";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long what nobody uses is kept.
const KEPT: Duration = DAY.saturating_mul(30);

/// Somebody who uses the folder: what lies in it stays until this is dropped, or the process ends.
#[derive(Debug)]
pub(super) struct User(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

/// Enters the folder, and tidies it where nobody else is in it. Where no lock can be had, nothing is ever deleted.
pub(super) fn enter(cache: &Path) -> Option<User> {
    let open = || {
        fs::create_dir_all(cache)?;
        if !cache.join(TAG).is_file() {
            fs::write(cache.join(TAG), SIGNATURE)?;
        }
        File::options().create(true).write(true).truncate(false).open(cache.join(LOCK))
    };
    let file = open().ok()?;
    if file.try_lock().is_ok() {
        // What cannot be deleted is tried again by the next run.
        let _ = tidy(cache, SystemTime::now());
        file.unlock().ok()?;
    }
    file.lock_shared().ok()?;
    Some(User(file))
}

/// Notes that something is used, so that it stays; not more often than is needed for that.
pub(super) fn used(path: &Path) {
    let Ok(modified) = fs::metadata(path).and_then(|metadata| metadata.modified()) else { return };
    let now = SystemTime::now();
    if age(modified, now) > DAY {
        let _ = File::open(path).and_then(|file| file.set_modified(now));
    }
}

/// Deletes a folder so that nobody ever sees a part of it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let above = path.parent().unwrap_or(Path::new("."));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(metadata) if metadata.is_dir() => {
            let gone = tempfile::Builder::new().prefix(".new-").tempdir_in(above)?;
            fs::rename(path, gone.path().join("gone"))
        }
        _ => fs::remove_file(path),
    }
}

fn age(modified: SystemTime, now: SystemTime) -> Duration {
    // A time that is yet to come is no age.
    now.duration_since(modified).unwrap_or_default()
}

/// Nobody else is in the folder: whatever is in the making was left behind by a run that was killed.
fn tidy(cache: &Path, now: SystemTime) -> io::Result<()> {
    leftovers(cache)?;
    for entry in names(cache)?.iter().filter(|name| name.starts_with("go-") || name.starts_with("rust-")) {
        leftovers(&cache.join(entry))?;
    }
    let folders = ["manifests", BLOBS].map(|name| cache.join(name));
    folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| leftovers(folder))?;
    match fs::metadata(cache.join(TIDIED)).and_then(|metadata| metadata.modified()) {
        Ok(last) if age(last, now) < DAY => return Ok(()),
        Ok(_) => {
            builds(cache, now)?;
            blobs(cache, now)?;
            images(cache)?;
        }
        // An older lambdo did not note what it used.
        Err(_) => {}
    }
    fs::write(cache.join(TIDIED), "")
}

fn leftovers(folder: &Path) -> io::Result<()> {
    let is_left = |name: &&String| IN_THE_MAKING.iter().any(|begin| name.starts_with(begin)) || name.ends_with(LISTS);
    names(folder)?.iter().filter(is_left).try_for_each(|name| delete(&folder.join(name)))
}

/// What builds made, and what installers brought for them.
fn builds(cache: &Path, now: SystemTime) -> io::Result<()> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    for name in names(cache)?.into_iter().filter(|name| !OTHERS.contains(&name.as_str())) {
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        groups.entry(stem).or_default().push(name);
    }
    let mut needed = BTreeSet::new();
    let (installed, builds): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(stem, _)| stem.contains(INSTALLED));
    for (_, names) in builds {
        let paths = names.iter().map(|name| cache.join(name));
        if paths.clone().all(|path| is_older(&path, now, KEPT)) {
            paths.clone().try_for_each(|path| remove(&path))?;
        } else {
            needed.extend(paths.filter_map(|path| installed_for(&path)));
        }
    }
    let unneeded = installed.into_iter().flat_map(|(_, names)| names).filter(|name| !needed.contains(name));
    unneeded.map(|name| cache.join(name)).filter(|path| is_older(path, now, DAY)).try_for_each(|path| remove(&path))
}

/// The folder that a record names, in which lies what was installed for its package.
fn installed_for(record: &Path) -> Option<String> {
    let is_record = record.extension().is_some_and(|extension| extension == "json");
    let record: serde_json::Value = serde_json::from_slice(&fs::read(record).ok().filter(|_| is_record)?).ok()?;
    record.get("installed")?.as_str().map(str::to_owned)
}

fn blobs(cache: &Path, now: SystemTime) -> io::Result<()> {
    let folder = cache.join(BLOBS);
    let kept = |path: &Path| if path.extension().is_some_and(|extension| extension == PART) { DAY } else { KEPT };
    let all = names(&folder)?.into_iter().map(|name| folder.join(name));
    all.filter(|path| is_older(path, now, kept(path))).try_for_each(|path| delete(&path))
}

/// Records of images of which nothing is there any more.
fn images(cache: &Path) -> io::Result<()> {
    let is_there = |digest: &str| cache.join(BLOBS).join(digest.trim_start_matches("sha256:")).is_file();
    for folder in ["images", "images/layers", "images/bases"].map(|name| cache.join(name)) {
        for path in names(&folder)?.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file()) {
            let record = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
            let mut digests = Vec::new();
            collect_digests(&record, &mut digests);
            if !digests.iter().any(|digest| is_there(digest)) {
                delete(&path)?;
            }
        }
    }
    Ok(())
}

fn collect_digests(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.starts_with("sha256:") => found.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_digests(item, found)),
        serde_json::Value::Object(table) => table.values().for_each(|item| collect_digests(item, found)),
        _ => {}
    }
}

fn is_older(path: &Path, now: SystemTime, than: Duration) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| age(modified, now) > than)
}

/// Names that are text; lambdo makes no others.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => Ok(entries?.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()),
    }
}

fn delete(path: &Path) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(path)?.is_dir();
    if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cache(tempfile::TempDir);

    impl Cache {
        /// Files with their ages in days; each folder is as old as what was written into it last.
        fn new(files: &[(&str, &str, u32)]) -> Self {
            let cache = Self(tempfile::tempdir().unwrap());
            for (name, text, _) in files {
                let path = cache.0.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            for (name, _, days) in files {
                cache.grow(name, *days);
                cache.grow(name.split('/').next().unwrap(), *days);
            }
            cache
        }

        fn grow(&self, name: &str, days: u32) {
            let modified = SystemTime::now() - DAY * days - Duration::from_secs(60);
            File::open(self.0.path().join(name)).unwrap().set_modified(modified).unwrap();
        }

        fn has(&self, name: &str) -> bool {
            self.0.path().join(name).exists()
        }
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes_with_what_was_made_for_it() {
        let digest = "0".repeat(64);
        let (blob, record) = (format!("blobs/sha256/{digest}"), format!(r#"{{"blobs":[["sha256:{digest}",1]]}}"#));
        let stays = [
            ("index", "", 90),
            ("go-1/bootstrap", "", 29),
            ("python-1/app.py", "", 29),
            ("python-1.json", r#"{"installed":"python-installed-1"}"#, 90),
            ("python-installed-1/a.py", "", 90),
            ("python-installed-2/a.py", "", 0),
            ("command-1.json", "{}", 1),
            (&blob, "", 20),
            ("images/1.json", &record, 90),
            ("images/layers/1.json", &record, 90),
            ("blobs/sha256/2.part", "", 0),
            ("manifests/1.files", "", 90),
        ];
        let goes = [
            ("go-2/bootstrap", "", 31),
            ("python-2/app.py", "", 31),
            ("python-2.json", r#"{"installed":"python-installed-3"}"#, 31),
            ("python-installed-3/a.py", "", 31),
            ("node-installed-4/a.js", "", 2),
            ("node-1.inputs", "", 31),
            ("command-2.json", "{}", 31),
            ("blobs/sha256/3", "", 31),
            ("blobs/sha256/4.part", "", 2),
            ("images/2.json", r#"{"digest":"sha256:3"}"#, 1),
            (".new-abc/.npmrc", "token", 0),
            (".new-abc.requirements", "", 0),
            ("image-abc/image.tar", "", 0),
            ("go-1/.tmpabc", "", 0),
            ("blobs/sha256/.tmpabc", "", 0),
        ];
        let cache = Cache::new(&[&stays[..], &goes, &[(TIDIED, "", 1)]].concat());
        cache.grow("go-1", 29);
        let user = enter(cache.0.path()).unwrap();
        let there = |files: &[(&str, &str, u32)]| {
            files.iter().filter(|(name, ..)| cache.has(name)).map(|(name, ..)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((there(&stays).len(), there(&goes)), (stays.len(), Vec::new()), "{:?}", there(&stays));
        drop(user);
        cache.grow("go-1", 31);
        enter(cache.0.path());
        assert!(cache.has("go-1"), "it is looked through once a day");
    }

    #[test]
    fn nothing_goes_while_another_run_is_there_nor_what_an_older_lambdo_used() {
        let cache = Cache::new(&[("go-1/bootstrap", "", 90), (".new-abc/x", "", 0)]);
        let user = enter(cache.0.path()).unwrap();
        assert!(cache.has("go-1/bootstrap") && !cache.has(".new-abc"));
        fs::create_dir(cache.0.path().join(".new-def")).unwrap();
        cache.grow(TIDIED, 2);
        let beside = enter(cache.0.path()).unwrap();
        assert!(cache.has("go-1/bootstrap") && cache.has(".new-def"));
        drop((user, beside));
        used(&cache.0.path().join("go-1"));
        enter(cache.0.path());
        assert!(cache.has("go-1/bootstrap") && !cache.has(".new-def"));
        cache.grow("go-1", 90);
        cache.grow(TIDIED, 2);
        enter(cache.0.path());
        assert!(!cache.has("go-1"));
    }
}

//! What is known of packages and holds as long as they do: an empty file for each fact, forgotten when nobody asks.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What was not asked for as long as this is forgotten.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Facts of one sort, by names that are fit for files.
pub(super) struct Marks {
    folder: PathBuf,
}

impl Marks {
    /// What earlier runs left in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether it was marked. What is asked for stays.
    pub fn has(&self, name: &str) -> bool {
        let file = File::options().write(true).open(self.folder.join(name));
        file.and_then(|file| file.set_modified(SystemTime::now())).is_ok()
    }

    /// Marks it. What cannot be marked is found out again, and nothing else.
    pub fn set(&self, name: &str) {
        let _ = fs::create_dir_all(&self.folder).and_then(|()| File::create(self.folder.join(name)));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > KEPT)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_nobody_asks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::new(folder.path().join("marks"));
        assert!(!marks.has("a"));
        marks.set("a");
        assert!(marks.has("a") && !marks.has("b"));
        let age = |name: &str| {
            let file = File::options().write(true).open(marks.folder.join(name)).unwrap();
            file.set_modified(SystemTime::now() - KEPT * 2).unwrap();
        };
        age("a");
        assert!(marks.has("a"));
        marks.set("b");
        assert!(marks.has("a"), "it was asked for");
        age("a");
        marks.set("b");
        assert!(!marks.has("a") && marks.has("b"));
    }
}

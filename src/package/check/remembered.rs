//! Zips that nothing was found in, so that they need not be unpacked again: whatever is in them stands at their end.

use super::Subject;
use crate::package::hash::hex;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What was not asked for as long as this is forgotten.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The folder of what is remembered: an empty file for each.
pub(super) struct Remembered {
    folder: PathBuf,
    /// Whose rules found nothing: another lambdo may have others, also one of the same version.
    rules: String,
}

impl Remembered {
    /// What earlier runs left in the folder `cache`.
    pub fn new(cache: &Path) -> Self {
        Self { folder: cache.join("checked"), rules: program() }
    }

    /// Whether nothing was found in this package when it was looked at for this subject. What is asked for stays.
    pub fn is_clean(&self, content_hash: &str, subject: &Subject<'_>) -> bool {
        let file = File::options().write(true).open(self.path(content_hash, subject));
        file.and_then(|file| file.set_modified(SystemTime::now())).is_ok()
    }

    /// Remembers that nothing was found. What cannot be remembered is looked at again, and nothing else.
    pub fn keep(&self, content_hash: &str, subject: &Subject<'_>) {
        let _ = fs::create_dir_all(&self.folder).and_then(|()| File::create(self.path(content_hash, subject)));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > KEPT)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, content_hash: &str, subject: &Subject<'_>) -> PathBuf {
        let key = format!("{} {content_hash} {subject:?}", self.rules);
        self.folder.join(hex(&Sha256::digest(key)))
    }
}

/// What tells this program from every other.
fn program() -> String {
    let metadata = std::env::current_exe().and_then(fs::metadata);
    let written = metadata.and_then(|metadata| Ok((metadata.len(), metadata.modified()?)));
    format!("{} {:?}", env!("CARGO_PKG_VERSION"), written.ok())
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[test]
    fn what_is_remembered_holds_for_one_package_and_one_subject_until_it_is_old() {
        let cache = tempfile::tempdir().unwrap();
        let remembered = Remembered::new(cache.path());
        let subject = Subject {
            runtime: "python3.13",
            handler: "app.handler",
            architecture: "arm64",
            has_layers: false,
            is_layer: false,
            place: Place::Lambda,
        };
        assert!(!remembered.is_clean("sha256:a", &subject));
        remembered.keep("sha256:a", &subject);
        assert!(remembered.is_clean("sha256:a", &subject) && !remembered.is_clean("sha256:b", &subject));
        assert!(!remembered.is_clean("sha256:a", &Subject { architecture: "x86_64", ..subject }));
        let other = Remembered { rules: "another".to_owned(), ..Remembered::new(cache.path()) };
        assert!(!other.is_clean("sha256:a", &subject), "another lambdo looks itself");
        let old = File::options().write(true).open(remembered.path("sha256:a", &subject)).unwrap();
        old.set_modified(SystemTime::now() - KEPT * 2).unwrap();
        remembered.keep("sha256:b", &subject);
        assert!(!remembered.is_clean("sha256:a", &subject) && remembered.is_clean("sha256:b", &subject));
    }
}

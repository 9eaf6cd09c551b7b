//! Zips that nothing was found in, so that they need not be unpacked again: whatever is in them stands at their end.

use super::Subject;
use crate::package::hash::hex;
use crate::package::marks::Marks;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

/// What was looked at and is fine.
pub(super) struct Remembered {
    marks: Marks,
    /// What tells this lambdo from others, which may have other rules.
    rules: String,
}

impl Remembered {
    /// The package as a whole.
    pub const PACKAGE: &str = "package";
    /// What an interpreter says of the handler's file.
    pub const SYNTAX: &str = "syntax";

    /// What earlier runs left in the folder `cache`.
    pub fn new(cache: &Path) -> Self {
        Self { marks: Marks::new(cache.join("checked")), rules: this_program() }
    }

    /// Whether nothing was found in this package when it was looked at for this subject.
    pub fn is_clean(&self, content_hash: &str, subject: &Subject<'_>, what: &str) -> bool {
        self.marks.has(&self.name(content_hash, subject, what))
    }

    /// Remembers that nothing was found.
    pub fn keep(&self, content_hash: &str, subject: &Subject<'_>, what: &str) {
        self.marks.set(&self.name(content_hash, subject, what));
    }

    fn name(&self, content_hash: &str, subject: &Subject<'_>, what: &str) -> String {
        hex(&Sha256::digest(format!("{} {content_hash} {subject:?} {what}", self.rules)))
    }
}

/// Its version, and its size and time, since not every build of it has a version of its own.
fn this_program() -> String {
    let metadata = std::env::current_exe().and_then(fs::metadata).ok();
    let stamp = metadata.map(|metadata| (metadata.len(), metadata.modified().ok()));
    format!("{} {stamp:?}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[test]
    fn what_is_remembered_holds_for_one_package_one_subject_and_one_program() {
        let cache = tempfile::tempdir().unwrap();
        let remembered = Remembered::new(cache.path());
        let subject = Subject {
            runtime: "python3.13",
            handler: "app.handler",
            architecture: "arm64",
            has_more: false,
            has_options: false,
            is_layer: false,
            place: Place::Lambda,
        };
        assert!(!remembered.is_clean("sha256:a", &subject, Remembered::PACKAGE));
        remembered.keep("sha256:a", &subject, Remembered::PACKAGE);
        assert!(
            remembered.is_clean("sha256:a", &subject, Remembered::PACKAGE)
                && !remembered.is_clean("sha256:b", &subject, Remembered::PACKAGE)
        );
        assert!(!remembered.is_clean("sha256:a", &Subject { architecture: "x86_64", ..subject }, Remembered::PACKAGE));
        assert!(!remembered.is_clean("sha256:a", &subject, Remembered::SYNTAX));
        let rebuilt = Remembered { rules: "others".into(), ..Remembered::new(cache.path()) };
        assert!(!rebuilt.is_clean("sha256:a", &subject, Remembered::PACKAGE));
    }
}

//! What git should not keep: packages, records of runs, and the state of the local cloud. The real state may well be kept.

use crate::cli::render::file_name;
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const FILE: &str = ".gitignore";
/// What lies below the spec's folder, as it is written.
const IGNORED: [&str; 4] = ["/state/local/", "/state/build/", "/state/runs/", "/state/*.lock"];
/// Patterns that cover all of it.
const ALL: [&str; 6] = ["/state/", "/state", "state/", "state", "/state/*", "state/*"];

/// Lines for the end of a `.gitignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The file, which need not be there.
    pub path: PathBuf,
    /// What is added, line by line.
    pub lines: Vec<&'static str>,
    /// What must stand before it.
    start: &'static str,
}

/// The lines that a folder's `.gitignore` lacks; `None` when it lacks none, or cannot be read.
pub fn addition(folder: &Path) -> Option<Addition> {
    let path = folder.join(FILE);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(_) => return None,
    };
    let lines = missing(&before);
    let start = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    (!lines.is_empty()).then_some(Addition { path, lines, start })
}

fn missing(before: &str) -> Vec<&'static str> {
    let has = |pattern: &str| before.lines().any(|line| line.trim() == pattern);
    let is_ignored = |folder: &str| {
        let bare = folder.trim_matches('/');
        [bare.to_owned(), format!("/{bare}"), format!("{bare}/"), folder.to_owned()].iter().any(|pattern| has(pattern))
    };
    if ALL.iter().any(|pattern| has(pattern)) {
        return Vec::new();
    }
    IGNORED.into_iter().filter(|folder| !is_ignored(folder)).collect()
}

impl Addition {
    /// Writes the lines behind what is there.
    ///
    /// # Errors
    /// [`Exit::Failed`].
    pub fn write(&self) -> Result<(), Failure> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let made = folder.map_or(Ok(()), std::fs::create_dir_all);
        let opened = made.and_then(|()| OpenOptions::new().create(true).append(true).open(&self.path));
        let text = format!("{}{}\n", self.start, self.lines.join("\n"));
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
            let detail = format!("`{}` cannot be written: {error}.", file_name(&self.path));
            Failure::new(Exit::Failed, Diagnostic::error("not-written", "A file cannot be written").detail(detail))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added_and_nothing_is_lost() {
        for (before, added) in [
            ("", &["/state/local/", "/state/build/", "/state/runs/", "/state/*.lock"][..]),
            ("target", &["/state/local/", "/state/build/", "/state/runs/", "/state/*.lock"]),
            ("target\n/state/local\n", &["/state/build/", "/state/runs/", "/state/*.lock"]),
            ("state/local/\nstate/build\n/state/*.lock", &["/state/runs/"]),
            ("/state/\n", &[]),
        ] {
            assert_eq!(missing(before), added, "{before:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "target").unwrap();
        addition(folder.path()).unwrap().write().unwrap();
        assert_eq!(
            std::fs::read_to_string(folder.path().join(FILE)).unwrap(),
            "target\n/state/local/\n/state/build/\n/state/runs/\n/state/*.lock\n"
        );
        assert_eq!(addition(folder.path()), None);
    }
}

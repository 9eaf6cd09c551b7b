//! What git should not keep: packages, and the state of the local cloud. The real state may well be kept.

use crate::cli::render::file_name;
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const FILE: &str = ".gitignore";
/// Folders below the spec's, as they are written.
const IGNORED: [&str; 2] = ["/state/local/", "/state/build/"];
/// Patterns that cover both.
const ALL: [&str; 6] = ["/state/", "/state", "state/", "state", "/state/*", "state/*"];

/// Lines for the end of a `.gitignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The file, which need not be there.
    pub path: PathBuf,
    text: String,
}

/// The lines that a folder's `.gitignore` lacks; `None` when it lacks none, or cannot be read.
pub fn addition(folder: &Path) -> Option<Addition> {
    let path = folder.join(FILE);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(_) => return None,
    };
    missing(&before).map(|text| Addition { path, text })
}

fn missing(before: &str) -> Option<String> {
    let has = |pattern: &str| before.lines().any(|line| line.trim() == pattern);
    let is_ignored = |folder: &str| {
        let bare = folder.trim_matches('/');
        [bare.to_owned(), format!("/{bare}"), format!("{bare}/"), folder.to_owned()].iter().any(|pattern| has(pattern))
    };
    if ALL.iter().any(|pattern| has(pattern)) {
        return None;
    }
    let lines: Vec<&str> = IGNORED.into_iter().filter(|folder| !is_ignored(folder)).collect();
    let start = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    (!lines.is_empty()).then(|| format!("{start}{}\n", lines.join("\n")))
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
        opened.and_then(|mut file| file.write_all(self.text.as_bytes())).map_err(|error| {
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
            ("", Some("/state/local/\n/state/build/\n")),
            ("target", Some("\n/state/local/\n/state/build/\n")),
            ("target\n/state/local\n", Some("/state/build/\n")),
            ("state/local/\nstate/build\n", None),
            ("/state/\n", None),
        ] {
            assert_eq!(missing(before).as_deref(), added, "{before:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "target").unwrap();
        addition(folder.path()).unwrap().write().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), "target\n/state/local/\n/state/build/\n");
        assert_eq!(addition(folder.path()), None);
    }
}

//! What cargo made a program from, so that a plan can say what changed. Whether to build is cargo's to say.

use super::Made;
use crate::diagnostic::Diagnostic;
use crate::package::builder::Job;
use crate::package::fingerprint::{Facts, Sources};
use crate::package::problem::blocking;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Adds to a program what it was made from, where cargo wrote that down beside it.
pub(super) async fn with(made: Made, job: &Job<'_>, root: &Path, arguments: &[String]) -> Result<Made, Diagnostic> {
    let facts = Facts::default().shown("architecture", job.architecture).hidden("build options", &arguments.join("\0"));
    let (folder, root, index) = (job.folder.to_owned(), root.to_owned(), job.index.clone());
    blocking(move || {
        // <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
        let Ok(text) = std::fs::read_to_string(made.program.with_extension("d")) else { return Ok(made) };
        let files = inputs(&text).into_iter().chain([root.join("Cargo.lock")]).filter(|path| path.is_file());
        let files = files.map(|path| (name(&path, &folder), path)).collect::<BTreeMap<String, PathBuf>>();
        // A file that is gone meanwhile only leaves the reason untold.
        Ok(Made { sources: Sources::read(&index, facts, &files).ok(), ..made })
    })
    .await
}

/// The files after the first colon, as in a makefile: spaces in names have a backslash before them.
fn inputs(text: &str) -> Vec<PathBuf> {
    let line = text.lines().next().unwrap_or_default();
    let Some((_, files)) = line.split_once(": ") else { return Vec::new() };
    let files = files.replace("\\ ", "\0");
    files.split(' ').filter(|file| !file.is_empty()).map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

/// As a person calls it: from the spec's folder on, where it lies there.
fn name(path: &Path, folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or(folder);
    path.strip_prefix(&folder).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_after_the_colon_and_may_have_spaces() {
        let text = "/t/release/hash: /p/src/a\\ b.rs /p/src/main.rs\n\n/p/src/main.rs:\n";
        assert_eq!(inputs(text), [PathBuf::from("/p/src/a b.rs"), PathBuf::from("/p/src/main.rs")]);
        assert!(inputs("nonsense").is_empty() && inputs("").is_empty());
    }
}

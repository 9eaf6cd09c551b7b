//! The files of a folder that somebody wrote: without what git ignores and without what tools made.

use ignore::{DirEntry, WalkBuilder};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders that hold nothing that a person wrote, or nothing that is meant for Lambda.
const SKIPPED: [&str; 9] = ["target", "node_modules", "venv", "vendor", "site-packages", "__pycache__", "cdk.out", "tests", "testdata"];
/// How deep functions are looked for, in folders.
pub const DEPTH: usize = 8;
/// How many files are looked at: enough for a project, not for a home directory.
const MOST_FILES: usize = 50_000;
/// How much of a file is read, in bytes.
const MOST_BYTES: u64 = 1_048_576;

/// The files of a folder.
pub struct Folder {
    root: PathBuf,
    /// Paths relative to the root, with slashes.
    pub files: BTreeSet<String>,
    /// Whether there were more files than are looked at.
    pub is_cut: bool,
}

impl Folder {
    /// Lists the files; what cannot be read is not there.
    pub fn read(root: &Path) -> Self {
        let walk = WalkBuilder::new(root)
            .require_git(false)
            .max_depth(Some(DEPTH))
            .same_file_system(true)
            .filter_entry(|entry| entry.depth() == 0 || !is_skipped(entry))
            .sort_by_file_name(Ord::cmp)
            .build();
        let entries = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
        let mut entries = entries.filter_map(|entry| relative(entry.path(), root));
        let files: BTreeSet<String> = entries.by_ref().take(MOST_FILES).collect();
        Self { root: root.to_owned(), files, is_cut: entries.next().is_some() }
    }

    /// The beginning of a file; empty if it cannot be read.
    pub fn bytes(&self, file: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(self.root.join(file));
        // What cannot be read tells nothing, so it is taken for empty.
        let _ = opened.and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        bytes
    }

    /// The beginning of a file as text.
    pub fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(&self.bytes(file)).into_owned()
    }

    /// The files with this name, wherever they lie.
    pub fn called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.iter().map(String::as_str).filter(move |file| split(file).1 == name)
    }

    /// The files with one of these extensions.
    pub fn ending<'a>(&'a self, extensions: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        let is_such = move |file: &&str| split(file).1.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension));
        self.files.iter().map(String::as_str).filter(is_such)
    }

    /// The nearest folder, this one or one above it, that has one of these files.
    pub fn nearest<'a>(&self, folder: &'a str, names: &[&str]) -> Option<&'a str> {
        let mut at = folder;
        loop {
            if names.iter().any(|name| self.files.contains(&join(at, name))) {
                return Some(at);
            }
            if at == "." {
                return None;
            }
            at = split(at).0;
        }
    }
}

fn is_skipped(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir()) && entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name))
}

/// The path with slashes; `None` for what cannot be written down in a spec.
fn relative(path: &Path, root: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.strip_prefix(root).ok()?.iter().map(std::ffi::OsStr::to_str).collect();
    Some(parts?.join("/")).filter(|path| !path.is_empty() && !path.chars().any(char::is_control))
}

/// Folder and name; the folder of a lone name is `.`.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

/// The path of `name` in a folder.
pub fn join(folder: &str, name: &str) -> String {
    if folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// `path` as seen from `folder`, which is one above it or the same.
pub fn below<'a>(path: &'a str, folder: &str) -> &'a str {
    if folder == "." {
        return path;
    }
    path.strip_prefix(folder).map_or(path, |rest| if rest.is_empty() { "." } else { rest.trim_start_matches('/') })
}

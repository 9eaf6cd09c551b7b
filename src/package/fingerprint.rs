//! What a build was made from, so that it need not run again while that holds.

use super::contents::inner_name;
use super::hash::{Item, content_hash};
use super::problem::unreadable;
use crate::diagnostic::Diagnostic;
use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What is remembered of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it was made from.
    pub fingerprint: String,
    /// The content hash of what it made.
    pub output: String,
}

impl Record {
    /// The remembered record; a damaged one only costs a build.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Remembers it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, serde_json::to_vec(self)?)
    }
}

/// Folders and files that never belong to a build's inputs.
#[derive(Clone, Debug)]
pub(super) struct Excluded {
    paths: Vec<PathBuf>,
    is_guessing: bool,
}

impl Excluded {
    /// What the build writes, and what lambdo writes: `cache` and the folder around it, which holds
    /// states. Where no inputs are named, also what a person would leave out: `target`,
    /// `node_modules` and whatever calls itself a cache.
    pub fn new(base: &Path, output: &Path, cache: &Path, is_guessing: bool) -> Self {
        let mut paths = vec![output.to_owned()];
        if is_guessing {
            paths.push(base.join("target"));
        }
        let inside = |path: &Path| Some(path.canonicalize().ok()?.strip_prefix(base.canonicalize().ok()?).ok()?.to_owned());
        let lambdos = cache.parent().into_iter().chain([cache]).filter_map(inside).filter(|inner| !inner.as_os_str().is_empty());
        paths.extend(lambdos.map(|inner| base.join(inner)));
        Self { paths, is_guessing }
    }

    /// The default folder of states, where a build happens beside the spec. Elsewhere a folder of
    /// this name is somebody's code.
    pub fn with_state(mut self, base: &Path, folder: &Path) -> Self {
        if base.canonicalize().ok() == folder.canonicalize().ok() {
            self.paths.push(base.join("state"));
        }
        self
    }

    fn covers(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let is_guessed = || name == "node_modules" || path.join("CACHEDIR.TAG").is_file();
        name == ".git" || self.paths.iter().any(|excluded| excluded == path) || (self.is_guessing && is_guessed())
    }
}

/// The files that `patterns` match below `base`, or all of them, by name relative to `base`.
pub(super) fn inputs(base: &Path, patterns: Option<&[String]>, excluded: &Excluded) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
    let Some(patterns) = patterns else { return walk(base, "", None, excluded) };
    let mut found = BTreeMap::new();
    for pattern in patterns {
        let files = matching(base, pattern, excluded)?;
        if files.is_empty() {
            return Err(Diagnostic::error("no-inputs", "An input of the build matches no file").detail(format!(
                "`{pattern}` in `build.inputs` matches no file in `{}`. A change there would never cause a build: correct it or take it out.",
                base.display()
            )));
        }
        found.extend(files);
    }
    Ok(found)
}

/// Whether a pattern can be understood.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    matcher(pattern).map(|_| ())
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

fn matching(base: &Path, pattern: &str, excluded: &Excluded) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
    let literal: Vec<&str> = pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
    let literal = literal.join("/");
    let start = base.join(&literal);
    if !start.exists() {
        return Ok(BTreeMap::new());
    }
    if literal == pattern {
        return if start.is_dir() { walk(&start, &literal, None, excluded) } else { Ok(BTreeMap::from([(literal, start)])) };
    }
    let matcher = matcher(pattern).map_err(|reason| Diagnostic::error("bad-pattern", "A pattern cannot be understood").detail(reason))?;
    walk(&start, &literal, Some(&matcher), excluded)
}

fn walk(start: &Path, prefix: &str, matcher: Option<&GlobMatcher>, excluded: &Excluded) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
    let outside = excluded.clone();
    // Links are not followed: where they lead is hashed, not what lies there.
    let walker = WalkBuilder::new(start)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| entry.depth() == 0 || !outside.covers(entry.path()))
        .build();
    let mut files = BTreeMap::new();
    for found in walker {
        let found = found.map_err(|error| unreadable(&start.display().to_string(), &io::Error::other(error.to_string())))?;
        if found.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        let relative = found.path().strip_prefix(start).unwrap_or(found.path());
        let name = inner_name(relative).unwrap_or_else(|| relative.to_string_lossy().into_owned());
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if matcher.is_none_or(|matcher| matcher.is_match(&name)) {
            files.insert(name, found.into_path());
        }
    }
    Ok(files)
}

/// The fingerprint of `facts` and the files' contents.
pub(super) fn of(facts: &[&str], files: &BTreeMap<String, PathBuf>) -> Result<String, Diagnostic> {
    let facts = facts.iter().enumerate().map(|(number, fact)| Item::read(&number.to_string(), 0, fact.as_bytes(), &mut io::sink()));
    // A slash first: no file has the name of a fact.
    let files = files.iter().map(|(name, path)| read(&format!("/{name}"), path));
    let items: io::Result<Vec<Item>> = facts.chain(files).collect();
    items.map(|items| content_hash(&items)).map_err(|error| unreadable("an input of the build", &error))
}

fn read(name: &str, path: &Path) -> io::Result<Item> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display()));
    let metadata = fs::symlink_metadata(path).map_err(named)?;
    if metadata.is_symlink() {
        let end = fs::read_link(path).map_err(named)?;
        return Item::read(name, 1, end.to_string_lossy().as_bytes(), &mut io::sink());
    }
    if !metadata.is_file() {
        return Item::read(name, 2, io::empty(), &mut io::sink());
    }
    Item::read(name, 0, File::open(path).map_err(named)?, &mut io::sink()).map_err(named)
}

/// The content hash of what a build made; `None` when it is not there.
pub(super) fn of_output(output: &Path) -> Option<String> {
    if !output.is_dir() {
        return read("", output).ok().map(|item| content_hash(&[item]));
    }
    let nothing = Excluded { paths: Vec::new(), is_guessing: false };
    let files = walk(output, "", None, &nothing).ok()?;
    of(&[], &files).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn names(folder: &Path, patterns: Option<&[&str]>) -> Vec<String> {
        let patterns = patterns.map(|patterns| patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>());
        let excluded = Excluded::new(folder, &folder.join("bin/out"), &folder.join("deploy/build"), patterns.is_none());
        inputs(folder, patterns.as_deref(), &excluded).unwrap().into_keys().collect()
    }

    #[test]
    fn without_inputs_everything_counts_but_what_builds_leave_behind() {
        let folder = folder(&[
            "main.rs",
            ".env",
            "bin/out",
            "bin/other",
            ".git/HEAD",
            "src/state/a",
            "src/target/a",
            "target/a",
            "state/a",
            "web/node_modules/a",
            "cache/CACHEDIR.TAG",
            "deploy/build/a",
            "deploy/demo.json",
        ]);
        assert_eq!(names(folder.path(), None), [".env", "bin/other", "main.rs", "src/state/a", "src/target/a", "state/a"]);
        let excluded = Excluded::new(folder.path(), Path::new("o"), &folder.path().join("deploy/build"), true);
        let excluded = excluded.with_state(folder.path(), folder.path());
        assert!(!inputs(folder.path(), None, &excluded).unwrap().contains_key("state/a"));
    }

    #[test]
    fn patterns_name_files_folders_and_what_lies_beside() {
        let outer = folder(&["app/src/a.rs", "app/src/deep/b.rs", "app/Makefile", "app/bin/out", "shared/c.rs"]);
        let app = outer.path().join("app");
        for (patterns, expected) in [
            (&["src/**"][..], &["src/a.rs", "src/deep/b.rs"][..]),
            (&["src/*.rs"], &["src/a.rs"]),
            (&["src", "./Makefile"], &["Makefile", "src/a.rs", "src/deep/b.rs"]),
            (&["../shared/*"], &["../shared/c.rs"]),
            (&["**/*.rs"], &["src/a.rs", "src/deep/b.rs"]),
        ] {
            assert_eq!(names(&app, Some(patterns)), expected, "{patterns:?}");
        }
    }

    #[test]
    fn a_pattern_without_a_match_is_an_error() {
        let folder = folder(&["a"]);
        let excluded = Excluded::new(folder.path(), Path::new("o"), Path::new("c"), false);
        for pattern in ["b", "b/*", "*.rs"] {
            assert_eq!(inputs(folder.path(), Some(&[pattern.into()]), &excluded).unwrap_err().code, "no-inputs", "{pattern}");
        }
    }
}

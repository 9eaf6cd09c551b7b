//! What a build was made from, so that it need not run again while that holds, and what differs when
//! it does not.

use super::cache;
use super::contents::inner_name;
use super::hash::{Item, content_hash, hex};
use super::index::Index;
use super::own::Own;
use super::problem::unreadable;
use crate::diagnostic::Diagnostic;
use crate::model::{SourceChange, SourceChanges};
use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, WalkBuilder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is not a file and decides all the same what a build makes: the compiler's version, flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts(BTreeMap<String, String>);

impl Facts {
    /// Something whose values a person wants to see: `go 1.25.3 → 1.25.4`.
    pub fn shown(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Something that is only said to have changed: `build.env changed`. It is kept as a hash, so that
    /// what is secret in it stays so.
    pub fn hidden(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), format!("sha256:{}", hex(&Sha256::digest(value))));
        self
    }
}

/// What a build was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    facts: Facts,
    /// Mode and SHA-256 by name.
    files: BTreeMap<String, String>,
}

impl Sources {
    /// Reads what moved since `index` saw it.
    pub(super) fn read(index: &Index, facts: Facts, files: &BTreeMap<String, PathBuf>) -> Result<Self, Diagnostic> {
        let known = |(name, path): (&String, &PathBuf)| {
            let item = read(index, name, path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
            Ok((name.clone(), text(&item)))
        };
        Ok(Self { facts, files: files.iter().map(known).collect::<Result<_, Diagnostic>>()? })
    }

    /// The same, with facts and files that are known already.
    pub(super) fn with(mut self, facts: Facts, items: &[Item]) -> Self {
        self.facts.0.extend(facts.0);
        self.files.extend(items.iter().map(|item| (item.name.clone(), text(item))));
        self
    }

    /// The value of a fact.
    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        self.facts.0.get(name).map(String::as_str)
    }

    /// What differs from `earlier` ones, files first.
    pub fn since(&self, earlier: &Self) -> SourceChanges {
        let files = differences(&earlier.files, &self.files, |_, _| None);
        let values = |before: &str, after: &str| {
            let is_hidden = [before, after].iter().any(|value| value.starts_with("sha256:"));
            (!is_hidden).then(|| (before.to_owned(), after.to_owned()))
        };
        SourceChanges::of(files.into_iter().chain(differences(&earlier.facts.0, &self.facts.0, values)))
    }
}

/// What is kept of a file: mode and SHA-256.
fn text(item: &Item) -> String {
    format!("{:o} {}", item.mode, hex(&item.sha256))
}

/// What is in one map and not the other, or not the same; `values` says which values are told.
pub(super) fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    values: impl Fn(&str, &str) -> Option<(String, String)>,
) -> Vec<SourceChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| match (before.get(name), after.get(name)) {
        (Some(before), Some(after)) if before == after => None,
        (Some(before), Some(after)) => Some(match values(before, after) {
            Some((from, to)) => SourceChange::Moved { name: name.clone(), from, to },
            None => SourceChange::Changed { name: name.clone() },
        }),
        (None, _) => Some(SourceChange::Added { name: name.clone() }),
        (_, None) => Some(SourceChange::Removed { name: name.clone() }),
    };
    names.into_iter().filter_map(change).collect()
}

/// What is remembered of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it was made from.
    pub sources: Sources,
    /// The content hash of what it made.
    output: String,
    /// The folder beside the record with what was installed for it, which stays as long as the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    installed: Option<String>,
}

impl Record {
    /// The remembered record; a damaged one only costs a build.
    pub fn load(path: &Path) -> Option<Self> {
        let text = fs::read(path).ok()?;
        cache::used(path);
        serde_json::from_slice(&text).ok()
    }

    /// The record of a build that has just made `output` from `sources`.
    pub fn of(index: &Index, sources: Sources, output: &Path) -> Self {
        Self { sources, output: of_output(index, output).unwrap_or_default(), installed: None }
    }

    /// The same, with what was installed for it.
    pub fn with(self, installed: Option<&Path>) -> Self {
        Self { installed: installed.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())), ..self }
    }

    /// Whether nothing moved: neither what it was made from nor what it made.
    pub fn holds(&self, index: &Index, sources: &Sources, output: &Path) -> bool {
        self.sources == *sources && of_output(index, output).as_ref() == Some(&self.output)
    }

    /// Remembers it. What cannot be kept costs the next run a build, and nothing else.
    pub fn save(&self, path: &Path) {
        let save = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, serde_json::to_vec(self)?)
        };
        let _: io::Result<()> = save();
    }
}

/// Folders and files that never belong to a build's inputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Excluded {
    own: Own,
    is_guessing: bool,
}

impl Excluded {
    /// What the build writes, and what lambdo writes. Where no inputs are named, also what a person would leave out:
    /// `target`, `node_modules` and whatever calls itself a cache.
    pub fn new(base: &Path, output: &Path, own: &Own, is_guessing: bool) -> Self {
        let guessed = is_guessing.then(|| base.join("target"));
        Self { own: own.seen_from(base).and([output.to_owned()].into_iter().chain(guessed)), is_guessing }
    }

    fn covers(&self, found: &DirEntry) -> bool {
        let name = found.file_name();
        let is_guessed = || name == "node_modules" || found.path().join("CACHEDIR.TAG").is_file();
        name == ".git" || (self.is_guessing && is_guessed()) || self.own.covers(found)
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

/// A pattern in which `*` stays within one folder and `**` does not.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
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

/// All files below `base`, and all folders, by name relative to it.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn tree(base: &Path, excluded: &Excluded) -> Result<[BTreeMap<String, PathBuf>; 2], Diagnostic> {
    let mut walk = Walk { matcher: None, excluded, files: BTreeMap::new(), folders: BTreeMap::new(), seen: BTreeSet::new() };
    walk.folder(base, "")?;
    Ok([walk.files, walk.folders])
}

fn walk(start: &Path, prefix: &str, matcher: Option<&GlobMatcher>, excluded: &Excluded) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
    let mut walk = Walk { matcher, excluded, files: BTreeMap::new(), folders: BTreeMap::new(), seen: BTreeSet::new() };
    walk.folder(start, prefix)?;
    Ok(walk.files)
}

struct Walk<'a> {
    matcher: Option<&'a GlobMatcher>,
    excluded: &'a Excluded,
    files: BTreeMap<String, PathBuf>,
    folders: BTreeMap<String, PathBuf>,
    /// Folders that links lead to, and the one where it began: no ring of links is gone through twice.
    seen: BTreeSet<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, start: &Path, prefix: &str) -> Result<(), Diagnostic> {
        let unreadable = |error: io::Error| unreadable(&start.display().to_string(), &error);
        let real = start.canonicalize().map_err(unreadable)?;
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        let outside = self.excluded.clone();
        let walker = WalkBuilder::new(&real)
            .standard_filters(false)
            .follow_links(false)
            .filter_entry(move |entry| entry.depth() == 0 || !outside.covers(entry))
            .build();
        for found in walker {
            let found = found.map_err(|error| unreadable(io::Error::other(error.to_string())))?;
            if found.depth() == 0 {
                continue;
            }
            let relative = found.path().strip_prefix(&real).unwrap_or(found.path());
            let name = inner_name(relative).unwrap_or_else(|| relative.to_string_lossy().into_owned());
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if found.file_type().is_some_and(|kind| kind.is_dir()) {
                self.folders.insert(name, start.join(relative));
                continue;
            }
            // What a link leads to may lie where nothing else looks.
            if found.path_is_symlink() && found.path().is_dir() {
                self.folder(found.path(), &name)?;
            }
            if self.matcher.is_none_or(|matcher| matcher.is_match(&name)) {
                self.files.insert(name, start.join(relative));
            }
        }
        Ok(())
    }
}

/// What one input is: a file's content and whether it can be executed, where a link leads and what that file holds, or
/// that there is something else.
fn read(index: &Index, name: &str, path: &Path) -> io::Result<Item> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        let end = fs::read_link(path)?;
        let held = if path.is_file() { hex(&index.held(path)?.sha256) } else { String::new() };
        return Item::read(name, 0o120_777, format!("{}\0{held}", end.to_string_lossy()).as_bytes(), &mut io::sink());
    }
    if !metadata.is_file() {
        return Item::read(name, 0, io::empty(), &mut io::sink());
    }
    let held = index.held(path)?;
    let mode = if super::contents::is_executable(&metadata) { 0o755 } else { 0o644 };
    Ok(Item { name: name.to_owned(), mode, bytes: held.bytes, sha256: held.sha256 })
}

/// The content hash of what a build made; `None` when it is not there.
fn of_output(index: &Index, output: &Path) -> Option<String> {
    let output = &output.canonicalize().ok()?;
    if !output.is_dir() {
        return read(index, "", output).ok().map(|item| content_hash(&[item]));
    }
    let files = walk(output, "", None, &Excluded::default()).ok()?;
    let items: Option<Vec<Item>> = files.iter().map(|(name, path)| read(index, name, path).ok()).collect();
    Some(content_hash(&items?))
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
        let own = Own::new([folder.join("deploy")]);
        let excluded = Excluded::new(folder, &folder.join("bin/out"), &own, patterns.is_none());
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
        let excluded = Excluded::default();
        for pattern in ["b", "b/*", "*.rs"] {
            assert_eq!(inputs(folder.path(), Some(&[pattern.into()]), &excluded).unwrap_err().code, "no-inputs", "{pattern}");
        }
    }

    fn sources(folder: &Path, facts: Facts) -> Sources {
        let excluded = Excluded::new(folder, &folder.join("out"), &Own::new([folder.join("cache")]), true);
        Sources::read(&Index::default(), facts, &inputs(folder, None, &excluded).unwrap()).unwrap()
    }

    #[test]
    fn what_differs_is_named_and_what_may_be_secret_is_not_shown() {
        let folder = folder(&["src/main.rs", "go.mod", "old"]);
        let facts = |version: &str, secret: &str| Facts::default().shown("go", version).hidden("build.env", secret);
        let before = sources(folder.path(), facts("1.25.3", "password"));
        assert!(!serde_json::to_string(&before).unwrap().contains("password"));
        fs::write(folder.path().join("src/main.rs"), "other").unwrap();
        fs::write(folder.path().join("new"), "").unwrap();
        fs::remove_file(folder.path().join("old")).unwrap();
        let after = sources(folder.path(), facts("1.25.4", "other"));
        let changes = after.since(&before);
        let told: Vec<String> = changes.named.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join(", "), @"new added, old removed, src/main.rs changed, build.env changed, go 1.25.3 → 1.25.4");
        assert!(after.since(&after).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn an_execute_bit_and_the_end_of_a_link_count() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = folder(&["run.sh"]);
        symlink("run.sh", folder.path().join("link")).unwrap();
        let before = sources(folder.path(), Facts::default());
        fs::set_permissions(folder.path().join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
        fs::remove_file(folder.path().join("link")).unwrap();
        symlink("elsewhere", folder.path().join("link")).unwrap();
        let after = sources(folder.path(), Facts::default());
        insta::assert_snapshot!(after.since(&before).sentence(), @"link changed, run.sh changed");
    }

    #[cfg(unix)]
    #[test]
    fn what_links_lead_to_counts_wherever_it_lies() {
        use std::os::unix::fs::symlink;
        let outer = folder(&["shared/a", "shared/deep/b", "one", "real/out", "app/main"]);
        let app = outer.path().join("app");
        symlink("../shared", app.join("folder")).unwrap();
        symlink("..", outer.path().join("shared/ring")).unwrap();
        symlink("../one", app.join("file")).unwrap();
        symlink("nowhere", app.join("nothing")).unwrap();
        let change = |name: &str| {
            let before = sources(&app, Facts::default());
            fs::write(outer.path().join(name), "other").unwrap();
            sources(&app, Facts::default()).since(&before).sentence().split(", ").next().map(str::to_owned)
        };
        assert_eq!(change("shared/deep/b").as_deref(), Some("folder/deep/b changed"));
        assert_eq!(change("one").as_deref(), Some("file changed"));
        assert_eq!(change("shared/new").as_deref(), Some("folder/new added"));
        // What is made may be a link, too.
        let (index, output) = (Index::default(), outer.path().join("out"));
        symlink("real/out", &output).unwrap();
        let record = Record::of(&index, Sources::default(), &output);
        assert!(record.holds(&index, &Sources::default(), &output));
        fs::write(outer.path().join("real/out"), "other").unwrap();
        assert!(!record.holds(&index, &Sources::default(), &output));
    }

    #[test]
    fn a_record_holds_until_sources_or_output_move() {
        let folder = folder(&["main", "out/a"]);
        let (index, output, place) = (Index::default(), folder.path().join("out"), folder.path().join("cache/x.json"));
        let now = || sources(folder.path(), Facts::default().shown("go", "1"));
        Record::of(&index, now(), &output).save(&place);
        let record = Record::load(&place).unwrap();
        assert!(record.holds(&index, &now(), &output));
        fs::write(folder.path().join("out/b"), "").unwrap();
        assert!(!record.holds(&index, &now(), &output), "the output has one file more");
        fs::remove_file(folder.path().join("out/b")).unwrap();
        fs::write(folder.path().join("main"), "other").unwrap();
        assert!(!record.holds(&index, &now(), &output), "a source moved");
    }
}

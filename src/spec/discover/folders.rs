//! Looks through the folders below a root for those that hold a function.

use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Folders that hold other people's code, what builds leave behind, or what only tests read.
const NEVER: [&str; 7] = ["vendor", "node_modules", "target", "testdata", "venv", "__pycache__", "cdk.out"];
/// What a folder is known by that calls itself a cache, as cargo's target folder does.
/// <https://bford.info/cachedir/>
const CACHE: &str = "CACHEDIR.TAG";
/// A package of Rust, which may make several programs.
const CARGO: &str = "Cargo.toml";
/// Files by which folders of the languages are known.
const MARKERS: [&str; 5] = ["main.go", CARGO, "pyproject.toml", "requirements.txt", "package.json"];

/// A pattern for names, or with a `/` for paths below the root.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    matcher: GlobMatcher,
    is_path: bool,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it cannot be understood.
    pub fn new(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        let is_path = plain.contains('/');
        // Everything below a folder is meant with the folder itself.
        let plain = plain.strip_suffix("/**").filter(|folder| !folder.is_empty()).unwrap_or(plain);
        let glob = GlobBuilder::new(plain).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
        Ok(Self { matcher: glob.compile_matcher(), is_path })
    }

    /// `below` has `/` between its parts.
    fn matches(&self, below: &str) -> bool {
        self.matcher.is_match(if self.is_path { below } else { last_part(below) })
    }
}

/// A folder that holds a function, or one program of a folder that holds several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The folder below the root, with `/`; empty for the root itself.
    pub folder: String,
    /// Which of the folder's programs is meant, where it has several.
    pub binary: Option<String>,
}

/// What lies below a root.
#[derive(Debug)]
pub(crate) struct Folders<'a> {
    wanted: &'a [Pattern],
    exclude: &'a [Pattern],
    /// The folder of states, where it is there.
    state: Option<PathBuf>,
    /// Those that hold a function.
    pub found: BTreeSet<Found>,
    /// Which of the patterns of `exclude` kept something out.
    pub used: BTreeSet<usize>,
    /// Files that another `match` would find.
    pub others: BTreeSet<String>,
    /// Folders whose names begin with `_`, which are looked into only when they are a root.
    pub passed_over: BTreeSet<String>,
    /// All folders that were looked through.
    pub there: BTreeSet<String>,
    /// Those that were not, whatever the reason.
    pub left_out: BTreeSet<String>,
}

impl<'a> Folders<'a> {
    /// Looks through `root` for folders with a file that one of `wanted` matches. What lies in `state` was made by
    /// lambdo, copies of packages among it.
    ///
    /// # Errors
    /// Which folder cannot be read, and why.
    pub fn look(root: &Path, wanted: &'a [Pattern], exclude: &'a [Pattern], state: &Path) -> Result<Self, String> {
        let state = state.canonicalize().ok();
        let (found, used, others, passed_over) = Default::default();
        let (there, left_out) = Default::default();
        let mut folders = Self { wanted, exclude, state, found, used, others, passed_over, there, left_out };
        folders.walk(root, "")?;
        Ok(folders)
    }

    /// Links are not followed, so that no folder is found twice.
    fn walk(&mut self, folder: &Path, below: &str) -> Result<(), String> {
        let entries = fs::read_dir(folder)
            .map_err(|error| format!("`{}` cannot be read: {error}", folder.strip_prefix(".").unwrap_or(folder).display()))?;
        self.there.insert(below.to_owned());
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let inner = join(below, &name);
            if entry.path().is_file() {
                self.file(folder, below, &inner);
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && self.is_open(&entry.path(), &inner) {
                self.walk(&entry.path(), &inner)?;
            } else if entry.path().is_dir() {
                self.left_out.insert(inner);
            }
        }
        Ok(())
    }

    fn is_open(&mut self, path: &Path, below: &str) -> bool {
        let name = last_part(below);
        let is_state = || {
            self.state
                .as_ref()
                .is_some_and(|state| state.file_name() == path.file_name() && path.canonicalize().is_ok_and(|path| path == *state))
        };
        if name.starts_with('.') || NEVER.contains(&name) || path.join(CACHE).is_file() || is_state() {
            return false;
        }
        let excluding: Vec<usize> = (0..self.exclude.len()).filter(|at| self.exclude[*at].matches(below)).collect();
        self.used.extend(&excluding);
        if excluding.is_empty() && name.starts_with('_') {
            // Go does not look into them either: <https://pkg.go.dev/cmd/go#hdr-Package_lists_and_patterns>
            self.passed_over.insert(below.to_owned());
            return false;
        }
        excluding.is_empty()
    }

    fn file(&mut self, folder: &Path, below: &str, file: &str) {
        let name = last_part(file);
        if !self.wanted.iter().any(|pattern| pattern.matches(file)) {
            self.others.extend(MARKERS.contains(&name).then(|| name.to_owned()));
        } else if name == CARGO {
            self.found.extend(programs(folder, below));
        } else {
            self.found.insert(Found { folder: below.to_owned(), binary: None });
        }
    }
}

/// The programs of a package of Rust: none of a library or of a workspace that is no package, and without
/// a name where it is the only one.
fn programs(folder: &Path, below: &str) -> Vec<Found> {
    let names =
        fs::read_to_string(folder.join(CARGO)).ok().and_then(|text| text.parse::<Table>().ok()).map(|manifest| binaries(folder, &manifest));
    let names = names.unwrap_or_default();
    let is_only = names.len() == 1;
    names.into_iter().map(|name| Found { folder: below.to_owned(), binary: Some(name).filter(|_| !is_only) }).collect()
}

/// The binaries as cargo finds them: those that the manifest names, and those that lie where cargo looks.
/// <https://doc.rust-lang.org/cargo/reference/cargo-targets.html#target-auto-discovery>
fn binaries(folder: &Path, manifest: &Table) -> BTreeSet<String> {
    let Some(package) = manifest.get("package") else { return BTreeSet::new() };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let given = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let mut names: BTreeSet<String> = given.clone().filter_map(|bin| text(bin.get("name"))).collect();
    let paths: BTreeSet<String> = given.filter_map(|bin| text(bin.get("path"))).collect();
    if package.get("autobins").and_then(Value::as_bool) != Some(false) {
        if folder.join("src/main.rs").is_file() && !paths.contains("src/main.rs") {
            names.extend(text(package.get("name")));
        }
        for entry in fs::read_dir(folder.join("src/bin")).into_iter().flatten().flatten() {
            let Ok(file) = entry.file_name().into_string() else { continue };
            let is_given = paths.contains(&format!("src/bin/{file}")) || paths.contains(&format!("src/bin/{file}/main.rs"));
            let name = if entry.path().join("main.rs").is_file() { Some(file.as_str()) } else { file.strip_suffix(".rs") };
            names.extend(name.filter(|_| !is_given).map(str::to_owned));
        }
    }
    names
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], wanted: &[&str], exclude: &[&str]) -> (Vec<String>, usize, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text).unwrap()).collect::<Vec<_>>();
        let (wanted, exclude) = (patterns(wanted), patterns(exclude));
        let folders = Folders::look(root.path(), &wanted, &exclude, &root.path().join("deploy/state")).unwrap();
        let shown = |Found { folder, binary }: Found| [Some(folder), binary].into_iter().flatten().collect::<Vec<_>>().join(":");
        (folders.found.into_iter().map(shown).collect(), folders.used.len(), folders.others.into_iter().collect())
    }

    #[test]
    fn folders_are_found_but_for_those_of_others() {
        let files = [
            "main.go",
            "users/main.go",
            "users/get/main.go",
            "users/get/other.go",
            ".hidden/main.go",
            "_skip/main.go",
            "users/_x/main.go",
            "vendor/x/main.go",
            "old/main.go",
            "new/old/main.go",
            "web/node_modules/x/main.go",
            "cache/CACHEDIR.TAG",
            "cache/main.go",
            "testdata/main.go",
            "py/requirements.txt",
            "deploy/state/build/x/main.go",
        ];
        let files = files.map(|file| (file, ""));
        let all = ["", "new/old", "old", "users", "users/get"].map(str::to_owned).to_vec();
        assert_eq!(found(&files, &["main.go"], &[]), (all, 0, vec!["requirements.txt".to_owned()]));
        assert_eq!(found(&files, &["main.go"], &["old", "nothing"]).0, ["", "users", "users/get"]);
        assert_eq!(found(&files, &["main.go"], &["old", "nothing"]).1, 1);
        assert_eq!(found(&files, &["main.go"], &["./new/*", "users/**"]).0, ["", "old"]);
        assert_eq!(found(&files, &["main.go"], &["_skip"]).1, 1, "to name what is passed over is no mistake");
        assert_eq!(found(&files, &["users/*/*.go", "requirements.txt"], &[]).0, ["py", "users/get"]);
    }

    #[test]
    fn a_workspace_of_rust_has_its_binaries() {
        let files = [
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            ("crates/library/Cargo.toml", "[package]\nname = \"library\""),
            ("crates/library/src/lib.rs", ""),
            ("crates/hash/Cargo.toml", "[package]\nname = \"hasher\""),
            ("crates/hash/src/main.rs", ""),
            ("crates/jobs/Cargo.toml", "[package]\nname = \"jobs\"\n[[bin]]\nname = \"daily\"\npath = \"src/bin/day.rs\""),
            ("crates/jobs/src/bin/day.rs", ""),
            ("crates/jobs/src/bin/weekly/main.rs", ""),
            ("crates/off/Cargo.toml", "[package]\nname = \"off\"\nautobins = false"),
            ("crates/off/src/main.rs", ""),
            ("broken/Cargo.toml", "["),
        ];
        assert_eq!(found(&files, &["Cargo.toml"], &[]).0, ["crates/hash", "crates/jobs:daily", "crates/jobs:weekly"]);
    }

    #[test]
    fn a_pattern_that_is_none_says_why() {
        assert!(Pattern::new("a[").is_err());
    }

    #[test]
    fn folders_that_are_left_out_are_there() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/b", "old/c", "_x/y", ".hidden"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let exclude = [Pattern::new("old").unwrap()];
        let folders = Folders::look(root.path(), &[], &exclude, &root.path().join("state")).unwrap();
        assert_eq!(folders.there.iter().map(String::as_str).collect::<Vec<_>>(), ["", "a", "a/b"]);
        assert_eq!(folders.left_out.iter().map(String::as_str).collect::<Vec<_>>(), [".hidden", "_x", "old"]);
    }
}

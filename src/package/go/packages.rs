//! What `go list` says: the package that is meant, and the files that it is made from.

use super::module::Place;
use super::names::is_for;
use super::toolchain::{MODULE_CACHE, Settings};
use crate::diagnostic::Diagnostic;
use crate::package::problem::{list, unreadable};
use crate::package::{BUILD_FAILED, fingerprint};
use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// The fields that count here.
/// <https://pkg.go.dev/cmd/go#hdr-List_packages_or_modules>
pub(super) const FIELDS: &str = "-json=Dir,ImportPath,Name,Standard,DepOnly,EmbedPatterns,Error";

/// The files of a package's folder that Go may compile, by their endings; `pgo` is a profile.
/// <https://pkg.go.dev/cmd/go#hdr-File_types>
const ENDINGS: [&str; 20] =
    ["go", "c", "cc", "cpp", "cxx", "m", "h", "hh", "hpp", "hxx", "f", "F", "for", "f90", "s", "S", "sx", "swig", "swigcxx", "syso"];
const PROFILE: &str = "default.pgo";
/// How many programs are named where none was meant.
const SHOWN_PROGRAMS: usize = 8;

/// One package.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Package {
    dir: PathBuf,
    import_path: String,
    name: String,
    standard: bool,
    dep_only: bool,
    embed_patterns: Vec<String>,
    error: Option<PackageError>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PackageError {
    err: String,
}

/// Where the files of a program lie, so that the next run finds new ones without asking Go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// Folders of packages.
    folders: BTreeSet<PathBuf>,
    /// Folder and pattern of what packages embed.
    embedded: BTreeSet<(PathBuf, String)>,
    /// The system and the processor that it is built for, in Go's words.
    target: (String, String),
    /// What Go's settings were.
    pub settings: Settings,
    /// What they follow from, as far as it shows without Go.
    pub surroundings: String,
}

/// Reads what `go list -deps -json` said.
///
/// # Errors
/// When it is not understood.
pub(super) fn parse(lines: &[String]) -> Result<Vec<Package>, Diagnostic> {
    let text = lines.join("\n");
    let packages: Result<Vec<Package>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    packages.map_err(|error| {
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("What `go list` says is not understood: {error}."))
    })
}

/// Refuses what is no program; `programs` are the folders of those that the module has.
///
/// # Errors
/// Another package than `main`, or none at all.
pub(super) fn check_program(packages: &[Package], shown: &str) -> Result<(), Diagnostic> {
    let meant = packages.iter().find(|package| !package.dep_only);
    let detail = match meant {
        Some(package) if package.name == "main" => return Ok(()),
        Some(package) if !package.name.is_empty() => format!(
            "`{shown}` is the package `{}` (`{}`), a library: Go makes a program of `package main` only.",
            package.name, package.import_path
        ),
        Some(Package { error: Some(error), .. }) => format!("Go finds no program in `{shown}`: {}.", error.err.trim()),
        _ => format!("Go finds no program in `{shown}`."),
    };
    Err(Diagnostic::error("no-program", "There is no program to deploy").detail(detail))
}

/// Whether Go refuses the folder since its module is not one of those that the workspace lists. Where that module lies inside
/// of one that is listed, Go only says that the outer one does not have the package.
pub(super) fn is_outside_workspace(packages: &[Package]) -> bool {
    const SAID: [&str; 2] = ["not one of the workspace modules", ") does not contain package "];
    let errors = packages.iter().filter(|package| !package.dep_only).filter_map(|package| package.error.as_ref());
    errors.into_iter().any(|error| SAID.iter().any(|said| error.err.contains(said)))
}

/// Adds where programs are to be found; `folders` are those of the module's main packages.
pub(super) fn with_programs(problem: Diagnostic, folders: &[String], base: &Path) -> Diagnostic {
    let near = |folder: &String| shown_path(Path::new(folder), base);
    let programs: Vec<String> = folders.iter().filter(|folder| !folder.is_empty()).map(near).collect();
    match programs.len() {
        0 => problem.hint("no package of the module is a `package main`"),
        count if count > SHOWN_PROGRAMS => {
            problem.hint(format!("programs of the module: {}, and {} more", list(&programs[..SHOWN_PROGRAMS]), count - SHOWN_PROGRAMS))
        }
        _ => problem.hint(format!("programs of the module: {}", list(&programs))),
    }
}

impl Inputs {
    /// Of all packages but those that come as they are: with Go, of the version that it has, and from the module cache, with
    /// checksums in a `go.sum`, which is one of the files.
    pub fn of(packages: &[Package], target: (String, String), settings: &Settings, surroundings: &str) -> Self {
        let module_cache = settings.get(MODULE_CACHE).filter(|folder| !folder.is_empty());
        let is_own = |package: &&Package| {
            let is_cached = module_cache.is_some_and(|cache| package.dir.starts_with(cache));
            !package.standard && !package.dir.as_os_str().is_empty() && !is_cached
        };
        let mut inputs = Self { target, settings: settings.clone(), surroundings: surroundings.to_owned(), ..Self::default() };
        for package in packages.iter().filter(is_own) {
            inputs.folders.insert(package.dir.clone());
            inputs.embedded.extend(package.embed_patterns.iter().map(|pattern| (package.dir.clone(), pattern.clone())));
        }
        inputs
    }

    /// What an earlier build remembered.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Remembers it; what cannot be kept costs the next run a look with Go's own eyes.
    pub fn save(&self, path: &Path) {
        let save = || std::fs::write(path, serde_json::to_vec(self)?);
        let _: io::Result<()> = save();
    }

    /// The files that are there now, by their names relative to `base` where they lie below.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn files(&self, place: &Place, more: &[PathBuf], base: &Path) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
        let mut paths: BTreeSet<PathBuf> = place.files(self.folders.iter());
        paths.extend(more.iter().cloned());
        for folder in &self.folders {
            paths.extend(sources(folder, &self.target)?);
        }
        for (folder, pattern) in &self.embedded {
            paths.extend(embedded(folder, pattern));
        }
        Ok(paths.into_iter().map(|path| (shown_path(&path, base), path)).collect())
    }
}

/// The files that a pattern of `//go:embed` stands for: those that match, and all below folders that do.
/// <https://pkg.go.dev/embed#hdr-Directives>
fn embedded(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let (all, pattern) = pattern.strip_prefix("all:").map_or((false, pattern), |rest| (true, rest));
    let mut found = vec![folder.to_owned()];
    for part in pattern.split('/') {
        found = found.iter().flat_map(|folder| matching(folder, part)).collect();
    }
    found.iter().flat_map(|path| below(path, all)).collect()
}

/// What matches one part of a pattern, which Go writes as `path.Match` reads it.
fn matching(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?', '[', '\\']) {
        return vec![folder.join(part)];
    }
    let braces = part.replace('{', "[{]").replace('}', "[}]");
    let Ok(matcher) = fingerprint::matcher(&braces) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| matcher.is_match(entry.file_name())).map(|entry| entry.path()).collect()
}

fn sources(folder: &Path, target: &(String, String)) -> Result<Vec<PathBuf>, Diagnostic> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unreadable(&folder.display().to_string(), &error))?,
    };
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| is_source(path, target)).collect())
}

/// Whether Go would look at the file when it builds a program.
fn is_source(path: &Path, (system, processor): &(String, String)) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let counts = name == PROFILE || ENDINGS.contains(&ending);
    counts && !name.ends_with("_test.go") && !name.starts_with(['.', '_']) && is_for(name, system, processor)
}

/// A file, or the files below a folder; Go leaves out what begins with `.` or `_` unless it is told to take `all`.
fn below(path: &Path, all: bool) -> impl Iterator<Item = PathBuf> {
    let is_left_out =
        move |name: &OsStr| name == ".git" || !all && [b'.', b'_'].iter().any(|first| name.as_encoded_bytes().first() == Some(first));
    let walker = WalkBuilder::new(path)
        .standard_filters(false)
        .filter_entry(move |entry| entry.depth() == 0 || !is_left_out(entry.file_name()))
        .build();
    walker.flatten().filter(|entry| entry.file_type().is_some_and(|kind| !kind.is_dir())).map(ignore::DirEntry::into_path)
}

/// The path as a person beside the spec would write it.
pub(super) fn shown_path(path: &Path, base: &Path) -> String {
    let near = path.strip_prefix(base).unwrap_or(path);
    if near.as_os_str().is_empty() { ".".to_owned() } else { near.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = r#"{"Dir":"/go/src/fmt","ImportPath":"fmt","Name":"fmt","Standard":true,"DepOnly":true}
{"Dir":"/cache/x@v1","ImportPath":"x","Name":"x","DepOnly":true}
{"Dir":"/w/internal/page","ImportPath":"m/internal/page","Name":"page","DepOnly":true,"EmbedPatterns":["all:static/*","one.txt"]}
{"Dir":"/w/api","ImportPath":"m/api","Name":"main"}"#;

    fn linux() -> (String, String) {
        ("linux".to_owned(), "arm64".to_owned())
    }

    fn packages(text: &str) -> Vec<Package> {
        parse(&text.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn packages_of_others_are_left_to_their_checksums() {
        let settings = Settings::from([(MODULE_CACHE.to_owned(), "/cache".to_owned())]);
        let inputs = Inputs::of(&packages(LISTED), linux(), &settings, "");
        let expected = ["/w/api", "/w/internal/page"].map(PathBuf::from);
        assert_eq!(inputs.folders.iter().cloned().collect::<Vec<_>>(), expected);
        let patterns: Vec<&str> = inputs.embedded.iter().map(|(_, pattern)| pattern.as_str()).collect();
        assert_eq!(patterns, ["all:static/*", "one.txt"]);
    }

    #[test]
    fn what_is_no_program_is_refused_with_what_it_is() {
        assert_eq!(check_program(&packages(LISTED), "api"), Ok(()));
        let told = |text: &str| check_program(&packages(text), "api").unwrap_err().detail;
        let library = told(r#"{"Dir":"/w/api","ImportPath":"m/api","Name":"api"}"#);
        assert_eq!(library, "`api` is the package `api` (`m/api`), a library: Go makes a program of `package main` only.");
        let outside = r#"{"ImportPath":".","Error":{"Err":"current directory is contained in a module that is not one of the workspace modules listed in go.work. You can add"}}"#;
        assert!(is_outside_workspace(&packages(outside)) && !is_outside_workspace(&packages(LISTED)));
        let nothing = told(r#"{"Dir":"/w/api","ImportPath":".","Error":{"Err":"no Go files in /w/api"}}"#);
        assert_eq!(nothing, "Go finds no program in `api`: no Go files in /w/api.");
        let problem = check_program(&[], "api").unwrap_err();
        let folders = ["/w/a".to_owned(), String::new(), "/w".to_owned(), "/x".to_owned()];
        assert_eq!(with_programs(problem.clone(), &folders, Path::new("/w")).hints, ["programs of the module: `a`, `.`, `/x`"]);
        assert_eq!(with_programs(problem, &[], Path::new("/w")).hints, ["no package of the module is a `package main`"]);
    }

    #[test]
    fn new_files_count_and_tests_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for file in [
            "main.go",
            "main_test.go",
            "main_windows.go",
            "fast_amd64.s",
            "slow_linux.go",
            "README.md",
            "asm.s",
            "default.pgo",
            "_x.go",
            "static/deep/a.txt",
            "go.mod",
            "sub/other.go",
        ] {
            std::fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            std::fs::write(path.join(file), "").unwrap();
        }
        let embedded = [(path.to_owned(), "static".to_owned())].into();
        let inputs = Inputs { folders: [path.to_owned(), path.join("gone")].into(), embedded, target: linux(), ..Inputs::default() };
        let names: Vec<String> = inputs.files(&Place::find(path, None), &[], path).unwrap().into_keys().collect();
        assert_eq!(names, ["asm.s", "default.pgo", "go.mod", "main.go", "slow_linux.go", "static/deep/a.txt"]);
        inputs.save(&path.join("inputs.json"));
        assert_eq!(Inputs::load(&path.join("inputs.json")), Some(inputs));
    }

    #[test]
    fn what_is_embedded_is_what_go_would_embed_and_not_all_that_lies_beside() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.html", "b.html", "c.css", "state/build/x.html", "web/.hidden/a", "web/_part", "web/deep/a.js", "{x}.txt"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        for (pattern, expected) in [
            ("*.html", &["a.html", "b.html"][..]),
            ("web", &["web/deep/a.js"]),
            ("all:web", &["web/.hidden/a", "web/_part", "web/deep/a.js"]),
            ("w*/d?ep", &["web/deep/a.js"]),
            ("[ab].html", &["a.html", "b.html"]),
            ("{x}.*", &["{x}.txt"]),
            ("gone", &[]),
        ] {
            let mut names: Vec<String> = embedded(folder.path(), pattern).iter().map(|path| shown_path(path, folder.path())).collect();
            names.sort();
            assert_eq!(names, expected, "{pattern}");
        }
    }
}

//! What `go list` says: the package that is meant, and the files that it is made from.

use super::module::Place;
use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use crate::package::problem::{list, unreadable};
use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Files, and folders with everything below, that packages embed.
    embedded: BTreeSet<PathBuf>,
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
    /// Of all packages but the standard library's and those of the module cache, which `go.sum` speaks for.
    pub fn of(packages: &[Package], module_cache: &Path) -> Self {
        let is_own =
            |package: &&Package| !package.standard && !package.dir.as_os_str().is_empty() && !package.dir.starts_with(module_cache);
        let mut inputs = Self::default();
        for package in packages.iter().filter(is_own) {
            inputs.folders.insert(package.dir.clone());
            inputs.embedded.extend(package.embed_patterns.iter().map(|pattern| package.dir.join(fixed_part(pattern))));
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
        let mut paths: BTreeSet<PathBuf> = place.files().into_iter().chain(more.iter().cloned()).collect();
        for folder in &self.folders {
            paths.extend(sources(folder)?);
        }
        for path in &self.embedded {
            paths.extend(below(path));
        }
        Ok(paths.into_iter().map(|path| (shown_path(&path, base), path)).collect())
    }
}

/// The part of a pattern that has nothing to match in it.
fn fixed_part(pattern: &str) -> PathBuf {
    let pattern = pattern.strip_prefix("all:").unwrap_or(pattern);
    pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '\\'])).collect()
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unreadable(&folder.display().to_string(), &error))?,
    };
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| is_source(path)).collect())
}

/// Whether Go would look at the file when it builds a program.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let counts = name == PROFILE || ENDINGS.contains(&ending);
    counts && !name.ends_with("_test.go") && !name.starts_with(['.', '_'])
}

/// A file, or all files below a folder.
fn below(path: &Path) -> impl Iterator<Item = PathBuf> {
    let walker = WalkBuilder::new(path).standard_filters(false).filter_entry(|entry| entry.file_name() != ".git").build();
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

    fn packages(text: &str) -> Vec<Package> {
        parse(&text.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn packages_of_others_are_left_to_their_checksums() {
        let inputs = Inputs::of(&packages(LISTED), Path::new("/cache"));
        let expected = ["/w/api", "/w/internal/page"].map(PathBuf::from);
        assert_eq!(inputs.folders.iter().cloned().collect::<Vec<_>>(), expected);
        let expected = ["/w/internal/page/one.txt", "/w/internal/page/static"].map(PathBuf::from);
        assert_eq!(inputs.embedded.iter().cloned().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_program_is_refused_with_what_it_is() {
        assert_eq!(check_program(&packages(LISTED), "api"), Ok(()));
        let told = |text: &str| check_program(&packages(text), "api").unwrap_err().detail;
        let library = told(r#"{"Dir":"/w/api","ImportPath":"m/api","Name":"api"}"#);
        assert_eq!(library, "`api` is the package `api` (`m/api`), a library: Go makes a program of `package main` only.");
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
        for file in ["main.go", "main_test.go", "README.md", "asm.s", "default.pgo", "_x.go", "static/deep/a.txt", "go.mod", "sub/other.go"]
        {
            std::fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            std::fs::write(path.join(file), "").unwrap();
        }
        let inputs = Inputs { folders: [path.to_owned(), path.join("gone")].into(), embedded: [path.join("static")].into() };
        let names: Vec<String> = inputs.files(&Place::find(path), &[], path).unwrap().into_keys().collect();
        assert_eq!(names, ["asm.s", "default.pgo", "go.mod", "main.go", "static/deep/a.txt"]);
        inputs.save(&path.join("inputs.json"));
        assert_eq!(Inputs::load(&path.join("inputs.json")), Some(inputs));
    }
}

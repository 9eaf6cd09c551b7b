//! Which language a folder is written in, from what lies there.

use super::problem::{brief, list, missing};
use crate::diagnostic::Diagnostic;
use std::path::Path;

/// The files that tell a kind of build.
const MARKERS: [(&str, &[&str]); 4] = [
    ("rust", &["Cargo.toml"]),
    ("go", &["go.mod", "main.go"]),
    ("python", &["pyproject.toml", "requirements.txt"]),
    ("node", &["package.json"]),
];

/// The kind of build that a folder asks for, and the file that tells it. `shown` is what the user wrote.
///
/// # Errors
/// Without a path and span: the folder is not there, nothing in it tells, or two things do.
pub(super) fn find(folder: &Path, shown: &str) -> Result<(&'static str, &'static str), Diagnostic> {
    if !folder.exists() {
        return Err(missing(folder, shown, "folder"));
    }
    if !folder.is_dir() {
        return Err(not_a_folder(shown));
    }
    match candidates(folder)[..] {
        [found] => Ok(found),
        [] => of_sources(folder).ok_or_else(|| nothing_found(folder, shown)),
        ref several => Err(ambiguous(shown, several)),
    }
}

fn candidates(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let marker = |markers: &[&'static str]| markers.iter().copied().find(|marker| folder.join(marker).is_file());
    MARKERS.iter().filter_map(|(kind, markers)| Some((*kind, marker(markers)?))).collect()
}

/// The files of each language that a folder without any of the markers may consist of.
const SOURCES: [(&str, &str, &[&str]); 3] =
    [("go", "*.go", &["go"]), ("python", "*.py", &["py"]), ("node", "*.js", &["js", "mjs", "cjs", "ts", "mts", "cts"])];

/// The language of the sources that lie in a folder, where they are of one alone. Those of Go need not be called `main.go`
/// where a module lies above.
fn of_sources(folder: &Path) -> Option<(&'static str, &'static str)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let endings: Vec<_> = entries.filter_map(|entry| Some(entry.path().extension()?.to_str()?.to_owned())).collect();
    let mut found = SOURCES.iter().filter(|(.., own)| endings.iter().any(|ending| own.contains(&ending.as_str())));
    match (found.next(), found.next()) {
        (Some((kind @ "go", shown, _)), _) | (Some((kind, shown, _)), None) => Some((kind, shown)),
        _ => None,
    }
}

fn not_a_folder(shown: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("wrong-file-type", "A path of the package leads to something else")
        .detail(format!("`{shown}` is not a folder; `build` takes the folder with the sources."));
    match Path::new(shown).parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => diagnostic.hint(format!("`{}` is the folder that it lies in", brief(parent))),
        None => diagnostic.hint("a program that is there already is given as `code = { file = \"PATH\" }`"),
    }
}

fn nothing_found(folder: &Path, shown: &str) -> Diagnostic {
    let all: Vec<&str> = MARKERS.iter().flat_map(|(_, markers)| markers.iter().copied()).collect();
    let diagnostic = Diagnostic::error("no-language", "Nothing tells how to build this folder")
        .detail(format!("There is none of {} in `{shown}`.", list(&all)))
        .hint("for anything else: `build = { kind = \"command\", path = \"…\", command = \"…\", output = \"…\" }`");
    match deeper(folder, shown) {
        Some(below) => diagnostic.hint(below),
        None => diagnostic,
    }
}

/// The first folder below that could be built.
fn deeper(folder: &Path, shown: &str) -> Option<String> {
    let mut below: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    below.sort();
    let (path, (_, marker)) = below.iter().find_map(|path| Some((path, *candidates(path).first()?)))?;
    let path = Path::new(shown).join(path.file_name()?);
    Some(format!("`{}` has a `{marker}`; is it meant?", brief(&path)))
}

fn ambiguous(shown: &str, found: &[(&str, &str)]) -> Diagnostic {
    let markers: Vec<&str> = found.iter().map(|(_, marker)| *marker).collect();
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
    let diagnostic = Diagnostic::error("two-languages", "A folder could be built in two ways").detail(format!(
        "`{shown}` has {}, which ask for builds of the kinds {}.",
        list(&markers),
        list(&kinds)
    ));
    kinds
        .iter()
        .fold(diagnostic, |diagnostic, kind| diagnostic.hint(format!("to choose: `build = {{ kind = \"{kind}\", path = \"{shown}\" }}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn each_language_is_told_by_its_files() {
        for (files, expected) in [
            (&["Cargo.toml", "src/main.rs"][..], ("rust", "Cargo.toml")),
            (&["go.mod", "main.go"], ("go", "go.mod")),
            (&["main.go"], ("go", "main.go")),
            (&["handler.go", "README.md"], ("go", "*.go")),
            (&["handler.go", "tool.py"], ("go", "*.go")),
            (&["app.py", "README.md"], ("python", "*.py")),
            (&["index.mjs", "data.json"], ("node", "*.js")),
            (&["requirements.txt"], ("python", "requirements.txt")),
            (&["pyproject.toml", "requirements.txt"], ("python", "pyproject.toml")),
            (&["package.json", "web/Cargo.toml"], ("node", "package.json")),
        ] {
            assert_eq!(find(folder(files).path(), "x"), Ok(expected), "{files:?}");
        }
    }

    fn told(files: &[&str], shown: &str) -> String {
        let folder = folder(files);
        let problem = find(&folder.path().join(shown), shown).unwrap_err();
        format!("{}: {}\n{}", problem.code, problem.detail, problem.hints.join("\n"))
    }

    #[test]
    fn what_tells_nothing_or_too_much_is_refused() {
        insta::assert_snapshot!(told(&["f/Cargo.toml", "f/package.json"], "f"), @r#"
        two-languages: `f` has `Cargo.toml`, `package.json`, which ask for builds of the kinds `rust`, `node`.
        to choose: `build = { kind = "rust", path = "f" }`
        to choose: `build = { kind = "node", path = "f" }`
        "#);
        assert!(told(&["f/app.py", "f/index.js"], "f").starts_with("no-language"));
        insta::assert_snapshot!(told(&["f/src/x", "f/hash/Cargo.toml"], "f"), @r#"
        no-language: There is none of `Cargo.toml`, `go.mod`, `main.go`, `pyproject.toml`, `requirements.txt`, `package.json` in `f`.
        for anything else: `build = { kind = "command", path = "…", command = "…", output = "…" }`
        `f/hash` has a `Cargo.toml`; is it meant?
        "#);
        insta::assert_snapshot!(told(&["lambdas/hash/Cargo.toml"], "lambdas/hahs"), @r"
        missing-file: There is no folder `lambdas/hahs`.
        `hash` lies in the same folder; is it meant?
        ");
        insta::assert_snapshot!(told(&["hash/Cargo.toml"], "hash/Cargo.toml"), @r"
        wrong-file-type: `hash/Cargo.toml` is not a folder; `build` takes the folder with the sources.
        `hash` is the folder that it lies in
        ");
    }
}

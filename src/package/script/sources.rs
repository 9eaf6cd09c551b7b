//! The files of a folder that belong to its package.

use crate::diagnostic::Diagnostic;
use crate::package::contents::Entry;
use crate::package::filter::Filter;
use crate::package::fingerprint::check_pattern;
use crate::package::own::Own;
use crate::package::walk::walk_but;
use std::path::{Path, PathBuf};

/// What is no part of any package: version control, settings of editors, environments, and what tools leave behind.
const LEFTOVERS: [&str; 21] = [
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".github",
    ".editorconfig",
    ".hg",
    ".svn",
    ".venv",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".idea",
    ".vscode",
    ".DS_Store",
    ".aws-sam",
    ".serverless",
    "cdk.out",
];
/// Files that say of a folder that it is an environment of Python's, or a cache.
const TELLING: [&str; 2] = ["pyvenv.cfg", "CACHEDIR.TAG"];

/// Which files are taken.
#[derive(Clone, Debug, Default)]
pub(in crate::package) struct Selection {
    /// Where they lie.
    pub folder: PathBuf,
    /// The folder as the user wrote it.
    pub shown: String,
    /// Patterns of those that are taken; all where empty.
    pub include: Vec<String>,
    /// Patterns of those that are not.
    pub exclude: Vec<String>,
    /// Names of folders and files that are not.
    pub left_out: &'static [&'static str],
    /// What else is not.
    pub own: Own,
}

impl Selection {
    /// The files, sorted by name.
    ///
    /// # Errors
    /// When something cannot be read or cannot lie in a package.
    pub fn entries(&self) -> Result<Vec<Entry>, Diagnostic> {
        let left_out = self.left_out;
        let walked = walk_but(&self.folder, &self.shown, "", &self.own, move |path, is_folder| is_leftover(path, is_folder, left_out))?;
        let mut entries = Filter::of(&self.include, &self.exclude).choose(walked)?;
        entries.sort();
        Ok(entries)
    }
}

fn is_leftover(path: &Path, is_folder: bool, left_out: &[&str]) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_compiled = || path.extension().is_some_and(|extension| extension == "pyc");
    let is_telling = || is_folder && TELLING.iter().any(|file| path.join(file).is_file());
    LEFTOVERS.contains(&name) || left_out.contains(&name) || is_compiled() || is_telling()
}

/// Patterns that cannot be understood.
pub(in crate::package) fn check_patterns(key: &str, patterns: &[String]) -> Option<Diagnostic> {
    patterns.iter().find_map(|pattern| {
        let reason = check_pattern(pattern).err()?;
        let detail = format!("`{pattern}` in `build.{key}`: {reason}.");
        Some(Diagnostic::error("bad-pattern", "A pattern cannot be understood").detail(detail))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str], include: &[&str], exclude: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if file.ends_with(".lambdoignore") { "notes" } else { "x" }).unwrap();
        }
        let [include, exclude] = [include, exclude].map(|patterns| patterns.iter().map(ToString::to_string).collect());
        let own = Own::new([folder.path().join("state")]);
        let selection =
            Selection { folder: folder.path().into(), include, exclude, left_out: &["node_modules"], own, ..Selection::default() };
        selection.entries().unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn what_tools_leave_behind_stays_and_everything_else_comes_along() {
        let files = [
            "app.py",
            "tests/test_app.py",
            "lib/state/x",
            ".hidden",
            "__pycache__/app.pyc",
            "lib/__pycache__/x",
            "old.pyc",
            ".venv/bin/python",
            "env/pyvenv.cfg",
            "env/lib/x",
            "cache/CACHEDIR.TAG",
            "node_modules/x",
            ".git/HEAD",
            ".gitignore",
            "lib/.gitattributes",
            ".github/workflows/x.yml",
            ".editorconfig",
            "lib/.gitkeep",
            "state/x",
            ".lambdoignore",
            "notes",
        ];
        assert_eq!(names(&files, &[], &[]), [".hidden", "app.py", "lib/.gitkeep", "lib/state/x", "tests/test_app.py"]);
    }

    #[test]
    fn patterns_match_files_and_folders() {
        let files = ["a.py", "lib/b.py", "lib/data/c.txt", "tests/d.py"];
        assert_eq!(names(&files, &["lib"], &[]), ["lib/b.py", "lib/data/c.txt"]);
        assert_eq!(names(&files, &["**/*.py"], &["tests/**"]), ["a.py", "lib/b.py"]);
        assert_eq!(names(&files, &[], &["./lib/data/"]), ["a.py", "lib/b.py", "tests/d.py"]);
        assert_eq!(check_patterns("include", &["a[".to_owned()]).unwrap().code, "bad-pattern");
    }
}

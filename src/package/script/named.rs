//! Files and folders of this machine that words name: flags of tools, lines of requirements, variables.

use super::sources::Selection;
use crate::diagnostic::Diagnostic;
use crate::package::own::Own;
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};

/// Flags whose values are places that a tool writes to.
const WRITTEN: [&str; 5] = ["--cache-dir", "--cache", "--log", "--logs-dir", "--report"];

/// What flags name, whatever the flags are called: `--find-links DIR`, `--tsconfig=FILE`, `-cFILE`, `--alias:x=./y`. What
/// is taken for a name and is none only makes a build too many.
pub(in crate::package) fn by_flags(flags: &[String], folder: &Path) -> Vec<PathBuf> {
    let is_written = |at: usize| {
        let own = flags[at].split('=').next().unwrap_or_default();
        WRITTEN.contains(&own) || at > 0 && WRITTEN.contains(&flags[at - 1].as_str())
    };
    let words = (0..flags.len()).filter(|at| !is_written(*at)).map(|at| flags[at].as_str());
    words.flat_map(parts).filter_map(|word| place(word, folder)).collect()
}

/// A flag as a whole, and what may be its value.
fn parts(flag: &str) -> impl Iterator<Item = &str> {
    let after = |mark: char| flag.split_once(mark).map(|(_, value)| value);
    let after_short = flag.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| rest.get(1..));
    let after_last = flag.rsplit_once(['=', ':']).map(|(_, value)| value);
    [Some(flag), after('='), after(':'), after_short, after_last].into_iter().flatten()
}

/// The file or folder that a word names from `folder` on, where it is there.
pub(in crate::package) fn place(word: &str, folder: &Path) -> Option<PathBuf> {
    let path = match word.strip_prefix("file:") {
        None => word.to_owned(),
        Some(url) => {
            let path = url.strip_prefix("//").map_or(url, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            percent_decode_str(path.split(['#', '?']).next()?).decode_utf8().ok()?.into_owned()
        }
    };
    let path = folder.join(&path);
    (!word.is_empty() && path.exists()).then_some(path)
}

/// A file, or all files of a folder that somebody would install or bundle.
///
/// # Errors
/// When a folder cannot be read.
pub(in crate::package) fn files(place: PathBuf, own: &Own) -> Result<Vec<PathBuf>, Diagnostic> {
    if !place.is_dir() {
        return Ok(vec![place]);
    }
    let shown = place.display().to_string();
    let selection =
        Selection { folder: place, shown, left_out: &["build", "dist", "node_modules"], own: own.clone(), ..Selection::default() };
    Ok(selection.entries()?.into_iter().map(|entry| entry.path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_there_is_named_in_every_form_of_a_flag() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["wheels/a.whl", "c.txt", "with space"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let shown = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        for (flags, expected) in [
            (&["--find-links", "wheels"][..], &["wheels"][..]),
            (&["--find-links=./wheels/"], &["./wheels/"]),
            (&["-cc.txt", "-f", "wheels"], &["c.txt", "wheels"]),
            (&["wheels/a.whl"], &["wheels/a.whl"]),
            (&["--alias:x=./c.txt", "--inject:c.txt"], &["c.txt"]),
            (&["--index-url=https://example.com", "-v", "--no-index", "=", "missing"], &[]),
            (&["--cache-dir", "wheels", "--log=c.txt"], &[]),
            (&["-f", "file:with%20space#x=y"], &["with space"]),
        ] {
            let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
            let mut named: Vec<String> =
                by_flags(&flags, folder.path()).into_iter().map(shown).map(|path| path.trim_end_matches('/').to_owned()).collect();
            named.dedup();
            let expected: Vec<&str> = expected.iter().map(|path| path.trim_end_matches('/').trim_start_matches("./")).collect();
            assert_eq!(named, expected, "{flags:?}");
        }
        let files = |name: &str| files(folder.path().join(name), &Own::default()).unwrap();
        assert_eq!((files("wheels"), files("c.txt")), (vec![folder.path().join("wheels/a.whl")], vec![folder.path().join("c.txt")]));
    }
}

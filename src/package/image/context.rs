//! What an engine is given: the context without what its ignore file leaves out.

use crate::diagnostic::Diagnostic;
use crate::package::fingerprint::{Excluded, inputs};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of the context by name, as far as the build can see them.
pub(super) fn files(context: &Path, dockerfile: &Path, excluded: &Excluded) -> Result<BTreeMap<String, PathBuf>, Diagnostic> {
    let ignored = Ignored::read(context, dockerfile);
    let mut files = inputs(context, None, excluded)?;
    files.retain(|name, _| !ignored.covers(name));
    Ok(files)
}

/// The patterns of a `.dockerignore`; the last one that matches counts.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
struct Ignored(Vec<(GlobMatcher, bool)>);

impl Ignored {
    /// One of the Dockerfile's own beats that of the context.
    fn read(context: &Path, dockerfile: &Path) -> Self {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let text = fs::read_to_string(own).or_else(|_| fs::read_to_string(context.join(".dockerignore")));
        Self::parse(&text.unwrap_or_default())
    }

    /// A pattern that cannot be understood ignores nothing: the worst that follows is a build too many.
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.filter_map(pattern).collect())
    }

    fn covers(&self, name: &str) -> bool {
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        let paths: Vec<&str> = folders.chain([name]).collect();
        let last = self.0.iter().rev().find(|(glob, _)| paths.iter().any(|path| glob.is_match(path)));
        last.is_some_and(|(_, is_ignored)| *is_ignored)
    }
}

fn pattern(line: &str) -> Option<(GlobMatcher, bool)> {
    let (line, is_ignored) = line.strip_prefix('!').map_or((line, true), |line| (line.trim(), false));
    let parts: Vec<&str> = line.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let glob = GlobBuilder::new(&parts.join("/")).literal_separator(true).build().ok()?;
    Some((glob.compile_matcher(), is_ignored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::own::Own;

    #[test]
    fn the_last_pattern_that_matches_counts() {
        let ignored = Ignored::parse("# comment\n*.log\n/target/\n**/node_modules\ndocs/*\n!docs/keep.md\n./a/b\n[\n");
        for (name, expected) in [
            ("a.log", true),
            ("sub/a.log", false),
            ("target/x/y", true),
            ("sub/target/x", false),
            ("node_modules/x", true),
            ("sub/node_modules/x/y", true),
            ("docs/a.md", true),
            ("docs/keep.md", false),
            ("a/b/c", true),
            ("a/c", false),
            ("main.go", false),
        ] {
            assert_eq!(ignored.covers(name), expected, "{name}");
        }
    }

    #[test]
    fn a_dockerfile_may_have_an_ignore_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a", ""), ("b", ""), (".dockerignore", "a"), ("Dockerfile.dockerignore", "b"), (".git/HEAD", "")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let excluded = Excluded::new(folder.path(), Path::new("o"), &Own::default(), false);
        let names = |dockerfile: &str| -> Vec<String> {
            files(folder.path(), &folder.path().join(dockerfile), &excluded).unwrap().into_keys().filter(|name| name.len() == 1).collect()
        };
        assert_eq!((names("Dockerfile"), names("Other")), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}

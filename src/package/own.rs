//! What lambdo and its builds write beside the sources. It never belongs to what is made from those: a package that
//! held it would differ after every run.

use ignore::DirEntry;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders of states, and what builds make, with links resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    states: Vec<PathBuf>,
    made: Vec<PathBuf>,
}

impl Own {
    /// The folders of states, which need not be there yet.
    pub fn new(states: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { states: states.into_iter().map(|path| real(&path)).collect(), made: Vec::new() }
    }

    /// The same and what builds make.
    pub(super) fn and(mut self, made: impl IntoIterator<Item = PathBuf>) -> Self {
        self.made.extend(made.into_iter().map(|path| real(&path)));
        self
    }

    /// The same without what builds make, for tools that may be told to take that along.
    pub(super) fn states(&self) -> Self {
        Self { states: self.states.clone(), made: Vec::new() }
    }

    /// The same for who looks through `root`: whatever `root` itself lies in was asked for.
    pub(super) fn seen_from(&self, root: &Path) -> Self {
        let root = real(root);
        let outside = |paths: &[PathBuf]| paths.iter().filter(|own| !root.starts_with(own)).cloned().collect();
        Self { states: outside(&self.states), made: outside(&self.made) }
    }

    /// What of it lies below `root`, relative to that, for programs that look through `root` themselves.
    pub(super) fn below(&self, root: &Path) -> Vec<PathBuf> {
        let root = real(root);
        let inner: BTreeSet<&Path> = self.all().filter_map(|own| own.strip_prefix(&root).ok()).collect();
        inner.into_iter().filter(|inner| !inner.as_os_str().is_empty()).map(Path::to_owned).collect()
    }

    /// Whether something that was found is part of it, by whatever way it was reached.
    pub(super) fn covers(&self, found: &DirEntry) -> bool {
        let path = found.path();
        // Links are resolved only where they matter, since every file of a package is asked for.
        let may_lead = found.path_is_symlink() || self.all().any(|own| own.file_name() == path.file_name());
        may_lead && path.canonicalize().is_ok_and(|real| self.all().any(|own| real.starts_with(own)))
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.states.iter().chain(&self.made)
    }
}

/// A path with links resolved, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|ancestor| Some((ancestor.canonicalize().ok()?, path.strip_prefix(ancestor).ok()?)));
    // What is missing yet has no links in it.
    there.map_or_else(|| path.clone(), |(there, rest)| there.join(rest).components().collect())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use ignore::WalkBuilder;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn found(own: &Own, root: &Path) -> Vec<String> {
        let own = own.seen_from(root);
        let walker =
            WalkBuilder::new(root).standard_filters(false).follow_links(true).filter_entry(move |entry| !own.covers(entry)).build();
        let files = walker.flatten().filter(|entry| entry.path().is_file());
        let mut names: Vec<String> = files.map(|entry| entry.path().strip_prefix(root).unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_known_by_whatever_way_it_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("real");
        for file in ["app/main.py", "app/state/mine.py", "state/demo.json", "state/build/x/app.py", "bin/out"] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        symlink("../state", root.join("app/link")).unwrap();
        symlink("../state/demo.json", root.join("app/file")).unwrap();
        symlink("real", folder.path().join("linked")).unwrap();
        let linked = folder.path().join("linked");
        for own in [root.join("state"), linked.join("app/../state"), linked.join("app/link")] {
            let own = Own::new([own, root.join("bin/out"), root.join("not/there")]);
            for root in [root.clone(), linked.clone(), root.join("app/..")] {
                assert_eq!(found(&own, &root), ["app/main.py", "app/state/mine.py"], "{}", root.display());
            }
            assert_eq!(found(&own, &root.join("state/build/x")), ["app.py"], "what was asked for is taken");
            assert_eq!(own.below(&linked), ["bin/out", "not/there", "state"].map(PathBuf::from));
            assert_eq!(own.clone().and([root.join("made")]).states(), own);
        }
    }
}

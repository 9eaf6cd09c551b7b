//! What setuptools leaves in the sources of a package that is installed from its folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What says of a folder that a package is built in it.
const PROJECTS: [&str; 3] = ["setup.py", "setup.cfg", "pyproject.toml"];
/// What setuptools makes in its folder `build`: these, and others with the name of the system behind a dot.
const STEPS: [&str; 4] = ["lib", "bdist", "temp", "scripts"];
const BUILD: &str = "build";

/// The folders that are installed, with what was left in them.
pub(super) struct Leftovers {
    folders: Vec<(PathBuf, bool)>,
}

impl Leftovers {
    /// Looks into folders that are required.
    pub fn of(folders: &BTreeSet<PathBuf>) -> Self {
        let folders = folders.iter().filter_map(|folder| folder.canonicalize().ok());
        Self { folders: folders.map(|folder| (folder.clone(), is_made(&folder))).collect() }
    }

    /// Whether a file was left by a build, so that it is no source.
    pub fn has(&self, path: &Path) -> bool {
        let Some(path) = Some(path).filter(|_| !self.folders.is_empty()).and_then(|path| path.canonicalize().ok()) else { return false };
        self.folders.iter().any(|(folder, has_build)| {
            let Ok(inner) = path.strip_prefix(folder) else { return false };
            let is_metadata = inner.parent().is_some_and(|above| above.iter().any(|part| part.to_string_lossy().ends_with(".egg-info")));
            is_metadata || (*has_build && inner.starts_with(BUILD))
        })
    }
}

/// Whether its folder `build` has nothing in it but what setuptools makes.
fn is_made(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join(BUILD)) else { return false };
    let is_step = |name: &str| STEPS.contains(&name.split(['.', '-']).next().unwrap_or_default());
    let mut entries = entries.flatten();
    PROJECTS.iter().any(|name| folder.join(name).is_file())
        && entries.all(|entry| entry.path().is_dir() && is_step(&entry.file_name().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_build_left_in_an_installed_folder_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "local/setup.py",
            "local/src/local/x.py",
            "local/src/local.egg-info/PKG-INFO",
            "local/build/lib/local/x.py",
            "local/build/bdist.linux-x86_64/x",
            "other/setup.py",
            "other/build/lib/x.py",
            "other/build/rules.py",
            "build/lib/x.py",
            "app.egg-info/PKG-INFO",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let place = |file: &str| root.path().join(file);
        let leftovers = Leftovers::of(&BTreeSet::from([place("./local"), place("other")]));
        for file in ["local/src/local.egg-info/PKG-INFO", "local/build/lib/local/x.py", "local/build/bdist.linux-x86_64/x"] {
            assert!(leftovers.has(&place(file)), "{file}");
        }
        for file in ["local/setup.py", "local/src/local/x.py", "other/build/lib/x.py", "build/lib/x.py", "app.egg-info/PKG-INFO"] {
            assert!(!leftovers.has(&place(file)), "{file}");
        }
        assert!(!Leftovers::of(&BTreeSet::new()).has(&place("app.egg-info/PKG-INFO")));
    }
}

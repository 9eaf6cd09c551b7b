//! Where Go's modules and workspaces begin.

use std::path::{Path, PathBuf};

/// The files above a folder that decide how Go builds in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The `go.mod` of the module.
    pub module: Option<PathBuf>,
    /// The `go.work` of the workspace.
    pub workspace: Option<PathBuf>,
}

impl Place {
    /// Looks upward from `folder`, as Go does.
    pub fn find(folder: &Path) -> Self {
        let above = |name: &str| folder.ancestors().map(|ancestor| ancestor.join(name)).find(|path| path.is_file());
        Self { module: above("go.mod"), workspace: above("go.work") }
    }

    /// Whether there is neither a module nor a workspace: then only the standard library can be imported, and
    /// the program is the files of its folder.
    pub fn is_lone(&self) -> bool {
        self.module.is_none() && self.workspace.is_none()
    }

    /// The folders that a build reads from.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        [&self.workspace, &self.module].into_iter().flatten().filter_map(|file| file.parent())
    }

    /// The files that say which modules are used.
    pub fn files(&self) -> Vec<PathBuf> {
        let beside = |file: &PathBuf, names: &[&str]| names.iter().map(|name| file.with_file_name(name)).collect::<Vec<_>>();
        let of_module = self.module.iter().flat_map(|file| beside(file, &["go.mod", "go.sum", "vendor/modules.txt"]));
        let of_workspace = self.workspace.iter().flat_map(|file| beside(file, &["go.work", "go.work.sum", "vendor/modules.txt"]));
        of_module.chain(of_workspace).filter(|path| path.is_file()).collect()
    }

    /// The version that the module or workspace asks for, such as `1.25.4`.
    pub fn wanted_version(&self) -> Option<String> {
        let lines = self.version_lines();
        let value = |word: &str| lines.iter().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).map(str::trim);
        let toolchain = value("toolchain").and_then(|name| name.strip_prefix("go"));
        toolchain.or_else(|| value("go")).map(|version| version.split(['-', ' ']).next().unwrap_or(version).to_owned())
    }

    /// The lines by which Go chooses its own version; a workspace's beat a module's.
    pub fn version_lines(&self) -> Vec<String> {
        let file = self.workspace.as_ref().or(self.module.as_ref());
        let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let is_version = |line: &&str| line.starts_with("go ") || line.starts_with("toolchain ");
        text.lines().map(str::trim).filter(is_version).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_sought_upward_and_says_its_version() {
        let top = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = top.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("app/api/get/main.go", "");
        let place = || Place::find(&top.path().join("app/api/get"));
        assert!(place().is_lone() && place().wanted_version().is_none());
        write("app/go.mod", "module x\n\ngo 1.24\n");
        write("app/go.sum", "");
        assert_eq!((place().is_lone(), place().wanted_version().as_deref()), (false, Some("1.24")));
        assert_eq!(place().files(), ["go.mod", "go.sum"].map(|name| top.path().join("app").join(name)));
        write("app/go.mod", "module x\ngo 1.24\ntoolchain go1.25.4-custom\n");
        assert_eq!(place().wanted_version().as_deref(), Some("1.25.4"));
        write("go.work", "go 1.26.1\nuse ./app\n");
        assert_eq!(place().wanted_version().as_deref(), Some("1.26.1"));
        assert_eq!(place().folders().count(), 2);
    }
}

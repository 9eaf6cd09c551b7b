//! Where Go's modules and workspaces begin, and which others they name by path.

use std::collections::BTreeSet;
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
    /// Looks upward from `folder`, as Go does; `GOWORK` may name another workspace, or say that there is none.
    pub fn find(folder: &Path, gowork: Option<&str>) -> Self {
        let above = |name: &str| folder.ancestors().map(|ancestor| ancestor.join(name)).find(|path| path.is_file());
        let workspace = match gowork {
            Some("off") => None,
            Some(path) => Some(PathBuf::from(path)),
            None => above("go.work"),
        };
        Self { module: above("go.mod"), workspace }
    }

    /// Whether there is neither a module nor a workspace: then only the standard library can be imported, and
    /// the program is the files of its folder.
    pub fn is_lone(&self) -> bool {
        self.module.is_none() && self.workspace.is_none()
    }

    /// The folders that a build reads from: of the workspace, of the module, and of those that they name by path.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders: BTreeSet<PathBuf> = self.workspace.iter().flat_map(|file| folders_after(file, "use")).collect();
        folders.extend([&self.workspace, &self.module].into_iter().flatten().filter_map(|file| Some(file.parent()?.to_owned())));
        let files: Vec<PathBuf> = self.workspace.iter().cloned().chain(folders.iter().map(|folder| folder.join("go.mod"))).collect();
        folders.extend(files.iter().flat_map(|file| folders_after(file, "replace")));
        folders
    }

    /// The files that say which modules are used; `packages` are the folders of those that are compiled.
    pub fn files<'a>(&self, packages: impl Iterator<Item = &'a PathBuf>) -> BTreeSet<PathBuf> {
        let nearest = |folder: &'a PathBuf| folder.ancestors().find(|folder| folder.join("go.mod").is_file()).map(Path::to_owned);
        let modules = self.folders().into_iter().chain(packages.filter_map(nearest));
        let of_modules = modules.flat_map(|folder| ["go.mod", "go.sum", "vendor/modules.txt"].map(|name| folder.join(name)));
        let of_workspace = self.workspace.iter().flat_map(|file| [file.clone(), file.with_extension("work.sum")]);
        of_modules.chain(of_workspace).filter(|path| path.is_file()).collect()
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

/// The folders that a `go.mod` or `go.work` names after a word, which stands in each line or before a block of them.
/// <https://go.dev/ref/mod#go-mod-file-lexical>
fn folders_after(file: &Path, wanted: &str) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let base = file.parent().unwrap_or(Path::new("."));
    let (mut block, mut found) = ("", Vec::new());
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (word, rest) = if block.is_empty() { (word, rest.trim()) } else { (block, line) };
        if line == ")" {
            block = "";
        } else if rest == "(" {
            block = word;
        } else if word == wanted {
            let path = rest.rsplit("=>").next().unwrap_or(rest).trim().trim_matches(['"', '`']);
            // A replacement may also be another module, whose path begins with a name.
            let is_path = wanted == "use" || path.starts_with('.') || Path::new(path).is_absolute();
            found.extend((is_path && !path.is_empty()).then(|| normal(&base.join(path))));
        }
    }
    found
}

/// Without `.` and `..`, so that one folder has one name.
fn normal(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let top = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = top.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let path = top.path().canonicalize().unwrap();
        (top, path)
    }

    #[test]
    fn a_module_is_sought_upward_and_says_its_version() {
        let (_kept, top) = machine(&[("app/api/get/main.go", "")]);
        let write = |name: &str, text: &str| std::fs::write(top.join(name), text).unwrap();
        let place = || Place::find(&top.join("app/api/get"), None);
        assert!(place().is_lone() && place().wanted_version().is_none());
        write("app/go.mod", "module x\n\ngo 1.24\n");
        write("app/go.sum", "");
        assert_eq!((place().is_lone(), place().wanted_version().as_deref()), (false, Some("1.24")));
        assert_eq!(place().files([].iter()), ["go.mod", "go.sum"].map(|name| top.join("app").join(name)).into());
        write("app/go.mod", "module x\ngo 1.24\ntoolchain go1.25.4-custom\n");
        assert_eq!(place().wanted_version().as_deref(), Some("1.25.4"));
        write("go.work", "go 1.26.1\nuse ./app\n");
        assert_eq!(place().wanted_version().as_deref(), Some("1.26.1"));
        assert_eq!(place().folders().len(), 2);
        assert!(Place::find(&top.join("app/api/get"), Some("off")).workspace.is_none());
        assert_eq!(Place::find(&top.join("app"), Some("/x/go.work")).workspace, Some("/x/go.work".into()));
    }

    #[test]
    fn modules_that_are_named_by_path_count_wherever_they_lie() {
        let work = "go 1.25\nuse ./app // the program\nuse (\n\t../shared\n\t\"./with space\"\n)\nreplace a => ./a\n";
        let module = "module app\nrequire x v1.0.0\nreplace x v1.0.0 => ../x\nreplace (\n\ty => example.com/z v1.0.0\n\tz => ../../z\n)\n";
        let (_kept, top) = machine(&[
            ("w/go.work", work),
            ("w/go.work.sum", ""),
            ("w/app/go.mod", module),
            ("shared/go.mod", "module shared\nreplace q => ./q\n"),
            ("shared/go.sum", ""),
            ("shared/q/go.mod", ""),
            ("w/with space/go.mod", ""),
            ("w/a/go.mod", ""),
            ("w/x/go.mod", "replace no => ../no\n"),
            ("z/go.mod", ""),
            ("no/go.mod", ""),
            ("w/near/go.mod", ""),
        ]);
        let place = Place::find(&top.join("w/app"), None);
        let packages = [top.join("w/near/inner")];
        let files = place.files(packages.iter());
        let names: Vec<&str> = files.iter().map(|path| path.strip_prefix(&top).unwrap().to_str().unwrap()).collect();
        let expected = ["shared/go.mod", "shared/go.sum", "shared/q/go.mod", "w/a/go.mod", "w/app/go.mod", "w/go.work", "w/go.work.sum"];
        assert_eq!(names, [&expected[..], &["w/near/go.mod", "w/with space/go.mod", "w/x/go.mod", "z/go.mod"]].concat());
    }
}

//! What a project needs, and where that is written.

use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::problem::{missing, unreadable};
use crate::package::script::sources::Selection;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const REQUIREMENTS: &str = "requirements.txt";
const UV_LOCK: &str = "uv.lock";
const PROJECT: &str = "pyproject.toml";
/// Lock files that only their own tool reads, and how it writes one that others read.
const OTHER_LOCKS: [(&str, &str); 3] = [
    ("poetry.lock", "poetry export -f requirements.txt -o requirements.txt"),
    ("pdm.lock", "pdm export --prod -o requirements.txt"),
    ("Pipfile.lock", "pipenv requirements > requirements.txt"),
];

/// What is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing, so that no installer is needed either.
    Nothing,
    /// What a file of requirements names.
    File {
        /// The file.
        path: PathBuf,
        /// All files that decide what is installed.
        inputs: BTreeSet<PathBuf>,
    },
    /// What uv has locked.
    Locked {
        /// `uv.lock` and `pyproject.toml`.
        inputs: BTreeSet<PathBuf>,
    },
    /// What `pyproject.toml` lists.
    Listed(Vec<String>),
}

impl Needs {
    /// Looks for it in a project's folder; `shown` is what the user wrote.
    ///
    /// # Errors
    /// When it is written in a form that nothing here reads, or cannot be read.
    pub fn of(folder: &Path, options: &Options, shown: &str) -> Result<Self, Diagnostic> {
        let has = |name: &str| folder.join(name).is_file();
        let named = options.requirements.as_deref();
        match named.unwrap_or_else(|| [REQUIREMENTS, UV_LOCK, PROJECT].into_iter().find(|name| has(name)).unwrap_or_default()) {
            "" => Self::without_files(folder, shown),
            name if !has(name) => Err(missing(&folder.join(name), &format!("{shown}/{name}"), "file")),
            name if name.ends_with(UV_LOCK) => Ok(Self::Locked { inputs: locked(folder, name) }),
            name if name.ends_with(PROJECT) => {
                if named.is_none() {
                    Self::without_files(folder, shown)?;
                }
                listed(&folder.join(name), &format!("{shown}/{name}"))
            }
            name => required(folder, name, shown),
        }
    }

    /// A lock file of another tool beside is what the user means.
    fn without_files(folder: &Path, shown: &str) -> Result<Self, Diagnostic> {
        match OTHER_LOCKS.iter().find(|(name, _)| folder.join(name).is_file()) {
            Some((name, export)) => Err(other_lock(name, export, shown)),
            None => Ok(Self::Nothing),
        }
    }

    /// The files that decide what is installed.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Nothing | Self::Listed(_) => Vec::new(),
            Self::File { inputs, .. } | Self::Locked { inputs } => inputs.iter().cloned().collect(),
        }
    }

    /// What is installed, where no file is handed to the installer.
    pub fn listed(&self) -> String {
        if let Self::Listed(names) = self { names.join("\n") } else { String::new() }
    }
}

fn other_lock(name: &str, export: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("other-lock-file", "A lock file that lambdo does not read")
        .detail(format!("`{shown}` has `{name}`, which only its own tool reads. lambdo installs from `{REQUIREMENTS}` or `{UV_LOCK}`."))
        .hint(format!("`{export}` in `{shown}` writes what is locked; lambdo then takes that"))
}

fn locked(folder: &Path, name: &str) -> BTreeSet<PathBuf> {
    let lock = folder.join(name);
    let project = lock.with_file_name(PROJECT);
    [lock, project].into_iter().filter(|file| file.is_file()).collect()
}

/// `project.dependencies` of a `pyproject.toml`
/// (<https://packaging.python.org/en/latest/specifications/pyproject-toml/>).
fn listed(path: &Path, shown: &str) -> Result<Needs, Diagnostic> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(shown, &error))?;
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        Diagnostic::error("bad-project", "The project's file cannot be read").detail(format!("`{shown}`: {}.", error.message()))
    })?;
    let project = file.get("project").and_then(Value::as_table);
    let dynamic = project.and_then(|project| project.get("dynamic")?.as_array());
    if dynamic.is_some_and(|names| names.iter().any(|name| name.as_str() == Some("dependencies"))) {
        return Err(Diagnostic::error("dynamic-dependencies", "The dependencies are only known to the project's build")
            .detail(format!("`{shown}` has `dynamic = [\"dependencies\"]`, so they are not written there."))
            .hint(format!("write them into a `{REQUIREMENTS}` beside it, or make one with `uv pip compile {PROJECT} -o {REQUIREMENTS}`")));
    }
    let names = project.and_then(|project| project.get("dependencies")?.as_array()).cloned().unwrap_or_default();
    let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(if names.is_empty() { Needs::Nothing } else { Needs::Listed(names) })
}

/// The version of Python that the project asks for, as `3.13`.
pub(super) fn wanted_version(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(".python-version")).ok()?;
    let mut parts = text.lines().next()?.trim().split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (major == "3" && is_number(minor)).then(|| format!("3.{minor}"))
}

/// A file of requirements, with the files that it names
/// (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).
fn required(folder: &Path, name: &str, shown: &str) -> Result<Needs, Diagnostic> {
    let mut reading = Reading { folder, shown, inputs: BTreeSet::new(), has_any: false };
    reading.file(&folder.join(name))?;
    let Reading { inputs, has_any, .. } = reading;
    Ok(if has_any { Needs::File { path: folder.join(name), inputs } } else { Needs::Nothing })
}

struct Reading<'a> {
    folder: &'a Path,
    shown: &'a str,
    inputs: BTreeSet<PathBuf>,
    has_any: bool,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Diagnostic> {
        if !self.inputs.insert(path.to_owned()) {
            return Ok(());
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
        text.replace("\\\n", " ").lines().map(without_comment).filter(|line| !line.is_empty()).try_for_each(|line| self.line(path, line))
    }

    fn line(&mut self, file: &Path, line: &str) -> Result<(), Diagnostic> {
        let beside = |name: &str| file.parent().unwrap_or(Path::new("")).join(name);
        if option(line, &["-e", "--editable"]).is_some() {
            return Err(editable(line, self.shown));
        }
        if let Some(name) = option(line, &["-r", "--requirement", "-c", "--constraint"]) {
            return self.file(&beside(name));
        }
        if let Some(name) = option(line, &["-f", "--find-links"]) {
            self.local(&beside(name))?;
            return self.local(&self.folder.join(name));
        }
        if line.starts_with('-') {
            return Ok(());
        }
        self.has_any = true;
        let place = line.split(" @ ").last().unwrap_or(line).split(';').next().unwrap_or(line).trim();
        match place.strip_prefix("file://").or_else(|| place.starts_with(['.', '/']).then_some(place)) {
            Some(place) => self.local(&self.folder.join(place)),
            None => Ok(()),
        }
    }

    /// What lies on this machine may change without a word in the requirements.
    fn local(&mut self, path: &Path) -> Result<(), Diagnostic> {
        if path.is_file() {
            self.inputs.insert(path.to_owned());
        } else if path.is_dir() {
            let selection = Selection {
                folder: path.to_owned(),
                shown: path.display().to_string(),
                left_out: &["build", "dist"],
                ..Selection::default()
            };
            let entries = selection.entries()?;
            self.inputs.extend(entries.into_iter().map(|entry| entry.path));
        }
        Ok(())
    }
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default().trim_end() }
}

/// What follows one of these options.
fn option<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let rest = line.strip_prefix(name)?;
        let is_short = name.len() == 2;
        (is_short || rest.starts_with([' ', '='])).then(|| rest.trim_start_matches([' ', '=']).trim())
    })
}

fn editable(line: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("editable-dependency", "An editable dependency cannot be deployed")
        .detail(format!("The requirements of `{shown}` have `{line}`, which installs only a link to a folder of this machine."))
        .hint("write the folder without `-e`: it is then installed as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn needs(files: &[(&str, &str)]) -> Result<Needs, Diagnostic> {
        Needs::of(folder(files).path(), &Options::default(), "app")
    }

    #[test]
    fn what_needs_nothing_needs_no_installer() {
        for files in [
            &[("app.py", "")][..],
            &[("requirements.txt", "# nothing\n\n--index-url https://example.com\n")],
            &[("pyproject.toml", "[project]\nname = 'x'\ndependencies = []\n")],
            &[("pyproject.toml", "[tool.black]\n")],
        ] {
            assert_eq!(needs(files), Ok(Needs::Nothing), "{files:?}");
        }
    }

    #[test]
    fn requirements_come_before_locks_and_locks_before_lists() {
        let project = ("pyproject.toml", "[project]\ndependencies = ['requests>=2', 'x']\n");
        assert!(matches!(needs(&[("requirements.txt", "x"), ("uv.lock", ""), project]), Ok(Needs::File { .. })));
        assert!(matches!(needs(&[("uv.lock", ""), ("poetry.lock", ""), project]), Ok(Needs::Locked { .. })));
        assert_eq!(needs(&[project]), Ok(Needs::Listed(vec!["requests>=2".into(), "x".into()])));
        assert_eq!(needs(&[("poetry.lock", ""), project]).unwrap_err().code, "other-lock-file");
        assert_eq!(needs(&[("Pipfile.lock", "")]).unwrap_err().code, "other-lock-file");
        assert_eq!(needs(&[("pyproject.toml", "[project]\ndynamic = ['dependencies']")]).unwrap_err().code, "dynamic-dependencies");
        assert_eq!(needs(&[("pyproject.toml", "project =")]).unwrap_err().code, "bad-project");
        let options = Options { requirements: Some("other.txt".into()), ..Options::default() };
        assert_eq!(Needs::of(folder(&[]).path(), &options, "app").unwrap_err().code, "missing-file");
    }

    #[test]
    fn whatever_a_file_of_requirements_names_counts() {
        let files = [
            (
                "requirements.txt",
                "-r more/base.txt\n./lib ; python_version > '3'\nx @ file:///nowhere/x.whl\n--find-links=wheels\na==1 \\\n  --hash=sha256:0 # why\n",
            ),
            ("more/base.txt", "-c limits.txt\nb\n"),
            ("more/limits.txt", "b<2\n"),
            ("lib/setup.py", ""),
            ("lib/build/x", ""),
            ("wheels/a-1-py3-none-any.whl", ""),
        ];
        let folder = folder(&files);
        let Needs::File { inputs, .. } = Needs::of(folder.path(), &Options::default(), "app").unwrap() else { panic!("no file") };
        let names: Vec<String> = inputs.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        assert_eq!(
            names,
            ["./lib/setup.py", "more/base.txt", "more/limits.txt", "requirements.txt", "wheels/a-1-py3-none-any.whl"]
                .map(|name| name.trim_start_matches("./"))
        );
        assert_eq!(needs(&[("requirements.txt", "-e ../shared\n")]).unwrap_err().code, "editable-dependency");
    }

    #[test]
    fn the_version_that_a_project_asks_for_is_read() {
        for (text, expected) in [("3.13\n", Some("3.13")), ("3.12.4", Some("3.12")), ("pypy3.10", None), ("", None)] {
            assert_eq!(wanted_version(folder(&[(".python-version", text)]).path()).as_deref(), expected, "{text}");
        }
    }
}

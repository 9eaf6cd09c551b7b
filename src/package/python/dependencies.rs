//! What a project needs, and where that is written.

use super::options::Options;
use super::requirements::Reading;
use crate::diagnostic::Diagnostic;
use crate::package::own::Own;
use crate::package::problem::{list, missing, unreadable};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const REQUIREMENTS: &str = "requirements.txt";
const UV_LOCK: &str = "uv.lock";
const PROJECT: &str = "pyproject.toml";
/// Files that only their own tool reads, and how it writes one that others read.
const OTHER_LOCKS: [(&str, &str); 5] = [
    ("poetry.lock", "poetry export -f requirements.txt -o requirements.txt"),
    ("pdm.lock", "pdm export --prod -o requirements.txt"),
    ("Pipfile.lock", "pipenv requirements > requirements.txt"),
    // uv installs from it, and has no command that only writes it anew (<https://peps.python.org/pep-0751/>).
    ("pylock.toml", "uv venv .locked && uv pip sync -p .locked pylock.toml && uv pip freeze -p .locked > requirements.txt"),
    ("Pipfile", "pipenv lock && pipenv requirements > requirements.txt"),
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
    },
    /// What uv has locked.
    Locked {
        /// `uv.lock`.
        path: PathBuf,
    },
    /// What `pyproject.toml` lists.
    Listed(Vec<String>),
}

impl Needs {
    /// Looks for it in a project's folder; `shown` is what the user wrote.
    ///
    /// # Errors
    /// When it is written in a form that nothing here reads, or cannot be read.
    pub fn of(folder: &Path, options: &Options, shown: &str, own: &Own) -> Result<Self, Diagnostic> {
        let has = |name: &str| folder.join(name).is_file();
        let named = options.requirements.as_deref();
        match named.unwrap_or_else(|| [REQUIREMENTS, UV_LOCK, PROJECT].into_iter().find(|name| has(name)).unwrap_or_default()) {
            "" => Self::without_files(folder, shown),
            PROJECT
                if named.is_none()
                    && let Some(path) = lock_of_workspace(folder) =>
            {
                Ok(Self::Locked { path })
            }
            name if !has(name) => Err(missing(&folder.join(name), &format!("{shown}/{name}"), "file")),
            name if name.ends_with(UV_LOCK) => Ok(Self::Locked { path: folder.join(name) }),
            name if name.ends_with(PROJECT) => {
                if named.is_none() {
                    Self::without_files(folder, shown)?;
                }
                listed(&folder.join(name), &format!("{shown}/{name}"))
            }
            name => required(folder, name, shown, own),
        }
    }

    /// A lock file of another tool beside is what the user means.
    fn without_files(folder: &Path, shown: &str) -> Result<Self, Diagnostic> {
        match OTHER_LOCKS.iter().find(|(name, _)| folder.join(name).is_file()) {
            Some((name, export)) => Err(other_lock(name, export, shown)),
            None => Ok(Self::Nothing),
        }
    }

    /// Reads all that decides what is installed.
    ///
    /// # Errors
    /// When something of it cannot be read.
    pub fn read(&self, reading: &mut Reading<'_>) -> Result<(), Diagnostic> {
        match self {
            Self::Nothing => Ok(()),
            Self::Listed(names) => names.iter().try_for_each(|name| reading.line(&reading.folder.join(PROJECT), name)),
            Self::File { path } => reading.file(path),
            Self::Locked { path } => {
                let projects = [path.with_file_name(PROJECT), reading.folder.join(PROJECT)];
                reading.inputs.extend([path.clone()].into_iter().chain(projects).filter(|file| file.is_file()));
                locked_places(path, reading.folder).into_iter().try_for_each(|place| reading.required(Some(place)))
            }
        }
    }

    /// What is installed, where no file is handed to the installer.
    pub fn listed(&self) -> String {
        if let Self::Listed(names) = self { names.join("\n") } else { String::new() }
    }
}

fn other_lock(name: &str, export: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("other-lock-file", "A file of dependencies that lambdo does not read")
        .detail(format!(
            "`{shown}` has a `{name}`, which {}. lambdo installs from `{REQUIREMENTS}` or `{UV_LOCK}`.",
            if name == "pylock.toml" { "lambdo does not read" } else { "only its own tool reads" }
        ))
        .hint(format!("`{export}` in `{shown}` writes what is locked; lambdo then takes that"))
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
    let of_poetry = file.get("tool").and_then(|tool| tool.get("poetry")?.get("dependencies")?.as_table());
    if project.is_none_or(|project| !project.contains_key("dependencies"))
        && of_poetry.is_some_and(|names| names.keys().any(|name| name != "python"))
    {
        return Err(Diagnostic::error("other-lock-file", "The dependencies are written for another tool")
            .detail(format!("`{shown}` lists them in `tool.poetry.dependencies`, which only poetry reads."))
            .hint(format!("`poetry lock && poetry export -f requirements.txt -o {REQUIREMENTS}` beside it writes what lambdo takes"))
            .hint("or list them in `project.dependencies`, which all tools read, poetry 2 among them"));
    }
    let names = project.and_then(|project| project.get("dependencies")?.as_array()).cloned().unwrap_or_default();
    let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let elsewhere: Vec<&String> = names.iter().filter(|name| has_source(&file, name)).collect();
    if elsewhere.is_empty() {
        return Ok(if names.is_empty() { Needs::Nothing } else { Needs::Listed(names) });
    }
    // An index may have something else of that name.
    Err(Diagnostic::error("unlocked-source", "A dependency comes from a place that only uv knows")
        .detail(format!("`{shown}` says in `tool.uv.sources` where {} come from, which counts only for what is locked.", list(&elsewhere)))
        .hint(format!("`uv lock` beside it writes `{UV_LOCK}`; lambdo then installs what is locked")))
}

/// Whether uv is told where a requirement comes from.
fn has_source(file: &Table, requirement: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
    let end = requirement.find(|letter: char| !(letter.is_alphanumeric() || "-_.".contains(letter))).unwrap_or(requirement.len());
    let sources = file.get("tool").and_then(|tool| tool.get("uv")?.get("sources")?.as_table());
    sources.is_some_and(|sources| sources.keys().any(|name| plain(name) == plain(&requirement[..end])))
}

/// The name of the package that lies in a folder, as its `pyproject.toml` says it.
pub(super) fn name_in(folder: &Path) -> Option<String> {
    let file: Table = fs::read_to_string(folder.join(PROJECT)).ok()?.parse().ok()?;
    Some(file.get("project")?.get("name")?.as_str()?.to_owned())
}

/// The version of Python that the project asks for, as `3.13`.
pub(super) fn wanted_version(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(".python-version")).ok()?;
    let mut parts = text.lines().next()?.trim().split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (major == "3" && is_number(minor)).then(|| format!("3.{minor}"))
}

/// A file of requirements.
fn required(folder: &Path, name: &str, shown: &str, own: &Own) -> Result<Needs, Diagnostic> {
    let mut reading = Reading::new(folder, shown, own);
    reading.file(&folder.join(name))?;
    Ok(if reading.has_any { Needs::File { path: folder.join(name) } } else { Needs::Nothing })
}

/// The lock of the workspace that a project is a member of
/// (<https://docs.astral.sh/uv/concepts/projects/workspaces/>).
fn lock_of_workspace(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let locks = folder.ancestors().skip(1).map(|above| above.join(UV_LOCK)).filter(|lock| lock.is_file());
    locks.into_iter().find(|lock| locked(lock).iter().any(|package| place(package, lock).as_ref() == Some(&folder)))
}

/// What uv has locked.
fn locked(lock: &Path) -> Vec<Value> {
    let file = fs::read_to_string(lock).ok().and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    file.get("package").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Where a package lies that is on this machine.
fn place(package: &Value, lock: &Path) -> Option<PathBuf> {
    let source = package.get("source")?.as_table()?;
    let path = ["directory", "editable", "virtual", "path"].iter().find_map(|key| source.get(*key)?.as_str())?;
    lock.parent()?.join(path).canonicalize().ok()
}

/// What lies on this machine of what the project in `folder` needs: other packages of its workspace, archives.
fn locked_places(lock: &Path, folder: &Path) -> Vec<PathBuf> {
    let packages = locked(lock);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let mut waiting: Vec<&Value> = packages.iter().filter(|package| place(package, lock).as_ref() == Some(&folder)).collect();
    let (mut seen, mut places) = (BTreeSet::new(), Vec::new());
    while let Some(package) = waiting.pop() {
        places.extend(place(package, lock).filter(|place| *place != folder));
        let optional = package.get("optional-dependencies").and_then(Value::as_table).into_iter().flat_map(|extras| extras.values());
        let lists = package.get("dependencies").into_iter().chain(optional);
        let names: BTreeSet<String> = lists.filter_map(Value::as_array).flatten().filter_map(name).collect();
        let fresh: Vec<String> = names.into_iter().filter(|name| seen.insert(name.clone())).collect();
        waiting.extend(packages.iter().filter(|package| name(package).is_some_and(|name| fresh.contains(&name))));
    }
    places
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
        Needs::of(folder(files).path(), &Options::default(), "app", &Own::default())
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
        assert_eq!(needs(&[("pylock.toml", ""), project]).unwrap_err().code, "other-lock-file");
        assert!(matches!(needs(&[("pylock.toml", ""), ("uv.lock", ""), project]), Ok(Needs::Locked { .. })), "it is an export");
        for name in ["Pipfile.lock", "Pipfile", "pylock.toml"] {
            assert_eq!(needs(&[(name, "")]).unwrap_err().code, "other-lock-file");
        }
        let poetry = "[tool.poetry.dependencies]\npython = '^3.11'\n";
        assert_eq!(needs(&[("pyproject.toml", poetry)]), Ok(Needs::Nothing));
        assert_eq!(needs(&[("pyproject.toml", &format!("{poetry}idna = '3.7'\n"))]).unwrap_err().code, "other-lock-file");
        assert_eq!(needs(&[("pyproject.toml", "[project]\ndynamic = ['dependencies']")]).unwrap_err().code, "dynamic-dependencies");
        assert_eq!(needs(&[("pyproject.toml", "project =")]).unwrap_err().code, "bad-project");
        let options = Options { requirements: Some("other.txt".into()), ..Options::default() };
        assert_eq!(Needs::of(folder(&[]).path(), &options, "app", &Own::default()).unwrap_err().code, "missing-file");
        let sources = "[project]\ndependencies = ['My_Lib>1', 'x']\n[tool.uv.sources]\nmy-lib = { path = '../lib' }\n";
        assert_eq!(needs(&[("pyproject.toml", sources)]).unwrap_err().code, "unlocked-source");
        assert!(matches!(needs(&[("pyproject.toml", sources), ("uv.lock", "")]), Ok(Needs::Locked { .. })));
        assert_eq!(needs(&[("requirements.txt", "-e ../shared\n")]).unwrap_err().code, "editable-dependency");
    }

    #[test]
    fn what_is_locked_may_lie_on_this_machine() {
        let lock = r#"
[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "lib" }, { name = "requests" }]
[package.optional-dependencies]
more = [{ name = "wheel" }]
[[package]]
name = "other"
source = { editable = "../other" }
[[package]]
name = "lib"
source = { directory = "../lib" }
[[package]]
name = "wheel"
source = { path = "x.whl" }
[[package]]
name = "requests"
source = { registry = "https://example.com" }
"#;
        let folder = folder(&[
            ("app/uv.lock", lock),
            ("app/pyproject.toml", ""),
            ("app/x.whl", ""),
            ("lib/a.py", ""),
            ("app/other.py", ""),
            ("other/a.py", ""),
        ]);
        let (app, own) = (folder.path().join("app"), Own::default());
        let mut reading = Reading::new(&app, "app", &own);
        Needs::of(&app, &Options::default(), "app", &own).unwrap().read(&mut reading).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let names: Vec<String> =
            reading.inputs.iter().map(|path| path.canonicalize().unwrap().strip_prefix(&root).unwrap().display().to_string()).collect();
        assert_eq!(names, ["app/pyproject.toml", "app/uv.lock", "app/x.whl", "lib/a.py"]);
    }

    #[test]
    fn a_member_of_a_workspace_is_locked_by_it() {
        let lock = "[[package]]\nname = 'fn'\nsource = { virtual = 'packages/fn' }\ndependencies = [{ name = 'lib' }]\n\
                    [[package]]\nname = 'lib'\nsource = { editable = 'packages/lib' }\n\
                    [[package]]\nname = 'far'\nsource = { editable = 'packages/far' }\n";
        let project = "[project]\ndependencies = ['lib']\n";
        let folder = folder(&[
            ("uv.lock", lock),
            ("packages/fn/pyproject.toml", project),
            ("packages/lib/lib.py", ""),
            ("packages/far/far.py", ""),
            ("strange/pyproject.toml", project),
        ]);
        let (member, own) = (folder.path().join("packages/fn"), Own::default());
        let needs = |folder: &Path| Needs::of(folder, &Options::default(), "app", &own).unwrap();
        assert_eq!(needs(&member), Needs::Locked { path: folder.path().canonicalize().unwrap().join("uv.lock") });
        assert_eq!(needs(&folder.path().join("strange")), Needs::Listed(vec!["lib".into()]));
        let mut reading = Reading::new(&member, "app", &own);
        needs(&member).read(&mut reading).unwrap();
        let names: Vec<&str> = reading.inputs.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["pyproject.toml", "lib.py", "uv.lock"]);
    }

    #[test]
    fn the_version_that_a_project_asks_for_is_read() {
        for (text, expected) in [("3.13\n", Some("3.13")), ("3.12.4", Some("3.12")), ("pypy3.10", None), ("", None)] {
            assert_eq!(wanted_version(folder(&[(".python-version", text)]).path()).as_deref(), expected, "{text}");
        }
    }
}

//! Calls of uv and pip.

use super::dependencies::{Needs, name_in};
use super::options::Options;
use super::platform::{self, Platform, no_python, pip_platforms, uv_platform};
use super::tidy;
use crate::diagnostic::Diagnostic;
use crate::package::call::{self, Said, tool_missing};
use crate::package::environment::Environment;
use crate::package::problem::{blocking, blocking_io, unreadable};
use crate::package::script::is_offline;
use crate::package::{BUILD_FAILED, Job};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) const UV: &str = "uv";
/// What pip says before the name of what it did not find, and uv before that of what it may not build.
const NO_MATCH: &str = "No matching distribution found for ";
const NEEDS_BUILD: &str = "Building source distributions for `";
/// What uv says before the name of a folder's package that it would have to build.
const IS_SOURCE: &str = "is disabled, but attempted to build `";
/// What uv says after a name, or before it.
const UNKNOWN: &str = "was not found in the package registry";
const NO_VERSION: &str = "there is no version of ";
/// How many versions are named.
const SHOWN_VERSIONS: usize = 5;
const NO_WHEEL_OF_UV: [&str; 3] = ["has no wheels with a matching", "has no usable wheels", "has no available distributions"];

/// An installer that is there.
enum Installer {
    Uv { program: PathBuf, python: Option<PathBuf> },
    Pip { python: PathBuf },
}

impl Installer {
    /// The one that is asked for, else uv where it is, else pip.
    fn find(job: &Job<'_>, options: &Options, platform: &Platform, environment: &Environment) -> Result<Self, Diagnostic> {
        match (options.installer.as_deref(), environment.find(UV), platform.python()) {
            (Some("uv"), None, _) => Err(no_uv(&job.build.path, "`build.installer` is `uv`")),
            (None | Some("uv"), Some(program), python) => Ok(Self::Uv { program, python: python.ok().map(Path::to_owned) }),
            (_, _, Ok(python)) => Ok(Self::Pip { python: python.to_owned() }),
            (_, _, Err(broken)) => Err(no_python(&job.build.path, options, platform::USUAL, broken)),
        }
    }

    fn program(&self) -> &Path {
        match self {
            Self::Uv { program, .. } => program,
            Self::Pip { python } => python,
        }
    }

    fn arguments(&self, platform: &Platform, requirements: &Path, to: &Path) -> Vec<String> {
        let mut arguments = match self {
            Self::Uv { python, .. } => uv_arguments(python.as_deref(), platform),
            Self::Pip { .. } => pip_arguments(platform),
        };
        let places = ["--target", &to.display().to_string(), "--requirement", &requirements.display().to_string()].map(str::to_owned);
        arguments.extend(places);
        arguments
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn uv_arguments(python: Option<&Path>, platform: &Platform) -> Vec<String> {
    let mut arguments =
        words(&["pip", "install", "--quiet", "--color=never", "--link-mode=copy", "--no-installer-metadata", "--only-binary=:all:"]);
    if let Some(python) = python {
        arguments.extend(["--python".to_owned(), python.display().to_string()]);
    }
    if let Platform::Lambda { minor, processor, .. } = platform {
        arguments.extend([format!("--python-version=3.{minor}"), format!("--python-platform={}", uv_platform(*minor, processor))]);
    }
    arguments
}

fn pip_arguments(platform: &Platform) -> Vec<String> {
    let mut arguments =
        words(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--only-binary=:all:"]);
    if let Platform::Lambda { minor, processor, .. } = platform {
        arguments.extend(["--implementation=cp".to_owned(), format!("--python-version=3.{minor}")]);
        arguments.extend(pip_platforms(*minor, processor).into_iter().map(|name| format!("--platform={name}")));
    }
    arguments
}

/// The programs that would install, as far as they are there: another version may install other files.
pub(super) fn programs(job: &Job<'_>, options: &Options, needs: &Needs, platform: &Platform, environment: &Environment) -> Vec<PathBuf> {
    if *needs == Needs::Nothing {
        return Vec::new();
    }
    let installer = Installer::find(job, options, platform, environment).ok().map(|installer| installer.program().to_owned());
    let exporter = environment.find(UV).filter(|_| matches!(needs, Needs::Locked { .. }));
    // What lies in a folder of environments is only a link to the interpreter.
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    installer.into_iter().chain(exporter).map(real).collect()
}

/// Installs into an empty folder, and takes away what would differ the next time; `folders` are those that are required.
///
/// # Errors
/// When no installer is there, or it cannot do it.
pub(super) async fn install(
    job: &Job<'_>,
    options: &Options,
    (needs, folders): (&Needs, &BTreeSet<PathBuf>),
    platform: &Platform,
    environment: &Environment,
    to: &Path,
) -> Result<(), Diagnostic> {
    let installer = Installer::find(job, options, platform, environment)?;
    let mut environment = environment.clone();
    // Nothing is downloaded but what the requirements name.
    environment.set("UV_PYTHON_DOWNLOADS", "never");
    environment.set("PYTHONDONTWRITEBYTECODE", "1");
    // Absolute, since the installer runs in the project's folder.
    let to = std::path::absolute(to).map_err(|error| unreadable(&to.display().to_string(), &error))?;
    let list = to.with_extension("requirements");
    let requirements = requirements(job, needs, &list, &environment).await?;
    let mut arguments = installer.arguments(platform, &requirements, &to);
    if let Installer::Uv { .. } = installer {
        arguments.extend(folders.iter().map(|folder| afresh(folder)));
    }
    arguments.extend(options.flags.iter().cloned());
    let said = call::run(installer.program(), &arguments, &job.path(), &environment).await;
    // It was made for this call alone, and lies where nothing reads it again.
    let _ = blocking_io(move || std::fs::remove_file(list)).await;
    let said = said?;
    if !said.status.success() {
        return Err(failed(&installer, &said, platform, &job.build.path));
    }
    blocking(move || tidy::installed(&to)).await
}

/// uv remembers what it built of a folder, and does not see that a source in it changed
/// (<https://docs.astral.sh/uv/concepts/cache/#dynamic-metadata>).
fn afresh(folder: &Path) -> String {
    name_in(folder).map_or_else(|| "--reinstall".to_owned(), |name| format!("--reinstall-package={name}"))
}

/// The file that the installer reads; `list` is where one may be written.
async fn requirements(job: &Job<'_>, needs: &Needs, list: &Path, environment: &Environment) -> Result<PathBuf, Diagnostic> {
    let text = match needs {
        Needs::File { path } => return std::path::absolute(path).map_err(|error| unreadable(&path.display().to_string(), &error)),
        Needs::Nothing => String::new(),
        Needs::Listed(names) => names.join("\n") + "\n",
        Needs::Locked { path } => exported(job, path, environment).await?,
    };
    let place = list.to_owned();
    blocking_io(move || std::fs::write(place, text)).await.map_err(|error| {
        let detail = format!("`{}` cannot be written: {error}.", list.display());
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
    })?;
    Ok(list.to_owned())
}

/// What `uv.lock` has locked, as requirements; nothing is locked anew, and a lock that is behind the project is refused.
async fn exported(job: &Job<'_>, lock: &Path, environment: &Environment) -> Result<String, Diagnostic> {
    let uv = environment.find(UV).ok_or_else(|| no_uv(&job.build.path, "`uv.lock` says what is installed"))?;
    let arguments = words(&[
        "export",
        "--quiet",
        "--color=never",
        "--locked",
        "--no-dev",
        "--no-emit-project",
        "--no-editable",
        "--no-header",
        "--format=requirements-txt",
    ]);
    let said = call::run(&uv, &arguments, &job.path(), environment).await?;
    if !said.status.success() {
        return Err(said.failed("`uv export --locked`", &job.build.path));
    }
    let beside = std::path::absolute(lock).ok().and_then(|lock| Some(lock.parent()?.to_owned())).unwrap_or_default();
    // They are written as seen from the lock, and would be read as seen from where it is installed.
    let line = |line: &String| if line.starts_with('.') { format!("{}/{line}", beside.display()) } else { line.clone() };
    Ok(said.output.iter().map(line).collect::<Vec<_>>().join("\n") + "\n")
}

fn failed(installer: &Installer, said: &Said, platform: &Platform, shown: &str) -> Diagnostic {
    let command = match installer {
        Installer::Uv { .. } => "`uv pip install`",
        Installer::Pip { .. } => "`pip install`",
    };
    let diagnostic = said.failed(command, shown);
    if is_offline(said) {
        return diagnostic
            .hint("the index of packages could not be reached; `flags = [\"--find-links\", \"FOLDER\"]` takes wheels from a folder");
    }
    if said.complains_of("No module named pip") {
        return diagnostic.hint("this Python has no pip: `python3 -m ensurepip`, the system's package `python3-pip`, or `uv`");
    }
    match Lacking::of(said) {
        Some(lacking) => lacking.told(diagnostic, platform),
        None => diagnostic,
    }
}

/// A dependency that cannot be installed, as far as the installer says it.
struct Lacking {
    name: String,
    why: Why,
}

enum Why {
    /// No version of it has a wheel that fits.
    NoWheel,
    /// It is the source itself that is asked for.
    Source,
    /// Other versions have one, such as these.
    NoVersion(Option<String>),
    /// The index has no package of this name.
    Unknown,
    /// One of the two: pip does not tell them apart.
    NoWheelOrUnknown,
}

impl Lacking {
    fn of(said: &Said) -> Option<Self> {
        let after = |mark: &str| said.errors.iter().find_map(|line| name(line.split_once(mark)?.1));
        if let Some(name) = after(NO_MATCH) {
            return Some(Self { name, why: versions(said) });
        }
        if let Some(name) = after(NEEDS_BUILD) {
            return Some(Self { name, why: Why::NoWheel });
        }
        if let Some(name) = after(IS_SOURCE) {
            return Some(Self { name, why: Why::Source });
        }
        // uv wraps its sentences, so that the name may stand in the line before.
        let text = said.errors.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let before = |words: &str| name(text.split_once(words)?.0.trim_end().rsplit(' ').next()?);
        let no_version = text.split_once(NO_VERSION).and_then(|(_, rest)| name(rest));
        let no_version = no_version.map(|name| Self { name, why: Why::NoVersion(None) });
        let unknown = || before(UNKNOWN).map(|name| Self { name, why: Why::Unknown });
        let no_wheel = || NO_WHEEL_OF_UV.iter().find_map(|words| before(words)).map(|name| Self { name, why: Why::NoWheel });
        no_version.or_else(unknown).or_else(no_wheel)
    }

    fn told(&self, said: Diagnostic, platform: &Platform) -> Diagnostic {
        let (name, shown) = (&self.name, platform.shown());
        let (summary, detail) = match &self.why {
            Why::NoWheel => {
                ("A dependency has no wheel for where the function runs", format!("There is no wheel of `{name}` for {shown}."))
            }
            Why::Source => ("A dependency has to be built first", format!("`{name}` is a source, and no wheel.")),
            Why::NoVersion(None) => ("A dependency has no such version", format!("The index has no version that is `{name}`.")),
            Why::NoVersion(Some(versions)) => (
                "A dependency has no such version for where the function runs",
                format!("No version that is `{name}` has a wheel for {shown}; the last that have one are {versions}."),
            ),
            Why::Unknown => ("A dependency is not in the index", format!("The index of packages has nothing called `{name}`.")),
            Why::NoWheelOrUnknown => (
                "A dependency was not found, or has no wheel for where the function runs",
                format!("The index has no wheel of `{name}` for {shown}, or nothing of this name at all."),
            ),
        };
        let told = Diagnostic::error(BUILD_FAILED, summary).detail(format!("{detail} {}", said.detail));
        let files = format!("<https://pypi.org> lists what there is of `{name}` under “Download files”");
        match self.why {
            Why::Unknown => told.hint("is it spelled so? what is no one's but yours needs its own index, or lies in a folder: `flags = [\"--find-links\", \"wheels\"]`"),
            Why::Source => told.hint(format!("`flags = [\"--no-binary={name}\"]` has it built here; native parts of it would be for this machine")),
            Why::NoVersion(_) => told.hint("another version, or a wider range of them, may do"),
            Why::NoWheel | Why::NoWheelOrUnknown => {
                let told = told.hint(files);
                let told = if let Platform::Lambda { .. } = platform { told.hint("another `runtime` or `architectures` may have one") } else { told };
                told.hint(format!("one of pure Python can be made here: `pip wheel --no-deps --wheel-dir wheels {name}`, then `flags = [\"--find-links\", \"wheels\"]`"))
            }
        }
    }
}

/// The name of a package at the beginning of a text.
fn name(text: &str) -> Option<String> {
    text.split([' ', '`', ';']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// What pip says of the versions that it found.
fn versions(said: &Said) -> Why {
    let found = said.errors.iter().find_map(|line| line.split_once("(from versions: ")?.1.split_once(')').map(|(versions, _)| versions));
    match found {
        Some(versions) if versions != "none" => {
            let all: Vec<&str> = versions.split(", ").collect();
            Why::NoVersion(Some(all[all.len().saturating_sub(SHOWN_VERSIONS)..].join(", ")))
        }
        _ => Why::NoWheelOrUnknown,
    }
}

fn no_uv(shown: &str, why: &str) -> Diagnostic {
    tool_missing(format!("To install what `{shown}` needs, `{UV}` is needed, and none is in the `PATH`: {why}."))
        .hint("uv comes from <https://docs.astral.sh/uv/>, or by `pip install uv`")
        .hint(format!("with a `requirements.txt`, `pip` can do it: `{} -m pip` is asked then", platform::USUAL))
}

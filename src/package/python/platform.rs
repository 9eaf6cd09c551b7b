//! For whom packages of Python are installed.

use super::dependencies::Needs;
use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::Job;
use crate::package::call::{self, tool_missing};
use crate::package::environment::Environment;
use std::path::{Path, PathBuf};

/// The glibc of Amazon Linux 2023, its minor version, which Python runs on from 3.12 on
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html>).
const GLIBC: u32 = 34;
/// That of Amazon Linux 2.
const OLD_GLIBC: u32 = 26;
/// The oldest that wheels name by its version (<https://peps.python.org/pep-0599/>).
const OLDEST_GLIBC: u32 = 17;
/// The first minor version of Python on Amazon Linux 2023.
const FIRST_ON_AL2023: u32 = 12;

/// The interpreter that is asked where nobody names one.
pub(super) const USUAL: &str = "python3";

/// What wheels must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// Lambda.
    Lambda {
        /// Minor version of Python 3.
        minor: u32,
        /// As wheels write it: `x86_64` or `aarch64`.
        processor: &'static str,
    },
    /// This machine, with an interpreter of its own.
    Here {
        /// The interpreter.
        python: PathBuf,
        /// Its version, as `3.13`.
        version: String,
    },
}

impl Platform {
    /// Where the function of a build runs.
    ///
    /// # Errors
    /// When it runs here and there is no interpreter.
    pub async fn of(job: &Job<'_>, options: &Options, needs: &Needs, environment: &Environment) -> Result<Self, Diagnostic> {
        let minor = version(job.runtime).unwrap_or_default();
        if job.for_this_machine && *needs != Needs::Nothing {
            return here(job, options, minor, environment).await;
        }
        let processor = if job.architecture == "arm64" { "aarch64" } else { "x86_64" };
        Ok(Self::Lambda { minor, processor })
    }

    /// What people call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Lambda { minor, processor: "aarch64" } => format!("Python 3.{minor} on arm64"),
            Self::Lambda { minor, .. } => format!("Python 3.{minor} on x86_64"),
            Self::Here { version, .. } => format!("Python {version} on this machine"),
        }
    }
}

/// The minor version of a runtime `python3.*`.
pub(super) fn version(runtime: &str) -> Option<u32> {
    runtime.strip_prefix("python3.")?.parse().ok()
}

/// The newest glibc, as its minor version, that a Python of Lambda's has.
fn glibc(minor: u32) -> u32 {
    if minor >= FIRST_ON_AL2023 { GLIBC } else { OLD_GLIBC }
}

/// The names of platforms for pip, those with the newest glibc first, as on the machine itself.
pub(super) fn pip_platforms(minor: u32, processor: &str) -> Vec<String> {
    let by_version = (OLDEST_GLIBC..=glibc(minor)).rev().map(|version| format!("manylinux_2_{version}_{processor}"));
    by_version.chain([format!("manylinux2014_{processor}")]).collect()
}

/// The one name of a platform for uv, which takes older wheels by itself.
pub(super) fn uv_platform(minor: u32, processor: &str) -> String {
    if glibc(minor) == GLIBC { format!("{processor}-manylinux_2_{GLIBC}") } else { format!("{processor}-manylinux2014") }
}

/// The interpreter that the local cloud would take too: of the same version, else whichever there is.
async fn here(job: &Job<'_>, options: &Options, minor: u32, environment: &Environment) -> Result<Platform, Diagnostic> {
    let exact = format!("python3.{minor}");
    let names = match &options.interpreter {
        Some(named) => vec![named.as_str()],
        None => vec![exact.as_str(), "python3", "python"],
    };
    for name in names {
        let Some(python) = find(name, &job.path(), environment) else { continue };
        let version = match named_version(&python) {
            Some(version) => Some(version),
            None => ask(&python, &job.path(), environment).await?,
        };
        if let Some(version) = version {
            return Ok(Platform::Here { python, version });
        }
    }
    Err(no_python(&job.build.path, options, &exact))
}

/// An interpreter by its name or its path.
pub(super) fn find(name: &str, folder: &Path, environment: &Environment) -> Option<PathBuf> {
    if name.contains('/') { Some(folder.join(name)).filter(|path| path.is_file()) } else { environment.find(name) }
}

/// An interpreter that is called by its version need not be started to know it.
fn named_version(python: &Path) -> Option<String> {
    let real = python.canonicalize().ok()?;
    let version = real.file_name()?.to_str()?.strip_prefix(USUAL)?.strip_prefix('.')?;
    (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("3.{version}"))
}

async fn ask(python: &Path, folder: &Path, environment: &Environment) -> Result<Option<String>, Diagnostic> {
    let question = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"].map(str::to_owned);
    let said = call::run(python, &question, folder, environment).await?;
    Ok(said.output.first().map(|line| line.trim().to_owned()).filter(|_| said.status.success()))
}

/// No interpreter, where one must install.
pub(super) fn no_python(shown: &str, options: &Options, name: &str) -> Diagnostic {
    let wanted = options.interpreter.as_deref().unwrap_or(name);
    tool_missing(format!("To install what `{shown}` needs, `{wanted}` is needed, and there is none."))
        .hint("Python comes from <https://www.python.org/downloads/>, or from the system's packages")
        .hint("`uv` installs for Lambda without one: <https://docs.astral.sh/uv/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_fit_the_glibc_of_the_runtime() {
        let names = pip_platforms(13, "aarch64");
        assert_eq!(
            (names.first().unwrap().as_str(), names.last().unwrap().as_str(), names.len()),
            ("manylinux_2_34_aarch64", "manylinux2014_aarch64", 19)
        );
        assert_eq!(pip_platforms(11, "x86_64").first().unwrap(), "manylinux_2_26_x86_64");
        assert_eq!(uv_platform(12, "x86_64"), "x86_64-manylinux_2_34");
        assert_eq!(uv_platform(10, "aarch64"), "aarch64-manylinux2014");
    }

    #[test]
    fn only_runtimes_of_python_have_a_version() {
        for (runtime, expected) in [("python3.14", Some(14)), ("python3.x", None), ("provided.al2023", None), ("nodejs24.x", None)] {
            assert_eq!(version(runtime), expected, "{runtime}");
        }
    }
}

//! For whom packages of Python are installed.

use super::dependencies::Needs;
use super::interpreter::{Broken, Choice, Interpreter, Interpreters, candidates};
use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::Job;
use crate::package::call::tool_missing;
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
        /// An interpreter that installs, where one is there; once it is needed, one that starts.
        python: Result<PathBuf, Broken>,
    },
    /// This machine, with an interpreter of its own.
    Here(Interpreter),
}

impl Platform {
    /// Where the function of a build runs, and what should be known about the interpreter that was taken.
    ///
    /// # Errors
    /// When it runs here and there is no interpreter.
    pub async fn of(
        job: &Job<'_>,
        options: &Options,
        needs: &Needs,
        (interpreters, environment): (&Interpreters, &Environment),
    ) -> Result<(Self, Option<Diagnostic>), Diagnostic> {
        let (minor, folder) = (version(job.runtime).unwrap_or_default(), job.path());
        let (exact, wanted) = (format!("python3.{minor}"), format!("3.{minor}"));
        if job.for_this_machine && *needs != Needs::Nothing {
            let names = options.interpreter.as_deref().map_or_else(|| vec![exact.as_str(), USUAL, "python"], |named| vec![named]);
            // The local cloud would take it, too.
            let Choice { interpreter, broken } = interpreters.choose(&names, &wanted, &folder, environment).await;
            let interpreter = interpreter.ok_or_else(|| no_python(&job.build.path, options, &exact, &broken))?;
            let note = Some(another(job, &interpreter, &broken)).filter(|_| interpreter.version != wanted || !broken.is_empty());
            return Ok((Self::Here(interpreter), note));
        }
        let there = installing(options).into_iter().flat_map(|name| candidates(name, &folder, environment)).next();
        let python = there.filter(|_| *needs != Needs::Nothing).ok_or_else(Broken::new);
        let processor = if job.architecture == "arm64" { "aarch64" } else { "x86_64" };
        Ok((Self::Lambda { minor, processor, python }, None))
    }

    /// The same with an interpreter that starts.
    pub async fn started(self, job: &Job<'_>, options: &Options, (interpreters, environment): (&Interpreters, &Environment)) -> Self {
        match self {
            Self::Lambda { minor, processor, .. } => {
                let python = interpreters.any(&installing(options), &job.path(), environment).await;
                Self::Lambda { minor, processor, python }
            }
            here => here,
        }
    }

    /// The interpreter that installs.
    ///
    /// # Errors
    /// Those that are there and do not start.
    pub fn python(&self) -> Result<&Path, &Broken> {
        match self {
            Self::Lambda { python, .. } => python.as_deref(),
            Self::Here(interpreter) => Ok(&interpreter.program),
        }
    }

    /// What people call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Lambda { minor, processor: "aarch64", .. } => format!("Python 3.{minor} on arm64"),
            Self::Lambda { minor, .. } => format!("Python 3.{minor} on x86_64"),
            Self::Here(Interpreter { version, .. }) => format!("Python {version} on this machine"),
        }
    }
}

/// The names of interpreters that install for Lambda, whatever their version.
fn installing(options: &Options) -> Vec<&str> {
    options.interpreter.as_deref().map_or_else(|| vec![USUAL, "python"], |name| vec![name])
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

/// Which interpreter is taken, where that is not the obvious one.
fn another(job: &Job<'_>, interpreter: &Interpreter, broken: &Broken) -> Diagnostic {
    let Interpreter { program, version } = interpreter;
    let taken = format!("What `{}` needs is installed for `{}`, which is Python {version}", job.build.path, program.display());
    let runtime = job.runtime;
    let taken = if version_of(runtime) == *version { format!("{taken}.") } else { format!("{taken}; the function has `{runtime}`.") };
    let problem = Diagnostic::note("python-chosen", "Another Python than the first is taken").detail(taken);
    broken.iter().fold(problem, |problem, one| problem.hint(does_not_start(one)))
}

fn version_of(runtime: &str) -> &str {
    runtime.strip_prefix("python").unwrap_or(runtime)
}

fn does_not_start((program, why): &(PathBuf, String)) -> String {
    format!("`{}` is there, but does not start: {}", program.display(), why.trim_end_matches('.'))
}

/// No interpreter, where one must install.
pub(super) fn no_python(shown: &str, options: &Options, name: &str, broken: &Broken) -> Diagnostic {
    let wanted = options.interpreter.as_deref().unwrap_or(name);
    let lacking = if broken.is_empty() { "there is none" } else { "none starts" };
    let problem = tool_missing(format!("To install what `{shown}` needs, `{wanted}` is needed, and {lacking}."));
    let problem = broken.iter().fold(problem, |problem, one| problem.hint(does_not_start(one)));
    problem
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

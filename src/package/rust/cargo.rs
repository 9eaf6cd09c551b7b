//! Calls of cargo and rustc.

use crate::diagnostic::Diagnostic;
use crate::package::environment::Environment;
use crate::package::process::{Tail, watch};
use crate::package::{BUILD_FAILED, Job, TOOL_MISSING};
use std::path::PathBuf;
use std::process::ExitStatus;

/// How many lines of what a failed command said are shown.
const SHOWN_LINES: usize = 40;
/// How many are kept until it is known which of them tell the error.
const KEPT_LINES: usize = 2000;

/// A program of Rust's, and where it runs.
pub(super) struct Tool<'a> {
    program: PathBuf,
    folder: PathBuf,
    environment: &'a Environment,
}

/// What it said.
pub(super) struct Said {
    pub status: ExitStatus,
    pub output: Vec<String>,
    pub errors: Vec<String>,
}

impl<'a> Tool<'a> {
    /// Cargo.
    ///
    /// # Errors
    /// When it is not installed, with the way to get it.
    pub fn cargo(job: &Job<'_>, environment: &'a Environment) -> Result<Self, Diagnostic> {
        Self::find("cargo", job, environment)
    }

    /// The compiler that cargo uses.
    ///
    /// # Errors
    /// When it is not installed, with the way to get it.
    pub fn rustc(job: &Job<'_>, environment: &'a Environment) -> Result<Self, Diagnostic> {
        match environment.get("RUSTC") {
            Some(path) if path.contains(std::path::MAIN_SEPARATOR) => Ok(Self { program: path.into(), folder: job.path(), environment }),
            name => Self::find(name.unwrap_or("rustc"), job, environment),
        }
    }

    fn find(name: &str, job: &Job<'_>, environment: &'a Environment) -> Result<Self, Diagnostic> {
        let program = environment.find(name).ok_or_else(|| no_rust(name, &job.build.path))?;
        Ok(Self { program, folder: job.path(), environment })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> Result<Said, Diagnostic> {
        self.run_keeping(arguments, |_| true).await
    }

    /// Runs it to its end; of its output, only the lines that `is_kept` accepts are kept.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run_keeping(&self, arguments: &[&str], is_kept: impl Fn(&str) -> bool) -> Result<Said, Diagnostic> {
        let failed = |error: std::io::Error| {
            let detail = format!("`{}` could not be started: {error}.", self.program.display());
            Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
        };
        let mut child = self.environment.command(&self.program, &self.folder).args(arguments).spawn().map_err(failed)?;
        let (output, errors) = (Tail::of(usize::MAX), Tail::of(KEPT_LINES));
        let keep = |line: String| {
            if is_kept(&line) {
                output.push(line);
            }
        };
        let status = watch(&mut child, keep, |line| errors.push(line)).await.map_err(failed)?;
        Ok(Said { status, output: output.lines(), errors: errors.lines() })
    }
}

impl Said {
    /// The diagnostic for a command that did not end well.
    pub fn failed(&self, command: &str, path: &str) -> Diagnostic {
        let detail = format!("{command} in `{path}` ended with {}. {}", self.status, shown_tail(&self.errors));
        let diagnostic = Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail);
        let says = |text: &str| self.errors.iter().any(|line| line.contains(text));
        if says("--locked was passed") {
            diagnostic
                .hint(format!("`Cargo.lock` does not fit `Cargo.toml`: run `cargo update --workspace` in `{path}` and keep what it writes"))
        } else if says("linker `cc` not found") {
            diagnostic.hint("Rust links with a C compiler: on Debian and Ubuntu `apt install gcc`, on macOS `xcode-select --install`")
        } else {
            diagnostic
        }
    }
}

/// The lines from the first error on, or the last ones where no line calls itself an error.
pub(super) fn shown_tail(lines: &[String]) -> String {
    let is_error = |line: &String| line.starts_with("error:") || line.starts_with("error[");
    let first = lines.iter().position(is_error).unwrap_or(lines.len().saturating_sub(SHOWN_LINES));
    let shown: Vec<&str> = lines[first..].iter().take(SHOWN_LINES).map(String::as_str).collect();
    let left = lines.len() - first - shown.len();
    match (shown.is_empty(), left) {
        (true, _) => "It said nothing.".to_owned(),
        (false, 0) => format!("It said:\n{}", shown.join("\n")),
        (false, left) => format!("It said:\n{}\n… and {left} more lines", shown.join("\n")),
    }
}

fn no_rust(name: &str, path: &str) -> Diagnostic {
    tool_missing(format!("To build `{path}`, `{name}` is needed, and none is in the `PATH`."))
        .hint("Rust with cargo comes from <https://rustup.rs>")
        .hint("a program that is there already is deployed by `code = { file = \"PATH\" }`")
}

/// A program that the build needs is not there.
pub(super) fn tool_missing(detail: String) -> Diagnostic {
    Diagnostic::error(TOOL_MISSING, "A tool of the build is missing").detail(detail)
}

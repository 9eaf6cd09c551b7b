//! Calls of cargo and rustc.

use crate::diagnostic::Diagnostic;
use crate::package::Job;
use crate::package::call::{Said, run_keeping, tool_missing};
use crate::package::container::Containers;
use crate::package::environment::Environment;
use std::path::PathBuf;

/// A program of Rust's, and where it runs.
pub(super) struct Tool<'a> {
    program: PathBuf,
    folder: PathBuf,
    environment: &'a Environment,
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
        let program = environment.find(name).ok_or_else(|| no_rust(name, &job.build.path, environment))?;
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
        run_keeping(self.environment.command(&self.program, &self.folder).args(arguments), is_kept).await
    }
}

/// The diagnostic for a command of Rust's that did not end well.
pub(super) fn failed(said: &Said, command: &str, path: &str) -> Diagnostic {
    let diagnostic = said.failed(command, path);
    if said.complains_of("--locked was passed") {
        diagnostic
            .hint(format!("`Cargo.lock` does not fit `Cargo.toml`: run `cargo update --workspace` in `{path}` and keep what it writes"))
    } else if said.complains_of("linker `cc` not found") {
        diagnostic.hint("Rust links with a C compiler: on Debian and Ubuntu `apt install gcc`, on macOS `xcode-select --install`")
    } else {
        diagnostic
    }
}

fn no_rust(name: &str, path: &str, environment: &Environment) -> Diagnostic {
    let diagnostic = tool_missing(format!("To build `{path}`, `{name}` is needed, and none is in the `PATH`."))
        .hint("Rust with cargo comes from <https://rustup.rs>");
    let diagnostic = match Containers::first(environment) {
        Some(one) => diagnostic.hint(format!("`container = \"auto\"` in `[defaults.build.rust]` builds with `{one}` instead")),
        None => diagnostic,
    };
    diagnostic.hint("a program that is there already is deployed by `code = { file = \"PATH\" }`")
}

//! Calls of installers, bundlers and build scripts.

use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use crate::package::environment::Environment;
use crate::package::process::{Tail, watch};
use std::path::Path;
use std::process::ExitStatus;

/// How many lines of what a failed command said are shown.
const SHOWN_LINES: usize = 40;

/// A program's end, and its last words.
pub(in crate::package) struct Said {
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub output: Vec<String>,
    /// All that it wrote, in the order in which it came.
    pub all: Vec<String>,
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started.
pub(in crate::package) async fn run(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    environment: &Environment,
) -> Result<Said, Diagnostic> {
    let failed = |error: std::io::Error| {
        let detail = format!("`{}` could not be started: {error}.", program.display());
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
    };
    let mut child = environment.command(program, folder).args(arguments).spawn().map_err(failed)?;
    let (output, all) = (Tail::of(usize::MAX), Tail::of(2000));
    let note = |line: String| {
        all.push(line.clone());
        output.push(line);
    };
    let status = watch(&mut child, note, |line| all.push(line)).await.map_err(failed)?;
    Ok(Said { status, output: output.lines(), all: all.lines() })
}

impl Said {
    /// The diagnostic for a command that did not end well.
    pub fn failed(&self, command: &str, shown: &str) -> Diagnostic {
        let from = self.all.len().saturating_sub(SHOWN_LINES);
        let said = if self.all.is_empty() { "It said nothing.".to_owned() } else { format!("It said:\n{}", self.all[from..].join("\n")) };
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("`{command}` in `{shown}` ended with {}. {said}", self.status))
    }

    /// Whether any of its lines has one of these texts.
    pub fn says(&self, texts: &[&str]) -> bool {
        self.all.iter().any(|line| texts.iter().any(|text| line.contains(text)))
    }

    /// Whether the network was in the way.
    pub fn is_offline(&self) -> bool {
        self.says(&[
            "Failed to establish a new connection",
            "name resolution",
            "dns error",
            "ENOTFOUND",
            "EAI_AGAIN",
            "ECONNREFUSED",
            "timed out",
        ])
    }
}

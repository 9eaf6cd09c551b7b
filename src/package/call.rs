//! Calls of a language's tools, and what they said.

use super::process::{Tail, watch};
use super::{BUILD_FAILED, TOOL_MISSING};
use crate::diagnostic::Diagnostic;
use crate::package::environment::Environment;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How many lines of what a failed command said are shown.
const SHOWN_LINES: usize = 40;
/// How many are kept until it is known which of them tell the error.
const KEPT_LINES: usize = 2000;

/// What a tool said.
pub(super) struct Said {
    pub status: ExitStatus,
    pub output: Vec<String>,
    pub errors: Vec<String>,
}

/// Runs a command to its end; of its output, only the lines that `is_kept` accepts are kept.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn run_keeping(command: &mut Command, is_kept: impl Fn(&str) -> bool) -> Result<Said, Diagnostic> {
    run_with_input(command, None, is_kept).await
}

/// The same for a command that reads `input`.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn run_with_input(command: &mut Command, input: Option<&str>, is_kept: impl Fn(&str) -> bool) -> Result<Said, Diagnostic> {
    let program = PathBuf::from(command.as_std().get_program());
    let failed = |error: io::Error| not_started(&program, &error);
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(text), Some(mut to)) = (input, child.stdin.take()) {
        // Who ends without reading has its reasons, and says them.
        let _ = to.write_all(text.as_bytes()).await;
    }
    let (output, errors) = (Tail::of(usize::MAX), Tail::of(KEPT_LINES));
    let keep = |line: String| {
        if is_kept(&line) {
            output.push(line);
        }
    };
    let status = watch(&mut child, keep, |line| errors.push(line)).await.map_err(failed)?;
    Ok(Said { status, output: output.lines(), errors: errors.lines() })
}

/// Runs a program that tells of errors on either stream: `errors` then is all that it said.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn run(program: &Path, arguments: &[String], folder: &Path, environment: &Environment) -> Result<Said, Diagnostic> {
    let mut command = environment.command(program, folder);
    command.args(arguments);
    let (output, all) = (Tail::of(usize::MAX), Tail::of(KEPT_LINES));
    let note = |line: String| {
        all.push(line.clone());
        output.push(line);
    };
    let failed = |error: io::Error| not_started(program, &error);
    let mut child = command.spawn().map_err(failed)?;
    let status = watch(&mut child, note, |line| all.push(line)).await.map_err(failed)?;
    Ok(Said { status, output: output.lines(), errors: all.lines() })
}

fn not_started(program: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("`{}` could not be started: {error}.", program.display()))
}

impl Said {
    /// The diagnostic for a command that did not end well.
    pub fn failed(&self, command: &str, path: &str) -> Diagnostic {
        let detail = format!("{command} in `{path}` ended with {}. {}", self.status, shown_tail(&self.errors));
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
    }

    /// Whether it complained of any of these.
    pub fn complains_of_any(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.complains_of(text))
    }

    /// Whether a line of what it complained of has this text in it.
    pub fn complains_of(&self, text: &str) -> bool {
        self.errors.iter().any(|line| line.contains(text))
    }
}

/// The lines from the first error on, or the last ones where no line calls itself an error.
pub(super) fn shown_tail(lines: &[String]) -> String {
    let is_error = |line: &String| ["error:", "error[", "npm error", "npm ERR!"].iter().any(|begin| line.starts_with(begin));
    let first = lines.iter().position(is_error).unwrap_or(lines.len().saturating_sub(SHOWN_LINES));
    let shown: Vec<&str> = lines[first..].iter().take(SHOWN_LINES).map(String::as_str).collect();
    let left = lines.len() - first - shown.len();
    match (shown.is_empty(), left) {
        (true, _) => "It said nothing.".to_owned(),
        (false, 0) => format!("It said:\n{}", shown.join("\n")),
        (false, left) => format!("It said:\n{}\n… and {left} more lines", shown.join("\n")),
    }
}

/// A program that the build needs is not there.
pub(super) fn tool_missing(detail: String) -> Diagnostic {
    Diagnostic::error(TOOL_MISSING, "A tool of the build is missing").detail(detail)
}

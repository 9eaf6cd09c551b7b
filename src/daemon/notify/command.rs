//! Telling a program.

use super::{Refusal, answer};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Runs it in `folder` with the document on stdin. It is killed when nobody waits for it any more.
pub async fn run(words: &[String], folder: &Path, document: &str) -> Result<(), Refusal> {
    let Some((program, arguments)) = words.split_first() else { return Err(Refusal::for_ever("there is no command")) };
    let failed = |error: std::io::Error| Refusal::for_now(format!("`{program}` could not be run: {error}"));
    // A path is meant as seen from the spec, a lone name as the system finds it.
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut stdin = child.stdin.take();
    let (text, done) = (format!("{document}\n"), child.wait_with_output());
    let write = async move {
        if let Some(stdin) = &mut stdin {
            // A program that does not read what it gets has its reasons.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        drop(stdin);
    };
    let ((), output) = tokio::join!(write, done);
    let output = output.map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = answer(said.trim().lines().next_back().unwrap_or_default());
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(Refusal::for_now(format!("`{program}` ended with {}{said}", output.status)))
}

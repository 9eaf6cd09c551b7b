//! Telling a program.

use super::{Refusal, answer};
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// So long is waited for the rest of what a program said that has ended: what it left running may keep its pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// So much of what it said last is kept, in bytes.
const SAID_BYTES_MAX: usize = 8 << 10;

/// Runs it in `folder` with the document on stdin. It is killed when nobody waits for it any more.
pub async fn run(words: &[String], folder: &Path, document: &str) -> Result<(), Refusal> {
    let Some((program, arguments)) = words.split_first() else { return Err(Refusal::for_ever("there is no command")) };
    let failed = |error: std::io::Error| Refusal::for_now(format!("`{program}` could not be run: {error}"));
    // A path is meant as seen from the spec, a lone name as the system finds it.
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let (status, said) = told(child, &format!("{document}\n")).await.map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let said = answer(said.trim().lines().next_back().unwrap_or_default());
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(Refusal::for_now(format!("`{program}` ended with {status}{said}")))
}

/// Gives it the text and waits until it ends itself, whatever it has started and left running; answers with what it said last.
async fn told(mut child: Child, text: &str) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let status = {
        let write = async move {
            if let Some(mut stdin) = stdin {
                // A program that does not read what it gets has its reasons.
                let _ = stdin.write_all(text.as_bytes()).await;
            }
        };
        let mut talk = pin!(futures::future::join(write, listen(stderr, &mut said)));
        tokio::select! {
            status = child.wait() => {
                // All of it is needed only where it failed.
                if !status.as_ref().is_ok_and(ExitStatus::success) {
                    let _ = tokio::time::timeout(LAST_WORDS, talk).await;
                }
                status?
            }
            _ = &mut talk => child.wait().await?,
        }
    };
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

/// Reads to the end and keeps the end of it.
async fn listen(from: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut part = [0; 4 << 10];
    while let Ok(length @ 1..) = from.read(&mut part).await {
        said.extend_from_slice(&part[..length]);
        said.drain(..said.len().saturating_sub(SAID_BYTES_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    async fn shell(script: &str) -> (Result<(), String>, Instant, tempfile::TempDir) {
        let (folder, began) = (tempfile::tempdir().unwrap(), Instant::now());
        let words = ["sh", "-c", script].map(str::to_owned);
        let result = run(&words, folder.path(), "the document").await.map_err(|refusal| refusal.text);
        (result, began, folder)
    }

    #[tokio::test]
    async fn a_program_is_done_when_it_ends_whatever_it_leaves_running() {
        let (result, began, folder) = shell("cat >got; sleep 20 & exit 0").await;
        assert_eq!(result, Ok(()));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(std::fs::read_to_string(folder.path().join("got")).unwrap(), "the document\n");
        let (result, began, _) = shell("echo first >&2; echo 'no such pager' >&2; sleep 20 & exit 3").await;
        assert_eq!(result, Err("`sh` ended with exit status: 3: no such pager".to_owned()));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_program_that_talks_much_or_does_not_listen_ends_as_it_says() {
        let (result, ..) =
            shell("exec <&-; i=0; while [ $i -lt 3000 ]; do echo 'a line of fifty characters, more or less, to say' >&2; i=$((i+1)); done")
                .await;
        assert_eq!(result, Ok(()));
        let (result, ..) = shell("exec 2>&-; cat >got; exit 7").await;
        assert_eq!(result, Err("`sh` ended with exit status: 7".to_owned()));
    }
}

//! Programs that builds start, and what is kept of what they say.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// How long output is waited for after a program ended: something that it left running may hold the
/// pipe open for ever.
const GRACE: Duration = Duration::from_millis(500);

/// The last lines that were said, in the order in which they came.
pub(super) struct Tail {
    most: usize,
    lines: Mutex<VecDeque<String>>,
}

impl Tail {
    /// Keeps at most so many lines.
    pub fn of(most: usize) -> Self {
        Self { most, lines: Mutex::default() }
    }

    /// The lines.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    pub fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == self.most {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Waits for the end of a program, handing on each line that it says meanwhile.
///
/// # Errors
/// When the system cannot wait for it.
pub(super) async fn watch(child: &mut Child, on_output: impl Fn(String), on_error: impl Fn(String)) -> io::Result<ExitStatus> {
    let mut family = Family(child.id());
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let reading = async { tokio::join!(read(output, on_output), read(errors, on_error)) };
    tokio::pin!(reading);
    let mut has_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => {
                family.0 = None;
                break status?;
            }
            _ = &mut reading, if !has_read => has_read = true,
        }
    };
    if !has_read {
        // Running into the limit loses only what something left running still says.
        let _ = tokio::time::timeout(GRACE, reading).await;
    }
    Ok(status)
}

/// Makes a program the head of its own family, so that [`watch`] can end all of it.
pub(super) fn apart(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A program and all that it started, such as cargo's compilers; they end when nobody waits for them any more.
struct Family(Option<u32>);

impl Drop for Family {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.0.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw) {
            // It fails when all of it is gone.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, on_line: impl Fn(String)) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        on_line(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

//! Ctrl-C and SIGTERM: the first one drains, the second one aborts. A terminal that is closed drains, too.

use crate::diagnostic::Diagnostic;
use crate::engine::Interrupt;
use crate::model::{Exit, Failure};

/// Turns signals into an [`Interrupt`], for as long as the process lives. `ends_with_terminal` says whether SIGHUP asks it to end.
pub fn listen(ends_with_terminal: bool) -> Interrupt {
    let interrupt = Interrupt::default();
    if ends_with_terminal && !is_hang_up_ignored() {
        let drain = interrupt.drain.clone();
        // It never aborts: the shell and the system both send it when a terminal closes.
        tokio::spawn(async move { hung_up().await.then(|| drain.cancel()) });
    }
    let ours = interrupt.clone();
    tokio::spawn(async move {
        // Without handlers the signals end the process at once, which the journal survives.
        if received().await.is_ok() {
            ours.drain.cancel();
        }
        if received().await.is_ok() {
            ours.abort.cancel();
        }
    });
    interrupt
}

/// What a signal asks of a process that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGHUP: look at everything now.
    Look,
    /// SIGUSR1: log everything, or no more than before.
    LogMore,
}

/// Waits for such a signal; `None` where the system has none.
#[cfg(unix)]
pub async fn asked() -> Option<Asked> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut hang_up, mut user) = (signal(SignalKind::hangup()).ok()?, signal(SignalKind::user_defined1()).ok()?);
    tokio::select! {
        _ = hang_up.recv() => Some(Asked::Look),
        _ = user.recv() => Some(Asked::LogMore),
    }
}

/// Waits for such a signal; `None` where the system has none.
#[cfg(not(unix))]
pub async fn asked() -> Option<Asked> {
    None
}

/// Whether whoever started the process wants it to outlive the terminal, as `nohup` does. A handler would undo that, so where
/// the system does not say, there is none, and SIGHUP does what it does to every program.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    status.map_or(true, |status| ignores_hang_up(&status))
}

/// The same from what Linux says of a process: a mask of signals in hex, whose lowest bit is SIGHUP.
/// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

/// Waits for SIGHUP; says whether it came.
#[cfg(unix)]
async fn hung_up() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return false };
    hang_up.recv().await.is_some()
}

#[cfg(not(unix))]
async fn hung_up() -> bool {
    false
}

#[cfg(unix)]
async fn received() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn received() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// The work, or an end with 130 as soon as the first signal comes. For work that changes nothing.
///
/// # Errors
/// [`Exit::Interrupted`].
pub async fn unless_interrupted<T>(interrupt: &Interrupt, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        // What is done counts, even when a signal came in the same moment.
        biased;
        result = work => result,
        () = interrupt.drain.cancelled() => Err(interrupted()),
    }
}

/// The end of a run that was stopped before it changed anything.
pub fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, Diagnostic::error("interrupted", "Interrupted").detail("Nothing was changed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ignores_the_end_of_its_terminal_is_known() {
        for (mask, expected) in [("0000000000001000", false), ("0000000000001001", true), ("0", false), ("nonsense", true)] {
            assert_eq!(ignores_hang_up(&format!("Name:\tlambdo\nSigIgn:\t{mask}\nSigCgt:\t1\n")), expected, "{mask}");
        }
        assert!(ignores_hang_up(""));
    }

    #[tokio::test]
    async fn work_that_changes_nothing_ends_at_the_first_signal() {
        let interrupt = Interrupt::default();
        interrupt.drain.cancel();
        let never = std::future::pending::<Result<(), Failure>>();
        assert_eq!(unless_interrupted(&interrupt, never).await.unwrap_err().exit, Exit::Interrupted);
        assert_eq!(unless_interrupted(&interrupt, async { Ok(7) }).await.unwrap(), 7);
    }
}

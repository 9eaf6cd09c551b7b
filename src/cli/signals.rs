//! Ctrl-C and SIGTERM: the first one drains, the second one aborts.

use crate::diagnostic::Diagnostic;
use crate::engine::Interrupt;
use crate::model::{Exit, Failure};

/// Turns signals into an [`Interrupt`], for as long as the process lives.
pub fn listen() -> Interrupt {
    let interrupt = Interrupt::default();
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

    #[tokio::test]
    async fn work_that_changes_nothing_ends_at_the_first_signal() {
        let interrupt = Interrupt::default();
        interrupt.drain.cancel();
        let never = std::future::pending::<Result<(), Failure>>();
        assert_eq!(unless_interrupted(&interrupt, never).await.unwrap_err().exit, Exit::Interrupted);
        assert_eq!(unless_interrupted(&interrupt, async { Ok(7) }).await.unwrap(), 7);
    }
}

//! How a run ends.

use crate::diagnostic::Diagnostic;

/// The exit codes. They are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Success,
    /// Failed, nothing applied.
    Failed,
    /// `plan --exit-code`: the spec differs from what was applied.
    SpecChanges,
    /// Something drifted.
    Drift,
    /// `plan --exit-code`: spec changes and drift.
    Both,
    /// Nothing found, but something could not be read.
    Unchecked,
    /// A bad spec or bad usage.
    Usage,
    /// Somebody else works on this state.
    Locked,
    /// Refused: a guard, protection, not ours, a stale saved plan, answered no.
    Refused,
    /// Partly applied; run again to continue.
    Partial,
    /// Stopped by a signal; the state is saved.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::SpecChanges => 2,
            Self::Drift => 3,
            Self::Both => 4,
            Self::Unchecked => 5,
            Self::Usage => 6,
            Self::Locked => 7,
            Self::Refused => 8,
            Self::Partial => 9,
            Self::Interrupted => 130,
        }
    }
}

/// Why a run could not go on: the exit code and what to tell the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What to say, all of it.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Ends with one diagnostic.
    pub fn new(exit: Exit, diagnostic: Diagnostic) -> Self {
        Self { exit, diagnostics: vec![diagnostic] }
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { exit: Exit::Usage, diagnostics }
    }
}

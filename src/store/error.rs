//! What can go wrong with a stored state, and what to do about it.

use super::Holder;
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use std::io;

/// Why a state could not be read or written. `place` and its like are paths as the user knows them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the lock.
    #[error(
        "The state is locked by {0}. Wait until that run has ended, or let this one wait with `--lock-wait 10m`; the lock ends with its process."
    )]
    Locked(Holder),
    /// The operating system refused something.
    #[error("lambdo cannot {action} `{place}`: {source}. {}", advice(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of the state is missing and cannot be made.
    #[error(
        "The state folder `{place}` is not there and cannot be made: {source}. Make it, or name another one with `--state-dir` or with `path` under `[state]`."
    )]
    Folder {
        /// The folder.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// The state is a link to one elsewhere.
    #[error(
        "The state `{place}` is a link to `{target}`. A save would put a file in the link's place, and who comes from elsewhere would not see this lock. Link the whole folder, or name it with `--state-dir` or with `path` under `[state]`."
    )]
    Link {
        /// The link.
        place: String,
        /// Where it leads.
        target: String,
    },
    /// The state is not what lambdo writes.
    #[error("The state `{place}` cannot be understood: {reason} at line {line}, column {column}. {way_out}")]
    Garbled {
        /// The state.
        place: String,
        /// What the parser says.
        reason: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// Where a previous generation lies.
        way_out: String,
    },
    /// The state is JSON as lambdo writes it, but says what cannot be.
    #[error("The state `{place}` contradicts itself: {reason} {way_out}")]
    Contradiction {
        /// The state.
        place: String,
        /// A sentence.
        reason: String,
        /// Where a previous generation lies.
        way_out: String,
    },
    /// A newer lambdo wrote it.
    #[error(
        "`{place}` has the format {found}; this lambdo knows formats up to {known}. Use the version of lambdo that wrote it, or a newer one."
    )]
    NewerFormat {
        /// The state or journal.
        place: String,
        /// Its format.
        found: u64,
        /// The newest format known here.
        known: u32,
    },
    /// A state that was copied or renamed.
    #[error(
        "The state `{place}` belongs to {found}, not to {wanted}. Two states of one lineage would fight over the same resources: move the file back to its own name."
    )]
    OtherOwner {
        /// The state.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// A line of the journal is not what lambdo writes.
    #[error(
        "Line {line} of the journal `{place}` cannot be understood: {reason}. It records what a run did in AWS, so it is not skipped: restore the line, or remove the file and let `lambdo plan` look at what is there."
    )]
    JournalGarbled {
        /// The journal.
        place: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The journal belongs to another state.
    #[error(
        "The journal `{place}` belongs to the lineage {journal}, the state beside it to {state}. One of the two files was copied from elsewhere: put back the one that belongs here, or move the journal away."
    )]
    OtherLineage {
        /// The journal.
        place: String,
        /// Its lineage.
        journal: String,
        /// The state's lineage.
        state: String,
    },
    /// The journal builds on a state that is not there.
    #[error("The journal `{place}` builds on serial {journal} of the state, but {}", not_there(*.found))]
    Ahead {
        /// The journal.
        place: String,
        /// The serial that it builds on.
        journal: u64,
        /// The serial of the state that is there instead, if one is.
        found: Option<u64>,
    },
    /// Somebody else wrote in the meantime.
    #[error(
        "The state `{place}` was changed by somebody else: this run builds on serial {expected}, but {found}. Nothing was overwritten; run again."
    )]
    Conflict {
        /// The state.
        place: String,
        /// The serial that this run builds on.
        expected: u64,
        /// What is there instead.
        found: String,
    },
    /// A save that would not be newer than what it replaces.
    #[error(
        "The state `{place}` was not written: its new serial {serial} is not above {expected}. This is a bug in lambdo; please report it."
    )]
    NotRaised {
        /// The state.
        place: String,
        /// The serial to be written.
        serial: u64,
        /// The serial that it replaces.
        expected: u64,
    },
    /// A save whose serial no load would take.
    #[error(
        "The state `{place}` was not written: its new serial would be {serial}, to which no number of runs leads, so that somebody else has written the one before. Move that file away; `lambdo state rebuild` then makes the state anew from what is in AWS."
    )]
    OutOfSerials {
        /// The state.
        place: String,
        /// The serial to be written.
        serial: u64,
    },
}

/// What is there instead of the state that a journal builds on, and the way out.
fn not_there(found: Option<u64>) -> String {
    match found {
        Some(serial) => format!(
            "the state has serial {serial}. Bring back the state that the journal belongs to, or move both away: `lambdo state rebuild` then makes the state anew from what is in AWS."
        ),
        None => "there is no state. Bring it back, or let `lambdo state rebuild` make it anew from what is in AWS.".to_owned(),
    }
}

impl StoreError {
    /// How a run ends that meets this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Locked(_) => Exit::Locked,
            _ => Exit::Failed,
        }
    }

    /// This error for people.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let (code, summary) = self.heading();
        Diagnostic::error(code, summary).detail(self.to_string())
    }

    /// What is wrong, without the way out.
    pub fn what(&self) -> String {
        let text = self.to_string();
        match self {
            Self::Garbled { way_out, .. } | Self::Contradiction { way_out, .. } => {
                text.trim_end_matches(way_out.as_str()).trim_end().to_owned()
            }
            _ => text,
        }
    }

    fn heading(&self) -> (&'static str, &'static str) {
        match self {
            Self::Locked(_) => ("state-locked", "The state is locked"),
            Self::Io { .. } | Self::Folder { .. } => ("state-unreachable", "The state cannot be reached"),
            Self::Garbled { .. } | Self::Contradiction { .. } | Self::JournalGarbled { .. } => ("state-garbled", "The state is damaged"),
            Self::NewerFormat { .. } => ("state-format", "The state was written by a newer lambdo"),
            Self::OtherOwner { .. } | Self::OtherLineage { .. } | Self::Ahead { .. } => {
                ("state-mismatch", "The state files do not belong together")
            }
            Self::Link { .. } => ("state-link", "The state is a link"),
            Self::Conflict { .. } => ("state-conflict", "The state was changed by somebody else"),
            Self::OutOfSerials { .. } => ("state-serial", "The state's serial cannot be raised"),
            Self::NotRaised { .. } => ("state-serial", "The state's serial was not raised"),
        }
    }
}

/// What helps against a refusal of the operating system.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Free some space there, then run the same command again.",
        io::ErrorKind::ReadOnlyFilesystem => {
            "Nothing can be written there: make it writable, or name another folder with `--state-dir` or with `path` under `[state]`."
        }
        io::ErrorKind::IsADirectory => "A file belongs there: move the folder away.",
        _ => "Check that the path is right and that you may read and write there.",
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.exit(), error.to_diagnostic())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_where_and_what_to_do() {
        let holder =
            Holder { who: "ada".into(), pid: 41, host: "laptop".into(), operation: "up".into(), since: "2026-01-02T03:04:05Z".into() };
        let place = || "state/demo.json".to_owned();
        let errors = [
            StoreError::Locked(holder),
            StoreError::Locked(Holder::unknown()),
            StoreError::Conflict { place: place(), expected: 3, found: "serial 4 is there".into() },
            StoreError::Ahead { place: "state/demo.journal".into(), journal: 3, found: None },
            StoreError::Ahead { place: "state/demo.journal".into(), journal: 3, found: Some(1) },
            StoreError::NewerFormat { place: place(), found: 9, known: 2 },
            StoreError::OutOfSerials { place: place(), serial: 1 << 53 },
        ];
        let texts: Vec<String> =
            errors.iter().map(|error| error.to_diagnostic()).map(|told| format!("{}: {}", told.summary, told.detail)).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        The state is locked: The state is locked by `up` of ada, process 41 on laptop, since 2026-01-02T03:04:05Z. Wait until that run has ended, or let this one wait with `--lock-wait 10m`; the lock ends with its process.
        The state is locked: The state is locked by a process that left no note about itself. Wait until that run has ended, or let this one wait with `--lock-wait 10m`; the lock ends with its process.
        The state was changed by somebody else: The state `state/demo.json` was changed by somebody else: this run builds on serial 3, but serial 4 is there. Nothing was overwritten; run again.
        The state files do not belong together: The journal `state/demo.journal` builds on serial 3 of the state, but there is no state. Bring it back, or let `lambdo state rebuild` make it anew from what is in AWS.
        The state files do not belong together: The journal `state/demo.journal` builds on serial 3 of the state, but the state has serial 1. Bring back the state that the journal belongs to, or move both away: `lambdo state rebuild` then makes the state anew from what is in AWS.
        The state was written by a newer lambdo: `state/demo.json` has the format 9; this lambdo knows formats up to 2. Use the version of lambdo that wrote it, or a newer one.
        The state's serial cannot be raised: The state `state/demo.json` was not written: its new serial would be 9007199254740992, to which no number of runs leads, so that somebody else has written the one before. Move that file away; `lambdo state rebuild` then makes the state anew from what is in AWS.
        ");
    }
}

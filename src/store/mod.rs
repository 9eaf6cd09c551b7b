//! Where the state lives: a trait, a store in files, a store in memory for tests.
//!
//! A state is a snapshot with a serial and, while a run applies, a journal that builds on it. The
//! journal names the serial that it builds on, so a crash between "snapshot written" and "journal
//! removed" folds nothing twice.

mod error;
mod file;
mod journal;
mod memory;
mod migration;
mod snapshot;
#[cfg(test)]
mod suite;

pub use error::StoreError;
pub use file::{Claim, FileStore, Kept, RunLog, RunRecord, RunRecords, Shelf};
pub use journal::{JournalHeader, next_operation};
pub use memory::MemoryStore;

use crate::model::{Record, SecretKey, State};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many previous generations a store keeps.
pub const KEPT_GENERATIONS: usize = 20;

/// Keeps the state of one project and stage.
///
/// Readers take no lock and write nothing. Whoever calls [`StateStore::append`] or
/// [`StateStore::save`] holds the lease of [`StateStore::lock`].
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The state with its journal folded in memory; what a killed run began and did not end is in
    /// [`State::intents`]. `None` when nothing was ever written.
    ///
    /// # Errors
    /// When what is stored cannot be read or does not fit together.
    async fn load(&self) -> Result<Option<State>, StoreError>;

    /// Takes the lock, without waiting for another holder. It ends with the lease, or with the
    /// process.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when somebody else holds it.
    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Lease>, StoreError>;

    /// Who holds the lock now.
    ///
    /// # Errors
    /// When that cannot be found out.
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Puts records at the end of the journal; on return they survive a crash. The first call of
    /// a store instance also writes `header`, which begins a segment of its own: operation numbers
    /// of a later run may repeat those of a killed one.
    ///
    /// # Errors
    /// When they cannot be written, or the journal or the state that is there is not the one that
    /// `header` builds on.
    async fn append(&self, header: &JournalHeader, records: &[Record]) -> Result<(), StoreError>;

    /// Replaces the state in one piece, keeps the previous one, then removes the journal. The
    /// caller has raised `state.serial` above `expected_serial`, which is 0 for the first save.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored serial is not `expected_serial`.
    async fn save(&self, state: &State, expected_serial: u64) -> Result<(), StoreError>;

    /// The previous generations that are kept, oldest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    async fn history(&self) -> Result<Vec<Generation>, StoreError>;

    /// The state of one serial: the one that is there now, or a kept generation.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    async fn generation(&self, serial: u64) -> Result<Option<State>, StoreError>;

    /// The key of this state's hashes of secrets, random, made when it is first asked for. It stands neither in the state nor
    /// in AWS; where it was lost, another one is made, and every secret looks changed once.
    ///
    /// # Errors
    /// When it cannot be read, or a new one cannot be kept.
    async fn secret_key(&self) -> Result<SecretKey, StoreError>;

    /// Where it keeps the state, for people.
    fn describe(&self) -> String;
}

/// The right to write. Dropping it releases the lock.
pub trait Lease: Send {}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user.
    pub who: String,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The command, such as `up`.
    pub operation: String,
    /// Since when, in RFC 3339.
    pub since: String,
}

impl Holder {
    /// Stands in where the lock is held but its holder left no readable note.
    pub fn unknown() -> Self {
        let unknown = || "unknown".to_owned();
        Self { who: unknown(), pid: 0, host: unknown(), operation: unknown(), since: unknown() }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::unknown() {
            return formatter.write_str("a process that left no note about itself");
        }
        let Self { who, pid, host, operation, since } = self;
        write!(formatter, "`{operation}` of {who}, process {pid} on {host}, since {since}")
    }
}

/// A previous state that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its serial.
    pub serial: u64,
    /// Where it lies.
    pub place: String,
    /// When it was written, in RFC 3339, where the store knows.
    pub saved_at: Option<String>,
}

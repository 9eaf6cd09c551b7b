//! A store without files, for tests. It keeps texts, so that it reads what it wrote just as the
//! store in files does.

use super::journal::{self, Standing};
use super::snapshot::Head;
use super::{Generation, Holder, JournalHeader, KEPT_GENERATIONS, Lease, StateStore, StoreError, snapshot};
use crate::model::{Record, SecretKey, State};
use async_trait::async_trait;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PLACE: &str = "memory";

/// Keeps everything in memory.
#[derive(Default)]
pub struct MemoryStore {
    medium: Arc<Mutex<Medium>>,
    has_header: Mutex<bool>,
}

#[derive(Default)]
struct Medium {
    state: Option<String>,
    journal: Option<Vec<u8>>,
    history: Vec<(u64, String)>,
    holder: Option<Holder>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// What another process would see: the same memory through a new store.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self { medium: Arc::clone(&self.medium), has_header: Mutex::default() }
    }

    /// The state as stored.
    pub fn state_text(&self) -> Option<String> {
        self.medium().state.clone()
    }

    /// Puts any text in the state's place.
    pub fn set_state_text(&self, text: Option<&str>) {
        self.medium().state = text.map(str::to_owned);
    }

    /// The journal as stored.
    pub fn journal_bytes(&self) -> Option<Vec<u8>> {
        self.medium().journal.clone()
    }

    /// Puts anything in the journal's place.
    pub fn set_journal_bytes(&self, bytes: Option<&[u8]>) {
        self.medium().journal = bytes.map(<[u8]>::to_vec);
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_header(&self) -> MutexGuard<'_, bool> {
        self.has_header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Medium {
    fn state(&self) -> Result<Option<State>, StoreError> {
        let way_out = || match self.history.last() {
            Some((serial, _)) => format!("A previous generation has serial {serial}."),
            None => "There is no previous generation.".into(),
        };
        self.state.as_deref().map(|text| snapshot::parse(text, PLACE, way_out)).transpose()
    }

    fn open_journal(&mut self, header: &JournalHeader) -> Result<(), StoreError> {
        snapshot::check_base(self.state()?.as_ref().map(Head::of).as_ref(), header, PLACE)?;
        let Some(bytes) = &mut self.journal else { return Ok(()) };
        let sound_bytes = match journal::parse(bytes, PLACE)? {
            Some(journal) if journal.standing(&header.lineage, header.serial, PLACE)? == Standing::Current => journal.sound_bytes,
            _ => 0,
        };
        bytes.truncate(sound_bytes);
        Ok(())
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        let medium = self.medium();
        let journal = journal::parse(medium.journal.as_deref().unwrap_or_default(), PLACE)?;
        journal::fold(medium.state()?, journal, PLACE)
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Lease>, StoreError> {
        let mut medium = self.medium();
        if let Some(other) = &medium.holder {
            return Err(StoreError::Locked(other.clone()));
        }
        medium.holder = Some(holder.clone());
        Ok(Box::new(MemoryLease { medium: Arc::clone(&self.medium) }))
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.medium().holder.clone())
    }

    async fn append(&self, header: &JournalHeader, records: &[Record]) -> Result<(), StoreError> {
        let mut has_header = self.has_header();
        let mut medium = self.medium();
        if !*has_header {
            medium.open_journal(header)?;
        }
        let lines = journal::to_lines((!*has_header).then_some(header), records).map_err(|error| StoreError::Io {
            action: "write",
            place: PLACE.into(),
            source: io::Error::from(error),
        })?;
        medium.journal.get_or_insert_default().extend(lines);
        *has_header = true;
        Ok(())
    }

    async fn save(&self, state: &State, expected_serial: u64) -> Result<(), StoreError> {
        let mut has_header = self.has_header();
        let mut medium = self.medium();
        let current = medium.state()?;
        snapshot::check_save(&Head::of(state), current.as_ref().map(Head::of).as_ref(), expected_serial, PLACE)?;
        let text = snapshot::to_text(state, PLACE)?;
        if let (Some(old), Some(current)) = (medium.state.replace(text), current) {
            medium.history.push((current.serial, old));
        }
        let surplus = medium.history.len().saturating_sub(KEPT_GENERATIONS);
        medium.history.drain(..surplus);
        medium.journal = None;
        *has_header = false;
        Ok(())
    }

    async fn history(&self) -> Result<Vec<Generation>, StoreError> {
        let generation = |serial: u64| Generation { serial, place: PLACE.into(), saved_at: None };
        Ok(self.medium().history.iter().map(|(serial, _)| generation(*serial)).collect())
    }

    async fn generation(&self, serial: u64) -> Result<Option<State>, StoreError> {
        let medium = self.medium();
        if let Some(state) = medium.state()?.filter(|state| state.serial == serial) {
            return Ok(Some(state));
        }
        let kept = medium.history.iter().find(|(kept, _)| *kept == serial);
        kept.map(|(_, text)| snapshot::parse(text, PLACE, String::new)).transpose()
    }

    async fn secret_key(&self) -> Result<SecretKey, StoreError> {
        Ok(SecretKey::new([7; 32]))
    }

    fn describe(&self) -> String {
        PLACE.into()
    }
}

struct MemoryLease {
    medium: Arc<Mutex<Medium>>,
}

impl Lease for MemoryLease {}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner).holder = None;
    }
}

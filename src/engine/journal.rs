//! One task owns the journal and the state. Operations send it records and wait until these are on
//! disk; whatever arrived meanwhile shares one fsync.

use crate::diagnostic::Diagnostic;
use crate::model::{Record, State};
use crate::store::{JournalHeader, StateStore, StoreError};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many records may wait for the disk.
const QUEUE_LENGTH: usize = 1024;

struct Entry {
    record: Record,
    written: oneshot::Sender<Result<(), Diagnostic>>,
}

/// Sends records to the task that writes them.
#[derive(Clone)]
pub struct Journal {
    sender: mpsc::Sender<Entry>,
    state: Arc<RwLock<State>>,
}

impl Journal {
    /// Starts the task on a state as it stands in the store. The task ends, with everything written,
    /// once the last clone of the journal is dropped.
    pub fn start(store: Arc<dyn StateStore>, state: State) -> (Self, JoinHandle<State>) {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let header = JournalHeader::of(&state);
        let state = Arc::new(RwLock::new(state));
        let task = tokio::spawn(write(store, header, state.clone(), receiver));
        (Self { sender, state }, task)
    }

    /// Returns once the record is on disk and folded into the state.
    ///
    /// # Errors
    /// When the disk refused it. An end is folded all the same: what AWS has done stays known and is
    /// saved if the disk recovers.
    pub async fn write(&self, record: Record) -> Result<(), Diagnostic> {
        let (written, answer) = oneshot::channel();
        if self.sender.send(Entry { record, written }).await.is_err() {
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Looks at the state as folded so far.
    pub fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn write(store: Arc<dyn StateStore>, header: JournalHeader, state: Arc<RwLock<State>>, mut receiver: mpsc::Receiver<Entry>) -> State {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, QUEUE_LENGTH).await > 0 {
        let (records, waiting): (Vec<Record>, Vec<_>) = batch.drain(..).map(|entry| (entry.record, entry.written)).unzip();
        let result = store.append(&header, &records).await.map_err(|error: StoreError| error.to_diagnostic());
        let kept = records.into_iter().filter(|record| result.is_ok() || !matches!(record, Record::Begin { .. }));
        state.write().unwrap_or_else(PoisonError::into_inner).fold(kept);
        for written in waiting {
            // Whoever does not wait any more was aborted.
            let _ = written.send(result.clone());
        }
    }
    // Nobody looks at it any more, and with thousands of resources a copy is dear.
    let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
    let empty = State::new(state.lineage.clone(), &state.project, state.stage.as_deref(), state.target.clone(), state.endpoint.clone());
    std::mem::replace(&mut state, empty)
}

fn closed() -> Diagnostic {
    Diagnostic::error("journal-closed", "the journal is closed").detail("The task that writes the journal has ended before the run did.")
}

//! Taking the lock, and waiting for whoever has it.

use crate::model::{Event, EventSink};
use crate::store::{Holder, Lease, StateStore, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked whether the lock is free.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is told that it is still waited for.
const TELL: Duration = Duration::from_secs(1);

/// Takes the lock; while somebody else has it, looks again until `patience` is used up, and tells for whom it waits.
///
/// # Errors
/// [`StoreError::Locked`] with the last holder, and whatever keeps the lock from being tried.
pub async fn take(store: &dyn StateStore, holder: &Holder, patience: Duration, events: &EventSink) -> Result<Box<dyn Lease>, StoreError> {
    let started = Instant::now();
    let (mut cause, mut told): (Option<String>, Option<Instant>) = (None, None);
    let taken = loop {
        match store.lock(holder).await {
            Err(StoreError::Locked(other)) if started.elapsed() < patience => {
                let now = format!("{other} to release the state's lock");
                if cause.as_ref() != Some(&now) || told.is_none_or(|told| told.elapsed() >= TELL) {
                    let (elapsed_ms, limit_ms) = (milliseconds(started.elapsed()), Some(milliseconds(patience)));
                    events(Event::Waiting { address: None, cause: now.clone(), calls: 1, elapsed_ms, limit_ms });
                    (cause, told) = (Some(now), Some(Instant::now()));
                }
                tokio::time::sleep(LOOK.min(patience.saturating_sub(started.elapsed()))).await;
            }
            taken => break taken,
        }
    };
    if let Some(cause) = cause {
        events(Event::Waited { address: None, cause, elapsed_ms: milliseconds(started.elapsed()) });
    }
    taken
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;
    use std::sync::{Arc, Mutex};

    fn holder(who: &str) -> Holder {
        Holder { who: who.to_owned(), ..Holder::unknown() }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_the_lock_when_it_is_free_and_is_told_whose_it_is_when_not() {
        let (store, told) = (Arc::new(MemoryStore::new()), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&told);
        let events: EventSink = Arc::new(move |event| sink.lock().unwrap().push(event));
        let first = take(store.as_ref(), &holder("ada"), Duration::ZERO, &events).await.unwrap();
        assert!(told.lock().unwrap().is_empty());
        let refused = take(store.as_ref(), &holder("bob"), Duration::from_secs(1), &events).await.err().unwrap();
        assert!(matches!(&refused, StoreError::Locked(other) if other.who == "ada"), "{refused}");
        assert!(matches!(told.lock().unwrap().last(), Some(Event::Waited { elapsed_ms: 1_000, .. })));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(4_500)).await;
            drop(first);
        });
        assert!(take(store.as_ref(), &holder("bob"), Duration::from_secs(60), &events).await.is_ok());
        assert!(matches!(told.lock().unwrap().last(), Some(Event::Waited { elapsed_ms: 4_500..5_500, .. })));
        let waits = told.lock().unwrap().iter().filter(|event| matches!(event, Event::Waiting { limit_ms: Some(60_000), .. })).count();
        assert_eq!(waits, 5, "it is told once a second that it waits");
    }
}

//! Events without an answer: on disk before they are accepted, tried again as Lambda tries them again
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).

use super::Lambda;
use super::record::Function;
use crate::local::common::{Call, Common, random_id};
use crate::local::disk::{Batch, DiskError};
use crate::local::error::ApiError;
use crate::local::events::Functions;
use crate::local::run::Invocation;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const TABLE: &str = "lambda/event";

/// After the first and the second failure of the function; there is no fourth attempt.
const PAUSES_MS: [i64; 2] = [60_000, 120_000];
/// The first pause after a throttle; each one after it is twice as long.
const THROTTLED_PAUSE_MS: i64 = 1000;
const LONGEST_THROTTLED_PAUSE_MS: i64 = 300_000;
/// How old an event may get.
const LONGEST_AGE_MS: i64 = 6 * 3_600_000;

/// An event that waits for its function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    id: String,
    request_id: String,
    region: String,
    function: String,
    payload: String,
    accepted_ms: i64,
    /// When it is tried, or tried again.
    due_ms: i64,
    failures: usize,
    throttles: u32,
    /// Whether this process accepted it; others were found on disk.
    #[serde(skip)]
    is_from_here: bool,
}

impl Event {
    fn key(&self) -> (i64, String) {
        (self.due_ms, self.id.clone())
    }
}

/// What came of an attempt.
enum Attempt {
    Done,
    Failed,
    Throttled,
}

/// The events, by when they are due.
pub(super) struct Queue {
    waiting: Mutex<BTreeMap<(i64, String), Event>>,
    /// How many of those that this process accepted are being tried.
    running: Mutex<usize>,
    /// Rung when an event comes or ends.
    bell: Notify,
    stop: CancellationToken,
}

impl Queue {
    pub fn open(common: &Common) -> Result<Self, DiskError> {
        let events = common.disk.load::<Event>(TABLE)?;
        let waiting = events.into_iter().map(|(_, event)| (event.key(), event)).collect();
        Ok(Self { waiting: Mutex::new(waiting), running: Mutex::new(0), bell: Notify::new(), stop: CancellationToken::new() })
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(i64, String), Event>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the worker, which may not be listening at this moment, and whoever waits for quiet.
    fn ring(&self) {
        self.bell.notify_waiters();
        self.bell.notify_one();
    }

    fn accept(&self, event: Event) {
        self.waiting().insert(event.key(), event);
        self.ring();
    }

    fn take_due(&self, now_ms: i64) -> Option<Event> {
        let mut waiting = self.waiting();
        let event = waiting.first_entry().filter(|entry| entry.key().0 <= now_ms)?.remove();
        // Counted before it leaves the queue's lock: whoever looks sees it in one place or the other.
        *self.running() += usize::from(event.is_from_here);
        Some(event)
    }

    fn is_quiet(&self, now_ms: i64) -> bool {
        let waiting = self.waiting();
        let is_due = waiting.range(..(now_ms.saturating_add(1), String::new())).any(|(_, event)| event.is_from_here);
        !is_due && *self.running() == 0
    }

    fn next_due_ms(&self) -> Option<i64> {
        self.waiting().first_key_value().map(|((due_ms, _), _)| *due_ms)
    }
}

impl Lambda {
    /// Takes an event for a function; it is on disk when this returns, and is tried even if nobody waits for
    /// that any more.
    pub(super) async fn enqueue(&self, function: &Function, payload: String, request_id: &str) -> Result<(), ApiError> {
        let now_ms = self.now_ms();
        let event = Event {
            id: random_id(),
            request_id: request_id.to_owned(),
            region: function.region.clone(),
            function: function.name.clone(),
            payload,
            accepted_ms: now_ms,
            due_ms: now_ms.max(function.active_at_ms),
            failures: 0,
            throttles: 0,
            is_from_here: true,
        };
        let saved = self.common.disk.commit(Batch::new().put(TABLE, &event.id, &event));
        let queue = Arc::clone(&self.queue);
        // A task of its own, which a client that hangs up does not end: the event may be on disk already.
        let accepting = tokio::spawn(async move { saved.wait().await.map(|()| queue.accept(event)) });
        accepting.await.unwrap_or_else(|error| Err(ApiError::internal(error.to_string())))
    }

    /// Works off the queue, for as long as it is polled.
    pub async fn work(self: &Arc<Self>) {
        loop {
            while let Some(event) = self.queue.take_due(self.now_ms()) {
                let service = Arc::clone(self);
                tokio::spawn(async move { service.attempt(event).await });
            }
            let rung = self.queue.bell.notified();
            match self.queue.next_due_ms() {
                Some(due_ms) => tokio::select! {
                    () = rung => {}
                    () = self.common.clock.sleep_until(due_ms) => {}
                },
                None => rung.await,
            }
        }
    }

    fn by_arn(&self, arn: &str) -> Result<Function, ApiError> {
        let call = Call { region: arn.split(':').nth(3).unwrap_or_default().to_owned(), request_id: String::new() };
        self.find(&call.region, &self.name_of(&call, arn, None)?)
    }

    /// Returns once no event that this process accepted is being tried or due. What waits for its next attempt
    /// is not waited for, nor what was found on disk.
    pub async fn quiet(&self) {
        loop {
            let changed = self.queue.bell.notified();
            if self.queue.is_quiet(self.now_ms()) {
                return;
            }
            changed.await;
        }
    }

    async fn attempt(&self, event: Event) {
        let attempt = self.tried(&event).await;
        if self.queue.stop.is_cancelled() {
            // What was cut off is on disk, and tried again by the next cloud.
            return;
        }
        let next = next_attempt(event.clone(), &attempt, self.now_ms());
        let batch = match &next {
            Some(event) => Batch::new().put(TABLE, &event.id, event),
            None => Batch::new().delete(TABLE, &event.id),
        };
        // A disk that refuses leaves the event where it is: it is tried once more after a restart.
        let _ = self.common.disk.commit(batch).wait().await;
        if let Some(event) = next {
            self.queue.waiting().insert(event.key(), event);
        }
        *self.queue.running() -= usize::from(event.is_from_here);
        self.queue.ring();
    }

    async fn tried(&self, event: &Event) -> Attempt {
        if self.now_ms() - event.accepted_ms > LONGEST_AGE_MS {
            // The cloud was down for so long: Lambda drops it untried.
            return Attempt::Done;
        }
        // The function of an event that nobody can answer any more may be gone.
        let Ok(function) = self.find(&event.region, &event.function) else { return Attempt::Done };
        let invocation = Invocation {
            payload: Bytes::from(event.payload.clone().into_bytes()),
            request_id: event.request_id.clone(),
            ..Invocation::default()
        };
        match self.run(&function, invocation).await {
            Ok(outcome) if outcome.function_error.is_none() => Attempt::Done,
            Err(error) if error.status == 429 || error.status == 409 => Attempt::Throttled,
            Ok(_) | Err(_) => Attempt::Failed,
        }
    }
}

#[async_trait]
impl Functions for Lambda {
    fn allows(&self, function_arn: &str, principal: &str, source_arn: &str) -> bool {
        self.by_arn(function_arn).is_ok_and(|function| self.may_be_invoked(&function, principal, source_arn))
    }

    async fn invoke(&self, function_arn: &str, payload: String) -> Result<(), ApiError> {
        self.enqueue(&self.by_arn(function_arn)?, payload, &random_id()).await
    }
}

/// The event as it waits for its next attempt; `None` when there is none.
fn next_attempt(mut event: Event, attempt: &Attempt, now_ms: i64) -> Option<Event> {
    let pause_ms = match attempt {
        Attempt::Done => return None,
        Attempt::Failed => *PAUSES_MS.get(event.failures)?,
        Attempt::Throttled => THROTTLED_PAUSE_MS.saturating_mul(1 << event.throttles.min(20)).min(LONGEST_THROTTLED_PAUSE_MS),
    };
    match attempt {
        Attempt::Failed => event.failures += 1,
        _ => event.throttles += 1,
    }
    event.due_ms = now_ms + pause_ms;
    (event.due_ms - event.accepted_ms <= LONGEST_AGE_MS).then_some(event)
}

#[cfg(test)]
impl Lambda {
    /// Tries an event once; whether that was its last attempt.
    pub(super) async fn is_answered(&self, event: &Event) -> bool {
        matches!(self.tried(event).await, Attempt::Done)
    }
}

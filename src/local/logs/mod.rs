//! CloudWatch Logs: groups, streams and events.
//!
//! Groups and streams are in memory and on disk; events are on disk alone, filed by group and time
//! ([`key`]), as a function may write a gigabyte of them. What expires, and what a deleted group or
//! stream leaves, is removed by one thread ([`janitor`]); nothing of it is told before that either.

mod checks;
mod groups;
mod ingest;
mod janitor;
mod json_pattern;
mod key;
mod listing;
mod pattern;
mod read;
mod state;
mod streams;
mod tags;
#[cfg(test)]
mod tests;

use super::common::{Call, Common};
use super::disk::{Batch, DiskError};
use super::error::ApiError;
use super::wire::json;
use janitor::{Janitor, Job};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use state::{Removed, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Who only writes need not have each expired event removed at once.
const SWEEP_SLACK_MS: i64 = 3_600_000;

/// Who writes more than this waits for the disk; a single line does not, as the disk takes milliseconds.
const MOST_UNSAVED_BYTES: usize = 4 * 1024 * 1024;

/// A line that a function wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The line without its end.
    pub message: String,
}

/// The service.
pub struct Logs {
    // First, so that its thread has ended before the rest goes.
    janitor: Janitor,
    shared: Arc<Shared>,
    /// What functions wrote since somebody waited for the disk.
    unsaved_bytes: AtomicUsize,
}

/// What the service and its thread share.
struct Shared {
    common: Common,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operation that changes something is given.
struct Changing<'a> {
    common: &'a Common,
    region: &'a str,
    state: &'a mut State,
}

/// What an operation that only asks is given.
struct Asking<'a> {
    common: &'a Common,
    region: &'a str,
    state: &'a State,
}

/// What an operation has changed in memory, and what follows.
struct Change {
    batch: Batch,
    answer: Value,
    removed: Option<Removed>,
    may_have_expired: Option<String>,
}

impl Change {
    fn of(batch: Batch) -> Self {
        Self { batch, answer: Value::Object(Map::new()), removed: None, may_have_expired: None }
    }

    fn answering(self, answer: Value) -> Self {
        Self { answer, ..self }
    }

    fn then_remove(self, removed: Removed) -> Self {
        Self { removed: Some(removed), ..self }
    }

    fn then_expire(self, group: &str) -> Self {
        Self { may_have_expired: Some(group.to_owned()), ..self }
    }
}

impl Logs {
    /// Opens the service on what is on disk, and goes on removing what a stop interrupted.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn open(common: Common) -> Result<Self, DiskError> {
        let (state, removed) = State::load(&common.disk)?;
        let shared = Arc::new(Shared { common, state: Mutex::new(state) });
        let logs = Self { janitor: Janitor::start(Arc::clone(&shared))?, shared, unsaved_bytes: AtomicUsize::new(0) };
        removed.into_iter().for_each(|removed| logs.janitor.send(Job::Remove(removed)));
        let names: Vec<_> = logs.shared.lock().names().map(|(region, name, _)| (region.to_owned(), name.to_owned())).collect();
        let mut state = logs.shared.lock();
        names.iter().for_each(|(region, name)| logs.expire(&mut state, region, name, 0));
        drop(state);
        Ok(logs)
    }

    /// Answers a call.
    ///
    /// # Errors
    /// What AWS refuses, with its code; `UnknownOperationException` for an operation that is not here.
    pub async fn call(&self, call: &Call, operation: &str, input: Value) -> Result<Value, ApiError> {
        let region = call.region.as_str();
        match operation {
            "CreateLogGroup" => self.change(region, input, groups::create).await,
            "DeleteLogGroup" => self.change(region, input, groups::delete).await,
            "DescribeLogGroups" => {
                self.settle_expired(region).await;
                self.ask(region, input, listing::describe)
            }
            "ListLogGroups" => self.ask(region, input, listing::list),
            "PutRetentionPolicy" => self.change(region, input, groups::put_retention).await,
            "DeleteRetentionPolicy" => self.change(region, input, groups::delete_retention).await,
            "AssociateKmsKey" => self.change(region, input, groups::associate_key).await,
            "DisassociateKmsKey" => self.change(region, input, groups::disassociate_key).await,
            "PutLogGroupDeletionProtection" => self.change(region, input, groups::put_protection).await,
            "TagResource" => self.change(region, input, tags::tag).await,
            "UntagResource" => self.change(region, input, tags::untag).await,
            "ListTagsForResource" => self.ask(region, input, tags::list),
            "TagLogGroup" => self.change(region, input, tags::tag_group).await,
            "UntagLogGroup" => self.change(region, input, tags::untag_group).await,
            "ListTagsLogGroup" => self.ask(region, input, tags::list_group),
            "CreateLogStream" => self.change(region, input, streams::create).await,
            "DeleteLogStream" => self.change(region, input, streams::delete).await,
            "DescribeLogStreams" => self.ask(region, input, streams::describe),
            "PutLogEvents" => self.change(region, input, ingest::put).await,
            "GetLogEvents" => self.read(region, input, read::get).await,
            "FilterLogEvents" => self.read(region, input, read::filter).await,
            other => Err(json::unknown_operation(other)),
        }
    }

    /// Whether a group is there.
    pub fn has_group(&self, region: &str, group: &str) -> bool {
        self.shared.lock().group(region, group).is_some()
    }

    /// Makes a group with all defaults where it is missing, as Lambda does for a function that writes where
    /// nothing is. It waits for nothing: the group is on disk before whatever is appended to it. Tells
    /// whether the group is there now; it is not under a name that no group can have.
    pub fn create_group_quietly(&self, region: &str, group: &str) -> bool {
        let mut state = self.shared.lock();
        if state.group(region, group).is_some() {
            return true;
        }
        let mut changing = Changing { common: &self.shared.common, region, state: &mut state };
        let change = groups::create(&mut changing, groups::Create::plain(group));
        change.map(|change| drop(self.shared.common.disk.commit(change.batch))).is_ok()
    }

    /// Takes what a function wrote. It waits for the disk only when much is on its way there, so that memory
    /// stays bounded, and is therefore for threads that may block. Readers see everything all the same, as
    /// they wait for what was handed over before them. The stream is made where it is missing; without the
    /// group nothing happens.
    pub fn append(&self, region: &str, group: &str, stream: &str, events: Vec<LogEvent>) {
        let saved = {
            let mut state = self.shared.lock();
            let mut changing = Changing { common: &self.shared.common, region, state: &mut state };
            let Some(batch) = ingest::append(&mut changing, group, stream, &events) else { return };
            let saved = self.shared.common.disk.commit(batch);
            self.expire(&mut state, region, group, SWEEP_SLACK_MS);
            saved
        };
        let weight = events.iter().map(|event| event.message.len() + size_of::<LogEvent>()).sum();
        if self.unsaved_bytes.fetch_add(weight, Ordering::Relaxed) + weight > MOST_UNSAVED_BYTES {
            // What was handed over before this is on disk by then too.
            self.unsaved_bytes.store(0, Ordering::Relaxed);
            // A disk that refuses has the lines in line for its next attempt.
            let _ = saved.wait_blocking();
        }
    }

    /// Waits until everything that was appended is on disk.
    ///
    /// # Errors
    /// `InternalFailure` when the disk refused.
    pub async fn flush(&self) -> Result<(), ApiError> {
        self.shared.common.disk.commit(Batch::new()).wait().await
    }

    /// Waits until nothing is left to remove that was known when this was called.
    #[cfg(test)]
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        self.janitor.send(Job::Settle(done));
        let _ = settled.await;
    }

    async fn change<I: DeserializeOwned>(
        &self,
        region: &str,
        input: Value,
        operation: impl FnOnce(&mut Changing<'_>, I) -> Result<Change, ApiError>,
    ) -> Result<Value, ApiError> {
        let input = json::input(input)?;
        let (saved, answer, removed) = {
            let mut state = self.shared.lock();
            let change = operation(&mut Changing { common: &self.shared.common, region, state: &mut state }, input)?;
            let saved = self.shared.common.disk.commit(change.batch);
            if let Some(group) = change.may_have_expired {
                self.expire(&mut state, region, &group, 0);
            }
            (saved, change.answer, change.removed)
        };
        if let Some(removed) = removed {
            self.janitor.send(Job::Remove(removed));
        }
        saved.wait().await.map(|()| answer)
    }

    fn ask<I: DeserializeOwned>(
        &self,
        region: &str,
        input: Value,
        operation: impl FnOnce(&Asking<'_>, I) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        let input = json::input(input)?;
        operation(&Asking { common: &self.shared.common, region, state: &self.shared.lock() }, input)
    }

    /// Reads events, away from the threads that answer calls.
    async fn read<I: DeserializeOwned>(
        &self,
        region: &str,
        input: Value,
        operation: impl FnOnce(&Asking<'_>, I) -> Result<read::Query, ApiError>,
    ) -> Result<Value, ApiError> {
        let input = json::input(input)?;
        let query = operation(&Asking { common: &self.shared.common, region, state: &self.shared.lock() }, input)?;
        self.flush().await?;
        let disk = Arc::clone(&self.shared.common.disk);
        let answer = tokio::task::spawn_blocking(move || query.run(&disk)).await;
        let answer = answer.map_err(|error| ApiError::internal(error.to_string()))?;
        answer.map_err(|error| ApiError::internal(format!("The log events could not be read: {error}")))
    }

    /// Has a group's expired events removed, unless that is on its way.
    fn expire(&self, state: &mut State, region: &str, name: &str, slack_ms: i64) {
        let now_ms = self.shared.common.clock.now_ms();
        let Some(group) = state.group_mut(region, name) else { return };
        if !group.is_sweeping && group.oldest_ms < group.cutoff_ms(now_ms) - slack_ms {
            group.is_sweeping = true;
            self.janitor.send(Job::Expire { region: region.to_owned(), group: name.to_owned(), done: None });
        }
    }

    /// Waits until no group of a region counts what has expired.
    async fn settle_expired(&self, region: &str) {
        let now_ms = self.shared.common.clock.now_ms();
        let due = |name: &str, group: &state::Group| (group.oldest_ms < group.cutoff_ms(now_ms)).then(|| name.to_owned());
        let names: Vec<_> = {
            let state = self.shared.lock();
            state.groups(region).into_iter().flatten().filter_map(|(name, group)| due(name, group)).collect()
        };
        let mut waiting = Vec::new();
        for group in names {
            let (done, settled) = oneshot::channel();
            self.janitor.send(Job::Expire { region: region.to_owned(), group, done: Some(done) });
            waiting.push(settled);
        }
        for settled in waiting {
            let _ = settled.await;
        }
    }
}

//! The one thread that removes events: those that expired, and those of groups and streams that are
//! gone. It works in small pieces, so that neither the disk's queue nor anybody who waits for the lock
//! sees more than one of them at a time, and it takes up again what a stop interrupted.

use super::Shared;
use super::key::{EVENTS, EventKey, Position, end_of, size_bytes};
use super::state::{Removed, read_event, settle_removed};
use crate::local::disk::{Batch, Direction, DiskError};
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// How many events one piece of work takes at most.
const PIECE: usize = 2_000;

/// Something to remove.
#[derive(Debug)]
pub enum Job {
    /// What expired in a group.
    Expire {
        /// Its region.
        region: String,
        /// Its name.
        group: String,
        /// Told when the work is done, or lost when it never will be.
        done: Option<oneshot::Sender<()>>,
    },
    /// What a group or stream that is gone has left.
    Remove(Removed),
    /// Nothing, but told when all that came before is done.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests wait for removals"))]
    Settle(oneshot::Sender<()>),
}

impl Job {
    fn finish(self) {
        if let Self::Expire { done: Some(done), .. } | Self::Settle(done) = self {
            let _ = done.send(());
        }
    }
}

/// The handle on the thread; dropping it stops the thread after its piece of work.
pub struct Janitor {
    jobs: Option<Sender<Job>>,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Janitor {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(shared: Arc<Shared>) -> Result<Self, DiskError> {
        let (sender, receiver) = channel();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let disk = Arc::clone(&shared.common.disk);
        let work = Work { shared, is_stopping: Arc::clone(&is_stopping) };
        let thread = std::thread::Builder::new().name("cloud-logs".into()).spawn(move || work.run(&receiver));
        let thread = thread.map_err(|error| disk.refused(error))?;
        Ok(Self { jobs: Some(sender), is_stopping, thread: Some(thread) })
    }

    /// Hands over a job.
    pub fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    is_stopping: Arc<AtomicBool>,
}

impl Work {
    /// A long job goes behind the others after each piece, so that a short one does not wait for it.
    fn run(&self, jobs: &Receiver<Job>) {
        let mut queue = VecDeque::new();
        while let Some(job) = queue.pop_front().or_else(|| jobs.recv().ok()) {
            queue.extend(jobs.try_iter());
            if self.is_stopping.load(Ordering::Relaxed) {
                return;
            }
            let is_last = queue.iter().all(|other| matches!(other, Job::Settle(_)));
            match self.step(&job, is_last) {
                ControlFlow::Continue(()) => queue.push_back(job),
                ControlFlow::Break(()) => job.finish(),
            }
        }
    }

    /// Does a piece of a job. What the disk refuses is left to the next start.
    fn step(&self, job: &Job, is_last: bool) -> ControlFlow<()> {
        match job {
            Job::Settle(_) if is_last => ControlFlow::Break(()),
            Job::Settle(_) => ControlFlow::Continue(()),
            Job::Remove(removed) => self.remove(removed).unwrap_or(ControlFlow::Break(())),
            Job::Expire { region, group, .. } => {
                let outcome = self.expire(region, group).unwrap_or(ControlFlow::Break(()));
                if outcome.is_break()
                    && let Some(group) = self.shared.lock().group_mut(region, group)
                {
                    group.is_sweeping = false;
                }
                outcome
            }
        }
    }

    fn remove(&self, removed: &Removed) -> Result<ControlFlow<()>, DiskError> {
        // Events that were handed over just before their group went are to be found too.
        self.write(Batch::new())?;
        let from = Position::at(removed.from_ms).bound(removed.group);
        let to = match removed.to_ms {
            i64::MAX => end_of(removed.group),
            to_ms => Position::at(to_ms.saturating_add(1)).bound(removed.group),
        };
        let mut batch = Batch::new();
        let mut count = 0;
        self.shared.common.disk.walk(EVENTS, &from, &to, Direction::Forward, |key, _| {
            let stream = EventKey::parse(key).map(|key| key.stream);
            if removed.stream.is_none() || removed.stream == stream {
                batch = std::mem::take(&mut batch).delete(EVENTS, key);
                count += 1;
            }
            if count < PIECE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let is_done = count < PIECE;
        let batch = if is_done { settle_removed(batch, removed) } else { batch };
        self.write(batch)?;
        Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn expire(&self, region: &str, name: &str) -> Result<ControlFlow<()>, DiskError> {
        // What was handed over has to be on disk, or the group's oldest event could be missed. Most of it
        // gets there before the lock is taken.
        self.write(Batch::new())?;
        let mut state = self.shared.lock();
        self.write(Batch::new())?;
        let Some(group) = state.group_mut(region, name) else { return Ok(ControlFlow::Break(())) };
        let cutoff_ms = group.cutoff_ms(self.shared.common.clock.now_ms());
        if group.oldest_ms >= cutoff_ms {
            return Ok(ControlFlow::Break(()));
        }
        let from = Position::at(group.oldest_ms).bound(group.record.id);
        let expired = self.find_expired(&from, group.record.id, cutoff_ms)?;
        group.oldest_ms = expired.next_ms.unwrap_or(i64::MAX);
        let batch = group.forget(&expired.bytes_by_stream, expired.batch);
        let saved = self.shared.common.disk.commit(batch);
        let is_done = group.oldest_ms >= cutoff_ms;
        drop(state);
        saved.wait_blocking().map_err(|error| self.shared.common.disk.refused(error.message))?;
        Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn find_expired(&self, from: &str, group: u32, cutoff_ms: i64) -> Result<Expired, DiskError> {
        let mut expired = Expired { batch: Batch::new(), bytes_by_stream: BTreeMap::new(), next_ms: None };
        let mut count = 0;
        self.shared.common.disk.walk(EVENTS, from, &end_of(group), Direction::Forward, |text, value| {
            let Some(key) = EventKey::parse(text) else { return ControlFlow::Continue(()) };
            if key.position.timestamp_ms >= cutoff_ms || count == PIECE {
                expired.next_ms = Some(key.position.timestamp_ms);
                return ControlFlow::Break(());
            }
            count += 1;
            let bytes = read_event(value).map_or(0, |(_, message)| size_bytes(&message));
            *expired.bytes_by_stream.entry(key.stream).or_default() += bytes;
            expired.batch = std::mem::take(&mut expired.batch).delete(EVENTS, text);
            ControlFlow::Continue(())
        })?;
        Ok(expired)
    }

    fn write(&self, batch: Batch) -> Result<(), DiskError> {
        let disk = &self.shared.common.disk;
        disk.commit(batch).wait_blocking().map_err(|error| disk.refused(error.message))
    }
}

/// A piece's worth of expired events.
struct Expired {
    batch: Batch,
    bytes_by_stream: BTreeMap<u32, u64>,
    /// The time of the first event that stays, or that the next piece takes.
    next_ms: Option<i64>,
}

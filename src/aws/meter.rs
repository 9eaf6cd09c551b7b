//! Counts calls and measures what they wait for, for whoever watches and for the account at the end.

use super::locked;
use crate::model::calls::{CallAccount, CallWait, LongCall, OperationCalls};
use crate::model::{Event, EventSink};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How many of the longest calls are kept.
const LONGEST: usize = 5;
/// A wait that many calls share is told this often.
const TELLING: Duration = Duration::from_secs(1);

/// What a call can wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A token of AWS's request quota: the name of its bucket, such as `lambda`, and the quota in words.
    Quota { bucket: &'static str, text: String },
    /// What this process allows itself is used up.
    Budget { calls_per_minute: usize },
    /// AWS said for how long it wants to be left alone.
    RetryAfter,
    /// The pause before a call is sent again.
    Retry,
    /// Something fresh, a role above all, is not seen everywhere yet.
    Propagation,
    /// Something else is going on with the resource.
    Busy,
    /// A resource that was made or changed is not ready yet.
    Readiness,
    /// So much is being uploaded that the next package has to wait.
    Uploads,
}

impl Cause {
    fn name(&self) -> &'static str {
        match self {
            Self::Quota { .. } => "quota",
            Self::Budget { .. } => "budget",
            Self::RetryAfter => "retry_after",
            Self::Retry => "retry",
            Self::Propagation => "propagation",
            Self::Busy => "in_progress",
            Self::Readiness => "readiness",
            Self::Uploads => "uploads",
        }
    }

    /// In words, to stand behind "waiting for".
    fn text(&self) -> String {
        match self {
            Self::Quota { text, .. } => text.clone(),
            Self::Budget { calls_per_minute } => format!("the budget of {calls_per_minute} calls a minute and service"),
            Self::RetryAfter => "AWS, which asked to be left alone (`Retry-After`)".to_owned(),
            Self::Retry => "AWS to accept what it throttled or lost".to_owned(),
            Self::Propagation => "fresh roles and the like to be seen everywhere".to_owned(),
            Self::Busy => "other changes of the same resource to end".to_owned(),
            Self::Readiness => "resources to be ready".to_owned(),
            Self::Uploads => "uploads under way to make room".to_owned(),
        }
    }
}

/// Counts and measures, for all sessions of a process.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    calls: BTreeMap<String, OperationCalls>,
    waits: BTreeMap<Cause, Gauge>,
    longest: Vec<LongCall>,
    uploaded_bytes: u64,
}

/// How many wait for one thing, and how long somebody did.
#[derive(Default)]
struct Gauge {
    waits: u64,
    waiting: usize,
    held: usize,
    since: Option<Instant>,
    elapsed: Duration,
    told_at: Option<Instant>,
}

impl Meter {
    /// The account so far; `None` while nothing was called.
    pub fn account(&self) -> Option<CallAccount> {
        let ledger = locked(&self.0);
        (!ledger.calls.is_empty()).then(|| ledger.account(Instant::now()))
    }

    pub(super) fn count(&self, operation: &str, count: impl FnOnce(&mut OperationCalls)) {
        let mut ledger = locked(&self.0);
        match ledger.calls.get_mut(operation) {
            Some(calls) => count(calls),
            None => {
                let calls = OperationCalls { operation: operation.to_owned(), ..OperationCalls::default() };
                count(ledger.calls.entry(operation.to_owned()).or_insert(calls));
            }
        }
    }

    /// A request had its answer after this time, and carried so many bytes of a package.
    pub(super) fn answered(&self, operation: &str, elapsed: Duration, bytes: usize) {
        self.count(operation, |calls| calls.elapsed_ms += milliseconds(elapsed));
        let mut ledger = locked(&self.0);
        ledger.uploaded_bytes += u64::try_from(bytes).unwrap_or_default();
        let elapsed_ms = milliseconds(elapsed);
        let at = ledger.longest.partition_point(|long| long.elapsed_ms >= elapsed_ms);
        if at < LONGEST {
            ledger.longest.insert(at, LongCall { operation: operation.to_owned(), elapsed_ms });
            ledger.longest.truncate(LONGEST);
        }
    }

    /// Somebody waits for this from now on, until the answer is dropped.
    pub(super) fn waiting(&self, cause: Cause, events: EventSink) -> Waiting {
        self.change(&cause, &events, |gauge| {
            gauge.waits += 1;
            gauge.waiting += 1;
        });
        Waiting { meter: self.clone(), cause, events }
    }

    /// So many are held back for this reason, before they even wait.
    pub(super) fn hold(&self, cause: &Cause, held: usize, events: &EventSink) {
        self.change(cause, events, |gauge| gauge.held = held);
    }

    fn change(&self, cause: &Cause, events: &EventSink, change: impl FnOnce(&mut Gauge)) {
        let mut ledger = locked(&self.0);
        if !ledger.waits.contains_key(cause) {
            ledger.waits.insert(cause.clone(), Gauge::default());
        }
        let Some(gauge) = ledger.waits.get_mut(cause) else { return };
        change(gauge);
        let event = gauge.tell(cause, Instant::now());
        drop(ledger);
        event.into_iter().for_each(|event| events(event));
    }
}

impl Gauge {
    /// Takes note of when the wait began or ended; answers with what is to be told of it.
    fn tell(&mut self, cause: &Cause, now: Instant) -> Option<Event> {
        let calls = self.waiting + self.held;
        if calls == 0 {
            let elapsed = now - self.since.take()?;
            self.elapsed += elapsed;
            self.told_at.take()?;
            return Some(Event::Waited { address: None, cause: cause.text(), elapsed_ms: milliseconds(elapsed) });
        }
        let elapsed = now - *self.since.get_or_insert(now);
        if elapsed < TELLING || self.told_at.is_some_and(|told| now - told < TELLING) {
            return None;
        }
        self.told_at = Some(now);
        Some(Event::Waiting { address: None, cause: cause.text(), calls, elapsed_ms: milliseconds(elapsed), limit_ms: None })
    }
}

impl Ledger {
    fn account(&self, now: Instant) -> CallAccount {
        let mut operations: Vec<OperationCalls> = self.calls.values().cloned().collect();
        operations.sort_by(|one, other| (other.calls, &one.operation).cmp(&(one.calls, &other.operation)));
        let elapsed = |gauge: &Gauge| gauge.elapsed + gauge.since.map_or(Duration::ZERO, |since| now - since);
        let wait = |(cause, gauge): (&Cause, &Gauge)| CallWait {
            cause: cause.name(),
            text: cause.text(),
            waits: gauge.waits,
            elapsed_ms: milliseconds(elapsed(gauge)),
        };
        let mut waits: Vec<CallWait> = self.waits.iter().map(wait).filter(|wait| wait.elapsed_ms > 0).collect();
        waits.sort_by_key(|wait| std::cmp::Reverse(wait.elapsed_ms));
        let sum = |number: fn(&OperationCalls) -> u64| operations.iter().map(number).sum();
        CallAccount {
            total: sum(|calls| calls.calls),
            throttled: sum(|calls| calls.throttled),
            retried: sum(|calls| calls.retried),
            failed: sum(|calls| calls.failed),
            uploaded_bytes: self.uploaded_bytes,
            longest: self.longest.clone(),
            operations,
            waits,
        }
    }
}

/// A wait under way.
pub(super) struct Waiting {
    meter: Meter,
    cause: Cause,
    events: EventSink,
}

impl Waiting {
    /// Runs `work`, telling once a second how many wait for the same thing, and since when.
    pub(super) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(TELLING) => self.meter.change(&self.cause, &self.events, |_| {}),
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.meter.change(&self.cause, &self.events, |gauge| gauge.waiting = gauge.waiting.saturating_sub(1));
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lambda() -> Cause {
        Cause::Quota { bucket: "lambda", text: "AWS's quota of 15 Lambda calls a second".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_for_the_same_thing_share_the_time_and_are_told_together() {
        let (meter, told) = (Meter::default(), Arc::new(Mutex::new(Vec::new())));
        let sink: EventSink = {
            let told = Arc::clone(&told);
            Arc::new(move |event| locked(&told).push(event))
        };
        meter.count("lambda:CreateFunction", |calls| calls.calls += 1);
        let wait = |seconds| meter.waiting(lambda(), sink.clone()).during(tokio::time::sleep(Duration::from_millis(seconds)));
        tokio::join!(wait(2_500), wait(2_500), wait(1_500));
        tokio::time::sleep(Duration::from_secs(9)).await;
        wait(500).await;
        let account = meter.account().unwrap();
        assert_eq!(account.waits, [CallWait { cause: "quota", text: lambda().text(), waits: 4, elapsed_ms: 3_000 }]);
        let waiting = |calls, elapsed_ms| Event::Waiting { address: None, cause: lambda().text(), calls, elapsed_ms, limit_ms: None };
        let ended = Event::Waited { address: None, cause: lambda().text(), elapsed_ms: 2_500 };
        assert_eq!(*locked(&told), [waiting(3, 1_000), waiting(2, 2_000), ended]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_back_waits_too_though_each_call_waits_shortly() {
        let (meter, told) = (Meter::default(), Arc::new(Mutex::new(Vec::new())));
        let sink: EventSink = {
            let told = Arc::clone(&told);
            Arc::new(move |event| locked(&told).push(event))
        };
        for held in (0..6).rev() {
            meter.hold(&lambda(), held, &sink);
            meter.waiting(lambda(), sink.clone()).during(tokio::time::sleep(Duration::from_millis(300))).await;
        }
        let waiting = |calls, elapsed_ms| Event::Waiting { address: None, cause: lambda().text(), calls, elapsed_ms, limit_ms: None };
        let ended = Event::Waited { address: None, cause: lambda().text(), elapsed_ms: 1_500 };
        assert_eq!(*locked(&told), [waiting(2, 1_200), ended]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_account_is_sorted_and_keeps_the_longest_calls() {
        let meter = Meter::default();
        assert_eq!(meter.account(), None);
        for (operation, calls) in [("iam:CreateRole", 2), ("lambda:GetFunction", 7), ("iam:GetRole", 2)] {
            meter.count(operation, |count| count.calls += calls);
        }
        for elapsed_ms in [5, 90, 3, 700, 20, 1, 800] {
            meter.answered("iam:GetRole", Duration::from_millis(elapsed_ms), 10);
        }
        let account = meter.account().unwrap();
        let operations: Vec<&str> = account.operations.iter().map(|calls| calls.operation.as_str()).collect();
        assert_eq!(operations, ["lambda:GetFunction", "iam:CreateRole", "iam:GetRole"]);
        let longest: Vec<u64> = account.longest.iter().map(|long| long.elapsed_ms).collect();
        assert_eq!((longest, account.total, account.uploaded_bytes), (vec![800, 700, 90, 20, 5], 11, 70));
    }
}

//! So many calls a minute and service, and no more: for a process that runs day and night beside others.

use super::locked;
use super::meter::Cause;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The time that calls are counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts the calls of the last minute, by service.
pub(super) struct Budget {
    calls_per_minute: usize,
    sent: Mutex<BTreeMap<String, VecDeque<Instant>>>,
}

impl Budget {
    /// At least one call a minute: none at all would wait for ever.
    pub(super) fn new(calls_per_minute: usize) -> Self {
        Self { calls_per_minute: calls_per_minute.max(1), sent: Mutex::default() }
    }

    /// Waits until a call of `operation`, such as `lambda:GetFunction`, may be sent, and counts it.
    pub(super) async fn spend(&self, operation: &str) {
        let service = operation.split(':').next().unwrap_or(operation);
        while let Some(free) = self.try_spend(service, Instant::now()) {
            tokio::time::sleep_until(free).await;
        }
    }

    /// Counts a call; when there will be room again, where there is none.
    fn try_spend(&self, service: &str, now: Instant) -> Option<Instant> {
        let mut sent = locked(&self.sent);
        let calls = sent.entry(service.to_owned()).or_default();
        while calls.front().is_some_and(|first| now - *first >= WINDOW) {
            calls.pop_front();
        }
        if calls.len() < self.calls_per_minute {
            calls.push_back(now);
            return None;
        }
        calls.front().map(|first| *first + WINDOW)
    }

    /// What is waited for when there is no room.
    pub(super) fn cause(&self) -> Cause {
        Cause::Budget { calls_per_minute: self.calls_per_minute }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_has_more_calls_than_allowed_and_services_do_not_share_it() {
        let (budget, start) = (Budget::new(10), Instant::now());
        let mut sent = Vec::new();
        for _ in 0..35 {
            budget.spend("lambda:GetFunction").await;
            sent.push(Instant::now());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for (at, first) in sent.iter().enumerate() {
            assert!(sent[at..].iter().filter(|later| **later - *first < WINDOW).count() <= 10);
        }
        assert!(sent[34] - start < 4 * WINDOW);
        let before = Instant::now();
        budget.spend("iam:GetRole").await;
        assert_eq!(Instant::now(), before);
    }
}

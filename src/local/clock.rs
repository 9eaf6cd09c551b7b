//! Time, as the cloud sees it.

use async_trait::async_trait;
use std::time::Duration;

/// Where the cloud takes its time from, so that tests can hand it their own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;

    /// Returns once that moment has come.
    async fn sleep_until(&self, at_ms: i64);
}

/// The machine's time.
pub struct SystemClock;

/// A machine that slept through the night wakes up late for a long sleep; shorter naps notice.
const LONGEST_NAP_MS: i64 = 10_000;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }

    async fn sleep_until(&self, at_ms: i64) {
        loop {
            let left_ms = at_ms - self.now_ms();
            if left_ms <= 0 {
                return;
            }
            let nap_ms = u64::try_from(left_ms.min(LONGEST_NAP_MS)).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(nap_ms)).await;
        }
    }
}

/// A clock that tests set.
#[cfg(test)]
pub struct ManualClock(tokio::sync::watch::Sender<i64>);

#[cfg(test)]
impl ManualClock {
    pub fn new(now_ms: i64) -> Self {
        Self(tokio::sync::watch::Sender::new(now_ms))
    }

    pub fn advance(&self, by_ms: i64) {
        self.0.send_modify(|now_ms| *now_ms += by_ms);
    }
}

#[cfg(test)]
#[async_trait]
impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        *self.0.borrow()
    }

    async fn sleep_until(&self, at_ms: i64) {
        let mut watch = self.0.subscribe();
        let _ = watch.wait_for(|now_ms| *now_ms >= at_ms).await;
    }
}

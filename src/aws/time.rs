//! The machine's time, as requests are made by it.

use super::locked;
use aws_types::sdk_config::{SharedTimeSource, TimeSource};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A machine may sleep for so long; a clock that moves by more at once was set.
const LONGEST_SLEEP_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// The time of the machine's clock, but for leaps of more than a week, as when a machine without a battery learns what year
/// it is. The SDK's watch over stalled bodies counts each tenth of a second that its clock says has passed, and would not
/// come to an end. How far AWS's time is from this one is learned from its answers in any case.
#[derive(Debug)]
pub(super) struct WithoutLeaps {
    machine: SharedTimeSource,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    looked: Instant,
    said: SystemTime,
    /// How far the clock has leapt in all.
    leapt_ms: i64,
}

impl WithoutLeaps {
    pub(super) fn of(machine: SharedTimeSource) -> Self {
        let last = Last { looked: Instant::now(), said: machine.now(), leapt_ms: 0 };
        Self { machine, last: Mutex::new(last) }
    }
}

impl TimeSource for WithoutLeaps {
    fn now(&self) -> SystemTime {
        let mut last = locked(&self.last);
        let (looked, said) = (Instant::now(), self.machine.now());
        let passed_ms = i64::try_from(looked.duration_since(last.looked).as_millis()).unwrap_or(i64::MAX);
        let leap_ms = between_ms(last.said, said).saturating_sub(passed_ms);
        if leap_ms.saturating_abs() > LONGEST_SLEEP_MS {
            last.leapt_ms = last.leapt_ms.saturating_add(leap_ms);
        }
        (last.looked, last.said) = (looked, said);
        later(said, last.leapt_ms.saturating_neg())
    }
}

/// From one time to the other, in milliseconds; negative where the other one comes first.
pub(super) fn between_ms(from: SystemTime, to: SystemTime) -> i64 {
    let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    to.duration_since(from).map_or_else(|error| -milliseconds(error.duration()), milliseconds)
}

/// So many milliseconds later, or earlier where they are negative.
pub(super) fn later(time: SystemTime, by_ms: i64) -> SystemTime {
    let span = Duration::from_millis(by_ms.unsigned_abs());
    let moved = if by_ms < 0 { time.checked_sub(span) } else { time.checked_add(span) };
    moved.unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Debug)]
    struct Clock(Arc<Mutex<SystemTime>>);

    impl TimeSource for Clock {
        fn now(&self) -> SystemTime {
            *locked(&self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_night_passes_and_half_a_century_does_not() {
        const HOUR_MS: i64 = 3_600_000;
        const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
        let start = SystemTime::UNIX_EPOCH;
        let clock = Clock(Arc::new(Mutex::new(start)));
        let time = WithoutLeaps::of(SharedTimeSource::new(clock.clone()));
        let set = |by_ms: i64| {
            let now = later(clock.now(), by_ms);
            *locked(&clock.0) = now;
            between_ms(start, time.now()) / HOUR_MS
        };
        assert_eq!(set(9 * HOUR_MS), 9, "the machine slept");
        assert_eq!(set(56 * YEAR_MS), 9, "the clock was set");
        assert_eq!(set(HOUR_MS), 10);
        assert_eq!(set(-56 * YEAR_MS), 10, "and set back");
        assert_eq!(set(-2 * HOUR_MS), 8);
        tokio::time::advance(Duration::from_secs(60 * 24 * 3_600)).await;
        assert_eq!(set(60 * 24 * HOUR_MS), 8 + 60 * 24, "nothing was asked for two months");
    }
}

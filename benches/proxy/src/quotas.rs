//! The request quotas that `--throttle` imitates, one token bucket each.
//!
//! Lambda's are published (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), as are EventBridge's 50
//! requests a second. 10 a second for a call of CloudWatch Logs, IAM's numbers and all bursts are guesses: AWS publishes
//! none, or other ones for other regions.

use crate::Operation;
use std::collections::BTreeMap;
use tokio::time::{Duration, Instant};

/// How many calls go through.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quota {
    name: &'static str,
    per_second: f64,
    burst: f64,
}

impl Quota {
    const fn new(name: &'static str, per_second: f64, burst: f64) -> Self {
        Self { name, per_second, burst }
    }

    /// The quota that a call counts against; S3 and STS have none that matters here.
    fn of(operation: &Operation) -> Option<Self> {
        let is_read = operation.name.starts_with("Get") || operation.name.starts_with("List");
        Some(match (operation.service.as_str(), operation.name.as_str()) {
            ("lambda", "GetFunction") => Self::new("GetFunction", 100.0, 100.0),
            ("lambda", "GetPolicy") => Self::new("GetPolicy", 15.0, 15.0),
            ("lambda", _) => Self::new("lambda", 15.0, 15.0),
            ("logs", "CreateLogGroup") => Self::new("CreateLogGroup", 10.0, 10.0),
            ("logs", "DeleteLogGroup") => Self::new("DeleteLogGroup", 10.0, 10.0),
            ("logs", "DescribeLogGroups") => Self::new("DescribeLogGroups", 10.0, 10.0),
            ("logs", "PutRetentionPolicy") => Self::new("PutRetentionPolicy", 10.0, 10.0),
            ("logs", _) => Self::new("logs", 10.0, 10.0),
            ("events", _) => Self::new("events", 50.0, 50.0),
            ("iam", _) if is_read => Self::new("iam:read", 50.0, 100.0),
            ("iam", _) => Self::new("iam:write", 20.0, 100.0),
            _ => return None,
        })
    }
}

/// AWS's side: it refuses what is too much.
#[derive(Default)]
pub struct Gate {
    /// Tokens that are left, and when they were counted.
    buckets: BTreeMap<&'static str, (f64, Instant)>,
}

impl Gate {
    /// Takes a token; `false` when there is none.
    pub fn admits(&mut self, operation: &Operation, now: Instant) -> bool {
        let Some(quota) = Quota::of(operation) else { return true };
        let (tokens, counted_at) = self.buckets.entry(quota.name).or_insert((quota.burst, now));
        *tokens = (*tokens + (now - *counted_at).as_secs_f64() * quota.per_second).min(quota.burst);
        *counted_at = now;
        let is_admitted = *tokens >= 1.0;
        *tokens -= f64::from(u8::from(is_admitted));
        is_admitted
    }
}

/// A polite client's side: it knows the quotas and sends nothing that would be refused.
#[derive(Default)]
pub struct Pace {
    /// When the next call of a quota would be due if there were no burst.
    due: BTreeMap<&'static str, Instant>,
}

/// By how much a polite client stays below a quota.
const MARGIN: f64 = 1.03;

impl Pace {
    /// Books the next slot: when the call may be sent.
    pub fn slot(&mut self, operation: &Operation, now: Instant) -> Instant {
        let Some(quota) = Quota::of(operation) else { return now };
        let gap = Duration::from_secs_f64(MARGIN / quota.per_second);
        let due = self.due.entry(quota.name).or_insert(now);
        let slot = (*due).max(now);
        *due = slot + gap;
        slot.checked_sub(gap.mul_f64(quota.burst - 1.0)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create_function() -> Operation {
        Operation { service: "lambda".to_owned(), name: "CreateFunction".to_owned() }
    }

    #[test]
    fn a_gate_lets_a_burst_through_and_then_the_rate() {
        let (mut gate, start) = (Gate::default(), Instant::now());
        let admitted = |gate: &mut Gate, at| (0..100).filter(|_| gate.admits(&create_function(), at)).count();
        assert_eq!(admitted(&mut gate, start), 15);
        assert_eq!(admitted(&mut gate, start + Duration::from_millis(400)), 6);
        assert_eq!(admitted(&mut gate, start + Duration::from_secs(60)), 15);
    }

    #[test]
    fn who_keeps_to_the_pace_is_never_refused() {
        let (mut gate, mut pace, start) = (Gate::default(), Pace::default(), Instant::now());
        let slots: Vec<Instant> = (0..200).map(|_| pace.slot(&create_function(), start).max(start)).collect();
        assert!(slots.iter().all(|slot| gate.admits(&create_function(), *slot)));
        assert!(slots.last().is_some_and(|last| *last - start < Duration::from_secs(14)));
    }
}

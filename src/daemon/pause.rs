//! How long it is waited after something failed.

use super::watched::TroubleKind;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// So much longer a pause is at most, in percent: specs that failed in one moment must not all come again in another.
const JITTER_PERCENT: u64 = 20;

/// The pause after so many failures in a row: it doubles, up to a limit that depends on what failed. It is somewhat longer by the name
/// of the spec, so that specs stand apart.
pub fn pause(kind: TroubleKind, attempts: u32, name: &str) -> Duration {
    let seconds = doubled(kind, attempts);
    let chance = Sha256::digest(format!("{name}\n{attempts}")).iter().take(2).fold(0, |chance, byte| (chance << 8) | u64::from(*byte));
    Duration::from_millis(seconds * 1_000 + seconds * 10 * JITTER_PERCENT * chance / u64::from(u16::MAX))
}

/// In seconds.
fn doubled(kind: TroubleKind, attempts: u32) -> u64 {
    let (first, longest) = match kind {
        TroubleKind::Locked => (5, 60),
        TroubleKind::Away => (15, 600),
        TroubleKind::State | TroubleKind::Spec | TroubleKind::Other | TroubleKind::Stopped => (30, 900),
        TroubleKind::Throttled | TroubleKind::Credentials => (60, 900),
        TroubleKind::Denied | TroubleKind::Refused => (300, 3_600),
    };
    let doubled = 2_u64.checked_pow(attempts.saturating_sub(1)).and_then(|factor| factor.checked_mul(first));
    doubled.unwrap_or(longest).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_a_limit() {
        let seconds = |kind, attempts: &[u32]| attempts.iter().map(|attempts| doubled(kind, *attempts)).collect::<Vec<_>>();
        assert_eq!(seconds(TroubleKind::Away, &[1, 2, 3, 6, 7, 100]), [15, 30, 60, 480, 600, 600]);
        assert_eq!(seconds(TroubleKind::Credentials, &[1, 5, u32::MAX]), [60, 900, 900]);
    }

    #[test]
    fn specs_that_failed_together_come_apart() {
        let pauses: std::collections::BTreeSet<Duration> =
            (0..100).map(|number| pause(TroubleKind::Credentials, 1, &format!("demo-{number}"))).collect();
        let (first, last) = (pauses.first().unwrap(), pauses.last().unwrap());
        assert!(pauses.len() > 90 && *first >= Duration::from_secs(60) && *last <= Duration::from_secs(72), "{first:?} {last:?}");
        assert!(*last > *first + Duration::from_secs(8), "{first:?} {last:?}");
        assert_eq!(pause(TroubleKind::Away, 3, "demo"), pause(TroubleKind::Away, 3, "demo"));
    }
}

//! How long it is waited after something failed.

use super::watched::TroubleKind;
use std::time::Duration;

/// The pause after so many failures in a row: it doubles, up to a limit that depends on what failed.
pub fn pause(kind: TroubleKind, attempts: u32) -> Duration {
    let (first, longest) = match kind {
        TroubleKind::Locked => (5, 60),
        TroubleKind::Away => (15, 600),
        TroubleKind::State | TroubleKind::Spec | TroubleKind::Other | TroubleKind::Stopped => (30, 900),
        TroubleKind::Throttled | TroubleKind::Credentials => (60, 900),
        TroubleKind::Denied | TroubleKind::Refused => (300, 3_600),
    };
    let doubled = 2_u64.checked_pow(attempts.saturating_sub(1)).and_then(|factor| factor.checked_mul(first));
    Duration::from_secs(doubled.unwrap_or(longest).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_a_limit() {
        let seconds = |kind, attempts: &[u32]| attempts.iter().map(|attempts| pause(kind, *attempts).as_secs()).collect::<Vec<_>>();
        assert_eq!(seconds(TroubleKind::Away, &[1, 2, 3, 6, 7, 100]), [15, 30, 60, 480, 600, 600]);
        assert_eq!(seconds(TroubleKind::Credentials, &[1, 5, u32::MAX]), [60, 900, 900]);
    }
}

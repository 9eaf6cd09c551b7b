//! How long a command waits for somebody else's lock.

use crate::model::duration_ms;
use std::str::FromStr;
use std::time::Duration;

/// A time such as `10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockWait(pub Duration);

impl FromStr for LockWait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wait = duration_ms(text).map(|milliseconds| Self(Duration::from_millis(milliseconds)));
        wait.ok_or_else(|| format!("`{text}` is no time such as `30s`, `10m` or `1h30m`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!("1m30s".parse(), Ok(LockWait(Duration::from_secs(90))));
        for text in ["", "10", "soon", "-5m"] {
            assert!(text.parse::<LockWait>().unwrap_err().contains("`10m`"), "{text}");
        }
    }
}

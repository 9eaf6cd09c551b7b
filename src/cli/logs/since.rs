//! From when on logs are shown.

use crate::model::duration_ms;
use jiff::Timestamp;
use std::str::FromStr;

/// A time, or an age at the moment of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many milliseconds ago.
    Age(i64),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Since {
    /// Milliseconds since 1970, if it is `now` now.
    pub fn milliseconds(self, now: Timestamp) -> i64 {
        match self {
            Self::Age(age) => now.as_millisecond().saturating_sub(age).max(0),
            Self::Time(time) => time.max(0),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(age) = duration_ms(text).and_then(|age| i64::try_from(age).ok()) {
            return Ok(Self::Age(age));
        }
        let time: Result<Timestamp, _> = text.parse();
        time.map(|time| Self::Time(time.as_millisecond())).map_err(|_| {
            format!("`{text}` is neither an age such as `30s`, `10m`, `2h`, `1d` or `1h30m` nor a time such as `2026-11-22T10:00:00Z`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_read() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("30s", "2026-11-22T11:59:30Z"),
            ("10m", "2026-11-22T11:50:00Z"),
            ("2h", "2026-11-22T10:00:00Z"),
            ("1d", "2026-11-21T12:00:00Z"),
            ("1h30m", "2026-11-22T10:30:00Z"),
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T10:00:00.123+02:00", "2026-11-22T08:00:00.123Z"),
            ("99999d", "1970-01-01T00:00:00Z"),
        ] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(text.parse::<Since>().unwrap().milliseconds(now), time.as_millisecond(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_examples() {
        for text in ["", "10", "m", "10 m", "yesterday", "2026-11-22", "-5m", "99999999999999999d"] {
            assert!(text.parse::<Since>().unwrap_err().contains("`10m`"), "{text}");
        }
    }
}

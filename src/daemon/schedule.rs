//! When something is due next: `rate(…)` and `cron(…)` with AWS's six fields, in a time zone. Pure: the time is handed in.
//!
//! The fields mean what they mean in EventBridge:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>. Where clocks are put forward, a
//! time that does not exist is left out; where they are put back, a time that comes twice counts once, as in EventBridge
//! Scheduler: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time>. A window that
//! would begin at a time that does not exist begins when the clocks are put forward: it must not be lost.

mod cron;

use cron::{Cron, Gap};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How much later than its `cron(…)` says a spec is looked at, in seconds at most: many specs must not begin in one moment.
const CRON_JITTER_SECONDS: u64 = 20;

/// So many times tell how far apart they are: two weeks of one that comes once a day.
const TIMES_COMPARED: usize = 16;

/// When something is due, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    rule: Rule,
    /// From this many seconds of whatever is regular; made from a name, so that it is the same after a restart.
    offset: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// Every so many seconds.
    Rate(u64),
    Cron(Box<Cron>, TimeZone, Gap),
}

impl Schedule {
    /// Reads an expression. `name` decides where in its interval a `rate(…)` stands, so that specs do not all come at once.
    ///
    /// # Errors
    /// What is wrong with it, as the end of the sentence "`x` …".
    pub fn new(expression: &str, timezone: &str, name: &str) -> Result<Self, String> {
        if let Some(body) = inside(expression, "rate") {
            let seconds = rate(body)?;
            return Ok(Self { rule: Rule::Rate(seconds), offset: hash(name) % seconds });
        }
        let body = inside(expression, "cron").ok_or_else(|| format!("is neither `rate(…)` nor `cron(…)`: `{expression}`"))?;
        let zone = TimeZone::get(timezone).map_err(|_| format!("names a time zone that is not known: `{timezone}`"))?;
        Ok(Self { rule: Rule::Cron(Box::new(Cron::new(body)?), zone, Gap::LeftOut), offset: hash(name) % CRON_JITTER_SECONDS })
    }

    /// The same without the offset by a name: for windows, which mean what they say, and of which none is lost when clocks are
    /// put forward.
    ///
    /// # Errors
    /// Those of [`Schedule::new`].
    pub fn exact(expression: &str, timezone: &str) -> Result<Self, String> {
        let rule = match Self::new(expression, timezone, "")?.rule {
            Rule::Cron(cron, zone, _) => Rule::Cron(cron, zone, Gap::ItsEnd),
            rate @ Rule::Rate(_) => rate,
        };
        Ok(Self { rule, offset: 0 })
    }

    /// The first time after `after`; `None` when it never comes again.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let offset = i64::try_from(self.offset).ok()?;
        match &self.rule {
            Rule::Rate(seconds) => {
                let seconds = i64::try_from(*seconds).ok()?;
                let since = after.as_second() - offset;
                Timestamp::from_second((since.div_euclid(seconds) + 1).checked_mul(seconds)? + offset).ok()
            }
            Rule::Cron(cron, zone, gap) => {
                let shift = jiff::SignedDuration::from_secs(offset);
                cron.next(after.checked_sub(shift).ok()?, zone, *gap)?.checked_add(shift).ok()
            }
        }
    }

    /// Whether it is time for what was last done then. Where that lies ahead, a clock told it that was put back since: nobody
    /// knows how long ago it was.
    pub fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        last.is_none_or(|last| last > now || self.next(last).is_some_and(|due| due <= now))
    }

    /// How far apart its times are at most, as its first ones tell; `None` where there are no two.
    pub fn interval(&self) -> Option<Duration> {
        let times = std::iter::successors(self.next(Timestamp::UNIX_EPOCH), |time| self.next(*time)).take(TIMES_COMPARED);
        let times: Vec<Timestamp> = times.collect();
        let gaps = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next.duration_since(*one));
        Duration::try_from(gaps.max()?).ok()
    }
}

fn inside<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

/// The interval in seconds.
fn rate(body: &str) -> Result<u64, String> {
    let (number, unit) = body.split_once(' ').ok_or("must have a number and a unit, such as `rate(5 minutes)`")?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return Err("must be in minutes, hours or days".to_owned()),
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0).ok_or("must have a whole number above 0")?;
    number.checked_mul(seconds).ok_or_else(|| "is too long".to_owned())
}

fn hash(name: &str) -> u64 {
    Sha256::digest(name).iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn exact(expression: &str, zone: &str) -> Schedule {
        Schedule::exact(expression, zone).unwrap()
    }

    /// The first times after a moment, as text.
    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        times_of(&exact(expression, zone), after, count)
    }

    fn times_of(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
        let mut time = at(after);
        let mut times = Vec::new();
        while times.len() < count {
            let Some(next) = schedule.next(time) else { break };
            times.push(next.to_string());
            time = next;
        }
        times
    }

    #[test]
    fn a_rate_comes_at_even_intervals_and_names_stand_apart() {
        let schedule = Schedule::new("rate(5 minutes)", "UTC", "demo").unwrap();
        let first = schedule.next(at("2026-11-22T10:00:00Z")).unwrap();
        let second = schedule.next(first).unwrap();
        assert_eq!(second.as_second() - first.as_second(), 300);
        assert_eq!(schedule.next(Timestamp::from_second(second.as_second() - 1).unwrap()), Some(second));
        let other = Schedule::new("rate(5 minutes)", "UTC", "demo.prod").unwrap();
        assert_ne!(other.next(at("2026-11-22T10:00:00Z")), Some(first));
    }

    #[test]
    fn how_far_apart_its_times_are_is_known() {
        for (expression, hours) in [
            ("rate(5 hours)", Some(5)),
            ("cron(0 8 ? * MON-FRI *)", Some(72)),
            ("cron(0 6,8 * * ? *)", Some(22)),
            ("cron(0 0 1 1 ? 2020)", None),
        ] {
            assert_eq!(exact(expression, "UTC").interval().map(|apart| apart.as_secs() / 3_600), hours, "{expression}");
        }
    }

    #[test]
    fn what_was_missed_while_nothing_ran_is_due_once() {
        let schedule = exact("rate(1 minute)", "UTC");
        let (before, after) = (at("2026-11-22T10:00:30Z"), at("2026-11-22T18:00:30Z"));
        assert!(schedule.next(before).unwrap() < after);
        assert_eq!(schedule.next(after), Some(at("2026-11-22T18:01:00Z")));
    }

    #[test]
    fn the_fields_of_cron_mean_what_they_mean_in_aws() {
        for (expression, after, expected) in [
            ("cron(15 10 * * ? *)", "2026-11-22T10:15:00Z", &["2026-11-23T10:15:00Z", "2026-11-24T10:15:00Z"][..]),
            ("cron(0/10 8 ? * MON-FRI *)", "2026-11-20T08:45:00Z", &["2026-11-20T08:50:00Z", "2026-11-23T08:00:00Z"]),
            ("cron(0 8 1 * ? *)", "2026-11-22T00:00:00Z", &["2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"]),
            ("cron(0 0 L * ? *)", "2027-01-31T12:00:00Z", &["2027-02-28T00:00:00Z", "2027-03-31T00:00:00Z"]),
            ("cron(0 0 LW * ? *)", "2027-02-01T00:00:00Z", &["2027-02-26T00:00:00Z", "2027-03-31T00:00:00Z"]),
            ("cron(0 0 1W * ? *)", "2027-05-02T00:00:00Z", &["2027-05-03T00:00:00Z", "2027-06-01T00:00:00Z"]),
            ("cron(0 0 1W 5 ? 2027)", "2027-01-01T00:00:00Z", &["2027-05-03T00:00:00Z"]),
            ("cron(0 0 ? * 2#1 *)", "2026-11-22T00:00:00Z", &["2026-12-07T00:00:00Z", "2027-01-04T00:00:00Z"]),
            ("cron(0 0 ? * 6L *)", "2026-11-22T00:00:00Z", &["2026-11-27T00:00:00Z", "2026-12-25T00:00:00Z"]),
            ("cron(0 0 ? * L *)", "2026-11-22T00:00:00Z", &["2026-11-28T00:00:00Z", "2026-12-05T00:00:00Z"]),
            ("cron(0 0 ? * FRI-MON *)", "2026-11-24T00:00:00Z", &["2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"]),
            ("cron(0 0 29 2 ? *)", "2026-11-22T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
            (
                "cron(5,35 14,18 * JAN,JUL ? *)",
                "2026-11-22T00:00:00Z",
                &["2027-01-01T14:05:00Z", "2027-01-01T14:35:00Z", "2027-01-01T18:05:00Z"],
            ),
            ("cron(0 0 1 1 ? 2027-2029/2)", "2026-11-22T00:00:00Z", &["2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z"]),
        ] {
            assert_eq!(times(expression, "UTC", after, expected.len()), expected, "{expression}");
        }
        assert_eq!(exact("cron(0 0 1 1 ? 2020)", "UTC").next(at("2026-11-22T00:00:00Z")), None);
    }

    #[test]
    fn a_time_that_a_clock_change_leaves_out_is_left_out_and_one_that_comes_twice_counts_once() {
        let half_past_two = "cron(30 2 * * ? *)";
        let spring = ["2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"];
        let checks = Schedule { offset: 0, ..Schedule::new(half_past_two, "Europe/Berlin", "").unwrap() };
        assert_eq!(times_of(&checks, "2027-03-26T12:00:00Z", 2), spring);
        let autumn = ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(times(half_past_two, "Europe/Berlin", "2026-10-24T12:00:00Z", 2), autumn);
        assert_eq!(times("cron(0 6 * * ? *)", "America/New_York", "2026-11-22T00:00:00Z", 1), ["2026-11-22T11:00:00Z"]);
    }

    #[test]
    fn a_window_that_would_begin_in_a_gap_begins_when_clocks_are_put_forward() {
        for expression in ["cron(0 2 * * ? *)", "cron(30 2 * * ? *)", "cron(0,30,59 2 * * ? *)"] {
            assert_eq!(times(expression, "Europe/Berlin", "2027-03-27T12:00:00Z", 1), ["2027-03-28T01:00:00Z"], "{expression}");
        }
        // It comes once, whatever else begins then.
        let both = times("cron(30 2,3 * * ? *)", "Europe/Berlin", "2027-03-27T12:00:00Z", 3);
        assert_eq!(both, ["2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"]);
        assert_eq!(times("cron(0 0,1 * * ? *)", "America/Santiago", "2026-09-06T02:00:00Z", 1), ["2026-09-06T04:00:00Z"]);
        // Samoa had no 30 December 2011 at all.
        assert_eq!(times("cron(0 12 30 12 ? *)", "Pacific/Apia", "2011-12-01T00:00:00Z", 1), ["2011-12-30T10:00:00Z"]);
    }

    #[test]
    fn what_was_last_done_in_the_future_is_due() {
        let (daily, now) = (exact("rate(1 day)", "UTC"), at("2026-11-22T10:00:00Z"));
        for (last, is_due) in [
            (None, true),
            (Some("2026-11-22T09:00:00Z"), false),
            (Some("2026-11-21T09:00:00Z"), true),
            (Some("2026-11-22T10:00:01Z"), true),
            (Some("2036-11-22T10:00:00Z"), true),
        ] {
            assert_eq!(daily.is_due(last.map(at), now), is_due, "{last:?}");
        }
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (expression, zone, words) in [
            ("every day", "UTC", "neither"),
            ("rate(0 minutes)", "UTC", "above 0"),
            ("rate(5 weeks)", "UTC", "minutes, hours or days"),
            ("rate(99999999999999999 days)", "UTC", "too long"),
            ("cron(0 0 * * *)", "UTC", "six fields"),
            ("cron(61 0 * * ? *)", "UTC", "61"),
            ("cron(0 0 31 2 ? *)", "UTC", "never comes"),
            ("cron(0 0 30W 2 ? *)", "UTC", "never comes"),
            ("cron(0 0 29 2 ? 2023-2025/2)", "UTC", "never comes"),
            ("cron(0 0 * * ? *)", "Europe/Atlantis", "Europe/Atlantis"),
        ] {
            let problem = Schedule::exact(expression, zone).unwrap_err();
            assert!(problem.contains(words), "{expression}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_none_lies_between(
            minute in 0_u32..60, hour in 0_u32..24, step in 1_u32..30, weekday in 1_u32..8, second in 1_700_000_000_i64..2_000_000_000
        ) {
            let zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
            for (expression, zone) in [
                (format!("cron({minute} {hour} ? * {weekday} *)"), zones[(second % 4) as usize]),
                (format!("cron({minute}/{step} * * * ? *)"), zones[(second % 3) as usize]),
                (format!("rate({step} minutes)"), "UTC"),
            ] {
                let schedule = Schedule::new(&expression, zone, &expression).unwrap();
                let after = Timestamp::from_second(second).unwrap();
                let next = schedule.next(after).unwrap();
                prop_assert!(next > after);
                for earlier in [after.as_second(), i64::midpoint(after.as_second(), next.as_second()), next.as_second() - 1] {
                    let earlier = Timestamp::from_second(earlier.max(after.as_second())).unwrap();
                    prop_assert_eq!(schedule.next(earlier), Some(next), "{} in {} after {}", &expression, zone, earlier);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(cron|rate)\\([0-9A-Z*?,/#LW -]{0,24}\\)") {
            if let Ok(schedule) = Schedule::exact(&text, "UTC") {
                let after = at("2026-11-22T00:00:00Z");
                prop_assert!(schedule.next(after).is_none_or(|next| next > after));
            }
        }
    }
}

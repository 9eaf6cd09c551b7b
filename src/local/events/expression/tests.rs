use super::*;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn text(at_ms: Option<i64>) -> String {
    at_ms.map_or("never".into(), |at_ms| Timestamp::from_millisecond(at_ms).unwrap().to_string())
}

#[test]
fn what_aws_takes_is_taken() {
    for expression in [
        "rate(1 minute)",
        "rate(2 minutes)",
        "rate(1 hour)",
        "rate(12 hours)",
        "rate(1 day)",
        "rate(7 days)",
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0/10 * ? * MON-FRI *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0/30 2-20/2 ? * 2 *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0 9 ? * FRI#5 *)",
        "cron(0 9 ? * 6L *)",
        "cron(0 9 ? * L *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 3W * ? *)",
        "cron(0,30 9 1,15 JAN,jul ? 2026-2030)",
        "cron(0 20 * * ? 2500)",
        "cron(0 0 30 2 ? *)",
    ] {
        assert!(Expression::parse(expression).is_ok(), "{expression}");
    }
}

#[test]
fn what_aws_refuses_is_refused() {
    for expression in [
        "",
        "rate",
        "rate()",
        "rate(5)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(+1 minute)",
        "rate(1.5 hours)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(1minute)",
        "rate(1  minute)",
        "rate(30 seconds)",
        "rate(1 week)",
        "rate(1 minutess)",
        " rate(1 minute)",
        "rate(1 minute) ",
        "rate(99999999999 days)",
        "at(2026-01-01T00:00:00)",
        "@daily",
        "0 6 1 * ? *",
        "cron()",
        "cron(0 6 1 * ?)",
        "cron(0 0 6 1 * ? *)",
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(0 6 1 * 2 *)",
        "cron(0 6 1 * MON *)",
        "cron(60 6 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 6 0 * ? *)",
        "cron(0 6 32 * ? *)",
        "cron(0 6 * 13 ? *)",
        "cron(0 6 * 0 ? *)",
        "cron(0 6 ? * 0 *)",
        "cron(0 6 ? * 8 *)",
        "cron(0 6 ? * MON#0 *)",
        "cron(0 6 ? * MON#6 *)",
        "cron(0 6 2#1 * ? *)",
        "cron(0 6#1 * * ? *)",
        "cron(0/0 6 * * ? *)",
        "cron(/5 6 * * ? *)",
        "cron(0/60 6 * * ? *)",
        "cron(30-10 6 * * ? *)",
        "cron(0 6 W * ? *)",
        "cron(0 6 32W * ? *)",
        "cron(0 6 1,L * ? *)",
        "cron(0 6 ? * 2#1,3#1 *)",
        "cron(L 6 * * ? *)",
        "cron(? 6 * * ? *)",
        "cron(0 6 * MONDAY ? *)",
        "cron(0, 6 * * ? *)",
        "cron(0 6 * * ? x)",
        "cron(0 6 * * ? *",
    ] {
        assert_eq!(Expression::parse(expression), Err(InvalidExpression), "{expression}");
    }
    assert_eq!(InvalidExpression.to_string(), "Parameter ScheduleExpression is not valid.");
}

#[test]
fn a_schedule_fires_next_when_a_calendar_says_so() {
    for (expression, after, next) in [
        // Full minutes, strictly later.
        ("cron(* * * * ? *)", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("cron(* * * * ? *)", "2026-01-01T00:00:59.999Z", "2026-01-01T00:01:00Z"),
        ("cron(0/15 * * * ? *)", "2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"),
        ("cron(0 6 1 * ? *)", "2026-01-01T05:59:59Z", "2026-01-01T06:00:00Z"),
        ("cron(0 6 1 * ? *)", "2026-01-01T06:00:00Z", "2026-02-01T06:00:00Z"),
        ("cron(0 6 1 * ? *)", "2026-12-31T23:59:59Z", "2027-01-01T06:00:00Z"),
        // Month ends and leap years.
        ("cron(0 0 31 * ? *)", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("cron(59 23 L * ? *)", "2026-02-01T00:00:00Z", "2026-02-28T23:59:00Z"),
        ("cron(59 23 L 2 ? *)", "2027-03-01T00:00:00Z", "2028-02-29T23:59:00Z"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("cron(0 0 29 2 ? *)", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00:00Z", "never"),
        // The nearest weekday stays in its month: 2026-08-01 is a Saturday, 2026-05-31 a Sunday.
        ("cron(0 9 1W * ? *)", "2026-08-01T00:00:00Z", "2026-08-03T09:00:00Z"),
        ("cron(0 9 31W * ? *)", "2026-05-01T00:00:00Z", "2026-05-29T09:00:00Z"),
        ("cron(0 9 3W * ? *)", "2026-10-01T00:00:00Z", "2026-10-02T09:00:00Z"),
        ("cron(0 9 4W * ? *)", "2026-10-01T00:00:00Z", "2026-10-05T09:00:00Z"),
        ("cron(0 9 31W 2 ? *)", "2026-10-01T00:00:00Z", "never"),
        // Weekdays: 1 is Sunday; 2026-01-01 is a Thursday.
        ("cron(0 9 ? * 1 *)", "2026-01-01T00:00:00Z", "2026-01-04T09:00:00Z"),
        ("cron(0 9 ? * SAT *)", "2026-01-01T00:00:00Z", "2026-01-03T09:00:00Z"),
        ("cron(0 9 ? * L *)", "2026-01-01T00:00:00Z", "2026-01-03T09:00:00Z"),
        ("cron(0 9 ? * 6#3 *)", "2026-01-01T00:00:00Z", "2026-01-16T09:00:00Z"),
        ("cron(0 9 ? * 6#5 *)", "2026-02-01T00:00:00Z", "2026-05-29T09:00:00Z"),
        ("cron(0 9 ? * 6L *)", "2026-01-01T00:00:00Z", "2026-01-30T09:00:00Z"),
        ("cron(0 9 ? * 6L *)", "2026-01-30T09:00:00Z", "2026-02-27T09:00:00Z"),
        // Years.
        ("cron(0 0 1 1 ? 2027-2031/2)", "2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z"),
        ("cron(0 0 1 1 ? 2025)", "2026-01-01T00:00:00Z", "never"),
        ("cron(59 23 31 12 ? *)", "2199-01-01T00:00:00Z", "2199-12-31T23:59:00Z"),
        ("cron(59 23 31 12 ? *)", "2199-12-31T23:59:00Z", "never"),
        ("cron(0 20 * * ? 2500)", "2026-01-01T00:00:00Z", "never"),
        ("cron(0 0 1 1 ? *)", "1950-06-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ] {
        let parsed = Expression::parse(expression).unwrap();
        assert_eq!(text(parsed.next_after(ms(after), 0)), next, "{expression} after {after}");
    }
}

#[test]
fn a_rate_counts_from_its_anchor_and_starts_one_period_later() {
    let anchor = "2026-01-01T00:00:17.250Z";
    for (expression, after, next) in [
        ("rate(1 minute)", anchor, "2026-01-01T00:01:17.25Z"),
        ("rate(1 minute)", "2026-01-01T00:01:17.249Z", "2026-01-01T00:01:17.25Z"),
        ("rate(1 minute)", "2026-01-01T00:01:17.250Z", "2026-01-01T00:02:17.25Z"),
        ("rate(5 minutes)", "2026-01-01T12:00:00Z", "2026-01-01T12:00:17.25Z"),
        ("rate(1 day)", "2026-03-01T00:00:00Z", "2026-03-01T00:00:17.25Z"),
        ("rate(1 hour)", "2025-01-01T00:00:00Z", "2026-01-01T01:00:17.25Z"),
    ] {
        let parsed = Expression::parse(expression).unwrap();
        assert_eq!(text(parsed.next_after(ms(after), ms(anchor))), next, "{expression} after {after}");
    }
    assert_eq!(Expression::Rate { period_ms: 60_000 }.next_after(i64::MAX, 0), None);
}

/// The fields once more, written down in the dumbest way: what a minute must look like.
#[derive(Clone, Debug)]
struct Plain {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    months: Vec<i8>,
    day: PlainDay,
    years: Vec<i16>,
}

#[derive(Clone, Debug)]
enum PlainDay {
    Of(Vec<i8>),
    Last,
    Nearest(i8),
    Weekdays(Vec<i8>),
    LastWeekday(i8),
    Nth(i8, i8),
}

fn list<T: ToString>(numbers: &[T]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Plain {
    fn expression(&self) -> String {
        let (day_of_month, day_of_week) = match &self.day {
            PlainDay::Of(days) => (list(days), "?".into()),
            PlainDay::Last => ("L".into(), "?".into()),
            PlainDay::Nearest(day) => (format!("{day}W"), "?".into()),
            PlainDay::Weekdays(days) => ("?".into(), list(days)),
            PlainDay::LastWeekday(day) => ("?".into(), format!("{day}L")),
            PlainDay::Nth(day, ordinal) => ("?".into(), format!("{day}#{ordinal}")),
        };
        let (minutes, hours, months, years) = (list(&self.minutes), list(&self.hours), list(&self.months), list(&self.years));
        format!("cron({minutes} {hours} {day_of_month} {months} {day_of_week} {years})")
    }

    fn matches(&self, at_ms: i64) -> bool {
        let at = Timestamp::from_millisecond(at_ms).unwrap().to_zoned(TimeZone::UTC).datetime();
        self.minutes.contains(&at.minute())
            && self.hours.contains(&at.hour())
            && self.months.contains(&at.month())
            && self.years.contains(&at.year())
            && self.is_day(at.date())
    }

    /// Minute by minute to the end of the last year; days on which it cannot be are left out.
    fn first_by_force(&self, first_ms: i64) -> Option<i64> {
        let end_ms = ms("2030-01-01T00:00:00Z");
        let day_of = |at_ms: i64| Timestamp::from_millisecond(at_ms).unwrap().to_zoned(TimeZone::UTC).date();
        let midnights = (first_ms.div_euclid(DAY_MS)..=end_ms / DAY_MS).map(|day| day * DAY_MS);
        let days = midnights.filter(|midnight_ms| self.is_day(day_of(*midnight_ms)));
        let mut minutes = days.flat_map(|midnight_ms| (0..1440).map(move |minute| midnight_ms + minute * MINUTE_MS));
        minutes.find(|at_ms| *at_ms >= first_ms && self.matches(*at_ms))
    }

    fn is_day(&self, date: jiff::civil::Date) -> bool {
        let weekday = |date: jiff::civil::Date| date.weekday().to_sunday_zero_offset() + 1;
        let is_working_day = |day: i8| date.with().day(day).build().is_ok_and(|date| (2..=6).contains(&weekday(date)));
        match &self.day {
            PlainDay::Of(days) => days.contains(&date.day()),
            PlainDay::Last => date.tomorrow().unwrap().day() == 1,
            // Of the working days of the month the one with the least distance.
            PlainDay::Nearest(day) if *day > date.days_in_month() => false,
            PlainDay::Nearest(day) => {
                let nearest = (1..=date.days_in_month()).filter(|day| is_working_day(*day)).min_by_key(|other| (other - day).abs());
                nearest == Some(date.day())
            }
            PlainDay::Weekdays(days) => days.contains(&weekday(date)),
            PlainDay::LastWeekday(day) => weekday(date) == *day && date.with().day(date.day() + 7).build().is_err(),
            PlainDay::Nth(day, ordinal) => {
                let such_days = (1..=date.day()).filter(|other| weekday(date.with().day(*other).build().unwrap()) == *day);
                weekday(date) == *day && such_days.count() == usize::try_from(*ordinal).unwrap()
            }
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let day = prop_oneof![
        prop::collection::vec(1..=31i8, 1..4).prop_map(PlainDay::Of),
        Just(PlainDay::Last),
        (1..=31i8).prop_map(PlainDay::Nearest),
        prop::collection::vec(1..=7i8, 1..3).prop_map(PlainDay::Weekdays),
        (1..=7i8).prop_map(PlainDay::LastWeekday),
        (1..=7i8, 1..=5i8).prop_map(|(day, ordinal)| PlainDay::Nth(day, ordinal)),
    ];
    let several = |range: std::ops::RangeInclusive<i8>, most| prop::collection::vec(range, 1..most);
    (several(0..=59, 4), several(0..=23, 4), several(1..=12, 6), day, prop::collection::vec(2023..=2029i16, 3..7))
        .prop_map(|(minutes, hours, months, day, years)| Plain { minutes, hours, months, day, years })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_firing_is_the_first_minute_that_matches(plain in plain(), offset_ms in 0..6 * 365 * 86_400_000i64) {
        let after_ms = ms("2023-06-01T00:00:00Z") + offset_ms;
        let next_ms = Expression::parse(&plain.expression()).unwrap().next_after(after_ms, 0);
        let first_ms = after_ms.div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        prop_assert_eq!(next_ms, plain.first_by_force(first_ms), "{}", plain.expression());
    }

    #[test]
    fn no_text_makes_the_parser_fail_otherwise_than_by_refusing(text in "(cron|rate)?\\(?[0-9A-Z*?/#, -]{0,24}\\)?") {
        let _ = Expression::parse(&text);
    }
}

//! The grammar of `schedule_expression` of an EventBridge rule, after the EventBridge guide.
//!
//! Stricter than AWS in two things, so that an expression means the same everywhere: six fields, and
//! `minute` with 1 but `minutes` with any other number.

/// Says what is wrong with an expression, as the end of the sentence "`x` …".
pub(crate) fn check(text: &str) -> Result<(), String> {
    if let Some(body) = inside(text, "cron") {
        return cron(body);
    }
    if let Some(body) = inside(text, "rate") {
        return rate(body);
    }
    Err(stranger(text))
}

/// What is odd about an expression that passed [`check`]: AWS's guide does not tell that it is taken, or
/// it never fires. The end of the sentence "`x` …".
pub(super) fn doubt(text: &str) -> Option<String> {
    let body = inside(text, "cron")?;
    let fields: Vec<&str> = body.split_whitespace().collect();
    let [_, _, day, _, weekday, year] = fields[..] else { return None };
    if body.split(' ').count() != fields.len() {
        return Some("has more than one blank between two fields".to_owned());
    }
    let is_many = |field: &str, special: &[char]| {
        field.contains(',') && field.split(',').any(|item| item != "*" && item.contains(special) && !is_day_name(item))
    };
    if day == "LW" {
        return Some("has `LW` as the day of month, and AWS's guide knows only `L` and `3W`".to_owned());
    }
    if is_many(day, &['L', 'W']) || is_many(weekday, &['L']) {
        return Some("has `L` or `W` in a list, and AWS's guide knows them only alone".to_owned());
    }
    if let Some(range) = weekday.split(',').find(|item| is_backwards(item)) {
        return Some(format!(
            "has the range `{range}` over the end of the week; days go from 1 (SUN) to 7 (SAT), and a list is certain: `FRI,SAT,SUN,MON`"
        ));
    }
    let years: Vec<u32> = year.split([',', '-', '/']).filter_map(|year| year.parse().ok()).collect();
    let is_far = |year: &u32| !(PARTS[5].least..=PARTS[5].most).contains(year);
    (!year.contains(['*', '/']) && years.first().is_some_and(is_far))
        .then(|| format!("names the year `{year}`, and rules fire from 1970 to 2199 only"))
}

fn is_day_name(text: &str) -> bool {
    DAYS.contains(&text.to_ascii_uppercase().as_str())
}

fn is_backwards(item: &str) -> bool {
    let base = item.split('/').next().unwrap_or_default();
    let day = |text: &str| value(&PARTS[DAY_OF_WEEK], text).ok();
    base.split_once('-').is_some_and(|(from, to)| day(from) > day(to))
}

fn inside<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

/// What somebody meant who wrote neither `cron(…)` nor `rate(…)`.
fn stranger(text: &str) -> String {
    const MACROS: &[(&str, &str)] = &[
        ("@hourly", "cron(0 * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@midnight", "cron(0 0 * * ? *)"),
        ("@weekly", "cron(0 0 ? * 1 *)"),
        ("@monthly", "cron(0 0 1 * ? *)"),
        ("@yearly", "cron(0 0 1 1 ? *)"),
        ("@annually", "cron(0 0 1 1 ? *)"),
    ];
    let lower = text.trim().to_ascii_lowercase();
    if let Some((_, cron)) = MACROS.iter().find(|(name, _)| *name == lower) {
        return format!("is no schedule of a rule, where it is written `{cron}`");
    }
    if lower.starts_with("at(") {
        return "runs once, which only a `schedule` can; a rule takes `rate(…)` or `cron(…)`".to_owned();
    }
    if lower != text && check(&lower).is_ok() {
        return format!("must be written `{lower}`");
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if let Some(meant) = six_fields(&fields) {
        return format!("must be written `{meant}`");
    }
    if let [number, unit] = fields[..]
        && rate(&format!("{number} {unit}")).is_ok()
    {
        return format!("must be written `rate({number} {unit})`");
    }
    "must be `rate(…)`, such as `rate(5 minutes)`, or `cron(…)`, such as `cron(0 6 * * ? *)`".to_owned()
}

fn rate(body: &str) -> Result<(), String> {
    const EXAMPLE: &str = "such as `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`";
    let Some((number, unit)) = body.split_once(' ') else { return Err(format!("must have a number and a unit, {EXAMPLE}")) };
    let number: u64 = match number.parse() {
        Ok(number) if number > 0 && !body.starts_with('+') => number,
        _ => return Err(format!("must have a whole number above 0, {EXAMPLE}")),
    };
    let singular = match unit {
        "minute" | "minutes" => "minute",
        "hour" | "hours" => "hour",
        "day" | "days" => "day",
        _ => return Err(format!("must be in minutes, hours or days, {EXAMPLE}")),
    };
    let plural = if number == 1 { "" } else { "s" };
    if unit.len() == singular.len() + plural.len() { Ok(()) } else { Err(format!("must be written `rate({number} {singular}{plural})`")) }
}

/// One of the six fields.
struct Part {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names for values, from `least` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEAR: &str = "year";
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

const PARTS: [Part; 6] = [
    Part { name: "minute", least: 0, most: 59, names: &[] },
    Part { name: "hour", least: 0, most: 23, names: &[] },
    Part { name: "day of month", least: 1, most: 31, names: &[] },
    Part { name: "month", least: 1, most: 12, names: MONTHS },
    Part { name: "day of week", least: 1, most: 7, names: DAYS },
    Part { name: YEAR, least: 1970, most: 2199, names: &[] },
];

fn cron(body: &str) -> Result<(), String> {
    let fields: Vec<&str> = body.split_whitespace().collect();
    if fields.len() != PARTS.len() {
        return Err(wrong_count(&fields));
    }
    for (index, (part, field)) in PARTS.iter().zip(&fields).enumerate() {
        let is_day = index == DAY_OF_MONTH || index == DAY_OF_WEEK;
        if *field == "?" && is_day {
            continue;
        }
        field.split(',').try_for_each(|item| check_item(part, index, item))?;
    }
    if fields[DAY_OF_WEEK].contains('#') && fields[DAY_OF_WEEK].contains(',') {
        return Err(format!("has `{}` as the day of week; a day with `#` stands alone there, so make a rule of each", fields[DAY_OF_WEEK]));
    }
    match (fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]) {
        ("?", "?") => Err("leaves both days open; only one of day of month and day of week can be `?`".to_owned()),
        ("?", _) | (_, "?") => Ok(()),
        (_, "*") => Err(format!("must have `?` as the day of week, since the day of month says it: {}", with(&fields, DAY_OF_WEEK))),
        ("*", _) => Err(format!("must have `?` as the day of month, since the day of week says it: {}", with(&fields, DAY_OF_MONTH))),
        _ => Err("has a day of month and a day of week; one of them must be `?`".to_owned()),
    }
}

/// The expression with `?` in one place.
fn with(fields: &[&str], index: usize) -> String {
    let mut fields = fields.to_vec();
    fields[index] = "?";
    format!("`cron({})`", fields.join(" "))
}

fn wrong_count(fields: &[&str]) -> String {
    let names = PARTS.each_ref().map(|part| part.name).join(", ");
    let why = match fields.len() {
        5 => "; the year is missing",
        7 => "; there are no seconds",
        _ => "",
    };
    let meant = six_fields(fields).map(|meant| format!(". In the form of a rule it is `{meant}`")).unwrap_or_default();
    format!("has {} fields and a rule's cron has six: {names}{why}{meant}", fields.len())
}

/// What five fields of a crontab, or six without `cron(…)`, are in the form of a rule.
fn six_fields(fields: &[&str]) -> Option<String> {
    if !matches!(fields.len(), 5 | 6) {
        return None;
    }
    let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    if fields.len() == 5 {
        fields.push("*".to_owned());
        if fields[DAY_OF_WEEK] == "*" {
            fields[DAY_OF_WEEK] = "?".to_owned();
        } else if fields[DAY_OF_WEEK] != "?" {
            fields[DAY_OF_WEEK] = one_based(&fields[DAY_OF_WEEK])?;
            if fields[DAY_OF_MONTH] == "*" {
                fields[DAY_OF_MONTH] = "?".to_owned();
            }
        }
    }
    let body = fields.join(" ");
    cron(&body).is_ok().then(|| format!("cron({body})"))
}

/// Days of a crontab count from 0, Sunday, those of a rule from 1. Steps are left to the user.
fn one_based(days: &str) -> Option<String> {
    let shifted = |day: &str| day.parse::<u32>().map_or_else(|_| day.to_owned(), |number| (number % 7 + 1).to_string());
    if days.contains('/') {
        return None;
    }
    let items = days.split(',').map(|item| item.split('-').map(shifted).collect::<Vec<_>>().join("-"));
    Some(items.collect::<Vec<_>>().join(","))
}

fn check_item(part: &Part, index: usize, item: &str) -> Result<(), String> {
    if item == "*" || is_special(index, item) {
        return Ok(());
    }
    if item == "?" {
        return Err(format!("has `?` as the {}; only the two days can have it", part.name));
    }
    let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
    if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0 || step > part.most)) {
        return Err(format!("has the step `{item}` in the {}, which is no whole number from 1 to {}", part.name, part.most));
    }
    match base.split_once('-') {
        _ if base == "*" => Ok(()),
        None => value(part, base).map(|_| ()),
        Some((from, to)) => {
            let (from, to) = (value(part, from)?, value(part, to)?);
            // A week has no first day that everyone agrees on, so `FRI-MON` is only doubted.
            let is_ascending = from <= to || index == DAY_OF_WEEK;
            is_ascending.then_some(()).ok_or_else(|| format!("has the range `{base}` in the {}, which runs backwards", part.name))
        }
    }
}

/// `L`, `LW` and `3W` in the day of month; `L`, `3L` and `3#2` in the day of week.
fn is_special(index: usize, item: &str) -> bool {
    let part = &PARTS[index];
    let is_value = |text: &str| value(part, text).is_ok();
    match index {
        DAY_OF_MONTH => item == "L" || item == "LW" || item.strip_suffix('W').is_some_and(is_value),
        DAY_OF_WEEK => {
            let is_nth = |(day, count): (&str, &str)| is_value(day) && matches!(count, "1" | "2" | "3" | "4" | "5");
            item == "L" || item.strip_suffix('L').is_some_and(is_value) || item.split_once('#').is_some_and(is_nth)
        }
        _ => false,
    }
}

fn value(part: &Part, text: &str) -> Result<u32, String> {
    let upper = text.to_ascii_uppercase();
    let named = part.names.iter().zip(part.least..).find(|(name, _)| **name == upper).map(|(_, number)| number);
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // AWS takes any year, although its guide names a range (cdk-preflight, `pf-events-rule-cron-fields`).
    let is_in_range = |number: &u32| part.name == YEAR || (part.least..=part.most).contains(number);
    let number = named.or_else(|| text.parse().ok().filter(|_| is_digits)).filter(is_in_range);
    number.ok_or_else(|| {
        let names = match part.names {
            [] => String::new(),
            [first, .., last] => format!(" or {first} to {last}"),
            [_] => String::new(),
        };
        let hint = match part.name {
            "day of week" if text == "0" => "; Sunday is 1",
            "day of week" if text.contains('#') => "; behind `#` stands 1 to 5",
            "day of month" if text.contains('#') => "; `#` stands in the day of week only",
            "minute" | "hour" | "month" | "year" if text.contains(['#', 'L', 'W']) => "; `L`, `W` and `#` stand in the two days only",
            _ => "",
        };
        format!("has `{text}` as the {}, which goes from {} to {}{names}{hint}", part.name, part.least, part.most)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_rules_take_pass() {
        for text in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(365 days)",
            "cron(0 6 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(*/5 8-17 ? * MON-FRI *)",
            "cron(0 12 ? * FRI-MON 2026-2030)",
            "cron(0 0 L * ? *)",
            "cron(0 0 LW * ? *)",
            "cron(0 0 3W * ? *)",
            "cron(0 0 ? JAN,jul 6L *)",
            "cron(0 0 ? * 3#2 *)",
            "cron(0,30 9 ? * 2-6/2 *)",
            "cron(0 20 * * ? 2500)",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn expressions_that_rules_refuse_are_explained() {
        let explained = [
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(0 days)",
            "rate(1.5 hours)",
            "rate(10 seconds)",
            "rate(5minutes)",
            "5 minutes",
            "RATE(5 minutes)",
            "@daily",
            "at(2026-01-01T00:00:00)",
            "0 6 1 * *",
            "every day",
            "cron(0 6 1 * *)",
            "cron(0 6 * * 1-5)",
            "cron(0 0 6 1 * ? *)",
            "cron(0 6 1 * * *)",
            "cron(0 6 * * MON *)",
            "cron(0 6 1 * MON *)",
            "cron(0 6 ? * ? *)",
            "cron(60 6 1 * ? *)",
            "cron(0 6 ? * 0 *)",
            "cron(0 6 ? * 8 *)",
            "cron(0 6 ? * 3#6 *)",
            "cron(0 6 1 13 ? *)",
            "cron(0 17-8 * * ? *)",
            "cron(0/0 6 * * ? *)",
            "cron(? 6 1 * ? *)",
            "cron(0 6 ? * 2#1,4#3 *)",
            "cron(0 6 1 * ? 20x6)",
        ];
        let lines: Vec<String> = explained.iter().map(|text| format!("`{text}` {}", check(text).unwrap_err())).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        `rate(1 minutes)` must be written `rate(1 minute)`
        `rate(5 minute)` must be written `rate(5 minutes)`
        `rate(0 days)` must have a whole number above 0, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`
        `rate(1.5 hours)` must have a whole number above 0, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`
        `rate(10 seconds)` must be in minutes, hours or days, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`
        `rate(5minutes)` must have a number and a unit, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(7 days)`
        `5 minutes` must be written `rate(5 minutes)`
        `RATE(5 minutes)` must be written `rate(5 minutes)`
        `@daily` is no schedule of a rule, where it is written `cron(0 0 * * ? *)`
        `at(2026-01-01T00:00:00)` runs once, which only a `schedule` can; a rule takes `rate(…)` or `cron(…)`
        `0 6 1 * *` must be written `cron(0 6 1 * ? *)`
        `every day` must be `rate(…)`, such as `rate(5 minutes)`, or `cron(…)`, such as `cron(0 6 * * ? *)`
        `cron(0 6 1 * *)` has 5 fields and a rule's cron has six: minute, hour, day of month, month, day of week, year; the year is missing. In the form of a rule it is `cron(0 6 1 * ? *)`
        `cron(0 6 * * 1-5)` has 5 fields and a rule's cron has six: minute, hour, day of month, month, day of week, year; the year is missing. In the form of a rule it is `cron(0 6 ? * 2-6 *)`
        `cron(0 0 6 1 * ? *)` has 7 fields and a rule's cron has six: minute, hour, day of month, month, day of week, year; there are no seconds
        `cron(0 6 1 * * *)` must have `?` as the day of week, since the day of month says it: `cron(0 6 1 * ? *)`
        `cron(0 6 * * MON *)` must have `?` as the day of month, since the day of week says it: `cron(0 6 ? * MON *)`
        `cron(0 6 1 * MON *)` has a day of month and a day of week; one of them must be `?`
        `cron(0 6 ? * ? *)` leaves both days open; only one of day of month and day of week can be `?`
        `cron(60 6 1 * ? *)` has `60` as the minute, which goes from 0 to 59
        `cron(0 6 ? * 0 *)` has `0` as the day of week, which goes from 1 to 7 or SUN to SAT; Sunday is 1
        `cron(0 6 ? * 8 *)` has `8` as the day of week, which goes from 1 to 7 or SUN to SAT
        `cron(0 6 ? * 3#6 *)` has `3#6` as the day of week, which goes from 1 to 7 or SUN to SAT; behind `#` stands 1 to 5
        `cron(0 6 1 13 ? *)` has `13` as the month, which goes from 1 to 12 or JAN to DEC
        `cron(0 17-8 * * ? *)` has the range `17-8` in the hour, which runs backwards
        `cron(0/0 6 * * ? *)` has the step `0/0` in the minute, which is no whole number from 1 to 59
        `cron(? 6 1 * ? *)` has `?` as the minute; only the two days can have it
        `cron(0 6 ? * 2#1,4#3 *)` has `2#1,4#3` as the day of week; a day with `#` stands alone there, so make a rule of each
        `cron(0 6 1 * ? 20x6)` has `20x6` as the year, which goes from 1970 to 2199
        ");
    }

    #[test]
    fn what_aws_may_not_take_is_doubted() {
        let doubted = [
            "cron(0 0 LW * ? *)",
            "cron(0 0 1,L * ? *)",
            "cron(0 0 1W,15W * ? *)",
            "cron(0 0 ? * 2,6L *)",
            "cron(0 12 ? * FRI-MON *)",
            "cron(0 6  1 * ? *)",
            "cron(0 20 * * ? 2500)",
        ];
        let lines: Vec<String> = doubted.iter().map(|text| format!("`{text}` {}", doubt(text).unwrap())).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        `cron(0 0 LW * ? *)` has `LW` as the day of month, and AWS's guide knows only `L` and `3W`
        `cron(0 0 1,L * ? *)` has `L` or `W` in a list, and AWS's guide knows them only alone
        `cron(0 0 1W,15W * ? *)` has `L` or `W` in a list, and AWS's guide knows them only alone
        `cron(0 0 ? * 2,6L *)` has `L` or `W` in a list, and AWS's guide knows them only alone
        `cron(0 12 ? * FRI-MON *)` has the range `FRI-MON` over the end of the week; days go from 1 (SUN) to 7 (SAT), and a list is certain: `FRI,SAT,SUN,MON`
        `cron(0 6  1 * ? *)` has more than one blank between two fields
        `cron(0 20 * * ? 2500)` names the year `2500`, and rules fire from 1970 to 2199 only
        ");
        for text in [
            "rate(5 minutes)",
            "cron(0 0 L * ? *)",
            "cron(0 0 ? * MON,WED *)",
            "cron(0 0 ? * MON-FRI 2026-2030)",
            "cron(0/5 * * * ? 2027/2)",
        ] {
            assert_eq!(doubt(text), None, "{text}");
        }
    }
}

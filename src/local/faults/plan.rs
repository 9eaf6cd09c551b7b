//! A fault plan: TOML or JSON with a seed and a list of rules.

use super::operations::OPERATIONS;
use super::table::{Fault, Row, TABLE};
use crate::local::names::matches;
use serde::Deserialize;
use std::fmt::Write as _;

/// What goes wrong, when and how often.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) rules: Vec<Rule>,
}

/// Everything that is wrong with a plan, a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PlanError(pub Vec<String>);

/// One fault, and the requests that it is put on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub fault: Fault,
    /// A pattern of services.
    pub service: Option<String>,
    /// A pattern of operations.
    pub operation: Option<String>,
    /// A pattern of names.
    pub resource: Option<String>,
    /// So many requests of an operation on a resource pass first.
    pub skip: u64,
    /// So many are hit then; all where nothing is said.
    pub count: Option<u64>,
    /// So many are hit in all.
    pub total: Option<u64>,
    /// Which part of those is hit, from 0 to 1.
    pub probability: f64,
    /// Asleep until this operation was called.
    pub after: Option<String>,
    /// From when to when, in milliseconds since the plan was set.
    pub window_ms: (i64, i64),
    /// How long the fault lasts at least and at most, in milliseconds.
    pub for_ms: (i64, i64),
    pub status: u16,
    pub code: Option<String>,
    pub message: Option<String>,
    pub retry_after_seconds: Option<u64>,
    pub rate_percent: u32,
    pub days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    rule: Vec<Written>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fault: String,
    service: Option<String>,
    operation: Option<String>,
    resource: Option<String>,
    skip: Option<u64>,
    count: Option<u64>,
    total: Option<u64>,
    probability: Option<f64>,
    after: Option<String>,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    for_ms: Option<Length>,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    retry_after_seconds: Option<u64>,
    rate_percent: Option<u32>,
    days: Option<u32>,
}

/// `for_ms = 2000`, or `for_ms = [500, 6000]` for a length of chance.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "`for_ms` is a number of milliseconds, or a list of the least and the most")]
enum Length {
    Fixed(i64),
    Between(i64, i64),
}

impl Plan {
    /// Reads a plan; JSON is what begins with a brace.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let refused = |error: String| PlanError(vec![error.trim_end().to_owned()]);
        let read: Text = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| refused(error.to_string()))?,
            false => toml::from_str(text).map_err(|error| refused(error.to_string()))?,
        };
        let mut wrong = Vec::new();
        let rules = read.rule.into_iter().enumerate().filter_map(|(index, written)| Rule::new(index, written, &mut wrong)).collect();
        if wrong.is_empty() { Ok(Self { seed: read.seed, rules }) } else { Err(PlanError(wrong)) }
    }
}

impl Rule {
    fn new(index: usize, written: Written, wrong: &mut Vec<String>) -> Option<Self> {
        let name = written.fault.clone();
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            wrong.push(format!("rule {}: there is no fault `{name}`{}", index + 1, near(&name, TABLE.iter().map(|row| row.name))));
            return None;
        };
        let mut say = |what: String| wrong.push(format!("rule {} (`{name}`): {what}", index + 1));
        check_keys(row, &written, &mut say);
        check_numbers(&written, &mut say);
        check_choice(row, &written, &mut say);
        let for_ms = match written.for_ms {
            Some(Length::Fixed(length)) => (length, length),
            Some(Length::Between(least, most)) => (least, most),
            None => (row.for_ms.unwrap_or_default(), row.for_ms.unwrap_or_default()),
        };
        Some(Self {
            fault: row.fault,
            service: written.service,
            operation: written.operation,
            resource: written.resource,
            skip: written.skip.unwrap_or_default(),
            count: written.count,
            total: written.total,
            probability: written.probability.unwrap_or(1.0),
            after: written.after,
            window_ms: (written.from_ms.unwrap_or_default(), written.until_ms.unwrap_or(i64::MAX)),
            for_ms,
            status: written.status.unwrap_or(400),
            code: written.code,
            message: written.message,
            retry_after_seconds: written.retry_after_seconds,
            rate_percent: written.rate_percent.unwrap_or(100),
            days: written.days.unwrap_or_default(),
        })
    }

    /// Whether the rule is about an operation of a service.
    pub fn is_about(&self, service: &str, operation: &str) -> bool {
        let is_chosen = |pattern: &Option<String>, name: &str| pattern.as_ref().is_none_or(|pattern| matches(pattern, name));
        let is_possible = self.fault.row().is_some_and(|row| can_be_put_on(row, service, operation));
        is_chosen(&self.service, service) && is_chosen(&self.operation, operation) && is_possible
    }

    /// Whether the rule is about a thing of that name.
    pub fn is_of(&self, resource: &str) -> bool {
        self.resource.as_ref().is_none_or(|pattern| matches(pattern, resource))
    }
}

fn can_be_put_on(row: &Row, service: &str, operation: &str) -> bool {
    row.on.iter().any(|(services, operations)| matches(services, service) && operations.iter().any(|pattern| matches(pattern, operation)))
}

/// Keys that only some faults take.
fn check_keys(row: &Row, written: &Written, say: &mut impl FnMut(String)) {
    let given = [
        ("for_ms", written.for_ms.is_some(), row.for_ms.is_some()),
        ("status", written.status.is_some(), row.keys.contains(&"status")),
        ("code", written.code.is_some(), row.keys.contains(&"code")),
        ("message", written.message.is_some(), row.keys.contains(&"message")),
        ("retry_after_seconds", written.retry_after_seconds.is_some(), row.keys.contains(&"retry_after_seconds")),
        ("rate_percent", written.rate_percent.is_some(), row.keys.contains(&"rate_percent")),
        ("days", written.days.is_some(), row.keys.contains(&"days")),
    ];
    for (key, is_given, is_taken) in given {
        if is_given && !is_taken {
            say(format!("it takes no `{key}`"));
        }
        if !is_given && row.needs.contains(&key) {
            say(format!("it needs `{key}`"));
        }
    }
}

fn check_numbers(written: &Written, say: &mut impl FnMut(String)) {
    if let Some(probability) = written.probability.filter(|probability| !(0.0..=1.0).contains(probability)) {
        say(format!("`probability` is {probability}, and must be between 0 and 1"));
    }
    if let Some(Length::Between(least, most)) = written.for_ms
        && least > most
    {
        say(format!("`for_ms` is [{least}, {most}], and the first must not be the larger one"));
    }
    if let Some(status) = written.status.filter(|status| !(400..=599).contains(status)) {
        say(format!("`status` is {status}, and must be one of a refusal, 400 to 599"));
    }
    if let (Some(from), Some(until)) = (written.from_ms, written.until_ms)
        && from >= until
    {
        say(format!("`from_ms` is {from} and `until_ms` {until}, which leaves no time between them"));
    }
    if written.rate_percent == Some(0) {
        say("`rate_percent` is 0, and nothing would ever pass".to_owned());
    }
}

/// A rule that can never hit is a slip of the pen.
fn check_choice(row: &Row, written: &Written, say: &mut impl FnMut(String)) {
    if let Some(service) = written.service.as_ref().filter(|pattern| !OPERATIONS.iter().any(|(service, _)| matches(pattern, service))) {
        let services = OPERATIONS.iter().map(|(service, _)| *service);
        return say(format!("there is no service `{service}`{}", near(service, services)));
    }
    let names = || OPERATIONS.iter().flat_map(|(service, names)| names.iter().map(move |name| (*service, *name)));
    for (key, pattern) in [("operation", &written.operation), ("after", &written.after)] {
        if let Some(pattern) = pattern.as_ref().filter(|pattern| !names().any(|(_, name)| matches(pattern, name))) {
            return say(format!("`{key}`: there is no operation `{pattern}`{}", near(pattern, names().map(|(_, name)| name))));
        }
    }
    let is_chosen = |pattern: &Option<String>, name: &str| pattern.as_ref().is_none_or(|pattern| matches(pattern, name));
    let is_possible = |(service, name): (&str, &str)| {
        is_chosen(&written.service, service) && is_chosen(&written.operation, name) && can_be_put_on(row, service, name)
    };
    if !names().any(is_possible) {
        let mut on = String::new();
        for (service, patterns) in row.on {
            let _ = write!(on, "{}`{service}`: {}", if on.is_empty() { "" } else { "; " }, patterns.join(", "));
        }
        say(format!("it cannot be put on what the rule selects, but on {on}"));
    }
}

/// `; did you mean …?`, where something is near.
fn near<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    const NEAR: f64 = 0.8;
    let best = known.map(|name| (strsim::jaro_winkler(given, name), name)).max_by(|left, right| left.0.total_cmp(&right.0));
    best.filter(|(likeness, _)| *likeness >= NEAR).map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

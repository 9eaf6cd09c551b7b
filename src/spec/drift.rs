//! `[drift]`: when it is looked for, and what is none.

use super::lower::Lowering;
use crate::diagnostic::nearest;
use crate::kinds;
use crate::model::{Address, DriftSettings, Field, IgnorePattern, IgnoreRule, Path, Rules, Shape, Table, Value};

/// The key of the section.
pub(crate) const DRIFT: &str = "drift";

/// Its settings.
pub(crate) const FIELDS: &[Field] = &[
    Field::new("schedule", Shape::checked(1, 256, check_schedule), "When the daemon looks: `rate(…)`, or `cron(…)` with AWS's six fields."),
    Field::new("timezone", Shape::checked(1, 64, check_timezone), "The time zone of `cron(…)`, such as `Europe/Berlin`; UTC unless given."),
    Field::new("deep", Shape::Boolean, "Whether settings are read in each check that cost a call each, as with `--deep`."),
    Field::new("undeclared", Shape::Boolean, "Whether settings count that this file does not have and that left AWS's default."),
    Field::new("who", Shape::Boolean, "Whether CloudTrail is asked who changed what was found."),
    Field::new(
        "ignore",
        Shape::List { item: &Shape::Table(RULE), max: usize::MAX },
        "What is no drift; `lambdo up` reverts it all the same.",
    ),
];

const RULE: &[Field] = &[
    Field::new("address", Shape::checked(1, 256, check_pattern), "Whose drift, such as `function.hash`; `*` stands for any text.")
        .required(),
    Field::new("path", Shape::checked(1, 1024, check_pattern), "Of which setting, such as `environment.*`; `*` for all of them.")
        .required(),
    Field::new("reason", Shape::text(1, 1024), "Why, for people.").required(),
    Field::new("until", Shape::checked(1, 64, check_day), "The last day on which it holds, such as `2026-12-31`; for ever unless given."),
];

/// The longest that each month gets, and how it may be called.
const MONTHS: [(&str, u32); 12] = [
    ("JAN", 31),
    ("FEB", 29),
    ("MAR", 31),
    ("APR", 30),
    ("MAY", 31),
    ("JUN", 30),
    ("JUL", 31),
    ("AUG", 31),
    ("SEP", 30),
    ("OCT", 31),
    ("NOV", 30),
    ("DEC", 31),
];

/// A schedule as rules have it, and of days that there are: what never comes would never be done.
pub(crate) fn check_schedule(text: &str) -> Result<(), String> {
    kinds::check_schedule(text)?;
    let fields: Vec<&str> = text.trim_start_matches("cron(").trim_end_matches(')').split_whitespace().collect();
    let [_, _, days, months, _, _] = fields[..] else { return Ok(()) };
    let first = days.split([',', '-']).map(|day| day.trim_end_matches('W').parse().unwrap_or(0)).min().unwrap_or(0);
    let longest = months.split(',').map(longest).max().unwrap_or(31);
    if first <= longest {
        return Ok(());
    }
    Err(format!("never comes: no month of `{months}` has a day {first}"))
}

/// How long a month gets, by its name or its number; of anything else, the daemon says whether it ever comes.
fn longest(month: &str) -> u32 {
    let number = month.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).and_then(|index| MONTHS.get(index));
    number.or_else(|| MONTHS.iter().find(|(name, _)| name.eq_ignore_ascii_case(month))).map_or(31, |(_, days)| *days)
}

/// Names of time zones are those of the tz database: <https://www.iana.org/time-zones>
fn check_timezone(text: &str) -> Result<(), String> {
    if jiff::tz::TimeZone::get(text).is_ok() {
        return Ok(());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let example = nearest(text, known.iter().map(String::as_str)).unwrap_or("Europe/Berlin").to_owned();
    Err(format!("must be the name of a time zone, such as `{example}`; it is `{text}`"))
}

fn check_pattern(text: &str) -> Result<(), String> {
    let wrong = |_| format!("must be keys with dots between them, such as `function.hash`, where `*` stands for any text; it is `{text}`");
    text.parse::<Path>().map(drop).map_err(wrong)
}

fn check_day(text: &str) -> Result<(), String> {
    // As it is compared: other ways to write a day have another order.
    let is_day = text.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == text);
    if is_day { Ok(()) } else { Err(format!("must be a day, such as `2026-12-31`; it is `{text}`")) }
}

/// The section as it was read.
pub(crate) fn settings(value: Option<&Value>) -> DriftSettings {
    let empty = Table::new();
    let table = value.and_then(Value::as_table).unwrap_or(&empty);
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_on = |key: &str| table.get(key).and_then(Value::as_boolean).unwrap_or(false);
    // A lone table is a list of one.
    let rules = table.get("ignore").map(|rules| rules.as_list().unwrap_or(std::slice::from_ref(rules)));
    DriftSettings {
        schedule: text("schedule"),
        timezone: text("timezone"),
        deep: is_on("deep"),
        undeclared: is_on("undeclared"),
        who: is_on("who"),
        ignore: rules.into_iter().flatten().filter_map(rule).collect(),
    }
}

fn rule(value: &Value) -> Option<IgnoreRule> {
    let table = value.as_table()?;
    let text = |key: &str| table.get(key)?.as_str();
    let pattern = IgnorePattern { address: text("address")?.parse().ok()?, path: text("path")?.parse().ok()? };
    Some(IgnoreRule { pattern, reason: text("reason")?.to_owned(), until: text("until").map(str::to_owned) })
}

/// The section as `lambdo spec` prints it; empty where nothing was given.
pub(crate) fn table(settings: &DriftSettings) -> Table {
    let text = |key: &str, value: &Option<String>| value.as_ref().map(|value| (key.to_owned(), Value::from(value.as_str())));
    let on = |key: &str, value: bool| value.then(|| (key.to_owned(), true.into()));
    let of_rule = |rule: &IgnoreRule| {
        let pairs =
            [("address", rule.pattern.address.to_string()), ("path", rule.pattern.path.to_string()), ("reason", rule.reason.clone())];
        let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value)));
        Value::Table(pairs.chain(text("until", &rule.until)).collect())
    };
    let rules: Vec<Value> = settings.ignore.iter().map(of_rule).collect();
    let rules = (!rules.is_empty()).then(|| ("ignore".to_owned(), Value::List(rules)));
    let switches = [on("deep", settings.deep), on("undeclared", settings.undeclared), on("who", settings.who)];
    let texts = [text("schedule", &settings.schedule), text("timezone", &settings.timezone)];
    texts.into_iter().chain(switches).chain([rules]).flatten().collect()
}

impl Lowering<'_> {
    /// Says which rules that ignore drift are about nothing in this file, or about settings that nothing has.
    pub fn check_drift(&mut self) {
        let known: Vec<&Address> = self.resources.keys().collect();
        let rules = &self.spec.header.drift.ignore;
        let span = self.spec.header_spans.get(&Path::key(DRIFT).join("ignore")).cloned();
        let kinds: Vec<&dyn Rules> = self.registry.iter().map(|kind| kind as &dyn Rules).collect();
        let wrong = |pattern: &IgnorePattern| pattern.about_no_setting("drift.ignore", &kinds);
        let found: Vec<_> = rules.iter().filter_map(|rule| wrong(&rule.pattern).or_else(|| rule.about_nothing(&known))).collect();
        self.findings.extend(found.into_iter().map(|finding| finding.span(span.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_that_there_is() {
        for never in ["31 2", "30 FEB", "31W 2,4", "30,31 2", "31 apr,JUN"] {
            let (day, month) = never.split_once(' ').unwrap();
            assert!(check_schedule(&format!("cron(0 0 {day} {month} ? *)")).is_err_and(|error| error.contains("never comes")), "{never}");
        }
        for comes in ["29 2", "31 1,2", "1-31 2", "L 2", "*/30 2", "31 2-3", "31 *", "2/30 2"] {
            let (day, month) = comes.split_once(' ').unwrap();
            assert_eq!(check_schedule(&format!("cron(0 0 {day} {month} ? *)")), Ok(()), "{comes}");
        }
        assert_eq!((check_schedule("rate(5 minutes)"), check_schedule("cron(0 0 * * ? 2020)")), (Ok(()), Ok(())));
    }

    #[test]
    fn a_time_zone_is_one_that_there_is() {
        assert_eq!((check_timezone("UTC"), check_timezone("America/Argentina/Ushuaia")), (Ok(()), Ok(())));
        assert!(check_timezone("Europe/Berln").unwrap_err().contains("such as `Europe/Berlin`"));
    }
}

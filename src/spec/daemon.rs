//! `[daemon]`: what the daemon may do about drift, and when.

use super::drift::check_schedule;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::log_group::RETENTIONS_IN_DAYS;
use crate::model::{DaemonSettings, Field, FreezeRule, LogGroupsRule, Mode, Path, Shape, Table, Value, duration_ms};
use std::collections::BTreeMap;

/// The key of the section.
pub(crate) const DAEMON: &str = "daemon";

/// Its settings.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "mode",
        Shape::Choice(&["observe", "propose", "heal"]),
        "What the daemon does about drift: it says so; it keeps a plan ready for a person; it takes the drift back.",
    ),
    Field::new("apply", Shape::Boolean, "Whether `mode = \"heal\"` also applies what this file asks for and was not applied yet."),
    Field::new(
        "allow",
        Shape::List { item: &Shape::Choice(&["replace", "delete"]), max: 2 },
        "What healing may do besides creating and updating.",
    ),
    Field::new(
        "max_changes",
        Shape::Integer { min: 0, max: 10_000 },
        "How many resources one healing may change; the rest waits for the next check.",
    ),
    Field::new(
        "deep_schedule",
        Shape::checked(1, 256, check_schedule),
        "When settings are read, too, that cost a call each: `rate(…)` or `cron(…)`.",
    ),
    Field::new("contested_after", Shape::Table(CONTEST), "When healing gives in to somebody else who sets the same value back."),
    Field::new(
        "remind_after",
        Shape::checked(2, 32, check_duration),
        "After which time it is told again that something is still open, such as `12h` or `1d`.",
    ),
    Field::new("freeze", Shape::List { item: &Shape::Table(FREEZE), max: usize::MAX }, "When nothing is healed or applied."),
    Field::new("log_groups", Shape::Table(LOG_GROUPS), "How all log groups of the account and region are looked after, whoever made them."),
];

const LOG_GROUPS: &[Field] = &[
    Field::new(
        "schedule",
        Shape::checked(1, 256, check_schedule),
        "When: `rate(…)` or `cron(…)`; with the first check after that. Once a day unless given.",
    ),
    Field::new("prefix", Shape::text(1, 512), "What the names of the groups begin with that are looked at."),
    Field::new(
        "retention_in_days",
        Shape::IntegerChoice(RETENTIONS_IN_DAYS),
        "What a group that keeps lines for ever should have; 365 unless given.",
    ),
    Field::new("fix", Shape::Boolean, "Whether that is set where there is none; else it is only told."),
    Field::new("delete_empty", Shape::Boolean, "Whether, with `fix`, what is empty and past its retention is deleted."),
];

const CONTEST: &[Field] = &[
    Field::new("reverts", Shape::Integer { min: 1, max: 100 }, "After so many reverts of the same path …").required(),
    Field::new("within", Shape::checked(2, 32, check_duration), "… within this time, such as `1h`.").required(),
];

const FREEZE: &[Field] = &[
    Field::new("from", Shape::checked(10, 32, check_moment), "The first day or moment, such as `2026-12-20` or `2026-12-20T18:00`."),
    Field::new("until", Shape::checked(10, 32, check_moment), "The first day or moment after it."),
    Field::new("schedule", Shape::checked(1, 256, check_cron), "When it begins, again and again: `cron(…)`."),
    Field::new("lasts", Shape::checked(2, 32, check_duration), "How long it lasts then, such as `63h`."),
    Field::new("reason", Shape::text(1, 1024), "Why, for people."),
];

fn check_duration(text: &str) -> Result<(), String> {
    let is_time = duration_ms(text).is_some_and(|time| time > 0);
    if is_time { Ok(()) } else { Err(format!("must be a time such as `30m`, `12h` or `1d`; it is `{text}`")) }
}

fn check_moment(text: &str) -> Result<(), String> {
    let is_moment = text.parse::<jiff::civil::DateTime>().is_ok();
    let wrong = || format!("must be a day such as `2026-12-20` or a time such as `2026-12-20T18:00`, without a zone; it is `{text}`");
    if is_moment { Ok(()) } else { Err(wrong()) }
}

fn check_cron(text: &str) -> Result<(), String> {
    if text.starts_with("rate(") {
        return Err("must be `cron(…)`: a freeze has a beginning, which `rate(…)` has not".into());
    }
    check_schedule(text)
}

/// The section as it was read.
pub(crate) fn settings(value: Option<&Value>) -> DaemonSettings {
    let usual = DaemonSettings::default();
    let Some(table) = value.and_then(Value::as_table) else { return usual };
    let allow = table.get("allow").map(texts).unwrap_or_default();
    let contest = table.get("contested_after").and_then(Value::as_table);
    let count = |table: &Table, key: &str| table.get(key).and_then(Value::as_integer).and_then(|number| usize::try_from(number).ok());
    DaemonSettings {
        mode: match table.get("mode").and_then(Value::as_str) {
            Some("propose") => Mode::Propose,
            Some("heal") => Mode::Heal,
            _ => Mode::Observe,
        },
        apply: table.get("apply").and_then(Value::as_boolean).unwrap_or(usual.apply),
        may_replace: allow.contains(&"replace"),
        may_delete: allow.contains(&"delete"),
        max_changes: count(table, "max_changes").unwrap_or(usual.max_changes),
        deep_schedule: text(table, "deep_schedule").unwrap_or(usual.deep_schedule),
        contest_reverts: contest.and_then(|contest| count(contest, "reverts")).unwrap_or(usual.contest_reverts),
        contest_within_ms: contest.and_then(|contest| duration(contest, "within")),
        remind_after_ms: duration(table, "remind_after").unwrap_or(usual.remind_after_ms),
        freezes: rules(table).filter_map(Value::as_table).map(freeze).collect(),
        log_groups: table.get("log_groups").and_then(Value::as_table).map(log_groups),
    }
}

fn log_groups(table: &Table) -> LogGroupsRule {
    let usual = LogGroupsRule::default();
    let is_on = |key: &str| table.get(key).and_then(Value::as_boolean).unwrap_or(false);
    LogGroupsRule {
        schedule: text(table, "schedule").unwrap_or(usual.schedule),
        prefix: text(table, "prefix").unwrap_or(usual.prefix),
        retention_in_days: table.get("retention_in_days").and_then(Value::as_integer).unwrap_or(usual.retention_in_days),
        fix: is_on("fix"),
        delete_empty: is_on("delete_empty"),
    }
}

/// A lone table is a list of one.
fn rules(table: &Table) -> impl Iterator<Item = &Value> {
    table.get("freeze").map(|rules| rules.as_list().unwrap_or(std::slice::from_ref(rules))).into_iter().flatten()
}

fn freeze(table: &Table) -> FreezeRule {
    FreezeRule {
        from: text(table, "from"),
        until: text(table, "until"),
        schedule: text(table, "schedule"),
        lasts_ms: duration(table, "lasts"),
        reason: text(table, "reason"),
    }
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn duration(table: &Table, key: &str) -> Option<u64> {
    duration_ms(table.get(key)?.as_str()?)
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_str().map_or_else(|| value.strings(), |lone| vec![lone])
}

/// What the field table cannot know: keys that need each other, and wishes that nothing would come of.
pub(crate) fn check(value: Option<&Value>, spans: &BTreeMap<Path, Span>) -> Vec<Diagnostic> {
    let Some(table) = value.and_then(Value::as_table) else { return Vec::new() };
    let at = |key: &str| spans.get(&Path::key(DAEMON).join(key)).cloned();
    let mut findings: Vec<Diagnostic> =
        rules(table).filter_map(Value::as_table).filter_map(wrong_freeze).map(|found| found.span(at("freeze"))).collect();
    let is_healing = table.get("mode").and_then(Value::as_str) == Some("heal");
    for key in ["apply", "allow", "max_changes", "contested_after"] {
        if table.contains_key(key) && !is_healing {
            let found = Diagnostic::warning("without-heal", "A setting has no effect")
                .detail(format!("`daemon.{key}` says how drift is taken back, and `daemon.mode` is not `heal`."))
                .hint("for the daemon to take drift back: `mode = \"heal\"`");
            findings.push(found.span(at(key)));
        }
    }
    let without_fix = table.get("log_groups").and_then(Value::as_table).map(log_groups).is_some_and(|rule| rule.delete_empty && !rule.fix);
    findings.extend(without_fix.then(|| {
        Diagnostic::warning("without-fix", "A setting has no effect")
            .detail("`daemon.log_groups.delete_empty` says what is fixed, and `daemon.log_groups.fix` is not `true`.")
            .hint("for empty log groups to be deleted: `fix = true`")
            .span(spans.get(&Path::key(DAEMON).join("log_groups").join("delete_empty")).cloned())
    }));
    findings
}

fn wrong_freeze(table: &Table) -> Option<Diagnostic> {
    let has = |key: &str| table.contains_key(key);
    let wrong = |detail: &str| {
        Diagnostic::error("bad-freeze", "A freeze does not say when it is")
            .detail(detail)
            .hint("once: `from` and `until`; again and again: `schedule = \"cron(…)\"` and `lasts`")
    };
    match (has("from") || has("until"), has("schedule") || has("lasts")) {
        (true, true) => {
            return Some(wrong("A `daemon.freeze` has both the keys of one that is once and of one that comes again and again."));
        }
        (false, false) => return Some(wrong("A `daemon.freeze` has neither `from` and `until` nor `schedule` and `lasts`.")),
        (true, false) if !(has("from") && has("until")) => return Some(wrong("A `daemon.freeze` has only one of `from` and `until`.")),
        (false, true) if !(has("schedule") && has("lasts")) => {
            return Some(wrong("A `daemon.freeze` has only one of `schedule` and `lasts`."));
        }
        _ => {}
    }
    let moment = |key: &str| table.get(key)?.as_str()?.parse::<jiff::civil::DateTime>().ok();
    let is_backwards = moment("from").zip(moment("until")).is_some_and(|(from, until)| from >= until);
    is_backwards.then(|| wrong("A `daemon.freeze` has an `until` that is not after its `from`, so that it never holds."))
}

/// The section as `lambdo spec` prints it: what is not as usual.
pub(crate) fn table(settings: &DaemonSettings) -> Table {
    let usual = DaemonSettings::default();
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<Value>| {
        value.into_iter().for_each(|value| {
            table.insert(key.to_owned(), value);
        });
    };
    let mode = match settings.mode {
        Mode::Observe => None,
        Mode::Propose => Some("propose"),
        Mode::Heal => Some("heal"),
    };
    put("mode", mode.map(Value::from));
    put("apply", settings.apply.then(|| true.into()));
    let allow: Vec<&str> = [("replace", settings.may_replace), ("delete", settings.may_delete)]
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(word, _)| word)
        .collect();
    put("allow", (!allow.is_empty()).then(|| Value::string_list(allow)));
    put("max_changes", (settings.max_changes != usual.max_changes).then(|| integer(settings.max_changes)));
    put("deep_schedule", (settings.deep_schedule != usual.deep_schedule).then(|| settings.deep_schedule.as_str().into()));
    let contest = |within: u64| {
        Value::Table(Table::from_iter([("reverts".to_owned(), integer(settings.contest_reverts)), ("within".to_owned(), time(within))]))
    };
    put("contested_after", settings.contest_within_ms.map(contest));
    put("remind_after", (settings.remind_after_ms != usual.remind_after_ms).then(|| time(settings.remind_after_ms)));
    let freezes: Vec<Value> = settings.freezes.iter().map(of_freeze).collect();
    put("freeze", (!freezes.is_empty()).then_some(Value::List(freezes)));
    put("log_groups", settings.log_groups.as_ref().map(of_log_groups));
    table
}

fn of_freeze(rule: &FreezeRule) -> Value {
    let text = |key: &str, text: &Option<String>| text.as_ref().map(|text| (key.to_owned(), Value::from(text.as_str())));
    let pairs = [
        text("from", &rule.from),
        text("until", &rule.until),
        text("schedule", &rule.schedule),
        rule.lasts_ms.map(|lasts| ("lasts".to_owned(), time(lasts))),
        text("reason", &rule.reason),
    ];
    Value::Table(pairs.into_iter().flatten().collect())
}

fn of_log_groups(rule: &LogGroupsRule) -> Value {
    let usual = LogGroupsRule::default();
    let pairs = [
        // An empty table would read back as one, but not be printed.
        Some(("schedule", rule.schedule.as_str().into())),
        (rule.prefix != usual.prefix).then(|| ("prefix", rule.prefix.as_str().into())),
        (rule.retention_in_days != usual.retention_in_days).then(|| ("retention_in_days", rule.retention_in_days.into())),
        rule.fix.then(|| ("fix", true.into())),
        rule.delete_empty.then(|| ("delete_empty", true.into())),
    ];
    Value::Table(pairs.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn integer(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn time(milliseconds: u64) -> Value {
    format!("{}s", milliseconds / 1_000).as_str().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        let json: serde_json::Value = toml::from_str(text).unwrap();
        Value::from_json(&json)
    }

    #[test]
    fn what_is_printed_reads_back_as_it_was() {
        let section = read(
            r#"
            mode = "heal"
            apply = true
            allow = ["delete"]
            max_changes = 3
            deep_schedule = "rate(2 days)"
            contested_after = { reverts = 2, within = "30m" }
            remind_after = "12h"
            freeze = [{ from = "2026-12-20", until = "2027-01-02" }, { schedule = "cron(0 17 ? * FRI *)", lasts = "63h", reason = "weekend" }]
            log_groups = { prefix = "/aws/", retention_in_days = 90, fix = true, delete_empty = true }
            "#,
        );
        let read = settings(Some(&section));
        assert_eq!(settings(Some(&Value::Table(table(&read)))), read);
        assert_eq!((read.mode, read.may_delete, read.may_replace, read.contest_within_ms), (Mode::Heal, true, false, Some(1_800_000)));
        assert!(read.log_groups.as_ref().is_some_and(|rule| rule.schedule == "rate(1 day)" && rule.retention_in_days == 90));
        assert!(check(Some(&section), &BTreeMap::new()).is_empty());
        assert_eq!(table(&settings(None)), Table::new());
    }

    #[test]
    fn a_freeze_has_a_beginning_and_an_end() {
        for (freeze, words) in [
            (r#"{ reason = "x" }"#, "neither"),
            (r#"{ from = "2026-12-20" }"#, "only one of `from`"),
            (r#"{ lasts = "1h" }"#, "only one of `schedule`"),
            (r#"{ from = "2026-12-20", until = "2026-12-21", lasts = "1h" }"#, "both"),
            (r#"{ from = "2026-12-20T10:00", until = "2026-12-20" }"#, "never holds"),
        ] {
            let found = check(Some(&read(&format!("freeze = [{freeze}]"))), &BTreeMap::new());
            assert!(found.len() == 1 && found[0].detail.contains(words), "{freeze}: {found:?}");
        }
    }

    #[test]
    fn what_only_healing_heeds_is_doubted_without_it() {
        let found = check(Some(&read("mode = \"propose\"\nmax_changes = 3")), &BTreeMap::new());
        assert!(found.len() == 1 && !found[0].is_error(), "{found:?}");
        let found = check(Some(&read("log_groups = { delete_empty = true }")), &BTreeMap::new());
        assert!(found.len() == 1 && found[0].code == "without-fix", "{found:?}");
    }
}

//! An event rule's section becomes a rule, and the permission that lets it invoke the function.

use super::fields::{DEFAULT_BUS, FIELDS};
use super::target::is_document;
use super::{KIND, OUR_TARGET, pattern, schedule};
use crate::diagnostic::Diagnostic;
use crate::kinds::lowering::{self, facts_of, finding};
use crate::kinds::names::fitted_name;
use crate::kinds::{Context, FunctionFacts, Lowered, function, permission, tagging};
use crate::model::document::parsed;
use crate::model::field::fill_defaults;
use crate::model::value::TemplatePart;
use crate::model::{Address, Dependency, Path, Resource, Section, Table, Value};

/// What a target gets instead of the event, at most (EventBridge API model).
const LONGEST_INPUT: usize = 8192;
/// The longest name of a rule (EventBridge API model).
const LONGEST_NAME: usize = 64;

pub(super) fn lower(section: &Section, context: &Context<'_>) -> Lowered {
    let facts = facts_of(section, context);
    let part = section.part.as_deref().unwrap_or_default();
    let inputs = inputs(section, part, &facts);
    let arn = arn(context, &inputs);
    let statement_id = fitted_name(format!("lambdo-{KIND}-{part}"), 100);
    let values =
        Table::from_iter([("principal".to_owned(), "events.amazonaws.com".into()), ("source_arn".to_owned(), arn.as_str().into())]);
    let permission = permission::resource(&section.name, &facts.function_name, part, &statement_id, values);
    let diagnostics = diagnostics(section, &inputs);
    let rule = rule(section, part, inputs, &arn, &permission.address);
    Lowered { resources: vec![rule, permission], diagnostics }
}

fn rule(section: &Section, part: &str, inputs: Table, arn: &str, permission: &Address) -> Resource {
    let text = |key: &str| inputs.get(key).and_then(Value::as_str).unwrap_or_default();
    let id = format!("{}/{}", text("event_bus_name"), text("name"));
    let mut rule = Resource::new(Address::with_part(KIND, &section.name, part), id);
    rule.attributes = Table::from_iter([("arn".to_owned(), arn.into()), ("name".to_owned(), text("name").into())]);
    rule.dependencies = vec![
        Dependency::hard(Address::new(function::KIND, &section.name)).until_exists().gating("events:PutTargets"),
        Dependency::hard(permission.clone()).gating("events:PutTargets"),
    ];
    rule.inputs = inputs;
    rule.protect = section.boolean("protect", false);
    rule
}

fn inputs(section: &Section, part: &str, facts: &FunctionFacts) -> Table {
    let mut inputs = lowering::settings(section, FIELDS);
    if let Some(pattern) = inputs.get_mut("event_pattern") {
        *pattern = parsed(pattern);
    }
    inputs.entry("name".to_owned()).or_insert_with(|| fitted_name(format!("{}-{part}", facts.function_name), LONGEST_NAME).into());
    let mut target = Table::from_iter([("arn".to_owned(), facts.arn.as_str().into())]);
    target.extend(section.values.get("input").map(|input| ("input".to_owned(), document(input))));
    inputs.insert("targets".to_owned(), Table::from_iter([(OUR_TARGET.to_owned(), target.into())]).into());
    fill_defaults(FIELDS, &mut inputs);
    inputs
}

/// What the input holds: a lone text is itself, which EventBridge takes too, as JSON in quotes.
fn document(input: &Value) -> Value {
    if input.as_str().is_some_and(is_document) { parsed(input) } else { input.clone() }
}

/// Rules on the default bus do not have its name in their ARN.
fn arn(context: &Context<'_>, inputs: &Table) -> String {
    let text = |key: &str| inputs.get(key).and_then(Value::as_str).unwrap_or_default();
    let bus = match text("event_bus_name") {
        DEFAULT_BUS => String::new(),
        other => format!("{other}/"),
    };
    let target = context.target;
    format!("arn:{}:events:{}:{}:rule/{bus}{}", target.partition, target.region, target.account, text("name"))
}

fn diagnostics(section: &Section, inputs: &Table) -> Vec<Diagnostic> {
    [
        trigger(section),
        time_zone(section),
        schedule_bus(section, inputs),
        schedule_doubt(section),
        input(section),
        targets(section),
        role(section),
        tagging::too_many(section, inputs),
    ]
    .into_iter()
    .flatten()
    .chain(event_pattern(section, inputs))
    .collect()
}

fn at(section: &Section, key: &str, diagnostic: Diagnostic) -> Diagnostic {
    finding(section, &Path::key(key), diagnostic)
}

/// A rule may have both, and then fires for either.
fn trigger(section: &Section) -> Option<Diagnostic> {
    let has = |key: &str| section.values.contains_key(key);
    if has("schedule_expression") || has("event_pattern") {
        return None;
    }
    let found = Diagnostic::error("rule-trigger", "An event rule needs a trigger")
        .detail("It has neither a `schedule_expression`, such as `rate(5 minutes)`, nor an `event_pattern`, so nothing would fire it.");
    Some(at(section, "", found))
}

/// What the guide does not say that AWS takes.
fn schedule_doubt(section: &Section) -> Option<Diagnostic> {
    let problem = schedule::doubt(section.string("schedule_expression")?)?;
    let found =
        Diagnostic::warning("schedule-doubtful", "AWS may not take the schedule").detail(format!("`schedule_expression` {problem}."));
    Some(at(section, "schedule_expression", found))
}

fn time_zone(section: &Section) -> Option<Diagnostic> {
    let key = ["timezone", "schedule_expression_timezone"].into_iter().find(|key| section.values.contains_key(*key))?;
    let found = Diagnostic::error("rule-time-zone", "Event rules have no time zone")
        .detail(format!("EventBridge runs the schedules of rules in UTC, so `{key}` cannot be kept. `schedule` (EventBridge Scheduler) has a time zone; it is not supported yet."))
        .hint(format!("remove `{key}` and write the times in UTC"));
    Some(at(section, key, found))
}

fn schedule_bus(section: &Section, inputs: &Table) -> Option<Diagnostic> {
    inputs.get("schedule_expression")?;
    let bus = inputs.get("event_bus_name")?.as_str().filter(|bus| *bus != DEFAULT_BUS)?;
    let found = Diagnostic::error("schedule-on-custom-bus", "Schedules are on the default bus only")
        .detail(format!("EventBridge refuses a `schedule_expression` on the bus `{bus}`."))
        .hint("remove `event_bus_name`");
    Some(at(section, "event_bus_name", found))
}

fn event_pattern(section: &Section, inputs: &Table) -> Vec<Diagnostic> {
    let (problems, doubts) = match inputs.get("event_pattern") {
        None | Some(Value::Unresolved(_)) => return Vec::new(),
        Some(Value::String(_)) => (vec![(Path::default(), "the text is no JSON".to_owned())], Vec::new()),
        Some(other) => (pattern::problems(other), pattern::never_there(other)),
    };
    let refused = problems.into_iter().map(|problem| (Diagnostic::error("bad-event-pattern", "The event pattern cannot be used"), problem));
    let doubted =
        doubts.into_iter().map(|problem| (Diagnostic::warning("pattern-never-matches", "The event pattern may match nothing"), problem));
    refused.chain(doubted).map(|(found, (path, problem))| in_pattern(section, &path, found.detail(sentence(&problem)))).collect()
}

/// At the part of the pattern, where it is written as a table.
fn in_pattern(section: &Section, path: &Path, found: Diagnostic) -> Diagnostic {
    let keys = std::iter::once("event_pattern".to_owned()).chain(path.0.iter().cloned());
    finding(section, &Path(keys.collect()), found)
}

fn input(section: &Section) -> Option<Diagnostic> {
    let given = section.values.get("input").filter(|input| !matches!(input, Value::Unresolved(_)))?;
    let length = known_length(&document(given));
    (length > LONGEST_INPUT).then(|| {
        let detail = format!(
            "`input` has {length} characters as JSON, and EventBridge takes {LONGEST_INPUT}; let the function fetch what is large."
        );
        at(section, "input", Diagnostic::error("bad-input", "The input is too long").detail(detail))
    })
}

/// In characters; what is not known yet counts as nothing.
fn known_length(input: &Value) -> usize {
    let known = |part: &TemplatePart| (!matches!(part, TemplatePart::Text(_))).then(|| Value::from(""));
    input.resolve(&known).to_json().to_string().chars().count()
}

fn targets(section: &Section) -> Option<Diagnostic> {
    section.values.get("targets")?;
    let found = Diagnostic::error("not-supported-yet", "Not supported yet")
        .detail("A rule under a function invokes this function; targets of one's own are not supported yet.")
        .hint("`input` says what the function gets instead of the event");
    Some(at(section, "targets", found))
}

fn role(section: &Section) -> Option<Diagnostic> {
    section.values.get("role_arn")?;
    let found = Diagnostic::error("not-supported-yet", "Not supported yet")
        .detail("A rule under a function needs no role: a permission lets it invoke the function. A role for other targets is not supported yet.")
        .hint("remove `role_arn`; what the function itself may do is the function's `role`");
    Some(at(section, "role_arn", found))
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let end = if text.ends_with('?') { "" } else { "." };
    characters.next().map_or_else(String::new, |first| format!("{}{}{end}", first.to_uppercase(), characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::event_rule::tests::lowered;
    use crate::kinds::function::tests::table;

    const MONTHLY: &str = "cron(0 6 1 * ? *)";

    #[test]
    fn a_section_becomes_a_rule_and_a_permission() {
        let lowered = lowered(&[("schedule_expression", MONTHLY.into())]);
        assert_eq!(lowered.diagnostics, []);
        let [rule, permission] = &lowered.resources[..] else { panic!("two resources") };
        assert_eq!(rule.physical_id().unwrap().as_str(), "default/demo-hash-monthly");
        insta::assert_snapshot!(Value::Table(rule.inputs.clone()).to_json(), @r#"{"description":"","enabled":true,"event_bus_name":"default","name":"demo-hash-monthly","schedule_expression":"cron(0 6 1 * ? *)","tags":{},"targets":{"lambdo":{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash"}}}"#);
        insta::assert_snapshot!(Value::Table(permission.inputs.clone()).to_json(), @r#"{"action":"lambda:InvokeFunction","principal":"events.amazonaws.com","source_arn":"arn:aws:events:us-east-1:123456789012:rule/demo-hash-monthly","statement_id":"lambdo-event_rule-monthly"}"#);
        assert_eq!(permission.address.to_string(), "permission.hash.monthly");
        assert!(rule.dependencies.iter().all(|wait| wait.gates.as_deref() == Some("events:PutTargets")));
    }

    #[test]
    fn another_bus_is_part_of_the_arn() {
        let pattern = table([("source", Value::string_list(["x"]))]);
        let lowered = lowered(&[("event_pattern", pattern), ("event_bus_name", "orders".into())]);
        assert_eq!(lowered.diagnostics, []);
        let arn = lowered.resources[0].attributes.get("arn").and_then(Value::as_str);
        assert_eq!(arn, Some("arn:aws:events:us-east-1:123456789012:rule/orders/demo-hash-monthly"));
    }

    #[test]
    fn documents_are_the_same_as_text_and_as_tables() {
        let as_text = lowered(&[("event_pattern", r#"{"source": ["x"]}"#.into()), ("input", r#"{"a": 1}"#.into())]);
        let as_table = lowered(&[("event_pattern", table([("source", Value::string_list(["x"]))])), ("input", table([("a", 1.into())]))]);
        assert_eq!(as_text, as_table);
    }

    #[test]
    fn what_is_wrong_is_found() {
        let schedule = || ("schedule_expression", Value::from(MONTHLY));
        let cases: [(&[(&str, Value)], &str); 10] = [
            (&[], "rule-trigger"),
            (&[("event_pattern", table([("detail_type", Value::string_list(["x"]))]))], "pattern-never-matches"),
            (&[("schedule_expression", "cron(0 6 LW * ? *)".into())], "schedule-doubtful"),
            (&[schedule(), ("timezone", "Europe/Berlin".into())], "rule-time-zone"),
            (&[schedule(), ("event_bus_name", "orders".into())], "schedule-on-custom-bus"),
            (&[("event_pattern", "nonsense".into())], "bad-event-pattern"),
            (&[("event_pattern", table([("source", "x".into())]))], "bad-event-pattern"),
            (&[schedule(), ("input", "x".repeat(8191).into())], "bad-input"),
            (&[schedule(), ("targets", table([]))], "not-supported-yet"),
            (&[schedule(), ("role_arn", "arn:aws:iam::123456789012:role/r".into())], "not-supported-yet"),
        ];
        for (values, code) in cases {
            let found: Vec<_> = lowered(values).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(found, [code], "{values:?}");
        }
    }

    #[test]
    fn an_input_can_be_a_lone_text() {
        let lowered = lowered(&[("schedule_expression", MONTHLY.into()), ("input", "5".into())]);
        assert_eq!(lowered.diagnostics, []);
        insta::assert_snapshot!(lowered.resources[0].inputs[&"targets".to_owned()].to_json(), @r#"{"lambdo":{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash","input":"5"}}"#);
    }

    #[test]
    fn a_rule_can_have_both_triggers() {
        let pattern = table([("source", Value::string_list(["x"]))]);
        assert_eq!(lowered(&[("schedule_expression", MONTHLY.into()), ("event_pattern", pattern)]).diagnostics, []);
    }

    #[test]
    fn a_time_zone_is_explained() {
        let found = lowered(&[("schedule_expression", MONTHLY.into()), ("timezone", "Europe/Berlin".into())]).diagnostics;
        insta::assert_snapshot!(found[0].detail, @"EventBridge runs the schedules of rules in UTC, so `timezone` cannot be kept. `schedule` (EventBridge Scheduler) has a time zone; it is not supported yet.");
    }
}

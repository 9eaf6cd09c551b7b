//! What EventBridge answers, in the words of the spec.

use super::fields::FIELDS;
use super::target::{as_table, is_same_job};
use super::{OUR_TARGET, STATE, split};
use crate::model::document::parsed;
use crate::model::field::fill_defaults;
use crate::model::{Extra, Live, Path, PhysicalId, Table, Value};
use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_eventbridge::types::{Rule, RuleState, Target};

/// A rule as `DescribeRule` answers it, in the form of `ListRules`.
pub(super) fn as_listed(answer: DescribeRuleOutput) -> Rule {
    Rule::builder()
        .set_name(answer.name)
        .set_arn(answer.arn)
        .set_event_pattern(answer.event_pattern)
        .set_schedule_expression(answer.schedule_expression)
        .set_state(answer.state)
        .set_description(answer.description)
        .set_role_arn(answer.role_arn)
        .set_managed_by(answer.managed_by)
        .set_event_bus_name(answer.event_bus_name)
        .build()
}

/// The rule as it lives, still without targets and tags.
pub(super) fn live(rule: &Rule, physical_id: &PhysicalId) -> Live {
    let (bus, name) = split(physical_id);
    let mut live = Live::new(physical_id.clone());
    let mut fields = Table::from_iter([
        ("name".to_owned(), name.into()),
        ("event_bus_name".to_owned(), bus.into()),
        ("enabled".to_owned(), (rule.state() != Some(&RuleState::Disabled)).into()),
    ]);
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Value::from);
    let texts = [
        ("description", given(rule.description())),
        ("role_arn", given(rule.role_arn())),
        ("schedule_expression", given(rule.schedule_expression())),
        ("event_pattern", given(rule.event_pattern()).map(|pattern| parsed(&pattern))),
    ];
    fields.extend(texts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    fill_defaults(FIELDS, &mut fields);
    fields.remove("tags");
    live.fields = fields;
    live.attributes.insert("name".to_owned(), name.into());
    live.attributes.extend(rule.arn().map(|arn| ("arn".to_owned(), arn.into())));
    live.remarks.extend(rule.managed_by().map(|service| format!("the rule is managed by `{service}`")));
    // It counts as enabled, and says for which events of CloudTrail: who puts the rule says so again.
    let more = rule.state().filter(|state| **state == RuleState::EnabledWithAllCloudtrailManagementEvents);
    live.attributes.extend(more.map(|state| (STATE.to_owned(), state.as_str().into())));
    live
}

/// Puts in the targets: ours as a field, those of others as texts. `wanted` are the targets as they
/// are wanted, or else as they were applied.
pub(super) fn add_targets(live: &mut Live, targets: &[Target], wanted: Option<&Value>, applied: Option<&Value>) {
    let wanted = wanted.and_then(|wanted| wanted.as_table()?.get(OUR_TARGET)?.as_table());
    let (ours, foreign): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(|target| is_ours(target, wanted, applied));
    let input = wanted.and_then(|wanted| wanted.get("input"));
    let ours = ours.into_iter().map(|target| (target.id().to_owned(), Value::Table(as_table(target, input)))).collect();
    live.fields.insert("targets".to_owned(), Value::Table(ours));
    let told = |target: &Target| {
        let path = Path::key("targets").join(target.id());
        Extra::foreign(path, format!("target `{}`: `{}`", target.id(), target.arn()))
    };
    live.extras.extend(foreign.into_iter().map(told));
}

/// Whether a target is ours. In a rule that is being taken over, one that invokes the same function with the same input is,
/// whatever it is called and however it gets the events: with ours beside it each event would be handled twice, so ours takes its
/// place, and the plan shows what goes with it. With another input it is another job.
fn is_ours(target: &Target, wanted: Option<&Table>, applied: Option<&Value>) -> bool {
    let is_wanted = || wanted.is_some_and(|wanted| is_same_job(&as_table(target, wanted.get("input")), wanted));
    let is_taken_over = applied.map_or_else(is_wanted, |applied| applied.as_table().is_some_and(|table| table.contains_key(target.id())));
    target.id() == OUR_TARGET || is_taken_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::event_rule::tests::lowered;
    use crate::kinds::function::tests::table;
    use aws_sdk_eventbridge::types::RetryPolicy;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:demo-hash";

    fn id() -> PhysicalId {
        "default/demo-hash-monthly".into()
    }

    fn target(target_id: &str, input: Option<&str>) -> Target {
        Target::builder().id(target_id).arn(ARN).set_input(input.map(str::to_owned)).build().unwrap()
    }

    #[test]
    fn a_rule_reads_back_as_it_was_lowered() {
        let given = [
            ("event_pattern", table([("source", Value::string_list(["a<b"]))])),
            ("input", table([("a", 1.into()), ("b", "x".into())])),
            ("enabled", false.into()),
        ];
        let mut desired = lowered(&given).resources.remove(0).inputs;
        desired.remove("tags");
        let rule = Rule::builder().event_pattern(r#"{"source": ["a\u003cb"]}"#).state(RuleState::Disabled).event_bus_name("default");
        let mut live = live(&rule.build(), &id());
        add_targets(&mut live, &[target("lambdo", Some(r#"{"b":"x","a":1}"#))], None, None);
        assert_eq!(live.fields, desired);
    }

    #[test]
    fn an_input_that_stayed_text_reads_back_as_text() {
        let text = r#"{ "a": 1 }"#;
        let wanted = table([("lambdo", table([("arn", ARN.into()), ("input", text.into())]))]);
        let mut live = live(&Rule::builder().build(), &id());
        add_targets(&mut live, &[target("lambdo", Some(text))], Some(&wanted), None);
        assert_eq!(live.fields.get("targets"), Some(&wanted));
    }

    #[test]
    fn a_target_that_does_the_same_is_taken_over_with_the_rule_and_not_later() {
        let wanted = table([("lambdo", table([("arn", ARN.into())]))]);
        let names = |applied: Option<&Value>| {
            let mut live = live(&Rule::builder().build(), &id());
            add_targets(&mut live, &[target("1", None), target("lambdo", None)], Some(&wanted), applied);
            live.fields.get("targets").and_then(Value::as_table).unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["1", "lambdo"]);
        assert_eq!(names(Some(&wanted)), ["lambdo"], "what others add afterwards is theirs");
        assert_eq!(names(Some(&table([("1", table([]))]))), ["1", "lambdo"], "what an import has found");
    }

    #[test]
    fn a_target_with_another_input_is_another_job_and_stays_with_whom_it_was() {
        let targets = [target("1", Some(r#"{"job": 1}"#)), target("2", Some(r#"{"job": 2}"#)), target("3", None)];
        let ours = |input: Option<Value>| {
            let wanted = match input {
                Some(input) => table([("arn", ARN.into()), ("input", input)]),
                None => table([("arn", ARN.into())]),
            };
            let wanted = table([("lambdo", wanted)]);
            let mut live = live(&Rule::builder().build(), &id());
            add_targets(&mut live, &targets, Some(&wanted), None);
            assert_eq!(live.extras.len(), 2, "the others are told");
            live.fields.get("targets").and_then(Value::as_table).unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(ours(None), ["3"]);
        assert_eq!(ours(Some(table([("job", 2.into())]))), ["2"]);
        assert_eq!(ours(Some(r#"{"job": 1}"#.into())), ["1"], "an input that stayed text");
    }

    #[test]
    fn a_target_that_gets_its_events_otherwise_does_the_same_and_shows_what_goes_with_it() {
        let policy = RetryPolicy::builder().maximum_retry_attempts(3).build();
        let theirs = Target::builder().id("1").arn(ARN).retry_policy(policy).build().unwrap();
        let wanted = table([("lambdo", table([("arn", ARN.into())]))]);
        let mut live = live(&Rule::builder().build(), &id());
        add_targets(&mut live, &[theirs], Some(&wanted), None);
        let policy = table([("maximum_retry_attempts", 3.into())]);
        assert_eq!(live.fields.get("targets"), Some(&table([("1", table([("arn", ARN.into()), ("retry_policy", policy)]))])));
        assert_eq!(live.extras, []);
    }

    #[test]
    fn the_role_of_a_rule_is_read_in_both_ways() {
        let listed = Rule::builder().role_arn("arn:r").build();
        let described = as_listed(DescribeRuleOutput::builder().role_arn("arn:r").build());
        for rule in [listed, described] {
            assert_eq!(live(&rule, &id()).fields.get("role_arn"), Some(&"arn:r".into()));
        }
    }

    #[test]
    fn an_enabled_rule_is_told_by_what_it_is_not() {
        for (state, enabled) in [
            (Some(RuleState::Enabled), true),
            (Some(RuleState::EnabledWithAllCloudtrailManagementEvents), true),
            (None, true),
            (Some(RuleState::Disabled), false),
        ] {
            let rule = Rule::builder().set_state(state.clone()).schedule_expression("rate(1 hour)").build();
            assert_eq!(live(&rule, &id()).fields.get("enabled"), Some(&enabled.into()), "{state:?}");
        }
    }

    #[test]
    fn what_others_did_is_told() {
        let mut live = live(&Rule::builder().managed_by("x.amazonaws.com").build(), &id());
        add_targets(&mut live, &[target("theirs", None)], None, None);
        assert_eq!(live.fields.get("targets"), Some(&table([])));
        assert_eq!(live.remarks, ["the rule is managed by `x.amazonaws.com`"]);
        let wanted = "target `theirs`: `arn:aws:lambda:us-east-1:123456789012:function:demo-hash`";
        assert_eq!(live.extras, [Extra::foreign("targets.theirs".parse().unwrap(), wanted)]);
    }
}

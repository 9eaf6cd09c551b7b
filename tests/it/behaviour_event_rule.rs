//! Rules on a cloud that behaves as EventBridge does: calls that succeed and did not, and rules that forget.

use crate::behaviour::{count, up};
use crate::support::cloud::function_arn;
use crate::support::{Backend, Rule, World, spec};
use aws_sdk_eventbridge::types::Target;
use serde_json::json;
use std::time::Duration;

const RULE: &str = "demo-a-nightly";

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

/// A call of targets that goes through, and in which an entry did not.
fn failed_entry(code: &str) -> String {
    let entry = json!({"TargetId": "lambdo", "ErrorCode": code, "ErrorMessage": "the entry failed"});
    json!({"FailedEntryCount": 1, "FailedEntries": [entry]}).to_string()
}

#[test]
fn entries_that_failed_in_a_call_that_went_through_are_tried_again_or_told() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let put = || Rule::on("PutTargets");
    world.proxy.rules([
        put().nth(1).answer(200, failed_entry("ConcurrentModificationException")),
        put().nth(2).answer(200, failed_entry("InternalException")),
    ]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "PutTargets"), 3);
    world.proxy.rules([Rule::on("RemoveTargets").first(1).answer(200, failed_entry("ConcurrentModificationException"))]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(count(&world, "RemoveTargets"), 2);
    world.proxy.rules([put().answer(200, failed_entry("LimitExceededException"))]);
    sandbox.expect(9, &["up", "--yes"]).says("the entry failed").says("a rule has room for five targets");
    assert_eq!(count(&world, "PutTargets"), 1);
}

#[test]
fn a_rule_is_always_put_in_whole_and_its_tags_by_themselves() {
    let text =
        one().replace("schedule_expression", "description = \"d\"\nenabled = false\ntags = { team = \"core\" }\nschedule_expression");
    let (world, sandbox) = up(&text);
    sandbox.edit("description = \"d\"", "description = \"e\"");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    let put = world.proxy.calls_of("PutRule");
    let whole =
        json!({"Name": RULE, "EventBusName": "default", "Description": "e", "ScheduleExpression": "rate(1 day)", "State": "DISABLED"});
    assert_eq!((put.len(), put[0].json()), (1, whole));
    sandbox.edit("team = \"core\"", "team = \"edge\"");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((count(&world, "PutRule"), count(&world, "TagResource")), (0, 1), "{:?}", world.proxy.tally());
    assert_eq!(world.proxy.calls_of("TagResource")[0].json()["Tags"], json!([{"Key": "team", "Value": "edge"}]));
    sandbox.expect(0, &["plan", "--exit-code", "--deep"]);
}

#[test]
fn a_rule_is_made_allowed_and_aimed_in_this_order_and_unmade_the_other_way_round() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let order = |world: &World, names: &[&str]| {
        let calls: Vec<String> = world.proxy.calls().into_iter().map(|call| call.operation.name).collect();
        let at: Vec<usize> = names.iter().map(|name| calls.iter().position(|call| call == name).expect(name)).collect();
        assert!(at.is_sorted(), "{names:?}: {calls:?}");
    };
    sandbox.expect(0, &["up", "--yes"]);
    order(&world, &["CreateFunction", "AddPermission", "PutTargets"]);
    order(&world, &["PutRule", "AddPermission", "PutTargets"]);
    world.proxy.rules([Rule::on("DeleteRule").first(1).refuse(400, "ValidationException", "Rule can't be deleted since it has targets.")]);
    sandbox.expect(0, &["destroy", "--yes"]);
    order(&world, &["RemoveTargets", "DeleteRule"]);
    assert_eq!(count(&world, "DeleteRule"), 2);
}

#[test]
fn changes_of_one_rule_come_one_after_the_other_and_conflicts_pass() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let conflict = |operation| Rule::on(operation).nth(1).refuse(400, "ConcurrentModificationException", "Rule is being modified");
    world.proxy.rules([conflict("PutRule"), conflict("PutTargets")]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((count(&world, "PutRule"), count(&world, "PutTargets")), (2, 2));
    sandbox.edit("schedule_expression", "tags = { a = \"1\" }\ninput = '{}'\ndescription = \"d\"\nschedule_expression");
    let pause = Duration::from_millis(100);
    world.proxy.rules(["PutRule", "PutTargets", "TagResource"].map(|operation| Rule::on(operation).delay(pause)));
    sandbox.expect(0, &["up", "--yes"]);
    let calls: Vec<_> = world.proxy.calls().into_iter().filter(|call| call.operation.is_mutating()).collect();
    assert_eq!(calls.len(), 3);
    assert!(calls.windows(2).all(|pair| pair[1].at - pair[0].at >= pause), "two changes of the rule were under way together");
}

#[test]
fn what_is_gone_already_needs_no_delete() {
    let (world, sandbox) = up(&one());
    world.proxy.rules([
        Rule::on("RemoveTargets").refuse(400, "ResourceNotFoundException", "Rule demo-a-nightly does not exist on EventBus default."),
        Rule::on("DeleteRule").answer(200, ""),
    ]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let (world, sandbox) = up(&one());
    world.cloud.delete_rule(RULE);
    let gone = || "Rule demo-a-nightly does not exist on EventBus default.";
    sandbox.expect(3, &["drift"]).says("event_rule.a.nightly");
    sandbox.expect(0, &["up", "--yes"]);
    for code in ["ValidationException", "ResourceNotFoundException"] {
        // It goes between the two reads.
        world.proxy.rules([Rule::on("ListTargetsByRule").refuse(400, code, gone())]);
        sandbox.expect(3, &["drift"]).says("gone from AWS");
    }
    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_rule_of_a_service_and_a_full_bus_are_told_and_asked_for_once() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("PutRule").refuse(400, "ManagedRuleException", "Rule is managed by states.amazonaws.com")]);
    sandbox.expect(9, &["up", "--yes"]).says("only that service can change it");
    assert_eq!(count(&world, "PutRule"), 1);
    let full = "The requested resource exceeds the maximum number allowed.";
    world.proxy.rules([Rule::on("PutRule").refuse(400, "LimitExceededException", full)]);
    sandbox.expect(1, &["up", "--yes"]).says("room for 300 rules");
    assert_eq!(count(&world, "PutRule"), 1);
}

#[test]
fn targets_of_others_are_kept_and_told_when_they_hold_the_rule() {
    let (world, sandbox) = up(&one());
    let theirs = Target::builder().id("theirs").arn(function_arn("demo-a")).build().unwrap();
    world.cloud.done(world.cloud.events.put_targets().rule(RULE).targets(theirs).send());
    sandbox.expect(3, &["drift"]).says("not ours: target `theirs`");
    sandbox.expect(0, &["plan", "--exit-code"]).says("target `theirs`");
    sandbox.edit("schedule_expression", "description = \"d\"\nschedule_expression");
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("rule.demo-a-nightly target theirs"));
    let calls = world.proxy.mutating();
    sandbox.expect(8, &["destroy", "--yes"]).says("`theirs`").says("must be taken off before");
    assert_eq!(world.proxy.mutating(), calls, "nothing is done by halves");
    assert!(world.cloud.names().contains("rule.demo-a-nightly target theirs"));
    world.cloud.remove_targets(RULE);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert!(world.cloud.names().is_empty());
}

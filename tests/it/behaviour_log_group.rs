//! Log groups on a cloud that behaves as CloudWatch Logs does: made by Lambda too, and back when they were gone.

use crate::behaviour::{count, one, up};
use crate::support::{Backend, Rule, Sandbox, World};
use serde_json::{Value, json};

const GROUP: &str = "/aws/lambda/demo-a";

/// A cloud whose group the plan does not see.
fn with_unseen_group(tags: &[(&str, &str)]) -> (World, Sandbox) {
    let world = World::start(Backend::Local);
    world.cloud.foreign_group(GROUP, tags);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("DescribeLogGroups").first(1).answer(200, r#"{"logGroups":[]}"#)]);
    (world, sandbox)
}

#[test]
fn a_group_that_lambda_made_meanwhile_becomes_ours() {
    let (world, sandbox) = with_unseen_group(&[]);
    sandbox.expect(0, &["up", "--yes"]);
    let group = world.cloud.snapshot()[&format!("log_group.{GROUP}")].clone();
    assert_eq!((&group["retention_in_days"], &group["tags"]["lambdo:project"]), (&json!(30), &json!("demo")));
    let arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-a";
    for operation in ["ListTagsForResource", "TagResource"] {
        let calls = world.proxy.calls_of(operation);
        assert!(!calls.is_empty() && calls.iter().all(|call| call.json()["resourceArn"] == arn), "{operation} without `:*`");
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_group_that_somebody_made_meanwhile_is_left_alone() {
    for tag in [("lambdo:lineage", "theirs"), ("team", "billing")] {
        let (world, sandbox) = with_unseen_group(&[tag]);
        let before = world.cloud.snapshot();
        sandbox.expect(9, &["up", "--yes"]).says("somebody else has made `/aws/lambda/demo-a` a moment ago");
        assert_eq!(world.cloud.snapshot()[&format!("log_group.{GROUP}")], before[&format!("log_group.{GROUP}")]);
    }
}

#[test]
fn a_group_that_aws_is_busy_with_is_tried_again() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let busy = |operation| {
        let message = "A conflicting operation is currently in progress against this resource. Please try again.";
        Rule::on(operation).first(1).refuse(400, "OperationAbortedException", message)
    };
    world.proxy.rules(["CreateLogGroup", "PutRetentionPolicy"].map(busy));
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((count(&world, "CreateLogGroup"), count(&world, "PutRetentionPolicy")), (2, 2));
    world.proxy.rules([busy("DeleteLogGroup")]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(count(&world, "DeleteLogGroup"), 2);
}

#[test]
fn a_denial_passes_right_after_the_create_and_never_else() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let message = "no identity-based policy allows the logs:PutRetentionPolicy action";
    let denied = || Rule::on("PutRetentionPolicy").refuse(400, "AccessDeniedException", message);
    world.proxy.rules([denied().first(2)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "PutRetentionPolicy"), 3);
    sandbox.edit("handler =", "log_group.retention_in_days = 7\nhandler =");
    world.proxy.rules([denied()]);
    sandbox.expect(1, &["up", "--yes"]).says("no identity-based policy allows");
    assert_eq!(count(&world, "PutRetentionPolicy"), 1);
}

#[test]
fn a_retention_of_the_account_is_told_and_no_drift() {
    let (world, sandbox) = up(&one());
    let overridden = |answer: &mut Value| {
        answer["logGroups"][0]["retentionInDays"] = json!(7);
        answer["logGroups"][0]["retentionPolicyName"] = json!("all-groups");
    };
    world.proxy.rules([Rule::on("DescribeLogGroups").rewrite(overridden)]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["plan", "--exit-code"]).says("the retention comes from the account's policy `all-groups`");
}

#[test]
fn a_group_that_is_protected_in_aws_stops_the_run_before_anything_is_deleted() {
    let (world, sandbox) = up(&one());
    let protected = |answer: &mut Value| answer["logGroups"][0]["deletionProtectionEnabled"] = json!(true);
    world.proxy.rules([Rule::on("DescribeLogGroups").rewrite(protected)]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(8, &["destroy", "--yes"]).says("deletion protection is on").says("skip_destroy");
    assert_eq!(world.proxy.mutating(), 0);
}

#[test]
fn groups_are_told_from_those_whose_names_begin_alike_also_on_later_pages() {
    let world = World::start(Backend::Local);
    for name in ["/aws/lambda/demo-a-old", "/aws/lambda/demo-ab"] {
        world.cloud.foreign_group(name, &[]);
    }
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let group = |name: &str| {
        let arn = format!("arn:aws:logs:eu-central-1:123456789012:log-group:{name}:*");
        json!({"logGroupName": name, "arn": arn, "retentionInDays": 30, "logGroupClass": "STANDARD"})
    };
    let pages = [json!({"logGroups": [], "nextToken": "t"}), json!({"logGroups": [group(GROUP), group("/aws/lambda/demo-a-old")]})];
    world.proxy.rules([
        Rule::on("DescribeLogGroups").containing("nextToken").answer(200, pages[1].to_string()),
        Rule::on("DescribeLogGroups").answer(200, pages[0].to_string()),
    ]);
    sandbox.expect(0, &["drift"]);
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    let left: Vec<String> = world.cloud.names().into_iter().collect();
    assert_eq!(left, ["log_group./aws/lambda/demo-a-old", "log_group./aws/lambda/demo-ab"]);
}

#[test]
fn never_is_a_call_of_its_own_and_a_full_quota_is_asked_for_once() {
    let (world, sandbox) = up(&one());
    sandbox.edit("handler =", "log_group.retention_in_days = \"never\"\nhandler =");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((count(&world, "DeleteRetentionPolicy"), world.proxy.mutating()), (1, 1), "{:?}", world.proxy.tally());
    sandbox.expect(0, &["destroy", "--yes"]);
    world.proxy.rules([Rule::on("CreateLogGroup").refuse(400, "LimitExceededException", "Resource limit exceeded.")]);
    sandbox.expect(9, &["up", "--yes"]).says("A quota of the AWS account is full");
    assert_eq!(count(&world, "CreateLogGroup"), 1);
}

#[test]
fn a_group_that_late_lines_could_bring_back_goes_after_the_role_that_may_make_it() {
    let (world, sandbox) = up(&one().replace("code =", "role.managed_policies = [\"AWSLambdaBasicExecutionRole\"]\ncode ="));
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    let calls: Vec<String> = world.proxy.calls().into_iter().map(|call| call.operation.name).collect();
    let place = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(place("DeleteRole") < place("DeleteLogGroup"), "{calls:?}");
    assert!(world.cloud.names().is_empty(), "{:?}", world.cloud.names());
}

#[test]
fn a_group_that_cannot_come_back_waits_for_no_role() {
    let (world, sandbox) = up(&one());
    // A role that cannot be deleted holds up nothing.
    world.proxy.rules([Rule::on("DeleteRole").refuse(403, "AccessDenied", "no")]);
    sandbox.expect(9, &["destroy", "--yes"]);
    assert_eq!(count(&world, "DeleteLogGroup"), 1);
    assert!(!world.cloud.names().iter().any(|name| name.contains("/aws/lambda")), "{:?}", world.cloud.names());
}

//! A function's policy on a cloud that behaves as Lambda does: slow to see, and careless with parallel changes.

use crate::behaviour::{count, up};
use crate::support::cloud::function_arn;
use crate::support::{Backend, Rule, World, spec};
use serde_json::json;
use std::time::Duration;

const CONFLICT: &str = "ResourceConflictException";

fn partner() -> String {
    spec::header() + &spec::plain("a") + "[function.a.permission.partner]\nprincipal = \"sns.amazonaws.com\"\n"
}

#[test]
fn statements_of_one_function_come_and_go_one_after_the_other() {
    let world = World::start(Backend::Local);
    let statement = |name: &str| format!("[function.a.permission.{name}]\nprincipal = \"{name}.amazonaws.com\"\n\n");
    let services = ["sns", "s3", "iot", "ses"];
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a") + &services.map(statement).concat()));
    let pause = Duration::from_millis(100);
    for operation in ["AddPermission", "RemovePermission"] {
        world.proxy.rules([Rule::on(operation).delay(pause)]);
        sandbox.expect(0, &["up", "--yes"]);
        let calls = world.proxy.calls_of(operation);
        assert_eq!(calls.len(), services.len());
        assert!(calls.windows(2).all(|pair| pair[1].at - pair[0].at >= pause), "two {operation} were under way together");
        sandbox.spec(&(spec::header() + &spec::plain("a")));
    }
    assert!(!world.cloud.snapshot()["function.demo-a"].contains_key("policy"));
}

#[test]
fn a_function_that_the_policy_does_not_see_yet_is_tried_again() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&partner());
    let missing = format!("Function not found: {}", function_arn("demo-a"));
    world.proxy.rules([Rule::on("AddPermission").first(2).refuse(404, "ResourceNotFoundException", missing)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "AddPermission"), 3);
}

#[test]
fn a_statement_that_is_there_already_is_compared() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&partner());
    let taken = "The statement id (lambdo-permission-partner) provided already exists. Please provide a new statement id, or remove the existing statement.";
    // The policy does not show it: it is just going, or not seen everywhere yet.
    world.proxy.rules([Rule::on("AddPermission").first(1).refuse(409, CONFLICT, taken)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "AddPermission"), 2);

    // The same one: the answer to an earlier attempt was lost.
    sandbox.expect(0, &["destroy", "--yes"]);
    world.proxy.rules([Rule::on("AddPermission").first(1).drop_answer()]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "AddPermission"), 2);

    // Another one, which somebody put there meanwhile.
    sandbox.expect(0, &["destroy", "--yes"]);
    let statement = json!({"Sid": "lambdo-permission-partner", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": function_arn("demo-a")});
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": [statement]}).to_string();
    world.proxy.rules([
        Rule::on("AddPermission").refuse(409, CONFLICT, taken),
        Rule::on("GetPolicy").since("AddPermission").answer(200, json!({"Policy": policy}).to_string()),
    ]);
    sandbox.expect(9, &["up", "--yes"]).says("another statement with the id `lambdo-permission-partner`");
    assert_eq!(count(&world, "AddPermission"), 1);
}

#[test]
fn a_statement_that_changed_is_replaced() {
    let (world, sandbox) = up(&partner());
    let add = world.cloud.lambda.add_permission().function_name("demo-a").statement_id("theirs");
    world.cloud.done(add.action("lambda:InvokeFunction").principal("*").send());
    sandbox.edit("sns.amazonaws.com", "ses.amazonaws.com");
    // The second attempt finds nothing to take away.
    world.proxy.rules([Rule::on("RemovePermission").first(1).drop_answer()]);
    sandbox.expect(0, &["up", "--yes"]).says("policy statement `theirs`");
    assert_eq!(count(&world, "RemovePermission"), 2);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let policy = world.cloud.snapshot()["function.demo-a"]["policy"].clone();
    assert_eq!(policy["lambdo-permission-partner"]["Principal"]["Service"], "ses.amazonaws.com");
    assert!(policy["theirs"].is_object(), "{policy}");
    sandbox.edit("ses.amazonaws.com", "iot.amazonaws.com");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    let calls: Vec<String> =
        world.proxy.calls().into_iter().filter(|call| call.operation.is_mutating()).map(|call| call.operation.name).collect();
    assert_eq!(calls, ["RemovePermission", "AddPermission"]);
}

#[test]
fn refusals_of_a_policy_come_with_what_helps() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&partner());
    world.proxy.rules([Rule::on("AddPermission").refuse(400, "PublicPolicyException", "Lambda prevented your policy from being created")]);
    sandbox.expect(9, &["up", "--yes"]).says("name the source with `source_arn`");
    world.proxy.rules([Rule::on("AddPermission").refuse(
        400,
        "PolicyLengthExceededException",
        "The final policy size (20581) is bigger than the limit",
    )]);
    sandbox.expect(1, &["up", "--yes"]).says("has room for 20 KB");
    assert_eq!(count(&world, "AddPermission"), 1);
}

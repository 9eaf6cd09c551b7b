//! Taking everything down, on a cloud where some of it is gone, going, or slow to go.

use crate::support::{Backend, Rule, Sandbox, World, spec};
use serde_json::Value;

fn up(spec: &str) -> (World, Sandbox) {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(spec);
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.clear();
    (world, sandbox)
}

fn calls(world: &World) -> Vec<String> {
    world.proxy.calls().into_iter().map(|call| call.operation.name).collect()
}

#[test]
fn what_is_used_goes_after_what_uses_it_and_what_dies_with_it_is_not_deleted() {
    let (world, sandbox) = up(&spec::full());
    sandbox.expect(0, &["destroy", "--yes"]);
    let calls = calls(&world);
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("no {name}: {calls:?}"));
    for (earlier, later) in [
        ("RemoveTargets", "DeleteRule"),
        ("RemoveTargets", "DeleteFunction"),
        ("DeleteFunction", "DeleteRolePolicy"),
        ("DeleteFunction", "DetachRolePolicy"),
        ("DetachRolePolicy", "DeleteRole"),
        ("DeleteRolePolicy", "DeleteRole"),
        ("DeleteFunction", "DeleteLogGroup"),
    ] {
        assert!(at(earlier) < at(later), "{earlier} before {later}: {calls:?}");
    }
    for needless in ["RemovePermission", "DeleteFunctionConcurrency", "UntagResource", "DeleteRetentionPolicy"] {
        assert!(!calls.contains(&needless.to_owned()), "{needless}: {calls:?}");
    }
}

#[test]
fn not_found_is_as_good_as_deleted_in_every_service() {
    let (world, sandbox) = up(&spec::full());
    let lambda = |operation| Rule::on(operation).refuse(404, "ResourceNotFoundException", "Function not found");
    let iam = |operation| Rule::on(operation).refuse(404, "NoSuchEntity", "The role cannot be found.");
    let json = |operation| Rule::on(operation).refuse(400, "ResourceNotFoundException", "It does not exist.");
    world.proxy.rules([
        lambda("DeleteFunction"),
        iam("DeleteRole"),
        iam("DeleteRolePolicy"),
        iam("DetachRolePolicy"),
        json("DeleteLogGroup"),
        json("RemoveTargets"),
        json("DeleteRule"),
    ]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let state: Value = serde_json::from_str(&std::fs::read_to_string(sandbox.state_file()).unwrap()).unwrap();
    assert_eq!(state["entries"], serde_json::json!({}), "{state:#}");
}

#[test]
fn a_function_that_cloudfront_still_has_copies_of_is_told_so() {
    let (world, sandbox) = up(&(spec::header() + &spec::plain("a")));
    let message = "Lambda was unable to delete arn:aws:lambda:us-east-1:1:function:x:1 because it is a replicated function.";
    world.proxy.rules([Rule::on("DeleteFunction").refuse(400, "InvalidParameterValueException", message)]);
    sandbox.expect(1, &["destroy", "--yes"]).says("take it out of the distribution, wait some hours");
    assert!(world.cloud.names().iter().any(|name| name.starts_with("role.")), "what it uses stays with it");
}

#[test]
fn a_function_in_a_vpc_goes_with_a_word_about_its_network_interfaces() {
    let (world, sandbox) = up(&(spec::header() + &spec::plain("a")));
    let state = std::fs::read_to_string(sandbox.state_file()).unwrap();
    let mut state: Value = serde_json::from_str(&state).unwrap();
    state["entries"]["function.a"]["inputs"]["vpc_config"]["subnet_ids"] = serde_json::json!(["subnet-1"]);
    std::fs::write(sandbox.state_file(), state.to_string()).unwrap();
    sandbox.expect(0, &["destroy", "--yes"]).says("up to 45 minutes");
    assert!(world.cloud.names().is_empty());
}

#[test]
fn a_conflict_of_a_function_that_is_being_updated_is_waited_for() {
    let (world, sandbox) = up(&(spec::header() + &spec::plain("a")));
    let message = "The operation cannot be performed at this time. An update is in progress for resource: arn";
    world.proxy.rules([Rule::on("DeleteFunction").first(1).refuse(409, "ResourceConflictException", message)]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert!(world.cloud.names().is_empty());
}

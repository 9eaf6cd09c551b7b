//! Up, look, change the spec, down.

use crate::support::cloud::function_arn;
use crate::support::{Backend, World, on_each_emulator, spec};
use std::collections::BTreeSet;

on_each_emulator!(
    a_project_comes_up_stays_quiet_and_goes_without_a_trace,
    a_plan_lists_what_up_then_does,
    what_leaves_the_spec_leaves_aws_and_the_rest_stays,
    a_renamed_function_is_replaced_with_all_that_points_at_it,
);

/// The addresses that the full spec stands for.
const ADDRESSES: [&str; 6] =
    ["event_rule.a.nightly", "function.a", "log_group.a", "permission.a.nightly", "permission.a.partner", "role.a"];

fn a_project_comes_up_stays_quiet_and_goes_without_a_trace(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(2, &["plan", "--exit-code"]);
    assert!(world.cloud.names().is_empty() && !sandbox.state_file().exists(), "a plan writes nothing");

    sandbox.expect(0, &["up", "--yes"]);
    assert!(sandbox.state_file().exists());
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["status"]);
    let before = world.cloud.snapshot();
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    assert_eq!(world.cloud.snapshot(), before);

    let listed = sandbox.expect(0, &["state", "list"]).stdout;
    ADDRESSES.iter().for_each(|address| assert!(listed.contains(address), "{address} is not in\n{listed}"));
    assert_eq!(sandbox.expect(0, &["output", "arn"]).stdout.trim(), function_arn("demo-a"));
    assert_eq!(sandbox.expect(0, &["output", "function.a.arn"]).stdout.trim(), function_arn("demo-a"));

    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    sandbox.expect(0, &["drift"]);
}

fn a_plan_lists_what_up_then_does(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::full());
    let plan = sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!((plan["command"].as_str(), plan["project"].as_str()), (Some("plan"), Some("demo")));
    assert_eq!(plan["summary"]["create"], 6, "{plan:#}");
    let steps = plan["steps"].as_array().unwrap();
    let addresses: BTreeSet<&str> = steps.iter().map(|step| step["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, ADDRESSES.into());
    assert!(steps.iter().all(|step| step["action"] == "create" && step["reason"] == "not_in_state"), "{plan:#}");
    let planned = steps.iter().flat_map(|step| step["operations"].as_array().unwrap().clone());
    let mut planned: Vec<String> = planned.map(|operation| operation.as_str().unwrap().to_owned()).collect();

    world.proxy.clear();
    let report = sandbox.expect(0, &["up", "--yes", "--format", "json"]).json();
    assert!(report["steps"].as_array().unwrap().iter().all(|step| step["result"] == "done"), "{report:#}");
    assert_eq!(report["outputs"]["arn"], function_arn("demo-a"), "{report:#}");
    let calls = world.proxy.calls().into_iter().filter(|call| call.operation.is_mutating());
    let mut done: Vec<String> = calls.map(|call| format!("{}:{}", call.operation.service, call.operation.name)).collect();
    planned.sort();
    done.sort();
    assert_eq!(done, planned, "the operations of the plan and those that were sent");
}

fn what_leaves_the_spec_leaves_aws_and_the_rest_stays(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a") + &spec::scheduled("b")));
    sandbox.expect(0, &["up", "--yes"]);
    let of_b = |world: &World| {
        let snapshot = world.cloud.snapshot().into_iter();
        snapshot.filter(|(name, _)| name.contains("demo-b")).collect::<Vec<_>>()
    };
    let before = of_b(&world);
    assert_eq!(before.len(), 4, "{before:?}");

    sandbox.spec(&(spec::header() + &spec::plain("a") + &spec::scheduled("b")));
    sandbox.expect(0, &["up", "--yes"]);
    let names = world.cloud.names();
    assert!(names.contains("function.demo-a"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("demo-a-nightly") || name.starts_with("function.demo-a statement")), "{names:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);

    sandbox.spec(&(spec::header() + &spec::scheduled("b")));
    sandbox.expect(0, &["up", "--yes"]);
    let names = world.cloud.names();
    assert!(!names.iter().any(|name| name.contains("demo-a")), "{names:?}");
    assert_eq!(of_b(&world), before);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_renamed_function_is_replaced_with_all_that_points_at_it(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "function_name = \"renamed\"\nhandler =");
    let plan = sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!(plan["summary"]["replace"].as_u64().map(|count| count > 0), Some(true), "{plan:#}");

    sandbox.expect(0, &["up", "--yes"]);
    let snapshot = world.cloud.snapshot();
    assert!(!snapshot.contains_key("function.demo-a"), "the old function is still there");
    let policy = &snapshot["function.renamed"]["policy"];
    assert!(policy.as_object().is_some_and(|statements| statements.len() == 1), "{policy}");
    let rules: Vec<_> = snapshot.iter().filter(|(name, _)| name.starts_with("rule.")).collect();
    assert_eq!(rules.len(), 1, "{rules:?}");
    let targets = rules[0].1["targets"].as_object().unwrap();
    assert!(targets.len() == 1 && targets.values().all(|target| target["arn"] == function_arn("renamed")), "{targets:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

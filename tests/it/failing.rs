//! Calls that fail, are throttled, or whose answers are lost.

use crate::support::{Backend, Rule, World, on_each_emulator, spec};
use serde_json::Value;
use std::collections::BTreeSet;

on_each_emulator!(
    a_step_that_fails_stops_only_what_depends_on_it,
    a_first_call_that_fails_applies_nothing,
    throttling_is_waited_out,
    a_lost_answer_makes_nothing_twice,
    an_answer_that_cannot_be_read_makes_nothing_twice,
    a_role_that_cannot_be_assumed_yet_is_waited_for,
    what_may_not_be_read_is_unchecked_and_no_drift,
    a_state_that_cannot_be_saved_is_told_and_caught_up_on,
);

fn three() -> String {
    spec::header() + &spec::scheduled("a") + &spec::scheduled("b") + &spec::scheduled("c")
}

fn results(report: &Value, result: &str) -> BTreeSet<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["result"] == result).map(|step| step["address"].as_str().unwrap().to_owned()).collect()
}

fn a_state_that_cannot_be_saved_is_told_and_caught_up_on(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    // A file where the folder of the previous states has to be: the journal can be written, the state cannot.
    std::fs::create_dir_all(sandbox.path().join("state")).unwrap();
    sandbox.write("state/history", "");
    let report = sandbox.expect(9, &["up", "--yes", "--format", "json"]).says("history").json();
    assert_eq!(report["errors"].as_array().map(Vec::len), Some(1), "{report:#}");
    std::fs::remove_file(sandbox.path().join("state").join("history")).unwrap();
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "what the journal knows was done again: {:?}", world.proxy.tally());
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert!(sandbox.state_file().exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    for command in [
        &["plan", "--format", "json"][..],
        &["plan"],
        &["drift", "--format", "json"],
        &["policy", "--account", "123456789012"],
        &["status"],
        &["state", "show", "function.a"],
        &["--version"],
    ] {
        sandbox.start_after("exec >/dev/full", command).wait().expect(1).says("The result was not written").says("No space left");
        // Nobody reads, as after `| head -1`.
        let closed = "rm -f pipe; mkfifo pipe; exec 3<>pipe; exec >pipe; exec 3>&-";
        let quiet = sandbox.start_after(closed, command).wait().expect(0);
        assert!(!quiet.stderr.contains("not written"), "{quiet}");
    }
}

fn a_step_that_fails_stops_only_what_depends_on_it(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&three());
    let refusal = "The runtime parameter is not to the taste of this test";
    world.proxy.rules([Rule::on("CreateFunction").containing("demo-b").refuse(400, "InvalidParameterValueException", refusal)]);
    let output = sandbox.expect(9, &["up", "--yes", "--format", "json"]);
    let report = output.json();
    assert!(report["errors"].to_string().contains(refusal), "{report:#}");
    // The rule is there, and waits for its target.
    assert_eq!(results(&report, "failed"), ["event_rule.b.nightly".to_owned(), "function.b".to_owned()].into());
    assert!(report["errors"].to_string().contains("A part of it is done."), "{report:#}");
    let skipped = results(&report, "skipped");
    assert!(skipped.iter().all(|address| address.contains(".b.")), "{skipped:?}");
    assert!(skipped.contains("permission.b.nightly"), "{skipped:?}");
    let names = world.cloud.names();
    for name in ["function.demo-a", "function.demo-c", "rule.demo-a-nightly", "rule.demo-c-nightly", "role.demo-b-eu-central-1"] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("function.demo-c statement")), "{names:?}");

    world.proxy.clear();
    sandbox.expect(2, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("function.demo-b"));
    assert!(!world.proxy.tally().contains_key("iam:CreateRole"), "what was done is not done again: {:?}", world.proxy.tally());
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_first_call_that_fails_applies_nothing(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&three());
    world.proxy.rules([Rule::mutating().refuse(403, "AccessDeniedException", "You may not do this")]);
    sandbox.expect(1, &["up", "--yes"]).says("You may not do this");
    assert_eq!(world.cloud.names(), BTreeSet::new());
    world.proxy.rules([Rule::on("GetCallerIdentity").refuse(403, "InvalidClientTokenId", "The security token is invalid")]);
    sandbox.expect(1, &["up", "--yes"]).says("The security token is invalid");
    assert_eq!(world.proxy.mutating(), 0);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn throttling_is_waited_out(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&three());
    for command in [&["up", "--yes"][..], &["plan", "--exit-code"], &["destroy", "--yes"]] {
        world.proxy.rules([Rule::any().every(3).throttle()]);
        let arguments: Vec<&str> = command.iter().copied().chain(["--format", "json", "--events", "events.jsonl"]).collect();
        let calls = sandbox.expect(0, &arguments).json()["calls"].clone();
        let sent = world.proxy.calls().len();
        assert_eq!((calls["total"].as_u64(), calls["throttled"].as_u64()), (Some(sent as u64), Some(sent as u64 / 3)), "{calls:#}");
        let events = std::fs::read_to_string(sandbox.path().join("events.jsonl")).unwrap();
        let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["total"]), (&serde_json::json!("calls"), &calls["total"]));
    }
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_lost_answer_makes_nothing_twice(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&three());
    let creates = ["CreateRole", "PutRolePolicy", "CreateLogGroup", "PutRetentionPolicy", "CreateFunction", "PutRule", "AddPermission"];
    world.proxy.rules(creates.iter().chain(["PutTargets"].iter()).map(|operation| Rule::on(operation).first(1).drop_answer()));
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
    let names = world.cloud.names();

    let deletes = ["DeleteFunction", "DeleteRole", "DeleteRolePolicy", "DeleteLogGroup", "RemoveTargets", "DeleteRule"];
    world.proxy.rules(deletes.iter().map(|operation| Rule::on(operation).first(1).drop_answer()));
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());

    world.reset();
    let undisturbed = world.sandbox(&three());
    undisturbed.expect(0, &["up", "--yes"]);
    assert_eq!(names, world.cloud.names());
}

/// A gateway between lambdo and AWS cuts an answer off, or puts a page of its own in its place.
fn an_answer_that_cannot_be_read_makes_nothing_twice(backend: Backend) {
    let world = World::start(backend);
    let half: fn(&str) -> String = |text| text.chars().take(text.len() / 2).collect();
    for broken in [half, |_| "<html>Please log in</html>".to_owned()] {
        let sandbox = world.sandbox(&three());
        let creates = ["CreateRole", "CreateFunction", "PutRule", "AddPermission", "PutTargets", "GetFunction", "DescribeLogGroups"];
        world.proxy.rules(creates.iter().map(|operation| Rule::on(operation).first(1).rewrite_text(broken)));
        sandbox.expect(0, &["up", "--yes"]);
        world.proxy.clear();
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(world.cloud.names(), BTreeSet::new());
    }
}

fn a_role_that_cannot_be_assumed_yet_is_waited_for(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&three());
    let refusal = "The role defined for the function cannot be assumed by Lambda.";
    world.proxy.rules([Rule::on("CreateFunction").first(4).refuse(400, "InvalidParameterValueException", refusal)]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn what_may_not_be_read_is_unchecked_and_no_drift(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.rules([Rule::on("GetPolicy").refuse(403, "AccessDeniedException", "not authorized to perform: lambda:GetPolicy")]);
    let drift = sandbox.expect(5, &["drift", "--format", "json"]).json();
    assert_eq!(drift["drifted"], serde_json::json!([]), "{drift:#}");
    let unchecked = drift["unchecked"].as_array().unwrap();
    assert!(unchecked.iter().any(|one| one["address"] == "permission.a.nightly" && one["why"] == "access_denied"), "{drift:#}");
    sandbox.expect(5, &["plan", "--exit-code"]);
    world.cloud.configure("demo-a", |call| call.timeout(77));
    sandbox.expect(3, &["drift"]);
}

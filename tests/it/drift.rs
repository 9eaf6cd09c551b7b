//! What changes behind lambdo's back is found alone, mended, and gone.

use crate::drift_cases::{CASES, Case};
use crate::support::{Backend, Sandbox, World, exceptions, on_each_emulator, spec};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

on_each_emulator!(
    each_change_is_found_alone_and_mended,
    a_wish_not_yet_applied_is_no_drift,
    many_changes_are_found_together,
    what_costs_a_call_is_found_and_mended_deeply,
);

/// Address → its changed paths; for what is gone, the one path `(gone)`.
type Findings = BTreeMap<String, BTreeSet<String>>;

fn findings(drift: &Value) -> Findings {
    let drifted = drift["drifted"].as_array().unwrap_or_else(|| panic!("no list `drifted` in {drift:#}"));
    drifted.iter().map(|one| (one["address"].as_str().unwrap().to_owned(), paths(one))).collect()
}

fn paths(one: &Value) -> BTreeSet<String> {
    if one["action"] == "create" && one["reason"] == "missing_in_aws" {
        return BTreeSet::from(["(gone)".to_owned()]);
    }
    let changes = one["changes"].as_array().into_iter().flatten();
    changes.map(|change| format!("{}{}", whole(change["path"].as_str().unwrap()), cause(change))).collect()
}

/// Targets may be told one by one; which of a rule's keys changed is the same.
fn whole(path: &str) -> &str {
    path.split_once('.').filter(|(key, _)| *key == "targets").map_or(path, |(key, _)| key)
}

/// Anything but drift in a list of drift is worth a mark in the message.
fn cause(change: &Value) -> String {
    change["cause"].as_str().filter(|cause| *cause != "drift").map_or_else(String::new, |cause| format!(" ({cause})"))
}

fn expected(case: &Case) -> Findings {
    let paths = |paths: &[&str]| match paths {
        [] => BTreeSet::from(["(gone)".to_owned()]),
        paths => paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    case.found.iter().map(|(address, changed)| ((*address).to_owned(), paths(changed))).collect()
}

fn what_costs_a_call_is_found_and_mended_deeply(backend: Backend) {
    let world = World::start(backend);
    let sandbox = fresh(&world);
    let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-a";
    world.cloud.done(world.cloud.logs.untag_resource().resource_arn(group).tag_keys("lambdo:address").send());
    let shallow = sandbox.expect(0, &["drift", "--format", "json"]).json();
    assert!(shallow["not_deep"].as_u64().is_some_and(|count| count > 0), "{shallow:#}");
    let deep = sandbox.expect(3, &["drift", "--deep", "--format", "json"]).json();
    let wanted = Findings::from([("log_group.a".to_owned(), BTreeSet::from(["tags.\"lambdo:address\"".to_owned()]))]);
    assert_eq!(findings(&deep), wanted);
    sandbox.expect(0, &["up", "--deep", "--yes"]);
    sandbox.expect(0, &["drift", "--deep"]);
}

fn each_change_is_found_alone_and_mended(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = fresh(&world);
    let mut problems = Vec::new();
    for case in CASES {
        let outcome = found_and_mended(&world, &sandbox, case);
        if outcome.is_err() {
            sandbox = fresh(&world);
        }
        problems.extend(exceptions::judge(backend, &format!("drift.{}", case.name), outcome).err());
    }
    assert!(problems.is_empty(), "{} of {} cases on {backend}:\n{}", problems.len(), CASES.len(), problems.join("\n"));
}

fn fresh(world: &World) -> Sandbox {
    world.reset();
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

fn found_and_mended(world: &World, sandbox: &Sandbox, case: &Case) -> Result<(), String> {
    let before = world.cloud.snapshot();
    (case.change)(&world.cloud);
    world.proxy.clear();
    let drift = sandbox.run(&["drift", "--format", "json"]);
    if drift.code != Some(3) {
        return Err(format!("drift does not end with 3: {drift}"));
    }
    if world.proxy.mutating() > 0 {
        return Err(format!("drift changed something: {:?}", world.proxy.tally()));
    }
    let found = findings(&drift.json());
    if found != expected(case) {
        return Err(format!("found {found:?}, not {:?}", expected(case)));
    }
    for (arguments, wish) in [(&["up", "--yes"][..], "it is not mended"), (&["plan", "--exit-code"], "it is still there")] {
        let output = sandbox.run(arguments);
        if output.code != Some(0) {
            return Err(format!("{wish}: {output}"));
        }
    }
    let after = world.cloud.snapshot();
    if after == before { Ok(()) } else { Err(format!("mended to something else:\n  {before:?}\n  {after:?}")) }
}

fn a_wish_not_yet_applied_is_no_drift(backend: Backend) {
    let world = World::start(backend);
    let sandbox = fresh(&world);
    sandbox.edit("memory_size = 256", "memory_size = 512");
    sandbox.expect(0, &["drift"]);
    sandbox.expect(2, &["plan", "--exit-code"]);
    world.cloud.configure("demo-a", |call| call.timeout(77));
    sandbox.expect(4, &["plan", "--exit-code"]);
    let found = findings(&sandbox.expect(3, &["drift", "--format", "json"]).json());
    assert_eq!(found, Findings::from([("function.a".to_owned(), BTreeSet::from(["timeout".to_owned()]))]));
    sandbox.edit("memory_size = 512", "memory_size = 256");
    sandbox.expect(3, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn many_changes_are_found_together(backend: Backend) {
    let world = World::start(backend);
    let sandbox = fresh(&world);
    let before = world.cloud.snapshot();
    let names = ["memory", "retention_changed", "inline_policy_deleted", "schedule", "permission_removed"];
    let cases: Vec<&Case> = CASES.iter().filter(|case| names.contains(&case.name)).collect();
    assert_eq!(cases.len(), names.len());
    cases.iter().for_each(|case| (case.change)(&world.cloud));
    let found = findings(&sandbox.expect(3, &["drift", "--format", "json"]).json());
    assert_eq!(found, cases.iter().flat_map(|case| expected(case)).collect());
    let ignored = ["drift", "--ignore", "*:*"];
    sandbox.expect(0, &ignored);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.snapshot(), before);
}

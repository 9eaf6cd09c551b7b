//! What keeps a run from deleting or making more than was meant.

use crate::support::{Backend, World, on_each_emulator, spec};
use std::collections::BTreeSet;

on_each_emulator!(
    a_protected_project_cannot_be_taken_down_or_made_anew,
    no_more_is_deleted_than_is_allowed,
    everything_missing_is_rather_the_wrong_cloud,
    a_target_brings_what_it_needs,
);

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

fn a_protected_project_cannot_be_taken_down_or_made_anew(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one().replace("project = \"demo\"\n", "project = \"demo\"\nprotect = true\n"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    sandbox.expect(8, &["destroy", "--yes"]).says("`protect = true` forbids it");
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    sandbox.expect(8, &["up", "--yes"]).says("`function.a` would be replaced");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.edit("function_name = \"other\"\n", "");
    sandbox.edit("protect = true\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn no_more_is_deleted_than_is_allowed(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = world.sandbox(&(one() + &spec::plain("b")));
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    sandbox.spec(&one());
    // A role, a log group and a function.
    sandbox.expect(8, &["up", "--yes", "--max-deletions", "2"]).says("3 resources would be deleted or replaced").says("`function.b`");
    sandbox.expect(8, &["destroy", "--yes", "--max-deletions", "2"]).says("--max-deletions 8");
    sandbox.edit("project = \"demo\"\n", "project = \"demo\"\nmax_deletions = 2\n");
    for command in ["up", "destroy"] {
        sandbox.expect(8, &[command, "--yes"]).says("the limit of deletions is 2");
    }
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["up", "--yes", "--max-deletions", "3"]);
    sandbox.variable("LAMBDO_MAX_DELETIONS", "0");
    sandbox.edit("function.a]", "function.a]\ntimeout = 9");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(8, &["destroy", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes", "--max-deletions", "9"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn everything_missing_is_rather_the_wrong_cloud(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    // The same address leads to an empty cloud, as after a wrong `--endpoint-url`.
    world.reset();
    let state = std::fs::read_to_string(sandbox.state_file()).unwrap();
    for command in [&["plan"][..], &["up", "--yes"]] {
        sandbox.expect(8, command).says("Everything is missing in AWS").says("lambdo up --recreate");
    }
    assert_eq!((world.proxy.mutating(), std::fs::read_to_string(sandbox.state_file()).unwrap()), (0, state));
    sandbox.expect(3, &["drift"]);
    sandbox.expect(0, &["up", "--yes", "--recreate"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_target_brings_what_it_needs(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(one() + &spec::plain("b")));
    sandbox.expect(0, &["up", "--yes", "--target", "event_rule.a.nightly"]);
    let names = world.cloud.names();
    for name in
        ["rule.demo-a-nightly", "function.demo-a", "role.demo-a-eu-central-1", "function.demo-a statement lambdo-event_rule-nightly"]
    {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert!(!names.contains("function.demo-b"));
    // A role that gets another name goes only when its function has moved on.
    sandbox.edit("[function.a]\n", "[function.a]\nrole.role_name = \"other\"\n");
    sandbox.expect(0, &["up", "--yes", "--target", "role.a"]);
    let role = world.cloud.snapshot()["function.demo-a"]["role"].clone();
    assert!(role.as_str().unwrap().ends_with("/other"), "{role}");
    sandbox.expect(0, &["destroy", "--yes", "--target", "function.a"]);
    let names = world.cloud.names();
    assert!(!names.contains("function.demo-a") && !names.contains("rule.demo-a-nightly"), "{names:?}");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

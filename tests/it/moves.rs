//! Renames keep what is in AWS, and what the state forgets stays there.

use crate::formats::fits;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_each_emulator!(
    a_function_that_is_renamed_in_the_spec_keeps_its_name_in_aws,
    what_the_state_moved_is_not_made_anew,
    what_is_forgotten_stays_in_aws_and_can_be_taken_up_again,
);

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

/// The plan's steps that do something, as `action address`.
fn steps(sandbox: &Sandbox) -> Vec<String> {
    let plan = fits(&sandbox.expect(0, &["plan", "--format", "json"]));
    let steps = plan["steps"].as_array().unwrap().iter().filter(|step| step["action"] != "no_op");
    steps.map(|step| format!("{} {}", step["action"].as_str().unwrap(), step["address"].as_str().unwrap())).collect()
}

fn rename(sandbox: &Sandbox) {
    sandbox.edit("[function.a]", "[function.b]");
    sandbox.edit("[function.a.event_rule.nightly]", "[function.b.event_rule.nightly]");
}

/// Everything is done by the tags of what moved.
const ONLY_TAGS: [&str; 4] = ["update event_rule.b.nightly", "update function.b", "update log_group.b", "update role.b"];

fn a_function_that_is_renamed_in_the_spec_keeps_its_name_in_aws(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.names();
    rename(&sandbox);
    let wish = "moved = [{ from = \"function.a\", to = \"function.b\" }]";
    sandbox.expect(0, &["plan"]).says("`function.a`, which has the same code").says(wish);
    sandbox.edit("project = \"demo\"\n", &format!("project = \"demo\"\n{wish}\n"));
    assert_eq!(steps(&sandbox), ONLY_TAGS);
    sandbox.expect(0, &["plan"]).says("function.b: it was `function.a` before, and keeps its name in AWS");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    let made_anew: Vec<_> = world.proxy.tally().into_keys().filter(|call| call.contains("Create") || call.contains("Delete")).collect();
    assert!(made_anew.is_empty(), "no replacement: {made_anew:?}");
    assert_eq!(world.cloud.names(), before);
    assert_eq!(world.cloud.snapshot()["function.demo-a"]["tags"]["lambdo:address"], "function.b");
    sandbox.expect(0, &["plan", "--exit-code"]);
    // The name stays when nobody speaks of the move any more, and when the function has to be made again.
    sandbox.edit(&format!("{wish}\n"), "");
    sandbox.expect(0, &["plan", "--exit-code"]);
    world.cloud.done(world.cloud.lambda.delete_function().function_name("demo-a").send());
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.names(), before);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
    // A name that is asked for counts.
    sandbox.edit("handler =", "function_name = \"mine\"\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("function.mine") && !world.cloud.names().contains("function.demo-a"));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_chain_of_moves_may_stand_in_any_order() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    rename(&sandbox);
    let chain = "moved = [{ from = \"function.c\", to = \"function.b\" }, { from = \"function.a\", to = \"function.c\" }]";
    sandbox.edit("project = \"demo\"\n", &format!("project = \"demo\"\n{chain}\n"));
    assert_eq!(steps(&sandbox), ONLY_TAGS);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn what_the_state_moved_is_not_made_anew(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    sandbox.expect(1, &["state", "move", "function.a", "function.b"]).says("There is no state");
    sandbox.expect(0, &["up", "--yes"]);
    let (before, calls) = (world.cloud.names(), world.proxy.mutating());
    sandbox.expect(6, &["state", "move", "function.aa", "function.b"]).says("did you mean `function.a`?");
    sandbox.expect(6, &["state", "move", "function.a", "role.b"]).says("not of the same kind");
    let moved = fits(&sandbox.expect(0, &["state", "move", "function.a", "function.b", "--format", "json"]));
    assert_eq!(moved["moves"].as_array().unwrap().len(), 5, "{moved:#}");
    assert_eq!(world.proxy.mutating(), calls, "AWS is not called");
    rename(&sandbox);
    assert_eq!(steps(&sandbox), ONLY_TAGS);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.names(), before);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(6, &["state", "move", "role.b", "role.b"]).says("The two addresses are the same");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn what_is_forgotten_stays_in_aws_and_can_be_taken_up_again(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    sandbox.expect(6, &["state", "forget", "function.aa"]).says("did you mean `function.a`?");
    let forgotten = fits(&sandbox.expect(0, &["state", "forget", "function.a", "--format", "json"]));
    let addresses: Vec<&Value> = forgotten["resources"].as_array().unwrap().iter().map(|one| &one["address"]).collect();
    assert_eq!(addresses, [&json!("function.a"), &json!("permission.a.nightly")], "{forgotten:#}");
    assert_eq!(world.cloud.snapshot(), before);
    assert_eq!(steps(&sandbox), ["adopt function.a", "adopt permission.a.nightly"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["state", "diff", "2"]).says("+ function.a");
    sandbox.expect(0, &["state", "forget", "event_rule.a.nightly"]).says("Forgotten.");
    sandbox.edit("[function.a.event_rule.nightly]\nschedule_expression = \"rate(1 day)\"\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("rule.demo-a-nightly"), "it is not the state's any more");
}

/// The next plan would make it anew once more otherwise, under the name that its address leads to.
#[test]
fn what_is_made_anew_after_a_move_keeps_its_name() {
    let world = World::start(Backend::Local);
    let layer_and_role = "[layer.tools]\ncode = { dir = \"tools\" }\n\n[role.shared]\ndescription = \"shared\"\n\n";
    let sandbox = world.sandbox(&(spec::header() + layer_and_role));
    sandbox.write("tools/data", "one");
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.names();
    let moved = "moved = [{ from = \"layer.tools\", to = \"layer.kit\" }, { from = \"role.shared\", to = \"role.common\" }]\n";
    sandbox.edit("project = \"demo\"\n", &format!("project = \"demo\"\n{moved}"));
    sandbox.edit("[layer.tools]", "[layer.kit]");
    sandbox.edit("[role.shared]", "[role.common]");
    sandbox.write("tools/data", "two");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.edit("[role.common]", "[role.common]\npath = \"/other/\"");
    // Nor does it lose its name where the run ends between the two halves of a replacement.
    world.proxy.rules([Rule::on("CreateRole").refuse(403, "AccessDenied", "not today")]);
    sandbox.expect(9, &["up", "--yes"]).says("CreateRole");
    world.proxy.rules([]);
    assert!(world.cloud.names().iter().all(|name| !name.starts_with("role.")), "{:?}", world.cloud.names());
    sandbox.expect(0, &["up", "--yes"]).says("1 created");
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(world.cloud.names(), before);
    assert_eq!(world.cloud.layer_versions("demo-tools").len(), 1);
    sandbox.edit(moved, "");
    sandbox.write("tools/data", "three");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert!(world.cloud.layer_versions("demo-kit").is_empty());
    // A name that is asked for counts, and goes again when nobody asks for it.
    sandbox.edit("[role.common]", "[role.common]\nrole_name = \"mine\"");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("role_name = \"mine\"\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let role = world.cloud.names().into_iter().find(|name| name.starts_with("role.")).unwrap();
    assert!(role.contains("common"), "{role}");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

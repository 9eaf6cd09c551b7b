//! A state that is lost is found again in AWS, and what no state knows is listed and can go.

use crate::formats::fits;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

on_each_emulator!(
    a_lost_state_is_made_anew_and_the_plan_is_empty,
    what_the_spec_does_not_ask_for_any_more_is_found_too,
    what_stands_in_no_state_is_listed_and_goes_on_request,
);

fn lose(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.path().join("state")).unwrap();
}

fn addresses(sandbox: &Sandbox) -> String {
    sandbox.expect(0, &["state", "list"]).stdout
}

fn a_lost_state_is_made_anew_and_the_plan_is_empty(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::full() + &spec::scheduled("b")));
    sandbox.edit("[outputs]\narn = \"${function.a.arn}\"\n", "");
    sandbox.expect(1, &["state", "rebuild"]).says("Nothing to rebuild the state from");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(8, &["state", "rebuild"]).says("There is a state");
    let (before, known) = (world.cloud.snapshot(), addresses(&sandbox));
    lose(&sandbox);
    for command in [&["plan"][..], &["up", "--yes"]] {
        sandbox.expect(8, command).says("The state seems to be lost").says("lambdo state rebuild");
    }
    let calls = world.proxy.mutating();
    sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
    assert_eq!((addresses(&sandbox), world.proxy.mutating()), (known, calls));
    sandbox.expect(0, &["plan", "--exit-code", "--deep"]);
    sandbox.expect(0, &["drift", "--deep"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.snapshot(), before);
    // One that is damaged is replaced, and kept.
    fs::write(sandbox.state_file(), "{ damaged").unwrap();
    let document = fits(&sandbox.expect(0, &["state", "rebuild", "--format", "json"]).says("The damaged state is replaced"));
    assert_eq!(document["differing"], Value::Array(vec![]), "{document:#}");
    assert_eq!(fs::read_to_string(sandbox.path().join("state/history/demo.damaged.json")).unwrap(), "{ damaged");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn what_the_spec_does_not_ask_for_any_more_is_found_too(backend: Backend) {
    let world = World::start(backend);
    let (kept, gone) = (spec::header() + &spec::scheduled("a"), spec::scheduled("b"));
    let sandbox = world.sandbox(&kept);
    sandbox.expect(0, &["up", "--yes"]);
    let wanted = world.cloud.names();
    sandbox.spec(&(kept.clone() + &gone));
    sandbox.expect(0, &["up", "--yes"]);
    // The name of an earlier address is found as well.
    sandbox.expect(0, &["state", "move", "function.a", "function.c"]);
    sandbox.spec(&(kept.replace("function.a", "function.c") + &gone));
    sandbox.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    sandbox.spec(&kept.replace("function.a", "function.c"));
    sandbox.expect(0, &["state", "rebuild"]).says("5 to delete").says("nothing of it was done");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.names(), wanted);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn what_stands_in_no_state_is_listed_and_goes_on_request(backend: Backend) {
    let world = World::start(backend);
    let (kept, gone) = (spec::header() + &spec::scheduled("a"), spec::scheduled("b"));
    let sandbox = world.sandbox(&kept);
    sandbox.expect(8, &["gc", "--remove", "--yes"]).says("There is no state");
    sandbox.expect(0, &["up", "--yes"]);
    let wanted = world.cloud.names();
    sandbox.expect(0, &["gc"]).says("stands in the state");
    let earlier = fs::read(sandbox.state_file()).unwrap();
    sandbox.spec(&(kept.clone() + &gone));
    sandbox.expect(0, &["up", "--yes"]);
    // As when somebody puts an old copy of the state back.
    fs::write(sandbox.state_file(), earlier).unwrap();
    sandbox.expect(0, &["gc"]).says("`lambdo up` takes it up again").says("Nothing of it is this state's garbage");
    sandbox.spec(&kept);
    let theirs = [("lambdo:project", "demo"), ("lambdo:stage", ""), ("lambdo:address", "role.z"), ("lambdo:lineage", "another")];
    world.cloud.foreign_role("demo-z", "/lambdo/demo/", &theirs);
    let listed = fits(&sandbox.expect(0, &["gc", "--format", "json"]));
    let standing = |standing: &str| {
        let found = listed["found"].as_array().unwrap().iter().filter(|one| one["standing"] == standing);
        found.map(|one| one["address"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let garbage = ["event_rule.b.nightly", "function.b", "log_group.b", "role.b"].map(str::to_owned);
    assert_eq!(standing("garbage"), BTreeSet::from(garbage), "{listed:#}");
    assert_eq!(standing("of_another_state"), BTreeSet::from(["role.z".to_owned()]));
    sandbox.expect(0, &["gc"]).says("4 resources in no state").says("of another state, lineage another");
    sandbox.expect(6, &["gc", "--remove"]).says("Nobody can be asked");
    let removed = fits(&sandbox.expect(0, &["gc", "--remove", "--yes", "--format", "json"]));
    assert_eq!(removed["summary"]["delete"], 4, "{removed:#}");
    let calls = world.proxy.calls();
    let at = |name: &str| calls.iter().rposition(|call| call.operation.name == name).unwrap();
    assert!(at("DeleteRule") < at("DeleteFunction") && at("DeleteFunction") < at("DeleteRole"), "what needs another goes before it");
    let mut left = world.cloud.names();
    assert!(left.remove("role.demo-z"), "what another state has made stays");
    assert_eq!(left, wanted);
    sandbox.expect(0, &["gc"]).says("Nothing of it is this state's garbage");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
}

#[test]
fn what_may_not_be_looked_at_keeps_a_state_from_being_rebuilt_unless_it_is_somebody_elses() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    let other = world.sandbox(&(spec::header().replace("\"demo\"", "\"other\"") + &spec::plain("x")));
    other.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    let denied = |name: &str| Rule::on("GetFunction").containing(name).refuse(403, "AccessDeniedException", "not for you");
    // Only a denial leads to a narrower look.
    let broken = Rule::on("GetAccountAuthorizationDetails").refuse(400, "ValidationError", "broken");
    for rule in [denied("demo-a"), broken] {
        world.proxy.rules([rule]);
        sandbox.expect(1, &["state", "rebuild"]).says("The state cannot be rebuilt").says("Not everything could be looked at");
        assert!(!sandbox.state_file().exists());
    }
    world.proxy.rules([denied("other-x"), Rule::on("GetAccountAuthorizationDetails").refuse(403, "AccessDenied", "no")]);
    sandbox.expect(0, &["state", "rebuild"]).says("function `other-x` may not be looked at").says("the plan is empty");
    sandbox.expect(0, &["gc"]).says("function `other-x` may not be looked at");
}

#[test]
fn what_is_to_stay_is_nobodys_garbage_and_no_state_is_rebuilt_from_it() {
    let world = World::start(Backend::Local);
    let (first, kept) = (spec::header() + &spec::plain("a"), spec::plain("b") + "[function.b.log_group]\nskip_destroy = true\n\n");
    let forgotten = spec::plain("c");
    let sandbox = world.sandbox(&(first.clone() + &kept + &forgotten));
    sandbox.expect(0, &["up", "--yes"]);
    for address in ["function.c", "role.c", "log_group.c"] {
        sandbox.expect(0, &["state", "forget", address]);
    }
    sandbox.spec(&first);
    sandbox.expect(0, &["up", "--yes"]);
    let left = world.cloud.names();
    assert!(left.contains("log_group./aws/lambda/demo-b"), "{left:?}");
    let listed = fits(&sandbox.expect(0, &["gc", "--format", "json"]));
    let found = listed["found"].as_array().unwrap();
    assert!(found.len() == 4 && found.iter().all(|one| one["standing"] == "stays"), "{listed:#}");
    sandbox.expect(0, &["gc", "--remove", "--yes"]).says("Nothing of it is this state's garbage");
    assert_eq!(world.cloud.names(), left);
    // Without the state, what was forgotten is ours again, and what its tag keeps is not.
    lose(&sandbox);
    sandbox.expect(0, &["state", "rebuild"]).says("3 to delete");
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("log_group./aws/lambda/demo-b"));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
}

#[test]
fn without_its_state_nothing_is_destroyed_and_each_command_says_what_to_do() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["destroy", "--yes"]).says("There is no state").says("Nothing to destroy");
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    lose(&sandbox);
    sandbox.expect(8, &["destroy", "--yes"]).says("There is no state, but the project is deployed").says("`function.a` (demo-a)");
    for (code, command) in [(8, "drift"), (0, "gc")] {
        sandbox.expect(code, &[command]).says("There is no state").says("lambdo state rebuild");
    }
    let refused = sandbox.expect(8, &["up", "--yes"]);
    assert_eq!(refused.stderr.matches("lambdo state rebuild").count(), 1, "said once for all\n{refused}");
    assert!(!refused.stderr.contains("--adopt"), "the permission goes with its function\n{refused}");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["state", "rebuild"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn an_earlier_state_destroys_nothing_while_it_does_not_know_everything() {
    let world = World::start(Backend::Local);
    let (first, second) = (spec::header() + &spec::scheduled("a"), spec::plain("b"));
    let sandbox = world.sandbox(&first);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&(first + &second));
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    fs::copy(sandbox.path().join("state/history/demo.1.json"), sandbox.state_file()).unwrap();
    let refused = sandbox.expect(8, &["destroy", "--yes"]).says("The state is an earlier one").says("`function.b` (demo-b)");
    refused.says("`lambdo up` takes up again what the spec asks for");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn code_that_the_state_has_lost_is_known_again() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.program("second");
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    fs::copy(sandbox.path().join("state/history/demo.1.json"), sandbox.state_file()).unwrap();
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["state", "forget", "function.a"]);
    let planned = sandbox.expect(0, &["plan"]).says("made by lambdo, and taken up again");
    assert!(!planned.stdout.contains("live:"), "{planned}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["drift"]);
    assert_eq!(world.cloud.snapshot(), before);
    // What is another package is still one.
    sandbox.program("third");
    sandbox.expect(2, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
}

/// What is found under another name than the spec says keeps it, but not once the spec refers to something else instead.
#[test]
fn a_function_whose_role_was_found_again_can_be_given_another_one() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    sandbox.expect(0, &["state", "rebuild"]);
    sandbox.edit("handler =", "role = \"shared\"\nhandler =");
    sandbox.edit("[function.a]", "[role.shared]\ndescription = \"shared\"\n\n[function.a]");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_journal_without_its_state_keeps_no_state_from_being_rebuilt() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    world.proxy.rules([Rule::on("UpdateFunctionConfiguration").signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    world.proxy.clear();
    fs::remove_file(sandbox.state_file()).unwrap();
    for command in [&["status"][..], &["plan"], &["destroy", "--yes"]] {
        sandbox.expect(1, command).says("`lambdo state rebuild` make it anew");
    }
    sandbox.expect(0, &["state", "rebuild"]).says("The journal is set aside");
    assert!(sandbox.path().join("state/history/demo.damaged.journal").is_file());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn two_states_of_one_project_are_told_apart() {
    let world = World::start(Backend::Local);
    let first = world.sandbox(&(spec::header() + &spec::plain("a")));
    first.expect(0, &["up", "--yes"]);
    let second = world.sandbox(&(spec::header() + &spec::plain("b")));
    second.expect(0, &["up", "--yes"]);
    lose(&second);
    second.expect(8, &["state", "rebuild"]).says("It is not clear which of them is meant").says("--lineage");
    let text = fs::read_to_string(first.state_file()).unwrap();
    let state: Value = serde_json::from_str(&text).unwrap();
    second.spec(&(spec::header() + &spec::plain("a")));
    second.expect(0, &["state", "rebuild", "--lineage", state["lineage"].as_str().unwrap()]).says("the plan is empty");
    second.expect(1, &["state", "rebuild", "--lineage", "nobody", "--state-dir", "elsewhere"]).says("Nothing to rebuild the state from");
}

#[test]
fn layers_are_found_by_what_their_descriptions_say() {
    let world = World::start(Backend::Local);
    let layer = "[layer.tools]\ncode = { dir = \"tools\" }\n\n";
    let sandbox =
        world.sandbox(&(spec::header() + layer + &spec::plain("a").replace("code =", "layers = [\"${layer.tools.arn}\"]\ncode =")));
    fs::create_dir_all(sandbox.path().join("tools/bin")).unwrap();
    sandbox.write("tools/bin/tool", "#!/bin/sh\n");
    sandbox.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    assert!(world.cloud.layer_versions("demo-tools").is_empty());
}

/// Versions of layers carry no tags: their descriptions say which state has made them.
#[test]
fn a_layer_that_the_spec_does_not_have_any_more_is_found_and_goes() {
    for (layer_name, address) in [("", "layer.tools"), ("layer_name = \"shared\"\n", "layer.shared")] {
        let world = World::start(Backend::Local);
        let layer = format!("[layer.tools]\n{layer_name}code = {{ dir = \"tools\" }}\n\n");
        let sandbox = world.sandbox(&(spec::header() + &layer + &spec::plain("a")));
        sandbox.write("tools/data", "one");
        sandbox.expect(0, &["up", "--yes"]);
        lose(&sandbox);
        sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
        sandbox.expect(0, &["plan", "--exit-code"]);
        lose(&sandbox);
        sandbox.spec(&(spec::header() + &spec::plain("a")));
        // Who may not list layers finds the rest.
        world.proxy.rules([Rule::on("ListLayers").refuse(403, "AccessDeniedException", "no")]);
        sandbox.expect(0, &["gc"]).says("layers");
        world.proxy.clear();
        sandbox.expect(0, &["state", "rebuild"]).says(address);
        sandbox.expect(0, &["up", "--yes"]);
        assert_eq!(world.proxy.calls_of("DeleteLayerVersion").len(), 1);
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(world.cloud.names(), BTreeSet::new());
    }
}

/// An entry of which nothing is known would differ in everything, and be made anew.
#[test]
fn what_is_found_and_cannot_be_read_keeps_a_state_from_being_rebuilt() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    let other = world.sandbox(&(spec::header().replace("\"demo\"", "\"other\"") + &spec::plain("x")));
    other.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    let hidden = |answer: &mut Value| {
        answer.as_object_mut().unwrap().remove("Tags");
        answer["TagsError"] = serde_json::json!({ "ErrorCode": "AccessDeniedException", "Message": "not for you" });
    };
    let unread = Rule::on("DescribeRule").refuse(400, "AccessDeniedException", "not for you");
    for rule in [unread, Rule::on("GetFunction").containing("demo-a").rewrite(hidden)] {
        world.proxy.rules([rule]);
        sandbox.expect(1, &["state", "rebuild"]).says("The state cannot be rebuilt").says("not for you");
        assert!(!sandbox.state_file().exists());
    }
    world.proxy.rules([Rule::on("GetFunction").containing("other-x").rewrite(hidden)]);
    sandbox.expect(0, &["gc"]).says("function `other-x` may not be looked at");
    sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
    // A plan that is refused is not empty.
    lose(&sandbox);
    world.cloud.foreign_rule("demo-a-weekly", &[("owner", "them")]);
    sandbox.edit("[function.a]", "[function.a]\nevent_rule.weekly.schedule_expression = \"rate(7 days)\"");
    let refused = sandbox.expect(8, &["state", "rebuild"]).says("is refused, as the plan above says");
    assert!(!refused.stderr.contains("the plan is empty"), "{refused}");
}

#[test]
fn a_state_is_rebuilt_with_the_moves_of_the_spec() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("function.a", "function.b");
    sandbox.edit("project = \"demo\"\n", "project = \"demo\"\nmoved = [{ from = \"function.a\", to = \"function.b\" }]\n");
    lose(&sandbox);
    let rebuilt = fits(&sandbox.expect(0, &["state", "rebuild", "--format", "json"]));
    let only_tags = ["event_rule.b.nightly", "function.b", "log_group.b", "role.b"];
    assert_eq!(rebuilt["differing"], serde_json::json!(only_tags), "{rebuilt:#}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// A statement carries no tags that would say that it was there before lambdo.
#[test]
fn what_was_imported_stays_although_the_state_was_rebuilt() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("legacy", &[("owner", "them")]);
    world.cloud.foreign_group("/aws/lambda/legacy", &[]);
    let statement = world.cloud.lambda.add_permission().function_name("legacy").statement_id("foreign").action("lambda:InvokeFunction");
    world.cloud.done(statement.principal("sns.amazonaws.com").send());
    let before = world.cloud.names();
    let role = crate::support::cloud::function_arn("x").replace(":lambda:", ":iam:").replace(crate::support::emulator::REGION, "");
    let role = role.replace("function:x", "role/stranger");
    let more = format!(
        "function_name = \"legacy\"\nrole = \"{role}\"\npermission.theirs = {{ principal = \"sns.amazonaws.com\", statement_id = \"foreign\" }}\npermission.ours.principal = \"sqs.amazonaws.com\"\nhandler ="
    );
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a").replace("handler =", &more)));
    for (address, id) in [("function.a", "legacy"), ("log_group.a", "/aws/lambda/legacy"), ("permission.a.theirs", "legacy/foreign")] {
        sandbox.expect(0, &["import", address, id]);
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    lose(&sandbox);
    sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), before, "only what lambdo has made goes");
}

#[test]
fn a_log_group_of_any_name_is_found_by_the_function_that_writes_to_it() {
    let world = World::start(Backend::Local);
    let gone = spec::plain("b").replace("handler =", "log_group.log_group_name = \"/team/b\"\nhandler =");
    let kept = spec::header() + &spec::plain("a");
    let sandbox = world.sandbox(&(kept.clone() + &gone));
    sandbox.expect(0, &["up", "--yes"]);
    lose(&sandbox);
    sandbox.spec(&kept);
    sandbox.expect(0, &["state", "rebuild"]).says("3 to delete");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

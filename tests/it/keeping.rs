//! Nothing is deleted unsaid, and nothing that stays loses what it needs.

use crate::support::cloud::function_arn;
use crate::support::{Backend, Rule, World, spec};
use std::collections::BTreeSet;
use std::fs;

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

#[test]
fn protection_holds_as_soon_as_the_spec_says_so() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    sandbox.edit("handler =", "protect = true\nhandler =");
    sandbox.expect(0, &["plan"]).says("`protect = true` is written into the state");
    sandbox.expect(8, &["destroy", "--yes"]).says("`function.a` would be deleted, but `protect = true` forbids it");
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    sandbox.expect(8, &["up", "--yes"]).says("`function.a` would be replaced, but `protect = true` forbids it");
    sandbox.spec(&one().replace("project = \"demo\"\n", "project = \"demo\"\nprotect = true\n"));
    sandbox.expect(8, &["destroy", "--yes"]).says("`role.a` would be deleted").says("`log_group.a` would be deleted");
    // A spec that is broken elsewhere still says so.
    sandbox.edit("handler =", "handlr =");
    sandbox.expect(8, &["destroy", "--yes"]).says("`protect = true` forbids it");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.spec(&one());
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn the_way_out_of_protection_leads_out_and_each_refusal_is_shown_once() {
    let world = World::start(Backend::Local);
    let (kept, protected) = (one(), spec::plain("b").replace("handler =", "protect = true\nhandler ="));
    let sandbox = world.sandbox(&(kept.clone() + &protected));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&kept);
    let refused = sandbox.expect(8, &["up", "--yes"]).says("put its section back with `protect = false`");
    assert_eq!(refused.stdout.matches("function.b").count() + refused.stderr.matches(" function.b (").count(), 1, "{refused}");
    sandbox.spec(&(kept.clone() + &protected.replace("true", "false")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&kept);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_predecessor_that_is_left_is_named_and_counted() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    world.proxy.rules([Rule::on("DeleteFunction").refuse(403, "AccessDeniedException", "no")]);
    sandbox.expect(9, &["up", "--yes"]);
    world.proxy.clear();
    sandbox.expect(0, &["plan"]).says("its predecessor `demo-a` is deleted").says("3 predecessors to delete");
    let before = world.cloud.snapshot();
    sandbox.expect(8, &["up", "--yes", "--max-deletions", "2"]).says("3 resources would be deleted").says("`demo-a`, a predecessor of");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["up", "--yes", "--max-deletions", "3"]).says("3 predecessors deleted");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn an_empty_cloud_at_another_port_empties_no_state() {
    let (world, empty) = (World::start(Backend::Local), World::start(Backend::Local));
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let (before, state) = (world.cloud.snapshot(), fs::read_to_string(sandbox.state_file()).unwrap());
    let elsewhere = ["--endpoint-url", &empty.proxy.url];
    let refused = sandbox.expect(8, &[&["destroy", "--yes"][..], &elsewhere].concat()).says("Everything is missing in AWS");
    refused.says("destroy --forget-missing").says(&empty.proxy.url);
    sandbox.expect(3, &[&["drift"][..], &elsewhere].concat()).says("Everything is missing in AWS").says(&empty.proxy.url);
    // Nor does a spec that has lost all of it.
    sandbox.spec(&spec::header());
    sandbox.expect(8, &[&["up", "--yes"][..], &elsewhere].concat()).says("Everything is missing in AWS");
    assert_eq!((fs::read_to_string(sandbox.state_file()).unwrap(), world.cloud.snapshot()), (state, before));
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn what_was_really_deleted_can_be_forgotten() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    world.reset();
    sandbox.expect(8, &["destroy", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes", "--forget-missing"]);
    sandbox.expect(0, &["destroy", "--yes"]).says("Nothing to destroy");
}

#[test]
fn an_adopted_function_keeps_the_role_that_it_got() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[]);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.expect(0, &["destroy", "--yes"]).says("`demo-a-eu-central-1` stays in AWS, since `function.a` stays, too, and needs it");
    let left = world.cloud.names();
    let role = ["role.demo-a-eu-central-1", "role.demo-a-eu-central-1 inline lambdo-logs", "role.stranger"];
    let expected = ["function.demo-a", "log_group./aws/lambda/demo-a"].into_iter().chain(role).map(str::to_owned);
    assert_eq!(left, expected.collect(), "its rule and the permission of that went");
    // Nobody takes it for garbage.
    sandbox.expect(0, &["gc", "--remove", "--yes"]).says("Nothing of it is this state's garbage");
    assert_eq!(world.cloud.names(), left);
}

#[test]
fn what_an_adopted_function_needs_is_left_alone_by_a_state_that_is_made_anew() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[]);
    let (adopted, other) = (spec::plain("a"), spec::plain("b"));
    let sandbox = world.sandbox(&(spec::header() + &adopted + &other));
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.expect(0, &["drift"]).says("nothing pending");
    sandbox.expect(0, &["plan", "--deep", "--exit-code"]);
    sandbox.spec(&(spec::header() + &other));
    sandbox.expect(0, &["up", "--yes"]);
    let left = world.cloud.names();
    assert!(left.contains("role.demo-a-eu-central-1"), "{left:?}");
    std::fs::remove_dir_all(sandbox.path().join("state")).unwrap();
    sandbox.expect(0, &["state", "rebuild"]).says("the plan is empty");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.names(), left);
}

#[test]
fn an_adopted_function_that_gets_another_name_keeps_its_role_under_the_old_one() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[]);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let names = world.cloud.names();
    for name in ["function.demo-a", "role.demo-a-eu-central-1", "function.other", "role.other-eu-central-1"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_function_that_another_state_has_taken_keeps_what_it_uses() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let mut expected = world.cloud.names();
    world.cloud.done(world.cloud.lambda.tag_resource().resource(function_arn("demo-a")).tags("lambdo:lineage", "another").send());
    let output = sandbox.expect(0, &["destroy", "--yes"]);
    output.says("`demo-a` belongs to somebody else now").says("`demo-a-eu-central-1` stays in AWS, since `function.a` stays");
    // The rule is nothing that the function needs, and its tags still say that it is ours.
    expected.retain(|name| !name.starts_with("rule.demo-a-nightly"));
    assert_eq!(world.cloud.names(), expected);
}

#[test]
fn what_somebody_else_made_anew_under_our_names_is_neither_changed_nor_deleted() {
    made_anew(("lambdo:lineage", "another"));
    made_anew(("ManagedBy", "Terraform"));
}

fn made_anew(tag: (&str, &str)) {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let (rule, group) = ("demo-a-nightly", "/aws/lambda/demo-a");
    world.cloud.delete_rule(rule);
    world.cloud.foreign_rule(rule, &[tag]);
    world.cloud.done(world.cloud.logs.delete_log_group().log_group_name(group).send());
    world.cloud.foreign_group(group, &[tag]);
    let before = world.cloud.snapshot();
    sandbox.edit("rate(1 day)", "rate(2 days)");
    sandbox.edit("handler =", "log_group = { retention_in_days = 7 }\nhandler =");
    sandbox.expect(8, &["up", "--yes"]).says(rule).says(group).says(tag.1);
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["destroy", "--yes"]).says("demo-a-nightly` belongs to somebody else now");
    let names = world.cloud.names();
    assert!(names.contains("rule.demo-a-nightly") && names.contains("log_group./aws/lambda/demo-a"), "{names:?}");
}

#[test]
fn what_somebody_else_made_anew_under_our_name_can_be_handed_over() {
    for tag in [("lambdo:lineage", "another"), ("ManagedBy", "Terraform")] {
        let world = World::start(Backend::Local);
        let sandbox = world.sandbox(&one());
        sandbox.expect(0, &["up", "--yes"]);
        world.cloud.delete_rule("demo-a-nightly");
        world.cloud.foreign_rule("demo-a-nightly", &[tag]);
        sandbox.edit("rate(1 day)", "rate(2 days)");
        sandbox.expect(8, &["up", "--yes"]).says("--adopt event_rule.a.nightly");
        sandbox.expect(0, &["up", "--yes", "--adopt", "event_rule.a.nightly"]);
        sandbox.expect(0, &["plan", "--deep", "--exit-code"]);
        sandbox.expect(0, &["drift", "--deep"]);
        sandbox.expect(0, &["destroy", "--yes"]).says("since it was there before");
        assert!(world.cloud.names().contains("rule.demo-a-nightly"));
    }
}

#[test]
fn a_log_group_that_comes_back_goes_with_the_next_destroy() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let come_back = || world.cloud.foreign_group("/aws/lambda/demo-a", &[]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    come_back();
    sandbox.expect(0, &["gc"]).says("log_group.a").says("`lambdo up` takes it up again");
    sandbox.expect(0, &["up", "--yes"]).says("made by lambdo, and taken up again");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    come_back();
    sandbox.expect(0, &["destroy", "--yes"]).says("1 deleted");
    assert_eq!(world.cloud.names(), BTreeSet::new());
    come_back();
    sandbox.spec(&(spec::header() + &spec::plain("b")));
    sandbox.expect(0, &["gc", "--remove", "--yes"]).says("1 deleted");
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn more_tags_than_a_resource_can_carry_are_refused_with_those_that_say_that_it_stays() {
    let world = World::start(Backend::Local);
    let tags: Vec<String> = (0..46).map(|number| format!("t{number} = \"\"")).collect();
    let tagged =
        |kept: &str| format!("{}{}tags = {{ {} }}\n{kept}", spec::header(), spec::plain("a").trim_end().to_owned() + "\n", tags.join(", "));
    let sandbox = world.sandbox(&tagged(""));
    world.cloud.foreign_function("demo-a", &[]);
    sandbox.expect(8, &["up", "--yes", "--adopt", "function.a"]).says("`function.a` would have 51 tags").says("take 1 of its own tags out");
    world.cloud.done(world.cloud.lambda.delete_function().function_name("demo-a").send());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let group = format!("log_group.tags = {{ {} }}\n", tags.join(", "));
    sandbox.spec(&tagged(&group));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&tagged(&format!("{group}log_group.skip_destroy = true\n")));
    sandbox.expect(6, &["validate"]).says("lambdo needs five of them to know what it owns and that it stays");
}

#[test]
fn addresses_and_arns_that_lead_nowhere_are_told() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let arn = function_arn("demo-a").replace("eu-central-1", "us-west-2");
    sandbox.expect(6, &["import", "function.a", &arn]).says("the region `us-west-2`");
    sandbox.expect(0, &["up", "--yes"]);
    let output = sandbox.expect(6, &["state", "move", "function.a", "function.a"]).says("The two addresses are the same");
    assert!(!output.stderr.contains("forget"), "{output}");
}

#[test]
fn a_spec_that_is_protected_as_a_whole_keeps_also_what_has_no_section() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    let protected = |spec: &str| spec.replace("project = \"demo\"\n", "project = \"demo\"\nprotect = true\n");
    let without_rule = protected(&(spec::header() + &spec::plain("a")));
    sandbox.spec(&without_rule);
    sandbox.expect(8, &["up", "--yes"]).says("`event_rule.a.nightly` would be deleted, but `protect = true` forbids it");
    sandbox.edit("handler =", "handlr =");
    sandbox.expect(8, &["destroy", "--target", "event_rule.a.nightly", "--yes"]).says("`protect = true` forbids it");
    // What is protected is so also where it has another address since.
    let moved = "project = \"demo\"\nmoved = [{ from = \"function.a\", to = \"function.b\" }]\n";
    let renamed = one().replace("project = \"demo\"\n", moved).replace("function.a]", "function.b]").replace("function.a.", "function.b.");
    sandbox.spec(&renamed.replacen("handler =", "protect = true\nhandler =", 1));
    sandbox.expect(8, &["destroy", "--yes"]).says("`function.b` would be deleted, but `protect = true` forbids it");
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.spec(&renamed);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// Whose something is that does not show its tags is not known, so it is not taken over.
#[test]
fn what_does_not_show_its_tags_is_not_imported() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    for (call, address, id) in
        [("ListTagsForResource", "log_group.a", "/aws/lambda/demo-a"), ("ListTagsForResource", "event_rule.a.nightly", "demo-a-nightly")]
    {
        sandbox.expect(0, &["state", "forget", address]);
        world.proxy.rules([Rule::on(call).refuse(403, "AccessDeniedException", "no")]);
        sandbox.expect(1, &["import", address, id]).says("Whose it is is not known").says("tags could not be read");
        world.proxy.clear();
        sandbox.expect(0, &["import", address, id]).says("`lambdo destroy` will delete it");
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

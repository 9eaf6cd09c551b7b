//! Names that pass from one address to another, and what may stand under them by then.

use crate::support::{Backend, Rule, World, spec};
use std::collections::BTreeSet;

#[test]
fn what_somebody_made_anew_under_a_name_is_not_ours_at_another_address_either() {
    const BILLING: &[(&str, &str)] = &[("team", "billing")];
    type Remake = fn(&World);
    let cases: [(&str, &str, &str, &str, Remake); 3] = [
        ("rule.shared", "event_rule.nightly]\n", "event_rule.nightly]\nname = \"shared\"\n", "event_rule.a.other", |world| {
            world.cloud.delete_rule("shared");
            world.cloud.foreign_rule("shared", BILLING);
        }),
        ("log_group./aws/lambda/svc", "handler =", "function_name = \"svc\"\nhandler =", "log_group.b", |world| {
            world.cloud.done(world.cloud.logs.delete_log_group().log_group_name("/aws/lambda/svc").send());
            world.cloud.foreign_group("/aws/lambda/svc", BILLING);
        }),
        ("role.svc", "handler =", "role.role_name = \"svc\"\nhandler =", "role.b", |world| {
            world.cloud.delete_role("svc");
            world.cloud.foreign_role("svc", "/", BILLING);
        }),
    ];
    for (thing, from, to, taker, remake) in cases {
        let world = World::start(Backend::Local);
        let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")).replace(from, to));
        sandbox.expect(0, &["up", "--yes"]);
        remake(&world);
        let before = world.cloud.snapshot();
        match taker.starts_with("event_rule") {
            true => sandbox.edit("event_rule.nightly", "event_rule.other"),
            false => sandbox.spec(&(spec::header() + &spec::scheduled("b")).replace(from, to)),
        }
        sandbox.expect(8, &["up", "--yes"]).says(&format!("not ours: {taker}"));
        assert_eq!(world.cloud.snapshot(), before, "{thing}");
        sandbox.expect(0, &["destroy", "--yes"]).says("belongs to somebody else now");
        assert_eq!(world.cloud.snapshot().get(thing), before.get(thing), "{thing}");
    }
}

#[test]
fn a_role_that_a_function_of_others_goes_on_using_stays_under_its_new_address_too() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[("team", "billing")]);
    let with_role = |name: &str| spec::header() + &spec::plain(name).replace("handler =", "role.role_name = \"svc\"\nhandler =");
    let sandbox = world.sandbox(&with_role("a"));
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.spec(&with_role("b"));
    sandbox.expect(0, &["up", "--yes"]).says("`svc` stays in AWS, since `function.a` stays, too, and needs it");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let left = world.cloud.names();
    assert!(left.contains("role.svc") && left.contains("function.demo-a") && !left.contains("function.demo-b"), "{left:?}");
}

#[test]
fn a_function_that_another_section_has_taken_takes_no_statement_along() {
    let world = World::start(Backend::Local);
    let named = |name: &str, rule: &str| {
        let spec = spec::scheduled(name).replace("handler =", "function_name = \"svc\"\nhandler =");
        spec::header() + &spec.replace("event_rule.nightly]\n", &format!("event_rule.{rule}]\nname = \"tick\"\n"))
    };
    let sandbox = world.sandbox(&named("a", "one"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&named("b", "two"));
    sandbox.expect(0, &["up", "b", "--yes"]);
    sandbox.expect(0, &["up", "--yes"]).says("1 deleted");
    sandbox.expect(0, &["plan", "--exit-code"]);
    let policy = world.cloud.done(world.cloud.lambda.get_policy().function_name("svc").send()).policy.unwrap();
    assert!(policy.contains("event_rule-two") && !policy.contains("event_rule-one"), "{policy}");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn names_of_roles_that_differ_in_their_case_only_pass_on_in_one_run() {
    let world = World::start(Backend::Local);
    let with_role = |name: &str, role: &str| {
        spec::header() + &spec::plain(name).replace("handler =", &format!("role.role_name = \"{role}\"\nhandler ="))
    };
    let sandbox = world.sandbox(&with_role("a", "Svc-Role"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&with_role("b", "svc-role"));
    sandbox.expect(0, &["up", "--yes"]);
    assert!(world.cloud.names().contains("role.svc-role"));
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn what_is_taken_up_again_differs_in_nothing_afterwards() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["state", "forget", "log_group.a", "event_rule.a.nightly"]);
    sandbox.expect(0, &["up", "--yes"]).says("made by lambdo, and taken up again");
    sandbox.expect(0, &["plan", "--exit-code"]);
    // A rename that was half done, and whose spec goes back.
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    world.proxy.rules([Rule::on("DeleteFunction").refuse(403, "AccessDeniedException", "no")]);
    sandbox.expect(9, &["up", "--yes"]);
    world.proxy.clear();
    sandbox.edit("function_name = \"other\"\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift", "--deep"]);
}

#[test]
fn what_was_adopted_and_forgotten_is_taken_up_again_with_its_statements() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_function("demo-a", &[("team", "billing")]);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.expect(0, &["state", "forget", "function.a"]).says("takes it up again");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let left = world.cloud.names();
    assert!(left.contains("function.demo-a") && !left.iter().any(|name| name.contains("event_rule-nightly")), "{left:?}");
}

#[test]
fn every_log_group_that_comes_back_is_found_but_for_that_of_somebody_elses_function() {
    let world = World::start(Backend::Local);
    let named = |name: &str| spec::header() + &spec::plain("a").replace("handler =", &format!("function_name = \"{name}\"\nhandler ="));
    let sandbox = world.sandbox(&named("one"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&named("two"));
    sandbox.expect(0, &["up", "--yes"]);
    let come_back = || ["one", "two"].map(|name| world.cloud.foreign_group(&format!("/aws/lambda/{name}"), &[]));
    world.cloud.foreign_group("/aws/lambda/one", &[]);
    sandbox.expect(0, &["gc"]).says("/aws/lambda/one");
    sandbox.expect(0, &["destroy", "--yes"]).says("/aws/lambda/one");
    assert_eq!(world.cloud.names(), BTreeSet::new());
    come_back();
    sandbox.expect(0, &["destroy", "--yes"]).says("2 deleted");
    assert_eq!(world.cloud.names(), BTreeSet::new());
    come_back();
    world.cloud.foreign_function("two", &[("team", "billing")]);
    sandbox.expect(0, &["destroy", "--yes"]).says("1 deleted");
    assert!(world.cloud.names().contains("log_group./aws/lambda/two"));
    sandbox.expect(0, &["up", "--yes", "--adopt", "function.a"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert!(world.cloud.names().contains("log_group./aws/lambda/two"));
}

/// Groups below the folder of functions may have names that Lambda refuses to look for.
#[test]
fn a_log_group_that_no_function_can_have_keeps_nothing_from_being_destroyed() {
    let world = World::start(Backend::Local);
    let with_group = spec::plain("a").replace("handler =", "log_group.log_group_name = \"/aws/lambda/team/a\"\nhandler =");
    let sandbox = world.sandbox(&(spec::header() + &with_group + &spec::plain("b")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&(spec::header() + &spec::plain("b")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["gc"]);
    world.cloud.foreign_group("/aws/lambda/team/a", &[]);
    sandbox.expect(0, &["gc"]).says("/aws/lambda/team/a");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    sandbox.expect(0, &["destroy", "--yes"]);
}

/// The state says the old name, AWS has the new one, and the spec wants the old one again.
#[test]
fn what_a_run_that_was_killed_made_under_another_name_goes_when_the_spec_goes_back() {
    let group = spec::plain("a").replace("handler =", "log_group.log_group_name = \"/team/one\"\nhandler =");
    let rule = spec::scheduled("a").replace("event_rule.nightly]\n", "event_rule.nightly]\nname = \"one\"\n");
    for (call, spec, from, to) in
        [("CreateLogGroup", group, "/team/one", "/team/two"), ("PutRule", rule, "name = \"one\"", "name = \"two\"")]
    {
        let world = World::start(Backend::Local);
        let sandbox = world.sandbox(&(spec::header() + &spec));
        sandbox.expect(0, &["up", "--yes"]);
        let before = world.cloud.names();
        sandbox.edit(from, to);
        world.proxy.rules([Rule::on(call).signal("KILL")]);
        assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
        world.proxy.clear();
        assert!(!world.cloud.names().is_subset(&before), "{call}");
        sandbox.edit(to, from);
        sandbox.expect(0, &["up", "--yes"]);
        assert_eq!(world.cloud.names(), before, "{call}");
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(world.cloud.names(), BTreeSet::new());
    }
}

/// The role whose lines would make the group anew goes last, and the group has to make room for its successor first.
#[test]
fn a_role_with_a_new_name_and_a_group_that_is_made_anew_are_no_circle() {
    let world = World::start(Backend::Local);
    let function = spec::plain("a").replace("handler =", "role.managed_policies = [\"AWSLambdaBasicExecutionRole\"]\nhandler =");
    let sandbox = world.sandbox(&(spec::header() + &function));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "role.role_name = \"r2\"\nlog_group.log_group_class = \"INFREQUENT_ACCESS\"\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

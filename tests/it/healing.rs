//! What healing takes back, and what it leaves alone.

use crate::support::cloud::function_arn;
use crate::support::{Backend, Sandbox, World, spec};

/// Functions `a` and `b` with all that belongs to them, healed.
fn healed(world: &World, settings: &str) -> Sandbox {
    let heals = format!("\n[daemon]\nmode = \"heal\"\n{settings}\n");
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a") + &spec::scheduled("b") + &heals));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

fn memory(world: &World, name: &str) -> i32 {
    let function = world.cloud.done(world.cloud.lambda.get_function_configuration().function_name(name).send());
    function.memory_size.unwrap()
}

fn delete_group(world: &World, name: &str) {
    world.cloud.done(world.cloud.logs.delete_log_group().log_group_name(name).send());
}

#[test]
fn what_somebody_else_has_taken_keeps_nothing_else_from_being_taken_back() {
    let world = World::start(Backend::Local);
    let sandbox = healed(&world, "");
    let lambda = &world.cloud.lambda;
    world.cloud.done(lambda.tag_resource().resource(function_arn("demo-a")).tags("lambdo:lineage", "another").send());
    ["demo-a", "demo-b"].iter().for_each(|name| world.cloud.configure(name, |call| call.memory_size(512)));
    sandbox.expect(3, &["daemon", "--once"]).says("function.a");
    assert_eq!((memory(&world, "demo-a"), memory(&world, "demo-b")), (512, 128));
}

#[test]
fn what_needs_what_somebody_else_has_taken_keeps_nothing_else_from_being_taken_back_either() {
    let world = World::start(Backend::Local);
    let sandbox = healed(&world, "");
    let (iam, events) = (&world.cloud.iam, &world.cloud.events);
    let role = world.cloud.done(iam.list_roles().send()).roles.into_iter().find(|role| role.role_name.starts_with("demo-a")).unwrap();
    let lineage = aws_sdk_iam::types::Tag::builder().key("lambdo:lineage").value("another").build().unwrap();
    world.cloud.done(iam.tag_role().role_name(role.role_name).tags(lineage).send());
    // It needs the role by way of a function that has not drifted.
    world.cloud.done(events.put_rule().name("demo-a-nightly").schedule_expression("rate(9 hours)").send());
    world.cloud.configure("demo-b", |call| call.memory_size(512));
    let once = sandbox.expect(3, &["daemon", "--once"]);
    once.says("event_rule.a.nightly").says("it needs `role.a`, which is not taken back");
    assert_eq!(memory(&world, "demo-b"), 128);
    let rule = world.cloud.done(events.describe_rule().name("demo-a-nightly").send());
    assert_eq!(rule.schedule_expression(), Some("rate(9 hours)"));
}

#[test]
fn what_is_left_out_is_not_changed_along_with_what_is_taken_back() {
    let world = World::start(Backend::Local);
    let rule = |address: &str, path: &str| {
        format!("[[drift.ignore]]\naddress = \"{address}\"\npath = \"{path}\"\nreason = \"theirs\"\nuntil = \"2099-01-01\"\n")
    };
    let sandbox = healed(&world, &(rule("event_rule.a.nightly", "schedule_expression") + &rule("log_group.b", "*")));
    let events = &world.cloud.events;
    let put = events.put_rule().name("demo-a-nightly").schedule_expression("rate(9 hours)");
    world.cloud.done(put.state(aws_sdk_eventbridge::types::RuleState::Disabled).send());
    delete_group(&world, "/aws/lambda/demo-b");
    world.cloud.configure("demo-b", |call| call.memory_size(512));
    sandbox.expect(0, &["daemon", "--once"]).says("in order");
    let seen = world.cloud.done(events.describe_rule().name("demo-a-nightly").send());
    assert_eq!((seen.schedule_expression(), seen.state().unwrap().as_str()), (Some("rate(9 hours)"), "ENABLED"));
    assert_eq!(memory(&world, "demo-b"), 128);
    let names = world.cloud.names();
    assert!(!names.contains("log_group./aws/lambda/demo-b"), "it was made again although it is left out: {names:?}");
}

#[test]
fn a_limit_of_changes_never_ends_the_healing() {
    let world = World::start(Backend::Local);
    let sandbox = healed(&world, "max_changes = 1\n");
    let before = world.cloud.names();
    for name in ["demo-a", "demo-b"] {
        delete_group(&world, &format!("/aws/lambda/{name}"));
        world.cloud.done(world.cloud.lambda.delete_function().function_name(name).send());
    }
    // Two groups, two functions and their two statements, at least one with each look.
    let looks = (1..=6).find(|_| sandbox.run(&["daemon", "--once"]).code == Some(0));
    assert!(looks.is_some(), "{}", sandbox.run(&["drift"]));
    assert_eq!(world.cloud.names(), before);
}

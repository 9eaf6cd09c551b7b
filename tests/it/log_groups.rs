//! `log-groups audit`: every log group of the account, whoever made it.

use crate::formats::fits;
use crate::support::{Backend, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;
use std::collections::BTreeMap;

/// The finding about a group.
fn of<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    document["log_groups"].as_array().unwrap().iter().find(|group| group["name"] == name)
}

fn audit(sandbox: &Sandbox, code: i32, flags: &[&str]) -> Value {
    fits(&sandbox.expect(code, &[&["log-groups", "audit", "--format", "json"], flags].concat()))
}

fn retention(world: &World, name: &str) -> Option<i32> {
    let groups = world.cloud.done(world.cloud.logs.describe_log_groups().log_group_name_prefix(name).send());
    groups.log_groups().iter().find(|group| group.log_group_name() == Some(name)).and_then(|group| group.retention_in_days)
}

fn is_there(world: &World, name: &str) -> bool {
    let groups = world.cloud.done(world.cloud.logs.describe_log_groups().log_group_name_prefix(name).send());
    groups.log_groups().iter().any(|group| group.log_group_name() == Some(name))
}

on_each_emulator!(what_keeps_lines_for_ever_is_listed_and_set_when_asked, what_another_state_manages_is_left_alone);

/// Without a config.toml, too.
fn what_keeps_lines_for_ever_is_listed_and_set_when_asked(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox("");
    std::fs::remove_file(sandbox.path().join("config.toml")).unwrap();
    for name in ["/fleet/endless", "/fleet/kept", "/other/endless"] {
        world.cloud.foreign_group(name, &[]);
    }
    world.cloud.done(world.cloud.logs.put_retention_policy().log_group_name("/fleet/kept").retention_in_days(7).send());
    let listed = audit(&sandbox, 0, &["--prefix", "/fleet/"]);
    assert_eq!((&listed["summary"]["log_groups"], &listed["summary"]["without_retention"]), (&2.into(), &1.into()), "{listed:#}");
    assert_eq!(of(&listed, "/fleet/endless").unwrap()["action"], "set_retention");
    assert_eq!(retention(&world, "/fleet/endless"), None);
    sandbox.expect(6, &["log-groups", "audit", "--fix"]).says("Nobody can be asked");
    let fixed = audit(&sandbox, 0, &["--prefix", "/fleet/", "--retention", "90", "--fix", "--yes"]);
    assert_eq!(of(&fixed, "/fleet/endless").unwrap()["result"], "done", "{fixed:#}");
    assert_eq!((retention(&world, "/fleet/endless"), retention(&world, "/fleet/kept")), (Some(90), Some(7)));
    assert_eq!(retention(&world, "/other/endless"), None);
    sandbox.expect(0, &["log-groups", "audit", "--prefix", "/fleet/"]).says("All of 2 log groups that begin with `/fleet/`");
}

fn what_another_state_manages_is_left_alone(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(0, &["up", "--yes"]);
    // Its own state says what becomes of it, whatever its retention is by now.
    world.cloud.done(world.cloud.logs.delete_retention_policy().log_group_name("/aws/lambda/demo-a").send());
    world.cloud.foreign_group("/fleet/theirs", &[("lambdo:project", "theirs"), ("lambdo:stage", "prod"), ("lambdo:lineage", "other")]);
    let listed = audit(&sandbox, 0, &[]);
    let ours = of(&listed, "/aws/lambda/demo-a").unwrap();
    assert_eq!((&ours["action"], &ours["why"]), (&"keep".into(), &"managed by `log_group.a of demo`".into()));
    let managed = |document: &Value| {
        let theirs = of(document, "/fleet/theirs").unwrap();
        assert_eq!((&theirs["action"], &theirs["why"]), (&"keep".into(), &"managed by `lambdo project theirs, stage prod`".into()));
    };
    managed(&listed);
    sandbox.expect(0, &["log-groups", "audit"]).says("managed by `lambdo project theirs, stage prod`");
    world.cloud.foreign_group("/fleet/nobodys", &[]);
    let fixed = audit(&sandbox, 0, &["--fix", "--yes"]);
    managed(&fixed);
    assert_eq!((retention(&world, "/aws/lambda/demo-a"), retention(&world, "/fleet/theirs")), (None, None));
    // The record says which groups were gone through.
    let runs = fits(&sandbox.expect(0, &["runs", "show", "--format", "json"]));
    let told: Vec<&Value> = runs["events"].as_array().unwrap().iter().filter(|event| event["event"] == "log_group_ended").collect();
    assert!(told.iter().all(|event| event["name"] != "/fleet/theirs"), "{runs:#}");
    assert!(told.iter().any(|event| event["name"] == "/fleet/nobodys" && event["result"] == "done"), "{runs:#}");
}

#[test]
fn empty_log_groups_go_unless_somebody_may_need_them_on_the_local_cloud() {
    empty_groups(Backend::Local);
}

#[test]
fn empty_log_groups_go_unless_somebody_may_need_them_on_ministack() {
    empty_groups(Backend::Ministack);
}

fn empty_groups(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::full());
    let other = world.sandbox("");
    std::fs::remove_file(other.path().join("config.toml")).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    for name in ["/old/empty", "/old/full", "/old/young", "/old/stack"] {
        let tags: &[(&str, &str)] = if name == "/old/stack" { &[("Owner", "terraform")] } else { &[] };
        world.cloud.foreign_group(name, tags);
        world.cloud.done(world.cloud.logs.put_retention_policy().log_group_name(name).retention_in_days(30).send());
    }
    world.cloud.done(world.cloud.logs.create_log_stream().log_group_name("/old/full").log_stream_name("s").send());
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let line = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().timestamp(now_ms).message("x").build().unwrap();
    world.cloud.done(world.cloud.logs.put_log_events().log_group_name("/old/full").log_stream_name("s").log_events(line).send());
    let ages = ["/old/empty", "/old/full", "/old/stack", "/aws/lambda/demo-a"].map(|name| (name.to_owned(), 500));
    world.emulator().age_groups(&BTreeMap::from(ages));

    // A folder without the state does not know whose it is: the function's being there is enough, and the tags are, too.
    let listed = audit(&other, 0, &[]);
    assert_eq!(of(&listed, "/old/young"), None);
    assert_eq!(of(&listed, "/old/empty").unwrap()["action"], "keep");
    assert_eq!(of(&listed, "/aws/lambda/demo-a").unwrap()["why"], "function `demo-a` writes to it");
    let fixed = audit(&other, 0, &["--fix", "--delete-empty", "--yes"]);
    assert_eq!(of(&fixed, "/old/empty").unwrap()["result"], "done", "{fixed:#}");
    let stack = of(&fixed, "/old/stack").unwrap();
    assert!(stack["result"] == "skipped" && stack["why"].as_str().unwrap().contains("Terraform"), "{stack}");
    let left = ["/old/empty", "/old/full", "/old/young", "/old/stack", "/aws/lambda/demo-a"].map(|name| is_there(&world, name));
    assert_eq!(left, [false, true, true, true, true]);
}

//! What is not ours is refused with 8 and stays as it is.

use crate::support::cloud::Cloud;
use crate::support::{Backend, World, on_each_emulator, spec};

on_each_emulator!(
    a_stranger_of_the_same_name_is_untouched,
    a_stranger_on_the_way_of_an_update_is_untouched,
    the_same_project_from_a_second_folder_is_refused,
    the_log_group_of_a_new_function_is_adopted_and_kept,
    an_adopted_log_group_survives_a_rename,
    another_account_is_refused,
);

/// The tags of somebody else's project that has the same names.
const THEIRS: &[(&str, &str)] = &[("lambdo:project", "demo"), ("lambdo:lineage", "somebody-else")];

type Stranger = (&'static str, fn(&Cloud));

const STRANGERS: &[Stranger] = &[
    ("an untagged function", |cloud| cloud.foreign_function("demo-a", &[])),
    ("a function of another lineage", |cloud| cloud.foreign_function("demo-a", THEIRS)),
    ("an untagged role", |cloud| {
        cloud.foreign_role("demo-a-eu-central-1", "/", &[]);
    }),
    ("a role of another lineage", |cloud| {
        cloud.foreign_role("demo-a-eu-central-1", "/lambdo/demo/", THEIRS);
    }),
    ("an untagged rule", |cloud| cloud.foreign_rule("demo-a-nightly", &[])),
    ("a rule of another lineage", |cloud| cloud.foreign_rule("demo-a-nightly", THEIRS)),
    ("a log group with foreign tags", |cloud| cloud.foreign_group("/aws/lambda/demo-a", THEIRS)),
];

fn a_stranger_of_the_same_name_is_untouched(backend: Backend) {
    let world = World::start(backend);
    let mut problems = Vec::new();
    for (what, appear) in STRANGERS {
        world.reset();
        appear(&world.cloud);
        let before = world.cloud.snapshot();
        let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
        let output = sandbox.run(&["up", "--yes"]);
        if output.code != Some(8) {
            problems.push(format!("{what}: {output}"));
        }
        if world.proxy.mutating() > 0 || world.cloud.snapshot() != before {
            problems.push(format!("{what}: something was changed: {:?}", world.proxy.tally()));
        }
        let destroyed = sandbox.run(&["destroy", "--yes"]);
        if destroyed.code != Some(0) || world.cloud.snapshot() != before {
            problems.push(format!("{what}: destroy with nothing of ours: {destroyed}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn an_adopted_log_group_survives_a_rename(backend: Backend) {
    let world = World::start(backend);
    world.cloud.foreign_group("/aws/lambda/demo-a", &[]);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "function_name = \"renamed\"\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let names = world.cloud.names();
    assert!(names.contains("log_group./aws/lambda/demo-a") && names.contains("log_group./aws/lambda/renamed"), "{names:?}");
    sandbox.expect(0, &["destroy", "--yes"]);
    let left = |world: &World| world.cloud.names().into_iter().collect::<Vec<_>>();
    assert_eq!(left(&world), ["log_group./aws/lambda/demo-a"], "what was there before lambdo, and nothing else");
    sandbox.edit("function_name = \"renamed\"\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(left(&world), ["log_group./aws/lambda/demo-a"], "it was there before lambdo, however often lambdo comes and goes");
}

fn a_stranger_on_the_way_of_an_update_is_untouched(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.foreign_rule("demo-a-nightly", &[]);
    let before = world.cloud.snapshot();
    sandbox.spec(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(8, &["up", "--yes"]).says("demo-a-nightly");
    assert_eq!(world.cloud.snapshot(), before);
}

fn the_same_project_from_a_second_folder_is_refused(backend: Backend) {
    let world = World::start(backend);
    let first = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    first.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    let second = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    second.expect(8, &["up", "--yes"]).says("lambdo state rebuild");
    second.expect(8, &["destroy", "--yes"]).says("There is no state, but the project is deployed");
    assert_eq!(world.cloud.snapshot(), before);
    first.expect(0, &["plan", "--exit-code"]);
}

fn the_log_group_of_a_new_function_is_adopted_and_kept(backend: Backend) {
    let world = World::start(backend);
    world.cloud.foreign_group("/aws/lambda/demo-a", &[]);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.snapshot()["log_group./aws/lambda/demo-a"]["retention_in_days"], 30);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let names: Vec<String> = world.cloud.names().into_iter().collect();
    assert_eq!(names, ["log_group./aws/lambda/demo-a"], "the group was there before us");
}

fn another_account_is_refused(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.edit("[aws]\n", "[aws]\nallowed_account_ids = [\"999999999999\"]\n");
    sandbox.expect(8, &["up", "--yes"]).says("123456789012");
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    assert!(!sandbox.state_file().exists());
    sandbox.edit("999999999999", "123456789012");
    sandbox.expect(0, &["up", "--yes"]);
}

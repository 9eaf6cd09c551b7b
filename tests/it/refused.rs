//! A bad spec or a bad command line ends with 6 before anything is called or written.

use crate::support::{Sandbox, World, spec};

/// A name for messages, what replaces what in a good spec, and what must be said.
type BadSpec = (&'static str, &'static str, &'static str, &'static str);

const BAD_SPECS: &[BadSpec] = &[
    ("no TOML", "project = \"demo\"", "project = demo demo", "config.toml"),
    ("no project", "project = \"demo\"", "", "project"),
    ("what others call a key", "handler =", "memory = 128\nhandler =", "memory_size"),
    ("a mistyped key", "handler =", "timout = 3\nhandler =", "timeout"),
    ("a mistyped section", "[function.a]", "[functions.a]", "function"),
    ("a wrong type", "handler =", "timeout = \"long\"\nhandler =", "timeout"),
    ("out of range", "handler =", "memory_size = 64\nhandler =", "memory_size"),
    ("a reserved variable", "handler =", "environment = { AWS_REGION = \"x\" }\nhandler =", "AWS_REGION"),
    ("a retention that AWS does not have", "handler =", "log_group.retention_in_days = 15\nhandler =", "retention_in_days"),
    ("a rate of nonsense", "rate(1 day)", "rate(1 days)", "schedule_expression"),
    ("a cron of five fields", "rate(1 day)", "cron(0 6 1 * *)", "schedule_expression"),
    ("a name that is too long", "handler =", LONG_NAME, "64"),
    ("an unknown variable", "handler =", "description = \"${var.nothing}\"\nhandler =", "nothing"),
    ("a reference to nothing", "handler =", "description = \"${function.b.arn}\"\nhandler =", "function.b"),
    ("a role that is not in the spec", "handler =", "role = \"missing\"\nhandler =", "missing"),
    ("a policy without an action", "handler =", "role.allow = [{ resource = \"*\" }]\nhandler =", "action"),
    ("not built yet", "handler =", "event_invoke_config = { maximum_retry_attempts = 0 }\nhandler =", "not supported yet"),
    ("a trigger not built yet", "event_rule.nightly]", "schedule.nightly]", "not supported yet"),
    ("no program", "file = \"bootstrap\"", "file = \"missing\"", "missing"),
];

const LONG_NAME: &str = "function_name = \"a123456789012345678901234567890123456789012345678901234567890123456789\"\nhandler =";

fn good() -> String {
    spec::header() + &spec::scheduled("a")
}

#[test]
fn a_bad_spec_is_refused_before_any_call() {
    let world = World::without_cloud();
    let mut problems = Vec::new();
    for (what, from, to, says) in BAD_SPECS {
        let sandbox = world.sandbox(&good());
        sandbox.edit(from, to);
        for command in [&["up", "--yes"][..], &["plan"], &["validate"]] {
            if *command == ["validate"] && *what == "no program" {
                continue; // validate does not look at the sources
            }
            problems.extend(refusal(&world, &sandbox, command, says).err().map(|problem| format!("{what}: {problem}")));
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn refusal(world: &World, sandbox: &Sandbox, command: &[&str], says: &str) -> Result<(), String> {
    world.proxy.clear();
    let output = sandbox.run(command);
    if output.code != Some(6) {
        return Err(format!("expected exit code 6: {output}"));
    }
    if !world.proxy.calls().is_empty() {
        return Err(format!("AWS was called: {:?}", world.proxy.tally()));
    }
    if sandbox.state_file().exists() || sandbox.path().join("state").join("demo.journal").exists() {
        return Err("something was written".to_owned());
    }
    if output.stdout.contains(says) || output.stderr.contains(says) { Ok(()) } else { Err(format!("it does not say `{says}`: {output}")) }
}

#[test]
fn all_errors_of_a_spec_are_told_at_once() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&good());
    sandbox.edit("handler =", "memory = 128\ntimeout = 1000\nhandler =");
    sandbox.edit("rate(1 day)", "rate(0 days)");
    let output = sandbox.expect(6, &["validate"]).says("memory_size").says("timeout").says("schedule_expression").says("config.toml");
    assert!(output.stdout.is_empty() && output.stderr.contains('^'), "diagnostics go to stderr, with carets\n{output}");
}

#[test]
fn bad_usage_is_refused() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&good());
    sandbox.expect(6, &["frobnicate"]);
    sandbox.expect(6, &["plan", "--nonsense"]);
    sandbox.expect(6, &["up", "--target", "not an address", "--yes"]);
    for (theirs, ours) in [("deploy", "up"), ("apply", "up"), ("preview", "plan"), ("down", "destroy"), ("remove", "destroy")] {
        sandbox.expect(6, &[theirs]).says(&format!("lambdo {ours}"));
    }
    let nowhere = world.sandbox("");
    std::fs::remove_file(nowhere.path().join("config.toml")).unwrap();
    nowhere.expect(6, &["plan"]).says("config.toml");
    assert!(world.proxy.calls().is_empty(), "{:?}", world.proxy.tally());
}

#[test]
fn a_good_spec_is_valid_without_any_call() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(0, &["validate"]);
    sandbox.expect(0, &["spec"]).says("memory_size");
    let schema = sandbox.expect(0, &["schema"]).stdout;
    jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).expect("the schema is a JSON Schema");
    sandbox.expect(0, &["build"]);
    assert!(world.proxy.calls().is_empty(), "{:?}", world.proxy.tally());
}

//! What real runs print for programs, for pull requests and for people with many functions.

use crate::support::{Backend, Output, Sandbox, World, spec};
use serde_json::Value;

/// Fails with every violation when the document on stdout is not what the schema of its command says.
#[track_caller]
pub fn fits(output: &Output) -> Value {
    let document = output.json();
    let command = document["command"].as_str().unwrap();
    let verb = command.split(' ').next().unwrap();
    let path = format!("{}/schemas/{verb}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{output}");
    document
}

#[track_caller]
fn json(sandbox: &Sandbox, code: i32, arguments: &[&str]) -> Value {
    fits(&sandbox.expect(code, &[arguments, &["--format", "json"]].concat()))
}

fn count(document: &Value, action: &str) -> u64 {
    document["summary"][action].as_u64().unwrap()
}

#[test]
fn documents_of_a_whole_life_fit_their_schemas() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::full());
    let first = json(&sandbox, 0, &["plan"]);
    assert_eq!((count(&first, "create"), &first["serial"]), (6, &Value::from(0)));
    let up = json(&sandbox, 0, &["up", "--yes"]);
    assert!(up["steps"].as_array().unwrap().iter().all(|step| step["result"] == "done"), "{up:#}");
    assert_eq!(count(&json(&sandbox, 0, &["plan"]), "no_op"), 6);

    sandbox.edit("memory_size = 256", "memory_size = 512");
    sandbox.edit("environment = { LOG_LEVEL = \"info\", MODE = \"fast\" }", "environment = { MODE = \"slow\" }");
    sandbox.edit("s3:GetObject", "s3:PutObject");
    sandbox.edit("source_arn = \"arn:aws:sns:eu-central-1:123456789012:partner\"", "source_account = \"123456789012\"");
    world.cloud.configure("demo-a", |call| call.timeout(77));
    let changed = json(&sandbox, 4, &["plan", "--exit-code"]);
    assert_eq!((count(&changed, "update"), count(&changed, "replace")), (2, 1), "{changed:#}");
    let steps = changed["steps"].as_array().unwrap();
    let function = steps.iter().find(|step| step["address"] == "function.a").unwrap();
    let of = |path: &str| function["changes"].as_array().unwrap().iter().find(|change| change["path"] == path).unwrap();
    assert_eq!(of("timeout")["cause"], "drift");
    assert_eq!(of("environment.LOG_LEVEL").get("desired"), None, "what is unset is absent");
    let drift = json(&sandbox, 3, &["drift"]);
    assert_eq!((&drift["drifted"][0]["address"], &drift["pending"]), (&"function.a".into(), &3.into()));
    json(&sandbox, 0, &["up", "--yes"]);
    json(&sandbox, 0, &["status"]);
    assert_eq!(json(&sandbox, 0, &["output"])["outputs"]["arn"], "arn:aws:lambda:eu-central-1:123456789012:function:demo-a");

    let gone = json(&sandbox, 0, &["destroy", "--yes"]);
    assert_eq!(count(&gone, "delete"), 6);
    assert!(gone["steps"].as_array().unwrap().iter().all(|step| step["result"] == "done"), "{gone:#}");
}

#[test]
fn documents_of_what_cannot_be_done_fit_their_schemas() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    world.cloud.foreign_function("demo-a", &[("team", "core")]);
    let refused = json(&sandbox, 8, &["plan"]);
    assert_eq!(refused["errors"][0]["address"], "function.a");
    json(&sandbox, 8, &["up", "--yes"]);
    sandbox.edit("runtime =", "runtim =");
    for command in [&["plan"][..], &["up", "--yes"]] {
        assert_eq!(json(&sandbox, 6, command)["errors"][0]["line"], 7);
    }
    json(&sandbox, 0, &["destroy", "--yes"]);
    json(&sandbox, 0, &["drift"]);
}

#[test]
fn a_plan_and_drift_are_comments_for_pull_requests_and_nothing_else_is() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::full());
    let comment = sandbox.expect(0, &["plan", "--format", "markdown"]).stdout;
    for piece in ["### lambdo plan: 6 to create\n", "#### Rights\n", "```diff\n", "**Plan: 6 to create.**\n"] {
        assert!(comment.contains(piece), "`{piece}` is not in\n{comment}");
    }
    assert!(!comment.contains('\u{1b}'), "{comment}");
    for command in ["up", "destroy", "status", "state list", "validate"] {
        let words: Vec<&str> = command.split(' ').chain(["--format", "markdown"]).collect();
        assert_eq!(
            sandbox.expect(6, &words).says("only `lambdo plan`, `lambdo drift` and `lambdo log-groups audit` write it").stdout,
            "",
            "{command}"
        );
    }
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.configure("demo-a", |call| call.timeout(77));
    let drift = sandbox.expect(3, &["drift", "--format", "markdown"]).stdout;
    assert!(drift.starts_with("### lambdo drift: 1 resource differs") && drift.contains("timeout: 10 -> 77"), "{drift}");
    sandbox.edit("memory_size", "memory_sise");
    let failed = sandbox.expect(6, &["plan", "--format", "markdown"]).stdout;
    assert!(failed.starts_with("### lambdo plan: failed\n") && failed.contains("did you mean `memory_size`?"), "{failed}");
}

#[test]
fn many_functions_are_told_as_one_unless_each_is_asked_for() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::many(12, "info"));
    let short = sandbox.expect(0, &["plan"]).stdout;
    assert!(short.contains("+ function.* (all 12)") && short.lines().count() < 25, "{short}");
    assert!(short.contains("Plan: 60 to create."), "{short}");
    let full = sandbox.expect(0, &["plan", "-v"]).stdout;
    assert_eq!(full.lines().filter(|line| line.ends_with(": new")).count(), 60, "{full}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&spec::many(12, "debug"));
    sandbox.expect(0, &["plan"]).says("~ function.* (all 12): the spec changed\n      environment.LOG_LEVEL: \"info\" -> \"debug\"\n");
    let gone = sandbox.expect(0, &["destroy", "--yes"]);
    assert!((1..=12).all(|number| gone.stdout.contains(&format!("f{number}"))), "{gone}");
    gone.says("Done: 60 deleted (12 permissions with their functions)");
}

#[test]
fn outputs_of_what_was_not_brought_up_are_not_told() {
    let world = World::start(Backend::Local);
    let outputs = "[outputs]\na = \"${function.a.arn}\"\nb = \"${function.b.arn}\"\n";
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a") + &spec::plain("b") + outputs));
    sandbox.expect(0, &["output"]).says("nothing is deployed yet");
    let one = sandbox.expect(0, &["up", "a", "--yes"]).stdout;
    assert!(one.contains("a = arn:aws:lambda") && !one.contains("b = arn:aws:lambda"), "{one}");
    let all = sandbox.expect(0, &["up", "--yes"]).stdout;
    assert!(all.contains("a = arn:aws:lambda") && all.contains("b = arn:aws:lambda"), "{all}");
    sandbox.edit(outputs, "");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["output"]).says("the spec had no `[outputs]`");
}

#[test]
fn help_is_a_word_too() {
    let sandbox = World::without_cloud().sandbox("");
    for (words, same) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "plan"], &["plan", "--help"]),
        (&["help", "state", "show"], &["state", "show", "--help"]),
    ] {
        assert_eq!(sandbox.expect(0, words).stdout, sandbox.expect(0, same).stdout, "{words:?}");
    }
    sandbox.expect(6, &["help", "deploy"]);
}

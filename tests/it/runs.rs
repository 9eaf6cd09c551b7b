//! What runs leave on record, and how it is shown.

use crate::formats::fits;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;

on_each_emulator!(every_call_is_on_record_with_its_request_id);

fn show(sandbox: &Sandbox) -> Value {
    fits(&sandbox.expect(0, &["runs", "show", "--format", "json"]))
}

fn every_call_is_on_record_with_its_request_id(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a") + &spec::scheduled("b")));
    world.proxy.rules([Rule::any().every(4).throttle()]);
    sandbox.expect(0, &["up", "--yes"]);
    let sent = world.proxy.calls().len();
    let shown = show(&sandbox);
    let calls = shown["calls"].as_array().unwrap();
    assert_eq!(calls.len(), sent, "{shown:#}");
    let throttled = calls.iter().filter(|call| call["message"].as_str().is_some_and(|message| message.contains("Rate exceeded"))).count();
    assert_eq!(throttled, sent / 4, "{shown:#}");
    let is_answered = |call: &&Value| call.get("code").is_none();
    // IAM's and STS's ids stand in bodies and headers alike; an emulator may leave one out.
    let named = calls.iter().filter(is_answered).filter(|call| call["request_id"].as_str().is_some_and(|id| !id.is_empty())).count();
    assert!(named * 10 >= calls.iter().filter(is_answered).count() * 9, "{shown:#}");
    assert!(calls.iter().any(|call| call["attempt"] == 2));
    let steps = shown["steps"].as_array().unwrap();
    assert!(steps.len() >= 8 && steps.iter().all(|step| step["result"] == "done"), "{shown:#}");
    assert_eq!((&shown["run"]["verb"], &shown["run"]["result"], &shown["unreadable_lines"]), (&"up".into(), &"done".into(), &0.into()));
}

#[test]
fn runs_are_listed_and_the_latest_is_shown() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["runs"]).says("No run has left a record in `state/runs` yet.");
    sandbox.expect(6, &["runs", "show"]).says("No run of this project");
    sandbox.expect(0, &["plan"]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("runtime =", "memory_size = 256\nruntime =");
    world.proxy.rules([Rule::on("UpdateFunctionConfiguration").refuse(400, "InvalidParameterValueException", "not to my taste")]);
    sandbox.expect(1, &["up", "--yes"]);
    world.proxy.clear();
    sandbox.expect(0, &["drift"]);
    let listed = fits(&sandbox.expect(0, &["runs", "--format", "json"]));
    let told: Vec<(&str, &str)> =
        listed["runs"].as_array().unwrap().iter().map(|run| (run["verb"].as_str().unwrap(), run["result"].as_str().unwrap())).collect();
    assert_eq!(told, [("drift", "done"), ("up", "failed"), ("up", "done"), ("plan", "done")], "{listed:#}");
    let table = sandbox.expect(0, &["runs", "-n", "2"]).stdout;
    assert!(table.contains("WHEN (UTC)") && table.lines().count() == 3, "{table}");
    let id = listed["runs"][1]["id"].as_str().unwrap();
    let shown = sandbox.expect(0, &["runs", "show", id]).stdout;
    for piece in ["not to my taste", "function.a: memory_size", "InvalidParameterValueException", "Errors"] {
        assert!(shown.contains(piece), "`{piece}` is not in\n{shown}");
    }
    assert!(!shown.contains("lambda:GetFunction "), "only what went wrong is shown\n{shown}");
    assert!(sandbox.expect(0, &["runs", "show", id, "-v"]).stdout.contains("lambda:UpdateFunctionConfiguration"));
    sandbox.expect(6, &["runs", "show", "2000"]).says("No run is called `2000`");
}

#[test]
fn a_run_that_is_killed_leaves_a_record_that_can_be_read() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    world.proxy.rules([Rule::mutating().nth(3).signal("KILL")]);
    sandbox.run(&["up", "--yes"]);
    world.proxy.clear();
    let shown = show(&sandbox);
    assert_eq!(shown["run"]["result"], "killed", "{shown:#}");
    assert!(shown["calls"].as_array().unwrap().len() >= 2 && !shown["steps"].as_array().unwrap().is_empty(), "{shown:#}");
    sandbox.expect(0, &["runs"]).says("killed");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(show(&sandbox)["run"]["result"], "done");
}

#[test]
fn a_run_under_way_is_told_from_one_that_was_killed() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let running = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 1);
    assert_eq!(show(&sandbox)["run"]["result"], "running");
    world.proxy.release();
    running.wait().expect(0);
    assert_eq!(show(&sandbox)["run"]["result"], "done");
}

#[test]
fn a_record_that_cannot_be_written_stops_nothing() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    std::fs::create_dir_all(sandbox.path().join("state")).unwrap();
    sandbox.write("state/runs", "a file where the folder would be");
    for command in [&["plan"][..], &["up", "--yes"], &["drift"], &["destroy", "--yes"]] {
        sandbox.expect(0, command);
    }
    sandbox.expect(1, &["runs"]).says("runs");
    sandbox.expect(0, &["plan", "-v"]).says("Nothing of this run is written down");
}

#[test]
fn strange_files_among_the_records_stop_nothing() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["plan"]);
    sandbox.write("state/runs/20990101-000000-up.jsonl", "\u{0}\u{1}garbage\n[1]\n{\"event\":");
    sandbox.write("state/runs/20990101-000001-up.jsonl", "");
    sandbox.write("state/runs/notes.txt", "mine");
    let listed = fits(&sandbox.expect(0, &["runs", "--format", "json"]));
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1, "{listed:#}");
    show(&sandbox);
}

#[test]
fn what_changes_the_state_alone_is_on_record_too() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["state", "move", "function.a", "function.b"]);
    sandbox.expect(0, &["runs", "show"]).says("moved from  function.a").says("moved to    function.b");
    sandbox.expect(0, &["state", "forget", "function.b"]);
    assert!(show(&sandbox)["events"].as_array().unwrap().iter().any(|event| event["change"] == "forgotten"), "{:#}", show(&sandbox));
    sandbox.expect(0, &["import", "function.a", "demo-a"]);
    sandbox.expect(0, &["runs", "show"]).says("imported    function.a");
    sandbox.expect(0, &["state", "restore", "1", "--yes"]);
    sandbox.expect(0, &["unlock"]);
    sandbox.expect(0, &["gc"]);
    std::fs::remove_file(sandbox.state_file()).unwrap();
    sandbox.expect(0, &["state", "rebuild"]);
    sandbox.expect(0, &["runs", "show"]).says("rebuilt     role.a");
    let listed = fits(&sandbox.expect(0, &["runs", "--format", "json"]));
    let verbs: Vec<&str> = listed["runs"].as_array().unwrap().iter().map(|run| run["verb"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["state rebuild", "gc", "unlock", "state restore", "import", "state forget", "state move", "up"]);
}

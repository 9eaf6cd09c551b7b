//! Functions are called, and what they logged is read.

use crate::support::process::signal;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime};

on_each_emulator!(
    logs_of_several_functions_are_one_order_of_time,
    logs_tell_whose_they_are_in_a_shared_group,
    what_is_followed_comes_once_and_late_events_too,
    a_group_that_is_not_there_yet_is_followed_all_the_same,
    what_is_not_deployed_is_neither_called_nor_read,
);

/// Makes one test per emulator that really runs functions out of each scenario.
macro_rules! where_functions_run {
    ($($scenario:ident),+ $(,)?) => {
        mod running_on_ministack {
            $(#[test] fn $scenario() { super::$scenario($crate::support::Backend::Ministack); })+
        }
    };
}

where_functions_run!(
    a_function_is_called_and_its_answer_printed,
    a_function_that_fails_fails_the_command,
    an_event_is_handed_over_without_waiting,
    only_what_lambda_did_not_take_is_sent_again,
    ctrl_c_ends_a_call_at_once,
);

/// A runtime in a few lines: it logs its event, answers with it, or fails when asked to.
const PROGRAM: &str = r#"#!/bin/sh
''''exec python3 "$0" "$@" # '''
import json, os, urllib.request

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as call:
        event, id = json.loads(call.read()), call.headers["Lambda-Runtime-Aws-Request-Id"]
    print("saw " + json.dumps(event), flush=True)
    if isinstance(event, dict) and "fail" in event:
        error = {"errorType": "BadInput", "errorMessage": event["fail"], "stackTrace": ["  at line one", "  at line two"], "extra": 7}
        headers = {"Lambda-Runtime-Function-Error-Type": "BadInput"}
        urllib.request.urlopen(urllib.request.Request(api + id + "/error", json.dumps(error).encode(), headers)).close()
    else:
        urllib.request.urlopen(api + id + "/response", json.dumps({"echo": event}).encode()).close()
"#;

fn deployed(world: &World, spec: &str) -> Sandbox {
    let sandbox = world.sandbox(spec);
    sandbox.write("bootstrap", PROGRAM);
    std::fs::set_permissions(sandbox.path().join("bootstrap"), std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.clear();
    sandbox
}

fn plain(names: &[&str]) -> String {
    spec::header() + &names.iter().map(|name| spec::plain(name).replace("code =", "timeout = 20\ncode =")).collect::<String>()
}

fn calls(world: &World, operation: &str) -> usize {
    world.proxy.calls().iter().filter(|call| call.operation.name == operation).count()
}

fn a_function_is_called_and_its_answer_printed(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    let answer = sandbox.expect(0, &["invoke", "a", r#"{"x": [1, "ä"]}"#]);
    assert_eq!(serde_json::from_str::<Value>(&answer.stdout).unwrap(), json!({"echo": {"x": [1, "ä"]}}));
    assert!(!answer.stdout.ends_with('\n'), "the answer is what the function said and nothing else");
    assert!(answer.stderr.contains("saw {\"x\"") && answer.stderr.contains("a answered in"), "{answer}");
    assert_eq!(calls(&world, "Invoke"), 1);

    sandbox.write("event.json", "\"from a file\"");
    assert!(sandbox.expect(0, &["invoke", "a", "--payload", "@event.json"]).stdout.contains("from a file"));
    let nothing = sandbox.expect(0, &["invoke", "a", "--quiet", "--out", "answer.json"]);
    assert!(nothing.stdout.is_empty() && nothing.stderr.is_empty(), "{nothing}");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("answer.json")).unwrap(), "{\"echo\": {}}");
    let document = sandbox.expect(0, &["invoke", "a", "-5", "--format", "json"]).json();
    assert_eq!((&document["command"], &document["payload"]), (&json!("invoke"), &json!({"echo": -5})));

    world.proxy.clear();
    for (words, text) in [
        (&["invoke", "a", "hello"][..], "quote it"),
        (&["invoke", "a", "{\"a\":}"], "line 1 column 6"),
        (&["invoke", "a", "-"], "is empty"),
        (&["invoke", "a", "@nothing.json"], "cannot be read"),
        (&["invoke", "a", "--out", "no/folder/x"], "was not called"),
    ] {
        sandbox.expect(6, words).says(text);
    }
    assert_eq!(world.proxy.calls().len(), 0, "what is wrong is found before AWS is asked for anything");
}

fn a_function_that_fails_fails_the_command(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    let failed = sandbox.expect(1, &["invoke", "a", r#"{"fail": "no such thing"}"#]);
    assert_eq!(serde_json::from_str::<Value>(&failed.stdout).unwrap()["errorType"], "BadInput", "{failed}");
    for text in ["The function failed: function.a", "BadInput: no such thing", "at line one", "at line two", "extra: 7", "lambdo logs a"] {
        assert!(failed.stderr.contains(text), "{text} is not in\n{failed}");
    }
    let document = sandbox.expect(1, &["invoke", "a", r#"{"fail": "x"}"#, "--format", "json"]).json();
    assert_eq!((&document["payload"]["errorMessage"], &document["errors"][0]["code"]), (&json!("x"), &json!("function-failed")));
}

fn an_event_is_handed_over_without_waiting(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    let accepted = sandbox.expect(0, &["invoke", "a", "--async", r#"{"later": true}"#]);
    assert!(!accepted.stdout.trim().is_empty() && accepted.stderr.contains("lambdo logs a -f"), "{accepted}");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sandbox.expect(0, &["logs", "a"]).stdout.contains("saw {\"later\": true}") {
        assert!(Instant::now() < deadline, "it never ran");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn only_what_lambda_did_not_take_is_sent_again(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    world.proxy.rules([Rule::on("Invoke").first(2).throttle()]);
    sandbox.expect(0, &["invoke", "a"]).says("3 attempts");
    assert_eq!(calls(&world, "Invoke"), 3);
    world.proxy.rules([Rule::on("Invoke").throttle()]);
    sandbox.expect(1, &["invoke", "a"]).says("TooManyRequestsException");
    assert_eq!(calls(&world, "Invoke"), 4);
    world.proxy.rules([Rule::on("Invoke").drop_answer()]);
    sandbox.expect(1, &["invoke", "a"]).says("may have run all the same");
    assert_eq!(calls(&world, "Invoke"), 1);
    world.proxy.rules([Rule::on("Invoke").refuse(500, "ServiceException", "An internal error occurred")]);
    sandbox.expect(1, &["invoke", "a"]).says("may have run all the same");
    assert_eq!(calls(&world, "Invoke"), 1);
}

fn ctrl_c_ends_a_call_at_once(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    world.proxy.rules([Rule::on("Invoke").hold()]);
    let running = sandbox.start(&["invoke", "a"]);
    world.proxy.wait_for("Invoke", 1);
    let asked = Instant::now();
    signal(running.pid(), "INT");
    let output = running.wait().expect(130).says("its answer is lost");
    assert!(asked.elapsed() < Duration::from_secs(5), "{output}");
    world.proxy.release();
}

fn what_is_not_deployed_is_neither_called_nor_read(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&plain(&["hash", "report"]));
    for command in ["invoke", "logs"] {
        sandbox.expect(1, &[command, "hash"]).says("lambdo up hash");
        sandbox.expect(6, &[command, "hasch"]).says("did you mean `hash`?");
    }
    sandbox.expect(1, &["logs"]).says("lambdo up");
    assert_eq!(world.proxy.calls().len(), 0);
    sandbox.expect(0, &["up", "--yes", "hash"]);
    sandbox.expect(1, &["invoke", "report"]).says("lambdo up report");
    sandbox.expect(6, &["logs", "hash", "nonsense-*"]).says("Nothing has this name");
    // Moto answers for functions that it does not have, too.
    if backend != Backend::Moto {
        world.cloud.done(world.cloud.lambda.delete_function().function_name("demo-hash").send());
        sandbox.expect(1, &["invoke", "hash"]).says("lambdo drift hash");
    }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Puts messages with their ages in milliseconds into a stream.
fn log(world: &World, group: &str, stream: &str, now_ms: i64, messages: &[(i64, &str)]) {
    // It may be there already.
    let _ = world.cloud.wait(world.cloud.logs.create_log_stream().log_group_name(group).log_stream_name(stream).send());
    let event = |(age, text): &(i64, &str)| InputLogEvent::builder().timestamp(now_ms - age).message(*text).build().unwrap();
    let events = messages.iter().map(event).collect();
    world.cloud.done(world.cloud.logs.put_log_events().log_group_name(group).log_stream_name(stream).set_log_events(Some(events)).send());
}

/// Function and message of each line.
fn shown(stdout: &str) -> Vec<String> {
    stdout.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")).collect()
}

const STREAM: &str = "2026/11/22/[$LATEST]0123456789abcdef";

fn logs_of_several_functions_are_one_order_of_time(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a", "b", "report"]));
    let now = now_ms();
    log(&world, "/aws/lambda/demo-a", STREAM, now, &[(7_200_000, "old"), (9_000, "first\n"), (7_000, "third\n"), (7_000, "third\n")]);
    log(&world, "/aws/lambda/demo-b", STREAM, now, &[(8_000, "second\nline two\n"), (6_000, "fourth")]);
    log(&world, "/aws/lambda/demo-report", STREAM, now, &[(5_000, "fifth")]);
    let all = sandbox.expect(0, &["logs"]);
    assert_eq!(shown(&all.stdout), ["a first", "b second", "b line two", "a third", "a third", "b fourth", "report fifth"], "{all}");
    assert_eq!(shown(&sandbox.expect(0, &["logs", "r*"]).stdout), ["report fifth"]);
    assert_eq!(shown(&sandbox.expect(0, &["logs", "--since", "3h", "--grep", "o"]).stdout)[0], "a old");
    assert_eq!(shown(&sandbox.expect(0, &["logs", "--grep", "ir"]).stdout), ["a first", "a third", "a third"]);
    sandbox.expect(0, &["logs", "--since", "1s"]).says("Nothing was logged");
    let lines = sandbox.expect(0, &["logs", "b", "--format", "json"]).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["message"], &lines[0]["function"], &lines[1]["message"]),
        (&json!("second\nline two"), &json!("b"), &json!("fourth"))
    );
    let time = lines[1]["timestamp"].as_str().unwrap();
    assert_eq!(shown(&sandbox.expect(0, &["logs", "b", "--since", time]).stdout), ["b fourth"]);
}

fn logs_tell_whose_they_are_in_a_shared_group(backend: Backend) {
    let world = World::start(backend);
    // A group belongs to one function; others may write to it.
    let shared = plain(&["a", "b"]).replace("code =", "logging_config = { log_group = \"/shared\" }\ncode =");
    let shared = shared.replace("[function.b]", "[function.b]\nlog_group.log_group_name = \"/of-b\"");
    let sandbox = deployed(&world, &shared);
    let now = now_ms();
    log(&world, "/shared", "2026/11/22/demo-a[$LATEST]01", now, &[(3_000, "from a")]);
    log(&world, "/shared", "2026/11/22/demo-b[$LATEST]01", now, &[(2_000, "from b")]);
    log(&world, "/shared", "2026/11/22/stranger[$LATEST]01", now, &[(1_000, "from a stranger")]);
    assert_eq!(shown(&sandbox.expect(0, &["logs"]).stdout), ["a from a", "b from b"]);
    assert_eq!(shown(&sandbox.expect(0, &["logs", "b"]).stdout), ["b from b"]);
}

fn what_is_followed_comes_once_and_late_events_too(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a", "b"]));
    let now = now_ms();
    log(&world, "/aws/lambda/demo-a", STREAM, now, &[(30_000, "one")]);
    world.proxy.rules([Rule::on("FilterLogEvents").every(3).throttle()]);
    let running = sandbox.start(&["logs", "-f", "--since", "1m"]);
    world.proxy.wait_for("FilterLogEvents", 4);
    log(&world, "/aws/lambda/demo-b", STREAM, now, &[(20_000, "two"), (20_000, "two")]);
    world.proxy.wait_for("FilterLogEvents", 8);
    log(&world, "/aws/lambda/demo-a", "2026/11/22/[$LATEST]fedcba", now, &[(40_000, "late")]);
    log(&world, "/aws/lambda/demo-a", STREAM, now, &[(10_000, "three")]);
    world.proxy.wait_for("FilterLogEvents", 14);
    signal(running.pid(), "INT");
    let output = running.wait().expect(130);
    assert_eq!(shown(&output.stdout), ["a one", "b two", "b two", "a late", "a three"], "{output}");
    assert!(!output.stderr.contains("error"), "{output}");
}

fn a_group_that_is_not_there_yet_is_followed_all_the_same(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, &plain(&["a"]));
    let group = "/aws/lambda/demo-a";
    world.cloud.done(world.cloud.logs.delete_log_group().log_group_name(group).send());
    sandbox.expect(0, &["logs"]).says("does not exist");
    world.proxy.clear();
    let running = sandbox.start(&["logs", "-f"]);
    world.proxy.wait_for("FilterLogEvents", 2);
    world.cloud.done(world.cloud.logs.create_log_group().log_group_name(group).send());
    log(&world, group, STREAM, now_ms(), &[(0, "here")]);
    world.proxy.wait_for("FilterLogEvents", 5);
    signal(running.pid(), "TERM");
    let output = running.wait().expect(130).says("does not exist yet");
    assert_eq!(shown(&output.stdout), ["a here"], "{output}");
}

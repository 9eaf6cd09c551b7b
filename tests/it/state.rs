//! The state's files: kept, shown, checked, locked, and what happens when the disk or somebody else breaks them.

use crate::formats::fits;
use crate::support::process::signal;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

on_each_emulator!(a_second_run_can_wait_for_the_first, a_killed_holder_strands_nobody);

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

/// The state file as JSON.
fn state(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&fs::read_to_string(sandbox.state_file()).unwrap()).unwrap()
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    fits(&sandbox.expect(0, &[arguments, &["--format", "json"]].concat()))
}

fn a_second_run_can_wait_for_the_first(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let first = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 1);
    let holder = format!("process {}", first.pid());
    sandbox.expect(6, &["up", "--yes", "--lock-wait", "soon"]).says("no time such as");
    sandbox.expect(7, &["up", "--yes", "--lock-wait", "1s"]).says(&holder).says("--lock-wait 10m");
    sandbox.expect(7, &["state", "restore", "1", "--yes"]).says(&holder);
    // Who only looks is told that what is seen is made by halves.
    sandbox.run(&["plan"]).says("A run is under way").says(&holder);
    sandbox.run(&["drift"]).says("A run is under way").says(&holder);
    let second = sandbox.start(&["up", "--yes", "--lock-wait", "10m", "--events", "events"]);
    let events = || fs::read_to_string(sandbox.path().join("events")).unwrap_or_default();
    while !events().contains(&holder) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    world.proxy.release();
    first.wait().expect(0);
    let output = second.wait().expect(0);
    assert!(output.stdout.contains("No changes"), "it has planned from what the first one left\n{output}");
    assert!(!sandbox.expect(0, &["plan"]).stderr.contains("under way"), "nobody works any more");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_killed_holder_strands_nobody(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let first = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 1);
    signal(first.pid(), "KILL");
    assert_eq!(first.wait().signal, Some(9));
    world.proxy.release();
    world.proxy.settle();
    world.proxy.clear();
    let note = fs::read_to_string(sandbox.path().join("state/demo.holder")).unwrap();
    // Its number has been given to a process that lives: the note is not what counts.
    let mut holder: Value = serde_json::from_str(&note).unwrap();
    holder["pid"] = std::process::id().into();
    fs::write(sandbox.path().join("state/demo.holder"), holder.to_string()).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn generations_are_listed_compared_and_brought_back() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["state", "history"]).says("No earlier generation");
    sandbox.expect(6, &["state", "diff", "1"]).says("none is kept before");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.edit("[function.a.event_rule.nightly]\nschedule_expression = \"rate(1 day)\"\n", "");
    sandbox.expect(0, &["up", "--yes"]);
    let history = sandbox.expect(0, &["state", "history"]).says("serial 1  ").says("state diff 1").says("state restore 1");
    assert_eq!(history.stdout.lines().count(), 1, "{history}");
    let diff = sandbox.expect(0, &["state", "diff", "1"]).says("inputs.timeout: 3 -> 9").says("- event_rule.a.nightly");
    assert_eq!(sandbox.expect(0, &["state", "diff", "1", "2"]).stdout, diff.stdout);
    sandbox.expect(0, &["state", "diff", "2"]).says("say the same");
    sandbox.expect(6, &["state", "diff", "7"]).says("these are kept: 1");
    let document = json(&sandbox, &["state", "diff", "1"]);
    assert_eq!((&document["before"], &document["after"]), (&1.into(), &2.into()));
    assert!(document["entries"].as_array().unwrap().iter().any(|entry| entry["standing"] == "removed"), "{document:#}");
    json(&sandbox, &["state", "history"]);
    json(&sandbox, &["state", "list"]);

    sandbox.expect(6, &["state", "restore", "1"]).says("inputs.timeout: 9 -> 3").says("Nobody can be asked");
    sandbox.expect(6, &["state", "restore", "7", "--yes"]).says("these are kept: 1");
    let restored = json(&sandbox, &["state", "restore", "1", "--yes"]);
    assert_eq!((&restored["generation"], &restored["serial"]), (&1.into(), &3.into()), "{restored:#}");
    // The one before is a generation now, and a damaged state is no obstacle.
    fs::write(sandbox.state_file(), "{ damaged").unwrap();
    sandbox.expect(0, &["state", "restore", "2", "--yes"]).says("The damaged state is replaced").says("is serial 3 now");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["state", "restore", "1", "--yes"]).says("+ event_rule.a.nightly").says("is serial 4 now");
    sandbox.expect(3, &["drift"]).says("timeout: 3 -> 9").says("event_rule.a.nightly");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_state_of_an_older_format_goes_on_in_the_newer_one() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let mut older = state(&sandbox);
    older["format"] = 1.into();
    for entry in older["entries"].as_object_mut().unwrap().values_mut() {
        entry.as_object_mut().unwrap().remove("keeps_name");
    }
    fs::write(sandbox.state_file(), format!("{older:#}\n")).unwrap();
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(state(&sandbox)["format"], 1, "a plan writes nothing");
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(state(&sandbox)["format"], lambdo::model::state::STATE_FORMAT);
    sandbox.expect(0, &["state", "diff", "1"]).says("inputs.timeout: 3 -> 9");
}

#[test]
fn a_broken_state_is_refused_with_a_way_out_and_changes_nothing() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let whole = fs::read_to_string(sandbox.state_file()).unwrap();
    let before = world.cloud.snapshot();
    let other_account = whole.replace("\"account\": \"123456789012\"", "\"account\": \"999999999999\"");
    let other_region = whole.replace("\"region\": \"eu-central-1\"", "\"region\": \"eu-west-1\"");
    let nameless = whole.replacen("\"physical_id\": \"demo-a\"", "\"physical_id\": \"\"", 1);
    let cases: [(&str, &str, i32, &[&str]); 8] = [
        ("cut off", &whole[..whole.len() / 2], 1, &["cannot be understood", "state/history/demo.1.json", "lambdo state restore 1"]),
        ("empty", "", 1, &["cannot be understood", "lambdo state restore 1"]),
        ("something else", "hello", 1, &["cannot be understood", "line 1"]),
        ("half merged", &format!("<<<<<<< ours\n{whole}"), 1, &["a merge that was not finished"]),
        ("of a newer version", "{\"format\": 99}", 1, &["written by a newer lambdo", "format 99"]),
        ("of another account", &other_account, 8, &["999999999999", "another account or region"]),
        ("of another region", &other_region, 8, &["eu-west-1", "another account or region"]),
        ("nameless", &nameless, 1, &["contradicts itself", "`function.a` has no name in AWS"]),
    ];
    for (what, text, code, says) in cases {
        assert_ne!(text, whole, "{what}");
        fs::write(sandbox.state_file(), text).unwrap();
        for command in [&["plan"][..], &["up", "--yes"], &["destroy", "--yes"], &["drift"]] {
            let output = sandbox.expect(code, command);
            says.iter().for_each(|says| assert!(output.stderr.contains(says), "{what}: expected `{says}`\n{output}"));
        }
        assert_eq!(fs::read_to_string(sandbox.state_file()).unwrap(), text, "{what}: left as it is");
    }
    assert_eq!(world.cloud.snapshot(), before);
    fs::write(sandbox.state_file(), &whole).unwrap();
    fs::write(sandbox.path().join("state/history/demo.1.json"), "garbage").unwrap();
    sandbox.expect(1, &["state", "diff", "1"]).says("It is a kept generation");
    sandbox.expect(0, &["destroy", "--yes"]);
}

#[test]
fn a_broken_journal_is_refused_with_a_way_out() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("CreateFunction").signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    world.proxy.clear();
    let path = sandbox.path().join("state/demo.journal");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() > 3, "{whole}");
    let garbled = [&[lines[0], "garbage"], &lines[1..]].concat().join("\n") + "\n";
    let newer = whole.replace("\"format\":4", "\"format\":99");
    let headless = lines[1..].join("\n") + "\n";
    for (what, text, says) in [
        ("garbled", &garbled, "Line 2 of the journal"),
        ("of a newer version", &newer, "written by a newer lambdo"),
        ("without its head", &headless, "a journal begins with a header"),
    ] {
        assert_ne!(text, &whole, "{what}");
        fs::write(&path, text).unwrap();
        for command in [&["plan"][..], &["up", "--yes"], &["destroy", "--yes"]] {
            sandbox.expect(1, command).says(says);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), *text, "{what}: left as it is");
    }
    // The last line of a killed run may be torn: it was never acknowledged.
    fs::write(&path, format!("{whole}{{\"record\":\"beg")).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_full_disk_ends_a_run_with_a_message_and_the_next_run_goes_on() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::many(3, "info"));
    let mut ends = BTreeSet::new();
    // From the first byte on, in the middle of the journal, and when only the state does not fit.
    for blocks in [0, 1, 4, 10, 20, 40] {
        let calls = world.proxy.mutating();
        let output = sandbox.run_with_short_files(blocks, &["up", "--yes"]);
        let code = output.code.unwrap_or_else(|| panic!("{blocks} blocks: it ends by itself\n{output}"));
        assert!([0, 1, 9].contains(&code), "{blocks} blocks\n{output}");
        assert!(!output.stderr.contains("panicked"), "{output}");
        if code != 0 {
            assert!(output.stderr.contains("state") && output.stderr.contains("lambdo cannot write"), "{blocks} blocks\n{output}");
        }
        if code == 1 {
            assert_eq!(world.proxy.mutating(), calls, "{blocks} blocks: nothing was applied\n{output}");
        }
        ends.insert(code);
    }
    assert!(ends.contains(&1), "{ends:?}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_folder_that_cannot_be_written_stops_a_run_before_it_changes_anything() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let read_only = if Path::new("/proc").is_dir() { "/proc/lambdo" } else { "/dev/null/lambdo" };
    for command in [&["up", "--yes"][..], &["destroy", "--yes"]] {
        sandbox.expect(1, &[command, &["--state-dir", read_only]].concat()).says("--state-dir").says(read_only);
    }
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
}

//! Ctrl-C at any time ends with 130 and a true state.

use crate::support::process::signal;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

on_each_emulator!(
    ctrl_c_at_several_moments_keeps_the_state_true,
    a_second_ctrl_c_does_not_wait,
    what_was_on_its_way_at_a_second_ctrl_c_is_destroyed_too,
    a_plan_can_be_interrupted,
    a_terminal_that_closes_ends_a_run_like_ctrl_c,
);

fn two() -> String {
    spec::header() + &spec::scheduled("a") + &spec::scheduled("b")
}

fn ctrl_c_at_several_moments_keeps_the_state_true(backend: Backend) {
    let world = World::start(backend);
    let moments = [
        Rule::any().nth(1),
        Rule::any().nth(3),
        Rule::mutating().nth(1),
        Rule::mutating().nth(4),
        Rule::on("CreateFunction").nth(1),
        Rule::on("PutRule").nth(1),
    ];
    for moment in moments {
        world.reset();
        let sandbox = world.sandbox(&two());
        world.proxy.rules([moment.clone().signal("INT")]);
        let output = sandbox.run(&["up", "--yes"]);
        assert_eq!(output.code, Some(130), "{moment:?}\n{output}");
        is_true(&world, &sandbox);
    }
}

/// The state says what is there: the next run makes only what is missing, and knows all of it.
fn is_true(world: &World, sandbox: &Sandbox) {
    world.proxy.settle();
    world.proxy.clear();
    if sandbox.state_file().exists() {
        let text = std::fs::read_to_string(sandbox.state_file()).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).expect("the state file is JSON");
        assert_eq!(state["project"], "demo");
        sandbox.expect(0, &["state", "list"]);
    } else {
        assert_eq!(world.cloud.names(), BTreeSet::new(), "something is there and no state knows it");
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn a_second_ctrl_c_does_not_wait(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    aborted(&world, &sandbox);
    is_true(&world, &sandbox);
}

fn what_was_on_its_way_at_a_second_ctrl_c_is_destroyed_too(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    aborted(&world, &sandbox);
    world.proxy.settle();
    world.proxy.clear();
    assert!(world.cloud.names().contains("function.demo-a"), "{:?}", world.cloud.names());
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// An `up` that is stopped twice while both CreateFunction are on their way; they arrive all the same.
fn aborted(world: &World, sandbox: &Sandbox) {
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let running = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 2);
    signal(running.pid(), "INT");
    std::thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    signal(running.pid(), "INT");
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    assert!(asked.elapsed() < Duration::from_secs(10), "it waited for the call that hangs");
    world.proxy.release();
}

/// The shell and the system both say it, so that it often comes twice.
fn a_terminal_that_closes_ends_a_run_like_ctrl_c(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    world.proxy.rules([Rule::mutating().nth(2).signal("HUP"), Rule::mutating().nth(3).signal("HUP")]);
    let output = sandbox.run(&["up", "--yes"]);
    assert_eq!(output.code, Some(130), "{output}");
    is_true(&world, &sandbox);
    // Under `nohup` it goes on.
    world.proxy.rules([Rule::mutating().nth(2).signal("HUP")]);
    sandbox.start_after("trap '' HUP", &["up", "--yes"]).wait().expect(0);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn a_plan_can_be_interrupted(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    world.proxy.rules([Rule::any().nth(2).signal("INT")]);
    sandbox.expect(130, &["plan"]);
    assert!(!sandbox.state_file().exists());
}

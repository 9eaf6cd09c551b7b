//! How long runs take behind a latency. Printed, never asserted: `scripts/measure` runs it.

use crate::support::{Backend, World, spec};
use std::time::{Duration, Instant};

const FUNCTIONS: usize = 100;
const LATENCY: Duration = Duration::from_millis(50);

#[test]
#[ignore = "a measurement, not a test: run `scripts/measure`"]
fn a_hundred_functions_behind_fifty_milliseconds() {
    let world = World::start(Backend::Ministack);
    world.proxy.latency(LATENCY);
    let sandbox = world.sandbox(&spec::many(FUNCTIONS, "info"));
    println!("{FUNCTIONS} functions with schedules, {} ms of latency per call", LATENCY.as_millis());
    println!("{:<28} {:>9} {:>7} {:>9}", "run", "seconds", "reads", "changes");
    let time = |what: &str, arguments: &[&str]| {
        world.proxy.clear();
        let start = Instant::now();
        sandbox.expect(0, arguments);
        let seconds = start.elapsed().as_secs_f64();
        println!("{what:<28} {seconds:>9.2} {:>7} {:>9}", world.proxy.reading(), world.proxy.mutating());
    };
    time("up, from nothing", &["up", "--yes"]);
    for _ in 0..3 {
        time("plan, nothing changed", &["plan", "--exit-code"]);
    }
    time("drift, nothing changed", &["drift"]);
    sandbox.spec(&spec::many(FUNCTIONS, "debug"));
    time("up, one variable each", &["up", "--yes"]);
    time("destroy", &["destroy", "--yes"]);
}

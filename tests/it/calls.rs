//! How many calls a function costs.

use crate::support::{Backend, World, on_each_emulator, spec};

on_each_emulator!(a_function_costs_few_calls);

const FUNCTIONS: usize = 20;
/// What a run may cost whatever the number of functions: who am I, the bulk reads and their pages.
const FIXED: usize = 15;

fn a_function_costs_few_calls(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::many(FUNCTIONS, "info"));
    sandbox.expect(0, &["up", "--yes", "--parallel", "20"]);
    limit(&world, "creating", world.proxy.calls().len(), 10 * FUNCTIONS + FIXED);

    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(world.proxy.mutating(), 0);
    limit(&world, "reading", world.proxy.reading(), 3 * FUNCTIONS + FIXED);

    world.proxy.clear();
    sandbox.expect(0, &["drift"]);
    limit(&world, "reading for drift", world.proxy.reading(), 3 * FUNCTIONS + FIXED);

    sandbox.spec(&spec::many(FUNCTIONS, "debug"));
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    limit(&world, "updating one variable", world.proxy.mutating(), 3 * FUNCTIONS);

    sandbox.edit("LOG_LEVEL = \"debug\" }\ncode", "LOG_LEVEL = \"info\" }\nmemory_size = 256\ncode");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes", "f1"]);
    limit(&world, "updating one function of all", world.proxy.mutating(), 3);

    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    limit(&world, "destroying", world.proxy.mutating(), 8 * FUNCTIONS);
    assert!(world.cloud.names().is_empty());
}

#[track_caller]
fn limit(world: &World, what: &str, count: usize, limit: usize) {
    assert!(count <= limit, "{what} takes {count} calls, {limit} are allowed: {:#?}", world.proxy.tally());
}

//! How many calls a function costs.

use crate::support::{Backend, Sandbox, World, on_each_emulator, spec, static_program};

on_each_emulator!(a_function_costs_few_calls, a_layer_costs_few_calls, a_repository_costs_few_calls);

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

/// Few enough that a run is not long, and enough that a call for each is seen.
const MANY: usize = 10;

/// What a spec with [`MANY`] of something costs, of each: to make them, to look, to delete them.
#[track_caller]
fn costs(world: &World, sandbox: &Sandbox, (create, read, delete): (usize, usize, usize)) {
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    limit(world, "creating", world.proxy.mutating(), create * MANY + FIXED);
    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(world.proxy.mutating(), 0);
    limit(world, "reading", world.proxy.reading(), read * MANY + FIXED);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:#?}", world.proxy.tally());
    limit(world, "a run with nothing to do", world.proxy.reading(), read * MANY + FIXED);
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    limit(world, "destroying", world.proxy.mutating(), delete * MANY);
}

fn a_layer_costs_few_calls(backend: Backend) {
    let world = World::start(backend);
    let layer = |number| format!("[layer.l{number}]\ncode = {{ dir = \"l{number}\" }}\n\n");
    let sandbox = world.sandbox(&(spec::header() + &(0..MANY).map(layer).collect::<String>()));
    for number in 0..MANY {
        std::fs::create_dir_all(sandbox.path().join(format!("l{number}/bin"))).unwrap();
        sandbox.write(&format!("l{number}/bin/data"), &number.to_string());
    }
    costs(&world, &sandbox, (1, 1, 1));
    assert!((0..MANY).all(|number| world.cloud.layer_versions(&format!("demo-l{number}")).is_empty()));
}

fn a_repository_costs_few_calls(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &(0..MANY).map(|number| format!("[ecr.e{number}]\n\n")).collect::<String>()));
    // Making it, who may use it, and which images expire: an operation of ECR each.
    costs(&world, &sandbox, (3, 1, 1));
}

#[test]
fn an_image_costs_few_calls() {
    // moto has no registry to push to, and ministack gives back no image by its tag.
    let world = World::start(Backend::Local);
    let image = |number| {
        format!(
            "[function.f{number}]\nimage = {{ base = \"scratch\", files = {{ bootstrap = \"bootstrap\" }}, entry_point = [\"/bootstrap\"], repository = \"images\" }}\n\n"
        )
    };
    let sandbox = world.sandbox(&(spec::header() + "[ecr.images]\n\n" + &(0..MANY).map(image).collect::<String>()));
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    // A role with its policy, a group, the function, and deleting the image; the repository is shared.
    costs(&world, &sandbox, (5, 3, 6));
    assert!(world.cloud.names().is_empty());
}

#[test]
fn a_package_in_s3_is_sent_and_asked_for_once_however_many_need_it() {
    let world = World::start(Backend::Local);
    world.cloud.bucket("demo-code");
    let header = spec::header().trim_end().to_owned() + "\ncode_bucket = \"demo-code\"\n\n";
    let large = |number| spec::plain(&format!("f{number}")).replace("{ file = \"bootstrap\" }", "{ zip = \"large.zip\" }");
    let sandbox = world.sandbox(&(header + &(0..MANY).map(large).collect::<String>()));
    super::storage::large_zip(&sandbox, 1);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.calls_of("CompleteMultipartUpload").len(), 1, "{:#?}", world.proxy.tally());
    let of_s3 = |names: &[&str]| names.iter().map(|name| world.proxy.calls_of(name).len()).sum::<usize>();
    world.proxy.clear();
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert!(of_s3(&["HeadObject", "GetObject", "ListObjectsV2", "HeadBucket"]) <= 2, "{:#?}", world.proxy.tally());
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.proxy.calls_of("DeleteObject").len(), 1, "{:#?}", world.proxy.tally());
}

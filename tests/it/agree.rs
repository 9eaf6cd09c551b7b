//! What comes back from the local cloud and from two emulators, after the same spec, is the same.

use crate::storage::large_zip;
use crate::support::inventory::Snapshot;
use crate::support::{Backend, World, exceptions, spec, static_program};
use std::collections::{BTreeMap, BTreeSet};

const MORE: &str = "ephemeral_storage = { size = 1024 }\ntracing_config = { mode = \"Active\" }\n\
    logging_config = { log_format = \"JSON\" }\nhandler =";

fn snapshot(backend: Backend) -> Snapshot {
    let world = World::start(backend);
    let sandbox = world.sandbox(&spec::full().replace("handler =", MORE));
    sandbox.expect(0, &["up", "--yes"]);
    let snapshot = world.cloud.snapshot();
    assert_eq!(snapshot.len(), 4, "{snapshot:?}");
    snapshot
}

/// Every field by path, without what differs from run to run.
fn flat(prefix: &str, snapshot: Snapshot) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (resource, fields) in snapshot {
        for (field, mut value) in fields {
            if let Some(tags) = value.as_object_mut().filter(|_| field == "tags") {
                assert!(tags.remove("lambdo:lineage").is_some(), "{resource} carries no lineage");
            }
            // The order of keys in a JSON text says nothing.
            let sorted = lambdo::model::Value::from_json(&value).to_json();
            flat.insert(format!("{prefix}{resource}.{field}"), sorted.to_string());
        }
    }
    flat
}

#[test]
fn the_local_cloud_and_the_emulators_agree_but_for_the_exceptions() {
    agree("fields.", snapshot);
}

const BUCKET: &str = "demo-code";

/// A layer with all that it can say, a function with it, a repository, and a package in S3; moto has no registry to
/// push an image to.
fn parts(backend: Backend) -> Snapshot {
    let world = World::start(backend);
    world.cloud.bucket(BUCKET);
    let header = spec::header().trim_end().to_owned() + &format!("\ncode_bucket = \"{BUCKET}\"\n\n");
    let layer = "[layer.tools]\ndescription = \"Tools\"\ncompatible_runtimes = [\"provided.al2023\", \"python3.13\"]\n\
        compatible_architectures = [\"arm64\"]\nlicense_info = \"MIT\"\ncode = { dir = \"tools\" }\n\n";
    let repository = "[ecr.images]\ntags = { team = \"core\" }\n\n";
    let function = spec::plain("a").replace("{ file = \"bootstrap\" }", "{ zip = \"large.zip\" }");
    let sandbox = world.sandbox(&(header + layer + repository + &function));
    std::fs::create_dir_all(sandbox.path().join("tools/bin")).unwrap();
    sandbox.write("tools/bin/data", "data");
    large_zip(&sandbox, 1);
    sandbox.expect(0, &["up", "--yes"]);
    let snapshot = world.cloud.parts(&[BUCKET]);
    assert_eq!(snapshot.len(), 3, "{snapshot:?}");
    snapshot
}

#[test]
fn they_agree_on_what_functions_are_made_of() {
    agree("parts.", parts);
}

/// An image that is pushed and run by a function; only ministack has a registry too.
fn image(backend: Backend) -> Snapshot {
    let world = World::start(backend);
    let image = "[function.a]\nimage = { base = \"scratch\", files = { bootstrap = \"bootstrap\" }, entry_point = [\"/bootstrap\"] }\n\
        image_config = { command = [\"x\"], working_directory = \"/tmp\" }\n";
    let sandbox = world.sandbox(&(spec::header() + image));
    std::fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    let mut snapshot = world.cloud.parts(&[]);
    snapshot.extend(world.cloud.snapshot());
    assert_eq!(snapshot.len(), 5, "{snapshot:?}");
    snapshot
}

#[test]
fn they_agree_on_images() {
    differences("images.", image, &[Backend::Ministack]);
}

fn agree(prefix: &str, snapshot: fn(Backend) -> Snapshot) {
    differences(prefix, snapshot, &[Backend::Ministack, Backend::Moto]);
}

#[track_caller]
fn differences(prefix: &str, snapshot: fn(Backend) -> Snapshot, emulators: &[Backend]) {
    let local = flat(prefix, snapshot(Backend::Local));
    let mut problems = Vec::new();
    for emulator in emulators.iter().copied() {
        let theirs = flat(prefix, snapshot(emulator));
        let paths: BTreeSet<&String> = local.keys().chain(theirs.keys()).collect();
        let different: BTreeSet<&str> =
            paths.into_iter().filter(|path| local.get(*path) != theirs.get(*path)).map(String::as_str).collect();
        let excused: BTreeSet<&str> =
            exceptions::below(prefix).filter(|exception| exception.emulator == emulator).map(|exception| exception.path).collect();
        let describe = |path: &&str| format!("{path}\n  local {:?}\n  {emulator} {:?}", local.get(*path), theirs.get(*path));
        problems.extend(different.difference(&excused).map(describe));
        problems.extend(excused.difference(&different).map(|path| format!("{path} of {emulator}: the exception is no longer needed")));
    }
    assert!(problems.is_empty(), "the clouds disagree:\n{}", problems.join("\n"));
}

//! What comes back from the local cloud and from two emulators, after the same spec, is the same.

use crate::support::inventory::Snapshot;
use crate::support::{Backend, World, exceptions, spec};
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
fn flat(snapshot: Snapshot) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (resource, fields) in snapshot {
        for (field, mut value) in fields {
            if let Some(tags) = value.as_object_mut().filter(|_| field == "tags") {
                assert!(tags.remove("lambdo:lineage").is_some(), "{resource} carries no lineage");
            }
            // The order of keys in a JSON text says nothing.
            let sorted = lambdo::model::Value::from_json(&value).to_json();
            flat.insert(format!("fields.{resource}.{field}"), sorted.to_string());
        }
    }
    flat
}

#[test]
fn the_local_cloud_and_the_emulators_agree_but_for_the_exceptions() {
    let local = flat(snapshot(Backend::Local));
    let mut problems = Vec::new();
    for emulator in [Backend::Ministack, Backend::Moto] {
        let theirs = flat(snapshot(emulator));
        let paths: BTreeSet<&String> = local.keys().chain(theirs.keys()).collect();
        let different: BTreeSet<&str> =
            paths.into_iter().filter(|path| local.get(*path) != theirs.get(*path)).map(String::as_str).collect();
        let excused: BTreeSet<&str> =
            exceptions::below("fields.").filter(|exception| exception.emulator == emulator).map(|exception| exception.path).collect();
        let describe = |path: &&str| format!("{path}\n  local {:?}\n  {emulator} {:?}", local.get(*path), theirs.get(*path));
        problems.extend(different.difference(&excused).map(describe));
        problems.extend(excused.difference(&different).map(|path| format!("{path} of {emulator}: the exception is no longer needed")));
    }
    assert!(problems.is_empty(), "the clouds disagree:\n{}", problems.join("\n"));
}

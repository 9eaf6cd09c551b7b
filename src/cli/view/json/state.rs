//! The documents of `state …`.

use super::{VERSION, head, insert_some, resource};
use crate::cli::view::{Orphan, Title};
use crate::model::{Address, Entry, EntryDifference, EntryStanding, Move, ValueDifference};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The document of `state list`.
pub fn state_list(project: &str, stage: Option<&str>, serial: u64, entries: &BTreeMap<Address, Entry>) -> Json {
    let resources: Vec<Json> = entries.iter().map(|(address, entry)| resource(address, entry)).collect();
    json!({ "version": VERSION, "command": "state list", "project": project, "stage": stage, "serial": serial, "resources": resources })
}

/// The document of `state show`.
pub fn state_show(address: &Address, entry: &Entry) -> Json {
    json!({ "version": VERSION, "command": "state show", "address": address, "entry": entry })
}

/// The document of `state history`: serial, place and time of each kept generation.
pub fn state_history(generations: &[(u64, &str, Option<&str>)]) -> Json {
    let row = |(serial, place, saved_at): &(u64, &str, Option<&str>)| {
        let mut object = Map::new();
        object.insert("serial".into(), (*serial).into());
        object.insert("place".into(), (*place).into());
        insert_some(&mut object, "saved_at", saved_at.map(Json::from));
        Json::from(object)
    };
    json!({ "version": VERSION, "command": "state history", "generations": generations.iter().map(row).collect::<Vec<_>>() })
}

/// The document of `state forget`: what the state does not know any more.
pub fn state_forget(serial: u64, forgotten: &[(Address, Entry)]) -> Json {
    let resources: Vec<Json> = forgotten.iter().map(|(address, entry)| resource(address, entry)).collect();
    json!({ "version": VERSION, "command": "state forget", "serial": serial, "resources": resources })
}

/// The document of `state move`: the addresses before and now.
pub fn state_move(serial: u64, moves: &[Move]) -> Json {
    json!({ "version": VERSION, "command": "state move", "serial": serial, "moves": moves })
}

/// The document of `state diff`: the two serials and what the second says otherwise.
pub fn state_diff(before: u64, after: u64, differences: &[EntryDifference]) -> Json {
    json!({ "version": VERSION, "command": "state diff", "before": before, "after": after, "entries": entries(differences) })
}

/// The document of `state restore`: the generation, the serial that it has from now on, and what it says otherwise.
pub fn state_restore(generation: u64, serial: u64, differences: &[EntryDifference]) -> Json {
    json!({
        "version": VERSION, "command": "state restore", "generation": generation, "serial": serial, "entries": entries(differences),
    })
}

fn entries(differences: &[EntryDifference]) -> Vec<Json> {
    let value = |one: &ValueDifference| {
        let mut object = Map::from_iter([("path".to_owned(), json!(one.path))]);
        insert_some(&mut object, "before", one.before.clone());
        insert_some(&mut object, "after", one.after.clone());
        Json::from(object)
    };
    let entry = |one: &EntryDifference| match &one.standing {
        EntryStanding::Added => json!({ "address": one.address, "standing": "added" }),
        EntryStanding::Removed => json!({ "address": one.address, "standing": "removed" }),
        EntryStanding::Changed(values) => {
            json!({ "address": one.address, "standing": "changed", "changes": values.iter().map(value).collect::<Vec<_>>() })
        }
    };
    differences.iter().map(entry).collect()
}

/// The document of `state rebuild`: what was found, and the addresses of which the plan is not empty or is refused.
pub fn state_rebuild(title: &Title, lineage: &str, entries: &BTreeMap<Address, Entry>, differing: &BTreeSet<&Address>) -> Json {
    let mut document = head("state rebuild", title);
    document.insert("lineage".into(), lineage.into());
    document.insert("resources".into(), entries.iter().map(|(address, entry)| resource(address, entry)).collect());
    document.insert("differing".into(), json!(differing));
    document.into()
}

/// The document of `import`.
pub fn import(serial: u64, address: &Address, entry: &Entry) -> Json {
    json!({ "version": VERSION, "command": "import", "serial": serial, "resource": resource(address, entry) })
}

/// The document of `gc` that lists.
pub fn gc(title: &Title, orphans: &[Orphan]) -> Json {
    let one = |orphan: &Orphan| {
        json!({
            "address": orphan.address, "kind": orphan.address.kind, "physical_id": orphan.physical_id,
            "lineage": orphan.lineage, "standing": orphan.standing,
        })
    };
    let mut document = head("gc", title);
    document.insert("found".into(), orphans.iter().map(one).collect());
    document.into()
}

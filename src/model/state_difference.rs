//! What differs between two states of one lineage.

use super::{Address, Entry, Path, State};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One resource that two states do not say the same of.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryDifference {
    /// Which resource.
    pub address: Address,
    /// How it differs.
    pub standing: EntryStanding,
}

/// How an entry of one state stands in the other.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryStanding {
    /// Only the second state has it.
    Added,
    /// Only the first state has it.
    Removed,
    /// Both have it, and these values differ.
    Changed(Vec<ValueDifference>),
}

/// One value of an entry, in the words of the state file; `None` where it is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueDifference {
    /// Where in the entry, such as `inputs.memory_size`.
    pub path: Path,
    /// In the first state.
    pub before: Option<Value>,
    /// In the second state.
    pub after: Option<Value>,
}

impl State {
    /// What `other` says of resources that this state does not, by address.
    pub fn differences(&self, other: &Self) -> Vec<EntryDifference> {
        let addresses: BTreeSet<&Address> = self.entries.keys().chain(other.entries.keys()).collect();
        let standing = |address: &Address| match (self.entries.get(address), other.entries.get(address)) {
            (None, Some(_)) => Some(EntryStanding::Added),
            (Some(_), None) => Some(EntryStanding::Removed),
            (Some(before), Some(after)) if before != after => Some(EntryStanding::Changed(differences(before, after))),
            _ => None,
        };
        addresses
            .into_iter()
            .filter_map(|address| Some(EntryDifference { address: address.clone(), standing: standing(address)? }))
            .collect()
    }
}

fn differences(before: &Entry, after: &Entry) -> Vec<ValueDifference> {
    let (before, after) = (leaves(before), leaves(after));
    let paths: BTreeSet<&Path> = before.keys().chain(after.keys()).collect();
    let differing = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    differing
        .map(|path| ValueDifference { path: path.clone(), before: before.get(path).cloned(), after: after.get(path).cloned() })
        .collect()
}

/// All values of an entry by their paths; a list is one value, and what is empty is none.
fn leaves(entry: &Entry) -> BTreeMap<Path, Value> {
    fn collect(path: &Path, value: Value, found: &mut BTreeMap<Path, Value>) {
        match value {
            Value::Object(fields) => {
                fields.into_iter().for_each(|(key, value)| collect(&path.join(&key), value, found));
            }
            Value::Array(items) if items.is_empty() => {}
            value => drop(found.insert(path.clone(), value)),
        }
    }
    let mut found = BTreeMap::new();
    collect(&Path::default(), serde_json::to_value(entry).unwrap_or_default(), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lineage, Target};

    #[test]
    fn entries_come_go_and_change_value_by_value() {
        let mut before = State::new(Lineage("l".into()), "demo", None, Target::placeholder(), None);
        let mut entry = Entry::new("demo-a".into());
        entry.inputs.insert("memory_size".into(), 128.into());
        entry.inputs.insert("timeout".into(), 3.into());
        before.entries.insert(Address::new("function", "a"), entry.clone());
        before.entries.insert(Address::new("function", "old"), entry.clone());
        before.entries.insert(Address::new("function", "same"), entry.clone());
        let mut after = before.clone();
        after.entries.remove(&Address::new("function", "old"));
        after.entries.insert(Address::new("function", "new"), entry.clone());
        entry.inputs.insert("memory_size".into(), 256.into());
        entry.inputs.remove("timeout");
        entry.protect = true;
        after.entries.insert(Address::new("function", "a"), entry);
        let told: Vec<String> = before.differences(&after).iter().map(|one| format!("{} {:?}", one.address, one.standing)).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        function.a Changed([ValueDifference { path: Path(["inputs", "memory_size"]), before: Some(Number(128)), after: Some(Number(256)) }, ValueDifference { path: Path(["inputs", "timeout"]), before: Some(Number(3)), after: None }, ValueDifference { path: Path(["protect"]), before: Some(Bool(false)), after: Some(Bool(true)) }])
        function.new Added
        function.old Removed
        "#);
        assert_eq!(before.differences(&before), []);
    }
}

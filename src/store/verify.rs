//! What looks wrong in a state that can be read. Warnings only: a state is an index of what is
//! ours, and refusing to use or write one over these would lose more than it saves.

use crate::model::{Address, Entry, PhysicalId, State};
use std::collections::BTreeMap;

/// A sentence for each thing that looks wrong.
pub fn verify(state: &State) -> Vec<String> {
    let mut findings: Vec<String> = state.entries.iter().flat_map(|(address, entry)| entry_findings(state, address, entry)).collect();
    findings.extend(shared_names(state));
    findings
}

fn entry_findings(state: &State, address: &Address, entry: &Entry) -> Vec<String> {
    let is_missing = |other: &Address| !state.entries.contains_key(other);
    let mut findings = Vec::new();
    if entry.physical_id.as_str().is_empty() {
        findings.push(format!("`{address}` has no physical id."));
    }
    for dependency in entry.dependencies.iter().filter(|dependency| is_missing(&dependency.on)) {
        findings.push(format!("`{address}` depends on `{}`, which is not in the state.", dependency.on));
    }
    if let Some(parent) = entry.parent.as_ref().filter(|parent| is_missing(parent)) {
        findings.push(format!("`{address}` belongs to `{parent}`, which is not in the state."));
    }
    for deposed in &entry.deposed {
        if deposed.physical_id.as_str().is_empty() {
            findings.push(format!("`{address}` has a replaced predecessor without a physical id."));
        } else if deposed.physical_id == entry.physical_id {
            findings.push(format!("`{address}` is to delete its predecessor `{}`, which is its own physical id.", deposed.physical_id));
        }
    }
    findings
}

fn shared_names(state: &State) -> Vec<String> {
    let mut owners: BTreeMap<(&str, &PhysicalId), Vec<&Address>> = BTreeMap::new();
    for (address, entry) in &state.entries {
        owners.entry((&address.kind, &entry.physical_id)).or_default().push(address);
    }
    let shared = owners.into_iter().filter(|(_, addresses)| addresses.len() > 1);
    shared.map(|((_, id), addresses)| format!("`{}` and `{}` have the same physical id `{id}`.", addresses[0], addresses[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dependency, Deposed, Lineage, Table, Target};

    #[test]
    fn each_oddity_is_named() {
        let mut state = State::new(Lineage("l".into()), "demo", None, Target::placeholder(), None);
        let mut entry = Entry::new("same".into());
        entry.dependencies.push(Dependency::hard(Address::new("role", "gone")));
        entry.parent = Some(Address::new("function", "lost"));
        entry.deposed.push(Deposed { physical_id: "".into(), inputs: Table::new(), attributes: Table::new() });
        entry.deposed.push(Deposed { physical_id: "same".into(), inputs: Table::new(), attributes: Table::new() });
        state.entries.insert(Address::new("function", "a"), entry);
        state.entries.insert(Address::new("function", "b"), Entry::new("same".into()));
        state.entries.insert(Address::new("function", "c"), Entry::new("".into()));
        insta::assert_snapshot!(verify(&state).join("\n"), @r"
        `function.a` depends on `role.gone`, which is not in the state.
        `function.a` belongs to `function.lost`, which is not in the state.
        `function.a` has a replaced predecessor without a physical id.
        `function.a` is to delete its predecessor `same`, which is its own physical id.
        `function.c` has no physical id.
        `function.a` and `function.b` have the same physical id `same`.
        ");
    }

    #[test]
    fn a_sound_state_has_no_findings() {
        let mut state = State::new(Lineage("l".into()), "demo", None, Target::placeholder(), None);
        state.entries.insert(Address::new("role", "a"), Entry::new("x".into()));
        state.entries.insert(Address::new("function", "a"), Entry::new("x".into()));
        assert!(verify(&state).is_empty());
    }
}

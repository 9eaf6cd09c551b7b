//! What AWS deletes together with something else, without a call of its own.

use super::decision::{Decision, Fate, Work};
use crate::model::{Address, Entry, PhysicalId, Resource, RulesSet, State};
use std::collections::BTreeMap;

/// What was decided so far, and about what.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// By address.
    pub decisions: &'a BTreeMap<Address, Decision>,
    /// What was applied.
    pub state: &'a State,
    /// The kinds.
    pub rules: &'a dyn RulesSet,
}

impl Scene<'_> {
    /// The entries that end together with their parent, by parent.
    pub fn dying(&self) -> BTreeMap<Address, Vec<Address>> {
        let mut dying: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for (address, decision) in self.decisions {
            let parent = self.state.entries.get(address).and_then(|entry| entry.parent.clone());
            if let (Work::Delete { dies_with_parent: true }, Some(parent)) = (&decision.work, parent) {
                dying.entry(parent).or_default().push(address.clone());
            }
        }
        dying
    }

    /// Whether the parent, or a predecessor of it, is deleted in this run and takes this one along.
    pub fn goes_along(&self, address: &Address, physical_id: &PhysicalId) -> bool {
        let entries = &self.state.entries;
        let parent = entries.get(address).and_then(|entry| entry.parent.as_ref());
        let parts = parent.and_then(|parent| Some((entries.get(parent)?, self.decisions.get(parent)?, self.rules.rules(&address.kind)?)));
        parts.is_some_and(|(entry, decision, rules)| going(entry, decision).any(|gone| rules.is_part_of(physical_id, gone)))
    }
}

/// The predecessors of a resource that are deleted in this run.
fn going<'a>(entry: &'a Entry, decision: &'a Decision) -> impl Iterator<Item = &'a PhysicalId> {
    let wanted = decision.desired.as_ref().and_then(Resource::physical_id);
    let old = match &decision.work {
        Work::Update { old: Some(old), .. } | Work::Replace { old: Some(old), delete_first: false, .. } if old.fate == Fate::Deleted => {
            Some(&old.entry.physical_id)
        }
        _ => None,
    };
    entry.deposed.iter().map(|deposed| &deposed.physical_id).chain(old).filter(move |id| Some(*id) != wanted)
}

/// All that ends with a predecessor of this name, and whose it is.
pub fn parts(of: &Address, physical_id: &PhysicalId, state: &State, rules: &dyn RulesSet) -> Vec<(Address, PhysicalId)> {
    let children = state.entries.iter().filter(|(_, entry)| entry.parent.as_ref() == Some(of));
    let ids = children.flat_map(|(address, entry)| {
        let ids = entry.deposed.iter().map(|deposed| &deposed.physical_id).chain([&entry.physical_id]);
        ids.map(move |id| (address, id))
    });
    let is_part =
        |(address, id): &(&Address, &PhysicalId)| rules.rules(&address.kind).is_some_and(|rules| rules.is_part_of(id, physical_id));
    ids.filter(is_part).map(|(address, id)| (address.clone(), id.clone())).collect()
}

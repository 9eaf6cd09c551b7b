//! What outlasts a change: attributes that the state has lost, and predecessors that are kept.

use crate::model::{Entry, Observed, Resource, RulesSet, Sighting, State, Table};

/// What AWS shows of the lasting attributes of a wanted resource that the state does not have, or has of another one that
/// was made anew by somebody else.
pub fn relearned(resource: &Resource, is_anothers: bool, state: &State, observed: &Observed, rules: &dyn RulesSet) -> Table {
    let Some((rules, physical_id)) = rules.rules(&resource.address.kind).zip(resource.physical_id()) else { return Table::new() };
    let is_known = |entry: &&Entry| !is_anothers && rules.is_same(physical_id, &entry.physical_id);
    let entry = state.entries.get(&resource.address).filter(is_known);
    let is_lost = |key: &&&str| entry.is_none_or(|entry| !entry.attributes.contains_key(**key));
    let live = observed.of(&resource.address, physical_id).and_then(Sighting::live);
    let seen = |key: &&str| Some(((*key).to_owned(), live?.attributes.get(*key)?.clone()));
    rules.lasting_attributes().iter().filter(is_lost).filter_map(seen).collect()
}

/// How many predecessors of a wanted resource stay in AWS.
pub fn kept(resource: &Resource, rules: &dyn RulesSet) -> usize {
    rules.rules(&resource.address.kind).map_or(0, |rules| rules.kept(resource))
}

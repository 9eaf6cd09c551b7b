//! What a killed run left open is settled by looking at AWS, never by asking the user.

use super::ownership::{is_another_ones, is_of_another_lineage, is_somebody_elses};
use super::together;
use crate::model::{
    Address, Deposed, Entry, Live, Observed, Path, PhysicalId, Record, RulesSet, Sighting, State, Transition, observed::tag,
};
use std::collections::BTreeSet;

/// Turns each open intent of `state` into what AWS shows to be true.
///
/// A create that went through becomes an entry of which nothing but the name is known to be
/// applied; the plan then compares every field of it. Updates and deletes need nothing: the entry
/// still says what was applied before, and the plan looks at AWS anyway. Predecessors that are gone
/// or somebody else's by now are forgotten, with all that stood in them.
pub fn settle(state: &mut State, observed: &Observed, rules: &dyn RulesSet) {
    let mut open = Vec::new();
    for intent in std::mem::take(&mut state.intents) {
        let Record::Begin { address, physical_id: Some(physical_id), transition, .. } = &intent else { continue };
        let Transition::Create { adopted, discards } = transition else { continue };
        match observed.of(address, physical_id) {
            // Nobody could look, so it stays open.
            None | Some(Sighting::Unreadable(_)) => open.push(intent),
            Some(Sighting::Found(live)) if is_new(state, address, physical_id) && is_untold(live, rules, address, *adopted) => {
                open.push(intent);
            }
            Some(Sighting::Found(live)) if is_new(state, address, physical_id) && is_ours(state, live, rules, address, *adopted) => {
                state.create(address, physical_id.clone(), *adopted, *discards);
            }
            _ => {}
        }
    }
    state.intents = open;
    for (address, gone) in gone_predecessors(state, observed) {
        // What stood in it is gone, or somebody else's, as well.
        for (child, part) in together::parts(&address, &gone, state, rules) {
            state.drop_deposed(&child, &part);
        }
        state.drop_deposed(&address, &gone);
        state.unsaved = true;
    }
}

fn gone_predecessors(state: &State, observed: &Observed) -> Vec<(Address, PhysicalId)> {
    let is_gone = |address: &Address, deposed: &Deposed| match observed.of(address, &deposed.physical_id) {
        _ if is_another_ones(address, &deposed.physical_id, state) => true,
        Some(Sighting::Missing) => true,
        Some(Sighting::Found(live)) => is_somebody_elses(live, &deposed.inputs, false, &state.lineage),
        _ => false,
    };
    let of_entry = |(address, entry): (&Address, &Entry)| {
        let gone = entry.deposed.iter().filter(|deposed| is_gone(address, deposed));
        gone.map(|deposed| (address.clone(), deposed.physical_id.clone())).collect::<Vec<_>>()
    };
    state.entries.iter().flat_map(of_entry).collect()
}

/// What a run was about to delete when it ended, before [`settle`] has looked at it.
pub fn vanishing(state: &State) -> BTreeSet<Address> {
    let deleted = |intent: &Record| match intent {
        Record::Begin { address, transition: Transition::Delete { also, .. }, .. } => [address].into_iter().chain(also).cloned().collect(),
        _ => Vec::new(),
    };
    state.intents.iter().flat_map(deleted).collect()
}

fn is_new(state: &State, address: &Address, physical_id: &PhysicalId) -> bool {
    state.entries.get(address).is_none_or(|entry| entry.physical_id != *physical_id)
}

/// Whether nobody could see whose it is.
fn is_untold(live: &Live, rules: &dyn RulesSet, address: &Address, adopted: bool) -> bool {
    !adopted
        && live.tags.is_none()
        && live.is_unread(&Path::key("tags"))
        && rules.rules(&address.kind).is_some_and(|rules| rules.is_taggable())
}

fn is_ours(state: &State, live: &Live, rules: &dyn RulesSet, address: &Address, adopted: bool) -> bool {
    let taggable = rules.rules(&address.kind).is_some_and(|rules| rules.is_taggable());
    let tagged = live.tags.as_ref().is_some_and(|tags| tags.get(tag::LINEAGE) == Some(&state.lineage.0));
    tagged || (!is_of_another_lineage(live, &state.lineage) && (adopted || !taggable))
}

//! What leaves the state and stays in AWS, and why: what stays keeps what it needs.

use super::ownership::{self, has_moved};
use crate::model::{Address, Desired, Entry, Observed, PhysicalId, Resource, RulesSet, Sighting, State};
use std::collections::{BTreeMap, BTreeSet};

/// Why something stays in AWS although nobody asks for it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was there before us.
    Adopted,
    /// Its settings say so.
    Kept,
    /// Another state has taken it, or somebody made it anew.
    Lost,
    /// This one stays, and needs it.
    NeededBy(Address),
    /// Somebody else has taken this one, which it belongs to, and whose it is itself was not read.
    With(Address),
}

impl Why {
    /// The reason in words, for something of this name.
    pub fn note(&self, physical_id: &PhysicalId) -> String {
        match self {
            Self::Adopted => format!("`{physical_id}` stays in AWS, since it was there before lambdo"),
            Self::Kept => format!("`{physical_id}` stays in AWS, since `skip_destroy` is set"),
            Self::Lost => format!("`{physical_id}` belongs to somebody else now and is left as it is"),
            Self::NeededBy(user) => format!("`{physical_id}` stays in AWS, since `{user}` stays, too, and needs it"),
            Self::With(other) => format!("`{physical_id}` stays in AWS with `{other}`, which belongs to somebody else now"),
        }
    }
}

/// What stays of all that leaves the state, or gives its name in AWS up, in this run.
pub fn staying(
    desired: &Desired,
    state: &State,
    observed: &Observed,
    rules: &dyn RulesSet,
    only: Option<&BTreeSet<Address>>,
) -> BTreeMap<Address, Why> {
    let is_same = |address: &Address, left: &PhysicalId, right: &PhysicalId| {
        rules.rules(&address.kind).map_or(left == right, |rules| rules.is_same(left, right))
    };
    let leaves = |address: &Address, entry: &Entry| {
        let wanted = desired.resources.get(address).map(Resource::physical_id);
        let is_given_up = wanted.is_none_or(|id| id.is_some_and(|id| !is_same(address, id, &entry.physical_id)));
        is_given_up && only.is_none_or(|only| only.contains(address)) && !has_moved(address, entry, desired, state)
    };
    let leaving: BTreeMap<&Address, &Entry> = state.entries.iter().filter(|(address, entry)| leaves(address, entry)).collect();
    let mut staying: BTreeMap<Address, Why> =
        leaving.iter().filter_map(|(address, entry)| Some(((*address).clone(), of_itself(address, entry, observed, state)?))).collect();
    with_lost(&mut staying, &leaving, observed);
    with_what_is_needed(&mut staying, &leaving);
    staying
}

fn of_itself(address: &Address, entry: &Entry, observed: &Observed, state: &State) -> Option<Why> {
    match (observed.of(address, &entry.physical_id), entry) {
        (Some(Sighting::Missing), _) => None,
        _ if ownership::is_lost(address, entry, observed, state) => Some(Why::Lost),
        (_, Entry { adopted: true, .. }) => Some(Why::Adopted),
        (_, Entry { keep: true, .. }) => Some(Why::Kept),
        _ => None,
    }
}

/// What hangs on something that another state has taken went with it, unless its own tags say otherwise.
fn with_lost(staying: &mut BTreeMap<Address, Why>, leaving: &BTreeMap<&Address, &Entry>, observed: &Observed) {
    for (address, entry) in leaving {
        let is_unread = match observed.of(address, &entry.physical_id) {
            Some(Sighting::Found(live)) => live.tags.is_none(),
            Some(Sighting::Missing) => false,
            None | Some(Sighting::Unreadable(_)) => true,
        };
        let mut lost = entry.needs().filter(|on| staying.get(on) == Some(&Why::Lost));
        if let Some(lost) = lost.next().cloned().filter(|_| is_unread && !staying.contains_key(*address)) {
            staying.insert((*address).clone(), Why::With(lost));
        }
    }
}

/// What only one operation of the other waits for, such as the function that a rule calls, is nothing that it needs.
fn with_what_is_needed(staying: &mut BTreeMap<Address, Why>, leaving: &BTreeMap<&Address, &Entry>) {
    let mut open: Vec<Address> =
        staying.iter().filter(|(_, why)| !matches!(why, Why::With(_))).map(|(address, _)| address.clone()).collect();
    while let Some(user) = open.pop() {
        let needed = leaving.get(&user).into_iter().flat_map(|entry| &entry.dependencies).filter(|dependency| dependency.gates.is_none());
        for on in needed.map(|dependency| &dependency.on).filter(|on| leaving.contains_key(on)) {
            if !staying.contains_key(on) {
                staying.insert(on.clone(), Why::NeededBy(user.clone()));
                open.push(on.clone());
            }
        }
    }
}

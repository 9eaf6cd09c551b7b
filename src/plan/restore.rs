//! Entries of the state made from what lives in AWS: for what is found again, and for what is imported.

use super::ownership::{Owner, owner};
use crate::model::observed::tag;
use crate::model::{
    Address, Dependency, Deposed, Desired, Entry, Field, Live, Observed, Path, PhysicalId, Resource, Rules, RulesSet, Shape, Sighting,
    State, Table, Unchecked, Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// Something found, for [`place`].
pub struct Placed<'a> {
    /// What its tags say its address is.
    pub address: &'a Address,
    /// AWS's name for it.
    pub physical_id: &'a PhysicalId,
    /// Whether it stays in AWS when nobody asks for it.
    pub stays: bool,
}

/// Gives each found thing its place in an empty state: the one that the spec asks for, else the last one, is the
/// address's own, and the others are predecessors of it that are still to be deleted. What stays when nobody asks for it
/// has a place only where somebody does.
pub fn place<'a>(state: &mut State, found: impl IntoIterator<Item = Placed<'a>>, desired: &Desired, rules: &dyn RulesSet) {
    let mut places: BTreeMap<&Address, Vec<&PhysicalId>> = BTreeMap::new();
    let is_wanted = |address: &Address, id: &PhysicalId| {
        let wanted = desired.resources.get(address).and_then(Resource::physical_id);
        wanted.is_some_and(|wanted| rules.rules(&address.kind).is_some_and(|rules| rules.is_same(wanted, id)))
    };
    let found = found.into_iter().filter(|one| !one.stays || is_wanted(one.address, one.physical_id));
    found.for_each(|one| places.entry(one.address).or_default().push(one.physical_id));
    for (address, mut ids) in places {
        let current = ids.iter().position(|id| is_wanted(address, id)).unwrap_or(ids.len() - 1);
        let mut entry = Entry::new(ids.remove(current).clone());
        entry.deposed =
            ids.into_iter().map(|id| Deposed { physical_id: id.clone(), inputs: Table::new(), attributes: Table::new() }).collect();
        state.entries.insert(address.clone(), entry);
    }
}

/// Fills the entries with what lives, and adds what the spec asks for and carries the state's lineage, or stands in
/// something that does. What is not there any more leaves.
pub fn restore(state: &mut State, desired: &Desired, observed: &Observed, rules: &dyn RulesSet) {
    for (address, resource) in &desired.resources {
        let Some(live) = resource.physical_id().and_then(|id| observed.of(address, id)).and_then(Sighting::live) else { continue };
        let has_parent = resource.parent.as_ref().is_some_and(|parent| state.entries.contains_key(parent));
        let is_ours = match owner(live, state) {
            Owner::Us => true,
            Owner::Unknown => has_parent && rules.rules(&address.kind).is_some_and(|rules| !rules.is_taggable()),
            _ => false,
        };
        if is_ours && !state.entries.contains_key(address) {
            state.entries.insert(address.clone(), Entry::new(live.physical_id.clone()));
        }
    }
    let addresses: Vec<Address> = state.entries.keys().cloned().collect();
    for address in addresses {
        let Some(entry) = state.entries.remove(&address) else { continue };
        let wanted = desired.resources.get(&address);
        let entry = match observed.of(&address, &entry.physical_id) {
            Some(Sighting::Missing) => continue,
            Some(Sighting::Found(live)) => {
                let mut restored = restored(&address, wanted, live, rules);
                restored.adopted |= wanted.is_some_and(|wanted| was_there_with_parent(wanted, live, state, observed, rules));
                Entry { deposed: deposed(&address, &entry, observed), ..restored }
            }
            _ => entry,
        };
        state.entries.insert(address, entry);
    }
    let lost: Vec<Address> = state.entries.keys().filter(|address| !desired.resources.contains_key(*address)).cloned().collect();
    infer_dependencies(state, &lost);
}

/// Whether something without tags was there before us, as far as its name and the tags of what it stands in tell.
fn was_there_with_parent(wanted: &Resource, live: &Live, state: &State, observed: &Observed, rules: &dyn RulesSet) -> bool {
    let is_given = rules.rules(&wanted.address.kind).is_some_and(|rules| !rules.is_taggable() && rules.is_given_name(&live.physical_id));
    let parent = wanted.parent.as_ref().and_then(|parent| observed.of(parent, &state.entries.get(parent)?.physical_id)?.live());
    is_given && parent.and_then(|parent| parent.tags.as_ref()).is_some_and(|tags| tag::stays(tags.keys()))
}

/// What could not be read of what the state has, or of what may stand in something that it has.
pub fn unreadable<'a>(
    state: &State,
    desired: &'a Desired,
    observed: &'a Observed,
    rules: &dyn RulesSet,
) -> Vec<(&'a Address, &'a Unchecked)> {
    let is_known = |address: &Address, id: &PhysicalId| {
        let entry = state.entries.get(address);
        entry.is_some_and(|entry| entry.has_name(|one| one == id))
    };
    let may_stand_in_known = |address: &Address| {
        let parent = desired.resources.get(address).and_then(|wanted| wanted.parent.as_ref());
        let is_taggable = rules.rules(&address.kind).is_some_and(Rules::is_taggable);
        !is_taggable && parent.is_some_and(|parent| state.entries.contains_key(parent))
    };
    let unread = observed.sightings.iter().filter_map(|((address, id), sighting)| match sighting {
        Sighting::Unreadable(unchecked) if is_known(address, id) || may_stand_in_known(address) => Some((address, unchecked)),
        _ => None,
    });
    unread.collect()
}

fn deposed(address: &Address, entry: &Entry, observed: &Observed) -> Vec<Deposed> {
    let with_live = |old: &Deposed| match observed.of(address, &old.physical_id) {
        Some(Sighting::Missing) => None,
        Some(Sighting::Found(live)) => {
            Some(Deposed { physical_id: old.physical_id.clone(), inputs: live.fields.clone(), attributes: live.attributes.clone() })
        }
        _ => Some(old.clone()),
    };
    entry.deposed.iter().filter_map(with_live).collect()
}

/// What the state would say of a resource if it had been applied as it lives. Of what others may add to, only what the
/// spec asks for and our own tags are taken for ours.
pub fn restored(address: &Address, wanted: Option<&Resource>, live: &Live, rules: &dyn RulesSet) -> Entry {
    let fields = rules.rules(&address.kind).map(Rules::fields).unwrap_or_default();
    let mut entry = Entry::new(live.physical_id.clone());
    entry.inputs = fields.iter().filter_map(|field| Some((field.key.to_owned(), input(field, wanted, live)?))).collect();
    entry.adopted = live.tags.as_ref().is_some_and(|tags| tags.contains_key(tag::ADOPTED));
    if let Some(wanted) = wanted {
        let known = wanted.attributes.iter().filter(|(_, value)| !value.is_unresolved());
        entry.attributes = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        entry.keeps_name =
            wanted.physical_id().is_some_and(|id| !rules.rules(&address.kind).is_some_and(|rules| rules.is_same(id, &live.physical_id)));
        entry.dependencies.clone_from(&wanted.dependencies);
        entry.parent.clone_from(&wanted.parent);
        entry.source.clone_from(&wanted.source);
        entry.ignore.clone_from(&wanted.ignore);
        (entry.protect, entry.keep) = (wanted.protect, wanted.keep);
    }
    entry.attributes.extend(live.attributes.clone());
    entry
}

fn input(field: &Field, wanted: Option<&Resource>, live: &Live) -> Option<Value> {
    let wished = wanted.and_then(|wanted| wanted.inputs.get(field.key));
    if field.internal || live.is_unread(&Path::key(field.key)) {
        return wished.cloned();
    }
    let seen = live.fields.get(field.key)?;
    match (field.shape, seen) {
        (Shape::Map { .. }, Value::Table(seen)) if field.additive && wanted.is_some() => {
            let wished = wished.and_then(Value::as_table);
            let is_ours = |key: &String| tag::is_ours(key) || tag::stays([key]) || wished.is_some_and(|wished| wished.contains_key(key));
            Some(Value::Table(seen.iter().filter(|(key, _)| is_ours(key)).map(|(key, value)| (key.clone(), value.clone())).collect()))
        }
        _ => Some(seen.clone()),
    }
}

/// What the spec does not ask for any more says nothing of what it needed: a function its role, its log group and its image,
/// what fires it the function, an image its repository.
pub fn infer_dependencies(state: &mut State, of: &[Address]) {
    let known: BTreeSet<Address> = state.entries.keys().cloned().collect();
    for address in of {
        let function = Address::new("function", &address.name);
        let needs: Vec<Address> = match address.kind.as_str() {
            "function" => ["role", "log_group", "image"].map(|kind| Address::new(kind, &address.name)).to_vec(),
            "image" => vec![Address::new("ecr", &address.name)],
            "permission" | "event_rule" => vec![function.clone()],
            _ => Vec::new(),
        };
        let Some(entry) = state.entries.get_mut(address) else { continue };
        entry.dependencies = needs.into_iter().filter(|on| known.contains(on)).map(Dependency::hard).collect();
        entry.parent = (address.kind == "permission" && known.contains(&function)).then_some(function);
    }
}

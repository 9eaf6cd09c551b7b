//! Reads everything that the spec, the state or an open intent names, each kind in one batch, all
//! kinds at the same time.

use super::{Engine, PlanOptions};
use crate::diagnostic::Diagnostic;
use crate::kinds::ReadTarget;
use crate::model::{
    Address, Desired, Entry, Event, Exit, Failure, Observed, PhysicalId, Record, Resource, Sighting, State, Transition, Unchecked,
};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The class of an unreadable resource that a plan can live with.
const ACCESS_DENIED: &str = "access_denied";

/// One thing to be looked at.
struct Wanted<'a> {
    address: &'a Address,
    physical_id: PhysicalId,
    desired: Option<&'a Resource>,
    applied: Option<Cow<'a, Entry>>,
}

/// Looks at all of it.
///
/// # Errors
/// Whatever keeps AWS from being read at all; a resource that may not be read is part of the answer.
pub async fn observe(
    engine: &Engine,
    desired: &Desired,
    state: &State,
    only: Option<&BTreeSet<Address>>,
    options: &PlanOptions,
) -> Result<Observed, Failure> {
    let wanted = wanted(engine, desired, state, only);
    let parents: BTreeSet<&Address> = state.entries.values().filter_map(|entry| entry.parent.as_ref()).collect();
    let total = wanted.len();
    (engine.events)(Event::ReadStarted { total });
    let reader = engine.session.reader();
    let mut by_kind: BTreeMap<&str, Vec<ReadTarget<'_>>> = BTreeMap::new();
    for item in &wanted {
        let target = ReadTarget {
            address: item.address,
            physical_id: &item.physical_id,
            desired: item.desired,
            applied: item.applied.as_deref(),
            // Whether it is somebody else's is what decides about a handing over.
            deep: options.deep || options.adopt.contains(item.address),
            strangers: options.strangers,
            undeclared: options.undeclared,
            has_parts: parents.contains(item.address),
            lineage: &state.lineage.0,
        };
        by_kind.entry(&item.address.kind).or_default().push(target);
    }
    let mut reading = FuturesUnordered::new();
    for (kind, targets) in by_kind {
        let Some(kind) = engine.registry.find(kind) else { return Err(unknown_kind(kind)) };
        let reader = &reader;
        reading.push(async move { (kind.read(reader, &targets).await, targets) });
    }
    let mut observed = Observed::default();
    while let Some((sightings, targets)) = reading.next().await {
        for (target, sighting) in targets.iter().zip(sightings) {
            observed.sightings.insert((target.address.clone(), target.physical_id.clone()), sighting);
        }
        (engine.events)(Event::Read { done: observed.sightings.len(), total });
    }
    engine.hide(&mut observed, desired, state).await?;
    stop_on_trouble(&observed).map_or(Ok(observed), Err)
}

fn wanted<'a>(engine: &Engine, desired: &'a Desired, state: &'a State, only: Option<&BTreeSet<Address>>) -> Vec<Wanted<'a>> {
    let mut found: BTreeMap<(&'a Address, PhysicalId), Wanted<'a>> = BTreeMap::new();
    let mut add = |address: &'a Address, physical_id: &PhysicalId, applied: Option<Cow<'a, Entry>>| {
        if only.is_none_or(|only| only.contains(address)) {
            let desired = desired.resources.get(address);
            let item = Wanted { address, physical_id: physical_id.clone(), desired, applied };
            found.entry((address, physical_id.clone())).or_insert(item);
        }
    };
    let is_read = |(address, entry): &(&Address, &Entry)| !goes_with_its_parent(engine, desired, state, only, address, entry);
    for (address, entry) in state.entries.iter().filter(is_read) {
        add(address, &entry.physical_id, Some(Cow::Borrowed(entry)));
        for deposed in &entry.deposed {
            let mut applied = Entry::new(deposed.physical_id.clone());
            applied.inputs.clone_from(&deposed.inputs);
            applied.attributes.clone_from(&deposed.attributes);
            add(address, &deposed.physical_id, Some(Cow::Owned(applied)));
        }
    }
    for intent in &state.intents {
        if let Record::Begin { address, physical_id: Some(physical_id), .. } = intent {
            add(address, physical_id, None);
        }
    }
    for (address, resource) in &desired.resources {
        if let Some(physical_id) = resource.physical_id() {
            add(address, physical_id, None);
        }
    }
    // A predecessor that is wanted again is looked at as what is new: closely, since whose it is must be known. What a run that
    // did not end may have made under another name has a predecessor then, too.
    let is_left = |item: &Wanted<'_>| state.intents.iter().any(|intent| makes_another(intent, item.address, &item.physical_id));
    let has = |item: &Wanted<'_>| state.entries.get(item.address).is_some_and(|entry| entry.physical_id == item.physical_id);
    let is_applied = |item: &Wanted<'_>| has(item) && !is_left(item);
    let is_wanted = |item: &Wanted<'_>| item.desired.and_then(Resource::physical_id) == Some(&item.physical_id);
    found.values_mut().filter(|item| is_wanted(item) && !is_applied(item)).for_each(|item| item.applied = None);
    found.into_values().collect()
}

fn makes_another(intent: &Record, at: &Address, than: &PhysicalId) -> bool {
    let Record::Begin { address, physical_id, transition: Transition::Create { .. }, .. } = intent else { return false };
    address == at && physical_id.as_ref() != Some(than)
}

/// What AWS deletes together with a parent that is to be deleted need not be looked at.
fn goes_with_its_parent(
    engine: &Engine,
    desired: &Desired,
    state: &State,
    only: Option<&BTreeSet<Address>>,
    address: &Address,
    entry: &Entry,
) -> bool {
    let Some((parent, parent_entry)) = entry.parent.as_ref().and_then(|parent| Some((parent, state.entries.get(parent)?))) else {
        return false;
    };
    let leaves = |address: &Address| !desired.resources.contains_key(address) && only.is_none_or(|only| only.contains(address));
    let stays = parent_entry.keep || parent_entry.adopted || parent_entry.protect;
    let dies = engine.registry.find(&address.kind).is_some_and(|kind| kind.dies_with_parent());
    dies && leaves(address) && leaves(parent) && !stays && entry.deposed.is_empty()
}

fn unknown_kind(kind: &str) -> Failure {
    let diagnostic = Diagnostic::error("unknown-kind", "the state holds a kind that this version does not know")
        .detail(format!("The state has resources of kind `{kind}`. A newer lambdo wrote it."))
        .hint("use the newer version");
    Failure::new(Exit::Failed, diagnostic)
}

/// A resource that could not be read for another reason than a denied permission says nothing about
/// the resource, but something about the network, the endpoint or the credentials.
fn stop_on_trouble(observed: &Observed) -> Option<Failure> {
    let mut seen = BTreeSet::new();
    let mut diagnostics = Vec::new();
    let mut exit = Exit::Failed;
    for ((address, _), sighting) in &observed.sightings {
        let Sighting::Unreadable(Unchecked { why, detail, .. }) = sighting else { continue };
        if why == ACCESS_DENIED || !seen.insert(why.clone()) {
            continue;
        }
        if why == "interrupted" {
            exit = Exit::Interrupted;
        }
        diagnostics.push(Diagnostic::error("cannot-read-aws", "AWS could not be read").detail(detail.clone()).address(address));
    }
    (!diagnostics.is_empty()).then_some(Failure { exit, diagnostics })
}

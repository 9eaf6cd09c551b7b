//! Whose is it? Nothing that is not ours is ever changed.

use crate::model::{Address, Desired, Entry, Lineage, Live, Resource, State, observed::tag};
use std::collections::BTreeMap;

/// Whose a live resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It carries our lineage.
    Us,
    /// It carries no tags at all.
    Nobody,
    /// It carries somebody's tags.
    Other(BTreeMap<String, String>),
    /// It cannot carry tags, or they were not read.
    Unknown,
}

/// Reads the owner off the tags.
pub fn owner(live: &Live, state: &State) -> Owner {
    let Some(tags) = &live.tags else { return Owner::Unknown };
    match tags.get(tag::LINEAGE) {
        Some(lineage) if *lineage == state.lineage.0 => Owner::Us,
        _ if tags.keys().all(|key| key.starts_with("aws:")) => Owner::Nobody,
        _ => Owner::Other(tags.clone()),
    }
}

/// Whether the tags name a state other than this one.
pub fn is_of_another_lineage(live: &Live, ours: &Lineage) -> bool {
    let lineage = live.tags.as_ref().and_then(|tags| tags.get(tag::LINEAGE));
    lineage.is_some_and(|lineage| *lineage != ours.0)
}

/// Whether another address has taken the thing over already.
pub fn has_moved(address: &Address, entry: &Entry, desired: &Desired, state: &State) -> bool {
    let has_taken = |other: &Address| state.entries.get(other).is_some_and(|taken| taken.physical_id == entry.physical_id);
    let is_wanted = |other: &Resource| other.physical_id() == Some(&entry.physical_id);
    let mut others =
        desired.resources.values().filter(|other| other.address.kind == address.kind && other.address != *address && is_wanted(other));
    others.any(|other| has_taken(&other.address))
}

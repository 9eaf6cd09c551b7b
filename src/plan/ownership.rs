//! Whose is it? Nothing that is not ours is ever changed.

use crate::model::{
    Address, Desired, Entry, Lineage, Live, Observed, PhysicalId, Plan, Resource, Sighting, State, Table, Value, observed::tag,
};
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

/// What else seems to manage a resource with these tags, and the tag that says so.
pub fn manager(tags: &BTreeMap<String, String>) -> Option<(String, &str)> {
    const STACK: &str = "aws:cloudformation:stack-name";
    const TOOLS: [(&str, &str); 4] =
        [("terraform", "Terraform"), ("opentofu", "OpenTofu"), ("pulumi", "Pulumi"), ("crossplane", "Crossplane")];
    if let Some((key, stack)) = tags.get_key_value(STACK) {
        return Some((format!("the CloudFormation stack `{stack}`"), key));
    }
    let names = |tool: &str, text: &str| text.to_lowercase().contains(tool);
    tags.iter().find_map(|(key, value)| {
        let (_, name) = TOOLS.iter().find(|(tool, _)| names(tool, key) || names(tool, value))?;
        Some(((*name).to_owned(), key.as_str()))
    })
}

/// Says of what is taken over who else seems to manage it.
pub fn note_manager(address: &Address, live: &Live, plan: &mut Plan) {
    let found = live.tags.as_ref().and_then(manager).map(|(who, key)| {
        format!("{who} seems to manage it, as its tag `{key}` says: two tools undo each other's changes, so take it out there")
    });
    plan.notes.extend(found.map(|note| (address.clone(), note)));
}

/// Whether the tags name a state other than this one.
pub fn is_of_another_lineage(live: &Live, ours: &Lineage) -> bool {
    let lineage = live.tags.as_ref().and_then(|tags| tags.get(tag::LINEAGE));
    lineage.is_some_and(|lineage| *lineage != ours.0)
}

/// Whether somebody else stands under the name of something that was applied: another state has taken it, or somebody made it
/// anew without lambdo, with tags of his own. One that has no tags is what Lambda made anew, or was stripped of them.
/// What others tag and was handed over to us stays ours until another state takes it.
pub fn is_somebody_elses(live: &Live, applied: &Table, is_adopted: bool, ours: &Lineage) -> bool {
    let Some(tags) = &live.tags else { return false };
    let known = applied.get("tags").and_then(Value::as_table);
    let is_known = |key: &String| known.is_some_and(|known| known.contains_key(key));
    let is_made_anew = || !is_adopted && !tags.keys().any(|key| tag::is_lambdos(key)) && !tags.keys().all(is_known);
    tags.get(tag::LINEAGE).map_or_else(is_made_anew, |lineage| *lineage != ours.0)
}

/// Whether another address has taken the thing over already.
pub fn has_moved(address: &Address, entry: &Entry, desired: &Desired, state: &State) -> bool {
    let has_taken = |other: &Address| state.entries.get(other).is_some_and(|taken| taken.physical_id == entry.physical_id);
    let is_wanted = |other: &Resource| other.physical_id() == Some(&entry.physical_id);
    let mut others =
        desired.resources.values().filter(|other| other.address.kind == address.kind && other.address != *address && is_wanted(other));
    others.any(|other| has_taken(&other.address))
}

/// Whether the state has it under another address, too: there it is looked after.
pub fn is_another_ones(address: &Address, physical_id: &PhysicalId, state: &State) -> bool {
    let mut others = state.entries.iter().filter(|(other, _)| other.kind == address.kind && *other != address);
    others.any(|(_, entry)| entry.physical_id == *physical_id)
}

/// Whether what stands under the name of an entry is somebody else's.
pub fn is_lost(address: &Address, entry: &Entry, observed: &Observed, state: &State) -> bool {
    let live = observed.of(address, &entry.physical_id).and_then(Sighting::live);
    live.is_some_and(|live| is_somebody_elses(live, &entry.inputs, entry.adopted, &state.lineage))
}

/// Puts in the tags that say whose a resource is.
pub fn mark(tags: &mut Table, address: &Address, is_adopted: bool, state: &State) {
    tags.insert(tag::PROJECT.into(), state.project.as_str().into());
    tags.insert(tag::STAGE.into(), state.stage.as_deref().unwrap_or_default().into());
    tags.insert(tag::ADDRESS.into(), address.to_string().into());
    tags.insert(tag::LINEAGE.into(), state.lineage.0.as_str().into());
    if is_adopted {
        tags.insert(tag::ADOPTED.into(), "true".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tools_are_known_by_their_tags() {
        let of = |key: &str, value: &str| manager(&BTreeMap::from([(key.to_owned(), value.to_owned())])).map(|(who, _)| who);
        assert_eq!(of("aws:cloudformation:stack-name", "shop").as_deref(), Some("the CloudFormation stack `shop`"));
        assert_eq!(of("ManagedBy", "Terraform").as_deref(), Some("Terraform"));
        assert_eq!(of("terraform-workspace", "prod").as_deref(), Some("Terraform"));
        assert_eq!(of("team", "core"), None);
    }
}

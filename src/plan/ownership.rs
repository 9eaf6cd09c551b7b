//! Whose is it? Nothing that is not ours is ever changed.

use crate::model::plan::Refusal;
use crate::model::{Address, Live, PhysicalId, State, observed::tag};
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
pub fn is_of_another_lineage(live: &Live, state: &State) -> bool {
    let lineage = live.tags.as_ref().and_then(|tags| tags.get(tag::LINEAGE));
    lineage.is_some_and(|lineage| *lineage != state.lineage.0)
}

/// The refusal for a resource that exists and is not ours.
pub fn not_ours(address: &Address, physical_id: &PhysicalId, live: &Live, state: &State) -> Refusal {
    let tags = live.tags.clone().unwrap_or_default();
    let ours_by_name = tags.get(tag::PROJECT) == Some(&state.project) && tags.contains_key(tag::LINEAGE);
    let owner = describe(&tags);
    let (detail, hints) = if ours_by_name {
        (
            format!(
                "`{physical_id}` exists and belongs to another state of project `{}`: {owner}. This state did not make it, so it is left untouched.",
                state.project
            ),
            vec!["run from the folder whose `state/` made it, or give this project another name".to_owned()],
        )
    } else {
        (
            format!("`{physical_id}` exists and was not made by this project: {owner}. It is left untouched."),
            vec![format!("take it over with `lambdo up --adopt {address}`, or choose another name in the spec")],
        )
    };
    Refusal { address: address.clone(), summary: "a resource of this name is not ours", detail, hints }
}

fn describe(tags: &BTreeMap<String, String>) -> String {
    if tags.is_empty() {
        return "it carries no tags that say whose it is".to_owned();
    }
    let owners = [
        ("lambdo:project", "lambdo project"),
        ("lambdo:stage", "stage"),
        ("lambdo:lineage", "lineage"),
        ("aws:cloudformation:stack-name", "CloudFormation stack"),
        ("aws:cloudformation:logical-id", "logical id"),
    ];
    let known: Vec<String> =
        owners.iter().filter_map(|(key, word)| Some(format!("{word} `{}`", tags.get(*key).filter(|value| !value.is_empty())?))).collect();
    if known.is_empty() {
        let shown: Vec<String> = tags.iter().take(5).map(|(key, value)| format!("`{key}` = `{value}`")).collect();
        return format!("its tags are {}", shown.join(", "));
    }
    format!("its tags name {}", known.join(", "))
}

//! Everything is missing: rather the wrong account or endpoint than a wish to make all of it again.

use super::Options;
use crate::model::plan::Refusal;
use crate::model::{Address, Desired, Entry, Observed, Sighting, State};

/// Fewer may well have been deleted by hand.
const FEWEST: usize = 3;

/// The refusal of a plan that would make everything again, where AWS shows nothing of what the state knows.
pub fn all(desired: &Desired, state: &State, observed: &Observed, options: &Options) -> Option<Refusal> {
    let is_asked_for = |(address, _): &(&Address, &Entry)| options.only.as_ref().is_none_or(|only| only.contains(*address));
    let sightings: Vec<&Sighting> =
        state.entries.iter().filter(is_asked_for).filter_map(|(address, entry)| observed.of(address, &entry.physical_id)).collect();
    let is_all = sightings.len() >= FEWEST && sightings.iter().all(|sighting| matches!(sighting, Sighting::Missing));
    let address = state.entries.keys().find(|address| desired.resources.contains_key(*address)).filter(|_| is_all)?;
    let place = format!("account {} in {}", state.target.account, state.target.region);
    Some(Refusal {
        address: address.clone(),
        summary: "everything is missing in AWS",
        detail: format!(
            "Nothing of the {} resources that the state knows is there in {place}. That is more likely another cloud than a wish to make all of it again, so nothing is made.",
            sightings.len()
        ),
        hints: vec![
            "look whether `--endpoint-url`, the profile and the region are the right ones".to_owned(),
            "if all of it was deleted: `lambdo up --recreate` makes it again".to_owned(),
        ],
    })
}

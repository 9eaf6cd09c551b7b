//! Everything is missing: rather the wrong account or endpoint than a wish to make all of it again.

use super::Options;
use crate::model::plan::Refusal;
use crate::model::{Address, Desired, Entry, Observed, Sighting, State};

/// So many must be missing before another cloud is suspected: fewer may well have been deleted by hand.
pub const FEWEST_MISSING: usize = 3;

/// The refusal of a plan that would make everything again, or take it for deleted, where AWS shows nothing of what the
/// state knows.
pub fn all(desired: &Desired, state: &State, observed: &Observed, options: &Options) -> Option<Refusal> {
    let is_asked_for = |(address, _): &(&Address, &Entry)| {
        options.only.as_ref().is_none_or(|only| only.contains(*address)) && !options.vanishing.contains(*address)
    };
    let sightings: Vec<&Sighting> =
        state.entries.iter().filter(is_asked_for).filter_map(|(address, entry)| observed.of(address, &entry.physical_id)).collect();
    let is_all = sightings.len() >= FEWEST_MISSING && sightings.iter().all(|sighting| matches!(sighting, Sighting::Missing));
    is_all.then(|| refusal(desired.resources.is_empty(), sightings.len(), state))
}

fn refusal(destroys: bool, number: usize, state: &State) -> Refusal {
    let place = format!("account {} in {}", state.target.account, state.target.region);
    let (wish, consequence, way_out) = match destroys {
        true => (
            "that all of it was deleted",
            "forgotten",
            "if all of it was deleted: `lambdo destroy --forget-missing` takes it out of the state",
        ),
        false => ("a wish to make all of it again", "made", "if all of it was deleted: `lambdo up --recreate` makes it again"),
    };
    Refusal {
        address: None,
        summary: "everything is missing in AWS",
        detail: format!(
            "Nothing of the {number} resources that the state knows is there in {place}. That is more likely another cloud than {wish}, so nothing is {consequence}."
        ),
        hints: vec!["look whether `--endpoint-url`, the profile and the region are the right ones".to_owned(), way_out.to_owned()],
    }
}

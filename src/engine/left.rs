//! What a state should know of and does not.

use super::{Engine, Inventory, observe, place};
use crate::diagnostic::Diagnostic;
use crate::kinds::Found;
use crate::model::observed::tag;
use crate::model::{Address, Desired, Entry, Failure, PhysicalId, Plan, Reason, Resource, Returning, Sighting, State};
use crate::plan::FEWEST_MISSING;

impl Engine {
    /// What carries the project's tags, stands in this state in no way and is not meant to stay. `desired` says which other
    /// names are looked at.
    ///
    /// # Errors
    /// Those of [`Engine::find`].
    pub async fn unknown(&self, desired: &Desired, state: &State) -> Result<Inventory, Failure> {
        let Inventory { mut found, warnings, notes } = self.find(desired).await?;
        found.retain(|one| !one.stays && !self.is_known(one, state));
        Ok(Inventory { found, warnings, notes })
    }

    fn is_known(&self, found: &Found, state: &State) -> bool {
        let Some(kind) = self.registry.find(&found.address.kind) else { return true };
        let is_it = |id: &PhysicalId| kind.is_same(id, &found.physical_id);
        let has = |entry: &Entry| is_it(&entry.physical_id) || entry.deposed.iter().any(|deposed| is_it(&deposed.physical_id));
        kind.dies_with_parent()
            || state.entries.iter().any(|(address, entry)| address.kind == found.address.kind && has(entry))
            || state.forgotten.iter().any(|gone| gone.kind == found.address.kind && is_it(&gone.physical_id))
    }

    /// What the state has deleted and AWS has made anew: it is there, carries no tags, and nothing else has its name.
    ///
    /// # Errors
    /// When AWS cannot be read.
    pub async fn returned(&self, state: &State) -> Result<Vec<Found>, Failure> {
        if state.returning.is_empty() {
            return Ok(Vec::new());
        }
        let mut gone = Desired::nothing(&state.project, state.stage.as_deref());
        let resource = |one: &Returning| (one.address.clone(), Resource::new(one.address.clone(), one.physical_id.clone()));
        gone.resources = state.returning.iter().map(resource).collect();
        let nobody = State { entries: Default::default(), intents: Vec::new(), ..state.clone() };
        let observed = observe::observe(self, &gone, &nobody, None, &super::find::all()).await?;
        let is_back = |one: &&Returning| match observed.of(&one.address, &one.physical_id) {
            Some(Sighting::Found(live)) => live.tags.as_ref().is_some_and(|tags| !tags.contains_key(tag::LINEAGE)),
            _ => false,
        };
        let has_heir = |address: &Address| state.entries.contains_key(address);
        let back = state.returning.iter().filter(is_back).filter(|one| !has_heir(&one.address));
        let found = |one: &Returning| Found {
            address: one.address.clone(),
            physical_id: one.physical_id.clone(),
            lineage: state.lineage.0.clone(),
            stays: false,
        };
        Ok(back.map(found).collect())
    }
}

/// So many resources that no state knows are named one by one.
const NAMED_MAX: usize = 10;

/// Says that there is no state at `place`, and that AWS has what carries the project's tags.
pub fn state_lost(place: &str, found: &[Found]) -> Diagnostic {
    let carry = if found.len() == 1 { "1 resource in AWS carries".to_owned() } else { format!("{} resources in AWS carry", found.len()) };
    Diagnostic::error("state-lost", "There is no state, but the project is deployed")
        .detail(format!("`{place}` is not there, and {carry} the tags of this project: {}. Nothing was changed.", named(found)))
        .hint("if the state is elsewhere: bring it here, or name its folder with `--state-dir`")
}

/// The first of them, and how many more there are.
pub fn named(found: &[Found]) -> String {
    let names: Vec<String> = found.iter().take(NAMED_MAX).map(|one| format!("`{}` ({})", one.address, one.physical_id)).collect();
    let more = found.len().saturating_sub(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", names.join(", "))
}

/// What makes a look for drift worth little: no state, or one of which AWS shows nothing.
pub(super) fn doubts(state: &State, plan: &Plan) -> Vec<Diagnostic> {
    if state.is_newborn() {
        let told = Diagnostic::warning("no-state", "There is no state");
        let detail = format!("Nothing is known of what project `{}` has deployed, so nothing can have drifted from it.", state.project);
        return vec![told.detail(detail).hint("if it is lost: `lambdo state rebuild` makes it anew from what is in AWS")];
    }
    let is_missing = plan.steps.len() >= FEWEST_MISSING && plan.steps.iter().all(|step| step.reason == Reason::MissingInAws);
    let told = Diagnostic::warning("everything-missing", "Everything is missing in AWS");
    let detail = format!("Nothing of the {} resources that the state knows is there in {}.", plan.steps.len(), place(&state.target));
    let told = told.detail(detail).hint("look whether `--endpoint-url`, the profile and the region are the right ones");
    is_missing.then_some(told).into_iter().collect()
}

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
        let has = |entry: &Entry| entry.has_name(is_it);
        kind.dies_with_parent()
            || state.entries.iter().any(|(address, entry)| address.kind == found.address.kind && has(entry))
            || state.forgotten.iter().any(|gone| gone.kind == found.address.kind && is_it(&gone.physical_id))
    }

    /// What the state has deleted and AWS has made anew: it is there, carries no tags, nothing else has its name, and what would
    /// make it is not somebody else's.
    ///
    /// # Errors
    /// When AWS cannot be read.
    pub async fn returned(&self, state: &State) -> Result<Vec<Found>, Failure> {
        let gone: Vec<&Returning> = state.returning.iter().filter(|one| !self.has_heir(one, state)).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let sought: Vec<(Resource, Option<Resource>)> = gone.iter().map(|one| self.sought(one)).collect();
        let mut wanted = Desired::nothing(&state.project, state.stage.as_deref());
        let all = sought.iter().flat_map(|(back, maker)| std::iter::once(back).chain(maker));
        wanted.resources = all.map(|resource| (resource.address.clone(), resource.clone())).collect();
        let nobody = State { entries: Default::default(), intents: Vec::new(), ..state.clone() };
        let observed = observe::observe(self, &wanted, &nobody, None, &super::find::all()).await?;
        let seen = |resource: &Resource| observed.of(&resource.address, resource.physical_id()?);
        let tags = |resource: &Resource| seen(resource).and_then(Sighting::live)?.tags.clone();
        let is_ours = |maker: &Resource| {
            let is_missing = matches!(seen(maker), Some(Sighting::Missing));
            is_missing || tags(maker).is_some_and(|tags| tags.get(tag::LINEAGE) == Some(&state.lineage.0))
        };
        let is_back = |(back, maker): &(Resource, Option<Resource>)| {
            tags(back).is_some_and(|tags| !tags.contains_key(tag::LINEAGE)) && maker.as_ref().is_none_or(is_ours)
        };
        let found = |one: &Returning| Found {
            address: one.address.clone(),
            physical_id: one.physical_id.clone(),
            lineage: state.lineage.0.clone(),
            stays: false,
        };
        Ok(gone.iter().zip(&sought).filter(|(_, sought)| is_back(sought)).map(|(one, _)| found(one)).collect())
    }

    fn has_heir(&self, one: &Returning, state: &State) -> bool {
        let Some(kind) = self.registry.find(&one.address.kind) else { return true };
        let has = |entry: &Entry| entry.has_name(|id| kind.is_same(id, &one.physical_id));
        state.entries.iter().any(|(address, entry)| address.kind == one.address.kind && has(entry))
    }

    /// It and what makes it, each under its name in AWS: several may have come back of one address.
    fn sought(&self, one: &Returning) -> (Resource, Option<Resource>) {
        let under_its_name = |kind: &str, id: PhysicalId| Resource::new(Address::new(kind, id.as_str()), id);
        let maker = self.registry.find(&one.address.kind).and_then(|kind| kind.maker(&one.physical_id));
        (under_its_name(&one.address.kind, one.physical_id.clone()), maker.map(|(kind, id)| under_its_name(kind, id)))
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

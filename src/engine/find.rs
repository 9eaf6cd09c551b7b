//! What AWS has of a project, and a state made anew from it.

use super::hiding::{forget_copies, forget_undeclared, undeclared};
use super::{Engine, PlanOptions, observe};
use crate::aws::ErrorClass;
use crate::diagnostic::Diagnostic;
use crate::kinds::{Found, Search, Skipped};
use crate::model::{
    Address, ArtifactSource, Desired, Entry, Exit, Failure, Lineage, Observed, Path, PhysicalId, Resource, Sighting, State, Unchecked,
    Value,
};
use crate::plan;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What AWS has of a project.
pub struct Inventory {
    /// What says that it is the project's, in the order of the kinds.
    pub found: Vec<Found>,
    /// What could not be looked at.
    pub warnings: Vec<Diagnostic>,
    /// What may not be looked at, and does not seem to be the project's.
    pub notes: Vec<Diagnostic>,
}

/// Everything that can be read.
pub(super) fn all() -> PlanOptions {
    PlanOptions { deep: true, ..PlanOptions::default() }
}

impl Engine {
    /// Looks for everything in AWS that says it is of the project.
    ///
    /// # Errors
    /// When AWS cannot be read at all; a kind that may not be looked at is a warning.
    pub async fn find(&self, desired: &Desired) -> Result<Inventory, Failure> {
        let reader = self.session.reader();
        let (mut found, mut warnings): (Vec<Found>, Vec<Diagnostic>) = (Vec::new(), Vec::new());
        let skipped = Skipped::default();
        for kind in self.registry.iter() {
            let search = Search { project: &desired.project, stage: desired.stage.as_deref(), desired, found: &found, skipped: &skipped };
            match kind.find(&reader, &search).await {
                Ok(more) => found.extend(more),
                Err(error) if error.class == ErrorClass::Interrupted => return Err(super::interrupted()),
                Err(error) if error.class == ErrorClass::Credentials => return Err(Failure::new(Exit::Failed, error.diagnostic())),
                Err(error) => {
                    let detail = format!("Whether AWS has any {} of the project is not known: {error}.", kind.name());
                    warnings.push(Diagnostic::warning("not-looked-at", "Not everything could be looked at").detail(detail));
                }
            }
        }
        Ok(Inventory { found, warnings, notes: left_out(skipped).into_iter().collect() })
    }

    /// A state made from what AWS has of the project, never saved. Code is taken for the wanted one where the package is
    /// what Lambda has.
    ///
    /// # Errors
    /// [`Exit::Failed`] where there is nothing or not all could be read, [`Exit::Refused`] where several states have made it and `lineage` does not
    /// say which is meant.
    pub async fn rebuild(
        &self,
        desired: &Desired,
        found: &[Found],
        lineage: Option<&str>,
        artifacts: &dyn ArtifactSource,
    ) -> Result<State, Failure> {
        let lineage = the_lineage(found, lineage)?;
        let endpoint = self.session.endpoint().map(str::to_owned);
        let (target, rules) = (self.target().clone(), self.registry.as_ref());
        let mut state = State::new(Lineage(lineage.clone()), &desired.project, desired.stage.as_deref(), target, endpoint);
        let ours = found.iter().filter(|one| one.lineage == lineage);
        let ours = ours.map(|one| plan::Placed { address: &one.address, physical_id: &one.physical_id, stays: one.stays });
        plan::place(&mut state, ours, desired, rules);
        let mut observed = observe::observe(self, desired, &state, None, &all()).await?;
        self.hide_undeclared(&mut observed, desired).await?;
        let unread: Vec<Diagnostic> = plan::unreadable(&state, desired, &observed, rules).into_iter().map(not_read).collect();
        if !unread.is_empty() {
            return Err(incomplete(unread));
        }
        plan::restore(&mut state, desired, &observed, rules);
        for (address, entry) in &mut state.entries {
            entry.ignore.extend(undeclared(&entry.inputs));
            let wanted = desired.resources.get(address).map(|resource| &resource.inputs);
            let deposed = entry.deposed.iter_mut().map(|deposed| &mut deposed.inputs);
            std::iter::once(&mut entry.inputs).chain(deposed).for_each(|inputs| forget_copies(inputs, wanted, self.session.scrubber()));
        }
        for (address, code) in recognised(&state, desired, artifacts).await {
            state.entries.get_mut(&address).into_iter().for_each(|entry| drop(entry.inputs.insert("code".to_owned(), code.clone())));
        }
        Ok(state)
    }

    /// What a resource of the spec is like in AWS, as the state would have it had it been applied; it was there before us.
    ///
    /// # Errors
    /// [`Exit::Failed`] where it is not there or cannot be read, [`Exit::Refused`] where another state of lambdo has it, or what
    /// others made is never taken over.
    pub async fn import(&self, desired: &Desired, state: &State, address: &Address) -> Result<(Entry, BTreeMap<String, String>), Failure> {
        let only = BTreeSet::from([address.clone()]);
        let observed: Observed = observe::observe(self, desired, state, Some(&only), &all()).await?;
        let resource = desired.resources.get(address);
        let id = resource.and_then(Resource::physical_id);
        let failed = |summary: &'static str, detail: String| {
            Failure::new(Exit::Failed, Diagnostic::error("cannot-import", summary).detail(detail).address(address))
        };
        let Some(id) = id else { return Err(failed("Nothing to import", format!("The spec has no `{address}` whose name is known."))) };
        let live = match observed.of(address, id) {
            Some(Sighting::Found(live)) => live,
            Some(Sighting::Unreadable(unchecked)) => return Err(failed("It could not be read", unchecked.detail.clone())),
            _ => return Err(failed("It is not there", format!("AWS has no `{id}` in {}.", super::place(&state.target)))),
        };
        if self.registry.find(&address.kind).is_some_and(|kind| kind.is_taggable()) && live.tags.is_none() {
            let why =
                live.unchecked.iter().find(|unchecked| unchecked.path == Path::key("tags")).map(|unchecked| unchecked.detail.as_str());
            let why = why.map_or_else(|| "AWS did not show its tags.".to_owned(), |why| format!("Its tags could not be read: {why}"));
            return Err(failed("Whose it is is not known", why));
        }
        let tags = live.tags.clone().unwrap_or_default();
        self.of_others(state, address, id, &tags).map_or(Ok(()), Err)?;
        let mut entry = plan::restored(address, resource, live, self.registry.as_ref());
        // What carries our own lineage was made by us, unless its marks say otherwise, as for `up`, which takes it up again.
        entry.adopted |= !tags.contains_key(crate::model::observed::tag::LINEAGE);
        // Until an `up` carries out what the spec says of them, nobody has changed them.
        entry.ignore.extend(forget_undeclared(&mut entry.inputs, resource));
        forget_copies(&mut entry.inputs, resource.map(|resource| &resource.inputs), self.session.scrubber());
        Ok((entry, tags))
    }

    /// Why this state cannot take over what carries these tags.
    fn of_others(&self, state: &State, address: &Address, id: &PhysicalId, tags: &BTreeMap<String, String>) -> Option<Failure> {
        let lineage = tags.get(crate::model::observed::tag::LINEAGE);
        if lineage == Some(&state.lineage.0) {
            return None;
        }
        if let Some(hint) = self.registry.find(&address.kind).and_then(|kind| kind.instead_of_adopting()) {
            let told = Diagnostic::error("cannot-import", "It cannot be taken over").address(address);
            let detail = format!("`{id}` was not made by this state, and a {} is never taken over.", address.kind);
            return Some(Failure::new(Exit::Refused, told.detail(detail).hint(hint)));
        }
        lineage?;
        let found = Diagnostic::error("of-another-state", "Another state has it").address(address);
        let detail = format!("`{id}` carries the tags of another state of lambdo, which would go on managing it.");
        let hint = "let that project destroy it, or take its `lambdo:` tags off by hand, and import it then";
        Some(Failure::new(Exit::Refused, found.detail(detail).hint(hint)))
    }
}

fn not_read((address, unchecked): (&Address, &Unchecked)) -> Diagnostic {
    let found = Diagnostic::warning("not-looked-at", "Not everything could be looked at").address(address);
    unchecked.hints.iter().fold(found.detail(unchecked.detail.as_str()), Diagnostic::hint)
}

/// A state without what could not be looked at would pass for a whole one.
pub fn incomplete(mut found: Vec<Diagnostic>) -> Failure {
    let told = Diagnostic::error("cannot-rebuild", "The state cannot be rebuilt")
        .detail(
            "Not everything in AWS could be looked at, and a state that lacks something would pass for a whole one. Nothing was written.",
        )
        .hint("`lambdo policy --read-only` prints the rights that are needed");
    found.insert(0, told);
    Failure { exit: Exit::Failed, diagnostics: found }
}

fn left_out(skipped: Skipped) -> Option<Diagnostic> {
    let skipped = skipped.into_inner();
    let (_, why) = skipped.first()?;
    let names: Vec<&str> = skipped.iter().map(|(what, _)| what.as_str()).collect();
    let told = format!("{} may not be looked at, and by their names they are of something else: {why}.", names.join(", "));
    Some(Diagnostic::note("left-out", "Something was left out").detail(told))
}

/// The lineage of what was found, or the one that is meant.
fn the_lineage(found: &[Found], meant: Option<&str>) -> Result<String, Failure> {
    let mut lineages: BTreeMap<&str, usize> = BTreeMap::new();
    found.iter().for_each(|one| *lineages.entry(&one.lineage).or_default() += 1);
    let chosen: Vec<&str> = lineages.keys().copied().filter(|lineage| meant.is_none_or(|meant| meant == *lineage)).collect();
    match chosen[..] {
        [lineage] => Ok(lineage.to_owned()),
        [] => {
            let found = Diagnostic::error("nothing-found", "Nothing to rebuild the state from");
            let of = meant.map_or_else(String::new, |meant| format!(" and the lineage `{meant}`"));
            let detail = format!("Nothing in this account and region carries the tags of this project{of}.");
            Err(Failure::new(
                Exit::Failed,
                found.detail(detail).hint("look whether project, stage, region and credentials are those of before"),
            ))
        }
        _ => {
            let counts: Vec<String> = lineages.iter().map(|(lineage, count)| format!("`{lineage}` has made {count}")).collect();
            let found = Diagnostic::error("several-lineages", "More than one state has made resources of this project");
            let detail = format!("It is not clear which of them is meant: {}.", counts.join(", "));
            Err(Failure::new(
                Exit::Refused,
                found.detail(detail).hint("say which with `--lineage ID`; `lambdo gc` lists what belongs to which"),
            ))
        }
    }
}

/// The functions whose wanted package is what Lambda has.
async fn recognised(state: &State, desired: &Desired, artifacts: &dyn ArtifactSource) -> Vec<(Address, Value)> {
    let mut recognised = Vec::new();
    for (address, entry) in &state.entries {
        let live = entry.attributes.get("code_sha256").and_then(Value::as_str);
        let Some((resource, live)) = desired.resources.get(address).zip(live) else { continue };
        recognised.extend(same_code(resource, live, artifacts).await.map(|code| (address.clone(), code)));
    }
    recognised
}

/// The wanted code, where its package is what Lambda has.
async fn same_code(resource: &Resource, live: &str, artifacts: &dyn ArtifactSource) -> Option<Value> {
    let wanted = resource.inputs.get("code")?;
    let hash = wanted.as_str().filter(|hash| hash.starts_with("sha256:"))?;
    let zip = artifacts.zip(hash).await.ok()?;
    (BASE64.encode(Sha256::digest(&zip)) == live).then(|| wanted.clone())
}

/// Takes code that lives for the wanted one where the package is what Lambda has, though the state does not say so: it was
/// lost, or is an earlier one. The wish then knows the hash that Lambda gives it, so that the state learns it.
pub async fn recognise(desired: &mut Desired, observed: &mut Observed, artifacts: &dyn ArtifactSource) {
    for (address, resource) in &mut desired.resources {
        let Some(id) = resource.physical_id().cloned() else { continue };
        let Some(Sighting::Found(live)) = observed.sightings.get_mut(&(address.clone(), id)) else { continue };
        let Some(sha256) = live.attributes.get("code_sha256").and_then(Value::as_str).map(str::to_owned) else { continue };
        // What stands there is the hash itself only where the state does not know what it means.
        if live.fields.get("code").and_then(Value::as_str) != Some(&format!("live:{sha256}")) {
            continue;
        }
        if let Some(code) = same_code(resource, &sha256, artifacts).await {
            live.fields.insert("code".to_owned(), code);
            resource.attributes.insert("code_sha256".to_owned(), sha256.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lineage: &str) -> Found {
        Found { address: Address::new("function", "a"), physical_id: "demo-a".into(), lineage: lineage.to_owned(), stays: false }
    }

    #[test]
    fn one_lineage_is_meant_and_of_several_the_named_one() {
        assert_eq!(the_lineage(&[found("l"), found("l")], None).unwrap(), "l");
        assert_eq!(the_lineage(&[found("l"), found("m")], Some("m")).unwrap(), "m");
        assert_eq!(the_lineage(&[found("l"), found("m")], None).unwrap_err().exit, Exit::Refused);
        assert_eq!(the_lineage(&[], None).unwrap_err().exit, Exit::Failed);
        assert_eq!(the_lineage(&[found("l")], Some("x")).unwrap_err().exit, Exit::Failed);
    }
}

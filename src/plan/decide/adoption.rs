//! What exists and is not known to be ours: whether it may become so, and how.

use super::Decider;
use crate::model::{Action, Address, Cause, Effect, Entry, Live, Plan, Reason, Resource, Sighting, Table, Value, observed::tag};
use crate::plan::decision::{Decision, Verdict, Work};
use crate::plan::diff::Difference;
use crate::plan::ownership::{self, Owner};
use crate::plan::refusal;
use crate::plan::staying::Why;

impl Decider<'_> {
    /// A resource that exists although the state does not know it.
    pub(super) fn existing(&self, resource: &Resource, live: &Live, plan: &mut Plan) -> Verdict {
        self.note_unread(&resource.address, live, plan);
        let Some(adopted) = self.adoption(resource, live) else {
            // What stands in a parent that is refused is whose that is.
            let goes_with = resource.parent.as_ref().filter(|_| !self.is_taggable(&resource.address));
            if !goes_with.is_some_and(|parent| plan.refusals.iter().any(|refusal| refusal.address.as_ref() == Some(parent))) {
                plan.refusals.push(refusal::not_ours(&resource.address, &live.physical_id, live, self.state, self.rules));
            }
            return Verdict::nothing();
        };
        let difference = self.taken_over(resource, live);
        let must_go = difference.changes.iter().any(|change| change.effect == Effect::Replace);
        if must_go && !adopted {
            if resource.protect {
                plan.refusals.push(refusal::protected(&resource.address, "replaced", true));
            }
            let mut entry = Entry::new(live.physical_id.clone());
            entry.attributes.clone_from(&live.attributes);
            let squatter = self.predecessor(&entry, Some(live), &resource.address);
            let work = Work::Replace { old: None, delete_first: false, squatter: Some(Box::new(squatter)) };
            return Verdict::new(Action::Replace, Reason::CannotUpdateInPlace, work).with(difference);
        }
        if let Some(change) = difference.changes.iter().find(|change| change.effect == Effect::Replace) {
            plan.refusals.push(refusal::cannot_adopt(resource, change));
            return Verdict::nothing();
        }
        let requested = self.options.adopt.contains(&resource.address);
        if adopted {
            ownership::note_manager(&resource.address, live, plan);
        }
        let reason = if requested { Reason::Requested } else { Reason::NotInState };
        Verdict::new(Action::Adopt, reason, Work::Update { live: Box::new(live.clone()), adopts: Some(adopted), old: None })
            .with(difference)
    }

    /// What differs in something that the state does not know. Our own marks of before that do not hold any more go.
    fn taken_over(&self, resource: &Resource, live: &Live) -> Difference {
        let tags = live.tags.iter().flatten().filter(|(key, _)| tag::is_lambdos(key));
        let marks: Table = tags.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        if ownership::owner(live, self.state) != Owner::Us || marks.is_empty() {
            return self.difference(resource, None, live);
        }
        let applied = Table::from_iter([("tags".to_owned(), Value::Table(marks))]);
        let mut difference = self.difference(resource, Some(&applied), live);
        // What the marks say already is known from now on, too.
        difference.records = self.difference(resource, None, live).records;
        difference.changes.iter_mut().for_each(|change| change.cause = Cause::Spec);
        difference
    }

    /// Whether a resource that exists may become ours: `Some(true)` for one that was there before us,
    /// `None` for one that must not be touched.
    fn adoption(&self, resource: &Resource, live: &Live) -> Option<bool> {
        let is_ours = |parent: &Address| {
            let becomes_ours = |decision: &Decision| matches!(decision.work, Work::Update { adopts: Some(false), .. });
            self.state.entries.contains_key(parent) || self.decisions.get(parent).is_some_and(becomes_ours)
        };
        let parent_is_ours = resource.parent.as_ref().is_some_and(is_ours);
        let parent_comes_back = || resource.parent.as_ref().is_some_and(|parent| self.comes_back(parent));
        let is_given_name = || self.rules.rules(&resource.address.kind).is_some_and(|rules| rules.is_given_name(&live.physical_id));
        let is_marked = live.tags.as_ref().is_some_and(|tags| tags.contains_key(tag::ADOPTED));
        // What stays in AWS goes on using it, also when it is not wanted here any more.
        let is_needed = |address: &Address| matches!(self.staying.get(address), Some(Why::NeededBy(_)));
        match ownership::owner(live, self.state) {
            Owner::Us => {
                Some(is_marked || self.leaving_namesake(resource).is_some_and(|(address, entry)| entry.adopted || is_needed(address)))
            }
            Owner::Unknown if parent_is_ours && !self.is_taggable(&resource.address) => Some(false),
            // Only its name tells whether it was there before us, too.
            Owner::Unknown if parent_comes_back() && !self.is_taggable(&resource.address) => Some(is_given_name()),
            // What made it may have been there before us, whatever this state had under the name once.
            Owner::Nobody if resource.adopt_untagged => {
                Some(!self.has_come_back(&resource.address, &live.physical_id) || self.needed.contains(&resource.address))
            }
            owner => {
                // One that a run of ours began to make, and whose tags nobody may read, was not there before.
                let is_begun = matches!(owner, Owner::Unknown) && self.state.is_making(&resource.address, &live.physical_id);
                self.options.adopt.contains(&resource.address).then_some(!is_begun)
            }
        }
    }

    /// Whether this run takes up again what was there before us, and what the state knew until somebody made it forget.
    fn comes_back(&self, address: &Address) -> bool {
        let work = self.decisions.get(address).map(|decision| &decision.work);
        matches!(work, Some(Work::Update { live, adopts: Some(true), .. }) if ownership::owner(live, self.state) == Owner::Us)
    }

    /// Whether it was there before us. A tag says so too: a later run, without the state's entry, would
    /// otherwise take it for its own.
    pub(super) fn is_adopted(&self, resource: &Resource) -> bool {
        let entry = self.state.entries.get(&resource.address).filter(|entry| self.has_same_name(resource, entry));
        let physical_id = entry.map(|entry| &entry.physical_id).or(resource.physical_id());
        let live = physical_id.and_then(|id| self.observed.of(&resource.address, id)).and_then(Sighting::live);
        match (entry, live) {
            (Some(entry), Some(live)) if self.is_handed_over(resource, entry, live) => true,
            (Some(entry), _) => entry.adopted && !self.is_missing(&resource.address, &entry.physical_id),
            (None, Some(live)) => self.adoption(resource, live) == Some(true),
            (None, None) => false,
        }
    }

    /// The entry of this name, and what lives under it.
    pub(super) fn seen(&self, resource: &Resource) -> Option<(&Entry, &Live)> {
        let entry = self.state.entries.get(&resource.address).filter(|entry| self.has_same_name(resource, entry))?;
        Some((entry, self.observed.of(&resource.address, &entry.physical_id)?.live()?))
    }

    pub(super) fn is_taken(&self, entry: &Entry, live: &Live) -> bool {
        ownership::is_somebody_elses(live, &entry.inputs, entry.adopted, &self.state.lineage)
    }

    /// What somebody else has taken or made anew becomes ours again, and was there before.
    pub(super) fn is_handed_over(&self, resource: &Resource, entry: &Entry, live: &Live) -> bool {
        self.options.adopt.contains(&resource.address) && self.is_taken(entry, live)
    }
}

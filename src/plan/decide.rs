//! What is done with each resource, and why.

mod adoption;
mod namesakes;
mod relations;

use super::decision::{Decision, Fate, Predecessor, Verdict, Work, facts, is_recorded};
use super::diff::{Difference, Sides, difference};
use super::ownership;
use super::staying::{Why, staying};
use super::{Options, extras, lasting, order, refusal, unread};
use crate::model::{
    Action, Address, Cause, Desired, Effect, Entry, Live, Observed, Plan, Reason, Replacement, Resource, RulesSet, Sighting, State, Step,
    Table, TemplatePart, Value, observed::tag,
};
use std::collections::{BTreeMap, BTreeSet};

/// Decides resource by resource, what is depended on first.
pub struct Decider<'a> {
    desired: &'a Desired,
    state: &'a State,
    observed: &'a Observed,
    rules: &'a dyn RulesSet,
    options: &'a Options,
    /// What stays in AWS of all that leaves the state.
    staying: BTreeMap<Address, Why>,
    /// What something needs that stays in AWS when nobody asks for it any more.
    needed: BTreeSet<Address>,
    decisions: BTreeMap<Address, Decision>,
}

impl<'a> Decider<'a> {
    pub fn new(desired: &'a Desired, state: &'a State, observed: &'a Observed, rules: &'a dyn RulesSet, options: &'a Options) -> Self {
        let staying = staying(desired, state, observed, rules, options.only.as_ref());
        let decider = Self { desired, state, observed, rules, options, staying, needed: BTreeSet::new(), decisions: BTreeMap::new() };
        Self { needed: decider.needed_by_what_stays(), ..decider }
    }

    /// A state that is lost and made anew knows of it only by tags. What only one operation waits for is not needed.
    fn needed_by_what_stays(&self) -> BTreeSet<Address> {
        let stays = |resource: &&Resource| resource.keep || self.is_adopted(resource);
        let mut open: Vec<&Resource> = self.desired.resources.values().filter(stays).collect();
        let mut needed = BTreeSet::new();
        while let Some(user) = open.pop() {
            let on = user.dependencies.iter().filter(|dependency| dependency.gates.is_none()).map(|dependency| &dependency.on);
            open.extend(on.filter_map(|on| self.desired.resources.get(on)).filter(|on| needed.insert(on.address.clone())));
        }
        needed
    }

    /// Decides everything and writes the steps into the plan.
    pub fn decide(mut self, plan: &mut Plan) -> BTreeMap<Address, Decision> {
        for address in order::dependencies_first(self.desired) {
            if self.is_selected(&address) {
                let resource = self.prepared(&self.desired.resources[&address]);
                plan.refusals.extend(refusal::too_many_tags(&resource));
                let verdict = self.wanted(&resource, plan);
                self.conclude(&address, Some(resource), verdict, plan);
            }
        }
        for (address, entry) in &self.state.entries {
            if !self.desired.resources.contains_key(address) && self.is_selected(address) {
                let verdict = self.unwanted(address, entry, plan);
                self.conclude(address, None, verdict, plan);
            }
        }
        let is_replaced = |address: &Address| match self.decisions.get(address).map(|decision| &decision.work) {
            Some(Work::Replace { old: Some(old), delete_first, .. }) => *delete_first || old.fate == Fate::Deleted,
            _ => false,
        };
        let losses = extras::losses(plan, is_replaced);
        plan.refusals.extend(losses);
        plan.refusals.extend(self.left_behind());
        plan.steps.sort_by(|left, right| left.address.cmp(&right.address));
        plan.unchecked.sort();
        plan.outputs = crate::model::value::resolve_table(&plan.outputs, &|part| self.known_output(part));
        self.decisions
    }

    /// The resource with our tags and with every reference filled in that is known by now.
    fn prepared(&self, resource: &Resource) -> Resource {
        let mut resource = resource.clone();
        resource.inputs = crate::model::value::resolve_table(&resource.inputs, &|part| self.known(part));
        if self.is_taggable(&resource.address) {
            let is_adopted = self.is_adopted(&resource);
            let tags = resource.inputs.entry("tags".to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(tags) = tags {
                ownership::mark(tags, &resource.address, is_adopted, self.state);
                if resource.keep || self.needed.contains(&resource.address) {
                    tags.insert(tag::KEPT.into(), "true".into());
                }
            }
        }
        let is_handed_over = self.seen(&resource).is_some_and(|(entry, live)| self.is_handed_over(&resource, entry, live));
        resource.attributes.extend(lasting::relearned(&resource, is_handed_over, self.state, self.observed, self.rules));
        resource
    }

    /// What a reference stands for, unless only AWS will say.
    fn known(&self, part: &TemplatePart) -> Option<Value> {
        let TemplatePart::Attribute { address, attribute } = part else { return None };
        if let Some(predicted) = self.desired.resources.get(address).and_then(|resource| resource.attributes.get(attribute)) {
            return Some(predicted.clone());
        }
        if self.decisions.get(address).is_some_and(Decision::remakes) {
            return None;
        }
        let decided = self.decisions.get(address).and_then(|decision| decision.desired.as_ref()?.attributes.get(attribute));
        decided.or_else(|| self.state.entries.get(address)?.attributes.get(attribute)).cloned()
    }

    /// An output of what is neither there nor made now is not known, though its name can be predicted.
    fn known_output(&self, part: &TemplatePart) -> Option<Value> {
        let is_there = |address: &Address| self.is_selected(address) || self.state.entries.contains_key(address);
        let is_predicted_only = matches!(part, TemplatePart::Attribute { address, .. } if !is_there(address));
        self.known(part).filter(|_| !is_predicted_only)
    }

    fn conclude(&mut self, address: &Address, desired: Option<Resource>, verdict: Verdict, plan: &mut Plan) {
        let entry = self.state.entries.get(address);
        let physical_id = desired.as_ref().and_then(Resource::physical_id).or(entry.map(|entry| &entry.physical_id));
        let facts = desired.as_ref().map(|desired| facts(desired, entry));
        let known = entry.is_some_and(|entry| facts.as_ref().is_some_and(|facts| is_recorded(facts, entry)));
        let kept = desired.as_ref().map_or(0, |desired| lasting::kept(desired, self.rules));
        let adopts = verdict.work.adoption(kept);
        let step = Step {
            address: address.clone(),
            physical_id: physical_id.cloned(),
            action: verdict.action,
            reason: verdict.reason,
            changes: verdict.difference.changes,
            operations: Vec::new(),
            records: verdict.difference.records,
            adopts,
            settles: facts.filter(|_| !known || verdict.action != Action::NoOp),
        };
        plan.steps.push(step);
        self.decisions.insert(address.clone(), Decision { desired, work: verdict.work });
    }

    fn wanted(&self, resource: &Resource, plan: &mut Plan) -> Verdict {
        match self.state.entries.get(&resource.address) {
            None => self.not_in_state(resource, plan),
            Some(entry) if self.has_same_name(resource, entry) => self.in_state(resource, entry, plan),
            Some(entry) => self.renamed(resource, entry, plan),
        }
    }

    fn in_state(&self, resource: &Resource, entry: &Entry, plan: &mut Plan) -> Verdict {
        if self.parent_is_replaced(resource.parent.as_ref(), &resource.address) {
            return Verdict::new(Action::Create, Reason::DependencyReplaced, Work::Create { discards: false });
        }
        if resource.protect != entry.protect {
            plan.notes.push((resource.address.clone(), format!("`protect = {}` is written into the state", resource.protect)));
        }
        let applied = Some(&entry.inputs).filter(|inputs| !inputs.is_empty());
        match self.observed.of(&resource.address, &entry.physical_id) {
            Some(Sighting::Missing) => Verdict::new(Action::Create, Reason::MissingInAws, Work::Create { discards: false }),
            Some(Sighting::Found(live)) => {
                if self.is_handed_over(resource, entry, live) {
                    return self.existing(resource, live, plan);
                }
                self.note_unread(&resource.address, live, plan);
                if self.is_taken(entry, live) {
                    plan.refusals.push(refusal::not_ours(&resource.address, &entry.physical_id, live, self.state, self.rules));
                }
                self.compared(resource, entry, applied, live, plan)
            }
            unread => {
                unread::note_unreadable(&resource.address, unread, plan);
                // Where the state knows nothing of it either, any difference would be made up.
                if applied.is_none() {
                    return Verdict::nothing();
                }
                let mut live = Live::new(entry.physical_id.clone());
                live.fields.clone_from(&entry.inputs);
                self.compared(resource, entry, applied, &live, plan)
            }
        }
    }

    fn compared(&self, resource: &Resource, entry: &Entry, applied: Option<&Table>, live: &Live, plan: &mut Plan) -> Verdict {
        let difference = self.difference(resource, applied, live);
        if difference.changes.iter().any(|change| change.effect == Effect::Replace) {
            return self.replaced(resource, entry, Some(live), Reason::CannotUpdateInPlace, difference, plan);
        }
        if difference.changes.is_empty() {
            if self.deposed_of_its_own(&resource.address, entry) <= lasting::kept(resource, self.rules) {
                return Verdict::nothing().with(difference);
            }
            return Verdict::new(Action::Update, Reason::CannotUpdateInPlace, Work::Nothing).with(difference);
        }
        let reason =
            if difference.changes.iter().all(|change| change.cause == Cause::Drift) { Reason::Drifted } else { Reason::InputsChanged };
        Verdict::new(Action::Update, reason, Work::Update { live: Box::new(live.clone()), adopts: None, old: None }).with(difference)
    }

    fn difference(&self, resource: &Resource, applied: Option<&Table>, live: &Live) -> Difference {
        let fields = self.rules.rules(&resource.address.kind).map_or(&[][..], |rules| rules.fields());
        let mut found = difference(fields, &Sides { applied, live, desired: &resource.inputs, ignore: &resource.ignore });
        let ignored = self.state.entries.get(&resource.address).map_or(&[][..], |entry| entry.ignore.as_slice());
        // What was ignored so far and is not any more, the spec changes, whoever made it so.
        for change in found.changes.iter_mut().filter(|change| ignored.iter().any(|pattern| change.path.is_covered_by(pattern))) {
            change.cause = Cause::Spec;
        }
        found
    }

    fn replaced(
        &self,
        resource: &Resource,
        entry: &Entry,
        live: Option<&Live>,
        reason: Reason,
        difference: Difference,
        plan: &mut Plan,
    ) -> Verdict {
        self.refuse_if_protected(&resource.address, entry, "replaced", plan);
        let same_name = self.has_same_name(resource, entry);
        if same_name && (entry.keep || entry.adopted) {
            plan.refusals.push(refusal::kept(&resource.address, &difference.changes));
        }
        plan.refusals.extend(
            live.filter(|_| !entry.keep && !entry.adopted).and_then(|live| refusal::undeletable(&resource.address, live, self.rules)),
        );
        let rules = self.rules.rules(&resource.address.kind);
        let delete_first = same_name || rules.is_some_and(|rules| rules.replacement() == Replacement::DeleteFirst);
        let old = self.predecessor(entry, live, &resource.address);
        self.note_staying(&resource.address, entry, plan);
        let delete_first = delete_first && old.fate == Fate::Deleted;
        Verdict::new(Action::Replace, reason, Work::Replace { old: Some(Box::new(old)), delete_first, squatter: None }).with(difference)
    }

    fn predecessor(&self, entry: &Entry, live: Option<&Live>, address: &Address) -> Predecessor {
        let is_lost = live.is_some_and(|live| self.is_taken(entry, live));
        let is_left = is_lost || self.staying.contains_key(address) || ownership::is_another_ones(address, &entry.physical_id, self.state);
        let fate = if is_left { Fate::Left } else { self.fate_with_parent(address, entry) };
        Predecessor { entry: entry.clone(), live: live.cloned(), fate }
    }

    fn renamed(&self, resource: &Resource, entry: &Entry, plan: &mut Plan) -> Verdict {
        let Some(physical_id) = resource.physical_id() else { return Verdict::nothing() };
        let old = self.observed.of(&resource.address, &entry.physical_id);
        let old_live = old.and_then(Sighting::live);
        match self.observed.of(&resource.address, physical_id) {
            // What stands in a parent that is made anew goes with the one that is there.
            Some(Sighting::Found(live))
                if !self.is_being_deleted_elsewhere(resource) && !self.parent_is_replaced(resource.parent.as_ref(), &resource.address) =>
            {
                let mut verdict = self.existing(resource, live, plan);
                if let Work::Update { old, .. } | Work::Replace { old, .. } = &mut verdict.work {
                    self.refuse_if_protected(&resource.address, entry, "deleted under its old name", plan);
                    self.note_staying(&resource.address, entry, plan);
                    *old = Some(Box::new(self.predecessor(entry, old_live, &resource.address)));
                }
                verdict
            }
            Some(Sighting::Unreadable(unchecked)) => {
                plan.refusals.push(refusal::unread_before_create(&resource.address, physical_id, unchecked));
                Verdict::nothing()
            }
            _ if matches!(old, Some(Sighting::Missing)) => {
                Verdict::new(Action::Create, Reason::MissingInAws, Work::Create { discards: true })
            }
            _ => {
                let parent_replaced = self.parent_is_replaced(entry.parent.as_ref(), &resource.address);
                let reason = if parent_replaced { Reason::DependencyReplaced } else { Reason::CannotUpdateInPlace };
                // What others attached to the old one would go with it.
                old_live.iter().for_each(|live| self.note_unread(&resource.address, live, plan));
                let mut seen = Live::new(entry.physical_id.clone());
                seen.fields.clone_from(&entry.inputs);
                let difference = self.difference(resource, Some(&entry.inputs), old_live.unwrap_or(&seen));
                self.replaced(resource, entry, old_live, reason, difference, plan)
            }
        }
    }

    fn not_in_state(&self, resource: &Resource, plan: &mut Plan) -> Verdict {
        let create = Verdict::new(Action::Create, Reason::NotInState, Work::Create { discards: false });
        let Some(physical_id) = resource.physical_id() else { return create };
        match self.observed.of(&resource.address, physical_id) {
            Some(Sighting::Missing) => create,
            Some(Sighting::Found(_)) if self.is_being_deleted_elsewhere(resource) => create,
            Some(Sighting::Found(_)) if self.parent_is_replaced(resource.parent.as_ref(), &resource.address) => create,
            Some(Sighting::Found(live)) => self.existing(resource, live, plan),
            unread => {
                let unlooked = Sighting::unreadable("not_looked_for", "it was not looked for");
                if let Sighting::Unreadable(unchecked) = unread.unwrap_or(&unlooked) {
                    plan.refusals.push(refusal::unread_before_create(&resource.address, physical_id, unchecked));
                }
                Verdict::nothing()
            }
        }
    }

    fn unwanted(&self, address: &Address, entry: &Entry, plan: &mut Plan) -> Verdict {
        if self.parent_is_deleted(address, entry) {
            self.refuse_if_protected(address, entry, "deleted", plan);
            return Verdict::new(Action::Delete, Reason::NotInSpec, Work::Delete { dies_with_parent: true });
        }
        let sighting = self.observed.of(address, &entry.physical_id);
        if self.parent_is_missing(address, entry) || matches!(sighting, Some(Sighting::Missing)) {
            return Verdict::new(Action::Forget, Reason::MissingInAws, Work::Forget);
        }
        let leaves = Verdict::new(Action::Forget, Reason::NotInSpec, Work::Forget);
        if ownership::has_moved(address, entry, self.desired, self.state) {
            return leaves;
        }
        if self.note_staying(address, entry, plan) {
            return leaves;
        }
        self.refuse_if_protected(address, entry, "deleted", plan);
        plan.refusals.extend(sighting.and_then(Sighting::live).and_then(|live| refusal::undeletable(address, live, self.rules)));
        let farewell = self.rules.rules(&address.kind).and_then(|rules| rules.farewell(&entry.inputs));
        plan.notes.extend(farewell.map(|note| (address.clone(), note)));
        let is_source_gone = entry.source.as_ref().is_some_and(|folder| self.desired.folders.lack(folder));
        let reason = if is_source_gone { Reason::SourceGone } else { Reason::NotInSpec };
        Verdict::new(Action::Delete, reason, Work::Delete { dies_with_parent: false })
    }

    /// Whether it stays in AWS, and says so.
    fn note_staying(&self, address: &Address, entry: &Entry, plan: &mut Plan) -> bool {
        let why = self.staying.get(address);
        plan.notes.extend(why.map(|why| (address.clone(), why.note(&entry.physical_id))));
        why.is_some()
    }

    /// Either the spec or what was applied may protect a resource. What stays in AWS is in no danger.
    fn refuse_if_protected(&self, address: &Address, entry: &Entry, what: &str, plan: &mut Plan) {
        let wanted = self.desired.resources.get(address);
        let by_spec = wanted.is_some_and(|wanted| wanted.protect) || self.options.protected.contains(address);
        if (by_spec || entry.protect) && !self.staying.contains_key(address) {
            let is_in_spec = wanted.is_some() || by_spec;
            plan.refusals.push(refusal::protected(address, what, is_in_spec));
        }
    }

    fn note_unread(&self, address: &Address, live: &Live, plan: &mut Plan) {
        let Self { desired, state, rules, .. } = *self;
        unread::note(address, live, plan, &unread::Asked { desired, state, rules });
    }
}

//! From what is to be done to the calls that do it.

use super::decision::{Decision, Fate, Predecessor, Work, uncarried};
use super::order;
use super::together::{Scene, parts};
use crate::model::{
    Address, Carry, Draft, Entry, Live, Observed, Operation, OperationId, Path, PhysicalId, Plan, Removal, Resource, Rules, RulesSet,
    Sighting, State, Table, Transition, Update,
};
use std::collections::BTreeMap;

/// Fills [`Plan::operations`] and the steps' lists of them.
pub fn build(decisions: &BTreeMap<Address, Decision>, state: &State, observed: &Observed, rules: &dyn RulesSet, plan: &mut Plan) {
    let mut steps = std::mem::take(&mut plan.steps);
    let scene = Scene { decisions, state, rules };
    let (dying, dependants) = (scene.dying(), order::dependants(state));
    let also = |parent: &Address| dying.get(parent).cloned().unwrap_or_default();
    for step in &mut steps {
        let (Some(decision), Some(rules)) = (decisions.get(&step.address), rules.rules(&step.address.kind)) else { continue };
        let (first, operations) = (plan.operations.len(), &mut plan.operations);
        let of_step = dependants.get(&step.address).map_or(&[][..], Vec::as_slice);
        let mut builder = Builder { address: &step.address, rules, scene, observed, dependants: of_step, first, operations };
        // An entry that ends takes the memory of its predecessors with it, so these go first.
        let ends = matches!(decision.work, Work::Delete { .. } | Work::Forget | Work::Replace { delete_first: true, .. });
        let wanted = decision.desired.as_ref().and_then(Resource::physical_id);
        let kept = decision.desired.as_ref().filter(|_| !ends).map_or(0, |desired| rules.kept(desired));
        if ends {
            builder.deposed(wanted, 0, false);
        }
        match (&decision.work, &decision.desired) {
            (Work::Create { discards }, Some(desired)) => builder.make(desired, *discards),
            (Work::Update { live, adopts, old }, Some(desired)) => {
                let discards = old.as_ref().is_some_and(|old| old.fate == Fate::Left);
                builder.update(desired, live, &step.changes, adopts.map(|adopted| Transition::Create { adopted, discards }));
                old.iter().filter(|_| kept == 0).for_each(|old| builder.supersede(old));
            }
            (Work::Replace { old, delete_first, squatter }, Some(desired)) => {
                squatter.iter().for_each(|squatter| builder.supersede(squatter));
                match old {
                    Some(old) if kept > 0 => builder.create(desired, old.fate == Fate::Left),
                    Some(old) => builder.replace(desired, old, *delete_first, also(&step.address)),
                    None => builder.create(desired, false),
                }
            }
            (Work::Delete { dies_with_parent: false }, None) => builder.delete(also(&step.address)),
            _ => {}
        }
        if !ends {
            let replaces = matches!(decision.work, Work::Replace { old: Some(_), .. } | Work::Update { old: Some(_), .. });
            builder.deposed(wanted, kept.saturating_sub(usize::from(replaces)), true);
        }
        step.operations = (builder.first..builder.operations.len()).map(OperationId).collect();
        if let (true, Some(desired)) = (decision.remakes(), &decision.desired) {
            let carries: Vec<_> = plan.operations[step.operations.first().map_or(0, |id| id.0)..]
                .iter()
                .flat_map(|operation| operation.carries.iter().filter(|carry| carry.value.is_some()).cloned())
                .collect();
            step.records = uncarried(desired, &carries);
        }
    }
    plan.steps = steps;
}

struct Builder<'a> {
    address: &'a Address,
    rules: &'a dyn Rules,
    scene: Scene<'a>,
    observed: &'a Observed,
    dependants: &'a [&'a Address],
    first: usize,
    operations: &'a mut Vec<Operation>,
}

impl<'a> Builder<'a> {
    fn create(&mut self, desired: &Resource, discards: bool) {
        let drafts = self.rules.create(desired);
        self.push(drafts, desired.physical_id(), |index| {
            if index == 0 { Transition::Create { adopted: false, discards } } else { Transition::Update }
        });
    }

    /// Makes what is new, or what is gone from AWS. Of the latter, what is wanted as it was applied counts as applied until it
    /// is made (see [`State::create`]), so that a run that is cut short does not lose it; the rest does not.
    fn make(&mut self, desired: &Resource, discards: bool) {
        let first = self.operations.len();
        self.create(desired, discards);
        let gone = self.entry().filter(|entry| desired.physical_id() == Some(&entry.physical_id));
        let Some((entry, operation)) = gone.zip(self.operations.get_mut(first)) else { return };
        let others = entry.inputs.iter().filter(|(key, value)| desired.inputs.get(*key) != Some(value));
        operation.carries.splice(0..0, others.map(|(key, _)| Carry { path: Path::key(key), value: None }));
    }

    fn update(&mut self, desired: &Resource, live: &Live, changes: &[crate::model::Change], adopts: Option<Transition>) {
        let drafts = self.rules.update(&Update { desired, live, changes });
        self.push(drafts, Some(&live.physical_id), |index| match &adopts {
            Some(adopts) if index == 0 => adopts.clone(),
            _ => Transition::Update,
        });
    }

    fn replace(&mut self, desired: &Resource, old: &Predecessor, delete_first: bool, also: Vec<Address>) {
        if delete_first {
            self.remove_old(old, &Transition::Delete { also, anew: true });
            self.create(desired, true);
        } else {
            self.create(desired, old.fate == Fate::Left);
            self.supersede(old);
        }
    }

    /// Deletes what stood at the address before, now that its successor is there.
    fn supersede(&mut self, old: &Predecessor) {
        if old.fate == Fate::Deleted {
            self.remove_old(old, &self.end_of_deposed(&old.entry.physical_id));
        }
    }

    fn remove_old(&mut self, old: &Predecessor, end: &Transition) {
        self.remove(&old.entry.physical_id, (&old.entry.inputs, &old.entry.attributes), old.live.as_ref(), end);
    }

    fn delete(&mut self, also: Vec<Address>) {
        let Some(entry) = self.entry() else { return };
        let live = self.observed.of(self.address, &entry.physical_id).and_then(Sighting::live);
        self.remove(&entry.physical_id, (&entry.inputs, &entry.attributes), live, &Transition::Delete { also, anew: false });
    }

    /// Deletes the predecessors that an earlier run left behind, but for one that is wanted again and the youngest
    /// that are kept. An entry that `remains` can wait for those that go along with a predecessor of the parent.
    fn deposed(&mut self, wanted: Option<&PhysicalId>, kept: usize, remains: bool) {
        let Some(entry) = self.entry() else { return };
        let goes_along = |id: &PhysicalId| remains && self.scene.goes_along(self.address, id);
        let is_old = |id: &PhysicalId| Some(id) != wanted && !goes_along(id);
        let old: Vec<_> = entry.deposed.iter().filter(|deposed| is_old(&deposed.physical_id)).collect();
        for deposed in &old[..old.len().saturating_sub(kept)] {
            let live = self.observed.of(self.address, &deposed.physical_id).and_then(Sighting::live);
            let end = self.end_of_deposed(&deposed.physical_id);
            self.remove(&deposed.physical_id, (&deposed.inputs, &deposed.attributes), live, &end);
        }
    }

    fn entry(&self) -> Option<&'a Entry> {
        self.scene.state.entries.get(self.address)
    }

    fn end_of_deposed(&self, physical_id: &PhysicalId) -> Transition {
        Transition::DeleteDeposed { also: parts(self.address, physical_id, self.scene.state, self.scene.rules) }
    }

    fn remove(&mut self, physical_id: &PhysicalId, (inputs, attributes): (&Table, &Table), live: Option<&Live>, end: &Transition) {
        let drafts = self.rules.delete(&Removal {
            physical_id,
            inputs,
            attributes,
            live,
            entries: &self.scene.state.entries,
            dependants: self.dependants,
        });
        let last = drafts.len().saturating_sub(1);
        self.push(drafts, Some(physical_id), |index| if index == last { end.clone() } else { Transition::Update });
    }

    fn push(&mut self, drafts: Vec<Draft>, physical_id: Option<&PhysicalId>, transition: impl Fn(usize) -> Transition) {
        for (index, draft) in drafts.into_iter().enumerate() {
            self.operations.push(Operation {
                address: self.address.clone(),
                physical_id: physical_id.cloned(),
                transition: transition(index),
                call: draft.call.to_owned(),
                arguments: draft.arguments,
                carries: draft.carries,
                follows: draft.follows,
                waits: Vec::new(),
                serial_key: physical_id.and_then(|id| self.rules.serial_key(id)),
            });
        }
    }
}

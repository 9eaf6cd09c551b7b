//! What waits for what. There are no waves: each operation has its own edges.

use super::decision::{Decision, Work};
use super::refusal;
use crate::model::{
    Address, Dependency, Desired, Operation, OperationId, PhysicalId, Plan, RulesSet, State, Strength, Transition, Until, Wait,
};
use std::collections::{BTreeMap, BTreeSet};

/// The wanted addresses, each after what it depends on. Cycles are the spec's business; here they
/// only end the descent.
pub fn dependencies_first(desired: &Desired) -> Vec<Address> {
    fn visit(address: &Address, desired: &Desired, seen: &mut BTreeSet<Address>, order: &mut Vec<Address>) {
        let Some(resource) = desired.resources.get(address) else { return };
        if !seen.insert(address.clone()) {
            return;
        }
        for on in resource.dependencies.iter().map(|dependency| &dependency.on).chain(resource.parent.as_ref()) {
            visit(on, desired, seen, order);
        }
        order.push(address.clone());
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    desired.resources.keys().for_each(|address| visit(address, desired, &mut seen, &mut order));
    order
}

/// The operations of a step, told apart by what they do.
#[derive(Default)]
struct Parts {
    /// Those that make or change the wanted resource.
    making: Vec<OperationId>,
    /// Those that delete the entry's resource or a predecessor.
    removing: Vec<OperationId>,
    /// Whether the deletion comes first.
    delete_first: bool,
}

/// Gives each operation what it has to wait for.
pub fn wire(decisions: &BTreeMap<Address, Decision>, state: &State, rules: &dyn RulesSet, plan: &mut Plan) {
    let parts: BTreeMap<Address, Parts> =
        plan.steps.iter().map(|step| (step.address.clone(), divide(step, decisions, &plan.operations))).collect();
    let dependants = dependants(state);
    let mut waits: Vec<BTreeSet<Wait>> = vec![BTreeSet::new(); plan.operations.len()];
    for step in &plan.steps {
        in_order(&step.operations, &mut waits);
        let part = &parts[&step.address];
        if let Some(desired) = decisions.get(&step.address).and_then(|decision| decision.desired.as_ref()) {
            for dependency in &desired.dependencies {
                after_dependency(dependency, part, &parts, &plan.operations, &mut waits);
            }
        }
        if let Some(first) = part.removing.first() {
            let dependants = dependants.get(&step.address).map_or(&[][..], Vec::as_slice);
            after_dependants(*first, part, dependants, &parts, &mut waits);
        }
    }
    after_those_followed(&plan.operations, &parts, &mut waits);
    after_namesakes(plan, rules, &mut waits);
    for (operation, waits) in plan.operations.iter_mut().zip(waits) {
        operation.waits = waits.into_iter().collect();
    }
    let circle: BTreeSet<Address> = in_a_circle(&plan.operations).map(|operation| operation.address.clone()).collect();
    plan.refusals.extend(circle.iter().map(refusal::circle));
}

/// Who depends on an address, as applied.
pub fn dependants(state: &State) -> BTreeMap<&Address, Vec<&Address>> {
    let mut dependants: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, entry) in &state.entries {
        for dependency in &entry.dependencies {
            dependants.entry(&dependency.on).or_default().push(address);
        }
    }
    dependants
}

/// Operations that would wait for themselves: only names that are passed on in a circle lead there.
fn in_a_circle(operations: &[Operation]) -> impl Iterator<Item = &Operation> {
    let mut open: Vec<usize> = operations.iter().map(|operation| operation.waits.len()).collect();
    let mut followers = vec![Vec::new(); operations.len()];
    for (index, operation) in operations.iter().enumerate() {
        operation.waits.iter().for_each(|wait| followers[wait.on.0].push(index));
    }
    let mut free: Vec<usize> = (0..operations.len()).filter(|index| open[*index] == 0).collect();
    while let Some(index) = free.pop() {
        for follower in std::mem::take(&mut followers[index]) {
            open[follower] -= 1;
            if open[follower] == 0 {
                free.push(follower);
            }
        }
    }
    operations.iter().zip(open).filter(|(_, open)| *open > 0).map(|(operation, _)| operation)
}

fn divide(step: &crate::model::Step, decisions: &BTreeMap<Address, Decision>, operations: &[Operation]) -> Parts {
    let mut parts = Parts::default();
    let work = decisions.get(&step.address).map(|decision| &decision.work);
    let replaces = matches!(work, Some(Work::Replace { .. }));
    if matches!(work, Some(Work::Delete { .. } | Work::Forget)) {
        parts.removing.clone_from(&step.operations);
        return parts;
    }
    let create = step.operations.iter().position(|id| matches!(operations[id.0].transition, Transition::Create { .. }));
    let (before, from) = step.operations.split_at(create.filter(|_| replaces).unwrap_or(0));
    parts.delete_first = !before.is_empty();
    // Behind the making operations of a replacement come those that delete the predecessor; they
    // begin after the last one before the deletion whose resource is the wanted one.
    let wanted = decisions.get(&step.address).and_then(|decision| decision.desired.as_ref()).and_then(|desired| desired.physical_id());
    let is_removal = |id: &OperationId| wanted.is_some() && operations[id.0].physical_id.as_ref() != wanted;
    let end = from.iter().position(is_removal).unwrap_or(from.len());
    parts.making = from[..end].to_vec();
    parts.removing = before.iter().chain(&from[end..]).copied().collect();
    parts
}

fn in_order(operations: &[OperationId], waits: &mut [BTreeSet<Wait>]) {
    for pair in operations.windows(2) {
        waits[pair[1].0].insert(Wait { on: pair[0], strength: Strength::Hard });
    }
}

fn after_dependency(
    dependency: &Dependency,
    part: &Parts,
    parts: &BTreeMap<Address, Parts>,
    operations: &[Operation],
    waits: &mut [BTreeSet<Wait>],
) {
    let Some(other) = parts.get(&dependency.on) else { return };
    let on = match dependency.until {
        Until::Complete => other.making.last(),
        Until::Exists => other.making.first().filter(|id| matches!(operations[id.0].transition, Transition::Create { .. })),
    };
    let Some(on) = on else { return };
    let gated = |id: &&OperationId| dependency.gates.as_ref().is_none_or(|call| operations[id.0].call == *call);
    for id in part.making.iter().filter(gated) {
        waits[id.0].insert(Wait { on: *on, strength: dependency.strength });
    }
}

/// A deletion waits until nothing uses the resource any more: dependants that leave have left, and
/// dependants that stay have moved on, unless they wait for the new one themselves.
fn after_dependants(
    first: OperationId,
    part: &Parts,
    dependants: &[&Address],
    parts: &BTreeMap<Address, Parts>,
    waits: &mut [BTreeSet<Wait>],
) {
    for dependant in dependants {
        let Some(other) = parts.get(*dependant) else { continue };
        let leaves = other.making.is_empty() || other.delete_first;
        let last = if leaves { other.removing.last() } else { other.removing.last().or(other.making.last()) };
        if let Some(on) = last.filter(|_| leaves || !part.delete_first) {
            waits[first.0].insert(Wait { on: *on, strength: Strength::Hard });
        }
    }
}

/// What should be gone before is waited for, and left alone where it cannot be deleted. What makes room for its successor waits
/// for nothing of the kind: those who use the successor have to be changed before what they used can go.
fn after_those_followed(operations: &[Operation], parts: &BTreeMap<Address, Parts>, waits: &mut [BTreeSet<Wait>]) {
    let makes_room = |operation: &Operation| parts.get(&operation.address).is_some_and(|part| part.delete_first);
    for (operation, waits) in operations.iter().zip(waits).filter(|(operation, _)| !makes_room(operation)) {
        let gone = operation.follows.iter().filter_map(|address| parts.get(address)?.removing.last());
        waits.extend(gone.map(|on| Wait { on: *on, strength: Strength::Soft }));
    }
}

/// What is made under a name that another address gives up waits until it is free.
fn after_namesakes(plan: &Plan, rules: &dyn RulesSet, waits: &mut [BTreeSet<Wait>]) {
    let mut freed: BTreeMap<&str, Vec<(usize, &Operation)>> = BTreeMap::new();
    for (index, operation) in plan.operations.iter().enumerate() {
        if matches!(operation.transition, Transition::Delete { .. } | Transition::DeleteDeposed { .. }) {
            freed.entry(&operation.address.kind).or_default().push((index, operation));
        }
    }
    let is_same =
        |kind: &str, left: &PhysicalId, right: &PhysicalId| rules.rules(kind).map_or(left == right, |rules| rules.is_same(left, right));
    let creates = plan.operations.iter().enumerate().filter(|(_, operation)| matches!(operation.transition, Transition::Create { .. }));
    for (index, create) in creates {
        let (kind, Some(name)) = (create.address.kind.as_str(), &create.physical_id) else { continue };
        let frees = |(_, delete): &&(usize, &Operation)| delete.physical_id.as_ref().is_some_and(|freed| is_same(kind, freed, name));
        let last = freed.get(kind).and_then(|deletes| deletes.iter().rfind(frees));
        if let Some((on, _)) = last.filter(|(_, delete)| delete.address != create.address) {
            waits[index].insert(Wait { on: OperationId(*on), strength: Strength::Hard });
        }
    }
}

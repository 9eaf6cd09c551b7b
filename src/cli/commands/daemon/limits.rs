//! What a plan of the daemon may hold. Pure.

use crate::daemon::{Allowed, Order};
use crate::model::{Action, Address, Path, Plan, Reason, State, Step};
use std::collections::BTreeSet;

/// Whether a step changes something in AWS.
pub fn does_something(step: &Step) -> bool {
    !step.operations.is_empty()
}

/// The steps that healing may not do, and why.
pub fn forbidden(plan: &Plan, allowed: Allowed) -> Vec<(Address, String)> {
    let why = |step: &Step| match step.action {
        Action::Replace if !allowed.replace => Some("it would have to be made anew, which `daemon.allow` does not have (`replace`)"),
        Action::Delete if !allowed.delete => Some("it would have to be deleted, which `daemon.allow` does not have (`delete`)"),
        _ => None,
    };
    let steps = plan.steps.iter().filter(|step| does_something(step));
    steps.filter_map(|step| Some((step.address.clone(), why(step)?.to_owned()))).collect()
}

/// Why a plan is not applied as a whole, if it is not.
pub fn too_much(plan: &Plan, order: &Order) -> Option<String> {
    let changed = plan.steps.iter().filter(|step| does_something(step)).count();
    (changed > order.max_changes)
        .then(|| format!("{changed} resources would be changed, and `daemon.max_changes` allows {}", order.max_changes))
}

/// The paths that a plan changes, by address; an empty path for a resource that is made or goes as a whole.
pub fn touched(plan: &Plan) -> Vec<(Address, Path)> {
    let of_step = |step: &Step| -> Vec<(Address, Path)> {
        if step.action != Action::Update || step.changes.is_empty() {
            return vec![(step.address.clone(), Path::default())];
        }
        step.changes.iter().map(|change| (step.address.clone(), change.path.clone())).collect()
    };
    plan.steps.iter().filter(|step| does_something(step)).flat_map(of_step).collect()
}

/// What is left this time is not what is never written: the state must not remember it.
pub fn forget_left(plan: &mut Plan, leave: &[(Address, Path)]) {
    for step in &mut plan.steps {
        let is_left = |path: &Path| leave.iter().any(|(address, left)| *address == step.address && left == path);
        step.settles.iter_mut().for_each(|facts| facts.ignore.retain(|path| !is_left(path)));
    }
}

/// What a plan would change that nobody found before: it was ignored, is contested, or came in the meantime. An empty path
/// is a resource that would be made, or made anew, and not because of another one.
pub fn unasked(plan: &Plan, order: &Order) -> Vec<(Address, Path)> {
    let is_meant = |address: &Address, path: &Path| {
        order.paths.iter().any(|(of, wanted)| of == address && (path.0.is_empty() || path.starts_with(wanted)))
    };
    let of_step = |step: &Step| -> Vec<(Address, Path)> {
        match (step.action, step.reason) {
            (Action::Update, _) => step.changes.iter().map(|change| (step.address.clone(), change.path.clone())).collect(),
            (_, Reason::DependencyReplaced) => Vec::new(),
            _ => vec![(step.address.clone(), Path::default())],
        }
    };
    let touched = plan.steps.iter().filter(|step| does_something(step)).flat_map(of_step);
    touched.filter(|(address, path)| !is_meant(address, path)).collect()
}

/// What of a plan that changes too much is done now: what needs nothing of the rest comes first, so that the rest can follow.
pub fn first(plan: &Plan, state: &State, order: &Order) -> BTreeSet<Address> {
    let mut rest: BTreeSet<&Address> = plan.steps.iter().filter(|step| does_something(step)).map(|step| &step.address).collect();
    let mut chosen = BTreeSet::new();
    let needs = |address: &Address, on: &BTreeSet<&Address>| {
        let entry = state.entries.get(address);
        entry.is_some_and(|entry| entry.needs().any(|needed| needed != address && on.contains(needed)))
    };
    while chosen.len() < order.max_changes
        && let Some(next) = rest.iter().copied().find(|address| !needs(address, &rest))
    {
        rest.remove(next);
        chosen.insert(next.clone());
    }
    chosen
}

/// The addresses without those of which something is forbidden.
pub fn without(addresses: &BTreeSet<Address>, forbidden: &[(Address, String)]) -> BTreeSet<Address> {
    addresses.iter().filter(|address| forbidden.iter().all(|(one, _)| one != *address)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;

    fn order(max_changes: usize) -> Order {
        Order { addresses: BTreeSet::new(), paths: Vec::new(), leave: Vec::new(), allowed: Allowed::default(), max_changes }
    }

    #[test]
    fn replacing_and_deleting_need_to_be_allowed() {
        let mut plan = fixtures::every_action();
        plan.steps.iter_mut().for_each(|step| step.operations = vec![crate::model::OperationId(0)]);
        let actions = |allowed| forbidden(&plan, allowed).len();
        let going = |action| plan.steps.iter().filter(|step| step.action == action && does_something(step)).count();
        let (replaced, deleted) = (going(Action::Replace), going(Action::Delete));
        assert!(replaced > 0 && deleted > 0);
        assert_eq!(actions(Allowed::default()), replaced + deleted);
        assert_eq!(actions(Allowed { replace: true, delete: false }), deleted);
        assert_eq!(actions(Allowed { replace: true, delete: true }), 0);
    }

    #[test]
    fn no_more_is_changed_than_is_allowed() {
        let plan = fixtures::every_action();
        let changed = plan.steps.iter().filter(|step| does_something(step)).count();
        assert_eq!(too_much(&plan, &order(changed)), None);
        assert!(too_much(&plan, &order(changed - 1)).unwrap().contains("max_changes"));
    }
}

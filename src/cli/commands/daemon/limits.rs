//! What a plan of the daemon may hold. Pure.

use crate::daemon::{Allowed, Order};
use crate::model::{Action, Address, Change, Effect, Path, Plan, Reason, State, Step, Strength, Unchecked};
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
/// is a resource that would be made, and not because of another one; where one would be made anew, it is what asks for that.
pub fn unasked(plan: &Plan, order: &Order) -> Vec<(Address, Path)> {
    let is_meant = |address: &Address, path: &Path| {
        order.paths.iter().any(|(of, wanted)| of == address && (path.0.is_empty() || path.starts_with(wanted)))
    };
    let of_step = |step: &Step| -> Vec<(Address, Path)> {
        let paths = |is_one: fn(&Change) -> bool| -> Vec<(Address, Path)> {
            step.changes.iter().filter(|change| is_one(change)).map(|change| (step.address.clone(), change.path.clone())).collect()
        };
        let replacing = paths(|change| change.effect == Effect::Replace);
        match (step.action, step.reason) {
            (Action::Update, _) => paths(|_| true),
            (_, Reason::DependencyReplaced) => Vec::new(),
            (Action::Replace, _) if !replacing.is_empty() => replacing,
            _ => vec![(step.address.clone(), Path::default())],
        }
    };
    let touched = plan.steps.iter().filter(|step| does_something(step)).flat_map(of_step);
    touched.filter(|(address, path)| !is_meant(address, path)).collect()
}

/// What a plan refuses, and why. What would be made anew for something that nobody asked for is not judged: without that, it stays.
pub fn refused(plan: &Plan, unasked: &[(Address, Path)]) -> Vec<(Address, String)> {
    let is_replaced = |address: &Address| plan.steps.iter().any(|step| step.address == *address && step.action == Action::Replace);
    let is_judged = |address: &Address| !is_replaced(address) || unasked.iter().all(|(one, _)| one != address);
    let refused = plan.refusals.iter().filter_map(|refusal| Some((refusal.address.clone()?, refusal.detail.clone())));
    refused.filter(|(address, _)| is_judged(address)).collect()
}

/// Those of `addresses` that a plan has not found in AWS.
pub fn missing(plan: &Plan, addresses: &BTreeSet<Address>) -> BTreeSet<Address> {
    let missing = plan.steps.iter().filter(|step| step.reason == Reason::MissingInAws).map(|step| &step.address);
    missing.filter(|address| addresses.contains(*address)).cloned().collect()
}

/// What cannot be made, since it needs something that is left alone and that is not there. What only waits for such a thing can.
pub fn lacking(plan: &Plan, missing: &BTreeSet<Address>) -> Vec<(Address, String)> {
    let lacks = |step: &Step| {
        let facts = step.settles.as_ref()?;
        let needed = facts.dependencies.iter().filter(|dependency| dependency.strength == Strength::Hard);
        let on = needed.map(|dependency| &dependency.on).chain(&facts.parent).find(|on| missing.contains(*on))?;
        Some((step.address.clone(), format!("it needs `{on}`, which is not there and is left alone")))
    };
    let is_made = |step: &&Step| matches!(step.action, Action::Create | Action::Replace) && does_something(step);
    plan.steps.iter().filter(is_made).filter_map(lacks).collect()
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

/// These reasons, and one for each of `addresses` that needs what they are about, also by way of something that has not drifted:
/// a plan for it brings along all that it needs.
pub fn with_dependants(state: &State, addresses: &BTreeSet<Address>, mut reasons: Vec<(Address, String)>) -> Vec<(Address, String)> {
    let roots: Vec<Address> = reasons.iter().map(|(address, _)| address.clone()).collect();
    let mut known: BTreeSet<Address> = roots.iter().cloned().collect();
    for root in roots {
        let why = format!("it needs `{root}`, which is not taken back");
        let mut open = vec![root];
        while let Some(on) = open.pop() {
            let users = state.entries.iter().filter(|(_, entry)| entry.needs().any(|one| *one == on));
            for (user, _) in users.filter(|(user, _)| known.insert((*user).clone())) {
                reasons.extend(addresses.contains(user).then(|| (user.clone(), why.clone())));
                open.push(user.clone());
            }
        }
    }
    reasons
}

/// What was to be taken back and of which a plan changes nothing, though nobody has said why.
pub fn idle(plan: &Plan, order: &Order, addresses: &BTreeSet<Address>, told: &[(Address, String)]) -> Vec<(Address, String)> {
    let is_done = |address: &Address| plan.steps.iter().any(|step| step.address == *address && does_something(step));
    let is_told = |address: &Address| told.iter().any(|(one, _)| one == address);
    let is_unread =
        |of: &Address, unchecked: &Unchecked| order.paths.iter().any(|(one, path)| one == of && path.starts_with(&unchecked.path));
    let why = |address: &Address| match plan.unchecked.iter().find(|(of, unchecked)| of == address && is_unread(of, unchecked)) {
        Some((_, unchecked)) => format!("it could not be read when it was to be taken back: {}", unchecked.detail),
        None => "nothing of what was found differed any more when it was to be taken back".to_owned(),
    };
    let idle = addresses.iter().filter(|address| !is_done(address) && !is_told(address));
    idle.map(|address| (address.clone(), why(address))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::model::plan::{EntryFacts, Refusal};
    use crate::model::{Dependency, Entry, Lineage, OperationId, Target};

    fn order(max_changes: usize) -> Order {
        Order {
            addresses: BTreeSet::new(),
            paths: Vec::new(),
            leave: Vec::new(),
            missing: BTreeSet::new(),
            allowed: Allowed::default(),
            max_changes,
        }
    }

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> BTreeSet<Address> {
        texts.iter().map(|text| address(text)).collect()
    }

    fn told(reasons: &[(Address, String)]) -> Vec<String> {
        reasons.iter().map(|(address, why)| format!("{address}: {why}")).collect()
    }

    /// A plan of these steps, each of which does something.
    fn plan(mut steps: Vec<Step>) -> Plan {
        steps.iter_mut().for_each(|step| step.operations = vec![OperationId(0)]);
        fixtures::plan_of(steps)
    }

    /// A step that makes something that needs all of `hard` and waits for `soft`.
    fn made(name: &str, hard: &[&str], soft: &str) -> Step {
        let needed = hard.iter().map(|on| Dependency::hard(address(on)));
        let dependencies = needed.chain([Dependency::soft(address(soft))]).collect();
        Step { settles: Some(EntryFacts { dependencies, ..fixtures::facts("arn") }), ..fixtures::gone_step(name) }
    }

    fn replaced(name: &str, in_place: &str, replacing: &str) -> Step {
        let mut step = fixtures::drifted_step(name, &[in_place, replacing]);
        step.changes[1].effect = Effect::Replace;
        Step { action: Action::Replace, reason: Reason::CannotUpdateInPlace, ..step }
    }

    #[test]
    fn what_needs_something_that_is_left_is_left_too_also_by_way_of_what_has_not_drifted() {
        let mut state = State::new(Lineage("here".to_owned()), "demo", None, Target::placeholder(), None);
        for (name, on) in
            [("role.a", None), ("function.a", Some("role.a")), ("event_rule.a.tick", Some("function.a")), ("function.b", None)]
        {
            let mut entry = Entry::new(name.into());
            entry.dependencies = on.map(|on| Dependency::hard(address(on))).into_iter().collect();
            state.entries.insert(address(name), entry);
        }
        let reasons = with_dependants(&state, &addresses(&["event_rule.a.tick", "function.b"]), vec![(address("role.a"), "no".to_owned())]);
        assert_eq!(told(&reasons), ["role.a: no", "event_rule.a.tick: it needs `role.a`, which is not taken back"]);
    }

    #[test]
    fn nothing_is_made_anew_because_of_a_change_that_nobody_asked_for() {
        let mut plan = plan(vec![replaced("function.a", "memory_size", "package_type")]);
        let refusal = |name: &str| Refusal { address: Some(address(name)), summary: "no", detail: "no".to_owned(), hints: Vec::new() };
        plan.refusals = vec![refusal("function.a"), refusal("function.b")];
        let asked = |path: &str| Order { paths: vec![(address("function.a"), path.parse().unwrap())], ..order(9) };
        let replacing = [(address("function.a"), Path::key("package_type"))];
        assert_eq!(unasked(&plan, &asked("memory_size")), replacing);
        assert_eq!(told(&refused(&plan, &replacing)), ["function.b: no"], "without that path it is not made anew");
        assert_eq!(refused(&plan, &[]).len(), 2);
        assert_eq!(unasked(&plan, &asked("package_type")), []);
        let whole = Order { paths: vec![(address("function.a"), Path::default())], ..order(9) };
        assert_eq!(unasked(&plan, &whole), []);
    }

    #[test]
    fn only_what_needs_something_that_is_not_there_cannot_be_made() {
        let mut there = replaced("role.b", "description", "name");
        there.operations.clear();
        let plan = plan(vec![made("function.a", &["role.a"], "log_group.a"), made("function.b", &["role.b"], "log_group.b"), there]);
        let left = addresses(&["role.a", "role.b"]);
        let gone = fixtures::plan_of(vec![fixtures::gone_step("role.a"), fixtures::drifted_step("role.b", &["description"])]);
        let gone = missing(&gone, &left);
        assert_eq!(gone, addresses(&["role.a"]), "what exists and is left is not missing");
        assert_eq!(told(&lacking(&plan, &gone)), ["function.a: it needs `role.a`, which is not there and is left alone"]);
        assert_eq!(told(&lacking(&plan, &addresses(&["log_group.a"]))), <[String; 0]>::default(), "it only waits for that");
    }

    #[test]
    fn whatever_is_not_taken_back_has_a_reason() {
        let mut plan = plan(vec![fixtures::drifted_step("function.a", &["timeout"])]);
        let unread = "reserved_concurrent_executions";
        plan.unchecked = vec![fixtures::unchecked("function.b"), fixtures::unchecked("function.c")];
        let paths = [("function.b", unread), ("function.c", "timeout")].map(|(name, path)| (address(name), path.parse().unwrap()));
        let order = Order { paths: paths.to_vec(), ..order(9) };
        let wanted = addresses(&["function.a", "function.b", "function.c", "function.d"]);
        assert_eq!(
            told(&idle(&plan, &order, &wanted, &[(address("function.d"), "told".to_owned())])),
            [
                "function.b: it could not be read when it was to be taken back: lambda:GetFunctionConcurrency: AccessDeniedException: no",
                "function.c: nothing of what was found differed any more when it was to be taken back",
            ]
        );
    }

    #[test]
    fn replacing_and_deleting_need_to_be_allowed() {
        let mut plan = fixtures::every_action();
        plan.steps.iter_mut().for_each(|step| step.operations = vec![OperationId(0)]);
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

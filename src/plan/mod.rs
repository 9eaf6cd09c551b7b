//! Deciding: pure, and it cannot fail. What stands in the way of a plan is part of the plan.

mod decide;
mod decision;
mod diff;
mod drift;
mod extras;
mod lasting;
mod missing;
mod operations;
mod order;
mod ownership;
mod pending;
mod refusal;
mod rename;
mod restore;
mod select;
mod settle;
mod staying;
mod together;
mod unread;

pub use drift::{Looked, report};
pub use missing::FEWEST_MISSING;
pub use ownership::manager;
pub use pending::BUILT_KEYS;
pub use restore::{Placed, infer_dependencies, place, restore, restored, unreadable};
pub use select::{Selection, Unmatched, named, select};
pub use settle::{settle, vanishing};

use crate::model::{Address, Desired, Observed, Plan, RulesSet, State};
use std::collections::{BTreeMap, BTreeSet};

/// What the user asked for besides the spec.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Existing resources to be taken over although they do not carry our tags.
    pub adopt: BTreeSet<Address>,
    /// Only these addresses; all where absent.
    pub only: Option<BTreeSet<Address>>,
    /// Whether what is missing in AWS is made again even where that is everything.
    pub recreate: bool,
    /// What the spec protects beyond the wanted resources: `destroy` wants none.
    pub protected: BTreeSet<Address>,
    /// What an earlier run was about to delete when it ended: nobody wonders where it is.
    pub vanishing: BTreeSet<Address>,
}

/// Decides what would be done to bring AWS from what was observed to what is desired.
///
/// Open intents must have been [`settle`]d into `state` before.
#[must_use]
pub fn plan(desired: &Desired, state: &State, observed: &Observed, rules: &dyn RulesSet, options: &Options) -> Plan {
    let mut plan = Plan {
        project: desired.project.clone(),
        stage: desired.stage.clone(),
        target: state.target.clone(),
        steps: Vec::new(),
        operations: Vec::new(),
        outputs: desired.outputs.clone(),
        unchecked: Vec::new(),
        not_deep: Vec::new(),
        extras: Vec::new(),
        refusals: Vec::new(),
        notes: Vec::new(),
        source_changes: BTreeMap::new(),
    };
    if !options.recreate {
        plan.refusals.extend(missing::all(desired, state, observed, options));
    }
    let decisions = decide::Decider::new(desired, state, observed, rules, options).decide(&mut plan);
    operations::build(&decisions, state, observed, rules, &mut plan);
    let predecessors: Vec<_> =
        plan.predecessors().map(|(step, id)| (step.address.clone(), format!("its predecessor `{id}` is deleted"))).collect();
    plan.notes.extend(predecessors);
    order::wire(&decisions, state, rules, &mut plan);
    rename::note(&decisions, state, &mut plan);
    plan
}

#[cfg(test)]
mod tests;

//! One step of a plan or of drift, in full.

use super::change;
use super::settings::{self, Names};
use super::text::{BOLD, DIM, RED, hanging, styled, symbol, width, words};
use crate::cli::view::own_names::OwnNames;
use crate::model::observed::tag;
use crate::model::{Action, Address, Change, Effect, Plan, Reason, RulesSet, Step, Transition};
use anstream::adapter::strip_str;
use std::collections::{BTreeMap, BTreeSet};

/// What steps are shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make AWS what the spec asks for.
    Deploy,
    /// To take everything down.
    Destroy,
    /// To find what was changed behind our back: values go from what was applied to what lives.
    Drift,
}

/// Steps, and all that is needed to show them.
pub struct Steps<'a> {
    /// Those with a change, of one function together.
    pub changed: Vec<&'a Step>,
    /// The plan that they belong to.
    pub plan: &'a Plan,
    /// What for.
    pub purpose: Purpose,
    /// What is a default, and how values are compared.
    pub rules: &'a dyn RulesSet,
    /// Where lines end.
    pub columns: usize,
    /// The functions' names in AWS.
    pub own_names: OwnNames,
    /// Whom names and ARNs belong to.
    pub names: Names,
    /// What is deleted by the operation of another resource, and of which.
    pub goes_with: BTreeMap<&'a Address, &'a Address>,
}

impl<'a> Steps<'a> {
    /// `steps`, which are of `plan`, for `purpose`.
    pub fn new(plan: &'a Plan, steps: &'a [Step], purpose: Purpose, rules: &'a dyn RulesSet, columns: usize) -> Self {
        let refused: BTreeSet<&Address> = plan.refusals.iter().filter_map(|refusal| refusal.address.as_ref()).collect();
        // What stands in the way of a plan says nothing of what differs.
        let is_refused = |step: &Step| purpose != Purpose::Drift && refused.contains(&step.address);
        let is_shown = |step: &&Step| step.action != Action::NoOp && !is_refused(step);
        let mut changed: Vec<&Step> = steps.iter().filter(is_shown).collect();
        changed.sort_by_key(|step| (&step.address.name, step.address.kind != "function", &step.address.kind, &step.address.part));
        let taken = plan.operations.iter().filter_map(|operation| match &operation.transition {
            Transition::Delete { also, .. } => Some((&operation.address, also)),
            _ => None,
        });
        let goes_with = taken.flat_map(|(parent, also)| also.iter().map(move |child| (child, parent))).collect();
        Self { changed, plan, purpose, rules, columns, own_names: OwnNames::of(plan), names: Names::of(plan), goes_with }
    }

    /// Whether a resource is gone from AWS; drift shows that as a loss, though a plan would make it.
    fn is_lost(&self, step: &Step) -> bool {
        self.purpose == Purpose::Drift && step.reason == Reason::MissingInAws
    }

    /// The sign before a step, in its colour.
    pub fn sign(&self, step: &Step) -> String {
        let (sign, style) = if self.is_lost(step) { symbol(Action::Delete) } else { symbol(shown_action(step)) };
        styled(style, &format!("{sign:>3}"))
    }

    /// The headline of one step, and all that it changes.
    pub fn full(&self, step: &Step) -> Vec<String> {
        let id = step.physical_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        let mut lines = self.headline(step, &step.address.to_string(), &id, &self.reason(step));
        lines.extend(self.changes(step).flat_map(|change| self.change(step, change)));
        lines.extend(settings::lines(step, self));
        lines
    }

    /// The sign, whom it is about, an aside, and what is said of it, on a line of its own where there is no room.
    pub fn headline(&self, step: &Step, whom: &str, aside: &str, said: &str) -> Vec<String> {
        let head = format!("{} {}{}", self.sign(step), styled(BOLD, whom), styled(DIM, aside));
        let visible = 4 + width(whom) + width(aside) + 2 + width(said);
        match said {
            "" => vec![head],
            _ if visible <= self.columns => vec![format!("{head}: {said}")],
            _ => [head].into_iter().chain(hanging(said, 6, self.columns)).collect(),
        }
    }

    /// The changes that are worth a line; our own tags say nothing that the address does not say.
    pub fn changes<'s>(&self, step: &'s Step) -> impl Iterator<Item = &'s Change> + use<'s> {
        let is_hidden = self.is_lost(step);
        step.changes.iter().filter(move |change| !is_hidden && !is_ownership(change))
    }

    /// The lines of one change.
    pub fn change(&self, step: &Step, one: &Change) -> Vec<String> {
        let compare = change::compare(step, one, self.rules);
        match self.purpose {
            Purpose::Drift => change::drifted(one, compare, self.columns),
            _ => {
                let effect = if shown_action(step) == Action::Replace { one.effect } else { Effect::InPlace };
                let lines = change::planned(&Change { effect, ..one.clone() }, step.action, compare, self.columns);
                match self.source_changes(step).filter(|_| is_package(one)) {
                    Some(changes) => self.because(lines, &changes),
                    None => lines,
                }
            }
        }
    }

    /// What differs in what the package of a step is made from, in words.
    pub fn source_changes(&self, step: &Step) -> Option<String> {
        self.plan.source_changes.get(&step.address).map(|changes| words(&changes.sentence()))
    }

    /// Lines with a reason behind the last one where there is room, else below.
    pub fn because(&self, mut lines: Vec<String>, reason: &str) -> Vec<String> {
        let reason = format!("({reason})");
        match lines.last_mut() {
            Some(last) if width(&strip_str(last).to_string()) + 2 + width(&reason) <= self.columns => {
                last.push_str(&format!("  {}", styled(DIM, &reason)));
            }
            _ => lines.extend(hanging(&reason, 8, self.columns).iter().map(|line| styled(DIM, line))),
        }
        lines
    }

    /// Why a step does what it does.
    pub fn reason(&self, step: &Step) -> String {
        if let (Action::Delete, Some(parent)) = (step.action, self.goes_with.get(&step.address)) {
            return format!("goes with {parent}");
        }
        let is_of_tags = !step.changes.is_empty() && step.changes.iter().all(is_ownership) && step.action == Action::Update;
        let are_all = |of: fn(&Change) -> bool| self.changes(step).next().is_some() && self.changes(step).all(of);
        match (step.reason, self.purpose, step.action) {
            (_, Purpose::Drift, _) if self.plan.is_somebody_elses(&step.address) => "somebody else's by now, as its tags say",
            (Reason::Drifted, ..) if is_of_tags => "the tags by which lambdo knows it were changed outside lambdo",
            _ if is_of_tags => "the tags by which lambdo knows it are written anew",
            (Reason::MissingInAws, Purpose::Drift, _) => "gone from AWS",
            (_, Purpose::Drift, _) => "",
            (Reason::MissingInAws, _, Action::Forget) => "gone from AWS and leaves the state",
            (_, _, Action::Forget) => "stays in AWS and leaves the state",
            (_, _, Action::Adopt) if step.adopts.is_some_and(|adoption| !adoption.adopted) => "made by lambdo, and taken up again",
            (_, _, Action::Adopt) => "exists and becomes ours",
            (Reason::NotInSpec | Reason::Requested, Purpose::Destroy, _) | (Reason::Unchanged, _, _) => "",
            (Reason::NotInState, _, _) => "new",
            (Reason::MissingInAws, _, _) => "gone from AWS",
            (Reason::InputsChanged, _, _) if are_all(is_package) => "the package changed",
            (Reason::InputsChanged, _, _) if are_all(is_of_layers) => "its layers changed",
            (Reason::InputsChanged, _, _) => "the spec changed",
            (Reason::CannotUpdateInPlace, _, Action::Update) => "its predecessor is still to be deleted",
            (Reason::CannotUpdateInPlace, ..) if shown_action(step) != step.action => "another image",
            (Reason::CannotUpdateInPlace, _, _) if ["layer", "code_object"].contains(&step.address.kind.as_str()) => {
                "changed; a new one takes its place"
            }
            (Reason::CannotUpdateInPlace, _, _) => "cannot be changed in place",
            (Reason::DependencyReplaced, _, _) => "what it depends on is made anew",
            (Reason::NotInSpec, _, _) => "not in the spec any more",
            (Reason::SourceGone, _, _) => "its folder is not found any more",
            (Reason::Drifted, _, _) => "changed outside lambdo",
            (Reason::Requested, _, _) => "asked for",
        }
        .to_owned()
    }

    /// What stands in the way has no action, and is shown once, with what would have changed; the errors below the plan say
    /// why.
    pub fn refused(&self) -> Vec<String> {
        let steps: BTreeMap<&Address, &Step> = self.plan.steps.iter().map(|step| (&step.address, step)).collect();
        let lines = |address: &Address| {
            let step = steps.get(address).copied();
            let id = step.and_then(|step| step.physical_id.as_ref()).map(|id| format!(" ({id})")).unwrap_or_default();
            let head =
                format!("{} {}{}: {}", styled(RED, "  !"), styled(BOLD, &address.to_string()), styled(DIM, &id), styled(RED, "refused"));
            let changes = step.into_iter().flat_map(|step| self.changes(step).flat_map(|change| self.change(step, change)));
            [head].into_iter().chain(changes).collect::<Vec<_>>()
        };
        let refused: BTreeSet<&Address> = self.plan.refusals.iter().filter_map(|refusal| refusal.address.as_ref()).collect();
        refused.into_iter().flat_map(lines).collect()
    }
}

/// What a step is for people: an image is never changed, another one is pushed beside it, to which its function is
/// updated.
pub fn shown_action(step: &Step) -> Action {
    if step.address.kind == "image" && step.action == Action::Replace { Action::Update } else { step.action }
}

/// Whether a change is another layer, or another version of one, which the spec may not even name by its number.
fn is_of_layers(change: &Change) -> bool {
    change.path.first() == "layers"
}

/// Whether a change is another package, and not a setting of the spec.
pub fn is_package(change: &Change) -> bool {
    change.path.first() == "code"
}

fn is_ownership(change: &Change) -> bool {
    change.path.first() == "tags" && change.path.0.get(1).is_some_and(|key| tag::is_ours(key))
}

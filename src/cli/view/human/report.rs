//! How an `up` or a `destroy` went.

use super::step::shown_action;
use super::text::{BOLD, GREEN, RED, YELLOW, counted, duration, styled};
use crate::cli::view::{Results, StepResult, outcome};
use crate::model::event::Outcome;
use crate::model::{Action, Address, Exit, Plan, Step, Transition};
use std::collections::{BTreeMap, BTreeSet};

/// A part of a run that took less than this before anything was applied is not worth a word, in milliseconds.
const TIME_TOLD_MS_MIN: u64 = 500;

/// The code of the error of what a signal cut short.
const INTERRUPTED: &str = "interrupted";

/// Everything that is said about a run that ended.
pub struct ReportView<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// How each step ended.
    pub results: &'a Results,
    /// How the run ends.
    pub exit: Exit,
    /// Whether what was done is in the state.
    pub is_saved: bool,
    /// How long it took.
    pub times: Times,
}

/// How long the parts of a run took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Making packages.
    pub built_ms: u64,
    /// Reading AWS and deciding.
    pub planned_ms: u64,
    /// Changing AWS.
    pub applied_ms: u64,
}

impl Times {
    /// The time of applying, which is what the totals before it took, and what came before where that was longer than
    /// anybody would overlook.
    fn sentence(self) -> String {
        let before = [("built", self.built_ms), ("planned", self.planned_ms)];
        let before: Vec<String> =
            before.iter().filter(|(_, ms)| *ms >= TIME_TOLD_MS_MIN).map(|(what, ms)| format!("{what} in {}", duration(*ms))).collect();
        let before = if before.is_empty() { String::new() } else { format!(" ({})", before.join(", ")) };
        format!("in {}{before}", duration(self.applied_ms))
    }
}

/// One line of totals, and one for each step that did not go through without an error that says so.
pub fn report(view: &ReportView<'_>) -> String {
    let mut lines: Vec<String> = view.plan.steps.iter().filter_map(|step| trouble(step, view.results)).collect();
    let (style, head) = match view.exit {
        Exit::Success => (GREEN, "Done"),
        Exit::Interrupted => (YELLOW, "Interrupted"),
        Exit::Partial => (YELLOW, "Partly applied"),
        _ => (RED, "Failed"),
    };
    lines.push(format!("{}: {} {}.", styled(style.bold(), head), totals(view), view.times.sentence()));
    let is_all_done = view.plan.steps.iter().all(|step| outcome(step, view.plan, view.results) == Outcome::Done);
    match (view.is_saved, view.exit) {
        (true, Exit::Interrupted) if is_all_done => lines.push("Everything was done before it stopped; the state is saved.".into()),
        (true, Exit::Partial | Exit::Interrupted) => lines.push("The state is saved; run the same command again to continue.".into()),
        (true, _) => {}
        (false, _) => lines.push(
            "The state is not saved. When that is mended, run the same command again: what the journal does not know, it looks up in AWS."
                .into(),
        ),
    }
    lines.join("\n")
}

fn trouble(step: &Step, results: &Results) -> Option<String> {
    // An error says more than a word, and was shown before.
    let result = results.get(&step.address).filter(|result| result.error.is_none())?;
    let (style, word) = match result.outcome {
        Outcome::Done => return None,
        Outcome::Failed => (RED, "failed"),
        Outcome::Skipped => (YELLOW, "skipped"),
    };
    (step.action != Action::NoOp).then(|| format!("  {} {}", styled(style, &format!("{word:>7}")), styled(BOLD, &step.address.to_string())))
}

fn totals(view: &ReportView<'_>) -> String {
    let mut done: BTreeMap<Action, usize> = BTreeMap::new();
    let mut other: BTreeMap<&str, usize> = BTreeMap::new();
    for step in view.plan.steps.iter().filter(|step| step.action != Action::NoOp) {
        match outcome(step, view.plan, view.results) {
            Outcome::Done => *done.entry(shown_action(step)).or_default() += 1,
            outcome => *other.entry(ending(outcome, view.results.get(&step.address))).or_default() += 1,
        }
    }
    let part = |(action, number): (&Action, &usize)| match company(view).filter(|_| *action == Action::Delete) {
        Some(company) => format!("{number} {} ({company})", participle(*action)),
        None => format!("{number} {}", participle(*action)),
    };
    let mut parts: Vec<String> = done.iter().map(part).collect();
    let gone = view.plan.predecessors().filter(|(step, _)| outcome(step, view.plan, view.results) == Outcome::Done).count();
    parts.extend(Some(gone).filter(|number| *number > 0).map(|number| counted(number, "predecessor") + " deleted"));
    parts.extend(other.iter().map(|(ending, number)| format!("{number} {ending}")));
    if parts.is_empty() {
        return format!("nothing to change, {} unchanged", counted(view.plan.steps.len(), "resource"));
    }
    parts.join(", ")
}

/// How a step ended that is not done: what a signal cut short has not failed.
fn ending(outcome: Outcome, result: Option<&StepResult>) -> &'static str {
    let is_cut_short = result.and_then(|result| result.error.as_ref()).is_some_and(|error| error.code == INTERRUPTED);
    match outcome {
        Outcome::Failed if is_cut_short => "unfinished",
        Outcome::Failed => "failed",
        Outcome::Done | Outcome::Skipped => "skipped",
    }
}

/// What was deleted by no operation of its own: `2 permissions with their function`.
fn company(view: &ReportView<'_>) -> Option<String> {
    let is_deleted = |step: &&Step| step.action == Action::Delete && outcome(step, view.plan, view.results) == Outcome::Done;
    let deleted = view.plan.steps.iter().filter(is_deleted);
    let deleted: BTreeSet<&Address> = deleted.map(|step| &step.address).collect();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for operation in &view.plan.operations {
        let Transition::Delete { also, .. } = &operation.transition else { continue };
        for child in also.iter().filter(|child| deleted.contains(child)) {
            *counts.entry((&child.kind, &operation.address.kind)).or_default() += 1;
        }
    }
    let said = |((child, parent), number): (&(&str, &str), &usize)| match number {
        1 => format!("{} with its {}", with_article(&called(child)), called(parent)),
        _ => format!("{number} {}s with their {}", called(child), plural(&called(parent))),
    };
    (!counts.is_empty()).then(|| counts.iter().map(said).collect::<Vec<_>>().join(", "))
}

/// A kind in the words of people.
fn called(kind: &str) -> String {
    if kind == "ecr" { "repository".to_owned() } else { kind.replace('_', " ") }
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn plural(noun: &str) -> String {
    noun.strip_suffix('y').map_or_else(|| format!("{noun}s"), |stem| format!("{stem}ies"))
}

fn participle(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Adopt => "adopted",
        Action::Forget => "forgotten",
        Action::NoOp => "unchanged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{drifted_step, every_action, new_step, plan_of, spec_step, step};
    use crate::diagnostic::Diagnostic;
    use crate::model::{Address, Reason, Transition};

    #[test]
    fn what_dies_with_its_parent_ends_as_its_parent_does() {
        let mut plan = every_action();
        plan.steps = vec![step("permission.old.x", Action::Delete, Reason::NotInSpec, vec![])];
        let (child, parent) = (plan.steps[0].address.clone(), Address::new("function", "old"));
        plan.operations[0].address = parent.clone();
        plan.operations[0].transition = Transition::Delete { also: vec![child], anew: false };
        for expected in [Outcome::Done, Outcome::Failed] {
            let results = Results::from([(parent.clone(), StepResult { outcome: expected, error: None })]);
            assert_eq!(outcome(&plan.steps[0], &plan, &results), expected);
        }
        assert_eq!(outcome(&plan.steps[0], &plan, &Results::new()), Outcome::Skipped);
    }

    #[test]
    fn what_went_with_another_is_counted_apart() {
        let mut plan = plan_of(vec![]);
        plan.operations = every_action().operations;
        for name in ["a", "b"] {
            plan.steps.push(step(&format!("function.{name}"), Action::Delete, Reason::NotInSpec, vec![]));
            plan.steps.push(step(&format!("permission.{name}.x"), Action::Delete, Reason::NotInSpec, vec![]));
        }
        let children = ["a", "b"].map(|name| Address::with_part("permission", name, "x"));
        (plan.operations[0].address, plan.operations[0].transition) =
            (Address::new("function", "a"), Transition::Delete { also: children.to_vec(), anew: false });
        let results: Results =
            plan.steps.iter().map(|step| (step.address.clone(), StepResult { outcome: Outcome::Done, error: None })).collect();
        let view = ReportView {
            plan: &plan,
            results: &results,
            exit: Exit::Success,
            is_saved: true,
            times: Times { applied_ms: 40, ..Times::default() },
        };
        let said = anstream::adapter::strip_str(&report(&view)).to_string();
        assert_eq!(said, "Done: 4 deleted (2 permissions with their functions) in 40 ms.");
        // A function that is still there has its permissions, whatever else was deleted.
        let failed = StepResult { outcome: Outcome::Failed, error: None };
        let results = Results::from([
            (Address::new("function", "a"), failed),
            (Address::new("function", "b"), StepResult { outcome: Outcome::Done, error: None }),
        ]);
        let said = anstream::adapter::strip_str(&report(&ReportView { results: &results, exit: Exit::Partial, ..view })).to_string();
        assert!(said.contains("Partly applied: 1 deleted, 3 failed in"), "{said}");
    }

    #[test]
    fn what_a_signal_cut_short_has_not_failed() {
        let plan = plan_of(vec![new_step("role.hash"), spec_step("function.hash")]);
        let ended = |outcome, error| {
            let first = (plan.steps[0].address.clone(), StepResult { outcome: Outcome::Done, error: None });
            let results = Results::from([first, (plan.steps[1].address.clone(), StepResult { outcome, error })]);
            let times = Times { applied_ms: 40, ..Times::default() };
            let view = ReportView { plan: &plan, results: &results, exit: Exit::Interrupted, is_saved: true, times };
            anstream::adapter::strip_str(&report(&view)).to_string()
        };
        let cut_short = ended(Outcome::Failed, Some(Diagnostic::error("interrupted", "Interrupted")));
        assert!(cut_short.starts_with("Interrupted: 1 created, 1 unfinished in 40 ms."), "{cut_short}");
        assert!(cut_short.ends_with("run the same command again to continue."), "{cut_short}");
        let done = ended(Outcome::Done, None);
        assert!(done.ends_with("Everything was done before it stopped; the state is saved."), "{done}");
    }

    #[test]
    fn totals_tell_what_went_through_and_what_did_not() {
        let plan = plan_of(vec![new_step("role.hash"), spec_step("function.hash"), drifted_step("log_group.hash", &["retention_in_days"])]);
        let outcomes = [Outcome::Done, Outcome::Failed, Outcome::Skipped];
        let results: Results =
            plan.steps.iter().zip(outcomes).map(|(step, outcome)| (step.address.clone(), StepResult { outcome, error: None })).collect();
        let view = ReportView {
            plan: &plan,
            results: &results,
            exit: Exit::Partial,
            is_saved: true,
            times: Times { built_ms: 61_000, planned_ms: 400, applied_ms: 12_340 },
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&report(&view)).to_string(), @r"
           failed function.hash
          skipped log_group.hash
        Partly applied: 1 created, 1 failed, 1 skipped in 12.3 s (built in 1 min 1 s).
        The state is saved; run the same command again to continue.
        ");
        let unsaved = anstream::adapter::strip_str(&report(&ReportView { is_saved: false, ..view })).to_string();
        assert!(unsaved.contains("The state is not saved.") && !unsaved.contains("The state is saved"), "{unsaved}");
    }
}

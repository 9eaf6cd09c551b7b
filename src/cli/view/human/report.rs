//! How an `up` or a `destroy` went.

use super::text::{BOLD, GREEN, RED, YELLOW, counted, duration, styled};
use crate::cli::view::{Results, outcome};
use crate::model::event::Outcome;
use crate::model::{Action, Exit, Plan, Step};
use std::collections::BTreeMap;

/// Everything that is said about a run that ended.
pub struct ReportView<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// How each step ended.
    pub results: &'a Results,
    /// How the run ends.
    pub exit: Exit,
    /// How long it took.
    pub elapsed_ms: u64,
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
    lines.push(format!("{}: {} in {}.", styled(style.bold(), head), totals(view), duration(view.elapsed_ms)));
    if matches!(view.exit, Exit::Partial | Exit::Interrupted) {
        lines.push("The state is saved; run the same command again to continue.".into());
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
    let mut other: BTreeMap<Outcome, usize> = BTreeMap::new();
    for step in view.plan.steps.iter().filter(|step| step.action != Action::NoOp) {
        match outcome(step, view.plan, view.results) {
            Outcome::Done => *done.entry(step.action).or_default() += 1,
            outcome => *other.entry(outcome).or_default() += 1,
        }
    }
    let mut parts: Vec<String> = done.iter().map(|(action, number)| format!("{number} {}", participle(*action))).collect();
    parts.extend(
        other.iter().map(|(outcome, number)| format!("{number} {}", if *outcome == Outcome::Failed { "failed" } else { "skipped" })),
    );
    if parts.is_empty() {
        return format!("nothing to change, {} unchanged", counted(view.plan.steps.len(), "resource"));
    }
    parts.join(", ")
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
    use crate::cli::view::StepResult;
    use crate::cli::view::fixtures::{drifted_step, every_action, new_step, plan_of, spec_step, step};
    use crate::model::{Address, Reason, Transition};

    #[test]
    fn what_dies_with_its_parent_ends_as_its_parent_does() {
        let mut plan = every_action();
        plan.steps = vec![step("permission.old.x", Action::Delete, Reason::NotInSpec, vec![])];
        let (child, parent) = (plan.steps[0].address.clone(), Address::new("function", "old"));
        plan.operations[0].address = parent.clone();
        plan.operations[0].transition = Transition::Delete { also: vec![child] };
        for expected in [Outcome::Done, Outcome::Failed] {
            let results = Results::from([(parent.clone(), StepResult { outcome: expected, error: None })]);
            assert_eq!(outcome(&plan.steps[0], &plan, &results), expected);
        }
        assert_eq!(outcome(&plan.steps[0], &plan, &Results::new()), Outcome::Skipped);
    }

    #[test]
    fn totals_tell_what_went_through_and_what_did_not() {
        let plan = plan_of(vec![new_step("role.hash"), spec_step("function.hash"), drifted_step("log_group.hash", &["retention_in_days"])]);
        let outcomes = [Outcome::Done, Outcome::Failed, Outcome::Skipped];
        let results: Results =
            plan.steps.iter().zip(outcomes).map(|(step, outcome)| (step.address.clone(), StepResult { outcome, error: None })).collect();
        let view = ReportView { plan: &plan, results: &results, exit: Exit::Partial, elapsed_ms: 12_340 };
        insta::assert_snapshot!(anstream::adapter::strip_str(&report(&view)).to_string(), @r"
           failed function.hash
          skipped log_group.hash
        Partly applied: 1 created, 1 failed, 1 skipped in 12.3 s.
        The state is saved; run the same command again to continue.
        ");
    }
}

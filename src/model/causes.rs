//! Who caused what a plan does: the spec, or somebody behind our back. Exit codes follow from it.

use super::{Action, Cause, Exit, Plan, Reason, Step};

/// Whether there are spec changes and whether there is drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// The spec differs from what was applied.
    pub is_spec: bool,
    /// AWS differs from what was applied.
    pub is_drift: bool,
}

impl Causes {
    /// What is behind one step.
    pub fn of_step(step: &Step) -> Self {
        let of_changes = Self {
            is_spec: step.changes.iter().any(|change| change.cause != Cause::Drift),
            is_drift: step.changes.iter().any(|change| matches!(change.cause, Cause::Drift | Cause::Both)),
        };
        match (step.action, step.reason) {
            (Action::NoOp, _) => Self::default(),
            (Action::Create, Reason::MissingInAws) => Self { is_spec: false, is_drift: true },
            (_, Reason::NotInState | Reason::NotInSpec | Reason::SourceGone | Reason::Requested) => Self { is_spec: true, is_drift: false },
            (_, Reason::Drifted) => Self { is_drift: true, ..of_changes },
            _ if step.changes.is_empty() => Self { is_spec: true, is_drift: false },
            _ => of_changes,
        }
    }

    /// What is behind a whole plan.
    pub fn of_plan(plan: &Plan) -> Self {
        plan.steps
            .iter()
            .map(Self::of_step)
            .fold(Self::default(), |all, one| Self { is_spec: all.is_spec || one.is_spec, is_drift: all.is_drift || one.is_drift })
    }
}

/// How `plan --exit-code` ends.
pub fn plan_exit(plan: &Plan) -> Exit {
    match Causes::of_plan(plan) {
        Causes { is_spec: true, is_drift: true } => Exit::Both,
        Causes { is_spec: true, .. } => Exit::SpecChanges,
        Causes { is_drift: true, .. } => Exit::Drift,
        _ if !plan.unchecked.is_empty() => Exit::Unchecked,
        _ => Exit::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{drift_report, drifted_step, gone_step, plan_of, spec_step, unchanged_step, unchecked};

    #[test]
    fn exit_codes_follow_from_causes() {
        let (spec, drift, gone, same) =
            (spec_step("function.a"), drifted_step("function.b", &["timeout"]), gone_step("function.c"), unchanged_step("function.d"));
        let mut both = spec_step("function.e");
        both.changes[0].cause = Cause::Both;
        let unread = || vec![unchecked("function.d")];
        for (steps, unchecked, expected_plan, expected_drift) in [
            (vec![&same], vec![], 0, 0),
            (vec![&same], unread(), 5, 5),
            (vec![&spec], unread(), 2, 5),
            (vec![&drift], unread(), 3, 3),
            (vec![&gone], vec![], 3, 3),
            (vec![&spec, &gone], vec![], 4, 3),
            (vec![&both], vec![], 4, 3),
        ] {
            let mut plan = plan_of(steps.into_iter().cloned().collect());
            plan.unchecked = unchecked;
            assert_eq!(plan_exit(&plan).code(), expected_plan, "{plan:?}");
            let drifted: Vec<Step> = crate::model::drift::drifted(&plan).cloned().collect();
            assert_eq!(drift_report(&plan, &drifted, None).exit().code(), expected_drift, "{plan:?}");
        }
    }

    #[test]
    fn the_codes_are_those_of_the_interface() {
        let codes = [
            (Exit::Success, 0),
            (Exit::Failed, 1),
            (Exit::SpecChanges, 2),
            (Exit::Drift, 3),
            (Exit::Both, 4),
            (Exit::Unchecked, 5),
            (Exit::Usage, 6),
            (Exit::Locked, 7),
            (Exit::Refused, 8),
            (Exit::Partial, 9),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
    }
}

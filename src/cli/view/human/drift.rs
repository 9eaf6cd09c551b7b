//! What was changed behind our back.

use super::step::{Purpose, Steps};
use super::text::{BOLD, DIM, GREEN, counted, styled};
use super::{fold, plan, security};
use crate::cli::view::Title;
use crate::cli::view::rights::holders;
use crate::model::{Plan, RulesSet, Step};

/// Everything that `drift` found.
pub struct DriftView<'a> {
    /// Where.
    pub title: &'a Title,
    /// The plan towards what was applied; what could not be read is taken from it.
    pub plan: &'a Plan,
    /// What drifted, without what is ignored.
    pub drifted: &'a [Step],
    /// How many resources the next `up` would change; `None` where that is not known.
    pub pending: Option<usize>,
    /// How values are compared.
    pub rules: &'a dyn RulesSet,
    /// Whether each resource is shown by itself, however many there are.
    pub is_full: bool,
}

/// The drift, in lines of at most `columns`.
pub fn drift(view: &DriftView<'_>, columns: usize) -> String {
    let mut lines = plan::heading(view.title, columns);
    let steps = Steps::new(view.plan, view.drifted, Purpose::Drift, view.rules, columns);
    let (blocks, is_folded) = fold::blocks(&steps, view.is_full);
    lines.extend(blocks.into_iter().flatten());
    if !view.drifted.is_empty() {
        lines.push(String::new());
    }
    let rights = security::lines(&holders(view.plan, view.drifted, Purpose::Drift), &steps.own_names, !is_folded, columns);
    if !rights.is_empty() {
        lines.extend(rights.into_iter().chain([String::new()]));
    }
    if is_folded {
        lines.extend(fold::folded_note(columns).into_iter().chain([String::new()]));
    }
    let mut remarks = plan::unread(view.plan, columns, "drift --deep");
    remarks.push(styled(DIM, &pending(view.pending)));
    lines.extend(remarks);
    let is_clean = view.drifted.is_empty() && view.plan.unchecked.is_empty();
    lines.push(styled(if is_clean { GREEN.bold() } else { BOLD }, &total(view)));
    lines.join("\n")
}

/// What the spec asks for beyond what was applied, in words.
pub fn pending(pending: Option<usize>) -> String {
    match pending {
        None => "pending changes were not counted: the spec has errors".into(),
        Some(0) => "nothing pending: the spec is as it was applied".into(),
        Some(number) => format!("pending: {} of the spec not applied yet; `lambdo plan` shows them", counted(number, "change")),
    }
}

/// The one line at the end.
pub fn total(view: &DriftView<'_>) -> String {
    match (view.drifted.len(), view.plan.unchecked.len()) {
        (0, 0) => "No drift.".into(),
        (0, unread) => format!("No drift found, but {} could not be read.", counted(unread, "thing")),
        (1, _) => "Drift: 1 resource differs from what was applied.".into(),
        (number, _) => format!("Drift: {number} resources differ from what was applied."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{drifted_step, gone_step, not_deep, plan_of, title, unchecked};
    use crate::kinds::Registry;

    #[test]
    fn drift_shows_what_was_applied_and_what_lives() {
        let drifted = [drifted_step("function.hash", &["environment.A", "memory_size"]), gone_step("log_group.hash")];
        let mut plan = plan_of(drifted.to_vec());
        plan.unchecked = vec![unchecked("permission.hash.monthly")];
        plan.not_deep = vec![not_deep("event_rule.hash.daily")];
        let view = DriftView { title: &title(), plan: &plan, drifted: &drifted, pending: Some(2), rules: &Registry::new(), is_full: false };
        insta::assert_snapshot!(anstream::adapter::strip_str(&drift(&view, 80)).to_string(), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          ~ function.hash (demo-hash)
              environment.A: 128 -> 512
              memory_size: 128 -> 512
          - log_group.hash (demo-hash): gone from AWS

        not checked: reserved_concurrent_executions of permission.hash.monthly: access
          denied (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        not read, since it costs a call for each: tags of event_rule.hash.daily;
          `lambdo drift --deep` reads it
        pending: 2 changes of the spec not applied yet; `lambdo plan` shows them
        Drift: 2 resources differ from what was applied.
        ");
    }

    #[test]
    fn no_drift_is_one_sentence() {
        let plan = plan_of(vec![]);
        let view = DriftView { title: &title(), plan: &plan, drifted: &[], pending: None, rules: &Registry::new(), is_full: false };
        insta::assert_snapshot!(anstream::adapter::strip_str(&drift(&view, 80)).to_string(), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        pending changes were not counted: the spec has errors
        No drift.
        ");
    }
}

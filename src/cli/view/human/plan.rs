//! A plan, worth looking at.

use super::settings::{self, Names};
use super::text::{BOLD, DIM, RED, YELLOW, counted, hanging, styled, symbol, width};
use super::{change, security};
use crate::cli::view::Title;
use crate::model::observed::tag;
use crate::model::plan::Refusal;
use crate::model::{Action, Change, Plan, Reason, RulesSet, Step};
use std::collections::{BTreeMap, BTreeSet};

/// What a plan is shown for; only words depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make AWS what the spec asks for.
    Deploy,
    /// To take everything down.
    Destroy,
}

/// Everything that is said before something is done.
pub struct PlanView<'a> {
    /// Where.
    pub title: &'a Title,
    /// What would be done.
    pub plan: &'a Plan,
    /// What for.
    pub purpose: Purpose,
    /// What is a default, and how values are compared.
    pub rules: &'a dyn RulesSet,
}

/// The whole plan, in lines of at most `columns` where words allow it. It has no final line end.
pub fn plan(view: &PlanView<'_>, columns: usize) -> String {
    let (plan, purpose, names) = (view.plan, view.purpose, Names::of(view.plan));
    let mut lines = heading(view.title, columns);
    let changed: Vec<&Step> = plan.steps.iter().filter(|step| step.action != Action::NoOp).collect();
    for step in &changed {
        lines.extend(step_lines(step, view, columns));
        lines.extend(settings::lines(step, plan, view.rules, &names, columns));
    }
    lines.extend(plan.refusals.iter().map(|refusal| refused(refusal, plan)));
    if !changed.is_empty() || !plan.refusals.is_empty() {
        lines.push(String::new());
    }
    lines.extend(block(security::lines(plan, columns)));
    lines.extend(block(remarks(plan, purpose, columns)));
    lines.push(styled(BOLD, &total(plan, purpose)));
    lines.join("\n")
}

/// Where it happens, and an empty line.
pub fn heading(title: &Title, columns: usize) -> Vec<String> {
    block(hanging(&title.line(), 0, columns).iter().map(|line| styled(BOLD, line)).collect())
}

fn block(mut lines: Vec<String>) -> Vec<String> {
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn step_lines(step: &Step, view: &PlanView<'_>, columns: usize) -> Vec<String> {
    let (sign, style) = symbol(step.action);
    let id = step.physical_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let address = step.address.to_string();
    let head = format!("{} {}{}", styled(style, &format!("{sign:>3}")), styled(BOLD, &address), styled(DIM, &id));
    let reason = reason(step, view.purpose);
    let visible = 4 + width(&address) + width(&id) + 2 + width(reason);
    let mut lines = match reason {
        "" => vec![head],
        _ if visible <= columns => vec![format!("{head}: {reason}")],
        _ => vec![head, format!("      {reason}")],
    };
    let changes = step.changes.iter().filter(|change| !is_ownership(change));
    lines.extend(changes.flat_map(|one| change::planned(one, step.action, change::compare(step, one, view.rules), columns)));
    lines
}

/// What stands in the way has no action; the errors below the plan say why.
fn refused(refusal: &Refusal, plan: &Plan) -> String {
    let step = plan.steps.iter().find(|step| step.address == refusal.address);
    let id = step.and_then(|step| step.physical_id.as_ref()).map(|id| format!(" ({id})")).unwrap_or_default();
    format!("{} {}{}: {}", styled(RED, "  !"), styled(BOLD, &refusal.address.to_string()), styled(DIM, &id), styled(RED, "refused"))
}

/// Our own tags say nothing that the address does not say.
fn is_ownership(change: &Change) -> bool {
    let ours = [tag::PROJECT, tag::STAGE, tag::ADDRESS, tag::LINEAGE];
    change.path.first() == "tags" && change.path.0.get(1).is_some_and(|key| ours.contains(&key.as_str()))
}

fn reason(step: &Step, purpose: Purpose) -> &'static str {
    match (step.reason, purpose, step.action) {
        (Reason::MissingInAws, _, Action::Forget) => "gone from AWS and leaves the state",
        (_, _, Action::Forget) => "stays in AWS and leaves the state",
        (_, _, Action::Adopt) => "exists and becomes ours",
        (Reason::NotInSpec | Reason::Requested, Purpose::Destroy, _) | (Reason::Unchanged, _, _) => "",
        (Reason::NotInState, _, _) => "new",
        (Reason::MissingInAws, _, _) => "gone from AWS",
        (Reason::InputsChanged, _, _) => "the spec changed",
        (Reason::CannotUpdateInPlace, _, _) => "cannot be changed in place",
        (Reason::DependencyReplaced, _, _) => "what it depends on is made anew",
        (Reason::NotInSpec, _, _) => "not in the spec any more",
        (Reason::Drifted, _, _) => "changed outside lambdo",
        (Reason::Requested, _, _) => "asked for",
    }
}

fn remarks(plan: &Plan, purpose: Purpose, columns: usize) -> Vec<String> {
    let mut lines = match purpose {
        Purpose::Deploy => unread(plan, columns, "plan --deep"),
        // What is deleted need not have been read.
        Purpose::Destroy => Vec::new(),
    };
    for (address, note) in &plan.notes {
        lines.extend(hanging(&format!("note: {address}: {note}"), 0, columns));
    }
    lines
}

/// What could not be read, by cause, and what was not read.
pub fn unread(plan: &Plan, columns: usize, deep: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // One denied action keeps many resources from being read.
    let mut unread: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for (address, unchecked) in &plan.unchecked {
        let path = if unchecked.path.0.is_empty() { String::new() } else { format!(" {}", unchecked.path) };
        unread.entry((unchecked.why.replace('_', " "), &unchecked.detail)).or_default().insert(format!("{address}{path}"));
    }
    for ((why, detail), things) in unread {
        let things: Vec<String> = things.into_iter().collect();
        let text = format!("not checked: {}: {why} ({detail})", things.join(", "));
        lines.extend(hanging(&text, 0, columns).iter().map(|line| styled(YELLOW, line)));
    }
    if plan.not_deep > 0 {
        let text = format!(
            "{} not read, since each costs a call; `lambdo {deep}` reads {}",
            counted(plan.not_deep, "setting") + was(plan.not_deep),
            if plan.not_deep == 1 { "it" } else { "them" }
        );
        lines.extend(hanging(&text, 0, columns).iter().map(|line| styled(DIM, line)));
    }
    lines
}

fn is(number: usize) -> &'static str {
    if number == 1 { " is" } else { " are" }
}

fn was(number: usize) -> &'static str {
    if number == 1 { " was" } else { " were" }
}

/// The one line at the end.
fn total(plan: &Plan, purpose: Purpose) -> String {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    plan.steps.iter().for_each(|step| *counts.entry(step.action).or_default() += 1);
    let unchanged = counts.remove(&Action::NoOp).unwrap_or_default();
    if !plan.refusals.is_empty() {
        return format!(
            "Refused: nothing of this is done before {} mended.",
            counted(plan.refusals.len(), "error") + is(plan.refusals.len())
        );
    }
    if counts.is_empty() {
        return match (purpose, plan.unchecked.len()) {
            (Purpose::Destroy, _) => "Nothing to destroy.".into(),
            (_, 0) => {
                format!("No changes. {} as the spec asks.", counted(unchanged, "resource") + is(unchanged))
            }
            (_, unread) => format!("No changes found, but {} could not be read.", counted(unread, "thing")),
        };
    }
    let parts: Vec<String> = counts.iter().map(|(action, number)| format!("{number} to {}", verb(*action))).collect();
    let unchanged = if unchanged == 0 { String::new() } else { format!("; {unchanged} unchanged") };
    format!("Plan: {}{unchanged}.", parts.join(", "))
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Forget => "forget",
        Action::NoOp => "leave",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{every_action, new_step, plan_of, title, unchanged_step, unchecked};
    use crate::kinds::Registry;

    fn shown(plan: &Plan, purpose: Purpose) -> String {
        let text = super::plan(&PlanView { title: &title(), plan, purpose, rules: &Registry::new() }, 80);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn each_action_has_its_sign_and_reason() {
        insta::assert_snapshot!(shown(&every_action(), Purpose::Deploy), @r#"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          > log_group.hash (demo-hash): exists and becomes ours
              retention_in_days = 30
          + permission.hash.url (demo-hash): new
              action = "lambda:InvokeFunctionUrl", principal = "*"
          ~ role.hash (demo-hash): the spec changed
              inline_policy.logs:
                        "Action": [
                -         "logs:PutLogEvents"
                +         "logs:PutLogEvents",
                +         "s3:GetObject"
                        ],
              description:
                - …on and on until nobody remembers how it began a sentence that goes o…
                + …on and on until somebody remembers how it began a sentence that goes…
          ~ function.hash (demo-hash): changed outside lambdo
              memory_size: 512 -> 128  (drift)
              timeout: 9 -> 1  (drift: applied 3)
              environment.LOG_LEVEL: "info" -> (unset)
        -/+ event_rule.hash.monthly (demo-hash): cannot be changed in place
              name: "old" -> "new"  (forces replacement)
          - function.old (demo-old): not in the spec any more
          . log_group.old (demo-old): stays in AWS and leaves the state

        Rights:
          + permission.hash.url
              PUBLIC: anybody may lambda:InvokeFunctionUrl
          ~ role.hash
              logs: allow logs:PutLogEvents, s3:GetObject on *

        not checked: function.same reserved_concurrent_executions: access denied
          (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        2 settings were not read, since each costs a call; `lambdo plan --deep` reads
          them
        note: role.hash: a policy that others attached stays:
          arn:aws:iam::aws:policy/Other

        Plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt, 1 to forget; 1 unchanged.
        "#);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = shown(&every_action(), Purpose::Deploy);
        assert_eq!(text.lines().filter(|line| width(line) > 80 && !line.starts_with("Plan: ")).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn nothing_to_do_is_one_sentence() {
        let mut plan = plan_of(vec![unchanged_step("function.hash")]);
        insta::assert_snapshot!(shown(&plan, Purpose::Deploy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        No changes. 1 resource is as the spec asks.
        ");
        plan.unchecked = vec![unchecked("function.hash")];
        plan.not_deep = 3;
        insta::assert_snapshot!(shown(&plan, Purpose::Deploy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        not checked: function.hash reserved_concurrent_executions: access denied
          (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        3 settings were not read, since each costs a call; `lambdo plan --deep` reads
          them

        No changes found, but 1 thing could not be read.
        ");
        insta::assert_snapshot!(shown(&plan_of(vec![]), Purpose::Destroy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        Nothing to destroy.
        ");
    }

    #[test]
    fn what_one_cause_keeps_from_being_read_is_told_at_once() {
        let mut plan = plan_of(vec![]);
        plan.unchecked = vec![unchecked("function.b"), unchecked("function.a")];
        insta::assert_snapshot!(anstream::adapter::strip_str(&unread(&plan, 80, "plan --deep").join("\n")).to_string(), @r"
        not checked: function.a reserved_concurrent_executions, function.b
          reserved_concurrent_executions: access denied (lambda:GetFunctionConcurrency:
          AccessDeniedException: no)
        ");
    }

    #[test]
    fn what_is_refused_stands_in_the_plan_and_in_its_total() {
        let mut plan = plan_of(vec![new_step("function.hash"), unchanged_step("role.hash")]);
        let address = plan.steps[1].address.clone();
        plan.refusals.push(Refusal { address, summary: "a resource of this name is not ours", detail: String::new(), hints: vec![] });
        insta::assert_snapshot!(shown(&plan, Purpose::Deploy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          + function.hash (demo-hash): new
          ! role.hash (demo-hash): refused

        Refused: nothing of this is done before 1 error is mended.
        ");
    }

    #[test]
    fn destroy_does_not_explain_what_was_asked_for() {
        let mut plan = every_action();
        plan.steps.retain(|step| step.action == Action::Delete);
        insta::assert_snapshot!(shown(&plan, Purpose::Destroy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          - function.old (demo-old)

        note: role.hash: a policy that others attached stays:
          arn:aws:iam::aws:policy/Other

        Plan: 1 to delete.
        ");
    }
}

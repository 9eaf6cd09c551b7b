//! A plan, worth looking at.

use super::fold::{self, Block};
use super::security;
use super::step::{Purpose, Steps, shown_action};
use super::text::{BOLD, DIM, YELLOW, counted, hanging, styled, words};
use crate::cli::view::Title;
use crate::cli::view::rights::holders;
use crate::model::{Action, Address, Path, Plan, RulesSet};
use std::collections::{BTreeMap, BTreeSet};

/// Addresses that one setting which was not read is named for, one by one.
const NAMED_MAX: usize = 3;

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
    /// Whether each step is shown by itself, however many there are.
    pub is_full: bool,
}

/// The whole plan, in lines of at most `columns` where words allow it. It has no final line end.
pub fn plan(view: &PlanView<'_>, columns: usize) -> String {
    let (plan, purpose) = (view.plan, view.purpose);
    let mut lines = heading(view.title, columns);
    let steps = Steps::new(plan, &plan.steps, purpose, view.rules, columns);
    let (blocks, is_folded) = fold::blocks(&steps, view.is_full);
    let refused = steps.refused();
    let is_empty = blocks.is_empty() && refused.is_empty();
    lines.extend(blocks.into_iter().flatten().chain(refused));
    if !is_empty {
        lines.push(String::new());
    }
    lines.extend(block(security::lines(&holders(plan, &plan.steps, purpose), &steps.own_names, !is_folded, columns)));
    if is_folded {
        lines.extend(block(fold::folded_note(columns)));
    }
    lines.extend(block(remarks(plan, purpose, columns)));
    lines.push(styled(BOLD, &total(plan, purpose)));
    lines.join("\n")
}

/// Where it happens, and an empty line.
pub fn heading(title: &Title, columns: usize) -> Vec<String> {
    block(hanging(&title.line(), 0, columns).iter().map(|line| styled(BOLD, line)).collect())
}

fn block(mut lines: Block) -> Block {
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn remarks(plan: &Plan, purpose: Purpose, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = match purpose {
        // What is deleted need not have been read.
        Purpose::Destroy => Vec::new(),
        _ => unread(plan, columns, "plan --deep"),
    };
    lines.extend(notes(plan).iter().flat_map(|note| hanging(note, 0, columns)));
    lines
}

/// Facts worth knowing; what holds for many resources is told once.
pub fn notes(plan: &Plan) -> Vec<String> {
    let mut about: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (address, note) in &plan.notes {
        let addresses = about.entry(note).or_default();
        if addresses.is_empty() {
            order.push(note);
        }
        addresses.push(address);
    }
    order.iter().map(|note| format!("note: {}: {}", whom(&about[note]), words(note))).collect()
}

/// A few addresses, or how many of each kind.
fn whom(addresses: &[&Address]) -> String {
    if addresses.len() <= NAMED_MAX {
        return addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    addresses.iter().for_each(|address| *kinds.entry(&address.kind).or_default() += 1);
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, number)| counted(number, kind)).collect();
    kinds.join(" and ")
}

/// What could not be read, by cause, and what was not read.
pub fn unread(plan: &Plan, columns: usize, deep: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        unchecked(plan).iter().flat_map(|text| hanging(text, 0, columns)).map(|line| styled(YELLOW, &line)).collect();
    lines.extend(not_deep(plan, deep).iter().flat_map(|text| hanging(text, 0, columns)).map(|line| styled(DIM, &line)));
    lines
}

/// What could not be read, a sentence for each cause: one denied action keeps many resources from being read.
pub fn unchecked(plan: &Plan) -> Vec<String> {
    let mut causes: BTreeMap<(&str, &str), BTreeMap<String, BTreeSet<&Address>>> = BTreeMap::new();
    for (address, unchecked) in &plan.unchecked {
        let cause = causes.entry((&unchecked.why, &unchecked.detail)).or_default();
        cause.entry(unchecked.path.to_string()).or_default().insert(address);
    }
    let sentence = |((why, detail), paths): ((&str, &str), BTreeMap<String, BTreeSet<&Address>>)| {
        let things: Vec<String> =
            paths.into_iter().map(|(path, addresses)| things(&path, &addresses.into_iter().collect::<Vec<_>>())).collect();
        format!("not checked: {}: {} ({})", things.join("; "), why.replace('_', " "), words(detail))
    };
    causes.into_iter().map(sentence).collect()
}

/// Which settings that somebody asked for were not read because each costs a call.
pub fn not_deep(plan: &Plan, deep: &str) -> Option<String> {
    let mut paths: BTreeMap<&Path, Vec<&Address>> = BTreeMap::new();
    let asked_for = plan.not_deep.iter().filter(|one| one.is_asked_for);
    asked_for.for_each(|one| paths.entry(&one.path).or_default().push(&one.address));
    let said: Vec<String> = paths.into_iter().map(|(path, addresses)| things(&path.to_string(), &addresses)).collect();
    (!said.is_empty()).then(|| format!("not read, since it costs a call for each: {}; `lambdo {deep}` reads it", said.join("; ")))
}

fn things(path: &str, addresses: &[&Address]) -> String {
    if path.is_empty() { whom(addresses) } else { format!("{path} of {}", whom(addresses)) }
}

fn is(number: usize) -> &'static str {
    if number == 1 { " is" } else { " are" }
}

/// The one line at the end.
pub fn total(plan: &Plan, purpose: Purpose) -> String {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    plan.steps.iter().for_each(|step| *counts.entry(shown_action(step)).or_default() += 1);
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
    let mut parts: Vec<String> = counts.iter().map(|(action, number)| format!("{number} to {}", verb(*action))).collect();
    parts
        .extend(Some(plan.predecessors().count()).filter(|number| *number > 0).map(|number| counted(number, "predecessor") + " to delete"));
    let unchanged = if unchanged == 0 { String::new() } else { format!("; {unchanged} unchanged") };
    format!("Plan: {}{unchanged}.", parts.join(", "))
}

/// What is done, as a verb.
pub fn verb(action: Action) -> &'static str {
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
    use crate::cli::view::fixtures::{every_action, new_step, not_deep, plan_of, title, unchanged_step, unchecked};
    use crate::cli::view::human::text::width;
    use crate::kinds::Registry;
    use crate::model::plan::Refusal;

    fn shown(plan: &Plan, purpose: Purpose) -> String {
        let text = super::plan(&PlanView { title: &title(), plan, purpose, rules: &Registry::new(), is_full: false }, 80);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn each_action_has_its_sign_and_reason() {
        insta::assert_snapshot!(shown(&every_action(), Purpose::Deploy), @r#"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          ~ function.hash (demo-hash): changed outside lambdo
              memory_size: 512 -> 128  (drift)
              timeout: 9 -> 1  (drift: applied 3)
              environment.LOG_LEVEL: "info" -> (unset)
        -/+ event_rule.hash.monthly (demo-hash): cannot be changed in place
              name: "old" -> "new"  (forces replacement)
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
                - …on and on until nobody remembers how it began a sentence that goes …"
                + …on and on until somebody remembers how it began a sentence that goe…"
          - function.old (demo-old): not in the spec any more
          . log_group.old (demo-old): stays in AWS and leaves the state

        Rights:
          + PUBLIC: anybody may invoke function.hash by its URL
          ~ role.hash
              + logs: allow s3:GetObject on *
                logs: allow logs:PutLogEvents on *

        not checked: reserved_concurrent_executions of function.same: access denied
          (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        not read, since it costs a call for each: tags of log_group.hash,
          log_group.old; `lambdo plan --deep` reads it
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
        plan.not_deep = vec![not_deep("log_group.hash")];
        insta::assert_snapshot!(shown(&plan, Purpose::Deploy), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        not checked: reserved_concurrent_executions of function.hash: access denied
          (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        not read, since it costs a call for each: tags of log_group.hash; `lambdo plan
          --deep` reads it

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
        not checked: reserved_concurrent_executions of function.a, function.b: access
          denied (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        ");
    }

    #[test]
    fn what_is_refused_stands_in_the_plan_and_in_its_total() {
        let mut plan = plan_of(vec![new_step("function.hash"), unchanged_step("role.hash")]);
        let address = plan.steps[1].address.clone();
        plan.refusals.push(Refusal {
            address: Some(address),
            summary: "a resource of this name is not ours",
            detail: String::new(),
            hints: vec![],
        });
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

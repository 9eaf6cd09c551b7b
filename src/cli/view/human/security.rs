//! The block of a plan that shows who may do what afterwards: roles, permissions and public exposure.

use super::text::{BOLD, DIM, GREEN, RED, hanging, names, styled, symbol};
use crate::cli::view::own_names::OwnNames;
use crate::cli::view::rights::{Holder, Right, Sign};
use crate::model::Address;
use std::collections::BTreeMap;

/// Lines of names that are shown of many that get the same right.
const NAME_LINES_MAX: usize = 2;

/// The block with its heading; empty when the plan touches no rights. In full it goes by holder, else each right is
/// told once, with all that get it.
pub fn lines(holders: &[Holder<'_>], own_names: &OwnNames, is_full: bool, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = if is_full {
        holders.iter().flat_map(|holder| by_holder(holder, columns)).collect()
    } else {
        shared(holders, own_names).iter().flat_map(|right| by_right(right, columns)).collect()
    };
    if !lines.is_empty() {
        lines.insert(0, styled(BOLD, "Rights:"));
    }
    lines
}

fn by_holder(holder: &Holder<'_>, columns: usize) -> Vec<String> {
    if !holder.is_named() {
        return holder.rights.iter().flat_map(|right| said(right, 2, columns)).collect();
    }
    let (sign, style) = symbol(holder.action);
    let mut lines = vec![format!("{} {}", styled(style, &format!("{sign:>3}")), holder.address)];
    lines.extend(holder.rights.iter().flat_map(|right| said(right, 6, columns)));
    lines
}

/// A right with its sign at `indent`, in the colour of the sign.
fn said(right: &Right, indent: usize, columns: usize) -> Vec<String> {
    let (sign, style) = match right.sign {
        Sign::Given if right.is_alarming => ("+", RED),
        Sign::Given => ("+", GREEN),
        Sign::Taken => ("-", RED),
        Sign::Kept => (" ", DIM),
    };
    let lines = hanging(&right.text, indent + 2, columns);
    let line = |(number, line): (usize, String)| {
        let line = if number == 0 { format!("{:indent$}{sign} {}", "", line.trim_start()) } else { line };
        styled(style, &line)
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// A right that several have alike.
pub struct Shared<'a> {
    /// `role.*`, or nothing where the right says itself whose it is.
    pub whose: String,
    /// The right, without the names of functions where several have it.
    pub right: Right,
    /// Who has it.
    pub holders: Vec<&'a Address>,
    /// Whether there is nobody else of this sort in the plan.
    pub is_all: bool,
}

impl Shared<'_> {
    /// Who may do what.
    pub fn sentence(&self) -> String {
        let count = match self.holders.len() {
            1 => String::new(),
            number if self.is_all => format!(" (all {number})"),
            number => format!(" ({number})"),
        };
        let text = &self.right.text;
        if self.whose.is_empty() { format!("{text}{count}") } else { format!("{}{count}: {text}", self.whose) }
    }

    /// Whether the sentence leaves open whom it means.
    pub fn needs_names(&self) -> bool {
        self.holders.len() > 1 && (!self.is_all || self.right.is_alarming)
    }
}

/// All rights that come or go, each once, those first that open something to everybody.
pub fn shared<'a>(holders: &[Holder<'a>], own_names: &OwnNames) -> Vec<Shared<'a>> {
    let mut places: BTreeMap<(&str, Right), usize> = BTreeMap::new();
    let mut all: Vec<(Vec<(&'a Address, &Right)>, Right)> = Vec::new();
    for (holder, right) in holders.iter().flat_map(|holder| holder.rights.iter().map(move |right| (holder, right))) {
        // What stays is told only beside what changes.
        if right.sign == Sign::Kept && !right.text.starts_with("permissions boundary") {
            continue;
        }
        let general = Right { text: own_names.without(holder.address, &right.text), ..right.clone() };
        let next = all.len();
        let place = *places.entry((&holder.address.kind, general.clone())).or_insert(next);
        if place == next {
            all.push((Vec::new(), general));
        }
        all[place].0.push((holder.address, right));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    holders.iter().for_each(|holder| *counts.entry(&holder.address.kind).or_default() += 1);
    let mut shared: Vec<Shared<'a>> = all.into_iter().map(|(owners, general)| one_shared(owners, general, &counts)).collect();
    shared.sort_by_key(|shared| (!shared.right.is_alarming, shared.right.sign));
    shared
}

fn one_shared<'a>(owners: Vec<(&'a Address, &Right)>, general: Right, counts: &BTreeMap<&str, usize>) -> Shared<'a> {
    let is_role = owners.first().is_some_and(|(address, _)| address.kind == "role");
    let (whose, right) = match owners.as_slice() {
        [(address, right)] if is_role => (address.to_string(), (*right).clone()),
        [(_, right)] => (String::new(), (*right).clone()),
        _ if is_role => ("role.*".to_owned(), general),
        _ => (String::new(), general),
    };
    let is_all = owners.first().is_some_and(|(address, _)| counts.get(address.kind.as_str()) == Some(&owners.len()));
    Shared { whose, right, holders: owners.into_iter().map(|(address, _)| address).collect(), is_all }
}

fn by_right(shared: &Shared<'_>, columns: usize) -> Vec<String> {
    let mut lines = said(&Right { text: shared.sentence(), ..shared.right.clone() }, 2, columns);
    if shared.needs_names() {
        let all: Vec<&str> = shared.holders.iter().map(|address| address.name.as_str()).collect();
        lines.extend(names(&all, 6, columns, (!shared.right.is_alarming).then_some(NAME_LINES_MAX)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{change, new_step, operation, plan_of, step};
    use crate::cli::view::human::Purpose;
    use crate::cli::view::rights::holders;
    use crate::model::{Action, Cause, OperationId, Plan, Reason, Step, Table, Value};

    fn shown(plan: &Plan, is_full: bool) -> String {
        anstream::adapter::strip_str(&lines(&holders(plan, &plan.steps, Purpose::Deploy), &OwnNames::of(plan), is_full, 80).join("\n"))
            .to_string()
    }

    fn policy(actions: &[&str], resource: &str) -> Value {
        serde_json::json!({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}).to_string().as_str().into()
    }

    fn role(name: &str, before: &[&str], after: &[&str]) -> Step {
        let arn = format!("arn:aws:s3:::demo-{name}/*");
        let changed = change("inline_policy.data", Some(policy(before, &arn)), Some(policy(after, &arn)), Cause::Spec);
        step(&format!("role.{name}"), Action::Update, Reason::InputsChanged, vec![changed])
    }

    fn some() -> Plan {
        let names = ["a", "b", "c", "d"];
        let mut plan =
            plan_of(names.iter().map(|name| role(name, &["s3:GetObject", "s3:PutObject"], &["s3:GetObject", "s3:ListBucket"])).collect());
        plan.steps.push(role("e", &["s3:GetObject"], &["s3:DeleteObject", "s3:GetObject"]));
        plan.steps.extend(names.iter().chain(["e"].iter()).map(|name| new_step(&format!("function.{name}"))));
        for name in ["a", "b"] {
            let mut permission = new_step(&format!("permission.{name}.url"));
            permission.operations = vec![OperationId(plan.operations.len())];
            let settings = [("principal", "*"), ("action", "lambda:InvokeFunctionUrl")].map(|(key, value)| (key.to_owned(), value.into()));
            plan.operations.push(operation(&permission.address.to_string(), Table::from_iter(settings)));
            plan.steps.push(permission);
        }
        plan
    }

    #[test]
    fn in_full_each_holder_has_its_rights_below_it() {
        let mut plan = some();
        plan.steps.retain(|step| ["a", "e"].contains(&step.address.name.as_str()));
        insta::assert_snapshot!(shown(&plan, true), @r"
        Rights:
          + PUBLIC: anybody may invoke function.a by its URL
          ~ role.a
              + data: allow s3:ListBucket on arn:aws:s3:::demo-a/*
              - data: allow s3:PutObject on arn:aws:s3:::demo-a/*
                data: allow s3:GetObject on arn:aws:s3:::demo-a/*
          ~ role.e
              + data: allow s3:DeleteObject on arn:aws:s3:::demo-e/*
                data: allow s3:GetObject on arn:aws:s3:::demo-e/*
        ");
    }

    #[test]
    fn a_right_of_many_is_told_once_and_the_public_is_named() {
        insta::assert_snapshot!(shown(&some(), false), @r"
        Rights:
          + PUBLIC: anybody may invoke function.<name> by its URL (all 2)
              a, b
          + role.* (4): data: allow s3:ListBucket on arn:aws:s3:::demo-<name>/*
              a, b, c, d
          + role.e: data: allow s3:DeleteObject on arn:aws:s3:::demo-e/*
          - role.* (4): data: allow s3:PutObject on arn:aws:s3:::demo-<name>/*
              a, b, c, d
        ");
    }
}

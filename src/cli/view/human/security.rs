//! The block of a plan that shows who may do what afterwards: roles and public exposure.

use super::text::{self, BOLD, RED, hanging, styled, symbol};
use crate::model::document::parsed;
use crate::model::{Action, Path, Plan, Step, Table, Value};

const ROLE: &str = "role";
const PERMISSION: &str = "permission";

/// The block with its heading; empty when the plan touches no rights.
pub fn lines(plan: &Plan, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> =
        plan.steps.iter().filter(|step| step.action != Action::NoOp).flat_map(|step| step_lines(step, plan, columns)).collect();
    if !lines.is_empty() {
        lines.insert(0, styled(BOLD, "Rights:"));
    }
    lines
}

fn step_lines(step: &Step, plan: &Plan, columns: usize) -> Vec<String> {
    let sentences = match step.address.kind.as_str() {
        ROLE => role_sentences(&granted(step, plan)),
        PERMISSION => permission_sentence(&granted(step, plan)).into_iter().collect(),
        _ => return Vec::new(),
    };
    if sentences.is_empty() {
        return Vec::new();
    }
    let (sign, style) = symbol(step.action);
    let mut lines = vec![format!("{} {}", styled(style, &format!("{sign:>3}")), step.address)];
    for (is_public, sentence) in sentences {
        let colour = |line: &String| if is_public { styled(RED, line) } else { line.clone() };
        lines.extend(hanging(&sentence, 6, columns).iter().map(colour));
    }
    lines
}

/// What the step sets, from its changes; for something made anew from what its operations carry.
fn granted(step: &Step, plan: &Plan) -> Vec<(Path, Option<Value>)> {
    let mut all: Vec<(Path, Option<Value>)> = step.changes.iter().map(|change| (change.path.clone(), change.desired.clone())).collect();
    if matches!(step.action, Action::Create | Action::Replace | Action::Adopt) {
        let operations = step.operations.iter().filter_map(|id| plan.operations.get(id.0));
        for carry in operations.flat_map(|operation| &operation.carries).filter(|carry| carry.value.is_some()) {
            if !all.iter().any(|(path, _)| *path == carry.path) {
                all.push((carry.path.clone(), carry.value.clone()));
            }
        }
    }
    all
}

/// A sentence, and whether it opens something to everybody.
type Sentence = (bool, String);

fn role_sentences(granted: &[(Path, Option<Value>)]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for (path, value) in granted {
        match (path.first(), path.0.get(1), value) {
            ("trust_policy", _, Some(document)) => sentences.extend(statements(document).iter().map(trust_sentence)),
            ("inline_policy", Some(name), Some(document)) => sentences.extend(policy_sentences(name, document)),
            ("inline_policy", Some(name), None) => sentences.push((false, format!("{name}: is taken away"))),
            ("inline_policy", None, Some(Value::Table(policies))) => {
                sentences.extend(policies.iter().flat_map(|(name, document)| policy_sentences(name, document)));
            }
            ("managed_policies", Some(arn), Some(_)) => sentences.push((false, format!("managed policy {arn}"))),
            ("managed_policies", Some(arn), None) => sentences.push((false, format!("managed policy {arn}: is taken away"))),
            ("managed_policies", None, Some(list)) => {
                sentences.extend(list.strings().iter().map(|arn| (false, format!("managed policy {arn}"))));
            }
            ("permissions_boundary", _, value) => {
                sentences.push((false, format!("permissions boundary {}", value.as_ref().map_or_else(|| "(none)".into(), text::output))));
            }
            _ => {}
        }
    }
    sentences
}

fn statements(document: &Value) -> Vec<Table> {
    let document = parsed(document);
    let Some(table) = document.as_table() else { return Vec::new() };
    let statements = field(table, "Statement").cloned().unwrap_or(Value::List(Vec::new()));
    let items = statements.as_list().map_or_else(|| vec![statements.clone()], <[Value]>::to_vec);
    items.iter().filter_map(Value::as_table).cloned().collect()
}

/// AWS writes `Action`, the spec may write `action`.
fn field<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    table.get(name).or_else(|| table.get(&name.to_lowercase()))
}

fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::List(items)) => items.iter().map(text::output).collect(),
        Some(Value::Table(table)) => table.values().flat_map(|names| list(Some(names))).collect(),
        Some(Value::Unresolved(_)) => vec![text::value(value)],
        Some(value) => vec![text::output(value)],
    }
}

fn trust_sentence(statement: &Table) -> Sentence {
    let principals = list(field(statement, "Principal"));
    let condition = condition(statement);
    let is_public = principals.iter().any(|principal| principal == "*") && condition.is_empty();
    (is_public, format!("may be assumed by {}{condition}", principals.join(", ")))
}

fn policy_sentences(name: &str, document: &Value) -> Vec<Sentence> {
    // What `allow` in the spec became says so by itself.
    let policy = if name == "allow" { String::new() } else { format!("{name}: ") };
    statements(document).iter().map(|statement| (false, format!("{policy}{}", policy_sentence(statement)))).collect()
}

fn policy_sentence(statement: &Table) -> String {
    let effect = field(statement, "Effect").and_then(Value::as_str).unwrap_or("Allow").to_lowercase();
    let part = |name: &str, negated: &str| match list(field(statement, name)) {
        items if items.is_empty() => format!("all but {}", list(field(statement, negated)).join(", ")),
        items => items.join(", "),
    };
    format!("{effect} {} on {}{}", part("Action", "NotAction"), part("Resource", "NotResource"), condition(statement))
}

fn condition(statement: &Table) -> String {
    field(statement, "Condition").map(|condition| format!(" when {}", text::value(Some(condition)))).unwrap_or_default()
}

/// Only what lets everybody in: that a rule may invoke its function is what a trigger is.
fn permission_sentence(granted: &[(Path, Option<Value>)]) -> Option<Sentence> {
    let get = |key: &str| granted.iter().find(|(path, _)| path.first() == key).and_then(|(_, value)| value.as_ref());
    if get("principal").and_then(Value::as_str) != Some("*") {
        return None;
    }
    let limits: Vec<String> = ["source_arn", "source_account", "principal_org_id", "function_url_auth_type"]
        .iter()
        .filter_map(|key| Some(format!("{key} {}", text::output(get(key)?))))
        .collect();
    let limits = if limits.is_empty() { String::new() } else { format!(" with {}", limits.join(", ")) };
    Some((true, format!("PUBLIC: anybody may {}{limits}", get("action").map_or_else(|| "invoke the function".into(), text::output))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{change, plan_of, step};
    use crate::model::{Cause, Reason};

    fn shown(address: &str, changes: &[(&str, Option<serde_json::Value>)]) -> String {
        let changes = changes.iter().map(|(path, desired)| {
            let mut one = change(path, None, None, Cause::Spec);
            one.desired = desired.as_ref().map(Value::from_json);
            one
        });
        let step = step(address, Action::Create, Reason::NotInState, changes.collect());
        anstream::adapter::strip_str(&lines(&plan_of(vec![step]), 80).join("\n")).to_string()
    }

    #[test]
    fn a_role_shows_who_may_assume_it_and_what_it_may_do() {
        let trust = serde_json::json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let policy = serde_json::json!(
            r#"{"Statement":[{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-hash:*"},{"Effect":"Deny","NotAction":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#
        );
        let changes = [
            ("trust_policy", Some(trust)),
            ("inline_policy.lambdo-logs", Some(policy)),
            ("inline_policy.old", None),
            ("managed_policies", Some(serde_json::json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"]))),
        ];
        insta::assert_snapshot!(shown("role.hash", &changes), @r#"
        Rights:
          + role.hash
              may be assumed by lambda.amazonaws.com
              lambdo-logs: allow logs:CreateLogStream, logs:PutLogEvents on
                arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-hash:*
              lambdo-logs: deny all but s3:* on * when
                {"Bool":{"aws:SecureTransport":"false"}}
              old: is taken away
              managed policy arn:aws:iam::aws:policy/ReadOnlyAccess
        "#);
    }

    #[test]
    fn a_new_role_shows_every_policy_that_its_operations_put() {
        let statement = |action: &str| Value::from(format!(r#"{{"Statement":[{{"Action":"{action}","Resource":"*"}}]}}"#));
        let mut plan = plan_of(vec![step("role.hash", Action::Create, Reason::NotInState, vec![])]);
        let mut operation = crate::cli::view::fixtures::every_action().operations.remove(0);
        let carries =
            [("inline_policy", Value::Table(Table::new())), ("inline_policy.a", statement("s3:A")), ("inline_policy.b", statement("s3:B"))];
        operation.carries = carries.into_iter().map(|(path, value)| crate::model::Carry::set(path.parse().unwrap(), value)).collect();
        plan.operations.push(operation);
        plan.steps[0].operations = vec![crate::model::OperationId(0)];
        insta::assert_snapshot!(anstream::adapter::strip_str(&lines(&plan, 80).join("\n")).to_string(), @r"
        Rights:
          + role.hash
              a: allow s3:A on *
              b: allow s3:B on *
        ");
    }

    #[test]
    fn only_a_permission_for_everybody_is_public() {
        let of = |principal: &str| {
            shown(
                "permission.hash.url",
                &[
                    ("principal", Some(principal.into())),
                    ("action", Some("lambda:InvokeFunctionUrl".into())),
                    ("function_url_auth_type", Some("NONE".into())),
                ],
            )
        };
        insta::assert_snapshot!(of("*"), @r"
        Rights:
          + permission.hash.url
              PUBLIC: anybody may lambda:InvokeFunctionUrl with function_url_auth_type
                NONE
        ");
        assert_eq!(of("events.amazonaws.com"), "");
    }
}

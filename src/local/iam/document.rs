//! What IAM refuses in a document that says what a role may do, inline or managed.
//!
//! The messages were seen in answers of the real service; they come in this order, over all statements.

use super::resource;
use super::statement::{has_odd_version, has_shape, statements, texts, unknown_key, unknown_statement_key};
use crate::local::error::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is part of a role.
    Inline,
    /// It can be attached to roles; it must be of today's version.
    Managed,
}

/// A statement, and a rule that looks at all of them.
type Statement = Map<String, Value>;
type Rule = fn(&[&Statement]) -> Result<(), String>;

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";

/// `MalformedPolicyDocument`.
pub(super) fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "MalformedPolicyDocument", message)
}

/// Looks at a document.
///
/// # Errors
/// `MalformedPolicyDocument` with the first thing that IAM would name.
pub(super) fn check(text: &str, purpose: Purpose) -> Result<(), ApiError> {
    let document: Value = serde_json::from_str(text).map_err(|_| malformed(SYNTAX))?;
    let statements = parsed(&document).ok_or_else(|| malformed(SYNTAX))?;
    if purpose == Purpose::Managed && document.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
        return Err(malformed("Policy document must be version 2012-10-17 or greater."));
    }
    let rules: [Rule; 6] = [check_effects, check_principals, check_sids, check_actions_are_there, check_resources, check_actions];
    rules.iter().try_for_each(|rule| rule(&statements)).map_err(malformed)
}

/// The statements, if the syntax is right.
fn parsed(document: &Value) -> Option<Vec<&Statement>> {
    let top = document.as_object()?;
    let has_odd_id = top.get("Id").is_some_and(|id| !id.is_string());
    if unknown_key(top).is_some() || has_odd_version(top) || has_odd_id {
        return None;
    }
    let statements: Vec<_> = statements(document).iter().map(Value::as_object).collect::<Option<_>>()?;
    (!statements.is_empty() && statements.iter().all(|statement| has_syntax(statement))).then_some(statements)
}

fn has_syntax(statement: &Statement) -> bool {
    let effect = statement.get("Effect").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let is_sid = statement.get("Sid").is_none_or(Value::is_string);
    let is_known = unknown_statement_key(statement).is_none();
    is_known && is_sid && ["allow", "deny"].contains(&effect.as_str()) && has_shape(statement)
}

fn check_effects(statements: &[&Statement]) -> Result<(), String> {
    let is_exact = |statement: &&Statement| matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"));
    if statements.iter().all(is_exact) { Ok(()) } else { Err(LEGACY.into()) }
}

fn check_principals(statements: &[&Statement]) -> Result<(), String> {
    let has = |statement: &&Statement| statement.contains_key("Principal") || statement.contains_key("NotPrincipal");
    if statements.iter().any(has) { Err("Policy document should not specify a principal.".into()) } else { Ok(()) }
}

fn check_sids(statements: &[&Statement]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for sid in statements.iter().filter_map(|statement| statement.get("Sid")?.as_str()).filter(|sid| !sid.is_empty()) {
        if !sid.chars().all(|character| character.is_ascii_alphanumeric()) {
            let rule = "Check that your input satisfies the regular expression [0-9A-Za-z]*";
            return Err(format!("Statement IDs (SID) must be alpha-numeric. {rule}"));
        }
        if !seen.insert(sid) {
            return Err("Statement IDs (SID) in a single policy must be unique.".into());
        }
    }
    Ok(())
}

/// The texts under a key or its negation.
fn either<'a>(statement: &'a Statement, key: &str, negation: &str) -> impl Iterator<Item = &'a str> {
    texts(statement.get(key)).chain(texts(statement.get(negation)))
}

fn check_actions_are_there(statements: &[&Statement]) -> Result<(), String> {
    let is_there = |statement: &&Statement| either(statement, "Action", "NotAction").next().is_some();
    if statements.iter().all(is_there) { Ok(()) } else { Err("Policy statement must contain actions.".into()) }
}

/// What is wrong with a resource comes before what is wrong with an action, and no resource at all last.
fn check_resources(statements: &[&Statement]) -> Result<(), String> {
    statements.iter().flat_map(|statement| either(statement, "Resource", "NotResource")).try_for_each(resource::check)
}

fn check_actions(statements: &[&Statement]) -> Result<(), String> {
    statements.iter().flat_map(|statement| either(statement, "Action", "NotAction")).try_for_each(check_action)?;
    let has = |statement: &&Statement| either(statement, "Resource", "NotResource").next().is_some();
    if statements.iter().all(has) { Ok(()) } else { Err("Policy statement must contain resources.".into()) }
}

fn check_action(action: &str) -> Result<(), String> {
    let (vendor, rest) = match action.split_once(':') {
        None if action == "*" => return Ok(()),
        None => return Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into()),
        Some(parts) => parts,
    };
    if rest.contains(':') {
        return Err("Actions/Condition can contain only one colon.".into());
    }
    if vendor.contains(['*', '?']) {
        return Err("Action vendors (e.g., aws, ec2, etc.) must not contain wildcards.".into());
    }
    let is_fine = !vendor.is_empty() && vendor.chars().all(|character| character.is_ascii_alphanumeric() || "-.".contains(character));
    if is_fine { Ok(()) } else { Err(format!("Vendor {vendor} is not valid")) }
}

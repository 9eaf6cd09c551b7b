//! What IAM refuses in a trust policy. Its parser is not the one of the other documents, and words
//! things differently.

use super::document::malformed;
use super::state::limit_exceeded;
use super::statement::{has_odd_version, has_shape, size, statements, texts, unknown_key, unknown_statement_key};
use crate::local::error::ApiError;
use crate::local::names::is_account;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How large a trust policy can be, in characters that are not white space, unless the quota was raised.
const MOST_CHARACTERS: usize = 2_048;

/// All that a trust policy can allow: patterns are refused, and so are these in lower case.
const ACTIONS: &[&str] = &[
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

/// Looks at a trust policy; `exists` tells whether a user or role of this account is there.
///
/// # Errors
/// `MalformedPolicyDocument` with the first thing that IAM would name; `LimitExceeded` for the size.
pub(super) fn check(text: &str, account: &str, exists: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let document: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    check_document(&document, account, &exists).map_err(malformed)?;
    if size(text) > MOST_CHARACTERS {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {MOST_CHARACTERS}")));
    }
    Ok(())
}

fn check_document(document: &Value, account: &str, exists: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let top = document.as_object().ok_or("This policy contains invalid Json")?;
    if let Some(key) = unknown_key(top) {
        return Err(format!("Unknown field {key}"));
    }
    if has_odd_version(top) {
        return Err("The policy must contain a valid version string".into());
    }
    let statements = statements(document);
    if statements.is_empty() {
        return Err("Could not parse the policy: Statement is empty!".into());
    }
    for statement in statements {
        check_statement(statement.as_object().ok_or("Syntax errors in policy.")?, account, exists)?;
    }
    let mut sids = BTreeSet::new();
    let mut given = statements.iter().filter_map(|statement| statement.get("Sid")?.as_str()).filter(|sid| !sid.is_empty());
    if given.any(|sid| !sids.insert(sid)) { Err("The Statement Ids in the policy are not unique".into()) } else { Ok(()) }
}

fn check_statement(statement: &Map<String, Value>, account: &str, exists: &dyn Fn(&str) -> bool) -> Result<(), String> {
    if let Some(key) = unknown_statement_key(statement) {
        return Err(format!("Unknown field {key}"));
    }
    let effect = match statement.get("Effect") {
        None => return Err("Missing required field Effect".into()),
        Some(Value::String(effect)) if effect == "Allow" || effect == "Deny" => effect,
        Some(other) => return Err(format!("Invalid effect: {}", other.as_str().map_or_else(|| other.to_string(), str::to_owned))),
    };
    match statement.get("NotPrincipal") {
        Some(_) if effect == "Allow" => return Err("Allow with NotPrincipal is not allowed.".into()),
        Some(_) => return Err("AssumeRole policy must not contain NotPrincipal field.".into()),
        None => check_principal(statement.get("Principal"), account, exists)?,
    }
    if statement.contains_key("Resource") {
        return Err("Has prohibited field Resource".into());
    }
    if statement.contains_key("NotResource") {
        return Err("AssumeRole policy must not contain resources.".into());
    }
    if !has_shape(statement) {
        return Err("Syntax errors in policy.".into());
    }
    check_actions(statement)
}

fn check_actions(statement: &Map<String, Value>) -> Result<(), String> {
    let actions: Vec<&str> = texts(statement.get("Action")).chain(texts(statement.get("NotAction"))).collect();
    if actions.is_empty() {
        return Err("Missing required field Action".into());
    }
    let are_fine = actions.iter().all(|action| ACTIONS.contains(action));
    if are_fine { Ok(()) } else { Err("AssumeRole policy may only specify STS AssumeRole actions.".into()) }
}

fn check_principal(principal: Option<&Value>, account: &str, exists: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let kinds = match principal {
        None => return Err("Missing required field Principal".into()),
        Some(Value::Object(kinds)) if kinds.is_empty() => return Err("Missing required field Principal cannot be empty!".into()),
        Some(Value::Object(kinds)) => kinds,
        Some(Value::String(star)) if star == "*" => {
            return Err("AssumeRolepolicy contained an invalid principal: \"STAR\":\"*\"".into());
        }
        Some(_) => return Err("Principal must be a JSON object.".into()),
    };
    for (kind, values) in kinds {
        let invalid = |value: &str| format!("Invalid principal in policy: \"{}\":\"{value}\"", kind.to_uppercase());
        let mut given = texts(Some(values)).peekable();
        if given.peek().is_none() {
            return Err(invalid(values.as_str().unwrap_or_default()));
        }
        if let Some(odd) = given.find(|value| !is_principal(kind, value, account, exists)) {
            return Err(invalid(odd));
        }
    }
    Ok(())
}

/// Whether IAM takes it. Services that AWS does not have are not known here, only the form of their names.
fn is_principal(kind: &str, value: &str, account: &str, exists: &dyn Fn(&str) -> bool) -> bool {
    match kind {
        "Service" => is_service(value),
        "Federated" => !value.is_empty(),
        "AWS" => value == "*" || is_account(&value.replace('-', "")) || is_identity(value, account, exists),
        _ => false,
    }
}

fn is_service(value: &str) -> bool {
    let name = value.strip_suffix(".amazonaws.com").or_else(|| value.strip_suffix(".amazonaws.com.cn"));
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    name.is_some_and(|name| name.split('.').all(is_label))
}

/// The root, a user or a role: of this account they have to be there, of others nobody can tell.
fn is_identity(arn: &str, account: &str, exists: &dyn Fn(&str) -> bool) -> bool {
    let Some((owner, name)) = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':')) else { return false };
    let has_name = ["user/", "role/"].iter().any(|kind| name.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
    let is_exact = !name.contains(['*', '?', ' ']);
    is_account(owner) && (name == "root" || (has_name && is_exact && (owner != account || exists(arn))))
}

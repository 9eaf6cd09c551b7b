//! The parts of a policy document that all uses of it share.

use serde_json::{Map, Value};

const STATEMENT_KEYS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

/// A document's statements: a lone one, or a list.
pub(super) fn statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(lone) => std::slice::from_ref(lone),
        None => &[],
    }
}

/// The texts of a lone text or a list.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(lone) => std::slice::from_ref(lone),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

/// The first key that no document has.
pub(super) fn unknown_key(document: &Map<String, Value>) -> Option<&String> {
    document.keys().find(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
}

/// The first key that no statement has.
pub(super) fn unknown_statement_key(statement: &Map<String, Value>) -> Option<&String> {
    statement.keys().find(|key| !STATEMENT_KEYS.contains(&key.as_str()))
}

/// Whether a version is given that IAM does not know.
pub(super) fn has_odd_version(document: &Map<String, Value>) -> bool {
    document.get("Version").is_some_and(|version| !matches!(version.as_str(), Some("2012-10-17" | "2008-10-17")))
}

/// Whether actions or resources are a text or a list of texts, and stand in one of their two forms only.
pub(super) fn has_shape(statement: &Map<String, Value>) -> bool {
    let is_texts = |key: &&str| match statement.get(*key) {
        Some(Value::Array(values)) => values.iter().all(Value::is_string),
        Some(lone) => lone.is_string(),
        None => true,
    };
    let is_both = |(key, negation)| statement.contains_key(key) && statement.contains_key(negation);
    let keys = ["Action", "NotAction", "Resource", "NotResource"];
    let pairs = [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")];
    keys.iter().all(is_texts) && !pairs.into_iter().any(is_both) && statement.get("Condition").is_none_or(is_condition)
}

/// Whether a condition is of the form `{ operator: { key: value or values } }`, with known operators.
fn is_condition(condition: &Value) -> bool {
    let is_plain = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
    let is_value = |value: &Value| is_plain(value) || value.as_array().is_some_and(|values| values.iter().all(is_plain));
    let is_known =
        |(operator, keys): (&String, &Value)| is_operator(operator) && keys.as_object().is_some_and(|keys| keys.values().all(is_value));
    condition.as_object().is_some_and(|operators| operators.iter().all(is_known))
}

fn is_operator(text: &str) -> bool {
    let bare = ["ForAnyValue:", "ForAllValues:"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
    OPERATORS.iter().any(|operator| operator.eq_ignore_ascii_case(bare))
}

/// The size that IAM counts: white space is free.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

//! Policy documents: from the spec's words to AWS's, and from AWS's wire form to a value.

use crate::model::document::parsed;
use crate::model::{Table, Value};
use percent_encoding::percent_decode_str;

/// The only version whose policy variables work.
pub(super) const VERSION: &str = "2012-10-17";

/// The spec's words for the parts of a statement, and AWS's.
const STATEMENT_KEYS: &[(&str, &str)] = &[
    ("sid", "Sid"),
    ("effect", "Effect"),
    ("action", "Action"),
    ("not_action", "NotAction"),
    ("resource", "Resource"),
    ("not_resource", "NotResource"),
    ("principal", "Principal"),
    ("not_principal", "NotPrincipal"),
    ("condition", "Condition"),
];

/// Lambda may assume the role.
pub(super) fn default_trust() -> Value {
    let principal = table([("Service", "lambda.amazonaws.com".into())]);
    document(vec![table([("Effect", "Allow".into()), ("Principal", principal), ("Action", "sts:AssumeRole".into())])])
}

/// A document with these statements.
pub(super) fn document(statements: Vec<Value>) -> Value {
    table([("Version", VERSION.into()), ("Statement", Value::List(statements))])
}

/// A statement that allows `actions` on `resource`.
pub(super) fn allow(actions: &[&str], resource: Value) -> Value {
    table([("Effect", "Allow".into()), ("Action", Value::string_list(actions)), ("Resource", resource)])
}

/// A table of these entries.
pub(super) fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The document that `allow = […]` stands for.
pub(super) fn from_allow(statements: &[Value]) -> Value {
    document(statements.iter().map(statement_with_effect).collect())
}

fn statement_with_effect(statement: &Value) -> Value {
    let mut statement = aws_statement(statement);
    if let Value::Table(table) = &mut statement {
        table.entry("Effect".to_owned()).or_insert_with(|| "Allow".into());
    }
    statement
}

/// The document in AWS's words. Keys that are AWS's already stay, and so do all keys below
/// conditions and principals. A document in the spec's words gets today's version if it has none.
pub(super) fn to_aws(value: &Value) -> Value {
    let Value::Table(given) = parsed(value) else { return value.clone() };
    let is_ours = given.contains_key("statement");
    let mut result = Table::new();
    for (key, value) in given {
        match key.as_str() {
            "version" => result.insert("Version".into(), value),
            "id" => result.insert("Id".into(), value),
            "statement" | "Statement" => result.insert("Statement".into(), aws_statements(&value)),
            _ => result.insert(key, value),
        };
    }
    if is_ours {
        result.entry("Version".into()).or_insert_with(|| VERSION.into());
    }
    Value::Table(result)
}

fn aws_statements(value: &Value) -> Value {
    match value {
        Value::List(statements) => Value::List(statements.iter().map(aws_statement).collect()),
        lone => Value::List(vec![aws_statement(lone)]),
    }
}

/// A statement in AWS's words.
pub(crate) fn aws_statement(statement: &Value) -> Value {
    let Value::Table(given) = statement else { return statement.clone() };
    let rename = |key: &str| STATEMENT_KEYS.iter().find(|(ours, _)| *ours == key).map_or(key, |(_, theirs)| *theirs).to_owned();
    Value::Table(given.iter().map(|(key, value)| (rename(key), value.clone())).collect())
}

/// A document as IAM gives it: percent-encoded JSON (RFC 3986, so `+` is itself).
pub(super) fn from_wire(text: &str) -> Value {
    // Some emulators do not encode it; then a `%` in it is itself.
    let is_plain = text.trim_start().starts_with(['{', '[']);
    let json = if is_plain { text.into() } else { percent_decode_str(text).decode_utf8_lossy() };
    parsed(&Value::from(json.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::arguments::as_json;
    use crate::model::Compare;

    fn value(json: &str) -> Value {
        Value::from_json(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn allow_becomes_a_document_with_allow_as_its_effect() {
        let statements = value(
            r#"[{"action":["logs:DescribeLogGroups"],"resource":"*"},{"sid":"No","effect":"Deny","action":"s3:*","resource":["a"],"condition":{"StringEquals":{"action":"x"}}}]"#,
        );
        insta::assert_snapshot!(from_allow(statements.as_list().unwrap()).to_json(), @r#"{"Statement":[{"Action":["logs:DescribeLogGroups"],"Effect":"Allow","Resource":"*"},{"Action":"s3:*","Condition":{"StringEquals":{"action":"x"}},"Effect":"Deny","Resource":["a"],"Sid":"No"}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn the_words_of_the_spec_and_of_aws_give_the_same_document() {
        let ours = to_aws(&value(r#"{"statement":{"effect":"Allow","not_action":"s3:*","not_resource":"*","principal":{"service":"x"}}}"#));
        let theirs =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"s3:*","NotResource":"*","Principal":{"service":"x"}}]}"#;
        assert_eq!(ours, to_aws(&value(theirs)));
        assert_eq!(ours, to_aws(&theirs.into()));
    }

    #[test]
    fn a_document_of_aws_without_a_version_keeps_its_old_meaning() {
        assert!(to_aws(&value(r#"{"Statement":[]}"#)).as_table().unwrap().get("Version").is_none());
    }

    #[test]
    fn plus_is_itself_on_the_wire_and_plain_json_is_taken_too() {
        let wire = "%7B%22Version%22%3A%222012-10-17%22%2C%22Id%22%3A%22a+b%25%22%7D";
        assert_eq!(from_wire(wire), value(r#"{"Version":"2012-10-17","Id":"a+b%"}"#));
        assert_eq!(from_wire(r#"{"Id":"100%25"}"#), value(r#"{"Id":"100%25"}"#));
        assert_eq!(from_wire("%7Bbroken"), Value::from("{broken"));
    }

    #[test]
    fn a_role_made_anew_leaves_a_principal_that_differs() {
        let live = from_wire(&as_json(&default_trust()).replace("lambda.amazonaws.com", "AROAEXAMPLEID"));
        assert!(!Compare::Policy.is_equal(Some(&default_trust()), Some(&live)));
    }
}

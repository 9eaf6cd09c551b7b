//! What IAM would refuse in a policy document, found without asking it.
//!
//! IAM answers all of this with `MalformedPolicyDocument`, mostly without a place.

use crate::diagnostic::nearest;
use crate::model::{Table, Value};

/// All inline policies of a role together, without white space.
pub(super) const INLINE_LIMIT: usize = 10_240;
/// A trust policy, unless the quota was raised.
pub(super) const TRUST_LIMIT: usize = 2_048;
/// A trust policy with the quota raised as far as AWS does.
pub(super) const TRUST_CEILING: usize = 8_192;

const DOCUMENT_KEYS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_KEYS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What the role may do.
    Identity,
    /// Who may assume the role.
    Trust,
}

/// Everything that is wrong with a document in AWS's words, a sentence each.
pub(super) fn check(document: &Value, purpose: Purpose) -> Vec<String> {
    let Value::Table(given) = document else {
        return if document.is_unresolved() { vec![] } else { vec!["it is not a policy document, but a plain value".into()] };
    };
    let mut messages = unknown_keys(given, DOCUMENT_KEYS, "the document");
    messages.extend(version(given));
    messages.extend(odd_character(document));
    match given.get("Statement") {
        Some(Value::List(statements)) if !statements.is_empty() => {
            messages.extend(statements.iter().enumerate().flat_map(|(index, item)| statement(item, index, purpose)));
            messages.extend(duplicate_sids(statements));
        }
        Some(Value::Table(_)) => messages.extend(given.get("Statement").into_iter().flat_map(|item| statement(item, 0, purpose))),
        Some(other) if other.is_unresolved() => {}
        _ => messages.push("it has no statement".into()),
    }
    messages
}

/// The size that IAM counts: white space is free.
pub(super) fn size(document: &Value) -> usize {
    document.to_json().to_string().chars().filter(|character| !character.is_whitespace()).count()
}

fn unknown_keys(given: &Table, known: &[&str], place: &str) -> Vec<String> {
    let unknown = given.keys().filter(|key| !known.contains(&key.as_str()));
    let message = |key: &String| {
        let hint = nearest(key, known.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("{place} has the key `{key}`, which IAM does not know{hint}")
    };
    unknown.map(message).collect()
}

fn version(given: &Table) -> Option<String> {
    let version = given.get("Version").filter(|version| !version.is_unresolved())?;
    let is_known = version.as_str().is_some_and(|text| text == "2012-10-17" || text == "2008-10-17");
    (!is_known).then(|| "its version is not `2012-10-17`, which is the only one to use".to_owned())
}

/// IAM takes tab, line feed, carriage return and U+0020 to U+00FF.
fn odd_character(document: &Value) -> Option<String> {
    let text = document.to_json().to_string();
    let odd = text.chars().find(|character| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FF}'))?;
    Some(format!("it has the character `{odd}`, which IAM does not take (it takes Latin-1 only)"))
}

fn duplicate_sids(statements: &[Value]) -> Vec<String> {
    let sids: Vec<&str> =
        statements.iter().filter_map(|item| item.as_table()?.get("Sid")?.as_str()).filter(|sid| !sid.is_empty()).collect();
    let is_second = |(index, sid): &(usize, &&str)| sids[..*index].contains(*sid);
    sids.iter().enumerate().filter(is_second).map(|(_, sid)| format!("two statements have the `Sid` `{sid}`")).collect()
}

fn statement(value: &Value, index: usize, purpose: Purpose) -> Vec<String> {
    let place = format!("statement {}", index + 1);
    let Value::Table(given) = value else {
        return if value.is_unresolved() { vec![] } else { vec![format!("{place} is {} and not a table", value.type_name())] };
    };
    let mut messages = unknown_keys(given, STATEMENT_KEYS, &place);
    messages.extend(effect(given, &place));
    messages.extend(sid(given, &place));
    messages.extend(one_of(given, "Action", "NotAction", &place));
    messages.extend(actions(given, &place, purpose));
    messages.extend(condition(given, &place));
    messages.extend(match purpose {
        Purpose::Identity => identity(given, &place),
        Purpose::Trust => trust(given, &place),
    });
    messages
}

fn effect(given: &Table, place: &str) -> Option<String> {
    match given.get("Effect") {
        None => Some(format!("{place} has no `Effect`; it is `Allow` or `Deny`")),
        Some(effect) if effect.is_unresolved() || matches!(effect.as_str(), Some("Allow" | "Deny")) => None,
        Some(effect) => Some(format!("{place} has the `Effect` {}; IAM takes exactly `Allow` or `Deny`", effect.to_json())),
    }
}

fn sid(given: &Table, place: &str) -> Option<String> {
    let sid = given.get("Sid")?.as_str()?;
    let is_fine = sid.chars().all(|character| character.is_ascii_alphanumeric());
    (!is_fine).then(|| format!("{place} has the `Sid` `{sid}`, which has characters other than letters and digits"))
}

fn one_of(given: &Table, key: &str, negation: &str, place: &str) -> Option<String> {
    match (given.contains_key(key), given.contains_key(negation)) {
        (false, false) => Some(format!("{place} has no `{key}`")),
        (true, true) => Some(format!("{place} has both `{key}` and `{negation}`")),
        _ => None,
    }
}

fn actions(given: &Table, place: &str, purpose: Purpose) -> Vec<String> {
    let actions = ["Action", "NotAction"].iter().filter_map(|key| given.get(*key)).flat_map(texts);
    let message = |action: &str| match purpose {
        _ if action == "*" => None,
        Purpose::Identity if action.contains(':') => None,
        Purpose::Identity => {
            Some(format!("{place} has the action `{action}`, which is not `*` and names no service, such as `s3:GetObject`"))
        }
        Purpose::Trust if action.to_lowercase().starts_with("sts:") => None,
        Purpose::Trust => Some(format!("{place} has the action `{action}`; in a trust policy only actions of `sts` can stand")),
    };
    actions.filter_map(message).collect()
}

fn condition(given: &Table, place: &str) -> Option<String> {
    let condition = given.get("Condition").filter(|condition| !condition.is_unresolved())?;
    let Value::Table(operators) = condition else { return Some(format!("{place} has a `Condition` that is not a table")) };
    let bad = operators.iter().find(|(_, keys)| keys.as_table().is_none_or(|keys| keys.values().any(|value| value.as_table().is_some())));
    bad.map(|(operator, _)| format!("{place} has a condition `{operator}` that is not of the form `{{ {operator} = {{ key = value }} }}`"))
}

fn identity(given: &Table, place: &str) -> Vec<String> {
    let principal = ["Principal", "NotPrincipal"].iter().find(|key| given.contains_key(**key));
    let refused = principal.map(|key| format!("{place} has a `{key}`, which stands only in trust policies"));
    refused.into_iter().chain(one_of(given, "Resource", "NotResource", place)).collect()
}

fn trust(given: &Table, place: &str) -> Vec<String> {
    let resource = ["Resource", "NotResource"].iter().find(|key| given.contains_key(**key));
    let refused = resource.map(|key| format!("{place} has a `{key}`, which a trust policy cannot have"));
    refused.into_iter().chain(one_of(given, "Principal", "NotPrincipal", place)).collect()
}

/// Whether the trust policy lets Lambda assume the role; what is not known yet counts as yes.
pub(super) fn lets_lambda_assume(document: &Value) -> bool {
    if document.is_unresolved() {
        return true;
    }
    let Some(statements) = document.as_table().and_then(|table| table.get("Statement")) else { return false };
    let statements = statements.as_list().unwrap_or(std::slice::from_ref(statements));
    statements.iter().filter_map(Value::as_table).any(|given| {
        let allows = given.get("Effect").and_then(Value::as_str) == Some("Allow");
        let services = given.get("Principal").and_then(Value::as_table).and_then(|principal| principal.get("Service"));
        let is_lambda = services.is_some_and(|services| texts(services).any(|service| service == "lambda.amazonaws.com"));
        let assumes = |action: &str| matches!(action.to_lowercase().as_str(), "*" | "sts:*" | "sts:assume*" | "sts:assumerole");
        allows && is_lambda && given.get("Action").is_some_and(|actions| texts(actions).any(assumes))
    })
}

/// The texts of a lone text or a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_list().unwrap_or(std::slice::from_ref(value)).iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::document::{default_trust, to_aws};
    use super::*;

    fn of(json: &str, purpose: Purpose) -> String {
        check(&to_aws(&json.into()), purpose).join("\n")
    }

    #[test]
    fn good_documents_pass() {
        assert_eq!(check(&default_trust(), Purpose::Trust), Vec::<String>::new());
        let json = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A1","Effect":"Allow","Action":["s3:Get*","*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}]}"#;
        assert_eq!(of(json, Purpose::Identity), "");
    }

    #[test]
    fn each_refusal_of_iam_is_found() {
        let statement = |json: &str| of(&format!(r#"{{"Version":"2012-10-17","Statement":[{json}]}}"#), Purpose::Identity);
        insta::assert_snapshot!(statement(r#"{"Effect":"Allow","Actions":"s3:Get","Resource":"*"}"#), @r"
        statement 1 has the key `Actions`, which IAM does not know; did you mean `Action`?
        statement 1 has no `Action`
        ");
        insta::assert_snapshot!(statement(r#"{"Effect":"allow","Action":"s3","Resource":"*"}"#), @r#"
        statement 1 has the `Effect` "allow"; IAM takes exactly `Allow` or `Deny`
        statement 1 has the action `s3`, which is not `*` and names no service, such as `s3:GetObject`
        "#);
        insta::assert_snapshot!(statement(r#"{"Sid":"a-b","Effect":"Allow","Action":"*","Principal":"*"}"#), @r"
        statement 1 has the `Sid` `a-b`, which has characters other than letters and digits
        statement 1 has a `Principal`, which stands only in trust policies
        statement 1 has no `Resource`
        ");
        insta::assert_snapshot!(statement(r#"{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a":{"b":1}}}}"#), @r"
        statement 2 has a condition `Bool` that is not of the form `{ Bool = { key = value } }`
        two statements have the `Sid` `A`
        ");
        insta::assert_snapshot!(of(r#"{"Version":"2020-01-01","Statements":[]}"#, Purpose::Identity), @r"
        the document has the key `Statements`, which IAM does not know; did you mean `Statement`?
        its version is not `2012-10-17`, which is the only one to use
        it has no statement
        ");
        assert!(statement(r#"{"Effect":"Allow","Action":"*","Resource":"a’b"}"#).contains("Latin-1"));
        assert!(of("no json", Purpose::Identity).contains("not a policy document"));
    }

    #[test]
    fn trust_policies_have_rules_of_their_own() {
        let json = r#"{"Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}]}"#;
        insta::assert_snapshot!(of(json, Purpose::Trust), @r"
        statement 1 has the action `lambda:InvokeFunction`; in a trust policy only actions of `sts` can stand
        statement 1 has a `Resource`, which a trust policy cannot have
        statement 1 has no `Principal`
        ");
    }

    #[test]
    fn a_trust_without_lambda_is_noticed() {
        assert!(lets_lambda_assume(&default_trust()));
        let json = |service: &str, action: &str| {
            let text = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Service":{service}}},"Action":"{action}"}}}}"#);
            to_aws(&text.into())
        };
        assert!(lets_lambda_assume(&json(r#"["edgelambda.amazonaws.com","lambda.amazonaws.com"]"#, "sts:*")));
        assert!(!lets_lambda_assume(&json(r#""ec2.amazonaws.com""#, "sts:AssumeRole")));
        assert!(!lets_lambda_assume(&json(r#""lambda.amazonaws.com""#, "sts:TagSession")));
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(size(&to_aws(&r#"{ "Statement" : [ ] }"#.into())), r#"{"Statement":[]}"#.len());
    }
}

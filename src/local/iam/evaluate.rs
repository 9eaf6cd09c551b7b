//! Who may do what, as far as it can be told from documents alone.
//!
//! What a condition asks for is not known here, so a statement with a condition is treated as one that
//! does not apply: it neither allows nor denies. Policy variables such as `${aws:username}` match nothing.

use super::statement::{statements, texts};
use crate::local::names::matches;
use serde_json::Value;

/// What documents say to an action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// No statement is about it.
    Silent,
    /// A statement allows it, and none denies it.
    Allow,
    /// A statement denies it, whatever the others say.
    Deny,
}

/// What some documents together say.
pub(super) fn decide<'a>(documents: impl IntoIterator<Item = &'a str>, action: &str, resource: &str) -> Decision {
    let mut decision = Decision::Silent;
    for document in documents {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        for statement in statements(&document).iter().filter(|statement| applies(statement, action, resource)) {
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Deny") => return Decision::Deny,
                Some("Allow") => decision = Decision::Allow,
                _ => {}
            }
        }
    }
    decision
}

fn applies(statement: &Value, action: &str, resource: &str) -> bool {
    !has_condition(statement)
        && covers(statement, "Action", "NotAction", |pattern| matches_action(pattern, action))
        && covers(statement, "Resource", "NotResource", |pattern| matches_resource(pattern, resource))
}

fn has_condition(statement: &Value) -> bool {
    statement.get("Condition").is_some_and(|condition| condition.as_object().is_none_or(|operators| !operators.is_empty()))
}

fn covers(statement: &Value, key: &str, negation: &str, is_match: impl Fn(&str) -> bool) -> bool {
    match statement.get(negation) {
        Some(patterns) => !texts(Some(patterns)).any(is_match),
        None => texts(statement.get(key)).any(is_match),
    }
}

/// Whether a trust policy lets a service assume the role. Here a condition does not stop an `Allow`: in
/// trust policies it names the account or resource that the service acts for, which is the caller's own.
pub(super) fn trusts(trust: &str, service: &str) -> bool {
    let document: Value = serde_json::from_str(trust).unwrap_or_default();
    let about = |statement: &&Value| {
        names(statement.get("Principal"), service)
            && covers(statement, "Action", "NotAction", |pattern| matches_action(pattern, "sts:AssumeRole"))
    };
    let of = |effect: &'static str| statements(&document).iter().filter(about).filter(move |statement| statement["Effect"] == effect);
    of("Allow").next().is_some() && of("Deny").all(has_condition)
}

fn names(principal: Option<&Value>, service: &str) -> bool {
    match principal {
        Some(Value::String(everybody)) => everybody == "*",
        Some(kinds) => texts(kinds.get("Service")).any(|name| name == service) || texts(kinds.get("AWS")).any(|name| name == "*"),
        None => false,
    }
}

fn matches_action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_lowercase(), &action.to_lowercase())
}

/// Part by part, so that a `*` does not reach over a colon; parts that are left out match anything.
fn matches_resource(pattern: &str, resource: &str) -> bool {
    let mut parts = resource.splitn(6, ':');
    pattern == "*" || {
        let is_match = pattern.splitn(6, ':').all(|pattern| parts.next().is_some_and(|part| matches(pattern, part)));
        is_match && (pattern.matches(':').count() < 5 || parts.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(statements: &str, action: &str, resource: &str) -> Decision {
        decide([format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#).as_str()], action, resource)
    }

    #[test]
    fn patterns_match_what_they_describe() {
        let cases = [
            ("*", "", true),
            ("a*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*d", "abcbd", true),
            ("*b*d", "abcb", false),
            ("ab", "abc", false),
            ("", "a", false),
            ("a**", "a", true),
            ("log-group:/aws/*:*", "log-group:/aws/lambda/x:log-stream:y", true),
        ];
        for (pattern, text, wanted) in cases {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn statements_allow_and_deny() {
        use Decision::{Allow, Deny, Silent};
        const GROUP: &str = "arn:aws:logs:eu-central-1:000000000000:log-group:/aws/lambda/x:*";
        let allow = r#"{"Effect":"Allow","Action":["LOGS:put*"],"Resource":"arn:aws:logs:*:*:log-group:/aws/lambda/x:*"}"#;
        let deny = r#"{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}"#;
        let conditional = r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
        let cases = [
            (allow.to_owned(), "logs:PutLogEvents", GROUP, Allow),
            (allow.to_owned(), "logs:CreateLogGroup", GROUP, Silent),
            (allow.to_owned(), "logs:PutLogEvents", "arn:aws:logs:eu-central-1:000000000000:log-group:/aws/lambda/y:*", Silent),
            (format!("[{allow},{deny}]"), "logs:PutLogEvents", GROUP, Deny),
            (format!("[{allow},{conditional}]"), "logs:PutLogEvents", GROUP, Allow),
            (allow.replace("}", r#","Condition":{"Bool":{"a":"b"}}}"#), "logs:PutLogEvents", GROUP, Silent),
            (r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::*"}"#.to_owned(), "s3:GetObject", "arn:aws:s3:::a/b", Silent),
            (r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::*"}"#.to_owned(), "logs:X", GROUP, Allow),
            (r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*"}"#.to_owned(), "logs:X", GROUP, Allow),
            (r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:*"}"#.to_owned(), "logs:X", GROUP, Allow),
            (r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:us-*:*:*"}"#.to_owned(), "logs:X", GROUP, Silent),
        ];
        for (statements, action, resource, wanted) in cases {
            assert_eq!(said(&statements, action, resource), wanted, "{statements} {action} {resource}");
        }
    }

    #[test]
    fn services_are_trusted_or_not() {
        let lambda = |principal: &str, rest: &str| {
            let statement = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}{rest}"#);
            trusts(&format!(r#"{{"Statement":[{statement}]}}"#), "lambda.amazonaws.com")
        };
        let deny = r#",{"Effect":"Deny","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
        assert!(lambda(r#"{"Service":"lambda.amazonaws.com"}"#, ""));
        assert!(lambda(r#"{"Service":["events.amazonaws.com","lambda.amazonaws.com"]}"#, ""));
        assert!(lambda(r#"{"AWS":"*"}"#, "") && lambda(r#""*""#, ""));
        assert!(!lambda(r#"{"Service":"events.amazonaws.com"}"#, ""));
        assert!(!lambda(r#"{"AWS":"000000000000"}"#, ""));
        assert!(!lambda(r#"{"Service":"lambda.amazonaws.com"}"#, deny));
        assert!(!trusts(
            r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:TagSession"}}"#,
            "lambda.amazonaws.com"
        ));
    }
}

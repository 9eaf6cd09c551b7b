//! Who may pull: the policy of a repository. The cloud stores it, shows it, and has Lambda add to it; there is
//! nobody else whom it could keep away.

use super::checks::invalid;
use crate::local::error::ApiError;
use serde_json::{Map, Value, json};

const LARGEST_BYTES: usize = 10_240;
const LAMBDA: &str = "lambda.amazonaws.com";
/// What Lambda needs, and how it calls the statement that it adds itself.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#configuration-images-permissions>
const NEEDED: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const SID: &str = "LambdaECRImageRetrievalPolicy";

/// A policy's text as ECR gives it back: the same document, written in its own way.
///
/// # Errors
/// `InvalidParameterException` for what is no policy.
pub(super) fn checked(text: &str) -> Result<String, ApiError> {
    let refused = || invalid("PolicyText", "Invalid repository policy provided");
    if text.len() > LARGEST_BYTES {
        return Err(invalid("PolicyText", &format!("must have length less than or equal to {LARGEST_BYTES}")));
    }
    let document: Value = serde_json::from_str(text).map_err(|_| refused())?;
    let statements = statements(&document).ok_or_else(refused)?;
    if statements.is_empty() || !statements.iter().all(|statement| is_statement(statement)) {
        return Err(refused());
    }
    serde_json::to_string_pretty(&document).map_err(|_| refused())
}

fn statements(document: &Value) -> Option<Vec<&Map<String, Value>>> {
    let members = document.as_object()?;
    let known = ["Version", "Id", "Statement"];
    if !members.keys().all(|key| known.contains(&key.as_str())) {
        return None;
    }
    match members.get("Statement")? {
        Value::Array(statements) => statements.iter().map(Value::as_object).collect(),
        one => Some(vec![one.as_object()?]),
    }
}

/// A repository is the resource: a statement that names one is refused.
fn is_statement(statement: &Map<String, Value>) -> bool {
    let known = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"];
    let has_one_of = |first: &str, second: &str| statement.contains_key(first) != statement.contains_key(second);
    statement.keys().all(|key| known.contains(&key.as_str()))
        && matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
        && has_one_of("Principal", "NotPrincipal")
        && has_one_of("Action", "NotAction")
}

/// The policy with the statement that Lambda adds when it is not allowed to pull; nothing where it is.
pub(super) fn with_lambda(policy: Option<&str>) -> Option<String> {
    let mut document: Value =
        policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({ "Version": "2008-10-17", "Statement": [] }));
    let all = statements(&document).unwrap_or_default();
    if NEEDED.iter().all(|action| all.iter().any(|statement| allows_lambda(statement, action))) {
        return None;
    }
    let own = json!({ "Sid": SID, "Effect": "Allow", "Principal": { "Service": LAMBDA }, "Action": NEEDED });
    match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.push(own),
        Some(one) => *one = json!([one.take(), own]),
        None => document["Statement"] = json!([own]),
    }
    serde_json::to_string_pretty(&document).ok()
}

fn allows_lambda(statement: &Map<String, Value>, action: &str) -> bool {
    let principal = statement.get("Principal");
    let is_lambda = principal.is_some_and(|principal| {
        texts(principal).contains(&"*") || principal.get("Service").is_some_and(|services| texts(services).contains(&LAMBDA))
    });
    let actions = statement.get("Action").map(texts).unwrap_or_default();
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
        && is_lambda
        && actions.iter().any(|pattern| crate::local::names::matches(&pattern.to_lowercase(), &action.to_lowercase()))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_policy_is_taken() {
        let fine = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}}"#;
        assert!(checked(fine).unwrap().contains("\n  \"Version\": \"2012-10-17\""));
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"ecr:*"}]}"#,
            r#"{"Statement":[{"Effect":"Maybe","Principal":"*","Action":"ecr:*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}]}"#,
        ] {
            assert_eq!(checked(wrong).unwrap_err().code, "InvalidParameterException", "{wrong}");
        }
    }

    #[test]
    fn lambda_adds_its_statement_once() {
        let foreign =
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Principal":{"AWS":"*"},"Action":"ecr:BatchGetImage"}]}"#;
        let added = with_lambda(Some(foreign)).unwrap();
        assert!(added.contains(SID) && added.contains("\"x\""), "{added}");
        assert_eq!(with_lambda(Some(&added)), None);
        let own = with_lambda(None).unwrap();
        assert!(own.contains("2008-10-17"), "{own}");
        let wide = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]},"Action":["ecr:*"]}]}"#;
        assert_eq!(with_lambda(Some(wide)), None);
    }
}

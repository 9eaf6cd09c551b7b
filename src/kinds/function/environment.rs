//! What Lambda says about environment variables.

use crate::model::value::scalar_text;
use crate::model::{Secret, SecretSource, Table, Value};

/// What all variables together may take, in bytes (Lambda quotas).
pub(super) const MOST_BYTES: usize = 4096;

/// Names that Lambda sets itself and refuses (Lambda guide, "Defined runtime environment variables").
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What the name of a variable must be: `[a-zA-Z][a-zA-Z0-9_]+`, so two characters at least, and none
/// that Lambda sets itself.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    if RESERVED.contains(&text) {
        return Err("is set by Lambda itself and cannot be given".to_owned());
    }
    let begins = text.starts_with(|character: char| character.is_ascii_alphabetic());
    if !begins || text.len() < 2 || !text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Err("is no name of a variable in Lambda: a letter, then at least one letter, digit or `_`".to_owned());
    }
    Ok(())
}

/// The variables as text, as Lambda stores them, and secrets as such. References stay as they are.
pub(super) fn as_text(variables: &Table) -> Table {
    let secret = |value: &Value| SecretSource::from_table(value.as_table()?).ok().map(Secret::unknown).map(Box::new).map(Value::Secret);
    let text = |value: &Value| secret(value).or_else(|| scalar_text(value).map(Value::from)).unwrap_or_else(|| value.clone());
    variables.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The names of variables that are secrets without a source that makes sense, with what is wrong.
pub(super) fn bad_secrets(variables: &Table) -> impl Iterator<Item = (&str, String)> {
    variables.iter().filter_map(|(name, value)| Some((name.as_str(), SecretSource::from_table(value.as_table()?).err()?)))
}

/// What the variables take as Lambda counts: the JSON text, so name, value and six bytes each, and one
/// more. Measured on AWS by cdk-preflight (`pf-lambda-env-size`). References that are open count nothing.
pub(super) fn size_bytes(variables: &Table) -> usize {
    variables.iter().filter_map(|(name, value)| Some(name.len() + value.as_str()?.len() + 6)).sum::<usize>() + 1
}

/// The values that a call carries: AWS quotes what it does not like, and what is told ends up in logs.
pub(super) fn values(arguments: &Table) -> impl Iterator<Item = &str> {
    let variables = arguments.get("environment").and_then(Value::as_table);
    variables.into_iter().flat_map(Table::values).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_lambda_takes() {
        for name in ["LOG_LEVEL", "ab", "A1", "AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_LOG_LEVEL"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "A", "1A", "_A", "A-B", "A B", "AWS_REGION", "_HANDLER", "LAMBDA_TASK_ROOT", "Ä1"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn numbers_and_booleans_become_text() {
        let variables = Table::from_iter([("NN".to_owned(), Value::Integer(7)), ("BB".to_owned(), Value::Boolean(true))]);
        insta::assert_snapshot!(Value::Table(as_text(&variables)).to_json(), @r#"{"BB":"true","NN":"7"}"#);
    }

    #[test]
    fn the_size_is_counted_as_lambda_counts() {
        assert_eq!(size_bytes(&Table::new()), 1);
        assert_eq!(size_bytes(&Table::from_iter([("AB".to_owned(), "xyz".into())])), 12);
    }
}

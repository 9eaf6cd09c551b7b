//! What Lambda says about environment variables.

use crate::aws::AwsError;
use crate::model::value::scalar_text;
use crate::model::{Table, Value};

/// What all variables together may take, in bytes (Lambda quotas).
pub(super) const MOST_BYTES: usize = 4096;

/// A value with fewer characters is no secret, and would hide half of a message.
const SHORTEST_HIDDEN: usize = 4;

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

/// The variables as text, as Lambda stores them. Tables and references stay as they are.
pub(super) fn as_text(variables: &Table) -> Table {
    let text = |value: &Value| scalar_text(value).map_or_else(|| value.clone(), Value::from);
    variables.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The names of variables whose value is a secret's source.
pub(super) fn secrets(variables: &Table) -> impl Iterator<Item = &str> {
    variables.iter().filter(|(_, value)| value.as_table().is_some()).map(|(name, _)| name.as_str())
}

/// What the variables take as Lambda counts: the JSON text, so name, value and six bytes each, and one
/// more. Measured on AWS by cdk-preflight (`pf-lambda-env-size`). References that are open count nothing.
pub(super) fn size_bytes(variables: &Table) -> usize {
    variables.iter().filter_map(|(name, value)| Some(name.len() + value.as_str()?.len() + 6)).sum::<usize>() + 1
}

/// The error of a call that carried variables, without their values: AWS quotes what it does not like,
/// and what is told ends up in logs.
pub(super) fn without_values(mut error: AwsError, arguments: &Table) -> AwsError {
    let variables = arguments.get("environment").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let mut values: Vec<String> = variables.filter_map(scalar_text).filter(|text| text.chars().count() >= SHORTEST_HIDDEN).collect();
    // A value may be part of another.
    values.sort_by_key(|text| std::cmp::Reverse(text.len()));
    for value in values {
        error.message = error.message.replace(&value, "(value)");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ErrorClass;
    use crate::kinds::function::tests::table;

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
    fn what_aws_quotes_of_the_values_is_not_told() {
        let variables = table([("AA", "hunter2".into()), ("BB", "hunter2-long".into()), ("CC", "an".into()), ("DD", 12345.into())]);
        let arguments = Table::from_iter([("environment".to_owned(), variables)]);
        let message = "Value hunter2-long at 'environment' fails, and so do hunter2 and 12345";
        let error = without_values(AwsError::own("lambda:CreateFunction", ErrorClass::Invalid, message), &arguments);
        insta::assert_snapshot!(error.message, @"Value (value) at 'environment' fails, and so do (value) and (value)");
    }

    #[test]
    fn the_size_is_counted_as_lambda_counts() {
        assert_eq!(size_bytes(&Table::new()), 1);
        assert_eq!(size_bytes(&Table::from_iter([("AB".to_owned(), "xyz".into())])), 12);
    }
}

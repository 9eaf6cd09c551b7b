//! Reading the arguments of an operation, and the errors of an operation that never reached AWS.

use crate::aws::{AwsError, ErrorClass};
use crate::model::value::scalar_text;
use crate::model::{Operation, Path, Sighting, Table, Unchecked, Value};
use std::collections::HashMap;

/// The text at `key`.
///
/// # Errors
/// When it is absent, or a reference in it could not be filled in.
pub(crate) fn text<'a>(operation: &'a Operation, key: &str) -> Result<&'a str, AwsError> {
    let value = operation.arguments.get(key);
    value.and_then(Value::as_str).ok_or_else(|| match value {
        Some(Value::Unresolved(parts)) => {
            let names: Vec<String> = parts.iter().map(|part| format!("`{}`", part.expression())).collect();
            refused(operation, format!("`{key}` depends on {}, which is not known", names.join(", ")))
        }
        _ => refused(operation, format!("the operation has no `{key}`")),
    })
}

/// The text at `key`, where there is one.
pub(crate) fn optional(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The whole number at `key` as AWS's clients take it.
pub(crate) fn number(table: &Table, key: &str) -> Option<i32> {
    table.get(key).and_then(Value::as_integer).and_then(|number| i32::try_from(number).ok())
}

/// A table of texts as AWS's clients take it.
pub(crate) fn text_map(table: &Table) -> HashMap<String, String> {
    table.iter().filter_map(|(key, value)| Some((key.clone(), scalar_text(value)?))).collect()
}

/// The table at `key`; empty where there is none.
pub(crate) fn table<'a>(operation: &'a Operation, key: &str) -> Vec<(&'a str, &'a Value)> {
    let table = operation.arguments.get(key).and_then(Value::as_table);
    table.into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect()
}

/// An operation that was given up before AWS was asked.
pub(crate) fn refused(operation: &Operation, message: impl Into<String>) -> AwsError {
    failed(&operation.call, ErrorClass::Invalid, message)
}

/// An operation that failed without an error of AWS's own.
pub(crate) fn failed(call: &str, class: ErrorClass, message: impl Into<String>) -> AwsError {
    AwsError { operation: call.to_owned(), class, code: None, message: message.into(), request_id: None, status: None }
}

/// A call that this kind does not know, which only a plan made by another version can have.
pub(crate) fn unknown_call(operation: &Operation) -> AwsError {
    refused(operation, format!("this version of lambdo does not know how to do that to a `{}`", operation.address.kind))
}

/// What an error of a read says about the resource.
pub(crate) fn sighting(error: &AwsError) -> Sighting {
    if error.class == ErrorClass::NotFound { Sighting::Missing } else { Sighting::Unreadable(unchecked(Path::default(), error)) }
}

/// A path that could not be read because of an error.
pub(crate) fn unchecked(path: Path, error: &AwsError) -> Unchecked {
    let why = match error.class {
        ErrorClass::Denied => "access_denied",
        ErrorClass::Credentials => "credentials",
        ErrorClass::Throttled => "throttled",
        ErrorClass::Transient => "unavailable",
        ErrorClass::Interrupted => "interrupted",
        _ => "refused",
    };
    Unchecked { path, why: why.to_owned(), detail: error.to_string() }
}

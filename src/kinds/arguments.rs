//! The arguments of an operation, put together while planning and read while running, and the ways
//! in which an operation ends without an answer of AWS.

use super::Done;
use crate::aws::{AwsError, ErrorClass};
use crate::model::value::scalar_text;
use crate::model::{Operation, Path, PhysicalId, Resource, Table, Update, Value};

/// Those of the inputs that have these keys, as arguments.
pub(crate) fn picked(inputs: &Table, keys: &[&str]) -> Table {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), inputs.get(*key)?.clone()))).collect()
}

/// What a call sets all at once: as it is wished, and as it lives where others look after it.
pub(crate) fn all_at_once(update: &Update<'_>, keys: &[&str]) -> Table {
    let is_left = |path: &Path| !update.live.is_unread(path) && update.desired.ignore.iter().any(|pattern| path.is_covered_by(pattern));
    let value = |key: &&str| if is_left(&Path::key(key)) { update.live.fields.get(*key) } else { update.desired.inputs.get(*key) };
    keys.iter().filter_map(|key| Some(((*key).to_owned(), value(key)?.clone()))).collect()
}

/// The name that a resource has, or will have, in AWS; `key` is the setting that gives it.
pub(crate) fn name_of(desired: &Resource, key: &str) -> Value {
    desired.input(key).cloned().unwrap_or_else(|| desired.physical_id().map_or("", PhysicalId::as_str).into())
}

/// The ARN of a resource as the argument `arn`, from the first of these attributes that have it.
pub(crate) fn by_arn(attributes: [&Table; 2]) -> Table {
    let arn = attributes.into_iter().find_map(|attributes| attributes.get("arn"));
    Table::from_iter(arn.map(|arn| ("arn".to_owned(), arn.clone())))
}

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

/// The name at `key`, or else the one that AWS knows the resource by.
pub(crate) fn name<'a>(operation: &'a Operation, key: &str) -> Option<&'a str> {
    let given = operation.arguments.get(key).and_then(Value::as_str);
    given.or_else(|| operation.physical_id.as_ref().map(PhysicalId::as_str))
}

/// The whole number at `key` as AWS's clients take it.
pub(crate) fn number(table: &Table, key: &str) -> Option<i32> {
    table.get(key).and_then(Value::as_integer).and_then(|number| i32::try_from(number).ok())
}

/// The list of texts at `key` as AWS's clients take it.
pub(crate) fn strings(table: &Table, key: &str) -> Option<Vec<String>> {
    table.get(key).map(|list| list.strings().into_iter().map(str::to_owned).collect())
}

/// A table of texts as AWS's clients take it.
pub(crate) fn texts(table: &Table) -> impl Iterator<Item = (String, String)> {
    table.iter().filter_map(|(key, value)| Some((key.clone(), scalar_text(value)?)))
}

/// A document as the JSON text that is sent; text is JSON already.
pub(crate) fn as_json(document: &Value) -> String {
    document.as_str().map_or_else(|| document.to_json().to_string(), str::to_owned)
}

/// An operation that was given up before AWS was asked.
pub(crate) fn refused(operation: &Operation, message: impl Into<String>) -> AwsError {
    AwsError::own(&operation.call, ErrorClass::Invalid, message)
}

/// A call that this kind does not know, which only a plan made by another version can have.
pub(crate) fn unknown_call(operation: &Operation) -> AwsError {
    refused(operation, format!("this version of lambdo does not know how to do that to a `{}`", operation.address.kind))
}

/// The end of an operation that takes something away: what is not there needs nothing more.
///
/// # Errors
/// Everything but that it is not there.
pub(crate) fn gone_is_done<T>(result: Result<T, AwsError>) -> Result<Done, AwsError> {
    match result {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(Done::default()),
    }
}

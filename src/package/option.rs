//! Reading the options of a build, the same way for every language.

use super::container::Mode;
use super::problem::wrong_type;
use crate::diagnostic::Diagnostic;
use crate::model::value::scalar_text;
use crate::model::{Table, Value};
use std::collections::BTreeMap;

/// A text that is not empty.
pub(super) fn text(options: &Table, key: &str) -> Result<Option<String>, Diagnostic> {
    match options.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(wrong_type(&format!("build.{key}"), "a name", "empty")),
        Some(other) => Err(wrong_type(&format!("build.{key}"), "a name", other.type_name())),
    }
}

/// A list of texts; a lone text is a list of one.
pub(super) fn texts(options: &Table, key: &str) -> Result<Option<Vec<String>>, Diagnostic> {
    let wrong = |value: &Value| wrong_type(&format!("build.{key}"), "a list of strings", value.type_name());
    match options.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
        Some(value) => match value.as_list() {
            Some(items) if value.strings().len() == items.len() => Ok(Some(value.strings().into_iter().map(str::to_owned).collect())),
            _ => Err(wrong(value)),
        },
    }
}

/// Variables of the tools' environment.
pub(super) fn variables(value: Option<&Value>) -> Result<BTreeMap<String, String>, Diagnostic> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let wrong = |given: &Value| wrong_type("build.env", "a table of variables and their texts", given.type_name());
    let table = value.as_table().ok_or_else(|| wrong(value))?;
    table.iter().map(|(name, value)| Ok((name.clone(), scalar_text(value).ok_or_else(|| wrong(value))?))).collect()
}

/// Whether a container builds.
pub(super) fn container(options: &Table) -> Result<Mode, Diagnostic> {
    match options.get("container") {
        None => Ok(Mode::default()),
        Some(Value::String(text)) => Mode::parse(text),
        Some(other) => Err(wrong_type("build.container", "`auto`, `never`, `always` or an engine's name", other.type_name())),
    }
}

/// A flag that is lambdo's to give.
pub(super) fn own_flag(tool: &str, flag: &str, own: &[(&str, &str)]) -> Option<Diagnostic> {
    let (name, why) = own.iter().find(|(name, _)| flag == *name || flag.starts_with(&format!("{name}=")))?;
    Some(
        Diagnostic::error("own-flag", format!("A flag of {tool} is lambdo's to give"))
            .detail(format!("`build.flags` has `{name}`; {why}.")),
    )
}

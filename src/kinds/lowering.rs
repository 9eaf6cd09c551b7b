//! What all kinds do when they turn a section into resources.

use super::facts::function_facts;
use super::{Context, FunctionFacts};
use crate::diagnostic::Diagnostic;
use crate::model::field::find;
use crate::model::{Address, Field, Path, Section, Table};

/// The given settings of a section, without what only steers lambdo.
pub(crate) fn settings(section: &Section, fields: &[Field]) -> Table {
    let is_setting = |key: &str| find(fields, key).is_some_and(|field| !field.internal);
    section.values.iter().filter(|(key, _)| is_setting(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The facts of the function that a section belongs to.
pub(crate) fn facts_of(section: &Section, context: &Context<'_>) -> FunctionFacts {
    let known = context.functions.get(&section.name).cloned();
    known.unwrap_or_else(|| function_facts(section, None, None, context.project, context.stage, context.target))
}

/// A finding about the value at `path` of a section.
pub(crate) fn finding(section: &Section, path: &Path, diagnostic: Diagnostic) -> Diagnostic {
    let Section { kind, name, part, .. } = section;
    let address = part.as_ref().map_or_else(|| Address::new(kind, name), |part| Address::with_part(kind, name, part));
    diagnostic.address(address).span(section.span_of(path))
}

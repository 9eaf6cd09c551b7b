//! A part of the spec that one kind reads: parsed against its field table, positions kept.

use super::{Path, Table, Value};
use crate::diagnostic::Span;
use std::collections::BTreeMap;

/// One section, such as `[function.hash]` or `[function.hash.event_rule.monthly]`, after merging.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The kind that reads it.
    pub kind: String,
    /// The name in the spec; for a section under a function the function's name.
    pub name: String,
    /// The trigger's name, where a function may have several.
    pub part: Option<String>,
    /// The given values, checked against the field table; no defaults but those of the file.
    pub values: Table,
    /// Where each value stands.
    pub spans: BTreeMap<Path, Span>,
    /// Where the section begins; `None` when nobody wrote it.
    pub span: Option<Span>,
}

impl Section {
    /// The place of the value at `path`, or of what encloses it.
    pub fn span_of(&self, path: &Path) -> Option<Span> {
        let mut keys = path.0.clone();
        loop {
            if let Some(span) = self.spans.get(&Path(keys.clone())) {
                return Some(span.clone());
            }
            if keys.pop().is_none() {
                return self.span.clone();
            }
        }
    }

    /// The text at `key`.
    pub fn string(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    /// The truth value at `key`, or what stands without it.
    pub fn boolean(&self, key: &str, otherwise: bool) -> bool {
        self.values.get(key).and_then(Value::as_boolean).unwrap_or(otherwise)
    }
}

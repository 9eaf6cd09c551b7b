//! Event patterns: which events a rule wants.
//!
//! The grammar is documented (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>);
//! where the documentation is silent the behaviour is that of Event Ruler, the matcher that AWS published
//! (<https://github.com/aws/event-ruler>), and the refusals have its words.

mod address;
mod matcher;
mod parse;

use matcher::Matcher;
use serde_json::Value;

/// A pattern that can be asked about events.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Fields);

/// The text is no event pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {reason}")]
pub struct InvalidPattern {
    /// What is wrong with it.
    pub reason: String,
}

/// All of them must hold.
type Fields = Vec<Clause>;

#[derive(Clone, Debug, PartialEq)]
enum Clause {
    /// One of the matchers must take the field's value, or one of its elements.
    Leaf(String, Vec<Matcher>),
    /// The field holds an object, or an array with an object, that matches.
    Object(String, Fields),
    /// One of these must hold.
    Or(Vec<Fields>),
}

impl Pattern {
    /// Reads a pattern's JSON text.
    ///
    /// # Errors
    /// Whatever AWS refuses with `InvalidEventPatternException`.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        parse::pattern(text).map(Self)
    }

    /// Whether the pattern wants this event.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        all_hold(&self.0, Some(event), &[event])
    }
}

/// `one` is the object that must hold all clauses: in an array of objects the same element must hold
/// them together. `all` are that element and its siblings, for a field is absent only if it is absent in
/// each of them.
fn all_hold(fields: &[Clause], one: Option<&Value>, all: &[&Value]) -> bool {
    fields.iter().all(|clause| match clause {
        Clause::Or(branches) => branches.iter().any(|branch| all_hold(branch, one, all)),
        Clause::Leaf(name, matchers) => {
            let values = leaves(one.and_then(|one| one.get(name)));
            let is_absent = all.iter().all(|sibling| leaves(sibling.get(name)).is_empty());
            matchers.iter().any(|matcher| match matcher {
                Matcher::Absent => is_absent,
                matcher => values.iter().any(|value| matcher.takes(value)),
            })
        }
        Clause::Object(name, fields) => {
            let all: Vec<&Value> = all.iter().flat_map(|sibling| objects(sibling.get(name))).collect();
            match objects(one.and_then(|one| one.get(name))) {
                candidates if candidates.is_empty() => all_hold(fields, None, &all),
                candidates => candidates.into_iter().any(|one| all_hold(fields, Some(one), &all)),
            }
        }
    })
}

/// The values that a field has, arrays opened. Objects are no values: a pattern goes into them by name.
fn leaves(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(elements)) => elements.iter().flat_map(|element| leaves(Some(element))).collect(),
        Some(scalar) => vec![scalar],
    }
}

/// The objects that a field has, arrays opened.
fn objects(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(object @ Value::Object(_)) => vec![object],
        Some(Value::Array(elements)) => elements.iter().flat_map(|element| objects(Some(element))).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

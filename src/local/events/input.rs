//! What a target is given: the event, a part of it, a fixed text, or a template filled in from it.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>.

use super::path::Path;
use super::targets::{InputTransformer, Target};
use serde_json::Value;
use std::collections::BTreeMap;

/// The whole event in place of a value of a JSON template.
pub(super) const EVENT_JSON: &str = "aws.events.event.json";

/// Variables that begin with this are EventBridge's own.
pub(super) const OWN_PREFIX: &str = "aws.events.";

const OWN: &[&str] = &["aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event", EVENT_JSON];

/// What EventBridge knows besides the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub rule_arn: &'a str,
    pub rule_name: &'a str,
    /// When the event came in, as ISO 8601.
    pub ingestion_time: &'a str,
}

/// The payload for a target.
pub(super) fn payload(target: &Target, event: &Value, origin: Origin<'_>) -> String {
    if let Some(input) = &target.input {
        return input.clone();
    }
    if let Some(path) = &target.input_path {
        let found = Path::parse(path).and_then(|path| path.find(event));
        return found.unwrap_or(Value::Null).to_string();
    }
    match &target.input_transformer {
        Some(transformer) => transformed(transformer, event, origin),
        None => event.to_string(),
    }
}

fn transformed(transformer: &InputTransformer, event: &Value, origin: Origin<'_>) -> String {
    let found = |path: &String| Path::parse(path).and_then(|path| path.find(event));
    let paths = transformer.input_paths_map.iter();
    let mut variables: BTreeMap<&str, Option<Value>> = paths.map(|(name, path)| (name.as_str(), found(path))).collect();
    let mut without_detail = event.clone();
    if let Some(members) = without_detail.as_object_mut() {
        members.shift_remove("detail");
    }
    let own: [Value; 5] = [origin.rule_arn.into(), origin.rule_name.into(), origin.ingestion_time.into(), without_detail, event.clone()];
    variables.extend(OWN.iter().copied().zip(own.into_iter().map(Some)));
    let filled = fill(&transformer.input_template, &|name| variables.get(name).cloned());
    // JSON reaches the target without blanks between its parts.
    serde_json::from_str::<Value>(&filled).map_or(filled, |value| value.to_string())
}

/// The names between `<` and `>` in a template.
pub(super) fn placeholders(template: &str) -> Vec<&str> {
    template.match_indices('<').filter_map(|(at, _)| placeholder(&template[at..])).collect()
}

/// The names that are not declared.
pub(super) fn unknown_placeholder(transformer: &InputTransformer) -> Option<&str> {
    placeholders(&transformer.input_template)
        .into_iter()
        .find(|name| !transformer.input_paths_map.contains_key(*name) && !OWN.contains(name))
}

/// Whether a template is JSON once it is filled in: a document, or texts in quotation marks.
pub(super) fn is_template(template: &str) -> bool {
    let filled = fill(template, &|_| Some(Some("x".into())));
    let mut values = serde_json::Deserializer::from_str(&filled).into_iter::<Value>().peekable();
    values.peek().is_some() && values.all(|value| value.is_ok())
}

/// The name of the placeholder that a text begins with.
fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.split_once('>')?.0;
    let is_name = !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || "_.-".contains(character));
    is_name.then_some(name)
}

/// Puts values in: as JSON where a value stands, and inside quotation marks as text, escaped so that the
/// document stays whole. What the event lacks is an empty text.
fn fill(template: &str, value_of: &dyn Fn(&str) -> Option<Option<Value>>) -> String {
    let (mut output, mut rest, mut is_text) = (String::new(), template, false);
    while let Some(character) = rest.chars().next() {
        let found = placeholder(rest).and_then(|name| Some((name, value_of(name)?)));
        if let Some((name, value)) = found {
            output += &written(value, is_text);
            rest = &rest[name.len() + 2..];
            continue;
        }
        let mut bytes = character.len_utf8();
        if is_text && character == '\\' {
            bytes += rest[bytes..].chars().next().map_or(0, char::len_utf8);
        } else if character == '"' {
            is_text = !is_text;
        }
        output += &rest[..bytes];
        rest = &rest[bytes..];
    }
    output
}

fn written(value: Option<Value>, is_text: bool) -> String {
    let value = value.unwrap_or_else(|| "".into());
    if !is_text {
        return value.to_string();
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;

//! What a value should have been, in words.

use super::references::{Piece, pieces};
use super::tree::{Data, Node};
use crate::diagnostic::Diagnostic;
use crate::model::{Path, Shape};

/// How the hint begins that lists keys.
pub(crate) const POSSIBLE: &str = "possible here";

/// How many names a list in a message has at most.
const LONGEST_LIST: usize = 12;

/// What a shape takes, with its article.
pub(crate) fn wanted(shape: &Shape) -> String {
    match shape {
        Shape::String { .. } => "a string".into(),
        Shape::Choice([]) => "a string".into(),
        Shape::Choice(choices) => one_of(choices),
        Shape::Integer { .. } | Shape::IntegerChoice(_) => "an integer".into(),
        Shape::Boolean => "`true` or `false`".into(),
        Shape::List { item, .. } => format!("a list of {}", plural(item)),
        Shape::Map { .. } | Shape::Table(_) => "a table".into(),
        Shape::Document => "a table, a JSON string or `{ file = \"…\" }`".into(),
        Shape::AnyOf(shapes) => {
            let mut names: Vec<String> = shapes.iter().map(wanted).collect();
            names.dedup();
            names.join(", or ")
        }
    }
}

/// Several of what a shape takes.
pub(crate) fn plural(item: &Shape) -> &'static str {
    match item {
        Shape::String { .. } | Shape::Choice(_) => "strings",
        Shape::Integer { .. } | Shape::IntegerChoice(_) => "integers",
        Shape::Map { .. } | Shape::Table(_) => "tables",
        _ => "values",
    }
}

/// Names as alternatives.
pub(crate) fn one_of<T: AsRef<str>>(choices: &[T]) -> String {
    let quoted: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.as_ref())).collect();
    match &quoted[..] {
        [lone] => lone.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
        [] => "a string".into(),
    }
}

/// The keys that are possible where an unknown one stands.
pub(crate) fn possible(candidates: &[&str]) -> Option<String> {
    let shown: Vec<String> = candidates.iter().take(LONGEST_LIST).map(|key| format!("`{key}`")).collect();
    let more = if candidates.len() > LONGEST_LIST { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("{POSSIBLE}: {}{more}", shown.join(", ")))
}

/// Something else than a table stands where a table is expected.
pub(crate) fn not_a_table(what: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("wrong-type", "A value has the wrong type")
        .detail(format!("{what} must be a table; it is {}.", node.type_name()))
        .span(node.span.clone())
}

/// How a value of the wrong type is written instead.
pub(crate) fn type_hint(node: &Node, wanted: &str, path: &Path) -> Option<String> {
    let takes = |one: &str| wanted.split(", or ").any(|name| name == one);
    match &node.data {
        Data::String(text) if takes("an integer") => number_hint(text, path),
        Data::String(text) if takes("`true` or `false`") => truth_of(text).map(|value| format!("write it without quotes: `{value}`")),
        Data::Integer(number @ (0 | 1)) if takes("`true` or `false`") => Some(format!("write `{}`", *number == 1)),
        Data::Integer(number) if takes("a string") => Some(format!("write it in quotes: `\"{number}\"`")),
        Data::Boolean(value) if takes("a string") => Some(format!("write it in quotes: `\"{value}\"`")),
        Data::Float(number) if takes("a string") => Some(format!("write it in quotes: `\"{number}\"`")),
        Data::Float(number) if takes("an integer") => Some(format!("write a whole number: `{}`", number.round())),
        Data::List(items) if takes("a table") && items.iter().any(|item| item.table().is_some()) => {
            Some("two brackets, as in `[[…]]`, begin a list of tables; one bracket begins a table".into())
        }
        Data::List(items) if items.len() == 1 && !wanted.contains("list") && !takes("a table") => {
            Some("write the item without brackets".into())
        }
        Data::List(_) | Data::Table(_) if takes("a string") && takes("a table") => {
            Some("it is one text: write `\"x,y\"` for a list, or JSON in single quotes".into())
        }
        _ if takes("a table") && path.0.last().is_some_and(|key| key.parse::<usize>().is_ok()) => Some(entry_hint(path)),
        _ if takes("a table") => path.0.last().map(|key| format!("write it as `{key} = {{ KEY = … }}`, or with a header of its own")),
        _ => None,
    }
}

/// How an entry of a list of tables is written.
fn entry_hint(path: &Path) -> String {
    if path.0.iter().any(|key| key == "allow") {
        return "an entry is a statement: `allow = [{ action = \"s3:GetObject\", resource = \"arn:aws:s3:::BUCKET/*\" }]`".into();
    }
    "an entry is a table: `[{ KEY = … }]`".into()
}

/// A lone value where a table is wanted that would have it as its one setting.
pub(crate) fn one_setting(node: &Node, shape: &Shape, path: &Path) -> Option<String> {
    let (key, text) = (path.0.last()?, node.text()?);
    match shape {
        _ if key == "code" => Some(format!("write `code = {{ file = \"{text}\" }}`; `build = \"FOLDER\"` builds it from source")),
        _ if key == "image" => Some(image_of(text)),
        Shape::Table([field]) => Some(format!("write `{key} = {{ {} = \"{text}\" }}`", field.key)),
        _ => None,
    }
}

/// An image that is given as a text: where it lies, or what it is made from.
fn image_of(text: &str) -> String {
    if text.contains(':') || text.split('/').next().is_some_and(|host| host.contains('.') && host != ".") {
        return format!("write `image = {{ uri = \"{text}\" }}`; `{{ dockerfile = \"FOLDER/Dockerfile\" }}` builds one");
    }
    let file = if text.ends_with("ockerfile") { text.to_owned() } else { format!("{}/Dockerfile", text.trim_end_matches('/')) };
    format!("write `image = {{ dockerfile = \"{file}\" }}`; `{{ build = \"FOLDER\" }}` makes an image from source, without Docker")
}

fn truth_of(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "enabled" => Some(true),
        "false" | "no" | "off" | "0" | "disabled" => Some(false),
        _ => None,
    }
}

/// `"30"`, `"30s"`, `"5 min"`, `"512 MB"`: a number, perhaps with a unit that the setting implies.
pub(crate) fn number_hint(text: &str, path: &Path) -> Option<String> {
    let text = text.trim();
    if text.parse::<i64>().is_ok() {
        return Some(format!("write it without quotes: `{text}`"));
    }
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '_').len();
    let number: i64 = text[..digits].replace('_', "").parse().ok()?;
    let (unit, name) = unit_of(path)?;
    let factor = factor(text[digits..].trim(), unit)?;
    let number = number.checked_mul(factor)?;
    Some(format!("it counts {name} and has no unit: write `{number}`"))
}

/// What the number of a setting counts: a dimension, and its name.
fn unit_of(path: &Path) -> Option<(Unit, &'static str)> {
    match path.0.last()?.as_str() {
        "timeout" | "max_session_duration" => Some((Unit::Seconds, "seconds")),
        "memory_size" | "size" | "ephemeral_storage" => Some((Unit::Megabytes, "megabytes")),
        "retention_in_days" => Some((Unit::Days, "days")),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Megabytes,
    Days,
}

/// How many of the setting's units one of the given unit is.
fn factor(given: &str, unit: Unit) -> Option<i64> {
    let given = given.to_lowercase();
    match (unit, given.as_str()) {
        (Unit::Seconds, "s" | "sec" | "secs" | "second" | "seconds") | (Unit::Megabytes, "m" | "mb" | "mib") => Some(1),
        (Unit::Days, "d" | "day" | "days") => Some(1),
        (Unit::Seconds, "m" | "min" | "mins" | "minute" | "minutes") => Some(60),
        (Unit::Seconds, "h" | "hour" | "hours") => Some(3600),
        (Unit::Megabytes, "g" | "gb" | "gib") => Some(1024),
        (Unit::Days, "w" | "week" | "weeks") => Some(7),
        _ => None,
    }
}

/// The end of a sentence; a question needs no period.
pub(crate) fn sentence(text: &str) -> String {
    if text.ends_with('?') { text.to_owned() } else { format!("{text}.") }
}

/// Whether text holds a reference of ours; IAM's own have a colon.
pub(crate) fn has_reference(text: &str) -> bool {
    pieces(text).is_none_or(|pieces| pieces.iter().any(|piece| matches!(piece, Piece::Name(_))))
}

/// Whether any text at all would do.
pub(crate) fn takes_any_text(shape: &Shape) -> bool {
    match shape {
        Shape::String { .. } => true,
        Shape::AnyOf(shapes) => shapes.iter().any(takes_any_text),
        _ => false,
    }
}

/// Whether a table can be meant.
pub(crate) fn takes_a_table(shape: &Shape) -> bool {
    matches!(shape, Shape::AnyOf(shapes) if shapes.iter().any(|shape| matches!(shape, Shape::Table(_))))
}

/// Whether text can be meant.
pub(crate) fn takes_text(shape: &Shape) -> bool {
    match shape {
        Shape::String { .. } | Shape::Choice(_) | Shape::Document => true,
        Shape::List { item, .. } => takes_text(item),
        Shape::AnyOf(shapes) => shapes.iter().any(takes_text),
        _ => false,
    }
}

/// Whether a value has the form that a shape asks for.
pub(crate) fn fits(node: &Node, shape: &Shape) -> bool {
    match (shape, &node.data) {
        (_, Data::Open(_)) => true,
        (Shape::String { .. } | Shape::Choice(_), data) => matches!(data, Data::String(_)),
        (Shape::Integer { .. } | Shape::IntegerChoice(_), data) => matches!(data, Data::Integer(_)),
        (Shape::Boolean, data) => matches!(data, Data::Boolean(_)),
        (Shape::List { .. }, Data::List(_)) => true,
        (Shape::List { item, .. }, _) => fits(node, item),
        (Shape::Map { .. } | Shape::Table(_), data) => matches!(data, Data::Table(_)),
        (Shape::Document, data) => matches!(data, Data::Table(_) | Data::List(_) | Data::String(_)),
        (Shape::AnyOf(shapes), _) => shapes.iter().any(|shape| fits(node, shape)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_reckoned() {
        let cases = [
            ("timeout", "30", "write it without quotes: `30`"),
            ("timeout", "30s", "it counts seconds and has no unit: write `30`"),
            ("timeout", "5 min", "it counts seconds and has no unit: write `300`"),
            ("memory_size", "1GB", "it counts megabytes and has no unit: write `1024`"),
            ("retention_in_days", "2 weeks", "it counts days and has no unit: write `14`"),
        ];
        for (key, text, expected) in cases {
            assert_eq!(number_hint(text, &Path::key(key)).as_deref(), Some(expected), "{text}");
        }
        for (key, text) in [("timeout", "soon"), ("timeout", "9999999999999999999s"), ("timeout", "3 GB"), ("weight", "3 s")] {
            assert_eq!(number_hint(text, &Path::key(key)), None, "{text}");
        }
    }
}

//! From a pattern's text to its clauses, refusing what AWS refuses.

use super::address::Network;
use super::matcher::{MOST_OF_A_NUMBER, Matcher, Piece, Range, Text};
use super::{Clause, Fields, InvalidPattern};
use serde_json::{Map, Value};

const OR: &str = "$or";

/// An array under `$or` whose objects use one of these as a name is no choice, but a field's values.
/// Source: <https://github.com/aws/event-ruler>, `RESERVED_FIELD_NAMES_IN_OR_RELATIONSHIP`.
const RESERVED_IN_OR: &[&str] = &[
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

type Parsed<T> = Result<T, InvalidPattern>;

pub(super) fn pattern(text: &str) -> Parsed<Fields> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => fields(&object),
        Ok(_) => refused("Filter is not an object"),
        Err(error) => refused(format!("Invalid JSON: {error}")),
    }
}

fn refused<T>(reason: impl Into<String>) -> Parsed<T> {
    Err(InvalidPattern { reason: reason.into() })
}

fn fields(object: &Map<String, Value>) -> Parsed<Fields> {
    if object.is_empty() {
        return refused("Empty objects are not allowed");
    }
    object.iter().map(|(name, value)| clause(name, value)).collect()
}

fn clause(name: &str, value: &Value) -> Parsed<Clause> {
    match value {
        Value::Object(object) => fields(object).map(|fields| Clause::Object(name.to_owned(), fields)),
        Value::Array(elements) => match branches(name, elements) {
            Some(branches) => branches.into_iter().map(fields).collect::<Parsed<_>>().map(Clause::Or),
            None => matchers(elements).map(|matchers| Clause::Leaf(name.to_owned(), matchers)),
        },
        _ => refused(format!("\"{name}\" must be an object or an array")),
    }
}

/// The objects of a choice: two or more under `$or`, none of which looks like a comparison.
fn branches<'a>(name: &str, elements: &'a [Value]) -> Option<Vec<&'a Map<String, Value>>> {
    let is_reserved = |object: &Map<String, Value>| object.keys().any(|key| RESERVED_IN_OR.contains(&key.as_str()));
    let objects: Option<Vec<_>> = elements.iter().map(Value::as_object).collect();
    objects.filter(|objects| name == OR && objects.len() >= 2 && !objects.iter().any(|object| is_reserved(object)))
}

fn matchers(elements: &[Value]) -> Parsed<Vec<Matcher>> {
    if elements.is_empty() {
        return refused("Empty arrays are not allowed");
    }
    elements.iter().map(matcher).collect()
}

fn matcher(element: &Value) -> Parsed<Matcher> {
    match element {
        Value::Array(_) => refused("Match value must be String, number, true, false, or null"),
        Value::Number(number) => Ok(Matcher::Number(number.clone())),
        Value::Object(object) => {
            let (operator, operand) = only_key(object, "Match expression name not found")?;
            comparison(operator, operand)
        }
        scalar => Ok(Matcher::Exact(scalar.clone())),
    }
}

fn only_key<'a>(object: &'a Map<String, Value>, when_none: &str) -> Parsed<(&'a str, &'a Value)> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((operator, operand)), None) => Ok((operator, operand)),
        (None, _) => refused(when_none),
        _ => refused("Only one key allowed in match expression"),
    }
}

fn comparison(operator: &str, operand: &Value) -> Parsed<Matcher> {
    match operator {
        "exactly" => text(operand, "exact match pattern must be a string").map(|text| Matcher::Exact(text.into())),
        "prefix" => affix(operand, "prefix").map(Matcher::Prefix),
        "suffix" => affix(operand, "suffix").map(Matcher::Suffix),
        "equals-ignore-case" => {
            text(operand, "equals-ignore-case match pattern must be a string").map(|text| Matcher::EqualsIgnoreCase(Text::new(text, true)))
        }
        "wildcard" => wildcard(text(operand, "wildcard match pattern must be a string")?),
        "numeric" => numeric(operand).map(Matcher::Numeric),
        "cidr" => match Network::parse(text(operand, "prefix match pattern must be a string")?) {
            Ok(network) => Ok(Matcher::Cidr(network)),
            Err(reason) => refused(reason),
        },
        "exists" => match operand {
            Value::Bool(true) => Ok(Matcher::Present),
            Value::Bool(false) => Ok(Matcher::Absent),
            _ => refused("exists match pattern must be either true or false."),
        },
        "anything-but" => anything_but(operand).map(Matcher::AnythingBut),
        _ => refused(format!("Unrecognized match type {operator}")),
    }
}

fn text<'a>(operand: &'a Value, otherwise: &str) -> Parsed<&'a str> {
    operand.as_str().map_or_else(|| refused(otherwise), Ok)
}

/// A prefix or a suffix: a text, or `{"equals-ignore-case": text}`.
fn affix(operand: &Value, operator: &str) -> Parsed<Text> {
    let Some(object) = operand.as_object() else {
        return text(operand, &format!("{operator} match pattern must be a string")).map(|text| Text::new(text, false));
    };
    let capital = if operator == "prefix" { "Prefix" } else { "Suffix" };
    match only_key(object, &format!("{capital} expression name not found"))? {
        ("equals-ignore-case", operand) => {
            text(operand, "equals-ignore-case match pattern must be a string").map(|text| Text::new(text, true))
        }
        (other, _) => refused(format!("Unsupported {operator} pattern: {other}")),
    }
}

/// Positions in refusals count the quotation mark before the text, as AWS's do.
fn wildcard(text: &str) -> Parsed<Matcher> {
    let mut pieces = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        pieces.push(match (character, next) {
            ('*', Some('*')) => return refused(format!("Consecutive wildcard characters at pos {}", at + 1)),
            ('*', _) => Piece::Any,
            ('\\', Some(escaped @ ('*' | '\\'))) => {
                characters.next();
                Piece::Literal(escaped)
            }
            ('\\', _) => return refused(format!("Invalid escape character at pos {}", at + 1)),
            _ => Piece::Literal(character),
        });
    }
    Ok(Matcher::Wildcard(pieces))
}

/// `["=", n]`, `["<", n]`, `[">=", n]`, or a lower and then an upper bound: `[">", n, "<=", m]`.
fn numeric(operand: &Value) -> Parsed<Range> {
    let Some(terms) = operand.as_array() else { return refused("Value of numeric must be an array.") };
    let Some(operator) = terms.first().and_then(Value::as_str) else {
        return refused(format!("Invalid member in numeric match: {}", terms.first().unwrap_or(&Value::Null)));
    };
    if !["=", "<", "<=", ">", ">="].contains(&operator) {
        return refused(format!("Unrecognized numeric range operator: {operator}"));
    }
    let name = if operator == "=" { "equals" } else { operator };
    let value = bound(terms.get(1), name)?;
    let range = match operator {
        "=" => Range { bottom: Some((value, true)), top: Some((value, true)) },
        "<" | "<=" => Range { bottom: None, top: Some((value, operator == "<=")) },
        _ => return upper_bound(&terms[2..], (value, operator == ">=")),
    };
    if terms.len() > 2 { refused("Too many elements in numeric expression") } else { Ok(range) }
}

fn upper_bound(terms: &[Value], bottom: (f64, bool)) -> Parsed<Range> {
    let Some(operator) = terms.first() else { return Ok(Range { bottom: Some(bottom), top: None }) };
    let Some(operator) = operator.as_str() else { return refused(format!("Bad value in numeric range: {operator}")) };
    if !["<", "<="].contains(&operator) {
        return refused(format!("Bad numeric range operator: {operator}"));
    }
    let top = bound(terms.get(1), operator)?;
    if terms.len() > 2 {
        refused("Too many terms in numeric range expression")
    } else if bottom.0 >= top {
        refused("Bottom must be less than top")
    } else {
        Ok(Range { bottom: Some(bottom), top: Some((top, operator == "<=")) })
    }
}

fn bound(value: Option<&Value>, operator: &str) -> Parsed<f64> {
    match value.and_then(Value::as_f64) {
        None => refused(format!("Value of {operator} must be numeric")),
        Some(number) if number.abs() > MOST_OF_A_NUMBER => refused("Value must be between -5.0E9 and 5.0E9, inclusive"),
        Some(number) => Ok(number),
    }
}

/// A text, a number, a list of either, or an object with one of four operators over a text or a list of texts.
fn anything_but(operand: &Value) -> Parsed<Vec<Matcher>> {
    match operand {
        Value::String(_) | Value::Number(_) => Ok(vec![matcher(operand)?]),
        Value::Array(elements) => anything_but_list(elements),
        Value::Object(object) => {
            let (operator, operand) = only_key(object, "Anything-But expression name not found")?;
            let operands = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
            operands.iter().map(|operand| anything_but_text(operator, operand)).collect()
        }
        _ => refused("Value of anything-but must be an array or single string/number value."),
    }
}

fn anything_but_list(elements: &[Value]) -> Parsed<Vec<Matcher>> {
    if !elements.iter().all(|element| element.is_string() || element.is_number()) {
        return refused("Inside anything but list, start|null|boolean is not supported.");
    }
    let texts = elements.iter().filter(|element| element.is_string()).count();
    if elements.is_empty() || texts != 0 && texts != elements.len() {
        return refused("Inside anything but list, either all values are number or string, mixed type is not supported");
    }
    elements.iter().map(matcher).collect()
}

fn anything_but_text(operator: &str, operand: &Value) -> Parsed<Matcher> {
    let otherwise = match operator {
        "prefix" | "suffix" => "prefix/suffix match pattern must be a string",
        "wildcard" => "wildcard match pattern must be a string",
        "equals-ignore-case" => "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        _ => return refused(format!("Unsupported anything-but pattern: {operator}")),
    };
    if text(operand, otherwise)?.is_empty() && ["prefix", "suffix"].contains(&operator) {
        return refused("Null prefix/suffix not allowed");
    }
    comparison(operator, operand)
}

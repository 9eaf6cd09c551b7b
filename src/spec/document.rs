//! Free documents: a table, a JSON string, or `{ file = "p.json" }`.

use super::references::Scope;
use super::tree::{Data, Node};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{TemplatePart, Value};
use std::path::Path;
use std::{fs, io};

/// No document that AWS takes is as large, nor are all variables of a function together: a larger file is the wrong one.
const LARGEST_FILE_BYTES: u64 = 1 << 20;

/// Why a document could not be read.
pub(crate) enum Problem {
    /// The value is of a type that no document has.
    Type,
    /// These; `{label}` in a detail stands for the name of the setting.
    Found(Vec<Diagnostic>),
}

/// Brackets that keep the place of an open reference while JSON is parsed: characters of the
/// private use area, which no policy or pattern of AWS contains.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Reads a document into the value that its JSON has.
pub(crate) fn read(node: &Node, scope: Option<&Scope<'_>>) -> Result<Value, Problem> {
    match &node.data {
        Data::String(text) => parse(text, node.span.as_ref()),
        Data::Open(parts) => parse_open(parts, node.span.as_ref()),
        Data::List(_) => Ok(node.value()),
        Data::Table(table) => match (table.len(), table.get("file").and_then(Node::text)) {
            (1, Some(file)) => read_file(file, table["file"].span.as_ref(), scope),
            _ => Ok(node.value()),
        },
        _ => Err(Problem::Type),
    }
}

fn parse(text: &str, span: Option<&Span>) -> Result<Value, Problem> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let finding = Diagnostic::error("invalid-json", "A document is not valid JSON")
            .detail(format!("{{label}} holds text that is not JSON: {error}."))
            .hint("write it as a table, as a JSON string, or as `{ file = \"p.json\" }`");
        Problem::Found(vec![finding.span(span.cloned())])
    })?;
    Ok(Value::from_json(&json))
}

fn parse_open(parts: &[TemplatePart], span: Option<&Span>) -> Result<Value, Problem> {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            TemplatePart::Text(literal) => text.push_str(literal),
            _ => text.push_str(&format!("{OPEN}{at}{CLOSE}")),
        }
    }
    Ok(reopen(parse(&text, span)?, parts))
}

fn reopen(value: Value, parts: &[TemplatePart]) -> Value {
    match value {
        Value::String(text) if text.contains(OPEN) => reopen_text(&text, parts),
        Value::List(items) => Value::List(items.into_iter().map(|item| reopen(item, parts)).collect()),
        Value::Table(table) => Value::Table(table.into_iter().map(|(key, value)| (key, reopen(value, parts))).collect()),
        other => other,
    }
}

fn reopen_text(text: &str, parts: &[TemplatePart]) -> Value {
    let mut found = Vec::new();
    for piece in text.split_inclusive([OPEN, CLOSE]) {
        let part = piece.strip_suffix(CLOSE).and_then(|index| parts.get(index.parse::<usize>().ok()?));
        match part {
            Some(part) => found.push(part.clone()),
            None => found.push(TemplatePart::Text(piece.trim_end_matches(OPEN).to_owned())),
        }
    }
    found.retain(|part| !matches!(part, TemplatePart::Text(text) if text.is_empty()));
    Value::Unresolved(found)
}

fn read_file(file: &str, span: Option<&Span>, scope: Option<&Scope<'_>>) -> Result<Value, Problem> {
    let Some(scope) = scope else { return Err(Problem::Type) };
    let path = scope.source.folder.join(file);
    let text = file_text(&path).map_err(|error| {
        let finding = Diagnostic::error("unreadable-file", "A file cannot be read")
            .detail(format!("{{label}} is to be read from `{file}`: {error}."))
            .hint("the path begins at the folder of the spec");
        Problem::Found(vec![finding.span(span.cloned())])
    })?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        let finding = Diagnostic::error("invalid-json", "A document is not valid JSON")
            .detail(format!("{{label}} is read from `{file}`, which is not JSON: {error}."));
        Problem::Found(vec![finding.span(span.cloned())])
    })?;
    let mut findings = Vec::new();
    let resolved = scope.resolve(&Node::from_value(&Value::from_json(&json), span), &mut findings);
    if findings.is_empty() { Ok(resolved.value()) } else { Err(Problem::Found(findings)) }
}

/// What stands in a file that a spec names: never a pipe that nobody writes to, or something without an end.
///
/// # Errors
/// What the system says, or that it is no file, or too large for what a spec names.
pub fn file_text(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LARGEST_FILE_BYTES {
        return Err(io::Error::other("it is no file of at most 1 MiB"));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountFact;

    #[test]
    fn references_inside_of_a_json_string_keep_their_place() {
        let parts = vec![
            TemplatePart::Text(r#"{"Resource":["arn:aws:s3:::x-"#.into()),
            TemplatePart::Account(AccountFact::AccountId),
            TemplatePart::Text(r#"/*", ""#.into()),
            TemplatePart::Account(AccountFact::Region),
            TemplatePart::Text(r#""]}"#.into()),
        ];
        let node = Node { data: Data::Open(parts), key: None, span: None };
        let Ok(Value::Table(table)) = read(&node, None) else { panic!("not read") };
        let bucket = Value::Unresolved(vec![
            TemplatePart::Text("arn:aws:s3:::x-".into()),
            TemplatePart::Account(AccountFact::AccountId),
            TemplatePart::Text("/*".into()),
        ]);
        let region = Value::Unresolved(vec![TemplatePart::Account(AccountFact::Region)]);
        assert_eq!(table[&"Resource".to_owned()], Value::List(vec![bucket, region]));
    }
}

//! Text to a tree of values that remember where they stand.

use super::syntax;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{TemplatePart, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Named nodes.
pub(crate) type Nodes = BTreeMap<String, Node>;

/// The file that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the user named it.
    pub file: Arc<PathBuf>,
    /// What stands in it.
    pub text: Arc<str>,
    /// Where it lies: paths inside the file begin here.
    pub folder: PathBuf,
}

impl Source {
    pub fn new(path: &Path, text: &str) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { file: Arc::new(path.to_path_buf()), text: text.into(), folder: folder.to_path_buf() }
    }

    pub fn span(&self, range: Range<usize>) -> Span {
        Span { file: Arc::clone(&self.file), start: range.start, end: range.end }
    }

    /// The line that a span begins in, counted from 1.
    pub fn line(&self, span: &Span) -> usize {
        line_column(&self.text, span.start).0
    }

    /// What the span covers.
    pub fn slice(&self, span: &Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The part of `span` that reads `part`, or the whole where escapes hide it.
    pub fn narrow(&self, span: &Span, part: &str) -> Span {
        self.slice(span).find(part).map_or_else(|| span.clone(), |at| self.span(span.start + at..span.start + at + part.len()))
    }
}

/// The line and column of a byte offset, both counted from 1, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.bytes().filter(|byte| *byte == b'\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub data: Data,
    /// Where its key stands, for a value in a table.
    pub key: Option<Span>,
    /// Where the value stands; for a table with a header, the header.
    pub span: Option<Span>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(String),
    /// Text with references that are filled in later. Without any part: a reference that was
    /// reported as wrong, which fits everywhere so that it is not reported twice.
    Open(Vec<TemplatePart>),
    List(Vec<Node>),
    Table(Nodes),
}

impl Node {
    /// An empty table that nobody wrote.
    pub fn empty() -> Self {
        Self { data: Data::Table(Nodes::new()), key: None, span: None }
    }

    /// The same place with other contents.
    pub fn with(&self, data: Data) -> Self {
        Self { data, key: self.key.clone(), span: self.span.clone() }
    }

    pub fn table(&self) -> Option<&Nodes> {
        if let Data::Table(table) = &self.data { Some(table) } else { None }
    }

    pub fn table_mut(&mut self) -> Option<&mut Nodes> {
        if let Data::Table(table) = &mut self.data { Some(table) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.table()?.get(key)
    }

    /// Where to point when the key is what is wrong.
    pub fn key_span(&self) -> Option<Span> {
        self.key.clone().or_else(|| self.span.clone())
    }

    /// What a person calls this sort of value, with its article.
    pub fn type_name(&self) -> &'static str {
        match &self.data {
            Data::Null => "null",
            Data::Boolean(_) => "a boolean",
            Data::Integer(_) => "an integer",
            Data::Float(_) => "a float",
            Data::String(_) | Data::Open(_) => "a string",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    /// The value without its places.
    pub fn value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Boolean(value) => Value::Boolean(*value),
            Data::Integer(number) => Value::Integer(*number),
            Data::Float(number) => Value::Float(*number),
            Data::String(text) => Value::String(text.clone()),
            Data::Open(parts) => Value::Unresolved(parts.clone()),
            Data::List(items) => Value::List(items.iter().map(Self::value).collect()),
            Data::Table(table) => Value::Table(table.iter().map(|(key, node)| (key.clone(), node.value())).collect()),
        }
    }

    /// A value as a node; all of it stands where `span` says.
    pub fn from_value(value: &Value, span: Option<&Span>) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Boolean(value) => Data::Boolean(*value),
            Value::Integer(number) => Data::Integer(*number),
            Value::Float(number) => Data::Float(*number),
            Value::String(text) => Data::String(text.clone()),
            Value::Unresolved(parts) => Data::Open(parts.clone()),
            // The spec has where a secret comes from, as a table.
            Value::Secret(secret) => Data::String(secret.source.to_string()),
            Value::List(items) => Data::List(items.iter().map(|item| Self::from_value(item, span)).collect()),
            Value::Table(table) => Data::Table(table.iter().map(|(key, value)| (key.clone(), Self::from_value(value, span))).collect()),
        };
        Self { data, key: None, span: span.cloned() }
    }
}

/// Reads the file; what could be read in spite of the errors is in the tree.
pub(crate) fn parse(source: &Source) -> (Node, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut findings = syntax::explain(source, &errors);
    let mut of_values = Vec::new();
    let data = convert_table(table.get_ref(), source, &mut of_values);
    let is_told = |value: &Diagnostic| {
        findings.iter().any(|told| told.span.as_ref().map(|span| span.start) == value.span.as_ref().map(|span| span.start))
    };
    of_values.retain(|value| !is_told(value));
    findings.append(&mut of_values);
    (Node { data, key: None, span: None }, findings)
}

fn convert_table(table: &DeTable<'_>, source: &Source, findings: &mut Vec<Diagnostic>) -> Data {
    let nodes = table.iter().map(|(key, value)| {
        let mut node = convert(value.get_ref(), source.span(value.span()), source, findings);
        node.key = Some(source.span(key.span()));
        (key.get_ref().to_string(), node)
    });
    Data::Table(nodes.collect())
}

fn convert(value: &DeValue<'_>, span: Span, source: &Source, findings: &mut Vec<Diagnostic>) -> Node {
    let data = match value {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Boolean(value) => Data::Boolean(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).map_or_else(
            |_| {
                findings.push(syntax::bad_number(source.slice(&span), &span));
                Data::Open(vec![])
            },
            Data::Integer,
        ),
        DeValue::Float(number) => number.as_str().parse().map_or_else(
            |_| {
                findings.push(syntax::bad_number(source.slice(&span), &span));
                Data::Open(vec![])
            },
            Data::Float,
        ),
        DeValue::Datetime(date) => {
            findings.push(syntax::date_without_quotes(&date.to_string(), &span));
            Data::Open(vec![])
        }
        DeValue::Array(items) => {
            Data::List(items.iter().map(|item| convert(item.get_ref(), source.span(item.span()), source, findings)).collect())
        }
        DeValue::Table(table) => convert_table(table, source, findings),
    };
    Node { data, key: None, span: Some(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let text = "a = 1\nä = \"ö\"\n";
        for (offset, expected) in [(0, (1, 1)), (4, (1, 5)), (6, (2, 1)), (8, (2, 2)), (9, (2, 3)), (999, (3, 1))] {
            assert_eq!(line_column(text, offset), expected, "{offset}");
        }
    }

    #[test]
    fn every_value_knows_where_it_and_its_key_stand() {
        let source = Source::new(Path::new("config.toml"), "[function.hash]\ntimeout = 60\nlayers = [\"a\", \"b\"]\n");
        let (root, findings) = parse(&source);
        assert_eq!(findings, []);
        let hash = root.get("function").unwrap().get("hash").unwrap();
        assert_eq!(source.slice(hash.span.as_ref().unwrap()), "[function.hash]");
        let timeout = hash.get("timeout").unwrap();
        assert_eq!(source.slice(timeout.key.as_ref().unwrap()), "timeout");
        assert_eq!(source.slice(timeout.span.as_ref().unwrap()), "60");
        let Data::List(layers) = &hash.get("layers").unwrap().data else { panic!("not a list") };
        assert_eq!(source.slice(layers[1].span.as_ref().unwrap()), "\"b\"");
    }

    #[test]
    fn what_toml_has_and_a_spec_has_not_is_explained() {
        let source = Source::new(Path::new("config.toml"), "a = 99999999999999999999\nb = 2024-01-01\n");
        let codes: Vec<_> = parse(&source).1.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["number-too-large", "date-without-quotes"]);
    }
}

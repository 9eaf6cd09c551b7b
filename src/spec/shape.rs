//! Checks nodes against the shapes of a field table and collects everything that is wrong.

use super::document;
use super::foreign;
use super::references::Scope;
use super::tree::{Data, Node, Nodes};
use super::wanted::{
    fits, has_reference, number_hint, one_of, one_setting, plural, possible, sentence, takes_a_table, takes_any_text, takes_text,
    type_hint, wanted,
};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::{Field, Path, Shape, Table, TemplatePart, Value, field};
use std::collections::BTreeMap;

/// The owner of the keys of the top level.
pub(crate) const WHOLE_FILE: &str = "";

/// The function that a section belongs to, for telling that one of its settings stands too deep.
pub(crate) struct Outer<'a> {
    /// Every key that a function takes.
    pub keys: &'a [&'static str],
    /// Its name.
    pub function: &'a str,
    /// Whether the section is the function's own.
    pub is_function: bool,
}

/// Checks one section.
pub(crate) struct Checker<'a> {
    /// The key that stands for a lone string and is not written.
    pub shorthand: Option<&'static str>,
    /// The function around it, if there is one.
    pub outer: Option<Outer<'a>>,
    /// What names mean; `None` when values are checked again after their references were filled in.
    pub scope: Option<&'a Scope<'a>>,
    /// What the section is called in messages: an address or a header.
    pub owner: String,
    /// Where each value stands.
    pub spans: BTreeMap<Path, Span>,
    /// What was found.
    pub findings: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    pub fn new(scope: Option<&'a Scope<'a>>, owner: impl Into<String>) -> Self {
        Self { shorthand: None, outer: None, scope, owner: owner.into(), spans: BTreeMap::new(), findings: Vec::new() }
    }

    /// Checks the keys of a table: unknown ones, missing ones, and the values of the others.
    pub fn table(&mut self, nodes: &Nodes, place: Option<Span>, fields: &[Field], path: &Path) -> Table {
        let is_offered = |field: &&Field| Some(field.key) != self.shorthand && !field.doc.starts_with("Refused");
        let candidates: Vec<&str> = fields.iter().filter(is_offered).map(|field| field.key).collect();
        let mut table = Table::new();
        for (key, node) in nodes {
            match field::find(fields, key) {
                Some(field) => {
                    let before = self.findings.len();
                    if let Some(value) = self.value(node, &field.shape, &path.join(key)) {
                        table.insert(key.clone(), value);
                    }
                    self.explain(before, field);
                }
                None => self.unknown_key(key, node, &candidates, path),
            }
        }
        for field in fields.iter().filter(|field| field.required && !nodes.contains_key(field.key)) {
            self.missing_key(field, place.clone(), path);
        }
        table
    }

    /// Says what a number is for where it is out of range, and which words there are besides numbers.
    fn explain(&mut self, since: usize, field: &Field) {
        let words = foreign::words_besides_numbers(&field.shape);
        for finding in &mut self.findings[since..] {
            match finding.code {
                "out-of-range" if finding.hints.is_empty() => finding.hints.push(format!("`{}`: {}", field.key, field.doc)),
                "invalid-choice" if !words.is_empty() && !finding.hints.is_empty() => {
                    finding.hints.push(format!("{} is possible, too", one_of(&words)))
                }
                _ => {}
            }
        }
    }

    /// Checks one value and brings it into the form that kinds read.
    pub fn value(&mut self, node: &Node, shape: &Shape, path: &Path) -> Option<Value> {
        if let Some(span) = &node.span {
            self.spans.insert(path.clone(), span.clone());
        }
        if let Data::Open(parts) = &node.data {
            return self.open(node, parts, shape, path);
        }
        match shape {
            Shape::String { min, max, check } => self.text(node, (*min, *max), *check, path),
            Shape::Choice(choices) => self.choice(node, choices, path),
            Shape::Integer { min, max } => self.integer(node, *min, *max, path),
            Shape::IntegerChoice(choices) => self.integer_choice(node, choices, path),
            Shape::Boolean => match node.data {
                Data::Boolean(value) => Some(Value::Boolean(value)),
                _ => self.wrong_type(node, shape, path),
            },
            Shape::List { item, max } => self.list(node, item, *max, path),
            Shape::Map { value, check } => self.map(node, shape, value, *check, path),
            Shape::Table(fields) => match node.table() {
                Some(nodes) => Some(Value::Table(self.table(nodes, node.key_span(), fields, path))),
                None => self.wrong_type(node, shape, path),
            },
            Shape::Document => self.document(node, path),
            Shape::AnyOf(shapes) => self.any_of(node, shape, shapes, path),
        }
    }

    /// Adds a finding about the value at `path`.
    pub fn report(&mut self, code: &'static str, summary: &str, detail: String, span: Option<Span>) -> &mut Diagnostic {
        let at = self.findings.len();
        self.findings.push(Diagnostic::error(code, summary).detail(detail).span(span));
        &mut self.findings[at]
    }

    /// The value's name in a sentence, such as `timeout` of `function.hash`. Which item of a list is
    /// meant shows where the finding points.
    pub fn label(&self, path: &Path) -> String {
        let is_item = path.0.len() > 1 && path.0.last().is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_digit()));
        let path = if is_item { Path(path.0[..path.0.len() - 1].to_vec()) } else { path.clone() };
        match (path.0.is_empty(), self.owner.as_str()) {
            (true, WHOLE_FILE) => "this file".into(),
            (true, owner) => format!("`{owner}`"),
            (false, WHOLE_FILE) => format!("`{path}`"),
            (false, owner) => format!("`{path}` of `{owner}`"),
        }
    }

    fn open(&mut self, node: &Node, parts: &[TemplatePart], shape: &Shape, path: &Path) -> Option<Value> {
        let value = Value::Unresolved(parts.to_vec());
        match shape {
            Shape::Document if parts.len() > 1 => self.document(node, path),
            Shape::List { item, .. } => Some(Value::List(vec![self.open(node, parts, item, path)?])),
            _ if parts.len() > 1 && !takes_text(shape) => self.wrong_type(node, shape, path),
            _ => Some(value),
        }
    }

    fn text(&mut self, node: &Node, (min, max): (usize, usize), check: Option<field::Check>, path: &Path) -> Option<Value> {
        let Some(text) = node.text() else { return self.wrong_type(node, &field::ANY_STRING, path) };
        let length = text.chars().count();
        let label = self.label(path);
        if length > max {
            let detail = format!("{label} has {length} characters; at most {max} are allowed.");
            self.report("too-long", "A text is too long", detail, node.span.clone());
        } else if length < min {
            let detail = if length == 0 {
                format!("{label} is empty.")
            } else {
                format!("{label} has {length} characters; at least {min} are needed.")
            };
            self.report("too-short", "A text is too short", detail, node.span.clone());
        } else if let Some(Err(problem)) = check.map(|check| check(text)) {
            let detail = format!("{label} {}", sentence(&problem));
            self.report("invalid-value", "A value is not allowed", detail, node.span.clone());
        }
        Some(Value::from(text))
    }

    fn choice(&mut self, node: &Node, choices: &[&str], path: &Path) -> Option<Value> {
        let Some(text) = node.text() else { return self.wrong_type(node, &Shape::Choice(&[]), path) };
        if !choices.contains(&text) {
            let detail = format!("{} is `{text}`; it can be {}.", self.label(path), one_of(choices));
            let meant = foreign::meant_value(text, choices).or_else(|| nearest(text, choices.iter().copied()));
            let hint = meant.map(|found| format!("did you mean `{found}`?"));
            self.report("invalid-choice", "A value is none of the possible ones", detail, node.span.clone()).hints.extend(hint);
        }
        Some(Value::from(text))
    }

    fn integer(&mut self, node: &Node, min: i64, max: i64, path: &Path) -> Option<Value> {
        let Data::Integer(number) = node.data else { return self.wrong_type(node, &Shape::Integer { min, max }, path) };
        if !(min..=max).contains(&number) {
            let range = match (min, max) {
                (_, i64::MAX) => format!("at least {min}"),
                (i64::MIN, _) => format!("at most {max}"),
                _ => format!("between {min} and {max}"),
            };
            let detail = format!("{} is {number}; it must be {range}.", self.label(path));
            self.report("out-of-range", "A number is out of range", detail, node.span.clone());
        }
        Some(Value::Integer(number))
    }

    fn integer_choice(&mut self, node: &Node, choices: &[i64], path: &Path) -> Option<Value> {
        let Data::Integer(number) = node.data else { return self.wrong_type(node, &Shape::IntegerChoice(&[]), path) };
        if !choices.contains(&number) {
            let texts: Vec<String> = choices.iter().map(i64::to_string).collect();
            let detail = format!("{} is {number}; it can be {}.", self.label(path), one_of(&texts));
            let close = choices.iter().min_by_key(|choice| choice.abs_diff(number)).map(|choice| format!("the nearest is `{choice}`"));
            self.report("invalid-choice", "A value is none of the possible ones", detail, node.span.clone()).hints.extend(close);
        }
        Some(Value::Integer(number))
    }

    fn list(&mut self, node: &Node, item: &Shape, max: usize, path: &Path) -> Option<Value> {
        let Data::List(nodes) = &node.data else {
            if !fits(node, item) {
                return self.wrong_type_named(node, &format!("a list of {}", plural(item)), path);
            }
            return Some(Value::List(vec![self.value(node, item, path)?]));
        };
        if nodes.len() > max {
            let detail = format!("{} has {} items; at most {max} are allowed.", self.label(path), nodes.len());
            self.report("too-many", "A list is too long", detail, node.span.clone());
        }
        let items = nodes.iter().enumerate().filter_map(|(at, node)| self.value(node, item, &path.join(&at.to_string())));
        Some(Value::List(items.collect()))
    }

    fn map(&mut self, node: &Node, shape: &Shape, value: &Shape, check: Option<field::Check>, path: &Path) -> Option<Value> {
        let Some(nodes) = node.table() else { return self.wrong_type(node, shape, path) };
        let mut table = Table::new();
        for (key, node) in nodes {
            if has_reference(key) {
                let detail = format!("The key `{key}` in {} has a reference; they are filled in in values only.", self.label(path));
                self.report("reference-in-key", "A reference cannot be a key", detail, node.key_span());
            } else if let Some(Err(problem)) = check.map(|check| check(key)) {
                let detail = format!("The key `{key}` in {} {}", self.label(path), sentence(&problem));
                self.report("invalid-value", "A value is not allowed", detail, node.key_span());
            }
            if let Some(value) = self.map_value(node, value, &path.join(key)) {
                table.insert(key.clone(), value);
            }
        }
        Some(Value::Table(table))
    }

    /// Where a map holds text, numbers and booleans are written as text.
    fn map_value(&mut self, node: &Node, shape: &Shape, path: &Path) -> Option<Value> {
        let text = match &node.data {
            _ if !takes_any_text(shape) => return self.value(node, shape, path),
            Data::Integer(number) => number.to_string(),
            Data::Boolean(value) => value.to_string(),
            Data::Table(table) if foreign::is_secret(table) && !takes_a_table(shape) => {
                let key = foreign::secret_source(table);
                let detail = format!(
                    "{} takes its value from `{key}`; secrets are looked up for the environment of functions alone.",
                    self.label(path)
                );
                let hint = foreign::instead(&key).to_owned();
                self.report("secret-elsewhere", "A secret cannot stand here", detail, node.key_span()).hints.push(hint);
                return None;
            }
            _ => return self.value(node, shape, path),
        };
        self.value(&node.with(Data::String(text)), shape, path)
    }

    fn document(&mut self, node: &Node, path: &Path) -> Option<Value> {
        if self.scope.is_none() {
            return Some(node.value());
        }
        match document::read(node, self.scope) {
            Ok(value) => {
                self.place_parts(node, path);
                Some(value)
            }
            Err(document::Problem::Type) => self.wrong_type(node, &Shape::Document, path),
            Err(document::Problem::Found(findings)) => {
                let label = self.label(path);
                self.findings.extend(findings.into_iter().map(|finding| {
                    let detail = finding.detail.replace("{label}", &label);
                    finding.detail(detail)
                }));
                None
            }
        }
    }

    /// Remembers where the parts of a document stand.
    fn place_parts(&mut self, node: &Node, path: &Path) {
        let parts: Vec<(Path, &Node)> = match &node.data {
            Data::Table(nodes) => nodes.iter().map(|(key, part)| (path.join(key), part)).collect(),
            Data::List(nodes) => nodes.iter().enumerate().map(|(at, part)| (path.join(&at.to_string()), part)).collect(),
            _ => return,
        };
        for (path, part) in parts {
            self.spans.extend(part.span.clone().map(|span| (path.clone(), span)));
            self.place_parts(part, &path);
        }
    }

    /// The first shape that takes the value without complaint, else the complaints of the first
    /// that its type fits.
    fn any_of(&mut self, node: &Node, shape: &Shape, shapes: &[Shape], path: &Path) -> Option<Value> {
        let mut first = None;
        for candidate in shapes.iter().filter(|candidate| fits(node, candidate)) {
            let mut attempt = Checker::new(self.scope, self.owner.clone());
            let value = attempt.value(node, candidate, path);
            let is_clean = attempt.findings.is_empty();
            let result = (value, attempt.spans, attempt.findings);
            if is_clean {
                return self.take(result);
            }
            first.get_or_insert(result);
        }
        let takes_numbers = shapes.iter().any(|shape| matches!(shape, Shape::Integer { .. } | Shape::IntegerChoice(_)));
        match first {
            Some(mut result) => {
                let hint = node.text().filter(|_| takes_numbers).and_then(|text| number_hint(text, path));
                if let (Some(hint), Some(finding)) = (hint, result.2.first_mut()) {
                    finding.hints.push(hint);
                }
                self.take(result)
            }
            None => self.wrong_type(node, shape, path),
        }
    }

    fn take(&mut self, (value, spans, findings): (Option<Value>, BTreeMap<Path, Span>, Vec<Diagnostic>)) -> Option<Value> {
        self.spans.extend(spans);
        self.findings.extend(findings);
        value
    }

    /// What stands in the file; `None` for what was filled in later.
    fn written(&self, node: &Node) -> Option<String> {
        let scope = self.scope?;
        Some(node.span.as_ref().map_or_else(String::new, |span| scope.source.slice(span).to_owned()))
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape, path: &Path) -> Option<Value> {
        self.wrong_type_named(node, &wanted(shape), path);
        if self.written(node).is_none_or(|text| text.contains("${")) {
            return None;
        }
        if let (Some(hint), Some(finding)) = (one_setting(node, shape, path), self.findings.last_mut()) {
            finding.hints = vec![hint];
        }
        None
    }

    fn wrong_type_named(&mut self, node: &Node, wanted: &str, path: &Path) -> Option<Value> {
        let detail = format!("{} must be {wanted}; it is {}.", self.label(path), node.type_name());
        let hint = match self.written(node) {
            Some(text) if text.contains("${") => Some(format!("the value comes from {}", text.replace('"', "`"))),
            Some(_) => type_hint(node, wanted, path),
            None => None,
        };
        self.report("wrong-type", "A value has the wrong type", detail, node.span.clone()).hints.extend(hint);
        None
    }

    /// Reports a key that nobody knows, with what may have been meant.
    pub fn unknown_key(&mut self, key: &str, node: &Node, candidates: &[&str], path: &Path) {
        let detail = format!("`{key}` is no setting of {}.", self.label(path));
        let hint = self.too_deep(key, path).or_else(|| foreign::meant(key, candidates)).or_else(|| possible(candidates));
        self.report("unknown-key", "Unknown key", detail, node.key_span()).hints.extend(hint);
    }

    /// A header that opens a table takes every key that follows, also those that were meant for the function.
    fn too_deep(&self, key: &str, path: &Path) -> Option<String> {
        let outer = self.outer.as_ref().filter(|outer| outer.keys.contains(&key) && !(outer.is_function && path.0.is_empty()))?;
        Some(format!(
            "`{key}` is a setting of the function itself: move it up to `[function.{}]`, above any header below that",
            outer.function
        ))
    }

    fn missing_key(&mut self, field: &Field, place: Option<Span>, path: &Path) {
        let owner = if path.0.is_empty() && self.owner == WHOLE_FILE { "The file".to_owned() } else { self.label(path) };
        let detail = format!("{owner} needs `{}`, {}.", field.key, wanted(&field.shape));
        self.report("missing-key", "A required key is missing", detail, place).hints.push(format!("`{}`: {}", field.key, field.doc));
    }
}

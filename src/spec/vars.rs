//! `[vars]`: values with names, some of them from the environment.

use super::references::{Piece, Scope, pieces};
use super::tree::{Data, Node, Nodes};
use super::wanted::not_a_table;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::TemplatePart;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// So many variables in a row may stand in each other's values.
const DEEPEST: usize = 100;
/// The longest value, in bytes, with the variables in it put in. Lambda takes far less, wherever it may stand.
const LONGEST_BYTES: usize = 1 << 16;

/// The variables by name; an error is told where a variable is used.
#[derive(Debug, Default)]
pub(crate) struct Vars {
    values: BTreeMap<String, Result<Data, Diagnostic>>,
    used: RefCell<BTreeSet<String>>,
}

impl Vars {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The names that were looked up.
    pub fn used(&self) -> BTreeSet<String> {
        self.used.borrow().clone()
    }

    /// The value of a variable, or why it has none.
    pub fn get(&self, name: &str) -> Result<Data, Diagnostic> {
        self.used.borrow_mut().insert(name.to_owned());
        self.values.get(name).cloned().unwrap_or_else(|| Err(self.unknown(name)))
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let finding = Diagnostic::error("unknown-variable", "A variable is not declared")
            .detail(format!("`${{var.{name}}}` names no variable of `[vars]`."));
        match nearest(name, self.names()) {
            Some(found) => finding.hint(format!("did you mean `${{var.{found}}}`?")),
            None => finding.hint(format!("declare it: `[vars]` with `{name} = …`")),
        }
    }

    /// Reads `[vars]`. Variables may refer to each other, in any order.
    pub fn read(
        node: Option<&Node>,
        scope: &Scope<'_>,
        environment: &dyn Fn(&str) -> Option<String>,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let Some(node) = node else { return Self::default() };
        let Some(raw) = node.table() else {
            findings.push(not_a_table("`vars`", node).hint("write `[vars]` with `NAME = …`"));
            return Self::default();
        };
        let mut reader = Reading { raw, scope, environment, done: Self::default(), stack: Vec::new(), findings };
        raw.keys().for_each(|name| reader.visit(name));
        reader.done
    }
}

struct Reading<'a> {
    raw: &'a Nodes,
    scope: &'a Scope<'a>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    done: Vars,
    stack: Vec<String>,
    findings: &'a mut Vec<Diagnostic>,
}

impl Reading<'_> {
    fn visit(&mut self, name: &str) {
        let Some(node) = self.raw.get(name) else { return };
        if self.done.values.contains_key(name) {
            return;
        }
        if let Some(start) = self.stack.iter().position(|on_the_way| on_the_way == name) {
            self.report_cycle(start, node);
            return;
        }
        if self.stack.len() >= DEEPEST {
            self.done.values.insert(name.to_owned(), Err(too_deep(name, node)));
            return;
        }
        self.stack.push(name.to_owned());
        for needed in variables_of(node) {
            self.visit(&needed);
        }
        self.stack.pop();
        if !self.done.values.contains_key(name) {
            let value = self.read_one(name, node);
            self.done.values.insert(name.to_owned(), value);
        }
    }

    fn report_cycle(&mut self, start: usize, node: &Node) {
        let mut names: Vec<String> = self.stack[start..].iter().map(|name| format!("`{name}`")).collect();
        names.push(names[0].clone());
        let finding = Diagnostic::error("variable-cycle", "Variables refer to each other in a circle")
            .detail(format!("{}.", names.join(" → ")))
            .span(node.span.clone());
        let places = self.stack[start..].iter().filter_map(|name| Some((name, self.raw.get(name)?.span.as_ref()?)));
        let hints = places.map(|(name, span)| format!("`{name}` is in line {}", self.scope.source.line(span)));
        self.findings.push(hints.fold(finding, Diagnostic::hint));
        for name in &self.stack[start..] {
            self.done.values.insert(name.clone(), Ok(Data::Open(vec![])));
        }
    }

    fn read_one(&mut self, name: &str, node: &Node) -> Result<Data, Diagnostic> {
        let scope = Scope { vars: &self.done, ..*self.scope };
        let resolved = scope.resolve(node, self.findings);
        match (resolved.get("env").and_then(Node::text), resolved.table()) {
            (Some(variable), Some(table)) if table.keys().all(|key| key == "env" || key == "default") => {
                self.take_from_environment(name, variable, table.get("default"), node)
            }
            (_, Some(table)) if table.len() == 1 && table.contains_key("ssm") => {
                Err(Diagnostic::error("not-supported-yet", "`ssm` is not supported yet")
                    .detail(format!("The variable `{name}` asks for a parameter of SSM."))
                    .hint(format!("meanwhile take it from the environment: `{name} = {{ env = \"NAME\" }}`"))
                    .span(node.span.clone()))
            }
            _ if bytes(&resolved.data) > LONGEST_BYTES => Err(too_long(name, node)),
            _ => Ok(resolved.data),
        }
    }

    /// The environment has only text: a default that is a number or a boolean says what is meant.
    fn take_from_environment(&self, name: &str, variable: &str, default: Option<&Node>, node: &Node) -> Result<Data, Diagnostic> {
        let Some(text) = (self.environment)(variable) else {
            return default.map(|default| default.data.clone()).ok_or_else(|| {
                Diagnostic::error("missing-variable", "A variable has no value")
                    .detail(format!("`{name}` takes its value from the environment variable `{variable}`, which is not set."))
                    .hint(format!("set `{variable}`, or give a default: `{name} = {{ env = \"{variable}\", default = … }}`"))
                    .span(node.span.clone())
            });
        };
        let parsed = match default.map(|default| &default.data) {
            Some(Data::Integer(_)) => text.trim().parse().map(Data::Integer).ok(),
            Some(Data::Boolean(_)) => text.trim().parse().map(Data::Boolean).ok(),
            _ => Some(Data::String(text.clone())),
        };
        parsed.ok_or_else(|| {
            let wanted = default.map_or("a string", Node::type_name);
            // What the environment holds may be secret.
            Diagnostic::error("variable-type", "A variable has the wrong type")
                .detail(format!("`{name}` must be {wanted}, as its default is; what the environment variable `{variable}` holds is none."))
                .span(node.span.clone())
        })
    }
}

fn too_deep(name: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("variable-too-deep", "Variables stand in each other too deeply")
        .detail(format!("`{name}` is used by more than {DEEPEST} variables in a row, each in the value of the next one."))
        .span(node.span.clone())
}

fn too_long(name: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("variable-too-long", "A variable becomes too long")
        .detail(format!("With the variables in it put in, the value of `{name}` has more than {LONGEST_BYTES} bytes."))
        .span(node.span.clone())
}

/// How long all texts in a value are, in bytes, with one for each part of it.
fn bytes(data: &Data) -> usize {
    1 + match data {
        Data::String(text) => text.len(),
        Data::Open(parts) => parts.iter().map(|part| if let TemplatePart::Text(text) = part { text.len() } else { 1 }).sum(),
        Data::List(items) => items.iter().map(|item| bytes(&item.data)).sum(),
        Data::Table(table) => table.iter().map(|(key, node)| key.len() + bytes(&node.data)).sum(),
        Data::Null | Data::Boolean(_) | Data::Integer(_) | Data::Float(_) => 0,
    }
}

fn variables_of(node: &Node) -> Vec<String> {
    match &node.data {
        Data::String(text) => pieces(text)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Name(name) => name.strip_prefix("var.").map(str::to_owned),
                Piece::Text(_) => None,
            })
            .collect(),
        Data::List(items) => items.iter().flat_map(variables_of).collect(),
        Data::Table(table) => table.values().flat_map(variables_of).collect(),
        _ => vec![],
    }
}

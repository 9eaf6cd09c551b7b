//! The keys of the top level, and tables of named sections.

use super::FUNCTION;
use super::foreign::snake_case;
use super::header::{TOP, allowed_name, check_name};
use super::section::Reader;
use super::shape::{Checker, WHOLE_FILE};
use super::supported::{is_top_word, not_supported_yet};
use super::tree::{Data, Node, Nodes};
use super::wanted::not_a_table;
use crate::diagnostic::{Diagnostic, Span};
use crate::kinds::Place;
use crate::model::{Address, Field, Path, field};

/// Words of the top level that are no kind's and no field's.
const TOP_TABLES: &[&str] = &["defaults", "discover", "function", "vars", "outputs", "stage", "local", "template"];

impl Reader<'_> {
    /// Says what is wrong with a key of the top level.
    pub fn judge_top_key(&mut self, key: &str, node: &Node) {
        let is_kind = self.registry.find(key).is_some_and(|kind| kind.places().contains(&Place::TopLevel));
        if is_kind || TOP_TABLES.contains(&key) || field::find(TOP, key).is_some() {
            return;
        }
        if is_top_word(key) {
            self.findings.push(not_supported_yet(key, node.key_span()));
            return;
        }
        if key == "unset" || self.function_keys.contains(&key) {
            self.findings.push(self.stands_too_high(key, node));
            return;
        }
        if let Some(found) = self.looks_like_a_function(key, node) {
            self.findings.push(found);
            return;
        }
        let kinds = self.registry.iter().filter(|kind| kind.places().contains(&Place::TopLevel)).map(|kind| kind.name());
        let words = TOP.iter().map(|field| field.key).chain(TOP_TABLES.iter().copied());
        let candidates: Vec<&str> = words.chain(kinds.filter(|kind| !TOP_TABLES.contains(kind))).collect();
        let mut checker = Checker::new(None, WHOLE_FILE);
        checker.unknown_key(key, node, &candidates, &Path::default());
        self.findings.append(&mut checker.findings);
    }

    /// A setting of a function at the top level, or right below a stage.
    fn stands_too_high(&self, key: &str, node: &Node) -> Diagnostic {
        let finding = Diagnostic::error("unknown-key", "Unknown key").span(node.key_span());
        if key == "unset" {
            return finding
                .detail("`unset` removes what is inherited; the top level of the file inherits nothing.")
                .hint("write it in a stage, a template or a function");
        }
        let patch = match (self.unpatched.get(key).is_some(), self.scope.stage) {
            (true, _) => String::new(),
            (false, Some(stage)) => format!("stage.{stage}."),
            (false, None) => "local.".into(),
        };
        let place =
            if patch.is_empty() { "at the top level".to_owned() } else { format!("right below `[{}]`", patch.trim_end_matches('.')) };
        finding
            .detail(format!("`{key}` is a setting of a function and stands {place}."))
            .hint(format!("write it below `[{patch}function.NAME]`, or below `[{patch}defaults]` for all functions"))
    }

    /// `[hello]` instead of `[function.hello]`.
    fn looks_like_a_function(&self, key: &str, node: &Node) -> Option<Diagnostic> {
        let has_code = ["build", "code", "image", "handler"].iter().any(|setting| node.get(setting).is_some());
        has_code.then(|| {
            Diagnostic::error("unknown-key", "Unknown key")
                .detail(format!("`{key}` is no setting of this file; it has the settings of a function."))
                .hint(format!("write `[function.{key}]`"))
                .span(node.key_span())
        })
    }

    /// Calls `read` for each of the named tables below `what`, whose own settings are `keys`.
    pub fn named(&mut self, what: &str, node: &Node, keys: &[&str], read: &mut dyn FnMut(&mut Self, &str, &Node)) {
        let Some(table) = node.table() else {
            self.findings.push(no_names(what, node));
            return;
        };
        if let Some((key, first)) = table.iter().find(|(key, node)| node.table().is_none() && keys.contains(&key.as_str())) {
            self.findings.push(unnamed(what, key, first.key_span()));
        }
        let is_unnamed = table.iter().any(|(key, node)| node.table().is_none() && keys.contains(&key.as_str()));
        for (name, node) in table.iter().filter(|(key, _)| !(is_unnamed && keys.contains(&key.as_str()))) {
            if let Err(problem) = check_name(name) {
                self.findings.push(invalid_name(name, &problem, node.key_span()));
            }
            read(self, name, node);
        }
    }
}

/// Settings right below `[function]`, where names are expected.
pub(crate) fn unnamed(what: &str, key: &str, span: Option<Span>) -> Diagnostic {
    Diagnostic::error("unnamed-section", "A section needs a name")
        .detail(format!("`{key}` stands right below `{what}`, which holds sections by their names."))
        .hint(format!("write `[{what}.NAME]`"))
        .span(span)
}

/// Something else than a table of sections: most often `[[function]]`.
fn no_names(what: &str, node: &Node) -> Diagnostic {
    let first = if let Data::List(items) = &node.data { items.first().and_then(Node::table) } else { None };
    let Some(item) = first else { return not_a_table(&format!("`{what}`"), node).hint(format!("write `[{what}.NAME]`")) };
    let name = item.get("name").and_then(Node::text).filter(|name| check_name(name).is_ok()).unwrap_or("NAME");
    Diagnostic::error("wrong-type", "A value has the wrong type")
        .detail(format!("`[[{what}]]` with two brackets begins a list of tables without names; `{what}` holds sections by their names."))
        .hint(format!("write `[{what}.{name}]`"))
        .span(node.key_span())
}

/// A name that AWS would not take in the names that are made from it.
pub(crate) fn invalid_name(name: &str, problem: &str, span: Option<Span>) -> Diagnostic {
    let detail = if name.is_empty() { format!("The name is empty; it {problem}.") } else { format!("The name `{name}` {problem}.") };
    let finding = Diagnostic::error("invalid-name", "A name is not allowed").detail(detail).span(span);
    match allowed_name(name) {
        Some(allowed) => finding.hint(format!("for example `{allowed}`")),
        None => finding,
    }
}

/// A rule of which only the schedule is given.
pub(crate) fn lone_schedule(fields: &[Field], address: &Address, node: &Node) -> Option<String> {
    let text = node.text().filter(|text| text.starts_with("rate(") || text.starts_with("cron("))?;
    let name = address.part.as_ref().filter(|_| field::find(fields, "schedule_expression").is_some())?;
    Some(format!("write `{}.{name}.schedule_expression = \"{text}\"`", address.kind))
}

/// The hint for a table below a function that has the settings of one: `[function.api.users]`.
pub(crate) fn dotted_name(function: &str, key: &str, inner: &Nodes) -> Option<String> {
    let has_code = ["build", "code", "image", "handler"].iter().any(|setting| inner.contains_key(*setting));
    has_code.then(|| {
        format!(
            "names have no dots: `[{FUNCTION}.{function}-{}]` is a function of its own, with its own `build` or `code`",
            snake_case(key)
        )
    })
}

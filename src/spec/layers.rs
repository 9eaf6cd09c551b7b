//! What a function inherits: `[defaults]`, and `[template.X]` in the order of its `use`.

use super::FUNCTION;
use super::merge::{Level, Merging, merge, unset_of_nothing};
use super::tree::{Data, Node, Nodes};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::kinds::forbidden_settings;
use crate::model::Address;
use std::collections::BTreeSet;

/// The key that names templates.
pub(crate) const USE: &str = "use";
/// What the defaults are called in messages.
const DEFAULTS: &str = "defaults";

/// What is wrong with a layer alone only because the rest is missing that a function would bring.
const NEEDS_THE_REST: &[&str] = &["no-code", "no-folder", "unknown-function", "missing-key", "missing-variable", "no-stage"];

/// All that functions can inherit.
pub(crate) struct Layers {
    defaults: Node,
    templates: Nodes,
    used: BTreeSet<String>,
}

impl Layers {
    /// Reads `[defaults]` and `[template.X]`.
    pub fn new(root: &Node, merging: &mut Merging) -> Self {
        let mut defaults = table_or_empty(root.get(DEFAULTS), DEFAULTS, "[defaults]", &mut merging.findings);
        unset_of_nothing(defaults.get("unset"), merging);
        if let Some(table) = defaults.table_mut() {
            table.remove("unset");
        }
        let named = table_or_empty(root.get("template"), "template", "[template.NAME]", &mut merging.findings);
        let mut templates = Nodes::new();
        for (name, node) in named.table().into_iter().flatten().filter(|(_, node)| node.table().is_some()) {
            let mut node = node.clone();
            if let Some(inner) = node.table_mut().and_then(|table| table.remove(USE)) {
                merging.findings.push(nested(name, &inner));
            }
            templates.insert(name.clone(), node);
        }
        Self { defaults, templates, used: BTreeSet::new() }
    }

    /// The names of the templates and where they stand.
    pub fn templates(&self) -> impl Iterator<Item = (&String, &Node)> {
        self.templates.iter()
    }

    /// Whether a function takes it.
    pub fn is_used(&self, template: &str) -> bool {
        self.used.contains(template)
    }

    /// The defaults.
    pub fn defaults(&self) -> &Node {
        &self.defaults
    }

    /// A function with everything that it inherits below its own keys; `names` are its templates.
    pub fn merged(&mut self, own: &Node, names: &[Node], merging: &mut Merging) -> Node {
        let mut merged = self.defaults.clone();
        for item in names {
            match item.text().map(|name| (name, self.templates.get(name))) {
                Some((name, Some(template))) => {
                    merge(&mut merged, template.clone(), Level::Section, merging);
                    self.used.insert(name.to_owned());
                }
                Some((name, None)) => merging.findings.push(self.unknown(name, item.span.clone())),
                None => {}
            }
        }
        merge(&mut merged, own.clone(), Level::Section, merging);
        let forbidden = forbidden_settings(merged.get("image").is_some());
        if let Some(table) = merged.table_mut() {
            table.remove("unset");
            table.remove(USE);
            // An image has no runtime, and a zip nothing of an image; what a function says itself is told.
            table.retain(|key, _| !forbidden.contains(&key.as_str()) || own.get(key).is_some());
        }
        Node { data: merged.data, key: own.key.clone(), span: own.span.clone() }
    }

    fn unknown(&self, name: &str, span: Option<Span>) -> Diagnostic {
        let finding = Diagnostic::error("unknown-template", "The template is not declared")
            .detail(format!("`use` names `{name}`, and there is no `[template.{name}]`."))
            .span(span);
        let names: Vec<&str> = self.templates.keys().map(String::as_str).collect();
        match nearest(name, names.iter().copied()) {
            Some(found) => finding.hint(format!("did you mean `{found}`?")),
            None if names.is_empty() => finding.hint(format!("declare it as `[template.{name}]`")),
            None => finding.hint(format!("the file has {}", super::wanted::one_of(&names))),
        }
    }

    /// Tells of each finding about a function where it comes from, if that is a layer: then it is no
    /// function's fault, and told once for all of them.
    pub fn tell_origin(&self, function: &str, findings: &mut [Diagnostic]) {
        for finding in findings {
            let Some(span) = &finding.span else { continue };
            if contains(&self.defaults, span) {
                rename(finding, function, DEFAULTS);
            } else if let Some((name, _)) = self.templates.iter().find(|(_, node)| contains(node, span)) {
                rename(finding, function, &format!("template.{name}"));
            }
        }
    }
}

/// Keeps what is wrong with a layer that no function shows, seen as if it were a function of this name.
pub(crate) fn of_layer_alone(label: &str, function: &str, findings: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
    let kept = findings.into_iter().filter(|finding| !NEEDS_THE_REST.contains(&finding.code));
    let (label, function) = (label.to_owned(), function.to_owned());
    kept.map(move |mut finding| {
        rename(&mut finding, &function, &label);
        finding
    })
}

/// Whether a finding is about something that functions inherit.
pub(crate) fn is_inherited(address: &str) -> bool {
    address == DEFAULTS || address.starts_with("defaults.") || address.starts_with("template.")
}

fn rename(finding: &mut Diagnostic, function: &str, label: &str) {
    let Some(address) = finding.address.as_deref().and_then(|address| address.parse::<Address>().ok()) else { return };
    if address.name != function {
        return;
    }
    let below = [Some(address.kind.as_str()).filter(|kind| *kind != FUNCTION), address.part.as_deref()];
    let origin = below.into_iter().flatten().fold(label.to_owned(), |origin, part| format!("{origin}.{part}"));
    finding.detail = finding.detail.replace(&format!("`{address}`"), &format!("`{origin}`"));
    finding.hints.iter_mut().for_each(|hint| *hint = hint.replace(&format!("[function.{function}"), &format!("[{label}")));
    finding.address = Some(origin);
}

pub(crate) fn contains(node: &Node, span: &Span) -> bool {
    let encloses = |place: &Option<Span>| place.as_ref().is_some_and(|place| place.start <= span.start && span.end <= place.end);
    let is_here = encloses(&node.key) || encloses(&node.span);
    is_here
        || match &node.data {
            Data::Table(table) => table.values().any(|inner| contains(inner, span)),
            Data::List(items) => items.iter().any(|inner| contains(inner, span)),
            _ => false,
        }
}

fn table_or_empty(node: Option<&Node>, what: &str, header: &str, findings: &mut Vec<Diagnostic>) -> Node {
    match node {
        Some(node) if node.table().is_some() => node.clone(),
        Some(node) => {
            findings.push(super::wanted::not_a_table(&format!("`{what}`"), node).hint(format!("write `{header}`")));
            Node::empty()
        }
        None => Node::empty(),
    }
}

fn nested(name: &str, inner: &Node) -> Diagnostic {
    Diagnostic::error("nested-template", "A template uses templates")
        .detail(format!("`template.{name}` has a `use`; only functions and `[defaults]` take templates, in the order that they name."))
        .hint("name all of them in the function: `use = [\"FIRST\", \"SECOND\"]`")
        .span(inner.key_span())
}

/// The items of `use`, and what is wrong with it.
pub(crate) fn names_of(node: Option<&Node>, findings: &mut Vec<Diagnostic>) -> Vec<Node> {
    let Some(node) = node else { return Vec::new() };
    let items = match &node.data {
        Data::List(items) => items.clone(),
        _ => vec![node.clone()],
    };
    let mut seen = BTreeSet::new();
    for item in &items {
        match item.text() {
            None if matches!(&item.data, Data::Open(parts) if parts.is_empty()) => {}
            None => findings.push(
                Diagnostic::error("wrong-type", "A value has the wrong type")
                    .detail(format!("`use` must be the name of a template, or a list of names; it has {}.", item.type_name()))
                    .span(item.span.clone()),
            ),
            Some(name) if !seen.insert(name.to_owned()) => findings.push(
                Diagnostic::warning("template-twice", "A template is used twice")
                    .detail(format!("`use` names `{name}` more than once; the last place counts."))
                    .span(item.span.clone()),
            ),
            Some(_) => {}
        }
    }
    items
}

//! From the patched file to the sections that kinds read.

use super::FUNCTION;
use super::header::{TOP, check_name, not_supported_yet};
use super::merge::{CODE_KEYS, Level, merge};
use super::references::Scope;
use super::shape::{Checker, WHOLE_FILE};
use super::tree::{Data, Node, Nodes};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::kinds::{self, Kind, Place, Registry};
use crate::model::{Address, Field, Path, Section, Table, field};
use std::collections::BTreeMap;

/// Words of the top level that are no kind's and no field's.
pub(crate) const TOP_TABLES: &[&str] = &["defaults", "function", "vars", "outputs", "stage", "local"];

/// All other words that the spec has at the top level: refused until a kind or a field takes them.
const TOP_NOT_SUPPORTED_YET: &[&str] = &[
    "daemon",
    "discover",
    "drift",
    "ecr",
    "http_api",
    "lambdo_version",
    "layer",
    "log_group",
    "moved",
    "notify",
    "policy",
    "template",
    "timezone",
];

/// A word of the spec in a function that belongs to no kind and is not built.
const USE: &str = "use";

/// Reads all sections of a file that is patched by its stage.
pub(crate) struct Reader<'a> {
    registry: &'a Registry,
    scope: Scope<'a>,
    /// What was read.
    pub sections: Vec<Section>,
    /// How many of the sections stand at the top level; they come first.
    top_level: usize,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub fn new(registry: &'a Registry, scope: Scope<'a>) -> Self {
        Self { registry, scope, sections: Vec::new(), top_level: 0, findings: Vec::new() }
    }

    /// Reads everything below the top level, and judges the keys of the top level itself.
    pub fn read(&mut self, root: &Node) {
        let Some(table) = root.table() else { return };
        for (key, node) in table {
            self.judge_top_key(key, node);
        }
        for kind in self.registry.iter().filter(|kind| kind.name() != FUNCTION && kind.places().contains(&Place::TopLevel)) {
            if let Some(node) = table.get(kind.name()) {
                self.named(kind.name(), node, &mut |reader, name, node| reader.top_level(kind, name, node));
            }
        }
        self.top_level = self.sections.len();
        let defaults = self.defaults(table.get("defaults"));
        if let Some(node) = table.get(FUNCTION) {
            self.named(FUNCTION, node, &mut |reader, name, node| reader.function(name, node, &defaults));
        }
        self.look_for_unknown_shared();
    }

    fn judge_top_key(&mut self, key: &str, node: &Node) {
        let is_kind = self.registry.find(key).is_some_and(|kind| kind.places().contains(&Place::TopLevel));
        if is_kind || TOP_TABLES.contains(&key) || field::find(TOP, key).is_some() {
            return;
        }
        if TOP_NOT_SUPPORTED_YET.contains(&key) {
            self.findings.push(not_supported_yet(key, node.key_span()));
            return;
        }
        let function = self.function_keys();
        if function.contains(&key) {
            self.findings.push(
                Diagnostic::error("unknown-key", "Unknown key")
                    .detail(format!("`{key}` is a setting of a function and stands at the top level."))
                    .hint(format!("write it below `[function.NAME]`, or below `[defaults]` for all functions: `defaults.{key} = …`"))
                    .span(node.key_span()),
            );
            return;
        }
        let kinds = self.registry.iter().filter(|kind| kind.places().contains(&Place::TopLevel)).map(|kind| kind.name());
        let candidates: Vec<&str> = TOP.iter().map(|field| field.key).chain(TOP_TABLES.iter().copied()).chain(kinds).collect();
        let mut checker = Checker::new(None, WHOLE_FILE);
        checker.unknown_key(key, node, &candidates, &Path::default());
        self.findings.append(&mut checker.findings);
    }

    /// Calls `read` for each of the named tables below `what`.
    fn named(&mut self, what: &str, node: &Node, read: &mut dyn FnMut(&mut Self, &str, &Node)) {
        let Some(table) = node.table() else {
            self.findings.push(not_a_table(&format!("`{what}`"), node).hint(format!("write `[{what}.NAME]`")));
            return;
        };
        for (name, node) in table {
            if let Err(problem) = check_name(name) {
                self.findings.push(invalid_name(name, &problem, node.key_span()));
            }
            read(self, name, node);
        }
    }

    fn top_level(&mut self, kind: &'static dyn Kind, name: &str, node: &Node) {
        let resolved = self.resolve(name, node);
        self.section(kind, Address::new(kind.name(), name), &resolved);
    }

    fn resolve(&mut self, name: &str, node: &Node) -> Node {
        Scope { name: Some(name), ..self.scope }.resolve(node, &mut self.findings)
    }

    /// The defaults as they are written; what is wrong in them is found in each function.
    fn defaults(&mut self, node: Option<&Node>) -> Node {
        let Some(node) = node else { return Node::empty() };
        let Some(table) = node.table() else {
            self.findings.push(not_a_table("`defaults`", node));
            return Node::empty();
        };
        self.warn_of_environment_trap("defaults", table);
        node.clone()
    }

    fn function(&mut self, name: &str, node: &Node, defaults: &Node) {
        let Some(own) = node.table() else {
            self.findings.push(not_a_table(&format!("`function.{name}`"), node).hint(format!("write `[function.{name}]`")));
            return;
        };
        self.warn_of_environment_trap(&format!("function.{name}"), own);
        let mut merged = defaults.clone();
        merge(&mut merged, node.clone(), Level::Section, &mut self.findings);
        let merged = Node { data: merged.data, key: node.key.clone(), span: node.span.clone() };
        let mut resolved = self.resolve(name, &merged);
        let table = resolved.table_mut().map(std::mem::take).unwrap_or_default();
        self.function_table(name, node, table);
    }

    fn function_table(&mut self, name: &str, node: &Node, mut table: Nodes) {
        let Some(function) = self.registry.find(FUNCTION) else { return };
        table.remove("unset");
        self.check_code(name, node, &table);
        let kinds: Vec<_> = self.under_function().collect();
        let mut below: BTreeMap<String, Node> = BTreeMap::new();
        table.retain(|key, node| {
            let is_kind = kinds.iter().any(|kind| kind.name() == key);
            if is_kind {
                below.insert(key.clone(), node.clone());
            }
            !is_kind
        });
        self.refuse_or_suggest(name, &mut table);
        let fields: Vec<Field> =
            function.fields().iter().filter(|field| kinds.iter().all(|kind| kind.name() != field.key)).copied().collect();
        let own = node.with(Data::Table(table));
        self.section_with(FUNCTION, &fields, Address::new(FUNCTION, name), &own);
        let mut triggers = BTreeMap::new();
        for kind in kinds {
            self.below_function(kind, name, below.get(kind.name()), &mut triggers);
        }
    }

    /// Takes the keys out that are nobody's and says so.
    fn refuse_or_suggest(&mut self, name: &str, table: &mut Nodes) {
        let known = self.function_keys();
        let unknown: Vec<String> = table.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            let Some(node) = table.remove(&key) else { continue };
            let is_rate = node.text().is_some_and(|text| text.starts_with("rate(") || text.starts_with("cron("));
            if (key == USE || kinds::NOT_SUPPORTED_YET.contains(&key.as_str())) && !is_rate {
                let finding = not_supported_yet(&key, node.key_span()).address(Address::new(FUNCTION, name));
                self.findings.push(if key == "schedule" {
                    finding.hint("`event_rule` takes `rate(…)` and `cron(…)`, in UTC")
                } else {
                    finding
                });
                continue;
            }
            let mut checker = Checker::new(None, format!("function.{name}"));
            checker.unknown_key(&key, &node, &known, &Path::default());
            self.findings.extend(checker.findings.into_iter().map(|finding| finding.address(Address::new(FUNCTION, name))));
        }
    }

    fn check_code(&mut self, name: &str, node: &Node, table: &Nodes) {
        let given: Vec<&str> = CODE_KEYS.into_iter().filter(|key| table.contains_key(*key)).collect();
        let finding = match &given[..] {
            [_] => return,
            [] => Diagnostic::error("no-code", "A function has no code")
                .detail(format!("`function.{name}` says neither what is built nor where its code lies."))
                .hint("to build it from source: `build = \"FOLDER\"`")
                .hint("for code that is there: `code = { file = \"…\" }`, `{ files = { bootstrap = \"…\" } }`, `{ dir = \"…\" }`, `{ zip = \"…\" }` or `{ s3 = { bucket = \"…\", key = \"…\" } }`")
                .span(node.span.clone()),
            [first, second, ..] => Diagnostic::error("two-sources", "A function has two sources of code")
                .detail(format!("`function.{name}` has `{first}` and `{second}`; its code comes from one of them."))
                .hint("keep one of the two")
                .span(table[*second].key_span()),
        };
        self.findings.push(finding.address(Address::new(FUNCTION, name)));
    }

    fn below_function(&mut self, kind: &'static dyn Kind, name: &str, node: Option<&Node>, triggers: &mut BTreeMap<String, &'static str>) {
        let one = kind.places().iter().find_map(|place| if let Place::One { always } = place { Some(*always) } else { None });
        match (one, node) {
            (Some(_), Some(node)) => self.section(kind, Address::new(kind.name(), name), node),
            (Some(true), None) => self.section(kind, Address::new(kind.name(), name), &Node::empty()),
            (None, Some(node)) => self.triggers(kind, name, node, triggers),
            _ => {}
        }
    }

    fn triggers(&mut self, kind: &'static dyn Kind, name: &str, node: &Node, triggers: &mut BTreeMap<String, &'static str>) {
        let header = format!("function.{name}.{}", kind.name());
        let Some(parts) = node.table() else {
            self.findings.push(not_a_table(&format!("`{header}`"), node).hint(format!("write `[{header}.NAME]`")));
            return;
        };
        if let Some((_, first)) = parts.iter().find(|(key, node)| node.table().is_none() && field::find(kind.fields(), key).is_some()) {
            self.findings.push(
                Diagnostic::error("unnamed-section", "A section needs a name")
                    .detail(format!("A function can have several of `{}`, so that each has a name.", kind.name()))
                    .hint(format!("write `[{header}.NAME]`"))
                    .address(Address::new(FUNCTION, name))
                    .span(first.key_span()),
            );
            return;
        }
        for (part, node) in parts {
            if let Err(problem) = check_name(part) {
                self.findings.push(invalid_name(part, &problem, node.key_span()));
            }
            if let Some(other) = triggers.insert(part.clone(), kind.name()) {
                self.findings.push(duplicate_trigger(name, part, other, node));
            }
            self.section(kind, Address::with_part(kind.name(), name, part), node);
        }
    }

    fn section(&mut self, kind: &'static dyn Kind, address: Address, node: &Node) {
        let is_lone = matches!(node.data, Data::String(_) | Data::Open(_));
        match kind.shorthand().filter(|_| is_lone) {
            Some(key) => {
                let table = Nodes::from([(key.to_owned(), node.clone())]);
                self.section_with(kind.name(), kind.fields(), address, &node.with(Data::Table(table)));
            }
            None => self.section_with(kind.name(), kind.fields(), address, node),
        }
    }

    fn section_with(&mut self, kind: &str, fields: &[Field], address: Address, node: &Node) {
        let Some(table) = node.table() else {
            self.findings.push(not_a_table(&format!("`{address}`"), node).address(address));
            return;
        };
        let mut checker = Checker::new(Some(&self.scope), address.to_string());
        let values: Table = checker.table(table, node.key_span(), fields, &Path::default());
        let Checker { spans, findings, .. } = checker;
        self.findings.extend(findings.into_iter().map(|finding| finding.address(&address)));
        let Address { name, part, .. } = address;
        self.sections.push(Section { kind: kind.to_owned(), name, part, values, spans, span: node.span.clone() });
    }

    /// `role = "NAME"` must name a `[role.NAME]`.
    fn look_for_unknown_shared(&mut self) {
        for kind in self.registry.iter().filter(|kind| kind.places().contains(&Place::TopLevel)) {
            let Some(shorthand) = kind.shorthand() else { continue };
            let (shared, below) = self.sections.split_at(self.top_level);
            let shared: Vec<&str> =
                shared.iter().filter(|section| section.kind == kind.name()).map(|section| section.name.as_str()).collect();
            for section in below.iter().filter(|section| section.kind == kind.name()) {
                let given = section.string(shorthand).filter(|name| !name.starts_with("arn:") && !shared.contains(name));
                if let Some(name) = given {
                    let finding = unknown_shared(kind.name(), name, &shared, section.span_of(&Path::key(shorthand)));
                    self.findings.push(finding.address(Address::new(FUNCTION, &section.name)));
                }
            }
        }
    }

    fn under_function(&self) -> impl Iterator<Item = &'static dyn Kind> + use<'a> {
        self.registry.iter().filter(|kind| kind.places().iter().any(|place| *place != Place::TopLevel))
    }

    /// Every key that a function takes.
    fn function_keys(&self) -> Vec<&'static str> {
        let own = self.registry.find(FUNCTION).map(|kind| kind.fields()).unwrap_or_default().iter().map(|field| field.key);
        own.chain(self.under_function().map(|kind| kind.name())).chain(["unset"]).collect()
    }

    /// A setting below the header of the environment becomes a variable, which is seldom meant.
    fn warn_of_environment_trap(&mut self, owner: &str, table: &Nodes) {
        let Some(environment) = table.get("environment") else { return };
        let Some(header) = environment.span.as_ref().filter(|span| self.scope.source.slice(span).starts_with('[')) else { return };
        let known = self.function_keys();
        for (key, node) in environment.table().into_iter().flatten().filter(|(key, _)| known.contains(&key.as_str())) {
            let line = self.scope.source.line(header);
            self.findings.push(
                Diagnostic::warning("setting-in-environment", "An environment variable is named like a setting")
                    .detail(format!("`{key}` stands below the header `[{owner}.environment]` of line {line}, so that it is an environment variable and no setting."))
                    .hint(format!("for the setting, move it above that header, into `[{owner}]`"))
                    .span(node.key_span()),
            );
        }
    }
}

fn not_a_table(what: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("wrong-type", "A value has the wrong type")
        .detail(format!("{what} must be a table; it is {}.", node.type_name()))
        .span(node.span.clone())
}

/// A name that AWS would not take in the names that are made from it.
pub(crate) fn invalid_name(name: &str, problem: &str, span: Option<Span>) -> Diagnostic {
    Diagnostic::error("invalid-name", "A name is not allowed").detail(format!("The name `{name}` {problem}.")).span(span)
}

fn duplicate_trigger(name: &str, part: &str, other: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("duplicate-trigger", "Two triggers of a function have the same name")
        .detail(format!(
            "`function.{name}` has a trigger `{part}` of the kind `{other}` already; names are unique among all of its triggers."
        ))
        .address(Address::new(FUNCTION, name))
        .span(node.key_span())
}

fn unknown_shared(kind: &str, name: &str, shared: &[&str], span: Option<Span>) -> Diagnostic {
    let finding = Diagnostic::error("unknown-role", format!("The {kind} is not declared"))
        .detail(format!("`{kind} = \"{name}\"` names no `[{kind}.{name}]`."))
        .span(span);
    match nearest(name, shared.iter().copied()) {
        Some(found) => finding.hint(format!("did you mean `{found}`?")),
        None => finding.hint(format!("declare it as `[{kind}.{name}]`, or give the ARN of one that exists")),
    }
}

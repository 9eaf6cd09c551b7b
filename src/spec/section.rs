//! From the patched file to the sections that kinds read.

use super::FUNCTION;
use super::discover::Discovered;
use super::header::check_name;
use super::layers::{Layers, USE, contains, names_of, of_layer_alone};
use super::merge::{CODE_KEYS, Merging, unset_of_nothing};
use super::references::Scope;
use super::shape::{Checker, Outer};
use super::supported::{meant_later, not_supported_yet};
use super::top::{dotted_name, invalid_name, lone_schedule};
use super::tree::{Data, Node, Nodes};
use super::wanted::not_a_table;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::kinds::{self, Kind, Place, Registry};
use crate::model::{Address, Field, Path, Section, Table, field};
use std::collections::BTreeMap;

/// Reads all sections of a file that is patched by its stage.
pub(crate) struct Reader<'a> {
    pub registry: &'a Registry,
    pub scope: Scope<'a>,
    /// The file without any patch.
    pub unpatched: &'a Node,
    /// Every key that a function takes.
    pub function_keys: Vec<&'static str>,
    /// Those of the function's own fields that no kind takes.
    own_fields: Vec<Field>,
    /// What `[discover]` has found.
    pub discovered: Option<&'a Discovered>,
    /// What was read.
    pub sections: Vec<Section>,
    /// Whether sections of the top level are being read.
    is_top: bool,
    /// How many of the sections stand at the top level; they come first.
    top_level: usize,
    /// Templates, their places, and whether a function takes them.
    pub templates: Vec<(String, Option<Span>, bool)>,
    /// What merging has found.
    pub merging: Merging,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub fn new(registry: &'a Registry, scope: Scope<'a>, unpatched: &'a Node, merging: Merging) -> Self {
        let below = || under_function(registry).map(|kind| kind.name());
        let fields = registry.find(FUNCTION).map(|kind| kind.fields()).unwrap_or_default();
        let mut function_keys: Vec<&'static str> = fields.iter().map(|field| field.key).chain(below()).collect();
        function_keys.extend(["unset", USE]);
        let mut seen = std::collections::BTreeSet::new();
        function_keys.retain(|key| seen.insert(*key));
        let own_fields = fields.iter().filter(|field| below().all(|kind| kind != field.key)).copied().collect();
        Self {
            registry,
            scope,
            unpatched,
            function_keys,
            own_fields,
            discovered: None,
            sections: Vec::new(),
            is_top: true,
            top_level: 0,
            templates: Vec::new(),
            merging,
            findings: Vec::new(),
        }
    }

    /// Reads everything below the top level, and judges the keys of the top level itself.
    pub fn read(&mut self, root: &Node) {
        let Some(table) = root.table() else { return };
        for (key, node) in table {
            self.judge_top_key(key, node);
        }
        for kind in self.registry.iter().filter(|kind| kind.name() != FUNCTION && kind.places().contains(&Place::TopLevel)) {
            if let Some(node) = table.get(kind.name()) {
                let keys: Vec<&str> = kind.fields().iter().map(|field| field.key).collect();
                self.named(kind.name(), node, &keys, &mut |reader, name, node| reader.top_level(kind, name, node));
            }
        }
        self.top_level = self.sections.len();
        self.is_top = false;
        let mut layers = Layers::new(root, &mut self.merging);
        let keys = self.function_keys.clone();
        if let Some(node) = table.get("template").filter(|node| node.table().is_some()) {
            self.named("template", node, &keys, &mut |reader, name, node| {
                if node.table().is_none() {
                    let finding = not_a_table(&format!("`template.{name}`"), node).hint(format!("write `[template.{name}]`"));
                    reader.findings.push(finding);
                }
            });
        }
        self.warn_of_traps("defaults", layers.defaults());
        layers.templates().for_each(|(name, node)| self.warn_of_traps(&format!("template.{name}"), node));
        if let Some(node) = table.get(FUNCTION) {
            self.named(FUNCTION, node, &keys, &mut |reader, name, node| reader.function(name, node, &mut layers));
        }
        self.look_for_unknown_shared();
        self.check_what_no_function_shows(&layers);
        self.templates = layers.templates().map(|(name, node)| (name.clone(), node.key_span(), layers.is_used(name))).collect();
        self.findings.append(&mut self.merging.findings);
    }

    fn top_level(&mut self, kind: &'static dyn Kind, name: &str, node: &Node) {
        let mut resolved = self.resolve(name, node);
        unset_of_nothing(node.get("unset"), &mut self.merging);
        if let Some(table) = resolved.table_mut() {
            table.remove("unset");
        }
        self.section(kind, Address::new(kind.name(), name), &resolved);
    }

    fn resolve(&mut self, name: &str, node: &Node) -> Node {
        Scope { name: Some(name), ..self.scope }.resolve(node, &mut self.findings)
    }

    fn function(&mut self, name: &str, node: &Node, layers: &mut Layers) {
        if node.table().is_none() {
            self.findings.push(not_a_table(&format!("`function.{name}`"), node).hint(format!("write `[function.{name}]`")));
            return;
        }
        self.warn_of_traps(&format!("function.{name}"), node);
        let before = self.findings.len();
        let names = node.get(USE).or_else(|| layers.defaults().get(USE)).cloned().map(|names| self.resolve(name, &names));
        let names = names_of(names.as_ref(), &mut self.findings);
        let merged = layers.merged(node, &names, &mut self.merging);
        let mut resolved = self.resolve(name, &merged);
        let table = resolved.table_mut().map(std::mem::take).unwrap_or_default();
        self.function_table(name, node, table);
        let is_inside =
            |finding: &Diagnostic| finding.address.is_none() && finding.span.as_ref().is_some_and(|span| contains(&merged, span));
        for finding in self.findings[before..].iter_mut().filter(|finding| is_inside(finding)) {
            finding.address = Some(Address::new(FUNCTION, name).to_string());
        }
        layers.tell_origin(name, &mut self.findings[before..]);
    }

    /// Defaults of a file without functions, and templates that nobody uses, can be wrong, too.
    fn check_what_no_function_shows(&mut self, layers: &Layers) {
        let has_functions = self.sections.iter().any(|section| section.kind == FUNCTION);
        let unused = layers.templates().filter(|(name, _)| !layers.is_used(name)).map(|(name, node)| (format!("template.{name}"), node));
        let defaults = (!has_functions).then(|| ("defaults".to_owned(), layers.defaults()));
        let (sections, merging) = (self.sections.len(), std::mem::take(&mut self.merging));
        for (label, node) in unused.chain(defaults) {
            let name = label.rsplit('.').next().unwrap_or_default().to_owned();
            let before = self.findings.len();
            let mut resolved = self.resolve(&name, node);
            let mut table = resolved.table_mut().map(std::mem::take).unwrap_or_default();
            [USE, "unset"].iter().for_each(|key| drop(table.remove(*key)));
            self.function_table(&name, node, table);
            let found = self.findings.split_off(before);
            self.findings.extend(of_layer_alone(&label, &name, found));
        }
        self.sections.truncate(sections);
        self.merging = merging;
    }

    fn function_table(&mut self, name: &str, node: &Node, mut table: Nodes) {
        self.check_code(name, node, &table);
        let kinds: Vec<_> = under_function(self.registry).collect();
        let mut below: BTreeMap<&'static str, Node> = BTreeMap::new();
        for kind in &kinds {
            below.extend(table.remove(kind.name()).map(|node| (kind.name(), node)));
        }
        self.refuse_or_suggest(name, &mut table);
        let fields = std::mem::take(&mut self.own_fields);
        let own = node.with(Data::Table(table));
        self.section_with(FUNCTION, &fields, Address::new(FUNCTION, name), &own);
        self.own_fields = fields;
        let mut triggers = BTreeMap::new();
        for kind in kinds {
            self.below_function(kind, name, below.get(kind.name()), &mut triggers);
        }
    }

    /// Takes the keys out that are nobody's and says so.
    fn refuse_or_suggest(&mut self, name: &str, table: &mut Nodes) {
        let unknown: Vec<String> = table.keys().filter(|key| !self.function_keys.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            let Some(node) = table.remove(&key) else { continue };
            let is_rate = is_schedule(&key, &node);
            if kinds::NOT_SUPPORTED_YET.contains(&key.as_str()) && !is_rate {
                self.findings.push(not_supported_yet(&key, node.key_span()).address(Address::new(FUNCTION, name)));
                continue;
            }
            let mut checker = Checker::new(None, format!("function.{name}"));
            checker.unknown_key(&key, &node, &self.function_keys, &Path::default());
            let later = meant_later(&key);
            let dotted = node.table().and_then(|inner| dotted_name(name, &key, inner));
            self.findings.extend(checker.findings.into_iter().map(|mut finding| {
                if let Some(hint) = later.as_ref().or(dotted.as_ref()) {
                    finding.hints = vec![hint.clone()];
                } else if is_rate {
                    finding.hints = vec![rule_for(name, &key, node.text().unwrap_or_default())];
                }
                finding.address(Address::new(FUNCTION, name))
            }));
        }
    }

    fn check_code(&mut self, name: &str, node: &Node, table: &Nodes) {
        let given: Vec<&str> = CODE_KEYS.into_iter().filter(|key| table.contains_key(*key)).collect();
        let no_folder = self.discovered.filter(|_| given.is_empty()).and_then(|discovered| discovered.no_folder(name, node));
        if let Some(finding) = no_folder {
            // What a broken discovery would have found, nobody knows.
            let is_known = self.discovered.is_some_and(|discovered| !discovered.is_partial);
            self.findings.extend(Some(finding).filter(|_| is_known));
            return;
        }
        let finding = match &given[..] {
            [_] => return,
            [] if self.is_patch_only(name) => self.patch_of_nothing(name, node),
            [] => Diagnostic::error("no-code", "A function has no code")
                .detail(format!("`function.{name}` says neither what is built nor where its code lies."))
                .hint("to build it from source: `build = \"FOLDER\"`")
                .hint("for code that is there: `code = { file = \"…\" }`, `{ files = { bootstrap = \"…\" } }`, `{ dir = \"…\" }` or `{ zip = \"…\" }`")
                .span(node.span.clone()),
            [first, second, ..] => Diagnostic::error("two-sources", "A function has two sources of code")
                .detail(format!("`function.{name}` has `{first}` and `{second}`; its code comes from one of them."))
                .hint("keep one of the two")
                .span(table[*second].key_span()),
        };
        self.findings.push(finding.address(Address::new(FUNCTION, name)));
    }

    fn is_patch_only(&self, name: &str) -> bool {
        let is_patched = self.scope.stage.is_some() || self.scope.is_local;
        is_patched && self.unpatched.get(FUNCTION).is_none_or(|functions| functions.get(name).is_none())
    }

    /// A stage that changes a function which the file does not have has most often mistyped its name.
    fn patch_of_nothing(&self, name: &str, node: &Node) -> Diagnostic {
        let finding = Diagnostic::error("unknown-function", "A patch names a function that is not there")
            .detail(format!("`function.{name}` stands only in a patch, which gives it no code, and not in the file itself."))
            .span(node.span.clone());
        let names = self.unpatched.get(FUNCTION).and_then(Node::table).into_iter().flat_map(Nodes::keys).map(String::as_str);
        match nearest(name, names) {
            Some(found) => finding.hint(format!("did you mean `{found}`?")),
            None => finding.hint("a function of this stage alone needs `build` or `code` here"),
        }
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
        let is_setting = |(key, node): &(&String, &Node)| node.table().is_none() && field::find(kind.fields(), key).is_some();
        if let Some((_, first)) = parts.iter().find(is_setting) {
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
                continue;
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
            let mut finding = not_a_table(&format!("`{address}`"), node);
            finding.hints.extend(lone_schedule(fields, &address, node));
            self.findings.push(finding.address(address));
            return;
        };
        let mut checker = Checker::new(Some(&self.scope), address.to_string());
        let outer = Outer { keys: &self.function_keys, function: &address.name, is_function: kind == FUNCTION };
        checker.shorthand = self.registry.find(kind).and_then(|kind| kind.shorthand());
        checker.outer = Some(outer).filter(|_| !self.is_top);
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

    /// A setting below the header of the environment becomes a variable, which is seldom meant; below the
    /// header of the tags one that is no text is not meant either.
    fn warn_of_traps(&mut self, owner: &str, section: &Node) {
        for (map, is_trap) in [("environment", any as fn(&Node) -> bool), ("tags", |node| node.text().is_none())] {
            let Some(table) = section.get(map) else { continue };
            let Some(header) = table.span.as_ref().filter(|span| self.scope.source.slice(span).starts_with('[')) else { continue };
            let settings = table.table().into_iter().flatten();
            for (key, node) in settings.filter(|(key, node)| self.function_keys.contains(&key.as_str()) && is_trap(node)) {
                let line = self.scope.source.line(header);
                let what = if map == "tags" { "a tag" } else { "an environment variable" };
                self.findings.push(
                    Diagnostic::warning("setting-in-map", format!("{what} is named like a setting"))
                        .detail(format!(
                            "`{key}` stands below the header `[{owner}.{map}]` of line {line}, so that it is {what} and no setting."
                        ))
                        .hint(format!("for the setting, move it above that header, into `[{owner}]`"))
                        .span(node.key_span()),
                );
            }
        }
    }
}

fn any(_: &Node) -> bool {
    true
}

/// The kinds that have sections under a function.
fn under_function(registry: &Registry) -> impl Iterator<Item = &'static dyn Kind> + '_ {
    registry.iter().filter(|kind| kind.places().iter().any(|place| *place != Place::TopLevel))
}

/// `schedule = "rate(1 day)"` or `cron = "0 6 * * ? *"` in a function means a rule.
fn is_schedule(key: &str, node: &Node) -> bool {
    let is_expression = |text: &str| text.starts_with("rate(") || text.starts_with("cron(");
    node.text().is_some_and(|text| is_expression(text) || key == "cron" || key == "rate")
}

fn rule_for(name: &str, key: &str, given: &str) -> String {
    let expression = if given.contains('(') { given.to_owned() } else { format!("{key}({given})") };
    format!("a schedule is an `event_rule` with a name: `[function.{name}.event_rule.NAME]` with `schedule_expression = \"{expression}\"`")
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
    if name.is_empty() {
        return Diagnostic::error("unknown-role", format!("The {kind} is not declared"))
            .detail(format!("`{kind}` is empty."))
            .hint(format!("name a `[{kind}.NAME]`, give the ARN of one that exists, or remove `{kind}`"))
            .span(span);
    }
    let finding = Diagnostic::error("unknown-role", format!("The {kind} is not declared"))
        .detail(format!("`{kind} = \"{name}\"` names no `[{kind}.{name}]`."))
        .span(span);
    match nearest(name, shared.iter().copied()) {
        Some(found) => finding.hint(format!("did you mean `{found}`?")),
        None => finding.hint(format!("declare it as `[{kind}.{name}]`, or give the ARN of one that exists")),
    }
}

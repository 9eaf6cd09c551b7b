//! One reading of the file: with one stage or none, with or without `[local]`.

use super::discover::Discovered;
use super::merge::{Merging, Unset};
use super::references::Scope;
use super::section::Reader;
use super::tree::{Node, Source};
use super::vars::Vars;
use super::wanted::not_a_table;
use super::{FUNCTION, Header, LoadOptions, header, stage};
use crate::diagnostic::{Diagnostic, Span};
use crate::kinds::{Place, Registry};
use crate::model::{Path, Section, Table, TemplatePart, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The file and what a run says from outside of it.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub source: &'a Source,
    pub root: &'a Node,
    pub options: &'a LoadOptions<'a>,
    pub registry: &'a Registry,
}

/// What one reading has found.
pub(crate) struct Variant {
    pub stage: Option<String>,
    pub is_local: bool,
    /// `None` where the project has no usable name.
    pub header: Option<(Header, BTreeMap<Path, Span>)>,
    pub sections: Vec<Section>,
    pub outputs: Table,
    pub output_spans: BTreeMap<String, Span>,
    pub findings: Vec<Diagnostic>,
    pub unset: BTreeMap<Span, Unset>,
    pub usage: Usage,
    pub discovered: Discovered,
}

impl File<'_> {
    /// Reads the file as it is for this stage.
    pub fn read(&self, stage: Option<&str>, is_local: bool) -> Variant {
        let Self { source, options, registry, .. } = *self;
        let mut merging = Merging::default();
        let mut root = stage::patched(self.root, stage, is_local, &mut merging);
        let kinds: Vec<&'static str> = registry.iter().map(|kind| kind.name()).collect();
        let mut findings = Vec::new();
        let (header, vars) = header::read_with_vars(source, &root, stage, &kinds, options, &mut findings);
        let project = header.as_ref().map(|(header, _)| header.project.as_str()).or(Some("project"));
        let scope = Scope { source, project, stage, name: None, vars: &vars, kinds: &kinds, is_local, account: true };
        let discovered = Discovered::expand(&mut root, &scope, &mut merging);
        let mut reader = Reader::new(registry, scope, self.root, merging);
        reader.discovered = Some(&discovered);
        reader.read(&root);
        let mut sections = std::mem::take(&mut reader.sections);
        findings.append(&mut reader.findings);
        let (outputs, output_spans) = read_outputs(&root, &scope, &mut findings);
        if let Some(architecture) = options.local.filter(|_| is_local) {
            sections.iter_mut().for_each(|section| build_for(section, architecture));
        }
        let mut usage = Usage::default();
        usage.of_vars(&root, &vars);
        usage.of_templates(std::mem::take(&mut reader.templates));
        usage.of_shared(registry, &sections, &outputs);
        let unset = std::mem::take(&mut reader.merging.unset);
        Variant { stage: stage.map(str::to_owned), is_local, header, sections, outputs, output_spans, findings, unset, usage, discovered }
    }
}

/// What is built under `--local` must run on this machine, whatever it is built for otherwise.
fn build_for(section: &mut Section, architecture: &str) {
    let image = section.values.get("image").and_then(Value::as_table);
    let is_made_here = section.values.contains_key("build") || image.is_some_and(|image| !image.contains_key("uri"));
    if section.kind == FUNCTION && is_made_here {
        section.values.insert("architectures".into(), Value::List(vec![Value::String(architecture.into())]));
        section.spans.retain(|path, _| path.0.first().is_none_or(|key| key != "architectures"));
    }
}

fn read_outputs(root: &Node, scope: &Scope<'_>, findings: &mut Vec<Diagnostic>) -> (Table, BTreeMap<String, Span>) {
    let Some(node) = root.get("outputs") else { return Default::default() };
    let Some(table) = node.table() else {
        findings.push(not_a_table("`outputs`", node).hint("write `[outputs]` with `NAME = \"${function.NAME.arn}\"`"));
        return Default::default();
    };
    let values = table.iter().map(|(name, node)| (name.clone(), scope.resolve(node, findings).value())).collect();
    let spans = table.iter().filter_map(|(name, node)| Some((name.clone(), node.span.clone()?))).collect();
    (values, spans)
}

/// What the file declares to be used elsewhere in it: `vars`, `template` and shared sections such as `role`.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    declared: BTreeMap<(&'static str, String), Option<Span>>,
    used: BTreeSet<(&'static str, String)>,
}

impl Usage {
    fn of_vars(&mut self, root: &Node, vars: &Vars) {
        let declared = root.get("vars").and_then(Node::table).into_iter().flatten();
        self.declared.extend(declared.map(|(name, node)| (("vars", name.clone()), node.key_span())));
        self.used.extend(vars.used().into_iter().map(|name| ("vars", name)));
    }

    fn of_templates(&mut self, templates: Vec<(String, Option<Span>, bool)>) {
        for (name, span, is_used) in templates {
            if is_used {
                self.used.insert(("template", name.clone()));
            }
            self.declared.insert(("template", name), span);
        }
    }

    /// Sections of the top level that others take by a lone string, as in `role = "NAME"`.
    fn of_shared(&mut self, registry: &Registry, sections: &[Section], outputs: &Table) {
        let shared = registry.iter().filter(|kind| kind.places().contains(&Place::TopLevel));
        for kind in shared {
            let Some(shorthand) = kind.shorthand() else { continue };
            let first_function = sections.iter().position(|section| section.kind == FUNCTION).unwrap_or(sections.len());
            for (at, section) in sections.iter().enumerate() {
                match section.string(shorthand) {
                    Some(name) if section.kind == kind.name() => drop(self.used.insert((kind.name(), name.to_owned()))),
                    None if section.kind == kind.name() && at < first_function => {
                        self.declared.insert((kind.name(), section.name.clone()), section.span.clone());
                    }
                    _ => {}
                }
            }
            let values = sections.iter().flat_map(|section| section.values.values()).chain(outputs.values());
            values.for_each(|value| self.references_in(kind.name(), value));
        }
    }

    fn references_in(&mut self, kind: &'static str, value: &Value) {
        value.visit_parts(&mut |part| {
            if let TemplatePart::Attribute { address, .. } = part
                && address.kind == kind
            {
                self.used.insert((kind, address.name.clone()));
            }
        });
        // `depends_on` and `[outputs]` take bare addresses.
        for text in value.as_str().into_iter().chain(value.strings()) {
            if let Some(name) = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('.')) {
                self.used.insert((kind, name.split('.').next().unwrap_or_default().to_owned()));
            }
        }
    }

    /// Warns of what no reading of the file uses.
    pub fn unused<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Vec<Diagnostic> {
        let used: BTreeSet<_> = all.clone().flat_map(|usage| &usage.used).collect();
        let declared: BTreeMap<_, _> = all.flat_map(|usage| &usage.declared).collect();
        declared.into_iter().filter(|(name, _)| !used.contains(name)).map(|((what, name), span)| unused(what, name, span.clone())).collect()
    }
}

fn unused(what: &str, name: &str, span: Option<Span>) -> Diagnostic {
    let (summary, detail, hint) = match what {
        "vars" => ("A variable is not used", format!("No `${{var.{name}}}` stands in the file."), "remove it, or use it".to_owned()),
        "template" => {
            ("A template is not used", format!("No function has `use = \"{name}\"`."), "remove it, or name it in a `use`".to_owned())
        }
        _ => (
            "A shared section is not used",
            format!("No function has `{what} = \"{name}\"`, and no reference names it; it is made in AWS all the same."),
            format!("name it in a function: `{what} = \"{name}\"`"),
        ),
    };
    Diagnostic::warning("unused", summary).detail(detail).hint(hint).span(span)
}

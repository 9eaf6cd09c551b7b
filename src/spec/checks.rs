//! What is wrong between sections: references, circles, names.

use super::lower::{Lowering, address_of};
use super::shape::Checker;
use super::tree::Node;
use super::{graph, outputs};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::{Address, Path, Resource, Strength, Table, TemplatePart, Value, field};
use std::collections::{BTreeMap, BTreeSet};

/// The key of addresses that are waited for.
const DEPENDS_ON: &str = "depends_on";

impl Lowering<'_> {
    /// Every `${ADDRESS.attribute}` must name a resource and one of its attributes.
    pub fn check_references(&mut self) {
        let mut found = Vec::new();
        for section in &self.sections {
            for (path, value) in leaves(&section.values) {
                if path.first() == DEPENDS_ON {
                    found.extend(value_for_address(value).map(|finding| finding.span(section.span_of(&path)).address(address_of(section))));
                }
                value.visit_parts(&mut |part| {
                    let span = section.span_of(&path).map(|span| self.spec.source.narrow(&span, &format!("${{{}}}", part.expression())));
                    found.extend(self.check_part(part).map(|finding| finding.span(span).address(address_of(section))));
                });
            }
        }
        for (name, value) in &self.spec.outputs {
            let span = self.spec.output_spans.get(name);
            value.visit_parts(&mut |part| found.extend(self.check_part(part).map(|finding| finding.span(span.cloned()))));
            found.extend(outputs::unknown(self, value).map(|finding| finding.span(span.cloned())));
        }
        self.findings.extend(found);
    }

    fn check_part(&self, part: &TemplatePart) -> Option<Diagnostic> {
        let TemplatePart::Attribute { address, attribute } = part else { return None };
        let Some(placed) = self.resources.get(address) else {
            return Some(self.unknown_address(address, Some(attribute)));
        };
        let kind = self.registry.find(&address.kind)?;
        let names = kind.attributes().iter().map(|(name, _)| *name);
        if names.clone().any(|name| name == attribute) || placed.resource.attributes.contains_key(attribute) {
            return None;
        }
        let list = names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let finding = Diagnostic::error("unknown-attribute", "A resource has no such attribute")
            .detail(format!("`{address}` has no attribute `{attribute}`; it has {list}."));
        Some(match nearest(attribute, names) {
            Some(found) => finding.hint(format!("did you mean `{address}.{found}`?")),
            None => finding,
        })
    }

    /// Says that no resource has this address.
    pub fn unknown_address(&self, address: &Address, attribute: Option<&str>) -> Diagnostic {
        let finding = Diagnostic::error("unknown-address", "There is no such resource")
            .detail(format!("`{address}` is the address of nothing in this file."));
        // Who has made hundreds of such mistakes has made one, and each is compared with all that there is.
        let Some(left) = self.hints_left.get().checked_sub(1) else { return finding };
        self.hints_left.set(left);
        let known: Vec<String> = self.resources.keys().map(Address::to_string).collect();
        let text = address.to_string();
        // `function.hash.role` is how it stands in the file; its address is `role.hash`.
        let turned = address.part.as_ref().map_or_else(Vec::new, |kind| {
            let trigger = attribute.map(|trigger| format!("{kind}.{}.{trigger}", address.name));
            trigger.into_iter().chain([format!("{kind}.{}", address.name), format!("{}.{}", address.kind, address.name)]).collect()
        });
        let found = turned.into_iter().find(|turned| known.contains(turned));
        match found.or_else(|| nearest(&text, known.iter().map(String::as_str)).map(str::to_owned)) {
            Some(found) => finding.hint(format!("did you mean `{found}`?")),
            None => finding,
        }
    }

    /// What is waited for must exist; a soft wait for nothing is none.
    pub fn check_dependencies(&mut self) {
        let known: BTreeSet<Address> = self.resources.keys().cloned().collect();
        let mut missing = Vec::new();
        for (address, placed) in &mut self.resources {
            placed.resource.dependencies.retain(|dependency| dependency.strength == Strength::Hard || known.contains(&dependency.on));
            let unknown = placed.resource.dependencies.iter().filter(|dependency| !known.contains(&dependency.on));
            missing.extend(unknown.map(|dependency| (address.clone(), placed.section, dependency.on.clone())));
        }
        for (address, section, on) in missing {
            let span = self.span_of_dependency(section, &on).or_else(|| self.span_of_section(section));
            let finding = self.unknown_address(&on, None).address(address).span(span);
            // A function waits for what its role refers to: that is told there.
            if !self.findings.iter().any(|told| told.detail == finding.detail) {
                self.findings.push(finding);
            }
        }
    }

    /// Where `depends_on` names an address.
    fn span_of_dependency(&self, section: usize, on: &Address) -> Option<Span> {
        let section = &self.sections[section];
        let names = section.values.get(DEPENDS_ON)?.strings();
        let at = names.iter().position(|name| *name == on.to_string())?;
        section.span_of(&Path::key(DEPENDS_ON).join(&at.to_string()))
    }

    pub fn check_cycles(&mut self) {
        let resources: BTreeMap<&Address, &Resource> = self.resources.iter().map(|(address, placed)| (address, &placed.resource)).collect();
        let circles = graph::cycles(&resources);
        for circle in circles {
            let names: Vec<String> = circle.iter().chain(circle.first()).map(|address| format!("`{address}`")).collect();
            let mut finding = Diagnostic::error("dependency-cycle", "Resources wait for each other in a circle")
                .detail(format!("{}.", names.join(" → ")))
                .address(&circle[0])
                .hint("break it: write one of the values out instead of referring to the other resource");
            for (at, address) in circle.iter().enumerate() {
                let next = &circle[(at + 1) % circle.len()];
                let place = self.place_of_reference(address, next);
                finding = finding.hint(match &place {
                    Some(span) => format!("`{address}` refers to `{next}` in line {}", self.spec.source.line(span)),
                    None => format!("`{address}` always needs `{next}`"),
                });
                finding.span = finding.span.or(place);
            }
            self.findings.push(finding);
        }
    }

    /// Where the section behind `from` refers to `to`.
    fn place_of_reference(&self, from: &Address, to: &Address) -> Option<Span> {
        let section = &self.sections[self.resources.get(from)?.section];
        let (path, _) = leaves(&section.values).into_iter().find(|(path, value)| {
            let mut found = path.first() == DEPENDS_ON && value.strings().contains(&to.to_string().as_str());
            value.visit_parts(&mut |part| found |= matches!(part, TemplatePart::Attribute { address, .. } if address == to));
            found
        })?;
        section.span_of(&path)
    }

    /// Values that were open could not be checked while the file was read.
    pub fn check_filled_values(&mut self) {
        let mut found = Vec::new();
        for (before, after) in self.spec.sections.iter().zip(&self.sections) {
            let Some(kind) = self.registry.find(&before.kind) else { continue };
            for (key, value) in before.values.iter().filter(|(_, value)| value.is_unresolved()) {
                let Some(field) = field::find(kind.fields(), key) else { continue };
                let filled = without_broken(value, after.values.get(key)).resolve(&|part| self.look_up(part));
                let path = Path::key(key);
                let mut checker = Checker::new(None, address_of(after).to_string());
                checker.value(&Node::from_value(&filled, after.span_of(&path).as_ref()), &field.shape, &path);
                found.extend(checker.findings.into_iter().map(|finding| finding.address(address_of(after))));
            }
        }
        self.findings.extend(found);
    }
}

/// A reference where an address is expected: it would become a value, such as an ARN.
fn value_for_address(value: &Value) -> Option<Diagnostic> {
    let mut found = None;
    value.visit_parts(&mut |part| {
        if let TemplatePart::Attribute { address, .. } = part {
            found = Some(
                Diagnostic::error("bad-address", "Not an address")
                    .detail(format!("`depends_on` takes addresses, and `${{{}}}` becomes a value.", part.expression()))
                    .hint(format!("write `{address}`")),
            );
        }
    });
    found
}

/// A value as it was filled in, of a list without the references that could not be read: those were told.
fn without_broken(before: &Value, after: Option<&Value>) -> Value {
    let is_sound = |item: &Value| !matches!(item, Value::Unresolved(parts) if parts.is_empty());
    match (before, after.unwrap_or(before)) {
        (Value::List(before), Value::List(after)) => {
            Value::List(after.iter().zip(before).filter(|(_, before)| is_sound(before)).map(|(after, _)| after.clone()).collect())
        }
        (_, after) => after.clone(),
    }
}

/// Every value that is no table, with its path.
fn leaves(table: &Table) -> Vec<(Path, &Value)> {
    fn walk<'a>(table: &'a Table, path: &Path, found: &mut Vec<(Path, &'a Value)>) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => walk(inner, &path.join(key), found),
                Value::List(items) if items.iter().any(|item| item.as_table().is_some()) => {
                    let inner = items.iter().enumerate().map(|(at, item)| (path.join(key).join(&at.to_string()), item));
                    inner.for_each(|(path, item)| match item {
                        Value::Table(table) => walk(table, &path, found),
                        other => found.push((path, other)),
                    });
                }
                _ => found.push((path.join(key), value)),
            }
        }
    }
    let mut found = Vec::new();
    walk(table, &Path::default(), &mut found);
    found
}

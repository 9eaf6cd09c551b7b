//! `moved`: what is wrong with it, and the names in AWS that moved resources keep.

use super::Spec;
use super::header::MOVED;
use super::lower::{Lowering, address_of};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::kinds::{REPOSITORY_NAME, ROLE_SHORTHAND};
use crate::model::field::NAME_KEYS;
use crate::model::{Address, Entry, Move, Path, Section, State, Value, field};
use std::borrow::Cow;
use std::collections::BTreeSet;

impl Lowering<'_> {
    /// Says which moves lead nowhere, or away from what is still there.
    pub fn check_moves(&mut self) {
        let moved = &self.spec.header.moved;
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for one in moved {
            found.extend(self.wrong_move(one));
            for address in [("from", &one.from), ("to", &one.to)] {
                if !seen.insert(address) {
                    found.push(
                        self.of_move("moved-twice", "An address moves twice").detail(format!(
                            "`moved` has `{}` twice as `{}`, so it is not clear what becomes of it.",
                            address.1, address.0
                        )),
                    );
                }
            }
        }
        self.findings.extend(found);
    }

    fn wrong_move(&self, Move { from, to }: &Move) -> Option<Diagnostic> {
        if from.kind != to.kind || from.part.is_some() != to.part.is_some() {
            let found = self.of_move("moved-kind", "A resource cannot become one of another kind");
            return Some(
                found.detail(format!(
                    "`moved` leads from `{from}` to `{to}`, which is not of the same kind, or has another number of parts."
                )),
            );
        }
        if let Some(circle) = self.circle(from) {
            let found = self.of_move("moved-circle", "Moves lead in a circle");
            let found = found
                .detail(format!("`moved` leads from `{from}` to `{to}` and from there back to `{from}`, so nothing would move."))
                .hint("keep only the entry that leads to the address in the spec")
                .hint("two resources swap their addresses in two steps, by way of a third address");
            // Each move of a circle leads back; one of them says so.
            return circle.iter().all(|other| from <= *other).then_some(found);
        }
        if self.resources.contains_key(from) {
            let found = self.of_move("moved-still-there", "What has moved is still in the spec");
            return Some(
                found
                    .detail(format!("`moved` leads from `{from}` to `{to}`, but the spec has `{from}`, too."))
                    .hint("rename the section, or take the entry out of `moved`"),
            );
        }
        let goes_on = self.spec.header.moved.iter().any(|other| other.from == *to);
        if self.resources.contains_key(to) || goes_on {
            return None;
        }
        let names: Vec<String> = self.resources.keys().filter(|known| known.kind == to.kind).map(ToString::to_string).collect();
        let found = self.of_move("moved-nowhere", "A move leads nowhere");
        let found = found.detail(format!("`moved` leads from `{from}` to `{to}`, but the spec has no `{to}`."));
        Some(match nearest(&to.to_string(), names.iter().map(String::as_str)) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found.hint("once the resource is gone for good, the entry is of no use any more: take it out"),
        })
    }

    /// The addresses that moves lead to from `start`, where they lead back to it.
    fn circle(&self, start: &Address) -> Option<Vec<&Address>> {
        let moved = &self.spec.header.moved;
        let mut places: Vec<&Address> = Vec::new();
        // No way that ends has more steps than there are entries.
        for _ in moved {
            let place = places.last().copied().unwrap_or(start);
            places.push(&moved.iter().find(|one| one.from == *place)?.to);
            if places.last() == Some(&start) {
                return Some(places);
            }
        }
        None
    }

    fn of_move(&self, code: &'static str, summary: &'static str) -> Diagnostic {
        let span: Option<Span> = self.spec.header_spans.get(&Path::key(MOVED)).cloned();
        Diagnostic::error(code, summary).span(span)
    }
}

impl Spec {
    /// Carries out in memory what `moved` says and was not done before; those that moved.
    pub fn carry_out_moves(&self, state: &mut State) -> Vec<Move> {
        let stays: BTreeSet<Address> = self.sections.iter().map(address_of).collect();
        let moved = &self.header.moved;
        let mut carried_out = Vec::new();
        // A chain may stand in any order, and takes as many rounds as it has links at the most.
        for _ in moved {
            for wish in moved {
                let moves = state.company(wish, &|address| stays.contains(address));
                state.carry_out(&moves);
                carried_out.extend(moves.into_iter().take(1));
            }
        }
        carried_out
    }

    /// The spec with the names in AWS of resources that have moved, where it gives them none: a name that is made up from
    /// the new address would be another one.
    pub fn keeping_names(&self, state: &State) -> Cow<'_, Self> {
        if !state.entries.values().any(|entry| entry.keeps_name) {
            return Cow::Borrowed(self);
        }
        let mut spec = self.clone();
        // A role that is only referred to has its name where it stands.
        let own = |section: &&mut Section| !section.values.contains_key(ROLE_SHORTHAND);
        for section in spec.sections.iter_mut().filter(own) {
            let address = address_of(section);
            if let Some((key, name)) = kept(state, &address).and_then(|entry| self.name_of(&address.kind, entry)) {
                section.values.entry(key.to_owned()).or_insert(name);
            }
            let repository = kept(state, &Address::new("ecr", &section.name)).and_then(|entry| entry.inputs.get("repository_name"));
            if let (Some(Value::Table(image)), Some(name)) = (section.values.get_mut("image"), repository) {
                image.insert(REPOSITORY_NAME.to_owned(), name.clone());
            }
        }
        Cow::Owned(spec)
    }

    /// The key of a kind's name in AWS, and the name as it was applied.
    fn name_of(&self, kind: &str, entry: &Entry) -> Option<(&'static str, Value)> {
        let fields = self.fields.get(kind)?;
        let key = NAME_KEYS.iter().find(|key| field::find(fields, key).is_some())?;
        Some((key, entry.inputs.get(*key)?.clone()))
    }
}

fn kept<'a>(state: &'a State, address: &Address) -> Option<&'a Entry> {
    state.entries.get(address).filter(|entry| entry.keeps_name)
}

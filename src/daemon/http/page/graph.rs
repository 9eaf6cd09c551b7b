//! The graph of resources: what needs what, from left to right. Pure, and drawn here, so that it needs no script.

use super::words;
use crate::daemon::{Resource, View};
use crate::model::Address;
use maud::{Markup, html};
use std::collections::BTreeMap;

const WIDTH: usize = 192;
const HEIGHT: usize = 46;
const GAP_X: usize = 48;
const GAP_Y: usize = 14;
const MARGIN: usize = 8;
/// So many characters of a name fit into a box.
const NAME_MAX: usize = 22;

/// Where a resource is drawn: the column, and the row in it.
type Places<'a> = BTreeMap<&'a Address, (usize, usize)>;

/// The picture. Each resource leads to its function's log, or to its line of the list.
pub fn draw(view: &View) -> Markup {
    let places = places(&view.resources);
    let columns = places.values().map(|place| place.0 + 1).max().unwrap_or(0);
    let rows = places.values().map(|place| place.1 + 1).max().unwrap_or(0);
    let (width, height) = (2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X, 2 * MARGIN + rows * (HEIGHT + GAP_Y) - GAP_Y);
    html! {
        div class="scroll graph" tabindex="0" role="region" aria-label="Graph of resources" {
            svg width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="group" aria-label="What needs what" {
                @for resource in &view.resources {
                    @for needed in &resource.dependencies {
                        @if let (Some(from), Some(to)) = (places.get(needed), places.get(&resource.address)) { (edge(*from, *to)) }
                    }
                }
                @for resource in &view.resources { @if let Some(place) = places.get(&resource.address) { (node(view, resource, *place)) } }
            }
        }
    }
}

fn corner((column, row): (usize, usize)) -> (usize, usize) {
    (MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
}

fn edge(from: (usize, usize), to: (usize, usize)) -> Markup {
    let ((left, top), (right, bottom)) = (corner(from), corner(to));
    let (start, end, middle) = (left + WIDTH, right, left + WIDTH + GAP_X / 2);
    let (begin, target) = (top + HEIGHT / 2, bottom + HEIGHT / 2);
    let bend = right.saturating_sub(GAP_X / 2);
    html! { path d={ "M" (start) " " (begin) " C" (middle) " " (begin) " " (bend) " " (target) " " (end) " " (target) } {} }
}

fn node(view: &View, resource: &Resource, place: (usize, usize)) -> Markup {
    let (address, (left, top)) = (&resource.address, corner(place));
    let is_drifted = view.findings_of(address).next().is_some();
    let name = address.part.as_ref().map_or_else(|| address.name.clone(), |part| format!("{}.{part}", address.name));
    // What is said to those who do not see it is what stands there.
    let kind = format!("{}{}", address.kind.replace('_', " "), if is_drifted { " · drifted" } else { "" });
    let target = if address.kind == "function" { words::of_logs(&view.id, &address.name) } else { format!("#resource-{address}") };
    html! {
        a href=(target) class=(if is_drifted { "warn" } else { "calm" }) {
            rect x=(left) y=(top) width=(WIDTH) height=(HEIGHT) rx="8" {}
            text x=(left + 14) y=(top + 18) class="kind" { (kind) }
            text x=(left + 14) y=(top + 36) class="name" { (words::shortened(&name, NAME_MAX)) }
        }
        @if is_drifted { text x=(left + WIDTH - 22) y=(top + 29) class="sign" aria-hidden="true" { "≠" } }
    }
}

/// A resource stands to the right of all that it needs, and near it.
fn places(resources: &[Resource]) -> Places<'_> {
    let known: BTreeMap<&Address, &Resource> = resources.iter().map(|resource| (&resource.address, resource)).collect();
    let mut columns: BTreeMap<&Address, usize> = known.keys().map(|address| (*address, 0)).collect();
    // Dependencies have no circles; should a state have one all the same, this ends.
    for _ in 0..known.len() {
        let wanted: Vec<(&Address, usize)> = known.values().filter_map(|resource| moved(resource, &columns)).collect();
        if wanted.is_empty() {
            break;
        }
        columns.extend(wanted);
    }
    rows(&known, &columns)
}

/// The column that a resource should be in, if it is in another.
fn moved<'a>(resource: &'a Resource, columns: &BTreeMap<&'a Address, usize>) -> Option<(&'a Address, usize)> {
    let needed = resource.dependencies.iter().filter(|needed| **needed != resource.address).filter_map(|needed| columns.get(needed));
    let column = needed.map(|column| column + 1).max().unwrap_or(0).min(columns.len());
    (columns.get(&resource.address) != Some(&column)).then_some((&resource.address, column))
}

fn rows<'a>(known: &BTreeMap<&'a Address, &'a Resource>, columns: &BTreeMap<&'a Address, usize>) -> Places<'a> {
    let mut places = Places::new();
    let count = columns.values().max().map_or(0, |most| most + 1);
    for column in 0..count {
        let mut here: Vec<&Address> = columns.iter().filter(|(_, at)| **at == column).map(|(address, _)| *address).collect();
        // Beside what they need, else by function, so that lines cross seldom.
        here.sort_by_key(|address| (middle(known.get(*address).copied(), &places), address.name.clone(), address.kind.clone()));
        let mut free = 0;
        for address in here {
            let row = free.max(middle(known.get(address).copied(), &places) / 10);
            places.insert(address, (column, row));
            free = row + 1;
        }
    }
    places
}

/// The row in the middle of what a resource needs, in tenths.
fn middle(resource: Option<&Resource>, places: &Places<'_>) -> usize {
    let rows: Vec<usize> = resource
        .into_iter()
        .flat_map(|resource| resource.dependencies.iter())
        .filter_map(|needed| places.get(needed))
        .map(|place| place.1)
        .collect();
    if rows.is_empty() { 0 } else { rows.iter().sum::<usize>() * 10 / rows.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(address: &str, needs: &[&str]) -> Resource {
        let needs = needs.iter().map(|one| one.parse().unwrap()).collect();
        Resource { address: address.parse().unwrap(), physical_id: String::new(), dependencies: needs }
    }

    fn placed(resources: &[Resource]) -> Vec<(String, (usize, usize))> {
        places(resources).into_iter().map(|(address, place)| (address.to_string(), place)).collect()
    }

    #[test]
    fn whatever_is_needed_stands_to_the_left() {
        let resources = [
            resource("function.a", &["role.a", "log_group.a"]),
            resource("log_group.a", &[]),
            resource("permission.a.p", &["function.a", "event_rule.a"]),
            resource("role.a", &["image.gone"]),
            resource("event_rule.a", &[]),
        ];
        let places: BTreeMap<String, (usize, usize)> = placed(&resources).into_iter().collect();
        assert_eq!((places["role.a"].0, places["log_group.a"].0, places["function.a"].0, places["permission.a.p"].0), (0, 0, 1, 2));
        let rows: std::collections::BTreeSet<(usize, usize)> = places.values().copied().collect();
        assert_eq!(rows.len(), resources.len(), "no two in one place");
    }

    #[test]
    fn a_circle_ends_all_the_same() {
        let resources = [resource("a.a", &["b.b"]), resource("b.b", &["a.a"]), resource("c.c", &["c.c"])];
        assert_eq!(placed(&resources).len(), 3);
    }
}

//! Many steps, short: equal changes of many functions are shown once.

use super::groups::{Fact, Sameness, Unit, company, groups, units};
use super::step::Steps;
use super::text::{DIM, counted, listed, names, styled};
use crate::model::Address;
use std::collections::{BTreeMap, BTreeSet};

const INDENT: usize = 6;
/// Functions up to which each step is shown in full.
const FULL_FUNCTIONS_MAX: usize = 3;
/// Lines up to which only what is equal is shown as one; beyond, values that differ are counted.
const EQUAL_LINES_MAX: usize = 100;
/// Lines of names that are shown of a group in which nothing is special.
const NAME_LINES_MAX: usize = 2;
/// Values of one setting that are shown where functions differ in it.
const VALUES_MAX: usize = 3;

/// What is said about one step or one group of them.
pub type Block = Vec<String>;

/// All steps as blocks, and whether something was folded away that can be seen in full elsewhere.
pub fn blocks(steps: &Steps<'_>, is_full: bool) -> (Vec<Block>, bool) {
    if is_full || is_small(steps) {
        return (steps.changed.iter().map(|step| steps.full(step)).collect(), false);
    }
    let units = units(steps);
    let equal = groups(&units, steps, Sameness::Everything);
    let blocks: Vec<Block> = equal.iter().map(|group| block(group, steps)).collect();
    let is_folded = equal.len() < units.len();
    if blocks.iter().map(Vec::len).sum::<usize>() <= EQUAL_LINES_MAX {
        return (blocks, is_folded);
    }
    let similar = groups(&units, steps, Sameness::Shape);
    let is_folded = is_folded || similar.len() < units.len();
    (similar.iter().map(|group| block(group, steps)).collect(), is_folded)
}

fn is_small(steps: &Steps<'_>) -> bool {
    let names: BTreeSet<&str> = steps.changed.iter().map(|step| step.address.name.as_str()).collect();
    names.len() <= FULL_FUNCTIONS_MAX
}

fn block(group: &[&Unit<'_>], steps: &Steps<'_>) -> Block {
    let [first, others @ ..] = group else { return Vec::new() };
    if others.is_empty() && first.parts.is_empty() {
        return steps.full(first.lead);
    }
    // A lone unit is told with its names, several without.
    let is_alone = others.is_empty();
    let is_equal = others.iter().all(|unit| same_parts(first, unit));
    let mut lines = if is_alone { lone_head(first, steps) } else { group_head(group, steps, is_equal) };
    let key = |unit: &&Unit<'_>| unit.facts.iter().map(|fact| fact.key(steps)).collect::<Vec<_>>();
    let first_key = key(first);
    if is_equal && others.iter().all(|unit| key(unit) == first_key) {
        lines.extend(equal_facts(first, steps, !is_alone));
    } else {
        lines.extend(different_facts(group, steps));
    }
    lines
}

fn same_parts(left: &Unit<'_>, right: &Unit<'_>) -> bool {
    company(left, true) == company(right, true) && left.lead.address.part == right.lead.address.part
}

fn lone_head(unit: &Unit<'_>, steps: &Steps<'_>) -> Block {
    let id = unit.lead.physical_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    steps.headline(unit.lead, &unit.lead.address.to_string(), &id, &said(unit, steps, true))
}

/// `function.* (100): the spec changed`, and whom it means unless it means all.
fn group_head(group: &[&Unit<'_>], steps: &Steps<'_>, is_equal: bool) -> Block {
    let Some(first) = group.first() else { return Vec::new() };
    let address = &first.lead.address;
    let part = address.part.as_ref().map(|part| if is_equal { format!(".{part}") } else { ".*".into() }).unwrap_or_default();
    let is_alike = |other: &Address| other.kind == address.kind && (!is_equal || other.part == address.part);
    let is_all = steps.plan.steps.iter().filter(|step| is_alike(&step.address)).count() == group.len();
    let count = if is_all { format!(" (all {})", group.len()) } else { format!(" ({})", group.len()) };
    let mut lines = steps.headline(first.lead, &format!("{}.*{part}", address.kind), &count, &said(first, steps, is_equal));
    if !is_all || first.is_special() {
        let all: Vec<&str> = group.iter().map(|unit| unit.lead.address.name.as_str()).collect();
        let lines_max = (!first.is_special()).then_some(NAME_LINES_MAX);
        lines.extend(names(&all, INDENT, steps.columns, lines_max));
    }
    lines
}

/// Why, and with what.
fn said(unit: &Unit<'_>, steps: &Steps<'_>, is_exact: bool) -> String {
    let parts = [steps.reason(unit.lead), company(unit, is_exact)];
    parts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What is true of one unit, or of all units of a group.
fn equal_facts(unit: &Unit<'_>, steps: &Steps<'_>, is_general: bool) -> Block {
    let mut lines = Vec::new();
    for facts in unit.facts.chunk_by(|left, right| left.step.address == right.step.address && left.is_setting() == right.is_setting()) {
        let Some(first) = facts.first() else { continue };
        let place = first.place(unit.lead, true);
        let all = facts.iter().flat_map(|fact| fact.lines(steps, is_general));
        if first.is_setting() {
            let mut texts: Vec<String> = all.collect();
            if let Some(text) = texts.first_mut() {
                *text = format!("{place}{text}");
            }
            lines.extend(listed(&texts, INDENT, steps.columns).iter().map(|line| styled(DIM, line)));
        } else {
            lines.extend(all.map(|line| placed(&line, &place)));
        }
    }
    lines
}

/// A line that stands below a headline, with the part that it is about before what it says.
fn placed(line: &str, place: &str) -> String {
    match line.split_at_checked(INDENT) {
        Some((indent, text)) if !place.is_empty() && indent.trim().is_empty() && !text.starts_with(' ') => format!("{indent}{place}{text}"),
        _ => line.to_owned(),
    }
}

/// For each setting the values that units of one group have, those of many first.
fn different_facts(group: &[&Unit<'_>], steps: &Steps<'_>) -> Block {
    let mut order: Vec<(String, bool)> = Vec::new();
    let mut values: BTreeMap<(String, bool), BTreeMap<String, (usize, &Fact<'_>)>> = BTreeMap::new();
    for (unit, fact) in group.iter().flat_map(|unit| unit.facts.iter().map(move |fact| (unit, fact))) {
        let place = (format!("{}{}", fact.place(unit.lead, false), fact.path), fact.is_setting());
        let of_place = values.entry(place.clone()).or_insert_with(|| {
            order.push(place);
            BTreeMap::new()
        });
        of_place.entry(fact.general_key(steps)).or_insert((0, fact)).0 += 1;
    }
    order.iter().filter_map(|place| Some((place, values.get(place)?))).flat_map(|(place, values)| distribution(place, values, group, steps)).collect()
}

fn distribution((path, is_setting): &(String, bool), values: &BTreeMap<String, (usize, &Fact<'_>)>, group: &[&Unit<'_>], steps: &Steps<'_>) -> Block {
    let mut values: Vec<&(usize, &Fact<'_>)> = values.values().collect();
    values.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    if values.len() > VALUES_MAX {
        let noun = if *is_setting { "different value" } else { "different change" };
        return vec![styled(DIM, &format!("{:INDENT$}{path}: {}", "", counted(values.len(), noun)))];
    }
    let mut lines = Vec::new();
    for (count, fact) in values {
        let note = if *count == group.len() { String::new() } else { styled(DIM, &format!("  ({count} of {})", group.len())) };
        let place = path.strip_suffix(fact.path.as_str()).unwrap_or_default();
        let mut of_value = fact.lines(steps, true).into_iter();
        let first = of_value.next().unwrap_or_default();
        let first = if *is_setting { styled(DIM, &format!("{:INDENT$}{place}{first}", "")) } else { placed(&first, place) };
        lines.push(first + &note);
        lines.extend(of_value);
    }
    lines
}

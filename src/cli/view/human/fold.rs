//! Many steps, short: equal changes of many functions are shown once.

use super::groups::{Fact, Sameness, Unit, company, groups, units};
use super::step::Steps;
use super::text::{DIM, counted, hanging, listed, names, styled};
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

/// What is said where something was folded away.
pub fn folded_note(columns: usize) -> Block {
    let note = hanging("What is equal is shown once; `-v` shows each resource by itself.", 0, columns);
    note.iter().map(|line| styled(DIM, line)).collect()
}

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
    steps.headline(unit.lead, &unit.lead.address.to_string(), &id, &said(unit, steps, true, true))
}

/// `function.* (100): the spec changed`, and whom it means unless it means all.
fn group_head(group: &[&Unit<'_>], steps: &Steps<'_>, is_equal: bool) -> Block {
    let Some(first) = group.first() else { return Vec::new() };
    let address = &first.lead.address;
    let part = address.part.as_ref().map(|part| if is_equal { format!(".{part}") } else { ".*".into() }).unwrap_or_default();
    let is_alike = |other: &Address| other.kind == address.kind && (!is_equal || other.part == address.part);
    let is_all = steps.plan.steps.iter().filter(|step| is_alike(&step.address)).count() == group.len();
    let count = if is_all { format!(" (all {})", group.len()) } else { format!(" ({})", group.len()) };
    let mut lines = steps.headline(first.lead, &format!("{}.*{part}", address.kind), &count, &said(first, steps, is_equal, false));
    if !is_all || first.is_special() {
        let all: Vec<&str> = group.iter().map(|unit| unit.lead.address.name.as_str()).collect();
        let lines_max = (!first.is_special()).then_some(NAME_LINES_MAX);
        lines.extend(names(&all, INDENT, steps.columns, lines_max));
    }
    lines
}

/// Why, and with what.
fn said(unit: &Unit<'_>, steps: &Steps<'_>, is_exact: bool, is_alone: bool) -> String {
    let company = company(unit, is_exact);
    let company = if is_alone || company.is_empty() { company } else { format!("each {company}") };
    let parts = [steps.reason(unit.lead), company];
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

/// How many units have each value of a setting, and one of them.
type Values<'f, 'a> = BTreeMap<String, (usize, &'f Fact<'a>)>;

/// For each setting the values that units of one group have, those of many first.
fn different_facts(group: &[&Unit<'_>], steps: &Steps<'_>) -> Block {
    let mut order: Vec<(String, bool)> = Vec::new();
    let mut values: BTreeMap<(String, bool), Values<'_, '_>> = BTreeMap::new();
    for (unit, fact) in group.iter().flat_map(|unit| unit.facts.iter().map(move |fact| (unit, fact))) {
        let place = (format!("{}{}", fact.place(unit.lead, false), fact.path), fact.is_setting());
        let of_place = values.entry(place.clone()).or_insert_with(|| {
            order.push(place);
            BTreeMap::new()
        });
        of_place.entry(fact.general_key(steps)).or_insert((0, fact)).0 += 1;
    }
    order
        .iter()
        .filter_map(|place| Some((place, values.get(place)?)))
        .flat_map(|(place, values)| distribution(place, values, group, steps))
        .collect()
}

fn distribution((path, is_setting): &(String, bool), values: &Values<'_, '_>, group: &[&Unit<'_>], steps: &Steps<'_>) -> Block {
    let mut values: Vec<&(usize, &Fact<'_>)> = values.values().collect();
    values.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    if values.len() > VALUES_MAX {
        let noun = if *is_setting { "different value" } else { "different change" };
        let line = vec![styled(DIM, &format!("{:INDENT$}{path}: {}", "", counted(values.len(), noun)))];
        return shared_reason(&values, group.len(), steps).map_or(line.clone(), |reason| steps.because(line, &reason));
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

/// Why most packages of a group changed, as when all of them share a file.
fn shared_reason(values: &[&(usize, &Fact<'_>)], number: usize, steps: &Steps<'_>) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (count, fact) in values.iter().filter(|(_, fact)| fact.is_package()) {
        *counts.entry(steps.source_changes(fact.step)?).or_default() += count;
    }
    let (reason, count) = counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 1)?;
    Some(if count == number { reason } else { format!("{reason}: {count} of {number}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{change, drifted_step, new_step, operation, plan_of, spec_step, step, unchanged_step};
    use crate::cli::view::human::Purpose;
    use crate::kinds::Registry;
    use crate::model::{Action, Cause, OperationId, Plan, Reason, SourceChange, SourceChanges, Step, Table, Value};

    fn shown_at(plan: &Plan, is_full: bool, columns: usize) -> (String, bool) {
        let registry = Registry::new();
        let (blocks, is_folded) = blocks(&Steps::new(plan, &plan.steps, Purpose::Deploy, &registry, columns), is_full);
        (anstream::adapter::strip_str(&blocks.concat().join("\n")).to_string(), is_folded)
    }

    fn shown(plan: &Plan) -> String {
        shown_at(plan, false, 80).0
    }

    fn names(number: usize) -> Vec<String> {
        (0..number).map(|index| format!("report-{index:04}")).collect()
    }

    /// Adds what is made, with its settings, to a plan.
    fn make(plan: &mut Plan, address: &str, settings: &[(&str, Value)]) {
        let mut one = new_step(address);
        one.operations = vec![OperationId(plan.operations.len())];
        plan.operations.push(operation(address, settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()));
        plan.steps.push(one);
    }

    /// New functions with all that belongs to them; memory and environment as `setting` says.
    fn new_functions(number: usize, settings: impl Fn(usize) -> (i64, String)) -> Plan {
        let mut plan = plan_of(vec![]);
        for (index, name) in names(number).iter().enumerate() {
            let (memory_size, level) = settings(index);
            let environment = Value::Table(Table::from_iter([("LEVEL".to_owned(), level.as_str().into())]));
            make(&mut plan, &format!("event_rule.{name}.daily"), &[("schedule_expression", "rate(1 day)".into())]);
            make(&mut plan, &format!("function.{name}"), &[("memory_size", memory_size.into()), ("environment", environment)]);
            make(&mut plan, &format!("log_group.{name}"), &[]);
            make(&mut plan, &format!("permission.{name}.daily"), &[("principal", "events.amazonaws.com".into())]);
            make(&mut plan, &format!("role.{name}"), &[]);
        }
        plan
    }

    fn updated(name: &str, path: &str, before: &str, after: &str) -> Step {
        let one = change(path, Some(before.into()), Some(after.into()), Cause::Spec);
        step(&format!("function.{name}"), Action::Update, Reason::InputsChanged, vec![one])
    }

    #[test]
    fn one_change_of_a_hundred_functions_is_told_once() {
        let mut plan = plan_of(names(100).iter().map(|name| updated(name, "environment.LOG_LEVEL", "info", "debug")).collect());
        plan.steps.push(unchanged_step("function.other"));
        let (text, is_folded) = shown_at(&plan, false, 80);
        assert!(is_folded);
        insta::assert_snapshot!(text, @r#"
        ~ function.* (100): the spec changed
            report-0000, report-0001, report-0002, report-0003, report-0004,
            report-0005, report-0006, report-0007, report-0008, and 91 more
            environment.LOG_LEVEL: "info" -> "debug"
        "#);
        plan.steps.pop();
        insta::assert_snapshot!(shown(&plan), @r#"
        ~ function.* (all 100): the spec changed
            environment.LOG_LEVEL: "info" -> "debug"
        "#);
    }

    #[test]
    fn new_functions_are_told_with_all_that_belongs_to_them() {
        insta::assert_snapshot!(shown(&new_functions(5, |index| (if index == 4 { 512 } else { 256 }, "info".into()))), @r#"
        + function.* (4)
            new, each with its event_rule.daily, log_group, permission.daily and
              role
            report-0000, report-0001, report-0002, report-0003
            environment = {"LEVEL":"info"}, memory_size = 256
            event_rule.daily: schedule_expression = "rate(1 day)"
        + function.report-0004 (demo-report-0004)
            new, with its event_rule.daily, log_group, permission.daily and role
            environment = {"LEVEL":"info"}, memory_size = 512
            event_rule.daily: schedule_expression = "rate(1 day)"
        "#);
    }

    #[test]
    fn small_plans_and_full_ones_tell_each_resource() {
        let plan = new_functions(3, |_| (256, "info".into()));
        assert_eq!(shown(&plan).lines().filter(|line| line.starts_with("  + ")).count(), 15);
        let plan = new_functions(4, |_| (256, "info".into()));
        assert_eq!(shown(&plan).lines().filter(|line| line.starts_with("  + ")).count(), 1);
        assert_eq!(shown_at(&plan, true, 80).0.lines().filter(|line| line.starts_with("  + ")).count(), 20);
    }

    #[test]
    fn where_many_functions_differ_their_values_are_counted() {
        let plan = new_functions(300, |index| (if index % 3 == 0 { 256 } else { 512 }, format!("level {index}")));
        insta::assert_snapshot!(shown(&plan), @r#"
        + function.* (all 300)
            new, each with its event_rule.daily, log_group, permission.daily and
              role
            environment: 300 different values
            memory_size = 512  (200 of 300)
            memory_size = 256  (100 of 300)
            event_rule: schedule_expression = "rate(1 day)"
        "#);
    }

    #[test]
    fn many_different_changes_are_counted_and_special_ones_are_named() {
        let mut plan =
            plan_of(names(200).iter().map(|name| updated(name, "code", &format!("old {name}"), &format!("new {name}x"))).collect());
        plan.steps.extend(["gone-a", "gone-b"].map(|name| step(&format!("function.{name}"), Action::Delete, Reason::NotInSpec, vec![])));
        plan.steps.push(step("role.gone-a", Action::Delete, Reason::NotInSpec, vec![]));
        plan.steps.push(drifted_step("function.odd", &["timeout"]));
        plan.steps.push(step("function.moved", Action::Replace, Reason::CannotUpdateInPlace, vec![]));
        insta::assert_snapshot!(shown(&plan), @r"
          ~ function.* (200): the package changed
              report-0000, report-0001, report-0002, report-0003, report-0004,
              report-0005, report-0006, report-0007, report-0008, and 191 more
              code: 200 different changes
          ~ function.odd (demo-odd): changed outside lambdo
              timeout: 512 -> 128  (drift)
        -/+ function.moved (demo-moved): cannot be changed in place
          - function.gone-a (demo-gone-a): not in the spec any more, with its role
          - function.gone-b (demo-gone-b): not in the spec any more
        ");
    }

    #[test]
    fn names_of_what_is_deleted_or_drifted_are_never_left_out() {
        let mut steps: Vec<Step> =
            names(60).iter().map(|name| step(&format!("function.{name}"), Action::Delete, Reason::NotInSpec, vec![])).collect();
        steps.extend(names(60).iter().map(|name| drifted_step(&format!("log_group.{name}"), &["retention_in_days"])));
        let text = shown(&plan_of(steps));
        assert!(names(60).iter().all(|name| text.matches(name).count() == 2), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "n".repeat(48);
        let mut plan = new_functions(40, |index| (index as i64, "日本語".repeat(40)));
        plan.steps
            .extend((0..9).map(|index| updated(&format!("{long}{index}"), "description", &"before ".repeat(40), &"after ".repeat(40))));
        plan.steps.extend((0..9).map(|index| spec_step(&format!("function.short{index}"))));
        for columns in [60, 80, 120, 200] {
            let text = shown_at(&plan, false, columns).0;
            let wide: Vec<&str> = text.lines().filter(|line| super::super::text::width(line) > columns).collect();
            assert_eq!(wide, Vec::<&str>::new(), "{columns}");
        }
    }

    #[test]
    fn a_file_that_many_packages_share_is_told_once() {
        let code =
            |index: usize| change("code", Some(format!("sha256:{index}").into()), Some(format!("sha256:9{index}").into()), Cause::Spec);
        let updated = |index: usize| step(&format!("function.f{index}"), Action::Update, Reason::InputsChanged, vec![code(index)]);
        let mut plan = plan_of((0..120).map(updated).collect());
        let because = |name: &str| SourceChanges::of([SourceChange::Changed { name: name.into() }]);
        plan.source_changes = plan.steps.iter().map(|step| (step.address.clone(), because("lib/auth.go"))).collect();
        insta::assert_snapshot!(shown(&plan), @r"
          ~ function.* (all 120): the package changed
              code: 120 different changes  (lib/auth.go changed)
        ");
        plan.source_changes.insert("function.f0".parse().unwrap(), because("api/f0/main.go"));
        assert!(shown(&plan).contains("(lib/auth.go changed: 119 of 120)"), "{}", shown(&plan));
        plan.steps.truncate(2);
        insta::assert_snapshot!(shown(&plan), @r#"
          ~ function.f0 (demo-f0): the package changed
              code: "sha256:0" -> "sha256:90"  (api/f0/main.go changed)
          ~ function.f1 (demo-f1): the package changed
              code: "sha256:1" -> "sha256:91"  (lib/auth.go changed)
        "#);
        let long = because("a/very/long/path/to/a/file/that/has/no/room/on/the/same/line/main.go");
        plan.source_changes.insert("function.f0".parse().unwrap(), long);
        plan.steps.truncate(1);
        insta::assert_snapshot!(shown(&plan), @r#"
          ~ function.f0 (demo-f0): the package changed
              code: "sha256:0" -> "sha256:90"
                (a/very/long/path/to/a/file/that/has/no/room/on/the/same/line/main.go
                  changed)
        "#);
    }

    #[test]
    fn three_thousand_functions_fit_few_lines() {
        let equal = shown(&new_functions(3_000, |_| (256, "info".into())));
        let different = shown(&new_functions(3_000, |index| (index as i64, format!("{index}"))));
        assert!(equal.lines().count() < 20 && different.lines().count() < 20, "{equal}\n{different}");
    }
}

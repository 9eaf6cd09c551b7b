//! What belongs together in a plan: the resources of one new function, and functions with equal changes.

use super::settings;
use super::step::{Steps, is_package, shown_action};
use crate::model::{Action, Cause, Change, Effect, Reason, Step, Value};
use std::collections::{BTreeMap, BTreeSet};

const FUNCTION: &str = "function";
/// The block of rights tells what a permission says.
const TOLD_AS_RIGHT: &str = "permission";

/// A function with all that comes or goes with it, or one resource alone.
pub struct Unit<'a> {
    /// The function, or the one resource.
    pub lead: &'a Step,
    /// The function's others.
    pub parts: Vec<&'a Step>,
    /// What is said about all of them.
    pub facts: Vec<Fact<'a>>,
}

/// One setting of something new, or one change.
pub struct Fact<'a> {
    /// Whose it is.
    pub step: &'a Step,
    /// The setting.
    pub path: String,
    /// What it is.
    pub body: Body<'a>,
}

/// What a fact says.
pub enum Body<'a> {
    /// Something new is made with it.
    Setting(Value),
    /// Something that exists is changed.
    Change(&'a Change),
}

impl Unit<'_> {
    /// Whether somebody must see it by name: what is replaced or deleted, and what was changed behind our back.
    pub fn is_special(&self) -> bool {
        let is_special = |step: &Step| {
            let is_odd =
                |change: &Change| change.cause != Cause::Spec || (change.effect == Effect::Replace && shown_action(step) == step.action);
            matches!(shown_action(step), Action::Replace | Action::Delete)
                || matches!(step.reason, Reason::MissingInAws | Reason::Drifted)
                || (step.action != Action::Create && step.changes.iter().any(is_odd))
        };
        is_special(self.lead) || self.parts.iter().any(|part| is_special(part))
    }

    /// The place among other units: harmless ones first, so that the others stand near the end, where the eye is.
    fn rank(&self) -> u8 {
        match (shown_action(self.lead), self.is_special()) {
            (Action::Create, false) => 0,
            (Action::Adopt, _) => 1,
            (Action::Update | Action::NoOp, false) => 2,
            (Action::Forget, _) => 3,
            (Action::Update | Action::Create | Action::NoOp, true) => 4,
            (Action::Replace, _) => 5,
            (Action::Delete, _) => 6,
        }
    }

    /// What two units must have in common to be shown as one.
    fn key(&self, steps: &Steps<'_>, sameness: Sameness) -> Vec<String> {
        let mut key = vec![format!("{:?} {:?} {}", self.lead.action, self.lead.reason, self.lead.address.kind)];
        let exact = sameness == Sameness::Everything || self.is_special();
        key.extend(self.lead.address.part.clone().filter(|_| exact));
        let parts: BTreeSet<String> = self.parts.iter().map(|part| label(part, exact)).collect();
        key.extend(parts);
        let facts = self.facts.iter();
        match (exact, self.lead.action) {
            (true, _) => key.extend(facts.map(|fact| fact.key(steps))),
            (false, Action::Create) => {}
            (false, _) => key.extend(facts.map(|fact| fact.place(self.lead, false) + &fact.path)),
        }
        key
    }
}

/// How much two units must have in common to be shown as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// All but the function's name.
    Everything,
    /// What is done with what; values may differ. Special units must have all in common still.
    Shape,
}

impl Fact<'_> {
    /// The fact without its function's name, so that equal ones are equal.
    pub fn key(&self, steps: &Steps<'_>) -> String {
        let without = |value: &Value| steps.own_names.without_in(&self.step.address, value).to_json().to_string();
        let place = label(self.step, true);
        match &self.body {
            Body::Setting(value) => format!("{place} {} = {}", self.path, without(value)),
            Body::Change(change) => {
                let side = |side: &Option<Value>| side.as_ref().map(without).unwrap_or_default();
                let sides = [side(&change.applied), side(&change.live), side(&change.desired)].join("\u{0}");
                format!("{place} {} {:?} {:?} {sides}", self.path, change.cause, change.effect)
            }
        }
    }

    /// The same where triggers of any name are meant.
    pub fn general_key(&self, steps: &Steps<'_>) -> String {
        self.key(steps).split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    }

    /// Whether it is another package.
    pub fn is_package(&self) -> bool {
        matches!(self.body, Body::Change(change) if is_package(change))
    }

    /// Whether it is a setting of something new.
    pub fn is_setting(&self) -> bool {
        matches!(self.body, Body::Setting(_))
    }

    /// `event_rule.daily: ` before what is said of a part; nothing before what is said of the lead itself.
    pub fn place(&self, lead: &Step, is_exact: bool) -> String {
        if self.step.address == lead.address { String::new() } else { format!("{}: ", label(self.step, is_exact)) }
    }

    /// The lines of the fact; where it stands for several functions, without their names.
    pub fn lines(&self, steps: &Steps<'_>, is_general: bool) -> Vec<String> {
        let address = &self.step.address;
        let value = |value: &Value| if is_general { steps.own_names.without_in(address, value) } else { value.clone() };
        match &self.body {
            Body::Setting(setting) => vec![settings::text(&self.path, &value(setting), steps)],
            Body::Change(change) => {
                let side = |side: &Option<Value>| side.as_ref().map(value);
                let change = Change {
                    applied: side(&change.applied),
                    live: side(&change.live),
                    desired: side(&change.desired),
                    ..(*change).clone()
                };
                steps.change(self.step, &change)
            }
        }
    }
}

/// `event_rule.daily`, or `event_rule` where triggers of any name are meant.
fn label(step: &Step, is_exact: bool) -> String {
    let part = step.address.part.as_ref().filter(|_| is_exact).map(|part| format!(".{part}")).unwrap_or_default();
    format!("{}{part}", step.address.kind)
}

/// What comes or goes with the lead, in words; empty for a lead alone.
pub fn company(unit: &Unit<'_>, is_exact: bool) -> String {
    let labels: BTreeSet<String> = unit.parts.iter().map(|part| label(part, is_exact)).collect();
    let labels: Vec<String> = labels.into_iter().collect();
    match labels.as_slice() {
        [] => String::new(),
        [one] => format!("with its {one}"),
        [others @ .., last] => format!("with its {} and {last}", others.join(", ")),
    }
}

/// The changed steps as units: what is made or deleted together with its function is one.
pub fn units<'a>(steps: &Steps<'a>) -> Vec<Unit<'a>> {
    let goes_together = |step: &Step| step.action == Action::Delete || (step.action == Action::Create && step.reason == Reason::NotInState);
    let together = steps.changed.iter().filter(|step| goes_together(step));
    let mut leads: BTreeMap<(&str, Action), usize> = BTreeMap::new();
    let mut units: Vec<Unit<'a>> = Vec::new();
    for step in together.clone().filter(|step| step.address.kind == FUNCTION) {
        leads.insert((&step.address.name, step.action), units.len());
        units.push(Unit { lead: step, parts: Vec::new(), facts: Vec::new() });
    }
    for step in &steps.changed {
        let lead = leads.get(&(step.address.name.as_str(), step.action)).filter(|_| goes_together(step));
        match lead {
            Some(_) if step.address.kind == FUNCTION => {}
            Some(lead) => units[*lead].parts.push(step),
            None => units.push(Unit { lead: step, parts: Vec::new(), facts: Vec::new() }),
        }
    }
    for unit in &mut units {
        unit.facts = [unit.lead].into_iter().chain(unit.parts.iter().copied()).flat_map(|step| facts(step, unit.lead, steps)).collect();
    }
    units
}

fn facts<'a>(step: &'a Step, lead: &Step, steps: &Steps<'a>) -> Vec<Fact<'a>> {
    let is_part = step.address != lead.address;
    if is_part && step.address.kind == TOLD_AS_RIGHT {
        return Vec::new();
    }
    let changes = steps.changes(step).map(|change| Fact { step, path: change.path.to_string(), body: Body::Change(change) });
    let settings = settings::of(step, steps, is_part).into_iter().map(|(path, value)| Fact { step, path, body: Body::Setting(value) });
    changes.chain(settings).collect()
}

/// Units that are shown as one, in the order of their ranks, then of the first of each.
pub fn groups<'u, 'a>(units: &'u [Unit<'a>], steps: &Steps<'a>, sameness: Sameness) -> Vec<Vec<&'u Unit<'a>>> {
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Unit<'a>>> = Vec::new();
    for unit in units {
        let next = groups.len();
        let place = *places.entry(unit.key(steps, sameness)).or_insert(next);
        if place == next {
            groups.push(Vec::new());
        }
        groups[place].push(unit);
    }
    groups.sort_by_key(|group| group.first().map(|unit| unit.rank()));
    groups
}

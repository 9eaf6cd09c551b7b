//! Wishes that were not applied yet, counted without AWS and without a build.

use super::diff::{Sides, difference};
use crate::model::observed::tag;
use crate::model::{Address, Carry, Cause, Change, Desired, Entry, Live, Path, Plan, Resource, RulesSet, State, Step, Table, Value};
use std::collections::BTreeMap;

/// Settings that a build decides; nothing is known about them without one.
pub const BUILT_KEYS: [&str; 2] = ["code", "code_sha256"];

/// What only a build brings into a spec.
const BUILT_KINDS: [&str; 3] = ["code_object", "image", "layer"];

/// How many resources the spec wants otherwise than they were applied. `plan` leads towards what was applied: what it found to be
/// different in AWS and the spec wants just so is no wish any more, as the next plan will see.
pub fn count(desired: &Desired, plan: &Plan, state: &State, rules: &dyn RulesSet) -> usize {
    let steps: BTreeMap<&Address, &Step> = plan.steps.iter().map(|step| (&step.address, step)).collect();
    let is_pending = |(address, resource): &(&Address, &Resource)| match state.entries.get(*address) {
        Some(entry) => differs(resource, entry, steps.get(*address).copied(), rules),
        None => true,
    };
    let is_left = |address: &&Address| !desired.resources.contains_key(*address) && !BUILT_KINDS.contains(&address.kind.as_str());
    desired.resources.iter().filter(is_pending).count() + state.entries.keys().filter(is_left).count()
}

/// How many values of the spec are secrets, whose sources only a plan reads.
pub fn secrets(desired: &Desired) -> usize {
    desired.resources.values().map(|resource| secrets_in(&resource.inputs)).sum()
}

fn secrets_in(table: &Table) -> usize {
    let one = |value: &Value| match value {
        Value::Secret(_) => 1,
        Value::Table(inner) => secrets_in(inner),
        _ => 0,
    };
    table.values().map(one).sum()
}

fn differs(resource: &Resource, entry: &Entry, step: Option<&Step>, rules: &dyn RulesSet) -> bool {
    if entry.keep != resource.keep {
        return true;
    }
    let fields = rules.rules(&resource.address.kind).map(crate::model::Rules::fields).unwrap_or_default();
    let (applied, wanted) = (without_ownership(&entry.inputs), without_ownership(&resource.inputs));
    let mut live = Live::new(entry.physical_id.clone());
    live.fields.clone_from(&applied);
    for change in step.iter().flat_map(|step| &step.changes) {
        Carry { path: change.path.clone(), value: change.live.clone() }.apply(&mut live.fields);
    }
    let sides = Sides { applied: Some(&applied), live: &live, desired: &wanted, ignore: &resource.ignore };
    let is_wish = |change: &Change| change.cause != Cause::Drift && !change.desired.as_ref().is_some_and(Value::is_unresolved);
    let is_built = |path: &Path| path.0.first().is_some_and(|key| BUILT_KEYS.contains(&key.as_str()));
    difference(fields, &sides).changes.iter().any(|change| is_wish(change) && !is_built(&change.path))
}

/// The planner puts lambdo's tags in; the spec does not have them.
fn without_ownership(inputs: &Table) -> Table {
    let mut inputs = inputs.clone();
    if let Some(Value::Table(tags)) = inputs.get_mut("tags") {
        tags.retain(|key, _| !tag::is_lambdos(key));
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::kinds::Registry;
    use crate::model::{Action, Reason};

    fn pending(desired: &Desired, state: &State, steps: Vec<Step>) -> usize {
        count(desired, &fixtures::plan_of(steps), state, &Registry::new())
    }

    fn inputs<'a>(desired: &'a mut Desired, address: &Address) -> &'a mut Table {
        &mut desired.resources.get_mut(address).unwrap().inputs
    }

    #[test]
    fn what_is_wanted_otherwise_new_or_not_any_more_is_pending() {
        let mut state = fixtures::state();
        let hash = Address::new("function", "hash");
        let tags = Table::from_iter([tag::LINEAGE, tag::ADOPTED].map(|key| (key.to_owned(), "x".into())));
        state.entries.get_mut(&hash).unwrap().inputs.insert("tags".into(), Value::Table(tags));
        let mut desired = Desired::as_applied(&state);
        inputs(&mut desired, &hash).remove("tags");
        assert_eq!(pending(&desired, &state, vec![]), 0);
        desired.resources.get_mut(&hash).unwrap().keep = true;
        assert_eq!(pending(&desired, &state, vec![]), 1);
        desired.resources.get_mut(&hash).unwrap().keep = false;
        inputs(&mut desired, &hash).insert("memory_size".into(), 256.into());
        assert_eq!(pending(&desired, &state, vec![]), 1);
        desired.resources.insert(Address::new("role", "new"), Resource::new(Address::new("role", "new"), "new"));
        desired.resources.remove(&Address::new("log_group", "hash"));
        assert_eq!(pending(&desired, &state, vec![]), 3);
    }

    #[test]
    fn what_only_a_build_or_aws_knows_is_not_pending() {
        let state = fixtures::state();
        let (mut desired, hash) = (Desired::as_applied(&state), Address::new("function", "hash"));
        inputs(&mut desired, &hash).insert("code".into(), "sha256:0".into());
        inputs(&mut desired, &hash).insert("role".into(), Value::reference(&Address::new("role", "hash"), "unique_id"));
        assert_eq!(pending(&desired, &state, vec![]), 0);
    }

    #[test]
    fn what_lives_as_it_is_wanted_is_not_pending() {
        let state = fixtures::state();
        let (mut desired, hash) = (Desired::as_applied(&state), Address::new("function", "hash"));
        inputs(&mut desired, &hash).insert("memory_size".into(), 512.into());
        let drifted = |live: i64| {
            let change = fixtures::change("memory_size", Some(128.into()), Some(live.into()), Cause::Drift);
            vec![fixtures::step("function.hash", Action::Update, Reason::Drifted, vec![change])]
        };
        assert_eq!((pending(&desired, &state, drifted(512)), pending(&desired, &state, drifted(256))), (0, 1));
    }

    #[test]
    fn a_policy_that_says_the_same_is_not_pending() {
        let mut state = fixtures::state();
        let role = Address::new("role", "hash");
        let policy = |text: &str| {
            let document = Value::from_json(&serde_json::from_str(text).unwrap());
            Value::Table(Table::from_iter([("inline".to_owned(), document)]))
        };
        let mut entry = Entry::new("demo-hash".into());
        entry.inputs.insert("inline_policy".into(), policy(r#"{"Statement":[{"Effect":"Allow","Action":["s3:Get"],"Resource":"*"}]}"#));
        state.entries.insert(role.clone(), entry);
        let mut desired = Desired::as_applied(&state);
        let alone = policy(r#"{"Statement":{"Effect":"Allow","Action":"s3:Get","Resource":["*"]}}"#);
        inputs(&mut desired, &role).insert("inline_policy".into(), alone);
        assert_eq!(pending(&desired, &state, vec![]), 0);
    }
}

//! Wishes that were not applied yet, counted without AWS and without a build.

use crate::model::observed::tag;
use crate::model::{Address, Compare, Desired, Entry, Field, Resource, RulesSet, State, Table, Value, field};

/// Settings that a build decides; nothing is known about them without one.
pub const BUILT_KEYS: [&str; 2] = ["code", "code_sha256"];

/// What only a build brings into a spec.
const BUILT_KINDS: [&str; 3] = ["code_object", "image", "layer"];

/// How many resources the spec wants otherwise than they were applied.
pub fn count(desired: &Desired, state: &State, rules: &dyn RulesSet) -> usize {
    let wanted = desired.resources.iter().filter(|(address, resource)| is_pending(address, resource, state, rules)).count();
    let is_left = |address: &&Address| !desired.resources.contains_key(*address) && !BUILT_KINDS.contains(&address.kind.as_str());
    wanted + state.entries.keys().filter(is_left).count()
}

fn is_pending(address: &Address, resource: &Resource, state: &State, rules: &dyn RulesSet) -> bool {
    let Some(entry) = state.entries.get(address) else { return true };
    if entry.keep != resource.keep {
        return true;
    }
    let fields = rules.rules(&address.kind).map(crate::model::Rules::fields).unwrap_or_default();
    let keys = resource.inputs.keys().chain(entry.inputs.keys());
    keys.filter(|key| !BUILT_KEYS.contains(&key.as_str())).any(|key| differs(key, resource, entry, fields))
}

fn differs(key: &str, resource: &Resource, entry: &Entry, fields: &[Field]) -> bool {
    let field = field::find(fields, key);
    let wanted = resource.inputs.get(key).map(without_ownership);
    if field.is_some_and(|field| field.internal) || wanted.as_ref().is_some_and(Value::is_unresolved) {
        return false;
    }
    let applied = entry.inputs.get(key).map(without_ownership);
    !field.map_or(Compare::Exact, |field| field.compare).is_equal(wanted.as_ref(), applied.as_ref())
}

/// The planner puts lambdo's tags in; the spec does not have them.
fn without_ownership(value: &Value) -> Value {
    match value {
        Value::Table(table) => {
            let kept: Table = table.iter().filter(|(key, _)| !tag::is_lambdos(key)).map(|(key, one)| (key.clone(), one.clone())).collect();
            Value::Table(kept)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::model::Rules;

    struct NoRules;

    impl RulesSet for NoRules {
        fn rules(&self, _kind: &str) -> Option<&dyn Rules> {
            None
        }
    }

    #[test]
    fn what_is_wanted_otherwise_new_or_not_any_more_is_pending() {
        let mut state = fixtures::state();
        let hash = Address::new("function", "hash");
        let tags = Table::from_iter([tag::LINEAGE, tag::ADOPTED].map(|key| (key.to_owned(), "x".into())));
        state.entries.get_mut(&hash).unwrap().inputs.insert("tags".into(), Value::Table(tags));
        let mut desired = Desired::as_applied(&state);
        desired.resources.get_mut(&hash).unwrap().inputs.remove("tags");
        assert_eq!(count(&desired, &state, &NoRules), 0);
        desired.resources.get_mut(&hash).unwrap().keep = true;
        assert_eq!(count(&desired, &state, &NoRules), 1);
        desired.resources.get_mut(&hash).unwrap().keep = false;
        desired.resources.get_mut(&hash).unwrap().inputs.insert("memory_size".into(), 256.into());
        assert_eq!(count(&desired, &state, &NoRules), 1);
        desired.resources.insert(Address::new("role", "new"), Resource::new(Address::new("role", "new"), "new"));
        desired.resources.remove(&Address::new("log_group", "hash"));
        assert_eq!(count(&desired, &state, &NoRules), 3);
    }

    #[test]
    fn what_only_a_build_or_aws_knows_is_not_pending() {
        let state = fixtures::state();
        let mut desired = Desired::as_applied(&state);
        let inputs = &mut desired.resources.get_mut(&Address::new("function", "hash")).unwrap().inputs;
        inputs.insert("code".into(), "sha256:0".into());
        inputs.insert("role".into(), Value::reference(&Address::new("role", "hash"), "unique_id"));
        assert_eq!(count(&desired, &state, &NoRules), 0);
    }
}

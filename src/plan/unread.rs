//! What could not be read, or was left out, and whether anybody misses it.

use super::extras;
use crate::model::observed::tag;
use crate::model::plan::LeftOut;
use crate::model::{Address, Desired, Live, Path, Plan, RulesSet, Sighting, State, Value, field};

/// Where it stands whether somebody asked for a setting.
pub struct Asked<'a> {
    pub desired: &'a Desired,
    pub state: &'a State,
    pub rules: &'a dyn RulesSet,
}

impl Asked<'_> {
    /// Whether only a deep check looks there: at a setting that costs a call, at what others attached, or at what nobody declared.
    fn is_deep(&self, address: &Address, path: &Path) -> bool {
        let key = path.first();
        self.rules.rules(&address.kind).is_some_and(|rules| {
            let is_field = field::find(rules.fields(), key).is_some_and(|field| field.deep);
            is_field || rules.attached().contains(&key) || field::find(rules.undeclared(), key).is_some()
        })
    }

    /// Whether the spec or the state says something there; our own tags say nothing.
    fn is_asked_for(&self, address: &Address, path: &Path) -> bool {
        let wanted = self.desired.resources.get(address).and_then(|resource| resource.inputs.get(path.first()));
        let applied = self.state.entries.get(address).and_then(|entry| entry.inputs.get(path.first()));
        let says_something = |value: &Value| match value {
            Value::Table(table) => table.keys().any(|key| !tag::is_ours(key)),
            _ => true,
        };
        [wanted, applied].into_iter().flatten().any(says_something)
    }
}

/// Writes down what of a resource that was seen is not known, and what AWS or others say of it.
pub fn note(address: &Address, live: &Live, plan: &mut Plan, asked: &Asked<'_>) {
    plan.unchecked.extend(live.unchecked.iter().map(|unchecked| (address.clone(), unchecked.clone())));
    let left_out = live.skipped.iter().filter(|path| asked.is_deep(address, path));
    let left_out =
        left_out.map(|path| LeftOut { address: address.clone(), path: path.clone(), is_asked_for: asked.is_asked_for(address, path) });
    plan.not_deep.extend(left_out);
    plan.notes.extend(live.remarks.iter().map(|remark| (address.clone(), remark.clone())));
    extras::note(address, live, plan, asked);
}

/// Writes down a resource of which nothing is known.
pub fn note_unreadable(address: &Address, sighting: Option<&Sighting>, plan: &mut Plan) {
    if let Some(Sighting::Unreadable(unchecked)) = sighting {
        plan.unchecked.push((address.clone(), unchecked.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use crate::model::{Lineage, Resource, Table, Target};

    #[test]
    fn what_others_may_have_attached_is_left_out_and_missed_by_nobody() {
        let address = Address::new("function", "a");
        let mut state = State::new(Lineage("x".into()), "demo", None, Target::placeholder(), None);
        state.entries.insert(address.clone(), crate::model::Entry::new("demo-a".into()));
        let (desired, registry) = (Desired::as_applied(&state), Registry::new());
        let mut live = Live::new("demo-a".into());
        live.skipped = ["function_url", "statement", "recursive_loop", "environment"].map(Path::key).to_vec();
        let mut plan = crate::plan::plan(&desired, &state, &Default::default(), &registry, &Default::default());
        note(&address, &live, &mut plan, &Asked { desired: &desired, state: &state, rules: &registry });
        let left = |key: &str| LeftOut { address: address.clone(), path: Path::key(key), is_asked_for: false };
        assert_eq!(plan.not_deep, ["function_url", "statement", "recursive_loop"].map(left));
    }

    #[test]
    fn only_tags_that_somebody_asked_for_are_missed() {
        let address = Address::new("log_group", "a");
        let state = State::new(Lineage("x".into()), "demo", None, Target::placeholder(), None);
        let registry = Registry::new();
        let mut live = Live::new("a".into());
        live.skipped = vec![Path::key("tags"), Path::key("retention_in_days")];
        for (key, is_asked_for) in [(tag::ADDRESS, false), ("team", true)] {
            let mut desired = Desired::nothing("demo", None);
            let mut resource = Resource::new(address.clone(), "a");
            resource.inputs.insert("tags".into(), Value::Table(Table::from_iter([(key.to_owned(), "x".into())])));
            desired.resources.insert(address.clone(), resource);
            let mut plan = crate::plan::plan(&desired, &state, &Default::default(), &registry, &Default::default());
            note(&address, &live, &mut plan, &Asked { desired: &desired, state: &state, rules: &registry });
            assert_eq!(plan.not_deep, [LeftOut { address: address.clone(), path: Path::key("tags"), is_asked_for }]);
        }
    }
}

//! What lives with a resource of ours and that nobody declared: what others attached, and settings that left AWS's default.

use super::refusal;
use super::unread::Asked;
use crate::model::observed::tag;
use crate::model::plan::Refusal;
use crate::model::{Address, Entry, Extra, ExtraClass, Live, Path, PhysicalId, Plan, Rules, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of tags that AWS itself puts on things.
const OF_AWS: &str = "aws:";

/// Writes down the extras of a resource. What dies with its parent speaks for the parent: which of several such resources
/// shows what others put beside them is chance.
pub fn note(address: &Address, live: &Live, plan: &mut Plan, asked: &Asked<'_>) {
    let Some(rules) = asked.rules.rules(&address.kind) else { return };
    let entry = asked.state.entries.get(address);
    let owner = entry.and_then(|entry| entry.parent.as_ref()).filter(|_| rules.dies_with_parent()).unwrap_or(address);
    let is_ours = |extra: &Extra| extra.physical_id.as_ref().is_some_and(|id| is_known(id, asked));
    let ignored = |extra: &Extra| {
        let ignore = asked.state.entries.get(owner).map(|entry| entry.ignore.as_slice()).unwrap_or_default();
        ignore.iter().any(|pattern| extra.path.is_covered_by(pattern))
    };
    let foreign = live.extras.iter().filter(|extra| !is_ours(extra)).cloned();
    let found = foreign.chain(entry.into_iter().flat_map(|entry| undeclared(rules, live, entry))).filter(|extra| !ignored(extra));
    for extra in found {
        if extra.class == ExtraClass::Foreign {
            plan.notes.push((owner.clone(), format!("not ours and left as it is: {}", extra.text)));
        }
        plan.extras.push((owner.clone(), extra));
    }
}

/// What stands in the way of deleting things to make them anew: what others attached would go with them.
pub fn losses(plan: &Plan, is_replaced: impl Fn(&Address) -> bool) -> Vec<Refusal> {
    let mut lost: BTreeMap<&Address, BTreeSet<&str>> = BTreeMap::new();
    for (address, extra) in &plan.extras {
        if extra.class == ExtraClass::Foreign && is_replaced(address) {
            lost.entry(address).or_default().insert(&extra.text);
        }
    }
    lost.into_iter().map(|(address, texts)| refusal::takes_along(address, &texts)).collect()
}

/// Whether the state or the spec knows a resource of this name.
fn is_known(id: &PhysicalId, asked: &Asked<'_>) -> bool {
    let of_entry = |entry: &Entry| entry.has_name(|one| one == id);
    asked.state.entries.values().any(of_entry) || asked.desired.resources.values().any(|resource| resource.physical_id() == Some(id))
}

fn undeclared(rules: &dyn Rules, live: &Live, entry: &Entry) -> Vec<Extra> {
    let settings = rules.undeclared().iter().filter_map(|field| {
        let (value, usual) = (live.undeclared.get(field.key)?, field.default.value());
        let is_usual = field.compare.is_equal(Some(value), usual.as_ref());
        (!is_usual).then(|| setting(Path::key(field.key), value.clone(), usual, field.doc))
    });
    let declared = entry.inputs.get("tags").and_then(Value::as_table);
    let is_stranger =
        |key: &&String| !key.starts_with(OF_AWS) && !tag::is_lambdos(key) && declared.is_none_or(|tags| !tags.contains_key(*key));
    let tags = live.tags.iter().flatten().filter(|(key, _)| is_stranger(key));
    let tags = tags.map(|(key, value)| setting(Path::key("tags").join(key), value.as_str().into(), None, "A tag."));
    settings.chain(tags).collect()
}

fn setting(path: Path, live: Value, usual: Option<Value>, doc: &str) -> Extra {
    let text = doc.trim_end_matches('.').to_owned();
    Extra { class: ExtraClass::Undeclared, path, live: Some(live), usual, text, physical_id: None, is_public: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use crate::model::{Desired, Lineage, State, Table, Target};

    fn found(address: &Address, live: &Live, entry: Entry) -> Vec<String> {
        let mut state = State::new(Lineage("x".into()), "demo", None, Target::placeholder(), None);
        state.entries.insert(address.clone(), entry);
        let (desired, registry) = (Desired::as_applied(&state), Registry::new());
        let mut plan = crate::plan::plan(&desired, &state, &Default::default(), &registry, &Default::default());
        note(address, live, &mut plan, &Asked { desired: &desired, state: &state, rules: &registry });
        plan.extras.iter().map(|(address, extra)| format!("{} {address} {}", extra.class.word(), extra.path)).collect()
    }

    #[test]
    fn what_speaks_for_its_parent_does_so() {
        let mut live = Live::new("demo-a/lambdo-x".into());
        let statement = |sid: &str| Extra::foreign(Path::key("statement").join(sid), "a statement").called(format!("demo-a/{sid}").into());
        live.extras = vec![statement("lambdo-x"), statement("theirs")];
        let mut entry = Entry::new("demo-a/lambdo-x".into());
        entry.parent = Some(Address::new("function", "a"));
        assert_eq!(found(&Address::with_part("permission", "a", "x"), &live, entry), ["foreign function.a statement.theirs"]);
    }

    #[test]
    fn tags_of_strangers_are_undeclared_and_those_of_aws_and_ours_are_not() {
        let mut live = Live::new("demo-a".into());
        let tags = [("team", "b"), ("aws:x", "1"), (tag::LINEAGE, "x"), (tag::KEPT, "true"), ("ours", "1")];
        live.tags = Some(tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>());
        let mut entry = Entry::new("demo-a".into());
        entry.inputs.insert("tags".into(), Value::Table(Table::from_iter([("ours".to_owned(), "1".into())])));
        assert_eq!(found(&Address::new("function", "a"), &live, entry.clone()), ["undeclared function.a tags.team"]);
        entry.ignore = vec!["tags.te*".parse().unwrap()];
        assert!(found(&Address::new("function", "a"), &live, entry).is_empty());
    }
}

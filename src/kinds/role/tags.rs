//! Changes below a key that holds named things: what is put in, what is taken out.

use crate::model::{Carry, Change, Path, Table, Value};
use std::collections::{BTreeMap, HashMap};

/// What happens to the things under one key.
#[derive(Debug, Default, PartialEq)]
pub(in crate::kinds) struct Split {
    /// Put in or changed.
    pub(in crate::kinds) set: Table,
    /// Taken out.
    pub(in crate::kinds) removed: Vec<String>,
}

impl Split {
    /// Sorts the changes of a key whose foreign things are kept.
    pub(in crate::kinds) fn additive(changes: &[&Change]) -> Self {
        Self::new(changes, |change| &change.applied)
    }

    /// Sorts the changes of a key whose foreign things are removed.
    pub(in crate::kinds) fn exclusive(changes: &[&Change]) -> Self {
        Self::new(changes, |change| &change.live)
    }

    /// Changes come for each name or for all in one; `base` says which names such a one may remove.
    fn new(changes: &[&Change], base: impl Fn(&Change) -> &Option<Value>) -> Self {
        let mut split = Self::default();
        for change in changes {
            match &change.path.0[..] {
                [_] => split.whole(change, base(change)),
                [_, name, ..] => split.one(name, change.desired.as_ref()),
                [] => {}
            }
        }
        split
    }

    fn one(&mut self, name: &str, desired: Option<&Value>) {
        match desired {
            Some(value) => {
                self.set.insert(name.to_owned(), value.clone());
            }
            None => self.removed.push(name.to_owned()),
        }
    }

    fn whole(&mut self, change: &Change, base: &Option<Value>) {
        let of = |value: &Option<Value>| value.as_ref().and_then(Value::as_table).cloned().unwrap_or_default();
        let (desired, live) = (of(&change.desired), of(&change.live));
        self.removed.extend(of(base).keys().filter(|name| !desired.contains_key(*name)).cloned());
        self.set.extend(desired.into_iter().filter(|(name, value)| live.get(name) != Some(value)));
    }

    /// The carries of what is put in.
    pub(in crate::kinds) fn set_carries(&self, key: &str) -> Vec<Carry> {
        self.set.iter().map(|(name, value)| Carry::set(Path::key(key).join(name), value.clone())).collect()
    }

    /// The carries of what is taken out.
    pub(in crate::kinds) fn removed_carries(&self, key: &str) -> Vec<Carry> {
        self.removed.iter().map(|name| Carry::remove(Path::key(key).join(name))).collect()
    }
}

/// The tags that a table of inputs or arguments holds.
pub(in crate::kinds) fn texts(table: Option<&Value>) -> BTreeMap<String, String> {
    let pairs = table.and_then(Value::as_table).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The same as the SDK takes them.
pub(in crate::kinds) fn sdk_map(table: Option<&Value>) -> Option<HashMap<String, String>> {
    let tags: HashMap<String, String> = texts(table).into_iter().collect();
    (!tags.is_empty()).then_some(tags)
}

/// Live tags as a field; AWS's own are nobody's business.
pub(in crate::kinds) fn as_field(tags: &BTreeMap<String, String>) -> Value {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    Value::Table(own.map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Effect};

    fn change(path: &str, live: Option<Value>, desired: Option<Value>) -> Change {
        Change { path: path.parse().unwrap(), applied: None, live, desired, effect: Effect::InPlace, cause: Cause::Spec }
    }

    #[test]
    fn changes_come_one_by_one_or_all_in_one() {
        let table = |pairs: &[(&str, &str)]| Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect());
        let single = [change("tags.a", None, Some("1".into())), change("tags.b", Some("2".into()), None)];
        let whole = [change("tags", Some(table(&[("b", "2"), ("c", "3")])), Some(table(&[("a", "1"), ("c", "3")])))];
        let wanted = Split { set: Table::from([("a".into(), "1".into())]), removed: vec!["b".into()] };
        assert_eq!(Split::exclusive(&single.iter().collect::<Vec<_>>()), wanted);
        assert_eq!(Split::exclusive(&whole.iter().collect::<Vec<_>>()), wanted);
        assert_eq!(Split::additive(&single.iter().collect::<Vec<_>>()), wanted);
        assert_eq!(Split::additive(&whole.iter().collect::<Vec<_>>()), Split { removed: vec![], ..wanted });
    }

    #[test]
    fn tags_of_aws_are_left_out() {
        let tags = BTreeMap::from([("aws:cloudformation:stack-name".to_owned(), "x".to_owned()), ("team".to_owned(), "y".to_owned())]);
        insta::assert_snapshot!(as_field(&tags).to_json(), @r#"{"team":"y"}"#);
    }
}

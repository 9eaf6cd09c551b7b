//! Tags, as every taggable kind handles them: ours are compared, those of others are kept.

use crate::model::{Carry, Draft, Path, Table, Update, Value};
use std::collections::BTreeMap;

/// The tags as AWS has them, without those that AWS itself puts on, which nobody can change.
pub(crate) fn seen<K: AsRef<str>, V: AsRef<str>>(tags: impl IntoIterator<Item = (K, V)>) -> BTreeMap<String, String> {
    let own = tags.into_iter().filter(|(key, _)| !key.as_ref().starts_with("aws:"));
    own.map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned())).collect()
}

/// Tags as the value of a field.
pub(crate) fn as_value(tags: &BTreeMap<String, String>) -> Value {
    Value::Table(tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

/// The calls that make the changed tags true: one that sets (argument `tags`), one that takes away
/// (argument `keys`). Overwriting needs no call that takes away first.
pub(crate) fn drafts(update: &Update<'_>, set: &'static str, remove: &'static str, base: &Table) -> Vec<Draft> {
    let (mut given, mut taken) = (Table::new(), Vec::new());
    let (mut carries_given, mut carries_taken) = (Vec::new(), Vec::new());
    for change in update.of("tags") {
        for (key, value) in by_key(&change.path, change.applied.as_ref(), change.desired.as_ref()) {
            let path = Path::key("tags").join(&key);
            match value {
                Some(value) => {
                    carries_given.push(Carry::set(path, value.clone()));
                    given.insert(key, value);
                }
                None => {
                    carries_taken.push(Carry::remove(path));
                    taken.push(key);
                }
            }
        }
    }
    let draft = |call, key: &str, value: Value, carries| {
        let mut arguments = base.clone();
        arguments.insert(key.to_owned(), value);
        Draft::new(call, arguments).carrying(carries)
    };
    let set = (!given.is_empty()).then(|| draft(set, "tags", given.into(), carries_given));
    let remove = (!taken.is_empty()).then(|| draft(remove, "keys", Value::string_list(taken), carries_taken));
    set.into_iter().chain(remove).collect()
}

/// A change of one tag, or of all at once, tag by tag; `None` where the tag goes.
fn by_key(path: &Path, applied: Option<&Value>, desired: Option<&Value>) -> Vec<(String, Option<Value>)> {
    if let [_, key] = &path.0[..] {
        return vec![(key.clone(), desired.cloned())];
    }
    let desired = desired.and_then(Value::as_table).cloned().unwrap_or_default();
    let gone = applied.and_then(Value::as_table).into_iter().flat_map(Table::keys).filter(|key| !desired.contains_key(*key));
    let mut all: Vec<_> = gone.map(|key| (key.clone(), None)).collect();
    all.extend(desired.into_iter().map(|(key, value)| (key, Some(value))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Cause, Change, Effect, Live, Resource};

    fn change(path: Path, applied: Option<Value>, desired: Option<Value>) -> Change {
        Change { path, applied, live: None, desired, effect: Effect::InPlace, cause: Cause::Spec }
    }

    fn calls(changes: &[Change]) -> Vec<String> {
        let desired = Resource::new(Address::new("function", "x"), "x");
        let live = Live::new("x".into());
        let update = Update { desired: &desired, live: &live, changes };
        let drafts = drafts(&update, "set", "take", &Table::from([("arn".to_owned(), "A".into())]));
        drafts
            .iter()
            .map(|draft| format!("{} {} {}", draft.call, Value::Table(draft.arguments.clone()).to_json(), draft.carries.len()))
            .collect()
    }

    #[test]
    fn one_call_sets_and_one_takes_away() {
        let tag = |key: &str| Path::key("tags").join(key);
        let changes = [
            change(tag("a"), Some("1".into()), Some("2".into())),
            change(tag("b"), Some("1".into()), None),
            change(tag("c"), None, Some("3".into())),
        ];
        assert_eq!(calls(&changes), [r#"set {"arn":"A","tags":{"a":"2","c":"3"}} 2"#, r#"take {"arn":"A","keys":["b"]} 1"#]);
        assert_eq!(calls(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_change_of_all_tags_is_taken_apart() {
        let table = |key: &str| Some(Value::Table(Table::from([(key.to_owned(), "1".into())])));
        let changes = [change(Path::key("tags"), table("old"), table("new"))];
        assert_eq!(calls(&changes), [r#"set {"arn":"A","tags":{"new":"1"}} 1"#, r#"take {"arn":"A","keys":["old"]} 1"#]);
    }

    #[test]
    fn tags_of_aws_are_not_seen() {
        let tags = seen([("aws:cloudformation:stack-name", "x"), ("team", "y")]);
        assert_eq!(tags.into_iter().collect::<Vec<_>>(), [("team".to_owned(), "y".to_owned())]);
    }
}

//! Tags, as every taggable kind handles them: ours are compared, those of others are kept.

use super::arguments::texts;
use super::lowering::finding;
use super::reading::text_table;
use crate::diagnostic::Diagnostic;
use crate::model::observed::tag;
use crate::model::{Carry, Change, Default, Draft, Field, Live, Path, Section, Shape, Table, Update, Value};
use std::collections::BTreeMap;

/// The setting's key.
const TAGS: &str = "tags";

/// The setting in the field table of every kind that can carry tags.
pub(crate) const FIELD: Field =
    Field::new(TAGS, Shape::Map { value: &Shape::checked(0, 256, check_value), check: Some(check_key) }, "Tags; those of others are kept.")
        .default(Default::EmptyTable)
        .additive();

/// What must hold for the key of a tag on any resource.
fn check_key(text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > 128 {
        return Err("must have 1 to 128 characters".to_owned());
    }
    if text.to_ascii_lowercase().starts_with("aws:") {
        return Err("must not begin with `aws:`, which belongs to AWS".to_owned());
    }
    if text.starts_with("lambdo:") {
        return Err("must not begin with `lambdo:`, which marks what lambdo owns".to_owned());
    }
    check_value(text)
}

/// What must hold for any part of a tag: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*` of the API models.
fn check_value(text: &str) -> Result<(), String> {
    let is_separator = |character: char| character.is_whitespace() && !character.is_control();
    let odd = text.chars().find(|character| !(character.is_alphanumeric() || is_separator(*character) || "_.:/=+-@".contains(*character)));
    match odd {
        None => Ok(()),
        Some(odd) => {
            let told = if odd.is_control() { format!("{odd:?}") } else { format!("`{odd}`") };
            Err(format!("has {told}; a tag may only have letters, digits, spaces and `_` `.` `:` `/` `=` `+` `-` `@`"))
        }
    }
}

/// Complains about more tags than a resource can carry beside those that mark what lambdo owns, and what stays.
pub(crate) fn too_many(section: &Section, inputs: &Table) -> Option<Diagnostic> {
    let count = inputs.get(TAGS).and_then(Value::as_table).map_or(0, Table::len);
    let (needed, why) = match section.boolean("skip_destroy", false) {
        true => (5, "five of them to know what it owns and that it stays"),
        false => (4, "four of them to know what it owns"),
    };
    (count + needed > tag::MOST).then(|| {
        let detail = format!("There are {count} tags; AWS takes {} on one resource, and lambdo needs {why}.", tag::MOST);
        finding(section, &Path::key(TAGS), Diagnostic::error("too-many-tags", "Too many tags").detail(detail))
    })
}

/// Complains about keys that differ in their case only, where AWS takes them for the same, as IAM does.
pub(crate) fn alike(section: &Section, inputs: &Table) -> Option<Diagnostic> {
    let tags = inputs.get(TAGS).and_then(Value::as_table)?;
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let (key, other) = tags.keys().find_map(|key| seen.insert(key.to_lowercase(), key).map(|other| (key, other)))?;
    let detail = format!("The keys `{other}` and `{key}` differ in their case only, and IAM takes them for the same.");
    Some(finding(
        section,
        &Path::key(TAGS).join(key),
        Diagnostic::error("tags-alike", "Two tags have the same key").detail(detail).hint("keep one of the two"),
    ))
}

/// Puts the tags that were read into a resource: all of them tell whose it is, and those that AWS
/// itself puts on, which nobody can change, are no setting.
pub(crate) fn show<K: Into<String>, V: Into<String>>(live: &mut Live, tags: impl IntoIterator<Item = (K, V)>) {
    let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let tags = live.tags.insert(tags);
    let settings = text_table(tags.iter().filter(|(key, _)| !key.starts_with("aws:")));
    live.fields.insert(TAGS.to_owned(), settings);
}

/// The tags among an operation's arguments.
pub(crate) fn given(arguments: &Table) -> impl Iterator<Item = (String, String)> {
    arguments.get(TAGS).and_then(Value::as_table).into_iter().flat_map(texts)
}

/// The calls that make the changed tags true: one that sets (argument `tags`) and one that takes away
/// (argument `keys`). Overwriting needs no call that takes away first.
pub(crate) fn drafts(update: &Update<'_>, set: &'static str, remove: &'static str, base: &Table) -> (Option<Draft>, Option<Draft>) {
    let (given, taken): (Vec<&Change>, Vec<&Change>) = update.of(TAGS).into_iter().partition(|change| change.desired.is_some());
    let draft = |call, argument: &str, value: Value, changes: Vec<&Change>| {
        let mut arguments = base.clone();
        arguments.insert(argument.to_owned(), value);
        Draft::new(call, arguments).carrying(Carry::changes(changes))
    };
    let tags = given.iter().filter_map(|change| Some((key_of(change)?.to_owned(), change.desired.clone()?))).collect();
    let keys = Value::string_list(taken.iter().filter_map(|change| key_of(change)));
    let set = (!given.is_empty()).then(|| draft(set, TAGS, Value::Table(tags), given));
    let remove = (!taken.is_empty()).then(|| draft(remove, "keys", keys, taken));
    (set, remove)
}

/// Maps change key by key.
fn key_of(change: &Change) -> Option<&str> {
    change.path.0.get(1).map(String::as_str)
}

/// The address that a resource was tagged with.
pub(crate) fn address(inputs: &Table) -> Option<&str> {
    inputs.get(TAGS)?.as_table()?.get(tag::ADDRESS)?.as_str()
}

/// The tags of a resource that somebody asked for: not those by which lambdo knows it, which plans add.
pub(crate) fn asked_for(tags: Option<&Value>) -> Table {
    let tags = tags.and_then(Value::as_table).into_iter().flatten();
    tags.filter(|(key, _)| !tag::is_lambdos(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Cause, Effect, Resource};

    fn change(key: &str, applied: Option<Value>, desired: Option<Value>) -> Change {
        Change { path: Path::key(TAGS).join(key), applied, live: None, desired, effect: Effect::InPlace, cause: Cause::Spec }
    }

    fn calls(changes: &[Change]) -> Vec<String> {
        let desired = Resource::new(Address::new("function", "x"), "x");
        let live = Live::new("x".into());
        let update = Update { desired: &desired, live: &live, changes };
        let (set, remove) = drafts(&update, "set", "take", &Table::from_iter([("arn".to_owned(), "A".into())]));
        set.into_iter()
            .chain(remove)
            .map(|draft| format!("{} {} {}", draft.call, Value::Table(draft.arguments.clone()).to_json(), draft.carries.len()))
            .collect()
    }

    #[test]
    fn one_call_sets_and_one_takes_away() {
        let changes =
            [change("a", Some("1".into()), Some("2".into())), change("b", Some("1".into()), None), change("c", None, Some("3".into()))];
        assert_eq!(calls(&changes), [r#"set {"arn":"A","tags":{"a":"2","c":"3"}} 2"#, r#"take {"arn":"A","keys":["b"]} 1"#]);
        assert_eq!(calls(&[]), Vec::<String>::new());
    }

    #[test]
    fn tags_of_aws_tell_whose_it_is_and_are_no_setting() {
        let mut live = Live::new("x".into());
        show(&mut live, [("aws:cloudformation:stack-name", "x"), ("team", "y")]);
        insta::assert_snapshot!(live.fields[&"tags".to_owned()].to_json(), @r#"{"team":"y"}"#);
        assert_eq!(live.tags.unwrap().into_keys().collect::<Vec<_>>(), ["aws:cloudformation:stack-name", "team"]);
    }

    #[test]
    fn keys_that_aws_refuses_or_lambdo_needs_are_refused() {
        insta::assert_snapshot!(check_value("a\nb").unwrap_err(), @r#"has '\n'; a tag may only have letters, digits, spaces and `_` `.` `:` `/` `=` `+` `-` `@`"#);
        insta::assert_snapshot!(check_value("R&D").unwrap_err(), @"has `&`; a tag may only have letters, digits, spaces and `_` `.` `:` `/` `=` `+` `-` `@`");
        assert_eq!(check_value("Büro 3 ٣ _.:/=+-@"), Ok(()));
        for good in ["cost center", "team"] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        for bad in ["", "aws:cloudformation", "AWS:x", "lambdo:project", "a;b", "a\tb", &"x".repeat(129)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }
}

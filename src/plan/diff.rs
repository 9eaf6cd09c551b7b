//! Three-way differences, read off a kind's field table.

use crate::model::value::at;
use crate::model::{Carry, Cause, Change, Field, Live, Path, Shape, Table, Value};
use std::collections::BTreeSet;

/// What differs, and what is true already without being written down.
#[derive(Debug, Default, PartialEq)]
pub struct Difference {
    /// What has to change.
    pub changes: Vec<Change>,
    /// What lives as desired and is not recorded so.
    pub records: Vec<Carry>,
}

/// The three sides of a comparison.
pub struct Sides<'a> {
    /// What was applied; `None` when nothing is known to be.
    pub applied: Option<&'a Table>,
    /// What AWS has.
    pub live: &'a Live,
    /// What is wanted.
    pub desired: &'a Table,
    /// What is never written and never drift.
    pub ignore: &'a [Path],
}

/// Compares field by field; maps key by key.
pub fn difference(fields: &[Field], sides: &Sides<'_>) -> Difference {
    let mut found = Difference::default();
    for field in fields.iter().filter(|field| !field.internal) {
        match field.shape {
            Shape::Map { .. } => {
                for key in keys(field, sides) {
                    compare(field, Path::key(field.key).join(&key), sides, &mut found);
                }
            }
            _ => compare(field, Path::key(field.key), sides, &mut found),
        }
    }
    found
}

/// The keys of a map that are ours to compare: all of an exclusive one, the known ones of an additive one.
fn keys(field: &Field, sides: &Sides<'_>) -> BTreeSet<String> {
    let of = |table: Option<&Table>| {
        let table = table.and_then(|table| table.get(field.key)).and_then(Value::as_table);
        table.map(|table| table.keys().cloned().collect::<BTreeSet<_>>()).unwrap_or_default()
    };
    let mut keys = of(Some(sides.desired));
    keys.extend(of(sides.applied));
    if !field.additive {
        keys.extend(of(Some(&sides.live.fields)));
    }
    keys
}

fn compare(field: &Field, path: Path, sides: &Sides<'_>, found: &mut Difference) {
    if sides.ignore.iter().any(|pattern| path.is_covered_by(pattern)) {
        return;
    }
    let applied = sides.applied.and_then(|table| at(table, &path));
    let live = if sides.live.is_unread(&path) { applied } else { at(&sides.live.fields, &path) };
    let desired = at(sides.desired, &path);
    let same = |left, right| field.compare.is_equal(left, right);
    if same(live, desired) {
        if applied != desired || has_moved(applied, desired) {
            found.records.push(Carry { path, value: desired.cloned() });
        }
        return;
    }
    let cause = match (same(applied, live), same(desired, applied)) {
        _ if sides.applied.is_none() => Cause::Spec,
        (true, _) if is_rotated(applied, desired) => Cause::Source,
        (true, _) => Cause::Spec,
        (false, true) => Cause::Drift,
        (false, false) => Cause::Both,
    };
    let (applied, live, desired) = (applied.cloned(), live.cloned(), desired.cloned());
    found.changes.push(Change { path, applied, live, desired, effect: field.effect, cause });
}

/// Whether a secret comes from elsewhere and is the same.
fn has_moved(applied: Option<&Value>, desired: Option<&Value>) -> bool {
    matches!((applied, desired), (Some(Value::Secret(applied)), Some(Value::Secret(desired))) if desired.has_moved(applied))
}

/// Whether the spec names the source that was applied, and that has another value now.
fn is_rotated(applied: Option<&Value>, desired: Option<&Value>) -> bool {
    matches!((applied, desired), (Some(Value::Secret(applied)), Some(Value::Secret(desired))) if applied.source == desired.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Compare, field::ANY_STRING};

    const FIELDS: &[Field] = &[
        Field::new("memory_size", Shape::Integer { min: 0, max: 9 }, ""),
        Field::new("environment", Shape::Map { value: &ANY_STRING, check: None }, ""),
        Field::new("tags", Shape::Map { value: &ANY_STRING, check: None }, "").additive(),
        Field::new("managed_policies", Shape::List { item: &ANY_STRING, max: 9 }, "").compare(Compare::Set),
    ];

    fn table(json: &str) -> Table {
        let Value::Table(table) = Value::from_json(&serde_json::from_str(json).unwrap()) else { panic!("a table") };
        table
    }

    fn check(applied: &str, live: &str, desired: &str) -> String {
        let mut seen = Live::new("x".into());
        seen.fields = table(live);
        let (applied, desired) = (table(applied), table(desired));
        let found = difference(FIELDS, &Sides { applied: Some(&applied), live: &seen, desired: &desired, ignore: &[] });
        let mut lines: Vec<String> = found.changes.iter().map(|change| format!("{} {:?}", change.path, change.cause)).collect();
        lines.extend(found.records.iter().map(|record| format!("{} record", record.path)));
        lines.join(", ")
    }

    #[test]
    fn the_cause_is_told_from_the_three_sides() {
        let one = r#"{"memory_size":1}"#;
        let two = r#"{"memory_size":2}"#;
        let three = r#"{"memory_size":3}"#;
        assert_eq!(check(one, one, one), "");
        assert_eq!(check(one, one, two), "memory_size Spec");
        assert_eq!(check(one, two, one), "memory_size Drift");
        assert_eq!(check(one, two, three), "memory_size Both");
        assert_eq!(check(one, two, two), "memory_size record");
    }

    #[test]
    fn exclusive_maps_see_strangers_and_additive_ones_do_not() {
        assert_eq!(check("{}", r#"{"environment":{"A":"1"},"tags":{"theirs":"1"}}"#, "{}"), "environment.A Drift");
        assert_eq!(check(r#"{"tags":{"a":"1"}}"#, r#"{"tags":{"a":"1"}}"#, "{}"), "tags.a Spec");
    }

    #[test]
    fn sets_ignore_order() {
        assert_eq!(
            check(r#"{"managed_policies":["a","b"]}"#, r#"{"managed_policies":["b","a"]}"#, r#"{"managed_policies":["a","b"]}"#),
            ""
        );
    }

    #[test]
    fn what_was_not_read_is_taken_as_applied() {
        let mut seen = Live::new("x".into());
        seen.skipped = vec![Path::key("tags")];
        let (applied, desired) = (table(r#"{"tags":{"a":"1"}}"#), table(r#"{"tags":{"a":"2"}}"#));
        let sides = |desired| Sides { applied: Some(&applied), live: &seen, desired, ignore: &[] };
        assert!(difference(FIELDS, &sides(&applied)).changes.is_empty());
        assert_eq!(difference(FIELDS, &sides(&desired)).changes[0].cause, Cause::Spec);
    }
}

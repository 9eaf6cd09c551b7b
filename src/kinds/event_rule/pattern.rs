//! What must hold for an event pattern, after the EventBridge guide and what AWS was measured to refuse.

use super::matcher;
use crate::diagnostic::nearest;
use crate::model::value::TemplatePart;
use crate::model::{Path, Table, Value};

/// The longest pattern that AWS takes, as JSON. Its API model says 4,096; 2,048 is what it enforces
/// (cdk-preflight, `pf-events-rule-pattern-size`).
const MOST_BYTES: usize = 2048;
const OR: &str = "$or";

/// The fields that every event has (EventBridge guide, "Event structure").
const FIELDS: &[&str] = &["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"];

/// What is wrong with a part of a pattern: where it stands, and a sentence without its period.
pub(super) type Problem = (Path, String);

/// What is wrong with a pattern.
pub(super) fn problems(pattern: &Value) -> Vec<Problem> {
    let whole = |message: String| (Path::default(), message);
    let Value::Table(table) = pattern else {
        return vec![whole("an event pattern is a JSON object, such as `{ source = [\"aws.s3\"] }`".to_owned())];
    };
    if table.is_empty() {
        return vec![whole("an empty event pattern matches nothing; name at least one field, such as `source = [\"aws.s3\"]`".to_owned())];
    }
    let mut found = level(table, &Path::default());
    let bytes = size_bytes(pattern);
    if bytes > MOST_BYTES {
        found.push(whole(format!(
            "the event pattern takes {bytes} bytes as JSON, and EventBridge takes {MOST_BYTES}; make several rules of it"
        )));
    }
    found
}

/// What is not known yet counts as nothing.
fn size_bytes(pattern: &Value) -> usize {
    let known = |part: &TemplatePart| (!matches!(part, TemplatePart::Text(_))).then(|| Value::from(""));
    pattern.resolve(&known).to_json().to_string().len()
}

/// Fields that no event has: the rule would never fire, although EventBridge takes them.
pub(super) fn never_there(pattern: &Value) -> Vec<Problem> {
    let keys = pattern.as_table().into_iter().flat_map(Table::keys).filter(|key| !FIELDS.contains(&key.as_str()) && *key != OR);
    let told = |key: &String| {
        let near = nearest(key, FIELDS.iter().copied());
        let hint = near.map_or_else(|| "what an event is about stands under `detail`".to_owned(), |near| format!("did you mean `{near}`?"));
        (Path::key(key), format!("no event has a field `{key}`, so the rule would never fire; {hint}"))
    };
    keys.map(told).collect()
}

fn level(table: &Table, above: &Path) -> Vec<Problem> {
    let of_field = |(key, value): (&String, &Value)| {
        let path = above.join(key);
        let messages = match value {
            Value::Table(inner) if inner.is_empty() => vec!["is an empty object, which EventBridge refuses".to_owned()],
            Value::Table(inner) => return level(inner, &path),
            Value::List(items) if items.is_empty() => vec!["is an empty list, which EventBridge refuses".to_owned()],
            Value::List(items) if key == OR => match not_alternatives(items) {
                Some(problem) => vec![problem],
                None => return alternatives(items, &path),
            },
            Value::List(items) => items.iter().filter_map(matcher::problem).collect(),
            Value::Unresolved(_) => Vec::new(),
            lone => vec![format!("must be a list of what matches, such as `[{}]`", lone.to_json())],
        };
        messages.into_iter().map(|message| (path.clone(), format!("`{path}` {message}"))).collect()
    };
    table.iter().flat_map(of_field).collect()
}

/// EventBridge reads `$or` as a choice only if it has two patterns at least, and none that looks like an
/// operator; else as a field of that name.
fn not_alternatives(items: &[Value]) -> Option<String> {
    if items.iter().any(|item| matches!(item, Value::Unresolved(_))) {
        return None;
    }
    let tables: Vec<&Table> = items.iter().filter_map(Value::as_table).collect();
    if tables.len() < items.len() {
        return Some("must be a list of patterns, such as `[{ source = [\"a\"] }, { source = [\"b\"] }]`".to_owned());
    }
    if tables.len() == 1 {
        return Some("has one alternative, and EventBridge takes two at least; write the alternative in its place".to_owned());
    }
    if tables.iter().any(|table| table.is_empty()) {
        return Some("has an empty alternative".to_owned());
    }
    let operator = tables.iter().flat_map(|table| table.keys()).find(|key| matcher::is_operator(key))?;
    Some(format!(
        "has an alternative with the field `{operator}`, which EventBridge takes for an operator; name a field first, as in `{{ source = [{{ {operator} = … }}] }}`"
    ))
}

fn alternatives(items: &[Value], path: &Path) -> Vec<Problem> {
    let tables = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_table()?)));
    tables.flat_map(|(index, table)| level(table, &path.join(&index.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn patterns_that_aws_takes_pass() {
        for json in [
            r#"{"source":["aws.s3"],"detail":{"bucket":{"name":["b"]},"size":[{"numeric":[">",0]}]}}"#,
            r#"{"$or":[{"source":["a"]},{"detail-type":[{"prefix":"x"},null]}]}"#,
            r#"{"source":["a"],"detail":{"$or":[{"x":["1"]},{"y":[{"exists":true}]}],"z":["2"]}}"#,
        ] {
            assert_eq!(problems(&value(json)), [], "{json}");
        }
    }

    #[test]
    fn patterns_that_aws_refuses_are_explained() {
        let long = format!(r#"{{"source":["{}"]}}"#, "x".repeat(2048));
        let patterns = [
            "[]",
            "{}",
            r#"{"source":"aws.s3","detail":{"a":[],"b":{}}}"#,
            r#"{"a":[["b"],{"x":1}]}"#,
            r#"{"$or":["a"]}"#,
            r#"{"$or":[{"source":["a"]}]}"#,
            r#"{"$or":[{"source":["a"]},{}]}"#,
            r#"{"detail":{"$or":[{"prefix":["a"]},{"b":["c"]}]}}"#,
            &long,
        ];
        let lines: Vec<String> = patterns.iter().flat_map(|json| problems(&value(json))).map(|(_, message)| message).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        an event pattern is a JSON object, such as `{ source = ["aws.s3"] }`
        an empty event pattern matches nothing; name at least one field, such as `source = ["aws.s3"]`
        `detail.a` is an empty list, which EventBridge refuses
        `detail.b` is an empty object, which EventBridge refuses
        `source` must be a list of what matches, such as `["aws.s3"]`
        `a` has a list inside a list, which EventBridge refuses
        `a` has the operator `x`, which EventBridge does not know; there are `prefix`, `suffix`, `anything-but`, `numeric`, `exists`, `cidr`, `wildcard`, `equals-ignore-case`, `exactly`
        `"$or"` must be a list of patterns, such as `[{ source = ["a"] }, { source = ["b"] }]`
        `"$or"` has one alternative, and EventBridge takes two at least; write the alternative in its place
        `"$or"` has an empty alternative
        `detail."$or"` has an alternative with the field `prefix`, which EventBridge takes for an operator; name a field first, as in `{ source = [{ prefix = … }] }`
        the event pattern takes 2063 bytes as JSON, and EventBridge takes 2048; make several rules of it
        "#);
    }

    #[test]
    fn fields_that_no_event_has_are_doubted() {
        let told: Vec<String> =
            never_there(&value(r#"{"detail_type":["x"],"bucket":["x"]}"#)).into_iter().map(|(_, message)| message).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        no event has a field `bucket`, so the rule would never fire; what an event is about stands under `detail`
        no event has a field `detail_type`, so the rule would never fire; did you mean `detail-type`?
        ");
        assert_eq!(never_there(&value(r#"{"$or":[{"source":["a"]},{"source":["b"]}],"detail-type":["x"]}"#)), []);
    }

    #[test]
    fn what_is_not_known_yet_is_not_judged() {
        let open = || Value::reference(&crate::model::Address::new("function", "hash"), "arn");
        let pattern = Value::Table(Table::from_iter([("source".to_owned(), open()), ("resources".to_owned(), Value::List(vec![open()]))]));
        assert_eq!(problems(&pattern), []);
    }
}

//! What must hold for an event pattern, after the EventBridge guide and what AWS was measured to refuse.

use crate::model::{Table, Value};

/// The longest pattern that AWS takes, as JSON. Its API model says 4,096; 2,048 is what it enforces
/// (cdk-preflight, `pf-events-rule-pattern-size`).
const MOST_BYTES: usize = 2048;

/// What is wrong with a pattern, in a sentence without a period.
pub(super) fn problem(pattern: &Value) -> Option<String> {
    let Value::Table(table) = pattern else {
        return Some("an event pattern is a JSON object, such as `{ source = [\"aws.s3\"] }`".to_owned());
    };
    if table.is_empty() {
        return Some("an empty event pattern matches nothing; name at least one field, such as `source = [\"aws.s3\"]`".to_owned());
    }
    level(table, "").or_else(|| {
        let bytes = pattern.to_json().to_string().len();
        (bytes > MOST_BYTES).then(|| format!("the event pattern takes {bytes} bytes as JSON, and EventBridge takes {MOST_BYTES}"))
    })
}

fn level(table: &Table, above: &str) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            Value::Table(inner) if inner.is_empty() => Some(format!("`{path}` is an empty object, which EventBridge refuses")),
            Value::Table(inner) => level(inner, &path),
            Value::List(items) if items.is_empty() => Some(format!("`{path}` is an empty list, which EventBridge refuses")),
            Value::List(items) if key == "$or" => alternatives(items, &path),
            Value::List(items) if items.iter().any(|item| item.as_list().is_some()) => {
                Some(format!("`{path}` has a list inside a list, which EventBridge refuses"))
            }
            Value::List(_) | Value::Unresolved(_) => None,
            lone => {
                let text = lone.to_json();
                Some(format!("`{path}` must be a list of what matches, such as `[{text}]`"))
            }
        }
    })
}

fn alternatives(items: &[Value], path: &str) -> Option<String> {
    items.iter().find_map(|item| match item {
        Value::Table(table) => level(table, path),
        Value::Unresolved(_) => None,
        _ => Some(format!("`{path}` must be a list of patterns")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(json: &str) -> Option<String> {
        problem(&Value::from_json(&serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn patterns_that_aws_takes_pass() {
        for json in [
            r#"{"source":["aws.s3"],"detail":{"bucket":{"name":["b"]},"size":[{"numeric":[">",0]}]}}"#,
            r#"{"$or":[{"source":["a"]},{"detail-type":[{"prefix":"x"},null]}]}"#,
        ] {
            assert_eq!(problem_of(json), None, "{json}");
        }
    }

    #[test]
    fn patterns_that_aws_refuses_are_explained() {
        let long = format!(r#"{{"source":["{}"]}}"#, "x".repeat(2048));
        let patterns = [
            "[]",
            "{}",
            r#"{"source":"aws.s3"}"#,
            r#"{"detail":{"a":[]}}"#,
            r#"{"detail":{}}"#,
            r#"{"a":[["b"]]}"#,
            r#"{"$or":["a"]}"#,
            &long,
        ];
        let lines: Vec<String> = patterns.iter().map(|json| problem_of(json).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        an event pattern is a JSON object, such as `{ source = ["aws.s3"] }`
        an empty event pattern matches nothing; name at least one field, such as `source = ["aws.s3"]`
        `source` must be a list of what matches, such as `["aws.s3"]`
        `detail.a` is an empty list, which EventBridge refuses
        `detail` is an empty object, which EventBridge refuses
        `a` has a list inside a list, which EventBridge refuses
        `$or` must be a list of patterns
        the event pattern takes 2063 bytes as JSON, and EventBridge takes 2048
        "#);
    }
}

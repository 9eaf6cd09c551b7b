//! What IAM refuses in a condition (measured on AWS by cdk-preflight, `pf-iam-policy-condition-*`).

use crate::diagnostic::nearest;
use crate::model::{Table, Value};
use std::net::IpAddr;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];
const IF_EXISTS: &str = "IfExists";

/// What is wrong, as ends of sentences that begin with the statement.
pub(super) fn problems(condition: &Value) -> Vec<String> {
    if condition.is_unresolved() && condition.as_table().is_none() {
        return Vec::new();
    }
    let Value::Table(operators) = condition else {
        return vec!["has a `Condition` that is not a table such as `{ StringEquals = { key = value } }`".to_owned()];
    };
    operators.iter().flat_map(|(operator, keys)| of_operator(operator, keys)).collect()
}

fn of_operator(operator: &str, keys: &Value) -> Vec<String> {
    let root = match root(operator) {
        Ok(root) => root,
        Err(problem) => return vec![problem],
    };
    match keys {
        Value::Table(keys) => of_keys(operator, root, keys),
        other if other.is_unresolved() => Vec::new(),
        _ => vec![format!("has a condition `{operator}` that is not of the form `{{ {operator} = {{ key = value }} }}`")],
    }
}

/// The operator without what can stand before and behind it.
fn root(operator: &str) -> Result<&'static str, String> {
    let bare = ["ForAnyValue:", "ForAllValues:"].iter().find_map(|prefix| operator.strip_prefix(prefix)).unwrap_or(operator);
    let known = |text: &str| OPERATORS.iter().find(|known| known.eq_ignore_ascii_case(text)).copied();
    let without = bare.strip_suffix(IF_EXISTS);
    match known(without.unwrap_or(bare)) {
        Some("Null") if without.is_some() => Err(format!(
            "has the condition operator `{operator}`; `Null` asks already whether a key exists, so it is written without `{IF_EXISTS}`"
        )),
        Some(root) => Ok(root),
        None => {
            let near = nearest(without.unwrap_or(bare), OPERATORS.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Err(format!("has the condition operator `{operator}`, which IAM does not know{hint}"))
        }
    }
}

fn of_keys(operator: &str, root: &str, keys: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in keys {
        for item in value.as_list().unwrap_or(std::slice::from_ref(value)) {
            let problem = match item {
                Value::Table(_) | Value::List(_) | Value::Null => Some(format!("{}; a condition compares texts", item.type_name())),
                Value::String(text) => {
                    value_problem(root, text).map(|wanted| format!("the value `{text}`; `{operator}` compares {wanted}"))
                }
                _ => None,
            };
            found.extend(problem.map(|problem| format!("has for the condition key `{key}` {problem}")));
        }
    }
    found
}

/// What the operator compares, if the text is nothing of that.
fn value_problem(root: &str, text: &str) -> Option<&'static str> {
    let has_variable = text.contains("${");
    let is_arn = || text == "*" || text.starts_with("arn:") && text.split(':').count() >= 6;
    let (is_fine, wanted) = match root {
        _ if root.starts_with("Arn") => (is_arn(), "ARNs, such as `arn:aws:s3:::bucket`, which may have `*` in them"),
        _ if root.starts_with("Numeric") => (has_variable || is_number(text), "numbers"),
        _ if root.starts_with("Date") => (has_variable || is_date(text), "dates, such as `2026-01-31T00:00:00Z`, or seconds since 1970"),
        "IpAddress" | "NotIpAddress" => (has_variable || is_network(text), "addresses, such as `203.0.113.0/24`"),
        "BinaryEquals" => (is_base64(text), "Base64, padded with `=`"),
        _ => return None,
    };
    (!is_fine).then_some(wanted)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || "-+.".contains(first)) && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// ISO 8601 down to any unit, or whole seconds.
fn is_date(text: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let between =
        |text: &str, least: u32, most: u32| digits(text, 2) && text.parse().is_ok_and(|number: u32| (least..=most).contains(&number));
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let is_day = match date.split('-').collect::<Vec<_>>()[..] {
        [year, month] => time.is_none() && digits(year, 4) && between(month, 1, 12),
        [year, month, day] => digits(year, 4) && between(month, 1, 12) && between(day, 1, 31),
        _ => false,
    };
    let is_time = |time: &str| {
        let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let clock: Vec<&str> = time[..zone].split(':').collect();
        (2..=3).contains(&clock.len()) && clock.iter().all(|part| part.starts_with(|first: char| first.is_ascii_digit()))
    };
    is_day && time.is_none_or(is_time)
}

fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_body = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    !body.is_empty() && is_body && text.len() - body.len() <= 2 && text.len().is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> String {
        problems(&Value::from_json(&serde_json::from_str(json).unwrap())).join("\n")
    }

    #[test]
    fn conditions_that_iam_takes_pass() {
        for json in [
            r#"{"stringequals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]},"ForAnyValue:StringLikeIfExists":{"k":"a*"}}"#,
            r#"{"NumericLessThan":{"k":["10",10,"10.5","-1","1e3","${aws:x}"]},"Bool":{"aws:SecureTransport":true},"Null":{"k":"true"}}"#,
            r#"{"DateGreaterThan":{"k":["2026","2026-01","2026-01-01","2026-01-01T00:00Z","2026-01-01T00:00:00.000Z","2026-01-01T00:00:00+09:00","1767225600"]}}"#,
            r#"{"IpAddress":{"k":["203.0.113.0/24","203.0.113.5","0.0.0.0/0","2001:db8::/32","2001:db8::1","::/0"]},"ForAllValues:Null":{"k":"true"}}"#,
            r#"{"ArnLike":{"k":["arn:*:s3:::b","arn:aws:*:*:*:*","*","arn:aws:iam::1:role/${aws:x}"]},"BinaryEquals":{"k":["YWJj","YWJjZA=="]}}"#,
            r#"{}"#,
        ] {
            assert_eq!(told(json), "", "{json}");
        }
    }

    #[test]
    fn conditions_that_iam_refuses_are_explained() {
        insta::assert_snapshot!(told(r#"{"StringEqual":{"k":"v"},"NullIfExists":{"k":"true"},"Bool":"x","StringLike":{"k":{"a":"b"},"l":[["x"]]}}"#), @r"
        has a condition `Bool` that is not of the form `{ Bool = { key = value } }`
        has the condition operator `NullIfExists`; `Null` asks already whether a key exists, so it is written without `IfExists`
        has the condition operator `StringEqual`, which IAM does not know; did you mean `StringEquals`?
        has for the condition key `k` a table; a condition compares texts
        has for the condition key `l` a list; a condition compares texts
        ");
        insta::assert_snapshot!(told(r#"{"ArnLike":{"k":["nope","arn:aws:s3:b","${aws:PrincipalArn}"]},"NumericEquals":{"k":["abc"," 10","0x10"]}}"#), @r"
        has for the condition key `k` the value `nope`; `ArnLike` compares ARNs, such as `arn:aws:s3:::bucket`, which may have `*` in them
        has for the condition key `k` the value `arn:aws:s3:b`; `ArnLike` compares ARNs, such as `arn:aws:s3:::bucket`, which may have `*` in them
        has for the condition key `k` the value `${aws:PrincipalArn}`; `ArnLike` compares ARNs, such as `arn:aws:s3:::bucket`, which may have `*` in them
        has for the condition key `k` the value `abc`; `NumericEquals` compares numbers
        has for the condition key `k` the value ` 10`; `NumericEquals` compares numbers
        has for the condition key `k` the value `0x10`; `NumericEquals` compares numbers
        ");
        insta::assert_snapshot!(told(r#"{"DateLessThan":{"k":["tomorrow","2026/01/01","2026-13-45"]},"NotIpAddress":{"k":["203.0.113.999/24","10.0.0.0/33","1.2.3"]},"BinaryEquals":{"k":["!!!","abc","YWJj=="]}}"#), @r"
        has for the condition key `k` the value `!!!`; `BinaryEquals` compares Base64, padded with `=`
        has for the condition key `k` the value `abc`; `BinaryEquals` compares Base64, padded with `=`
        has for the condition key `k` the value `YWJj==`; `BinaryEquals` compares Base64, padded with `=`
        has for the condition key `k` the value `tomorrow`; `DateLessThan` compares dates, such as `2026-01-31T00:00:00Z`, or seconds since 1970
        has for the condition key `k` the value `2026/01/01`; `DateLessThan` compares dates, such as `2026-01-31T00:00:00Z`, or seconds since 1970
        has for the condition key `k` the value `2026-13-45`; `DateLessThan` compares dates, such as `2026-01-31T00:00:00Z`, or seconds since 1970
        has for the condition key `k` the value `203.0.113.999/24`; `NotIpAddress` compares addresses, such as `203.0.113.0/24`
        has for the condition key `k` the value `10.0.0.0/33`; `NotIpAddress` compares addresses, such as `203.0.113.0/24`
        has for the condition key `k` the value `1.2.3`; `NotIpAddress` compares addresses, such as `203.0.113.0/24`
        ");
        insta::assert_snapshot!(problems(&"x".into()).join("\n"), @"has a `Condition` that is not a table such as `{ StringEquals = { key = value } }`");
    }
}

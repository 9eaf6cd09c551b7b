//! What can stand in the lists of an event pattern (the EventBridge guide, "Comparison operators", and
//! what AWS was measured to refuse: cdk-preflight, `pf-events-pattern-operator`).

use crate::diagnostic::nearest;
use crate::model::{Table, Value};
use std::net::IpAddr;

const OPERATORS: &[&str] = &["prefix", "suffix", "anything-but", "numeric", "exists", "cidr", "wildcard", "equals-ignore-case", "exactly"];

/// What other tools and languages call them.
const SYNONYMS: &[(&str, &str)] = &[
    ("startswith", "prefix"),
    ("beginswith", "prefix"),
    ("endswith", "suffix"),
    ("contains", "wildcard"),
    ("like", "wildcard"),
    ("regex", "wildcard"),
    ("not", "anything-but"),
    ("anythingbut", "anything-but"),
    ("noneof", "anything-but"),
    ("ignorecase", "equals-ignore-case"),
    ("equalsignorecase", "equals-ignore-case"),
    ("equals", "exactly"),
    ("ip", "cidr"),
    ("number", "numeric"),
];

/// Numbers are compared up to here, both ways.
const MOST_OF_A_NUMBER: f64 = 5.0e9;

/// Whether it is the name of an operator.
pub(super) fn is_operator(text: &str) -> bool {
    OPERATORS.contains(&text)
}

/// What is wrong with one item of a list, as the end of a sentence about the list.
pub(super) fn problem(item: &Value) -> Option<String> {
    match item {
        Value::List(_) => Some("has a list inside a list, which EventBridge refuses".to_owned()),
        Value::Table(table) => match only(table) {
            Some((operator, operand)) => of_operator(operator, operand),
            None if table.is_empty() => Some("has an empty object; an operator is written such as `{ prefix = \"a\" }`".to_owned()),
            None => Some("has an object with several keys; each operator stands in an object of its own".to_owned()),
        },
        _ => None,
    }
}

fn only(table: &Table) -> Option<(&str, &Value)> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Some((key, value)),
        _ => None,
    }
}

fn of_operator(operator: &str, operand: &Value) -> Option<String> {
    if matches!(operand, Value::Unresolved(_)) {
        return None;
    }
    let problem = match operator {
        "exactly" | "equals-ignore-case" => wants_text(operand),
        "prefix" | "suffix" => affix(operand),
        "wildcard" => operand.as_str().map_or_else(|| wants_text(operand), wildcard),
        "cidr" => operand.as_str().map_or_else(|| wants_text(operand), cidr),
        "numeric" => numeric(operand),
        "exists" => operand.as_boolean().is_none().then(|| "its value must be `true` or `false`, without quotes".to_owned()),
        "anything-but" => anything_but(operand),
        _ => return Some(unknown(operator)),
    };
    problem.map(|problem| format!("has the operator `{operator}`: {problem}"))
}

fn unknown(operator: &str) -> String {
    let plain: String = operator.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let synonym = SYNONYMS.iter().find(|(name, _)| *name == plain).map(|(_, meant)| *meant);
    let meant = synonym.or_else(|| nearest(operator, OPERATORS.iter().copied()));
    let hint = meant.map_or_else(|| format!("; there are {}", list(OPERATORS)), |meant| format!("; did you mean `{meant}`?"));
    format!("has the operator `{operator}`, which EventBridge does not know{hint}")
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn wants_text(operand: &Value) -> Option<String> {
    operand.as_str().is_none().then(|| "its value must be a text".to_owned())
}

/// A text, or one whose case does not count.
fn affix(operand: &Value) -> Option<String> {
    match operand {
        Value::Table(table) => match only(table) {
            Some(("equals-ignore-case", operand)) => wants_text(operand),
            _ => Some("its value must be a text, or `{ equals-ignore-case = \"…\" }`".to_owned()),
        },
        other => wants_text(other),
    }
}

fn wildcard(text: &str) -> Option<String> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('*', Some('*')) => return Some(format!("two `*` in a row, as in `{text}`, are refused; one matches as much")),
            ('\\', Some('*' | '\\')) => drop(characters.next()),
            ('\\', _) => return Some(format!("in `{text}` a `\\` stands before something other than `*` or `\\`")),
            _ => {}
        }
    }
    None
}

fn cidr(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let most = address.parse::<IpAddr>().ok().map(|address| if address.is_ipv4() { 32 } else { 128 });
    let is_length = |most: u8| length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most));
    (!most.is_some_and(is_length)).then(|| format!("`{text}` is no range of addresses, such as `10.0.0.0/24`"))
}

/// `["=", 5]`, `[">", 0]`, or a lower and then an upper bound: `[">", 0, "<=", 5]`.
fn numeric(operand: &Value) -> Option<String> {
    const FORM: &str = "its value must be a list of comparisons, such as `[\">\", 0, \"<=\", 5]`";
    let Some(terms) = operand.as_list() else { return Some(FORM.to_owned()) };
    if terms.iter().any(Value::is_unresolved) {
        return None;
    }
    let mut bounds = Vec::new();
    for pair in terms.chunks(2) {
        let operator = pair[0].as_str().filter(|operator| ["=", "<", "<=", ">", ">="].contains(operator));
        let (Some(operator), Some(number)) = (operator, pair.get(1).and_then(number)) else {
            return Some(format!("{FORM}: `=`, `<`, `<=`, `>` or `>=`, each with a number behind it"));
        };
        if number.abs() > MOST_OF_A_NUMBER {
            return Some("it compares numbers from -5,000,000,000 to 5,000,000,000 only".to_owned());
        }
        bounds.push((operator, number));
    }
    match bounds[..] {
        [_] => None,
        [(">" | ">=", bottom), ("<" | "<=", top)] if bottom < top => None,
        [(">" | ">=", _), ("<" | "<=", _)] => Some("its lower bound must be below its upper bound".to_owned()),
        [_, _] => Some("the lower bound stands first (`>` or `>=`), then the upper bound (`<` or `<=`)".to_owned()),
        _ => Some(format!("{FORM}, with two of them at most")),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "what is beyond is refused")]
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// A text, a number, a list of either, or one of four operators over texts.
fn anything_but(operand: &Value) -> Option<String> {
    const INNER: &[&str] = &["prefix", "suffix", "wildcard", "equals-ignore-case"];
    match operand {
        Value::String(_) | Value::Integer(_) | Value::Float(_) => None,
        Value::List(items) => anything_but_list(items),
        Value::Table(table) => match only(table) {
            Some((operator, operand)) if INNER.contains(&operator) => {
                let operands = operand.as_list().unwrap_or(std::slice::from_ref(operand));
                operands.iter().find_map(|operand| anything_but_text(operator, operand))
            }
            _ => Some(format!("it takes a text, a number, a list of these, or an object with one of {}", list(INNER))),
        },
        _ => Some("it takes texts and numbers only".to_owned()),
    }
}

fn anything_but_list(items: &[Value]) -> Option<String> {
    let is_text = |item: &&Value| matches!(item, Value::String(_) | Value::Unresolved(_));
    let (texts, numbers) = (items.iter().filter(is_text).count(), items.iter().filter(|item| number(item).is_some()).count());
    if items.is_empty() {
        return Some("its list is empty".to_owned());
    }
    (texts != items.len() && numbers != items.len()).then(|| "it takes a list of texts or a list of numbers, and no mixture".to_owned())
}

fn anything_but_text(operator: &str, operand: &Value) -> Option<String> {
    match operand {
        Value::Unresolved(_) => None,
        Value::String(text) if text.is_empty() && ["prefix", "suffix"].contains(&operator) => Some(format!("its `{operator}` is empty")),
        Value::String(text) if operator == "wildcard" => wildcard(text),
        other => wants_text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> String {
        problem(&Value::from_json(&serde_json::from_str(json).unwrap())).unwrap_or_default()
    }

    #[test]
    fn what_event_bridge_takes_passes() {
        for json in [
            "null",
            "true",
            "1.5",
            r#""x""#,
            r#"{"prefix":""}"#,
            r#"{"prefix":{"equals-ignore-case":"a"}}"#,
            r#"{"suffix":".png"}"#,
            r#"{"exists":false}"#,
            r#"{"numeric":["=",5]}"#,
            r#"{"numeric":[">",0,"<=",5.5]}"#,
            r#"{"cidr":"10.0.0.0/24"}"#,
            r#"{"cidr":"2001:db8::/32"}"#,
            r#"{"wildcard":"a*b\\*c*"}"#,
            r#"{"equals-ignore-case":"A"}"#,
            r#"{"anything-but":"x"}"#,
            r#"{"anything-but":5}"#,
            r#"{"anything-but":["a","b"]}"#,
            r#"{"anything-but":[1,2.5]}"#,
            r#"{"anything-but":{"prefix":"a"}}"#,
            r#"{"anything-but":{"wildcard":["*/a","b*"]}}"#,
            r#"{"anything-but":{"equals-ignore-case":["a","b"]}}"#,
        ] {
            assert_eq!(told(json), "", "{json}");
        }
    }

    #[test]
    fn what_event_bridge_refuses_is_explained() {
        let refused = [
            r#"["b"]"#,
            "{}",
            r#"{"prefix":"a","suffix":"b"}"#,
            r#"{"startsWith":"a"}"#,
            r#"{"perfix":"a"}"#,
            r#"{"x":1}"#,
            r#"{"prefix":5}"#,
            r#"{"suffix":{"prefix":"a"}}"#,
            r#"{"exists":"true"}"#,
            r#"{"wildcard":"a**b"}"#,
            r#"{"wildcard":"a\\b"}"#,
            r#"{"cidr":"10.0.0.0/33"}"#,
            r#"{"numeric":5}"#,
            r#"{"numeric":["=>",0]}"#,
            r#"{"numeric":[">"]}"#,
            r#"{"numeric":[]}"#,
            r#"{"numeric":["<",5,">",0]}"#,
            r#"{"numeric":[">",5,"<",5]}"#,
            r#"{"numeric":["=",6000000000]}"#,
            r#"{"anything-but":{"exists":true}}"#,
            r#"{"anything-but":["a",1]}"#,
            r#"{"anything-but":[]}"#,
            r#"{"anything-but":true}"#,
            r#"{"anything-but":{"prefix":""}}"#,
        ];
        insta::assert_snapshot!(refused.iter().map(|json| format!("{json} {}", told(json))).collect::<Vec<_>>().join("\n"), @r#"
        ["b"] has a list inside a list, which EventBridge refuses
        {} has an empty object; an operator is written such as `{ prefix = "a" }`
        {"prefix":"a","suffix":"b"} has an object with several keys; each operator stands in an object of its own
        {"startsWith":"a"} has the operator `startsWith`, which EventBridge does not know; did you mean `prefix`?
        {"perfix":"a"} has the operator `perfix`, which EventBridge does not know; did you mean `prefix`?
        {"x":1} has the operator `x`, which EventBridge does not know; there are `prefix`, `suffix`, `anything-but`, `numeric`, `exists`, `cidr`, `wildcard`, `equals-ignore-case`, `exactly`
        {"prefix":5} has the operator `prefix`: its value must be a text
        {"suffix":{"prefix":"a"}} has the operator `suffix`: its value must be a text, or `{ equals-ignore-case = "…" }`
        {"exists":"true"} has the operator `exists`: its value must be `true` or `false`, without quotes
        {"wildcard":"a**b"} has the operator `wildcard`: two `*` in a row, as in `a**b`, are refused; one matches as much
        {"wildcard":"a\\b"} has the operator `wildcard`: in `a\b` a `\` stands before something other than `*` or `\`
        {"cidr":"10.0.0.0/33"} has the operator `cidr`: `10.0.0.0/33` is no range of addresses, such as `10.0.0.0/24`
        {"numeric":5} has the operator `numeric`: its value must be a list of comparisons, such as `[">", 0, "<=", 5]`
        {"numeric":["=>",0]} has the operator `numeric`: its value must be a list of comparisons, such as `[">", 0, "<=", 5]`: `=`, `<`, `<=`, `>` or `>=`, each with a number behind it
        {"numeric":[">"]} has the operator `numeric`: its value must be a list of comparisons, such as `[">", 0, "<=", 5]`: `=`, `<`, `<=`, `>` or `>=`, each with a number behind it
        {"numeric":[]} has the operator `numeric`: its value must be a list of comparisons, such as `[">", 0, "<=", 5]`, with two of them at most
        {"numeric":["<",5,">",0]} has the operator `numeric`: the lower bound stands first (`>` or `>=`), then the upper bound (`<` or `<=`)
        {"numeric":[">",5,"<",5]} has the operator `numeric`: its lower bound must be below its upper bound
        {"numeric":["=",6000000000]} has the operator `numeric`: it compares numbers from -5,000,000,000 to 5,000,000,000 only
        {"anything-but":{"exists":true}} has the operator `anything-but`: it takes a text, a number, a list of these, or an object with one of `prefix`, `suffix`, `wildcard`, `equals-ignore-case`
        {"anything-but":["a",1]} has the operator `anything-but`: it takes a list of texts or a list of numbers, and no mixture
        {"anything-but":[]} has the operator `anything-but`: its list is empty
        {"anything-but":true} has the operator `anything-but`: it takes texts and numbers only
        {"anything-but":{"prefix":""}} has the operator `anything-but`: its `prefix` is empty
        "#);
    }
}

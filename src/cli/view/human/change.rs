//! One changed path.

use super::policy::comparable;
use super::text::{self, DIM, GREEN, RED, YELLOW, fitted, fitted_value, shortened, styled, width};
use crate::model::document::parsed;
use crate::model::{Action, Cause, Change, Compare, Effect, RulesSet, Step, Value, field};
use similar::{ChangeTag, TextDiff};

const INDENT: usize = 6;
/// Where the signs of a diff stand.
const DIFF_INDENT: usize = 8;
/// Unchanged lines shown around each changed one in the diff of a document.
const DIFF_CONTEXT_LINES: usize = 1;
/// Characters of a common beginning of two long texts that are shown before the first difference.
const BEGINNING_SHOWN: usize = 16;
/// Lines of a document's diff that are shown; the rest is counted.
const DIFF_LINES_MAX: usize = 24;

/// What stood there and what will: both sides and a remark.
struct Sides {
    before: Option<Value>,
    after: Option<Value>,
    remark: String,
}

impl Sides {
    /// Both sides as they are compared, so that what means the same looks the same.
    fn new(before: Option<&Value>, after: Option<&Value>, compare: Compare, remark: String) -> Self {
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => {
                let (before, after) = comparable(before, after, compare);
                (Some(before), Some(after))
            }
            sides => (sides.0.cloned(), sides.1.cloned()),
        };
        Self { before: before.as_ref().map(shortened), after: after.as_ref().map(shortened), remark }
    }
}

/// How the values of a changed setting are compared.
pub fn compare(step: &Step, change: &Change, rules: &dyn RulesSet) -> Compare {
    let fields = rules.rules(&step.address.kind).map(crate::model::Rules::fields).unwrap_or_default();
    field::find(fields, change.path.first()).map_or(Compare::Exact, |field| field.compare)
}

/// What a plan changes: what lives, or what was applied where nobody looked.
pub fn before(change: &Change) -> Option<&Value> {
    match change.cause {
        Cause::Spec | Cause::Source => change.live.as_ref().or(change.applied.as_ref()),
        _ => change.live.as_ref(),
    }
}

/// The lines for one change in a plan: from what lives to what is wanted.
pub fn planned(change: &Change, action: Action, compare: Compare, columns: usize) -> Vec<String> {
    if let Some(told) = secret(change) {
        return vec![told];
    }
    let remark = match (change.cause, action) {
        (_, Action::Create) | (Cause::Spec | Cause::Source, _) => String::new(),
        (Cause::Drift, _) => "drift".into(),
        (Cause::Both, _) => format!("drift: applied {}", text::value(change.applied.as_ref())),
    };
    let before = before(change);
    let is_replaced = change.effect == Effect::Replace && matches!(action, Action::Replace | Action::Update);
    let before = before.filter(|_| action != Action::Create);
    lines(change, &Sides::new(before, change.desired.as_ref(), compare, remark), is_replaced, columns)
}

/// The lines for one drifted path: from what was applied to what lives.
pub fn drifted(change: &Change, compare: Compare, columns: usize) -> Vec<String> {
    if let Some(told) = secret(change) {
        return vec![told];
    }
    lines(change, &Sides::new(change.applied.as_ref(), change.live.as_ref(), compare, String::new()), false, columns)
}

/// The line for a secret that has another value: which one, nobody is told.
fn secret(change: &Change) -> Option<String> {
    let is_secret = |value: &Option<Value>| matches!(value, Some(Value::Secret(_)));
    let Some(Value::Secret(wanted)) = &change.desired else { return None };
    let word = match change.cause {
        Cause::Source => format!("rotated: {}", wanted.source),
        Cause::Drift if change.live.is_none() => "gone from AWS".to_owned(),
        Cause::Drift => "changed in AWS".to_owned(),
        _ if change.live.is_none() && change.applied.is_none() => "new".to_owned(),
        _ if !is_secret(&change.applied) && change.applied.is_some() => "no longer in plain text".to_owned(),
        _ => "changed".to_owned(),
    };
    Some(format!("{:INDENT$}{}: {}", "", change.path, styled(YELLOW, &format!("(secret, {word})"))))
}

fn lines(change: &Change, sides: &Sides, is_replaced: bool, columns: usize) -> Vec<String> {
    let path = change.path.to_string();
    let (before, after) = (text::value(sides.before.as_ref()), text::value(sides.after.as_ref()));
    let is_new = sides.before.is_none() && sides.after.is_some();
    let remarks: Vec<String> =
        [(!sides.remark.is_empty()).then(|| styled(YELLOW, &sides.remark)), is_replaced.then(|| styled(RED, "forces replacement"))]
            .into_iter()
            .flatten()
            .collect();
    let tail = if remarks.is_empty() { String::new() } else { format!("  ({})", remarks.join(", ")) };
    let short = if is_new { format!("{path} = {after}") } else { format!("{path}: {before} -> {after}") };
    let visible = INDENT + width(&short) + width(&anstream::adapter::strip_str(&tail).to_string());
    if visible <= columns {
        let body = if is_new { format!("{path} = {}", styled(GREEN, &after)) } else { arrow(&path, &before, &after) };
        return vec![format!("{:INDENT$}{body}{tail}", "")];
    }
    let mut all = vec![format!("{:INDENT$}{path}:{tail}", "")];
    all.extend(long(sides, columns));
    all
}

fn arrow(path: &str, before: &str, after: &str) -> String {
    format!("{path}: {} -> {}", styled(RED, before), styled(GREEN, after))
}

fn long(sides: &Sides, columns: usize) -> Vec<String> {
    if is_document(sides.before.as_ref()) || is_document(sides.after.as_ref()) {
        return diff(&pretty(sides.before.as_ref()), &pretty(sides.after.as_ref()), columns);
    }
    let (before, after) =
        (sides.before.as_ref().map(|value| text::value(Some(value))), sides.after.as_ref().map(|value| text::value(Some(value))));
    let same = match (&before, &after) {
        (Some(before), Some(after)) => same_beginning(before, after),
        _ => 0,
    };
    let side = |sign: &str, style, value: Option<String>| {
        value.map(|value| styled(style, &fitted_value(&format!("{:DIFF_INDENT$}{sign} {}", "", without_beginning(&value, same)), columns)))
    };
    [side("-", RED, before), side("+", GREEN, after)].into_iter().flatten().collect()
}

/// How many characters two texts begin with in common.
fn same_beginning(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

/// The text from a little before the character at `same`, so that a cut line still shows what differs.
fn without_beginning(text: &str, same: usize) -> String {
    let skipped = same.saturating_sub(BEGINNING_SHOWN);
    if skipped == 0 { text.to_owned() } else { ['…'].into_iter().chain(text.chars().skip(skipped)).collect() }
}

fn is_document(value: Option<&Value>) -> bool {
    value.is_some_and(|value| matches!(parsed(value), Value::List(_) | Value::Table(_)))
}

/// A document over several lines; of a list of plain values an item a line.
fn pretty(value: Option<&Value>) -> String {
    if let Some(Value::List(items)) = value
        && !items.iter().any(|item| matches!(item, Value::List(_) | Value::Table(_)))
    {
        return items.iter().map(|item| format!("{}\n", text::value(Some(item)))).collect();
    }
    value.map(|value| format!("{:#}\n", text::told(&parsed(value)).to_json())).unwrap_or_default()
}

fn diff(before: &str, after: &str, columns: usize) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let changes = diff.grouped_ops(DIFF_CONTEXT_LINES);
    let changes = changes.iter().flatten().flat_map(|operation| diff.iter_changes(operation));
    let changes: Vec<(ChangeTag, String)> = changes.map(|change| (change.tag(), change.value().trim_end().to_owned())).collect();
    let mut lines: Vec<String> = without_beginnings(changes, columns.saturating_sub(DIFF_INDENT + 2))
        .iter()
        .map(|(tag, text)| {
            let (sign, style) = match tag {
                ChangeTag::Delete => ("-", RED),
                ChangeTag::Insert => ("+", GREEN),
                ChangeTag::Equal => (" ", DIM),
            };
            styled(style, &fitted(&format!("{:DIFF_INDENT$}{sign} {text}", ""), columns))
        })
        .collect();
    if lines.len() > DIFF_LINES_MAX {
        let more = lines.len() - DIFF_LINES_MAX;
        lines.truncate(DIFF_LINES_MAX);
        lines.push(styled(DIM, &format!("{:DIFF_INDENT$}… {} more; `--format json` shows all", "", text::counted(more, "line"))));
    }
    lines
}

/// Lines that take the place of as many others begin a little before the first difference where they have no room.
fn without_beginnings(mut changes: Vec<(ChangeTag, String)>, columns: usize) -> Vec<(ChangeTag, String)> {
    for run in changes.chunk_by_mut(|left, right| left.0 == right.0 || (left.0, right.0) == (ChangeTag::Delete, ChangeTag::Insert)) {
        let deleted = run.iter().filter(|(tag, _)| *tag == ChangeTag::Delete).count();
        let (before, after) = run.split_at_mut(deleted);
        if before.len() != after.len() {
            continue;
        }
        for ((_, before), (_, after)) in before.iter_mut().zip(after) {
            let indent = before.len() - before.trim_start().len();
            let is_wide = width(before).max(width(after)) > columns;
            if !is_wide || after.len() - after.trim_start().len() != indent {
                continue;
            }
            let same = same_beginning(before.trim_start(), after.trim_start());
            let short = |text: &str| format!("{:indent$}{}", "", without_beginning(text.trim_start(), same));
            (*before, *after) = (short(before), short(after));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_of_a_document_show_what_differs() {
        let arn = |name: &str| {
            format!("{{\n  \"Resource\": [\n    \"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-{name}:*\"\n  ]\n}}\n")
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&diff(&arn("hash"), &arn("other"), 60).join("\n")).to_string(), @r#"
            "Resource": [
        -     …aws/lambda/demo-hash:*"
        +     …aws/lambda/demo-other:*"
            ]
        "#);
    }
}

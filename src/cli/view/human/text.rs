//! Small pieces of text: styles, values, fitting into a width.

use crate::model::value::scalar_text;
use crate::model::{Action, TemplatePart, Value};
use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands before a package's hash, ours or that of what lives in AWS, and how long the hash is.
const HASHES: [(&str, usize); 2] = [("sha256:", 64), ("live:", 44)];
/// Characters that are shown of a hash: enough to tell two packages apart.
const HASH_SHOWN: usize = 12;

/// Added, and success.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Taken away, and failure.
pub const RED: Style = AnsiColor::Red.on_default();
/// Changed, and warnings.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Names to be copied.
pub const CYAN: Style = AnsiColor::Cyan.on_default();
/// Less important.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

/// `text` in a style.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The sign and the style of an action.
pub fn symbol(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create => ("+", GREEN),
        Action::Update => ("~", YELLOW),
        Action::Replace => ("-/+", RED),
        Action::Delete => ("-", RED),
        Action::Adopt => (">", CYAN),
        Action::Forget => (".", DIM),
        Action::NoOp => (" ", DIM),
    }
}

/// The value with the hashes in it short enough to be looked at.
pub fn shortened(value: &Value) -> Value {
    let short = |text: &str| {
        // An image is named with its repository before its digest.
        let (place, text) = text.split_once('@').map_or(("", text), |(place, digest)| (place, digest));
        HASHES.iter().find_map(|(prefix, length)| {
            let hash = text.strip_prefix(prefix).filter(|hash| hash.len() == *length)?;
            let at = if place.is_empty() { "" } else { "@" };
            Some(format!("{place}{at}{prefix}{}", hash.get(..HASH_SHOWN)?))
        })
    };
    value.as_str().and_then(short).map_or_else(|| value.clone(), Value::from)
}

/// A value on one line; what is absent reads `(unset)`.
pub fn value(value: Option<&Value>) -> String {
    match value {
        None => "(unset)".into(),
        Some(Value::Unresolved(parts)) if parts.len() == 1 => template(parts),
        Some(Value::Secret(_)) => "(secret)".into(),
        Some(value) => told(value).to_json().to_string(),
    }
}

/// The value with words in the place of whatever only AWS will tell.
pub fn told(value: &Value) -> Value {
    match value {
        Value::Unresolved(parts) => template(parts).into(),
        Value::List(items) => Value::List(items.iter().map(told).collect()),
        Value::Table(table) => Value::Table(table.iter().map(|(key, value)| (key.clone(), told(value))).collect()),
        other => other.clone(),
    }
}

fn template(parts: &[TemplatePart]) -> String {
    if let [TemplatePart::Attribute { .. }] = parts {
        return format!("(known after apply: {})", parts[0].expression());
    }
    let text = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => text.clone(),
        other => format!("${{{}}}", other.expression()),
    };
    parts.iter().map(text).collect()
}

/// Text on one line in which nothing speaks to the terminal: what AWS or a policy says may hold any character.
pub fn words(text: &str) -> String {
    let shown = |character: char| if character.is_control() { character.escape_default().collect() } else { vec![character] };
    text.chars().flat_map(shown).collect()
}

/// An output as a shell wants it: text bare, anything else as JSON.
pub fn output(value: &Value) -> String {
    scalar_text(value).unwrap_or_else(|| value.to_json().to_string())
}

/// The columns that a text takes on a terminal: wide characters take two, marks on letters none.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to `columns`, with an ellipsis where something was cut.
pub fn fitted(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |character: &char| {
        let taken = character.width().unwrap_or_default();
        let is_room = taken <= left;
        left = left.saturating_sub(taken);
        is_room
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// The same of a value: a text in quotes keeps the last one.
pub fn fitted_value(value: &str, columns: usize) -> String {
    match value.strip_suffix('"').filter(|_| width(value) > columns) {
        Some(open) => fitted(open, columns.saturating_sub(1)) + "\"",
        None => fitted(value, columns),
    }
}

/// Words broken into lines of at most `columns`, each with `indent` spaces before it.
pub fn wrapped(text: &str, indent: usize, columns: usize) -> Vec<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    filled(&words, indent, columns)
}

/// Words broken into lines as by [`wrapped`], all but the first indented two columns more.
pub fn hanging(text: &str, indent: usize, columns: usize) -> Vec<String> {
    let lines = wrapped(text, indent, columns.saturating_sub(2));
    lines.into_iter().enumerate().map(|(number, line)| if number == 0 { line } else { format!("  {line}") }).collect()
}

/// Text whose long lines are broken between words. What stands between backticks stays on one line, so that it can be
/// copied; a line that is indented goes on with its indent.
pub fn folded(text: &str, columns: usize) -> String {
    let fold = |line: &str| {
        let rest = line.trim_start();
        if width(line) <= columns { line.to_owned() } else { filled(&unbroken(rest), line.len() - rest.len(), columns).join("\n") }
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

/// Words, where what stands between backticks is one of them.
fn unbroken(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split(' ') {
        match words.last_mut().filter(|_| is_open) {
            Some(last) => last.extend([" ", word]),
            None => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// Items separated by commas, broken only between items.
pub fn listed(items: &[String], indent: usize, columns: usize) -> Vec<String> {
    let Some((last, others)) = items.split_last() else { return Vec::new() };
    let items: Vec<String> = others.iter().map(|item| format!("{item},")).chain([last.clone()]).collect();
    filled(&items, indent, columns)
}

/// Names separated by commas on at most `lines_max` lines; what has no room is counted. `None` leaves no name out.
pub fn names(names: &[&str], indent: usize, columns: usize, lines_max: Option<usize>) -> Vec<String> {
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut lines = listed(&all, indent, columns);
    let Some(lines_max) = lines_max.filter(|lines_max| lines.len() > *lines_max) else { return lines };
    lines.truncate(lines_max);
    let shown: usize = lines.iter().map(|line| line.matches(',').count()).sum();
    let Some(last) = lines.last_mut() else { return lines };
    // Room for the count is made by leaving out the last names that were shown.
    let mut kept: Vec<&str> = last.trim().split(' ').collect();
    let mut shown = shown;
    let line = |kept: &[&str], shown: usize| format!("{:indent$}{} and {} more", "", kept.join(" "), names.len() - shown);
    while kept.len() > 1 && width(&line(&kept, shown)) > columns {
        kept.pop();
        shown -= 1;
    }
    let full = line(&kept, shown);
    if width(&full) <= columns {
        *last = full;
    } else {
        lines.push(format!("{:indent$}and {} more", "", names.len() - shown));
    }
    lines
}

fn filled(words: &[String], indent: usize, columns: usize) -> Vec<String> {
    let space = columns.saturating_sub(indent).max(20);
    let mut lines = vec![String::new()];
    for word in words {
        let is_full = lines.last().is_some_and(|line| !line.is_empty() && width(line) + 1 + width(word) > space);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.into_iter().map(|line| format!("{:indent$}{line}", "")).collect()
}

/// `1 resource`, `2 resources`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A duration as people say it.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}

/// Bytes as people say them.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{}.{} KiB", bytes / 1_024, bytes % 1_024 * 10 / 1_024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Table};

    #[test]
    fn values_are_shown_as_json_and_references_in_words() {
        assert_eq!(value(None), "(unset)");
        assert_eq!(value(Some(&"a\"b".into())), r#""a\"b""#);
        let id = Value::reference(&Address::new("http_api", "x"), "id");
        assert_eq!(value(Some(&id)), "(known after apply: http_api.x.id)");
        let list = Value::List(vec!["a".into(), Value::Table(Table::from_iter([("b".to_owned(), id)]))]);
        assert_eq!(value(Some(&list)), r#"["a",{"b":"(known after apply: http_api.x.id)"}]"#);
    }

    #[test]
    fn long_text_is_cut_or_broken() {
        assert_eq!(fitted("abcdef", 4), "abc…");
        assert_eq!(fitted("äbcd", 4), "äbcd");
        assert_eq!((fitted_value("\"abcdef\"", 6), fitted_value("\"abcd\"", 6)), ("\"abc…\"".into(), "\"abcd\"".into()));
        assert_eq!(wrapped("one two three four five", 2, 22), ["  one two three four", "  five"]);
        assert_eq!(listed(&["a = 1".to_owned(), "b = \"two words\"".to_owned()], 0, 20), ["a = 1,", "b = \"two words\""]);
    }

    #[test]
    fn long_lines_are_broken_between_words_and_never_within_what_is_quoted() {
        let hint = "run `lambdo up --target function.hash` to go on with it";
        assert_eq!(folded(hint, 60), hint);
        assert_eq!(folded(hint, 30), "run\n`lambdo up --target function.hash`\nto go on with it");
        assert_eq!(
            folded("one two three four five six\n    seven eight nine ten", 24),
            "one two three four five\nsix\n    seven eight nine ten"
        );
        assert_eq!(folded("  seven eight nine ten eleven", 24), "  seven eight nine ten\n  eleven");
        assert_eq!(folded("a lone ` is closed by nothing, and stays", 20), "a lone\n` is closed by nothing, and stays");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("日本"), width("e\u{301}")), (4, 1));
        assert_eq!(fitted("日本語", 5), "日本…");
        assert_eq!(fitted("日本語", 4), "日…");
    }

    #[test]
    fn names_that_have_no_room_are_counted() {
        let many: Vec<String> = (0..100).map(|number| format!("report-{number:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        insta::assert_snapshot!(names(&many, 2, 50, Some(2)).join("\n"), @r"
          report-00, report-01, report-02, report-03,
          report-04, report-05, report-06, and 93 more
        ");
        assert_eq!(names(&many[..2], 2, 50, Some(2)), ["  report-00, report-01"]);
        assert!(names(&many, 2, 50, None).join("").ends_with("report-99"));
        let long = "x".repeat(64);
        assert_eq!(names(&[&long, &long], 2, 50, Some(1)), [format!("  {long},"), "  and 1 more".to_owned()]);
    }

    #[test]
    fn only_hashes_are_shortened() {
        let ours = format!("sha256:{}", "0123456789abcdef".repeat(4));
        for (text, short) in [
            (ours.as_str(), "sha256:0123456789ab"),
            ("live:vuvsQJStNGK1a1gWL6appvqgsKAJ6T36ojBHRgYNO5w=", "live:vuvsQJStNGK1"),
            (&format!("registry.example/app@{ours}"), "registry.example/app@sha256:0123456789ab"),
            ("sha256:0123456789abcdef", "sha256:0123456789abcdef"),
            ("somebody@example.com", "somebody@example.com"),
            ("live: and let die", "live: and let die"),
        ] {
            assert_eq!(shortened(&text.into()), short.into());
        }
    }

    #[test]
    fn durations_and_sizes_have_one_digit_behind_the_point() {
        assert_eq!([duration(40), duration(1_250), duration(61_000)], ["40 ms", "1.2 s", "1 min 1 s"]);
        assert_eq!([bytes(12), bytes(1_536), bytes(5_242_880)], ["12 B", "1.5 KiB", "5.0 MiB"]);
    }
}

//! What is wrong with a text as TOML, said so that one need not know TOML's traps.

use super::slips;
use super::tree::{Source, line_column};
use crate::diagnostic::{Diagnostic, Span};
use toml::de::Error;

/// Every syntax error with its place. A parser that recovers may stumble again over the rest of the
/// same line, and over each key of a table that is opened twice: only the first error is told.
pub(crate) fn explain(source: &Source, errors: &[Error]) -> Vec<Diagnostic> {
    if let Some(finding) = slips::other_format(source).filter(|_| !errors.is_empty()) {
        return vec![finding];
    }
    let mut spans: Vec<(Span, &Error)> = errors.iter().map(|error| (source.span(error.span().unwrap_or(0..0)), error)).collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut told_until = 0;
    for (span, error) in spans {
        if span.start >= told_until {
            let finding = explain_one(source, error.message(), span.clone());
            told_until = silent_until(source, error.message(), &finding, span.start);
            findings.push(finding);
        }
    }
    findings
}

/// Where the next error is one of its own again.
fn silent_until(source: &Source, parser: &str, finding: &Diagnostic, start: usize) -> usize {
    let text = &source.text;
    let is_header = header_path(line_at(text, start)).is_some();
    match finding.code {
        "table-opened-twice" if is_header => headers(text).map(|(at, _)| at).find(|at| *at > start).unwrap_or(text.len()),
        "syntax" if slips::is_bracket(parser) => slips::end_of_confusion(text, start),
        _ => line_end(text, start),
    }
}

/// Whether what follows the error was read wrongly, or not at all.
pub(crate) fn hides_the_rest(finding: &Diagnostic) -> bool {
    !["date-without-quotes", "duplicate-key", "number-too-large", "number-with-unit"].contains(&finding.code)
}

fn explain_one(source: &Source, message: &str, span: Span) -> Diagnostic {
    if message.starts_with("duplicate key") {
        return duplicate(source, span);
    }
    if let Some(what) = message.strip_prefix("cannot extend value of type ") {
        return extended(source, what.split(" with ").next().unwrap_or(what), span);
    }
    slips::explain(source, message, span)
}

fn duplicate(source: &Source, span: Span) -> Diagnostic {
    let key = source.slice(&span).to_owned();
    let line = line_at(&source.text, span.start);
    match header_path(line) {
        Some(path) => table_opened_twice(source, &path, span),
        None => key_twice(source, &key, span),
    }
}

fn table_opened_twice(source: &Source, path: &str, span: Span) -> Diagnostic {
    let finding = Diagnostic::error("table-opened-twice", "A table is opened twice");
    let Some(first) = headers(&source.text).find(|(at, header)| header == path && *at < line_start(&source.text, span.start)) else {
        return finding
            .detail(format!("`[{path}]` opens a table that is already written with its keys in the table above it, as `key = {{ … }}` or `key.part = …`."))
            .hint("keep one of the two forms: move the keys under this header, or write them all in the table above it")
            .span(span);
    };
    finding
        .detail(format!(
            "`[{path}]` is already opened in line {}; TOML lets each table have one header.",
            line_column(&source.text, first.0).0
        ))
        .hint("move the keys below this header to the first one, and remove this header")
        .span(span)
}

fn key_twice(source: &Source, key: &str, span: Span) -> Diagnostic {
    let here = line_start(&source.text, span.start);
    let table = headers(&source.text).take_while(|(at, _)| *at < here).last().map_or(0, |(at, _)| at);
    let first = lines(&source.text[..here]).filter(|(at, _)| *at >= table).find(|(_, line)| assigns(line, key));
    let where_first = first.map_or_else(String::new, |(at, _)| format!(", first in line {}", line_column(&source.text, at).0));
    Diagnostic::error("duplicate-key", "A key stands twice in the same table")
        .detail(format!("`{key}` is given more than once{where_first}."))
        .hint("keep one of them")
        .span(span)
}

fn extended(source: &Source, what: &str, span: Span) -> Diagnostic {
    let key = source.slice(&span).to_owned();
    Diagnostic::error("table-opened-twice", "A table is opened twice")
        .detail(format!(
            "`{key}` is already written as {}, so that no key can be added to it from outside.",
            if what == "inline table" { "an inline table" } else { what }
        ))
        .hint(format!("keep one of the two forms: all keys inside `{key} = {{ … }}`, or all of them below a header or as `{key}.part = …`"))
        .span(span)
}

/// A number that does not fit, or that has more than digits.
pub(crate) fn bad_number(number: &str, span: &Span) -> Diagnostic {
    if number.contains(|letter: char| letter.is_alphabetic()) {
        return Diagnostic::error("number-with-unit", "A number has a unit")
            .detail(format!("`{number}` is neither a number nor text in quotes."))
            .hint("write the number alone: each setting has its unit")
            .span(span.clone());
    }
    Diagnostic::error("number-too-large", "A number is too large")
        .detail(format!("`{number}` does not fit into 64 bits."))
        .span(span.clone())
}

/// A date that TOML takes for more than text.
pub(crate) fn date_without_quotes(date: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("date-without-quotes", "A date needs quotes")
        .detail(format!("TOML reads `{date}` as a date, and no setting takes one."))
        .hint(format!("write it as text: \"{date}\""))
        .span(span.clone())
}

/// The headers of the file as `(offset of the line, path)`. Only for messages and for judging what
/// a syntax error can have touched: a line inside of a long string may look like one, too.
pub(crate) fn headers(text: &str) -> impl Iterator<Item = (usize, String)> {
    lines(text).filter_map(|(at, line)| header_path(line).map(|path| (at, path)))
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let at = *offset;
        *offset += line.len();
        Some((at, line))
    })
}

pub(crate) fn line_start(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].rfind('\n').map_or(0, |at| at + 1)
}

pub(crate) fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at + 1)
}

pub(crate) fn line_at(text: &str, offset: usize) -> &str {
    text[line_start(text, offset)..].lines().next().unwrap_or_default()
}

pub(crate) fn header_path(line: &str) -> Option<String> {
    let inner = line.trim_start().strip_prefix('[')?;
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    let end = inner.find(']')?;
    Some(inner[..end].split('.').map(str::trim).collect::<Vec<_>>().join("."))
}

fn assigns(line: &str, key: &str) -> bool {
    line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
}

#[cfg(test)]
mod tests {
    use crate::spec::tree::{Source, line_column, parse};
    use std::path::Path;

    fn findings(text: &str) -> String {
        let source = Source::new(Path::new("config.toml"), text);
        let lines = parse(&source).1.into_iter().map(|finding| {
            let (line, column) = line_column(text, finding.span.map_or(0, |span| span.start));
            format!("{line}:{column} {} | {} | {}\n", finding.code, finding.detail, finding.hints.join(" | "))
        });
        lines.collect()
    }

    #[test]
    fn tomls_traps_are_explained() {
        insta::assert_snapshot!(findings("[function.a]\ntimeout = 3\n\n[function.a]\ntimeout = 5\n"), @"4:11 table-opened-twice | `[function.a]` is already opened in line 1; TOML lets each table have one header. | move the keys below this header to the first one, and remove this header");
        insta::assert_snapshot!(findings("[function.a]\ntimeout = 3\nmemory_size = 1\ntimeout = 5\n"), @"4:1 duplicate-key | `timeout` is given more than once, first in line 2. | keep one of them");
        insta::assert_snapshot!(findings("[function.a]\nenvironment = { A = \"1\" }\n[function.a.environment]\nB = \"2\"\n"), @"3:13 table-opened-twice | `[function.a.environment]` opens a table that is already written with its keys in the table above it, as `key = { … }` or `key.part = …`. | keep one of the two forms: move the keys under this header, or write them all in the table above it");
        insta::assert_snapshot!(findings("[function.a]\nenvironment = { A = \"1\" }\nenvironment.B = \"2\"\n"), @"3:1 table-opened-twice | `environment` is already written as an inline table, so that no key can be added to it from outside. | keep one of the two forms: all keys inside `environment = { … }`, or all of them below a header or as `environment.part = …`");
        insta::assert_snapshot!(findings("[function.a]\nenvironment.A = \"1\"\n[function.a.environment]\nB = \"2\"\n"), @"3:13 table-opened-twice | `[function.a.environment]` opens a table that is already written with its keys in the table above it, as `key = { … }` or `key.part = …`. | keep one of the two forms: move the keys under this header, or write them all in the table above it");
    }

    #[test]
    fn all_syntax_errors_are_told_at_once() {
        insta::assert_snapshot!(findings("a = \nb = python3.12\n[function.x\nc = \"unclosed\nd = [1, 2\n"), @r#"
1:5 syntax | `a` has no value. | write one, such as `a = "…"`, or remove the line
2:5 syntax | `python3.12` is text, and text stands in quotes. | write `b = "python3.12"`
3:1 syntax | The header is not closed: `]` is missing. | write `[function.x]`
5:9 syntax | A `]` that closes, or a `,`, is missing. |
"#);
    }
}

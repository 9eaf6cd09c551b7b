//! Diagnostics as text for people.

use crate::diagnostic::{Diagnostic, Severity, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The texts of files by name.
pub type Sources = BTreeMap<Arc<PathBuf>, String>;

/// All diagnostics, those with a place first and in the order of the file, each ended by an empty line.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let lines = LineEnds::of(sources);
    sorted(diagnostics).into_iter().map(|diagnostic| one(diagnostic, sources, &lines) + "\n\n").collect()
}

/// Those with a place first, by file and position; the others in the order given.
pub fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.span.is_none(), diagnostic.span.clone()));
    sorted
}

/// Line and column of a byte offset, both from 1, the column in characters.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..boundary(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.bytes().filter(|byte| *byte == b'\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Where lines end, by file: with thousands of findings, nobody counts them anew for each.
struct LineEnds<'a>(BTreeMap<&'a Path, Vec<usize>>);

impl<'a> LineEnds<'a> {
    fn of(sources: &'a Sources) -> Self {
        let ends = |text: &String| text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self(sources.iter().map(|(file, text)| (file.as_path(), ends(text))).collect())
    }

    /// The line in which an offset lies, from 1, and the offset at which it begins.
    fn line(&self, file: &Path, offset: usize) -> (usize, usize) {
        let ends = self.0.get(file).map_or(&[][..], Vec::as_slice);
        let before = ends.partition_point(|end| *end < offset);
        (before + 1, before.checked_sub(1).map_or(0, |last| ends[last] + 1))
    }
}

/// A summary as it begins a line: with a capital, wherever it comes from.
pub fn headline(summary: &str) -> String {
    let mut characters = summary.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A file's name without the `./` that a search upward puts before it.
pub fn file_name(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn one(diagnostic: &Diagnostic, sources: &Sources, lines: &LineEnds<'_>) -> String {
    let title = match &diagnostic.address {
        Some(address) => format!("{}: {address}", headline(&diagnostic.summary)),
        None => headline(&diagnostic.summary),
    };
    let placed = diagnostic.span.as_ref().and_then(|span| Some((span, sources.get(&span.file)?)));
    let renderer = Renderer::styled();
    match placed {
        Some((span, text)) => renderer.render(&groups(diagnostic, &title, span, text, lines)),
        None => without_source(diagnostic, &renderer.render(&[Group::with_title(level(diagnostic.severity).primary_title(&title))])),
    }
}

/// Only the line that is shown is handed on: a snippet goes through all of its text.
fn groups<'a>(diagnostic: &'a Diagnostic, title: &'a str, span: &Span, text: &'a str, lines: &LineEnds<'_>) -> Vec<Group<'a>> {
    let (start, end) = clipped(span, text);
    let (number, begin) = lines.line(&span.file, start);
    let line = &text[begin..text[end..].find('\n').map_or(text.len(), |at| end + at)];
    let line = line.strip_suffix('\r').filter(|line| begin + line.len() >= end).unwrap_or(line);
    let place = AnnotationKind::Primary.span(start - begin..end - begin);
    let snippet = Snippet::source(line).line_start(number).path(file_name(&span.file)).annotation(place);
    let mut group = level(diagnostic.severity).primary_title(title).element(snippet);
    if !diagnostic.detail.is_empty() {
        group = group.element(Level::NOTE.no_name().message(&diagnostic.detail));
    }
    for hint in &diagnostic.hints {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    vec![group]
}

/// The span inside the text, on character boundaries and within one line: a caret under a whole
/// table would hide the message.
fn clipped(span: &Span, text: &str) -> (usize, usize) {
    let start = boundary(text, span.start);
    let end = boundary(text, span.end.max(start));
    let line_end = text[start..end].find('\n').map_or(end, |at| start + at);
    (start, line_end)
}

/// The character boundary at `offset` or before it; a file may have become shorter since it was read.
fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

fn without_source(diagnostic: &Diagnostic, title: &str) -> String {
    let mut text = title.to_owned();
    if let Some(span) = &diagnostic.span {
        text.push_str(&format!("\n  --> {}", file_name(&span.file)));
    }
    for line in diagnostic.detail.lines() {
        text.push_str(&format!("\n  {line}"));
    }
    let cyan = anstyle::AnsiColor::Cyan.on_default();
    for hint in &diagnostic.hints {
        text.push_str(&format!("\n  {cyan}hint{cyan:#}: {}", hint.replace('\n', "\n        ")));
    }
    text
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "project = \"demo\"\n\n[function.hash]\nbuild = \"lambdas/hash\"\nmemory_sise = 256\n";

    fn span(text: &str) -> Span {
        let start = TEXT.find(text).unwrap();
        Span { file: Arc::new(PathBuf::from("./config.toml")), start, end: start + text.len() }
    }

    fn rendered(all: &[Diagnostic]) -> String {
        let sources = Sources::from([(Arc::new(PathBuf::from("./config.toml")), TEXT.to_owned())]);
        anstream::adapter::strip_str(diagnostics(all, &sources).trim_end()).to_string()
    }

    #[test]
    fn a_place_in_the_file_is_shown_with_a_caret_and_hints_follow() {
        let unknown = Diagnostic::error("unknown-key", "Unknown key")
            .address("function.hash")
            .detail("`memory_sise` is not a setting of a function.")
            .hint("the nearest key is `memory_size`")
            .span(span("memory_sise"));
        insta::assert_snapshot!(rendered(&[unknown]), @r"
        error: Unknown key: function.hash
         --> config.toml:5:1
          |
        5 | memory_sise = 256
          | ^^^^^^^^^^^
          |
          = `memory_sise` is not a setting of a function.
          = hint: the nearest key is `memory_size`
        ");
    }

    #[test]
    fn diagnostics_come_in_the_order_of_the_file_and_those_without_a_place_last() {
        let all = [
            Diagnostic::error("denied", "Access denied")
                .detail("AWS refused `lambda:ListFunctions`.\nAccessDeniedException: no")
                .hint("ask for it"),
            Diagnostic::warning("later", "Later").span(span("build")),
            Diagnostic::error("earlier", "Earlier").span(span("project")),
        ];
        insta::assert_snapshot!(rendered(&all), @r#"
        error: Earlier
         --> config.toml:1:1
          |
        1 | project = "demo"
          | ^^^^^^^

        warning: Later
         --> config.toml:4:1
          |
        4 | build = "lambdas/hash"
          | ^^^^^

        error: Access denied
          AWS refused `lambda:ListFunctions`.
          AccessDeniedException: no
          hint: ask for it
        "#);
    }

    #[test]
    fn every_summary_begins_with_a_capital() {
        for (summary, shown) in [("nothing has this name", "Nothing has this name"), ("`ssm` is not", "`ssm` is not"), ("", "")] {
            assert_eq!(headline(summary), shown);
        }
        let refused = Diagnostic::error("x", "this account is not allowed").address("function.hash");
        assert!(rendered(&[refused]).starts_with("error: This account is not allowed: function.hash"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_without_its_text() {
        let one = Diagnostic::note("x", "Something").span(span("build"));
        assert_eq!(
            anstream::adapter::strip_str(&diagnostics(&[one], &Sources::new())).to_string(),
            "note: Something\n  --> config.toml\n\n"
        );
    }

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position("a\nüb", 4), (2, 2));
        assert_eq!(position("", 9), (1, 1));
    }
}

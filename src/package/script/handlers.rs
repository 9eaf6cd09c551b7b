//! Functions in Python and Node files that Lambda could call, found by reading, not by running.

use super::sources::Selection;
use crate::diagnostic::Diagnostic;
use std::path::Path;

/// How many handlers are named.
const NAMED: usize = 3;
/// How deep handlers are looked for, in folders below that of the sources.
const DEPTH: usize = 2;
/// What a function's handler is where it has none.
const NO_HANDLER: [&str; 2] = ["", "bootstrap"];

/// Whether the function says which handler it has.
pub fn is_given(handler: &str) -> bool {
    !NO_HANDLER.contains(&handler)
}

/// The runtime that a function has, where that cannot run what is built.
pub fn has(runtime: &str) -> String {
    let usual = if runtime == "provided.al2023" { ", which also stands where no `runtime` is given" } else { "" };
    format!("the function has `{runtime}`{usual}")
}

/// Names handlers of a folder as hints; `found` reads them off a file's name and text. Where there is none, `usual` is one.
pub fn with_candidates(
    diagnostic: Diagnostic,
    selection: &Selection,
    found: &dyn Fn(&str, &str) -> Option<String>,
    usual: &str,
) -> Diagnostic {
    // A folder that cannot be read is told of by whoever builds it.
    let mut entries = selection.entries().unwrap_or_default();
    entries.retain(|entry| entry.name.matches('/').count() <= DEPTH && !entry.name.starts_with("test"));
    entries.sort_by_key(|entry| entry.name.matches('/').count());
    let candidates = entries.iter().filter_map(|entry| Some((found(&entry.name, &text(&entry.path))?, &entry.name)));
    let mut candidates = candidates.take(NAMED).peekable();
    if candidates.peek().is_none() {
        return diagnostic.hint(usual);
    }
    candidates.fold(diagnostic, |diagnostic, (handler, file)| diagnostic.hint(format!("`handler = \"{handler}\"` calls what `{file}` has")))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A runtime that needs to be told what to call, and was not.
pub fn missing(runtime: &str) -> Diagnostic {
    Diagnostic::error("no-handler", "The handler is missing")
        .detail(format!("`{runtime}` has to be told which function of the code it calls."))
}

/// The first function of a Python file that could be a handler: it takes an event and a context.
pub fn python(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let is_handler = |name: &str| name == "handler" || name.ends_with("_handler");
        if let Some((name, rest)) = line.strip_prefix("def ").and_then(|line| line.split_once('(')) {
            let takes_two = rest.contains(',') || rest.trim().is_empty();
            return (is_handler(name.trim()) && takes_two).then(|| name.trim().to_owned());
        }
        let (name, _) = line.split_once(" = ")?;
        matches!(name, "handler" | "lambda_handler").then(|| name.to_owned())
    })
}

/// Whether a JavaScript or TypeScript file exports `handler`.
pub fn exports_handler(text: &str) -> bool {
    starts(text).map(|rest| rest.lines().next().unwrap_or_default()).any(|line| {
        let words: Vec<&str> =
            line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["exports", "handler", ..] | ["module", "exports", "handler", ..] => line.contains('='),
            ["export", "const" | "let" | "var" | "function", "handler", ..] | ["export", "async", "function", "handler", ..] => true,
            ["export", "handler", ..] => line.contains('{'),
            _ => false,
        }
    })
}

/// The text from each place on where a statement of JavaScript may begin: a line, or what stands behind a semicolon.
pub(super) fn starts(text: &str) -> impl Iterator<Item = &str> {
    let is_comment = |line: &str| ["//", "/*", "*"].iter().any(|start| line.trim_start().starts_with(start));
    let lines = text.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some((*end - line.len(), line))
    });
    let places = lines
        .filter(move |(_, line)| !is_comment(line))
        .flat_map(|(at, line)| std::iter::once(at).chain(line.match_indices(';').map(move |(semicolon, _)| at + semicolon + 1)));
    places.map(move |at| text[at..].trim_start_matches([' ', '\t'])).filter(move |rest| !is_comment(rest))
}

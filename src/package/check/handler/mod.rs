//! Whether a managed runtime finds the function that it is told to call. Code is read and never run, so that only what
//! is plainly not there is called missing.

mod dotnet;
mod java;
pub(super) mod node;
mod node_exports;
mod node_function;
pub(super) mod python;
mod python_scope;
mod ruby;

pub(super) use node::is_module;

use super::Subject;
use super::tree::Tree;
use crate::diagnostic::{Diagnostic, nearest};
use crate::package::contents::BOOTSTRAP;
use crate::package::problem::list;
use std::io;

/// What is said where a handler's function is not there.
const NO_FUNCTION: &str = "no-handler-function";
const NO_FUNCTION_SUMMARY: &str = "The handler's function is not in its file";
/// What is said of a function that is there, and cannot be called.
const PARAMETERS: &str = "handler-parameters";
/// What is told of functions by the text of their file, which only holds where its language can read that.
pub(super) const READ_OFF: [&str; 2] = [NO_FUNCTION, PARAMETERS];

/// How many names a hint lists.
const NAMED: usize = 8;

/// The runtimes of one language.
struct Family {
    /// How their names begin.
    start: &'static str,
    /// What code of the language ends with.
    endings: &'static [&'static str],
    check: fn(&Tree<'_>, &Subject<'_>) -> io::Result<Vec<Diagnostic>>,
    /// The file that the handler is in, where it can be read.
    file: fn(&Tree<'_>, &Subject<'_>) -> Option<String>,
}

const FAMILIES: [Family; 5] = [
    Family { start: "python", endings: &[".py", ".pyc", ".so"], check: python::check, file: python::file },
    Family { start: "nodejs", endings: &[".js", ".mjs", ".cjs", ".node", ".ts", ".mts", ".cts"], check: node::check, file: node::file },
    Family { start: "ruby", endings: &[".rb"], check: ruby::check, file: ruby::file },
    Family { start: "java", endings: &[".class", ".jar"], check: java::check, file: |_, _| None },
    Family { start: "dotnet", endings: &[".dll", BOOTSTRAP], check: dotnet::check, file: |_, _| None },
];

fn family(subject: &Subject<'_>) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| subject.runtime.starts_with(family.start))
}

/// What is wrong with the handler of a function.
pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    match family(subject) {
        Some(family) if subject.handler.is_empty() => Ok(no_code(tree, subject, family).into_iter().collect()),
        Some(family) => (family.check)(tree, subject),
        None => Ok(Vec::new()),
    }
}

/// The file that the handler is in, where it is there and is text.
pub(super) fn file(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<String> {
    (family(subject)?.file)(tree, subject)
}

/// Without a handler at least something must be there that could be one.
fn no_code(tree: &Tree<'_>, subject: &Subject<'_>, family: &Family) -> Option<Diagnostic> {
    let is_code = |name: &str| family.endings.iter().any(|ending| name.ends_with(ending));
    if subject.has_more || tree.names().any(is_code) {
        return None;
    }
    let endings: Vec<String> = family.endings.iter().take(3).map(|ending| format!("*{ending}")).collect();
    let detail = format!("`{}` finds nothing in the package that it could run, such as {}.", subject.runtime, list(&endings));
    let diagnostic = Diagnostic::error("no-handler-file", "There is no code for the runtime in the package").detail(detail);
    Some(match few(tree.names().filter(|name| !name.contains('/'))) {
        Some(few) => diagnostic.hint(format!("at the root of the package: {few}")),
        None => diagnostic,
    })
}

/// The file of the handler is not there. `wanted` are the names that the runtime would take.
fn no_file(tree: &Tree<'_>, subject: &Subject<'_>, wanted: &[String], endings: &[&str]) -> Diagnostic {
    let seeks = if wanted.len() == 1 { list(wanted) } else { format!("one of {}", list(wanted)) };
    let diagnostic = Diagnostic::error("no-handler-file", "The handler's file is not in the package").detail(format!(
        "The handler `{}` makes `{}` look for {seeks}, and the package has no such file.",
        subject.handler, subject.runtime
    ));
    let names: Vec<&str> = tree.names().filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect();
    let file = wanted.first().map(String::as_str).unwrap_or_default();
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let deeper = names.iter().find(|name| name.ends_with(&format!("/{file}")));
    let near = deeper
        .copied()
        .or_else(|| names.iter().copied().find(|name| base(name) == base(file)))
        .or_else(|| nearest(file, names.iter().copied()));
    match (near, deeper) {
        (Some(near), Some(_)) => {
            let diagnostic =
                diagnostic.hint(format!("`{near}` lies deeper; make its folder the root of the package, or name it in the handler"));
            match near.strip_suffix(file).map(|folder| folder.trim_end_matches('/')) {
                Some("src") if subject.runtime.starts_with("python") => {
                    diagnostic.hint("where lambdo builds it, `source = \"src\"` beside `path` in `build` makes that folder the root")
                }
                _ => diagnostic,
            }
        }
        (Some(near), None) => diagnostic.hint(format!("`{near}` is there; is it meant?")),
        (None, _) => match few(names.iter().copied().filter(|name| !name.contains('/'))) {
            Some(few) => diagnostic.hint(format!("at the root of the package: {few}")),
            None => diagnostic,
        },
    }
}

/// The function of the handler is not in its file; `there` are those that are.
fn no_function(subject: &Subject<'_>, file: &str, function: &str, there: &[String]) -> Diagnostic {
    let diagnostic = Diagnostic::error(NO_FUNCTION, NO_FUNCTION_SUMMARY)
        .detail(format!("The handler is `{}`, but nothing in `{file}` is called `{function}`.", subject.handler));
    match nearest(function, there.iter().map(String::as_str)) {
        Some(near) => diagnostic.hint(format!("`{near}` is there; is it meant?")),
        None => match few(there.iter().map(String::as_str)) {
            Some(few) => diagnostic.hint(format!("what is there: {few}")),
            None => diagnostic,
        },
    }
}

fn few<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.take(NAMED).collect();
    (!names.is_empty()).then(|| list(&names))
}

/// Whether a name stands in a text as a word of its own.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    words(text, word).next().is_some()
}

/// Where a word of its own stands in a text.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_name = |character: char| character.is_alphanumeric() || "_$".contains(character);
    text.match_indices(word).filter(move |(at, _)| !text[..*at].ends_with(is_name) && !text[at + word.len()..].starts_with(is_name))
}

/// What stands between the commas up to the bracket that ends it all, and what stands behind that.
fn arguments(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            ')' if depth == 0 => {
                parts.push(&text[from..at]);
                return Some((parts, &text[at + 1..]));
            }
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The name at the start of a text.
fn leading_name(text: &str) -> &str {
    let end = text.find(|character: char| !(character.is_alphanumeric() || character == '_' || character == '$')).unwrap_or(text.len());
    &text[..end]
}

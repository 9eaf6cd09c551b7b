//! Whether what the code imports when it is loaded is there: in the package, or in the runtime.
//!
//! Only what is imported in any case is looked at: what stands at the left margin of the handler's file, and of the files
//! that those imports lead to. What stands in a function or in a `try` may be meant to be missing. What is not found is
//! only warned of where settings of the function could bring it.

mod known;
mod node;
mod node_text;
mod python;

pub(super) use node_text::{loads, plain};

use super::Subject;
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::problem::list;
use std::collections::BTreeSet;
use std::io;

/// How many imports are told.
const NAMED: usize = 8;
/// The most files that are looked at.
const FILES_MAX: usize = 1_000;

/// An import of what is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    /// As it is imported.
    name: String,
    file: String,
    line: usize,
    /// Whether nothing but the package could bring it.
    is_sure: bool,
    /// What is there and may have been meant.
    near: Option<String>,
}

/// What the code of a function imports and would not find.
pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    match subject.runtime {
        _ if subject.is_here() || subject.handler.is_empty() => Ok(Vec::new()),
        runtime if runtime.starts_with("python") => python::check(tree, subject),
        runtime if runtime.starts_with("nodejs") => node::check(tree, subject),
        _ => Ok(Vec::new()),
    }
}

/// The native modules of Python that the handler's file imports in any case, with nothing around that could catch it.
pub(super) fn natives(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<BTreeSet<String>> {
    let is_python = !subject.handler.is_empty() && subject.runtime.starts_with("python");
    if is_python { python::natives(tree, subject) } else { Ok(BTreeSet::new()) }
}

impl Missing {
    fn new(name: &str, file: &str, line: usize) -> Self {
        Self { name: name.to_owned(), file: file.to_owned(), line, is_sure: false, near: None }
    }
}

/// Adds what is missing, once by each name.
fn add(missing: &mut Vec<Missing>, one: Missing) {
    if !missing.iter().any(|other| other.name == one.name) {
        missing.push(one);
    }
}

/// All that is missing, in one sentence: refused where it is sure of each of them.
fn told(missing: &[Missing], subject: &Subject<'_>) -> Option<Diagnostic> {
    let is_sure = missing.iter().all(|one| one.is_sure);
    let detail = match missing {
        [] => return None,
        [Missing { name, file, line, .. }] => format!(
            "`{file}` imports `{name}` in line {line}, and neither the package nor `{}` has it: {}the function fails when it starts.",
            subject.runtime,
            if is_sure { "" } else { "without it " }
        ),
        several => {
            let named = several.iter().take(NAMED).map(|one| format!("`{}` (line {} of `{}`)", one.name, one.line, one.file));
            let more = if several.len() > NAMED { format!(" and {} more", several.len() - NAMED) } else { String::new() };
            format!(
                "The code imports {}{more}, which neither the package nor `{}` has: {}the function fails when it starts.",
                named.collect::<Vec<_>>().join(", "),
                subject.runtime,
                if is_sure { "" } else { "without them " }
            )
        }
    };
    let (code, summary) = ("missing-import", "The code imports what is not there");
    let diagnostic = if is_sure { Diagnostic::error(code, summary) } else { Diagnostic::warning(code, summary) };
    Some(diagnostic.detail(detail))
}

/// A folder of this name that lies where nobody looks for it.
fn hidden<'a>(tree: &Tree<'a>, name: &str, ending: &str) -> Option<&'a str> {
    let (folder, file) = (format!("/{name}/"), format!("/{name}{ending}"));
    tree.names().find_map(|there| match there.find(&folder) {
        Some(at) => Some(&there[..at + 1 + name.len()]),
        None => there.ends_with(&file).then_some(there),
    })
}

/// A hint for what lies deeper.
fn deeper(place: &str, searched: &str) -> String {
    format!("`{place}` lies where nobody looks for it: {searched}")
}

/// Names that can be told in one line.
fn names(missing: &[Missing]) -> String {
    list(&missing.iter().take(NAMED).map(|one| one.name.as_str()).collect::<Vec<_>>())
}

//! Whether the runtimes find what a layer brings.

use super::Subject;
use super::format::Format;
use super::program::{self, foreign, no_entry, not_a_program, wrong_processor};
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::problem::list;
use std::io;

/// The folders of a layer that runtimes look into, all below `/opt`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html>).
const FOLDERS: [&str; 7] = ["bin", "lib", "extensions", "python", "nodejs", "java", "ruby"];
/// Those of them that belong to one language.
const LANGUAGES: [&str; 4] = ["python", "nodejs", "java", "ruby"];
/// How many names are shown.
const NAMED: usize = 4;

/// Everything that is wrong with a layer.
pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let mut findings: Vec<Diagnostic> = folders(tree, subject).or_else(|| of_another_version(tree, subject)).into_iter().collect();
    for name in tree.beginning("extensions/").filter(|name| name.matches('/').count() == 1) {
        findings.extend(extension(tree, &name, subject)?);
    }
    Ok(findings)
}

/// Lambda starts whatever lies in `extensions`, and calls no function where one of them does not start
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>).
fn extension(tree: &Tree<'_>, name: &str, subject: &Subject<'_>) -> io::Result<Option<Diagnostic>> {
    if !tree.is_executable(name) {
        let found = Diagnostic::error("not-executable", "An extension is not executable");
        let found = found.detail(format!(
            "Lambda starts `{name}` before the function, and it has no execute bit: every function with this layer fails."
        ));
        return Ok(Some(found.hint(format!("`chmod 755 {name}`, and package it again"))));
    }
    Ok(match tree.format(name)? {
        Format::Elf(Some(elf)) => {
            let found = not_a_program(name, elf.kind).or_else(|| wrong_processor(name, &elf, subject));
            found.or_else(|| no_entry(name, &elf))
        }
        Format::Foreign(system) => Some(foreign(name, system, subject)),
        Format::Script(_) | Format::Elf(None) => None,
        other => program::check(name, &other, subject, tree).into_iter().next(),
    })
}

/// Warns of packages in a folder that only another version of the runtime looks into.
fn of_another_version(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<Diagnostic> {
    let (own, of_all, start) = match (subject.runtime.strip_prefix("python"), subject.runtime.strip_prefix("nodejs")) {
        (Some(version), _) => (format!("python/lib/python{version}/"), "python/", "python/lib/python"),
        (_, Some(version)) => (format!("nodejs/node{}/", version.trim_end_matches(".x")), "nodejs/node_modules/", "nodejs/node"),
        _ => return None,
    };
    let theirs = tree.beginning(start).find(|name| name[start.len()..].starts_with(|first: char| first.is_ascii_digit()))?;
    let is_found = tree.has_folder(own.trim_end_matches('/')) || tree.beginning(of_all).any(|name| !name.starts_with("python/lib/"));
    let depth = start.matches('/').count() + 1;
    let folder: Vec<&str> = theirs.split('/').take(depth).collect();
    let detail = format!(
        "The layer has its packages in `{}/`, where only that version looks, and a function uses it with `{}`.",
        folder.join("/"),
        subject.runtime
    );
    let found = Diagnostic::warning("layer-folders", "A layer has nothing for the runtime that uses it").detail(detail);
    (!is_found).then(|| found.hint(format!("all versions look into `{of_all}`, but what is compiled for one may not work with another")))
}

/// Warns of a layer with nothing in any folder that a runtime looks into. It may be meant: functions can read `/opt` themselves.
fn folders(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<Diagnostic> {
    let is_found = FOLDERS.iter().any(|folder| tree.has_folder(folder)) || tree.has("bootstrap");
    if is_found {
        return of_another_language(tree, subject);
    }
    let mut roots: Vec<&str> = tree.names().map(|name| name.split_inclusive('/').next().unwrap_or_default()).collect();
    roots.dedup();
    let more = if roots.len() > NAMED { " and more" } else { "" };
    roots.truncate(NAMED);
    let folder = match roots.contains(&"node_modules/") {
        true => "nodejs",
        false if subject.runtime.starts_with("python") || tree.names().any(|name| name.ends_with(".py")) => "python",
        false => "lib",
    };
    let detail = format!(
        "The layer has {}{more}, but runtimes look only into its folders {}. What lies elsewhere is found only by code that reads `/opt` itself.",
        list(&roots),
        list(&FOLDERS)
    );
    let diagnostic = Diagnostic::warning("layer-folders", "Nothing in the layer lies where runtimes look").detail(detail);
    let is_deeper = |name: &&str| name.split('/').nth(1).is_some_and(|inner| LANGUAGES.contains(&inner)) && name.matches('/').count() > 1;
    Some(match tree.names().find(is_deeper).and_then(|name| name.split('/').next()) {
        Some(root) => diagnostic.hint(format!("`{root}/` has such folders in it: make `{root}` the root of the layer")),
        None => diagnostic.hint(format!("put what it has into a folder `{folder}/`")),
    })
}

/// Warns of a layer that has something for other languages than that of the function that uses it.
fn of_another_language(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<Diagnostic> {
    let own = LANGUAGES.iter().find(|language| subject.runtime.starts_with(**language))?;
    let there: Vec<&str> = FOLDERS.iter().copied().filter(|folder| tree.has_folder(folder)).collect();
    if there.is_empty() || !there.iter().all(|folder| LANGUAGES.contains(folder) && folder != own) {
        return None;
    }
    let detail =
        format!("The layer has only {}, and `{}`, with which a function uses it, does not look there.", list(&there), subject.runtime);
    let diagnostic = Diagnostic::warning("layer-folders", "A layer has nothing for the runtime that uses it").detail(detail);
    Some(diagnostic.hint(format!("what it finds lies in the layer's folder `{own}/`")))
}

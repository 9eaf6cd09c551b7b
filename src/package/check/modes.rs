//! Whether Lambda may read what is in a zip: it runs code as a user that owns none of it
//! (<https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html>).

use super::Subject;
use super::format::Format;
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::contents::BOOTSTRAP;
use crate::package::problem::list;
use std::collections::BTreeSet;
use std::io;

/// How many names are told.
const NAMED: usize = 4;
const READ: u32 = 0o004;
const EXECUTE: u32 = 0o001;

/// What others than their owner may not use; `needed` is the file that is started or called, which is needed in any case.
pub(super) fn check(tree: &Tree<'_>, needed: Option<&str>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    if subject.is_here() {
        return Ok(Vec::new());
    }
    let end = needed.map(|name| tree.end(name));
    let is_above = |name: &str| end.as_ref().is_some_and(|end| end.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
    let mut others = Vec::new();
    for (name, mode) in tree.modes() {
        let wanted = if Some(name) == end.as_deref() { wanted(tree, name, needed)? } else { usual(tree, name) };
        // That a program has no bit at all to be started by is told before.
        let is_told = name == BOOTSTRAP && mode & 0o111 == 0;
        if mode & wanted == wanted || is_told {
            continue;
        }
        if Some(name) == end.as_deref() || is_above(name) {
            return Ok(vec![closed(name, mode, tree.has(name))]);
        }
        others.push((name, mode));
    }
    Ok(several(tree, &others).into_iter().collect())
}

/// What others must be allowed to do with the file that is needed. Linux starts a program that nobody may read, but the
/// interpreter of a script reads it.
fn wanted(tree: &Tree<'_>, name: &str, needed: Option<&str>) -> io::Result<u32> {
    Ok(match needed {
        Some(BOOTSTRAP) if matches!(tree.format(name)?, Format::Elf(_)) => EXECUTE,
        Some(BOOTSTRAP) => READ | EXECUTE,
        _ => READ,
    })
}

/// What others must be allowed to do with any file or folder.
fn usual(tree: &Tree<'_>, name: &str) -> u32 {
    if tree.has(name) { READ } else { READ | EXECUTE }
}

fn closed(name: &str, mode: u32, is_file: bool) -> Diagnostic {
    let what = if is_file { format!("`{name}`") } else { format!("The folder `{name}`") };
    let right = if is_file && mode & 0o111 == 0 { 644 } else { 755 };
    advised(Diagnostic::error("not-for-others", "Lambda may not use a file of the package").detail(format!(
        "{what} has the mode {mode:04o} in the zip, and Lambda runs code as another user than its owner. Run `chmod {right} {name}` and zip again."
    )))
}

fn several(tree: &Tree<'_>, closed: &[(&str, u32)]) -> Option<Diagnostic> {
    let folders: BTreeSet<&str> = closed.iter().map(|(name, _)| *name).filter(|name| !tree.has(name)).collect();
    // What lies in a closed folder is closed with it.
    let is_inside = |name: &str| name.match_indices('/').any(|(at, _)| folders.contains(&name[..at]));
    let shown: Vec<String> = closed.iter().filter(|(name, _)| !is_inside(name)).map(|(name, _)| (*name).to_owned()).collect();
    let (_, mode) = closed.first()?;
    let more = if shown.len() > NAMED { format!(" and {} more", shown.len() - NAMED) } else { String::new() };
    let named = list(&shown[..shown.len().min(NAMED)]);
    Some(advised(Diagnostic::warning("not-for-others", "Lambda may not use all files of the package").detail(format!(
        "Modes in the zip, such as {mode:04o}, keep others than the owner from {named}{more}, and Lambda runs code as another user."
    ))))
}

fn advised(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .hint("all files at once: `chmod -R u=rwX,go=rX FOLDER`; or let lambdo zip them: `code = { dir = \"FOLDER\" }` sets modes itself")
        .hint("`zipfile.writestr` of Python writes the mode 0600; `external_attr = 0o644 << 16` of its `ZipInfo` sets another")
}

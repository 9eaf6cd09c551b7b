//! What AWS would only notice at the first invocation.

use super::contents::{BOOTSTRAP, Contents};
use super::hash::Item;
use super::problem::list;
use crate::diagnostic::Diagnostic;
use std::collections::BTreeSet;

const NAMED: usize = 8;

/// Whether the runtime is the function's own, so that AWS starts its `bootstrap`.
pub(super) fn is_provided(runtime: &str) -> bool {
    runtime.starts_with("provided")
}

/// Refuses a package whose runtime would not find its program.
pub(super) fn check(contents: &Contents, items: &[Item], is_provided: bool) -> Result<(), Diagnostic> {
    if !is_provided {
        return Ok(());
    }
    match items.iter().find(|item| item.name == BOOTSTRAP) {
        None => Err(no_bootstrap(items)),
        Some(item) if item.mode & 0o111 == 0 && matches!(contents, Contents::Archive(_)) => Err(not_executable()),
        Some(_) => Ok(()),
    }
}

fn no_bootstrap(items: &[Item]) -> Diagnostic {
    let roots: BTreeSet<&str> = items.iter().map(|item| item.name.split_inclusive('/').next().unwrap_or_default()).collect();
    let named: Vec<&str> = roots.iter().copied().take(NAMED).collect();
    let more = if roots.len() > NAMED { format!(" and {} more", roots.len() - NAMED) } else { String::new() };
    let diagnostic = Diagnostic::error("no-bootstrap", "The package has no `bootstrap`").detail(format!(
        "The runtimes `provided.*` start a file `bootstrap` at the root of the package. There are {}{more}.",
        list(&named)
    ));
    match items.iter().find(|item| item.name.rsplit('/').next() == Some(BOOTSTRAP)) {
        Some(deeper) => diagnostic.hint(format!("`{}` lies deeper; make its folder the root of the package", deeper.name)),
        None => diagnostic.hint("`code = { file = \"PATH\" }` names the program whatever its file is called"),
    }
}

fn not_executable() -> Diagnostic {
    Diagnostic::error("bootstrap-not-executable", "The `bootstrap` in the zip is not executable").detail(
        "A zip is uploaded as it is, and AWS cannot start a `bootstrap` without an execute bit. Run `chmod +x bootstrap` and zip again.",
    )
}

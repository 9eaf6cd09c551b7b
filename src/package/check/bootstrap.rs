//! Whether a runtime of one's own finds its program.

use crate::diagnostic::Diagnostic;
use crate::package::contents::{BOOTSTRAP, Contents};
use crate::package::hash::Item;
use crate::package::problem::list;
use std::collections::BTreeSet;

const NAMED: usize = 8;

/// Whether the runtime is the function's own, so that AWS starts its `bootstrap`.
pub(in crate::package) fn is_provided(runtime: &str) -> bool {
    runtime.starts_with("provided")
}

/// Refuses a package with nothing in it, and one whose runtime would not find its program.
pub(in crate::package) fn check_contents(contents: &Contents, items: &[Item], needs_bootstrap: bool) -> Result<(), Diagnostic> {
    if items.is_empty() {
        return Err(Diagnostic::error("empty-package", "The package is empty")
            .detail("There is no file in the zip, and AWS takes no empty package."));
    }
    if !needs_bootstrap {
        return Ok(());
    }
    match items.iter().find(|item| item.name == BOOTSTRAP) {
        None => Err(no_bootstrap(&items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>())),
        Some(item) if item.mode & 0o111 == 0 && matches!(contents, Contents::Archive(_)) => Err(not_executable()),
        Some(_) => Ok(()),
    }
}

/// The same from the names alone, without reading a file. What a zip holds is looked at later.
pub(in crate::package) fn check_names(contents: &Contents, needs_bootstrap: bool) -> Result<(), Diagnostic> {
    let Contents::Files(entries) = contents else { return Ok(()) };
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    if needs_bootstrap && !names.contains(&BOOTSTRAP) { Err(no_bootstrap(&names)) } else { Ok(()) }
}

fn no_bootstrap(names: &[&str]) -> Diagnostic {
    let roots: BTreeSet<&str> = names.iter().map(|name| name.split_inclusive('/').next().unwrap_or_default()).collect();
    let named: Vec<&str> = roots.iter().copied().take(NAMED).collect();
    let more = if roots.len() > NAMED { format!(" and {} more", roots.len() - NAMED) } else { String::new() };
    let diagnostic = Diagnostic::error("no-bootstrap", "The package has no `bootstrap`").detail(format!(
        "The runtimes `provided.*` start a file `bootstrap` at the root of the package. This one has {}{more}.",
        list(&named)
    ));
    match names.iter().find(|name| name.rsplit('/').next() == Some(BOOTSTRAP)) {
        _ if roots.contains("bootstrap/") => diagnostic.hint("`bootstrap` is a folder; Lambda starts a file of that name"),
        Some(deeper) => diagnostic.hint(format!("`{deeper}` lies deeper; make its folder the root of the package")),
        None if let Some(other) = names.iter().find(|name| name.eq_ignore_ascii_case(BOOTSTRAP)) => {
            diagnostic.hint(format!("`{other}` is there; Linux tells upper from lower case, and only `bootstrap` is started"))
        }
        None => diagnostic.hint("`code = { file = \"PATH\" }` names the program whatever its file is called"),
    }
}

fn not_executable() -> Diagnostic {
    Diagnostic::error("bootstrap-not-executable", "The `bootstrap` in the zip is not executable").detail(
        "A zip is uploaded as it is, and AWS cannot start a `bootstrap` without an execute bit. Run `chmod 755 bootstrap` and zip again.",
    )
    .hint("zips made on Windows have no execute bits; `code = { dir = \"FOLDER\" }` or `code = { file = \"PROGRAM\" }` sets them everywhere")
}

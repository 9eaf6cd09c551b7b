//! Names on the command line of functions that are deployed, and what is said about the others.

use super::workspace::{Config, Workspace};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Entry, Exit, Failure, Path, State};
use crate::spec::Header;
use crate::store::StateStore;
use std::collections::{BTreeMap, BTreeSet};

const NOT_DEPLOYED: &str = "not-deployed";
/// So many names are shown in a hint.
const SHOWN_MAX: usize = 5;

/// The functions of a state by their names in the spec.
pub fn functions(state: &State) -> BTreeMap<&str, &Entry> {
    let of_kind = state.entries.iter().filter(|(address, _)| address.kind == "function");
    of_kind.map(|(address, entry)| (address.name.as_str(), entry)).collect()
}

/// Whether a name or a glob means this function.
pub fn is_meant(pattern: &str, function: &str) -> bool {
    Path::key(function).is_covered_by(&Path::key(pattern))
}

/// The functions that the spec has, as far as it can be read.
pub fn specified(workspace: &Workspace, config: &Config) -> BTreeSet<String> {
    let spec = workspace.spec(config).ok();
    spec.iter().flat_map(|spec| spec.functions().map(|section| section.name.clone()).collect::<Vec<_>>()).collect()
}

/// Why `given` means no function that is deployed.
pub fn missing(given: &str, deployed: &BTreeSet<&str>, specified: &BTreeSet<String>) -> Failure {
    let wanted: Vec<&str> = specified.iter().map(String::as_str).filter(|name| is_meant(given, name)).collect();
    if !wanted.is_empty() {
        return not_deployed(&format!("The spec has {}, but nothing by that name was brought up yet.", listed(&wanted)), &wanted);
    }
    let diagnostic = Diagnostic::error("unknown-name", "Nothing has this name").detail(format!("No function is called `{given}`."));
    let names: BTreeSet<&str> = deployed.iter().copied().chain(specified.iter().map(String::as_str)).collect();
    let diagnostic = match nearest(given, names.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => diagnostic,
        None => diagnostic.hint(format!("there is {}", listed(&names.into_iter().collect::<Vec<_>>()))),
    };
    Failure::new(Exit::Usage, diagnostic)
}

/// Says that a pattern stands where one name is wanted.
pub fn one_name_only(given: &str, deployed: &BTreeSet<&str>) -> Option<Failure> {
    let meant: Vec<&str> = deployed.iter().copied().filter(|name| is_meant(given, name)).collect();
    let first = meant.first()?;
    let diagnostic = Diagnostic::error("one-name-only", "One function is called at a time")
        .detail(format!("`{given}` is a pattern, which means {}.", listed(&meant)))
        .hint(format!("name the function: `lambdo invoke {first}`"));
    Some(Failure::new(Exit::Usage, diagnostic))
}

/// Adds to what is said of something that is not deployed that the local cloud has functions: `--local` is easily forgotten.
pub async fn or_local(mut failure: Failure, workspace: &Workspace, header: &Header) -> Failure {
    let Some(store) = workspace.local_store(header) else { return failure };
    let Ok(Some(state)) = store.load().await else { return failure };
    let names = functions(&state);
    for diagnostic in failure.diagnostics.iter_mut().filter(|diagnostic| diagnostic.code == NOT_DEPLOYED && !names.is_empty()) {
        let names: Vec<&str> = names.keys().copied().take(SHOWN_MAX).collect();
        diagnostic.hints.push(format!("the local cloud has {}: is `--local` missing in the command?", listed(&names)));
    }
    failure
}

/// Says that something has to be brought up first.
pub fn not_deployed(detail: &str, names: &[&str]) -> Failure {
    let names: String = names.iter().map(|name| format!(" {name}")).collect();
    let diagnostic = Diagnostic::error(NOT_DEPLOYED, "Not deployed yet").detail(detail).hint(format!("run `lambdo up{names}` first"));
    Failure::new(Exit::Failed, diagnostic)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

//! `lambdo state history` and `lambdo state diff`: what the state was before.

use crate::cli::args::Format;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure, State};
use crate::store::{FileStore, Generation, StateStore};

/// Lists the kept generations, oldest first, and says how to go back to one of them.
pub async fn list(workspace: &Workspace, store: &FileStore) -> Result<(), Failure> {
    let generations = store.history().await?;
    if workspace.ui.format() == Format::Json {
        let rows: Vec<_> = generations.iter().map(|one| (one.serial, one.place.as_str(), one.saved_at.as_deref())).collect();
        workspace.ui.document(&json::state_history(&rows));
        return Ok(());
    }
    let Some(last) = generations.last() else {
        workspace.ui.status("No earlier generation of the state is kept yet.");
        return Ok(());
    };
    for generation in &generations {
        let saved_at = generation.saved_at.as_deref().unwrap_or("unknown time");
        workspace.ui.data(&format!("serial {}  {saved_at}  {}", generation.serial, generation.place));
    }
    workspace.ui.status(&format!(
        "\n`lambdo state diff {0}` shows what changed since then, and `lambdo state restore {0}` goes back to it.",
        last.serial,
    ));
    Ok(())
}

/// Shows what one generation says and another does not.
pub async fn diff(workspace: &Workspace, store: &FileStore, before: u64, after: Option<u64>) -> Result<(), Failure> {
    let first = generation(store, before).await?;
    let second = match after {
        Some(serial) => generation(store, serial).await?,
        None => store.load().await?.unwrap_or_else(|| State { entries: Default::default(), ..first.clone() }),
    };
    let differences = first.differences(&second);
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json::state_diff(first.serial, second.serial, &differences)),
        Format::Human | Format::Markdown if differences.is_empty() => workspace.ui.status("The two say the same of every resource."),
        Format::Human | Format::Markdown => workspace.ui.view(&human::state_diff(&differences)),
    }
    Ok(())
}

pub(super) async fn generation(store: &FileStore, serial: u64) -> Result<State, Failure> {
    if let Some(state) = store.generation(serial).await? {
        return Ok(state);
    }
    let known: Vec<String> = store.history().await?.iter().map(|Generation { serial, .. }| serial.to_string()).collect();
    let unknown = Diagnostic::error("unknown-generation", "No such generation")
        .detail(format!("No generation of `{}` with the serial {serial} is kept.", store.describe()));
    let unknown = match known.is_empty() {
        true => unknown.hint("none is kept before the second run that changes something"),
        false => unknown.hint(format!("these are kept: {}", known.join(", "))),
    };
    Err(Failure::new(Exit::Usage, unknown))
}

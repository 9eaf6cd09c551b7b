//! `lambdo state …`: a look into the state.

mod change;
mod history;
mod rebuild;
mod restore;

use crate::cli::args::{Format, StateCommand};
use crate::cli::verbs;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Address, Exit, Failure, State};
use crate::spec::Header;
use crate::store::StateStore;

/// Lists, shows one resource, looks at the kept generations, or changes what the state knows.
pub async fn run(workspace: &Workspace, command: &StateCommand) -> Result<Exit, Failure> {
    if let StateCommand::Rebuild { lineage } = command {
        return rebuild::run(workspace, lineage.as_deref()).await;
    }
    let header = workspace.header(&workspace.config()?)?;
    let store = workspace.store(&header);
    if matches!(command, StateCommand::Forget { .. } | StateCommand::Move { .. } | StateCommand::Restore { .. }) {
        workspace.begin_record(&header);
    }
    match command {
        StateCommand::List => list(workspace, &header, store.load().await?),
        StateCommand::Show { address } => show(workspace, store.load().await?, address)?,
        StateCommand::History => history::list(workspace, &store).await?,
        StateCommand::Diff { before, after } => history::diff(workspace, &store, *before, *after).await?,
        StateCommand::Restore { serial, yes } => restore::run(workspace, &store, *serial, *yes).await?,
        StateCommand::Forget { addresses } => change::forget(workspace, &store, addresses).await?,
        StateCommand::Move { from, to } => change::rename(workspace, &store, from, to).await?,
        StateCommand::Rebuild { .. } => {}
        StateCommand::Other(words) => {
            return Err(verbs::unknown_state(&words.first().map(|word| word.to_string_lossy()).unwrap_or_default()));
        }
    }
    Ok(Exit::Success)
}

fn list(workspace: &Workspace, header: &Header, state: Option<State>) {
    let (serial, entries) = state.map(|state| (state.serial, state.entries)).unwrap_or_default();
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json::state_list(&header.project, header.stage.as_deref(), serial, &entries)),
        Format::Human | Format::Markdown if entries.is_empty() => workspace.ui.status("The state knows no resources: nothing is deployed."),
        Format::Human | Format::Markdown => human::listing(&entries).iter().for_each(|line| workspace.ui.data(line)),
    }
}

fn show(workspace: &Workspace, state: Option<State>, address: &Address) -> Result<(), Failure> {
    let entries = state.map(|state| state.entries).unwrap_or_default();
    let entry = entries.get(address).ok_or_else(|| unknown(address, entries.keys()))?;
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json::state_show(address, entry)),
        Format::Human | Format::Markdown => workspace.ui.data(&human::entry(address, entry)),
    }
    Ok(())
}

/// Says that the state knows no such address, and which one is near.
fn unknown<'a>(address: &Address, known: impl Iterator<Item = &'a Address>) -> Failure {
    let names: Vec<String> = known.map(ToString::to_string).collect();
    let unknown = Diagnostic::error("unknown-address", "Not in the state").detail(format!("The state knows no `{address}`."));
    let unknown = match nearest(&address.to_string(), names.iter().map(String::as_str)) {
        Some(near) => unknown.hint(format!("did you mean `{near}`?")),
        None => unknown.hint("`lambdo state list` lists what it knows"),
    };
    Failure::new(Exit::Usage, unknown)
}

//! `lambdo state forget` and `lambdo state move`: the state changes and AWS does not.

use super::unknown;
use crate::cli::args::Format;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::engine::{holder, save, take_lock};
use crate::model::{Address, Exit, Failure, Move, State};
use crate::store::{FileStore, Lease, StateStore};

/// Takes resources out of the state.
pub async fn forget(workspace: &Workspace, store: &FileStore, addresses: &[Address]) -> Result<(), Failure> {
    let (lease, mut state) = open(workspace, store, "state forget").await?;
    if let Some(missing) = addresses.iter().find(|address| !state.entries.contains_key(address)) {
        return Err(unknown(missing, state.entries.keys()));
    }
    let forgotten: Vec<_> = addresses.iter().flat_map(|address| state.forget(address)).collect();
    save(store, &mut state).await?;
    workspace.record_state(&state, forgotten.iter().map(|(address, _)| (address, "forgotten")));
    drop(lease);
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::state_forget(state.serial, &forgotten));
        return Ok(());
    }
    forgotten.iter().for_each(|(address, entry)| workspace.ui.data(&format!("{address}  {}", entry.physical_id)));
    workspace.ui.status(
        "\nForgotten. In AWS all of it is as it was, with its tags; while the spec has it, the next `lambdo up` takes it up again.",
    );
    Ok(())
}

/// Gives a resource another address.
pub async fn rename(workspace: &Workspace, store: &FileStore, from: &Address, to: &Address) -> Result<(), Failure> {
    if from.kind != to.kind || from.part.is_some() != to.part.is_some() {
        let found = Diagnostic::error("moved-kind", "A resource cannot become one of another kind");
        return Err(Failure::new(
            Exit::Usage,
            found.detail(format!("`{from}` and `{to}` are not of the same kind, or have another number of parts.")),
        ));
    }
    if from == to {
        let found = Diagnostic::error("moved-nowhere", "The two addresses are the same");
        return Err(Failure::new(Exit::Usage, found.detail(format!("`{from}` cannot move to `{to}`, where it is."))));
    }
    let (lease, mut state) = open(workspace, store, "state move").await?;
    if !state.entries.contains_key(from) {
        return Err(unknown(from, state.entries.keys()));
    }
    if state.entries.contains_key(to) {
        let found = Diagnostic::error("address-taken", "The address is taken").detail(format!("The state knows `{to}` already."));
        return Err(Failure::new(Exit::Usage, found.hint(format!("if it is of no use any more: `lambdo state forget {to}`"))));
    }
    let moves = state.company(&Move { from: from.clone(), to: to.clone() }, &|_| false);
    state.carry_out(&moves);
    save(store, &mut state).await?;
    workspace.record_state(&state, moves.iter().flat_map(|one| [(&one.from, "moved_from"), (&one.to, "moved_to")]));
    drop(lease);
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::state_move(state.serial, &moves));
        return Ok(());
    }
    moves.iter().for_each(|one| workspace.ui.data(&format!("{} -> {}", one.from, one.to)));
    workspace.ui.status("\nMoved. Rename it in the spec, too, if that is not done; its name in AWS stays.");
    Ok(())
}

/// The lock and the state; without a state there is nothing to change.
pub(super) async fn open(workspace: &Workspace, store: &FileStore, operation: &str) -> Result<(Box<dyn Lease>, State), Failure> {
    let holder = holder(operation, jiff::Timestamp::now().to_string());
    let events = workspace.events();
    let taking = async { take_lock(store, &holder, workspace.lock_wait(), &events).await.map_err(Failure::from) };
    let lease = unless_interrupted(&workspace.interrupt, taking).await?;
    match store.load().await? {
        Some(state) => Ok((lease, state)),
        None => {
            let found = Diagnostic::error("no-state", "There is no state").detail(format!("`{}` is not there.", store.describe()));
            Err(Failure::new(Exit::Failed, found.hint("if there was one: `lambdo state rebuild` makes it anew from what is in AWS")))
        }
    }
}

//! `lambdo state restore`: back to a kept generation of the state.

use super::history::generation;
use crate::cli::args::Format;
use crate::cli::commands::run::ask;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::engine::{holder, save, take_lock};
use crate::model::{EntryDifference, EntryStanding, Exit, Failure, State};
use crate::store::{FileStore, Lease, StateStore, StoreError};

const VERB: &str = "state restore";

/// Shows what would differ, asks, and puts the generation in the place of the state, which is kept as one itself.
pub async fn run(workspace: &Workspace, store: &FileStore, serial: u64, yes: bool) -> Result<(), Failure> {
    let lease = lock(workspace, store).await?;
    let mut restored = generation(store, serial).await?;
    let current = current(workspace, store).await?;
    let from = current.clone().unwrap_or_else(|| State { entries: Default::default(), ..restored.clone() });
    let differences = from.differences(&restored);
    if workspace.ui.format() != Format::Json {
        workspace.ui.view(&human::state_diff(&differences));
    }
    if !yes {
        ask(workspace, VERB, "Restore?").await?;
    }
    // Serials of kept generations are not used again.
    let kept = store.history().await?.last().map_or(0, |last| last.serial);
    restored.serial = current.as_ref().map_or(0, |state| state.serial).max(kept) + 1;
    store.save(&restored, current.as_ref().map_or(0, |state| state.serial)).await?;
    workspace.record_state(&restored, differences.iter().map(|one| (&one.address, change(one))));
    drop(lease);
    tell(workspace, serial, &restored, &differences);
    Ok(())
}

fn tell(workspace: &Workspace, serial: u64, restored: &State, differences: &[EntryDifference]) {
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::state_restore(serial, restored.serial, differences));
        return;
    }
    workspace.ui.status(&format!(
        "\nThe state says again what it said as serial {serial}, and is serial {} now. AWS is as it was: `lambdo plan` shows how it \
         differs, and `lambdo gc` what the state does not know any more.",
        restored.serial
    ));
}

async fn lock(workspace: &Workspace, store: &FileStore) -> Result<Box<dyn Lease>, Failure> {
    let holder = holder(VERB, jiff::Timestamp::now().to_string());
    let events = workspace.events();
    let taking = async { take_lock(store, &holder, workspace.lock_wait(), &events).await.map_err(Failure::from) };
    unless_interrupted(&workspace.interrupt, taking).await
}

/// The state as it is; none where it is lost or damaged. What a killed run has left in the journal is saved first, so
/// that it is in a generation, too.
async fn current(workspace: &Workspace, store: &FileStore) -> Result<Option<State>, Failure> {
    let mut state = match store.load().await {
        Ok(Some(state)) => state,
        Ok(None) => return Ok(None),
        Err(error @ (StoreError::Garbled { .. } | StoreError::Contradiction { .. })) => {
            let told = error.to_diagnostic();
            let detail = format!("{} It is kept in `history/` beside it.", told.detail);
            workspace.ui.diagnostics(&[Diagnostic::warning(told.code, "The damaged state is replaced").detail(detail)]);
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if !state.intents.is_empty() {
        let open = Diagnostic::error("unsettled", "A run was killed and left something open")
            .detail("Whether AWS did what the run last asked for is not known yet, and an older state would not know that it was asked.")
            .hint("`lambdo up` or `lambdo destroy` settles it first");
        return Err(Failure::new(Exit::Refused, open));
    }
    if state.unsaved {
        save(store, &mut state).await?;
    }
    Ok(Some(state))
}

fn change(difference: &EntryDifference) -> &'static str {
    match difference.standing {
        EntryStanding::Added => "added",
        EntryStanding::Removed => "removed",
        EntryStanding::Changed(_) => "changed",
    }
}

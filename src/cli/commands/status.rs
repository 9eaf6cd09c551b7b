//! `lambdo status`: what the state knows, without calling AWS.

use crate::cli::args::Format;
use crate::cli::view::{LockHolder, human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use crate::spec::Header;
use crate::store::{Holder, StateStore};

/// Shows resources, lock and open operations.
pub async fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    let store = workspace.store(&header);
    let holder = store.holder().await?.map(lock_holder);
    let Some(mut state) = store.load().await? else {
        match workspace.ui.format() {
            Format::Human | Format::Markdown => {
                workspace.ui.data(&format!("Nothing is deployed yet: there is no state in {}.", store.describe()))
            }
            Format::Json => workspace.ui.document(&json::nothing_deployed("status", &header.project, header.stage.as_deref())),
        }
        return Ok(Exit::Success);
    };
    if workspace.global.local && workspace.ui.format() == Format::Human {
        // Its port says nothing to anybody.
        state.endpoint = Some("local cloud".into());
    }
    let place = store.describe();
    let view = human::StatusView { state: &state, place: &place, holder: holder.as_ref(), is_full: workspace.ui.is_verbose() };
    match workspace.ui.format() {
        Format::Human | Format::Markdown => workspace.ui.view(&human::status(&view)),
        Format::Json => workspace.ui.document(&json::status(&view)),
    }
    Ok(Exit::Success)
}

/// Says who changes things while they are looked at, if anybody does: what they have made by halves is shown by halves.
pub async fn tell_who_works(workspace: &Workspace, header: &Header) -> bool {
    let Ok(Some(holder)) = workspace.store(header).holder().await else { return false };
    let detail =
        format!("{} works on this state. What it has begun and not done yet is shown as it is now.", lock_holder(holder).sentence());
    let warning = Diagnostic::warning("run-under-way", "A run is under way").detail(detail);
    workspace.ui.diagnostics(&[warning.hint("look again when it has ended; `lambdo status` says whether it has")]);
    true
}

/// The store's word for the views.
pub fn lock_holder(holder: Holder) -> LockHolder {
    LockHolder { who: holder.who, pid: holder.pid, host: holder.host, operation: holder.operation, since: holder.since }
}

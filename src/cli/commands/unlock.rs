//! `lambdo unlock`: who holds the lock. A dead process holds none, only its note stays behind.

use super::status::lock_holder;
use crate::cli::args::Format;
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::engine::holder;
use crate::model::{Exit, Failure};
use crate::store::StateStore;

/// Says that nothing is locked, or who holds the lock.
///
/// The system releases the lock with the process that held it, so there is nothing to break: taking
/// and releasing it clears a note that was left behind.
pub async fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    workspace.begin_record(&header);
    let store = workspace.store(&header);
    let before = store.holder().await?;
    drop(store.lock(&holder("unlock", jiff::Timestamp::now().to_string())).await?);
    match (workspace.ui.format(), before) {
        (Format::Json, before) => workspace.ui.document(&json::unlock(before.map(lock_holder).as_ref())),
        (Format::Human | Format::Markdown, Some(holder)) => {
            workspace.ui.data(&format!("The lock was left behind by {}. It is released.", lock_holder(holder).sentence()))
        }
        (Format::Human | Format::Markdown, None) => workspace.ui.data("Nothing is locked."),
    }
    Ok(Exit::Success)
}

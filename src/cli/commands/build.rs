//! `lambdo build`: packages without a deployment.

use super::deploy::{Packing, tell_warnings};
use crate::cli::args::{Format, Selection};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use tokio::sync::Notify;

/// Builds and prints each package's hash and size.
pub async fn run(workspace: &Workspace, names: &[String], keep_going: bool) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let selection = Selection { names: names.to_vec(), targets: Vec::new() };
    tell_warnings(workspace, &spec, &selection, &spec.diagnostics);
    let packing = Packing { workspace, spec: &spec, build: true, keep_going };
    packing.check_names(&selection)?;
    workspace.progress.tell_packages();
    workspace.progress.go();
    let packages =
        unless_interrupted(&workspace.interrupt, packing.resolve(&|address| Packing::is_selected(&selection, address), &Notify::new()))
            .await;
    workspace.progress.rest();
    let packages = packages?;
    let elapsed_ms = workspace.progress.elapsed_ms();
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::build(&packages.artifacts, &packages.makings, elapsed_ms));
        return Ok(Exit::Success);
    }
    human::packages(&packages.artifacts).iter().for_each(|line| workspace.ui.data(line));
    workspace.ui.status(&human::built(&packages.artifacts, &packages.makings, elapsed_ms));
    Ok(Exit::Success)
}

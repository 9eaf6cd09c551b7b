//! `lambdo build`: packages without a deployment.

use super::deploy::Packing;
use crate::cli::args::{Format, Selection};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::human::{bytes, counted, duration};
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use tokio::sync::Notify;

/// Builds and prints each package's hash and size.
pub async fn run(workspace: &Workspace, names: &[String]) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    workspace.ui.diagnostics(&spec.diagnostics);
    let selection = Selection { names: names.to_vec(), targets: Vec::new() };
    let packing = Packing { workspace, spec: &spec, build: true };
    packing.check_names(&selection)?;
    workspace.progress.tell_packages();
    workspace.progress.go();
    let packages =
        unless_interrupted(&workspace.interrupt, packing.resolve(&|address| Packing::is_selected(&selection, address), &Notify::new()))
            .await;
    workspace.progress.rest();
    let packages = packages?;
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::build(&packages.artifacts));
        return Ok(Exit::Success);
    }
    for (address, artifact) in &packages.artifacts {
        let (size, files) = (bytes(artifact.unzipped_bytes), counted(artifact.files, "file"));
        workspace.ui.data(&format!("{}  {}  {size} in {files}", address.name, artifact.content_hash));
    }
    let (number, time) = (counted(packages.artifacts.len(), "package"), duration(workspace.progress.elapsed_ms()));
    workspace.ui.status(&format!("{number} ready in {time}"));
    Ok(Exit::Success)
}

//! `lambdo diff`: which files differ in packages since they were applied, without calling AWS.

use super::deploy::{Packing, content_hash, tell_warnings};
use crate::cli::args::{DiffArguments, Format, Selection};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{PackageView, Standing, human, json};
use crate::cli::workspace::Workspace;
use crate::model::{Address, Artifact, Exit, Failure, State, Value};
use crate::package::Packages;
use crate::store::StateStore;
use tokio::sync::Notify;

/// The input of a function that says which package it runs.
const CODE: &str = "code";

/// Builds, and compares the packages with those that the state says were applied.
pub async fn run(workspace: &Workspace, arguments: &DiffArguments) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let selection = Selection { names: arguments.names.clone(), targets: Vec::new() };
    tell_warnings(workspace, &spec, &selection, &spec.diagnostics);
    let packing = Packing { workspace, spec: &spec, build: !arguments.no_build, keep_going: false };
    packing.check_names(&selection)?;
    let state = workspace.store(&spec.header).load().await?;
    workspace.progress.go();
    let packages =
        unless_interrupted(&workspace.interrupt, packing.resolve(&|address| Packing::is_selected(&selection, address), &Notify::new()))
            .await;
    workspace.progress.rest();
    let packages = packages?;
    let views: Vec<PackageView<'_>> =
        packages.artifacts.iter().map(|(address, artifact)| view(address, artifact, state.as_ref(), &packages)).collect();
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json::diff(&spec.header.project, spec.header.stage.as_deref(), &views)),
        Format::Human | Format::Markdown => {
            workspace.ui.view(&human::package_diff(&views, workspace.ui.is_verbose(), workspace.ui.width()));
        }
    }
    Ok(if arguments.exit_code { exit(&views) } else { Exit::Success })
}

fn view<'a>(address: &'a Address, artifact: &'a Artifact, state: Option<&'a State>, packages: &Packages) -> PackageView<'a> {
    let entry = state.and_then(|state| state.entries.get(address));
    let applied = entry.and_then(|entry| entry.inputs.get(CODE)).and_then(Value::as_str).map(content_hash);
    let standing = match applied {
        None => Standing::New,
        Some(applied) if applied == artifact.content_hash => Standing::Same,
        Some(applied) => packages.diff(address, applied).map_or(Standing::Unknown, Standing::Differs),
    };
    let source_changes = applied.map(|applied| packages.changes(address, applied)).unwrap_or_default();
    PackageView { address, artifact, applied, standing, source_changes }
}

fn exit(views: &[PackageView<'_>]) -> Exit {
    let has = |is: fn(&Standing) -> bool| views.iter().any(|view| is(&view.standing));
    if has(|standing| matches!(standing, Standing::New | Standing::Differs(_))) {
        Exit::SpecChanges
    } else if has(|standing| matches!(standing, Standing::Unknown)) {
        Exit::Unchecked
    } else {
        Exit::Success
    }
}

//! `lambdo build`: packages without a deployment.

use super::deploy::{Packing, tell_warnings};
use super::places;
use crate::cli::args::{Format, Selection};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::kinds::{HANDLER_FORM, judge_runtime};
use crate::model::{Exit, Failure, PackageRequest};
use crate::spec::Spec;
use tokio::sync::Notify;

/// Builds and prints each package's hash and size.
pub async fn run(workspace: &Workspace, names: &[String], keep_going: bool) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let selection = Selection { names: names.to_vec(), targets: Vec::new() };
    tell_warnings(workspace, &spec, &selection, &spec.diagnostics);
    let packing = Packing { workspace, spec: &spec, build: true, keep_going };
    packing.check_names(&selection)?;
    let nameless = nameless_handlers(&spec, &selection);
    if !nameless.is_empty() && !keep_going {
        return Err(Failure { exit: Exit::Usage, diagnostics: nameless });
    }
    workspace.progress.tell_packages();
    workspace.progress.go();
    let packages =
        unless_interrupted(&workspace.interrupt, packing.resolve(&|address| Packing::is_selected(&selection, address), &Notify::new()))
            .await;
    workspace.progress.rest();
    let packages = match packages {
        Err(failure) => return Err(Failure { diagnostics: nameless.into_iter().chain(failure.diagnostics).collect(), ..failure }),
        Ok(_) if !nameless.is_empty() => return Err(Failure { exit: Exit::Usage, diagnostics: nameless }),
        Ok(packages) => packages,
    };
    let elapsed_ms = workspace.progress.elapsed_ms();
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::build(&packages.artifacts, &packages.makings, elapsed_ms));
        return Ok(Exit::Success);
    }
    human::packages(&packages.artifacts).iter().for_each(|line| workspace.ui.data(line));
    workspace.ui.status(&human::built(&packages.artifacts, &packages.makings, elapsed_ms));
    Ok(Exit::Success)
}

/// Handlers that name no function: whatever is built for them, nothing of it would be called.
fn nameless_handlers(spec: &Spec, selection: &Selection) -> Vec<Diagnostic> {
    let requests = spec.packages().into_iter().filter(|request| Packing::is_selected(selection, &request.address));
    let of_request = |request: PackageRequest| {
        let found = judge_runtime(&request.runtime, &request.handler, request.has_layers());
        let found = found.into_iter().filter(|one| one.code == HANDLER_FORM && one.is_error() && request.image.is_none());
        found.map(move |one| one.address(&request.address)).collect::<Vec<_>>()
    };
    places::of_packages(spec, requests.flat_map(of_request).collect())
}

//! `lambdo up`: makes AWS what the spec asks for.

use super::deploy::{Deployment, Packing, Wish, open};
use super::run::Run;
use crate::cli::args::UpArguments;
use crate::cli::ci;
use crate::cli::render::file_name;
use crate::cli::saved_plan::{self, SavedPlan};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::human;
use crate::cli::workspace::{Config, Workspace};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use crate::spec::Header;
use std::path::Path;
use std::sync::Arc;

const VERB: &str = "up";

/// Plans, or takes a saved plan, and applies it.
pub async fn run(workspace: &Workspace, arguments: &UpArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let deployment = match &arguments.plan {
        Some(file) => {
            warn_of_ci(workspace, &workspace.header(&config)?);
            saved(workspace, &config, &workspace.path(file)).await?
        }
        None => {
            let wish =
                Wish { selection: &arguments.selection, build: true, deep: arguments.deep, adopt: &arguments.adopt, lock: Some(VERB) };
            let spec = wish.check(workspace, &config)?;
            warn_of_ci(workspace, &spec.header);
            wish.prepare(workspace, &spec).await?
        }
    };
    let Deployment { connection, state, plan, packages, lease, .. } = deployment;
    let run = Run {
        command: VERB,
        purpose: human::Purpose::Deploy,
        yes: arguments.yes,
        parallel: usize::from(arguments.parallel),
        workspace,
        connection: &connection,
    };
    let exit = run.go(state, &plan, Arc::new(packages)).await;
    drop(lease);
    exit
}

fn warn_of_ci(workspace: &Workspace, header: &Header) {
    if !workspace.global.local {
        workspace.ui.diagnostics(ci::warning(&workspace.store(header).path()).as_slice());
    }
}

/// The plan of `plan --out`, if nothing that it builds on has moved.
async fn saved(workspace: &Workspace, config: &Config, file: &Path) -> Result<Deployment, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let detail = format!("`{}` cannot be read: {error}.", file_name(file));
        Failure::new(Exit::Usage, Diagnostic::error("saved-plan-unreadable", "The saved plan cannot be read").detail(detail))
    })?;
    let saved = SavedPlan::parse(&text)?;
    let spec = workspace.spec(config)?;
    let packing = Packing { workspace, spec: &spec, build: true };
    workspace.progress.go();
    let work = async {
        let is_needed = |function: &str| saved.artifacts.contains_key(function);
        let packages = packing.resolve(&is_needed).await?;
        Ok((open(workspace, &spec.header, Some(VERB)).await?, packages))
    };
    let done = unless_interrupted(&workspace.interrupt, work).await;
    workspace.progress.rest();
    let ((connection, lease, mut state), packages) = done?;
    if saved.gives_lineage_to(&state) {
        state.lineage = saved.lineage.clone();
    }
    saved.check(&state, &packages.artifacts)?;
    let state_digest = saved_plan::digest(&state);
    Ok(Deployment { connection, state, state_digest, plan: saved.plan(), packages, lease })
}

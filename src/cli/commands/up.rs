//! `lambdo up`: makes AWS what the spec asks for.

use super::deploy::{Deployment, Wish};
use super::run::Run;
use crate::cli::args::UpArguments;
use crate::cli::ci;
use crate::cli::saved_plan::SavedPlan;
use crate::cli::view::human;
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use std::sync::Arc;

const VERB: &str = "up";

/// Plans, or takes a saved plan, and applies it.
pub async fn run(workspace: &Workspace, arguments: &UpArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let saved = arguments.plan.as_ref().map(|file| SavedPlan::read(&workspace.path(file))).transpose()?;
    let (selection, deep, adopt, recreate) = match &saved {
        Some(SavedPlan { wish, .. }) => (wish.selection(), wish.deep, &wish.adopt, wish.recreate),
        None => (arguments.selection.clone(), arguments.deep, &arguments.adopt, arguments.recreate),
    };
    let wish = Wish { selection: &selection, build: true, deep, adopt, recreate, saved: saved.as_ref(), lock: Some(VERB), leave: &[] };
    let spec = wish.check(workspace, &config)?;
    workspace.begin_record(&spec.header);
    if !workspace.global.local {
        workspace.ui.diagnostics(ci::warning(&workspace.store(&spec.header).path()).as_slice());
    }
    let deployment = wish.prepare(workspace, &spec).await?;
    let Deployment { connection, state, plan, premises, packages, lease, built_ms, .. } = deployment;
    let run = Run {
        command: VERB,
        purpose: human::Purpose::Deploy,
        yes: arguments.yes,
        max_deletions: arguments.max_deletions.or(spec.header.max_deletions),
        parallel: usize::from(arguments.parallel),
        built_ms,
        workspace,
        connection: &connection,
    };
    let exit = run.go(state, &plan, premises, Arc::new(packages)).await;
    drop(lease);
    exit
}

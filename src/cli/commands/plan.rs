//! `lambdo plan`: what would be done, and why.

use super::deploy::{Deployment, Wish};
use super::run::{refusals, too_many_deletions};
use super::status::tell_who_works;
use crate::cli::args::{Format, PlanArguments};
use crate::cli::render::file_name;
use crate::cli::saved_plan::{SavedPlan, SavedWish};
use crate::cli::view::{human, json, markdown};
use crate::cli::workspace::{Config, Workspace};
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::causes::plan_exit;
use crate::model::{Exit, Failure};
use std::path::Path;

/// Plans, shows, and saves where asked. Changes nothing.
pub async fn run(workspace: &Workspace, arguments: &PlanArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let wish = Wish {
        selection: &arguments.selection,
        build: !arguments.no_build,
        deep: arguments.deep,
        adopt: &arguments.adopt,
        recreate: arguments.recreate,
        saved: None,
        lock: None,
        leave: &[],
    };
    let spec = wish.check(workspace, &config)?;
    workspace.begin_record(&spec.header);
    tell_who_works(workspace, &spec.header).await;
    let deployment = wish.prepare(workspace, &spec).await?;
    let (title, plan) = (deployment.connection.title(&deployment.state).await, &deployment.plan);
    workspace.progress.record().iter().for_each(|record| record.planned(plan));
    let view = human::PlanView {
        title: &title,
        plan,
        purpose: human::Purpose::Deploy,
        rules: workspace.registry.as_ref(),
        is_full: workspace.ui.is_verbose(),
    };
    match workspace.ui.format() {
        Format::Human => workspace.ui.view(&human::plan(&view, workspace.ui.width())),
        Format::Json => workspace.document(json::plan(&title, plan)),
        Format::Markdown => workspace.ui.data(&markdown::plan(&view)),
    }
    if !plan.refusals.is_empty() {
        workspace.ui.diagnostics(&refusals(plan));
        return Ok(Exit::Refused);
    }
    let beyond = too_many_deletions(plan, spec.header.max_deletions);
    // Nothing is wrong with a plan that `up` wants to be told the number of.
    workspace.ui.diagnostics(&beyond.map(|one| Diagnostic { severity: Severity::Warning, ..one }).into_iter().collect::<Vec<_>>());
    if let Some(out) = &arguments.out {
        save(workspace, &config, &deployment, SavedWish::new(arguments), &workspace.path(out))?;
    }
    Ok(if arguments.exit_code { plan_exit(plan) } else { Exit::Success })
}

fn save(workspace: &Workspace, config: &Config, deployment: &Deployment, wish: SavedWish, out: &Path) -> Result<(), Failure> {
    let saved = SavedPlan::new(&deployment.plan, &deployment.state, &deployment.basis, &config.path, wish, workspace.ui.scrubber());
    saved.write(out).map_err(|error| {
        let detail = format!("`{}` cannot be written: {error}.", file_name(out));
        Failure::new(Exit::Failed, Diagnostic::error("plan-not-saved", "The plan was not saved").detail(detail))
    })?;
    workspace.ui.status(&format!("\nSaved to `{0}`; `lambdo up --plan {0}` applies it", file_name(out)));
    Ok(())
}

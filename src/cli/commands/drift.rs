//! `lambdo drift`: what was changed in AWS since it was applied. It cannot change anything.

use super::deploy::open;
use crate::cli::args::{DriftArguments, Format};
use crate::cli::ignore::without_ignored;
use crate::cli::pending;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::causes::{self, Causes};
use crate::cli::view::{human, json, markdown};
use crate::cli::workspace::{Config, Workspace};
use crate::engine::{PlanOptions, doubts};
use crate::model::{Desired, Exit, Failure, State, Step};
use crate::spec::{self, Spec};
use std::collections::BTreeMap;

/// Plans towards what was applied and shows what differs.
pub async fn run(workspace: &Workspace, arguments: &DriftArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let header = workspace.header(&config)?;
    workspace.begin_record(&header);
    let options = PlanOptions {
        deep: arguments.deep,
        recreate: true,
        functions: arguments.selection.names.clone(),
        targets: arguments.selection.targets.clone(),
        ..PlanOptions::default()
    };
    workspace.progress.go();
    let work = async {
        let (connection, _, mut state) = open(workspace, &header, None).await?;
        let plan = connection.engine.plan(&Desired::as_applied(&state), &mut state, &options).await?;
        Ok((connection, state, plan))
    };
    let planned = unless_interrupted(&workspace.interrupt, work).await;
    workspace.progress.rest();
    let (connection, state, plan) = planned?;
    workspace.ui.diagnostics(&doubts(&state, &plan));
    let steps = plan.steps.iter().filter(|step| Causes::of_step(step).is_drift);
    let drifted: Vec<Step> = steps.filter_map(|step| without_ignored(step, &arguments.ignore)).collect();
    workspace.progress.record().iter().for_each(|record| record.planned(&plan));
    let title = connection.title(&state).await;
    let view = human::DriftView {
        title: &title,
        plan: &plan,
        drifted: &drifted,
        pending: pending(workspace, &config, &state),
        rules: workspace.registry.as_ref(),
        is_full: workspace.ui.is_verbose(),
    };
    match workspace.ui.format() {
        Format::Human => workspace.ui.view(&human::drift(&view, workspace.ui.width())),
        Format::Json => workspace.document(json::drift(&view)),
        Format::Markdown => workspace.ui.data(&markdown::drift(&view)),
    }
    Ok(causes::drift_exit(&drifted, &plan))
}

/// What the spec asks for beyond what was applied; `None` for a spec that is broken, which is said. Drift must be found
/// in any case.
fn pending(workspace: &Workspace, config: &Config, state: &State) -> Option<usize> {
    let lower =
        |spec: &Spec| spec::lower(&spec.keeping_names(state), &state.target, &BTreeMap::new(), &workspace.registry).map_err(Failure::from);
    match workspace.spec(config).and_then(|spec| lower(&spec)) {
        Ok(desired) => Some(pending::count(&desired, state, workspace.registry.as_ref())),
        Err(failure) => {
            workspace.ui.diagnostics(&failure.diagnostics);
            None
        }
    }
}

//! `lambdo destroy`: takes down what was deployed. It reads only the spec's header.

use super::deploy::open;
use super::run::Run;
use crate::cli::args::DestroyArguments;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::human;
use crate::cli::workspace::{Connection, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::PlanOptions;
use crate::model::{ArtifactSource, Desired, Exit, Failure};
use crate::store::{FileStore, StateStore as _};
use async_trait::async_trait;
use std::sync::Arc;

const VERB: &str = "destroy";
/// Deletes at a time.
const PARALLEL: usize = 32;

/// Plans towards nothing and applies it.
pub async fn run(workspace: &Workspace, arguments: &DestroyArguments) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    workspace.begin_record(&header);
    let options = PlanOptions {
        functions: arguments.selection.names.clone(),
        targets: arguments.selection.targets.clone(),
        ..PlanOptions::default()
    };
    workspace.progress.go();
    let work = async {
        let (connection, lease, mut state) = open(workspace, &header, Some(VERB)).await?;
        let desired = Desired::nothing(&header.project, header.stage.as_deref());
        let plan = connection.engine.plan(&desired, &mut state, &options).await?;
        Ok((connection, lease, state, plan))
    };
    let planned = unless_interrupted(&workspace.interrupt, work).await;
    workspace.progress.rest();
    let (connection, lease, state, plan) = planned?;
    if state.serial == 0 && state.entries.is_empty() {
        workspace.ui.diagnostics(&[no_state(&workspace.store(&header))]);
    }
    let max_deletions = arguments.max_deletions.or(header.max_deletions);
    let exit = destroying(VERB, workspace, &connection, arguments.yes, max_deletions).go(state, &plan, Arc::new(NoArtifacts)).await;
    drop(lease);
    exit
}

/// A run that takes things down and makes nothing.
pub fn destroying<'a>(
    command: &'static str,
    workspace: &'a Workspace,
    connection: &'a Connection,
    yes: bool,
    max_deletions: Option<usize>,
) -> Run<'a> {
    let purpose = human::Purpose::Destroy;
    Run { command, purpose, yes, max_deletions, parallel: PARALLEL, built_ms: 0, workspace, connection }
}

/// Where there is no state, nothing is known of what may be there all the same.
fn no_state(store: &FileStore) -> Diagnostic {
    Diagnostic::warning("no-state", "There is no state")
        .detail(format!("`{}` is not there, so it is not known whether anything was deployed.", store.describe()))
        .hint("if something was, bring its state here, or name the folder that has it with `--state-dir`")
}

/// A destroy uploads nothing.
pub struct NoArtifacts;

#[async_trait]
impl ArtifactSource for NoArtifacts {
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String> {
        Err(format!("`destroy` builds nothing, so there is no package {content_hash}"))
    }

    fn expected_bytes(&self, _content_hash: &str) -> usize {
        0
    }
}

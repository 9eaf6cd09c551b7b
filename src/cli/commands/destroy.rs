//! `lambdo destroy`: takes down what was deployed. It reads only the spec's header.

use super::deploy::open;
use super::run::Run;
use crate::cli::args::DestroyArguments;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::human;
use crate::cli::workspace::Workspace;
use crate::engine::PlanOptions;
use crate::model::{ArtifactSource, Desired, Exit, Failure};
use async_trait::async_trait;
use std::sync::Arc;

const VERB: &str = "destroy";
/// Deletes at a time.
const PARALLEL: usize = 32;

/// Plans towards nothing and applies it.
pub async fn run(workspace: &Workspace, arguments: &DestroyArguments) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
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
    let run = Run {
        command: VERB,
        purpose: human::Purpose::Destroy,
        yes: arguments.yes,
        parallel: PARALLEL,
        built_ms: 0,
        workspace,
        connection: &connection,
    };
    let exit = run.go(state, &plan, Arc::new(NoArtifacts)).await;
    drop(lease);
    exit
}

/// A destroy uploads nothing.
struct NoArtifacts;

#[async_trait]
impl ArtifactSource for NoArtifacts {
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String> {
        Err(format!("`destroy` builds nothing, so there is no package {content_hash}"))
    }

    fn expected_bytes(&self, _content_hash: &str) -> usize {
        0
    }
}

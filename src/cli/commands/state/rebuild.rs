//! `lambdo state rebuild`: a lost state, made anew from what AWS has of the project, and proved by a plan.

use crate::cli::args::{Format, Selection};
use crate::cli::commands::deploy::{Packing, Wish};
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{human, json};
use crate::cli::workspace::{Connection, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::{PlanOptions, incomplete};
use crate::model::{Action, Address, Exit, Failure, Move, Plan, State};
use crate::package::Packages;
use crate::spec::{self, Spec};
use crate::store::{FileStore, StateStore, StoreError};
use std::collections::BTreeSet;
use tokio::sync::Notify;

const VERB: &str = "state rebuild";

/// Finds, restores, saves, and shows what differs from the spec.
pub async fn run(workspace: &Workspace, lineage: Option<&str>) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let everything = Selection::default();
    let wish = Wish { selection: &everything, build: true, deep: true, adopt: &[], recreate: true, saved: None, lock: None, leave: &[] };
    let spec = wish.check(workspace, &config)?;
    workspace.begin_record(&spec.header);
    workspace.progress.go();
    let rebuilt = unless_interrupted(&workspace.interrupt, rebuild(workspace, &spec, lineage)).await;
    workspace.progress.rest();
    let (connection, state, plan) = rebuilt?;
    tell(workspace, &connection, &state, &plan).await;
    Ok(if plan.refusals.is_empty() { Exit::Success } else { Exit::Refused })
}

async fn rebuild(workspace: &Workspace, spec: &Spec, lineage: Option<&str>) -> Result<(Connection, State, Plan), Failure> {
    let packing = Packing { workspace, spec, build: true, keep_going: false };
    let packages = packing.resolve(&|_| true, &Notify::new()).await?;
    let connection = workspace.connect(&spec.header).await?;
    let lease = connection.engine.lock(VERB, workspace.lock_wait()).await?;
    let store = workspace.store(&spec.header);
    let has_stray_journal = is_lost(workspace, &store).await?;
    let mut state = restored(workspace, spec, &packages, &connection, lineage).await?;
    // Serials of kept generations are not used again.
    state.serial = store.history().await?.last().map_or(0, |last| last.serial) + 1;
    if has_stray_journal {
        store.set_journal_aside().await?;
    }
    store.save(&state, 0).await?;
    workspace.record_state(&state, state.entries.keys().map(|address| (address, "rebuilt")));
    let moves = spec.carry_out_moves(&mut state);
    let desired = spec::lower(&spec.keeping_names(&state), &state.target, &packages.artifacts, &workspace.registry)?;
    let options = PlanOptions { deep: true, recreate: true, ..PlanOptions::default() };
    let mut plan = connection.engine.plan(&desired, &mut state, &options).await?;
    plan.notes.extend(moves.into_iter().map(Move::note));
    drop(lease);
    Ok((connection, state, plan))
}

async fn restored(
    workspace: &Workspace,
    spec: &Spec,
    packages: &Packages,
    connection: &Connection,
    lineage: Option<&str>,
) -> Result<State, Failure> {
    let engine = &connection.engine;
    let desired = spec::lower(spec, engine.target(), &packages.artifacts, &workspace.registry)?;
    let inventory = engine.find(&desired).await?;
    workspace.ui.diagnostics(&inventory.notes);
    if !inventory.warnings.is_empty() {
        return Err(incomplete(inventory.warnings));
    }
    let state = engine.rebuild(&desired, &inventory.found, lineage, packages).await?;
    if !state.entries.values().any(|entry| entry.keeps_name) {
        return Ok(state);
    }
    // What has the name of an earlier address leads to other names, too.
    let desired = spec::lower(&spec.keeping_names(&state), engine.target(), &packages.artifacts, &workspace.registry)?;
    let names: Vec<Address> = state.entries.iter().filter(|(_, entry)| entry.keeps_name).map(|(address, _)| address.clone()).collect();
    let mut state = engine.rebuild(&desired, &inventory.found, lineage, packages).await?;
    state.entries.iter_mut().filter(|(address, _)| names.contains(address)).for_each(|(_, entry)| entry.keeps_name = true);
    Ok(state)
}

/// A state that is there and whole is not overwritten. Whether a journal is left of one that is gone.
async fn is_lost(workspace: &Workspace, store: &FileStore) -> Result<bool, Failure> {
    match store.load().await {
        Ok(None) => Ok(false),
        Ok(Some(_)) => {
            let found = Diagnostic::error("state-is-there", "There is a state");
            let detail = format!("`{}` is there and whole, so there is nothing to rebuild.", store.describe());
            Err(Failure::new(
                Exit::Refused,
                found.detail(detail).hint("if it is the wrong one, move it away first; `lambdo state history` lists its generations"),
            ))
        }
        Err(error @ (StoreError::Garbled { .. } | StoreError::Contradiction { .. })) => {
            let detail = format!("{} It is kept in `history/` beside it.", error.what());
            workspace.ui.diagnostics(&[Diagnostic::warning("state-garbled", "The damaged state is replaced").detail(detail)]);
            Ok(false)
        }
        Err(StoreError::Ahead { place, found: None, .. }) => {
            let detail = format!("`{place}` builds on a state that is gone. It is kept in `history/` beside it.");
            workspace.ui.diagnostics(&[Diagnostic::warning("journal-kept", "The journal is set aside").detail(detail)]);
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

async fn tell(workspace: &Workspace, connection: &Connection, state: &State, plan: &Plan) {
    let title = connection.title(state).await;
    let acting = plan.steps.iter().filter(|step| step.action != Action::NoOp).map(|step| &step.address);
    let differing: BTreeSet<&Address> = acting.chain(plan.refusals.iter().filter_map(|refusal| refusal.address.as_ref())).collect();
    if workspace.ui.format() == Format::Json {
        workspace.document(json::state_rebuild(&title, &state.lineage.0, &state.entries, &differing));
        return;
    }
    let view = human::PlanView {
        title: &title,
        plan,
        purpose: human::Purpose::Deploy,
        rules: workspace.registry.as_ref(),
        is_full: workspace.ui.is_verbose(),
    };
    workspace.ui.view(&human::plan(&view, workspace.ui.width()));
    let number = human::counted(state.entries.len(), "resource");
    let proof = match (plan.refusals.is_empty(), differing.is_empty()) {
        (true, true) => "and the plan is empty: the spec asks for just that",
        (true, false) => "and the plan above says what the spec asks for besides; nothing of it was done",
        (false, _) => "but what the spec asks for besides is refused, as the plan above says; nothing of it was done",
    };
    workspace.ui.status(&format!("\nRebuilt: {number} of lineage {} found in AWS, {proof}.", state.lineage));
}

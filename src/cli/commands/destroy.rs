//! `lambdo destroy`: takes down what was deployed. Of the spec it needs only the header; where the rest can be read, it
//! says what is protected.

use super::deploy::{open, protected_as_whole};
use super::gc::free_address;
use super::import::lowered;
use super::premises::Premises;
use super::run::Run;
use crate::cli::args::DestroyArguments;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::human;
use crate::cli::workspace::{Config, Connection, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::{Inventory, PlanOptions, named, state_lost};
use crate::kinds::Found;
use crate::model::{Address, ArtifactSource, Desired, Entry, Exit, Failure, Plan, State};
use crate::spec::Header;
use crate::store::{FileStore, Lease, StateStore as _};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;

const VERB: &str = "destroy";
/// Deletes at a time.
const PARALLEL: usize = 32;

/// Plans towards nothing and applies it.
pub async fn run(workspace: &Workspace, arguments: &DestroyArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let header = workspace.header(&config)?;
    workspace.begin_record(&header);
    workspace.progress.go();
    let planned = unless_interrupted(&workspace.interrupt, planned(workspace, &config, &header, arguments)).await;
    workspace.progress.rest();
    let (connection, lease, state, plan, premises) = planned?;
    let max_deletions = arguments.max_deletions.or(header.max_deletions);
    let run = destroying(VERB, workspace, &connection, arguments.yes, max_deletions);
    let exit = run.go(state, &plan, premises, Arc::new(NoArtifacts)).await;
    drop(lease);
    exit
}

type Planned = (Connection, Option<Box<dyn Lease>>, State, Plan, Premises);

async fn planned(workspace: &Workspace, config: &Config, header: &Header, arguments: &DestroyArguments) -> Result<Planned, Failure> {
    let (connection, lease, mut state) = open(workspace, header, Some(VERB)).await?;
    // A spec that is broken must not keep anything from being taken down.
    let spec = workspace.spec(config).ok();
    if let Some(spec) = &spec {
        // What it protects, it names by the addresses that it moves things to.
        spec.carry_out_moves(&mut state);
    }
    let wished = spec.and_then(|spec| lowered(workspace, &spec, &state).ok());
    let nothing = Desired::nothing(&header.project, header.stage.as_deref());
    no_unknown_left(workspace, header, &connection, &state, wished.as_ref().unwrap_or(&nothing)).await?;
    for Found { address, physical_id, .. } in connection.engine.returned(&state).await? {
        state.entries.insert(free_address(&state, &address), Entry::new(physical_id));
        state.unsaved = true;
    }
    let options = PlanOptions {
        functions: arguments.selection.names.clone(),
        targets: arguments.selection.targets.clone(),
        // The local cloud has one account, and nothing in it is dear.
        recreate: arguments.forget_missing || workspace.global.local,
        protected: protected(workspace, header, wished.as_ref(), &state),
        ..PlanOptions::default()
    };
    let premises = Premises { desired: nothing, state: state.clone(), options };
    let plan = connection.engine.plan(&premises.desired, &mut state, &premises.options).await?;
    Ok((connection, lease, state, plan, premises))
}

/// What the spec protects. The state says it, too, but only of what was applied.
fn protected(workspace: &Workspace, header: &Header, wished: Option<&Desired>, state: &State) -> BTreeSet<Address> {
    let wished = wished.into_iter().flat_map(|wished| wished.resources.values());
    let singly = wished.filter(|resource| resource.protect).map(|resource| resource.address.clone());
    singly.chain(protected_as_whole(workspace, header, state)).collect()
}

/// Where there is no state, or an older one than was there before, it does not know of all that was deployed. What it does
/// not know it would leave, and say that it is done.
async fn no_unknown_left(
    workspace: &Workspace,
    header: &Header,
    connection: &Connection,
    state: &State,
    wished: &Desired,
) -> Result<(), Failure> {
    let store = workspace.store(header);
    let newest = store.history().await?.last().map(|generation| generation.serial);
    let is_newborn = state.is_newborn();
    if !is_newborn && newest.is_none_or(|newest| newest < state.serial) {
        return Ok(());
    }
    let Inventory { mut found, warnings, notes } = connection.engine.unknown(wished, state).await?;
    workspace.ui.diagnostics(&[warnings, notes].concat());
    found.retain(|one| is_newborn || one.lineage == state.lineage.0);
    match (found.is_empty(), is_newborn) {
        (true, true) => workspace.ui.diagnostics(&[no_state(&store)]),
        (true, false) => {}
        (false, true) => return Err(lost(&store, &found)),
        (false, false) => return Err(outdated(&store, state, newest.unwrap_or_default(), &found)),
    }
    Ok(())
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
pub fn no_state(store: &FileStore) -> Diagnostic {
    Diagnostic::warning("no-state", "There is no state")
        .detail(format!("`{}` is not there, so it is not known whether anything was deployed.", store.describe()))
        .hint("if something was, bring its state here, or name the folder that has it with `--state-dir`")
        .hint("if its state is lost: `lambdo state rebuild` makes it anew from what is in AWS")
}

fn lost(store: &FileStore, found: &[Found]) -> Failure {
    let hint = "if it is lost: `lambdo state rebuild` makes it anew from what is in AWS; then destroy again";
    Failure::new(Exit::Refused, state_lost(&store.describe(), found).hint(hint))
}

fn outdated(store: &FileStore, state: &State, newest: u64, found: &[Found]) -> Failure {
    let refused = Diagnostic::error("state-outdated", "The state is an earlier one").detail(format!(
        "`{}` has the serial {}, and a generation with the serial {newest} is kept beside it. It does not know {} that this project has made since: {}. Nothing was changed.",
        store.describe(),
        state.serial,
        human::counted(found.len(), "resource"),
        named(found)
    ));
    Failure::new(
        Exit::Refused,
        refused
            .hint("`lambdo up` takes up again what the spec asks for, and `lambdo gc --remove` deletes the rest; then destroy again")
            .hint(format!("or move `{}` away, and `lambdo state rebuild` finds all of it", store.describe())),
    )
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

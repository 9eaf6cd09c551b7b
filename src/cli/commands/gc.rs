//! `lambdo gc`: what carries the project's tags and stands in no state.

use super::deploy::open;
use super::destroy::{NoArtifacts, destroying, no_state};
use super::import::lowered;
use super::premises::Premises;
use crate::cli::args::Format;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{Orphan, OrphanStanding, human, json};
use crate::cli::workspace::{Connection, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::{PlanOptions, infer_dependencies};
use crate::kinds::Found;
use crate::model::{Address, Desired, Entry, Exit, Failure, PhysicalId, Resource, State};
use crate::spec::Spec;
use crate::store::Lease;
use std::sync::Arc;

const VERB: &str = "gc";

/// All that is needed to go on.
struct Looked {
    connection: Connection,
    lease: Option<Box<dyn Lease>>,
    state: State,
    orphans: Vec<Orphan>,
    max_deletions: Option<usize>,
}

/// Lists them, and with `remove` deletes those that this state has made.
pub async fn run(workspace: &Workspace, remove: bool, yes: bool) -> Result<Exit, Failure> {
    workspace.progress.go();
    let looked = unless_interrupted(&workspace.interrupt, look(workspace, remove)).await;
    workspace.progress.rest();
    let looked = looked?;
    if !remove || workspace.ui.format() == Format::Human {
        let title = looked.connection.title(&looked.state).await;
        match workspace.ui.format() {
            Format::Json => workspace.document(json::gc(&title, &looked.orphans)),
            Format::Human | Format::Markdown => workspace.ui.view(&human::orphans(&title, &looked.orphans)),
        }
    }
    if remove { delete(workspace, looked, yes).await } else { Ok(Exit::Success) }
}

async fn look(workspace: &Workspace, remove: bool) -> Result<Looked, Failure> {
    let config = workspace.config()?;
    let header = workspace.header(&config)?;
    workspace.begin_record(&header);
    let (connection, lease, state) = open(workspace, &header, remove.then_some(VERB)).await?;
    if remove && state.serial == 0 && state.entries.is_empty() {
        let none = Diagnostic::error("no-state", "There is no state")
            .detail("Without a state nothing of the project stands in one, and nothing is garbage.");
        return Err(Failure::new(
            Exit::Refused,
            none.hint("if the state is lost: `lambdo state rebuild` makes it anew from what is in AWS"),
        ));
    }
    // A spec that is broken says nothing of what is still wanted.
    let desired = match workspace.spec(&config).and_then(|spec| wished(workspace, &spec, &state)) {
        Ok(desired) => desired,
        Err(failure) if remove => return Err(failure),
        Err(_) => Desired::nothing(&header.project, header.stage.as_deref()),
    };
    let mut inventory = connection.engine.find(&desired).await?;
    inventory.found.extend(connection.engine.returned(&state).await?);
    workspace.ui.diagnostics(&[inventory.warnings, inventory.notes].concat());
    if state.is_newborn() {
        workspace.ui.diagnostics(&[no_state(&workspace.store(&header))]);
    }
    let orphans = inventory.found.iter().filter_map(|found| orphan(workspace, found, &state, &desired)).collect();
    Ok(Looked { connection, lease, state, orphans, max_deletions: header.max_deletions })
}

/// What the spec asks for under the names that the next `up` gives: what it moves keeps the name of its earlier address.
fn wished(workspace: &Workspace, spec: &Spec, state: &State) -> Result<Desired, Failure> {
    let mut moved = state.clone();
    spec.carry_out_moves(&mut moved);
    lowered(workspace, spec, &moved)
}

/// How a found thing stands to the state; `None` for what stands in it.
fn orphan(workspace: &Workspace, found: &Found, state: &State, desired: &Desired) -> Option<Orphan> {
    let rules = workspace.registry.find(&found.address.kind)?;
    let is_it = |id: &PhysicalId| rules.is_same(id, &found.physical_id);
    let is_of_kind = |address: &Address| address.kind == found.address.kind;
    // What dies with its parent goes with it.
    if rules.dies_with_parent() || state.entries.iter().any(|(address, entry)| is_of_kind(address) && entry.has_name(is_it)) {
        return None;
    }
    let mut wanted = desired.resources.values().filter(|resource| is_of_kind(&resource.address)).filter_map(Resource::physical_id);
    let is_wanted = wanted.clone().any(is_it);
    let may_be_wanted = wanted.any(|id| rules.may_be(&found.physical_id, id));
    let is_forgotten = || state.forgotten.iter().any(|gone| gone.kind == found.address.kind && is_it(&gone.physical_id));
    let standing = match found.lineage == state.lineage.0 {
        false => OrphanStanding::OfAnotherState,
        true if is_wanted => OrphanStanding::Wanted,
        true if may_be_wanted => OrphanStanding::MaybeWanted,
        true if found.stays || is_forgotten() => OrphanStanding::Stays,
        true => OrphanStanding::Garbage,
    };
    let Found { address, physical_id, lineage, .. } = found.clone();
    Some(Orphan { address, physical_id, lineage, standing })
}

/// Takes the garbage into the state, so that a run that is killed leaves nothing unknown, and destroys it.
async fn delete(workspace: &Workspace, looked: Looked, yes: bool) -> Result<Exit, Failure> {
    let Looked { connection, lease, mut state, orphans, max_deletions } = looked;
    let garbage = orphans.iter().filter(|orphan| orphan.standing == OrphanStanding::Garbage);
    let mut targets = Vec::new();
    for orphan in garbage {
        let address = free_address(&state, &orphan.address);
        state.entries.insert(address.clone(), Entry::new(orphan.physical_id.clone()));
        targets.push(address);
    }
    if targets.is_empty() {
        if workspace.ui.format() == Format::Json {
            workspace.document(json::gc(&connection.title(&state).await, &orphans));
        }
        return Ok(Exit::Success);
    }
    infer_dependencies(&mut state, &targets);
    state.unsaved = true;
    let options = PlanOptions { targets, ..PlanOptions::default() };
    let nothing = Desired::nothing(&state.project, state.stage.as_deref());
    let premises = Premises { desired: nothing, state: state.clone(), options };
    let plan = connection.engine.plan(&premises.desired, &mut state, &premises.options).await?;
    let run = destroying(VERB, workspace, &connection, yes, max_deletions);
    let exit = run.go(state, &plan, premises, Arc::new(NoArtifacts)).await;
    drop(lease);
    exit
}

/// The address itself, or one like it: one that the state does not have, and that nothing in it depends on.
pub fn free_address(state: &State, address: &Address) -> Address {
    let needs = |entry: &Entry, name: &Address| entry.needs().any(|on| on == name);
    let is_free = |name: &Address| !state.entries.contains_key(name) && !state.entries.values().any(|entry| needs(entry, name));
    let numbered = |number: usize| Address { name: format!("{}-orphan-{number}", address.name), ..address.clone() };
    std::iter::once(address.clone()).chain((1..).map(numbered)).find(is_free).unwrap_or_else(|| address.clone())
}

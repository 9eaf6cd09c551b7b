//! `lambdo import`: writes into the state what exists in AWS, and changes nothing there.

use super::deploy::open;
use crate::cli::args::Format;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::diagnostic::{Diagnostic, nearest};
use crate::engine::{manager, save};
use crate::model::{Address, Desired, Exit, Failure, Resource, State, Value};
use crate::spec::{self, Spec};
use std::collections::BTreeMap;

const VERB: &str = "import";

/// Takes over the resource with this name in AWS as the one at `address`.
pub async fn run(workspace: &Workspace, address: &Address, id: &str) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    workspace.begin_record(&spec.header);
    workspace.progress.go();
    let work = async {
        let (connection, lease, state) = open(workspace, &spec.header, Some(VERB)).await?;
        let mut desired = lowered(workspace, &spec, &state)?;
        // What cannot be looked up is not needed: the others must be known, so that no copy of them gets into the state.
        drop(connection.engine.look_up(&mut desired, None, &spec.header.folder).await);
        let resource = meant(&desired, &state, address)?;
        is_named_so(workspace, resource, id)?;
        let (entry, tags) = connection.engine.import(&desired, &state, address).await?;
        Ok((lease, state, entry, tags))
    };
    let read = unless_interrupted(&workspace.interrupt, work).await;
    workspace.progress.rest();
    let (lease, mut state, entry, tags) = read?;
    state.entries.insert(address.clone(), entry);
    save(&workspace.store(&spec.header), &mut state).await?;
    workspace.record_state(&state, [(address, "imported")]);
    drop(lease);
    if let Some((who, key)) = manager(&tags) {
        let warning = Diagnostic::warning("managed-elsewhere", "Another tool seems to manage it").address(address);
        let detail = format!("Its tag `{key}` names {who}. Two tools undo each other's changes.");
        workspace.ui.diagnostics(&[warning.detail(detail).hint("take it out there before the next `lambdo up`")]);
    }
    match workspace.ui.format() {
        Format::Json => workspace.document(json::import(state.serial, address, &state.entries[address])),
        Format::Human | Format::Markdown => {
            workspace.ui.data(&format!("{address}  {}", state.entries[address].physical_id));
            let fate = match state.entries[address].adopted {
                true => "`lambdo destroy` will leave it, since it was there before.",
                false => "It carries the tags of this very state, which has made it, so that `lambdo destroy` will delete it.",
            };
            workspace.ui.status(&format!(
                "\nImported; nothing was changed in AWS. `lambdo plan` shows each value that the next `lambdo up` would overwrite. {fate}"
            ));
        }
    }
    Ok(Exit::Success)
}

/// What the spec asks for, without packages: what lives says what it is made of.
pub fn lowered(workspace: &Workspace, spec: &Spec, state: &State) -> Result<Desired, Failure> {
    spec::lower(&spec.keeping_names(state), &state.target, &BTreeMap::new(), &workspace.registry).map_err(Failure::from)
}

fn meant<'a>(desired: &'a Desired, state: &State, address: &Address) -> Result<&'a Resource, Failure> {
    let Some(resource) = desired.resources.get(address) else {
        let names: Vec<String> = desired.resources.keys().map(ToString::to_string).collect();
        let unknown = Diagnostic::error("unknown-address", "Not in the spec").detail(format!("The spec has no `{address}`."));
        let unknown = match nearest(&address.to_string(), names.iter().map(String::as_str)) {
            Some(near) => unknown.hint(format!("did you mean `{near}`?")),
            None => unknown.hint("write its section first; `lambdo plan` lists the addresses"),
        };
        return Err(Failure::new(Exit::Usage, unknown));
    };
    match state.entries.get(address) {
        None => Ok(resource),
        Some(entry) => {
            let known = Diagnostic::error("address-taken", "It is in the state already").address(address);
            let detail = format!("The state knows `{address}` as `{}`.", entry.physical_id);
            Err(Failure::new(
                Exit::Refused,
                known.detail(detail).hint(format!("to let go of that one first: `lambdo state forget {address}`")),
            ))
        }
    }
}

/// The spec must give it the name that it has: otherwise the next `up` would make another one.
fn is_named_so(workspace: &Workspace, resource: &Resource, id: &str) -> Result<(), Failure> {
    let Some(wanted) = resource.physical_id() else { return Ok(()) };
    let is_arn = resource.attributes.get("arn").and_then(Value::as_str) == Some(id);
    let is_same = workspace.registry.find(&resource.address.kind).is_some_and(|kind| kind.is_same(wanted, &id.into()));
    // A rule may be given without its bus.
    let is_last_part = wanted.as_str().rsplit_once('/').is_some_and(|(_, last)| last == id);
    if is_arn || is_same || is_last_part {
        return Ok(());
    }
    elsewhere(resource, id).map_or(Ok(()), Err)?;
    let other = Diagnostic::error("another-name", "The spec gives it another name").address(&resource.address);
    let detail = format!(
        "In the spec, `{}` is called `{wanted}` in AWS, and not `{id}`; the next `lambdo up` would make another one.",
        resource.address
    );
    let instead = workspace.registry.find(&resource.address.kind).and_then(|kind| kind.instead_of_adopting());
    let hint = instead.unwrap_or("give the section the name that it has in AWS, such as `function_name` or `role_name`, then import it");
    Err(Failure::new(Exit::Usage, other.detail(detail).hint(hint)))
}

/// An ARN that differs only in the place is not a matter of names.
fn elsewhere(resource: &Resource, id: &str) -> Option<Failure> {
    let place = |arn: &str| {
        let parts: Vec<String> = arn.splitn(6, ':').map(str::to_owned).collect();
        <[String; 6]>::try_from(parts).ok().filter(|[arn, ..]| arn == "arn")
    };
    let [_, partition, _, region, account, name] = place(resource.attributes.get("arn")?.as_str()?)?;
    let [_, given_partition, _, given_region, given_account, given_name] = place(id)?;
    let differing = [("partition", partition, given_partition), ("account", account, given_account), ("region", region, given_region)];
    let said: Vec<String> = differing
        .iter()
        .filter(|(_, ours, given)| ours != given)
        .map(|(what, ours, given)| format!("the {what} `{given}`, and this project deploys to `{ours}`"))
        .collect();
    if said.is_empty() || name != given_name {
        return None;
    }
    let other = Diagnostic::error("elsewhere", "It is in another place").address(&resource.address);
    let hint = "use the credentials and the region of that place, or declare a stage for it";
    Some(Failure::new(Exit::Usage, other.detail(format!("`{id}` is in {}.", said.join(" and in "))).hint(hint)))
}

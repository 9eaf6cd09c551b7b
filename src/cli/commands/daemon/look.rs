//! A check, as `lambdo drift` makes it, and what the daemon keeps of it.

use crate::cli::pending;
use crate::cli::view::causes::Causes;
use crate::cli::view::json_change::shown;
use crate::cli::workspace::{Config, Workspace};
use crate::daemon::{Check, Depth, Finding, FindingKind, Resource, Unread};
use crate::engine::PlanOptions;
use crate::model::{CallAccount, Cause, Desired, Entry, Failure, Path, Plan, Reason, State, Step, Value};
use crate::spec::{self, Header};
use std::collections::BTreeMap;

/// Reads AWS and the state, and says what differs.
///
/// # Errors
/// Whatever keeps one of them from being read.
pub async fn check(workspace: &Workspace, config: &Config, header: &Header, depth: Depth) -> Result<Check, Failure> {
    let before = workspace.calls().unwrap_or_default();
    let engine = workspace.engine(header).await?;
    let mut state = engine.load(&header.project, header.stage.as_deref()).await?;
    let options = PlanOptions { deep: depth == Depth::Deep, recreate: true, ..PlanOptions::default() };
    let plan = engine.plan(&Desired::as_applied(&state), &mut state, &options).await?;
    let pending = pending(workspace, config, &state);
    Ok(Check { pending, calls: workspace.calls().unwrap_or_default().since(&before), ..seen(&plan, &state) })
}

/// What the spec asks for beyond what was applied; `None` where that cannot be said.
fn pending(workspace: &Workspace, config: &Config, state: &State) -> Option<usize> {
    let spec = workspace.spec(config).ok()?;
    let desired = spec::lower(&spec.keeping_names(state), &state.target, &BTreeMap::new(), &workspace.registry).ok()?;
    Some(pending::count(&desired, state, workspace.registry.as_ref()))
}

fn seen(plan: &Plan, state: &State) -> Check {
    let resource = |(address, entry): (_, &Entry)| Resource {
        address: Clone::clone(address),
        physical_id: entry.physical_id.to_string(),
        dependencies: entry.dependencies.iter().map(|dependency| dependency.on.clone()).chain(entry.parent.clone()).collect(),
    };
    let unread = plan.unchecked.iter().map(|(address, unchecked)| Unread {
        address: address.clone(),
        path: unchecked.path.clone(),
        why: unchecked.why.clone(),
        detail: unchecked.detail.clone(),
    });
    Check {
        account: state.target.account.clone(),
        region: state.target.region.clone(),
        serial: state.serial,
        findings: plan.steps.iter().filter(|step| Causes::of_step(step).is_drift).flat_map(findings).collect(),
        pending: None,
        unread: unread.collect(),
        left_out: plan.not_deep.iter().map(|left| (left.address.clone(), left.path.clone())).collect(),
        resources: state.entries.iter().map(resource).collect(),
        calls: CallAccount::default(),
    }
}

fn findings(step: &Step) -> Vec<Finding> {
    let whole = |kind, text: Option<&str>| Finding {
        address: step.address.clone(),
        path: Path::default(),
        kind,
        applied: None,
        live: None,
        text: text.map(str::to_owned),
        who: None,
    };
    if step.reason == Reason::MissingInAws {
        return vec![whole(FindingKind::Missing, None)];
    }
    let drifted = step.changes.iter().filter(|change| matches!(change.cause, Cause::Drift | Cause::Both));
    let json = |value: &Option<Value>| value.as_ref().map(|value| shown(value, "drifted"));
    let found: Vec<Finding> = drifted
        .map(|change| Finding {
            path: change.path.clone(),
            applied: json(&change.applied),
            live: json(&change.live),
            ..whole(FindingKind::Changed, None)
        })
        .collect();
    if found.is_empty() { vec![whole(FindingKind::Changed, Some("it is not as it was applied"))] } else { found }
}

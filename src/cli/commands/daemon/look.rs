//! A check, as `lambdo drift` makes it, and what the daemon keeps of it.

use super::trouble::sentence;
use crate::cli::view::json_change::shown;
use crate::cli::workspace::{Config, Workspace};
use crate::daemon::{Check, Depth, Finding, FindingKind, Resource, Unread};
use crate::diagnostic::Diagnostic;
use crate::engine::{DriftWish, PlanOptions};
use crate::model::{
    Address, Cause, Desired, DriftReport, Entry, Exit, Extra, ExtraClass, Failure, Path, Reason, RulesSet, Scrubber, State, Step, Value,
};
use crate::spec::{self, Header};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Reads AWS and the state, and says what differs. `before` is what the last check found: who did that is not asked again.
///
/// # Errors
/// Whatever keeps one of them from being read.
pub async fn check(
    workspace: &Workspace,
    (config, header): (&Config, &Header),
    depth: Depth,
    before: Option<&DriftReport>,
) -> Result<(Check, DriftReport), Failure> {
    let before_calls = workspace.calls().unwrap_or_default();
    let engine = workspace.engine(header).await?;
    let mut state = engine.load(&header.project, header.stage.as_deref()).await?;
    let wanted = wanted(workspace, config, &state);
    let plan = PlanOptions { deep: depth == Depth::Deep, ..PlanOptions::default() };
    let wish = DriftWish { settings: &header.drift, ignore: &[], plan, folder: &header.folder, wanted: wanted.as_ref(), before };
    let (report, is_moving) = engine.check_beside_runs(&mut state, &wish).await?;
    if is_moving {
        return Err(run_under_way());
    }
    let calls = workspace.calls().unwrap_or_default().since(&before_calls);
    let hidden = hidden(&report, &state, workspace.registry.as_ref());
    Ok((Check { calls, hidden, ..without_secrets(seen(&report, &state), workspace.ui.scrubber()) }, report))
}

/// What a run is in the middle of is no drift, and cannot be told from it: it is looked at again soon.
fn run_under_way() -> Failure {
    let told = Diagnostic::error("run-under-way", "A run is under way");
    let told = told.detail("What differs in AWS may be what it has done and the state does not say yet.");
    Failure::new(Exit::Locked, told.hint("`lambdo status` says who works on this state"))
}

/// What is kept and told of a check: somebody may have copied a secret to where none is expected. The next check says the same of
/// it, so that both can be compared.
fn without_secrets(check: Check, scrubber: &Scrubber) -> Check {
    let text = |text: &String| scrubber.clean(text).into_owned();
    let json = |value: &Option<Json>| value.as_ref().map(|value| scrubber.clean_json(value));
    let finding = |finding: Finding| Finding {
        applied: json(&finding.applied),
        live: json(&finding.live),
        text: finding.text.as_ref().map(text),
        ..finding
    };
    let unread = |unread: Unread| Unread { detail: text(&unread.detail), ..unread };
    Check {
        findings: check.findings.into_iter().map(finding).collect(),
        warnings: check.warnings.iter().map(text).collect(),
        unread: check.unread.into_iter().map(unread).collect(),
        ..check
    }
}

/// What the spec asks for; `None` where that cannot be said, since it was broken in the meantime.
fn wanted(workspace: &Workspace, config: &Config, state: &State) -> Option<Desired> {
    let spec = workspace.spec(config).ok()?;
    spec::lower(&spec.keeping_names(state), &state.target, &BTreeMap::new(), &workspace.registry).ok()
}

fn seen(report: &DriftReport, state: &State) -> Check {
    let resource = |(address, entry): (&Address, &Entry)| Resource {
        address: address.clone(),
        physical_id: entry.physical_id.to_string(),
        dependencies: entry.needs().cloned().collect(),
    };
    let unread = report.plan.unchecked.iter().map(|(address, unchecked)| Unread {
        address: address.clone(),
        path: unchecked.path.clone(),
        why: unchecked.why.clone(),
        detail: unchecked.detail.clone(),
    });
    let extras = report.extras.iter().map(|(address, extra)| surplus(address, extra));
    let mut found: Vec<Finding> = report.drifted.iter().flat_map(findings).chain(extras).collect();
    let authors = report.authors.as_ref();
    found.iter_mut().for_each(|finding| finding.who = authors.and_then(|authors| Some(authors.get(&finding.address)?.name.clone())));
    Check {
        account: state.target.account.clone(),
        region: state.target.region.clone(),
        serial: state.serial,
        findings: found,
        pending: report.pending,
        warnings: report.warnings.iter().map(sentence).collect(),
        unread: unread.collect(),
        left_out: report.plan.not_deep.iter().map(|left| (left.address.clone(), left.path.clone())).collect(),
        resources: state.entries.iter().map(resource).collect(),
        ..Check::default()
    }
}

/// What others attached to something is read with the parts of it that are ours: where all of them are gone or may not be read, it
/// does not show either.
fn hidden(report: &DriftReport, state: &State, rules: &dyn RulesSet) -> Vec<(Address, Path)> {
    let unread = report.plan.unchecked.iter().map(|(address, _)| address);
    let gone = report.plan.steps.iter().filter(|step| step.reason == Reason::MissingInAws).map(|step| &step.address);
    let (lost, gone): (BTreeSet<&Address>, BTreeSet<&Address>) = (unread.chain(gone.clone()).collect(), gone.collect());
    let parts = state.entries.iter().filter_map(|(address, entry)| {
        let rules = rules.rules(&address.kind).filter(|rules| rules.dies_with_parent())?;
        Some((address, entry.parent.as_ref()?, rules.attached()))
    });
    let (lost, seen): (Vec<_>, Vec<_>) = parts.partition(|(address, ..)| lost.contains(address));
    let of = |parts: Vec<(&Address, &Address, &'static [&'static str])>| -> BTreeSet<(Address, Path)> {
        parts.into_iter().flat_map(|(_, parent, keys)| keys.iter().map(|key| (parent.clone(), Path::key(key)))).collect()
    };
    let seen = of(seen);
    // What went altogether took along what others attached.
    of(lost).into_iter().filter(|beside| !seen.contains(beside) && !gone.contains(&beside.0)).collect()
}

/// What lives with a resource and was declared by nobody.
fn surplus(address: &Address, extra: &Extra) -> Finding {
    let kind = match extra.class {
        ExtraClass::Foreign => FindingKind::Foreign,
        ExtraClass::Undeclared => FindingKind::Undeclared,
    };
    let json = |value: &Option<Value>| value.as_ref().map(|value| shown(value, "drifted"));
    Finding {
        address: address.clone(),
        path: extra.path.clone(),
        kind,
        applied: json(&extra.usual),
        live: json(&extra.live),
        text: Some(extra.marked()).filter(|text| !text.is_empty()),
        who: None,
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

//! Plans of the daemon that go to what the spec asks for: one that waits for a person, and one that is applied at once.

use super::super::deploy::{Deployment, Wish};
use super::super::run::keeps_limit;
use super::heal::{PARALLEL, VERB, healed};
use super::limits::{does_something, forbidden, forget_left, lacking, too_much};
use crate::cli::args::Selection;
use crate::cli::init::text::shell;
use crate::cli::saved_plan::{SavedPlan, SavedWish};
use crate::cli::ui;
use crate::cli::view::human;
use crate::cli::workspace::{Config, Workspace};
use crate::daemon::{Count, Healed, Order, Proposal};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Exit, Failure, Path, Plan};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

/// The width of plans that are shown somewhere else than on a terminal, in columns.
const WIDTH: usize = 100;

fn wish<'a>(selection: &'a Selection, saved: Option<&'a SavedPlan>, lock: Option<&'a str>, leave: &'a [(Address, Path)]) -> Wish<'a> {
    Wish { selection, build: true, deep: saved.is_some_and(|saved| saved.wish.deep), adopt: &[], recreate: false, saved, lock, leave }
}

/// Plans as `lambdo plan --out` does; `None` when there is nothing to do.
///
/// # Errors
/// Whatever keeps the plan from being made, refusals included.
pub async fn propose(workspace: &Workspace, config: &Config, file: &FilePath) -> Result<Option<Proposal>, Failure> {
    let selection = Selection::default();
    let wish = wish(&selection, None, None, &[]);
    let spec = wish.check(workspace, config)?;
    let Deployment { connection, state, basis, plan, .. } = Box::pin(wish.prepare(workspace, &spec)).await?;
    not_refused(&plan)?;
    if !plan.steps.iter().any(does_something) {
        return Ok(None);
    }
    let title = connection.title(&state).await;
    let saved = SavedPlan::new(&plan, &state, &basis, &config.path, SavedWish::default(), workspace.ui.scrubber());
    let text = saved.to_text().map_err(|error| not_saved(file, &error.to_string()))?;
    let folder = file.parent().unwrap_or(FilePath::new("."));
    std::fs::create_dir_all(folder).map_err(|error| not_saved(file, &error.to_string()))?;
    saved.write(file).map_err(|error| not_saved(file, &error.to_string()))?;
    let view =
        human::PlanView { title: &title, plan: &plan, purpose: human::Purpose::Deploy, rules: workspace.registry.as_ref(), is_full: true };
    let shown = anstream::adapter::strip_str(&human::plan(&view, WIDTH)).to_string();
    Ok(Some(Proposal {
        id: format!("{:x}", Sha256::digest(&text)).chars().take(16).collect(),
        at: Timestamp::now(),
        file: file.display().to_string(),
        command: format!("lambdo{} up --plan {}", ui::place(&workspace.global), shell(&file.display().to_string())),
        counts: counts(&plan),
        text: workspace.ui.scrubber().clean(&shown).into_owned(),
    }))
}

fn counts(plan: &Plan) -> Vec<Count> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| does_something(step)) {
        let action = serde_json::to_value(step.action).ok().and_then(|action| action.as_str().map(str::to_owned));
        *counts.entry(action.unwrap_or_default()).or_default() += 1;
    }
    counts.into_iter().map(|(action, resources)| Count { action, resources }).collect()
}

/// Applies a plan that waited, as `lambdo up --plan` does.
///
/// # Errors
/// Whatever keeps it from being applied.
pub async fn apply(workspace: &Workspace, config: &Config, proposal: &Proposal) -> Result<Healed, Failure> {
    let saved = SavedPlan::read(FilePath::new(&proposal.file))?;
    let selection = saved.wish.selection();
    let wish = wish(&selection, Some(&saved), Some(VERB), &[]);
    carry_out(workspace, config, &wish, &|_| None).await
}

/// Applies what the spec asks for, as `lambdo up` does, where it keeps within the limits.
///
/// # Errors
/// Whatever keeps it from being applied, and the limits.
pub async fn deploy(workspace: &Workspace, config: &Config, limits: &Order) -> Result<Healed, Failure> {
    let selection = Selection::default();
    let wish = wish(&selection, None, Some(VERB), &limits.leave);
    carry_out(workspace, config, &wish, &|plan| beyond(plan, limits)).await
}

async fn carry_out(
    workspace: &Workspace,
    config: &Config,
    wish: &Wish<'_>,
    judge: &(dyn Fn(&Plan) -> Option<String> + Sync),
) -> Result<Healed, Failure> {
    let spec = wish.check(workspace, config)?;
    if spec.sections.is_empty() {
        return Err(refused("The spec asks for nothing, and a daemon takes nothing down because of that. Nothing was changed."));
    }
    workspace.begin_record(&spec.header);
    let Deployment { connection, state, mut plan, packages, lease, .. } = Box::pin(wish.prepare(workspace, &spec)).await?;
    forget_left(&mut plan, wish.leave);
    not_refused(&plan)?;
    keeps_limit(&plan, spec.header.max_deletions)?;
    judge(&plan).map_or(Ok(()), |why| Err(refused(&format!("{why}. Nothing was changed."))))?;
    workspace.progress.record().iter().for_each(|record| record.planned(&plan));
    let report = connection.engine.apply(state, &plan, Arc::new(packages), PARALLEL).await?;
    drop(lease);
    healed(&plan, report)
}

/// What of a plan goes beyond the limits or cannot be done within them, if anything.
fn beyond(plan: &Plan, limits: &Order) -> Option<String> {
    let one_by_one = [forbidden(plan, limits.allowed), lacking(plan, &limits.missing)].concat();
    one_by_one.first().map(|(address, why)| format!("`{address}`: {why}")).or_else(|| too_much(plan, limits))
}

fn not_refused(plan: &Plan) -> Result<(), Failure> {
    if plan.refusals.is_empty() {
        return Ok(());
    }
    Err(Failure { exit: Exit::Refused, diagnostics: plan.refusals.iter().map(|refusal| refusal.diagnostic()).collect() })
}

fn refused(why: &str) -> Failure {
    Failure::new(Exit::Refused, Diagnostic::error("daemon-limit", "It goes beyond what the daemon may do").detail(why))
}

fn not_saved(file: &FilePath, why: &str) -> Failure {
    let detail = format!("`{}` cannot be written: {why}.", file.display());
    Failure::new(Exit::Failed, Diagnostic::error("plan-not-saved", "The plan was not saved").detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::daemon::Allowed;
    use crate::model::plan::EntryFacts;
    use crate::model::{Dependency, OperationId};
    use std::collections::BTreeSet;

    #[test]
    fn what_needs_something_that_is_contested_and_gone_is_not_tried() {
        let mut step = fixtures::gone_step("function.a");
        step.operations = vec![OperationId(0)];
        step.settles = Some(EntryFacts { dependencies: vec![Dependency::hard(Address::new("role", "a"))], ..fixtures::facts("arn") });
        let plan = fixtures::plan_of(vec![step]);
        let limits = |missing| Order {
            addresses: BTreeSet::new(),
            paths: Vec::new(),
            leave: Vec::new(),
            missing,
            allowed: Allowed::default(),
            max_changes: 9,
        };
        assert_eq!(beyond(&plan, &limits(BTreeSet::new())), None);
        let why = beyond(&plan, &limits(BTreeSet::from([Address::new("role", "a")])));
        assert_eq!(why.as_deref(), Some("`function.a`: it needs `role.a`, which is not there and is left alone"));
    }
}

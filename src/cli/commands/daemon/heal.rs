//! Taking drift back: a plan towards what was applied, and nothing but what the order names.

use super::super::deploy::Packing;
use super::super::destroy::NoArtifacts;
use super::super::run::keeps_limit;
use super::limits::{
    does_something, first, forbidden, forget_left, idle, lacking, missing, refused, too_much, touched, unasked, with_dependants,
};
use crate::cli::workspace::{Config, Workspace};
use crate::daemon::{Healed, Order};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, PlanOptions, Report};
use crate::model::event::Outcome;
use crate::model::{Action, Address, ArtifactSource, Desired, Exit, Failure, Path, Plan, State, Step, left_whole};
use crate::package::Packages;
use crate::spec::Header;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;

/// How the lock's note and the record of the run call it.
pub const VERB: &str = "daemon";
/// Operations at a time: nobody waits for it, and others use the account.
pub const PARALLEL: usize = 8;
/// Plans that are made anew since something in them may not be done.
const ROUNDS: usize = 8;
/// Where the hash of a function's or layer's package stands.
const CODE: &str = "code";
/// The kind whose packages are images, and where their hash stands.
const IMAGE: &str = "image";
const DIGEST: &str = "digest";

/// Takes back what the order names.
///
/// # Errors
/// Whatever keeps it from being tried; nothing was changed then.
pub async fn heal(workspace: &Workspace, config: &Config, header: &Header, order: &Order) -> Result<Healed, Failure> {
    workspace.begin_record(header);
    let engine = workspace.engine(header).await?;
    let lease = engine.lock(VERB, workspace.lock_wait()).await?;
    let state = engine.load(&header.project, header.stage.as_deref()).await?;
    let healing = Healing { workspace, config, header, engine: &engine, order };
    let healed = Box::pin(healing.go(state)).await;
    drop(lease);
    healed
}

struct Healing<'a> {
    workspace: &'a Workspace,
    config: &'a Config,
    header: &'a Header,
    engine: &'a Engine,
    order: &'a Order,
}

/// What is planned, and what is left out of it.
struct Round {
    addresses: BTreeSet<Address>,
    leave: Vec<(Address, Path)>,
    /// What of that is not there.
    missing: BTreeSet<Address>,
    refused: Vec<(Address, String)>,
    packages: Option<Packages>,
}

impl Round {
    /// Leaves out what may not be done, for these reasons, and with it all that would bring it along again.
    fn take_out(&mut self, state: &State, reasons: Vec<(Address, String)>) {
        let reasons = with_dependants(state, &self.addresses, reasons);
        self.addresses.retain(|address| reasons.iter().all(|(one, _)| one != address));
        self.refused.extend(reasons);
    }
}

impl Healing<'_> {
    async fn go(&self, mut state: State) -> Result<Healed, Failure> {
        let Order { addresses, leave, missing, .. } = self.order.clone();
        // What was taken out of the state since the check is nobody's any more.
        let addresses = addresses.into_iter().filter(|address| state.entries.contains_key(address)).collect();
        let mut round = Round { addresses, leave, missing, refused: Vec::new(), packages: None };
        for _ in 0..ROUNDS {
            if round.addresses.is_empty() {
                break;
            }
            let plan = self.plan(&mut state, &round).await?;
            if self.narrow(&plan, &state, &mut round).await {
                continue;
            }
            keeps_limit(&plan, self.header.max_deletions)?;
            let artifacts: Arc<dyn ArtifactSource> = match round.packages {
                Some(packages) => Arc::new(packages),
                None => Arc::new(NoArtifacts),
            };
            let healed = self.apply(state, &plan, artifacts).await?;
            let idle = idle(&plan, self.order, &round.addresses, &round.refused);
            return Ok(Healed { refused: [round.refused, healed.refused, idle].concat(), ..healed });
        }
        let why = format!("{ROUNDS} plans in a row held something that may not be done; the next check tries again");
        round.refused.extend(round.addresses.into_iter().map(|address| (address, why.clone())));
        Ok(Healed { refused: round.refused, ..Healed::default() })
    }

    async fn plan(&self, state: &mut State, round: &Round) -> Result<Plan, Failure> {
        let mut desired = Desired::as_applied(state);
        desired.leave_alone(&round.leave);
        let without = left_whole(&round.leave);
        let options = PlanOptions { deep: true, targets: round.addresses.iter().cloned().collect(), without, ..PlanOptions::default() };
        let only = options.select(&desired, state)?;
        let problems = self.engine.look_up(&mut desired, only.as_ref(), &self.header.folder).await;
        if problems.iter().any(Diagnostic::is_error) {
            return Err(Failure { exit: Exit::Failed, diagnostics: problems });
        }
        let mut plan = self.engine.plan(&desired, state, &options).await?;
        // What is about one resource keeps only that one, and what needs it, from being taken back.
        if plan.refusals.iter().any(|refusal| refusal.address.is_none()) {
            return Err(Failure { exit: Exit::Refused, diagnostics: plan.refusals.iter().map(|refusal| refusal.diagnostic()).collect() });
        }
        forget_left(&mut plan, &round.leave);
        Ok(plan)
    }

    /// Takes out of the round what may not or cannot be done; whether anything was.
    async fn narrow(&self, plan: &Plan, state: &State, round: &mut Round) -> bool {
        let unasked = unasked(plan, self.order);
        let refused = refused(plan, &unasked);
        if !refused.is_empty() {
            round.take_out(state, refused);
            return true;
        }
        // What nobody asked for is left before what is forbidden: where it alone makes a resource go, the rest can be taken back.
        if !unasked.is_empty() {
            round.missing.extend(missing(plan, &left_whole(&unasked)));
            round.leave.extend(unasked);
            return true;
        }
        let forbidden = forbidden(plan, self.order.allowed);
        if !forbidden.is_empty() {
            round.take_out(state, forbidden);
            return true;
        }
        let lacking = lacking(plan, &round.missing);
        if !lacking.is_empty() {
            round.take_out(state, lacking);
            return true;
        }
        if let Some(why) = too_much(plan, self.order) {
            let first = first(plan, state, self.order);
            let waits = round.addresses.difference(&first).map(|address| (address.clone(), format!("waits for the next check: {why}")));
            round.refused.extend(waits);
            round.addresses = first;
            return true;
        }
        self.do_without_code(plan, state, round).await
    }

    /// Leaves code alone that nobody has any more, and takes out what would be made of it; whether there is any.
    async fn do_without_code(&self, plan: &Plan, state: &State, round: &mut Round) -> bool {
        const WHY: &str = "the package that was applied is not here any more, so that its code cannot be taken back; `lambdo up` deploys \
                           what the sources make";
        let missing = self.missing_code(plan, round).await;
        let is_made = |address: &Address| plan.steps.iter().any(|step| step.address == *address && step.action != Action::Update);
        let (made, changed): (Vec<Address>, Vec<Address>) = missing.into_iter().partition(is_made);
        let is_any = !made.is_empty() || !changed.is_empty();
        round.leave.extend(changed.iter().map(|address| (address.clone(), Path::key(hash_key(address)))));
        round.refused.extend(changed.into_iter().map(|address| (address, WHY.to_owned())));
        round.take_out(state, made.into_iter().map(|address| (address, WHY.to_owned())).collect());
        is_any
    }

    /// Whose code would have to be uploaded and is not the one that the last build made.
    async fn missing_code(&self, plan: &Plan, round: &mut Round) -> Vec<Address> {
        let wanted: BTreeMap<&Address, &str> =
            plan.steps.iter().filter(|step| does_something(step)).filter_map(|step| uploaded(plan, step)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        if let Ok(spec) = self.workspace.spec(self.config) {
            let packing = Packing { workspace: self.workspace, spec: &spec, build: false, keep_going: true };
            let is_wanted = |address: &Address| wanted.keys().any(|one| one.name == address.name);
            round.packages = packing.resolve(&is_wanted, &Notify::new()).await.ok();
        }
        let artifacts = round.packages.as_ref().map(|packages| &packages.artifacts);
        let has = |hash: &str| artifacts.is_some_and(|all| all.values().any(|one| one.content_hash == hash));
        wanted.into_iter().filter(|(_, hash)| !has(hash)).map(|(address, _)| address.clone()).collect()
    }

    async fn apply(&self, state: State, plan: &Plan, artifacts: Arc<dyn ArtifactSource>) -> Result<Healed, Failure> {
        self.workspace.progress.record().iter().for_each(|record| record.planned(plan));
        let report = self.engine.apply(state, plan, artifacts, PARALLEL).await?;
        healed(plan, report)
    }
}

/// Where the hash of a package stands.
fn hash_key(address: &Address) -> &'static str {
    if address.kind == IMAGE { DIGEST } else { CODE }
}

/// The package or image that a step would upload: of a resource that is made, or whose code differs.
fn uploaded<'a>(plan: &'a Plan, step: &'a Step) -> Option<(&'a Address, &'a str)> {
    let operations = step.operations.iter().filter_map(|id| plan.operations.get(id.0));
    let mut carried = operations.flat_map(|operation| &operation.carries).filter(|carry| carry.path == Path::key(hash_key(&step.address)));
    let code = carried.find_map(|carry| carry.value.as_ref()?.as_str())?;
    // A function's image is in its repository already, or an image of ours is pushed there.
    (!code.contains('@')).then_some((&step.address, code))
}

/// What an applied plan did.
///
/// # Errors
/// Where nothing was done, why.
pub fn healed(plan: &Plan, report: Report) -> Result<Healed, Failure> {
    let failed: Vec<(Address, String)> = report
        .results
        .iter()
        .filter(|(_, result)| result.outcome != Outcome::Done)
        .map(|(address, result)| {
            (
                address.clone(),
                result.error.as_ref().map_or_else(|| "it was not tried".to_owned(), |error| format!("{}: {}", error.summary, error.detail)),
            )
        })
        .collect();
    let is_done = |address: &Address| report.results.get(address).is_some_and(|result| result.outcome == Outcome::Done);
    let done: Vec<(Address, Path)> = touched(plan).into_iter().filter(|(address, _)| is_done(address)).collect();
    let changed: BTreeSet<&Address> = done.iter().map(|(address, _)| address).collect();
    if done.is_empty() && report.exit != Exit::Success {
        let of_steps = report.results.values().filter_map(|result| result.error.clone());
        return Err(Failure { exit: report.exit, diagnostics: of_steps.chain(report.diagnostics).collect() });
    }
    Ok(Healed { changed: changed.len(), done, failed, ..Healed::default() })
}

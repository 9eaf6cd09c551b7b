//! The one code path: read AWS, plan, apply. The command line, the daemon and the tests all call it.
//!
//! # How an apply works
//!
//! A plan is a list of *operations*, each one AWS call that changes something, with the paths of the spec that it
//! carries. Each has its own edges: hard ones pass a failure on, soft ones only delay. There are no waves:
//! `engine/schedule.rs` hands out what is ready, quota by quota and in the plan's order, so that what is begun is
//! finished before more is begun and a slow quota holds nothing else up. `engine/call.rs` writes the begin to the
//! journal, runs the kind's call, writes the end; the end moves exactly the carried paths into the state entry.
//! `engine/journal.rs` is the one task that owns journal and state; records that arrive together share an fsync.
//!
//! Every attempt of every call takes a token from the bucket of its AWS quota. A bucket keeps to what AWS
//! publishes, finds out what AWS does not publish, and on another endpoint sends a few calls too many, to see
//! whether that keeps quotas at all. Operations are handed out only while their bucket has room. Packages are read
//! for the moment in which they are sent; together they take 16 MiB. Functions wait for fresh roles only as long as
//! AWS makes them. Whether a function got ready is looked at when nothing else is left to do. At the end the state
//! is saved in one piece with its serial raised, and the journal is removed. A state format is one step in
//! `store/migration.rs` and one golden file. `cli/record.rs` writes each call and step to `state/runs/`. A kill at
//! any instant leaves a state and a journal, which the next run folds; what neither of them can tell is looked up
//! in AWS (`plan/settle.rs`).

mod apply;
mod call;
mod check;
mod find;
mod hiding;
mod journal;
mod left;
mod lock;
mod log_groups;
mod notify;
mod observe;
mod report;
mod schedule;
mod secrets;
mod who;

pub use check::DriftWish;
pub use find::{Inventory, incomplete};
pub use left::{named, state_lost};
pub use lock::take as take_lock;
pub use plan::{BUILT_KEYS, infer_dependencies, manager};
pub use report::{Report, StepResult};
pub use secrets::{not_looked_up, secret_here};

use crate::aws::{Invoker, Reader, Session};
use crate::diagnostic::{Diagnostic, nearest};
use crate::kinds::Registry;
use crate::model::{Address, ArtifactSource, Desired, EventSink, Exit, Failure, Lineage, Plan, State, Target};
use crate::plan::{self, Selection};
use crate::store::{Holder, Lease, StateStore, StoreError};
use secrets::Secrets;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a run is stopped: first it drains, then it is cut off.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Nothing new is started; what is running is finished.
    pub drain: CancellationToken,
    /// What is running is dropped.
    pub abort: CancellationToken,
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, as RFC 3339 in UTC.
    fn now(&self) -> String;
}

/// The computer's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> String {
        jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string()
    }
}

/// So many names are told where none is near what was given.
const NAMED_MAX: usize = 5;

/// What the user asked of a plan besides the spec.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Whether fields that cost a call of their own are read.
    pub deep: bool,
    /// Whether what others attached is looked for, also where no plan needs to know.
    pub strangers: bool,
    /// Whether settings beyond the fields of the kinds are looked at.
    pub undeclared: bool,
    /// Which functions; all where empty.
    pub functions: Vec<String>,
    /// Which addresses exactly; all where empty.
    pub targets: Vec<Address>,
    /// What is left alone, also where others need it.
    pub without: BTreeSet<Address>,
    /// Existing resources to be taken over.
    pub adopt: BTreeSet<Address>,
    /// Whether what is missing in AWS is made again even where that is everything.
    pub recreate: bool,
    /// What the spec protects, for a plan that does not want what the spec asks for.
    pub protected: BTreeSet<Address>,
}

impl PlanOptions {
    /// The addresses that the names mean; `None` for all.
    ///
    /// # Errors
    /// [`Exit::Usage`] for names that match nothing.
    pub fn select(&self, desired: &Desired, state: &State) -> Result<Option<BTreeSet<Address>>, Failure> {
        let selection = Selection { functions: self.functions.clone(), targets: self.targets.clone() };
        let selected = plan::select(&selection, desired, state).map_err(unknown_names)?;
        if self.without.is_empty() {
            return Ok(selected);
        }
        let everything = || desired.resources.keys().chain(state.entries.keys()).cloned().collect();
        let selected = selected.unwrap_or_else(everything);
        Ok(Some(selected.difference(&self.without).cloned().collect()))
    }

    /// The same without what belongs to them.
    ///
    /// # Errors
    /// [`Exit::Usage`] for names that match nothing.
    fn named(&self, desired: &Desired, state: &State) -> Result<Option<BTreeSet<Address>>, Failure> {
        let selection = Selection { functions: self.functions.clone(), targets: self.targets.clone() };
        plan::named(&selection, desired, state).map_err(unknown_names)
    }
}

/// Plans and applies in one account and region, with one place for its state.
pub struct Engine {
    session: Session,
    store: Arc<dyn StateStore>,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    events: EventSink,
    interrupt: Interrupt,
    /// What was looked up in this run.
    secrets: Mutex<Arc<Secrets>>,
}

impl Engine {
    /// An engine that changes nothing until [`Engine::apply`] is called.
    pub fn new(
        session: Session,
        store: Arc<dyn StateStore>,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        events: EventSink,
        interrupt: Interrupt,
    ) -> Self {
        Self { session, store, registry, clock, events, interrupt, secrets: Mutex::default() }
    }

    /// Where it deploys to.
    pub fn target(&self) -> &Target {
        self.session.target()
    }

    /// The endpoint in use, where it is not AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.session.endpoint()
    }

    /// What reads AWS.
    pub fn reader(&self) -> Reader {
        self.session.reader()
    }

    /// What calls functions.
    pub fn invoker(&self) -> Invoker {
        self.session.invoker()
    }

    /// Refuses an account that the spec does not allow. An empty list allows all.
    ///
    /// # Errors
    /// [`Exit::Refused`].
    pub fn guard(&self, allowed_account_ids: &[String]) -> Result<(), Failure> {
        let account = &self.target().account;
        if allowed_account_ids.is_empty() || allowed_account_ids.contains(account) {
            return Ok(());
        }
        let diagnostic = Diagnostic::error("account-not-allowed", "this account is not allowed")
            .detail(format!(
                "The credentials in use belong to account `{account}`, but `aws.allowed_account_ids` allows only {}.",
                listed(allowed_account_ids)
            ))
            .hint("use credentials of an allowed account, for example with `--profile`");
        Err(Failure::new(Exit::Refused, diagnostic))
    }

    /// The state with its journal folded in, or a newborn one.
    ///
    /// # Errors
    /// [`Exit::Failed`] for a state that cannot be used, [`Exit::Refused`] for one of another account,
    /// region or endpoint.
    pub async fn load(&self, project: &str, stage: Option<&str>) -> Result<State, Failure> {
        let target = self.target().clone();
        let endpoint = self.session.endpoint().map(str::to_owned);
        let Some(state) = self.store.load().await.map_err(Failure::from)? else {
            return Ok(State::new(new_lineage()?, project, stage, target, endpoint));
        };
        if state.target != target {
            return Err(moved("account or region", &places(&state.target, &target)));
        }
        if !is_same_endpoint(state.endpoint.as_deref(), endpoint.as_deref()) {
            let name = |endpoint: Option<&str>| endpoint.unwrap_or("AWS itself").to_owned();
            return Err(moved("endpoint", &[name(state.endpoint.as_deref()), name(endpoint.as_deref())]));
        }
        Ok(state)
    }

    /// Takes the state's lock for as long as the lease lives; waits for somebody else's end for as long as `patience`.
    ///
    /// # Errors
    /// [`Exit::Locked`], naming who holds it.
    pub async fn lock(&self, operation: &str, patience: Duration) -> Result<Box<dyn Lease>, Failure> {
        lock::take(self.store.as_ref(), &holder(operation, self.clock.now()), patience, &self.events).await.map_err(Failure::from)
    }

    /// Reads AWS, settles what a killed run left open (in memory only) and decides.
    ///
    /// # Errors
    /// [`Exit::Usage`] for names that match nothing, [`Exit::Failed`] when AWS cannot be read at all,
    /// [`Exit::Interrupted`].
    pub async fn plan(&self, desired: &Desired, state: &mut State, options: &PlanOptions) -> Result<Plan, Failure> {
        self.plan_with(&mut desired.clone(), state, options, None).await
    }

    /// The same with the packages at hand, so that code is known again that the state knows nothing of.
    ///
    /// # Errors
    /// Those of [`Engine::plan`].
    pub async fn plan_with(
        &self,
        desired: &mut Desired,
        state: &mut State,
        options: &PlanOptions,
        artifacts: Option<&dyn ArtifactSource>,
    ) -> Result<Plan, Failure> {
        let only = options.select(desired, state)?;
        let mut observed = tokio::select! {
            // Boxed, since callers of callers nest deeper than the compiler follows.
            observed = Box::pin(observe::observe(self, desired, state, only.as_ref(), options)) => observed?,
            () = self.interrupt.drain.cancelled() => return Err(interrupted()),
        };
        if let Some(artifacts) = artifacts {
            find::recognise(desired, &mut observed, artifacts).await;
        }
        let PlanOptions { adopt, recreate, protected, .. } = options.clone();
        let options = plan::Options { adopt, only, recreate, protected, vanishing: plan::vanishing(state) };
        plan::settle(state, &observed, self.registry.as_ref());
        Ok(plan::plan(desired, state, &observed, self.registry.as_ref(), &options))
    }
}

/// Saves a state with its serial raised.
///
/// # Errors
/// What keeps it from being written.
pub async fn save(store: &dyn StateStore, state: &mut State) -> Result<(), StoreError> {
    let expected = state.serial;
    state.serial += 1;
    store.save(state, expected).await?;
    state.unsaved = false;
    Ok(())
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn place(target: &Target) -> String {
    format!("account {} in {}", target.account, target.region)
}

/// Two places in words that tell them apart.
fn places(before: &Target, now: &Target) -> [String; 2] {
    [before, now].map(|target| match before.partition == now.partition {
        true => place(target),
        false => format!("{} of the partition `{}`", place(target), target.partition),
    })
}

fn moved(what: &str, [before, now]: &[String; 2]) -> Failure {
    let diagnostic = Diagnostic::error("state-of-another-place", format!("the state belongs to another {what}"))
        .detail(format!(
            "The state was made for {before}, but this run goes to {now}. A state belongs to one account, one region and one endpoint."
        ))
        .hint("use the credentials and region of before, or declare a second stage for the other place");
    Failure::new(Exit::Refused, diagnostic)
}

/// Whether two endpoints mean the same cloud. Ports of loopback addresses do not count: emulators and
/// proxies get another one at each start.
pub fn is_same_endpoint(left: Option<&str>, right: Option<&str>) -> bool {
    fn host(endpoint: &str) -> &str {
        let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or(rest);
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        if matches!(name, "localhost" | "127.0.0.1" | "[::1]") { "loopback" } else { authority }
    }
    left.map(host) == right.map(host)
}

/// What could have been meant, where nothing is near what was given.
fn there_are(known: &[String]) -> String {
    let named: Vec<String> = known.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    match known.len().saturating_sub(NAMED_MAX) {
        _ if named.is_empty() => "there is none at all: nothing was deployed yet".to_owned(),
        0 if named.len() == 1 => format!("there is only {}", named[0]),
        0 => format!("there are {}", named.join(", ")),
        more => format!("there are {} and {more} more, which `lambdo status` lists", named.join(", ")),
    }
}

fn unknown_names(unmatched: Vec<plan::Unmatched>) -> Failure {
    let describe = |unmatched: plan::Unmatched| {
        let plan::Unmatched { what, given, known } = unmatched;
        let diagnostic = Diagnostic::error("unknown-name", "nothing has this name").detail(format!("No {what} is called `{given}`."));
        match nearest(&given, known.iter().map(String::as_str)) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint(there_are(&known)),
        }
    };
    Failure { exit: Exit::Usage, diagnostics: unmatched.into_iter().map(describe).collect() }
}

fn interrupted() -> Failure {
    Failure::new(
        Exit::Interrupted,
        Diagnostic::error("interrupted", "interrupted").detail("The run was stopped before anything was changed."),
    )
}

fn new_lineage() -> Result<Lineage, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Exit::Failed, Diagnostic::error("no-randomness", "the system gave no random numbers").detail(error.to_string()))
    })?;
    Ok(Lineage(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// This process, as one that holds a lock.
pub fn holder(operation: &str, since: String) -> Holder {
    Holder { who: user_name(), pid: std::process::id(), host: host_name(), operation: operation.to_owned(), since }
}

/// Services and containers often run without the variables, so the system is asked for the name of their user.
fn user_name() -> String {
    let variable = |name: &&str| std::env::var(name).ok().filter(|name| !name.is_empty());
    let asked = || {
        let output = std::process::Command::new("id").arg("-un").output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
    };
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(variable).or_else(asked).unwrap_or_else(|| "unknown".into())
}

fn host_name() -> String {
    let from_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    from_system.or_else(from_environment).map_or_else(|| "unknown".into(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_are_told_apart() {
        let here = Target::placeholder();
        let china = Target { partition: "aws-cn".into(), ..here.clone() };
        let there = Target { region: "eu-west-1".into(), ..here.clone() };
        for other in [china, there] {
            let [before, now] = places(&here, &other);
            assert_ne!(before, now);
        }
    }

    #[test]
    fn a_loopback_endpoint_keeps_its_identity_when_its_port_changes() {
        assert!(is_same_endpoint(Some("http://127.0.0.1:4566"), Some("http://localhost:9999/")));
        assert!(is_same_endpoint(None, None));
        assert!(!is_same_endpoint(Some("http://127.0.0.1:4566"), None));
        assert!(!is_same_endpoint(Some("https://aws.example.com:1"), Some("https://aws.example.com:2")));
    }
}

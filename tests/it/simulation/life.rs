//! A life from its first run to its last, and the laws that hold all the while.

use super::medium::{JOURNAL, Medium, Picture, STATE};
use super::people::{Additions, People, namesake};
use super::sabotage::Moment;
use super::scenario::{Meddling, Round, Scenario, Verb};
use super::wall::Wall;
use super::wish::Wish;
use super::world::{Jumping, Line, Mortal, Programs, Switch, Traffic};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iam::config::{Credentials, SharedCredentialsProvider};
use aws_types::sdk_config::SharedTimeSource;
use lambdo::aws::{Meter, Quotas, Session, Settings};
use lambdo::diagnostic::Diagnostic;
use lambdo::engine::{Engine, PlanOptions};
use lambdo::kinds::Registry;
use lambdo::local::{FaultPlan, InProcess};
use lambdo::model::{Action, Address, Desired, EventSink, Exit, Failure, Plan, State};
use lambdo::spec::{self, LoadOptions, Spec};
use lambdo::store::{MemoryStore, StateStore as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";
/// How the secret begins.
pub const SECRET: &str = "what-nobody-may-know-";
/// No life takes longer, by its own clock.
pub const LONGEST: Duration = Duration::from_secs(48 * 3_600);

/// Lives a life.
///
/// # Errors
/// The law that it breaks.
pub fn live(scenario: &Scenario) -> Result<(), String> {
    in_its_own_time(async |folder| Life::new(folder, Medium::Memory(MemoryStore::new())).whole(scenario).await)
}

/// Runs this in a folder of its own, with a clock that jumps.
///
/// # Errors
/// Those of the life, and when it does not end.
pub fn in_its_own_time<T>(life: impl AsyncFnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    // Memory, where the system has a folder of it: the clock jumps over waits, but not over those for a disk.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let outcome = runtime.block_on(async {
        let outcome = tokio::time::timeout(LONGEST, life(folder.path())).await;
        outcome.unwrap_or_else(|_| Err(format!("it is not over after {} h", LONGEST.as_secs() / 3_600)))
    });
    runtime.shutdown_background();
    outcome
}

/// The project, the cloud and the people.
pub struct Life {
    pub(super) cloud: InProcess,
    wall: Wall,
    /// Those of the two stages.
    pub(super) stores: [Medium; 2],
    registry: Arc<Registry>,
    traffic: Arc<Traffic>,
    pub(super) people: People,
    folder: PathBuf,
    /// Whether anybody was told the secret.
    pub(super) is_told: Arc<AtomicBool>,
}

impl Life {
    pub fn new(folder: &Path, store: Medium) -> Self {
        let clock = Arc::new(Jumping::new());
        let cloud = InProcess::open(folder.join("cloud"), ACCOUNT, Arc::<Jumping>::clone(&clock)).unwrap();
        // Only lambdo's machine has a clock that is set.
        let (wall, right) = (Wall::new(Arc::clone(&clock)), Wall::new(clock));
        let traffic = Arc::<Traffic>::default();
        let line = Line { cloud: cloud.clone(), switch: Switch::new(None), traffic: Arc::clone(&traffic), wall: wall.clone() };
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url("http://localhost")
            .time_source(SharedTimeSource::new(right))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "people")))
            .http_client(line.client())
            .build();
        let stores = [store, Medium::Memory(MemoryStore::new())];
        let (people, registry, folder) = (People::new(&config), Arc::new(Registry::new()), folder.to_owned());
        Self { cloud, wall, stores, registry, traffic, people, folder, is_told: Arc::default() }
    }

    /// What is there before.
    pub async fn begin(&self) -> BTreeSet<String> {
        self.people.strangers().await
    }

    async fn whole(&self, scenario: &Scenario) -> Result<(), String> {
        let mut strangers = self.begin().await;
        let nobody = Switch::new(None);
        for (index, round) in scenario.rounds.iter().enumerate() {
            let told = self.round(scenario, index, round, &mut strangers).await;
            told.map_err(|reason| format!("round {}: {reason}", index + 1))?;
        }
        if scenario.has_additions() {
            self.people.take_targets_away().await;
            // A function with a statement of others is not made anew.
            if scenario.remakes() {
                self.people.take_statements_away().await;
            }
        }
        self.sabotage(scenario, Moment::Last, &nobody).await;
        let lasts: Vec<Round> = [None, Some("dev")].into_iter().filter_map(|stage| scenario.last(stage)).collect();
        for last in &lasts {
            if scenario.protects(last.stage) {
                self.succeeds(&scenario.released(last), scenario.is_deep()).await?;
            }
            self.succeeds(last, scenario.is_deep()).await?;
        }
        self.sabotage(scenario, Moment::Up, &nobody).await;
        let additions = if scenario.has_additions() { self.people.additions().await } else { Additions::default() };
        let mut wanted = Vec::new();
        for last in &lasts {
            wanted.push(self.is_settled(last, scenario.is_deep()).await?);
        }
        is_same("after the last `up`", &self.people.names().await, &strangers, wanted.iter().flatten())?;
        self.sabotage(scenario, Moment::Settled, &nobody).await;
        for (index, last) in lasts.iter().enumerate() {
            if scenario.has_additions() {
                self.people.still_has(&additions).await.map_err(|reason| format!("before a `destroy`: {reason}"))?;
            }
            self.succeeds(&Round::quiet(last.stage, Verb::Destroy, &last.wish), false).await?;
            is_same("after `destroy`", &self.people.names().await, &strangers, wanted[index + 1..].iter().flatten())?;
        }
        Ok(())
    }

    async fn round(&self, scenario: &Scenario, index: usize, round: &Round, strangers: &mut BTreeSet<String>) -> Result<(), String> {
        for meddling in &round.meddling {
            match meddling {
                Meddling::LoseState => self.lose_state(round).await?,
                Meddling::Namesake(which) => drop(strangers.insert(format!("{}?", namesake(*which)))),
                _ => {}
            }
            self.people.meddle(*meddling).await;
        }
        // Each look costs calls: what cannot happen in this life is not looked for.
        let may_be_refused = scenario.may_be_refused(index);
        let names = if may_be_refused { self.people.names().await } else { BTreeSet::new() };
        let additions = if scenario.has_additions() { self.people.additions().await } else { Additions::default() };
        let ignored = self.ignored(round).await?;
        let timeouts = if ignored.is_empty() { BTreeMap::new() } else { self.people.timeouts().await };
        if let Some(plan) = round.plan(scenario.seed) {
            self.cloud.misbehave(FaultPlan::parse(&plan).map_err(|error| error.to_string())?);
        }
        let switch = Switch::on_a_machine(round.kill, &round.leaps);
        let is_last = index + 1 == scenario.rounds.len();
        if is_last {
            self.sabotage(scenario, Moment::Start, &switch).await;
        }
        let outcome = self.until_death(round, &switch).await;
        if is_last {
            self.sabotage(scenario, Moment::Ran, &switch).await;
        }
        let report = self.cloud.behave();
        let exit = match &outcome {
            Some(Ok((exit, _))) => Some(*exit),
            Some(Err(failure)) => Some(failure.exit),
            None => None,
        };
        // The first call gives up early, so that an address that is wrong is told at once.
        let is_without_account =
            matches!(&outcome, Some(Err(failure)) if failure.diagnostics.iter().any(|one| one.detail.contains("sts:GetCallerIdentity")));
        if switch.interrupt.drain.is_cancelled()
            && !round.is_fatal()
            && !is_without_account
            && ![Some(Exit::Interrupted), Some(Exit::Refused)].contains(&exit)
        {
            return Err(format!("it was interrupted and ended with {exit:?}"));
        }
        let is_refused = may_be_refused && exit == Some(Exit::Refused);
        if is_refused && self.people.names().await != names {
            return Err("it was refused, and something was changed".to_owned());
        }
        // A rule with a target of others does not go.
        let is_held = !additions.rules.is_empty();
        if round.must_succeed() && !is_held && !is_refused && !is_without_account {
            let failed = match outcome {
                None | Some(Ok((Exit::Success, _))) => None,
                Some(Ok((exit, errors))) => Some(format!("it ended with {exit:?}: {errors}")),
                Some(Err(failure)) => Some(told("it", &failure)),
            };
            failed.map_or(Ok(()), |reason| Err(format!("{reason} ({report})")))?;
        }
        if let Some((rule, most)) = round.most_refused(switch.calls()) {
            let hits = report["rules"][rule]["hits"].as_u64().unwrap_or_default();
            if hits > most {
                return Err(format!("of {} calls {hits} were above AWS's quotas, and not at most {most}", switch.calls()));
            }
        }
        if scenario.has_additions() {
            self.people.still_has(&additions).await?;
        }
        let now = if ignored.is_empty() { BTreeMap::new() } else { self.people.timeouts().await };
        let is_changed = |function: &(String, _)| timeouts.get(function).zip(now.get(function)).is_some_and(|(before, now)| before != now);
        if let Some((name, _)) = timeouts.keys().find(|function| ignored.contains(&function.0) && is_changed(function)) {
            return Err(format!("the timeout of {name} was to be left alone"));
        }
        self.is_readable().await
    }

    /// The functions whose timeout is left to others.
    async fn ignored(&self, round: &Round) -> Result<Vec<String>, String> {
        let loaded = self.store(round.stage).open().load().await.map_err(|error| error.to_string())?;
        let entry = |name: &String| Some(loaded.as_ref()?.entries.get(&Address::new("function", name))?.physical_id.as_str().to_owned());
        Ok(round.wish.functions.iter().filter(|(_, function)| function.ignores).filter_map(|(name, _)| entry(name)).collect())
    }

    fn store(&self, stage: Option<&str>) -> &Medium {
        &self.stores[usize::from(stage.is_some())]
    }

    /// The states can be read, also when not everything was written that was, and nobody was told the secret.
    pub async fn is_readable(&self) -> Result<(), String> {
        for store in &self.stores {
            let loaded = store.open().load().await;
            loaded.map_err(|error| format!("the state cannot be read any more: {error}"))?;
            let picture = store.picture();
            for (name, bytes) in &picture {
                if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
                    return Err(format!("the secret stands in {name}"));
                }
            }
            each_prefix(&picture).await?;
        }
        if self.is_told.load(Ordering::SeqCst) { Err("an event tells the secret".to_owned()) } else { Ok(()) }
    }

    /// One process, and what of it goes on in AWS when it has died, of which there is no outcome then.
    pub async fn until_death(&self, round: &Round, switch: &Arc<Switch>) -> Option<Result<(Exit, String), Failure>> {
        let outcome = tokio::select! {
            biased;
            () = switch.died() => None,
            outcome = self.run(round, switch, false) => Some(outcome),
        };
        self.traffic.settled().await;
        outcome
    }

    /// A run without faults, which looks at what costs a call each only where it is asked to.
    pub async fn succeeds(&self, round: &Round, is_deep: bool) -> Result<(), String> {
        let what = format!("{:?} of {:?}", round.verb, round.stage);
        match self.run(round, &Switch::new(None), is_deep).await {
            Ok((Exit::Success, _)) => Ok(()),
            Ok((exit, errors)) => Err(format!("the last {what} ended with {exit:?}: {errors}")),
            Err(failure) => Err(told(&format!("the last {what}"), &failure)),
        }
    }

    /// Nothing is left to do; all that is wanted.
    pub async fn is_settled(&self, round: &Round, deep: bool) -> Result<BTreeSet<String>, String> {
        let looked = async {
            let (engine, mut state) = self.engine(round.stage, &Switch::new(None)).await?;
            let (desired, _) = self.desired(&engine, round, &mut state).await?;
            let options = PlanOptions { deep, recreate: true, ..PlanOptions::default() };
            let plan = engine.plan(&desired, &mut state, &options).await?;
            let drift = engine.plan(&Desired::as_applied(&state), &mut state, &options).await?;
            Ok((desired, plan, drift))
        };
        let (desired, plan, drift) = looked.await.map_err(|failure: Failure| told("a look", &failure))?;
        is_empty("the second plan", &plan)?;
        is_empty("drift", &drift)?;
        Ok(named(&desired))
    }

    /// One `up` is enough, and nothing is left to do.
    pub async fn converges(&self, wish: &Wish, strangers: &BTreeSet<String>) -> Result<(), String> {
        let round = Round::quiet(None, Verb::Up, wish);
        self.succeeds(&round, true).await?;
        let wanted = self.is_settled(&round, true).await?;
        is_same("after `up`", &self.people.names().await, strangers, wanted.iter())
    }

    /// A destroy leaves nothing of ours and touches nothing that is not.
    pub async fn goes(&self, strangers: &BTreeSet<String>) -> Result<(), String> {
        self.succeeds(&Round::quiet(None, Verb::Destroy, &Wish::default()), false).await?;
        is_same("after `destroy`", &self.people.names().await, strangers, std::iter::empty())
    }

    /// One process.
    async fn run(&self, round: &Round, switch: &Arc<Switch>, deep: bool) -> Result<(Exit, String), Failure> {
        let (engine, mut state) = self.engine(round.stage, switch).await?;
        let _lease = engine.lock("up", Duration::ZERO).await?;
        let (desired, programs) = match round.verb {
            Verb::Up => self.desired(&engine, round, &mut state).await?,
            Verb::Destroy => (Desired::nothing("demo", round.stage), Programs::default()),
        };
        let adopt = desired.resources.keys().filter(|_| round.adopts).cloned().collect();
        let plan = engine.plan(&desired, &mut state, &PlanOptions { deep, recreate: true, adopt, ..PlanOptions::default() }).await?;
        let report = engine.apply(state, &plan, Arc::new(programs), 10).await?;
        let errors = report.results.values().filter_map(|result| result.error.as_ref()).chain(&report.diagnostics);
        let errors: Vec<String> = errors.map(line).collect();
        Ok((report.exit, errors.join("; ")))
    }

    async fn engine(&self, stage: Option<&str>, switch: &Arc<Switch>) -> Result<(Engine, State), Failure> {
        let line =
            Line { cloud: self.cloud.clone(), switch: Arc::clone(switch), traffic: Arc::clone(&self.traffic), wall: self.wall.clone() };
        let settings = Settings {
            region: Some(REGION.to_owned()),
            endpoint_url: Some("http://localhost".to_owned()),
            is_local: true,
            ..Settings::default()
        };
        let (interrupt, is_told) = (switch.interrupt.clone(), Arc::clone(&self.is_told));
        let events: EventSink = Arc::new(move |event| {
            if format!("{event:?}").contains(SECRET) {
                is_told.store(true, Ordering::SeqCst);
            }
        });
        let session = Session::connect_through(
            line.connector(),
            SharedTimeSource::new(self.wall.clone()),
            &settings,
            Arc::new(Quotas::new()),
            Meter::default(),
            Arc::clone(&events),
            interrupt.drain.clone(),
        );
        let store = Mortal::new(self.store(stage).again(), Arc::clone(switch));
        let clock = Arc::new(self.wall.clone());
        let engine = Engine::new(session.await?, Arc::new(store), Arc::clone(&self.registry), clock, events, interrupt);
        let state = engine.load("demo", stage).await?;
        Ok((engine, state))
    }

    /// What is wanted, with moves carried out and secrets looked up.
    async fn desired(&self, engine: &Engine, round: &Round, state: &mut State) -> Result<(Desired, Programs), Failure> {
        std::fs::write(self.folder.join("secret"), format!("{SECRET}{}", round.wish.secret)).unwrap();
        let (spec, programs) = self.spec(round)?;
        spec.carry_out_moves(state);
        let spec = spec.keeping_names(state);
        let mut desired = spec::lower(&spec, &state.target, &programs.artifacts, &self.registry).map_err(Failure::from)?;
        let diagnostics = engine.look_up(&mut desired, None, &self.folder).await;
        if diagnostics.is_empty() { Ok((desired, programs)) } else { Err(Failure { exit: Exit::Failed, diagnostics }) }
    }

    fn spec(&self, round: &Round) -> Result<(Spec, Programs), Failure> {
        let (wish, text) = (&round.wish, round.wish.text(round.stage));
        let options = LoadOptions { stage: round.stage, region: None, local: None, environment: &|_| None };
        let spec = spec::load(Path::new("config.toml"), &text, &options, &self.registry).map_err(Failure::from)?;
        let mut programs = Programs::new(&self.folder.join("packages"));
        for (name, function) in &wish.functions {
            let owner = Address::new("function", name);
            if function.is_image { programs.add_image(owner, function.mark) } else { programs.add(owner, function.mark, wish.is_large) }
        }
        wish.layer.iter().for_each(|mark| programs.add(Address::new("layer", "deps"), 100 + mark, wish.is_large));
        Ok((spec, programs))
    }

    /// The state is lost, and made anew from what is in AWS, as `state rebuild` does it.
    async fn lose_state(&self, round: &Round) -> Result<(), String> {
        self.store(round.stage).restore(&Picture::new());
        // Packages and images that the spec does not ask for any more are not found again.
        self.people.take_packages_away(if round.stage.is_some() { "demo.dev/" } else { "demo/" }).await;
        // Where nothing else says which state has made them, nobody knows whose versions of a layer are.
        let is_of_stage = |name: &String| name.starts_with("demo-") && name.starts_with("demo-dev-") == round.stage.is_some();
        if !self.people.functions().await.iter().any(is_of_stage) {
            self.people.delete_layer(round.stage.map_or("demo-deps", |_| "demo-dev-deps")).await;
        }
        let rebuilt = async {
            let (engine, mut state) = self.engine(round.stage, &Switch::new(None)).await?;
            let (spec, programs) = self.spec(round)?;
            let lower = |state: &State| {
                let desired = spec::lower(&spec.keeping_names(state), engine.target(), &programs.artifacts, &self.registry);
                desired.map_err(Failure::from)
            };
            let found = engine.find(&lower(&state)?).await?.found;
            state = engine.rebuild(&lower(&state)?, &found, None, &programs).await?;
            let kept: BTreeSet<Address> =
                state.entries.iter().filter(|(_, entry)| entry.keeps_name).map(|(address, _)| address.clone()).collect();
            if !kept.is_empty() {
                state = engine.rebuild(&lower(&state)?, &found, None, &programs).await?;
                for address in &kept {
                    state.entries.get_mut(address).into_iter().for_each(|entry| entry.keeps_name = true);
                }
            }
            state.serial = 1;
            self.store(round.stage).open().save(&state, 0).await.map_err(Failure::from)
        };
        match rebuilt.await {
            Err(failure) if failure.diagnostics.iter().all(|one| one.code == "nothing-found") => Ok(()),
            rebuilt => rebuilt.map_err(|failure: Failure| told("`state rebuild`", &failure)),
        }
    }
}

/// Whatever of a journal was written makes a state that can be read.
async fn each_prefix(picture: &Picture) -> Result<(), String> {
    let Some(journal) = picture.get(JOURNAL) else { return Ok(()) };
    let ends = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
    for end in ends.flat_map(|end| [end.saturating_sub(9), end, end + 1]) {
        let store = MemoryStore::new();
        store.set_state_text(picture.get(STATE).map(|bytes| std::str::from_utf8(bytes).unwrap()));
        store.set_journal_bytes(Some(&journal[..end]));
        store.load().await.map_err(|error| format!("the first {end} bytes of the journal cannot be read: {error}"))?;
    }
    Ok(())
}

fn line(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.summary, diagnostic.detail)
}

fn told(what: &str, failure: &Failure) -> String {
    let lines: Vec<String> = failure.diagnostics.iter().map(line).collect();
    format!("{what} ended with {:?}: {}", failure.exit, lines.join("; "))
}

fn is_empty(what: &str, plan: &Plan) -> Result<(), String> {
    let steps = plan.steps.iter().filter(|step| step.action != Action::NoOp);
    let steps: Vec<String> = steps.map(|step| format!("{} {:?} {:?} {:?}", step.address, step.action, step.reason, step.changes)).collect();
    let refusals: Vec<String> = plan.refusals.iter().map(|refusal| format!("{:?}: {}", refusal.address, refusal.detail)).collect();
    let unchecked: Vec<String> = plan.unchecked.iter().map(|(address, unchecked)| format!("{address} {unchecked:?}")).collect();
    let all = [steps, refusals, unchecked].concat();
    if all.is_empty() { Ok(()) } else { Err(format!("{what} is not empty: {}", all.join("; "))) }
}

/// All that is there is wanted or a stranger's. What has a question mark is a stranger's, where it is there.
fn is_same<'a>(
    when: &str,
    found: &BTreeSet<String>,
    strangers: &'a BTreeSet<String>,
    wanted: impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let wanted: BTreeSet<&String> = strangers.iter().filter(|name| !name.ends_with('?')).chain(wanted).collect();
    let extra: Vec<&String> = found.iter().filter(|name| !wanted.contains(name) && !strangers.contains(&format!("{name}?"))).collect();
    let missing: Vec<&&String> = wanted.iter().filter(|name| !found.contains(**name)).collect();
    if extra.is_empty() && missing.is_empty() { Ok(()) } else { Err(format!("{when}, {extra:?} is left and {missing:?} is missing")) }
}

/// What is wanted, as people name it.
fn named(desired: &Desired) -> BTreeSet<String> {
    let mut statements: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in desired.resources.values().filter(|resource| resource.address.kind == "permission") {
        let function = resource.physical_id().and_then(|id| id.as_str().split_once('/'));
        function.into_iter().for_each(|(function, _)| *statements.entry(function).or_default() += 1);
    }
    let name = |resource: &lambdo::model::Resource| {
        let (kind, id) = (resource.address.kind.as_str(), resource.physical_id()?.as_str());
        match kind {
            "function" => Some(format!("{kind}.{id} with {}", statements.get(id).copied().unwrap_or_default())),
            "event_rule" => Some(format!("{kind}.{} with 1", id.rsplit('/').next()?)),
            "layer" => Some(format!("{kind}.{}", id.split('@').next()?)),
            "role" | "log_group" | "ecr" | "code_object" | "image" => Some(format!("{kind}.{id}")),
            _ => None,
        }
    };
    desired.resources.values().filter_map(name).collect()
}

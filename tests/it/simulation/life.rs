//! A life from its first run to its last, and the laws that hold all the while.

use super::medium::Medium;
use super::scenario::{Meddling, Round, Scenario, Verb};
use super::wish::Wish;
use super::world::{Jumping, Line, Mortal, Programs, Switch, Traffic};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iam::config::{Credentials, SharedCredentialsProvider};
use lambdo::aws::{Meter, Quotas, Session, Settings};
use lambdo::diagnostic::Diagnostic;
use lambdo::engine::{Engine, PlanOptions};
use lambdo::kinds::Registry;
use lambdo::local::{FaultPlan, InProcess};
use lambdo::model::{Action, Address, Desired, Exit, Failure, Plan, State};
use lambdo::spec::{self, LoadOptions};
use lambdo::store::MemoryStore;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";
/// No life takes longer, by its own clock.
const LONGEST: Duration = Duration::from_secs(48 * 3_600);

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
    let folder = tempfile::tempdir().unwrap();
    let outcome = runtime.block_on(async {
        let outcome = tokio::time::timeout(LONGEST, life(folder.path())).await;
        outcome.unwrap_or_else(|_| Err(format!("it is not over after {} h", LONGEST.as_secs() / 3_600)))
    });
    runtime.shutdown_background();
    outcome
}

/// The project, the cloud and the people.
pub struct Life {
    cloud: InProcess,
    clock: Arc<Jumping>,
    store: Medium,
    registry: Arc<Registry>,
    traffic: Arc<Traffic>,
    clients: Clients,
}

/// How people look at the cloud.
struct Clients {
    lambda: aws_sdk_lambda::Client,
    iam: aws_sdk_iam::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    events: aws_sdk_eventbridge::Client,
}

impl Life {
    pub fn new(folder: &Path, store: Medium) -> Self {
        let clock = Arc::new(Jumping::new());
        let cloud = InProcess::open(folder.to_owned(), ACCOUNT, Arc::<Jumping>::clone(&clock)).unwrap();
        let traffic = Arc::<Traffic>::default();
        let line = Line { cloud: cloud.clone(), switch: Switch::new(None), traffic: Arc::clone(&traffic) };
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url("http://localhost")
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "people")))
            .http_client(line.client())
            .build();
        let clients = Clients {
            lambda: aws_sdk_lambda::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
        };
        Self { cloud, clock, store, registry: Arc::new(Registry::new()), traffic, clients }
    }

    /// What is there before.
    pub async fn begin(&self) -> BTreeSet<String> {
        self.clients.strangers().await;
        self.clients.names().await
    }

    async fn whole(&self, scenario: &Scenario) -> Result<(), String> {
        let strangers = self.begin().await;
        for (index, round) in scenario.rounds.iter().enumerate() {
            let told = self.round(scenario.seed, round).await;
            told.map_err(|reason| format!("round {}: {reason}", index + 1))?;
        }
        let wish = scenario.rounds.last().map(|round| round.wish.clone()).unwrap_or_default();
        self.converges(&wish, &strangers).await?;
        if scenario.is_sabotaged {
            self.clients.group("/left/over").await;
        }
        self.goes(&strangers).await
    }

    async fn round(&self, seed: u64, round: &Round) -> Result<(), String> {
        for meddling in &round.meddling {
            self.clients.meddle(*meddling).await;
        }
        if let Some(plan) = round.plan(seed) {
            self.cloud.misbehave(FaultPlan::parse(&plan).map_err(|error| error.to_string())?);
        }
        let switch = Switch::new(round.kill);
        let outcome = self.until_death(round.verb, &round.wish, &switch).await;
        let report = self.cloud.behave();
        if switch.interrupt.drain.is_cancelled() && !round.is_fatal() {
            let exit = match &outcome {
                Some(Ok((exit, _))) => Some(*exit),
                Some(Err(failure)) => Some(failure.exit),
                None => None,
            };
            if exit != Some(Exit::Interrupted) {
                return Err(format!("it was interrupted and ended with {exit:?}"));
            }
        }
        if round.must_succeed() {
            let failed = match outcome {
                None | Some(Ok((Exit::Success, _))) => None,
                Some(Ok((exit, errors))) => Some(format!("it ended with {exit:?}: {errors}")),
                Some(Err(failure)) => Some(told("it", &failure)),
            };
            // The first call gives up early, so that an address that is wrong is told at once.
            let failed = failed.filter(|reason| !reason.contains("sts:GetCallerIdentity"));
            failed.map_or(Ok(()), |reason| Err(format!("{reason} ({report})")))?;
        }
        if let Some((rule, most)) = round.most_refused(switch.calls()) {
            let hits = report["rules"][rule]["hits"].as_u64().unwrap_or_default();
            if hits > most {
                return Err(format!("of {} calls {hits} were above AWS's quotas, and not at most {most}", switch.calls()));
            }
        }
        self.is_readable().await
    }

    /// The state can be read.
    pub async fn is_readable(&self) -> Result<(), String> {
        let loaded = self.store.open().load().await;
        loaded.map(drop).map_err(|error| format!("the state cannot be read any more: {error}"))
    }

    /// One process, and what of it goes on in AWS when it has died, of which there is no outcome then.
    pub async fn until_death(&self, verb: Verb, wish: &Wish, switch: &Arc<Switch>) -> Option<Result<(Exit, String), Failure>> {
        let outcome = tokio::select! {
            biased;
            () = switch.died() => None,
            outcome = self.run(verb, wish, switch) => Some(outcome),
        };
        self.traffic.settled().await;
        outcome
    }

    /// A run without faults.
    pub async fn succeeds(&self, verb: Verb, wish: &Wish) -> Result<(), String> {
        match self.run(verb, wish, &Switch::new(None)).await {
            Ok((Exit::Success, _)) => Ok(()),
            Ok((exit, errors)) => Err(format!("{verb:?} ended with {exit:?}: {errors}")),
            Err(failure) => Err(told(&format!("{verb:?}"), &failure)),
        }
    }

    /// Without faults one run is enough, and nothing is left to do.
    pub async fn converges(&self, wish: &Wish, strangers: &BTreeSet<String>) -> Result<(), String> {
        self.succeeds(Verb::Up, wish).await?;
        let (engine, mut state) = self.engine(&Switch::new(None)).await.map_err(|failure| told("a look", &failure))?;
        let (desired, _) = self.desired(wish, &state).map_err(|failure| told("the wish", &failure))?;
        let options = PlanOptions { deep: true, recreate: true, ..PlanOptions::default() };
        let plan = engine.plan(&desired, &mut state, &options).await.map_err(|failure| told("the second plan", &failure))?;
        is_empty("the second plan", &plan)?;
        let drift = engine.plan(&Desired::as_applied(&state), &mut state, &options).await.map_err(|failure| told("drift", &failure))?;
        is_empty("drift", &drift)?;
        let wanted: BTreeSet<String> = strangers.iter().cloned().chain(named(&desired)).collect();
        is_same("after the last `up`", &self.clients.names().await, &wanted)
    }

    /// A destroy leaves nothing of ours and touches nothing that is not.
    pub async fn goes(&self, strangers: &BTreeSet<String>) -> Result<(), String> {
        self.succeeds(Verb::Destroy, &Wish::default()).await?;
        is_same("after `destroy`", &self.clients.names().await, strangers)
    }

    /// One process.
    async fn run(&self, verb: Verb, wish: &Wish, switch: &Arc<Switch>) -> Result<(Exit, String), Failure> {
        let (engine, mut state) = self.engine(switch).await?;
        let _lease = engine.lock("up", Duration::ZERO).await?;
        let (desired, programs) = match verb {
            Verb::Up => self.desired(wish, &state)?,
            Verb::Destroy => (Desired::nothing("demo", None), Programs::default()),
        };
        let plan = engine.plan(&desired, &mut state, &PlanOptions { recreate: true, ..PlanOptions::default() }).await?;
        let report = engine.apply(state, &plan, Arc::new(programs), 10).await?;
        let errors = report.results.values().filter_map(|result| result.error.as_ref()).chain(&report.diagnostics);
        let errors: Vec<String> = errors.map(line).collect();
        Ok((report.exit, errors.join("; ")))
    }

    async fn engine(&self, switch: &Arc<Switch>) -> Result<(Engine, State), Failure> {
        let line = Line { cloud: self.cloud.clone(), switch: Arc::clone(switch), traffic: Arc::clone(&self.traffic) };
        let settings = Settings {
            region: Some(REGION.to_owned()),
            endpoint_url: Some("http://localhost".to_owned()),
            is_local: true,
            ..Settings::default()
        };
        let interrupt = switch.interrupt.clone();
        let session = Session::connect_through(
            line.client(),
            &settings,
            Arc::new(Quotas::new()),
            Meter::default(),
            Arc::new(|_| {}),
            interrupt.drain.clone(),
        );
        let store = Mortal::new(self.store.again(), Arc::clone(switch));
        let clock = Arc::<Jumping>::clone(&self.clock);
        let engine = Engine::new(session.await?, Arc::new(store), Arc::clone(&self.registry), clock, Arc::new(|_| {}), interrupt);
        let state = engine.load("demo", None).await?;
        Ok((engine, state))
    }

    fn desired(&self, wish: &Wish, state: &State) -> Result<(Desired, Programs), Failure> {
        let options = LoadOptions { stage: None, region: None, local: None, environment: &|_| None };
        let text = wish.text();
        let spec = spec::load(Path::new("config.toml"), &text, &options, &self.registry).map_err(Failure::from)?;
        let mut programs = Programs::default();
        wish.functions.iter().for_each(|(name, function)| programs.add(Address::new("function", name), function.mark));
        wish.layer.iter().for_each(|mark| programs.add(Address::new("layer", "deps"), 100 + mark));
        let desired = spec::lower(&spec, &state.target, &programs.artifacts, &self.registry).map_err(Failure::from)?;
        Ok((desired, programs))
    }
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

fn is_same(when: &str, found: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Result<(), String> {
    let extra: Vec<&String> = found.difference(wanted).collect();
    let missing: Vec<&String> = wanted.difference(found).collect();
    if extra.is_empty() && missing.is_empty() { Ok(()) } else { Err(format!("{when}, {extra:?} is left and {missing:?} is missing")) }
}

/// What is wanted, by the names that it has in AWS.
fn named(desired: &Desired) -> impl Iterator<Item = String> {
    let is_listed = |address: &Address| ["function", "role", "log_group", "event_rule"].contains(&address.kind.as_str());
    let wanted = desired.resources.values().filter(move |resource| is_listed(&resource.address));
    wanted.filter_map(|resource| Some(format!("{}.{}", resource.address.kind, last(resource.physical_id()?.as_str()))))
}

/// The name in an ARN, or the name itself.
fn last(id: &str) -> String {
    if id.starts_with('/') { id.to_owned() } else { id.rsplit(['/', ':']).next().unwrap_or(id).to_owned() }
}

impl Clients {
    /// Things that belong to somebody else.
    async fn strangers(&self) {
        let trust = crate::support::cloud::trust("lambda.amazonaws.com");
        self.iam.create_role().role_name("stranger").assume_role_policy_document(trust).send().await.unwrap();
        self.group("/stranger").await;
        self.events.put_rule().name("stranger").schedule_expression("rate(7 days)").send().await.unwrap();
    }

    async fn group(&self, name: &str) {
        self.logs.create_log_group().log_group_name(name).send().await.unwrap();
    }

    async fn functions(&self) -> Vec<String> {
        let functions = self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        functions.into_iter().filter_map(|function| function.function_name).collect()
    }

    async fn roles(&self) -> Vec<String> {
        let roles = self.iam.list_roles().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        roles.into_iter().map(|role| role.role_name).collect()
    }

    async fn groups(&self) -> Vec<String> {
        let groups = self.logs.describe_log_groups().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        groups.into_iter().filter_map(|group| group.log_group_name).collect()
    }

    async fn rules(&self) -> Vec<String> {
        let rules = self.events.list_rules().send().await.unwrap().rules.unwrap_or_default();
        rules.into_iter().filter_map(|rule| rule.name).collect()
    }

    /// Everything that there is.
    async fn names(&self) -> BTreeSet<String> {
        let all = [
            ("function", self.functions().await),
            ("role", self.roles().await),
            ("log_group", self.groups().await),
            ("event_rule", self.rules().await),
        ];
        all.into_iter().flat_map(|(kind, names)| names.into_iter().map(move |name| format!("{kind}.{name}"))).collect()
    }

    /// Changes one of those that are there, if there is one. What cannot be done now is not done.
    async fn meddle(&self, meddling: Meddling) {
        let chosen = |names: Vec<String>, which: u64| {
            let ours: Vec<String> = names.into_iter().filter(|name| !name.contains("stranger")).collect();
            let index = usize::try_from(which).unwrap().checked_rem(ours.len());
            index.map(|index| ours[index].clone())
        };
        match meddling {
            Meddling::DeleteFunction(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    let _ = self.lambda.delete_function().function_name(name).send().await;
                }
            }
            Meddling::ChangeFunction(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    let _ = self.lambda.update_function_configuration().function_name(name).timeout(77).send().await;
                }
            }
            Meddling::RemoveStatement(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    self.remove_statement(&name).await;
                }
            }
            Meddling::DeleteGroup(which) => {
                if let Some(name) = chosen(self.groups().await, which) {
                    let _ = self.logs.delete_log_group().log_group_name(name).send().await;
                }
            }
            Meddling::ChangeRetention(which) => {
                if let Some(name) = chosen(self.groups().await, which) {
                    let _ = self.logs.put_retention_policy().log_group_name(name).retention_in_days(3).send().await;
                }
            }
            Meddling::RemoveTargets(which) => {
                if let Some(name) = chosen(self.rules().await, which) {
                    self.remove_targets(&name).await;
                }
            }
            Meddling::DeleteRule(which) => {
                if let Some(name) = chosen(self.rules().await, which) {
                    self.remove_targets(&name).await;
                    let _ = self.events.delete_rule().name(name).send().await;
                }
            }
            Meddling::EmptyRole(which) => {
                if let Some(name) = chosen(self.roles().await, which) {
                    self.empty_role(&name).await;
                }
            }
        }
    }

    async fn remove_statement(&self, function: &str) {
        let Ok(answer) = self.lambda.get_policy().function_name(function).send().await else { return };
        let document: serde_json::Value = serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default();
        if let Some(id) = document["Statement"][0]["Sid"].as_str() {
            let _ = self.lambda.remove_permission().function_name(function).statement_id(id).send().await;
        }
    }

    async fn remove_targets(&self, rule: &str) {
        let Ok(answer) = self.events.list_targets_by_rule().rule(rule).send().await else { return };
        let ids: Vec<String> = answer.targets.unwrap_or_default().into_iter().map(|target| target.id).collect();
        let _ = self.events.remove_targets().rule(rule).set_ids(Some(ids)).send().await;
    }

    async fn empty_role(&self, role: &str) {
        let inline = self.iam.list_role_policies().role_name(role).send().await.map(|answer| answer.policy_names).unwrap_or_default();
        for policy in inline {
            let _ = self.iam.delete_role_policy().role_name(role).policy_name(policy).send().await;
        }
    }
}

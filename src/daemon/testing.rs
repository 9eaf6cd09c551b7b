//! A spec that is made up, for tests.

use super::*;
use crate::model::{Address, CallAccount, Path};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        name: "demo".into(),
        project: "demo".into(),
        stage: None,
        schedule: Schedule::exact("rate(1 minute)", "UTC").unwrap(),
        schedule_text: "rate(1 minute)".into(),
        deep_schedule: Schedule::exact("rate(1 day)", "UTC").unwrap(),
        ignore: Vec::new(),
        mode: Mode::Observe,
        apply: false,
        allowed: Allowed::default(),
        freezes: Vec::new(),
        max_changes: 10,
        contest: Contest { reverts: 3, within: Duration::from_secs(3_600), within_deep: Duration::from_secs(4 * 86_400) },
        remind_after: Duration::from_secs(24 * 3_600),
        log_groups: None,
    }
}

pub(super) fn finding(name: &str, path: &str, live: i64) -> Finding {
    Finding {
        address: Address::new("function", name),
        path: path.parse().unwrap(),
        kind: FindingKind::Changed,
        applied: Some(128.into()),
        live: Some(live.into()),
        text: None,
        who: None,
    }
}

pub(super) fn trouble(kind: TroubleKind) -> Trouble {
    Trouble { kind, text: "it is so".into(), hints: Vec::new() }
}

/// A clock that goes with tokio's, so that tests can let hours pass.
pub(super) struct SimulatedTime(pub Timestamp, pub tokio::time::Instant);

impl SimulatedTime {
    pub(super) fn new() -> Self {
        Self(at("2026-11-22T10:00:00Z"), tokio::time::Instant::now())
    }
}

impl WallClock for SimulatedTime {
    fn now(&self) -> Timestamp {
        self.0 + self.1.elapsed()
    }
}

/// Takes everything and keeps it.
#[derive(Default)]
pub(super) struct Told(pub Mutex<Vec<Notice>>);

impl Told {
    pub(super) fn kinds(&self) -> Vec<NoticeKind> {
        locked(&self.0).iter().map(|notice| notice.kind).collect()
    }
}

#[async_trait]
impl Listener for Told {
    async fn take(&self, notices: &[Notice]) -> Result<(), String> {
        locked(&self.0).extend_from_slice(notices);
        Ok(())
    }

    fn health(&self, _spec: &str) -> Vec<notify::Health> {
        let (channel, error) = ("webhook chat.example.com".to_owned(), Some("HTTP 404: <b>no such hook</b>".to_owned()));
        vec![notify::Health { channel, waiting: 2, arrived_at: Some(at("2026-11-22T10:00:00Z")), error }]
    }
}

/// A cloud of one number per function, which tests change behind the daemon's back.
#[derive(Default)]
pub(super) struct Fake(pub Mutex<World>);

pub(super) struct World {
    pub settings: Result<Settings, Trouble>,
    pub live: BTreeMap<String, i64>,
    pub trouble: Option<Trouble>,
    /// Why nothing can be healed.
    pub stuck: Option<Trouble>,
    /// How a broken spec is watched.
    pub first_keys: Option<Settings>,
    /// What cannot be read.
    pub unread: Vec<Unread>,
    pub pending: usize,
    pub checks: usize,
    pub heals: usize,
    pub deploys: usize,
    pub applied: Vec<String>,
    pub stamp: u64,
    /// Sets everything back as soon as it was healed.
    pub opponent: Option<i64>,
    pub takes: Duration,
    /// Log groups without a retention.
    pub endless: Vec<String>,
    pub audits: usize,
    pub fixes: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            settings: Ok(settings()),
            live: BTreeMap::from([("hash".to_owned(), 128)]),
            trouble: None,
            stuck: None,
            first_keys: None,
            unread: Vec::new(),
            pending: 0,
            checks: 0,
            heals: 0,
            deploys: 0,
            applied: Vec::new(),
            stamp: 1,
            opponent: None,
            takes: Duration::from_millis(300),
            endless: Vec::new(),
            audits: 0,
            fixes: false,
        }
    }
}

impl Fake {
    pub(super) fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut locked(&self.0))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait(?Send)]
impl Watched for Fake {
    fn stamp(&self) -> u64 {
        self.world(|world| world.stamp)
    }

    async fn load(&self) -> Result<Settings, Trouble> {
        self.world(|world| world.settings.clone())
    }

    async fn first_keys(&self) -> Option<Settings> {
        self.world(|world| world.first_keys.clone())
    }

    async fn check(&self, _depth: Depth) -> Result<Check, Trouble> {
        tokio::time::sleep(self.world(|world| world.takes)).await;
        self.world(|world| {
            world.checks += 1;
            if let Some(trouble) = &world.trouble {
                return Err(trouble.clone());
            }
            let drifted = world.live.iter().filter(|(_, live)| **live != 128);
            let findings = drifted.map(|(name, live)| finding(name, "memory_size", *live)).collect();
            let (unread, pending) = (world.unread.clone(), Some(world.pending));
            Ok(Check { account: "123456789012".into(), findings, pending, unread, ..Check::default() })
        })
    }

    async fn propose(&self) -> Result<Option<Proposal>, Trouble> {
        let text = self.world(|world| format!("{:?} {}", world.live, world.pending));
        Ok(Some(Proposal {
            id: text.clone(),
            at: at("2026-11-22T10:00:00Z"),
            file: "plan.json".into(),
            command: String::new(),
            counts: Vec::new(),
            text,
        }))
    }

    async fn apply(&self, proposal: &Proposal) -> Result<Healed, Trouble> {
        tokio::time::sleep(self.world(|world| world.takes)).await;
        self.world(|world| {
            world.applied.push(proposal.id.clone());
            world.live.values_mut().for_each(|live| *live = 128);
            world.pending = 0;
        });
        Ok(Healed { changed: 1, ..Healed::default() })
    }

    async fn heal(&self, order: &Order) -> Result<Healed, Trouble> {
        if let Some(trouble) = self.world(|world| world.stuck.clone()) {
            return Err(trouble);
        }
        Ok(self.world(|world| {
            world.heals += 1;
            let wanted = order.addresses.iter().filter(|address| world.live.get(&address.name).is_some_and(|live| *live != 128));
            let done: Vec<(Address, Path)> = wanted.map(|address| (address.clone(), Path::key("memory_size"))).collect();
            for (address, _) in &done {
                world.live.insert(address.name.clone(), world.opponent.unwrap_or(128));
            }
            Healed { changed: done.len(), done, ..Healed::default() }
        }))
    }

    async fn deploy(&self, _limits: &Order) -> Result<Healed, Trouble> {
        self.world(|world| {
            world.deploys += 1;
            world.pending = 0;
        });
        Ok(Healed { changed: 1, ..Healed::default() })
    }

    async fn audit(&self, may_fix: bool) -> Result<Audited, Trouble> {
        self.world(|world| {
            world.audits += 1;
            if let Some(trouble) = &world.trouble {
                return Err(trouble.clone());
            }
            let group = |name: &String| LogGroupFinding {
                name: name.clone(),
                problem: LogGroupProblem::NoRetention,
                stored_bytes: 7,
                retention_in_days: None,
            };
            let open: Vec<LogGroupFinding> = world.endless.iter().map(group).collect();
            let mended = if may_fix && world.fixes { std::mem::take(&mut world.endless) } else { Vec::new() };
            let open = if mended.is_empty() { open } else { Vec::new() };
            Ok(Audited { groups: 10, stored_bytes: 70, without_retention: open.len(), empty: 0, open, mended, refused: Vec::new() })
        })
    }

    fn calls(&self) -> CallAccount {
        self.world(|world| CallAccount { total: u64::try_from(world.checks).unwrap(), ..CallAccount::default() })
    }
}

#[async_trait]
impl Logs for Fake {
    async fn logs(&self, _function: &str, _since: Duration) -> Result<Vec<LogLine>, Trouble> {
        Ok(Vec::new())
    }
}

/// A daemon over one made-up spec.
pub(super) struct Stage {
    pub fake: Arc<Fake>,
    pub told: Arc<Told>,
    pub daemon: Daemon,
    _folder: Option<tempfile::TempDir>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self { _folder: Some(folder), ..Self::within(path, Arc::default()) }
    }

    /// One that begins after another has ended, with its memory.
    pub(super) fn within(path: PathBuf, told: Arc<Told>) -> Self {
        let fake = Arc::new(Fake::default());
        let party =
            Party { bell: Arc::default(), watched: Arc::clone(&fake) as Arc<dyn Watched>, logs: Arc::clone(&fake) as Arc<dyn Logs> };
        let control = Control::new(Arc::default(), [("demo".to_owned(), party)].into());
        let daemon = Daemon {
            control,
            listener: Arc::clone(&told) as Arc<dyn Listener>,
            clock: Arc::new(SimulatedTime::new()),
            memory: Arc::new(move |id| path.join(format!("{id}.json"))),
            log: Arc::new(|_, _| {}),
            stop: CancellationToken::new(),
        };
        Self { fake, told, daemon, _folder: None }
    }

    /// Lets the daemon run for so long, and stops it.
    pub(super) async fn run(&self, duration: Duration) {
        tokio::join!(self.daemon.run(), async {
            tokio::time::sleep(duration).await;
            self.daemon.stop.cancel();
        });
    }

    /// Lets the daemon run while `story` goes on, and stops it then.
    pub(super) async fn during(&self, story: impl Future<Output = ()>) {
        tokio::join!(self.daemon.run(), async {
            story.await;
            self.daemon.stop.cancel();
        });
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.daemon.control.board.get("demo").unwrap()
    }

    pub(super) fn moments(&self) -> Vec<MomentKind> {
        self.view().timeline.iter().rev().map(|moment| moment.kind).collect()
    }
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

//! What the page, the API and the metrics show: plain data, kept up to date by the loop.

use super::audit::LogGroups;
use super::ledger::Topic;
use super::notice::FindingState;
use super::watched::{Depth, Resource, Trouble, Unread};
use crate::model::calls::OperationCalls;
use crate::model::{Address, CallAccount, Mode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::broadcast;

/// How many changes a slow reader may lag behind before it has to look at everything anew.
const CHANGES_KEPT: usize = 256;

/// All that is known about all specs. Whoever reads gets an [`Arc`] and holds no lock.
#[derive(Debug)]
pub struct Board {
    views: RwLock<BTreeMap<String, Arc<View>>>,
    changes: broadcast::Sender<String>,
}

impl Default for Board {
    fn default() -> Self {
        Self { views: RwLock::default(), changes: broadcast::Sender::new(CHANGES_KEPT) }
    }
}

impl Board {
    /// All specs, by id.
    pub fn all(&self) -> Vec<Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One spec.
    pub fn get(&self, id: &str) -> Option<Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The ids of specs, as they change.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }

    /// Changes one spec, which is made where it is not there, and tells whoever follows.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut View)) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let mut view = views.get(id).map_or_else(|| View::new(id), |view| view.as_ref().clone());
        change(&mut view);
        views.insert(id.to_owned(), Arc::new(view));
        drop(views);
        // Nobody follows most of the time.
        let _ = self.changes.send(id.to_owned());
    }
}

/// One spec at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was not checked yet.
    Starting,
    /// AWS has what was applied.
    InOrder,
    /// The same, and the spec asks for something that was not applied yet.
    Pending,
    /// Nothing was found, but something could not be read.
    Unread,
    /// Nothing was found, and the spec on disk is broken.
    Broken,
    /// Something drifted.
    Drifted,
    /// Somebody else wants it otherwise, and healing gave in.
    Contested,
    /// Checks fail: nothing is known about drift since the last one that did not.
    Failing,
}

/// All that is known about one spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Names it in addresses of pages: `project`, `project.stage`, with a number where several have the same.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// The spec's file, as short as it was given.
    pub config: String,
    /// The account's id; empty before the first check.
    pub account: String,
    /// The region; empty before the first check.
    pub region: String,
    /// The serial of the state.
    pub serial: u64,
    /// At a glance.
    pub standing: Standing,
    /// What is done about drift.
    pub mode: Mode,
    /// Why nothing is healed or applied now, during a freeze.
    pub frozen: Option<String>,
    /// When it is checked.
    pub schedule: String,
    /// When it is checked next.
    pub next_check: Option<Timestamp>,
    /// What goes on now, such as `check`; `None` while it waits.
    pub activity: Option<String>,
    /// The last check, whether it worked or not.
    pub last_check: Option<Attempt>,
    /// When a check last worked.
    pub last_success: Option<Timestamp>,
    /// Why checks fail, while they do.
    pub trouble: Option<Trouble>,
    /// Since when they do.
    pub trouble_since: Option<Timestamp>,
    /// What is wrong with the spec on disk, while something is.
    pub spec_trouble: Option<Trouble>,
    /// Why the history cannot be kept, while it cannot.
    pub history_trouble: Option<String>,
    /// What the daemon should do and does not manage, while checks work: healing, applying, planning, auditing.
    pub undone: Vec<Undone>,
    /// What differs, by address and path.
    pub findings: Vec<FindingState>,
    /// How many resources the spec wants otherwise than they were applied; `None` for a spec that cannot be read.
    pub pending: Option<usize>,
    /// What there is to say of the spec, such as a rule that has expired.
    pub warnings: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// How many settings were not read since they cost a call each.
    pub left_out: usize,
    /// What the state knows.
    pub resources: Vec<Resource>,
    /// The plan that waits for a person.
    pub proposal: Option<Proposal>,
    /// What happened, newest first; a limited number.
    pub timeline: Vec<Moment>,
    /// What the account's log groups are like, once they were looked at.
    pub log_groups: Option<LogGroups>,
    /// What was asked of AWS since the daemon runs.
    pub calls: Calls,
    /// What was done since the daemon runs.
    pub totals: Totals,
}

impl View {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            project: String::new(),
            stage: None,
            config: String::new(),
            account: String::new(),
            region: String::new(),
            serial: 0,
            standing: Standing::Starting,
            mode: Mode::Observe,
            frozen: None,
            schedule: String::new(),
            next_check: None,
            activity: None,
            last_check: None,
            last_success: None,
            trouble: None,
            trouble_since: None,
            spec_trouble: None,
            history_trouble: None,
            undone: Vec::new(),
            findings: Vec::new(),
            pending: None,
            warnings: Vec::new(),
            unread: Vec::new(),
            left_out: 0,
            resources: Vec::new(),
            proposal: None,
            timeline: Vec::new(),
            log_groups: None,
            calls: Calls::default(),
            totals: Totals::default(),
        }
    }

    /// The findings of one resource.
    pub fn findings_of<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a FindingState> {
        self.findings.iter().filter(move |state| state.finding.address == *address)
    }
}

/// Something that the daemon should do and does not manage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// What it is: `heal`, `deploy`, `plan` or `log_groups`.
    pub work: Topic,
    /// Why, as of late.
    pub trouble: Trouble,
    /// Since when.
    pub since: Timestamp,
    /// Attempts that failed in a row.
    pub attempts: u32,
}

/// A check that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed_ms: u64,
    /// How thorough it was.
    pub depth: Depth,
    /// Whether it worked.
    pub is_success: bool,
    /// How many calls it made.
    pub calls: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What sort.
    pub kind: MomentKind,
    /// The resource concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// One line for people.
    pub text: String,
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// The daemon began to watch.
    Started,
    /// Something drifted.
    Opened,
    /// It drifted again after it was healed.
    Reopened,
    /// It has another value now, and still not the one that was applied.
    Changed,
    /// It does not differ any more, or is none of the findings any more.
    Resolved,
    /// The daemon took it back.
    Healed,
    /// The daemon would have taken it back and may not.
    NotHealed,
    /// Healing gave in.
    Contested,
    /// Checks fail.
    Failed,
    /// Checks work again.
    Recovered,
    /// The spec was changed on disk.
    SpecChanged,
    /// The spec on disk is broken.
    SpecBroken,
    /// A plan waits for a person.
    Proposed,
    /// A person applied a plan.
    Applied,
    /// Something about the account's log groups.
    LogGroups,
}

/// A plan that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Names it: whoever applies says which plan was seen.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// The file.
    pub file: String,
    /// What applies it on the command line: `lambdo … up --plan FILE`.
    pub command: String,
    /// How many resources are concerned, by action.
    pub counts: Vec<Count>,
    /// The plan for people, as `lambdo plan` prints it, without colours.
    pub text: String,
}

impl Proposal {
    /// What applying it does, in a few words: `1 update, 2 create`.
    pub fn what_it_does(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(Count::words).collect();
        if counts.is_empty() { "changes something".to_owned() } else { format!("would {}", counts.join(" and ")) }
    }
}

impl Count {
    fn words(&self) -> String {
        format!("{} {} resource{}", self.action.replace('_', " "), self.resources, if self.resources == 1 { "" } else { "s" })
    }
}

/// How many resources an action concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Such as `update`.
    pub action: String,
    /// How many.
    pub resources: usize,
}

/// What was asked of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Requests that were sent.
    pub total: u64,
    /// Requests that AWS answered with "too many calls".
    pub throttled: u64,
    /// By operation, sorted.
    pub operations: BTreeMap<String, CallCount>,
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// Requests that were sent.
    pub sent: u64,
    /// Those that were answered with "too many calls".
    pub throttled: u64,
    /// Those that came after a failed one.
    pub retried: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// How long the answers took together.
    pub elapsed_ms: u64,
}

impl From<CallAccount> for Calls {
    fn from(account: CallAccount) -> Self {
        let count = |calls: OperationCalls| {
            let OperationCalls { operation, calls: sent, throttled, retried, failed, elapsed_ms } = calls;
            (operation, CallCount { sent, throttled, retried, failed, elapsed_ms })
        };
        Self { total: account.total, throttled: account.throttled, operations: account.operations.into_iter().map(count).collect() }
    }
}

/// What was done since the daemon runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Checks that worked.
    pub checks_done: u64,
    /// Checks that did not.
    pub checks_failed: u64,
    /// How long checks took, those that failed included.
    pub durations: Durations,
    /// Findings that were opened.
    pub opened: u64,
    /// Findings that were resolved.
    pub resolved: u64,
    /// Findings that the daemon took back.
    pub healed: u64,
    /// Plans that were applied.
    pub applied: u64,
    /// Log groups that were given a retention or deleted.
    pub log_groups_mended: u64,
}

/// How long something took, again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// How often it took at most as long as the limit of the same place in [`DURATION_LIMITS_MS`], and longer than the one before;
    /// behind them, how often it took longer than all.
    pub counts: [u64; DURATION_LIMITS_MS.len() + 1],
    /// How long it took together.
    pub total_ms: u64,
}

/// The limits of [`Durations`]: a check of a small spec takes a second, one of a thousand functions a few minutes.
pub const DURATION_LIMITS_MS: [u64; 9] = [250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];

impl Durations {
    /// Counts one.
    pub fn add(&mut self, elapsed_ms: u64) {
        self.counts[DURATION_LIMITS_MS.partition_point(|limit| *limit < elapsed_ms)] += 1;
        self.total_ms += elapsed_ms;
    }
}

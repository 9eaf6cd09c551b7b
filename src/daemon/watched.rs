//! What the daemon asks of a spec, and what it gets to know.

use super::audit::Audited;
use super::notice::Finding;
use super::{Proposal, Schedule};
use crate::model::{Address, CallAccount, IgnoreRule, Mode, Path};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// One spec and stage with its state, as the daemon sees it. Each call does what a command does, in the same way. The work
/// stays on one thread, as a command's does.
#[async_trait(?Send)]
pub trait Watched: Send + Sync {
    /// Something that changes whenever the files of the spec do, without reading them whole: sizes and times.
    fn stamp(&self) -> u64;

    /// Reads the spec anew. From then on everything else works with it; where it is broken, with the last good one.
    ///
    /// # Errors
    /// [`TroubleKind::Spec`] for a broken one.
    async fn load(&self) -> Result<Settings, Trouble>;

    /// How a spec is watched that is broken and of which no good one was seen: by its first keys, where these are in order. Drift
    /// is looked for all the same, as `lambdo drift` does.
    async fn first_keys(&self) -> Option<Settings> {
        None
    }

    /// Compares AWS with what was applied, as `lambdo drift` does. Takes no lock and changes nothing.
    ///
    /// # Errors
    /// Whatever keeps AWS or the state from being read.
    async fn check(&self, depth: Depth) -> Result<Check, Trouble>;

    /// Makes a plan that a person can apply, as `lambdo plan --out` does; `None` when there is nothing to do.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    async fn propose(&self) -> Result<Option<Proposal>, Trouble>;

    /// Applies a plan of [`Watched::propose`], as `lambdo up --plan` does, under the lock.
    ///
    /// # Errors
    /// Whatever keeps it from being applied; a plan that does not hold any more is refused.
    async fn apply(&self, proposal: &Proposal) -> Result<Healed, Trouble>;

    /// Takes back what was changed behind the state's back at these addresses, under the lock; never more than `order` says,
    /// and nothing that the spec asks for and was not applied yet.
    ///
    /// # Errors
    /// Whatever kept it from being tried.
    async fn heal(&self, order: &Order) -> Result<Healed, Trouble>;

    /// Applies what the spec asks for, as `lambdo up` does, under the lock; never more than `limits` say. Its addresses do not
    /// count: everything is meant.
    ///
    /// # Errors
    /// Whatever kept it from being tried.
    async fn deploy(&self, limits: &Order) -> Result<Healed, Trouble>;

    /// Looks at the account's log groups, as `lambdo log-groups audit` does, and mends them where the spec says so and `may_fix`.
    ///
    /// # Errors
    /// Whatever keeps them from being listed.
    async fn audit(&self, may_fix: bool) -> Result<Audited, Trouble>;

    /// What was asked of AWS so far, by all of these.
    fn calls(&self) -> CallAccount;
}

/// What functions log. It is asked from any thread, at any time.
#[async_trait]
pub trait Logs: Send + Sync {
    /// The last lines that a function logged, oldest first.
    ///
    /// # Errors
    /// When the function is not deployed or its log cannot be read.
    async fn logs(&self, function: &str, since: Duration) -> Result<Vec<LogLine>, Trouble>;
}

/// How thoroughly AWS is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// What bulk reads show.
    Usual,
    /// Also the settings that cost a call of their own.
    Deep,
}

/// What a spec says about how it is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `project`, or `project.stage`.
    pub name: String,
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// When it is checked.
    pub schedule: Schedule,
    /// The same in the words of the spec, for people.
    pub schedule_text: String,
    /// When it is checked for the settings that cost a call each, too.
    pub deep_schedule: Schedule,
    /// What is no drift.
    pub ignore: Vec<IgnoreRule>,
    /// What is done about drift.
    pub mode: Mode,
    /// Whether healing also applies what the spec asks for and was not applied yet.
    pub apply: bool,
    /// What healing may do besides creating and updating.
    pub allowed: Allowed,
    /// When nothing is healed or applied.
    pub freezes: Vec<Freeze>,
    /// How many resources one run may change.
    pub max_changes: usize,
    /// When healing gives in.
    pub contest: Contest,
    /// After this time it is told again that something is still open.
    pub remind_after: Duration,
    /// When the account's log groups are looked at, if they are.
    pub log_groups: Option<Schedule>,
}

/// What healing may do besides creating and updating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Make something anew.
    pub replace: bool,
    /// Delete something.
    pub delete: bool,
}

/// A time in which nothing is healed or applied.
#[derive(Clone, Debug, PartialEq)]
pub enum Freeze {
    /// Once, from a moment on and up to another.
    Once {
        /// The first moment.
        from: Timestamp,
        /// The first moment after it.
        until: Timestamp,
        /// Why, for people.
        reason: Option<String>,
    },
    /// Again and again, from each time of a schedule on.
    Recurring {
        /// When it begins.
        schedule: Schedule,
        /// For how long.
        lasts: Duration,
        /// Why, for people.
        reason: Option<String>,
    },
}

/// When healing gives in: somebody else wants it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contest {
    /// After so many reverts of the same path …
    pub reverts: usize,
    /// … within this time …
    pub within: Duration,
    /// … or within this one, where only deep checks see the path.
    pub within_deep: Duration,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// The account's id.
    pub account: String,
    /// The region.
    pub region: String,
    /// The serial of the state.
    pub serial: u64,
    /// What differs from what was applied.
    pub findings: Vec<Finding>,
    /// How many resources the spec wants otherwise than they were applied; `None` for a spec that cannot be read.
    pub pending: Option<usize>,
    /// What there is to say of the spec, such as a rule that has expired.
    pub warnings: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What was not read since it costs a call of its own: nothing is known about findings there.
    pub left_out: Vec<(Address, Path)>,
    /// What only shows beside something that could not be read: nothing is known about findings there either.
    pub hidden: Vec<(Address, Path)>,
    /// What the state knows.
    pub resources: Vec<Resource>,
    /// What the check asked of AWS.
    pub calls: CallAccount,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Which resource.
    pub address: Address,
    /// Which path; empty for the whole resource.
    pub path: Path,
    /// A class such as `access_denied`.
    pub why: String,
    /// The operation, the code and the message.
    pub detail: String,
}

/// A resource that the state knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its address.
    pub address: Address,
    /// Its name in AWS.
    pub physical_id: String,
    /// What it depends on.
    pub dependencies: BTreeSet<Address>,
}

/// What healing may do, this time.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The resources that are looked after.
    pub addresses: BTreeSet<Address>,
    /// All that is open and may be taken back, also of other resources: they come along where one of these needs them. An empty
    /// path stands for a whole resource.
    pub paths: Vec<(Address, Path)>,
    /// What is left as it is in any case.
    pub leave: Vec<(Address, Path)>,
    /// The resources of those that are not there in AWS.
    pub missing: BTreeSet<Address>,
    /// What may be done besides creating and updating.
    pub allowed: Allowed,
    /// How many resources may be changed.
    pub max_changes: usize,
}

/// What a healing or an applied plan did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Healed {
    /// The addresses and paths that were changed; an empty path stands for a resource that was made.
    pub done: Vec<(Address, Path)>,
    /// The resources that may not be changed as wanted, and why.
    pub refused: Vec<(Address, String)>,
    /// The resources with which it was tried and failed, and why.
    pub failed: Vec<(Address, String)>,
    /// How many resources were changed.
    pub changed: usize,
}

impl Healed {
    /// Whether all was done that should have been.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.failed.is_empty()
    }
}

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The line.
    pub text: String,
}

/// Why the daemon cannot do what it should. Nothing of it is drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The sort, which decides how long it is waited.
    pub kind: TroubleKind,
    /// A sentence for people, without secrets.
    pub text: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// The sort of a [`Trouble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The spec is broken or not there.
    Spec,
    /// AWS cannot be reached.
    Away,
    /// AWS takes no more calls for now.
    Throttled,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// The credentials may not do it, or a guard refuses the account.
    Denied,
    /// Somebody else works on the state.
    Locked,
    /// The state cannot be read or written.
    State,
    /// It was refused: a stale plan, a limit, a protection.
    Refused,
    /// The daemon is being stopped.
    Stopped,
    /// Anything else.
    Other,
}

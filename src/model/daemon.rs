//! How a spec is watched: `[daemon]`.

use serde::{Deserialize, Serialize};

/// What the daemon does about drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It says what it found.
    #[default]
    Observe,
    /// It also keeps a plan ready that a person applies.
    Propose,
    /// It takes drift back.
    Heal,
}

/// `[daemon]` of the spec. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSettings {
    /// What is done about drift.
    pub mode: Mode,
    /// Whether healing also applies what the spec asks for.
    pub apply: bool,
    /// Whether healing may make something anew.
    pub may_replace: bool,
    /// Whether healing may delete something.
    pub may_delete: bool,
    /// How many resources one run may change.
    pub max_changes: usize,
    /// When settings are read that cost a call each: `rate(…)` or `cron(…)`.
    pub deep_schedule: String,
    /// After so many reverts of the same path healing gives in …
    pub contest_reverts: usize,
    /// … when they come within this time; `None` where that goes by how far apart checks are.
    pub contest_within_ms: Option<u64>,
    /// After this time it is told again that something is still open.
    pub remind_after_ms: u64,
    /// When nothing is healed or applied.
    pub freezes: Vec<FreezeRule>,
    /// How the account's log groups are looked after, if at all.
    pub log_groups: Option<LogGroupsRule>,
}

/// `[daemon.log_groups]`: what `lambdo log-groups audit` does, on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroupsRule {
    /// When: `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// What the names of the groups begin with that are looked at.
    pub prefix: String,
    /// What a group without retention should have, in days.
    pub retention_in_days: i64,
    /// Whether retentions are set where there are none.
    pub fix: bool,
    /// Whether empty groups past their retention are deleted, too.
    pub delete_empty: bool,
}

impl Default for LogGroupsRule {
    fn default() -> Self {
        Self { schedule: "rate(1 day)".to_owned(), prefix: String::new(), retention_in_days: 365, fix: false, delete_empty: false }
    }
}

/// One `[[daemon.freeze]]`: once, or again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreezeRule {
    /// The first moment, as a date or a time on the clock of the time zone.
    pub from: Option<String>,
    /// The first moment after it, in the same form.
    pub until: Option<String>,
    /// When it begins, again and again: `cron(…)`.
    pub schedule: Option<String>,
    /// How long it lasts then.
    pub lasts_ms: Option<u64>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        const HOUR_MS: u64 = 3_600_000;
        Self {
            mode: Mode::Observe,
            apply: false,
            may_replace: false,
            may_delete: false,
            max_changes: 10,
            deep_schedule: "rate(1 day)".to_owned(),
            contest_reverts: 3,
            contest_within_ms: None,
            remind_after_ms: 24 * HOUR_MS,
            freezes: Vec::new(),
            log_groups: None,
        }
    }
}

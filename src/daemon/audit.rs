//! The account's log groups, as `lambdo log-groups audit` sees them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many log groups are shown one by one; the largest.
const SHOWN: usize = 100;

/// What an audit found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// How many groups there are.
    pub groups: usize,
    /// What is stored in all of them.
    pub stored_bytes: u64,
    /// How many keep lines for ever.
    pub without_retention: usize,
    /// How many are empty and past their retention.
    pub empty: usize,
    /// With which of them something is wrong that could be mended and was not, the largest first.
    pub open: Vec<LogGroupFinding>,
    /// The names of those that were mended.
    pub mended: Vec<String>,
    /// The names of those that should have been, and why they were not.
    pub refused: Vec<(String, String)>,
}

/// A log group with which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroupFinding {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub problem: LogGroupProblem,
    /// What is stored in it, as far as AWS has counted.
    pub stored_bytes: u64,
    /// After how many days lines are deleted; `None` where they are kept for ever.
    pub retention_in_days: Option<i64>,
}

/// What is wrong with a log group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogGroupProblem {
    /// Its lines are kept for ever.
    NoRetention,
    /// It is empty and older than its retention.
    Empty,
}

/// What the account's log groups are like, as of the last audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroups {
    /// When they were looked at.
    pub at: Timestamp,
    /// How many groups there are.
    pub groups: usize,
    /// What is stored in all of them.
    pub stored_bytes: u64,
    /// How many keep lines for ever.
    pub without_retention: usize,
    /// How many are empty and past their retention.
    pub empty: usize,
    /// With how many of them something is wrong that could be mended.
    pub open: usize,
    /// The largest of those.
    pub findings: Vec<LogGroupFinding>,
}

impl Audited {
    /// What is shown of it.
    pub fn shown(&self, at: Timestamp) -> LogGroups {
        let Self { groups, stored_bytes, without_retention, empty, ref open, .. } = *self;
        let findings = open.iter().take(SHOWN).cloned().collect();
        LogGroups { at, groups, stored_bytes, without_retention, empty, open: open.len(), findings }
    }
}

//! One run: list, decide, change; within the rates that AWS allows and the time that is left.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::decide::{Decision, Group, RETENTION_DAYS, Rules};
use crate::report::{Failure, Report};

// AWS allows an account 10 DescribeLogGroups and DeleteLogGroup, and 5 PutRetentionPolicy per second
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
// A fifth of each is left to the account's other programs, and to retries.
const LIST_EVERY: Duration = Duration::from_millis(125);
const DELETE_EVERY: Duration = Duration::from_millis(125);
const SET_RETENTION_EVERY: Duration = Duration::from_millis(250);

/// The calls that a run makes; AWS behind them, or a test.
pub trait LogGroups {
    async fn page(&self, token: Option<String>) -> Result<Page, String>;
    async fn set_retention(&self, name: &str, days: i32) -> Result<Change, String>;
    async fn delete(&self, name: &str) -> Result<Change, String>;
}

#[derive(Debug)]
pub struct Page {
    pub groups: Vec<Group>,
    pub next_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Done,
    /// Somebody else deleted the group since it was listed.
    Gone,
}

/// How a run divides the time until Lambda would kill it.
#[derive(Debug)]
pub struct Budget {
    /// Half of the time is kept for the changes, however many groups there are.
    list_until: Instant,
    /// After this no call is begun.
    begin_until: Instant,
    /// After this no call is waited for: the answer has to get out.
    wait_until: Instant,
}

impl Budget {
    pub fn new(now: Instant, remaining: Duration) -> Self {
        let remaining = remaining.min(Duration::from_secs(24 * 60 * 60));
        let margin = (remaining / 5).min(Duration::from_secs(5));
        let begin_until = now + (remaining - margin);
        Self { list_until: now + (remaining - margin) / 2, begin_until, wait_until: begin_until + margin / 2 }
    }
}

/// Never fails as a whole: what failed is in the report.
pub async fn clean(groups: &impl LogGroups, rules: &Rules, budget: &Budget, dry_run: bool) -> Report {
    let mut report = Report::new(dry_run);
    // Everything is listed before anything is deleted: a page may be an offset into what is left.
    let listed = list(groups, budget, &mut report).await;
    let (without_retention, deletable) = sort(&listed, rules, &mut report);
    if dry_run {
        return report.would(&without_retention, &deletable);
    }
    let set = async |name: &str| groups.set_retention(name, RETENTION_DAYS).await;
    let delete = async |name: &str| groups.delete(name).await;
    let (set, deleted) = tokio::join!(
        change_all("set a retention of 365 days on", &without_retention, SET_RETENTION_EVERY, budget, set),
        change_all("deleted", &deletable, DELETE_EVERY, budget, delete),
    );
    report.changed(set, deleted)
}

async fn list(groups: &impl LogGroups, budget: &Budget, report: &mut Report) -> Vec<Group> {
    let (mut listed, mut token) = (Vec::new(), None);
    let mut pace = pace(LIST_EVERY);
    loop {
        pace.tick().await;
        if Instant::now() >= budget.list_until {
            return listed;
        }
        match timeout_at(budget.begin_until, groups.page(token)).await {
            Ok(Ok(page)) => {
                listed.extend(page.groups);
                token = page.next_token;
            }
            Ok(Err(error)) => {
                report.listing_failed(error);
                return listed;
            }
            Err(_) => return listed,
        }
        if token.is_none() {
            report.listed_all();
            return listed;
        }
    }
}

/// The names to give retention to, and those to delete.
fn sort<'a>(listed: &'a [Group], rules: &Rules, report: &mut Report) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut without_retention, mut deletable) = (Vec::new(), Vec::new());
    for group in listed {
        match rules.decide(group) {
            Decision::SetRetention => without_retention.push(group.name.as_str()),
            Decision::Delete => deletable.push(group.name.as_str()),
            Decision::Keep(reason) => report.kept(&group.name, reason),
        }
    }
    report.listed(listed.len());
    (without_retention, deletable)
}

/// What became of the groups of one sort of change.
#[derive(Debug, Default)]
pub struct Tally {
    pub done: usize,
    pub gone: usize,
    pub left: usize,
    pub failures: Vec<Failure>,
}

async fn change_all(
    what: &str,
    names: &[&str],
    every: Duration,
    budget: &Budget,
    change: impl AsyncFn(&str) -> Result<Change, String>,
) -> Tally {
    let mut tally = Tally::default();
    let mut pace = pace(every);
    for (index, name) in names.iter().enumerate() {
        pace.tick().await;
        if Instant::now() >= budget.begin_until {
            tally.left += names.len() - index;
            break;
        }
        match timeout_at(budget.wait_until, change(name)).await {
            Ok(Ok(Change::Done)) => {
                eprintln!("{what} {name}");
                tally.done += 1;
            }
            Ok(Ok(Change::Gone)) => tally.gone += 1,
            Ok(Err(error)) => {
                eprintln!("failed: {name}: {error}");
                tally.failures.push(Failure { name: (*name).into(), error });
            }
            Err(_) => tally.left += 1,
        }
    }
    tally
}

/// Ticks never come closer together than `every`, also after a slow call.
fn pace(every: Duration) -> tokio::time::Interval {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

#[cfg(test)]
mod tests;

//! What is shown, from plain data. Views never decide.

pub mod accept;
#[cfg(test)]
pub mod fixtures;
pub mod human;
pub mod json;
pub mod json_calls;
pub mod json_change;
mod json_drift;
pub mod json_log_groups;
pub mod json_policy;
pub mod json_runs;
pub mod markdown;
pub mod markdown_log_groups;
pub mod own_names;
pub mod rights;
pub mod statements;
pub mod title;

pub use accept::{AcceptView, Accepted, Refused};
pub use title::Title;

use crate::aws::LogEvent;
use crate::diagnostic::Diagnostic;
use crate::model::event::Outcome;
use crate::model::{Action, Address, Artifact, Operation, PhysicalId, Plan, SourceChanges, Step, Transition};
use crate::package::PackageDiff;
use std::collections::BTreeMap;

/// How the steps of a run ended.
pub type Results = BTreeMap<Address, StepResult>;

/// How one step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// How.
    pub outcome: Outcome,
    /// Why it did not go through.
    pub error: Option<Diagnostic>,
}

/// How a step ended. What dies with its parent has no result of its own: its parent's counts.
pub fn outcome(step: &Step, plan: &Plan, results: &Results) -> Outcome {
    if let Some(result) = results.get(&step.address) {
        return result.outcome;
    }
    let takes_along =
        |operation: &&Operation| matches!(&operation.transition, Transition::Delete { also, .. } if also.contains(&step.address));
    let parent = plan.operations.iter().find(takes_along).and_then(|operation| results.get(&operation.address));
    let without = if step.action == Action::NoOp { Outcome::Done } else { Outcome::Skipped };
    parent.map_or(without, |parent| parent.outcome)
}

/// One event of a log, and whose it is.
pub struct LogLine<'a> {
    /// The function, as the spec calls it.
    pub function: &'a str,
    /// The group that it stands in.
    pub group: &'a str,
    /// When, as RFC 3339 in UTC with milliseconds.
    pub time: &'a str,
    /// The event.
    pub event: &'a LogEvent,
}

/// A package beside the one that was applied.
pub struct PackageView<'a> {
    /// Whose it is.
    pub address: &'a Address,
    /// The package that there is now.
    pub artifact: &'a Artifact,
    /// The content hash of the one that was applied.
    pub applied: Option<&'a str>,
    /// How they compare.
    pub standing: Standing,
    /// What differs in what they are made from.
    pub source_changes: SourceChanges,
}

/// How a package compares with the one that was applied.
pub enum Standing {
    /// None was applied.
    New,
    /// It is the one that was applied.
    Same,
    /// It differs in these files.
    Differs(PackageDiff),
    /// It is another, but what was applied was made elsewhere, or so long ago that its files are not known any more.
    Unknown,
}

/// Something in AWS that carries the project's tags and stands in no state.
pub struct Orphan {
    /// What its tags say.
    pub address: Address,
    /// AWS's name for it.
    pub physical_id: PhysicalId,
    /// The lineage of the state that made it.
    pub lineage: String,
    /// What is to be thought of it.
    pub standing: OrphanStanding,
}

/// What is to be thought of something that stands in no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrphanStanding {
    /// This state has made it, and nobody wants it.
    Garbage,
    /// This state has made it, and the spec asks for it: the next `up` takes it up again.
    Wanted,
    /// This state has made it, and only the package shows whether the spec asks for just this one, as among the versions of a
    /// layer. It may be in use.
    MaybeWanted,
    /// It is to stay: it was there before lambdo, its setting says so, or it was forgotten.
    Stays,
    /// Another state has made it.
    OfAnotherState,
}

/// Who works on a state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LockHolder {
    /// The user.
    pub who: String,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// What is being done.
    pub operation: String,
    /// Since when, as RFC 3339.
    pub since: String,
}

impl LockHolder {
    /// The holder in words.
    pub fn sentence(&self) -> String {
        format!("{} on {} (process {}), doing `{}` since {}", self.who, self.host, self.pid, self.operation, self.since)
    }
}

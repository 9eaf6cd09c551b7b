//! What a run leaves behind for whoever asks what happened: a line for each call and each step.

use super::view::{Results, outcome};
use crate::diagnostic::Diagnostic;
use crate::model::event::Outcome;
use crate::model::log_group::{Ended, Finding, Remedy};
use crate::model::{Action, Address, Event, Exit, Plan, Scrubber, State};
use crate::store::RunLog;
use serde_json::{Map, Value as Json, json};
use std::sync::{Mutex, PoisonError};

/// The version of the lines.
const VERSION: u32 = 1;

/// The first line of a record.
pub const STARTED: &str = "run_started";
/// The last one.
pub const ENDED: &str = "run_ended";

/// A resource in a state that was changed without a plan.
pub const STATE_CHANGED: &str = "state_changed";

/// Whose run it is.
pub struct Head<'a> {
    /// The verb.
    pub command: &'a str,
    /// The project.
    pub project: &'a str,
    /// The stage, if there is one.
    pub stage: Option<&'a str>,
}

/// The record of this run.
pub struct Record {
    log: RunLog,
    scrubber: Scrubber,
    counts: Mutex<Counts>,
}

/// What was done, for the last line.
#[derive(Default)]
struct Counts {
    planned: usize,
    done: Option<usize>,
    failed: usize,
    skipped: usize,
    errors: Vec<Diagnostic>,
}

impl Record {
    /// Writes the first line.
    pub fn begin(log: RunLog, scrubber: Scrubber, head: &Head<'_>) -> Self {
        let record = Self { log, scrubber, counts: Mutex::default() };
        let Head { command, project, stage } = head;
        record.line(
            json!({
                "event": STARTED, "id": record.log.id(), "command": command, "project": project, "stage": stage,
                "lambdo": env!("CARGO_PKG_VERSION"), "pid": std::process::id(),
            }),
            true,
        );
        record
    }

    /// Writes down an event.
    pub fn event(&self, event: &Event) {
        // How far things are is for who watches.
        if !matches!(event, Event::Read { .. }) {
            self.line(json!(event), matches!(event, Event::OperationStarted { .. } | Event::OperationEnded { .. } | Event::Calls { .. }));
        }
    }

    /// Writes down where the run works.
    pub fn connected(&self, state: &State) {
        let State { target, endpoint, lineage, serial, .. } = state;
        self.line(
            json!({
                "event": "connected", "account": target.account, "region": target.region, "endpoint": endpoint,
                "lineage": lineage, "serial": serial,
            }),
            true,
        );
    }

    /// Writes down what became of resources in a state that was changed without a plan.
    pub fn state_changed<'a>(&self, state: &State, resources: impl IntoIterator<Item = (&'a Address, &'static str)>) {
        for (address, change) in resources {
            let physical_id = state.entries.get(address).map(|entry| &entry.physical_id);
            self.line(
                json!({
                    "event": STATE_CHANGED, "address": address, "change": change, "physical_id": physical_id, "serial": state.serial,
                }),
                true,
            );
        }
    }

    /// Writes down each step that has something to do. Of the differences only the paths: values belong to the state.
    pub fn planned(&self, plan: &Plan) {
        let steps: Vec<_> = plan.steps.iter().filter(|step| step.action != Action::NoOp).collect();
        self.counts().planned = steps.len();
        for step in steps {
            let paths: Vec<String> = step.changes.iter().map(|change| change.path.to_string()).collect();
            self.line(
                json!({ "event": "step_planned", "address": step.address, "action": step.action, "reason": step.reason, "paths": paths }),
                true,
            );
        }
    }

    /// Writes down how each step ended, and keeps what went wrong besides for the last line.
    pub fn applied(&self, plan: &Plan, results: &Results, errors: &[Diagnostic]) {
        for step in plan.steps.iter().filter(|step| step.action != Action::NoOp) {
            let outcome = outcome(step, plan, results);
            let mut line = Map::new();
            line.insert("event".into(), "step_ended".into());
            line.insert("address".into(), json!(step.address));
            line.insert("action".into(), json!(step.action));
            line.insert("result".into(), json!(outcome));
            if let Some(error) = results.get(&step.address).and_then(|result| result.error.as_ref()) {
                line.insert("error".into(), described(error));
            }
            self.line(line.into(), true);
            self.counts().add(outcome);
        }
        self.counts().errors.extend(errors.iter().filter(|error| error.is_error()).cloned());
    }

    /// Writes down how it ended with a log group that something was to be done about.
    pub fn log_group(&self, finding: &Finding, ended: &Ended) {
        let action = if finding.remedy == Remedy::Delete { "delete" } else { "set_retention" };
        let (result, why) = match ended {
            Ended::Done => ("done", None),
            Ended::Skipped(why) => ("skipped", Some(why)),
            Ended::Failed(why) => ("failed", Some(why)),
        };
        self.line(json!({ "event": "log_group_ended", "name": finding.group.name, "action": action, "result": result, "why": why }), true);
    }

    /// Writes the last line.
    pub fn end(&self, exit: Exit, elapsed_ms: u64, errors: &[Diagnostic]) {
        let counts = self.counts();
        let errors: Vec<Json> = counts.errors.iter().chain(errors).map(described).collect();
        let changes = match counts.done {
            Some(done) => json!({ "planned": counts.planned, "done": done, "failed": counts.failed, "skipped": counts.skipped }),
            None => json!({ "planned": counts.planned }),
        };
        let line = json!({ "event": ENDED, "exit": exit.code(), "elapsed_ms": elapsed_ms, "changes": changes, "errors": errors });
        drop(counts);
        self.line(line, true);
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, fields: Json, is_essential: bool) {
        let mut line = Map::new();
        line.insert("version".into(), VERSION.into());
        line.insert("timestamp".into(), jiff::Timestamp::now().to_string().into());
        if let Json::Object(fields) = self.scrubber.clean_json(&fields) {
            line.extend(fields);
        }
        self.log.write(&Json::Object(line).to_string(), is_essential);
    }
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        let done = self.done.get_or_insert(0);
        match outcome {
            Outcome::Done => *done += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
        }
    }
}

fn described(error: &Diagnostic) -> Json {
    let mut line = Map::new();
    line.insert("code".into(), error.code.into());
    line.insert("summary".into(), error.summary.as_str().into());
    if !error.detail.is_empty() {
        line.insert("detail".into(), error.detail.as_str().into());
    }
    if let Some(address) = &error.address {
        line.insert("address".into(), address.as_str().into());
    }
    if !error.hints.is_empty() {
        line.insert("hints".into(), json!(error.hints));
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::StepResult;
    use crate::cli::view::fixtures;
    use crate::store::RunRecords;

    #[test]
    fn a_record_has_a_line_for_each_step_and_call_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (records, scrubber) = (RunRecords::below(folder.path()), Scrubber::default());
        scrubber.learn("hunter2");
        let record = Record::begin(records.begin("x").unwrap(), scrubber, &Head { command: "up", project: "demo", stage: None });
        let plan = fixtures::every_action();
        record.planned(&plan);
        record.event(&Event::Called {
            operation: "lambda:CreateFunction".into(),
            attempt: 2,
            elapsed_ms: 12,
            request_id: Some("r-1".into()),
            status: Some(400),
            code: Some("InvalidParameterValueException".into()),
            message: Some("no hunter2".into()),
        });
        let results = plan
            .steps
            .iter()
            .map(|step| {
                let error = Diagnostic::error("aws-invalid", "AWS refused the request").detail("it said hunter2");
                (step.address.clone(), StepResult { outcome: Outcome::Failed, error: Some(error) })
            })
            .collect();
        record.applied(&plan, &results, &[]);
        record.end(Exit::Partial, 99, &[]);
        let read = records.read("x").unwrap();
        let text = format!("{:?}", read.lines);
        assert!(!text.contains("hunter2") && text.contains("it said (secret)"), "{text}");
        let count = |event: &str| read.lines.iter().filter(|line| line["event"] == event).count();
        let steps = plan.steps.iter().filter(|step| step.action != Action::NoOp).count();
        assert_eq!((count(STARTED), count("step_planned"), count("step_ended"), count("called")), (1, steps, steps, 1));
        let last = read.lines.last().unwrap();
        assert_eq!((&last["event"], &last["exit"], &last["changes"]["failed"]), (&ENDED.into(), &9.into(), &steps.into()));
        assert!(read.lines.iter().all(|line| line["version"] == 1 && line["timestamp"].is_string()));
    }
}

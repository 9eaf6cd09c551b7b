//! What the records of runs say.

use super::record::{ENDED, STARTED};
use crate::store::{RunRecord, RunRecords, StoreError};
use serde_json::Value as Json;

/// One run in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// What it is called.
    pub id: String,
    /// The verb.
    pub command: String,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// How it ended, in a word.
    pub result: &'static str,
    /// The exit code of a run that has ended.
    pub exit: Option<u64>,
    /// Steps that had something to do.
    pub planned: Option<u64>,
    /// Steps that were done; none for a run that only looked.
    pub done: Option<u64>,
    /// Steps that failed.
    pub failed: u64,
    /// How long it took, in milliseconds; of a run that was killed, until the last that is known.
    pub elapsed_ms: Option<u64>,
}

/// The latest runs of a project and stage, the newest first.
///
/// # Errors
/// When the records cannot be read.
pub fn latest(records: &RunRecords, project: &str, stage: Option<&str>, most: usize) -> Result<Vec<RunSummary>, StoreError> {
    let mut found = Vec::new();
    for id in records.ids()? {
        if found.len() >= most {
            break;
        }
        // It may have been removed in the meantime.
        let Ok(record) = records.outline(&id, |line| line["event"] == ENDED) else { continue };
        found.extend(is_of(&record, project, stage).then(|| summary(&record)));
    }
    Ok(found)
}

/// Whether a record is one of this project and stage.
pub fn is_of(record: &RunRecord, project: &str, stage: Option<&str>) -> bool {
    let first = record.lines.first();
    first.is_some_and(|line| line["event"] == STARTED && line["project"] == project && line["stage"].as_str() == stage)
}

/// What a record says in short.
pub fn summary(record: &RunRecord) -> RunSummary {
    let text = |line: Option<&Json>, key: &str| line.and_then(|line| line[key].as_str()).unwrap_or_default().to_owned();
    let (first, last) = (record.lines.first(), record.lines.last());
    let end = last.filter(|line| line["event"] == ENDED);
    let exit = end.and_then(|line| line["exit"].as_u64());
    let changes = |key: &str| end.and_then(|line| line["changes"][key].as_u64());
    let (started_at, seen_at) = (text(first, "timestamp"), text(last, "timestamp"));
    RunSummary {
        id: record.id.clone(),
        command: text(first, "command"),
        result: exit.map_or(if record.is_running { "running" } else { "killed" }, result),
        exit,
        planned: changes("planned").or_else(|| count(record, |line| line["event"] == "step_planned")),
        done: changes("done").or_else(|| count(record, |line| line["event"] == "operation_ended" && line["outcome"] == "done")),
        failed: changes("failed").unwrap_or_default(),
        elapsed_ms: end.and_then(|line| line["elapsed_ms"].as_u64()).or_else(|| elapsed_ms(&started_at, &seen_at)),
        started_at,
    }
}

/// How many lines of a run that did not end are so; none where there is none.
fn count(record: &RunRecord, is_meant: impl Fn(&Json) -> bool) -> Option<u64> {
    let is_ended = record.lines.last().is_some_and(|line| line["event"] == ENDED);
    let number = record.lines.iter().filter(|line| is_meant(line)).count();
    (!is_ended && number > 0).then(|| u64::try_from(number).unwrap_or(u64::MAX))
}

fn elapsed_ms(from: &str, to: &str) -> Option<u64> {
    let (from, to): (jiff::Timestamp, jiff::Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    u64::try_from(to.as_millisecond() - from.as_millisecond()).ok()
}

/// The meaning of an exit code, in a word.
fn result(exit: u64) -> &'static str {
    match exit {
        0 => "done",
        1 => "failed",
        2 => "changes",
        3 => "drift",
        4 => "changes and drift",
        5 => "unread",
        6 => "bad usage",
        7 => "locked",
        8 => "refused",
        9 => "partly applied",
        130 => "interrupted",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(lines: Vec<Json>) -> RunRecord {
        RunRecord { id: "x".into(), lines, ..RunRecord::default() }
    }

    fn started() -> Json {
        json!({ "event": STARTED, "command": "up", "project": "demo", "stage": null, "timestamp": "2026-11-22T10:00:00Z" })
    }

    #[test]
    fn a_run_that_ended_says_how_and_one_that_did_not_what_is_known() {
        let ended = json!({ "event": ENDED, "exit": 9, "elapsed_ms": 7, "changes": { "planned": 4, "done": 3, "failed": 1 } });
        let whole = summary(&record(vec![started(), ended]));
        assert_eq!(
            (whole.result, whole.planned, whole.done, whole.failed, whole.elapsed_ms),
            ("partly applied", Some(4), Some(3), 1, Some(7))
        );
        let planned = json!({ "event": "step_planned", "timestamp": "2026-11-22T10:00:02.5Z" });
        let killed = summary(&record(vec![started(), planned]));
        assert_eq!((killed.result, killed.planned, killed.done, killed.elapsed_ms), ("killed", Some(1), None, Some(2_500)));
        assert_eq!(summary(&RunRecord { is_running: true, ..record(vec![started()]) }).result, "running");
        assert_eq!(summary(&record(Vec::new())).result, "killed");
    }

    #[test]
    fn runs_of_other_stages_are_not_listed() {
        assert!(is_of(&record(vec![started()]), "demo", None));
        assert!(!is_of(&record(vec![started()]), "demo", Some("dev")) && !is_of(&record(vec![started()]), "other", None));
        assert!(!is_of(&record(Vec::new()), "demo", None));
    }
}

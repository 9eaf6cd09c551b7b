//! The documents of `runs`, described by `schemas/runs.schema.json`.

use super::json::VERSION;
use crate::cli::record::{ENDED, STARTED};
use crate::cli::runs::{RunSummary, summary};
use crate::store::RunRecord;
use serde_json::{Map, Value as Json, json};

/// The document of `runs`.
pub fn list(project: &str, stage: Option<&str>, runs: &[RunSummary]) -> Json {
    let runs: Vec<Json> = runs.iter().map(one).collect();
    json!({ "version": VERSION, "command": "runs", "project": project, "stage": stage, "runs": runs })
}

/// The document of `runs show`: what was written down, by what it tells of.
pub fn show(record: &RunRecord) -> Json {
    let of = |events: &[&str]| -> Vec<Json> {
        let lines = record.lines.iter().filter(|line| line["event"].as_str().is_some_and(|event| events.contains(&event)));
        lines.map(|line| without(line, &["version", "event"])).collect()
    };
    let steps: Vec<Json> = of(&["step_planned"]).into_iter().map(|step| with_result(step, record)).collect();
    let told = [STARTED, ENDED, "connected", "step_planned", "step_ended", "called", "calls"];
    let others = record.lines.iter().filter(|line| !line["event"].as_str().is_some_and(|event| told.contains(&event)));
    let events: Vec<Json> = others.map(|line| without(line, &["version"])).collect();
    let mut document = Map::new();
    document.insert("version".into(), VERSION.into());
    document.insert("command".into(), "runs show".into());
    document.insert("run".into(), one(&summary(record)));
    if let Some(place) = of(&["connected"]).into_iter().next() {
        document.insert("place".into(), place);
    }
    document.insert("steps".into(), steps.into());
    document.insert("calls".into(), of(&["called"]).into());
    document.insert("events".into(), events.into());
    document.insert("errors".into(), record.lines.last().and_then(|line| line.get("errors")).cloned().unwrap_or_else(|| json!([])));
    document.insert("unreadable_lines".into(), record.unreadable.into());
    document.into()
}

fn one(run: &RunSummary) -> Json {
    let fields = [
        ("id", Some(Json::from(run.id.as_str()))),
        ("verb", Some(run.command.as_str().into())),
        ("started_at", Some(run.started_at.as_str().into())),
        ("result", Some(run.result.into())),
        ("exit", run.exit.map(Json::from)),
        ("planned", run.planned.map(Json::from)),
        ("done", run.done.map(Json::from)),
        ("failed", Some(run.failed.into())),
        ("elapsed_ms", run.elapsed_ms.map(Json::from)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

fn with_result(mut step: Json, record: &RunRecord) -> Json {
    let ended = record.lines.iter().find(|line| line["event"] == "step_ended" && line["address"] == step["address"]);
    for key in ["result", "error"] {
        if let Some(value) = ended.and_then(|line| line.get(key)) {
            step[key] = value.clone();
        }
    }
    step
}

fn without(line: &Json, keys: &[&str]) -> Json {
    let fields = line.as_object().into_iter().flatten().filter(|(key, _)| !keys.contains(&key.as_str()));
    fields.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
}

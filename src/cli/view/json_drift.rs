//! The documents of `drift`.

use super::AcceptView;
use super::human::DriftView;
use super::json::{VERSION, diagnostics, head, insert_some, step_head, unchecked};
use super::json_change::{change, changes};
use crate::cli::render::Sources;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Author, Extra, Step, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The document of `drift`.
pub fn drift(view: &DriftView<'_>) -> Json {
    let mut document = head("drift", view.title);
    let report = view.report;
    let one = |step: &Step| {
        let mut one = step_head(step);
        one.insert("changes".into(), changes(step));
        if report.plan.is_somebody_elses(&step.address) {
            one.insert("not_ours".into(), true.into());
        }
        Json::from(one)
    };
    document.insert("drifted".into(), report.drifted.iter().map(one).collect());
    document.insert("extras".into(), report.extras.iter().map(|(address, it)| extra(address, it)).collect());
    insert_some(&mut document, "authors", report.authors.as_ref().map(authors));
    document.insert("ignored".into(), report.ignored.into());
    insert_some(&mut document, "pending", report.pending.map(Json::from));
    if report.secrets > 0 {
        document.insert("secrets_not_read".into(), report.secrets.into());
    }
    document.insert("unchecked".into(), unchecked(&report.plan));
    document.insert("not_deep".into(), report.plan.not_deep.len().into());
    document.into()
}

fn authors(authors: &BTreeMap<Address, Author>) -> Json {
    let one = |(address, Author { name, operation, time, agent }): (&Address, &Author)| {
        let mut one = Map::new();
        one.insert("address".into(), json!(address));
        one.insert("name".into(), name.as_str().into());
        one.insert("operation".into(), operation.as_str().into());
        one.insert("time".into(), time.as_str().into());
        insert_some(&mut one, "agent", agent.as_deref().map(Json::from));
        Json::from(one)
    };
    authors.iter().map(one).collect()
}

/// The document of `drift --accept`.
pub fn accepted(view: &AcceptView<'_>) -> Json {
    let accepted = view.accepted.iter().map(|one| json!({ "address": one.address, "change": change(&one.change) }));
    let refused = view.refused.iter().map(|one| {
        let mut document = Map::new();
        document.insert("address".into(), json!(one.address));
        insert_some(&mut document, "path", Some(one.path.to_string()).filter(|path| !path.is_empty()).map(Json::from));
        document.insert("why".into(), one.why.as_str().into());
        insert_some(&mut document, "lines", Some(one.lines.as_str()).filter(|lines| !lines.is_empty()).map(Json::from));
        Json::from(document)
    });
    let (accepted, refused): (Vec<Json>, Vec<Json>) = (accepted.collect(), refused.collect());
    json!({ "version": VERSION, "command": "drift", "file": view.file, "accepted": accepted, "refused": refused })
}

/// The document of `drift --all-stages`: what each stage has to say.
pub fn every_stage(stages: Vec<Json>) -> Json {
    json!({ "version": VERSION, "command": "drift", "stages": stages })
}

/// What a stage has to say that could not be checked.
pub fn stage_not_checked(stage: &str, errors: &[Diagnostic], sources: &Sources) -> Json {
    json!({ "version": VERSION, "command": "drift", "stage": stage, "errors": diagnostics(errors, sources) })
}

fn extra(address: &Address, extra: &Extra) -> Json {
    let mut one = Map::new();
    one.insert("address".into(), address.to_string().into());
    one.insert("class".into(), extra.class.word().into());
    one.insert("path".into(), extra.path.to_string().into());
    insert_some(&mut one, "live", extra.live.as_ref().map(Value::to_json));
    insert_some(&mut one, "usual", extra.usual.as_ref().map(Value::to_json));
    one.insert("text".into(), extra.text.as_str().into());
    if extra.is_public {
        one.insert("public".into(), true.into());
    }
    one.into()
}

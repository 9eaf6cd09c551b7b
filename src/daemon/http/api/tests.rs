use super::*;
use crate::daemon::testing::{Stage, at, finding, trouble};
use crate::daemon::{
    Attempt, Board, CallCount, Calls, Depth, FindingState, Listener as _, LogGroupFinding, LogGroupProblem, LogGroups, LogLine, Moment,
    MomentKind, Proposal, Resource, TroubleKind, Undone, Unread,
};
use crate::model::Address;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

fn openapi() -> Json {
    serde_json::from_str(OPENAPI).unwrap()
}

/// Checks content against a schema of the document.
#[track_caller]
fn fits(schema: &str, content: &impl serde::Serialize) {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": openapi()["components"] });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let content = serde_json::to_value(content).unwrap();
    let errors: Vec<String> = validator.iter_errors(&content).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{content:#}");
}

/// A spec of which everything is known that there can be.
fn full() -> Arc<View> {
    let (board, now) = (Board::default(), at("2026-11-22T10:00:00Z"));
    board.update("demo", |view| {
        view.stage = Some("prod".into());
        view.frozen = Some("frozen".into());
        (view.next_check, view.last_success, view.trouble_since) = (Some(now), Some(now), Some(now));
        view.activity = Some("checking".into());
        view.last_check = Some(Attempt { at: now, elapsed_ms: 7, depth: Depth::Deep, is_success: true, calls: 3 });
        view.trouble = Some(trouble(TroubleKind::Credentials));
        view.spec_trouble = Some(trouble(TroubleKind::Spec));
        view.history_trouble = Some("full".into());
        let undone = |(work, _)| Undone { work, trouble: trouble(TroubleKind::Denied), since: now, attempts: 3 };
        view.undone = crate::daemon::Topic::WORK.into_iter().map(undone).collect();
        let of = |path| FindingState {
            finding: finding("hash", path, 512),
            id: "x".into(),
            since: now,
            seen: now,
            healed: Some(now),
            left: Some("denied".into()),
            is_told: true,
            contested: Some(now),
            reminded: Some(now),
        };
        view.findings = vec![of("memory_size"), of("timeout")];
        view.pending = Some(2);
        view.warnings = vec!["a rule has expired".into()];
        let address = Address::new("function", "hash");
        view.unread = vec![Unread { address: address.clone(), path: Default::default(), why: "access_denied".into(), detail: "no".into() }];
        view.resources = vec![Resource {
            address: address.clone(),
            physical_id: "demo-hash".into(),
            dependencies: [Address::new("role", "hash")].into(),
        }];
        let (file, text) = ("plan.json".into(), "~ function.hash".into());
        view.proposal = Some(Proposal { id: "p".into(), at: now, file, command: "lambdo up".into(), counts: Vec::new(), text });
        let moment = |text: &str| Moment { at: now, kind: MomentKind::Opened, address: Some(address.clone()), text: text.into() };
        view.timeline = vec![moment("c"), moment("b"), Moment { at: at("2026-11-21T10:00:00Z"), address: None, ..moment("a") }];
        let group = LogGroupFinding { name: "/a".into(), problem: LogGroupProblem::Empty, stored_bytes: 0, retention_in_days: Some(30) };
        view.log_groups =
            Some(LogGroups { at: now, groups: 2, stored_bytes: 9, without_retention: 1, empty: 1, open: 1, findings: vec![group] });
        view.calls = Calls { total: 3, throttled: 1, operations: [("lambda:GetFunction".to_owned(), CallCount::default())].into() };
    });
    board.get("demo").unwrap()
}

#[test]
fn documents_are_what_the_openapi_document_says_for_a_spec_that_is_new_and_for_one_with_everything() {
    let board = Board::default();
    board.update("demo", |_| {});
    for view in [board.get("demo").unwrap(), full()] {
        fits("Summary", &Summary::of(&view));
        fits("Spec", &Detail::of(&view));
        fits("Drift", &Drift::of(&view));
        fits("Calls", &view.calls);
        fits("History", &History::of(&view, 10, None));
        Resources::of(&view).iter().for_each(|resource| fits("Resource", resource));
        view.proposal.iter().for_each(|plan| fits("Plan", plan));
        view.log_groups.iter().for_each(|seen| fits("LogGroups", seen));
    }
    Stage::new().told.health("demo").iter().for_each(|health| fits("Channel", health));
    fits("Lines", &Lines { function: "hash", lines: &[LogLine { at: at("2026-11-22T10:00:00Z"), text: "x".into() }] });
}

#[test]
fn every_address_stands_in_the_openapi_document() {
    let document = openapi();
    let listed: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let served: BTreeSet<&str> = addresses().iter().map(|(address, _)| *address).chain(["/metrics"]).collect();
    assert_eq!(listed, served);
}

#[test]
fn the_openapi_document_refers_to_nothing_that_is_not_there() {
    fn references<'a>(value: &'a Json, found: &mut BTreeSet<&'a str>) {
        match value {
            Json::Object(object) => {
                object.get("$ref").and_then(Json::as_str).into_iter().for_each(|reference| {
                    found.insert(reference);
                });
                object.values().for_each(|value| references(value, found));
            }
            Json::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = openapi();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let missing: Vec<&&str> = found.iter().filter(|reference| document.pointer(&reference[1..]).is_none()).collect();
    assert!(found.len() > 15 && missing.is_empty(), "{missing:?}");
}

#[test]
fn a_history_is_paged() {
    let view = full();
    let texts = |limit, before: Option<&str>| {
        let history = serde_json::to_value(History::of(&view, limit, before.map(at))).unwrap();
        let texts: Vec<String> =
            history["moments"].as_array().unwrap().iter().map(|moment| moment["text"].as_str().unwrap().to_owned()).collect();
        (texts.concat(), history["has_more"].as_bool().unwrap())
    };
    assert_eq!(texts(2, None), ("cb".to_owned(), true));
    assert_eq!(texts(3, None), ("cba".to_owned(), false));
    assert_eq!(texts(3, Some("2026-11-22T10:00:00Z")), ("a".to_owned(), false));
}

#[test]
fn what_aws_says_of_a_log_names_no_account() {
    let said = crate::daemon::Trouble {
        kind: TroubleKind::Denied,
        text: "arn:aws:iam::123456789012:role/x may not".into(),
        hints: vec!["123456789012".into()],
    };
    assert!(!format!("{:?}", not_read(&said)).contains("123456789012"));
}

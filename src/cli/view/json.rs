//! Views for programs: one document each, described by `schemas/*.schema.json`.

mod state;

pub use state::{gc, import, state_diff, state_forget, state_history, state_list, state_move, state_rebuild, state_restore, state_show};

use super::human::{InvocationView, StatusView};
use super::json_change::changes;
pub use super::json_drift::{accepted, drift, every_stage, stage_not_checked};
use super::{LockHolder, LogLine, PackageView, Results, Standing, Title, outcome};
use crate::cli::render::{Sources, file_name, headline, position, sorted};
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::{Action, Address, Artifact, Causes, Entry, PackageRequest, Plan, Record, Step, Table, Value};
use crate::package::{CheckedFile, Making, PackedFile};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The version of all documents.
pub const VERSION: u32 = 1;

const ACTIONS: [(Action, &str); 7] = [
    (Action::Create, "create"),
    (Action::Update, "update"),
    (Action::Replace, "replace"),
    (Action::Delete, "delete"),
    (Action::Adopt, "adopt"),
    (Action::Forget, "forget"),
    (Action::NoOp, "no_op"),
];

/// The document of `plan`.
pub fn plan(title: &Title, plan: &Plan) -> Json {
    let mut document = head("plan", title);
    describe_plan(&mut document, plan, None);
    document.into()
}

/// The document of `up` and `destroy` after a run.
pub fn report(command: &str, title: &Title, plan: &Plan, results: &Results, outputs: &Table, errors: Json) -> Json {
    let mut document = head(command, title);
    describe_plan(&mut document, plan, Some(results));
    document.insert("outputs".into(), table(outputs));
    document.insert("errors".into(), errors);
    document.into()
}

/// The document of a command that could not do its work.
pub fn failure(command: &str, errors: &[Diagnostic], sources: &Sources) -> Json {
    json!({ "version": VERSION, "command": command, "errors": diagnostics(errors, sources) })
}

/// The document of `notify test`: each channel, and why nothing arrived there, if nothing did.
pub fn notify_test(project: &str, stage: Option<&str>, results: &[(String, Option<String>)]) -> Json {
    let channel = |(channel, error): &(String, Option<String>)| match error {
        None => json!({ "channel": channel, "result": "told" }),
        Some(error) => json!({ "channel": channel, "result": "failed", "error": error }),
    };
    let channels: Vec<Json> = results.iter().map(channel).collect();
    json!({ "version": VERSION, "command": "notify test", "project": project, "stage": stage, "channels": channels })
}

/// The document of `status`.
pub fn status(view: &StatusView<'_>) -> Json {
    let state = view.state;
    let resources: Vec<Json> = state.entries.iter().map(|(address, entry)| resource(address, entry)).collect();
    let intents: Vec<Json> = state.intents.iter().filter_map(intent).collect();
    let mut document = Map::new();
    document.insert("version".into(), VERSION.into());
    document.insert("command".into(), "status".into());
    document.insert("project".into(), state.project.as_str().into());
    document.insert("stage".into(), json!(state.stage));
    document.insert("account".into(), state.target.account.as_str().into());
    document.insert("region".into(), state.target.region.as_str().into());
    insert_some(&mut document, "endpoint", state.endpoint.as_deref().map(Json::from));
    document.insert("lineage".into(), json!(state.lineage));
    document.insert("serial".into(), state.serial.into());
    document.insert("place".into(), view.place.into());
    insert_some(&mut document, "lock", view.holder.map(|holder| json!(holder)));
    document.insert("resources".into(), resources.into());
    document.insert("intents".into(), intents.into());
    document.into()
}

/// The document of `status` and `state list` where nothing was ever deployed.
pub fn nothing_deployed(command: &str, project: &str, stage: Option<&str>) -> Json {
    json!({ "version": VERSION, "command": command, "project": project, "stage": stage, "serial": 0, "resources": [] })
}

/// The document of `unlock`: who had left a note behind, if anybody.
pub fn unlock(released: Option<&LockHolder>) -> Json {
    let mut document = Map::new();
    document.insert("version".into(), VERSION.into());
    document.insert("command".into(), "unlock".into());
    insert_some(&mut document, "released", released.map(|holder| json!(holder)));
    document.into()
}

/// The document of `output`: all of them, or the one that was asked for.
pub fn output(outputs: &Table) -> Json {
    json!({ "version": VERSION, "command": "output", "outputs": table(outputs) })
}

/// The document of `validate` for a spec that is good.
pub fn validate(
    project: &str,
    stage: Option<&str>,
    functions: &[String],
    resources: usize,
    warnings: &[Diagnostic],
    sources: &Sources,
) -> Json {
    json!({
        "version": VERSION, "command": "validate", "valid": true, "project": project, "stage": stage,
        "functions": functions, "resources": resources, "diagnostics": diagnostics(warnings, sources),
    })
}

/// The document of `local`.
pub fn local(endpoint_url: &str, account: &str, region: &str, pid: u32, variables: &[(&str, &str)]) -> Json {
    let environment: BTreeMap<&str, &str> = variables.iter().copied().collect();
    json!({
        "version": VERSION, "command": "local", "endpoint_url": endpoint_url, "account": account, "region": region, "pid": pid,
        "environment": environment,
    })
}

/// The document of `build`.
pub fn build(artifacts: &BTreeMap<Address, Artifact>, makings: &BTreeMap<Address, Making>, elapsed_ms: u64) -> Json {
    let package = |(address, artifact): (&Address, &Artifact)| {
        let making = makings.get(address);
        json!({
            "address": address, "function": address.name, "content_hash": artifact.content_hash,
            "unzipped_bytes": artifact.unzipped_bytes, "files": artifact.files,
            "cached": making.is_none_or(|making| making.is_cached), "elapsed_ms": making.map_or(0, |making| making.elapsed_ms),
        })
    };
    let packages: Vec<Json> = artifacts.iter().map(package).collect();
    json!({ "version": VERSION, "command": "build", "packages": packages, "elapsed_ms": elapsed_ms })
}

/// The document of `diff`.
pub fn diff(project: &str, stage: Option<&str>, views: &[PackageView<'_>]) -> Json {
    let packages: Vec<Json> = views.iter().map(package_diff).collect();
    json!({ "version": VERSION, "command": "diff", "project": project, "stage": stage, "packages": packages })
}

fn package_diff(view: &PackageView<'_>) -> Json {
    let standing = match &view.standing {
        Standing::New => "new",
        Standing::Same => "same",
        Standing::Differs(_) => "differs",
        Standing::Unknown => "unknown",
    };
    let mut object = Map::new();
    object.insert("address".into(), json!(view.address));
    object.insert("standing".into(), standing.into());
    insert_some(&mut object, "applied", view.applied.map(Json::from));
    object.insert("content_hash".into(), view.artifact.content_hash.as_str().into());
    object.insert("unzipped_bytes".into(), view.artifact.unzipped_bytes.into());
    object.insert("files".into(), view.artifact.files.into());
    insert_some(&mut object, "source_changes", (!view.source_changes.is_empty()).then(|| json!(view.source_changes)));
    if let Standing::Differs(diff) = &view.standing {
        object.insert("applied_unzipped_bytes".into(), diff.before.bytes.into());
        object.insert("applied_files".into(), diff.before.files.into());
        let differing = diff.files.iter().map(|(path, (before, after))| {
            let mut file = Map::new();
            file.insert("path".into(), path.as_str().into());
            insert_some(&mut file, "before", before.as_ref().map(packed_file));
            insert_some(&mut file, "after", after.as_ref().map(packed_file));
            Json::from(file)
        });
        object.insert("differing".into(), differing.collect());
    }
    object.into()
}

fn packed_file(file: &PackedFile) -> Json {
    json!({ "bytes": file.bytes, "mode": format!("{:04o}", file.mode & 0o7777), "sha256": file.sha256 })
}

/// The document of `build --check`; `starts` is `None` where not everything was looked at.
pub fn check(file: &str, request: &PackageRequest, checked: &CheckedFile, starts: Option<bool>, sources: &Sources) -> Json {
    let mut about = json!({
        "file": file,
        "runtime": request.runtime,
        "architectures": request.architectures,
        "starts": starts,
        "not_looked_at": checked.unseen,
        "findings": diagnostics(&checked.findings, sources),
    });
    if let Some(artifact) = &checked.artifact {
        about["content_hash"] = artifact.content_hash.clone().into();
        about["unzipped_bytes"] = artifact.unzipped_bytes.into();
        about["files"] = artifact.files.into();
    }
    if !request.handler.is_empty() {
        about["handler"] = request.handler.clone().into();
    }
    json!({ "version": VERSION, "command": "build", "checked": about })
}

/// The document of `invoke`. The payload is left out where it was written to a file.
pub fn invoke(title: &Title, view: &InvocationView<'_>, has_payload: bool, errors: &[Diagnostic]) -> Json {
    let answer = view.answer;
    let mut document = head("invoke", title);
    document.insert("address".into(), json!(view.address));
    document.insert("function_name".into(), view.function_name.into());
    insert_some(&mut document, "request_id", answer.request_id.as_deref().map(Json::from));
    insert_some(&mut document, "executed_version", answer.executed_version.as_deref().map(Json::from));
    insert_some(&mut document, "function_error", answer.function_error.as_deref().map(Json::from));
    if has_payload {
        match serde_json::from_slice::<Json>(&answer.payload) {
            Ok(payload) => document.insert("payload".into(), payload),
            Err(_) => document.insert("payload_text".into(), String::from_utf8_lossy(&answer.payload).into()),
        };
    }
    insert_some(&mut document, "log_tail", answer.log_tail.as_deref().map(Json::from));
    insert_some(&mut document, "report", view.report.as_ref().map(|report| json!(report)));
    document.insert("elapsed_ms".into(), view.elapsed_ms.into());
    document.insert("attempts".into(), answer.attempts.into());
    document.insert("errors".into(), diagnostics(errors, &Sources::new()));
    document.into()
}

/// One event of `logs`, to be written on one line.
pub fn log_event(line: &LogLine<'_>) -> Json {
    let mut object = Map::new();
    object.insert("version".into(), VERSION.into());
    object.insert("function".into(), line.function.into());
    object.insert("timestamp".into(), line.time.into());
    object.insert("message".into(), line.event.message.trim_end_matches(['\n', '\r']).into());
    object.insert("log_group".into(), line.group.into());
    object.insert("log_stream".into(), line.event.stream.as_str().into());
    insert_some(&mut object, "event_id", line.event.id.as_deref().map(Json::from));
    object.into()
}

/// Diagnostics in the order in which people see them.
pub fn diagnostics(all: &[Diagnostic], sources: &Sources) -> Json {
    sorted(all).into_iter().map(|one| diagnostic(one, sources)).collect()
}

fn diagnostic(one: &Diagnostic, sources: &Sources) -> Json {
    let severity = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut object = Map::new();
    object.insert("severity".into(), severity.into());
    object.insert("code".into(), one.code.into());
    object.insert("summary".into(), headline(&one.summary).into());
    insert_some(&mut object, "detail", (!one.detail.is_empty()).then(|| one.detail.as_str().into()));
    insert_some(&mut object, "address", one.address.as_deref().map(Json::from));
    if let Some(span) = &one.span {
        object.insert("file".into(), file_name(&span.file).into());
        if let Some(text) = sources.get(&span.file) {
            let (line, column) = position(text, span.start);
            object.insert("line".into(), line.into());
            object.insert("column".into(), column.into());
        }
    }
    object.insert("hints".into(), json!(one.hints));
    object.into()
}

pub(super) fn head(command: &str, title: &Title) -> Map<String, Json> {
    let mut document = Map::new();
    document.insert("version".into(), VERSION.into());
    document.insert("command".into(), command.into());
    document.insert("project".into(), title.project.as_str().into());
    document.insert("stage".into(), json!(title.stage));
    document.insert("account".into(), title.target.account.as_str().into());
    insert_some(&mut document, "account_alias", title.alias.as_deref().map(Json::from));
    document.insert("region".into(), title.target.region.as_str().into());
    insert_some(&mut document, "endpoint", title.endpoint.as_deref().map(Json::from));
    document.insert("serial".into(), title.serial.into());
    document
}

fn describe_plan(document: &mut Map<String, Json>, plan: &Plan, results: Option<&Results>) {
    let count = |action| plan.steps.iter().filter(|step| step.action == action).count();
    let summary: Map<String, Json> = ACTIONS.iter().map(|(action, name)| ((*name).to_owned(), count(*action).into())).collect();
    document.insert("summary".into(), summary.into());
    document.insert("steps".into(), plan.steps.iter().map(|one| step(one, plan, results)).collect());
    document.insert("unchecked".into(), unchecked(plan));
    document.insert("not_deep".into(), plan.not_deep.len().into());
    let notes = plan.notes.iter().map(|(address, note)| json!({ "address": address, "note": note }));
    document.insert("notes".into(), notes.collect());
    if results.is_none() {
        let causes = Causes::of_plan(plan);
        document.insert("causes".into(), json!({ "spec": causes.is_spec, "drift": causes.is_drift }));
        document.insert("outputs".into(), table(&plan.outputs));
        document.insert("errors".into(), diagnostics(&refusals(plan), &Sources::new()));
    }
}

/// The refusals of a plan as errors.
pub fn refusals(plan: &Plan) -> Vec<Diagnostic> {
    plan.refusals.iter().map(crate::model::plan::Refusal::diagnostic).collect()
}

pub(super) fn step_head(step: &Step) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("address".into(), json!(step.address));
    object.insert("kind".into(), step.address.kind.as_str().into());
    insert_some(&mut object, "physical_id", step.physical_id.as_ref().map(|id| id.as_str().into()));
    object.insert("action".into(), json!(step.action));
    object.insert("reason".into(), json!(step.reason));
    object
}

fn step(step: &Step, plan: &Plan, results: Option<&Results>) -> Json {
    let mut object = step_head(step);
    object.insert("changes".into(), changes(step));
    insert_some(&mut object, "source_changes", plan.source_changes.get(&step.address).map(|changes| json!(changes)));
    let calls = step.operations.iter().filter_map(|id| plan.operations.get(id.0)).map(|operation| operation.call.as_str());
    object.insert("operations".into(), calls.collect());
    if let Some(results) = results {
        object.insert("result".into(), json!(outcome(step, plan, results)));
    }
    object.into()
}

pub(super) fn unchecked(plan: &Plan) -> Json {
    let one = |(address, unchecked): &(Address, crate::model::Unchecked)| {
        let mut object = Map::new();
        object.insert("address".into(), json!(address));
        insert_some(&mut object, "path", (!unchecked.path.0.is_empty()).then(|| json!(unchecked.path)));
        object.insert("why".into(), unchecked.why.as_str().into());
        object.insert("detail".into(), unchecked.detail.as_str().into());
        Json::from(object)
    };
    plan.unchecked.iter().map(one).collect()
}

fn resource(address: &Address, entry: &Entry) -> Json {
    let mut object = Map::new();
    object.insert("address".into(), json!(address));
    object.insert("kind".into(), address.kind.as_str().into());
    object.insert("physical_id".into(), entry.physical_id.as_str().into());
    insert_some(&mut object, "arn", entry.attributes.get("arn").and_then(Value::as_str).map(Json::from));
    object.insert("adopted".into(), entry.adopted.into());
    object.insert("protect".into(), entry.protect.into());
    let deposed: Vec<&str> = entry.deposed.iter().map(|deposed| deposed.physical_id.as_str()).collect();
    insert_some(&mut object, "deposed", (!deposed.is_empty()).then(|| json!(deposed)));
    object.into()
}

fn intent(record: &Record) -> Option<Json> {
    let Record::Begin { address, physical_id, call, .. } = record else { return None };
    let mut object = Map::new();
    object.insert("address".into(), json!(address));
    insert_some(&mut object, "physical_id", physical_id.as_ref().map(|id| id.as_str().into()));
    object.insert("call".into(), call.as_str().into());
    Some(object.into())
}

fn table(table: &Table) -> Json {
    Value::Table(table.clone()).to_json()
}

pub(super) fn insert_some(object: &mut Map<String, Json>, key: &str, value: Option<Json>) {
    if let Some(value) = value {
        object.insert(key.into(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Answer, LogEvent};
    use crate::cli::invocation::Report;
    use crate::cli::view::StepResult;
    use crate::cli::view::fixtures::{self, every_action, plan_of, spec_step, title};
    use crate::cli::view::human::DriftView;
    use crate::cli::view::json_calls::with_calls;
    use crate::cli::view::{AcceptView, Accepted, Refused};
    use crate::model::event::Outcome;
    use crate::model::plan::Refusal;
    use crate::model::{SourceChange, SourceChanges};
    use crate::package::PackageDiff;

    /// Fails with every violation when `document` is not what the schema in `schemas/` says.
    fn check(name: &str, document: &Json) {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let schema: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    }

    fn error() -> Diagnostic {
        Diagnostic::error("aws", "AWS refused").detail("lambda:CreateFunction: no").address("function.hash").hint("look")
    }

    #[test]
    fn what_local_serves_fits_its_schema() {
        let variables = [("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"), ("AWS_REGION", "eu-central-1")];
        check("local", &local("http://127.0.0.1:4566", "000000000000", "eu-central-1", 7, &variables));
        check("local", &failure("local", &[error()], &Sources::new()));
    }

    #[test]
    fn plans_fit_their_schema() {
        let mut plan = every_action();
        let mut document = super::plan(&title(), &plan);
        check("plan", &document);
        with_calls(&mut document, &fixtures::calls());
        check("plan", &document);
        let address = plan.steps[0].address.clone();
        plan.refusals.push(Refusal {
            address: Some(address),
            summary: "Not ours",
            detail: "It belongs to another.".into(),
            hints: vec!["x".into()],
        });
        plan.stage = Some("dev".into());
        let changes = SourceChanges::of([SourceChange::Changed { name: "main.rs".into() }]);
        plan.source_changes.insert(plan.steps[0].address.clone(), changes);
        check("plan", &super::plan(&Title { stage: Some("dev".into()), endpoint: Some("http://x".into()), ..title() }, &plan));
        check("plan", &super::plan(&title(), &plan_of(vec![])));
    }

    #[test]
    fn a_plan_is_the_document_of_the_design() {
        let document = super::plan(&Title { alias: None, ..title() }, &plan_of(vec![spec_step("function.hash")]));
        insta::assert_snapshot!(document.to_string(), @r#"{"version":1,"command":"plan","project":"demo","stage":null,"account":"123456789012","region":"eu-central-1","serial":4,"summary":{"create":0,"update":1,"replace":0,"delete":0,"adopt":0,"forget":0,"no_op":0},"steps":[{"address":"function.hash","kind":"function","physical_id":"demo-hash","action":"update","reason":"inputs_changed","changes":[{"path":"memory_size","applied":128,"live":128,"desired":256,"effect":"in_place","cause":"spec"}],"operations":[]}],"unchecked":[],"not_deep":0,"notes":[],"causes":{"spec":true,"drift":false},"outputs":{},"errors":[]}"#);
    }

    #[test]
    fn reports_and_failures_fit_their_schema() {
        let plan = every_action();
        let result = |outcome, error| StepResult { outcome, error };
        let results = Results::from([
            (plan.steps[2].address.clone(), result(Outcome::Done, None)),
            (plan.steps[3].address.clone(), result(Outcome::Failed, Some(error()))),
        ]);
        let outputs = Table::from_iter([("lambda".into(), "arn".into())]);
        for command in ["up", "destroy"] {
            let errors: Vec<Diagnostic> = results.values().filter_map(|result| result.error.clone()).collect();
            check(command, &report(command, &title(), &plan, &results, &outputs, diagnostics(&errors, &Sources::new())));
        }
        for command in ["plan", "up", "destroy", "drift", "invoke", "logs"] {
            let mut document = failure(command, &[error()], &Sources::new());
            with_calls(&mut document, &fixtures::calls());
            check(command, &document);
        }
        for command in ["plan", "up", "destroy", "drift", "status", "output", "validate", "build", "diff", "state", "invoke", "logs"] {
            check(command, &failure(command, &[error()], &Sources::new()));
        }
    }

    #[test]
    fn invocations_and_log_events_fit_their_schema() {
        let address: Address = "function.hash".parse().unwrap();
        let log = "REPORT RequestId: 1\tDuration: 3.25 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\n";
        let whole = Answer {
            request_id: Some("1".into()),
            function_error: Some("Unhandled".into()),
            payload: b"{\"a\":1}".to_vec(),
            log_tail: Some(log.into()),
            executed_version: Some("$LATEST".into()),
            attempts: 1,
        };
        for (answer, has_payload) in [(&whole, true), (&whole, false), (&Answer { payload: b"bare".to_vec(), ..Answer::default() }, true)] {
            let report = answer.log_tail.as_deref().and_then(Report::find);
            let view =
                InvocationView { address: &address, function_name: "demo-hash", logs: "lambdo logs hash", answer, report, elapsed_ms: 5 };
            check("invoke", &invoke(&title(), &view, has_payload, &[error()]));
        }
        let event = LogEvent { id: Some("7".into()), timestamp_ms: 0, stream: "a".into(), message: "x\n".into() };
        for event in [&event, &LogEvent { id: None, ..event.clone() }] {
            let line = LogLine { function: "hash", group: "/aws/lambda/demo-hash", time: "2026-11-22T10:00:00.000Z", event };
            let document = log_event(&line);
            check("logs", &document);
            assert_eq!(document["message"], "x");
        }
    }

    #[test]
    fn drift_fits_its_schema() {
        let drifted = [fixtures::drifted_step("function.a", &["timeout"]), fixtures::gone_step("function.b")];
        let plan = every_action();
        for pending in [None, Some(2)] {
            let mut report = fixtures::drift_report(&plan, &drifted, pending);
            report.extras = fixtures::extras();
            let author = crate::model::Author { name: "a".into(), operation: "b".into(), time: "c".into(), agent: None };
            report.authors = pending.map(|_| [(Address::new("function", "a"), author)].into());
            let view = DriftView { title: &title(), report: &report, rules: &crate::kinds::Registry::new(), is_full: false };
            check("drift", &drift(&view));
            let errors = [Diagnostic::error("x", "y")];
            check("drift", &every_stage(vec![drift(&view), stage_not_checked("prod", &errors, &Sources::default())]));
        }
    }

    #[test]
    fn what_was_accepted_fits_its_schema() {
        let address = Address::new("function", "a");
        let change = fixtures::drifted_step("function.a", &["timeout"]).changes.remove(0);
        let refused = |path: &str, lines: &str| Refused {
            address: address.clone(),
            path: crate::model::Path(path.split_terminator('.').map(str::to_owned).collect()),
            why: "it is gone".into(),
            lines: lines.into(),
        };
        let refused = [refused("", ""), refused("tags.a", "[function.a]")];
        let accepted_values = [Accepted { address: address.clone(), change }];
        check("drift", &accepted(&AcceptView { accepted: &accepted_values, refused: &refused, file: "config.toml" }));
    }

    #[test]
    fn what_is_known_of_the_state_fits_its_schema() {
        let state = fixtures::state();
        let holder = LockHolder { who: "a".into(), pid: 1, host: "b".into(), operation: "up".into(), since: "2026-11-22T10:00:00Z".into() };
        for holder in [None, Some(&holder)] {
            check("status", &status(&StatusView { state: &state, place: "state/demo.json", holder, is_full: false }));
        }
        check("status", &nothing_deployed("status", "demo", None));
        check("state", &nothing_deployed("state list", "demo", None));
        check("state", &state_list("demo", Some("dev"), 4, &state.entries));
        let (address, entry) = state.entries.iter().next().unwrap();
        check("state", &state_show(address, entry));
        check("state", &state_history(&[(1, "state/demo.1.json", Some("2026-11-22T10:00:00Z")), (2, "x", None)]));
        check("output", &output(&state.outputs));
        for released in [None, Some(&holder)] {
            check("unlock", &unlock(released));
        }
    }

    #[test]
    fn spec_documents_fit_their_schema() {
        let file = std::sync::Arc::new(std::path::PathBuf::from("config.toml"));
        let warning = Diagnostic::warning("odd", "Odd").span(crate::diagnostic::Span { file: file.clone(), start: 2, end: 3 });
        let sources = Sources::from([(file, "a\nb\n".to_owned())]);
        let document = validate("demo", None, &["hash".into()], 3, &[warning], &sources);
        check("validate", &document);
        assert_eq!((&document["diagnostics"][0]["line"], &document["diagnostics"][0]["column"]), (&json!(2), &json!(1)));
        let artifact =
            Artifact { content_hash: format!("sha256:{}", "0".repeat(64)), form: crate::model::Form::Zip, unzipped_bytes: 10, files: 1 };
        let (address, making) = (Address::new("function", "hash"), Making { is_cached: false, elapsed_ms: 1_200 });
        check("build", &build(&[(address.clone(), artifact.clone())].into(), &[(address.clone(), making)].into(), 1_300));
        let file = |bytes| Some(PackedFile { mode: 0o755, bytes, sha256: "0".repeat(64) });
        let files = [("a", (file(1), file(2))), ("b", (None, file(2))), ("c", (file(1), None))];
        let files = files.into_iter().map(|(name, sides)| (name.to_owned(), sides)).collect();
        let differs = Standing::Differs(PackageDiff { files, ..PackageDiff::default() });
        let source_changes = SourceChanges::of([
            SourceChange::Added { name: "a".into() },
            SourceChange::Moved { name: "go".into(), from: "1".into(), to: "2".into() },
        ]);
        for (standing, applied) in [
            (Standing::New, None),
            (Standing::Same, Some("sha256:aa")),
            (Standing::Unknown, Some("sha256:aa")),
            (differs, Some("sha256:aa")),
        ] {
            let view = PackageView { address: &address, artifact: &artifact, applied, standing, source_changes: source_changes.clone() };
            check("diff", &diff("demo", None, &[view]));
        }
    }
}

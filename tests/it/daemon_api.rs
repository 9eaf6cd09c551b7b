//! What a running daemon answers programs, held against its own OpenAPI document.

use crate::support::process::signal;
use crate::support::sandbox::Running;
use crate::support::site::{Answer, Site};
use crate::support::{Backend, Sandbox, World, spec};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A daemon and what it serves.
struct Served {
    site: Site,
    running: Running,
    openapi: Value,
}

impl Served {
    fn start(sandbox: &Sandbox) -> Self {
        let site = Site::reserve();
        let running = site.watch(sandbox, &[]);
        let openapi = site.get("/api/openapi.json").json();
        Self { site, running, openapi }
    }

    /// Asks, and holds the answer against the document: the address, the status and the body.
    #[track_caller]
    fn ask(&self, method: &str, pattern: &str, path: &str, body: &str) -> Answer {
        let answer = self.site.ask(method, path, body);
        let operation = &self.openapi["paths"][pattern][method.to_lowercase()];
        let mut response = &operation["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{method} {pattern} says nothing of {}: {}", answer.status, answer.body);
        if let Some(reference) = response["$ref"].as_str() {
            response = self.openapi.pointer(&reference[1..]).unwrap();
        }
        let Some(schema) = response["content"]["application/json"].get("schema") else { return answer };
        let mut schema = schema.clone();
        schema["components"] = self.openapi["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let document = answer.json();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{method} {path}: {errors:#?}\n{document:#}");
        answer
    }

    #[track_caller]
    fn of_demo(&self, rest: &str) -> Answer {
        let path = rest.split('?').next().unwrap();
        self.ask("GET", &format!("/api/v1/specs/{{id}}{path}"), &format!("/api/v1/specs/demo{rest}"), "")
    }

    fn stop(self) {
        signal(self.running.pid(), "TERM");
        self.running.wait().expect(0);
    }
}

#[test]
fn everything_that_is_known_of_a_spec_is_answered_and_a_plan_is_applied_once() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&format!("{}\n[daemon]\nmode = \"propose\"\n\n[daemon.log_groups]\n", spec::full()));
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.foreign_group("/fleet/endless", &[]);
    world.cloud.configure("demo-a", |call| call.timeout(77));
    let served = Served::start(&sandbox);
    served.site.until("/readyz", LIMIT, |answer| answer.status == 200);
    served.site.until("/api/v1/specs/demo/log-groups", LIMIT, |answer| answer.status == 200);
    assert_eq!(served.site.get("/healthz").body, "ok\n");
    let specs = served.ask("GET", "/api/v1/specs", "/api/v1/specs", "").json();
    assert_eq!((&specs["specs"][0]["standing"], &specs["specs"][0]["drifted"]), (&json!("drifted"), &json!(1)));
    let drift = served.of_demo("/drift").json();
    assert_eq!((&drift["drift"]["findings"][0]["path"], &drift["drift"]["findings"][0]["live"]), (&json!("timeout"), &json!(77)));
    assert_eq!(served.of_demo("/resources").json()["resources"].as_array().unwrap().len(), 6);
    assert_eq!(served.of_demo("/log-groups").json()["log_groups"]["findings"][0]["name"], "/fleet/endless");
    assert_eq!(served.of_demo("/channels").json()["channels"], Value::Array(Vec::new()));
    assert!(served.of_demo("/calls").json()["calls"]["total"].as_u64().unwrap() > 3);
    assert_eq!(served.of_demo("/history?limit=1").json()["history"]["moments"].as_array().unwrap().len(), 1);
    assert_eq!(served.of_demo("/logs?function=a").json()["logs"]["lines"], json!([]));
    assert_eq!(served.of_demo("").json()["spec"]["serial"], 1);
    let metrics = served.site.get("/metrics");
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{metrics:?}");
    assert!(metrics.body.contains("lambdo_drift_open{spec=\"demo\",kind=\"changed\"} 1\n"), "{}", metrics.body);

    let plan = served.of_demo("/plan").json()["plan"].clone();
    assert!(plan["text"].as_str().unwrap().contains("timeout"), "{plan:#}");
    let apply = |id: &str| {
        let body = json!({ "plan": id }).to_string();
        served.ask("POST", "/api/v1/specs/{id}/plan/apply", "/api/v1/specs/demo/plan/apply", &body)
    };
    assert_eq!(apply("another").status, 409);
    assert_eq!(apply(plan["id"].as_str().unwrap()).status, 202);
    served.site.until("/api/v1/specs/demo", LIMIT, |answer| answer.json()["spec"]["standing"] == "in_order");
    assert_eq!(apply(plan["id"].as_str().unwrap()).status, 409);
    assert_eq!(served.of_demo("/plan").status, 404);
    let detail = served.of_demo("").json();
    assert_eq!((&detail["spec"]["totals"]["applied"], &detail["spec"]["drifted"]), (&json!(1), &json!(0)));
    served.stop();
}

#[test]
fn a_plan_that_takes_away_more_than_the_spec_allows_is_not_applied() {
    let world = World::start(Backend::Local);
    let header = spec::header().replacen('\n', "\nmax_deletions = 2\n", 1) + "[daemon]\nmode = \"propose\"\n\n";
    let sandbox = world.sandbox(&(header.clone() + &spec::plain("a") + &spec::plain("b")));
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.names();
    sandbox.spec(&(header + &spec::plain("a")));
    sandbox.expect(0, &["plan"]).says("the limit of deletions is 2").says("--max-deletions 3");
    let served = Served::start(&sandbox);
    served.site.until("/api/v1/specs/demo/plan", LIMIT, |answer| answer.status == 200);
    let plan = served.of_demo("/plan").json()["plan"]["id"].clone();
    let body = json!({ "plan": plan }).to_string();
    assert_eq!(served.ask("POST", "/api/v1/specs/{id}/plan/apply", "/api/v1/specs/demo/plan/apply", &body).status, 202);
    served.site.until("/api/v1/specs/demo/history", LIMIT, |answer| answer.body.contains("limit of deletions is 2"));
    assert_eq!(world.cloud.names(), before);
    served.stop();
}

#[test]
fn what_is_asked_wrongly_is_refused_in_one_form() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(
        &(spec::header()
            + &spec::plain("hash")
            + "\n[[drift.ignore]]\naddress = \"function.hash\"\npath = \"timeout\"\nreason = \"move\"\nuntil = \"2020-01-01\"\n"),
    );
    sandbox.expect(0, &["up", "--yes"]);
    let served = Served::start(&sandbox);
    served.site.until("/readyz", LIMIT, |answer| answer.status == 200);
    for (path, status, code) in [
        ("?x=1", 400, "bad_query"),
        ("/history?limit=0", 400, "bad_query"),
        ("/history?before=now", 400, "bad_query"),
        ("/logs", 400, "bad_query"),
        ("/logs?function=nobody", 404, "not_found"),
        ("/logs?function=hash&since=1y", 400, "bad_query"),
        ("/plan", 404, "no_plan"),
        ("/log-groups", 404, "no_audit"),
    ] {
        let answer = served.of_demo(path);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{path}");
    }
    for id in ["nobody", "%ff", "..%2f..%2fetc%2fpasswd", "%00"] {
        assert_eq!(served.ask("GET", "/api/v1/specs/{id}", &format!("/api/v1/specs/{id}"), "").status, 404, "{id}");
    }
    let apply = |body| served.ask("POST", "/api/v1/specs/{id}/plan/apply", "/api/v1/specs/demo/plan/apply", body);
    assert_eq!((apply("{}").status, apply("{").status, apply(r#"{"plan":"x"}"#).status), (400, 400, 409));
    let unknown = served.site.get("/api/v1/nothing");
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("not_found")));
    let method = served.site.ask("DELETE", "/api/v1/specs/demo", "");
    assert!(method.status == 405 && method.head.to_lowercase().contains("allow: get"), "{method:?}");
    // A rule that has expired speaks up.
    let warnings = served.of_demo("").json()["spec"]["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("has expired"), "{warnings:#}");
    let check = served.ask("POST", "/api/v1/specs/{id}/check", "/api/v1/specs/demo/check", "");
    assert_eq!((check.status, &check.json()["accepted"]["asked"]), (202, &json!("check")));
    assert_eq!(served.ask("POST", "/api/v1/check", "/api/v1/check", "").status, 202);
    let done = |answer: &Answer| answer.json()["spec"]["totals"]["checks_done"].as_u64() > Some(1);
    served.site.until("/api/v1/specs/demo", LIMIT, done);
    served.stop();
}

//! `up`, a changed `up` and `destroy` against emulators that others wrote, behind a proxy that others wrote and that lets
//! calls fail as AWS's do: all of it succeeds without help.

use crate::faults::{edit, is_settled, wish};
use crate::support::microburst::Microburst;
use crate::support::{Backend, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A role that Lambda cannot use for its first 20 seconds.
fn role_not_assumable() -> Vec<Value> {
    let message = "The role defined for the function cannot be assumed by Lambda.";
    let error = json!({ "code": "InvalidParameterValueException", "status": 400, "message": message });
    vec![json!({ "service": "lambda", "operation": "CreateFunction", "ttl_s": 20, "error": error })]
}

/// Each change of a function meets another one that is under way, twice.
fn update_in_progress() -> Vec<Value> {
    let changes = [
        "AddPermission",
        "PutFunctionConcurrency",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "RemovePermission",
        "DeleteFunction",
    ];
    let message = "The operation cannot be performed at this time. An update is in progress for resource: \
                   arn:aws:lambda:eu-central-1:123456789012:function:demo-a";
    let error = json!({ "code": "ResourceConflictException", "status": 409, "message": message });
    changes.map(|operation| json!({ "service": "lambda", "operation": operation, "times": 2, "error": error })).into()
}

/// One call in three is throttled, each service in its own words.
fn one_call_in_three_throttled() -> Vec<Value> {
    let services =
        [("lambda", "TooManyRequestsException"), ("iam", "Throttling"), ("logs", "ThrottlingException"), ("events", "ThrottlingException")];
    let rule = |(service, code)| {
        let error = json!({ "code": code, "status": 429, "message": "Rate exceeded" });
        json!({ "service": service, "sequence": { "fail": 1, "pass": 2 }, "error": error })
    };
    services.map(rule).into()
}

/// One connection in four is reset before anything is done.
fn connections_reset() -> Vec<Value> {
    vec![json!({ "service": "*", "sequence": { "fail": 1, "pass": 3 }, "reset": true })]
}

/// What a create answers is lost the first time, for each thing that is made; it is made all the same.
fn answers_of_creates_lost() -> Vec<Value> {
    let of_both = [("iam", "CreateRole"), ("lambda", "CreateFunction"), ("events", "PutRule"), ("events", "PutTargets")];
    let of_each = of_both.into_iter().flat_map(|(service, operation)| {
        ["demo-a", "demo-b"].map(|name| {
            let body = format!("contains(to_string(@), '{name}')");
            json!({ "service": service, "operation": operation, "body": body, "times": 1, "response": { "abort_frac": 0.3 } })
        })
    });
    // The names of functions stand in its path.
    let sequence = json!({ "fail": 1, "pass": 1 });
    let statements =
        json!({ "service": "lambda", "operation": "AddPermission", "times": 3, "sequence": sequence, "response": { "abort_frac": 0.3 } });
    of_each.chain([statements]).collect()
}

fn survives(backend: Backend, rules: &[Value]) {
    let world = World::start(backend);
    // Unlike AWS, moto takes a statement that is there already a second time.
    let doubles =
        |rule: &&Value| backend == Backend::Moto && rule["operation"] == "AddPermission" && !rule["response"]["abort_frac"].is_null();
    let rules: &Vec<Value> = &rules.iter().filter(|rule| !doubles(rule)).cloned().collect();
    let microburst = Microburst::start(&world.authority());
    let mut sandbox = world.sandbox(&wish());
    sandbox.variable("LAMBDO_ENDPOINT_URL", &microburst.url());
    microburst.play(&json!(rules));
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
    edit(&sandbox);
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    let unused: Vec<&Value> = microburst.hits().iter().zip(rules).filter(|(hits, _)| **hits == 0).map(|(_, rule)| rule).collect();
    assert!(unused.is_empty(), "each rule must have hit: {unused:#?}");
}

/// One test for each plan and emulator.
macro_rules! survived {
    ($($name:ident),+ $(,)?) => {
        mod ministack {
            $(#[test] fn $name() { super::survives(super::Backend::Ministack, &super::$name()); })+
        }
        mod moto {
            $(#[test] fn $name() { super::survives(super::Backend::Moto, &super::$name()); })+
        }
    };
}

survived!(
    role_not_assumable,
    update_in_progress,
    one_call_in_three_throttled,
    connections_reset,
    answers_of_creates_lost,
    everything_at_once,
);

/// What hits seldom comes first, since only one rule is played for each call.
fn everything_at_once() -> Vec<Value> {
    [answers_of_creates_lost(), role_not_assumable(), update_in_progress(), connections_reset(), one_call_in_three_throttled()].concat()
}

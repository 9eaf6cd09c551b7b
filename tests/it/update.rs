//! Wishes that change: each reaches AWS, and nothing is left to do afterwards.

use crate::support::inventory::Snapshot;
use crate::support::{Backend, Sandbox, World, exceptions, on_each_emulator, spec};
use serde_json::{Value, json};

on_each_emulator!(each_change_of_the_spec_reaches_aws, new_code_reaches_aws);

/// A change of the full spec and what AWS must have afterwards.
struct Case {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    resource: &'static str,
    /// A JSON pointer into the resource's fields.
    pointer: &'static str,
    wanted: fn() -> Value,
}

const FUNCTION: &str = "function.demo-a";
const ROLE: &str = "role.demo-a-eu-central-1";
const GROUP: &str = "log_group./aws/lambda/demo-a";
const RULE: &str = "rule.demo-a-nightly";

const CASES: &[Case] = &[
    case("memory", "memory_size = 256", "memory_size = 512", FUNCTION, "/memory_size", || json!(512)),
    case("memory_back_to_default", "memory_size = 256", "", FUNCTION, "/memory_size", || json!(128)),
    case("description_removed", "description = \"first\"", "", FUNCTION, "/description", || Value::Null),
    case("variable_removed", ", MODE = \"fast\"", "", FUNCTION, "/environment", || json!({"LOG_LEVEL": "info"})),
    case("environment_removed", "environment = { LOG_LEVEL = \"info\", MODE = \"fast\" }", "", FUNCTION, "/environment", || Value::Null),
    case("architectures", "timeout = 10", "architectures = \"arm64\"", FUNCTION, "/architectures", || json!(["arm64"])),
    case("concurrency_zero", "executions = 5", "executions = 0", FUNCTION, "/reserved_concurrent_executions", || json!(0)),
    case("concurrency_removed", "reserved_concurrent_executions = 5", "", FUNCTION, "/reserved_concurrent_executions", || Value::Null),
    case("tag_changed", "team = \"core\"", "team = \"edge\"", FUNCTION, "/tags/team", || json!("edge")),
    case("tag_removed", "tags = { team = \"core\" }", "", FUNCTION, "/tags/team", || Value::Null),
    case("retention", "retention_in_days = 14", "retention_in_days = 7", GROUP, "/retention_in_days", || json!(7)),
    case("retention_never", "retention_in_days = 14", "retention_in_days = \"never\"", GROUP, "/retention_in_days", || Value::Null),
    case("allow", "s3:GetObject", "s3:PutObject", ROLE, "/inline_policies/allow/Statement/0/Action", || json!(["s3:PutObject"])),
    case("managed_policy_removed", "role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]", "", ROLE, "/managed_policies", || Value::Null),
    case("role_description", "role.allow", "role.description = \"x\"\nrole.allow", ROLE, "/description", || json!("x")),
    case("schedule", "cron(0 2 * * ? *)", "rate(2 hours)", RULE, "/schedule_expression", || json!("rate(2 hours)")),
    case("rule_description_removed", "description = \"Every night\"", "", RULE, "/description", || Value::Null),
    case("rule_disabled", "schedule_expression", "enabled = false\nschedule_expression", RULE, "/state", || json!("DISABLED")),
    case("rule_input", "schedule_expression", "input = '{\"a\":1}'\nschedule_expression", RULE, "/targets/lambdo/input", || {
        json!("{\"a\":1}")
    }),
    case("permission", ":partner\"", ":other\"", FUNCTION, "/policy/lambdo-permission-partner/Condition/ArnLike/AWS:SourceArn", || {
        json!("arn:aws:sns:eu-central-1:123456789012:other")
    }),
];

const fn case(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    resource: &'static str,
    pointer: &'static str,
    wanted: fn() -> Value,
) -> Case {
    Case { name, from, to, resource, pointer, wanted }
}

fn each_change_of_the_spec_reaches_aws(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = fresh(&world);
    let mut problems = Vec::new();
    for case in CASES {
        let outcome = reaches_aws(&world, &sandbox, case).and_then(|()| goes_back(&sandbox));
        if outcome.is_err() {
            sandbox = fresh(&world);
        }
        problems.extend(exceptions::judge(backend, &format!("update.{}", case.name), outcome).err());
    }
    assert!(problems.is_empty(), "{} of {} cases on {backend}:\n{}", problems.len(), CASES.len(), problems.join("\n"));
}

fn fresh(world: &World) -> Sandbox {
    world.reset();
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

fn reaches_aws(world: &World, sandbox: &Sandbox, case: &Case) -> Result<(), String> {
    // Only the first place: a description stands in two.
    sandbox.spec(&spec::full().replacen(case.from, case.to, 1));
    settled(sandbox)?;
    let snapshot = world.cloud.snapshot();
    let found = find(&snapshot, case);
    if found == (case.wanted)() { Ok(()) } else { Err(format!("{}{} is {found}, not {}", case.resource, case.pointer, (case.wanted)())) }
}

fn find(snapshot: &Snapshot, case: &Case) -> Value {
    let fields = snapshot.get(case.resource).cloned().map_or(Value::Null, Value::Object);
    fields.pointer(case.pointer).cloned().unwrap_or(Value::Null)
}

fn goes_back(sandbox: &Sandbox) -> Result<(), String> {
    sandbox.spec(&spec::full());
    settled(sandbox)
}

fn settled(sandbox: &Sandbox) -> Result<(), String> {
    for arguments in [&["up", "--yes"][..], &["plan", "--exit-code"]] {
        let output = sandbox.run(arguments);
        if output.code != Some(0) {
            return Err(output.to_string());
        }
    }
    Ok(())
}

fn new_code_reaches_aws(backend: Backend) {
    let world = World::start(backend);
    let sandbox = fresh(&world);
    let hash = |world: &World| world.cloud.snapshot()[FUNCTION]["code_sha256"].clone();
    let before = hash(&world);
    sandbox.program("second");
    world.proxy.clear();
    settled(&sandbox).unwrap();
    assert_ne!(hash(&world), before);
    assert_eq!(world.proxy.tally().get("lambda:UpdateFunctionCode"), Some(&1));
    assert!(!world.proxy.tally().contains_key("lambda:UpdateFunctionConfiguration"), "{:?}", world.proxy.tally());
    sandbox.program("first");
    settled(&sandbox).unwrap();
    assert_eq!(hash(&world), before, "the same program makes the same zip");
}

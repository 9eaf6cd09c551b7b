//! What others made or added is taken over only on request, and shown before.

use crate::formats::fits;
use crate::support::cloud::function_arn;
use crate::support::{Backend, Sandbox, World, on_each_emulator, spec};
use aws_sdk_eventbridge::types::{DeadLetterConfig, RuleState, Target};
use aws_sdk_lambda::types::Environment;
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_each_emulator!(
    a_plan_shows_what_taking_over_overwrites_and_who_else_manages_it,
    an_import_changes_nothing_and_the_plan_shows_what_up_would_overwrite,
    an_import_of_what_lambdo_made_is_lambdos_again,
    a_rule_that_is_taken_over_invokes_its_function_once,
    what_others_add_to_ours_is_kept_and_shown,
);

/// What a function that was there before lambdo keeps.
const LEFT: [&str; 5] = [
    "function.demo-a",
    "log_group./aws/lambda/demo-a",
    "role.demo-a-eu-central-1",
    "role.demo-a-eu-central-1 inline lambdo-logs",
    "role.stranger",
];

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

/// A function of somebody else under the name that ours would have, with a variable.
fn foreign_function(world: &World) {
    world.cloud.foreign_function("demo-a", &[("ManagedBy", "Terraform")]);
    world.cloud.configure("demo-a", |call| call.environment(Environment::builder().variables("MODE", "theirs").build()).memory_size(256));
}

/// The changes of the plan's step for the function, by path.
fn changes(plan: &Value) -> Vec<(String, Value)> {
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == "function.a").unwrap();
    let change = |change: &Value| (change["path"].as_str().unwrap().to_owned(), change["live"].clone());
    step["changes"].as_array().unwrap().iter().map(change).collect()
}

#[track_caller]
fn overwrites(plan: &Value) {
    let changes = changes(plan);
    for (path, live) in [("environment.MODE", json!("theirs")), ("memory_size", json!(256))] {
        assert!(changes.contains(&(path.to_owned(), live)), "{path}: {changes:?}");
    }
    assert!(changes.iter().any(|(path, live)| path == "code" && live.is_string()), "{changes:?}");
    assert!(changes.iter().any(|(path, live)| path == "role" && live.as_str().unwrap_or_default().ends_with("stranger")), "{changes:?}");
}

fn plan(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    fits(&sandbox.expect(0, &[&["plan", "--format", "json"], arguments].concat()))
}

fn a_plan_shows_what_taking_over_overwrites_and_who_else_manages_it(backend: Backend) {
    let world = World::start(backend);
    foreign_function(&world);
    let sandbox = world.sandbox(&one());
    sandbox.expect(8, &["plan"]).says("lambdo up --adopt function.a");
    assert_eq!(sandbox.holding("theirs"), Vec::<String>::new());
    overwrites(&plan(&sandbox, &["--adopt", "function.a"]));
    let shown = sandbox.expect(0, &["plan", "--adopt", "function.a", "--out", "saved"]);
    let shown = shown.says("exists and becomes ours").says("Terraform seems to manage it");
    assert!(shown.stdout.contains("\"theirs\" -> ") && shown.stdout.contains("memory_size: 256 -> 128"), "{shown}");
    sandbox.expect(0, &["up", "--yes", "--plan", "saved"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let left: Vec<String> = world.cloud.names().into_iter().collect();
    assert_eq!(left, LEFT, "what was there before lambdo stays, and what it uses");
}

fn an_import_changes_nothing_and_the_plan_shows_what_up_would_overwrite(backend: Backend) {
    let world = World::start(backend);
    foreign_function(&world);
    let sandbox = world.sandbox(&one().replace("handler =", "environment.MODE = \"ours\"\nhandler ="));
    let (before, calls) = (world.cloud.snapshot(), world.proxy.mutating());
    sandbox.expect(6, &["import", "function.aa", "demo-a"]).says("did you mean `function.a`?");
    sandbox.expect(6, &["import", "function.a", "other"]).says("such as `function_name`");
    sandbox.expect(1, &["import", "role.a", "demo-a-eu-central-1"]).says("It is not there");
    let imported = sandbox.expect(0, &["import", "function.a", &function_arn("demo-a"), "--format", "json"]).says("names Terraform");
    assert_eq!(fits(&imported)["resource"]["adopted"], true);
    sandbox.expect(8, &["import", "function.a", "demo-a"]).says("It is in the state already");
    assert_eq!((world.cloud.snapshot(), world.proxy.mutating()), (before, calls));
    assert_eq!(sandbox.holding("theirs"), Vec::<String>::new(), "a variable of others may be a secret");
    // What the spec wants otherwise was changed by nobody.
    sandbox.expect(0, &["drift"]);
    let planned = plan(&sandbox, &[]);
    overwrites(&planned);
    assert_eq!(planned["summary"]["update"], 1, "{planned:#}");
    sandbox.expect(2, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(world.cloud.snapshot()["function.demo-a"]["tags"]["ManagedBy"], "Terraform", "tags of others stay");
    sandbox.expect(0, &["destroy", "--yes"]).says("it was there before lambdo");
    let left: Vec<String> = world.cloud.names().into_iter().collect();
    assert_eq!(left, LEFT);
}

fn an_import_of_what_lambdo_made_is_lambdos_again(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    let resources = [("function.a", "demo-a"), ("log_group.a", "/aws/lambda/demo-a"), ("role.a", "demo-a-eu-central-1")];
    resources.iter().for_each(|(address, _)| drop(sandbox.expect(0, &["state", "forget", address])));
    for (address, id) in resources {
        sandbox.expect(0, &["import", address, id]).says("`lambdo destroy` will delete it");
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]).says("3 deleted");
    assert!(world.cloud.names().is_empty(), "{:?}", world.cloud.names());
}

fn a_rule_that_is_taken_over_invokes_its_function_once(backend: Backend) {
    let world = World::start(backend);
    let events = &world.cloud.events;
    world.cloud.done(events.put_rule().name("demo-a-nightly").schedule_expression("rate(7 days)").send());
    let target = |id: &str, function: &str| Target::builder().id(id).arn(function_arn(function)).build().unwrap();
    let other_job = Target::builder().id("job").arn(function_arn("demo-a")).input("{\"job\": 2}").build().unwrap();
    let queue = DeadLetterConfig::builder().arn("arn:aws:sqs:eu-central-1:123456789012:theirs").build();
    let same_job = Target::builder().id("Target0").arn(function_arn("demo-a")).dead_letter_config(queue).build().unwrap();
    let targets = [same_job, target("theirs", "elsewhere"), other_job];
    world.cloud.done(events.put_targets().rule("demo-a-nightly").set_targets(Some(targets.into())).send());
    let sandbox = world.sandbox(&one());
    sandbox.expect(8, &["up", "--yes"]).says("--adopt event_rule.a.nightly");
    let plan = sandbox.expect(0, &["plan", "--adopt", "event_rule.a.nightly"]);
    assert!(plan.stdout.contains("Target0") && plan.stdout.contains("target `theirs`"), "{plan}");
    assert!(plan.stdout.contains("dead_letter_config"), "what goes with it is not shown: {plan}");
    sandbox.expect(0, &["up", "--yes", "--adopt", "event_rule.a.nightly"]);
    let targets = || world.cloud.names().into_iter().filter(|name| name.contains(" target ")).collect::<Vec<_>>();
    assert_eq!(targets(), ["job", "lambdo", "theirs"].map(|id| format!("rule.demo-a-nightly target {id}")), "another job is another's");
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn what_others_add_to_ours_is_kept_and_shown(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let theirs = Target::builder().id("theirs").arn(function_arn("elsewhere")).build().unwrap();
    world.cloud.done(world.cloud.events.put_targets().rule("demo-a-nightly").targets(theirs).send());
    let statement = world.cloud.lambda.add_permission().function_name("demo-a").statement_id("theirs").action("lambda:InvokeFunction");
    world.cloud.done(statement.principal("sns.amazonaws.com").send());
    let shown = sandbox.expect(0, &["plan", "--exit-code"]);
    assert!(shown.stdout.contains("target `theirs`") && shown.stdout.contains("sns.amazonaws.com"), "{shown}");
    let drift = sandbox.expect(3, &["drift"]);
    assert!(drift.stdout.contains("not ours: target `theirs`") && drift.stdout.contains("not ours: policy statement `theirs`"), "{drift}");
    sandbox.edit("rate(1 day)", "rate(2 days)");
    sandbox.edit("handler =", "permission.mine.principal = \"sqs.amazonaws.com\"\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let names = world.cloud.names();
    for name in
        ["function.demo-a statement theirs", "rule.demo-a-nightly target theirs", "function.demo-a statement lambdo-permission-mine"]
    {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
    // Neither goes along with something of ours, unless the whole function leaves.
    let calls = world.proxy.mutating();
    sandbox.edit("handler =", "function_name = \"other\"\nhandler =");
    sandbox.expect(8, &["up", "--yes"]).says("policy statement `theirs`").says("take it off in AWS");
    sandbox.edit("function_name = \"other\"\n", "");
    sandbox.expect(8, &["destroy", "--yes"]).says("others have put targets into it").says("target `theirs`");
    sandbox.expect(8, &["destroy", "--yes"]).says("`lambdo state forget event_rule.a.nightly`");
    assert_eq!(world.proxy.mutating(), calls, "{:?}", world.proxy.tally());
    world.cloud.remove_targets("demo-a-nightly");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// What is packed otherwise is another function to Lambda, and the policy of the old one goes with it.
#[test]
fn a_function_with_a_statement_of_others_is_not_made_anew() {
    let world = World::start(Backend::Local);
    for more in ["", "permission.mine.principal = \"sqs.amazonaws.com\"\n"] {
        let sandbox = world.sandbox(&(spec::header() + &spec::plain("a").replace("handler =", &format!("{more}handler ="))));
        std::fs::write(sandbox.path().join("bootstrap"), crate::support::static_program()).unwrap();
        sandbox.expect(0, &["up", "--yes"]);
        let statement = world.cloud.lambda.add_permission().function_name("demo-a").statement_id("theirs").action("lambda:InvokeFunction");
        world.cloud.done(statement.principal("sns.amazonaws.com").send());
        let image = format!(
            "[function.a]\n{more}image = {{ base = \"scratch\", files = {{ bootstrap = \"bootstrap\" }}, entry_point = [\"/bootstrap\"] }}\n"
        );
        sandbox.spec(&(spec::header() + &image));
        sandbox.expect(8, &["up", "--yes"]).says("policy statement `theirs`").says("take it off in AWS");
        world.cloud.done(world.cloud.lambda.remove_permission().function_name("demo-a").statement_id("theirs").send());
        sandbox.expect(0, &["up", "--yes"]);
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["destroy", "--yes"]);
    }
}

#[test]
fn a_rule_keeps_a_state_that_means_more_than_enabled() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    let more = RuleState::EnabledWithAllCloudtrailManagementEvents;
    let rule = world.cloud.events.put_rule().name("demo-a-nightly").schedule_expression("rate(1 day)");
    world.cloud.done(rule.state(more.clone()).send());
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.edit("rate(1 day)", "rate(2 days)");
    sandbox.expect(0, &["up", "--yes"]);
    let found = world.cloud.done(world.cloud.events.describe_rule().name("demo-a-nightly").send());
    assert_eq!((found.state, found.schedule_expression.as_deref()), (Some(more), Some("rate(2 days)")));
    sandbox.expect(0, &["plan", "--exit-code"]);
}

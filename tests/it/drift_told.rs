//! What a check tells besides what differs: what others attached, what is ignored, and how each stage is.

use crate::formats::fits;
use crate::support::cloud::function_arn;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde_json::Value;
use std::collections::BTreeSet;

on_each_emulator!(what_others_attach_is_found_and_never_removed, a_tag_of_others_is_found_where_that_is_asked_for);

const RULE: &str = "demo-a-nightly";

/// `class address path` of each thing that nobody declared.
fn extras(drift: &Value) -> BTreeSet<String> {
    let text = |extra: &Value, key: &str| extra[key].as_str().unwrap().to_owned();
    let extras = drift["extras"].as_array().unwrap_or_else(|| panic!("no list `extras` in {drift:#}"));
    extras.iter().map(|extra| format!("{} {} {}", text(extra, "class"), text(extra, "address"), text(extra, "path"))).collect()
}

fn drift(sandbox: &Sandbox, code: i32, arguments: &[&str]) -> Value {
    fits(&sandbox.expect(code, &[&["drift", "--format", "json"], arguments].concat()))
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(ToString::to_string).collect()
}

fn deployed(world: &World) -> Sandbox {
    let sandbox = world.sandbox(&spec::full());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

/// Lets somebody else's topic call the function, and the rule call somebody else's function.
fn attach(world: &World) {
    let permission = world.cloud.lambda.add_permission().function_name("demo-a").statement_id("theirs");
    world.cloud.done(permission.action("lambda:InvokeFunction").principal("sns.amazonaws.com").send());
    let target = Target::builder().id("theirs").arn(function_arn("somebody-else")).build().unwrap();
    world.cloud.done(world.cloud.events.put_targets().rule(RULE).targets(target).send());
}

fn what_others_attach_is_found_and_never_removed(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world);
    assert_eq!(extras(&drift(&sandbox, 0, &["--deep"])), set(&[]));
    attach(&world);
    let (rule, statement) = ("foreign event_rule.a.nightly targets.theirs", "foreign function.a statement.theirs");
    let found = drift(&sandbox, 3, &[]);
    assert_eq!(extras(&found), set(&[rule, statement]));
    assert_eq!((found["drifted"].as_array().unwrap().len(), &found["pending"]), (0, &0.into()), "{found:#}");
    // The local cloud has no function URLs.
    if backend != Backend::Local {
        let url = world.cloud.lambda.create_function_url_config().function_name("demo-a");
        world.cloud.done(url.auth_type(FunctionUrlAuthType::AwsIam).send());
        assert_eq!(extras(&drift(&sandbox, 3, &[])), set(&[rule, statement]), "a URL costs a call");
        assert_eq!(extras(&drift(&sandbox, 3, &["--deep"])), set(&[rule, statement, "foreign function.a function_url"]));
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(extras(&drift(&sandbox, 3, &[])), set(&[rule, statement]), "they are not lambdo's to take away");
    sandbox.expect(3, &["drift", "--ignore", "function.a:statement.theirs"]);
    sandbox.expect(0, &["drift", "--ignore", "function.a:statement.theirs", "--ignore", "event_rule.*.*:targets.*"]);
    let said = sandbox.expect(3, &["drift"]).stdout;
    assert!(said.contains("function.a: not ours: policy statement `theirs`"), "{said}");
    assert!(said.contains("Drift: 2 things were found that nobody declared."), "{said}");
}

fn a_tag_of_others_is_found_where_that_is_asked_for(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world);
    drift(&sandbox, 0, &["--undeclared", "--deep"]);
    world.cloud.done(world.cloud.lambda.tag_resource().resource(function_arn("demo-a")).tags("stray", "1").send());
    drift(&sandbox, 0, &[]);
    let found = drift(&sandbox, 3, &["--undeclared"]);
    assert_eq!(extras(&found), set(&["undeclared function.a tags.stray"]));
    assert_eq!(found["extras"][0]["live"], "1");
    sandbox.edit("[function.a]\n", "[drift]\nundeclared = true\n\n[function.a]\n");
    drift(&sandbox, 3, &[]);
    sandbox.expect(0, &["up", "--yes"]);
    drift(&sandbox, 3, &[]);
}

#[test]
fn a_rule_of_the_spec_leaves_out_what_it_covers_until_its_day_is_over() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    world.cloud.configure("demo-a", |call| call.memory_size(1024));
    let rule = |until: &str| {
        format!(
            "[[drift.ignore]]\naddress = \"function.*\"\npath = \"memory_size\"\nreason = \"load test\"\nuntil = \"{until}\"\n\n[function.a]\n"
        )
    };
    sandbox.edit("[function.a]\n", &rule("2999-12-31"));
    let told = drift(&sandbox, 0, &[]);
    assert_eq!((told["ignored"].as_u64(), told["drifted"].as_array().map(Vec::len)), (Some(1), Some(0)), "{told:#}");
    sandbox.expect(3, &["plan", "--exit-code"]).says("memory_size");
    sandbox.edit("2999-12-31", "2020-02-29");
    sandbox.expect(3, &["drift"]).says("has expired");
    sandbox.edit("function.*", "function.b");
    sandbox.edit("2020-02-29", "2999-12-31");
    sandbox.expect(3, &["drift"]).says("did you mean `function.a`?");
    sandbox.expect(0, &["validate"]).says("did you mean `function.a`?");
    sandbox.edit("function.b", "function.a");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(drift(&sandbox, 0, &[])["ignored"], 0, "what is ignored is no drift, and is set right with everything else");
}

#[test]
fn who_did_it_is_told_where_that_is_asked_for() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    world.cloud.configure("demo-a", |call| call.memory_size(1024));
    world.cloud.done(world.cloud.iam.update_role().role_name("demo-a-eu-central-1").description("by hand").send());
    assert!(drift(&sandbox, 3, &[]).get("authors").is_none());
    world.proxy.clear();
    let told = drift(&sandbox, 3, &["--who"]);
    let authors: BTreeSet<String> =
        told["authors"].as_array().unwrap().iter().map(|one| format!("{} {} {}", one["address"], one["operation"], one["name"])).collect();
    let by = |address: &str, operation: &str| format!("\"{address}\" \"{operation}\" \"arn:aws:iam::123456789012:user/test\"");
    assert_eq!(authors, BTreeSet::from([by("function.a", "UpdateFunctionConfiguration"), by("role.a", "UpdateRole")]), "{told:#}");
    sandbox.edit("[function.a]\n", "[drift]\nwho = true\n\n[function.a]\n");
    sandbox.expect(3, &["drift"]).says("function.a was last changed by arn:aws:iam::123456789012:user/test (UpdateFunctionConfiguration,");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(drift(&sandbox, 0, &[])["authors"], Value::Array(Vec::new()));
    world.cloud.remove_targets(RULE);
    assert_eq!(drift(&sandbox, 3, &[])["authors"][0]["operation"], "RemoveTargets");
}

#[test]
fn every_stage_is_told_also_one_that_was_never_deployed_or_cannot_be_checked() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a") + "[stage.dev]\n\n[stage.prod]\n"));
    sandbox.expect(6, &["drift"]).says("declares the stages `dev`, `prod`");
    sandbox.expect(0, &["up", "--yes", "--stage", "dev"]);
    let told = drift(&sandbox, 0, &["--all-stages"]);
    let stages: Vec<(&str, u64)> =
        told["stages"].as_array().unwrap().iter().map(|one| (one["stage"].as_str().unwrap(), one["serial"].as_u64().unwrap())).collect();
    assert_eq!(stages, [("dev", 1), ("prod", 0)]);
    let said = sandbox.expect(0, &["drift", "--all-stages"]).stdout;
    assert!(said.contains("No drift.") && said.contains("Nothing was deployed yet"), "{said}");
    world.cloud.configure("demo-dev-a", |call| call.memory_size(1024));
    assert_eq!(drift(&sandbox, 3, &["--all-stages"])["stages"][0]["drifted"][0]["address"], "function.a");
    sandbox.edit("[stage.prod]\n", "[stage.prod.aws]\nallowed_account_ids = \"999999999999\"\n");
    let told = drift(&sandbox, 8, &["--all-stages"]);
    assert_eq!(told["stages"][0]["drifted"][0]["address"], "function.a", "{told:#}");
    assert_eq!(told["stages"][1]["errors"][0]["code"], "account-not-allowed", "{told:#}");
    let said = sandbox.expect(8, &["drift", "--all-stages"]).stdout;
    assert!(said.contains("memory_size") && said.contains("The stage `prod` could not be checked."), "{said}");
}

#[test]
fn what_lives_becomes_the_wish_and_comments_stay() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    sandbox.edit("memory_size = 256", "memory_size = 256 # enough");
    sandbox.edit("timeout = 10", "timeout = \"${var.seconds}\"");
    sandbox.edit("[outputs]", "[vars]\nseconds = 10\n\n[outputs]");
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.configure("demo-a", |call| call.memory_size(1024).timeout(99).description("by hand"));
    world.cloud.done(world.cloud.logs.put_retention_policy().log_group_name("/aws/lambda/demo-a").retention_in_days(365).send());
    world.cloud.done(world.cloud.events.disable_rule().name(RULE).send());
    let one = fits(&sandbox.expect(3, &["drift", "--accept", "function.a:memory_size", "--yes", "--format", "json"]));
    assert_eq!(one["accepted"][0]["address"], "function.a", "{one:#}");
    let left: Vec<String> = changes(&drift(&sandbox, 3, &[]));
    assert_eq!(left, ["enabled", "description", "timeout", "retention_in_days"], "the others are still told");
    let before = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    let refused = sandbox.expect(6, &["drift", "--accept"]).says("Nobody can be asked");
    assert!(format!("{refused}").contains("To be written: 3 values"), "{refused}");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap(), before, "nobody said yes");
    let said = sandbox.expect(3, &["drift", "--accept", "--yes"]).stdout;
    assert!(said.contains("not accepted: function.a timeout: the spec has a reference there; to be written by hand:"), "{said}");
    assert!(said.contains("[function.a]") && said.contains("timeout = 99"), "{said}");
    let text = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    for line in ["memory_size = 1024 # enough", "description = \"by hand\"", "log_group.retention_in_days = 365", "enabled = false"] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    sandbox.edit("seconds = 10", "seconds = 99");
    sandbox.expect(0, &["up", "--yes"]).says("No changes.");
    drift(&sandbox, 0, &[]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift", "--accept"]).says("No drift to accept.");
}

#[test]
fn a_tag_that_nobody_declared_becomes_the_wish_too() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    sandbox.edit("tags = { team = \"core\" }", "tags = { team = \"core\" } # who asks");
    let arn = crate::support::cloud::function_arn("demo-a");
    world.cloud.done(world.cloud.lambda.tag_resource().resource(arn).tags("cost-center", "42").send());
    let accepted = sandbox.expect(0, &["drift", "--undeclared", "--accept", "--yes"]).stdout;
    assert!(accepted.contains("tags.cost-center = \"42\""), "{accepted}");
    let text = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    assert!(text.contains("cost-center = \"42\"") && text.contains("# who asks"), "{text}");
    drift(&sandbox, 0, &["--undeclared"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn changes(drift: &Value) -> Vec<String> {
    let steps = drift["drifted"].as_array().unwrap().iter();
    let changes = steps.flat_map(|step| step["changes"].as_array().unwrap());
    changes.map(|change| change["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_named_is_all_that_is_told_and_what_is_misspelt_is_refused() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    world.cloud.configure("demo-a", |call| call.memory_size(1024));
    world.cloud.done(world.cloud.logs.put_retention_policy().log_group_name("/aws/lambda/demo-a").retention_in_days(365).send());
    let found = drift(&sandbox, 3, &["--target", "function.a"]);
    assert_eq!(changes(&found), ["memory_size"], "the log group was not named: {found:#}");
    assert_eq!(changes(&drift(&sandbox, 3, &["--target", "log_group.a"])), ["retention_in_days"]);
    assert_eq!(changes(&drift(&sandbox, 3, &["a"])).len(), 2);
    drift(&sandbox, 0, &["--target", "role.a"]);
    sandbox.expect(6, &["drift", "nobody"]).says("there is only `a`");
    sandbox.expect(6, &["drift", "--target", "function.aa"]).says("did you mean `function.a`?");
    sandbox.expect(6, &["drift", "--ignore", "function.a:memory_sise"]).says("did you mean `memory_size`?");
    sandbox.expect(6, &["drift", "--accept", "function.a:memory_sise"]).says("did you mean `memory_size`?");
    sandbox.expect(3, &["drift", "--ignore", "function.aa:memory_size"]).says("`--ignore` has the address `function.aa`");
    sandbox.edit("[outputs]", "[[drift.ignore]]\naddress = \"function.a\"\npath = \"memory_sise\"\nreason = \"x\"\n\n[outputs]");
    sandbox.expect(6, &["validate"]).says("did you mean `memory_size`?");
    drift(&sandbox, 3, &[]);
}

#[test]
fn whoever_accepts_one_setting_is_told_that_other_drift_is_left() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    let accept = ["drift", "--accept", "log_group.a:retention_in_days", "--yes"];
    sandbox.expect(0, &accept).says("No drift to accept.");
    world.cloud.done(world.cloud.lambda.delete_function().function_name("demo-a").send());
    sandbox.expect(3, &accept).says("No drift to accept.");
    world.cloud.done(world.cloud.logs.put_retention_policy().log_group_name("/aws/lambda/demo-a").retention_in_days(365).send());
    sandbox.expect(3, &accept).says("retention_in_days").says("Accepted: 1 value");
    sandbox.expect(3, &["drift"]);
    sandbox.expect(3, &["drift", "--accept", "function.a:*", "--yes"]).says("it is gone from AWS");
}

#[test]
fn what_somebody_else_has_taken_is_told_and_not_accepted() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world);
    world.cloud.done(world.cloud.lambda.tag_resource().resource(function_arn("demo-a")).tags("lambdo:lineage", "another").send());
    world.cloud.configure("demo-a", |call| call.memory_size(1024));
    let found = drift(&sandbox, 3, &[]);
    let step = found["drifted"].as_array().unwrap().iter().find(|step| step["address"] == "function.a");
    let step = step.unwrap_or_else(|| panic!("the function is not told: {found:#}"));
    assert_eq!(step["not_ours"], true, "{step:#}");
    assert!(step["changes"].as_array().unwrap().iter().any(|change| change["path"] == "memory_size"), "{step:#}");
    sandbox.expect(3, &["drift"]).says("somebody else's by now").says("memory_size");
    let before = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    sandbox.expect(3, &["drift", "--accept", "function.a:memory_size", "--yes"]).says("it is somebody else's by now");
    sandbox.expect(3, &["drift", "--accept", "log_group.a:retention_in_days", "--yes"]).says("No drift to accept.");
    let tagged = world.cloud.lambda.tag_resource().resource(function_arn("demo-a")).tags("Owner", "bob");
    world.cloud.done(tagged.send());
    sandbox.expect(3, &["drift", "--undeclared", "--accept", "function.a:*", "--yes"]).says("it is somebody else's by now");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap(), before);
    // Whoever takes it over again has it as it was applied, but for what differs.
    sandbox.expect(0, &["up", "--adopt", "function.a", "--yes"]).says("memory_size");
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["plan", "--exit-code", "--deep"]);
    let rule = format!("{}/demo-a-nightly", function_arn("x").replace(":lambda:", ":events:").replace("function:x", "rule"));
    let lineage = aws_sdk_eventbridge::types::Tag::builder().key("lambdo:lineage").value("another").build().unwrap();
    world.cloud.done(world.cloud.events.tag_resource().resource_arn(rule).tags(lineage).send());
    sandbox.expect(8, &["plan", "--deep"]).says("lineage `another`");
    sandbox.expect(0, &["up", "--adopt", "event_rule.a.nightly", "--yes"]).says("event_rule.a.nightly");
    sandbox.expect(0, &["drift", "--deep"]);
}

#[test]
fn what_a_run_is_in_the_middle_of_is_no_drift() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::with_level("a", "info")));
    sandbox.expect(0, &["up", "--yes"]);
    // A whole run between two reads.
    world.proxy.rules([Rule::on("GetFunction").nth(1).hold()]);
    let check = sandbox.start(&["drift"]);
    world.proxy.wait_for("GetFunction", 1);
    sandbox.edit("info", "debug");
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.release();
    check.wait().expect(0);
    // One that goes on.
    world.proxy.clear();
    sandbox.edit("debug", "warn");
    world.proxy.rules([Rule::on("UpdateFunctionConfiguration").nth(1).hold()]);
    let run = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("UpdateFunctionConfiguration", 1);
    world.cloud.configure("demo-a", |call| call.memory_size(512));
    let looked = sandbox.run(&["daemon", "--once"]).says("A run is under way");
    assert!(looked.code != Some(3) && !looked.stdout.contains("memory_size"), "{looked}");
    world.proxy.release();
    run.wait().expect(0);
    sandbox.expect(3, &["daemon", "--once"]).says("memory_size");
}

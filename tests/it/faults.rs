//! The real `lambdo` against a local cloud that misbehaves as AWS is known to do: it ends in a documented way, the next `up`
//! brings everything to where it should be, nothing is left to plan, and `destroy` leaves nothing.

use crate::images::{made_here, program};
use crate::storage::large_zip;
use crate::support::emulator::raw;
use crate::support::process::signal;
use crate::support::served::Served;
use crate::support::{Backend, Sandbox, World, spec};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How a run under faults may end: all is done.
const DONE: &[i32] = &[0];
/// All is done, nothing was begun, or a part is done.
const ANY: &[i32] = &[0, 1, 9];
/// Nothing was begun, since it could not go through.
const REFUSED: &[i32] = &[8];

/// The body of the cloud's own answer to a request about faults.
fn ask(authority: &str, method: &str, plan: &str) -> (bool, Value) {
    let length = plan.len();
    let head = format!("{method} /_lambdo/faults HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let answer = String::from_utf8(raw(authority, &(head + plan)).unwrap()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.contains(" 200 "), serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

/// Lets the cloud play a plan from now on.
#[track_caller]
fn play(world: &World, plan: &str) {
    let (is_taken, answer) = ask(&world.authority(), "PUT", plan);
    assert!(is_taken, "{answer}");
}

/// Ends it, and says how often each rule has hit.
fn end(world: &World) -> Vec<u64> {
    let (_, report) = ask(&world.authority(), "GET", "");
    ask(&world.authority(), "DELETE", "");
    report["rules"].as_array().unwrap().iter().map(|rule| rule["hits"].as_u64().unwrap()).collect()
}

/// Two functions; one has everything that can be changed.
pub fn wish() -> String {
    spec::full() + &spec::scheduled("b")
}

/// The next wish: each sort of thing changes, comes or goes.
pub fn edit(sandbox: &Sandbox) {
    sandbox.edit("LOG_LEVEL = \"info\"", "LOG_LEVEL = \"debug\"");
    sandbox.edit("retention_in_days = 14", "retention_in_days = 30");
    sandbox.edit("action = \"s3:GetObject\"", "action = \"s3:PutObject\"");
    sandbox.edit("cron(0 2 * * ? *)", "cron(0 3 * * ? *)");
    sandbox.edit("[function.a.permission.partner]", "[function.a.permission.other]");
    sandbox.edit("[function.b.event_rule.nightly]", "[function.b.event_rule.daily]");
    sandbox.program("second");
}

/// What stands when a wish is fulfilled, where nothing goes wrong.
fn names_of(spec: &str) -> BTreeSet<String> {
    let world = World::start(Backend::Local);
    world.sandbox(spec).expect(0, &["up", "--yes"]);
    world.cloud.names()
}

#[track_caller]
fn ends_with(codes: &[i32], sandbox: &Sandbox, arguments: &[&str]) {
    let output = sandbox.run(arguments);
    assert!(output.code.is_some_and(|code| codes.contains(&code)), "expected one of {codes:?}\n{output}");
    assert!(!output.stderr.contains("panicked") && !output.stderr.contains("internal"), "{output}");
}

/// Everything is as it should be, and lambdo knows it.
#[track_caller]
pub fn is_settled(sandbox: &Sandbox) {
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
}

/// A life under this plan. `codes` are those of `up`, and `last` those of `destroy`. What is hit where says the number of rules
/// that had to hit at least once.
#[track_caller]
fn survives(plan: &str, codes: &[i32], last: &[i32]) {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&wish());
    let mut hits = vec![0; plan.matches("[[rule]]").count()];
    let mut end = || end(&world).into_iter().enumerate().for_each(|(rule, count)| hits[rule] += count);

    play(&world, plan);
    ends_with(codes, &sandbox, &["up", "--yes"]);
    end();
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
    let made = world.cloud.names();
    assert_eq!(made, names_of(&wish()), "as without faults");

    edit(&sandbox);
    play(&world, plan);
    ends_with(codes, &sandbox, &["up", "--yes"]);
    end();
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);

    play(&world, plan);
    ends_with(last, &sandbox, &["destroy", "--yes"]);
    end();
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    assert!(hits.iter().all(|hits| *hits > 0), "each rule must have hit: {hits:?}");
}

/// One test for each plan.
macro_rules! survived {
    ($($name:ident: $plan:expr, $codes:expr, $last:expr;)+) => {
        $(#[test] fn $name() { survives($plan, $codes, $last); })+
    };
}

/// A rule, with what else it says.
macro_rules! rule {
    ($fault:literal $(, $more:literal)*) => {
        concat!("seed = 11\n[[rule]]\nfault = \"", $fault, "\"\n" $(, $more, "\n")*)
    };
}

survived! {
    roles_that_are_not_assumable_yet: rule!("role_not_assumable", "for_ms = [500, 3000]"), DONE, DONE;
    functions_that_are_pending_and_updates_that_take_their_time: rule!("update_in_progress", "for_ms = [300, 1500]"), DONE, DONE;
    one_call_in_three_throttled: rule!("throttle", "probability = 0.33"), DONE, DONE;
    lambda_asking_to_be_left_alone: rule!("throttle", "service = \"lambda\"", "count = 1", "retry_after_seconds = 1"), DONE, DONE;
    quotas_as_awss: rule!("quotas"), DONE, DONE;
    quotas_that_others_use_up_too: rule!("quotas", "rate_percent = 30"), DONE, DONE;
    answers_of_changes_that_are_lost: rule!("answer_lost", "count = 1"), DONE, DONE;
    half_of_the_answers_lost: rule!("answer_lost", "probability = 0.3"), DONE, DONE;
    connections_that_are_cut: rule!("cut", "count = 2"), DONE, DONE;
    services_with_faults_of_their_own: rule!("unavailable", "count = 2"), DONE, DONE;
    statements_lost_when_changed_at_once: "seed = 1\n[[rule]]\nfault = \"statement_lost\"\n", DONE, DONE;
    entries_that_fail_in_an_answer_with_status_200: rule!("failed_entries", "count = 2"), DONE, DONE;
    entries_that_fail_inside_the_service: rule!("failed_entries", "count = 1", "code = \"InternalException\""), DONE, DONE;
    reads_that_come_late: rule!("late_reads", "for_ms = [500, 2500]"), DONE, DONE;
    changes_of_what_is_not_seen_yet: rule!("unseen", "for_ms = [500, 2500]"), DONE, DONE;
    roles_that_are_half_visible: rule!("role_id_for_arn", "for_ms = 2000"), DONE, DONE;
    roles_that_are_thought_to_be_in_use: rule!("delete_conflict", "for_ms = 2000"), DONE, DONE;
    policies_in_other_spellings: rule!("respelled_policies"), DONE, DONE;
    pages_without_anything_on_them: rule!("empty_page"), DONE, DONE;
    conflicts_that_pass: rule!("conflict", "count = 2"), DONE, DONE;
    words_that_nobody_knows_yet: rule!("unknown_words"), DONE, DONE;
    answers_that_take_their_time: rule!("delay", "for_ms = [0, 120]"), DONE, DONE;
    a_clock_that_was_set: rule!("clock_skew", "total = 1"), DONE, DONE;
    a_policy_of_the_account_for_retention: rule!("account_retention", "days = 30"), DONE, DONE;
    tags_that_may_not_be_seen: rule!("tags_hidden"), &[0, 8, 9, 1], &[0, 8, 9, 1];
    variables_that_may_not_be_seen: rule!("environment_hidden"), DONE, DONE;
    credentials_that_end_in_the_middle: rule!("expired_credentials", "skip = 1"), ANY, ANY;
    what_is_denied_for_a_while: rule!("denied", "service = \"lambda\"", "operation = \"*Function*\"", "skip = 1"), ANY, ANY;
    quotas_that_are_full: rule!("quota_full", "service = \"lambda\""), ANY, DONE;
    groups_that_are_protected: rule!("deletion_protection"), ANY, REFUSED;
}

#[test]
fn everything_at_once() {
    let plan = r#"
        seed = 3
        [[rule]]
        fault = "role_not_assumable"
        for_ms = [500, 4000]
        [[rule]]
        fault = "update_in_progress"
        for_ms = [100, 800]
        [[rule]]
        fault = "throttle"
        probability = 0.2
        [[rule]]
        fault = "answer_lost"
        operation = "Create*"
        count = 1
        [[rule]]
        fault = "late_reads"
        for_ms = [0, 1500]
        [[rule]]
        fault = "unseen"
        for_ms = [0, 1500]
        [[rule]]
        fault = "failed_entries"
        count = 1
        [[rule]]
        fault = "respelled_policies"
        [[rule]]
        fault = "delete_conflict"
        for_ms = 1000
    "#;
    survives(plan, DONE, DONE);
}

#[test]
fn the_same_plan_and_the_same_requests_give_the_same_faults() {
    let plan = rule!("throttle", "service = \"iam\"", "operation = \"*Role*\"", "probability = 0.4");
    let life = || {
        let world = World::start(Backend::Local);
        let sandbox = world.sandbox(&wish());
        play(&world, plan);
        sandbox.expect(0, &["up", "--yes"]);
        let refused = world.proxy.calls().into_iter().filter(|call| call.status == Some(400) && call.operation.service == "iam");
        let mut refused: Vec<String> =
            refused.map(|call| format!("{} {}", call.operation.name, String::from_utf8_lossy(&call.body).len())).collect();
        refused.sort();
        (refused, end(&world))
    };
    let first = life();
    assert!(first.1[0] > 0);
    assert_eq!(first, life());
}

#[test]
fn a_wait_that_costs_time_says_what_for_and_how_long_at_most() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    play(&world, rule!("role_not_assumable", "for_ms = 4000"));
    let output = sandbox.expect(0, &["up", "--yes", "--verbose"]);
    let output = output.says("waiting function.a for role `demo-a-eu-central-1` to be assumable, ");
    output.says(" s of 2 min");
}

#[test]
fn lambda_is_left_alone_for_as_long_as_it_asks() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    play(&world, rule!("throttle", "operation = \"CreateFunction\"", "count = 1", "retry_after_seconds = 3"));
    sandbox.expect(0, &["up", "--yes"]);
    let calls = world.proxy.calls_of("CreateFunction");
    let pause = calls[1].at.duration_since(calls[0].at);
    assert!(calls.len() == 2 && pause >= Duration::from_secs(3), "{} calls, {pause:?}", calls.len());
}

/// Two clients at once, as lambdo never is: the second statement is acknowledged and not there.
#[test]
fn a_statement_that_was_added_at_the_same_time_as_another_is_lost() {
    let world = World::start(Backend::Local);
    world.sandbox(&(spec::header() + &spec::plain("a"))).expect(0, &["up", "--yes"]);
    play(&world, rule!("statement_lost", "for_ms = 500"));
    let add = |id: &str| {
        let call = world.cloud.lambda.add_permission().function_name("demo-a").statement_id(id);
        call.action("lambda:InvokeFunction").principal("sns.amazonaws.com").send()
    };
    let (first, second) = world.cloud.wait(async { tokio::join!(add("one"), add("two")) });
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    end(&world);
    let statements = world.cloud.names().into_iter().filter(|name| name.contains(" statement ")).count();
    assert_eq!(statements, 1, "{:?}", world.cloud.names());
}

#[test]
fn a_log_group_comes_back_after_its_time() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_group("/x", &[]);
    play(&world, rule!("log_group_returns", "for_ms = 700"));
    world.cloud.done(world.cloud.logs.delete_log_group().log_group_name("/x").send());
    assert_eq!(world.cloud.names(), BTreeSet::new());
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(world.cloud.names(), ["log_group./x".to_owned()].into());
}

#[test]
fn a_wrong_plan_is_refused_and_the_one_before_stays() {
    let world = World::start(Backend::Local);
    play(&world, r#"{"seed": 1, "rule": [{"fault": "denied", "operation": "CreateRole"}]}"#);
    let (is_taken, answer) = ask(&world.authority(), "PUT", "[[rule]]\nfault = \"no\"\n[[rule]]\nfault = \"delay\"\ndays = 1\n");
    assert!(!is_taken && answer["errors"].as_array().unwrap().len() == 2, "{answer}");
    let (_, report) = ask(&world.authority(), "GET", "");
    assert_eq!(report, serde_json::json!({ "seed": 1, "rules": [{ "fault": "denied", "hits": 0 }] }));
}

#[test]
fn a_plan_comes_from_a_file_with_local_and_with_its_errors() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.write("faults.toml", rule!("denied", "operation = \"CreateFunction\""));
    let output = sandbox.expect(9, &["--local", "--faults", "faults.toml", "up", "--yes"]);
    output.says("is not authorized to perform: lambda:CreateFunction");
    sandbox.expect(0, &["--local", "up", "--yes"]);
    sandbox.write("faults.toml", "[[rule]]\nfault = \"denid\"\n");
    let output = sandbox.expect(6, &["--local", "--faults", "faults.toml", "plan"]);
    output.says("`faults.toml`: rule 1: there is no fault `denid`; did you mean `denied`?");
    sandbox.expect(6, &["local", "--port", "0", "--faults", "nowhere.toml"]).says("`nowhere.toml` cannot be read");
    sandbox.expect(6, &["--faults", "faults.toml", "plan"]).says("`--faults` was given without `--local`");
}

#[test]
fn a_cloud_that_another_process_serves_keeps_its_own_plan() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.write("faults.toml", rule!("denied", "operation = \"CreateRole\""));
    let served = Served::start(&sandbox, &["--faults", "faults.toml"]);
    sandbox.expect(9, &["--local", "up", "--yes"]).says("iam:CreateRole");
    sandbox.expect(6, &["--local", "--faults", "faults.toml", "plan"]).says("served by process");
    served.end();
}

/// A name that a function still has which was deleted a moment ago.
#[test]
fn a_function_comes_back_while_it_is_still_being_deleted() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&wish());
    sandbox.expect(0, &["up", "--yes"]);
    play(&world, rule!("function_deleting", "for_ms = 4000"));
    sandbox.expect(0, &["destroy", "--yes"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert!(end(&world)[0] > 0);
    is_settled(&sandbox);
}

/// Late lines bring a group back which nobody owns: the next `up` uses it, and the next `destroy` says that it stays.
#[test]
fn a_log_group_that_came_back_is_taken_over() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&wish());
    sandbox.expect(0, &["up", "--yes"]);
    play(&world, rule!("log_group_returns", "for_ms = 1"));
    sandbox.expect(0, &["destroy", "--yes"]);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(world.cloud.names(), ["log_group./aws/lambda/demo-a".to_owned(), "log_group./aws/lambda/demo-b".to_owned()].into());
    end(&world);
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
    // It is no stranger's: nobody but the service made it anew.
    sandbox.expect(0, &["destroy", "--yes"]);
    assert!(world.cloud.names().is_empty());
    sandbox.expect(0, &["drift"]);
}

/// A package in parts through S3, and an image: what is cut, refused and lost on their ways is sent again.
#[test]
fn uploads_that_are_cut_refused_and_lost() {
    let world = World::start(Backend::Local);
    world.cloud.bucket("demo-code");
    let large = spec::plain("large").replace("{ file = \"bootstrap\" }", "{ zip = \"large.zip\" }");
    let header = spec::header().trim_end().to_owned() + "\ncode_bucket = \"demo-code\"\n\n";
    let sandbox = world.sandbox(&(header + &large + &made_here("image", "")));
    large_zip(&sandbox, 1);
    program(&sandbox, "one");
    let rules = ["s3", "registry"].map(|service| {
        let rule = |fault: &str| format!("[[rule]]\nfault = \"{fault}\"\nservice = \"{service}\"\ncount = 1\n");
        rule("cut") + &rule("unavailable") + &rule("answer_lost")
    });
    play(&world, &rules.concat());
    sandbox.expect(0, &["up", "--yes"]);
    let hits = end(&world);
    assert!(hits.iter().all(|hits| *hits > 0), "{hits:?}");
    is_settled(&sandbox);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!((world.cloud.names(), world.cloud.keys("demo-code")), (BTreeSet::new(), vec![]));
}

/// Credentials that are renewed while the run stands still: the next run goes on, and makes nothing twice.
#[test]
fn credentials_that_end_stop_the_run_at_once() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::many(6, "info"));
    play(&world, rule!("expired_credentials", "after = \"CreateFunction\""));
    let started = Instant::now();
    sandbox.expect(9, &["up", "--yes"]).says("with fresh credentials the same command continues where it stopped");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    end(&world);
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
}

/// Ctrl-C while a role is waited for: the state is saved, and the next run goes on.
#[test]
fn an_interrupt_ends_a_wait_for_a_role() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    play(&world, rule!("role_not_assumable", "for_ms = 100000"));
    let running = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 2);
    signal(running.pid(), "INT");
    running.wait_at_most(Duration::from_secs(20)).expect(130);
    end(&world);
    sandbox.expect(0, &["up", "--yes"]);
    is_settled(&sandbox);
}

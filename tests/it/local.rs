//! `--local` and `lambdo local`: who serves, who joins, and what neither ever touches.

use crate::storage::large_zip;
use crate::support::emulator::raw;
use crate::support::process::{signal, until_no_process_has};
use crate::support::served::{Served, server_file};
use crate::support::{Backend, Sandbox, World, spec, static_program};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Says what it is given and answers with it, after as many seconds as it is asked for.
const PROGRAM: &str = r#"#!/bin/sh
''''exec python3 "$0" "$@" # '''
import json, os, time, urllib.request

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as call:
        event, id = json.loads(call.read()), call.headers["Lambda-Runtime-Aws-Request-Id"]
    print("saw " + json.dumps(event), flush=True)
    if isinstance(event, dict):
        time.sleep(event.get("seconds", 0))
    answer = {"echo": event, "level": os.environ.get("LOG_LEVEL"), "endpoint": os.environ["AWS_ENDPOINT_URL"], "process": os.getpid()}
    urllib.request.urlopen(api + id + "/response", json.dumps(answer).encode()).close()
"#;

fn one() -> String {
    spec::header() + &spec::plain("a").replace("code =", "timeout = 60\ncode =")
}

/// A project that no emulator is there for.
fn project(world: &World, spec: &str) -> Sandbox {
    let mut sandbox = world.sandbox(spec);
    sandbox.executable("bootstrap", PROGRAM);
    sandbox.variable("LAMBDO_LOCAL", "true");
    sandbox
}

fn invoked(sandbox: &Sandbox, event: &str) -> Value {
    let output = sandbox.expect(0, &["invoke", "a", event]);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn who_forgets_local_or_a_stage_or_gives_a_pattern_is_led_on() {
    let world = World::without_cloud();
    let mut sandbox = project(&world, &one());
    let early = sandbox.expect(1, &["invoke", "a", "--format", "json"]);
    assert!(early.stdout.contains("run `lambdo --local up a` first"), "{early}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(6, &["invoke", "a*"]).says("`a*` is a pattern, which means `a`").says("`lambdo --local invoke a`");
    sandbox.spec(&(one() + "[stage.dev]\n"));
    sandbox.expect(6, &["status"]).says("A stage is needed").says("`state/local/demo.json` is of the time before the stages");
    sandbox.expect(0, &["log-groups", "audit"]);
    sandbox.spec(&one());
    sandbox.variable("LAMBDO_LOCAL", "false");
    for command in [&["invoke", "a"][..], &["logs", "a"], &["logs"]] {
        sandbox.expect(1, command).says("Not deployed yet").says("the local cloud has `a`: is `--local` missing");
    }
}

#[test]
fn a_look_at_stages_that_share_an_embedded_cloud_comes_to_an_end() {
    let world = World::without_cloud();
    let sandbox = project(&world, &(one() + "[stage.dev]\n\n[stage.prod]\n"));
    sandbox.expect(0, &["--stage", "dev", "up", "--yes"]);
    let looked = sandbox.expect(0, &["daemon", "--once"]).says("demo.dev: in order");
    assert!(looked.stdout.contains("demo.prod: "), "{looked}");
}

#[test]
fn a_command_joins_a_running_cloud_and_starts_one_of_its_own_otherwise() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    sandbox.expect(0, &["up", "--yes"]).says("local cloud");
    assert!(!server_file(&sandbox).exists(), "a cloud that has ended is still announced");
    assert_eq!(invoked(&sandbox, "1")["echo"], 1);

    let served = Served::start(&sandbox, &["--format", "json"]);
    assert_eq!(served.connect(&world).names().len(), 4, "{:?}", served.connect(&world).names());
    let answers = [invoked(&sandbox, "2"), invoked(&sandbox, "3")];
    assert_eq!(answers[0]["endpoint"], format!("http://{}", served.authority));
    let cold = sandbox.expect(0, &["logs", "a"]).stdout.matches("INIT_START").count();
    assert_eq!(cold, 2, "one for the cloud of a single command, one for the cloud that stays");
    let (pid, url) = (served.pid(), format!("http://{}", served.authority));
    let document = served.end().json();
    assert_eq!((&document["command"], &document["endpoint_url"], &document["pid"]), (&json!("local"), &json!(url), &json!(pid)));
    assert_eq!((&document["account"], &document["region"]), (&json!("000000000000"), &json!("eu-central-1")));
    assert_eq!(document["environment"]["AWS_ENDPOINT_URL"], json!(url));

    assert_eq!(invoked(&sandbox, "4")["echo"], 4);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    let served = Served::start(&sandbox, &[]);
    assert_eq!(served.connect(&world).names(), BTreeSet::new());
    served.end().says("export AWS_ENDPOINT_URL=http://127.0.0.1:");
    assert_eq!(world.proxy.calls().len(), 0, "an endpoint was called that is not the local cloud");
}

#[test]
fn a_command_that_ends_first_takes_nothing_from_those_that_joined_it() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    sandbox.expect(0, &["up", "--yes"]);
    for round in 0..2 {
        let first = sandbox.start(&["invoke", "a", r#"{"seconds": 1.5}"#]);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !server_file(&sandbox).exists() {
            assert!(Instant::now() < deadline, "the first command serves nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that ends before, one that ends after who serves.
        let short = sandbox.start(&["invoke", "a", "1"]);
        let long = sandbox.start(&["invoke", "a", r#"{"seconds": 3}"#]);
        let accepted = sandbox.start(&["invoke", "a", "--async", &format!("\"later {round}\"")]);
        for running in [short, accepted, first, long] {
            running.wait().expect(0);
        }
        sandbox.expect(0, &["logs", "a"]).says(&format!("later {round}"));
    }
    sandbox.expect(0, &["destroy", "--yes"]);
}

#[test]
fn what_a_killed_cloud_left_behind_does_not_matter() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    let served = Served::start(&sandbox, &[]);
    sandbox.expect(0, &["up", "--yes"]);
    served.kill();
    assert!(server_file(&sandbox).exists());
    sandbox.expect(0, &["plan", "--exit-code"]);
    let served = Served::start(&sandbox, &[]);
    served.kill();
    // Somebody else may answer there by now.
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    let stale = json!({"endpoint_url": url, "pid": 1, "account": "000000000000"});
    std::fs::write(server_file(&sandbox), stale.to_string()).unwrap();
    sandbox.expect(0, &["plan", "--exit-code"]);
    std::fs::write(server_file(&sandbox), "{\"endpoint").unwrap();
    sandbox.expect(0, &["plan", "--exit-code"]);
    Served::start(&sandbox, &[]).end();
}

#[test]
fn a_folder_that_is_served_and_a_port_that_is_taken_are_refused_by_name() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    let served = Served::start(&sandbox, &[]);
    let refused = sandbox.expect(1, &["local", "--port", "0"]);
    for text in ["is served by process", &served.pid().to_string(), &format!("http://{}", served.authority)] {
        assert!(refused.stderr.contains(text), "`{text}` is not in\n{refused}");
    }
    let port = served.authority.rsplit(':').next().unwrap().to_owned();
    let other = project(&world, &one());
    other.expect(1, &["local", "--port", &port]).says(&format!("Port {port} of 127.0.0.1")).says("--port");
    assert!(!server_file(&other).exists());
    Served::start(&other, &[]).end();
    served.end();
}

#[test]
fn ctrl_c_ends_a_cloud_whatever_runs() {
    let world = World::without_cloud();
    let mark = format!("lambdo-local-{}", std::process::id());
    let sandbox = project(&world, &one().replace("timeout =", &format!("environment = {{ MARK = \"{mark}\" }}\ntimeout =")));
    let served = Served::start(&sandbox, &[]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(invoked(&sandbox, "1")["echo"], 1);
    let mut idle = TcpStream::connect(&served.authority).unwrap();
    write!(idle, "GET /_lambdo/health HTTP/1.1\r\nHost: {}\r\n\r\n", served.authority).unwrap();
    assert!(idle.read(&mut [0; 4096]).unwrap() > 0);
    let running = sandbox.start(&["invoke", "a", r#"{"seconds": 50}"#]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !sandbox.expect(0, &["logs", "a"]).stdout.contains("seconds") {
        assert!(Instant::now() < deadline, "the function never ran");
    }
    served.end();
    until_no_process_has(&mark, Duration::from_secs(20));
    running.wait().expect(1);
    drop(idle);
    // SIGTERM is the same.
    let served = Served::start(&sandbox, &[]);
    signal(served.pid(), "TERM");
    served.end();
}

#[test]
fn ctrl_c_ends_a_cloud_whose_clients_have_not_said_all_that_they_want() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    let served = Served::start(&sandbox, &[]);
    let silent = TcpStream::connect(&served.authority).unwrap();
    let mut halfway = TcpStream::connect(&served.authority).unwrap();
    write!(halfway, "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n", served.authority).unwrap();
    let mut body = TcpStream::connect(&served.authority).unwrap();
    write!(body, "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\nhalf", served.authority).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    served.end_within(Duration::from_secs(12));
    drop((silent, halfway, body));
    Served::start(&sandbox, &[]).end();
}

#[test]
fn only_signed_requests_of_this_machine_are_answered() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    let served = Served::start(&sandbox, &[]);
    let credential = "AWS4-HMAC-SHA256 Credential=a/20261122/eu-central-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
    let answer = |host: &str, authorization: &str| {
        let headers = format!("Host: {host}\r\n{authorization}Connection: close\r\n");
        let bytes = raw(&served.authority, &format!("GET /2015-03-31/functions/ HTTP/1.1\r\n{headers}\r\n")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let signed = format!("Authorization: {credential}\r\n");
    assert!(answer(&served.authority, &signed).starts_with("HTTP/1.1 200"));
    let unsigned = answer(&served.authority, "");
    assert!(unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("Missing Authentication Token"), "{unsigned}");
    for host in ["example.com", "127.0.0.1.example.com", "10.0.0.1:80", ""] {
        let foreign = answer(host, &signed);
        assert!(foreign.starts_with("HTTP/1.1 403") || foreign.starts_with("HTTP/1.1 400"), "{host}: {foreign}");
    }
    let page = answer(&served.authority, &format!("{signed}Origin: https://example.com\r\n"));
    assert!(page.starts_with("HTTP/1.1 403"), "a page in a browser is answered: {page}");
    served.end();
}

#[test]
fn nothing_of_a_real_account_is_touched() {
    let world = World::without_cloud();
    let aws = format!(
        "project = \"demo\"\n\n[aws]\nregion = \"{}\"\nprofile = \"nonsense\"\nallowed_account_ids = [\"999999999999\"]\n\
         endpoint_url = \"{}\"\nassume_role_arn = \"arn:aws:iam::999999999999:role/nonsense\"\n\n",
        crate::support::emulator::REGION,
        world.proxy.url,
    );
    let mut sandbox = project(&world, &(aws + &spec::scheduled("a")));
    let dead = "http://127.0.0.1:9";
    let services = ["LAMBDA", "IAM", "CLOUDWATCH_LOGS", "EVENTBRIDGE", "STS"].map(|service| format!("AWS_ENDPOINT_URL_{service}"));
    for service in &services {
        sandbox.variable(service, dead);
    }
    for key in ["AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        sandbox.variable(key, dead);
    }
    for (key, value) in
        [("AWS_PROFILE", "nonsense"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_ROLE_ARN", "nonsense")]
    {
        sandbox.variable(key, value);
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(invoked(&sandbox, "1")["echo"], 1);
    sandbox.expect(0, &["invoke", "a", "--async", "2"]);
    sandbox.expect(0, &["logs", "a"]).says("saw 2");
    sandbox.expect(0, &["drift", "--deep"]);
    sandbox.expect(0, &["status"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.proxy.calls().len(), 0, "{:?}", world.proxy.tally());
    assert!(!sandbox.path().join("state/demo.json").exists(), "local and real share nothing");
}

#[test]
fn the_overlay_is_merged_and_what_is_built_is_for_this_machine() {
    let (here, foreign) = if cfg!(target_arch = "aarch64") { ("arm64", "x86_64") } else { ("x86_64", "arm64") };
    let world = World::without_cloud();
    let built =
        "build = { kind = \"command\", path = \".\", command = \"cp bootstrap made\", output = \"made\", inputs = [\"bootstrap\"] }";
    let functions = spec::plain("a").replace("code = { file = \"bootstrap\" }", built) + &spec::plain("b");
    let overlay = "[defaults]\nenvironment = { LOG_LEVEL = \"warn\" }\n\n[local.defaults]\nenvironment = { LOG_LEVEL = \"debug\" }\n\n\
        [local.function.a]\nmemory_size = 512\n";
    let functions = functions.replace("handler =", &format!("architectures = \"{foreign}\"\nhandler ="));
    let sandbox = project(&world, &(spec::header() + &functions + overlay));
    let plan = sandbox.expect(0, &["plan"]).says(&format!("Built for this machine ({here}): a"));
    assert!(!plan.stderr.contains(&format!("({here}): a, b")), "{plan}");
    let up = sandbox.expect(0, &["up", "--yes"]);
    assert!(!up.stderr.contains("Built for this machine"), "nothing was built: {up}");
    assert_eq!(invoked(&sandbox, "1")["level"], "debug");
    let served = Served::start(&sandbox, &[]);
    let snapshot = served.connect(&world).snapshot();
    assert_eq!(snapshot["function.demo-a"]["architectures"], json!([here]));
    assert_eq!(snapshot["function.demo-a"]["memory_size"], 512);
    assert_eq!(snapshot["function.demo-b"]["architectures"], json!([foreign]), "what is not built is not ours to rename");
    assert_eq!(snapshot["function.demo-b"]["memory_size"], 128);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    served.end();
}

/// The only test that waits for a clock: for a minute, and a little.
#[test]
fn schedules_fire_where_a_permission_lets_them() {
    let world = World::start(Backend::Local);
    let cron = spec::scheduled("b").replace("rate(1 day)", "cron(* * * * ? *)");
    let sandbox =
        world.sandbox(&(spec::header() + &spec::scheduled("a").replace("rate(1 day)", "rate(1 minute)") + &cron + &spec::plain("c")));
    sandbox.executable("bootstrap", PROGRAM);
    sandbox.expect(0, &["up", "--yes", "c"]);
    let events = &world.cloud.events;
    world.cloud.done(events.put_rule().name("unpermitted").schedule_expression("rate(1 minute)").send());
    let target = aws_sdk_eventbridge::types::Target::builder().id("c").arn(crate::support::cloud::function_arn("demo-c")).build().unwrap();
    world.cloud.done(events.put_targets().rule("unpermitted").targets(target).send());
    sandbox.expect(0, &["up", "--yes"]);
    let began = Instant::now();
    let fired = |name: &str| sandbox.expect(0, &["logs", name]).stdout.contains("\"detail-type\": \"Scheduled Event\"");
    while !(fired("a") && fired("b")) {
        assert!(began.elapsed() < Duration::from_secs(120), "a: {}, b: {}", fired("a"), fired("b"));
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(began.elapsed() > Duration::from_millis(500), "nothing fires before its time");
    // It was made before, so it was due before; one look more in case it is slower.
    std::thread::sleep(Duration::from_secs(2));
    assert!(!sandbox.expect(0, &["logs", "c"]).stdout.contains("saw"), "a rule without a permission called its function");
    let log = sandbox.expect(0, &["logs", "a"]).stdout;
    let event: Value = serde_json::from_str(log.lines().find_map(|line| line.split_once("saw ")).unwrap().1).unwrap();
    let rule = event["resources"][0].as_str().unwrap_or_default();
    assert!(event["source"] == "aws.events" && rule.ends_with(":rule/demo-a-nightly"), "{event}");
}

#[test]
fn schedules_fire_while_a_daemon_runs() {
    let world = World::without_cloud();
    let sandbox = project(&world, &(spec::header() + &spec::scheduled("a").replace("rate(1 day)", "rate(1 minute)")));
    sandbox.expect(0, &["up", "--yes"]);
    let daemon = sandbox.start(&["daemon", "--listen", "none"]);
    let (began, fired) = (Instant::now(), || sandbox.run(&["logs", "a"]).stdout.contains("\"detail-type\": \"Scheduled Event\""));
    while !(server_file(&sandbox).exists() && fired()) {
        assert!(began.elapsed() < Duration::from_secs(150), "no schedule fires");
        std::thread::sleep(Duration::from_millis(500));
    }
    signal(daemon.pid(), "TERM");
    daemon.wait().expect(0);
}

#[test]
fn what_this_machine_cannot_run_is_told_before_anything_is_made() {
    let world = World::without_cloud();
    let sandbox = project(&world, &one());
    let mut program = static_program();
    // RISC-V, for which nobody has an emulator that Lambda has a word for.
    program[18] = 243;
    std::fs::write(sandbox.path().join("bootstrap"), program).unwrap();
    sandbox.run(&["up", "--yes"]).expect(6).says("built for another processor").says("under `--local` it does so for this machine");
    let served = Served::start(&sandbox, &["--format", "json"]);
    assert_eq!(served.connect(&world).names(), BTreeSet::new());
    served.end();
}

#[test]
fn the_bucket_for_large_packages_is_made_where_the_user_has_it_on_aws() {
    let world = World::without_cloud();
    let header = spec::header().trim_end().to_owned() + "\ncode_bucket = \"demo-code\"\n\n";
    let sandbox = project(&world, &(header + &spec::plain("a").replace("{ file = \"bootstrap\" }", "{ zip = \"large.zip\" }")));
    large_zip(&sandbox, 1);
    sandbox.run(&["plan"]).expect(0).says("Made the bucket `demo-code` in the local cloud");
    let again = sandbox.expect(0, &["up", "--yes"]);
    assert!(!again.stderr.contains("Made the bucket"), "{again}");
    sandbox.expect(0, &["plan", "--exit-code"]);
    let served = Served::start(&sandbox, &["--format", "json"]);
    assert_eq!(served.connect(&world).keys("demo-code").len(), 1);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(served.connect(&world).keys("demo-code"), Vec::<String>::new(), "the bucket stays, and nothing in it");
    served.end();
}

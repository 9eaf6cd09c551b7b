//! The daemon over a while: several specs by the clock, a fight, and whatever happens to the process.

use crate::support::process::signal;
use crate::support::receiver::Receiver;
use crate::support::site::{Answer, Site};
use crate::support::{Backend, Rule, Sandbox, World, spec};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// What was told so far: the spec and the kind of each piece of news.
fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let documents = receiver.requests().into_iter().map(|request| request.json());
    let notices = documents.flat_map(|document| document["notices"].as_array().unwrap().clone());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    notices.map(|notice| (text(&notice["spec"]), text(&notice["kind"]))).collect()
}

fn kinds(receiver: &Receiver) -> Vec<String> {
    told(receiver).into_iter().map(|(_, kind)| kind).collect()
}

/// Waits until so many pieces of news came.
#[track_caller]
fn until_told(receiver: &Receiver, count: usize) {
    let deadline = Instant::now() + LIMIT;
    while told(receiver).len() < count {
        assert!(Instant::now() < deadline, "{:?}", told(receiver));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn drifted(answer: &Answer) -> u64 {
    answer.json()["spec"]["drifted"].as_u64().unwrap()
}

fn metric(site: &Site, line: &str) -> bool {
    site.get("/metrics").body.lines().any(|one| one == line)
}

#[test]
fn three_specs_are_watched_by_the_clock_on_the_local_cloud() {
    three_specs_are_watched_by_the_clock(Backend::Local);
}

#[test]
fn three_specs_are_watched_by_the_clock_on_ministack() {
    three_specs_are_watched_by_the_clock(Backend::Ministack);
}

/// Nobody asks it to look: drift is found and told within one interval, once, and so is its end.
fn three_specs_are_watched_by_the_clock(backend: Backend) {
    let (world, receiver) = (World::start(backend), Receiver::start(|_| "200 OK"));
    let sandbox = world.sandbox("");
    let files: Vec<String> = ["one", "two", "three"].map(|project| of_project(&sandbox, &receiver, project)).into();
    let site = Site::reserve();
    let running = site.watch(&sandbox, &[&files[0], &files[1], &files[2]]);
    site.until("/readyz", LIMIT, |answer| answer.status == 200);
    world.cloud.configure("two-hash", |call| call.memory_size(512));
    let interval = Duration::from_secs(60);
    // A check takes a while, and this machine may be busy.
    let within = interval + Duration::from_secs(30);
    site.until("/api/v1/specs/two", within, |answer| drifted(answer) == 1);
    assert!(metric(&site, "lambdo_drift_open{spec=\"two\",kind=\"changed\"} 1"));
    until_told(&receiver, 1);
    assert_eq!((drifted(&site.get("/api/v1/specs/one")), drifted(&site.get("/api/v1/specs/three"))), (0, 0));
    world.cloud.configure("two-hash", |call| call.memory_size(128));
    site.until("/api/v1/specs/two", within, |answer| drifted(answer) == 0);
    until_told(&receiver, 2);
    assert!(metric(&site, "lambdo_drift_open{spec=\"two\",kind=\"changed\"} 0"));
    let all = |kind: &str| ("two".to_owned(), kind.to_owned());
    assert_eq!(told(&receiver), [all("opened"), all("resolved")]);
    for id in ["one", "two", "three"] {
        let spec = site.get(&format!("/api/v1/specs/{id}")).json()["spec"].clone();
        assert!(spec["totals"]["checks_done"].as_u64() >= Some(2), "{spec:#}");
    }
    signal(running.pid(), "TERM");
    running.wait().expect(0);
}

/// A spec of its own beside the others, brought up; its file.
fn of_project(sandbox: &Sandbox, receiver: &Receiver, project: &str) -> String {
    let file = format!("{project}.toml");
    let header = spec::header().replace("demo", project);
    let watched = format!("[drift]\nschedule = \"rate(1 minute)\"\n\n[[notify]]\nwebhook = \"{}\"\n", receiver.url("/"));
    sandbox.write(&file, &(header + &spec::plain("hash") + &watched));
    sandbox.expect(0, &["up", "--yes", "--config", &file]);
    file
}

fn healing(receiver: &Receiver) -> String {
    let daemon = "[daemon]\nmode = \"heal\"\ncontested_after = { reverts = 3, within = \"1h\" }\n\n";
    spec::header() + &spec::plain("hash") + daemon + &format!("[[notify]]\nwebhook = \"{}\"\n", receiver.url("/"))
}

/// Somebody sets the memory again and again, every two seconds. Healing gives in after three reverts, says so once, and no
/// service gets more calls than the budget allows.
#[test]
fn a_fight_is_lost_politely() {
    const PER_MINUTE: usize = 60;
    let (world, receiver) = (World::start(Backend::Local), Receiver::start(|_| "200 OK"));
    let sandbox = world.sandbox(&healing(&receiver));
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.clear();
    let site = Site::reserve();
    let running = site.watch(&sandbox, &["--calls-per-minute", &PER_MINUTE.to_string()]);
    site.until("/readyz", LIMIT, |answer| answer.status == 200);
    let (is_over, sets) = (AtomicBool::new(false), AtomicUsize::new(0));
    let other = world.connect();
    let spec = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // A change while another one is under way is refused; the other process tries again, too.
                let call = other.lambda.update_function_configuration().function_name("demo-hash").memory_size(512);
                sets.fetch_add(usize::from(other.wait(call.send()).is_ok()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_secs(2));
            }
        });
        let contested = || {
            let deadline = Instant::now() + 2 * LIMIT;
            loop {
                site.ask("POST", "/api/v1/specs/demo/check", "");
                let spec = site.get("/api/v1/specs/demo").json()["spec"].clone();
                if spec["contested"] == 1 {
                    return Some(spec);
                }
                if Instant::now() >= deadline {
                    return None;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        };
        let spec = contested();
        is_over.store(true, Ordering::Relaxed);
        spec
    });
    let spec = spec.expect("healing gives in");
    assert_eq!(spec["totals"]["healed"], 3, "{spec:#}");
    // It goes on to look, and leaves it alone.
    let checks = |answer: &Answer| answer.json()["spec"]["totals"]["checks_done"].as_u64().unwrap();
    let before = spec["totals"]["checks_done"].as_u64().unwrap();
    site.ask("POST", "/api/v1/specs/demo/check", "");
    let after = site.until("/api/v1/specs/demo", LIMIT, |answer| checks(answer) > before);
    assert_eq!(after.json()["spec"]["totals"]["healed"], 3);
    signal(running.pid(), "TERM");
    running.wait().expect(0);
    assert_eq!(kinds(&receiver).iter().filter(|kind| *kind == "contested").count(), 1, "{:?}", kinds(&receiver));
    assert!(sets.load(Ordering::Relaxed) >= 4);
    let calls = world.proxy.calls();
    for service in ["lambda", "iam", "logs", "events", "sts"] {
        let times: Vec<Instant> = calls.iter().filter(|call| call.operation.service == service).map(|call| call.at).collect();
        let most = times.iter().map(|from| times.iter().filter(|at| **at >= *from && **at < *from + Duration::from_secs(60)).count()).max();
        // A minute's budget may be saved up before a minute begins.
        assert!(most.unwrap_or(0) <= 2 * PER_MINUTE, "{service}: {most:?} in a minute");
    }
}

/// Killed, stopped, without room on the disk, with expired credentials: what was open stays known, and each piece of news comes once.
#[test]
fn people_are_told_once_whatever_happens_to_the_process() {
    let (world, receiver) = (World::start(Backend::Local), Receiver::start(|_| "200 OK"));
    let watched = format!("[[notify]]\nwebhook = \"{}\"\n", receiver.url("/"));
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("hash") + &watched));
    sandbox.expect(0, &["up", "--yes"]);
    let start = |short: bool| {
        let site = Site::reserve();
        let arguments = ["daemon", "--listen", &site.authority, "--token-file", "token"];
        let running = if short { sandbox.start_with_short_files(1, &arguments) } else { site.watch(&sandbox, &[]) };
        site.until("/readyz", LIMIT, |answer| answer.status == 200);
        (site, running)
    };
    let (site, running) = start(false);
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    site.ask("POST", "/api/v1/specs/demo/check", "");
    until_told(&receiver, 1);
    let since = site.get("/api/v1/specs/demo/drift").json()["drift"]["findings"][0]["since"].clone();
    signal(running.pid(), "KILL");
    let _ = running.wait();

    // No file may grow beyond a block: the memory cannot be written, and everything goes on.
    let (site, running) = start(true);
    let full = site.until("/api/v1/specs/demo", LIMIT, |answer| answer.json()["spec"]["history_trouble"].is_string());
    assert_eq!(drifted(&full), 1);
    signal(running.pid(), "TERM");
    let _ = running.wait();

    world.proxy.rules([Rule::any().refuse(403, "ExpiredTokenException", "The security token included in the request is expired")]);
    let (site, running) = start(false);
    let failing = site.until("/api/v1/specs/demo", LIMIT, |answer| answer.json()["spec"]["standing"] == "failing");
    assert_eq!((&failing.json()["spec"]["trouble"]["kind"], drifted(&failing)), (&"credentials".into(), 1));
    assert_eq!(site.get("/api/v1/specs/demo/drift").json()["drift"]["findings"][0]["since"], since);
    assert!(metric(&site, "lambdo_failing{spec=\"demo\"} 1"));
    let failures = |line: &&str| line.starts_with("lambdo_aws_calls_total") && line.contains("failure") && !line.ends_with(" 0");
    assert!(site.get("/metrics").body.lines().any(|line| failures(&line)), "calls of checks that fail count, too");
    until_told(&receiver, 2);
    world.proxy.clear();
    site.ask("POST", "/api/v1/specs/demo/check", "");
    until_told(&receiver, 3);
    signal(running.pid(), "TERM");
    running.wait().expect(0);

    let (site, running) = start(false);
    world.cloud.configure("demo-hash", |call| call.memory_size(128));
    site.ask("POST", "/api/v1/specs/demo/check", "");
    until_told(&receiver, 4);
    let history = site.get("/api/v1/specs/demo/history").json()["history"]["moments"].clone();
    let count = |kind: &str| history.as_array().unwrap().iter().filter(|moment| moment["kind"] == kind).count();
    assert_eq!((count("opened"), count("resolved"), count("failed"), count("recovered")), (1, 1, 1, 1), "{history:#}");
    signal(running.pid(), "TERM");
    running.wait().expect(0);
    assert_eq!(kinds(&receiver), ["opened", "failed", "recovered", "resolved"]);
}

/// The audit as a job: it only tells, and mends when that is asked for.
#[test]
fn log_groups_are_looked_after_on_a_schedule() {
    let (world, receiver) = (World::start(Backend::Local), Receiver::start(|_| "200 OK"));
    let audit = "[daemon.log_groups]\nprefix = \"/fleet/\"\nretention_in_days = 90\nschedule = \"rate(1 minute)\"\n\n";
    let watched = format!("{audit}[[notify]]\nwebhook = \"{}\"\n", receiver.url("/"));
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("hash") + &watched));
    sandbox.expect(0, &["up", "--yes"]);
    world.proxy.clear();
    ["/fleet/a", "/fleet/b", "/other"].iter().for_each(|name| world.cloud.foreign_group(name, &[]));
    let retention = |name: &str| {
        let groups = world.cloud.done(world.cloud.logs.describe_log_groups().log_group_name_prefix(name).send());
        groups.log_groups()[0].retention_in_days
    };
    sandbox.expect(0, &["daemon", "--once"]);
    until_told(&receiver, 1);
    let text = receiver.requests()[0].json()["notices"][0]["text"].clone();
    assert!(text.as_str().unwrap().starts_with("2 log groups") && text.as_str().unwrap().contains("`/fleet/a`, `/fleet/b`"), "{text}");
    assert_eq!((retention("/fleet/a"), world.proxy.calls_of("PutRetentionPolicy").len()), (None, 0));
    let site = Site::reserve();
    let running = site.watch(&sandbox, &[]);
    site.until("/metrics", LIMIT, |answer| answer.body.contains("lambdo_log_groups_wrong{spec=\"demo\",problem=\"no_retention\"} 2\n"));
    sandbox.edit("retention_in_days = 90\n", "retention_in_days = 90\nfix = true\n");
    // What was told once is not told again; what was done is.
    let mended = |answer: &Answer| {
        site.ask("POST", "/api/v1/specs/demo/check", "");
        answer.json()["spec"]["totals"]["log_groups_mended"] == 2
    };
    site.until("/api/v1/specs/demo", 2 * LIMIT, mended);
    until_told(&receiver, 2);
    signal(running.pid(), "TERM");
    running.wait().expect(0);
    assert_eq!(kinds(&receiver), ["log_groups", "log_groups"]);
    assert_eq!((retention("/fleet/a"), retention("/fleet/b"), retention("/other")), (Some(90), Some(90), None));
}

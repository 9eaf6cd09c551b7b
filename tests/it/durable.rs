//! SIGKILL of the local cloud, or of a `--local` command, at any moment loses nothing that was acknowledged.

use crate::support::cloud::{Cloud, allow, function_arn, package, trust};
use crate::support::process::{marked, signal, until_no_process_has};
use crate::support::served::Served;
use crate::support::{Backend, World, spec};
use aws_sdk_eventbridge as events;
use aws_sdk_iam as iam;
use aws_sdk_lambda::types::{FunctionCode, InvocationType, Runtime};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Numbers that look random and are the same in each run (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What the cloud said yes to, and what it was asked for at all.
#[derive(Default)]
struct Ledger {
    /// `log_group.x` or `log_group.x field`, and what it must be.
    acknowledged: BTreeMap<String, Value>,
    /// Deleted for certain.
    gone: BTreeSet<String>,
    asked: BTreeSet<String>,
    refused: Vec<String>,
}

/// One thread's work: it makes one thing after the other, and notes what it was told.
struct Worker<'a> {
    cloud: Cloud,
    ledger: &'a Mutex<Ledger>,
    role: &'a str,
    number: usize,
}

impl Worker<'_> {
    fn work(&self, stop: &AtomicBool) {
        for turn in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            // A round makes one of each.
            let name = format!("w{}-{}", self.number, turn / 4);
            match turn % 4 {
                0 => self.group(&name),
                1 => self.role(&name),
                2 => self.function(&name),
                _ => self.rule(&name),
            }
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call, and remembers what came of it; whether it went through.
    fn acknowledged<T, E: std::fmt::Debug>(&self, what: &str, value: Value, call: impl Future<Output = Result<T, E>>) -> bool {
        self.ledger().asked.insert(what.split(' ').next().unwrap_or_default().to_owned());
        let outcome = self.cloud.wait(call);
        let mut ledger = self.ledger();
        match outcome {
            Ok(_) => drop(ledger.acknowledged.insert(what.to_owned(), value)),
            Err(ref error) => ledger.refused.push(format!("{what}: {error:?}")),
        }
        outcome.is_ok()
    }

    fn group(&self, name: &str) {
        let logs = &self.cloud.logs;
        let what = format!("log_group.{name}");
        let create = logs.create_log_group().log_group_name(name).tags("made", "whole").send();
        if !self.acknowledged(&format!("{what} tags"), serde_json::json!({"made": "whole"}), create) {
            return;
        }
        let retention = logs.put_retention_policy().log_group_name(name).retention_in_days(7).send();
        self.acknowledged(&format!("{what} retention_in_days"), 7.into(), retention);
        let other = format!("{name}-gone");
        let create = logs.create_log_group().log_group_name(&other).tags("made", "whole").send();
        let is_made = self.acknowledged(&format!("log_group.{other} tags"), serde_json::json!({"made": "whole"}), create);
        if is_made {
            // From the moment when it is asked to go nobody knows, until it is acknowledged.
            self.ledger().acknowledged.remove(&format!("log_group.{other} tags"));
            if self.cloud.wait(logs.delete_log_group().log_group_name(&other).send()).is_ok() {
                self.ledger().gone.insert(format!("log_group.{other}"));
            }
        }
    }

    fn role(&self, name: &str) {
        let iam = &self.cloud.iam;
        let what = format!("role.{name}");
        let tag = iam::types::Tag::builder().key("made").value("whole").build().unwrap();
        let create = iam.create_role().role_name(name).assume_role_policy_document(trust("lambda.amazonaws.com")).tags(tag).send();
        if self.acknowledged(&format!("{what} tags"), serde_json::json!({"made": "whole"}), create) {
            let (text, what) = (allow("s3:GetObject"), format!("{what} inline_policies"));
            let value = serde_json::json!({"p": serde_json::from_str::<Value>(&text).unwrap()});
            self.acknowledged(&what, value, iam.put_role_policy().role_name(name).policy_name("p").policy_document(text).send());
        }
    }

    fn function(&self, name: &str) {
        let lambda = &self.cloud.lambda;
        let what = format!("function.{name}");
        let code = FunctionCode::builder().zip_file(package(name)).build();
        let create = lambda.create_function().function_name(name).role(self.role).code(code).tags("made", "whole");
        let create = create.runtime(Runtime::Providedal2023).handler("bootstrap").description(name).send();
        if !self.acknowledged(&format!("{what} description"), name.into(), create) {
            return;
        }
        let permission = lambda.add_permission().function_name(name).statement_id("s").action("lambda:InvokeFunction");
        self.acknowledged(&format!("{what} policy"), Value::Null, permission.principal("events.amazonaws.com").send());
        let tags = serde_json::json!({"made": "whole", "more": name});
        self.acknowledged(&format!("{what} tags"), tags, lambda.tag_resource().resource(function_arn(name)).tags("more", name).send());
    }

    fn rule(&self, name: &str) {
        let events = &self.cloud.events;
        let what = format!("rule.{name}");
        let tag = events::types::Tag::builder().key("made").value("whole").build().unwrap();
        let put = events.put_rule().name(name).schedule_expression("rate(7 days)").tags(tag).send();
        if self.acknowledged(&format!("{what} tags"), serde_json::json!({"made": "whole"}), put) {
            let target = events::types::Target::builder().id("t").arn(function_arn(name)).build().unwrap();
            let targets = serde_json::json!({"t": {"arn": function_arn(name), "input": null, "queue": null, "retry_policy": null}});
            self.acknowledged(&format!("{what} targets"), targets, events.put_targets().rule(name).targets(target).send());
        }
    }
}

/// Everything that was acknowledged is there as it was acknowledged, and nothing is there in half.
fn is_kept(world: &World, ledger: &Ledger) {
    let snapshot = world.cloud.snapshot();
    for (what, expected) in &ledger.acknowledged {
        let (resource, field) = what.split_once(' ').unwrap();
        let fields = snapshot.get(resource).unwrap_or_else(|| panic!("{what} was acknowledged and is not there"));
        let actual = fields.get(field).unwrap_or_else(|| panic!("{what} was acknowledged; there is only {fields:?}"));
        assert!(expected.is_null() || actual == expected, "{what} was acknowledged as {expected} and is {actual}");
    }
    for resource in &ledger.gone {
        assert!(!snapshot.contains_key(resource), "{resource} was deleted and is there");
    }
    for (resource, fields) in snapshot.iter().filter(|(resource, _)| *resource != "role.base") {
        assert!(ledger.asked.contains(resource), "{resource} is there, and nobody asked for it");
        assert_eq!(fields["tags"]["made"], "whole", "{resource} is there in half: {fields:?}");
    }
    for name in snapshot.keys().filter_map(|resource| resource.strip_prefix("function.")) {
        assert!(world.cloud.package_of(name).starts_with(b"PK"), "the package of {name} is not there");
    }
}

#[test]
fn a_cloud_that_is_killed_at_any_moment_keeps_what_it_acknowledged() {
    const KILLS: usize = 8;
    let world = World::start(Backend::Local);
    let role = world.cloud.foreign_role("base", "/", &[]);
    let (ledger, stop) = (Mutex::new(Ledger::default()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for number in 0..4 {
            let worker = Worker { cloud: world.connect(), ledger: &ledger, role: &role, number };
            let stop = &stop;
            scope.spawn(move || worker.work(stop));
        }
        let mut seeded = Seeded(20_261_122);
        // A machine that is busy needs more of them, until enough was acknowledged.
        for number in 0.. {
            if number >= KILLS && ledger.lock().unwrap_or_else(PoisonError::into_inner).acknowledged.len() > 50 || number > 20 * KILLS {
                break;
            }
            std::thread::sleep(Duration::from_millis(20 + seeded.below(250)));
            world.emulator().kill();
            world.emulator().restart();
        }
        stop.store(true, Ordering::Relaxed);
    });
    world.emulator().kill();
    world.emulator().restart();
    let ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    // The SDK asks again what had no answer, and may be told that it is there already.
    eprintln!("{} acknowledged; refused: {:#?}", ledger.acknowledged.len(), ledger.refused);
    assert!(ledger.acknowledged.len() > 50, "only {} calls went through", ledger.acknowledged.len());
    is_kept(&world, &ledger);

    let before = world.cloud.names();
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), before);
}

/// A function that says what it is given, to a test that listens too.
const SAYS: &str = r#"#!/bin/sh
''''exec python3 "$0" "$@" # '''
import json, os, socket, time, urllib.request

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as call:
        event, id = json.loads(call.read()), call.headers["Lambda-Runtime-Aws-Request-Id"]
    if "EAR" in os.environ:
        with socket.create_connection(("127.0.0.1", int(os.environ["EAR"]))) as ear:
            ear.sendall(json.dumps(event).encode())
    if event == "sleep":
        time.sleep(60)
    urllib.request.urlopen(api + id + "/response", b"null").close()
"#;

/// One function with these variables.
fn with_variables(variables: &str) -> String {
    spec::header() + &spec::plain("a").replace("code =", &format!("timeout = 60\nenvironment = {{ {variables} }}\ncode ="))
}

/// Hears what the function was given. Its log would not do: nobody acknowledges a log's last lines.
struct Ear(mpsc::Receiver<String>);

impl Ear {
    fn listen() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, receiver) = mpsc::channel();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let mut text = String::new();
                if connection.read_to_string(&mut text).is_ok() && sender.send(text).is_err() {
                    return;
                }
            }
        });
        (Self(receiver), port)
    }

    fn until(&self, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let heard = || self.0.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        // An event may be delivered more than once.
        while heard().unwrap_or_else(|_| panic!("the event {expected} is never delivered")) != expected {}
    }
}

#[test]
fn an_event_that_was_accepted_right_before_a_kill_is_delivered() {
    let world = World::start(Backend::Local);
    let mark = format!("lambdo-durable-{}", world.emulator().pid());
    let (ear, port) = Ear::listen();
    let sandbox = world.sandbox(&with_variables(&format!("MARK = \"{mark}\", EAR = \"{port}\"")));
    sandbox.executable("bootstrap", SAYS);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["invoke", "a", "--async", "1"]);
    world.emulator().kill();
    world.emulator().restart();
    ear.until("1");
    for (number, pause_ms) in [(2, 0), (3, 2), (4, 5), (5, 30), (6, 100)] {
        let accepted = world.cloud.lambda.invoke().function_name("demo-a").invocation_type(InvocationType::Event);
        let accepted = world.cloud.done(accepted.payload(aws_sdk_lambda::primitives::Blob::new(number.to_string())).send());
        assert_eq!(accepted.status_code, 202);
        std::thread::sleep(Duration::from_millis(pause_ms));
        world.emulator().kill();
        // Nobody else would end what ran for the cloud that is gone.
        until_no_process_has(&mark, Duration::from_secs(20));
        world.emulator().restart();
        ear.until(&number.to_string());
    }
}

/// All that a `--local` command leaves in the system's temporary folder.
fn left_behind(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().display().to_string());
    entries.filter(|name| name.starts_with("lambdo-run-")).collect()
}

#[test]
fn a_local_up_that_is_killed_at_any_moment_can_be_finished_or_taken_down() {
    let world = World::without_cloud();
    let spec = spec::header() + &spec::scheduled("a") + &spec::scheduled("b");
    let began = Instant::now();
    world.sandbox(&spec).expect(0, &["--local", "up", "--yes"]);
    let whole_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    let mut seeded = Seeded(3);
    let mut unfinished = 0;
    for round in 0..8 {
        let sandbox = world.sandbox(&spec);
        let running = sandbox.start(&["--local", "up", "--yes"]);
        std::thread::sleep(Duration::from_millis(whole_ms / 10 + seeded.below(whole_ms)));
        signal(running.pid(), "KILL");
        unfinished += usize::from(running.wait().signal == Some(9));
        if round % 2 == 0 {
            sandbox.expect(0, &["--local", "up", "--yes"]);
            sandbox.expect(0, &["--local", "plan", "--exit-code"]);
        }
        sandbox.expect(0, &["--local", "destroy", "--yes"]);
        let served = Served::start(&sandbox, &[]);
        assert_eq!(served.connect(&world).names(), BTreeSet::new(), "round {round}: destroy leaves something");
        served.end();
    }
    assert!(unfinished > 2, "only {unfinished} runs were killed before their end");
}

#[test]
fn a_local_invoke_that_is_killed_leaves_no_process_and_no_folder() {
    let world = World::without_cloud();
    let mark = format!("lambdo-killed-{}", std::process::id());
    let mut sandbox = world.sandbox(&with_variables(&format!("MARK = \"{mark}\"")));
    let temporary = tempfile::tempdir().unwrap();
    // Functions do not run as whoever runs the cloud.
    std::fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.variable("TMPDIR", &temporary.path().display().to_string());
    sandbox.executable("bootstrap", SAYS);
    sandbox.expect(0, &["--local", "up", "--yes"]);
    let running = sandbox.start(&["--local", "invoke", "a", "\"sleep\""]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while marked(&mark).is_empty() {
        assert!(Instant::now() < deadline, "the function never ran");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(left_behind(temporary.path()).len(), 1);
    signal(running.pid(), "KILL");
    assert_eq!(running.wait().signal, Some(9));
    until_no_process_has(&mark, Duration::from_secs(20));
    while !left_behind(temporary.path()).is_empty() {
        assert!(Instant::now() < deadline, "{:?} stays", left_behind(temporary.path()));
        std::thread::sleep(Duration::from_millis(20));
    }
    sandbox.expect(0, &["--local", "invoke", "a", "1"]);
    sandbox.expect(0, &["--local", "destroy", "--yes"]);
    until_no_process_has(&mark, Duration::from_secs(20));
    assert!(left_behind(temporary.path()).is_empty(), "{:?}", left_behind(temporary.path()));
}

//! Functions that misbehave: each ends as it does on Lambda, nothing of it stays, and the cloud goes on.
//!
//! Only on the local cloud: the emulators that others wrote let most of this happen.

use crate::support::process::{marked, until_no_process_has};
use crate::support::sandbox::Output;
use crate::support::{Backend, Sandbox, World, spec};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A runtime in a few lines; what comes behind it says what `handle` does with an event.
const RUNTIME: &str = r#"#!/bin/sh
''''exec python3 "$0" "$@" # '''
import json, os, signal, subprocess, sys, time, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def run(handle):
    while True:
        with urllib.request.urlopen(API + "next") as call:
            event, id = json.loads(call.read()), call.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = json.dumps(handle(event)).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(API + id + "/response", answer)).close()
        except urllib.error.HTTPError as refusal:
            print("refused with", refusal.code, flush=True)

# What leaves its parent, its process group and its session, keeps the pipe of the log, and ends by SIGKILL alone.
DAEMON = """
import os, signal, sys, time
if os.fork() or os.setsid() is None and os.fork():
    os._exit(0)
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
time.sleep(300)
"""

def daemon():
    subprocess.run([sys.executable, "-c", DAEMON, os.environ["MARK"]])
"#;

/// The one that must still answer when the others have done their worst.
const OTHER: &str = "run(lambda event: 'fine')";

/// A project with one function that misbehaves and one that does not.
struct Trial {
    world: World,
    sandbox: Sandbox,
    mark: String,
}

impl Trial {
    /// `handle` is the rest of the program; `settings` stand in the function's section.
    fn start(settings: &str, handle: &str) -> Self {
        let world = World::start(Backend::Local);
        let mark = format!("lambdo-hostile-{}", world.emulator().pid());
        let function = |name: &str| {
            let environment = format!("environment = {{ MARK = \"{mark}\" }}\ncode =");
            spec::plain(name).replace("\"bootstrap\" }", &format!("\"{name}\" }}")).replace("code =", &environment)
        };
        let bad = function("bad").replace("code =", &format!("{settings}\ncode ="));
        let sandbox = world.sandbox(&(spec::header() + &bad + &function("other")));
        sandbox.executable("bad", &format!("{RUNTIME}\n{handle}\n"));
        sandbox.executable("other", &format!("{RUNTIME}\n{OTHER}\n"));
        sandbox.expect(0, &["up", "--yes"]);
        Self { world, sandbox, mark }
    }

    /// Calls the function that misbehaves; it must fail with this error, told in these words.
    #[track_caller]
    fn fails(&self, event: &str, error_type: &str, message: &str) -> Output {
        let output = self.sandbox.expect(1, &["invoke", "bad", event]).says("The function failed: function.bad");
        let payload: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
        assert_eq!(payload["errorType"], error_type, "{output}");
        let told = payload["errorMessage"].as_str().unwrap_or_default();
        assert!(told.contains(message), "`{message}` is not in `{told}`");
        output
    }

    #[track_caller]
    fn answers(&self, event: &str) -> Value {
        let output = self.sandbox.expect(0, &["invoke", "bad", event]);
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// The function's log. It is handed over when the invocation has its answer.
    #[track_caller]
    fn logs(&self, expected: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let output = self.sandbox.expect(0, &["logs", "bad"]);
            let missing: Vec<_> = expected.iter().filter(|text| !output.stdout.contains(**text)).collect();
            if missing.is_empty() {
                return output.stdout;
            }
            assert!(Instant::now() < deadline, "the log lacks {missing:?}\n{output}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The cloud goes on, and nothing stays when everything is taken down.
    fn ends(&self) {
        let other = self.sandbox.expect(0, &["invoke", "other"]);
        assert_eq!(other.stdout, "\"fine\"", "{other}");
        self.sandbox.expect(0, &["destroy", "--yes"]);
        assert!(self.world.cloud.names().is_empty());
        until_no_process_has(&self.mark, Duration::from_secs(10));
    }
}

#[test]
fn what_sleeps_past_its_timeout_and_ignores_every_signal_is_killed() {
    let trial = Trial::start(
        "timeout = 1",
        r#"
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
def handle(event):
    if event == "sleep":
        daemon()
        print("tired", flush=True)
        time.sleep(60)
    return "awake"
run(handle)
"#,
    );
    assert_eq!(trial.answers("1"), "awake");
    assert!(!marked(&trial.mark).is_empty(), "processes of functions are not found by their mark");
    let asked = Instant::now();
    trial.fails("\"sleep\"", "Sandbox.Timedout", "Task timed out after 1.00 seconds");
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
    until_no_process_has(&trial.mark, Duration::from_secs(20));
    trial.logs(&["tired", "Task timed out after 1.00 seconds", "END RequestId", "Status: timeout"]);
    assert_eq!(trial.answers("1"), "awake", "a cold start follows");
    trial.ends();
}

#[test]
fn what_crashes_is_told_with_its_exit_status_or_signal() {
    let trial = Trial::start(
        "",
        r#"
def handle(event):
    print("about to", event, flush=True)
    if event == "exit":
        os._exit(3)
    if event == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    return os.getpid()
run(handle)
"#,
    );
    trial.fails("\"exit\"", "Runtime.ExitError", "Runtime exited with error: exit status 3");
    trial.fails("\"segfault\"", "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault");
    until_no_process_has(&trial.mark, Duration::from_secs(20));
    assert!(trial.answers("1").is_i64());
    let log = trial.logs(&["about to exit", "about to segfault", "exit status 3", "signal: segmentation fault", "Runtime.ExitError"]);
    assert_eq!(log.matches("INIT_START").count(), 3, "each crash is followed by a cold start\n{log}");
    trial.ends();
}

#[test]
fn what_crashes_before_it_asks_for_work_is_tried_again_and_told() {
    let trial = Trial::start("", "print('no luck', flush=True)\nos._exit(7)");
    trial.fails("1", "Runtime.ExitError", "Runtime exited with error: exit status 7");
    let log = trial.logs(&["INIT_REPORT", "Phase: init", "Phase: invoke"]);
    assert_eq!(log.matches("no luck").count(), 2, "{log}");
    trial.ends();
}

#[test]
fn a_megabyte_of_text_is_all_in_the_log() {
    let trial = Trial::start(
        "timeout = 20",
        r#"
def handle(event):
    if event == "lines":
        for number in range(10_000):
            print(f"line {number:05} " + "x" * 93)
    else:
        sys.stdout.write("y" * (1 << 20))
    sys.stdout.flush()
    return "said"
run(handle)
"#,
    );
    assert_eq!(trial.answers("\"lines\""), "said");
    let log = trial.logs(&["line 09999", "REPORT"]);
    let numbers: Vec<usize> = log.lines().filter_map(|line| line.split("line ").nth(1)?.get(..5)?.parse().ok()).collect();
    assert!(numbers.iter().copied().eq(0..10_000), "{} lines, or not in their order", numbers.len());
    assert_eq!(trial.answers("\"one line\""), "said");
    let deadline = Instant::now() + Duration::from_secs(10);
    while trial.logs(&[]).matches('y').count() < 1 << 20 {
        assert!(Instant::now() < deadline, "a line of a megabyte is not whole in the log");
        std::thread::sleep(Duration::from_millis(200));
    }
    trial.ends();
}

#[test]
fn an_answer_has_six_megabytes_at_most() {
    let trial = Trial::start("timeout = 20", "run(lambda size: 'z' * size)");
    trial.fails("7000000", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291556 bytes)");
    trial.logs(&["refused with 413", "REPORT"]);
    // Two quotation marks are part of it.
    assert_eq!(trial.answers("6291554").as_str().map(str::len), Some(6_291_554));
    trial.fails("6291555", "Function.ResponseSizeTooLarge", "exceeded");
    trial.ends();
}

#[test]
fn what_lingers_behind_an_answer_holds_nothing_up_and_dies_with_its_environment() {
    let trial = Trial::start("", "def handle(event):\n    daemon()\n    print('gone', flush=True)\n    return event\nrun(handle)");
    let asked = Instant::now();
    assert_eq!(trial.answers("1"), 1);
    assert_eq!(trial.answers("2"), 2);
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    let log = trial.logs(&["gone", "REPORT"]);
    assert_eq!(log.matches("INIT_START").count(), 1, "{log}");
    // An update ends the environments of before, with what they left behind.
    trial.sandbox.edit("[function.bad]", "[function.bad]\nmemory_size = 256");
    trial.sandbox.expect(0, &["up", "--yes", "bad"]);
    assert_eq!(trial.answers("3"), 3);
    let deadline = Instant::now() + Duration::from_secs(10);
    while marked(&trial.mark).len() > 2 {
        assert!(Instant::now() < deadline, "what the old environment left behind stays: {:?}", marked(&trial.mark));
        std::thread::sleep(Duration::from_millis(50));
    }
    trial.ends();
}

#[test]
fn a_full_disk_is_the_functions_own_problem() {
    let trial = Trial::start(
        "timeout = 60\nephemeral_storage = { size = 512 }\nmemory_size = 256",
        r#"
import errno, tempfile
def fill(path):
    size, block = 0, bytes(1 << 20)
    try:
        with open(path, "wb", buffering=0) as file:
            while size < 700:
                file.write(block)
                size += 1
    except OSError as error:
        return [errno.errorcode[error.errno], size]
    return ["none", size]
def handle(event):
    return [fill(os.path.join(tempfile.gettempdir(), "fill")), fill("fill"), fill("/dev/shm/fill")]
run(handle)
"#,
    );
    let answer = trial.answers("1");
    let [own, code, shared] = answer.as_array().unwrap().as_slice() else { panic!("{answer}") };
    // A file system of its own is full; without one a limit of the process has its own word for that.
    assert!(["ENOSPC", "EFBIG"].contains(&own[0].as_str().unwrap()), "{answer}");
    assert!((500..=512).contains(&own[1].as_u64().unwrap()), "{answer}");
    assert!(["EROFS", "EACCES"].contains(&code[0].as_str().unwrap()) && code[1] == 0, "{answer}");
    assert!(own[0] == "EFBIG" || shared[1] == 0, "{answer}");
    trial.logs(&["REPORT"]);
    assert_eq!(trial.answers("2")[0][1], own[1], "the environment is the same one and makes room for the same file");
    trial.ends();
}

/// What is under way when the cloud is told to end goes with it, however little it wants to.
#[test]
fn the_cloud_ends_at_once_whatever_its_functions_do() {
    let trial = Trial::start(
        "timeout = 60",
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n    signal.signal(number, signal.SIG_IGN)\ndef handle(event):\n    daemon()\n    time.sleep(60)\nrun(handle)",
    );
    let running = trial.sandbox.start(&["invoke", "bad"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !marked(&trial.mark).iter().any(|process| process.contains("SIG_IGN")) {
        assert!(Instant::now() < deadline, "the function never ran");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    trial.world.emulator().stop();
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    until_no_process_has(&trial.mark, Duration::from_secs(20));
    running.wait().expect(1);
    trial.world.emulator().restart();
    trial.ends();
}

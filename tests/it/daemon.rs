//! The daemon as a process: what it finds, remembers over kills, takes back, and gives up.

use crate::support::process::signal;
use crate::support::sandbox::Running;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;
use std::time::{Duration, Instant};

on_each_emulator!(
    drift_is_found_once_and_its_end_too_whatever_happens_to_the_process,
    healing_takes_back_what_was_changed_and_only_that,
    who_fights_is_given_way_to,
    a_plan_waits_for_a_person,
    credentials_that_have_expired_are_no_drift_and_a_broken_spec_stops_nothing,
    one_look_ends_as_drift_does,
);

/// A daemon that is asked to look now, and again, until its memory says what is waited for.
struct Daemon<'a> {
    sandbox: &'a Sandbox,
    running: Running,
    /// How often a daemon has begun with this memory, this one included.
    starts: usize,
}

impl<'a> Daemon<'a> {
    fn start(sandbox: &'a Sandbox) -> Self {
        let starts = memory(sandbox).map_or(0, |memory| moments(&memory, "started")) + 1;
        Self { sandbox, running: sandbox.start(&["daemon", "--log-format", "json"]), starts }
    }

    /// Asks it to look until `is_so`; two minutes at most, since the machine may be busy.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            // Before its handlers are there, the signal would end it.
            let memory = memory(self.sandbox).filter(|memory| moments(memory, "started") == self.starts);
            if let Some(memory) = memory.as_ref().filter(|memory| is_so(memory)) {
                return memory.clone();
            }
            assert!(Instant::now() < deadline, "waited for: {what}\n{}", self.describe());
            if memory.is_some() {
                signal(self.running.pid(), "HUP");
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What can be seen of it from outside.
    fn describe(&self) -> String {
        let folder = format!("/proc/{}", self.running.pid());
        let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
        let kept = read(format!("{}/state/daemon/demo.json", self.sandbox.path().display()));
        format!("start {}\n{}{}\n{kept}", self.starts, read(format!("{folder}/status")), read(format!("{folder}/net/tcp")))
    }

    fn stop(self) -> String {
        signal(self.running.pid(), "TERM");
        self.running.wait().expect(0).stderr
    }

    fn kill(self) {
        signal(self.running.pid(), "KILL");
        let _ = self.running.wait();
    }
}

fn moments(memory: &Value, kind: &str) -> usize {
    memory["timeline"].as_array().into_iter().flatten().filter(|moment| moment["kind"] == kind).count()
}

fn findings(memory: &Value) -> usize {
    memory["findings"].as_array().map_or(0, Vec::len)
}

fn memory(sandbox: &Sandbox) -> Option<Value> {
    let text = std::fs::read_to_string(sandbox.path().join("state/daemon/demo.json")).ok()?;
    serde_json::from_str(&text).ok()
}

fn deployed(world: &World, daemon: &str) -> Sandbox {
    let sandbox = world.sandbox(&format!("{}{}{daemon}", spec::header(), spec::plain("hash")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox
}

fn memory_size(world: &World) -> i64 {
    world.cloud.snapshot()["function.demo-hash"]["memory_size"].as_i64().unwrap()
}

/// Whether the wish for a variable was applied.
fn is_applied(world: &World) -> bool {
    format!("{:?}", world.cloud.snapshot()["function.demo-hash"]).contains("debug")
}

fn drift_is_found_once_and_its_end_too_whatever_happens_to_the_process(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, "");
    let changes = world.proxy.mutating();
    let daemon = Daemon::start(&sandbox);
    let memory = daemon.until("a first check", |memory| memory["last_success"].is_string());
    assert_eq!((findings(&memory), moments(&memory, "opened")), (0, 0));
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    let found = daemon.until("the drift", |memory| findings(memory) == 1);
    assert_eq!((&found["findings"][0]["path"], &found["findings"][0]["live"]), (&"memory_size".into(), &512.into()));
    daemon.kill();
    let daemon = Daemon::start(&sandbox);
    daemon.until("another check", |memory| memory["last_check"] != found["last_check"]);
    daemon.stop();
    let daemon = Daemon::start(&sandbox);
    let memory = daemon.until("a third start", |_| true);
    assert_eq!((moments(&memory, "opened"), &memory["findings"][0]["since"]), (1, &found["findings"][0]["since"]));
    world.cloud.configure("demo-hash", |call| call.memory_size(128));
    let memory = daemon.until("its end", |memory| findings(memory) == 0);
    assert_eq!((moments(&memory, "opened"), moments(&memory, "resolved")), (1, 1));
    let log = daemon.stop();
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert_eq!(world.proxy.mutating(), changes, "it only looked");
}

fn healing_takes_back_what_was_changed_and_only_that(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(
        &world,
        "\n[daemon]\nmode = \"heal\"\n\n[[drift.ignore]]\naddress = \"function.hash\"\npath = \"timeout\"\nreason = \"theirs\"\n",
    );
    sandbox.edit("[daemon]", "[function.hash.environment]\nLEVEL = \"debug\"\n\n[daemon]");
    world.cloud.configure("demo-hash", |call| call.memory_size(512).timeout(77));
    let daemon = Daemon::start(&sandbox);
    let memory = daemon.until("the healing", |memory| moments(memory, "healed") == 1 && findings(memory) == 0);
    assert_eq!((moments(&memory, "opened"), moments(&memory, "resolved")), (1, 1));
    daemon.stop();
    let function = world.cloud.snapshot()["function.demo-hash"].clone();
    assert_eq!((&function["memory_size"], &function["timeout"]), (&128.into(), &77.into()));
    assert!(!is_applied(&world), "a wish that was not applied stays one: {function:?}");
    // What was left this time is still drift for whoever does not ignore it.
    sandbox.edit("[[drift.ignore]]\naddress = \"function.hash\"\npath = \"timeout\"\nreason = \"theirs\"\n", "");
    sandbox.expect(3, &["drift"]).says("timeout");
}

fn who_fights_is_given_way_to(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, "\n[daemon]\nmode = \"heal\"\ncontested_after = { reverts = 2, within = \"1h\" }\n");
    let daemon = Daemon::start(&sandbox);
    daemon.until("a first check", |memory| memory["last_success"].is_string());
    for round in 1..=2 {
        world.cloud.configure("demo-hash", |call| call.memory_size(512));
        daemon.until("a revert", |memory| moments(memory, "healed") == round && findings(memory) == 0);
        assert_eq!(memory_size(&world), 128);
    }
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    let given_way = |memory: &Value| memory["findings"][0]["contested"].is_string();
    let memory = daemon.until("that it gives way", given_way);
    assert_eq!((moments(&memory, "healed"), moments(&memory, "contested")), (2, 1));
    // What brings nothing new is not always written down, so its reads tell that it looked again.
    let before = world.proxy.reading();
    daemon.until("two more checks", |_| {
        world.proxy.reading() > before + 2 * usize::try_from(memory["last_check"]["calls"].as_u64().unwrap()).unwrap()
    });
    daemon.stop();
    let memory = self::memory(&sandbox).unwrap();
    assert_eq!((moments(&memory, "contested"), memory_size(&world)), (1, 512));
}

fn a_plan_waits_for_a_person(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, "\n[daemon]\nmode = \"propose\"\n");
    sandbox.edit("[daemon]", "[function.hash.environment]\nLEVEL = \"debug\"\n\n[daemon]");
    let daemon = Daemon::start(&sandbox);
    daemon.until("a plan", |memory| moments(memory, "proposed") == 1);
    let plan = "state/daemon/demo.plan.json";
    assert!(!is_applied(&world));
    daemon.stop();
    sandbox.expect(0, &["up", "--plan", plan, "--yes"]);
    assert!(is_applied(&world));
    sandbox.expect(0, &["plan", "--exit-code"]);
}

fn credentials_that_have_expired_are_no_drift_and_a_broken_spec_stops_nothing(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, "");
    world.proxy.rules([Rule::any().refuse(403, "ExpiredTokenException", "The security token included in the request is expired")]);
    let daemon = Daemon::start(&sandbox);
    let memory = daemon.until("that checks fail", |memory| moments(memory, "failed") == 1);
    assert_eq!((&memory["outages"]["check"]["trouble"]["kind"], findings(&memory)), (&"credentials".into(), 0));
    world.proxy.clear();
    daemon.until("that checks work", |memory| moments(memory, "recovered") == 1);
    sandbox.edit("handler =", "handlr =");
    let memory = daemon.until("that the spec is broken", |memory| moments(memory, "spec_broken") == 1);
    assert!(memory["outages"]["spec"]["trouble"]["text"].as_str().unwrap().contains("handlr"), "{memory:#}");
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    daemon.until("drift all the same", |memory| findings(memory) == 1);
    sandbox.edit("handlr =", "handler =");
    daemon.until("that it is in order again", |memory| moments(memory, "recovered") == 2);
    daemon.stop();
}

#[test]
fn a_function_that_was_deleted_is_made_again_and_the_memory_of_that_reads_back() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world, "\n[daemon]\nmode = \"heal\"\n");
    world.cloud.done(world.cloud.lambda.delete_function().function_name("demo-hash").send());
    sandbox.expect(0, &["daemon", "--once"]).says("demo: in order");
    assert_eq!(memory_size(&world), 128);
    sandbox.expect(0, &["daemon", "--once"]).says("demo: in order");
    let memory = memory(&sandbox).unwrap();
    assert_eq!(["healed", "resolved", "started"].map(|kind| moments(&memory, kind)), [1, 1, 2], "{memory:#}");
}

fn one_look_ends_as_drift_does(backend: Backend) {
    let world = World::start(backend);
    let sandbox = deployed(&world, "");
    sandbox.expect(0, &["daemon", "--once"]).says("demo: in order");
    world.cloud.configure("demo-hash", |call| call.memory_size(512));
    let document = crate::formats::fits(&sandbox.expect(3, &["daemon", "--once", "--format", "json"]));
    assert_eq!((&document["command"], &document["specs"][0]["standing"]), (&"daemon".into(), &"drifted".into()));
    assert_eq!(document["specs"][0]["findings"][0]["address"], "function.hash");
    sandbox.expect(6, &["daemon", "--once", "config.toml", "config.toml"]).says("same state");
    let daemon = Daemon::start(&sandbox);
    daemon.until("a start", |_| true);
    sandbox.expect(7, &["daemon", "--once"]).says("Another daemon watches this spec");
    daemon.stop();
}

/// What a check does not look at, or may not, is not told to be in order again.
#[test]
fn what_others_attached_stays_open_until_a_check_sees_that_it_is_gone() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("plain") + &spec::scheduled("woken")));
    sandbox.expect(0, &["up", "--yes"]);
    let open_to = |function: &str, id: &str| {
        let permission = world.cloud.lambda.add_permission().function_name(function).statement_id(id);
        world.cloud.done(permission.action("lambda:InvokeFunction").principal("sns.amazonaws.com").send());
    };
    open_to("demo-plain", "theirs");
    open_to("demo-woken", "theirs");
    let look = || sandbox.expect(3, &["daemon", "--once"]);
    let found = |expected: [usize; 3]| {
        let memory = memory(&sandbox).unwrap();
        assert_eq!((findings(&memory), moments(&memory, "opened"), moments(&memory, "resolved")), expected.into(), "{memory:#}");
    };
    look();
    found([2, 2, 0]);
    // The second look is a usual one, which does not read the policy of a function without a permission of ours.
    look();
    found([2, 2, 0]);
    world.proxy.rules([Rule::on("GetPolicy").refuse(403, "AccessDeniedException", "no")]);
    look();
    found([2, 2, 0]);
    world.proxy.clear();
    let take_back = |function: &str, id: &str| {
        world.cloud.done(world.cloud.lambda.remove_permission().function_name(function).statement_id(id).send());
    };
    take_back("demo-woken", "theirs");
    look();
    found([1, 2, 1]);
}

/// A broken spec is shown, told and picked up when it is mended; the others are watched meanwhile.
#[test]
fn a_broken_spec_keeps_nobody_from_watching_the_others() {
    let world = World::start(Backend::Local);
    let sandbox = deployed(&world, "");
    let text = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    let other = text.replace("project = \"demo\"", "project = \"other\"") + "\n[[notify]]\ncommand = [\"./page.sh\"]\n";
    std::fs::create_dir(sandbox.path().join("other")).unwrap();
    sandbox.write("other/config.toml", &format!("{other}\n[daemon]\nmode = \n"));
    sandbox.executable("other/page.sh", "#!/bin/sh\ncat >> told.json\n");
    let both = ["config.toml", "other"];
    let line = other.lines().count() + 3;
    let once = sandbox.expect(6, &[&["daemon", "--once"], &both[..]].concat());
    assert!(once.stdout.contains("demo: in order") && once.stdout.contains(&format!("other/config.toml:{line}:")), "{once}");
    let told = || std::fs::read_to_string(sandbox.path().join("other/told.json")).unwrap_or_default();
    assert!(told().contains("\"kind\":\"failed\"") && told().contains("The spec is broken"), "{}", told());

    let running = sandbox.start(&[&["daemon", "--listen", "none"], &both[..]].concat());
    let remembered = |name: &str| std::fs::read_to_string(sandbox.path().join(name)).unwrap_or_default();
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited for: {what}\n{}", remembered("other/state/daemon/other.json"));
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until("a second start", &|| remembered("other/state/daemon/other.json").matches("\"started\"").count() == 2);
    sandbox.write("other/config.toml", &other);
    until("that it is mended", &|| told().contains("\"kind\":\"recovered\""));
    assert_eq!(told().matches("The spec is broken").count(), 1, "a restart tells nothing twice: {}", told());
    signal(running.pid(), "TERM");
    let log = running.wait().expect(0).stderr;
    assert!(log.contains(&format!("other/config.toml:{line}:")), "{log}");

    // What is no text is as broken as what is no TOML.
    std::fs::write(sandbox.path().join("other/config.toml"), b"project = \"other\" # \xe9\n").unwrap();
    sandbox.expect(6, &["daemon", "--once", "config.toml", "other/config.toml"]).says("other: broken: The spec is not UTF-8");
    assert!(told().contains("The spec is not UTF-8"), "{}", told());

    // Where nothing is left to watch, it says so and does not start.
    sandbox.write("third.toml", "project = \n");
    sandbox.expect(6, &["daemon", "--once", "third.toml"]).says("third.toml:1");
    sandbox.expect(6, &["daemon", "--once", "config.toml", "nobody.toml"]).says("nobody.toml");
}

/// A file that says nothing any more, not even its project's name, is known by what it said last, also to a daemon that begins then.
#[test]
fn a_spec_that_was_emptied_is_known_by_what_it_said_last() {
    let world = World::start(Backend::Local);
    let telling = "\n[[notify]]\ncommand = [\"./page.sh\"]\n\n[stage.dev]\n\n[stage.prod]\n";
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("hash") + telling));
    sandbox.executable("page.sh", "#!/bin/sh\ncat >> told.json\n");
    let told = || std::fs::read_to_string(sandbox.path().join("told.json")).unwrap_or_default();
    sandbox.expect(0, &["-s", "dev", "up", "--yes"]);
    sandbox.expect(0, &["daemon", "--once"]);
    assert_eq!(told(), "");
    for text in ["", "project = \n", "\u{feff}project = [\n", "[[notify"] {
        sandbox.write("config.toml", text);
        let once = sandbox.expect(6, &["daemon", "--once"]);
        assert!(once.stdout.contains("demo.dev: broken: ") && once.stdout.contains("demo.prod: broken: "), "{text:?}: {once}");
    }
    for stage in ["demo.dev", "demo.prod"] {
        let of_stage =
            told().lines().filter(|line| line.contains(&format!("\"spec\":\"{stage}\",\"title\":\"{stage}: 1 failure\""))).count();
        assert_eq!(of_stage, 1, "{}", told());
    }
    // Drift is looked for meanwhile, in the account and region that it named.
    world.connect().configure("demo-dev-hash", |function| function.timeout(9));
    sandbox.expect(6, &["daemon", "--once"]).says("timeout: 3 -> 9");
    // Whatever contradicts it is not taken for it.
    sandbox.write("config.toml", "project = \"another\"\nregoin = \n");
    sandbox.expect(6, &["daemon", "--once"]);
}

#[test]
fn two_projects_of_one_name_tell_their_own_people() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox("");
    for folder in ["one", "two"] {
        std::fs::create_dir(sandbox.path().join(folder)).unwrap();
        let spec = spec::header() + &spec::plain("hash").replace("handler =", "handlr =") + "\n[[notify]]\ncommand = [\"./page.sh\"]\n";
        sandbox.write(&format!("{folder}/config.toml"), &spec);
        sandbox.executable(&format!("{folder}/page.sh"), "#!/bin/sh\ncat > told.json\n");
    }
    sandbox.expect(6, &["daemon", "--once", "one", "two"]);
    let told = |folder: &str| std::fs::read_to_string(sandbox.path().join(folder).join("told.json")).unwrap_or_default();
    assert!(told("one").contains("one/config.toml:") && told("one").contains("\"spec\":\"demo\""), "{}", told("one"));
    assert!(told("two").contains("two/config.toml:") && told("two").contains("\"spec\":\"demo-2\""), "{}", told("two"));
}

/// The number behind a name that two projects have is for showing only: memory, outbox and claim are the project's own.
#[test]
fn a_project_is_the_same_whoever_is_watched_beside_it() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox("");
    for (folder, function) in [("p", "one"), ("a", "two")] {
        std::fs::create_dir(sandbox.path().join(folder)).unwrap();
        let telling = "\n[[notify]]\ncommand = [\"./page.sh\"]\n";
        sandbox.write(&format!("{folder}/config.toml"), &(spec::header() + &spec::plain(function) + telling));
        std::fs::copy(sandbox.path().join("bootstrap"), sandbox.path().join(folder).join("bootstrap")).unwrap();
        sandbox.executable(&format!("{folder}/page.sh"), "#!/bin/sh\ncat >> told.json\n");
    }
    sandbox.expect(0, &["--config", "a/config.toml", "up", "--yes"]);
    world.cloud.configure("demo-two", |function| function.timeout(9));
    let told = || std::fs::read_to_string(sandbox.path().join("a/told.json")).unwrap_or_default();
    // The other one was never deployed, and what lives is none of its own.
    sandbox.expect(1, &["daemon", "--once", "p", "a"]).says("demo-2: drifted");
    assert!(told().contains("\"spec\":\"demo-2\"") && told().matches("\"kind\":\"opened\"").count() == 1, "{}", told());
    sandbox.expect(3, &["daemon", "--once", "a"]).says("demo: drifted");
    assert_eq!(told().matches("\"kind\":\"opened\"").count(), 1, "it is told once, whatever the spec is called: {}", told());

    let kept = || std::fs::read_to_string(sandbox.path().join("a/state/daemon/demo.json")).unwrap_or_default();
    let running = sandbox.start(&["daemon", "--listen", "none", "p", "a"]);
    let deadline = Instant::now() + Duration::from_secs(120);
    while kept().matches("\"started\"").count() < 3 {
        assert!(Instant::now() < deadline, "it does not begin: {}", kept());
        std::thread::sleep(Duration::from_millis(200));
    }
    sandbox.expect(7, &["daemon", "--once", "a"]).says("Another daemon watches this spec");
    signal(running.pid(), "TERM");
    running.wait().expect(0);
}

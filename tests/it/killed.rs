//! A run that is killed after any of its calls leaves nothing that the next run cannot finish.

use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use std::collections::BTreeSet;

on_each_emulator!(
    up_is_killed_after_each_call,
    an_update_is_killed_after_each_call,
    a_replacement_is_killed_after_each_call,
    destroy_is_killed_after_each_call,
    what_a_killed_up_began_is_destroyed_without_another_up,
);

/// A run that is killed again and again, each time one call later.
struct Killing {
    /// What is up before the run; nothing where absent.
    before: Option<String>,
    /// The spec of the run and of those that recover.
    after: String,
    /// The command.
    command: &'static [&'static str],
    /// The fewest calls that the run can do with: fewer would mean that nothing was killed.
    least: usize,
}

fn up_is_killed_after_each_call(backend: Backend) {
    let after = spec::header() + &spec::scheduled("a");
    Killing { before: None, after, command: &["up", "--yes"], least: 9 }.run(backend);
}

fn an_update_is_killed_after_each_call(backend: Backend) {
    let after = spec::with_level("a", "debug").replace("handler", "memory_size = 512\nlog_group.retention_in_days = 7\nhandler");
    let more = "[function.a.event_rule.hourly]\nschedule_expression = \"rate(1 hour)\"\n";
    let before = Some(spec::header() + &spec::with_level("a", "info"));
    Killing { before, after: spec::header() + &after + more, command: &["up", "--yes"], least: 7 }.run(backend);
}

fn a_replacement_is_killed_after_each_call(backend: Backend) {
    let before = spec::header() + &spec::scheduled("a");
    let after = before.replace("handler =", "function_name = \"renamed\"\nhandler =");
    Killing { before: Some(before), after, command: &["up", "--yes"], least: 5 }.run(backend);
}

fn destroy_is_killed_after_each_call(backend: Backend) {
    let after = spec::header() + &spec::scheduled("a");
    Killing { before: Some(after.clone()), after, command: &["destroy", "--yes"], least: 7 }.run(backend);
}

/// Only the journal knows of the last call; `destroy` must believe it.
fn what_a_killed_up_began_is_destroyed_without_another_up(backend: Backend) {
    let world = World::start(backend);
    for call in 1.. {
        assert!(call < 100, "the run makes no end of calls");
        world.reset();
        let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
        world.proxy.rules([Rule::mutating().nth(call).signal("KILL")]);
        let killed = sandbox.run(&["up", "--yes"]);
        world.proxy.settle();
        world.proxy.clear();
        sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(world.cloud.names(), BTreeSet::new(), "killed after change {call}: destroy leaves something");
        if killed.signal.is_none() {
            assert!(call > 7, "only {} changes", call - 1);
            return;
        }
    }
}

impl Killing {
    fn run(&self, backend: Backend) {
        let world = World::start(backend);
        let expected = self.clean(&world);
        world.reset();
        for call in 1.. {
            assert!(call < 200, "the run makes no end of calls");
            let sandbox = self.prepare(&world);
            let before = world.cloud.snapshot();
            world.proxy.rules([Rule::any().nth(call).signal("KILL")]);
            let killed = sandbox.run(self.command);
            world.proxy.settle();
            let (changed, tally) = (world.proxy.mutating(), world.proxy.tally());
            world.proxy.clear();
            if killed.signal.is_none() {
                killed.expect(0);
                assert!(call > self.least, "only {} calls: {tally:?}", call - 1);
                return;
            }
            eprintln!("killed after call {call}: {tally:?}");
            assert_eq!(killed.signal, Some(9), "{killed}");
            if changed == 0 {
                assert_eq!(world.cloud.snapshot(), before, "nothing was asked to change, and something did");
                world.reset();
            } else {
                recover(&world, &sandbox, &expected, call);
            }
        }
    }

    /// What is there after a run that nobody kills.
    fn clean(&self, world: &World) -> BTreeSet<String> {
        let sandbox = self.prepare(world);
        sandbox.expect(0, &["up", "--yes"]);
        world.cloud.names()
    }

    fn prepare(&self, world: &World) -> Sandbox {
        let sandbox = world.sandbox(self.before.as_ref().unwrap_or(&self.after));
        if self.before.is_some() {
            sandbox.expect(0, &["up", "--yes"]);
            sandbox.spec(&self.after);
            sandbox.program("second");
        }
        sandbox
    }
}

fn recover(world: &World, sandbox: &Sandbox, expected: &BTreeSet<String>, call: usize) {
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert_eq!(&world.cloud.names(), expected, "killed after call {call}: something is missing or there twice");
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new(), "killed after call {call}: destroy leaves something");
}

/// The system ends a process that writes more into a file than it may, when all that may be is written: the last line of the
/// journal, of the record of the run or of the state ends anywhere.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_ends_in_the_middle_of_any_write_is_finished_by_the_next() {
    let scheduled = || spec::header() + &spec::scheduled("a");
    let changed = scheduled().replace("handler =", "function_name = \"renamed\"\nhandler =");
    let trips: [(&[&str], Option<String>, String, usize); 3] = [
        (&["up", "--yes"], None, scheduled(), 331),
        (&["up", "--yes"], Some(scheduled()), changed, 619),
        (&["destroy", "--yes"], Some(scheduled()), scheduled(), 487),
    ];
    let world = World::start(Backend::Local);
    let mut ended = 0;
    for (command, before, after, step) in trips {
        let killing = Killing { before, after, command, least: 0 };
        world.reset();
        let expected = killing.clean(&world);
        world.reset();
        for number in 0.. {
            let bytes = 60 + number * step;
            let sandbox = killing.prepare(&world);
            // Every other time only the journal is long: nothing can be recorded where the folder should be.
            if number % 2 == 1 {
                let runs = sandbox.path().join("state/runs");
                let _ = std::fs::remove_dir_all(&runs);
                std::fs::create_dir_all(sandbox.path().join("state")).unwrap();
                std::fs::write(runs, "").unwrap();
            }
            let output = sandbox.run_with_limits(&[&format!("--fsize={bytes}")], command);
            if output.signal.is_none() {
                output.expect(0);
                break;
            }
            assert_eq!(output.signal, Some(25), "{bytes} bytes: {output}");
            ended += 1;
            world.proxy.settle();
            recover(&world, &sandbox, &expected, bytes);
        }
    }
    assert!(ended >= 30, "only {ended} runs ended in the middle of a write");
}

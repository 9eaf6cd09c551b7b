//! Several processes on one state: one works, the others wait or say who holds the lock; never two at once.

use crate::support::process::signal;
use crate::support::proxy::Proxy;
use crate::support::{Backend, Sandbox, World, on_each_emulator, spec};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

on_each_emulator!(
    of_two_runs_at_once_one_works_and_the_other_says_who_does,
    runs_that_wait_for_each_other_work_one_after_the_other,
    who_waits_goes_on_when_the_holder_is_killed,
    an_up_and_a_destroy_at_once_are_one_after_the_other,
);

/// Numbers that look random and are the same at each run (Lehmer's generator).
struct Delays(u64);

impl Delays {
    fn next(&mut self, most_ms: u64) -> Duration {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        Duration::from_millis(self.0 % (most_ms + 1))
    }
}

fn two() -> String {
    spec::header() + &spec::scheduled("a") + &spec::scheduled("b")
}

/// Processes on one state, each with its own way to the cloud.
struct Together {
    world: World,
    sandbox: Sandbox,
    ways: Vec<Proxy>,
}

impl Together {
    fn start(backend: Backend, count: usize) -> Self {
        let world = World::start(backend);
        let sandbox = world.sandbox(&two());
        let ways = (0..count).map(|_| world.another_proxy()).collect();
        Self { world, sandbox, ways }
    }

    fn go(&mut self, way: usize, arguments: &[&str]) -> crate::support::sandbox::Running {
        self.sandbox.variable("LAMBDO_ENDPOINT_URL", &self.ways[way].url);
        self.sandbox.start(arguments)
    }

    /// No process has changed anything between the first and the last change of another one.
    fn never_both(&self) {
        self.ways.iter().for_each(Proxy::settle);
        let changes = |way: &Proxy| -> Vec<Instant> {
            way.calls().into_iter().filter(|call| call.operation.is_mutating()).map(|call| call.at).collect()
        };
        let mut spans: Vec<(Instant, Instant)> =
            self.ways.iter().map(changes).filter_map(|times| Some((*times.iter().min()?, *times.iter().max()?))).collect();
        spans.sort();
        for pair in spans.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "two processes have worked at once: {spans:?}");
        }
    }

    fn is_whole(&mut self) {
        self.sandbox.expect(0, &["plan", "--exit-code"]);
        self.sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(self.world.cloud.names(), BTreeSet::new());
        self.ways.iter().for_each(Proxy::clear);
    }
}

fn of_two_runs_at_once_one_works_and_the_other_says_who_does(backend: Backend) {
    let mut together = Together::start(backend, 2);
    let (mut delays, mut refused) = (Delays(1), 0);
    for _ in 0..6 {
        let first = together.go(0, &["up", "--yes"]);
        std::thread::sleep(delays.next(120));
        let second = together.go(1, &["up", "--yes"]);
        let pids = [first.pid(), second.pid()];
        let ends = [first.wait(), second.wait()];
        for (index, end) in ends.into_iter().enumerate() {
            if end.code == Some(7) {
                end.says(&format!("process {}", pids[1 - index]));
                refused += 1;
            } else {
                end.expect(0);
            }
        }
        together.never_both();
        together.is_whole();
    }
    assert!(refused > 0, "no two runs have ever met");
}

fn runs_that_wait_for_each_other_work_one_after_the_other(backend: Backend) {
    let mut together = Together::start(backend, 3);
    let mut delays = Delays(2);
    for _ in 0..3 {
        let mut running = Vec::new();
        for way in 0..3 {
            running.push(together.go(way, &["up", "--yes", "--lock-wait", "3m"]));
            std::thread::sleep(delays.next(60));
        }
        let idle = running.into_iter().map(|one| one.wait().expect(0)).filter(|end| end.stdout.contains("No changes"));
        assert_eq!(idle.count(), 2, "the others have planned from what the first one left");
        together.never_both();
        together.is_whole();
    }
}

fn who_waits_goes_on_when_the_holder_is_killed(backend: Backend) {
    let mut together = Together::start(backend, 2);
    let mut delays = Delays(3);
    for _ in 0..5 {
        let first = together.go(0, &["up", "--yes"]);
        std::thread::sleep(delays.next(40));
        let second = together.go(1, &["up", "--yes", "--lock-wait", "3m"]);
        std::thread::sleep(delays.next(300));
        signal(first.pid(), "KILL");
        let first = first.wait();
        assert!(first.signal == Some(9) || first.code.is_some_and(|code| [0, 7].contains(&code)), "{first}");
        second.wait().expect(0);
        together.is_whole();
    }
}

fn an_up_and_a_destroy_at_once_are_one_after_the_other(backend: Backend) {
    let mut together = Together::start(backend, 2);
    let mut delays = Delays(4);
    for round in 0..4 {
        let (up, destroy): (&[&str], &[&str]) = (&["up", "--yes", "--lock-wait", "3m"], &["destroy", "--yes", "--lock-wait", "3m"]);
        let (one, other) = if round % 2 == 0 { (up, destroy) } else { (destroy, up) };
        let first = together.go(0, one);
        std::thread::sleep(delays.next(80));
        let second = together.go(1, other);
        first.wait().expect(0);
        second.wait().expect(0);
        together.never_both();
        together.sandbox.expect(0, &["up", "--yes"]);
        together.is_whole();
    }
}

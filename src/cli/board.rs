//! What is going on, folded from events: pure, the time is given.

use super::view::human::{GREEN, RED, YELLOW, bytes, counted, duration, fitted, styled};
use crate::model::event::Outcome;
use crate::model::{Action, Address, Event, Plan};
use std::collections::{BTreeMap, BTreeSet};

const BUILDING: &str = "building";
/// Running operations that are shown; the rest is counted.
const SHOWN_OPERATIONS_MAX: usize = 8;
/// A wait shorter than this is not worth a line, in milliseconds.
const WAIT_MS_MIN: u64 = 2_000;

/// What is known about the run.
#[derive(Clone, Debug, Default)]
pub struct Board {
    phase: Phase,
    /// Operations left per resource, so that a step's last one is known.
    left: BTreeMap<Address, (Action, usize)>,
    running: BTreeMap<Address, Running>,
    /// Waits that belong to no resource, by cause.
    waits: BTreeMap<String, Wait>,
    /// Waits that were told in a line of their own.
    told: Vec<String>,
    is_draining: bool,
    tells_packages: bool,
}

#[derive(Clone, Debug, Default)]
struct Phase {
    name: &'static str,
    /// Packages that are being made now.
    packages: BTreeSet<String>,
    done: usize,
    total: usize,
    since_ms: u64,
}

#[derive(Clone, Debug)]
struct Running {
    call: String,
    since_ms: u64,
    wait: Option<Wait>,
}

#[derive(Clone, Debug)]
struct Wait {
    cause: String,
    limit_ms: Option<u64>,
}

impl Board {
    /// Learns how many operations each resource has.
    pub fn expect(&mut self, plan: &Plan) {
        self.left = plan.steps.iter().map(|step| (step.address.clone(), (step.action, step.operations.len()))).collect();
    }

    /// Tells each package, also those that need no build.
    pub fn tell_packages(&mut self) {
        self.tells_packages = true;
    }

    /// Takes in what happened at `now_ms`; answers with the line that says it, where it is worth one.
    pub fn take(&mut self, event: &Event, now_ms: u64, is_verbose: bool) -> Option<String> {
        match event {
            Event::BuildStarted { total } => self.begin(BUILDING, *total, now_ms),
            Event::ReadStarted { total } => self.begin("reading AWS", *total, now_ms),
            Event::ApplyStarted { total } => self.begin("applying", *total, now_ms),
            Event::Building { function, index, total } => {
                self.phase.packages.insert(function.clone());
                return is_verbose.then(|| format!("building {function} ({index} of {total})"));
            }
            Event::Built { function, bytes: size, cached, elapsed_ms } => {
                self.phase.done += 1;
                self.phase.packages.remove(function);
                let word = if *cached { "ready" } else { "built" };
                let line = || format!("  {} {function} ({}, {})", styled(GREEN, word), bytes(*size), duration(*elapsed_ms));
                return (is_verbose || self.tells_packages || !cached).then(line);
            }
            Event::Read { done, total } => (self.phase.done, self.phase.total) = (*done, *total),
            Event::OperationStarted { address, call } => {
                self.running.insert(address.clone(), Running { call: call.clone(), since_ms: now_ms, wait: None });
            }
            Event::OperationEnded { address, call, outcome, elapsed_ms, done, total } => {
                (self.phase.done, self.phase.total) = (*done, *total);
                self.running.remove(address);
                return self.ended(address, call, *outcome, *elapsed_ms, is_verbose);
            }
            Event::Waiting { address, cause, elapsed_ms, limit_ms } => {
                return self.waiting(address.as_ref(), Wait { cause: cause.clone(), limit_ms: *limit_ms }, *elapsed_ms);
            }
            Event::Draining => {
                self.is_draining = true;
                return Some(styled(YELLOW, "stopping after what is running; press Ctrl-C again to abort"));
            }
        }
        None
    }

    /// What is going on, in lines of at most `columns`.
    pub fn lines(&self, now_ms: u64, columns: usize) -> Vec<String> {
        let phase = &self.phase;
        let is_built = phase.name == BUILDING && phase.done == phase.total;
        let count = if phase.total > 0 && !is_built { format!(" {}/{}", phase.done, phase.total) } else { String::new() };
        let packages: String = phase.packages.iter().map(|package| format!(" {package}")).collect();
        let draining = if self.is_draining { ", stopping" } else { "" };
        let elapsed = now_ms.saturating_sub(phase.since_ms) / 1_000;
        // What comes between the packages and the first read.
        let name = if phase.name.is_empty() || is_built { "connecting" } else { phase.name };
        let mut lines = vec![format!("{name}{count}{packages} · {elapsed} s{draining}")];
        lines.extend(self.waits.values().map(|wait| format!("  waiting for {}", wait.cause)));
        for (address, running) in self.running.iter().take(SHOWN_OPERATIONS_MAX) {
            let seconds = now_ms.saturating_sub(running.since_ms) / 1_000;
            let limit = running.wait.as_ref().and_then(|wait| wait.limit_ms).map(|limit| format!(" of at most {}", duration(limit)));
            let what = running.wait.as_ref().map_or_else(|| running.call.clone(), |wait| format!("waiting for {}", wait.cause));
            lines.push(format!("  {address}: {what} · {seconds} s{}", limit.unwrap_or_default()));
        }
        if let Some(more) = self.running.len().checked_sub(SHOWN_OPERATIONS_MAX).filter(|more| *more > 0) {
            lines.push(format!("  and {}", counted(more, "other operation")));
        }
        lines.iter().map(|line| fitted(line, columns)).collect()
    }

    fn begin(&mut self, name: &'static str, total: usize, now_ms: u64) {
        self.phase = Phase { name, packages: BTreeSet::new(), done: 0, total, since_ms: now_ms };
        self.waits.clear();
    }

    fn ended(&mut self, address: &Address, call: &str, outcome: Outcome, elapsed_ms: u64, is_verbose: bool) -> Option<String> {
        let time = duration(elapsed_ms);
        match outcome {
            Outcome::Failed => return Some(format!("  {} {address}: {call} ({time})", styled(RED, " failed"))),
            Outcome::Skipped => return is_verbose.then(|| format!("  {} {address}: {call}", styled(YELLOW, "skipped"))),
            Outcome::Done => {}
        }
        let left = self.left.get_mut(address).map(|(action, left)| {
            *left = left.saturating_sub(1);
            (*action, *left)
        });
        match left {
            Some((action, 0)) => Some(format!("  {} {address} ({time})", styled(GREEN, participle(action)))),
            _ => is_verbose.then(|| format!("       ok {address}: {call} ({time})")),
        }
    }

    fn waiting(&mut self, address: Option<&Address>, wait: Wait, elapsed_ms: u64) -> Option<String> {
        let key = format!("{}{}", address.map(|address| format!("{address}: ")).unwrap_or_default(), wait.cause);
        match address.and_then(|address| self.running.get_mut(address)) {
            Some(running) => running.wait = Some(wait),
            None => {
                self.waits.insert(key.clone(), wait);
            }
        }
        if elapsed_ms < WAIT_MS_MIN || self.told.contains(&key) {
            return None;
        }
        let owner = address.map(|address| format!("{address} ")).unwrap_or_default();
        let cause = key.rsplit_once(": ").map_or(key.as_str(), |(_, cause)| cause).to_owned();
        self.told.push(key);
        Some(format!("  {} {owner}for {cause}", styled(YELLOW, "waiting")))
    }
}

fn participle(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Adopt => "adopted",
        Action::Forget | Action::NoOp => "   done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{new_step, plan_of};
    use crate::model::OperationId;

    fn address() -> Address {
        Address::new("role", "hash")
    }

    fn ended(call: &str, outcome: Outcome, done: usize) -> Event {
        Event::OperationEnded { address: address(), call: call.into(), outcome, elapsed_ms: 1_200, done, total: 3 }
    }

    fn waiting(elapsed_ms: u64) -> Event {
        Event::Waiting { address: Some(address()), cause: "role demo-hash to be assumable".into(), elapsed_ms, limit_ms: Some(900_000) }
    }

    fn board() -> Board {
        let mut step = new_step("role.hash");
        step.operations = vec![OperationId(0), OperationId(1)];
        let mut board = Board::default();
        board.expect(&plan_of(vec![step]));
        board.take(&Event::ApplyStarted { total: 3 }, 1_000, false);
        board.take(&Event::OperationStarted { address: address(), call: "iam:CreateRole".into() }, 2_000, false);
        board
    }

    #[test]
    fn a_line_is_told_for_a_finished_step_and_not_for_each_operation() {
        let mut board = board();
        let mut told = |event: &Event| board.take(event, 3_000, false).map(|line| anstream::adapter::strip_str(&line).to_string());
        assert_eq!(told(&ended("iam:CreateRole", Outcome::Done, 1)), None);
        assert_eq!(told(&ended("iam:PutRolePolicy", Outcome::Done, 2)).as_deref(), Some("  created role.hash (1.2 s)"));
        assert_eq!(
            told(&ended("iam:PutRolePolicy", Outcome::Failed, 3)).as_deref(),
            Some("   failed role.hash: iam:PutRolePolicy (1.2 s)")
        );
    }

    #[test]
    fn a_package_is_told_when_it_was_built_or_where_packages_are_asked_for() {
        let made = |cached| Event::Built { function: "hash".into(), bytes: 18, cached, elapsed_ms: 1_200 };
        let told = |board: &mut Board, cached| {
            board.take(&made(cached), 0, false).map(|line| anstream::adapter::strip_str(&line).to_string()).unwrap_or_default()
        };
        let mut board = Board::default();
        assert_eq!((told(&mut board, false).as_str(), told(&mut board, true).as_str()), ("  built hash (18 B, 1.2 s)", ""));
        board.tell_packages();
        assert_eq!(told(&mut board, true), "  ready hash (18 B, 1.2 s)");
    }

    #[test]
    fn the_packages_that_are_being_made_are_named() {
        let mut board = Board::default();
        board.take(&Event::BuildStarted { total: 2 }, 0, false);
        for (index, function) in ["report", "hash"].into_iter().enumerate() {
            board.take(&Event::Building { function: function.into(), index: index + 1, total: 2 }, 0, false);
        }
        assert_eq!(board.lines(0, 80), ["building 0/2 hash report · 0 s"]);
        let mut built = |function: &str| {
            board.take(&Event::Built { function: function.into(), bytes: 1, cached: true, elapsed_ms: 1 }, 0, false);
            board.lines(1_000, 80)
        };
        assert_eq!(built("hash"), ["building 1/2 report · 1 s"]);
        assert_eq!(built("report"), ["connecting · 1 s"]);
    }

    #[test]
    fn a_long_wait_is_told_once() {
        let mut board = board();
        let told: Vec<bool> = [500, 2_500, 5_000].map(|elapsed| board.take(&waiting(elapsed), 3_000, false).is_some()).into();
        assert_eq!(told, [false, true, false]);
    }

    #[test]
    fn live_lines_say_what_runs_and_what_waits_for_what() {
        let mut board = board();
        insta::assert_snapshot!(board.lines(4_500, 80).join("\n"), @r"
        applying 0/3 · 3 s
          role.hash: iam:CreateRole · 2 s
        ");
        board.take(&waiting(5_000), 7_000, false);
        board.take(&Event::Draining, 7_000, false);
        insta::assert_snapshot!(board.lines(7_000, 80).join("\n"), @r"
        applying 0/3 · 6 s, stopping
          role.hash: waiting for role demo-hash to be assumable · 5 s of at most 15 min…
        ");
    }
}

//! What is going on, folded from events: pure, the time is given.

use super::transfers::Transfers;
use super::view::human::{DIM, GREEN, RED, YELLOW, bytes, duration, fitted, shown_action, styled};
use crate::model::event::Outcome;
use crate::model::{Action, Address, Event, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many steps or packages each gets a line; more of them share a line now and then.
const LINES_MAX: usize = 40;
/// Running operations that are shown one by one; more of them are counted by call.
const SHOWN_OPERATIONS_MAX: usize = 8;
/// Packages in the making that are named.
const SHOWN_PACKAGES_MAX: usize = 4;
/// A wait shorter than this is not worth a line, in milliseconds.
const WAIT_MS_MIN: u64 = 2_000;
/// A line about many steps is told when so many milliseconds have passed ...
const PACE_MS: u64 = 5_000;
/// ... or a tenth of them, but never sooner than this.
const PACE_MS_MIN: u64 = 1_000;
/// After so many milliseconds without a line, something is said in any case.
const SILENCE_MS_MAX: u64 = 10_000;
/// What turns, a frame for each drawing.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// How long a frame of the spinner stands, in milliseconds.
const FRAME_MS: u64 = 100;

/// What is known about the run.
#[derive(Clone, Debug, Default)]
pub struct Board {
    phase: Phase,
    /// Operations left per resource, so that a step's last one is known.
    left: BTreeMap<Address, (Action, usize)>,
    running: BTreeMap<Address, Running>,
    transfers: Transfers,
    /// Waits that calls share, by what for.
    waits: BTreeMap<String, Wait>,
    /// Waits of resources whose operations have ended, by whose and what for.
    settling: BTreeMap<String, Wait>,
    /// Waits that were told in a line of their own.
    told: BTreeSet<String>,
    failed: usize,
    line: LastLine,
    is_draining: bool,
    tells_packages: bool,
    is_verbose: bool,
}

/// When something was last said, and how far things were then.
#[derive(Clone, Copy, Debug, Default)]
struct LastLine {
    at_ms: u64,
    done: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Work {
    #[default]
    Connecting,
    Building,
    Reading,
    Applying,
}

#[derive(Clone, Debug, Default)]
struct Phase {
    work: Work,
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
    calls: usize,
    since_ms: u64,
    limit_ms: Option<u64>,
}

impl Board {
    /// A board that tells each operation where it is `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { is_verbose: verbose, ..Self::default() }
    }

    /// Learns how many operations each resource has.
    pub fn expect(&mut self, plan: &Plan) {
        let steps = plan.steps.iter().filter(|step| !step.operations.is_empty());
        self.left = steps.map(|step| (step.address.clone(), (shown_action(step), step.operations.len()))).collect();
    }

    /// Tells each package that is built, however many there are, and each that cannot be.
    pub fn tell_packages(&mut self) {
        self.tells_packages = true;
    }

    /// Takes in what happened at `now_ms`; answers with the line that says it, where it is worth one.
    pub fn take(&mut self, event: &Event, now_ms: u64) -> Option<String> {
        let line = self.fold(event, now_ms);
        if line.is_some() {
            self.line.at_ms = now_ms;
        }
        line
    }

    fn fold(&mut self, event: &Event, now_ms: u64) -> Option<String> {
        match event {
            Event::BuildStarted { total } => self.begin(Work::Building, *total, now_ms),
            Event::ReadStarted { total } => self.begin(Work::Reading, *total, now_ms),
            Event::ApplyStarted { total } => self.begin(Work::Applying, *total, now_ms),
            Event::Building { function, index, total } => {
                self.phase.packages.insert(function.clone());
                return self.is_verbose.then(|| format!("building {function} ({index} of {total})"));
            }
            Event::Built { function, bytes: size, cached, as_before, elapsed_ms } => {
                self.phase.done += 1;
                self.phase.packages.remove(function);
                let word = if *cached { "ready" } else { "built" };
                let count = self.count();
                let same = if *as_before { "; the package is as before" } else { "" };
                let line = || format!("  {} {function} ({count}{}, {}{same})", styled(GREEN, word), bytes(*size), duration(*elapsed_ms));
                let is_worth_it = !cached && (self.tells_packages || self.phase.total <= LINES_MAX);
                return (self.is_verbose || is_worth_it).then(line);
            }
            Event::BuildFailed { function, elapsed_ms } => {
                self.phase.done += 1;
                self.phase.packages.remove(function);
                self.failed += 1;
                let count = self.count();
                return self.tells_packages.then(|| format!(" {} {function} ({count}{})", styled(RED, "failed"), duration(*elapsed_ms)));
            }
            Event::Fetching { .. } | Event::Sending { .. } => return self.transfers.take(event),
            Event::Read { done, total } => (self.phase.done, self.phase.total) = (*done, *total),
            Event::OperationStarted { address, call } => {
                self.running.insert(address.clone(), Running { call: call.clone(), since_ms: now_ms, wait: None });
            }
            Event::OperationEnded { address, call, outcome, elapsed_ms, done, total } => {
                (self.phase.done, self.phase.total) = (*done, *total);
                self.running.remove(address);
                self.transfers.end(address);
                return self.ended(address, call, *outcome, *elapsed_ms);
            }
            Event::Waiting { address, cause, calls, elapsed_ms, limit_ms } => {
                let since_ms = now_ms.saturating_sub(*elapsed_ms);
                let wait = Wait { cause: cause.clone(), calls: *calls, since_ms, limit_ms: *limit_ms };
                return self.waiting(address.as_ref(), wait, now_ms);
            }
            Event::Waited { address, cause, elapsed_ms } => return self.waited(address.as_ref(), cause, *elapsed_ms),
            Event::Retried { operation, attempt, cause, pause_ms } => {
                let line =
                    || format!("    {} {operation} in {} after attempt {attempt}: {cause}", styled(YELLOW, "retry"), duration(*pause_ms));
                return self.is_verbose.then(line);
            }
            Event::Draining => {
                self.is_draining = true;
                let text = "Stopping: what AWS was already asked for is waited for, and the state is saved. Ctrl-C again aborts at once.";
                return Some(styled(YELLOW, text));
            }
            Event::Calls { .. } | Event::Called { .. } => {}
        }
        None
    }

    /// The number of the package that ended, where each is told.
    fn count(&self) -> String {
        if self.tells_packages && self.phase.total > 1 { format!("{} of {}, ", self.phase.done, self.phase.total) } else { String::new() }
    }

    /// The line that is due now that time has passed, where nothing is drawn.
    pub fn due(&mut self, now_ms: u64) -> Option<String> {
        let LastLine { at_ms, done } = self.line;
        let (silence_ms, phase) = (now_ms.saturating_sub(at_ms), &self.phase);
        let is_tenth = phase.done.saturating_sub(done) * 10 >= phase.total.max(1);
        let is_due = match self.is_terse() {
            true => silence_ms >= PACE_MS || (silence_ms >= PACE_MS_MIN && is_tenth),
            false => silence_ms >= SILENCE_MS_MAX,
        };
        if !is_due || now_ms.saturating_sub(phase.since_ms) < PACE_MS_MIN {
            return None;
        }
        self.line = LastLine { at_ms: now_ms, done: phase.done };
        Some(format!("  {}", self.summary(now_ms)))
    }

    /// What is going on, in at most `rows` lines of at most `columns`.
    pub fn lines(&self, now_ms: u64, columns: usize, rows: usize) -> Vec<String> {
        let frame = SPINNER[usize::try_from(now_ms / FRAME_MS).unwrap_or_default() % SPINNER.len()];
        let mut lines = vec![format!("{frame} {}", self.head(now_ms))];
        lines.extend(self.waits.values().map(|wait| format!("  {}", wait.sentence(now_ms))));
        lines.extend(self.transfers.fetching().iter().map(|fetching| format!("  {fetching}")));
        if self.running.len() + self.settling.len() <= SHOWN_OPERATIONS_MAX {
            lines.extend(self.running.iter().map(|(address, running)| self.operation(address, running, now_ms)));
            lines.extend(self.settling.values().map(|wait| format!("  {}", wait.sentence(now_ms))));
        } else {
            lines.extend(self.grouped(now_ms));
        }
        let rows = rows.max(1);
        if lines.len() > rows {
            lines.truncate(rows);
        }
        lines.iter().map(|line| fitted(line, columns)).collect()
    }

    fn begin(&mut self, work: Work, total: usize, now_ms: u64) {
        self.phase = Phase { work, packages: BTreeSet::new(), done: 0, total, since_ms: now_ms };
        self.line = LastLine { at_ms: now_ms, done: 0 };
        self.waits.clear();
        self.settling.clear();
        self.running.clear();
    }

    /// Whether there is too much to tell all of it.
    fn is_terse(&self) -> bool {
        let items = if self.phase.work == Work::Applying { self.left.len() } else { self.phase.total };
        items > LINES_MAX && !self.is_verbose
    }

    fn ended(&mut self, address: &Address, call: &str, outcome: Outcome, elapsed_ms: u64) -> Option<String> {
        let time = duration(elapsed_ms);
        match outcome {
            Outcome::Failed => {
                self.failed += 1;
                return Some(format!("  {} {address}: {call} ({time})", styled(RED, " failed")));
            }
            Outcome::Skipped => return self.is_verbose.then(|| format!("  {} {address}: {call}", styled(YELLOW, "skipped"))),
            Outcome::Done => {}
        }
        let left = self.left.get_mut(address).map(|(action, left)| {
            *left = left.saturating_sub(1);
            (*action, *left)
        });
        match left {
            Some((action, 0)) => (!self.is_terse()).then(|| format!("  {} {address} ({time})", styled(GREEN, participle(action)))),
            _ => self.is_verbose.then(|| format!("       ok {address}: {call} ({time})")),
        }
    }

    fn waiting(&mut self, address: Option<&Address>, wait: Wait, now_ms: u64) -> Option<String> {
        let key = key(address, &wait.cause);
        let elapsed_ms = now_ms.saturating_sub(wait.since_ms);
        let who = match (address, wait.calls) {
            (Some(address), _) => format!("{address} "),
            (None, 0 | 1) => String::new(),
            (None, calls) => format!("{calls} calls "),
        };
        let what = format!("{who}for {}{}", wait.cause, wait.reach(now_ms));
        match address.and_then(|address| self.running.get_mut(address)) {
            Some(running) => running.wait = Some(wait),
            None => {
                let waits = if address.is_some() { &mut self.settling } else { &mut self.waits };
                waits.insert(key.clone(), wait);
            }
        }
        // Of hundreds, a line now and then says how many wait.
        if elapsed_ms < WAIT_MS_MIN || self.is_terse() || !self.told.insert(key) {
            return None;
        }
        Some(format!("  {} {what}", styled(YELLOW, "waiting")))
    }

    fn waited(&mut self, address: Option<&Address>, cause: &str, elapsed_ms: u64) -> Option<String> {
        let key = key(address, cause);
        self.waits.remove(&key);
        self.settling.remove(&key);
        if let Some(running) = address.and_then(|address| self.running.get_mut(address)) {
            running.wait = None;
        }
        let owner = address.map(|address| format!("{address}: ")).unwrap_or_default();
        let line = || format!("   {} {owner}{} for {cause}", styled(DIM, "waited"), duration(elapsed_ms));
        (self.is_verbose && elapsed_ms >= WAIT_MS_MIN).then(line)
    }

    /// The phase, how far it is, and since when.
    fn head(&self, now_ms: u64) -> String {
        let phase = &self.phase;
        let is_built = phase.work == Work::Building && phase.done == phase.total;
        let count = format!("{} of {}", phase.done, phase.total);
        let mut parts = vec![match phase.work {
            Work::Building if !is_built => format!("building {count}{}", self.packages()),
            Work::Reading => format!("reading AWS {count}"),
            Work::Applying => format!("applying {count}"),
            // What comes between the packages and the first read.
            Work::Building | Work::Connecting => "connecting".to_owned(),
        }];
        parts.push(format!("{} s", now_ms.saturating_sub(phase.since_ms) / 1_000));
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if self.is_draining {
            parts.push("stopping".to_owned());
        }
        parts.join(" · ")
    }

    fn packages(&self) -> String {
        let names: Vec<&str> = self.phase.packages.iter().take(SHOWN_PACKAGES_MAX).map(String::as_str).collect();
        let more = if self.phase.packages.len() > SHOWN_PACKAGES_MAX { ", …" } else { "" };
        if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) }
    }

    /// One line for where nothing is drawn: how far, and what is waited for.
    fn summary(&self, now_ms: u64) -> String {
        let waits = match self.waits.len() {
            0 => None,
            1 => self.waits.values().next().map(|wait| wait.sentence(now_ms)),
            _ => {
                let each = self.waits.values().map(|wait| format!("{} for {}", wait.calls, wait.cause));
                Some(format!("calls wait: {}", each.collect::<Vec<_>>().join(", ")))
            }
        };
        let parts = [self.head(now_ms)].into_iter().chain(waits).chain(self.transfers.all()).chain(self.waiting_operations(now_ms));
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn operation(&self, address: &Address, running: &Running, now_ms: u64) -> String {
        let left = self.left.get(address).map_or(0, |(_, left)| left.saturating_sub(1));
        let more = if left > 0 { format!(", {left} more of it after that") } else { String::new() };
        match &running.wait {
            Some(wait) => format!("  {address}: {}{more}", wait.sentence(now_ms)),
            None => {
                let sent = self.transfers.sent(address).map(|sent| format!(" · {sent}")).unwrap_or_default();
                format!("  {address}: {}{sent} · {} s{more}", running.call, now_ms.saturating_sub(running.since_ms) / 1_000)
            }
        }
    }

    /// Many operations, a line for each call that is under way and one for those that wait.
    fn grouped(&self, now_ms: u64) -> Vec<String> {
        let mut calls: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for (address, running) in self.running.iter().filter(|(_, running)| running.wait.is_none()) {
            calls.entry(&running.call).or_default().push(address);
        }
        let names = |addresses: &[&Address]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let lines = calls.iter().map(|(call, addresses)| format!("  {call} × {}: {}", addresses.len(), names(addresses)));
        self.waiting_operations(now_ms).map(|line| format!("  {line}")).into_iter().chain(lines).collect()
    }

    /// How many running operations wait for something of their own, and what the one that waits longest waits for.
    fn waiting_operations(&self, now_ms: u64) -> Option<String> {
        let running = self.running.values().filter_map(|running| running.wait.as_ref());
        let waits: Vec<&Wait> = running.chain(self.settling.values()).collect();
        let longest = waits.iter().min_by_key(|wait| wait.since_ms)?;
        Some(match waits.len() {
            1 => longest.sentence(now_ms),
            number => format!("{number} resources wait, the longest {}", longest.sentence(now_ms).trim_start_matches("waiting ")),
        })
    }
}

impl Wait {
    /// `waiting for X, 12 s of 15 min`, or for many `37 calls wait for X`.
    fn sentence(&self, now_ms: u64) -> String {
        match self.calls {
            0 | 1 => format!("waiting for {}{}", self.cause, self.reach(now_ms)),
            calls => format!("{calls} calls wait for {}", self.cause),
        }
    }

    /// How long so far, and how long at most: `, 12 s of 15 min`.
    fn reach(&self, now_ms: u64) -> String {
        let seconds = now_ms.saturating_sub(self.since_ms) / 1_000;
        let limit = self.limit_ms.map(|limit| format!(" of {}", whole(limit))).unwrap_or_default();
        format!(", {seconds} s{limit}")
    }
}

/// A limit, without a part that is zero.
fn whole(milliseconds: u64) -> String {
    match milliseconds / 1_000 {
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn key(address: Option<&Address>, cause: &str) -> String {
    address.map_or_else(|| cause.to_owned(), |address| format!("{address}: {cause}"))
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

    fn plain(line: Option<String>) -> Option<String> {
        line.map(|line| anstream::adapter::strip_str(&line).to_string())
    }

    fn ended(call: &str, outcome: Outcome, done: usize) -> Event {
        Event::OperationEnded { address: address(), call: call.into(), outcome, elapsed_ms: 1_200, done, total: 3 }
    }

    fn waiting(elapsed_ms: u64) -> Event {
        let cause = "role `demo-hash` to be assumable".into();
        Event::Waiting { address: Some(address()), cause, calls: 1, elapsed_ms, limit_ms: Some(900_000) }
    }

    fn quota(calls: usize, elapsed_ms: u64) -> Event {
        Event::Waiting { address: None, cause: "AWS's quota of 15 Lambda calls a second".into(), calls, elapsed_ms, limit_ms: None }
    }

    fn board() -> Board {
        let mut step = new_step("role.hash");
        step.operations = vec![OperationId(0), OperationId(1)];
        let mut board = Board::default();
        board.expect(&plan_of(vec![step]));
        board.take(&Event::ApplyStarted { total: 3 }, 1_000);
        board.take(&Event::OperationStarted { address: address(), call: "iam:CreateRole".into() }, 2_000);
        board
    }

    /// A board about so many functions of one operation each.
    fn large(functions: usize) -> Board {
        let step = |number: usize| {
            let mut step = new_step(&format!("function.f{number:03}"));
            step.operations = vec![OperationId(number)];
            step
        };
        let mut board = Board::default();
        board.expect(&plan_of((0..functions).map(step).collect()));
        board.take(&Event::ApplyStarted { total: functions }, 0);
        board
    }

    fn created(number: usize, total: usize) -> Event {
        let (address, call) = (Address::new("function", &format!("f{number:03}")), "lambda:CreateFunction".to_owned());
        Event::OperationEnded { address, call, outcome: Outcome::Done, elapsed_ms: 90, done: number + 1, total }
    }

    #[test]
    fn a_line_is_told_for_a_finished_step_and_not_for_each_operation() {
        let mut board = board();
        let mut told = |event: &Event| plain(board.take(event, 3_000));
        assert_eq!(told(&ended("iam:CreateRole", Outcome::Done, 1)), None);
        assert_eq!(told(&ended("iam:PutRolePolicy", Outcome::Done, 2)).as_deref(), Some("  created role.hash (1.2 s)"));
        assert_eq!(
            told(&ended("iam:PutRolePolicy", Outcome::Failed, 3)).as_deref(),
            Some("   failed role.hash: iam:PutRolePolicy (1.2 s)")
        );
    }

    #[test]
    fn of_hundreds_of_steps_a_tenth_or_some_seconds_have_a_line_and_a_failure_its_own() {
        let mut board = large(100);
        assert_eq!(plain(board.take(&created(0, 100), 100)), None);
        assert_eq!(board.due(900), None, "not in the first second");
        (1..10).for_each(|number| assert_eq!(board.take(&created(number, 100), 1_000), None));
        assert_eq!(board.due(1_100).as_deref(), Some("  applying 10 of 100 · 1 s"));
        board.take(&quota(37, 3_000), 3_000);
        assert_eq!(board.due(6_000), None);
        assert_eq!(board.clone().due(12_000).unwrap().matches("wait").count(), 1);
        assert_eq!(
            board.due(6_100).as_deref(),
            Some("  applying 10 of 100 · 6 s · 37 calls wait for AWS's quota of 15 Lambda calls a second")
        );
        let failed = Event::OperationEnded {
            address: Address::new("function", "f010"),
            call: "lambda:CreateFunction".into(),
            outcome: Outcome::Failed,
            elapsed_ms: 90,
            done: 11,
            total: 100,
        };
        assert_eq!(plain(board.take(&failed, 6_200)).as_deref(), Some("   failed function.f010: lambda:CreateFunction (90 ms)"));
        board.take(&Event::Waited { address: None, cause: "AWS's quota of 15 Lambda calls a second".into(), elapsed_ms: 9 }, 6_300);
        assert_eq!(board.due(11_200).as_deref(), Some("  applying 11 of 100 · 11 s · 1 failed"));
    }

    #[test]
    fn verbose_tells_each_step_however_many_there_are_and_each_retry() {
        let mut board = Board { is_verbose: true, ..large(100) };
        assert_eq!(plain(board.take(&created(0, 100), 100)).as_deref(), Some("  created function.f000 (90 ms)"));
        let cause = "TooManyRequestsException: Rate exceeded".to_owned();
        let retried = Event::Retried { operation: "lambda:CreateFunction".into(), attempt: 2, cause, pause_ms: 150 };
        assert_eq!(
            plain(board.take(&retried, 200)).as_deref(),
            Some("    retry lambda:CreateFunction in 150 ms after attempt 2: TooManyRequestsException: Rate exceeded")
        );
        assert_eq!(large(1).take(&retried, 200), None);
    }

    #[test]
    fn a_silence_is_broken_after_ten_seconds() {
        let mut board = board();
        assert_eq!(board.due(10_900), None);
        assert_eq!(board.due(11_000).as_deref(), Some("  applying 0 of 3 · 10 s"));
        assert_eq!(board.due(20_000), None);
    }

    #[test]
    fn a_package_is_told_when_it_was_built_or_where_packages_are_asked_for() {
        let made = |cached| Event::Built { function: "hash".into(), bytes: 18, cached, as_before: false, elapsed_ms: 1_200 };
        let told = |board: &mut Board, cached| plain(board.take(&made(cached), 0)).unwrap_or_default();
        let mut board = Board::default();
        assert_eq!((told(&mut board, false).as_str(), told(&mut board, true).as_str()), ("  built hash (18 B, 1.2 s)", ""));
        board.take(&Event::BuildStarted { total: 100 }, 0);
        assert_eq!(told(&mut board, false), "", "one of a hundred");
        board.tell_packages();
        assert_eq!(told(&mut board, false), "  built hash (2 of 100, 18 B, 1.2 s)");
        assert_eq!(told(&mut board, true), "", "what was ready is no news");
        let same = Event::Built { function: "hash".into(), bytes: 18, cached: false, as_before: true, elapsed_ms: 1_200 };
        assert_eq!(plain(board.take(&same, 0)).as_deref(), Some("  built hash (4 of 100, 18 B, 1.2 s; the package is as before)"));
        let failed = Event::BuildFailed { function: "report".into(), elapsed_ms: 300 };
        assert_eq!(plain(board.take(&failed, 0)).as_deref(), Some(" failed report (5 of 100, 300 ms)"));
        assert!(board.lines(0, 80, 9)[0].ends_with("1 failed"));
    }

    #[test]
    fn the_packages_that_are_being_made_are_named() {
        let mut board = Board::default();
        board.take(&Event::BuildStarted { total: 2 }, 0);
        for (index, function) in ["report", "hash"].into_iter().enumerate() {
            board.take(&Event::Building { function: function.into(), index: index + 1, total: 2 }, 0);
        }
        assert_eq!(board.lines(0, 80, 9), ["⠋ building 0 of 2: hash, report · 0 s"]);
        let mut built = |function: &str| {
            board.take(&Event::Built { function: function.into(), bytes: 1, cached: true, as_before: false, elapsed_ms: 1 }, 0);
            board.lines(1_000, 80, 9)
        };
        assert_eq!(built("hash"), ["⠋ building 1 of 2: report · 1 s"]);
        assert_eq!(built("report"), ["⠋ connecting · 1 s"]);
    }

    #[test]
    fn a_long_wait_is_told_once_with_its_limit() {
        let mut board = board();
        let told: Vec<Option<String>> = [500, 2_500, 5_000].map(|elapsed| plain(board.take(&waiting(elapsed), 6_000))).into();
        assert_eq!(told, [None, Some("  waiting role.hash for role `demo-hash` to be assumable, 2 s of 15 min".to_owned()), None]);
    }

    #[test]
    fn live_lines_say_what_runs_and_what_waits_for_what() {
        let mut board = board();
        insta::assert_snapshot!(board.lines(4_500, 80, 9).join("\n"), @r"
        ⠴ applying 0 of 3 · 3 s
          role.hash: iam:CreateRole · 2 s, 1 more of it after that
        ");
        board.take(&waiting(5_000), 7_000);
        insta::assert_snapshot!(plain(board.take(&Event::Draining, 7_000)).unwrap(), @"Stopping: what AWS was already asked for is waited for, and the state is saved. Ctrl-C again aborts at once.");
        insta::assert_snapshot!(board.lines(7_000, 80, 9).join("\n"), @r"
        ⠋ applying 0 of 3 · 6 s · stopping
          role.hash: waiting for role `demo-hash` to be assumable, 5 s of 15 min, 1 mor…
        ");
        board.take(&Event::Waited { address: Some(address()), cause: "role `demo-hash` to be assumable".into(), elapsed_ms: 5_000 }, 8_000);
        insta::assert_snapshot!(board.lines(8_000, 80, 9).join("\n"), @r"
        ⠋ applying 0 of 3 · 7 s · stopping
          role.hash: iam:CreateRole · 6 s, 1 more of it after that
        ");
    }

    #[test]
    fn many_running_operations_are_counted_by_call_and_fit_the_terminal() {
        let mut board = large(300);
        for number in 0..30 {
            let (address, call) = (Address::new("function", &format!("f{number:03}")), "lambda:CreateFunction".to_owned());
            board.take(&Event::OperationStarted { address, call }, 1_000);
        }
        let wait = |name: &str, elapsed_ms| {
            let cause = format!("role `demo-{name}` to be assumable");
            Event::Waiting { address: Some(Address::new("function", name)), cause, calls: 1, elapsed_ms, limit_ms: Some(900_000) }
        };
        board.take(&wait("f003", 2_000), 4_000);
        board.take(&wait("f004", 3_000), 4_000);
        board.take(&quota(20, 1_000), 4_000);
        insta::assert_snapshot!(board.lines(4_000, 72, 9).join("\n"), @r"
        ⠋ applying 0 of 300 · 4 s
          20 calls wait for AWS's quota of 15 Lambda calls a second
          2 resources wait, the longest for role `demo-f004` to be assumable, 3…
          lambda:CreateFunction × 28: function.f000, function.f001, function.f0…
        ");
        assert_eq!(board.lines(4_000, 72, 2).len(), 2);
    }
}

//! The loop of one spec.

mod audit;
mod mend;
mod show;

use super::board::{Attempt, Moment, MomentKind, View};
use super::heal::frozen;
use super::ledger::{Ledger, Outage};
use super::pause::pause;
use super::wake::{Party, WakeUp};
use super::watched::{Check, Depth, Settings, Trouble, TroubleKind};
use super::{Daemon, Proposal};
use crate::model::Mode;
use crate::store::{Kept, Shelf};
use jiff::{SignedDuration, Timestamp};
use show::{doubts, show_check, standing};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How often it is looked whether files changed, and what the clock on the wall says: it jumps when a machine sleeps.
const LOOK: Duration = Duration::from_secs(2);
/// A memory in which only times changed is written so seldom.
const QUIET_SAVE: SignedDuration = SignedDuration::from_mins(10);
/// A person who asks again and again is not followed more often than this.
const REQUEST_GAP: SignedDuration = SignedDuration::from_secs(2);
/// A clock that was put back by less moves the next check by no more than that.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);

/// What is done with a spec whose first keys alone are in order.
const ONLY_DRIFT: &str = "only drift is looked for until it is mended";
const ONLY_HEALING: &str = "drift is looked for and taken back, and nothing else is done until it is mended";

/// One spec and what is known of it.
pub(super) struct Watch {
    id: String,
    party: Party,
    daemon: Daemon,
    shelf: Shelf,
    turns: Arc<Semaphore>,
    ledger: Ledger,
    settings: Option<Settings>,
    /// Whether they are those of a broken spec, of which no good one was seen.
    is_by_first_keys: bool,
    proposal: Option<Proposal>,
    /// The files as they were when they were read, and as they were seen last.
    stamps: (u64, u64),
    /// When it is looked at next; `None` where its schedule has no time any more.
    next: Option<Timestamp>,
    /// When that was reckoned: a clock that shows an earlier time was put back, and `next` may be far off by it.
    reckoned: Timestamp,
    /// What was said of the settings already.
    doubts: Vec<String>,
    saved: Option<(Timestamp, u64)>,
}

impl Watch {
    pub(super) fn new(id: &str, party: Party, daemon: Daemon, shelf: Shelf, turns: Arc<Semaphore>) -> Self {
        let now = daemon.clock.now();
        Self {
            id: id.to_owned(),
            party,
            daemon,
            shelf,
            turns,
            ledger: Ledger::default(),
            settings: None,
            is_by_first_keys: false,
            proposal: None,
            stamps: (0, 0),
            next: Some(now),
            reckoned: now,
            doubts: Vec::new(),
            saved: None,
        }
    }

    /// Watches until the daemon is stopped.
    pub(super) async fn run(mut self) {
        self.begin();
        let mut why = BTreeSet::from([WakeUp::Time]);
        loop {
            self.work(&why).await;
            match self.rest().await {
                Some(next) => why = next,
                None => break,
            }
        }
        self.save(true);
    }

    /// Looks once.
    pub(super) async fn once(mut self) {
        self.begin();
        self.work(&BTreeSet::from([WakeUp::Time])).await;
        self.save(true);
    }

    fn now(&self) -> Timestamp {
        self.daemon.clock.now()
    }

    fn is_stopped(&self) -> bool {
        self.daemon.stop.is_cancelled()
    }

    fn show(&self, change: impl FnOnce(&mut View)) {
        self.daemon.control.board.update(&self.id, change);
    }

    /// Remembers what was known before.
    fn begin(&mut self) {
        let Kept { document, problem } = self.shelf.load::<Ledger>();
        self.ledger = document.unwrap_or_default();
        let now = self.now();
        self.ledger.last_success = self.ledger.last_success.map(|last| last.min(now));
        self.ledger.note(now, MomentKind::Started, None, "lambdo began to watch");
        if let Some(problem) = problem {
            self.ledger.note(now, MomentKind::Started, None, format!("the history could not be read: {problem}"));
        }
        // In another company it may have had another number behind its name.
        self.ledger.untold.iter_mut().for_each(|notice| notice.spec.clone_from(&self.id));
        let ledger = &self.ledger;
        self.show(|view| {
            view.findings = ledger.findings.clone();
            view.timeline = ledger.timeline.iter().cloned().collect();
            view.last_success = ledger.last_success;
        });
    }

    /// Waits for a reason to look; `None` when the daemon is stopped.
    async fn rest(&mut self) -> Option<BTreeSet<WakeUp>> {
        loop {
            let now = self.now();
            if self.is_set_back(now) || self.next.is_some_and(|next| now >= next) {
                return Some(BTreeSet::from([WakeUp::Time]));
            }
            let left = self.next.map_or(LOOK, |next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
            tokio::select! {
                biased;
                () = self.daemon.stop.cancelled() => return None,
                why = self.party.bell.wait() => return self.after_gap(why).await,
                () = tokio::time::sleep(left.min(LOOK)) => {}
            }
            // A file that is being written changes again at once.
            let (read, seen) = self.stamps;
            let stamp = self.party.watched.stamp();
            self.stamps.1 = stamp;
            if stamp != read && stamp == seen {
                return Some(BTreeSet::from([WakeUp::SpecChanged]));
            }
        }
    }

    /// Whether the clock was put back since the next check was reckoned. What was done meanwhile is dated later than now.
    fn is_set_back(&mut self, now: Timestamp) -> bool {
        let is_set_back = now.duration_since(self.reckoned) < -SET_BACK;
        if is_set_back {
            self.ledger.last_success = self.ledger.last_success.map(|last| last.min(now));
        }
        is_set_back
    }

    fn reckon(&mut self, next: Option<Timestamp>) {
        (self.next, self.reckoned) = (next, self.now());
    }

    async fn after_gap(&self, why: BTreeSet<WakeUp>) -> Option<BTreeSet<WakeUp>> {
        let ended =
            self.ledger.last_check.as_ref().map(|last| last.at + SignedDuration::from_millis(i64::try_from(last.elapsed_ms).unwrap_or(0)));
        let gap = ended.map_or(SignedDuration::ZERO, |ended| (ended + REQUEST_GAP).duration_since(self.now()).min(REQUEST_GAP));
        tokio::select! {
            () = self.daemon.stop.cancelled() => None,
            () = tokio::time::sleep(Duration::try_from(gap).unwrap_or_default()) => Some(why),
        }
    }

    /// One activation: everything is read anew.
    async fn work(&mut self, why: &BTreeSet<WakeUp>) {
        let turns = Arc::clone(&self.turns);
        let turn = tokio::select! {
            () = self.daemon.stop.cancelled() => return,
            turn = turns.acquire() => turn,
        };
        self.reload().await;
        match self.settings.clone() {
            Some(settings) => self.look(&settings, why).await,
            None => self.reckon(Some(self.now() + self.after(TroubleKind::Spec, self.ledger.spec_outage()))),
        }
        drop(turn);
        self.show(|view| view.activity = None);
        self.publish();
        self.save(false);
        self.hand_over().await;
    }

    async fn reload(&mut self) {
        let stamp = self.party.watched.stamp();
        self.stamps = (stamp, stamp);
        let (loaded, now) = (self.party.watched.load().await, self.now());
        match loaded {
            Ok(settings) => {
                self.ledger.spec_read(&settings, now);
                if self.settings.as_ref().is_some_and(|before| *before != settings) {
                    self.ledger.note(now, MomentKind::SpecChanged, None, "how the spec is watched was changed");
                }
                self.settings = Some(settings);
                self.is_by_first_keys = false;
            }
            Err(trouble) => {
                let then = match self.settings {
                    Some(_) if self.is_by_first_keys => self.by_first_keys(),
                    Some(_) => "the last good one is used",
                    None => {
                        self.settings = self.party.watched.first_keys().await;
                        self.is_by_first_keys = self.settings.is_some();
                        if self.is_by_first_keys { self.by_first_keys() } else { "nothing is checked until it is mended" }
                    }
                };
                self.ledger.spec_broken(&trouble, &self.id, then, now);
            }
        }
    }

    /// What is done meanwhile, in words.
    fn by_first_keys(&self) -> &'static str {
        let is_healing = self.settings.as_ref().is_some_and(|settings| settings.mode == Mode::Heal);
        if is_healing { ONLY_HEALING } else { ONLY_DRIFT }
    }

    async fn look(&mut self, settings: &Settings, why: &BTreeSet<WakeUp>) {
        if let Some(approved) = self.party.bell.approved() {
            self.apply(settings, &approved).await;
        }
        let depth = self.depth(settings, why);
        match self.check(settings, depth).await {
            Ok(check) => {
                let check = self.heal(settings, depth, check).await;
                self.ledger.tell_left(settings, self.now());
                self.propose(settings, &check).await;
                self.audit(settings).await;
                self.reckon(settings.schedule.next(self.now()));
                self.doubt(settings);
            }
            Err(trouble) => self.reckon(Some(self.now() + self.after(trouble.kind, self.ledger.outage()))),
        }
    }

    /// Says what nothing will come of.
    fn doubt(&mut self, settings: &Settings) {
        let (now, doubts) = (self.now(), doubts(settings, self.now()));
        for text in doubts.iter().filter(|text| !self.doubts.contains(text)) {
            (self.daemon.log)(&self.id, &Moment { at: now, kind: MomentKind::Failed, address: None, text: text.clone() });
        }
        self.show(|view| view.warnings.extend(doubts.iter().cloned()));
        self.doubts = doubts;
    }

    /// How long it is waited after another failure.
    fn after(&self, kind: TroubleKind, outage: Option<&Outage>) -> SignedDuration {
        let attempts = outage.map_or(1, |outage| outage.attempts);
        SignedDuration::try_from(pause(kind, attempts, &self.id)).unwrap_or(SignedDuration::from_mins(1))
    }

    /// A person who asks wants to know everything; else the thorough look has a schedule of its own.
    fn depth(&self, settings: &Settings, why: &BTreeSet<WakeUp>) -> Depth {
        let is_due = settings.deep_schedule.is_due(self.ledger.last_deep, self.now());
        if is_due || why.contains(&WakeUp::Request) { Depth::Deep } else { Depth::Usual }
    }

    async fn check(&mut self, settings: &Settings, depth: Depth) -> Result<Check, Trouble> {
        self.show(|view| view.activity = Some("checking".to_owned()));
        let began = self.now();
        let result = self.party.watched.check(depth).await;
        let result = result.and_then(|check| self.ledger.lost(&check).map_or(Ok(check), Err));
        let ended = self.now();
        if self.is_stopped() && result.is_err() {
            return result;
        }
        let elapsed_ms = u64::try_from(ended.duration_since(began).as_millis()).unwrap_or_default();
        let calls = result.as_ref().map_or(0, |check| check.calls.total);
        self.ledger.last_check = Some(Attempt { at: began, elapsed_ms, depth, is_success: result.is_ok(), calls });
        let ledger = &mut self.ledger;
        match &result {
            Ok(check) => {
                let counted = ledger.checked(check, settings, ended);
                if depth == Depth::Deep {
                    ledger.last_deep = Some(began);
                }
                self.show(|view| {
                    show_check(view, check);
                    view.totals.checks_done += 1;
                    view.totals.durations.add(elapsed_ms);
                    view.totals.opened += counted.opened;
                    view.totals.resolved += counted.resolved;
                });
            }
            Err(trouble) => {
                ledger.failed(trouble, &settings.name, ended);
                self.show(|view| {
                    view.totals.checks_failed += 1;
                    view.totals.durations.add(elapsed_ms);
                });
            }
        }
        result
    }

    /// Brings the board and the log up to date.
    fn publish(&mut self) {
        self.ledger.take_fresh().iter().for_each(|moment| (self.daemon.log)(&self.id, moment));
        let (ledger, now, calls) = (&self.ledger, self.now(), self.party.watched.calls());
        self.show(|view| {
            view.calls = calls.into();
            if let Some(settings) = &self.settings {
                (view.project, view.stage) = (settings.project.clone(), settings.stage.clone());
                (view.mode, view.schedule) = (settings.mode, settings.schedule_text.clone());
                view.frozen = frozen(settings, now);
            }
            view.next_check = self.next;
            view.last_check = ledger.last_check.clone();
            view.last_success = ledger.last_success;
            view.trouble = ledger.outage().map(|outage| outage.trouble.clone());
            view.trouble_since = ledger.outage().map(|outage| outage.since);
            view.spec_trouble = ledger.spec_outage().map(|outage| outage.trouble.clone());
            view.undone = ledger.undone();
            view.findings = ledger.findings.clone();
            view.timeline = ledger.timeline.iter().cloned().collect();
            view.proposal = self.proposal.clone();
            view.log_groups = ledger.log_groups.as_ref().map(|memory| memory.seen.clone());
            view.standing = standing(view);
        });
    }

    /// Writes the memory down. A full disk stops nothing: it is tried again, and said.
    fn save(&mut self, is_last: bool) {
        let (now, revision) = (self.now(), self.ledger.revision());
        let is_quiet = self.saved.is_some_and(|(at, saved)| saved == revision && (at..at + QUIET_SAVE).contains(&now));
        if is_quiet && !is_last {
            return;
        }
        let problem = self.shelf.save(&self.ledger).err().map(|error| error.to_string());
        self.saved = problem.is_none().then_some((now, revision));
        let before = self.daemon.control.board.get(&self.id).and_then(|view| view.history_trouble.clone());
        if let Some(problem) = problem.as_ref().filter(|_| before.is_none()) {
            let text = format!("the history cannot be kept, so that a restart tells everything again: {problem}");
            (self.daemon.log)(&self.id, &Moment { at: now, kind: MomentKind::Failed, address: None, text });
        }
        self.show(|view| view.history_trouble = problem);
    }

    /// Gives the news to whoever tells them, after they were written down: a kill in between tells them again under the same id.
    async fn hand_over(&mut self) {
        if self.ledger.untold.is_empty() {
            return;
        }
        let news: Vec<_> = self.ledger.untold.iter().cloned().collect();
        if self.daemon.listener.take(&news).await.is_ok() {
            self.ledger.told();
            self.save(false);
        }
    }
}

#[cfg(test)]
mod tests;

//! What is open, since when, and what happened: the daemon's memory. Pure: checks are fed in, news come out.

mod audit;
mod news;
mod outage;

pub use audit::AuditMemory;
pub use outage::{Outage, Topic};

use super::board::{Attempt, Moment, MomentKind, Proposal};
use super::notice::{Finding, FindingKind, FindingState, Notice, NoticeKind};
use super::watched::{Check, Healed, Settings, Trouble, TroubleKind};
use crate::model::{Address, IgnoreRule, Path};
use jiff::{SignedDuration, Timestamp};
use news::{digest, id_of, notice};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// So many moments of the history are kept.
pub const MOMENTS_KEPT: usize = 500;
/// So many news wait for whoever tells them.
const NEWS_KEPT: usize = 1_000;
/// So near to each other is what happens at once.
const AT_ONCE: SignedDuration = SignedDuration::from_micros(100);
/// What a finding is known by.
type Key = (Address, Path);

/// The memory of one spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// What is open, by address and path.
    pub findings: Vec<FindingState>,
    /// Where the daemon took something back lately.
    struggles: Vec<Struggle>,
    /// What does not work, and since when.
    outages: BTreeMap<Topic, Outage>,
    /// What happened, newest first.
    pub timeline: VecDeque<Moment>,
    /// What nobody has taken yet to tell it.
    pub untold: VecDeque<Notice>,
    /// The last check.
    pub last_check: Option<Attempt>,
    /// When a check last worked.
    pub last_success: Option<Timestamp>,
    /// When a check was last thorough.
    pub last_deep: Option<Timestamp>,
    /// What the last audit of log groups left.
    pub log_groups: Option<AuditMemory>,
    /// The serial that the state had last; none for a spec that was never deployed.
    serial: u64,
    /// The plan that waits.
    proposed: Option<String>,
    /// Grows with each change that is worth writing down at once.
    #[serde(skip)]
    revision: u64,
    /// What happened since it was last asked.
    #[serde(skip)]
    fresh: Vec<Moment>,
}

/// A path that the daemon took back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Struggle {
    address: Address,
    path: Path,
    /// When it did, within the window.
    reverts: Vec<Timestamp>,
    /// Since when it does not any more.
    contested: Option<Timestamp>,
    /// When it last had to, or would have had to.
    active: Timestamp,
    /// Whether only deep checks see it.
    #[serde(default)]
    is_deep: bool,
}

/// What one round of the ledger counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Findings that were opened.
    pub opened: u64,
    /// Findings that were resolved.
    pub resolved: u64,
}

impl Ledger {
    /// Grows with each change that is worth writing down at once.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What happened since this was last asked.
    pub fn take_fresh(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.fresh)
    }

    /// All news were taken.
    pub fn told(&mut self) {
        self.untold.clear();
        self.revision += 1;
    }

    /// A plan waits, or none does any more.
    pub fn proposed(&mut self, proposal: Option<&Proposal>, settings: &Settings, now: Timestamp) {
        let id = proposal.map(|proposal| proposal.id.clone());
        if let Some(proposal) = proposal.filter(|_| id != self.proposed) {
            self.note(now, MomentKind::Proposed, None, format!("a plan waits: `{}`", proposal.command));
            let text = format!("a plan waits that {}: the daemon's page applies it, or `{}`", proposal.what_it_does(), proposal.command);
            let id = digest(&[&settings.name, &proposal.id]);
            self.news(notice(NoticeKind::Proposed, &id, &settings.name, now, now, text));
        }
        self.proposed = id;
    }

    /// Writes down what happened.
    pub fn note(&mut self, at: Timestamp, kind: MomentKind, address: Option<&Address>, text: impl Into<String>) {
        let moment = Moment { at: self.next_instant(at), kind, address: address.cloned(), text: text.into() };
        self.fresh.push(moment.clone());
        self.timeline.push_front(moment);
        self.timeline.truncate(MOMENTS_KEPT);
        self.revision += 1;
    }

    /// What happened at once stands one after the other, so that whoever pages through the history misses nothing.
    fn next_instant(&self, at: Timestamp) -> Timestamp {
        let newest = self.timeline.front().map(|moment| moment.at).filter(|newest| (at..at + AT_ONCE).contains(newest));
        newest.map_or(at, |newest| newest + SignedDuration::from_nanos(1))
    }

    /// What is wrong with a check that finds no state where there was one: without it, nothing would have drifted.
    pub fn lost(&self, check: &Check) -> Option<Trouble> {
        let hints = vec![
            "`lambdo state rebuild` makes it anew from what carries the project's tags; `lambdo state history` shows what is kept"
                .to_owned(),
        ];
        let text = "The state is not there any more, so that nothing can be said about drift.".to_owned();
        (self.serial > 0 && check.serial == 0).then_some(Trouble { kind: TroubleKind::State, text, hints })
    }

    /// A check worked.
    pub fn checked(&mut self, check: &Check, settings: &Settings, now: Timestamp) -> Counted {
        self.recovered(Topic::Check, settings, now);
        self.unread(check, settings, now);
        self.struggles.iter_mut().for_each(|struggle| struggle.is_deep |= covers(&check.left_out, &struggle.address, &struggle.path));
        self.forget_struggles(settings, now);
        let mut before: BTreeMap<Key, FindingState> =
            self.findings.drain(..).map(|state| ((state.finding.address.clone(), state.finding.path.clone()), state)).collect();
        let mut counted = Counted::default();
        let mut open = BTreeMap::new();
        for finding in &check.findings {
            let key = (finding.address.clone(), finding.path.clone());
            let state = match before.remove(&key) {
                Some(state) => self.still_there(state, finding, settings, now),
                None => {
                    counted.opened += 1;
                    self.opened(finding, settings, now)
                }
            };
            open.insert(key, state);
        }
        for (key, state) in before {
            if is_unread(check, &key) {
                open.insert(key, state);
            } else if is_gone(check, &key.0) {
                // Nothing is as it was applied where the whole resource is not there any more.
                counted.resolved += 1;
                self.note(now, MomentKind::Changed, Some(&key.0), format!("{} went with the resource", key.1));
                if state.is_told {
                    self.tell(NoticeKind::Resolved, &state, settings, now, format!("{} {} went with the resource", key.0, key.1));
                }
            } else {
                counted.resolved += 1;
                self.resolved(&state, check, settings, now);
            }
        }
        self.findings = open.into_values().collect();
        self.last_success = Some(now);
        self.serial = check.serial;
        counted
    }

    fn opened(&mut self, finding: &Finding, settings: &Settings, now: Timestamp) -> FindingState {
        let id = id_of(settings, finding, now);
        let finding = finding.clone();
        let mut state =
            FindingState { finding, id, since: now, seen: now, healed: None, left: None, is_told: false, contested: None, reminded: None };
        if self.struggle(&state.finding).is_some() {
            self.came_back(&mut state, settings, now);
            return state;
        }
        self.note(now, MomentKind::Opened, Some(&state.finding.address), state.finding.line());
        self.tell_opened(&mut state, settings, now);
        state
    }

    fn still_there(&mut self, mut state: FindingState, finding: &Finding, settings: &Settings, now: Timestamp) -> FindingState {
        let is_other = state.finding.live != finding.live || state.finding.kind != finding.kind;
        let was_healed = state.healed.take().is_some();
        let who = finding.who.clone().or_else(|| state.finding.who.take());
        state.finding = Finding { who, ..finding.clone() };
        state.seen = now;
        if was_healed {
            self.came_back(&mut state, settings, now);
        } else if is_other {
            self.note(now, MomentKind::Changed, Some(&finding.address), finding.line());
        }
        if state.contested.is_some() {
            self.struggle(&state.finding).into_iter().for_each(|struggle| struggle.active = now);
        }
        if is_past(state.reminded.unwrap_or(state.since), settings.remind_after, now) {
            state.reminded = Some(now);
            let text = format!("{} still differs from what was applied: {}", finding.address, finding.line());
            self.tell(NoticeKind::StillOpen, &state, settings, now, text);
        }
        state
    }

    /// It drifted again after the daemon took it back.
    fn came_back(&mut self, state: &mut FindingState, settings: &Settings, now: Timestamp) {
        let Some(struggle) = self.struggle(&state.finding) else { return };
        struggle.active = now;
        let (reverts, before) = (struggle.reverts.len(), struggle.contested);
        let line = state.finding.line();
        if before.is_none() && reverts < settings.contest.reverts {
            // A line of the history is enough: it is taken back again, and whoever goes on is told of as contested.
            let text = format!("{line} (again; taken back {reverts} of {} times before lambdo gives in)", settings.contest.reverts);
            self.note(now, MomentKind::Reopened, Some(&state.finding.address), text);
            return;
        }
        struggle.contested = before.or(Some(now));
        state.contested = struggle.contested;
        if before.is_some() {
            self.note(now, MomentKind::Reopened, Some(&state.finding.address), line);
            return;
        }
        state.is_told = true;
        let by = state.finding.who.as_ref().map_or_else(|| "somebody else".to_owned(), |who| format!("`{who}`"));
        let text = format!("{} is contested: lambdo took it back {reverts} times and {by} changed it again: {line}", state.finding.address);
        self.note(now, MomentKind::Contested, Some(&state.finding.address), text.clone());
        self.tell(NoticeKind::Contested, state, settings, now, text);
    }

    /// What came back after it was taken back, and was not taken back this time, is told now.
    pub fn tell_left(&mut self, settings: &Settings, now: Timestamp) {
        let mut findings = std::mem::take(&mut self.findings);
        let left = findings.iter_mut().filter(|state| !state.is_told && state.healed.is_none());
        left.for_each(|state| self.tell_opened(state, settings, now));
        self.findings = findings;
    }

    fn tell_opened(&mut self, state: &mut FindingState, settings: &Settings, now: Timestamp) {
        state.is_told = true;
        let text = format!("{} was changed behind lambdo's back: {}", state.finding.address, state.finding.line());
        self.tell(NoticeKind::Opened, state, settings, now, text);
    }

    fn resolved(&mut self, state: &FindingState, check: &Check, settings: &Settings, now: Timestamp) {
        let address = &state.finding.address;
        let path = if state.finding.path.0.is_empty() { String::new() } else { format!("{} ", state.finding.path) };
        let text = format!("{path}{}", ending(state, check, settings, now));
        self.note(now, MomentKind::Resolved, Some(address), text.clone());
        if state.is_told {
            self.tell(NoticeKind::Resolved, state, settings, now, format!("{address} {text}"));
        }
    }

    /// The daemon took something back.
    pub fn healed(&mut self, healed: &Healed, now: Timestamp) {
        for (address, path) in &healed.done {
            let found = self.findings.iter_mut().find(|state| state.finding.address == *address && state.finding.path == *path);
            let Some(state) = found else { continue };
            (state.healed, state.left) = (Some(now), None);
            let (finding, line) = (state.finding.clone(), state.finding.line());
            match self.struggle(&finding) {
                Some(struggle) => {
                    struggle.reverts.push(now);
                    struggle.active = now;
                }
                None => {
                    let (address, path) = (address.clone(), path.clone());
                    self.struggles.push(Struggle { address, path, reverts: vec![now], contested: None, active: now, is_deep: false });
                }
            }
            self.note(now, MomentKind::Healed, Some(address), format!("took back {line}"));
        }
        for (address, why) in healed.refused.iter().chain(&healed.failed) {
            self.left(address, why, now);
        }
    }

    /// Healing begins anew: why it left something before does not count any more.
    pub fn heal_begins(&mut self) {
        self.findings.iter_mut().for_each(|state| state.left = None);
    }

    /// A resource was not taken back, and why.
    pub fn left(&mut self, address: &Address, why: &str, now: Timestamp) {
        let is_meant = |state: &&mut FindingState| {
            state.finding.address == *address && state.finding.kind.is_healable() && state.contested.is_none() && state.healed != Some(now)
        };
        self.findings.iter_mut().filter(is_meant).for_each(|state| state.left = Some(why.to_owned()));
        self.note_once(now, MomentKind::NotHealed, address, why);
    }

    /// Something was not taken back. It is written down once, as long as nothing else happens to the resource.
    fn note_once(&mut self, now: Timestamp, kind: MomentKind, address: &Address, text: &str) {
        let last = self.timeline.iter().find(|moment| moment.address.as_ref() == Some(address));
        if last.is_none_or(|last| last.kind != kind || last.text != text) {
            self.note(now, kind, Some(address), text);
        }
    }

    fn struggle(&mut self, finding: &Finding) -> Option<&mut Struggle> {
        self.struggles.iter_mut().find(|struggle| struggle.address == finding.address && struggle.path == finding.path)
    }

    /// What was quiet for the whole window is over.
    fn forget_struggles(&mut self, settings: &Settings, now: Timestamp) {
        let within = |struggle: &Struggle| if struggle.is_deep { settings.contest.within_deep } else { settings.contest.within };
        for struggle in &mut self.struggles {
            let within = within(struggle);
            struggle.reverts.retain(|revert| !is_past(*revert, within, now));
        }
        self.struggles.retain(|struggle| !is_past(struggle.active, within(struggle), now) || !struggle.reverts.is_empty());
    }

    fn tell(&mut self, kind: NoticeKind, state: &FindingState, settings: &Settings, now: Timestamp, text: String) {
        let round = state.reminded.filter(|_| kind == NoticeKind::StillOpen).map_or(0, Timestamp::as_second);
        let id = format!("{}.{}", state.id, round);
        let notice = notice(kind, &id, &settings.name, now, state.since, text);
        self.news(Notice { finding: Some(state.finding.clone()), ..notice });
    }

    fn news(&mut self, notice: Notice) {
        self.untold.push_back(notice);
        self.revision += 1;
        if self.untold.len() > NEWS_KEPT {
            self.untold.pop_front();
        }
    }
}

/// Whether a check says nothing about a finding.
fn is_unread(check: &Check, (address, path): &Key) -> bool {
    let is_denied = check.unread.iter().any(|unread| unread.address == *address && path.starts_with(&unread.path));
    is_denied || covers(&check.left_out, address, path) || covers(&check.hidden, address, path)
}

fn covers(keys: &[Key], address: &Address, path: &Path) -> bool {
    keys.iter().any(|(of, under)| of == address && path.starts_with(under))
}

/// Why a finding is none any more.
fn ending(state: &FindingState, check: &Check, settings: &Settings, now: Timestamp) -> &'static str {
    let (address, path) = (&state.finding.address, &state.finding.path);
    let today = now.strftime("%Y-%m-%d").to_string();
    let covers = |rule: &IgnoreRule| match path.0.is_empty() {
        true => rule.pattern.covers_everything_of(address),
        false => rule.pattern.covers(address, path),
    };
    let is_left_out = settings.ignore.iter().any(|rule| !rule.is_expired(&today) && covers(rule));
    match () {
        () if is_left_out => "is left out by `drift.ignore` now",
        () if !check.resources.is_empty() && check.resources.iter().all(|one| one.address != *address) => "is not in the state any more",
        () if state.finding.kind == FindingKind::Missing && state.healed.is_none() => "is there again",
        () if state.healed.is_some() => "is as it was applied again, since lambdo took the change back",
        () => "does not differ from what was applied any more",
    }
}

/// Whether a check found a whole resource gone.
fn is_gone(check: &Check, address: &Address) -> bool {
    check.findings.iter().any(|finding| finding.kind == FindingKind::Missing && finding.address == *address)
}

fn is_past(since: Timestamp, duration: std::time::Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(duration).is_ok_and(|duration| now.duration_since(since) >= duration)
}

#[cfg(test)]
mod tests;

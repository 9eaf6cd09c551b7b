//! What does not work: checks, the spec on disk, reads of single resources, healing, plans, audits.

use super::super::board::{Moment, MomentKind, Undone};
use super::super::notice::NoticeKind;
use super::super::watched::{Check, Settings, Trouble, TroubleKind, Unread};
use super::news::{notice, outage_id};
use super::{Key, Ledger};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What may go away by itself is told when so many attempts in a row have failed.
const PATIENCE: u32 = 3;
/// The class of a read that AWS denies: it does not go away by itself.
const DENIED: &str = "access_denied";

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Looking at all.
    Check,
    /// Reading the spec on disk.
    Spec,
    /// Reading single resources and settings.
    Reads,
    /// Taking drift back.
    Heal,
    /// Applying what the spec asks for.
    Deploy,
    /// Keeping a plan ready.
    Plan,
    /// Looking after log groups.
    LogGroups,
}

impl Topic {
    /// What is done besides looking.
    pub const WORK: [(Self, &'static str); 4] =
        [(Self::Heal, "heal"), (Self::Deploy, "deploy"), (Self::Plan, "plan"), (Self::LogGroups, "log_groups")];

    /// That it fails, in words.
    pub fn title(self) -> &'static str {
        self.words().1
    }

    /// That it fails, and that it does not any more.
    fn words(self) -> (MomentKind, &'static str, &'static str) {
        match self {
            Self::Check => (MomentKind::Failed, "Checks fail", "Checks work again"),
            Self::Spec => (MomentKind::SpecBroken, "The spec is broken", "The spec is in order again"),
            Self::Reads => (MomentKind::Failed, "Not everything can be read, so that it may have drifted", "Everything can be read again"),
            Self::Heal => (MomentKind::NotHealed, "Drift could not be taken back", "No drift is left that could not be taken back"),
            Self::Deploy => {
                (MomentKind::NotHealed, "What the spec asks for could not be applied", "What the spec asks for is applied again")
            }
            Self::Plan => (MomentKind::NotHealed, "No plan could be made", "Plans can be made again"),
            Self::LogGroups => (MomentKind::Failed, "Log groups cannot be looked after", "Log groups can be looked after again"),
        }
    }
}

/// Something that does not work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Why, as of late.
    pub trouble: Trouble,
    /// Since when.
    pub since: Timestamp,
    /// Attempts that failed in a row.
    pub attempts: u32,
    is_told: bool,
    /// What it was told about, where it is about single things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    about: Vec<Key>,
    /// Whether this process has logged it.
    #[serde(skip)]
    is_logged: bool,
}

impl Ledger {
    /// Why checks fail, while they do.
    pub fn outage(&self) -> Option<&Outage> {
        self.outages.get(&Topic::Check)
    }

    /// What is wrong with the spec on disk, while something is.
    pub fn spec_outage(&self) -> Option<&Outage> {
        self.outages.get(&Topic::Spec)
    }

    /// What should be done besides looking and is not, while that is so.
    pub fn undone(&self) -> Vec<Undone> {
        let of = |(work, _): (Topic, &str)| {
            let Outage { trouble, since, attempts, .. } = self.outages.get(&work)?;
            Some(Undone { work, trouble: trouble.clone(), since: *since, attempts: *attempts })
        };
        Topic::WORK.into_iter().filter_map(of).collect()
    }

    /// A check failed. Nothing is known, so that nothing that is open changes.
    pub fn failed(&mut self, trouble: &Trouble, name: &str, now: Timestamp) {
        self.out(Topic::Check, trouble, name, now);
    }

    /// The spec on disk is broken; `then` is what is done meanwhile.
    pub fn spec_broken(&mut self, trouble: &Trouble, name: &str, then: &str, now: Timestamp) {
        self.out_in_words(Topic::Spec, &format!("The spec is broken, and {then}"), trouble, name, now);
    }

    /// The spec on disk is in order.
    pub fn spec_read(&mut self, settings: &Settings, now: Timestamp) {
        self.recovered(Topic::Spec, settings, now);
    }

    /// What could not be read. It is told once, and again when AWS denies more than before.
    pub(super) fn unread(&mut self, check: &Check, settings: &Settings, now: Timestamp) {
        let before = self.outages.get(&Topic::Reads).map(|outage| outage.about.clone()).unwrap_or_default();
        let denied = check.unread.iter().filter(|unread| unread.why == DENIED);
        let mut about: Vec<Key> = denied.map(|unread| (unread.address.clone(), unread.path.clone())).collect();
        let is_more = about.iter().any(|key| !before.contains(key));
        // Of what this check left out, nothing new is known.
        about.extend(
            before.into_iter().filter(|(address, path)| check.left_out.iter().any(|(of, under)| of == address && path.starts_with(under))),
        );
        let Some(first) = check.unread.iter().find(|unread| unread.why == DENIED).or(check.unread.first()) else {
            if about.is_empty() {
                self.recovered(Topic::Reads, settings, now);
            }
            return;
        };
        if is_more && self.outages.get(&Topic::Reads).is_some_and(|outage| outage.is_told) {
            self.outages.remove(&Topic::Reads);
        }
        self.out(Topic::Reads, &not_read(first, check.unread.len()), &settings.name, now);
        self.outages.get_mut(&Topic::Reads).into_iter().for_each(|outage| outage.about = std::mem::take(&mut about));
    }

    /// It fails, and is told once it has for long enough.
    pub fn out(&mut self, topic: Topic, trouble: &Trouble, name: &str, now: Timestamp) {
        let (_, what, _) = topic.words();
        self.out_in_words(topic, what, trouble, name, now);
    }

    fn out_in_words(&mut self, topic: Topic, what: &str, trouble: &Trouble, name: &str, now: Timestamp) {
        let fresh = || Outage { trouble: trouble.clone(), since: now, attempts: 0, is_told: false, about: Vec::new(), is_logged: false };
        let outage = self.outages.entry(topic).or_insert_with(fresh);
        // Other troubles have numbers of requests in them; those of a spec change with what is written there.
        let is_other = topic == Topic::Spec && outage.trouble.text != trouble.text;
        outage.trouble = trouble.clone();
        outage.attempts = outage.attempts.saturating_add(1);
        if !outage.is_told && outage.attempts < patience(trouble.kind) {
            return;
        }
        let was_told = std::mem::replace(&mut outage.is_told, true);
        let was_logged = std::mem::replace(&mut outage.is_logged, true);
        let since = outage.since;
        let (kind, ..) = topic.words();
        let text = format!("{what}: {}", trouble.text);
        if !was_told || is_other {
            self.note(now, kind, None, text.clone());
        } else if !was_logged {
            // It was told before this process began, and stands in the history; its log does not have it yet.
            self.fresh.push(Moment { at: now, kind, address: None, text: text.clone() });
        }
        if !was_told {
            self.news(notice(NoticeKind::Failed, &outage_id(name, topic, since), name, now, since, text));
        }
    }

    /// It works, or nothing is left to be done.
    pub fn recovered(&mut self, topic: Topic, settings: &Settings, now: Timestamp) {
        let Some(outage) = self.outages.remove(&topic).filter(|outage| outage.is_told) else { return };
        let (.., text) = topic.words();
        self.note(now, MomentKind::Recovered, None, text);
        let id = outage_id(&settings.name, topic, outage.since);
        self.news(notice(NoticeKind::Recovered, &id, &settings.name, now, outage.since, text.to_owned()));
    }
}

/// Why a part of a check failed, by the first thing that could not be read.
fn not_read(first: &Unread, number: usize) -> Trouble {
    let path = if first.path.0.is_empty() { String::new() } else { format!("{} of ", first.path) };
    let more = if number > 1 { format!(" ({} more)", number - 1) } else { String::new() };
    let (kind, rights) = match first.why.as_str() {
        DENIED => (TroubleKind::Denied, "; `lambdo policy --read-only` prints the rights to read"),
        _ => (TroubleKind::Other, ""),
    };
    Trouble { kind, text: format!("{path}{}: {}{more}{rights}", first.address, first.detail), hints: Vec::new() }
}

/// How many attempts must have failed before it is told: credentials do not mend themselves.
fn patience(kind: TroubleKind) -> u32 {
    match kind {
        TroubleKind::Spec | TroubleKind::Credentials | TroubleKind::Denied | TroubleKind::State | TroubleKind::Refused => 1,
        TroubleKind::Away | TroubleKind::Throttled | TroubleKind::Other => PATIENCE,
        TroubleKind::Locked | TroubleKind::Stopped => u32::MAX,
    }
}

//! What does not work: checks, the spec on disk, audits.

use super::super::board::MomentKind;
use super::super::notice::NoticeKind;
use super::super::watched::{Settings, Trouble, TroubleKind};
use super::Ledger;
use super::news::{notice, outage_id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What may go away by itself is told when so many attempts in a row have failed.
const PATIENCE: u32 = 3;

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Topic {
    Check,
    Spec,
    LogGroups,
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

    /// A check failed. Nothing is known, so that nothing that is open changes.
    pub fn failed(&mut self, trouble: &Trouble, name: &str, now: Timestamp) {
        self.out(Topic::Check, trouble, name, now);
    }

    /// The spec on disk is broken.
    pub fn spec_broken(&mut self, trouble: &Trouble, name: &str, now: Timestamp) {
        self.out(Topic::Spec, trouble, name, now);
    }

    /// The spec on disk is in order.
    pub fn spec_read(&mut self, settings: &Settings, now: Timestamp) {
        self.recovered(Topic::Spec, settings, now);
    }

    /// It fails, and is told once it has for long enough.
    pub(super) fn out(&mut self, topic: Topic, trouble: &Trouble, name: &str, now: Timestamp) {
        let fresh = || Outage { trouble: trouble.clone(), since: now, attempts: 0, is_told: false };
        let outage = self.outages.entry(topic).or_insert_with(fresh);
        outage.trouble = trouble.clone();
        outage.attempts = outage.attempts.saturating_add(1);
        if outage.is_told || outage.attempts < patience(trouble.kind) {
            return;
        }
        outage.is_told = true;
        let since = outage.since;
        let (kind, what) = match topic {
            Topic::Check => (MomentKind::Failed, "Checks fail"),
            Topic::Spec => (MomentKind::SpecBroken, "The spec is broken, and the last good one is used"),
            Topic::LogGroups => (MomentKind::Failed, "Log groups cannot be looked after"),
        };
        let text = format!("{what}: {}", trouble.text);
        self.note(now, kind, None, text.clone());
        self.news(notice(NoticeKind::Failed, &outage_id(name, topic, since), name, now, since, text));
    }

    /// It works.
    pub(super) fn recovered(&mut self, topic: Topic, settings: &Settings, now: Timestamp) {
        let Some(outage) = self.outages.remove(&topic).filter(|outage| outage.is_told) else { return };
        let text = match topic {
            Topic::Check => "Checks work again",
            Topic::Spec => "The spec is in order again",
            Topic::LogGroups => "Log groups can be looked after again",
        };
        self.note(now, MomentKind::Recovered, None, text);
        let id = outage_id(&settings.name, topic, outage.since);
        self.news(notice(NoticeKind::Recovered, &id, &settings.name, now, outage.since, text.to_owned()));
    }
}

/// How many attempts must have failed before it is told: credentials do not mend themselves.
fn patience(kind: TroubleKind) -> u32 {
    match kind {
        TroubleKind::Spec | TroubleKind::Credentials | TroubleKind::Denied | TroubleKind::State | TroubleKind::Refused => 1,
        TroubleKind::Away | TroubleKind::Throttled | TroubleKind::Other => PATIENCE,
        TroubleKind::Locked | TroubleKind::Stopped => u32::MAX,
    }
}

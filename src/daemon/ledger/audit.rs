//! What is new about the account's log groups.

use super::super::audit::{Audited, LogGroups};
use super::super::board::MomentKind;
use super::super::notice::NoticeKind;
use super::super::watched::{Settings, Trouble};
use super::news::{digest, notice};
use super::{Ledger, Topic};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// So many names stand in a line.
const NAMES: usize = 5;

/// What an audit left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditMemory {
    /// What was seen.
    pub seen: LogGroups,
    /// Since when something is wrong without a break.
    since: Timestamp,
    /// The log groups that were told.
    open: BTreeSet<String>,
}

impl Ledger {
    /// Log groups were looked at. Each is told when it is found, and again when nothing is wrong with any.
    pub fn audited(&mut self, audited: &Audited, settings: &Settings, now: Timestamp) {
        self.recovered(Topic::LogGroups, settings, now);
        let before = self.log_groups.take();
        let told = before.as_ref().map(|before| before.open.clone()).unwrap_or_default();
        let open: BTreeSet<String> = audited.open.iter().map(|finding| finding.name.clone()).collect();
        let since = before.filter(|_| !told.is_empty()).map_or(now, |before| before.since);
        let fresh: Vec<&str> = audited.open.iter().map(|finding| finding.name.as_str()).filter(|name| !told.contains(*name)).collect();
        if !fresh.is_empty() {
            let text = format!("{} without a retention, or empty and past it: {}", groups(fresh.len()), listed(&fresh));
            self.tell_groups("found", text, settings, since, now);
        }
        if !audited.mended.is_empty() {
            let names: Vec<&str> = audited.mended.iter().map(String::as_str).collect();
            let text = format!("{} got a retention or was deleted, as the spec says: {}", groups(names.len()), listed(&names));
            self.tell_groups("mended", text, settings, since, now);
        } else if open.is_empty() && !told.is_empty() {
            self.tell_groups("in_order", "all log groups are in order again".to_owned(), settings, since, now);
        }
        if let Some((name, why)) = audited.refused.first() {
            let text = format!("{} not mended, such as `{name}`: {why}", groups(audited.refused.len()));
            self.note(now, MomentKind::LogGroups, None, text);
        }
        self.log_groups = Some(AuditMemory { seen: audited.shown(now), since, open });
    }

    /// The spec does not ask for it any more.
    pub fn audits_no_more(&mut self) {
        self.log_groups = None;
        self.outages.remove(&Topic::LogGroups);
    }

    /// Log groups could not be looked at.
    pub fn audit_failed(&mut self, trouble: &Trouble, name: &str, now: Timestamp) {
        self.out(Topic::LogGroups, trouble, name, now);
    }

    fn tell_groups(&mut self, what: &str, text: String, settings: &Settings, since: Timestamp, now: Timestamp) {
        self.note(now, MomentKind::LogGroups, None, text.clone());
        let id = digest(&[&settings.name, "log_groups", what, &now.to_string()]);
        self.news(notice(NoticeKind::LogGroups, &id, &settings.name, now, since, text));
    }
}

fn groups(count: usize) -> String {
    if count == 1 { "1 log group".to_owned() } else { format!("{count} log groups") }
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMES);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{at, settings};
    use super::*;
    use crate::daemon::{LogGroupFinding, LogGroupProblem, TroubleKind};

    fn audited(names: &[&str]) -> Audited {
        let group = |name: &&str| LogGroupFinding {
            name: (*name).to_owned(),
            problem: LogGroupProblem::NoRetention,
            stored_bytes: 1,
            retention_in_days: None,
        };
        Audited { open: names.iter().map(group).collect(), ..Audited::default() }
    }

    fn texts(ledger: &Ledger) -> Vec<&str> {
        ledger.untold.iter().map(|notice| notice.text.as_str()).collect()
    }

    #[test]
    fn a_log_group_is_told_once_and_so_is_that_all_are_in_order() {
        let (mut ledger, settings, now) = (Ledger::default(), settings(), at("2026-11-22T10:00:00Z"));
        ledger.audited(&audited(&[]), &settings, now);
        assert_eq!(texts(&ledger), Vec::<&str>::new());
        for names in [&["/a"][..], &["/a"], &["/a", "/b"], &["/b"], &[], &[]] {
            ledger.audited(&audited(names), &settings, now);
        }
        let expected = [
            "1 log group without a retention, or empty and past it: `/a`",
            "1 log group without a retention, or empty and past it: `/b`",
            "all log groups are in order again",
        ];
        assert_eq!(texts(&ledger), expected);
        // After a restart it is known what was told.
        ledger.audited(&audited(&["/c"]), &settings, now);
        let mut again: Ledger = serde_json::from_value(serde_json::to_value(&ledger).unwrap()).unwrap();
        again.audited(&audited(&["/c"]), &settings, now);
        assert_eq!(again.untold.len(), 4);
    }

    #[test]
    fn thousands_are_one_line_and_what_was_mended_is_told() {
        let (mut ledger, settings, now) = (Ledger::default(), settings(), at("2026-11-22T10:00:00Z"));
        let names: Vec<String> = (0..2_000).map(|number| format!("/fleet/{number}")).collect();
        ledger.audited(&audited(&names.iter().map(String::as_str).collect::<Vec<_>>()), &settings, now);
        assert!(texts(&ledger)[0].ends_with("`/fleet/4` and 1995 more"), "{:?}", texts(&ledger));
        ledger.audited(&Audited { mended: names, refused: vec![("/x".into(), "denied".into())], ..Audited::default() }, &settings, now);
        assert!(texts(&ledger)[1].starts_with("2000 log groups got a retention"), "{:?}", texts(&ledger));
        assert_eq!((ledger.untold.len(), ledger.timeline[0].text.as_str()), (2, "1 log group not mended, such as `/x`: denied"));
    }

    #[test]
    fn an_audit_that_is_denied_is_told_once() {
        let (mut ledger, settings, now) = (Ledger::default(), settings(), at("2026-11-22T10:00:00Z"));
        let denied = crate::daemon::testing::trouble(TroubleKind::Denied);
        ledger.audit_failed(&denied, "demo", now);
        ledger.audit_failed(&denied, "demo", now);
        ledger.audited(&audited(&[]), &settings, now);
        let kinds: Vec<NoticeKind> = ledger.untold.iter().map(|notice| notice.kind).collect();
        assert_eq!(kinds, [NoticeKind::Failed, NoticeKind::Recovered]);
        // Nobody is told that what nobody asks for any more works again, and it fails no more.
        ledger.audit_failed(&denied, "demo", now);
        assert_eq!(ledger.undone().len(), 1);
        ledger.audits_no_more();
        assert_eq!((ledger.undone().len(), ledger.untold.len()), (0, 3));
    }
}

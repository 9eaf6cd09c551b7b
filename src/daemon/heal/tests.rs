use super::super::ledger::Ledger;
use super::super::testing::{at, finding, settings};
use super::super::watched::{Check, Contest};
use super::super::{FindingKind, Schedule};
use super::*;
use crate::model::Path;
use std::time::Duration;

const NOW: &str = "2026-11-22T10:00:00Z"; // a Sunday

fn open(names: &[&str]) -> Vec<FindingState> {
    let findings = names.iter().map(|name| finding(name, "memory_size", 512)).collect();
    let mut ledger = Ledger::default();
    ledger.checked(&Check { findings, ..Check::default() }, &settings(), at(NOW));
    ledger.findings
}

fn healing() -> Settings {
    Settings { mode: Mode::Heal, ..settings() }
}

fn names(decision: &Decision) -> Vec<String> {
    decision.order.iter().flat_map(|order| order.addresses.iter().map(|address| address.name.clone())).collect()
}

#[test]
fn only_the_mode_heal_heals() {
    for mode in [Mode::Observe, Mode::Propose] {
        assert_eq!(decide(&Settings { mode, ..settings() }, &open(&["a"]), at(NOW)), Decision::default());
    }
    assert_eq!(names(&decide(&healing(), &open(&["a", "b"]), at(NOW))), ["a", "b"]);
    assert_eq!(decide(&healing(), &[], at(NOW)), Decision::default());
}

#[test]
fn what_others_attached_and_what_is_contested_is_left() {
    let mut findings = open(&["a", "b", "c"]);
    findings[0].finding.kind = FindingKind::Foreign;
    findings[1].contested = Some(at(NOW));
    let decision = decide(&healing(), &findings, at(NOW));
    assert_eq!(names(&decision), ["c"]);
    assert_eq!(decision.order.unwrap().leave, [(findings[1].finding.address.clone(), Path::key("memory_size"))]);
    let only_one_path = [FindingState { contested: Some(at(NOW)), ..open(&["a"])[0].clone() }, {
        let mut other = open(&["a"])[0].clone();
        other.finding.path = Path::key("timeout");
        other
    }];
    let order = decide(&healing(), &only_one_path, at(NOW)).order.unwrap();
    assert_eq!((order.addresses.len(), order.leave.len()), (1, 1));
    // Of what is contested as a whole, only what is not there is missed by what needs it.
    let [mut gone, mut other, open] = <[FindingState; 3]>::try_from(open(&["a", "b", "c"])).unwrap();
    (gone.finding.path, gone.finding.kind, gone.contested) = (Path::default(), FindingKind::Missing, Some(at(NOW)));
    (other.finding.path, other.contested) = (Path::default(), Some(at(NOW)));
    let order = decide(&healing(), &[gone.clone(), other, open], at(NOW)).order.unwrap();
    assert_eq!((order.leave.len(), order.missing), (2, [gone.finding.address].into()));
}

#[test]
fn a_run_changes_no_more_than_it_may_and_the_rest_waits() {
    let decision = decide(&Settings { max_changes: 2, ..healing() }, &open(&["a", "b", "c"]), at(NOW));
    assert_eq!(names(&decision), ["a", "b"]);
    assert!(decision.waiting.len() == 1 && decision.waiting[0].1.contains("max_changes"), "{decision:?}");
    let decision = decide(&Settings { max_changes: 0, ..healing() }, &open(&["a"]), at(NOW));
    assert_eq!((decision.order, decision.waiting.len()), (None, 1));
}

#[test]
fn nothing_is_done_during_a_freeze() {
    let holiday = Freeze::Once { from: at("2026-11-20T00:00:00Z"), until: at("2026-11-23T00:00:00Z"), reason: Some("release".into()) };
    let weekend = |lasts: u64| Freeze::Recurring {
        schedule: Schedule::exact("cron(0 17 ? * FRI *)", "UTC").unwrap(),
        lasts: Duration::from_secs(lasts * 3_600),
        reason: None,
    };
    for (freeze, is_frozen) in [(holiday, true), (weekend(63), true), (weekend(12), false)] {
        let settings = Settings { freezes: vec![freeze.clone()], ..healing() };
        let decision = decide(&settings, &open(&["a"]), at(NOW));
        assert_eq!((decision.order.is_none(), decision.waiting.len()), (is_frozen, usize::from(is_frozen)), "{freeze:?}");
    }
    let settings = Settings { freezes: vec![weekend(63)], ..healing() };
    assert_eq!(frozen(&settings, at(NOW)).as_deref(), Some("frozen until 2026-11-23T08:00:00Z"));
    assert_eq!(frozen(&settings, at("2026-11-23T08:00:00Z")), None);
    assert!(frozen(&settings, at("2026-11-20T17:00:00Z")).is_some());
}

#[test]
fn a_contest_needs_at_least_a_revert() {
    let settings = Settings { contest: Contest { reverts: 1, within: Duration::from_secs(60), ..healing().contest }, ..healing() };
    assert_eq!(names(&decide(&settings, &open(&["a"]), at(NOW))), ["a"]);
}

use super::super::testing::{at, finding, settings, trouble};
use super::super::watched::{Resource, Unread};
use super::*;

fn check(findings: &[Finding]) -> Check {
    Check { findings: findings.to_vec(), ..Check::default() }
}

fn kinds(ledger: &Ledger) -> Vec<NoticeKind> {
    ledger.untold.iter().map(|notice| notice.kind).collect()
}

fn minute(minute: i64) -> Timestamp {
    at("2026-11-22T10:00:00Z") + SignedDuration::from_mins(minute)
}

#[test]
fn a_difference_is_told_once_when_it_comes_and_once_when_it_goes() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "memory_size", 512));
    for time in 0..5 {
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(time));
    }
    assert_eq!((kinds(&ledger), ledger.findings[0].since, ledger.findings[0].seen), (vec![NoticeKind::Opened], minute(0), minute(4)));
    for time in 5..9 {
        ledger.checked(&check(&[]), &settings, minute(time));
    }
    assert_eq!((kinds(&ledger), ledger.findings.len()), (vec![NoticeKind::Opened, NoticeKind::Resolved], 0));
    ledger.checked(&check(&[drift]), &settings, minute(9));
    assert_eq!(kinds(&ledger).len(), 3, "another opening is other news");
    assert_ne!(ledger.untold[0].id, ledger.untold[2].id);
}

#[test]
fn another_value_is_history_and_no_news() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    ledger.checked(&check(&[finding("hash", "memory_size", 512)]), &settings, minute(0));
    ledger.checked(&check(&[finding("hash", "memory_size", 1_024)]), &settings, minute(1));
    assert_eq!(kinds(&ledger), [NoticeKind::Opened]);
    assert_eq!(ledger.timeline[0].kind, MomentKind::Changed);
    assert_eq!((ledger.findings[0].since, &ledger.findings[0].finding.live), (minute(0), &Some(1_024.into())));
}

#[test]
fn what_could_not_be_read_stays_open() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "environment.A", 512));
    ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(0));
    let unread =
        Unread { address: drift.address.clone(), path: Path::key("environment"), why: "access_denied".into(), detail: String::new() };
    ledger.checked(&Check { unread: vec![unread], ..Check::default() }, &settings, minute(1));
    ledger.checked(&Check { left_out: vec![(drift.address.clone(), Path::default())], ..Check::default() }, &settings, minute(2));
    ledger.failed(&trouble(TroubleKind::Away), "demo", minute(3));
    assert_eq!((ledger.findings.len(), ledger.findings[0].seen), (1, minute(0)));
    let elsewhere = (Address::new("function", "other"), Path::default());
    ledger.checked(&Check { left_out: vec![elsewhere], ..Check::default() }, &settings, minute(4));
    assert_eq!(
        (ledger.findings.len(), kinds(&ledger)),
        (0, vec![NoticeKind::Opened, NoticeKind::Failed, NoticeKind::Recovered, NoticeKind::Resolved])
    );
}

#[test]
fn what_happens_at_once_can_be_told_apart_by_its_time() {
    let mut ledger = Ledger::default();
    let found: Vec<Finding> = (0..MOMENTS_KEPT + 10).map(|number| finding(&format!("f{number}"), "timeout", 9)).collect();
    ledger.checked(&check(&found), &settings(), minute(0));
    let times: std::collections::BTreeSet<Timestamp> = ledger.timeline.iter().map(|moment| moment.at).collect();
    assert_eq!(times.len(), MOMENTS_KEPT);
    assert!(ledger.timeline.iter().zip(ledger.timeline.iter().skip(1)).all(|(newer, older)| newer.at > older.at));
    ledger.note(minute(1), MomentKind::Started, None, "later");
    assert_eq!(ledger.timeline[0].at, minute(1));
}

fn gone(name: &str) -> Finding {
    Finding { kind: FindingKind::Missing, path: Path::default(), applied: None, live: None, ..finding(name, "x", 1) }
}

#[test]
fn what_was_gone_and_is_there_again_is_resolved_though_not_all_of_it_was_read() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    ledger.checked(&check(&[gone("hash")]), &settings, minute(0));
    let tags = (Address::new("function", "hash"), Path::key("tags"));
    ledger.checked(&Check { left_out: vec![tags], ..Check::default() }, &settings, minute(1));
    assert_eq!((ledger.findings.len(), kinds(&ledger)), (0, vec![NoticeKind::Opened, NoticeKind::Resolved]));
    assert_eq!(ledger.untold[1].text, "function.hash is there again");
}

#[test]
fn what_only_shows_beside_something_unread_stays_open() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    ledger.checked(&check(&[finding("hash", "statement.theirs", 1)]), &settings, minute(0));
    let hidden = vec![(Address::new("function", "hash"), Path::key("statement"))];
    ledger.checked(&Check { hidden, ..check(&[]) }, &settings, minute(1));
    assert_eq!(kinds(&ledger), [NoticeKind::Opened]);
}

#[test]
fn what_differs_ends_with_its_resource() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    ledger.checked(&check(&[finding("hash", "memory_size", 512)]), &settings, minute(0));
    let counted = ledger.checked(&check(&[gone("hash")]), &settings, minute(1));
    // Who was told of it hears that it is over, and in which way.
    assert_eq!((counted.resolved, kinds(&ledger)), (1, vec![NoticeKind::Opened, NoticeKind::Opened, NoticeKind::Resolved]));
}

#[test]
fn what_came_back_and_is_not_taken_back_is_told() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "memory_size", 512));
    let healed = || Healed { changed: 1, done: vec![(drift.address.clone(), drift.path.clone())], ..Healed::default() };
    let look = |ledger: &mut Ledger, found: &[Finding], time| {
        ledger.checked(&check(found), &settings, minute(time));
    };
    look(&mut ledger, std::slice::from_ref(&drift), 0);
    ledger.healed(&healed(), minute(0));
    look(&mut ledger, &[], 1);
    ledger.tell_left(&settings, minute(1));
    let before = kinds(&ledger).len();
    look(&mut ledger, std::slice::from_ref(&drift), 2);
    ledger.healed(&healed(), minute(2));
    ledger.tell_left(&settings, minute(2));
    look(&mut ledger, &[], 3);
    assert_eq!(kinds(&ledger).len(), before, "what is taken back again at once is history");
    look(&mut ledger, std::slice::from_ref(&drift), 4);
    ledger.tell_left(&settings, minute(4));
    ledger.tell_left(&settings, minute(5));
    assert_eq!(kinds(&ledger)[before..], [NoticeKind::Opened]);
}

#[test]
fn the_end_of_a_finding_says_why_it_is_none_any_more() {
    let drift = finding("hash", "memory_size", 512);
    let rule = |until: Option<&str>| IgnoreRule {
        pattern: "function.hash:memory_size".parse().unwrap(),
        reason: "theirs".into(),
        until: until.map(str::to_owned),
    };
    let resource =
        |name: &str| Resource { address: Address::new("function", name), physical_id: name.into(), dependencies: Default::default() };
    for (ignore, resources, expected) in [
        (vec![], vec![resource("hash")], "does not differ from what was applied any more"),
        (vec![rule(None)], vec![resource("hash")], "is left out by `drift.ignore` now"),
        (vec![rule(Some("2026-11-21"))], vec![resource("hash")], "does not differ from what was applied any more"),
        (vec![], vec![resource("other")], "is not in the state any more"),
    ] {
        let (mut ledger, settings) = (Ledger::default(), Settings { ignore, ..settings() });
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(0));
        ledger.checked(&Check { resources, ..check(&[]) }, &settings, minute(1));
        assert_eq!(ledger.untold[1].text, format!("function.hash memory_size {expected}"));
    }
}

#[test]
fn a_state_that_is_lost_is_no_good_news() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    let at = |serial| Check { serial, ..check(&[]) };
    assert_eq!(ledger.lost(&at(0)), None, "it was never deployed");
    ledger.checked(&at(3), &settings, minute(0));
    assert_eq!((ledger.lost(&at(0)).map(|trouble| trouble.kind), ledger.lost(&at(1))), (Some(TroubleKind::State), None));
}

#[test]
fn the_memory_of_a_resource_that_was_made_anew_reads_back() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    ledger.checked(&check(&[gone("hash"), finding("other", "environment.A", 1)]), &settings, minute(0));
    let done = ledger.findings.iter().map(|state| (state.finding.address.clone(), state.finding.path.clone())).collect();
    ledger.healed(&Healed { changed: 2, done, ..Healed::default() }, minute(1));
    let kept: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    assert_eq!((kept.findings, kept.struggles), (ledger.findings, ledger.struggles));
}

#[test]
fn what_stays_open_is_told_again_after_a_while() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "memory_size", 512));
    for hour in 0..50 {
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(hour * 60));
    }
    assert_eq!(kinds(&ledger), [NoticeKind::Opened, NoticeKind::StillOpen, NoticeKind::StillOpen]);
    let ids: std::collections::BTreeSet<_> = ledger.untold.iter().map(|notice| &notice.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn who_fights_is_given_way_to_after_some_reverts_and_that_is_said_once() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "memory_size", 512));
    let healed = Healed { done: vec![(drift.address.clone(), drift.path.clone())], changed: 1, ..Healed::default() };
    for time in 0..20 {
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(time));
        if ledger.findings[0].contested.is_none() {
            ledger.healed(&healed, minute(time));
        }
    }
    let of_kind = |kind| ledger.timeline.iter().filter(|moment| moment.kind == kind).count();
    assert_eq!((of_kind(MomentKind::Healed), of_kind(MomentKind::Contested)), (3, 1));
    assert_eq!(kinds(&ledger), [NoticeKind::Opened, NoticeKind::Contested]);
    assert_eq!(ledger.findings[0].contested, Some(minute(3)));
    // The other one gives in: that is news, and a new fight soon after is none.
    ledger.checked(&check(&[]), &settings, minute(20));
    ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(21));
    assert_eq!(kinds(&ledger), [NoticeKind::Opened, NoticeKind::Contested, NoticeKind::Resolved]);
    assert_eq!(ledger.findings[0].contested, Some(minute(3)));
    // After a quiet hour it is forgotten.
    ledger.checked(&check(&[]), &settings, minute(22));
    ledger.checked(&check(&[]), &settings, minute(90));
    ledger.checked(&check(&[drift]), &settings, minute(91));
    assert_eq!((ledger.findings[0].contested, ledger.untold.back().unwrap().kind), (None, NoticeKind::Opened));
}

#[test]
fn a_fight_with_pauses_is_seen_too() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "memory_size", 512));
    let healed = Healed { done: vec![(drift.address.clone(), drift.path.clone())], changed: 1, ..Healed::default() };
    for round in 0..6 {
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(round * 10));
        if ledger.findings[0].contested.is_none() {
            ledger.healed(&healed, minute(round * 10));
        }
        ledger.checked(&check(&[]), &settings, minute(round * 10 + 1));
    }
    let expected = [NoticeKind::Opened, NoticeKind::Resolved, NoticeKind::Contested, NoticeKind::Resolved];
    assert_eq!(kinds(&ledger), expected);
}

#[test]
fn a_fight_that_only_one_check_a_day_sees_is_seen_too() {
    let (mut ledger, settings, drift) = (Ledger::default(), settings(), finding("hash", "tags.team", 512));
    let healed = Healed { done: vec![(drift.address.clone(), drift.path.clone())], changed: 1, ..Healed::default() };
    let left_out = vec![(drift.address.clone(), Path::key("tags"))];
    for hour in 0..4 * 24 {
        if hour % 24 != 0 {
            ledger.checked(&Check { left_out: left_out.clone(), ..check(&[]) }, &settings, minute(hour * 60));
            continue;
        }
        ledger.checked(&check(std::slice::from_ref(&drift)), &settings, minute(hour * 60));
        if ledger.findings[0].contested.is_none() {
            ledger.healed(&healed, minute(hour * 60));
            ledger.checked(&check(&[]), &settings, minute(hour * 60 + 1));
        }
    }
    assert_eq!(kinds(&ledger), [NoticeKind::Opened, NoticeKind::Resolved, NoticeKind::Contested]);
    assert_eq!(ledger.findings[0].contested, Some(minute(3 * 24 * 60)));
}

#[test]
fn failures_are_told_once_soon_where_they_do_not_mend_themselves() {
    for (kind, attempts) in [(TroubleKind::Credentials, 1), (TroubleKind::Away, 3), (TroubleKind::Locked, 0)] {
        let (mut ledger, settings) = (Ledger::default(), settings());
        let told_after = (1..=10_i64).find(|time| {
            ledger.failed(&trouble(kind), "demo", minute(*time));
            !ledger.untold.is_empty()
        });
        assert_eq!(told_after.unwrap_or(0), attempts, "{kind:?}");
        for time in 11..20 {
            ledger.failed(&trouble(kind), "demo", minute(time));
        }
        ledger.checked(&check(&[]), &settings, minute(21));
        let expected: &[NoticeKind] = if attempts == 0 { &[] } else { &[NoticeKind::Failed, NoticeKind::Recovered] };
        assert_eq!(kinds(&ledger), expected, "{kind:?}");
        assert!(ledger.outage().is_none());
    }
}

#[test]
fn the_memory_is_bounded_and_reads_back_as_it_was() {
    let (mut ledger, settings) = (Ledger::default(), settings());
    for time in 0..5_000 {
        let drift = [finding("hash", "memory_size", 512)];
        ledger.checked(&check(&drift[..usize::from(time % 2 == 0)]), &settings, minute(time));
    }
    assert_eq!((ledger.timeline.len(), ledger.untold.len()), (MOMENTS_KEPT, NEWS_KEPT));
    let back: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    assert_eq!((back.timeline, back.untold, back.last_success), (ledger.timeline, ledger.untold, ledger.last_success));
}

#[test]
fn what_aws_denies_is_told_once_and_again_when_it_is_more() {
    let unread = |name: &str, why: &str| Unread {
        address: Address::new("role", name),
        path: Path::default(),
        why: why.into(),
        detail: "iam:GetRole: no".into(),
    };
    let of = |unread: &[Unread]| Check { unread: unread.to_vec(), ..check(&[]) };
    let (mut ledger, settings) = (Ledger::default(), settings());
    let (a, b) = (unread("a", "access_denied"), unread("b", "access_denied"));
    for time in 0..3 {
        ledger.checked(&of(std::slice::from_ref(&a)), &settings, minute(time));
        // A restart in between tells nothing again.
        ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    }
    assert_eq!(kinds(&ledger), [NoticeKind::Failed]);
    assert!(ledger.untold[0].text.contains("role.a: iam:GetRole: no"), "{}", ledger.untold[0].text);
    for time in 3..6 {
        ledger.checked(&of(&[a.clone(), b.clone(), unread("c", "throttled")]), &settings, minute(time));
    }
    assert_eq!(kinds(&ledger), [NoticeKind::Failed, NoticeKind::Failed]);
    // A check that left it out says nothing about it.
    let left_out = vec![(a.address.clone(), Path::default()), (b.address, Path::default())];
    ledger.checked(&Check { left_out, ..check(&[]) }, &settings, minute(6));
    assert_eq!(kinds(&ledger).len(), 2);
    ledger.checked(&check(&[]), &settings, minute(7));
    assert_eq!(kinds(&ledger), [NoticeKind::Failed, NoticeKind::Failed, NoticeKind::Recovered]);
    // What may go away by itself is waited for.
    let slow = unread("c", "throttled");
    let told_after = (8..20).find(|time| {
        ledger.checked(&of(std::slice::from_ref(&slow)), &settings, minute(*time));
        kinds(&ledger).len() > 3
    });
    assert_eq!(told_after, Some(10));
}

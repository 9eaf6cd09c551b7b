use super::super::testing::{Fake, HOUR, MINUTE, Stage, at, settings, trouble};
use super::super::{Contest, FindingState, Freeze, Notice, NoticeKind, Schedule, Standing, Topic, WallClock};
use super::*;
use crate::model::Mode;
use std::time::Duration;

fn drift(fake: &Fake, live: i64) {
    fake.world(|world| world.live.insert("hash".to_owned(), live));
}

fn mode(fake: &Fake, mode: Mode) {
    fake.world(|world| world.settings = Ok(Settings { mode, ..settings() }));
}

async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_found_within_one_interval_and_told_once_and_so_is_its_end() {
    let stage = Stage::new();
    stage
        .during(async {
            pass(5 * MINUTE).await;
            assert_eq!((stage.view().standing, stage.told.kinds()), (Standing::InOrder, vec![]));
            drift(&stage.fake, 512);
            pass(MINUTE + LOOK).await;
            assert_eq!((stage.view().standing, stage.told.kinds()), (Standing::Drifted, vec![NoticeKind::Opened]));
            pass(10 * MINUTE).await;
            drift(&stage.fake, 128);
            pass(5 * MINUTE).await;
        })
        .await;
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Resolved]);
    let totals = stage.view().totals.clone();
    assert_eq!((totals.opened, totals.resolved, totals.checks_failed), (1, 1, 0));
    assert!((20..=24).contains(&totals.checks_done), "{totals:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_no_history_and_tells_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::default();
    let mut since = None;
    for _ in 0..3 {
        let stage = Stage::within(folder.path().to_owned(), Arc::clone(&told));
        drift(&stage.fake, 512);
        stage.run(10 * MINUTE).await;
        let found: Vec<FindingState> = stage.view().findings.clone();
        assert_eq!(*since.get_or_insert(found[0].since), found[0].since);
    }
    assert_eq!(told.kinds(), [NoticeKind::Opened]);
    // Both files of the memory are garbled: it goes on, and says so.
    for file in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::write(file.unwrap().path(), "garbled").unwrap();
    }
    let stage = Stage::within(folder.path().to_owned(), told);
    stage.run(2 * MINUTE).await;
    assert!(stage.view().timeline.iter().any(|moment| moment.text.contains("could not be read")));
    assert_eq!(stage.view().standing, Standing::InOrder);
}

#[tokio::test(start_paused = true)]
async fn news_that_waits_is_told_by_the_name_that_the_spec_has_now() {
    let folder = tempfile::tempdir().unwrap();
    let (kind, now) = (NoticeKind::Opened, at("2026-11-22T09:00:00Z"));
    let waits = Notice { id: "1".into(), kind, at: now, spec: "demo-2".into(), finding: None, since: now, text: "drift".into() };
    let mut ledger = Ledger::default();
    ledger.untold.push_back(waits);
    Shelf::new(folder.path().join("demo.json")).save(&ledger).unwrap();
    let stage = Stage::within(folder.path().to_owned(), Arc::default());
    stage.run(MINUTE / 2).await;
    let told: Vec<String> = stage.told.0.lock().unwrap().iter().map(|notice| notice.spec.clone()).collect();
    assert_eq!(told, ["demo"]);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let stage = Stage::within(file, Arc::default());
    drift(&stage.fake, 512);
    stage.run(5 * MINUTE).await;
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened]);
    assert!(stage.view().history_trouble.is_some());
}

#[tokio::test(start_paused = true)]
async fn aws_that_is_away_for_an_hour_is_asked_seldom_and_is_no_drift() {
    let stage = Stage::new();
    drift(&stage.fake, 512);
    stage
        .during(async {
            pass(3 * MINUTE).await;
            stage.fake.world(|world| world.trouble = Some(trouble(TroubleKind::Away)));
            let before = stage.fake.world(|world| world.checks);
            pass(HOUR).await;
            let asked = stage.fake.world(|world| world.checks) - before;
            assert!((6..=12).contains(&asked), "{asked}");
            assert_eq!((stage.view().standing, stage.view().findings.len()), (Standing::Failing, 1));
            stage.fake.world(|world| world.trouble = None);
            pass(13 * MINUTE).await;
        })
        .await;
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Failed, NoticeKind::Recovered]);
    assert_eq!((stage.view().standing, stage.view().trouble.clone()), (Standing::Drifted, None));
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_told_at_once_and_are_no_drift() {
    let stage = Stage::new();
    stage.fake.world(|world| world.trouble = Some(trouble(TroubleKind::Credentials)));
    stage.run(10 * MINUTE).await;
    assert_eq!((stage.told.kinds(), stage.view().findings.len()), (vec![NoticeKind::Failed], 0));
    assert!(stage.fake.world(|world| world.checks) <= 5);
}

#[tokio::test(start_paused = true)]
async fn a_broken_spec_keeps_the_last_good_one_running_and_says_so() {
    let stage = Stage::new();
    stage
        .during(async {
            pass(3 * MINUTE).await;
            let good = stage.fake.world(|world| {
                world.stamp += 1;
                std::mem::replace(&mut world.settings, Err(trouble(TroubleKind::Spec)))
            });
            // It is noticed without waiting for the schedule.
            pass(3 * LOOK).await;
            assert!(stage.view().spec_trouble.is_some());
            assert_eq!(stage.view().standing, Standing::Broken);
            drift(&stage.fake, 512);
            pass(2 * MINUTE).await;
            assert_eq!(stage.view().standing, Standing::Drifted);
            stage.fake.world(|world| {
                world.stamp += 1;
                world.settings = good;
            });
            pass(3 * LOOK).await;
            assert!(stage.view().spec_trouble.is_none());
        })
        .await;
    assert_eq!(stage.told.kinds(), [NoticeKind::Failed, NoticeKind::Opened, NoticeKind::Recovered]);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_broken_from_the_start_is_read_as_soon_as_it_is_mended() {
    let stage = Stage::new();
    stage.fake.world(|world| world.settings = Err(trouble(TroubleKind::Spec)));
    stage
        .during(async {
            pass(MINUTE).await;
            assert_eq!((stage.view().standing, stage.fake.world(|world| world.checks)), (Standing::Failing, 0));
            assert!(stage.daemon.control.is_ready());
            stage.fake.world(|world| {
                world.stamp += 1;
                world.settings = Ok(settings());
            });
            pass(4 * LOOK).await;
            assert_eq!(stage.view().standing, Standing::InOrder);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn healing_takes_drift_back_and_leaves_pending_wishes_alone() {
    let stage = Stage::new();
    mode(&stage.fake, Mode::Heal);
    stage.fake.world(|world| world.pending = 1);
    drift(&stage.fake, 512);
    stage.run(5 * MINUTE).await;
    assert_eq!(stage.fake.world(|world| (world.heals, world.deploys, world.live["hash"])), (1, 0, 128));
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Resolved]);
    assert_eq!((stage.view().standing, stage.view().totals.healed), (Standing::Pending, 1));
}

#[tokio::test(start_paused = true)]
async fn wishes_are_applied_where_the_spec_says_so_and_not_during_a_freeze() {
    let until = super::super::testing::at("2026-11-22T11:00:00Z");
    let stage = Stage::new();
    let freezes = vec![Freeze::Once { from: super::super::testing::at("2026-11-22T09:00:00Z"), until, reason: None }];
    stage.fake.world(|world| {
        world.settings = Ok(Settings { mode: Mode::Heal, apply: true, freezes, ..settings() });
        world.pending = 1;
    });
    drift(&stage.fake, 512);
    stage
        .during(async {
            pass(30 * MINUTE).await;
            assert_eq!(stage.fake.world(|world| (world.heals, world.deploys)), (0, 0));
            assert!(stage.view().frozen.as_ref().unwrap().contains("2026-11-22T11:00:00Z"));
            pass(35 * MINUTE).await;
            assert_eq!(stage.fake.world(|world| (world.heals, world.deploys)), (1, 1));
        })
        .await;
    let not_healed = stage.moments().into_iter().filter(|kind| *kind == MomentKind::NotHealed).count();
    assert_eq!(not_healed, 1, "the same reason is written down once");
}

#[tokio::test(start_paused = true)]
async fn who_fights_is_given_way_to_and_that_is_told_once() {
    let stage = Stage::new();
    mode(&stage.fake, Mode::Heal);
    drift(&stage.fake, 512);
    stage.fake.world(|world| world.opponent = Some(512));
    stage.run(3 * HOUR).await;
    let Contest { reverts, .. } = settings().contest;
    assert_eq!(stage.fake.world(|world| world.heals), reverts);
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Contested]);
    assert_eq!(stage.view().standing, Standing::Contested);
}

#[tokio::test(start_paused = true)]
async fn a_plan_waits_until_a_person_applies_it() {
    let stage = Stage::new();
    mode(&stage.fake, Mode::Propose);
    drift(&stage.fake, 512);
    stage
        .during(async {
            pass(5 * MINUTE).await;
            let control = &stage.daemon.control;
            let id = stage.view().proposal.clone().unwrap().id;
            assert_eq!(control.approve("demo", "another"), Err(super::super::Refused::NotWaiting));
            assert_eq!(stage.fake.world(|world| world.live["hash"]), 512);
            assert_eq!(control.approve("demo", &id), Ok(()));
            pass(2 * LOOK + Duration::from_secs(5)).await;
            assert_eq!(stage.fake.world(|world| world.applied.clone()), std::slice::from_ref(&id));
            assert_eq!(control.approve("demo", &id), Err(super::super::Refused::NotWaiting));
            assert_eq!((stage.view().standing, stage.view().proposal.clone()), (Standing::InOrder, None));
        })
        .await;
    let proposed = stage.moments().into_iter().filter(|kind| *kind == MomentKind::Proposed).count();
    assert_eq!(proposed, 1, "the same plan is proposed once");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_followed_at_once_and_many_are_one() {
    let stage = Stage::new();
    stage.fake.world(|world| world.settings = Ok(Settings { schedule: Schedule::exact("rate(1 day)", "UTC").unwrap(), ..settings() }));
    stage
        .during(async {
            pass(MINUTE).await;
            let before = stage.fake.world(|world| world.checks);
            for _ in 0..100 {
                stage.daemon.control.check("demo").unwrap();
            }
            pass(3 * LOOK).await;
            let after = stage.fake.world(|world| world.checks);
            assert!((1..=2).contains(&(after - before)), "{}", after - before);
            for _ in 0..60 {
                stage.daemon.control.check("demo").unwrap();
                pass(Duration::from_secs(1)).await;
            }
            let after = stage.fake.world(|world| world.checks) - after;
            assert!(after <= 31, "{after}");
        })
        .await;
    assert_eq!(stage.view().last_check.as_ref().unwrap().depth, Depth::Deep);
}

#[tokio::test(start_paused = true)]
async fn a_day_over_a_hundred_functions_leaves_nothing_behind() {
    let stage = Stage::new();
    stage.fake.world(|world| world.live = (0..100).map(|number| (format!("f{number}"), 128)).collect());
    stage
        .during(async {
            for hour in 0..24 {
                stage.fake.world(|world| {
                    let at = format!("f{}", hour * 4);
                    world.live.insert(at, 512);
                });
                pass(30 * MINUTE).await;
                stage.fake.world(|world| world.live.values_mut().for_each(|live| *live = 128));
                pass(30 * MINUTE).await;
            }
        })
        .await;
    let checks = stage.fake.world(|world| world.checks);
    assert!((1_438..=1_442).contains(&checks), "{checks}");
    let view = stage.view();
    assert_eq!((view.findings.len(), stage.told.kinds().len()), (0, 48));
    assert!(view.timeline.len() <= 49);
}

/// A clock that is so many seconds ahead.
struct Jumping(super::super::testing::SimulatedTime, std::sync::atomic::AtomicI64);

impl Jumping {
    fn ahead(seconds: i64) -> Arc<Self> {
        Arc::new(Self(super::super::testing::SimulatedTime::new(), seconds.into()))
    }

    fn jump(&self, ahead: i64) {
        self.1.store(ahead, std::sync::atomic::Ordering::Relaxed);
    }
}

impl WallClock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now() + SignedDuration::from_secs(self.1.load(std::sync::atomic::Ordering::Relaxed))
    }
}

const DAY_S: i64 = 24 * 3_600;

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_makes_one_check_and_not_many() {
    let clock = Jumping::ahead(0);
    let mut stage = Stage::new();
    stage.daemon.clock = Arc::clone(&clock) as _;
    stage
        .during(async {
            pass(MINUTE).await;
            let before = stage.fake.world(|world| world.checks);
            clock.jump(8 * 3_600);
            pass(2 * LOOK).await;
            assert_eq!(stage.fake.world(|world| world.checks), before + 1);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_put_back_by_a_day_silences_nothing() {
    let clock = Jumping::ahead(DAY_S);
    let mut stage = Stage::new();
    stage.daemon.clock = Arc::clone(&clock) as _;
    let audits = Some(Schedule::exact("rate(1 hour)", "UTC").unwrap());
    stage.fake.world(|world| world.settings = Ok(Settings { log_groups: audits, ..settings() }));
    stage
        .during(async {
            pass(5 * MINUTE + MINUTE / 2).await;
            let (checks, audits) = stage.fake.world(|world| (world.checks, world.audits));
            clock.jump(0);
            drift(&stage.fake, 512);
            pass(2 * LOOK).await;
            let view = stage.view();
            assert_eq!((view.standing, stage.fake.world(|world| world.checks)), (Standing::Drifted, checks + 1));
            assert_eq!((view.last_check.as_ref().unwrap().depth, stage.fake.world(|world| world.audits)), (Depth::Deep, audits + 1));
            assert!(view.next_check.unwrap() <= clock.now() + MINUTE && view.last_success.unwrap() <= clock.now());
            // From then on all is as usual.
            pass(10 * MINUTE).await;
            let now = stage.fake.world(|world| world.checks);
            assert!((checks + 10..=checks + 12).contains(&now), "{now} after {checks}");
            assert_eq!(stage.view().last_check.as_ref().unwrap().depth, Depth::Usual);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_right_after_a_clock_was_put_back_is_answered_and_so_is_who_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Jumping::ahead(DAY_S);
    let mut stage = Stage::within(folder.path().to_owned(), Arc::default());
    stage.daemon.clock = Arc::clone(&clock) as _;
    stage
        .during(async {
            pass(MINUTE / 2).await;
            let checks = stage.fake.world(|world| world.checks);
            clock.jump(0);
            stage.daemon.control.check_all(WakeUp::Request);
            pass(2 * LOOK).await;
            assert!(stage.fake.world(|world| world.checks) > checks);
            // What fails from now on is seen to be long ago.
            clock.jump(DAY_S);
            pass(2 * MINUTE).await;
            stage.fake.world(|world| world.trouble = Some(trouble(TroubleKind::Away)));
            clock.jump(0);
            pass(HOUR).await;
            assert!(stage.view().last_success.unwrap() <= clock.now() - HOUR + MINUTE, "{:?}", stage.view().last_success);
            stage.fake.world(|world| world.trouble = None);
            clock.jump(DAY_S);
            pass(HOUR).await;
        })
        .await;
    // The memory says that all was done tomorrow.
    let stage = Stage::within(folder.path().to_owned(), Arc::default());
    stage.run(MINUTE / 2).await;
    let view = stage.view();
    assert_eq!((view.last_check.as_ref().unwrap().depth, view.totals.checks_done), (Depth::Deep, 1));
}

#[tokio::test(start_paused = true)]
async fn log_groups_are_looked_at_when_they_are_due_and_mended_outside_of_freezes() {
    let stage = Stage::new();
    let daily = Some(Schedule::exact("rate(1 day)", "UTC").unwrap());
    let freeze = Freeze::Once { from: at("2026-11-22T00:00:00Z"), until: at("2026-11-23T12:00:00Z"), reason: None };
    stage.fake.world(|world| {
        (world.endless, world.fixes) = (vec!["/a".into(), "/b".into()], true);
        let schedule = Schedule::exact("rate(1 hour)", "UTC").unwrap();
        world.settings = Ok(Settings { schedule, log_groups: daily, freezes: vec![freeze], ..settings() });
    });
    stage
        .during(async {
            pass(HOUR).await;
            assert_eq!(stage.view().log_groups.as_ref().map(|seen| seen.open), Some(2));
            assert_eq!((stage.told.kinds(), stage.view().totals.log_groups_mended), (vec![NoticeKind::LogGroups], 0));
            pass(3 * 24 * HOUR).await;
        })
        .await;
    assert_eq!((stage.fake.world(|world| world.audits), stage.view().totals.log_groups_mended), (4, 2));
    assert_eq!(stage.told.kinds(), [NoticeKind::LogGroups; 2]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_checks_ask_is_counted_too() {
    let stage = Stage::new();
    stage.fake.world(|world| world.trouble = Some(trouble(TroubleKind::Credentials)));
    stage.run(10 * MINUTE).await;
    let (view, checks) = (stage.view(), stage.fake.world(|world| world.checks));
    assert!(checks > 1 && view.calls.total == u64::try_from(checks).unwrap(), "{:?} {checks}", view.calls);
    assert_eq!(view.totals.durations.counts.iter().sum::<u64>(), view.totals.checks_failed);
}

#[tokio::test(start_paused = true)]
async fn a_healing_that_fails_is_told_once_also_over_a_restart_and_so_is_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::<super::super::testing::Told>::default();
    let denied = Trouble { text: "AWS denies it".into(), ..trouble(TroubleKind::Denied) };
    for _ in 0..2 {
        let stage = Stage::within(folder.path().to_owned(), Arc::clone(&told));
        mode(&stage.fake, Mode::Heal);
        drift(&stage.fake, 512);
        stage.fake.world(|world| world.stuck = Some(denied.clone()));
        stage.run(10 * MINUTE).await;
        assert_eq!(stage.moments().iter().filter(|kind| **kind == MomentKind::NotHealed).count(), 1, "one line for one trouble");
        let undone = stage.view().undone.clone();
        assert_eq!((undone.len(), undone[0].work, undone[0].trouble.text.as_str()), (1, Topic::Heal, "AWS denies it"));
        assert!(undone[0].attempts > 5, "{undone:?}");
    }
    assert_eq!(told.kinds(), [NoticeKind::Opened, NoticeKind::Failed]);
    let stage = Stage::within(folder.path().to_owned(), Arc::clone(&told));
    mode(&stage.fake, Mode::Heal);
    drift(&stage.fake, 512);
    stage.run(MINUTE).await;
    assert_eq!(told.kinds(), [NoticeKind::Opened, NoticeKind::Failed, NoticeKind::Recovered, NoticeKind::Resolved]);
    assert_eq!(stage.view().undone, []);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_as_it_is_says_why_until_it_is_its_turn() {
    let stage = Stage::new();
    let freeze = Freeze::Once { from: at("2026-11-22T09:00:00Z"), until: at("2026-11-22T10:05:00Z"), reason: Some("a release".into()) };
    stage.fake.world(|world| {
        world.settings = Ok(Settings { mode: Mode::Heal, freezes: vec![freeze], ..settings() });
        world.stuck = Some(trouble(TroubleKind::Locked));
    });
    drift(&stage.fake, 512);
    stage
        .during(async {
            pass(2 * MINUTE).await;
            let left = stage.view().findings[0].left.clone();
            assert!(left.as_ref().is_some_and(|left| left.contains("a release")), "{left:?}");
            pass(5 * MINUTE).await;
            // The freeze is over; somebody else has the lock, which is shown and is no news.
            assert_eq!((stage.view().findings[0].left.clone(), stage.view().undone.len()), (None, 1));
            stage.fake.world(|world| world.stuck = None);
            pass(2 * MINUTE).await;
            assert_eq!(stage.view().undone, []);
        })
        .await;
    assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Resolved]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_waits_is_told_once_and_a_second_click_is_answered() {
    let stage = Stage::new();
    mode(&stage.fake, Mode::Propose);
    drift(&stage.fake, 512);
    stage.fake.world(|world| world.takes = MINUTE / 2);
    stage
        .during(async {
            pass(4 * MINUTE).await;
            assert_eq!(stage.told.kinds(), [NoticeKind::Opened, NoticeKind::Proposed]);
            let (control, id) = (&stage.daemon.control, stage.view().proposal.clone().unwrap().id);
            assert_eq!(control.approve("demo", &id), Ok(()));
            assert_eq!(control.approve("demo", &id), Err(super::super::Refused::Applying), "it waits for its turn");
            while stage.view().activity.as_deref() != Some("applying") {
                pass(Duration::from_secs(1)).await;
            }
            assert_eq!(control.approve("demo", &id), Err(super::super::Refused::Applying), "it is being applied");
            pass(2 * MINUTE).await;
            assert_eq!(control.approve("demo", &id), Err(super::super::Refused::NotWaiting));
            assert_eq!(stage.fake.world(|world| world.applied.len()), 1);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_broken_from_the_beginning_is_looked_at_as_far_as_its_first_keys_go() {
    for first_keys in [None, Some(settings())] {
        let stage = Stage::new();
        stage.fake.world(|world| {
            world.settings = Err(trouble(TroubleKind::Spec));
            world.first_keys.clone_from(&first_keys);
        });
        drift(&stage.fake, 512);
        stage.run(3 * MINUTE).await;
        let (standing, seen) = (stage.view().standing, stage.view().findings.len());
        let then = stage.view().timeline.iter().find(|moment| moment.kind == MomentKind::SpecBroken).unwrap().text.clone();
        match first_keys {
            None => assert_eq!((standing, seen, then.contains("nothing is checked")), (Standing::Failing, 0, true), "{then}"),
            Some(_) => assert_eq!((standing, seen, then.contains("only drift is looked for")), (Standing::Drifted, 1, true), "{then}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_broken_spec_is_healed_by_is_said() {
    let stage = Stage::new();
    stage.fake.world(|world| {
        world.settings = Err(trouble(TroubleKind::Spec));
        world.first_keys = Some(Settings { mode: Mode::Heal, ..settings() });
    });
    stage.run(3 * MINUTE).await;
    let then = stage.view().timeline.iter().find(|moment| moment.kind == MomentKind::SpecBroken).unwrap().text.clone();
    assert!(then.contains("drift is looked for and taken back"), "{then}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_is_over_is_said_and_no_check_is_promised() {
    let stage = Stage::new();
    let over = Schedule::exact("cron(0 0 * * ? 2020)", "UTC").unwrap();
    stage.fake.world(|world| world.settings = Ok(Settings { schedule: over.clone(), deep_schedule: over, ..settings() }));
    stage.run(3 * MINUTE).await;
    let view = stage.view();
    assert_eq!((view.next_check, view.totals.checks_done), (None, 1));
    assert_eq!(view.warnings, ["no check is due any more: `drift.schedule` names only times that have passed"]);
}

#[test]
fn healing_that_can_hardly_give_in_is_said() {
    let doubts = |minutes: u64, rate: &str, mode| {
        let contest = Contest { within: Duration::from_secs(minutes * 60), ..settings().contest };
        let settings = Settings { contest, mode, schedule: Schedule::exact(rate, "UTC").unwrap(), ..settings() };
        super::doubts(&settings, crate::daemon::testing::at("2026-11-22T10:00:00Z")).len()
    };
    assert_eq!(doubts(60, "rate(1 hour)", Mode::Heal), 1);
    assert_eq!(
        doubts(60, "rate(1 hour)", Mode::Observe) + doubts(180, "rate(1 hour)", Mode::Heal) + doubts(60, "rate(5 minutes)", Mode::Heal),
        0
    );
}

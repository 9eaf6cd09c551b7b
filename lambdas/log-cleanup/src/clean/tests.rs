use std::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const NOW_MS: i64 = 1_800_000_000_000;

/// Log groups in memory, on tokio's paused clock.
#[derive(Default)]
struct Fake {
    pages: Vec<Vec<Group>>,
    /// Calls that fail, by what they are (`delete /a`, `page 1`).
    failing: BTreeMap<String, &'static str>,
    gone: Vec<String>,
    latency: Duration,
    /// What was called, and when.
    calls: RefCell<Vec<(String, Instant)>>,
}

impl Fake {
    async fn call(&self, call: String) -> Result<(), String> {
        self.calls.borrow_mut().push((call.clone(), Instant::now()));
        tokio::time::sleep(self.latency).await;
        self.failing.get(&call).map_or(Ok(()), |error| Err((*error).into()))
    }

    async fn change(&self, call: String, name: &str) -> Result<Change, String> {
        self.call(call).await?;
        Ok(if self.gone.iter().any(|gone| gone == name) { Change::Gone } else { Change::Done })
    }

    fn called(&self, what: &str) -> Vec<String> {
        self.calls.borrow().iter().filter(|(call, _)| call.starts_with(what)).map(|(call, _)| call.clone()).collect()
    }

    /// The most calls of a sort within any one second.
    fn most_per_second(&self, what: &str) -> usize {
        let times: Vec<Instant> = self.calls.borrow().iter().filter(|(call, _)| call.starts_with(what)).map(|&(_, at)| at).collect();
        let within = |&from: &Instant| times.iter().filter(|&&at| at >= from && at < from + Duration::from_secs(1)).count();
        times.iter().map(within).max().unwrap_or(0)
    }
}

impl LogGroups for Fake {
    async fn page(&self, token: Option<String>) -> Result<Page, String> {
        let index: usize = token.map_or(0, |token| token.parse().unwrap());
        self.call(format!("page {index}")).await?;
        let next_token = (index + 1 < self.pages.len()).then(|| (index + 1).to_string());
        Ok(Page { groups: self.pages[index].clone(), next_token })
    }

    async fn set_retention(&self, name: &str, days: i32) -> Result<Change, String> {
        self.change(format!("set {name} {days}"), name).await
    }

    async fn delete(&self, name: &str) -> Result<Change, String> {
        self.change(format!("delete {name}"), name).await
    }
}

fn group(name: &str, retention_days: Option<i32>, stored_bytes: i64) -> Group {
    let (created_ms, stored_bytes) = (Some(NOW_MS - 100 * DAY_MS), Some(stored_bytes));
    Group { name: name.into(), created_ms, retention_days, stored_bytes, retention_is_settable: true, ..Group::default() }
}

fn pages(count: usize, retention_days: Option<i32>) -> Vec<Vec<Group>> {
    let groups: Vec<Group> = (0..count).map(|index| group(&format!("/g{index}"), retention_days, 0)).collect();
    groups.chunks(50).map(<[Group]>::to_vec).collect()
}

async fn run(fake: &Fake, remaining: Duration, dry_run: bool) -> Report {
    let rules = Rules::new(NOW_MS as u64, "/own", "/named");
    clean(fake, &rules, &Budget::new(Instant::now(), remaining), dry_run).await
}

const A_MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn groups_of_all_pages_are_looked_at_and_each_gets_what_it_needs() {
    let pages = vec![
        vec![group("/forever", None, 5), group("/old", Some(30), 0), group("/full", Some(30), 5)],
        vec![],
        vec![group("/young", Some(365), 0), group("/own", Some(30), 0), group("/named/a", Some(30), 0), group("/old2", Some(1), 0)],
    ];
    let fake = Fake { pages, ..Fake::default() };
    let answer = run(&fake, A_MINUTE, false).await.answer().unwrap();
    assert_eq!(fake.called("page"), ["page 0", "page 1", "page 2"]);
    assert_eq!(fake.called("set"), ["set /forever 365"]);
    assert_eq!(fake.called("delete"), ["delete /old", "delete /old2"]);
    assert_eq!((answer.groups, answer.retention_set, answer.deleted, answer.kept, answer.more_left), (7, 1, 2, 4, false));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing_and_counts_what_it_would_change() {
    let fake = Fake { pages: vec![vec![group("/forever", None, 5), group("/old", Some(30), 0)]], ..Fake::default() };
    let report = run(&fake, A_MINUTE, true).await;
    assert!(report.sentence().starts_with("dry run, nothing changed: 2 log groups"));
    let answer = report.answer().unwrap();
    assert_eq!((answer.retention_set, answer.deleted, answer.dry_run), (1, 1, true));
    assert_eq!(fake.calls.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_groups_are_no_error() {
    let answer = run(&Fake { pages: vec![vec![]], ..Fake::default() }, A_MINUTE, false).await.answer().unwrap();
    assert_eq!((answer.groups, answer.more_left), (0, false));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fails_stops_no_other_and_makes_the_run_an_error() {
    let failing = BTreeMap::from([("delete /g3".into(), "ValidationException: protected")]);
    let fake = Fake { pages: pages(120, Some(30)), failing, ..Fake::default() };
    let error = run(&fake, A_MINUTE, false).await.answer().unwrap_err();
    assert_eq!(fake.called("delete").len(), 120);
    assert!(error.error_message.starts_with("/g3: ValidationException: protected (120 log groups"), "{error:?}");
    assert!(error.error_message.contains("119 deleted"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_leaves_the_groups_before_it_to_be_cleaned() {
    let failing = BTreeMap::from([("page 1".into(), "AccessDeniedException: no")]);
    let fake = Fake { pages: pages(120, None), failing, ..Fake::default() };
    let error = run(&fake, A_MINUTE, false).await.answer().unwrap_err();
    assert_eq!(fake.called("set").len(), 50);
    assert!(error.error_message.contains("could not be listed: AccessDeniedException: no"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_somebody_else_deleted_is_no_failure() {
    let fake = Fake { pages: pages(3, Some(30)), gone: vec!["/g1".into()], ..Fake::default() };
    let answer = run(&fake, A_MINUTE, false).await.answer().unwrap();
    assert_eq!((answer.deleted, answer.already_gone, answer.failed), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_calls_than_aws_allows() {
    let mut pages = pages(1_000, None);
    pages.extend(self::pages(1_000, Some(30)));
    let fake = Fake { pages, ..Fake::default() };
    let answer = run(&fake, Duration::from_secs(900), false).await.answer().unwrap();
    assert_eq!((answer.retention_set, answer.deleted, answer.more_left), (1_000, 1_000, false));
    assert_eq!((fake.most_per_second("page"), fake.most_per_second("set"), fake.most_per_second("delete")), (8, 4, 8));
}

#[tokio::test(start_paused = true)]
async fn slow_calls_are_not_made_up_for_by_a_burst() {
    let fake = Fake { pages: pages(40, None), latency: Duration::from_millis(400), ..Fake::default() };
    run(&fake, A_MINUTE, false).await.answer().unwrap();
    assert!(fake.most_per_second("set") <= 3, "{}", fake.most_per_second("set"));
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_before_its_deadline_and_says_that_more_is_left() {
    for (seconds, latency_ms) in [(3, 0), (10, 20), (60, 50), (60, 30_000), (0, 0)] {
        let fake = Fake { pages: pages(2_000, None), latency: Duration::from_millis(latency_ms), ..Fake::default() };
        let (begun, remaining) = (Instant::now(), Duration::from_secs(seconds));
        let answer = run(&fake, remaining, false).await.answer().unwrap();
        assert!(begun.elapsed() <= remaining, "{seconds} s: {:?}", begun.elapsed());
        assert!(answer.more_left, "{seconds} s");
        assert_eq!(answer.retention_set + answer.left, answer.groups, "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn listing_takes_at_most_half_of_the_time() {
    let fake = Fake { pages: pages(100_000, None), ..Fake::default() };
    let answer = run(&fake, A_MINUTE, false).await.answer().unwrap();
    assert_eq!((answer.groups, answer.retention_set, answer.more_left), (11_000, 110, true));
}

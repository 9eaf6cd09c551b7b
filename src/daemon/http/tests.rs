use super::page::testing::{body, pages};
use super::*;
use crate::daemon::testing::{Stage, at, finding, trouble};
use crate::daemon::{Board, Finding, FindingState, Moment, MomentKind, Proposal, Resource, Standing, TroubleKind, Unread, View};
use crate::model::Address;

const HOSTILE: &str = "</code></pre>\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;";

fn site(stage: &Stage) -> Arc<Site> {
    Arc::new(Site::new(&stage.daemon, Gate::new(None, Vec::new()).unwrap()))
}

fn board(stage: &Stage) -> &Board {
    &stage.daemon.control.board
}

fn open(finding: Finding) -> FindingState {
    let since = at("2026-11-22T10:00:00Z");
    FindingState {
        finding,
        id: "1".into(),
        since,
        seen: since,
        healed: None,
        left: Some(HOSTILE.into()),
        is_told: true,
        contested: Some(since),
        reminded: None,
    }
}

/// A spec in which others could write into every text, and did.
fn hostile(view: &mut View) {
    let address = Address::with_part("function", HOSTILE, HOSTILE);
    let mut bad = trouble(TroubleKind::Other);
    (bad.text, bad.hints) = (HOSTILE.into(), vec![HOSTILE.into()]);
    for text in [&mut view.project, &mut view.config, &mut view.account, &mut view.region, &mut view.schedule] {
        *text = HOSTILE.to_owned();
    }
    let (work, since) = (crate::daemon::Topic::Heal, at("2026-11-22T10:00:00Z"));
    view.undone = vec![crate::daemon::Undone { work, trouble: bad.clone(), since, attempts: 1 }];
    (view.standing, view.trouble, view.spec_trouble) = (Standing::Contested, Some(bad.clone()), Some(bad));
    (view.frozen, view.history_trouble, view.activity) = (Some(HOSTILE.into()), Some(HOSTILE.into()), Some(HOSTILE.into()));
    let mut values = finding("hash", "memory_size", 512);
    (values.address, values.applied, values.live, values.who) =
        (address.clone(), Some(HOSTILE.into()), Some(serde_json::json!({ HOSTILE: [HOSTILE] })), Some(HOSTILE.into()));
    let mut words = values.clone();
    (words.path, words.text) = (crate::model::Path::key(HOSTILE), Some(HOSTILE.into()));
    view.findings = [values, words].map(open).into();
    view.unread =
        vec![Unread { address: address.clone(), path: crate::model::Path::key(HOSTILE), why: HOSTILE.into(), detail: HOSTILE.into() }];
    view.resources =
        vec![Resource { address: address.clone(), physical_id: HOSTILE.into(), dependencies: [Address::new("role", HOSTILE)].into() }];
    view.proposal = Some(Proposal {
        id: HOSTILE.into(),
        at: at("2026-11-22T10:00:00Z"),
        file: HOSTILE.into(),
        command: HOSTILE.into(),
        counts: Vec::new(),
        text: HOSTILE.into(),
    });
    view.timeline = vec![Moment { at: at("2026-11-22T10:00:00Z"), kind: MomentKind::Opened, address: Some(address), text: HOSTILE.into() }];
    view.calls.operations.insert(HOSTILE.into(), crate::daemon::CallCount::default());
}

#[tokio::test(start_paused = true)]
async fn whatever_others_wrote_is_text() {
    let stage = Stage::new();
    board(&stage).update(HOSTILE, hostile);
    for page in pages(&site(&stage), HOSTILE).await {
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("<b>") && !page.contains("=\"</code>"), "{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_declared_is_told_with_its_value_and_no_check_is_promised_that_never_comes() {
    let stage = Stage::new();
    let mut stray = finding("hash", "tags.owner", 0);
    (stray.kind, stray.applied, stray.live, stray.text) =
        (crate::daemon::FindingKind::Undeclared, None, Some("bob".into()), Some("A tag".into()));
    assert_eq!(stray.line(), "tags.owner: (unset) -> \"bob\" (A tag)");
    board(&stage).update("demo", |view| {
        view.findings = vec![open(stray)];
        let depth = crate::daemon::Depth::Deep;
        view.last_check = Some(crate::daemon::Attempt { at: at("2026-11-22T10:00:00Z"), elapsed_ms: 1, depth, is_success: true, calls: 1 });
    });
    let pages = pages(&site(&stage), "demo").await;
    assert!(pages[1].contains("A tag") && pages[1].contains("usual") && pages[1].contains("bob"), "{}", pages[1]);
    assert!(pages[0].contains("no check is due any more") && pages[1].contains("no check is due any more"), "{}", pages[0]);
}

#[tokio::test(start_paused = true)]
async fn every_standing_has_a_word_and_a_sign() {
    let stage = Stage::new();
    let all = [
        Standing::Starting,
        Standing::InOrder,
        Standing::Pending,
        Standing::Unread,
        Standing::Broken,
        Standing::Drifted,
        Standing::Contested,
        Standing::Failing,
    ];
    for (index, standing) in all.into_iter().enumerate() {
        board(&stage).update(&format!("spec{index}"), |view| view.standing = standing);
    }
    let overview = pages(&site(&stage), "spec0").await.remove(0);
    assert_eq!(overview.matches("class=\"badge").count(), all.len());
    assert_eq!(overview.matches("class=\"sign\" aria-hidden=\"true\"").count(), all.len());
    let places: Vec<Option<usize>> = [6, 5, 4, 3, 2, 0, 1].iter().map(|index| overview.find(&format!(">spec{index}<"))).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "what needs a person comes first: {places:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_spec_that_was_never_looked_at_says_so() {
    let stage = Stage::new();
    board(&stage).update("demo", |_| {});
    let page = pages(&site(&stage), "demo").await.remove(1);
    for words in ["Not checked yet", "Nothing is known yet.", "Nothing is deployed.", "Nothing happened yet."] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_streams_and_no_more() {
    let stage = Stage::new();
    let site = site(&stage);
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        streams.push(page::testing::stream(&site).await.unwrap());
    }
    assert_eq!(page::testing::stream(&site).await.unwrap_err().status, 503);
    streams.pop();
    assert!(page::testing::stream(&site).await.is_ok(), "who goes leaves room");
    site.stop.cancel();
    assert_eq!(body(streams.remove(0)).await, "", "they end with the daemon");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_without_data() {
    let stage = Stage::new();
    let site = site(&stage);
    let stream = page::testing::stream(&site).await.unwrap();
    let told = tokio::spawn(body(stream));
    tokio::task::yield_now().await;
    board(&stage).update("demo", |_| {});
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    site.stop.cancel();
    assert_eq!(told.await.unwrap(), "event: changed\ndata: demo\n\n");
}

use super::testing::{at, notice};
use super::*;
use crate::daemon::{Listener as _, NoticeKind};
use crate::model::notify::OCCASIONS;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A post that answers as it is told and keeps what it was given.
#[derive(Default)]
struct Recorder {
    told: Mutex<Vec<String>>,
    /// So many deliveries fail before one arrives.
    fails: AtomicUsize,
    /// How long a delivery takes, in seconds.
    slow_s: u64,
}

#[async_trait]
impl Post for Recorder {
    async fn secret(&self, _: &SecretSource) -> Result<String, Refusal> {
        Err(Refusal::for_now("no secret here"))
    }

    async fn publish(&self, topic_arn: &str, _: &str, messages: &serde_json::Value) -> Result<(), Refusal> {
        tokio::time::sleep(Duration::from_secs(self.slow_s)).await;
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(Refusal::for_now("away"));
        }
        let document: serde_json::Value = serde_json::from_str(messages["default"].as_str().unwrap()).unwrap();
        locked(&self.told).push(format!("{topic_arn}: {} lost {}", document["title"].as_str().unwrap(), document["lost"]));
        Ok(())
    }

    async fn put_event(&self, _: &str, _: &str, _: &str) -> Result<(), Refusal> {
        Err(Refusal::for_ever("no bus"))
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from("/")
    }
}

fn topic(name: &str) -> Notify {
    let on = OCCASIONS.iter().map(|one| (*one).to_owned()).collect();
    Notify { channel: Channel::Sns(name.to_owned()), on }
}

/// A clock that goes with tokio's.
fn clock() -> Clock {
    let started = tokio::time::Instant::now();
    Arc::new(move || at() + started.elapsed())
}

fn started(folder: &std::path::Path, channels: &[Notify], post: &Arc<Recorder>) -> Notifier {
    let (notifier, problem) = begun(folder, channels, post);
    assert_eq!(problem, None);
    notifier
}

fn begun(folder: &std::path::Path, channels: &[Notify], post: &Arc<Recorder>) -> (Notifier, Option<String>) {
    let post: Arc<dyn Post> = Arc::clone(post) as _;
    Notifier::start(channels, Shelf::new(folder.join("outbox.json")), post, clock(), Arc::new(|_, _| {}))
}

const LONG: Duration = Duration::from_secs(2 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn news_arrives_once_however_often_it_is_handed_over_and_whoever_restarts() {
    let (folder, post) = (tempfile::tempdir().unwrap(), Arc::<Recorder>::default());
    let news = [notice(NoticeKind::Opened, "a"), notice(NoticeKind::Resolved, "b")];
    let notifier = started(folder.path(), &[topic("t")], &post);
    notifier.take(&news).await.unwrap();
    notifier.take(&news).await.unwrap();
    notifier.settle(LONG).await;
    notifier.stop(LONG).await;
    let again = started(folder.path(), &[topic("t")], &post);
    again.take(&news).await.unwrap();
    again.settle(LONG).await;
    assert_eq!(*locked(&post.told), ["t: demo: 1 drifted, 1 resolved lost 0"]);
    assert!(again.health()[0].error.is_none() && again.health()[0].waiting == 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_before_a_kill_is_sent_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let away = Arc::new(Recorder { fails: 1_000.into(), ..Recorder::default() });
    let notifier = started(folder.path(), &[topic("t")], &away);
    notifier.take(&[notice(NoticeKind::Opened, "a")]).await.unwrap();
    notifier.settle(LONG).await;
    assert_eq!(notifier.health()[0].error.as_deref(), Some("away"));
    drop(notifier);
    let back = Arc::<Recorder>::default();
    let notifier = started(folder.path(), &[topic("t")], &back);
    tokio::time::sleep(LONG).await;
    notifier.stop(LONG).await;
    assert_eq!(locked(&back.told).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_for_an_hour_gets_everything_in_order() {
    let (folder, post) = (tempfile::tempdir().unwrap(), Arc::new(Recorder { fails: 10.into(), ..Recorder::default() }));
    let notifier = started(folder.path(), &[topic("t")], &post);
    for text in ["a", "b", "c"] {
        notifier.take(&[notice(NoticeKind::Opened, text)]).await.unwrap();
    }
    tokio::time::sleep(LONG).await;
    assert_eq!(locked(&post.told).len(), 3);
    let health = notifier.health();
    assert!(health[0].error.is_none() && health[0].arrived_at.is_some(), "{health:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Arc::new(Recorder { slow_s: 1_000, ..Recorder::default() });
    let notifier = started(folder.path(), &[topic("t")], &slow);
    let begun = tokio::time::Instant::now();
    for number in 0..20 {
        notifier.take(&[notice(NoticeKind::Opened, &number.to_string())]).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(notifier.health()[0].error.as_deref(), Some("no answer within 60 s"));
}

#[tokio::test]
async fn news_that_cannot_be_kept_is_told_once_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let post = Arc::<Recorder>::default();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let (notifier, problem) = begun(&folder.path().join("file"), &[topic("t")], &post);
    assert!(problem.is_some_and(|problem| problem.contains("outbox.json")));
    assert!(notifier.take(&[notice(NoticeKind::Opened, "a")]).await.is_err());
    notifier.settle(LONG).await;
    assert!(notifier.take(&[notice(NoticeKind::Opened, "a")]).await.is_ok(), "it was taken, as far as this process knows");
    notifier.settle(LONG).await;
    assert_eq!(locked(&post.told).len(), 1);
}

#[tokio::test]
async fn a_program_gets_the_document_and_its_failure_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let folder = folder.path().to_owned();
        async move { command::run(&words, &folder, "{\"a\":1}").await }
    };
    run(&["sh", "-c", "cat > got.json"]).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("got.json")).unwrap(), "{\"a\":1}\n");
    let refusal = run(&["sh", "-c", "echo first >&2; echo no such pager >&2; exit 3"]).await.unwrap_err();
    assert_eq!(refusal, Refusal::for_now("`sh` ended with exit status: 3: no such pager"));
    assert!(run(&["./nobody"]).await.unwrap_err().text.starts_with("`./nobody` could not be run"));
}

#[test]
fn channels_have_names_of_their_own_without_secrets() {
    let webhook = |url| Notify { channel: Channel::Webhook { url, format: Default::default(), secret: None }, ..topic("") };
    let all = [
        webhook(Url::Plain("https://hooks.slack.com/services/T/B/secret".into())),
        webhook(Url::Plain("https://hooks.slack.com/services/T/B/other".into())),
        webhook(Url::Secret(SecretSource::Env("HOOK".into()))),
        topic("arn:aws:sns:eu-central-1:123456789012:alarms"),
        Notify { channel: Channel::Command(vec!["./page.sh".into(), "--key=x".into()]), ..topic("") },
    ];
    let names: Vec<String> = named(&all).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "webhook hooks.slack.com",
            "webhook hooks.slack.com (2)",
            "webhook of environment variable `HOOK`",
            "sns alarms",
            "command ./page.sh"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn each_spec_tells_its_own_people_and_an_edit_of_the_channels_loses_nothing() {
    let (folder, post) = (tempfile::tempdir().unwrap(), Arc::new(Recorder { fails: 1.into(), ..Recorder::default() }));
    let switchboard = Switchboard::default();
    let start = |channels: &[Notify]| started(folder.path(), channels, &post);
    switchboard.set("demo", LONG, || start(&[topic("t")])).await;
    let other = Notice { spec: "other".into(), ..notice(NoticeKind::Opened, "b") };
    crate::daemon::Listener::take(&switchboard, &[notice(NoticeKind::Opened, "a"), other]).await.unwrap();
    switchboard.set("demo", LONG, || start(&[topic("t"), topic("u")])).await;
    tokio::time::sleep(LONG).await;
    switchboard.finish(LONG).await;
    assert_eq!(*locked(&post.told), ["t: demo: 1 drifted lost 0"]);
    assert_eq!((switchboard.health("demo").len(), switchboard.health("other").len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_test_tells_of_each_channel_as_it_answers() {
    let post = Recorder { slow_s: 30, ..Recorder::default() };
    let bus = Notify { channel: Channel::EventBus("default".into()), ..topic("") };
    let mut told = Vec::new();
    let begun = tokio::time::Instant::now();
    let results =
        test(&[topic("slow"), bus], "demo", &post, at(), |(channel, _)| told.push((channel.clone(), begun.elapsed().as_secs()))).await;
    assert_eq!(told, [("event_bus default".to_owned(), 0), ("sns slow".to_owned(), 30)]);
    let order: Vec<&str> = results.iter().map(|(channel, _)| channel.as_str()).collect();
    assert_eq!(order, ["sns slow", "event_bus default"], "the answer is in the order of the spec");
}

#[test]
fn what_a_receiver_echoes_has_no_secret_in_it() {
    let url = "https://hooks.example.com/services/T0123456/B0123456/abcdefghijklmnop?key=qrstuvwxyz";
    for said in [
        "no hook at /services/T0123456/B0123456/abcdefghijklmnop",
        "abcdefghijklmnop is unknown",
        "bad key qrstuvwxyz",
        "not hunter22hunter22",
    ] {
        let refusal = without_secrets(Refusal::for_ever(format!("HTTP 404: {said}")), url, Some("hunter22hunter22"));
        assert!(refusal.text.starts_with("HTTP 404: ") && refusal.text.contains("(secret)"), "{}", refusal.text);
        for secret in ["abcdefghijklmnop", "qrstuvwxyz", "hunter22", "T0123456/B0123456"] {
            assert!(!refusal.text.contains(secret), "{}", refusal.text);
        }
    }
}

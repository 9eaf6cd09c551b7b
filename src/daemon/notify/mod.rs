//! Telling people: messages wait in an outbox beside the states and are delivered by one task per channel, so that no
//! receiver keeps a check or another receiver waiting.

mod command;
mod message;
mod outbox;
mod switchboard;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod webhook;

pub use message::Message;
pub use outbox::Outcome;
pub use switchboard::Switchboard;

use super::Notice;
use crate::model::notify::{Channel, Notify, Url};
use crate::model::{Scrubber, SecretSource};
use crate::store::Shelf;
use async_trait::async_trait;
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use outbox::{Letter, Outbox};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify as Bell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// It is looked at the clock at least so often: a machine that slept has missed nothing.
const LOOK: Duration = Duration::from_secs(30);
/// The largest document, in bytes: SNS and EventBridge take 256 KiB with all that belongs to it.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const DOCUMENT_BYTES_MAX: usize = 60 << 10;
/// So much is kept of what a receiver says, in characters.
const ANSWER_MAX: usize = 300;
/// A part of a webhook's address with fewer characters is not kept from being told.
const SECRET_PART_MIN: usize = 8;
/// What events of EventBridge are called.
const DETAIL_TYPE: &str = "lambdo notification";

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Learns of each attempt: over which channel, and why it failed, if it did.
pub type Report = Arc<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words, without secrets.
    pub text: String,
    /// What it means for the message.
    pub outcome: Outcome,
}

impl Refusal {
    /// It may arrive later.
    pub fn for_now(text: impl Into<String>) -> Self {
        Self { text: text.into(), outcome: Outcome::Failed(None) }
    }

    /// It will never be taken.
    pub fn for_ever(text: impl Into<String>) -> Self {
        Self { text: text.into(), outcome: Outcome::Refused }
    }
}

/// What a notifier needs of AWS and of the machine.
#[async_trait]
pub trait Post: Send + Sync {
    /// The value of a secret.
    ///
    /// # Errors
    /// Why it cannot be had, without the value.
    async fn secret(&self, source: &SecretSource) -> Result<String, Refusal>;

    /// Publishes to a topic of SNS: a subject for mails, and a message for each sort of receiver, `default` first.
    ///
    /// # Errors
    /// What AWS refused.
    async fn publish(&self, topic_arn: &str, subject: &str, messages: &serde_json::Value) -> Result<(), Refusal>;

    /// Puts an event on a bus of EventBridge.
    ///
    /// # Errors
    /// What AWS refused.
    async fn put_event(&self, bus: &str, detail_type: &str, detail: &str) -> Result<(), Refusal>;

    /// The folder in which commands run.
    fn folder(&self) -> PathBuf;
}

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The channel, without secrets.
    pub channel: String,
    /// How many messages wait.
    pub waiting: usize,
    /// When a message last arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived_at: Option<Timestamp>,
    /// Why the last attempt failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Tells people about one spec.
pub struct Notifier {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    channels: Vec<(String, Notify)>,
    bells: Vec<Bell>,
    shelf: Shelf,
    outbox: Mutex<Outbox>,
    /// Held from a copy of the outbox up to its being saved.
    saving: tokio::sync::Mutex<()>,
    healths: Mutex<BTreeMap<String, Health>>,
    moved: Bell,
    post: Arc<dyn Post>,
    clock: Clock,
    report: Report,
    stop: CancellationToken,
}

impl Notifier {
    /// Goes on with what waits on `shelf`, and says what is wrong with what lies there, if something is.
    pub fn start(channels: &[Notify], shelf: Shelf, post: Arc<dyn Post>, clock: Clock, report: Report) -> (Self, Option<String>) {
        let kept = shelf.load::<Outbox>();
        let channels = named(channels);
        let mut outbox = kept.document.unwrap_or_default();
        outbox.keep(&channels.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        let inner = Arc::new(Inner {
            bells: channels.iter().map(|_| Bell::new()).collect(),
            channels,
            shelf,
            outbox: Mutex::new(outbox),
            saving: tokio::sync::Mutex::default(),
            healths: Mutex::default(),
            moved: Bell::new(),
            post,
            clock,
            report,
            stop: CancellationToken::new(),
        });
        let deliver = |at| {
            let inner = Arc::clone(&inner);
            tokio::spawn(async move { inner.deliver(at).await })
        };
        let tasks = (0..inner.channels.len()).map(deliver).collect();
        (Self { inner, tasks: Mutex::new(tasks) }, kept.problem)
    }

    /// Takes news. On return it survives a crash; nothing was sent yet.
    ///
    /// # Errors
    /// When it cannot be kept, such as on a full disk. It is told all the same, and after a restart again.
    pub async fn take(&self, notices: &[Notice]) -> Result<(), String> {
        let inner = &self.inner;
        let _turn = inner.saving.lock().await;
        let mut outbox = locked(&inner.outbox).clone();
        if !outbox.take(notices, &inner.channels, (inner.clock)()) {
            return Ok(());
        }
        let saved = inner.save(&outbox).await;
        *locked(&inner.outbox) = outbox;
        inner.bells.iter().for_each(Bell::notify_one);
        saved
    }

    /// How each channel does.
    pub fn health(&self) -> Vec<Health> {
        let (outbox, healths) = (locked(&self.inner.outbox), locked(&self.inner.healths));
        let health = |(name, _): &(String, Notify)| {
            let known = healths.get(name).cloned().unwrap_or_default();
            Health { channel: name.clone(), waiting: outbox.waiting(name), ..known }
        };
        self.inner.channels.iter().map(health).collect()
    }

    /// Waits until every message was tried at least once, but not longer than that.
    pub async fn settle(&self, at_most: Duration) {
        let untried = || {
            let outbox = locked(&self.inner.outbox);
            self.inner.channels.iter().any(|(name, _)| outbox.first(name).is_some_and(|letter| letter.attempts == 0))
        };
        let settled = async {
            while untried() {
                // What was missed in between is seen a moment later.
                let _ = tokio::time::timeout(Duration::from_millis(100), self.inner.moved.notified()).await;
            }
        };
        // What was not tried by then waits on the shelf.
        let _ = tokio::time::timeout(at_most, settled).await;
    }

    /// Ends the deliveries. What is being sent is finished, as long as that takes no longer than `at_most`.
    pub async fn stop(&self, at_most: Duration) {
        self.inner.stop.cancel();
        let tasks = std::mem::take(&mut *locked(&self.tasks));
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        if tokio::time::timeout(at_most, join_all(tasks)).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

impl Inner {
    /// Delivers to one channel, one message after the other.
    async fn deliver(&self, at: usize) {
        let ((name, notify), bell) = (&self.channels[at], &self.bells[at]);
        while !self.stop.is_cancelled() {
            let letter = locked(&self.outbox).first(name);
            let now = (self.clock)();
            match letter {
                Some(letter) if letter.is_due(now) => self.send(name, notify, &letter).await,
                letter => {
                    let rest = letter.map_or(LOOK, |letter| letter.due.duration_since(now).unsigned_abs().min(LOOK));
                    tokio::select! {
                        () = tokio::time::sleep(rest) => {}
                        () = bell.notified() => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn send(&self, name: &str, notify: &Notify, letter: &Letter) {
        let carried = tokio::time::timeout(PATIENCE, carry(&notify.channel, &letter.message, self.post.as_ref())).await;
        let carried = carried.unwrap_or_else(|_| Err(Refusal::for_now(format!("no answer within {} s", PATIENCE.as_secs()))));
        let now = (self.clock)();
        let outcome = carried.as_ref().map_or_else(|refusal| refusal.outcome.clone(), |()| Outcome::Arrived);
        let _turn = self.saving.lock().await;
        let outbox = {
            let mut outbox = locked(&self.outbox);
            outbox.tried(letter, &outcome, now, chance());
            outbox.clone()
        };
        let saved = self.save(&outbox).await;
        (self.report)(name, carried.as_ref().err().map(|refusal| refusal.text.as_str()));
        let mut healths = locked(&self.healths);
        let health = healths.entry(name.to_owned()).or_default();
        match carried {
            Ok(()) => (health.arrived_at, health.error) = (Some(now), saved.err()),
            Err(refusal) => health.error = Some(refusal.text),
        }
        drop(healths);
        self.moved.notify_waiters();
    }

    async fn save(&self, outbox: &Outbox) -> Result<(), String> {
        let (shelf, outbox) = (self.shelf.clone(), outbox.clone());
        let saved = tokio::task::spawn_blocking(move || shelf.save(&outbox)).await;
        saved.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

/// What came of a test, by the channel.
pub type Tested = (String, Result<(), Refusal>);

/// The channels as they are told of, in the order of the spec.
pub fn names(channels: &[Notify]) -> Vec<String> {
    named(channels).into_iter().map(|(name, _)| name).collect()
}

/// Sends each channel a message that shows that it works, all at once. `told` gets what came back as it comes, the answer has all of
/// it in the order of the channels.
pub async fn test(channels: &[Notify], spec: &str, post: &dyn Post, at: Timestamp, mut told: impl FnMut(&Tested)) -> Vec<Tested> {
    let id = format!("test-{}", at.as_second());
    let message = Message::test(id, spec, at);
    let send = |(place, (name, notify)): (usize, (String, Notify))| {
        let message = &message;
        async move {
            let late = |_| Err(Refusal::for_now(format!("no answer within {} s", PATIENCE.as_secs())));
            let sent = tokio::time::timeout(PATIENCE, carry(&notify.channel, message, post)).await;
            (place, (name, sent.unwrap_or_else(late)))
        }
    };
    let mut sending: FuturesUnordered<_> = named(channels).into_iter().enumerate().map(send).collect();
    let mut results = BTreeMap::new();
    while let Some((place, tested)) = sending.next().await {
        told(&tested);
        results.insert(place, tested);
    }
    results.into_values().collect()
}

async fn carry(channel: &Channel, message: &Message, post: &dyn Post) -> Result<(), Refusal> {
    match channel {
        Channel::Webhook { url, format, secret } => {
            let url = match url {
                Url::Plain(url) => url.clone(),
                Url::Secret(source) => post.secret(source).await?,
            };
            let secret = match secret {
                Some(source) => Some(post.secret(source).await?),
                None => None,
            };
            let sent = webhook::send(&url, *format, secret.as_deref(), message).await;
            sent.map_err(|refusal| without_secrets(refusal, &url, secret.as_deref()))
        }
        Channel::Sns(topic) => {
            let document = message.document_within(DOCUMENT_BYTES_MAX);
            let messages = json!({ "default": document, "email": message.text(), "sms": message.subject() });
            post.publish(topic, &message.subject(), &messages).await
        }
        Channel::EventBus(bus) => post.put_event(bus, DETAIL_TYPE, &message.document_within(DOCUMENT_BYTES_MAX)).await,
        Channel::Command(words) => command::run(words, &post.folder(), &message.document_within(DOCUMENT_BYTES_MAX)).await,
    }
}

/// A refusal without what a receiver has echoed of the address and the secret: whoever knows that of a chat can write there.
fn without_secrets(refusal: Refusal, url: &str, secret: Option<&str>) -> Refusal {
    let scrubber = Scrubber::default();
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    // A short part is no secret, and stands in many words.
    let parts = path.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= SECRET_PART_MIN);
    [url, rest, path]
        .into_iter()
        .filter(|text| text.len() >= SECRET_PART_MIN)
        .chain(parts)
        .chain(secret)
        .for_each(|text| scrubber.learn(text));
    Refusal { text: scrubber.clean(&refusal.text).into_owned(), ..refusal }
}

/// The channels by names of their own, in which no secret stands.
fn named(channels: &[Notify]) -> Vec<(String, Notify)> {
    let mut all: Vec<(String, Notify)> = Vec::new();
    for notify in channels {
        let label = label(&notify.channel);
        let numbered = |number: usize| if number == 1 { label.clone() } else { format!("{label} ({number})") };
        let number = (1..).find(|number| all.iter().all(|(name, _)| *name != numbered(*number))).unwrap_or(1);
        all.push((numbered(number), notify.clone()));
    }
    all
}

fn label(channel: &Channel) -> String {
    let last = |text: &str| text.rsplit([':', '/']).next().unwrap_or(text).to_owned();
    match channel {
        Channel::Webhook { url: Url::Plain(url), .. } => format!("webhook {}", url.split(['/', '?', '#']).nth(2).unwrap_or_default()),
        Channel::Webhook { url: Url::Secret(source), .. } => format!("webhook of {source}"),
        Channel::Sns(topic) => format!("sns {}", last(topic)),
        Channel::EventBus(bus) => format!("event_bus {}", last(bus)),
        Channel::Command(words) => format!("command {}", words.first().map(String::as_str).unwrap_or_default()),
    }
}

/// What a receiver said, short, on one line.
fn answer(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(ANSWER_MAX).collect();
    line.trim().to_owned()
}

/// A number between 0 and 1; which one does not matter.
fn chance() -> f64 {
    let mut byte = [0_u8; 1];
    // Without randomness channels go in step, which is no harm.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

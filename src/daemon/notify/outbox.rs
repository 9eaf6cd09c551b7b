//! What is still to be told, and what was: kept beside the states, so that a restart neither loses nor repeats anything.

use super::message::{Message, occasion};
use crate::daemon::Notice;
use crate::model::notify::Notify;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// So many pieces of news are remembered as taken: a check that hands them over again comes soon.
const TAKEN_MAX: usize = 20_000;
/// So many messages wait for a channel; the oldest go when there are more.
const WAITING_MAX: usize = 100;
/// So many pieces of news stand in a message.
const NEWS_MAX: usize = 200;
/// The first pause after a failed attempt; each one is twice as long.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);
/// After this time a message is no news any more.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// So often a message is sent that the receiver does not want.
const REFUSED_MAX: u32 = 3;

/// What is still to be told, and what was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// The ids of news that were taken, the oldest first.
    taken: VecDeque<String>,
    waiting: Vec<Letter>,
    /// How many messages a channel has lost since the last one that arrived.
    lost: BTreeMap<String, u64>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The channel.
    pub to: String,
    /// What is told.
    pub message: Message,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Timestamp,
}

impl Letter {
    /// Whether it is tried now. One that is due later than any pause was put off by a clock that has been put back since.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due <= now || self.due > now + PAUSE_MAX
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has arrived.
    Arrived,
    /// It may arrive later; the receiver may have said when.
    Failed(Option<Duration>),
    /// The receiver does not want it.
    Refused,
}

impl Outbox {
    /// Takes news for these channels; those that were taken before are not taken again. Says whether there were any.
    pub fn take(&mut self, notices: &[Notice], channels: &[(String, Notify)], now: Timestamp) -> bool {
        let taken: BTreeSet<&str> = self.taken.iter().map(String::as_str).collect();
        let news: Vec<Notice> = notices.iter().filter(|notice| !taken.contains(notice.id.as_str())).cloned().collect();
        for (to, notify) in channels {
            let wanted: Vec<Notice> = news.iter().filter(|notice| notify.on.contains(occasion(notice.kind))).cloned().collect();
            self.put(to, wanted, now);
        }
        self.taken.extend(news.iter().map(|notice| notice.id.clone()));
        while self.taken.len() > TAKEN_MAX {
            self.taken.pop_front();
        }
        !news.is_empty()
    }

    fn put(&mut self, to: &str, mut notices: Vec<Notice>, now: Timestamp) {
        let Some(first) = notices.first() else { return };
        let (spec, left_out) = (first.spec.clone(), notices.len().saturating_sub(NEWS_MAX));
        let id = letter_id(to, &notices);
        notices.truncate(NEWS_MAX);
        let message = Message { id, spec, notices, left_out, lost: 0, at: now, is_test: false };
        self.waiting.push(Letter { to: to.to_owned(), message, attempts: 0, due: now });
        if self.waiting.iter().filter(|letter| letter.to == to).count() > WAITING_MAX
            && let Some(oldest) = self.waiting.iter().position(|letter| letter.to == to)
        {
            self.waiting.remove(oldest);
            *self.lost.entry(to.to_owned()).or_default() += 1;
        }
    }

    /// The first message that waits for a channel: they arrive in their order.
    pub fn first(&self, to: &str) -> Option<Letter> {
        let mut letter = self.waiting.iter().find(|letter| letter.to == to).cloned()?;
        letter.message.lost = self.lost.get(to).copied().unwrap_or_default();
        Some(letter)
    }

    /// How many messages wait for a channel.
    pub fn waiting(&self, to: &str) -> usize {
        self.waiting.iter().filter(|letter| letter.to == to).count()
    }

    /// Learns what came of an attempt with a message. `chance` is between 0 and 1 and keeps channels from going in step.
    pub fn tried(&mut self, letter: &Letter, outcome: &Outcome, now: Timestamp, chance: f64) {
        let is_it = |one: &Letter| one.to == letter.to && one.message.id == letter.message.id;
        let Some(at) = self.waiting.iter().position(is_it) else { return };
        let attempts = self.waiting[at].attempts.saturating_add(1);
        // One from the future is not old: the clock was put back.
        let is_old = Duration::try_from(now.duration_since(letter.message.at)).is_ok_and(|age| age > LIFE);
        match outcome {
            Outcome::Arrived => {
                self.waiting.remove(at);
                self.lost.remove(&letter.to);
            }
            Outcome::Refused if attempts >= REFUSED_MAX => self.lose(at),
            Outcome::Failed(_) if is_old => self.lose(at),
            Outcome::Refused => self.put_off(at, attempts, pause(attempts, chance), now),
            Outcome::Failed(asked) => {
                let asked = asked.unwrap_or_default().min(PAUSE_MAX);
                self.put_off(at, attempts, pause(attempts, chance).max(asked), now);
            }
        }
    }

    fn put_off(&mut self, at: usize, attempts: u32, pause: Duration, now: Timestamp) {
        self.waiting[at].attempts = attempts;
        self.waiting[at].due = now + pause;
    }

    fn lose(&mut self, at: usize) {
        let letter = self.waiting.remove(at);
        *self.lost.entry(letter.to).or_default() += 1;
    }

    /// Forgets what waits for channels that are not there any more.
    pub fn keep(&mut self, channels: &[String]) {
        self.waiting.retain(|letter| channels.contains(&letter.to));
        self.lost.retain(|to, _| channels.contains(to));
    }
}

/// Names a message by what is in it, so that the same news over the same channel is the same message.
fn letter_id(to: &str, notices: &[Notice]) -> String {
    let mut hash = Sha256::new_with_prefix(to);
    notices.iter().for_each(|notice| hash.update([notice.id.as_bytes(), b"\n"].concat()));
    format!("{:x}", hash.finalize())[..24].to_owned()
}

fn pause(attempts: u32, chance: f64) -> Duration {
    let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(PAUSE_MAX);
    doubled.mul_f64(0.75 + chance.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, notice};
    use super::*;
    use crate::daemon::NoticeKind;
    use crate::model::notify::{Channel, OCCASIONS};

    fn channel(name: &str, on: &[&str]) -> (String, Notify) {
        let on = on.iter().map(|one| (*one).to_owned()).collect();
        (name.to_owned(), Notify { channel: Channel::Sns(name.to_owned()), on })
    }

    #[test]
    fn news_is_taken_once_also_after_a_restart() {
        let channels = [channel("all", OCCASIONS), channel("few", &["failed"])];
        let mut outbox = Outbox::default();
        assert!(outbox.take(&[notice(NoticeKind::Opened, "a"), notice(NoticeKind::Failed, "b")], &channels, at()));
        let mut outbox: Outbox = serde_json::from_str(&serde_json::to_string(&outbox).unwrap()).unwrap();
        assert!(!outbox.take(&[notice(NoticeKind::Opened, "a")], &channels, at()));
        assert_eq!((outbox.waiting("all"), outbox.waiting("few")), (1, 1));
        let letters = [outbox.first("all").unwrap(), outbox.first("few").unwrap()];
        assert_eq!(letters.each_ref().map(|letter| letter.message.notices.len()), [2, 1]);
        outbox.tried(&letters[0], &Outcome::Arrived, at(), 0.5);
        assert_eq!((outbox.waiting("all"), outbox.waiting("few")), (0, 1));
    }

    #[test]
    fn what_does_not_arrive_waits_longer_and_longer_and_is_counted_when_it_is_given_up() {
        let channels = [channel("c", OCCASIONS)];
        let mut outbox = Outbox::default();
        outbox.take(&[notice(NoticeKind::Opened, "a")], &channels, at());
        let mut pauses = Vec::new();
        let mut now = at();
        for _ in 0..10 {
            let letter = outbox.first("c").unwrap();
            outbox.tried(&letter, &Outcome::Failed(None), now, 1.0);
            let due = outbox.first("c").unwrap().due;
            pauses.push(due.duration_since(now).as_secs());
            now = due;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        let letter = outbox.first("c").unwrap();
        outbox.tried(&letter, &Outcome::Failed(Some(Duration::from_secs(1_000_000))), now, 1.0);
        assert_eq!(outbox.first("c").unwrap().due, now + PAUSE_MAX);
        outbox.tried(&letter, &Outcome::Failed(None), at() + LIFE + PAUSE, 1.0);
        outbox.take(&[notice(NoticeKind::Opened, "b")], &channels, now);
        assert_eq!(outbox.first("c").unwrap().message.lost, 1);
    }

    #[test]
    fn what_a_clock_put_off_that_was_ahead_is_due_and_not_lost() {
        let channels = [channel("c", OCCASIONS)];
        let mut outbox = Outbox::default();
        let ahead = at() + Duration::from_secs(3 * 24 * 60 * 60);
        outbox.take(&[notice(NoticeKind::Opened, "a")], &channels, ahead);
        outbox.tried(&outbox.first("c").unwrap(), &Outcome::Failed(None), ahead, 1.0);
        assert!(!outbox.first("c").unwrap().is_due(ahead));
        let letter = outbox.first("c").unwrap();
        assert!(letter.is_due(at()));
        outbox.tried(&letter, &Outcome::Failed(None), at(), 1.0);
        let letter = outbox.first("c").unwrap();
        assert!(!letter.is_due(at()) && letter.is_due(at() + Duration::from_secs(11)));
    }

    #[test]
    fn what_is_not_wanted_is_not_sent_for_ever_and_stops_nothing() {
        let channels = [channel("c", OCCASIONS)];
        let mut outbox = Outbox::default();
        outbox.take(&[notice(NoticeKind::Opened, "a")], &channels, at());
        outbox.take(&[notice(NoticeKind::Opened, "b")], &channels, at());
        for _ in 0..3 {
            let letter = outbox.first("c").unwrap();
            outbox.tried(&letter, &Outcome::Refused, at(), 1.0);
        }
        let next = outbox.first("c").unwrap();
        assert_eq!((next.message.notices[0].text.as_str(), next.message.lost), ("b", 1));
    }

    #[test]
    fn a_channel_that_is_away_for_long_keeps_the_latest() {
        let channels = [channel("c", OCCASIONS)];
        let mut outbox = Outbox::default();
        for number in 0..WAITING_MAX + 7 {
            outbox.take(&[notice(NoticeKind::Opened, &number.to_string())], &channels, at());
        }
        let first = outbox.first("c").unwrap();
        assert_eq!((outbox.waiting("c"), first.message.lost, first.message.notices[0].text.as_str()), (WAITING_MAX, 7, "7"));
        outbox.keep(&[]);
        assert_eq!(outbox.waiting("c"), 0);
    }
}

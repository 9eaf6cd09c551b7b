//! What is logged from now on.

use super::dedup::{Naming, Seen};
use super::history::scan;
use crate::aws::{AwsError, ErrorClass, LogEvent, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// What is known of the groups that are followed.
pub struct Follow<'a> {
    reader: &'a Reader,
    since_ms: i64,
    groups: BTreeMap<&'a str, Seen>,
    missing: BTreeSet<String>,
    /// Whether AWS did not answer the last time.
    is_cut_off: bool,
}

/// What one look at all groups brought.
#[derive(Debug, Default)]
pub struct Round {
    /// What is new for people: groups that do not exist yet, calls that do not get through for now.
    pub notes: Vec<String>,
    /// What will not get better by itself.
    pub errors: Vec<(String, AwsError)>,
    /// Whether whoever took the events wanted no more.
    pub is_stopped: bool,
}

impl<'a> Follow<'a> {
    /// Nothing is read yet.
    pub fn new(reader: &'a Reader, groups: impl Iterator<Item = &'a str>, since_ms: i64) -> Self {
        let groups = groups.map(|group| (group, Seen::default())).collect();
        Self { reader, since_ms, groups, missing: BTreeSet::new(), is_cut_off: false }
    }

    /// Looks at all groups and hands out what was not there before, in the order of its time. `now_ms` is the time in
    /// milliseconds since 1970.
    pub async fn look(&mut self, now_ms: i64, mut take: impl FnMut(&str, LogEvent) -> ControlFlow<()>) -> Round {
        let starts: Vec<(&str, i64)> = self.groups.iter().map(|(group, seen)| (*group, seen.floor_ms(self.since_ms))).collect();
        let (groups, mut namings) = (&mut self.groups, BTreeMap::<String, Naming>::new());
        let fresh = |group: &str, event: LogEvent| {
            let naming = namings.entry(group.to_owned()).or_default();
            let is_new = groups.get_mut(group).is_some_and(|seen| seen.is_new(&event, naming));
            if is_new { take(group, event) } else { ControlFlow::Continue(()) }
        };
        let history = scan(self.reader, starts.iter().copied(), fresh).await;
        let unread: BTreeSet<&str> =
            history.missing.iter().chain(history.errors.iter().map(|(group, _)| group)).map(String::as_str).collect();
        self.groups.iter_mut().filter(|(group, _)| !unread.contains(**group)).for_each(|(_, seen)| seen.looked(now_ms));
        let mut round = Round { is_stopped: history.is_stopped, ..Round::default() };
        self.note_missing(history.missing, &mut round);
        self.note_errors(history.errors, &mut round);
        round
    }

    fn note_missing(&mut self, missing: Vec<String>, round: &mut Round) {
        let new = missing.into_iter().filter(|group| self.missing.insert(group.clone()));
        round.notes.extend(new.map(|group| format!("the log group {group} does not exist yet")));
    }

    /// A line that is down or a quota that is full is waited for; it is told once.
    fn note_errors(&mut self, errors: Vec<(String, AwsError)>, round: &mut Round) {
        let (passing, lasting): (Vec<_>, Vec<_>) =
            errors.into_iter().partition(|(_, error)| matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled));
        if let Some((_, error)) = passing.first().filter(|_| !self.is_cut_off) {
            round.notes.push(format!("still trying: {error}"));
        }
        self.is_cut_off = !passing.is_empty();
        round.errors = lasting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A cloud whose one group has these events (id and time) at one look after the other; an empty list is an error.
    fn cloud(looks: &'static [&'static [(&'static str, i64)]], code: &'static str) -> Cloud {
        let look = AtomicUsize::new(0);
        Cloud::new(move |_| {
            let events = looks[look.fetch_add(1, Ordering::Relaxed).min(looks.len() - 1)];
            if events.is_empty() {
                return (400, failure(code, "no"));
            }
            let event = |(id, time): &(&str, i64)| json!({"eventId": id, "timestamp": time, "message": id, "logStreamName": "s"});
            (200, json!({ "events": events.iter().map(event).collect::<Vec<Value>>() }).to_string())
        })
    }

    async fn looks(cloud: &Cloud, count: usize) -> (Vec<String>, Vec<Round>) {
        let mut follow = Follow::new(cloud.writer.reader(), ["/a"].into_iter(), 1_000);
        let (mut messages, mut rounds) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let take = |_: &str, event: LogEvent| {
                messages.push(event.message);
                ControlFlow::Continue(())
            };
            rounds.push(follow.look(200_000, take).await);
        }
        (messages, rounds)
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_is_shown_once_late_ones_too_and_looks_go_back_a_minute() {
        let cloud = cloud(&[&[("1", 100_000)], &[("1", 100_000), ("2", 101_000)], &[("late", 95_000), ("1", 100_000), ("2", 101_000)]], "");
        assert_eq!(looks(&cloud, 4).await.0, ["1", "2", "late"]);
        let starts: Vec<bool> = ["\"startTime\":1000,", "\"startTime\":40000,", "\"startTime\":41000,"]
            .iter()
            .map(|start| cloud.sent("FilterLogEvents").iter().any(|request| request.replace('}', ",").contains(start)))
            .collect();
        assert_eq!(starts, [true; 3], "{:?}", cloud.sent("FilterLogEvents"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_comes_later_is_told_once_and_then_read() {
        let cloud = cloud(&[&[], &[], &[("1", 5_000)]], "ResourceNotFoundException");
        let (messages, rounds) = looks(&cloud, 3).await;
        assert_eq!(messages, ["1"]);
        let notes: Vec<&String> = rounds.iter().flat_map(|round| &round.notes).collect();
        assert_eq!(notes, ["the log group /a does not exist yet"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_get_better_is_an_error_and_what_passes_is_not() {
        let denied = looks(&cloud(&[&[]], "AccessDeniedException"), 1).await.1;
        assert_eq!((denied[0].errors.len(), denied[0].notes.len()), (1, 0));
        let throttled = looks(&cloud(&[&[]], "ThrottlingException"), 2).await.1;
        assert!(throttled[0].notes.len() == 1 && throttled[0].errors.is_empty() && throttled[1].notes.is_empty(), "{throttled:?}");
    }
}

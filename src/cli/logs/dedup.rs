//! Events that come twice, since each look goes back a little.

use crate::aws::LogEvent;
use std::collections::{BTreeMap, BTreeSet};

/// How long after a newer event of its group an older one may arrive, in milliseconds.
const LATE_MS: i64 = 60_000;
/// How far before the last look the next one begins in a group in which nothing happens, in milliseconds.
const IDLE_MS: i64 = 10 * LATE_MS;

/// The events of one group that were shown, as far back as a look goes.
#[derive(Debug, Default)]
pub struct Seen {
    newest_ms: Option<i64>,
    looked_ms: Option<i64>,
    shown: BTreeSet<(i64, String)>,
}

/// Names the events of one look from its beginning.
#[derive(Debug, Default)]
pub struct Naming {
    /// How often an event without an id was met.
    met: BTreeMap<(String, i64, String), usize>,
}

impl Naming {
    /// AWS's id; without one, the event itself and which of its kind it is.
    fn name(&mut self, event: &LogEvent) -> String {
        if let Some(id) = event.id.as_ref().filter(|id| !id.is_empty()) {
            return id.clone();
        }
        let met = self.met.entry((event.stream.clone(), event.timestamp_ms, event.message.clone())).or_default();
        *met += 1;
        format!("{met} {} {}", event.stream, event.message)
    }
}

impl Seen {
    /// Where the next look begins.
    pub fn floor_ms(&self, since_ms: i64) -> i64 {
        let late = self.newest_ms.map(|newest| newest.saturating_sub(LATE_MS));
        let idle = self.looked_ms.map(|looked| looked.saturating_sub(IDLE_MS));
        since_ms.max(late.unwrap_or(i64::MIN)).max(idle.unwrap_or(i64::MIN))
    }

    /// Remembers that the whole group was looked at.
    pub fn looked(&mut self, now_ms: i64) {
        self.looked_ms = Some(now_ms);
    }

    /// Whether an event was not there before.
    pub fn is_new(&mut self, event: &LogEvent, naming: &mut Naming) -> bool {
        let is_new = self.shown.insert((event.timestamp_ms, naming.name(event)));
        let newest = self.newest_ms.map_or(event.timestamp_ms, |newest| newest.max(event.timestamp_ms));
        self.newest_ms = Some(newest);
        // No look from now on begins before this.
        while self.shown.first().is_some_and(|(time, _)| *time < newest.saturating_sub(LATE_MS)) {
            self.shown.pop_first();
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, timestamp_ms: i64, message: &str) -> LogEvent {
        LogEvent { id: id.map(str::to_owned), timestamp_ms, stream: "s".into(), message: message.into() }
    }

    fn new_ones(seen: &mut Seen, events: &[LogEvent]) -> Vec<String> {
        let mut naming = Naming::default();
        events.iter().filter(|event| seen.is_new(event, &mut naming)).map(|event| event.message.clone()).collect()
    }

    #[test]
    fn an_event_is_new_once_and_a_late_one_is_not_lost() {
        let mut seen = Seen::default();
        let (a, b, late) = (event(Some("1"), 100_000, "a"), event(Some("2"), 101_000, "a"), event(Some("3"), 99_000, "late"));
        assert_eq!(seen.floor_ms(5), 5);
        assert_eq!(new_ones(&mut seen, &[a.clone(), b.clone()]), ["a", "a"]);
        assert_eq!(seen.floor_ms(5), 41_000);
        seen.looked(102_000);
        assert_eq!(seen.floor_ms(5), 41_000);
        assert_eq!(new_ones(&mut seen, &[late, a, b]), ["late"]);
    }

    #[test]
    fn a_quiet_group_is_not_read_from_its_beginning_each_time() {
        let mut seen = Seen::default();
        new_ones(&mut seen, &[event(Some("1"), 100_000, "a")]);
        seen.looked(10_000_000);
        assert_eq!(seen.floor_ms(5), 9_400_000);
    }

    #[test]
    fn equal_events_without_an_id_are_counted() {
        let mut seen = Seen::default();
        let one = event(None, 7, "x");
        assert_eq!(new_ones(&mut seen, &[one.clone(), one.clone()]), ["x", "x"]);
        assert_eq!(new_ones(&mut seen, &[one.clone(), one.clone(), one]), ["x"]);
    }

    #[test]
    fn what_no_look_meets_again_is_forgotten() {
        let mut seen = Seen::default();
        new_ones(&mut seen, &[event(Some("1"), 1, "a"), event(Some("2"), 100_000, "b")]);
        assert_eq!(seen.shown.len(), 1);
    }
}

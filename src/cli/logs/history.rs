//! What was logged, of all groups in one order of time, page by page.

use crate::aws::{AwsError, LogEvent, Reader};
use futures::future::join_all;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// What a scan could not read.
#[derive(Debug, Default)]
pub struct History {
    /// The groups that do not exist.
    pub missing: Vec<String>,
    /// The groups that could not be read to their end, and why.
    pub errors: Vec<(String, AwsError)>,
    /// Whether whoever took the events wanted no more.
    pub is_stopped: bool,
}

/// Where the reading of one group stands.
struct Cursor<'a> {
    group: &'a str,
    since_ms: i64,
    ahead: VecDeque<LogEvent>,
    token: Option<String>,
    is_at_end: bool,
}

impl Cursor<'_> {
    /// Reads pages until there is an event or the end.
    async fn fill(&mut self, reader: &Reader) -> Result<(), AwsError> {
        while self.ahead.is_empty() && !self.is_at_end {
            // An error is the end, too.
            self.is_at_end = true;
            let page = reader.log_events(self.group, self.since_ms, self.token.as_deref()).await?;
            self.ahead.extend(page.events);
            self.is_at_end = page.next.is_none();
            self.token = page.next;
        }
        Ok(())
    }
}

/// Hands out all events of some groups, each from a time of its own on, the oldest first. One page of each group is in
/// memory at a time.
pub async fn scan<'a>(
    reader: &Reader,
    groups: impl Iterator<Item = (&'a str, i64)>,
    mut take: impl FnMut(&str, LogEvent) -> ControlFlow<()>,
) -> History {
    let cursor = |(group, since_ms)| Cursor { group, since_ms, ahead: VecDeque::new(), token: None, is_at_end: false };
    let mut cursors: Vec<Cursor<'_>> = groups.map(cursor).collect();
    let mut history = History::default();
    loop {
        let filled = join_all(cursors.iter_mut().map(|cursor| async { (cursor.group, cursor.fill(reader).await) })).await;
        for (group, result) in filled {
            match result {
                Err(error) if error.is_not_found() => history.missing.push(group.to_owned()),
                result => history.errors.extend(result.err().map(|error| (group.to_owned(), error))),
            }
        }
        let oldest = |cursor: &&mut Cursor<'_>| cursor.ahead.front().map_or(i64::MAX, |event| event.timestamp_ms);
        let next = cursors.iter_mut().filter(|cursor| !cursor.ahead.is_empty()).min_by_key(oldest);
        let Some((group, event)) = next.and_then(|cursor| Some((cursor.group, cursor.ahead.pop_front()?))) else { return history };
        if take(group, event).is_break() {
            history.is_stopped = true;
            return history;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use serde_json::{Value, json};

    fn page(times: &[i64], next: Option<&str>) -> (u16, String) {
        let event = |time: &i64| json!({"eventId": time.to_string(), "timestamp": time, "message": "x", "logStreamName": "s"});
        let events: Vec<Value> = times.iter().map(event).collect();
        (200, json!({ "events": events, "nextToken": next }).to_string())
    }

    fn answer(request: &str) -> (u16, String) {
        let has = |text: &str| request.contains(text);
        match () {
            () if has("\"/gone\"") => (400, failure("ResourceNotFoundException", "no such group")),
            () if has("\"/denied\"") => (400, failure("AccessDeniedException", "no")),
            () if has("\"/a\"") && has("\"a2\"") => page(&[], Some("a3")),
            () if has("\"/a\"") && has("\"a3\"") => page(&[50, 40], None),
            () if has("\"/a\"") => page(&[10, 20], Some("a2")),
            () => page(&[15, 45, 60], None),
        }
    }

    async fn times(groups: &[&str], limit: usize) -> (Vec<i64>, History) {
        let (cloud, mut times) = (Cloud::new(answer), Vec::new());
        let take = |_: &str, event: LogEvent| {
            times.push(event.timestamp_ms);
            if times.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let history = scan(cloud.writer.reader(), groups.iter().map(|group| (*group, 0)), take).await;
        (times, history)
    }

    #[tokio::test(start_paused = true)]
    async fn pages_of_several_groups_become_one_order_of_time() {
        let (times, history) = times(&["/a", "/b"], 99).await;
        assert_eq!(times, [10, 15, 20, 40, 45, 50, 60]);
        assert!(history.errors.is_empty() && history.missing.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_cannot_be_read_does_not_hide_the_others() {
        let (times, history) = times(&["/gone", "/b", "/denied"], 99).await;
        assert_eq!(times, [15, 45, 60]);
        assert_eq!((history.missing, history.errors.len()), (vec!["/gone".to_owned()], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn no_page_is_read_that_nobody_wants() {
        let (times, history) = times(&["/a"], 1).await;
        assert!(times == [10] && history.is_stopped);
    }
}

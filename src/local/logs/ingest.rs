//! Events as they come in: from PutLogEvents, and from functions that run.

use super::checks::{Checks, invalid, no_group, no_stream};
use super::key::{OVERHEAD_BYTES, Position, size_bytes};
use super::state::{State, put_stream};
use super::streams::{make, sequence_token};
use super::{Change, Changing, LogEvent};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
const BATCH_BYTES: u64 = 1_048_576;
const BATCH_EVENTS: usize = 10_000;
const OLDEST_MS: i64 = 14 * 86_400_000;
const NEWEST_MS: i64 = 2 * 3_600_000;
const SPAN_MS: i64 = 86_400_000;

/// The input of PutLogEvents; its sequence token is no longer looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Put {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<Event>>,
}

#[derive(Debug, Deserialize)]
struct Event {
    timestamp: Option<i64>,
    message: Option<String>,
}

/// PutLogEvents.
pub fn put(changing: &mut Changing<'_>, input: Put) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let group_name = checks.group_name("logGroupName", input.log_group_name.as_ref());
    let stream_name = checks.stream_name("logStreamName", input.log_stream_name.as_ref());
    let events = check_events(&mut checks, input.log_events.as_deref());
    checks.end()?;
    check_sizes(&events)?;
    if !events.is_sorted_by_key(|(timestamp_ms, _)| timestamp_ms) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let group = changing.state.group(changing.region, group_name).ok_or_else(no_group)?;
    let token = sequence_token(group.streams.get(stream_name).ok_or_else(no_stream)?);
    let now_ms = changing.common.clock.now_ms();
    let (accepted, rejected) = judge(&events, now_ms, group.cutoff_ms(now_ms));
    let accepted = &events[accepted];
    if let (Some((first_ms, _)), Some((last_ms, _))) = (accepted.first(), accepted.last())
        && last_ms - first_ms > SPAN_MS
    {
        return Err(invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours."));
    }
    let batch = take(changing.state, changing.region, (group_name, stream_name), accepted, now_ms, Batch::new());
    let mut answer = json!({ "nextSequenceToken": token });
    if !rejected.is_empty() {
        answer["rejectedLogEventsInfo"] = Value::Object(rejected);
    }
    Ok(Change::of(batch).answering(answer).then_expire(group_name))
}

fn check_events<'a>(checks: &mut Checks, events: Option<&'a [Event]>) -> Vec<(i64, &'a str)> {
    let Some(events) = events else {
        checks.missing("logEvents");
        return Vec::new();
    };
    checks.count("logEvents", events.len(), 1, BATCH_EVENTS);
    for (number, event) in (1..).zip(events) {
        match event.timestamp {
            Some(timestamp_ms) if timestamp_ms >= 0 => {}
            Some(_) => checks.timestamp(&format!("logEvents.{number}.member.timestamp"), event.timestamp),
            None => checks.missing(&format!("logEvents.{number}.member.timestamp")),
        }
        match &event.message {
            Some(message) if !message.is_empty() => {}
            Some(_) => checks.length(&format!("logEvents.{number}.member.message"), event.message.as_ref(), 1, usize::MAX),
            None => checks.missing(&format!("logEvents.{number}.member.message")),
        }
    }
    events.iter().map(|event| (event.timestamp.unwrap_or_default(), event.message.as_deref().unwrap_or_default())).collect()
}

fn check_sizes(events: &[(i64, &str)]) -> Result<(), ApiError> {
    let sizes = events.iter().map(|(_, message)| size_bytes(message));
    if let Some(bytes) = sizes.clone().find(|bytes| *bytes > BATCH_BYTES) {
        return Err(invalid(format!("Log event too large: {bytes} bytes exceeds limit of {BATCH_BYTES}")));
    }
    match sizes.sum::<u64>() {
        bytes if bytes > BATCH_BYTES => Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES}"))),
        _ => Ok(()),
    }
}

/// Which events are taken, and what is said of the others. They are in the order of time, so the old
/// ones are at the start and the new ones at the end.
fn judge(events: &[(i64, &str)], now_ms: i64, cutoff_ms: i64) -> (Range<usize>, Map<String, Value>) {
    let older_than = |limit_ms: i64| events.partition_point(|(timestamp_ms, _)| *timestamp_ms < limit_ms);
    let (too_old, expired) = (older_than(now_ms - OLDEST_MS), older_than(cutoff_ms));
    let too_new = events.partition_point(|(timestamp_ms, _)| *timestamp_ms <= now_ms + NEWEST_MS);
    let mut rejected = Map::new();
    if too_new < events.len() {
        rejected.insert("tooNewLogEventStartIndex".into(), too_new.into());
    }
    if too_old > 0 {
        rejected.insert("tooOldLogEventEndIndex".into(), too_old.into());
    }
    if expired > 0 {
        rejected.insert("expiredLogEventEndIndex".into(), expired.into());
    }
    (too_old.max(expired).min(too_new)..too_new, rejected)
}

/// Takes events into a stream that is there.
fn take(state: &mut State, region: &str, (group, stream): (&str, &str), events: &[(i64, &str)], now_ms: i64, mut batch: Batch) -> Batch {
    for (timestamp_ms, message) in events {
        let position = Position { sequence: state.next_sequence(), ..Position::at(*timestamp_ms) };
        let Some(group) = state.group_mut(region, group) else { return batch };
        batch = group.take(stream, position, now_ms, message, batch);
    }
    let group = state.group(region, group);
    match group.and_then(|group| Some((group.record.id, group.streams.get(stream)?))) {
        Some((id, stream)) if !events.is_empty() => put_stream(batch, id, stream),
        _ => batch,
    }
}

/// Takes what a function has written. A message that is longer than an event may be is cut into several;
/// an empty one is left out, as AWS knows no empty events.
pub fn append(changing: &mut Changing<'_>, group: &str, stream: &str, events: &[LogEvent]) -> Option<Batch> {
    let now_ms = changing.common.clock.now_ms();
    let known = changing.state.group(changing.region, group)?;
    let (cutoff_ms, is_new) = (known.cutoff_ms(now_ms), !known.streams.contains_key(stream));
    let mut batch = Batch::new();
    if is_new {
        batch = make(changing.state, changing.region, group, stream, now_ms, batch);
    }
    let alive = events.iter().filter(|event| event.timestamp_ms >= cutoff_ms);
    let pieces: Vec<_> = alive.flat_map(|event| cut(&event.message).map(|piece| (event.timestamp_ms, piece))).collect();
    Some(take(changing.state, changing.region, (group, stream), &pieces, now_ms, batch))
}

/// A message in pieces that are events each.
fn cut(message: &str) -> impl Iterator<Item = &str> {
    const LONGEST_BYTES: usize = (BATCH_BYTES - OVERHEAD_BYTES) as usize;
    let mut rest = message;
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(boundary_before(rest, LONGEST_BYTES));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The last boundary of characters up to that byte.
fn boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("").count(), 0);
        assert_eq!(cut("abc").collect::<Vec<_>>(), ["abc"]);
        let long = format!("a{}", "ä".repeat(1_000_000));
        let pieces: Vec<_> = cut(&long).collect();
        assert!(pieces.len() == 2 && pieces.concat() == long && pieces.iter().all(|piece| size_bytes(piece) <= BATCH_BYTES));
    }
}

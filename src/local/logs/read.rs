//! Events as they are read: one stream, or all of a group in the order of time.

use super::Asking;
use super::checks::{Checks, addressed, bad_token, invalid, no_group, no_stream};
use super::key::{EVENTS, EventKey, Position, size_bytes};
use super::listing::{read_token, with_token, write_token};
use super::pattern::Pattern;
use super::state::{Group, read_event};
use crate::local::disk::{Direction, Disk, DiskError};
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A page has no more than that.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
const PAGE_EVENTS: usize = 10_000;
const PAGE_BYTES: u64 = 1_048_576;

/// One call looks at no more than that, and then answers with what it has and a token, as AWS does.
const LOOKED_AT_BYTES: usize = 32 << 20;

/// Newest first is offered from 2024 on.
const NEWEST_FIRST_SINCE_MS: i64 = 1_704_067_200_000;

/// What is sought on disk. It holds no lock: the streams' names are copies.
pub struct Query {
    group: u32,
    from: Position,
    to: Position,
    direction: Direction,
    streams: BTreeMap<u32, String>,
    pattern: Pattern,
    limit: usize,
    shape: Shape,
}

/// Which operation asked.
enum Shape {
    /// FilterLogEvents.
    Filter,
    /// GetLogEvents, and the place that an empty page stands at.
    Get { here: Position },
}

/// What was found, in the direction of the query.
struct Found {
    events: Vec<FoundEvent>,
    /// The place to go on from, unless the range is read to its end.
    next: Option<Position>,
}

struct FoundEvent {
    position: Position,
    stream: u32,
    ingestion_ms: i64,
    message: String,
}

/// The input of FilterLogEvents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

/// FilterLogEvents, up to the reading.
pub fn filter(asking: &Asking<'_>, input: Filter) -> Result<Query, ApiError> {
    let mut checks = Checks::default();
    check_times(&mut checks, input.start_time, input.end_time);
    checks.length("filterPattern", input.filter_pattern.as_ref(), 0, 1024);
    checks.length("nextToken", input.next_token.as_ref(), 1, usize::MAX);
    for name in input.log_stream_names.iter().flatten().chain(&input.log_stream_name_prefix) {
        checks.stream_name("logStreamNames", Some(name));
    }
    if let Some(names) = &input.log_stream_names {
        checks.count("logStreamNames", names.len(), 1, 100);
    }
    let limit = checks.limit(input.limit, PAGE_EVENTS, 10_000);
    let (name, identifier) = (input.log_group_name.as_ref(), input.log_group_identifier.as_ref());
    let name = addressed(asking.common, asking.region, checks, name, identifier)?;
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
    }
    let token = input.next_token.as_deref().map(|token| read_place(&read_token(token)?)).transpose()?;
    let direction = match (token, input.start_from_head) {
        (Some((direction, _)), _) => direction,
        (None, Some(false)) if input.start_time.is_some_and(|start_ms| start_ms < NEWEST_FIRST_SINCE_MS) => {
            return Err(invalid("startFromHead can be false only if startTime is on or after Jan 1, 2024 00:00:00 UTC."));
        }
        (None, Some(false)) => Direction::Backward,
        (None, _) => Direction::Forward,
    };
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
    let group = asking.state.group(asking.region, name).ok_or_else(no_group)?;
    let streams = chosen(group, input.log_stream_names.as_deref(), input.log_stream_name_prefix.as_deref())?;
    // Unlike GetLogEvents, an event at the end is in.
    let end_ms = input.end_time.map(|end_ms| end_ms.saturating_add(1));
    let query = Query {
        group: group.record.id,
        from: Position::at(input.start_time.unwrap_or(0).max(group.cutoff_ms(asking.common.clock.now_ms()))),
        to: end_ms.map_or(Position::END, Position::at),
        direction,
        streams,
        pattern,
        limit,
        shape: Shape::Filter,
    };
    Ok(query.going_on(token).narrowed(group))
}

fn check_times(checks: &mut Checks, start_time: Option<i64>, end_time: Option<i64>) {
    checks.timestamp("startTime", start_time);
    checks.timestamp("endTime", end_time);
}

/// The names of the streams that are asked for, by id.
fn chosen(group: &Group, names: Option<&[String]>, prefix: Option<&str>) -> Result<BTreeMap<u32, String>, ApiError> {
    if let Some(names) = names {
        let stream = |name: &String| group.streams.get(name).map(|stream| (stream.id, name.clone())).ok_or_else(no_stream);
        return names.iter().map(stream).collect();
    }
    let with_prefix = group.streams.values().filter(|stream| stream.name.starts_with(prefix.unwrap_or_default()));
    Ok(with_prefix.map(|stream| (stream.id, stream.name.clone())).collect())
}

/// The input of GetLogEvents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Get {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

/// GetLogEvents, up to the reading.
pub fn get(asking: &Asking<'_>, input: Get) -> Result<Query, ApiError> {
    let mut checks = Checks::default();
    let stream = checks.stream_name("logStreamName", input.log_stream_name.as_ref());
    check_times(&mut checks, input.start_time, input.end_time);
    checks.length("nextToken", input.next_token.as_ref(), 1, usize::MAX);
    let limit = checks.limit(input.limit, PAGE_EVENTS, 10_000);
    let (name, identifier) = (input.log_group_name.as_ref(), input.log_group_identifier.as_ref());
    let name = addressed(asking.common, asking.region, checks, name, identifier)?;
    let token = input.next_token.as_deref().map(read_place).transpose()?;
    let group = asking.state.group(asking.region, name).ok_or_else(no_group)?;
    let stream = group.streams.get(stream).ok_or_else(no_stream)?;
    let is_from_head = input.start_from_head.unwrap_or_default();
    let usual = if is_from_head { Direction::Forward } else { Direction::Backward };
    let start = Position::at(input.start_time.unwrap_or(0));
    let query = Query {
        group: group.record.id,
        from: start.max(Position::at(group.cutoff_ms(asking.common.clock.now_ms()))),
        to: input.end_time.map_or(Position::END, Position::at),
        direction: token.map_or(usual, |(direction, _)| direction),
        streams: BTreeMap::from([(stream.id, stream.name.clone())]),
        pattern: Pattern::default(),
        limit,
        shape: Shape::Get { here: token.map_or(start, |(_, place)| place) },
    };
    Ok(query.going_on(token).narrowed(group))
}

impl Query {
    /// Leaves out what earlier pages told.
    fn going_on(mut self, token: Option<(Direction, Position)>) -> Self {
        match token {
            Some((Direction::Forward, place)) => self.from = self.from.max(place),
            Some((Direction::Backward, place)) => self.to = self.to.min(place),
            None => {}
        }
        self
    }

    /// Leaves out the time in which none of the streams has events.
    fn narrowed(mut self, group: &Group) -> Self {
        let spans = group.streams.values().filter(|stream| self.streams.contains_key(&stream.id)).filter_map(|stream| stream.event_span_ms);
        let span = spans.reduce(|(first, last), (earlier, later)| (first.min(earlier), last.max(later)));
        match span {
            Some((first_ms, last_ms)) => {
                self.from = self.from.max(Position::at(first_ms));
                self.to = self.to.min(Position::at(last_ms.saturating_add(1)));
            }
            None => self.to = self.from,
        }
        self
    }

    /// Reads, and writes the answer.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn run(&self, disk: &Disk) -> Result<Value, DiskError> {
        let found = self.find(disk)?;
        Ok(match self.shape {
            Shape::Filter => self.filter_answer(found),
            Shape::Get { here } => self.get_answer(found, here),
        })
    }

    fn find(&self, disk: &Disk) -> Result<Found, DiskError> {
        let mut found = Found { events: Vec::new(), next: None };
        let (mut page_bytes, mut looked_at_bytes) = (0, 0);
        let (from, to) = (self.from.bound(self.group), self.to.bound(self.group));
        disk.walk(EVENTS, &from, &to, self.direction, |text, value| {
            let Some(key) = EventKey::parse(text) else { return ControlFlow::Continue(()) };
            let stop = |found: &mut Found| {
                found.next = Some(if self.direction == Direction::Forward { key.position } else { key.position.after() });
                ControlFlow::Break(())
            };
            if looked_at_bytes >= LOOKED_AT_BYTES {
                return stop(&mut found);
            }
            looked_at_bytes += text.len() + value.len();
            let record = self.streams.contains_key(&key.stream).then(|| read_event(value)).flatten();
            let Some((ingestion_ms, message)) = record.filter(|(_, message)| self.pattern.matches(message)) else {
                return ControlFlow::Continue(());
            };
            page_bytes += size_bytes(&message);
            let is_full = found.events.len() == self.limit || page_bytes > PAGE_BYTES;
            if is_full && !found.events.is_empty() {
                return stop(&mut found);
            }
            found.events.push(FoundEvent { position: key.position, stream: key.stream, ingestion_ms, message });
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn filter_answer(&self, found: Found) -> Value {
        let event = |event: FoundEvent| {
            json!({
                "logStreamName": self.streams.get(&event.stream),
                "timestamp": event.position.timestamp_ms,
                "message": event.message,
                "ingestionTime": event.ingestion_ms,
                "eventId": event.position.event_id(),
            })
        };
        let token = found.next.map(|place| write_token(&write_place(self.direction, place)));
        let events: Vec<_> = found.events.into_iter().map(event).collect();
        with_token(json!({ "events": events, "searchedLogStreams": [] }), token)
    }

    /// Whatever the direction, a page of GetLogEvents is in the order of time.
    fn get_answer(&self, mut found: Found, here: Position) -> Value {
        let is_forward = self.direction == Direction::Forward;
        if !is_forward {
            found.events.reverse();
        }
        let first = found.events.first().map_or(here, |event| event.position);
        let last = found.events.last().map_or(here, |event| event.position.after());
        let ahead = found.next.filter(|_| is_forward).unwrap_or(last);
        let behind = found.next.filter(|_| !is_forward).unwrap_or(first);
        let event = |event: FoundEvent| json!({ "timestamp": event.position.timestamp_ms, "message": event.message, "ingestionTime": event.ingestion_ms });
        json!({
            "events": found.events.into_iter().map(event).collect::<Vec<_>>(),
            "nextForwardToken": write_place(Direction::Forward, ahead),
            "nextBackwardToken": write_place(Direction::Backward, behind),
        })
    }
}

fn write_place(direction: Direction, place: Position) -> String {
    let letter = if direction == Direction::Forward { 'f' } else { 'b' };
    format!("{letter}/{}", place.text())
}

fn read_place(token: &str) -> Result<(Direction, Position), ApiError> {
    let (direction, place) = match token.split_once('/') {
        Some(("f", place)) => (Direction::Forward, place),
        Some(("b", place)) => (Direction::Backward, place),
        _ => return Err(bad_token()),
    };
    Ok((direction, Position::parse(place).ok_or_else(bad_token)?))
}

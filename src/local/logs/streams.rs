//! Log streams: made, deleted, listed.

use super::checks::{Checks, addressed, invalid, no_group, no_stream};
use super::groups::protected;
use super::listing::{read_token, with_token, write_token};
use super::state::{State, Stream, delete_stream, group_arn, put_stream};
use super::{Asking, Change, Changing};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const PAGE: usize = 50;

/// The input of CreateLogStream and DeleteLogStream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

impl Named {
    fn names(&self) -> Result<(&str, &str), ApiError> {
        let mut checks = Checks::default();
        let group = checks.group_name("logGroupName", self.log_group_name.as_ref());
        let stream = checks.stream_name("logStreamName", self.log_stream_name.as_ref());
        checks.end().map(|()| (group, stream))
    }
}

/// CreateLogStream.
pub fn create(changing: &mut Changing<'_>, input: Named) -> Result<Change, ApiError> {
    let (group, stream) = input.names()?;
    let known = changing.state.group(changing.region, group).ok_or_else(no_group)?;
    if known.streams.contains_key(stream) {
        return Err(ApiError::new(400, "ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    let now_ms = changing.common.clock.now_ms();
    Ok(Change::of(make(changing.state, changing.region, group, stream, now_ms, Batch::new())))
}

/// Makes a stream in a group that is there.
pub fn make(state: &mut State, region: &str, group: &str, name: &str, now_ms: i64, batch: Batch) -> Batch {
    let id = state.next_id();
    let Some(group) = state.group_mut(region, group) else { return batch };
    let stream = Stream { id, name: name.to_owned(), created_ms: now_ms, event_span_ms: None, last_ingestion_ms: None, stored_bytes: 0 };
    let batch = put_stream(batch, group.record.id, &stream);
    group.streams.insert(name.to_owned(), stream);
    batch
}

/// DeleteLogStream.
pub fn delete(changing: &mut Changing<'_>, input: Named) -> Result<Change, ApiError> {
    let (name, stream) = input.names()?;
    let group = changing.state.group_mut(changing.region, name).ok_or_else(no_group)?;
    if !group.streams.contains_key(stream) {
        return Err(no_stream());
    }
    if group.record.deletion_protection_enabled {
        return Err(protected("log stream of a log group"));
    }
    let Some(stream) = group.streams.remove(stream) else { return Err(no_stream()) };
    group.stored_bytes = group.stored_bytes.saturating_sub(stream.stored_bytes);
    let (batch, removed) = delete_stream(Batch::new(), group.record.id, &stream);
    Ok(Change::of(batch).then_remove(removed))
}

/// The input of DescribeLogStreams.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Describe {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// DescribeLogStreams.
pub fn describe(asking: &Asking<'_>, input: Describe) -> Result<Value, ApiError> {
    let mut checks = Checks::default();
    if input.log_stream_name_prefix.is_some() {
        checks.stream_name("logStreamNamePrefix", input.log_stream_name_prefix.as_ref());
    }
    checks.one_of("orderBy", input.order_by.as_ref(), &["LogStreamName", "LastEventTime"]);
    checks.length("nextToken", input.next_token.as_ref(), 1, usize::MAX);
    let limit = checks.limit(input.limit, PAGE, 50);
    let (name, identifier) = (input.log_group_name.as_ref(), input.log_group_identifier.as_ref());
    let name = addressed(asking.common, asking.region, checks, name, identifier)?;
    let is_by_time = input.order_by.as_deref() == Some("LastEventTime");
    if is_by_time && input.log_stream_name_prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let group = asking.state.group(asking.region, name).ok_or_else(no_group)?;
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let with_prefix = group.streams.values().filter(|stream| stream.name.starts_with(prefix));
    let mut ordered: Vec<_> = with_prefix.map(|stream| (place(stream, is_by_time), stream)).collect();
    ordered.sort_by(|(left, _), (right, _)| left.cmp(right));
    let is_descending = input.descending.unwrap_or_default();
    if is_descending {
        ordered.reverse();
    }
    let after = input.next_token.as_deref().map(read_token).transpose()?;
    let is_ahead = |place: &String| after.as_ref().is_none_or(|after| if is_descending { place < after } else { place > after });
    let mut ahead = ordered.iter().filter(|(place, _)| is_ahead(place));
    let page: Vec<_> = ahead.by_ref().take(limit).collect();
    let token = ahead.next().and_then(|_| page.last()).map(|(place, _)| write_token(place));
    let arn = group_arn(asking.common, asking.region, name);
    let streams: Vec<_> = page.into_iter().map(|(_, stream)| described(stream, &arn)).collect();
    Ok(with_token(json!({ "logStreams": streams }), token))
}

/// Where a stream stands in its order, as a text that sorts so.
fn place(stream: &Stream, is_by_time: bool) -> String {
    let last_ms = stream.event_span_ms.map_or(0, |(_, last_ms)| last_ms);
    if is_by_time { format!("{last_ms:016x}{}", stream.name) } else { stream.name.clone() }
}

fn described(stream: &Stream, group_arn: &str) -> Value {
    let mut members = Map::new();
    members.insert("logStreamName".into(), stream.name.as_str().into());
    members.insert("creationTime".into(), stream.created_ms.into());
    if let Some((first_ms, last_ms)) = stream.event_span_ms {
        members.insert("firstEventTimestamp".into(), first_ms.into());
        members.insert("lastEventTimestamp".into(), last_ms.into());
    }
    if let Some(last_ms) = stream.last_ingestion_ms {
        members.insert("lastIngestionTime".into(), last_ms.into());
    }
    members.insert("uploadSequenceToken".into(), sequence_token(stream).into());
    members.insert("arn".into(), format!("{group_arn}:log-stream:{}", stream.name).into());
    // Since 2019 AWS says so of every stream.
    members.insert("storedBytes".into(), 0.into());
    Value::Object(members)
}

/// A token that nothing reads any more, for clients that still hand it back.
pub fn sequence_token(stream: &Stream) -> String {
    format!("{:056}", stream.id)
}

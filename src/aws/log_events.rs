//! What functions logged, page by page.

use super::error::AwsError;
use super::reader::Reader;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::builders::FilterLogEventsInputBuilder;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

/// One event of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvent {
    /// AWS's id of it; some emulators give none.
    pub id: Option<String>,
    /// When it happened, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The stream that it stands in.
    pub stream: String,
    /// Its text, often with a line end.
    pub message: String,
}

/// Some events in the order of their times, and the token that leads to the next ones. A page may be empty and still
/// have a next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The events.
    pub events: Vec<LogEvent>,
    /// Leads to the next page; absent at the end.
    pub next: Option<String>,
}

impl Reader {
    /// One page of the events of a group since a time in milliseconds since 1970.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn log_events(&self, group: &str, since_ms: i64, page: Option<&str>) -> Result<LogPage, AwsError> {
        let input = FilterLogEventsInputBuilder::default().log_group_name(group).start_time(since_ms);
        let output = self.filter_log_events(input.set_next_token(page.map(str::to_owned))).await?;
        // A token that leads to where it was got from would never end.
        let next = output.next_token.filter(|token| !token.is_empty() && Some(token.as_str()) != page);
        let mut events: Vec<LogEvent> = output.events.unwrap_or_default().into_iter().map(event).collect();
        events.sort_by_key(|event| event.timestamp_ms);
        Ok(LogPage { events, next })
    }
}

fn event(event: FilteredLogEvent) -> LogEvent {
    LogEvent {
        id: event.event_id,
        timestamp_ms: event.timestamp.unwrap_or_default(),
        stream: event.log_stream_name.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    }
}

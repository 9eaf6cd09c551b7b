//! The event bus: events come in, and go to the rules whose patterns want them.

use super::delivery::time_text;
use super::pattern::Pattern;
use super::record::Record;
use super::{DEFAULT_BUS, Events, Page, VALIDATION, invalid, listing};
use crate::local::common::{Call, random_id};
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::input;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MOST_ENTRIES: usize = 10;

/// Most bytes of all entries together, since January 2026.
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>, which tells how they count.
const MOST_BYTES: usize = 1 << 20;
const BYTES_OF_A_TIME: usize = 14;

/// What an event must have for TestEventPattern.
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html>.
const MANDATORY: &[&str] = &["id", "account", "source", "time", "region", "resources", "detail-type"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    /// Seconds since 1970.
    time: Option<f64>,
    source: Option<String>,
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Buses {
    name: Option<String>,
    name_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TestEventPattern {
    event_pattern: String,
    event: String,
}

impl Events {
    /// Each entry stands for itself: one that is refused stops no other.
    pub(super) async fn put_events(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: PutEvents = input(body)?;
        check_entries(&input.entries)?;
        let now_ms = self.common.clock.now_ms();
        let mut events: Vec<Result<Value, ApiError>> = input.entries.into_iter().map(|entry| self.event(call, entry, now_ms)).collect();
        for outcome in &mut events {
            if let Ok(event) = outcome
                && let Err(error) = self.publish(call, event, now_ms).await
            {
                *outcome = Err(ApiError::internal(error.message));
            }
        }
        let failed = events.iter().filter(|event| event.is_err()).count();
        let entries: Vec<Value> = events
            .into_iter()
            .map(|event| match event {
                Ok(event) => json!({"EventId": event["id"]}),
                Err(error) => json!({"ErrorCode": error.code, "ErrorMessage": error.message}),
            })
            .collect();
        Ok(json!({"FailedEntryCount": failed, "Entries": entries}))
    }

    /// Hands an event to all rules that want it; one that fails stops no other.
    async fn publish(&self, call: &Call, event: &Value, now_ms: i64) -> Result<(), ApiError> {
        let rules = self.wanting(&call.region, event);
        join_all(rules.iter().map(|rule| self.deliver(rule, event, now_ms))).await.into_iter().collect()
    }

    fn wanting(&self, region: &str, event: &Value) -> Vec<Record> {
        self.look(region, |rules| {
            let enabled = rules.values().filter(|rule| rule.is_enabled());
            let wanting = enabled.filter(|rule| rule.pattern.as_ref().is_some_and(|pattern| pattern.matches(event)));
            wanting.map(|rule| rule.record.clone()).collect()
        })
    }

    /// The event that an entry becomes, or the entry's refusal.
    fn event(&self, call: &Call, entry: Entry, now_ms: i64) -> Result<Value, ApiError> {
        self.check_bus(call, entry.event_bus_name.as_deref())?;
        let source = argument(entry.source, "Source")?;
        let detail_type = argument(entry.detail_type, "DetailType")?;
        let detail = argument(entry.detail, "Detail")?;
        let Ok(detail) = serde_json::from_str::<Map<String, Value>>(&detail) else {
            return Err(ApiError::new(400, "MalformedDetail", "Detail is malformed."));
        };
        if source.starts_with("aws.") {
            return Err(ApiError::new(400, "NotAuthorizedForSourceException", "Not authorized for the source."));
        }
        Ok(json!({
            "version": "0",
            "id": random_id(),
            "detail-type": detail_type,
            "source": source,
            "account": self.common.account,
            "time": time_text(entry.time.map_or(now_ms, milliseconds)),
            "region": call.region,
            "resources": entry.resources,
            "detail": detail
        }))
    }

    pub(super) fn describe_event_bus(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: Buses = input(body)?;
        self.check_bus(call, input.name.as_deref())?;
        Ok(self.default_bus(call))
    }

    pub(super) fn list_event_buses(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: Buses = input(body)?;
        let is_wanted = DEFAULT_BUS.starts_with(input.name_prefix.as_deref().unwrap_or_default());
        let buses = is_wanted.then(|| (DEFAULT_BUS, self.default_bus(call)));
        let (page, next_token) = input.page.cut(buses.into_iter())?;
        Ok(listing("EventBuses", page, next_token))
    }

    fn default_bus(&self, call: &Call) -> Value {
        json!({"Name": DEFAULT_BUS, "Arn": self.arn(&call.region, "event-bus/default")})
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time too far away for a number is cut to the last one that there is")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

fn argument(value: Option<String>, name: &str) -> Result<String, ApiError> {
    let missing = || format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
    value.filter(|value| !value.is_empty()).ok_or_else(|| ApiError::new(400, "InvalidArgument", missing()))
}

fn check_entries(entries: &[Entry]) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    match entries.len() {
        0 => constraints.broken("[]", "entries", "have length greater than or equal to 1"),
        1..=MOST_ENTRIES => {}
        count => constraints.broken(&format!("[{count} entries]"), "entries", "have length less than or equal to 10"),
    }
    constraints.check(400, VALIDATION)?;
    if entries.iter().map(Entry::bytes).sum::<usize>() > MOST_BYTES {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    Ok(())
}

impl Entry {
    fn bytes(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten().chain(&self.resources);
        texts.map(String::len).sum::<usize>() + self.time.map_or(0, |_| BYTES_OF_A_TIME)
    }
}

/// Whether a pattern wants an event; asks no rule.
pub(super) fn test_event_pattern(body: Value) -> Result<Value, ApiError> {
    let input: TestEventPattern = input(body)?;
    let mut constraints = Constraints::new();
    constraints.length(&input.event_pattern, "eventPattern", 0, 4096);
    constraints.check(400, VALIDATION)?;
    let refused = |error: super::pattern::InvalidPattern| ApiError::new(400, "InvalidEventPatternException", error.to_string());
    let pattern = Pattern::parse(&input.event_pattern).map_err(refused)?;
    let event: Value =
        serde_json::from_str(&input.event).map_err(|_| invalid("Parameter Event is not valid. Reason: Event is not JSON."))?;
    if let Some(missing) = MANDATORY.iter().find(|field| event.get(**field).is_none()) {
        return Err(invalid(format!("Parameter Event is not valid. Reason: Event does not have a field {missing}.")));
    }
    Ok(json!({"Result": pattern.matches(&event)}))
}

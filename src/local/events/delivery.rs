//! From a rule that fires to the functions that it invokes.

use super::Events;
use super::input::{Origin, payload};
use super::record::Record;
use crate::local::error::ApiError;
use futures::future::join_all;
use jiff::{Timestamp, Unit};
use serde_json::Value;

/// Who invokes the functions. Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>.
const PRINCIPAL: &str = "events.amazonaws.com";

impl Events {
    /// Hands an event to the rule's targets. What a function's policy forbids is dropped without a word, and
    /// so is what Lambda does not take: EventBridge tells nobody but its metrics.
    ///
    /// # Errors
    /// When the cloud itself failed, and an event is in no queue therefore.
    pub(super) async fn deliver(&self, rule: &Record, event: &Value, ingested_ms: i64) -> Result<(), ApiError> {
        let rule_arn = self.rule_arn(&rule.region, &rule.name);
        let ingestion_time = time_text(ingested_ms);
        let origin = Origin { rule_arn: &rule_arn, rule_name: &rule.name, ingestion_time: &ingestion_time };
        let allowed = rule.targets.values().filter(|target| self.functions.allows(&target.arn, PRINCIPAL, &rule_arn));
        let outcomes = join_all(allowed.map(|target| self.functions.invoke(&target.arn, payload(target, event, origin)))).await;
        outcomes.into_iter().filter_map(Result::err).find(|error| error.status >= 500).map_or(Ok(()), Err)
    }
}

/// A moment as events have it: ISO 8601 in UTC, to the second.
pub(super) fn time_text(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let rounding = jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor);
    at.round(rounding).unwrap_or(at).to_string()
}

//! What is kept of a rule.

use super::expression::Expression;
use super::pattern::Pattern;
use super::targets::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const ENABLED: &str = "ENABLED";
pub(super) const DISABLED: &str = "DISABLED";
pub(super) const ENABLED_WITH_MANAGEMENT_EVENTS: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

/// A rule as it is on disk, with its targets and tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub region: String,
    pub name: String,
    pub state: String,
    pub schedule_expression: Option<String>,
    pub event_pattern: Option<String>,
    pub description: Option<String>,
    pub role_arn: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub targets: BTreeMap<String, Target>,
    /// From when on a rate counts: when the rule got its expression, or was enabled. Milliseconds since 1970.
    pub anchor_ms: i64,
}

/// A rule as it is at work.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub record: Record,
    pub schedule: Option<Expression>,
    pub pattern: Option<Pattern>,
}

impl Rule {
    /// The record's texts were read before they were kept.
    pub(super) fn new(record: Record) -> Self {
        let schedule = record.schedule_expression.as_deref().and_then(|text| Expression::parse(text).ok());
        let pattern = record.event_pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
        Self { record, schedule, pattern }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.record.state != DISABLED
    }
}

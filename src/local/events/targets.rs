//! Operations on targets.

mod check;

use super::rules::rule_mut;
use super::{Events, Page, VALIDATION, check_name, listing, no_rule, too_many};
use crate::local::common::Call;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::input;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most targets of a rule. Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
const MOST_TARGETS: usize = 5;

/// A target as it comes, as it is kept, and as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Target {
    pub id: String,
    pub arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_transformer: Option<InputTransformer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

/// A template, and where its variables are in the event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct InputTransformer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub input_paths_map: BTreeMap<String, String>,
    pub input_template: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeadLetterConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RetryPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retry_attempts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_event_age_in_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct OfRule {
    rule: String,
    event_bus_name: Option<String>,
    targets: Vec<Target>,
    ids: Vec<String>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ByTarget {
    target_arn: String,
    event_bus_name: Option<String>,
    #[serde(flatten)]
    page: Page,
}

impl Events {
    /// Adds targets, and replaces those whose ids are there; all or none.
    pub(super) async fn put_targets(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: OfRule = input(body)?;
        let mut constraints = Constraints::new();
        check_name(&mut constraints, &input.rule, "rule");
        check_count(&mut constraints, input.targets.len(), "targets");
        check::members(&mut constraints, &input.targets);
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        check::targets(&input.targets, &call.region, &self.common.account)?;
        self.change(&call.region, &input.rule, |rules| {
            let rule = rule_mut(rules, &input.rule)?;
            let mut targets = rule.record.targets.clone();
            targets.extend(input.targets.into_iter().map(|target| (target.id.clone(), target)));
            if targets.len() > MOST_TARGETS {
                return Err(too_many());
            }
            rule.record.targets = targets;
            Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
        })
        .await
    }

    /// Ids that are not there are removed.
    pub(super) async fn remove_targets(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: OfRule = input(body)?;
        let mut constraints = Constraints::new();
        check_name(&mut constraints, &input.rule, "rule");
        check_count(&mut constraints, input.ids.len(), "ids");
        for (index, id) in input.ids.iter().enumerate() {
            check_name(&mut constraints, id, &format!("ids.{}.member", index + 1));
        }
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        self.change(&call.region, &input.rule, |rules| {
            let rule = rule_mut(rules, &input.rule)?;
            rule.record.targets.retain(|id, _| !input.ids.contains(id));
            Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
        })
        .await
    }

    pub(super) fn list_targets_by_rule(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: OfRule = input(body)?;
        let mut constraints = Constraints::new();
        check_name(&mut constraints, &input.rule, "rule");
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        self.look(&call.region, |rules| {
            let rule = rules.get(&input.rule).ok_or_else(|| no_rule(&input.rule))?;
            let (page, next_token) = input.page.cut(rule.record.targets.iter().map(|(id, target)| (id.as_str(), json!(target))))?;
            Ok(listing("Targets", page, next_token))
        })
    }

    pub(super) fn list_rule_names_by_target(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: ByTarget = input(body)?;
        let mut constraints = Constraints::new();
        constraints.length(&input.target_arn, "targetArn", 1, 1600);
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        self.look(&call.region, |rules| {
            let has_target = |rule: &super::Rule| rule.record.targets.values().any(|target| target.arn == input.target_arn);
            let found = rules.iter().filter(|(_, rule)| has_target(rule)).map(|(name, _)| (name.as_str(), Value::from(name.as_str())));
            let (page, next_token) = input.page.cut(found)?;
            Ok(listing("RuleNames", page, next_token))
        })
    }
}

/// A list of 1 to 100 members.
fn check_count(constraints: &mut Constraints, count: usize, member: &str) {
    if count == 0 {
        constraints.broken("[]", member, "have length greater than or equal to 1");
    }
    if count > 100 {
        constraints.broken(&format!("[{count} members]"), member, "have length less than or equal to 100");
    }
}

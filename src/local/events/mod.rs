//! EventBridge: rules of the default event bus, their targets, and what makes them fire.
//!
//! Start with [`Events`]; `rules`, `targets` and `tags` are its operations on rules, `bus` takes events
//! in, `ticker` fires schedules, and both deliver by way of `delivery`.

mod bus;
mod delivery;
pub mod expression;
mod input;
mod path;
pub mod pattern;
mod record;
mod rules;
mod tags;
mod targets;
mod ticker;

use super::common::{Call, Common};
use super::disk::{Batch, DiskError};
use super::error::{ApiError, Constraints};
use super::wire::json::unknown_operation;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use record::{Record, Rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

const TABLE: &str = "events.rule";
const DEFAULT_BUS: &str = "default";

/// What EventBridge needs of Lambda.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Whether the function's policy lets `principal` (a service such as `events.amazonaws.com`) invoke it
    /// on behalf of `source_arn`. The function's ARN may end in a version or an alias.
    fn allows(&self, function_arn: &str, principal: &str, source_arn: &str) -> bool;

    /// Takes a payload for an asynchronous invocation, and returns once it is queued.
    ///
    /// # Errors
    /// When there is no such function, or it cannot take the payload.
    async fn invoke(&self, function_arn: &str, payload: String) -> Result<(), ApiError>;
}

/// The rules of one region, by name.
type Rules = BTreeMap<String, Rule>;

/// The service.
pub struct Events {
    common: Common,
    functions: Arc<dyn Functions>,
    /// By region.
    regions: Mutex<BTreeMap<String, Rules>>,
    /// Wakes the ticker when rules change.
    changed: Notify,
}

impl Events {
    /// Reads the rules from disk.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(common: Common, functions: Arc<dyn Functions>) -> Result<Self, DiskError> {
        let mut regions: BTreeMap<String, Rules> = BTreeMap::new();
        for (_, record) in common.disk.load::<Record>(TABLE)? {
            regions.entry(record.region.clone()).or_default().insert(record.name.clone(), Rule::new(record));
        }
        Ok(Self { common, functions, regions: Mutex::new(regions), changed: Notify::new() })
    }

    /// Answers a call; `operation` is what follows `AWSEvents.` in the header `X-Amz-Target`.
    ///
    /// # Errors
    /// Refusals as AWS's, and `UnknownOperationException` for operations that the cloud lacks.
    pub async fn call(&self, call: &Call, operation: &str, body: Value) -> Result<Value, ApiError> {
        match operation {
            "PutRule" => self.put_rule(call, body).await,
            "DescribeRule" => self.describe_rule(call, body),
            "ListRules" => self.list_rules(call, body),
            "DeleteRule" => self.delete_rule(call, body).await,
            "EnableRule" => self.set_state(call, body, record::ENABLED).await,
            "DisableRule" => self.set_state(call, body, record::DISABLED).await,
            "PutTargets" => self.put_targets(call, body).await,
            "RemoveTargets" => self.remove_targets(call, body).await,
            "ListTargetsByRule" => self.list_targets_by_rule(call, body),
            "ListRuleNamesByTarget" => self.list_rule_names_by_target(call, body),
            "TagResource" => self.tag_resource(call, body).await,
            "UntagResource" => self.untag_resource(call, body).await,
            "ListTagsForResource" => self.list_tags_for_resource(call, body),
            "PutEvents" => self.put_events(call, body).await,
            "TestEventPattern" => bus::test_event_pattern(body),
            "DescribeEventBus" => self.describe_event_bus(call, body),
            "ListEventBuses" => self.list_event_buses(call, body),
            other => Err(unknown_operation(other)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Rules>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the rules of a region.
    fn look<T>(&self, region: &str, look: impl FnOnce(&Rules) -> T) -> T {
        let regions = self.lock();
        look(regions.get(region).unwrap_or(&Rules::new()))
    }

    /// Changes one rule of a region and answers once that is on disk. The change refuses before it touches anything.
    async fn change(
        &self,
        region: &str,
        name: &str,
        change: impl FnOnce(&mut Rules) -> Result<Value, ApiError> + Send,
    ) -> Result<Value, ApiError> {
        let (answer, saved) = {
            let mut regions = self.lock();
            let rules = regions.entry(region.to_owned()).or_default();
            let answer = change(rules)?;
            let key = format!("{region}/{name}");
            let batch = match rules.get(name) {
                Some(rule) => Batch::new().put(TABLE, &key, &rule.record),
                None => Batch::new().delete(TABLE, &key),
            };
            (answer, self.common.disk.commit(batch))
        };
        saved.wait().await?;
        self.changed.notify_one();
        Ok(answer)
    }

    /// `arn:aws:events:REGION:ACCOUNT:` and what follows.
    fn arn(&self, region: &str, resource: &str) -> String {
        format!("arn:aws:events:{region}:{}:{resource}", self.common.account)
    }

    fn rule_arn(&self, region: &str, name: &str) -> String {
        self.arn(region, &format!("rule/{name}"))
    }

    /// There is the default bus and no other.
    fn check_bus(&self, call: &Call, bus: Option<&str>) -> Result<(), ApiError> {
        match bus {
            None | Some(DEFAULT_BUS) => Ok(()),
            Some(bus) if bus == self.arn(&call.region, "event-bus/default") => Ok(()),
            Some(bus) => Err(no_bus(bus.rsplit_once(":event-bus/").map_or(bus, |(_, name)| name))),
        }
    }
}

const VALIDATION: &str = "ValidationException";

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, VALIDATION, message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", message)
}

fn no_bus(name: &str) -> ApiError {
    not_found(format!("Event bus {name} does not exist."))
}

fn no_rule(name: &str) -> ApiError {
    not_found(format!("Rule {name} does not exist on EventBus {DEFAULT_BUS}."))
}

fn too_many() -> ApiError {
    ApiError::new(400, "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
}

/// A rule's name or a target's id: 1 to 64 letters, digits, `.`, `-` and `_`.
fn check_name(constraints: &mut Constraints, name: &str, member: &str) {
    constraints.length(name, member, 1, 64);
    constraints
        .pattern(name, member, r"[\.\-_A-Za-z0-9]+", |character| character.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&character));
}

const MOST_OF_A_PAGE: i64 = 100;

/// Which page of a list is wanted.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    next_token: Option<String>,
    limit: Option<i64>,
}

impl Page {
    /// The page's part of a list that is sorted by key, and the token of the next page.
    ///
    /// # Errors
    /// A limit out of range, or a token that no page gave.
    fn cut<'a, T>(&self, items: impl Iterator<Item = (&'a str, T)>) -> Result<(Vec<T>, Option<String>), ApiError> {
        let limit = self.limit.unwrap_or(MOST_OF_A_PAGE);
        let mut constraints = Constraints::new();
        constraints.range(limit, "limit", 1, MOST_OF_A_PAGE);
        constraints.check(400, VALIDATION)?;
        let read = |token: &String| STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = match &self.next_token {
            Some(token) => read(token).ok_or_else(|| invalid("Parameter NextToken is not valid."))?,
            None => String::new(),
        };
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut rest = items.skip_while(|(key, _)| self.next_token.is_some() && *key <= last.as_str()).peekable();
        let (mut page, mut last) = (Vec::new(), "");
        while page.len() < limit
            && let Some((key, item)) = rest.next()
        {
            last = key;
            page.push(item);
        }
        Ok((page, rest.peek().is_some().then(|| STANDARD.encode(last))))
    }
}

/// A list's answer.
fn listing(member: &str, items: Vec<Value>, next_token: Option<String>) -> Value {
    let mut answer = json!({ member: items });
    if let Some(token) = next_token {
        answer["NextToken"] = token.into();
    }
    answer
}

#[cfg(test)]
mod tests;

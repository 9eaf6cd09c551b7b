//! Operations on rules.

use super::expression::Expression;
use super::pattern::Pattern;
use super::record::{DISABLED, ENABLED, ENABLED_WITH_MANAGEMENT_EVENTS, Record, Rule};
use super::tags::{self, Tag};
use super::{DEFAULT_BUS, Events, Page, Rules, VALIDATION, check_name, invalid, listing, no_rule, too_many};
use crate::local::common::Call;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::input;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Most rules of a bus. Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
fn most_rules(region: &str) -> usize {
    if ["af-south-1", "eu-south-1"].contains(&region) { 100 } else { 300 }
}

/// Most bytes of a pattern: what AWS enforces, though its model says 4,096.
const MOST_BYTES_OF_A_PATTERN: usize = 2048;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutRule {
    name: String,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    tags: Vec<Tag>,
    event_bus_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct OneRule {
    name: String,
    event_bus_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ListRules {
    name_prefix: Option<String>,
    event_bus_name: Option<String>,
    #[serde(flatten)]
    page: Page,
}

impl Events {
    /// Makes a rule, or replaces it: what is left out is gone. Targets stay, and so do the tags of a rule that was there.
    pub(super) async fn put_rule(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: PutRule = input(body)?;
        input.check_members()?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        let mut record = input.record()?;
        record.region.clone_from(&call.region);
        let (now_ms, name) = (self.common.clock.now_ms(), record.name.clone());
        let answer = json!({"RuleArn": self.rule_arn(&call.region, &name)});
        self.change(&call.region, &name.clone(), move |rules| {
            record.anchor_ms = now_ms;
            match rules.get(&name) {
                None if rules.len() >= most_rules(&call.region) => return Err(too_many()),
                None => {}
                Some(old) => keep(&mut record, old),
            }
            rules.insert(name, Rule::new(record));
            Ok(answer)
        })
        .await
    }

    pub(super) fn describe_rule(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input = self.one_rule(call, body)?;
        self.look(&call.region, |rules| {
            let rule = rules.get(&input.name).ok_or_else(|| no_rule(&input.name))?;
            let mut members = self.members(rule);
            members.insert("CreatedBy".into(), self.common.account.clone().into());
            Ok(Value::Object(members))
        })
    }

    pub(super) fn list_rules(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: ListRules = input(body)?;
        let mut constraints = Constraints::new();
        if let Some(prefix) = &input.name_prefix {
            check_name(&mut constraints, prefix, "namePrefix");
        }
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        let prefix = input.name_prefix.unwrap_or_default();
        self.look(&call.region, |rules| {
            let found = rules.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(name, rule)| (name.as_str(), rule));
            let (page, next_token) = input.page.cut(found)?;
            Ok(listing("Rules", page.into_iter().map(|rule| Value::Object(self.members(rule))).collect(), next_token))
        })
    }

    /// A rule that is not there is deleted.
    pub(super) async fn delete_rule(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let name = self.one_rule(call, body)?.name;
        self.change(&call.region, &name, |rules| match rules.get(&name) {
            Some(rule) if !rule.record.targets.is_empty() => Err(invalid("Rule can't be deleted since it has targets.")),
            _ => {
                rules.remove(&name);
                Ok(json!({}))
            }
        })
        .await
    }

    pub(super) async fn set_state(&self, call: &Call, body: Value, state: &str) -> Result<Value, ApiError> {
        let name = self.one_rule(call, body)?.name;
        let now_ms = self.common.clock.now_ms();
        self.change(&call.region, &name, |rules| {
            let rule = rule_mut(rules, &name)?;
            if rule.is_enabled() != (state == ENABLED) {
                rule.record.state = state.into();
                rule.record.anchor_ms = now_ms;
            }
            Ok(json!({}))
        })
        .await
    }

    fn one_rule(&self, call: &Call, body: Value) -> Result<OneRule, ApiError> {
        let input: OneRule = input(body)?;
        let mut constraints = Constraints::new();
        check_name(&mut constraints, &input.name, "name");
        constraints.check(400, VALIDATION)?;
        self.check_bus(call, input.event_bus_name.as_deref())?;
        Ok(input)
    }

    /// A rule as lists show it.
    fn members(&self, rule: &Rule) -> Map<String, Value> {
        let record = &rule.record;
        let members = [
            ("Name", Some(record.name.clone())),
            ("Arn", Some(self.rule_arn(&record.region, &record.name))),
            ("EventPattern", record.event_pattern.clone()),
            ("State", Some(record.state.clone())),
            ("Description", record.description.clone()),
            ("ScheduleExpression", record.schedule_expression.clone()),
            ("RoleArn", record.role_arn.clone()),
            ("EventBusName", Some(DEFAULT_BUS.to_owned())),
        ];
        members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?.into()))).collect()
    }
}

/// A rule that must be there.
pub(super) fn rule_mut<'a>(rules: &'a mut Rules, name: &str) -> Result<&'a mut Rule, ApiError> {
    rules.get_mut(name).ok_or_else(|| no_rule(name))
}

/// What a rule keeps when it is put again; its rate goes on as it was if it did before.
fn keep(record: &mut Record, old: &Rule) {
    record.targets.clone_from(&old.record.targets);
    record.tags.clone_from(&old.record.tags);
    if old.is_enabled() && old.record.schedule_expression == record.schedule_expression {
        record.anchor_ms = old.record.anchor_ms;
    }
}

impl PutRule {
    fn check_members(&self) -> Result<(), ApiError> {
        let mut constraints = Constraints::new();
        check_name(&mut constraints, &self.name, "name");
        let texts = [
            (&self.schedule_expression, "scheduleExpression", 0, 256),
            (&self.event_pattern, "eventPattern", 0, 4096),
            (&self.description, "description", 0, 512),
            (&self.role_arn, "roleArn", 1, 1600),
        ];
        for (text, member, shortest, longest) in texts {
            if let Some(text) = text {
                constraints.length(text, member, shortest, longest);
            }
        }
        if let Some(state) = &self.state {
            constraints.one_of(state, "state", &[ENABLED, DISABLED, ENABLED_WITH_MANAGEMENT_EVENTS]);
        }
        tags::check_members(&mut constraints, &self.tags);
        constraints.check(400, VALIDATION)
    }

    /// The rule that is asked for, without region and anchor.
    fn record(self) -> Result<Record, ApiError> {
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (schedule_expression, event_pattern) = (present(self.schedule_expression), present(self.event_pattern));
        // An empty pattern is none: it would match everything.
        let event_pattern = event_pattern.filter(|text| !is_empty_object(text));
        if schedule_expression.is_none() && event_pattern.is_none() {
            return Err(invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
        }
        if let Some(pattern) = &event_pattern {
            check_pattern(pattern, &self.name)?;
        }
        if let Some(expression) = &schedule_expression {
            Expression::parse(expression).map_err(|error| invalid(error.to_string()))?;
        }
        Ok(Record {
            name: self.name,
            state: self.state.unwrap_or_else(|| ENABLED.to_owned()),
            schedule_expression,
            event_pattern,
            description: present(self.description),
            role_arn: self.role_arn,
            tags: tags::merged(self.tags)?,
            ..Record::default()
        })
    }
}

fn is_empty_object(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.as_object().is_some_and(Map::is_empty))
}

fn check_pattern(pattern: &str, rule: &str) -> Result<(), ApiError> {
    if pattern.len() > MOST_BYTES_OF_A_PATTERN {
        return Err(invalid(format!("Parameter EventPattern for rule {rule} exceeds limit of {MOST_BYTES_OF_A_PATTERN}.")));
    }
    let refused = |error: super::pattern::InvalidPattern| ApiError::new(400, "InvalidEventPatternException", error.to_string());
    Pattern::parse(pattern).map(drop).map_err(refused)
}

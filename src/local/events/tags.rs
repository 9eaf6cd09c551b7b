//! Tags of rules.

use super::rules::rule_mut;
use super::{Events, VALIDATION, invalid, no_rule, not_found};
use crate::local::common::Call;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::input;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most tags of a resource. Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-tagging.html>.
const MOST_TAGS: usize = 50;

/// A tag as it comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

/// Lengths of keys and values.
pub(super) fn check_members(constraints: &mut Constraints, tags: &[Tag]) {
    for (index, tag) in tags.iter().enumerate() {
        constraints.length(&tag.key, &format!("tags.{}.member.key", index + 1), 1, 128);
        constraints.length(&tag.value, &format!("tags.{}.member.value", index + 1), 0, 256);
    }
}

/// Tags by key.
///
/// # Errors
/// A key twice, one that is AWS's own, one with odd characters, or too many.
pub(super) fn merged(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut merged = BTreeMap::new();
    for Tag { key, value } in tags {
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Parameter Tags is not valid. Reason: the key {key} begins with aws:, which is reserved.")));
        }
        if !key.chars().chain(value.chars()).all(is_fine) {
            return Err(invalid(format!("Parameter Tags is not valid. Reason: the tag {key} has characters that no tag may have.")));
        }
        if merged.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("Parameter Tags is not valid. Reason: the key {key} is there twice.")));
        }
    }
    check_count(&merged)?;
    Ok(merged)
}

fn is_fine(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MOST_TAGS {
        return Err(invalid(format!("A resource can have {MOST_TAGS} tags at most.")));
    }
    Ok(())
}

impl Events {
    pub(super) async fn tag_resource(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: Input = input(body)?;
        let mut constraints = Constraints::new();
        check_members(&mut constraints, &input.tags);
        constraints.check(400, VALIDATION)?;
        let name = self.tagged_rule(call, &input.resource_arn)?;
        let tags = merged(input.tags)?;
        self.change(&call.region, &name, |rules| {
            let rule = rule_mut(rules, &name)?;
            let mut all = rule.record.tags.clone();
            all.extend(tags);
            check_count(&all)?;
            rule.record.tags = all;
            Ok(json!({}))
        })
        .await
    }

    pub(super) async fn untag_resource(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: Input = input(body)?;
        let name = self.tagged_rule(call, &input.resource_arn)?;
        self.change(&call.region, &name, |rules| {
            let rule = rule_mut(rules, &name)?;
            rule.record.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(json!({}))
        })
        .await
    }

    pub(super) fn list_tags_for_resource(&self, call: &Call, body: Value) -> Result<Value, ApiError> {
        let input: Input = input(body)?;
        let name = self.tagged_rule(call, &input.resource_arn)?;
        self.look(&call.region, |rules| {
            let rule = rules.get(&name).ok_or_else(|| no_rule(&name))?;
            let tags: Vec<Value> = rule.record.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
            Ok(json!({ "Tags": tags }))
        })
    }

    /// The rule that an ARN means.
    fn tagged_rule(&self, call: &Call, arn: &str) -> Result<String, ApiError> {
        if arn.splitn(6, ':').count() != 6 || !arn.starts_with("arn:") {
            return Err(invalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format."));
        }
        let name = arn.strip_prefix(&self.rule_arn(&call.region, "")).filter(|name| !name.contains('/'));
        name.map(str::to_owned).ok_or_else(|| not_found(format!("The local cloud has no rule with the ARN {arn}.")))
    }
}

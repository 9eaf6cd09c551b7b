//! Tags of repositories, in the way of AWS: keys with values.

use super::{Ecr, Input};
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html>
const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// A tag as it comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tag {
    key: String,
    value: String,
}

/// Tags by key, added to those that are there.
///
/// # Errors
/// `InvalidTagParameterException` and `TooManyTagsException`.
pub(super) fn merged(mut tags: BTreeMap<String, String>, more: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    for Tag { key, value } in more {
        let is_fine = |character: char| character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character);
        let has_length = (1..=LONGEST_KEY).contains(&key.chars().count()) && value.chars().count() <= LONGEST_VALUE;
        if !has_length || key.to_lowercase().starts_with("aws:") || !key.chars().chain(value.chars()).all(is_fine) {
            let message = format!("Invalid parameter at 'tags' failed to satisfy constraint: 'the tag {key} is not valid'");
            return Err(ApiError::new(400, "InvalidTagParameterException", message));
        }
        tags.insert(key, value);
    }
    if tags.len() > MOST_TAGS {
        return Err(ApiError::new(400, "TooManyTagsException", format!("A repository can have {MOST_TAGS} tags at most")));
    }
    Ok(tags)
}

impl Ecr {
    pub(super) async fn tag_resource(&self, region: &str, input: Input) -> Result<Value, ApiError> {
        let name = self.name_in(region, input.resource_arn.as_deref())?;
        let more = input.tags.unwrap_or_default();
        self.set(region, &name, |settings| {
            settings.tags = merged(settings.tags.clone(), more)?;
            Ok(json!({}))
        })
        .await
    }

    pub(super) async fn untag_resource(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = self.name_in(region, input.resource_arn.as_deref())?;
        let keys = input.tag_keys.clone().unwrap_or_default();
        self.set(region, &name, |settings| {
            settings.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        })
        .await
    }

    pub(super) fn list_tags(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = self.name_in(region, input.resource_arn.as_deref())?;
        self.look(region, &name, |repository| {
            let tags = repository.settings.tags.iter();
            Ok(json!({ "tags": tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Vec<_>>() }))
        })
    }

    /// The repository that an ARN means.
    fn name_in(&self, region: &str, arn: Option<&str>) -> Result<String, ApiError> {
        let arn = arn.unwrap_or_default();
        let name = arn.strip_prefix(&self.arn(region, "")).filter(|name| !name.is_empty());
        name.map(str::to_owned).ok_or_else(|| {
            let message = format!("Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN: {arn}'");
            ApiError::new(400, "InvalidParameterException", message)
        })
    }
}

//! Tags of groups, by ARN as now and by name as before.

use super::checks::{Checks, MOST_TAGS, check_reserved_tags, name_in_arn, no_group};
use super::groups::alter;
use super::{Asking, Change, Changing};
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The input of TagResource, UntagResource and ListTagsForResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByArn {
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    tag_keys: Option<Vec<String>>,
}

/// The input of TagLogGroup and ListTagsLogGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByName {
    log_group_name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

/// The input of UntagLogGroup, whose `tags` are keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysByName {
    log_group_name: Option<String>,
    tags: Option<Vec<String>>,
}

/// TagResource.
pub fn tag(changing: &mut Changing<'_>, input: ByArn) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let arn = arn(&mut checks, &input);
    checks.required_tags(input.tags.as_ref());
    checks.end()?;
    let name = name_in_arn(changing.common, changing.region, arn)?;
    let refusal = |message: String| {
        let resource = arn.to_owned();
        ApiError::new(400, "TooManyTagsException", message).with("resourceName", resource)
    };
    add(changing, name, input.tags.clone().unwrap_or_default(), refusal)
}

/// TagLogGroup.
pub fn tag_group(changing: &mut Changing<'_>, input: ByName) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let name = checks.group_name("logGroupName", input.log_group_name.as_ref());
    checks.required_tags(input.tags.as_ref());
    checks.end()?;
    add(changing, name, input.tags.clone().unwrap_or_default(), super::checks::invalid)
}

fn add(
    changing: &mut Changing<'_>,
    name: &str,
    tags: BTreeMap<String, String>,
    refusal: impl FnOnce(String) -> ApiError,
) -> Result<Change, ApiError> {
    check_reserved_tags(tags.keys())?;
    let group = changing.state.group(changing.region, name).ok_or_else(no_group)?;
    let new = tags.keys().filter(|key| !group.record.tags.contains_key(*key)).count();
    if group.record.tags.len() + new > MOST_TAGS {
        return Err(refusal(format!("The number of tags exceeds the limit of {MOST_TAGS}.")));
    }
    alter(changing, name, |record| record.tags.extend(tags))
}

/// UntagResource.
pub fn untag(changing: &mut Changing<'_>, input: ByArn) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let arn = arn(&mut checks, &input);
    checks.tag_keys("tagKeys", input.tag_keys.as_ref(), 0);
    checks.end()?;
    let name = name_in_arn(changing.common, changing.region, arn)?;
    remove(changing, name, input.tag_keys.as_deref().unwrap_or_default())
}

/// UntagLogGroup.
pub fn untag_group(changing: &mut Changing<'_>, input: KeysByName) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let name = checks.group_name("logGroupName", input.log_group_name.as_ref());
    checks.tag_keys("tags", input.tags.as_ref(), 1);
    checks.end()?;
    remove(changing, name, input.tags.as_deref().unwrap_or_default())
}

fn remove(changing: &mut Changing<'_>, name: &str, keys: &[String]) -> Result<Change, ApiError> {
    alter(changing, name, |record| record.tags.retain(|key, _| !keys.contains(key)))
}

/// ListTagsForResource.
pub fn list(asking: &Asking<'_>, input: ByArn) -> Result<Value, ApiError> {
    let mut checks = Checks::default();
    let arn = arn(&mut checks, &input);
    checks.end()?;
    tags_of(asking, name_in_arn(asking.common, asking.region, arn)?)
}

/// ListTagsLogGroup.
pub fn list_group(asking: &Asking<'_>, input: ByName) -> Result<Value, ApiError> {
    let mut checks = Checks::default();
    let name = checks.group_name("logGroupName", input.log_group_name.as_ref());
    checks.end()?;
    tags_of(asking, name)
}

fn tags_of(asking: &Asking<'_>, name: &str) -> Result<Value, ApiError> {
    let group = asking.state.group(asking.region, name).ok_or_else(no_group)?;
    Ok(json!({ "tags": group.record.tags }))
}

/// An ARN without the `:*` of other operations: its pattern has no asterisk.
fn arn<'a>(checks: &mut Checks, input: &'a ByArn) -> &'a str {
    checks.identifier("resourceArn", input.resource_arn.as_ref(), 1011, "")
}

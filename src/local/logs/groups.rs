//! Log groups: made, changed, deleted.

use super::checks::{Checks, check_kms_key, check_reserved_tags, invalid, name_in_identifier, no_group};
use super::state::{Group, GroupRecord, delete_group, put_group};
use super::{Change, Changing};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The classes of groups.
pub const CLASSES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];

/// How long a DELIVERY group keeps its events; AWS does not let it be chosen.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
const DELIVERY_RETENTION_DAYS: i64 = 2;

/// The input of CreateLogGroup.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    log_group_name: Option<String>,
    kms_key_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    log_group_class: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

impl Create {
    /// A group of that name with all defaults.
    pub fn plain(name: &str) -> Self {
        Self { log_group_name: Some(name.to_owned()), ..Self::default() }
    }
}

/// CreateLogGroup.
pub fn create(changing: &mut Changing<'_>, input: Create) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let name = checks.group_name("logGroupName", input.log_group_name.as_ref()).to_owned();
    checks.kms_key(input.kms_key_id.as_ref());
    checks.tags(input.tags.as_ref());
    checks.one_of("logGroupClass", input.log_group_class.as_ref(), &CLASSES);
    checks.end()?;
    if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws/")) {
        return Err(invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    let tags = input.tags.unwrap_or_default();
    check_reserved_tags(tags.keys())?;
    check_kms_key(changing.region, input.kms_key_id.as_ref())?;
    if changing.state.group(changing.region, &name).is_some() {
        return Err(ApiError::new(400, "ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let class = input.log_group_class.unwrap_or_else(|| CLASSES[0].to_owned());
    let record = GroupRecord {
        id: changing.state.next_id(),
        created_ms: changing.common.clock.now_ms(),
        retention_in_days: (class == "DELIVERY").then_some(DELIVERY_RETENTION_DAYS),
        class,
        kms_key_id: input.kms_key_id.filter(|key| !key.is_empty()),
        deletion_protection_enabled: input.deletion_protection_enabled.unwrap_or_default(),
        tags,
    };
    let batch = put_group(Batch::new(), changing.region, &name, &record);
    changing.state.groups_mut(changing.region).insert(name, Group::new(record, Vec::new()));
    Ok(Change::of(batch))
}

/// The input of operations that need no more than a name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    log_group_name: Option<String>,
}

impl Named {
    fn name(&self) -> Result<&str, ApiError> {
        let mut checks = Checks::default();
        let name = checks.group_name("logGroupName", self.log_group_name.as_ref());
        checks.end().map(|()| name)
    }
}

/// DeleteLogGroup.
pub fn delete(changing: &mut Changing<'_>, input: Named) -> Result<Change, ApiError> {
    let name = input.name()?;
    let group = changing.state.group(changing.region, name).ok_or_else(no_group)?;
    if group.record.deletion_protection_enabled {
        return Err(protected("log group"));
    }
    let (batch, removed) = delete_group(Batch::new(), changing.region, name, group);
    changing.state.groups_mut(changing.region).remove(name);
    Ok(Change::of(batch).then_remove(removed))
}

/// The refusal of whatever deletes in a protected group.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protecting-log-groups-from-deletion.html>
pub fn protected(what: &str) -> ApiError {
    let message = format!("Cannot delete {what} with deletion protection enabled. Disable deletion protection first.");
    ApiError::new(400, "ValidationException", message)
}

/// The input of PutRetentionPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    log_group_name: Option<String>,
    retention_in_days: Option<i64>,
}

/// PutRetentionPolicy.
pub fn put_retention(changing: &mut Changing<'_>, input: Retention) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let name = checks.group_name("logGroupName", input.log_group_name.as_ref());
    let days = checks.retention(input.retention_in_days);
    checks.end()?;
    set_retention(changing, name, Some(days))
}

/// DeleteRetentionPolicy.
pub fn delete_retention(changing: &mut Changing<'_>, input: Named) -> Result<Change, ApiError> {
    set_retention(changing, input.name()?, None)
}

fn set_retention(changing: &mut Changing<'_>, name: &str, days: Option<i64>) -> Result<Change, ApiError> {
    let group = changing.state.group(changing.region, name).ok_or_else(no_group)?;
    if group.record.class == "DELIVERY" {
        return Err(invalid("The retention of a log group of the class DELIVERY is 2 days and cannot be changed"));
    }
    let change = alter(changing, name, |record| record.retention_in_days = days)?;
    Ok(change.then_expire(name))
}

/// The input of AssociateKmsKey and DisassociateKmsKey.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    log_group_name: Option<String>,
    resource_identifier: Option<String>,
    kms_key_id: Option<String>,
}

/// AssociateKmsKey.
pub fn associate_key(changing: &mut Changing<'_>, input: Key) -> Result<Change, ApiError> {
    if input.kms_key_id.as_ref().is_none_or(String::is_empty) {
        let mut checks = Checks::default();
        checks.missing("kmsKeyId");
        checks.end()?;
    }
    check_kms_key(changing.region, input.kms_key_id.as_ref())?;
    set_key(changing, &input, input.kms_key_id.clone())
}

/// DisassociateKmsKey.
pub fn disassociate_key(changing: &mut Changing<'_>, input: Key) -> Result<Change, ApiError> {
    set_key(changing, &input, None)
}

fn set_key(changing: &mut Changing<'_>, input: &Key, key: Option<String>) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    checks.kms_key(key.as_ref());
    let text = match (&input.log_group_name, &input.resource_identifier) {
        (Some(_), None) => checks.group_name("logGroupName", input.log_group_name.as_ref()),
        (None, Some(_)) => checks.identifier("resourceIdentifier", input.resource_identifier.as_ref(), 2048, "#*"),
        _ => return Err(invalid("Exactly one of logGroupName and resourceIdentifier must be specified")),
    };
    checks.end()?;
    let name = name_in_identifier(changing.common, changing.region, text)?;
    alter(changing, name, |record| record.kms_key_id = key)
}

/// The input of PutLogGroupDeletionProtection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    log_group_identifier: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

/// PutLogGroupDeletionProtection.
pub fn put_protection(changing: &mut Changing<'_>, input: Protection) -> Result<Change, ApiError> {
    let mut checks = Checks::default();
    let identifier = checks.identifier("logGroupIdentifier", input.log_group_identifier.as_ref(), 2048, "#");
    let is_on = checks.flag("deletionProtectionEnabled", input.deletion_protection_enabled);
    checks.end()?;
    let name = name_in_identifier(changing.common, changing.region, identifier)?;
    alter(changing, name, |record| record.deletion_protection_enabled = is_on)
}

/// Changes a group's record, in memory and for the disk.
///
/// # Errors
/// `ResourceNotFoundException`.
pub fn alter(changing: &mut Changing<'_>, name: &str, change: impl FnOnce(&mut GroupRecord)) -> Result<Change, ApiError> {
    let group = changing.state.group_mut(changing.region, name).ok_or_else(no_group)?;
    change(&mut group.record);
    Ok(Change::of(put_group(Batch::new(), changing.region, name, &group.record)))
}

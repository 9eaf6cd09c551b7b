//! Reading log groups: by what their names have in common, and their tags where they are asked for.

use super::fields::{FIELDS, NEVER};
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::reading::{common_prefix, in_turn, sighting, unchecked};
use crate::kinds::{ReadTarget, tagging};
use crate::model::{Live, Path, PhysicalId, Sighting, Table, Value};
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::builders::DescribeLogGroupsInputBuilder;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};
use std::collections::BTreeMap;

/// The most groups that one `DescribeLogGroups` shows.
const PAGE: i32 = 50;
/// Tag reads that go on at the same time; the quota sets the pace.
const PARALLEL: usize = 5;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let names: Vec<&str> = targets.iter().map(|target| target.physical_id.as_str()).collect();
    let known: Vec<&str> = targets.iter().filter(|target| target.applied.is_some()).map(|target| target.physical_id.as_str()).collect();
    let groups = match describe(reader, &names, &known).await {
        Ok(groups) => groups,
        Err(error) => return targets.iter().map(|_| sighting(&error)).collect(),
    };
    in_turn(targets, PARALLEL, |target| Box::pin(seen(reader, target, groups.get(target.physical_id.as_str())))).await
}

/// The groups with these names: by their common prefix as long as that is cheaper than one by one.
/// A known one that the list does not show is looked for again: it may have been made a moment ago.
async fn describe(reader: &Reader, names: &[&str], known: &[&str]) -> Result<BTreeMap<String, LogGroup>, AwsError> {
    let mut found = BTreeMap::new();
    let is_complete = under(reader, common_prefix(names), names, names.len(), &mut found).await?;
    for name in if is_complete { known } else { names } {
        if !found.contains_key(*name) && (names.len() > 1 || !is_complete) {
            found.extend(find(reader, name).await?.map(|group| ((*name).to_owned(), group)));
        }
    }
    Ok(found)
}

/// The group of this name, where there is one.
///
/// # Errors
/// What AWS refused.
pub(super) async fn find(reader: &Reader, name: &str) -> Result<Option<LogGroup>, AwsError> {
    let mut found = BTreeMap::new();
    under(reader, name, &[name], usize::MAX, &mut found).await?;
    Ok(found.remove(name))
}

/// Collects the wanted groups under a prefix from up to so many pages; says whether it saw all there are.
async fn under(
    reader: &Reader,
    prefix: &str,
    names: &[&str],
    most_pages: usize,
    found: &mut BTreeMap<String, LogGroup>,
) -> Result<bool, AwsError> {
    let last = names.iter().max().copied().unwrap_or_default();
    let mut pages = Pages::of("logs:DescribeLogGroups");
    for _ in 0..most_pages {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let input = DescribeLogGroupsInputBuilder::default().set_log_group_name_prefix(prefix).limit(PAGE).set_next_token(pages.token());
        let page = reader.describe_log_groups(input).await?;
        let groups = page.log_groups.unwrap_or_default();
        // AWS answers in the order of the names.
        let is_past = groups.last().and_then(LogGroup::log_group_name).is_some_and(|name| name > last);
        let named = groups.into_iter().filter_map(|group| Some((group.log_group_name()?.to_owned(), group)));
        found.extend(named.filter(|(name, _)| names.contains(&name.as_str())));
        if is_past || names.iter().all(|name| found.contains_key(*name)) || !pages.go_on(page.next_token)? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn seen(reader: &Reader, target: &ReadTarget<'_>, group: Option<&LogGroup>) -> Sighting {
    let Some(group) = group else { return Sighting::Missing };
    let mut live = live(group, target.physical_id);
    if target.is_read_deeply() || !target.stays_as_applied(FIELDS, &live) {
        let arn = live.attributes.get("arn").and_then(Value::as_str).map(str::to_owned);
        match reader.list_tags_for_log_group(ListTagsForResourceInputBuilder::default().set_resource_arn(arn)).await {
            Ok(answer) => tagging::show(&mut live, answer.tags.unwrap_or_default()),
            Err(error) if error.is_not_found() => return Sighting::Missing,
            Err(error) => live.unchecked.push(unchecked(Path::key("tags"), &error)),
        }
    } else {
        live.skipped.push(Path::key("tags"));
    }
    Sighting::Found(live)
}

/// What `DescribeLogGroups` shows of a group.
fn live(group: &LogGroup, physical_id: &PhysicalId) -> Live {
    let mut live = Live::new(physical_id.clone());
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
    let name = group.log_group_name().unwrap_or_default();
    // The `arn` of a group ends in `:*`, which only some actions take.
    live.attributes =
        Table::from_iter([("arn".to_owned(), arn.strip_suffix(":*").unwrap_or(arn).into()), ("name".to_owned(), name.into())]);
    live.fields.insert("log_group_name".into(), name.into());
    match group.log_group_class() {
        // A class that came after this version can be neither asked for nor changed.
        Some(class) if !LogGroupClass::values().contains(&class.as_str()) => live.skipped.push(Path::key("log_group_class")),
        class => drop(live.fields.insert("log_group_class".into(), class.map_or("STANDARD", LogGroupClass::as_str).into())),
    }
    if group.deletion_protection_enabled() == Some(true) {
        live.undeletable = Some("its deletion protection is on in AWS".to_owned());
    }
    live.fields.extend(group.kms_key_id().map(|key| ("kms_key_id".to_owned(), key.into())));
    match group.retention_policy_name() {
        // The account's policy overrides the group's own retention, which then cannot be read.
        Some(policy) => {
            live.skipped.push(Path::key("retention_in_days"));
            live.remarks.push(format!("the retention comes from the account's policy `{policy}`"));
        }
        None => {
            let days = group.retention_in_days().map_or_else(|| NEVER.into(), |days| Value::from(i64::from(days)));
            live.fields.insert("retention_in_days".into(), days);
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> aws_sdk_cloudwatchlogs::types::builders::LogGroupBuilder {
        LogGroup::builder().log_group_name("/g").arn("arn:aws:logs:r:1:log-group:/g:*")
    }

    #[test]
    fn a_live_group_is_read_in_the_words_of_the_spec() {
        let live_of = |group: LogGroup| live(&group, &"/g".into());
        insta::assert_snapshot!(serde_json::to_string(&live_of(group().build()).fields).unwrap(), @r#"{"log_group_class":"STANDARD","log_group_name":"/g","retention_in_days":"never"}"#);
        let full = live_of(group().retention_in_days(7).kms_key_id("arn:key").log_group_class(LogGroupClass::InfrequentAccess).build());
        insta::assert_snapshot!(serde_json::to_string(&full.fields).unwrap(), @r#"{"kms_key_id":"arn:key","log_group_class":"INFREQUENT_ACCESS","log_group_name":"/g","retention_in_days":7}"#);
        assert_eq!(full.attributes[&"arn".to_owned()], Value::from("arn:aws:logs:r:1:log-group:/g"));
    }

    #[test]
    fn a_class_of_the_future_is_no_drift_and_deletion_protection_is_seen() {
        let live = live(&group().log_group_class("GLACIER".into()).deletion_protection_enabled(true).build(), &"/g".into());
        assert!(live.is_unread(&Path::key("log_group_class")) && !live.fields.contains_key("log_group_class"));
        assert_eq!(live.undeletable.as_deref(), Some("its deletion protection is on in AWS"));
    }

    #[test]
    fn a_retention_of_the_account_is_no_drift() {
        let live = live(&group().retention_in_days(7).retention_policy_name("all").build(), &"/g".into());
        assert!(live.is_unread(&Path::key("retention_in_days")) && !live.fields.contains_key("retention_in_days"));
        insta::assert_snapshot!(live.remarks.join(""), @"the retention comes from the account's policy `all`");
    }
}

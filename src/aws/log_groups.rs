//! The log groups of a whole account and region: reading them page by page, and changing single ones.

use super::error::AwsError;
use super::pages::Pages;
use super::reader::Reader;
use super::writer::Writer;
use crate::model::log_group::LogGroup;
use aws_sdk_cloudwatchlogs::operation::delete_log_group::builders::DeleteLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::builders::DescribeLogGroupsInputBuilder;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::builders::FilterLogEventsInputBuilder;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::builders::PutRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroup as Described;
use aws_sdk_lambda::operation::list_functions::builders::ListFunctionsInputBuilder;
use std::collections::BTreeMap;

/// The most groups that one `DescribeLogGroups` shows.
const PAGE: i32 = 50;
/// So many pages without a line are enough: a group that holds lines somewhere else stays.
const EVENT_PAGES_MAX: usize = 20;

impl Reader {
    /// Hands over all log groups whose names begin with `prefix`, in pages of up to fifty.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn log_groups(&self, prefix: &str, mut take: impl FnMut(Vec<LogGroup>) + Send) -> Result<(), AwsError> {
        let mut pages = Pages::of("logs:DescribeLogGroups");
        loop {
            let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
            let input =
                DescribeLogGroupsInputBuilder::default().set_log_group_name_prefix(prefix).limit(PAGE).set_next_token(pages.token());
            let page = self.describe_log_groups(input).await?;
            take(page.log_groups.unwrap_or_default().into_iter().map(shown).collect());
            if !pages.go_on(page.next_token)? {
                return Ok(());
            }
        }
    }

    /// The log group of this name, where there is one.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn log_group(&self, name: &str) -> Result<Option<LogGroup>, AwsError> {
        // What begins with the whole name stands in its order, the name itself first.
        let input = DescribeLogGroupsInputBuilder::default().log_group_name_prefix(name).limit(PAGE);
        let groups = self.describe_log_groups(input).await?.log_groups.unwrap_or_default();
        Ok(groups.into_iter().find(|group| group.log_group_name() == Some(name)).map(shown))
    }

    /// The tags of a log group.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn log_group_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let answer = self.list_tags_for_log_group(ListTagsForResourceInputBuilder::default().resource_arn(arn)).await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    /// Whether a log group holds no line at all. The number of stored bytes comes hours late, so it alone does not tell.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn holds_no_line(&self, group: &str) -> Result<bool, AwsError> {
        let mut token = None;
        for _ in 0..EVENT_PAGES_MAX {
            let input = FilterLogEventsInputBuilder::default().log_group_name(group).limit(1).set_next_token(token.clone());
            let page = self.filter_log_events(input).await?;
            if !page.events.unwrap_or_default().is_empty() {
                return Ok(false);
            }
            let next = page.next_token.filter(|next| !next.is_empty());
            if next.is_none() || next == token {
                return Ok(true);
            }
            token = next;
        }
        Ok(false)
    }

    /// The functions of the account and region, by the name of the log group that they write to.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn functions_by_log_group(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let (mut found, mut pages) = (BTreeMap::new(), Pages::of("lambda:ListFunctions"));
        loop {
            let page = self.list_functions(ListFunctionsInputBuilder::default().set_marker(pages.token())).await?;
            for function in page.functions.unwrap_or_default() {
                let Some(name) = function.function_name else { continue };
                // Versions that were published before may still write to the usual one.
                let configured = function.logging_config.and_then(|config| config.log_group);
                let usual = format!("/aws/lambda/{name}");
                found.extend(configured.into_iter().chain([usual]).map(|group| (group, name.clone())));
            }
            if !pages.go_on(page.next_marker)? {
                return Ok(found);
            }
        }
    }
}

impl Writer {
    /// Lets a log group delete its lines after so many days.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn retain_log_group(&self, name: &str, days: i64) -> Result<(), AwsError> {
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        self.put_retention_policy(PutRetentionPolicyInputBuilder::default().log_group_name(name).retention_in_days(days)).await.map(drop)
    }

    /// Deletes a log group and all that is in it.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn remove_log_group(&self, name: &str) -> Result<(), AwsError> {
        self.delete_log_group(DeleteLogGroupInputBuilder::default().log_group_name(name)).await.map(drop)
    }
}

fn shown(group: Described) -> LogGroup {
    let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
    LogGroup {
        name: group.log_group_name.unwrap_or_default(),
        // The `arn` of a group ends in `:*`, which only some actions take.
        arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
        class: group.log_group_class.map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned()),
        retention_in_days: group.retention_in_days.map(i64::from),
        created_ms: group.creation_time.unwrap_or_default(),
        stored_bytes: group.stored_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
        is_protected: group.deletion_protection_enabled == Some(true),
    }
}

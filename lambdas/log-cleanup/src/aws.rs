//! The calls to CloudWatch Logs.

use std::error::Error;
use std::iter::successors;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};

use crate::clean::{Change, LogGroups, Page};
use crate::decide::Group;

/// The most that DescribeLogGroups gives.
const PAGE_SIZE: i32 = 50;

impl LogGroups for Client {
    async fn page(&self, token: Option<String>) -> Result<Page, String> {
        let page = self.describe_log_groups().limit(PAGE_SIZE).set_next_token(token).send().await.map_err(|error| text(&error))?;
        Ok(Page { groups: page.log_groups.unwrap_or_default().into_iter().filter_map(group).collect(), next_token: page.next_token })
    }

    async fn set_retention(&self, name: &str, days: i32) -> Result<Change, String> {
        change(self.put_retention_policy().log_group_name(name).retention_in_days(days).send().await)
    }

    async fn delete(&self, name: &str) -> Result<Change, String> {
        change(self.delete_log_group().log_group_name(name).send().await)
    }
}

/// Nothing can be done with a group without a name.
fn group(group: LogGroup) -> Option<Group> {
    Some(Group {
        created_ms: group.creation_time,
        retention_days: group.retention_in_days,
        stored_bytes: group.stored_bytes,
        retention_is_settable: matches!(group.log_group_class, None | Some(LogGroupClass::Standard | LogGroupClass::InfrequentAccess)),
        follows_account_policy: group.retention_policy_name.is_some(),
        is_deletion_protected: group.deletion_protection_enabled == Some(true),
        name: group.log_group_name?,
    })
}

fn change<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Result<Change, String>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match answer {
        Ok(_) => Ok(Change::Done),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(Change::Gone),
        Err(error) => Err(text(&error)),
    }
}

/// AWS's code and message, or the causes from the outside in where AWS did not answer.
fn text<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or("no message")),
        None => successors(Some(error as &dyn Error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": "),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::error::ErrorMetadata;
    use aws_sdk_cloudwatchlogs::operation::delete_log_group::DeleteLogGroupError;

    use super::*;

    fn refused(code: &str) -> SdkError<DeleteLogGroupError, ()> {
        SdkError::service_error(DeleteLogGroupError::generic(ErrorMetadata::builder().code(code).message("not now").build()), ())
    }

    #[test]
    fn a_group_that_is_gone_is_no_error_and_a_refusal_is_told_in_awss_words() {
        assert_eq!(change(Ok::<_, SdkError<DeleteLogGroupError, ()>>(())), Ok(Change::Done));
        assert_eq!(change(Err::<(), _>(refused("ResourceNotFoundException"))), Ok(Change::Gone));
        assert_eq!(change(Err::<(), _>(refused("OperationAbortedException"))), Err("OperationAbortedException: not now".into()));
    }

    #[test]
    fn where_aws_did_not_answer_the_causes_are_told() {
        let unanswered = SdkError::<DeleteLogGroupError, ()>::timeout_error("no answer after 4 s");
        assert_eq!(change(Err::<(), _>(unanswered)), Err("request has timed out: no answer after 4 s".into()));
    }

    fn described() -> aws_sdk_cloudwatchlogs::types::builders::LogGroupBuilder {
        LogGroup::builder().log_group_name("/a").creation_time(7).retention_in_days(30).stored_bytes(0)
    }

    #[test]
    fn what_aws_left_out_stays_unknown() {
        let bare = group(LogGroup::builder().log_group_name("/a").build()).unwrap();
        assert_eq!((bare.created_ms, bare.retention_days, bare.stored_bytes), (None, None, None));
        assert!(bare.retention_is_settable && !bare.is_deletion_protected && !bare.follows_account_policy);
        assert!(group(LogGroup::builder().build()).is_none());
    }

    #[test]
    fn protection_and_the_accounts_policy_are_seen() {
        let seen = group(described().deletion_protection_enabled(true).retention_policy_name("p").build()).unwrap();
        assert!(seen.is_deletion_protected && seen.follows_account_policy);
        assert_eq!((seen.created_ms, seen.retention_days, seen.stored_bytes), (Some(7), Some(30), Some(0)));
        assert!(!group(described().deletion_protection_enabled(false).build()).unwrap().is_deletion_protected);
    }

    #[test]
    fn retention_can_be_set_on_standard_and_infrequent_access_only() {
        for (class, settable) in [("STANDARD", true), ("INFREQUENT_ACCESS", true), ("DELIVERY", false), ("NEW_ONE", false)] {
            let group = group(described().log_group_class(LogGroupClass::from(class)).build()).unwrap();
            assert_eq!(group.retention_is_settable, settable, "{class}");
        }
    }
}

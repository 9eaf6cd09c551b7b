//! Sending the operations of a log group.

use super::drafts::JUST_MADE;
use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::{gone_is_done, name, number, optional, strings, unknown_call};
use crate::kinds::{Done, tagging};
use crate::model::observed::tag::LINEAGE;
use crate::model::{Operation, Table, Value};
use aws_sdk_cloudwatchlogs::operation::associate_kms_key::builders::AssociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::create_log_group::builders::CreateLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_log_group::builders::DeleteLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_retention_policy::builders::DeleteRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::disassociate_kms_key::builders::DisassociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::builders::PutRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::untag_resource::builders::UntagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;

/// How long AWS may be busy with a group. Terraform waits as long for a delete.
const LIMIT_MS: u64 = 60_000;
/// How long a group that was just made may be unknown, also to whoever decides about access: Terraform
/// tries `PutRetentionPolicy` again after "no identity-based policy allows" it, too.
const EARLY_LIMIT_MS: u64 = 15_000;

pub(super) async fn run(writer: &Writer, operation: &Operation, lineage: &str) -> Result<Done, AwsError> {
    let name = name(operation, "log_group_name").unwrap_or_default();
    let patience =
        |limit_ms| Patience::new(format!("CloudWatch Logs to take the change of {name}"), limit_ms).for_address(&operation.address);
    let (busy, early) = (patience(LIMIT_MS), patience(EARLY_LIMIT_MS));
    let is_busy = |error: &AwsError| error.class == ErrorClass::InProgress;
    let attempt = || retry_while(writer.reader(), &busy, is_busy, || send(writer, operation, name, lineage));
    let is_just_made = operation.arguments.get(JUST_MADE).and_then(Value::as_boolean) == Some(true);
    // A create is told "not there" only of a group that somebody made a moment ago: lambdo itself, where the answer was lost.
    let is_taken_over = operation.call == "logs:CreateLogGroup";
    let is_early = |error: &AwsError| (is_just_made && error.is_denied()) || ((is_just_made || is_taken_over) && error.is_not_found());
    match retry_while(writer.reader(), &early, is_early, attempt).await {
        result if takes_away(&operation.call) => gone_is_done(result),
        Err(error) => Err(error),
        Ok(()) if operation.call == "logs:CreateLogGroup" => Ok(Done { physical_id: Some(name.into()), attributes: Table::new() }),
        Ok(()) => Ok(Done::default()),
    }
}

/// Whether "not there" is what was wanted.
fn takes_away(call: &str) -> bool {
    matches!(call, "logs:DeleteLogGroup" | "logs:UntagResource")
}

async fn send(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Result<(), AwsError> {
    let arguments = &operation.arguments;
    match operation.call.as_str() {
        "logs:CreateLogGroup" => create(writer, name, arguments, lineage).await,
        "logs:PutRetentionPolicy" => {
            let input = PutRetentionPolicyInputBuilder::default().log_group_name(name);
            writer.put_retention_policy(input.set_retention_in_days(number(arguments, "retention_in_days"))).await.map(drop)
        }
        "logs:DeleteRetentionPolicy" => {
            writer.delete_retention_policy(DeleteRetentionPolicyInputBuilder::default().log_group_name(name)).await.map(drop)
        }
        "logs:AssociateKmsKey" => {
            let input = AssociateKmsKeyInputBuilder::default().log_group_name(name).set_kms_key_id(optional(arguments, "kms_key_id"));
            writer.associate_kms_key(input).await.map(drop)
        }
        "logs:DisassociateKmsKey" => {
            writer.disassociate_kms_key(DisassociateKmsKeyInputBuilder::default().log_group_name(name)).await.map(drop)
        }
        "logs:TagResource" => tag(writer, arguments).await,
        "logs:UntagResource" => {
            let input = UntagResourceInputBuilder::default().set_resource_arn(optional(arguments, "arn"));
            writer.untag_log_group(input.set_tag_keys(strings(arguments, "keys"))).await.map(drop)
        }
        "logs:DeleteLogGroup" => writer.delete_log_group(DeleteLogGroupInputBuilder::default().log_group_name(name)).await.map(drop),
        _ => Err(unknown_call(operation)),
    }
}

/// Lambda makes the group itself at the first line, if its role may; then it becomes ours.
async fn create(writer: &Writer, name: &str, arguments: &Table, lineage: &str) -> Result<(), AwsError> {
    // Spelling out the default would only shut out what does not know classes.
    let class = optional(arguments, "log_group_class").filter(|class| class != "STANDARD");
    let input = CreateLogGroupInputBuilder::default()
        .log_group_name(name)
        .set_kms_key_id(optional(arguments, "kms_key_id"))
        .set_log_group_class(class.map(|class| LogGroupClass::from(class.as_str())));
    let input = tagging::given(arguments).fold(input, |input, (key, value)| input.tags(key, value));
    match writer.create_log_group(input).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => {
            let taken = take_over(writer, name, arguments, lineage, &error).await;
            taken.map_err(|later| later.following(&error))
        }
        result => result.map(drop),
    }
}

/// Makes a group ours that was not there a moment ago, unless somebody made it meanwhile: Lambda gives it no tags.
async fn take_over(writer: &Writer, name: &str, arguments: &Table, lineage: &str, taken: &AwsError) -> Result<(), AwsError> {
    let request = ListTagsForResourceInputBuilder::default().set_resource_arn(optional(arguments, "arn"));
    let tags = match writer.reader().list_tags_for_log_group(request).await {
        Ok(answer) => answer.tags.unwrap_or_default(),
        // It is not seen everywhere yet, and whose it is will show.
        Err(error) if error.is_not_found() => return Err(error),
        Err(_) => Default::default(),
    };
    let is_ours = tags.get(LINEAGE).is_some_and(|owner| owner == lineage);
    if !is_ours && tags.keys().any(|key| !key.starts_with("aws:")) {
        return Err(AwsError { message: format!("somebody else has made `{name}` a moment ago, as its tags say"), ..taken.clone() });
    }
    tag(writer, arguments).await
}

/// AWS refuses a call without tags.
async fn tag(writer: &Writer, arguments: &Table) -> Result<(), AwsError> {
    let input = TagResourceInputBuilder::default().set_resource_arn(optional(arguments, "arn"));
    let input = tagging::given(arguments).fold(input, |input, (key, value)| input.tags(key, value));
    if input.get_tags().is_none() {
        return Ok(());
    }
    writer.tag_log_group(input).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::drafts::create as drafts_of;
    use super::super::tests::lowered;
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::model::{Address, Transition};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::Instant;

    fn retention(just_made: bool) -> Operation {
        let mut draft = drafts_of(&lowered(Table::new())).remove(1);
        if !just_made {
            draft.arguments.remove(JUST_MADE);
        }
        Operation {
            address: Address::new("log_group", "hash"),
            physical_id: Some("/aws/lambda/demo-hash".into()),
            call: draft.call.into(),
            arguments: draft.arguments,
            carries: draft.carries,
            transition: Transition::Update,
            follows: vec![],
            waits: vec![],
            serial_key: None,
        }
    }

    fn refusing(times: usize, code: &'static str) -> Cloud {
        let tries = AtomicUsize::new(0);
        Cloud::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
            tried if tried < times => (400, failure(code, "no")),
            _ => (200, "{}".to_owned()),
        })
    }

    /// The answer of the create was lost, and the group that it made is not seen everywhere when it is found.
    #[tokio::test(start_paused = true)]
    async fn a_group_that_is_taken_over_may_be_unknown_for_a_while() {
        for unseen in ["ListTagsForResource", "TagResource"] {
            let tries = AtomicUsize::new(0);
            let cloud = Cloud::new(move |request| match request {
                create if create.contains("CreateLogGroup") => (400, failure("ResourceAlreadyExistsException", "there")),
                early if early.contains(unseen) && tries.fetch_add(1, Ordering::Relaxed) < 3 => {
                    (400, failure("ResourceNotFoundException", "not there"))
                }
                _ => (200, r#"{"tags":{}}"#.to_owned()),
            });
            let draft = drafts_of(&lowered(Table::new())).remove(0);
            let mut arguments = draft.arguments;
            arguments.insert("tags".into(), Value::Table(Table::from_iter([("team".to_owned(), "core".into())])));
            let create = Operation { call: draft.call.into(), arguments, ..retention(true) };
            run(&cloud.writer, &create, "l-1").await.unwrap();
            assert_eq!(cloud.sent(unseen).len(), 4, "{unseen}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_was_just_made_may_be_unknown_for_a_while() {
        for code in ["ResourceNotFoundException", "AccessDeniedException"] {
            run(&refusing(3, code).writer, &retention(true), "l-1").await.unwrap();
            let started = Instant::now();
            run(&refusing(99, code).writer, &retention(true), "l-1").await.unwrap_err();
            assert_eq!(started.elapsed().as_secs(), 15, "{code}");
            let old = refusing(1, code);
            run(&old.writer, &retention(false), "l-1").await.unwrap_err();
            assert_eq!(old.sent("PutRetentionPolicy").len(), 1, "{code}");
        }
    }
}

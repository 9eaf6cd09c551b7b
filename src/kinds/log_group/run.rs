//! Sending the operations of a log group.

use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::{gone_is_done, name, number, optional, strings, unknown_call};
use crate::kinds::{Done, tagging};
use crate::model::{Operation, Table};
use aws_sdk_cloudwatchlogs::operation::associate_kms_key::builders::AssociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::create_log_group::builders::CreateLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_log_group::builders::DeleteLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_retention_policy::builders::DeleteRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::disassociate_kms_key::builders::DisassociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::builders::PutRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::untag_resource::builders::UntagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;

/// How long AWS may be busy with a group. Terraform waits as long for a delete.
const LIMIT_MS: u64 = 60_000;

pub(super) async fn run(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let name = name(operation, "log_group_name").unwrap_or_default();
    let patience = Patience::new(format!("CloudWatch Logs to take the change of {name}"), LIMIT_MS).for_address(&operation.address);
    let attempt = || send(writer, operation, name);
    let is_retryable = |error: &AwsError| error.class == ErrorClass::InProgress;
    match retry_while(writer.reader(), &patience, is_retryable, attempt).await {
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

async fn send(writer: &Writer, operation: &Operation, name: &str) -> Result<(), AwsError> {
    let arguments = &operation.arguments;
    match operation.call.as_str() {
        "logs:CreateLogGroup" => create(writer, name, arguments).await,
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
async fn create(writer: &Writer, name: &str, arguments: &Table) -> Result<(), AwsError> {
    // Spelling out the default would only shut out what does not know classes.
    let class = optional(arguments, "log_group_class").filter(|class| class != "STANDARD");
    let input = CreateLogGroupInputBuilder::default()
        .log_group_name(name)
        .set_kms_key_id(optional(arguments, "kms_key_id"))
        .set_log_group_class(class.map(|class| LogGroupClass::from(class.as_str())));
    let input = tagging::given(arguments).fold(input, |input, (key, value)| input.tags(key, value));
    match writer.create_log_group(input).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => tag(writer, arguments).await,
        result => result.map(drop),
    }
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

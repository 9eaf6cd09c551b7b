//! Sending a change of a function until Lambda takes it, as long as it can be hoped for.

use super::settle::wait_for_other;
use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::name;
use crate::kinds::role::{self, Trust};
use crate::model::{Operation, Value};
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a role that this run made or changed may take until Lambda can use it. It takes 5 to 30 seconds.
const ROLE_LIMIT_MS: u64 = 120_000;
/// How long any other role may take: somebody else may have made it a moment ago.
const OLD_ROLE_LIMIT_MS: u64 = 30_000;
/// How long EC2 may be too busy to make network interfaces. Terraform waits nine minutes more for it.
const EC2_LIMIT_MS: u64 = 600_000;
/// How often a change is tried again after another one was waited for.
const MOST_CONFLICTS: u32 = 20;

/// Sends a change until Lambda takes it: the role may not be assumable yet, EC2 may be too busy, and
/// another change may be under way, which is waited for.
pub(super) async fn steadily<T, F>(writer: &Writer, operation: &Operation, mut attempt: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let is_looked_at = AtomicBool::new(false);
    let mut attempt = || {
        // The SDK's futures are large, and they would be nested here.
        let (sent, is_looked_at) = (Box::pin(attempt()), &is_looked_at);
        async move {
            match sent.await {
                Err(error) if is_unassumable(&error) && !is_looked_at.swap(true, Ordering::Relaxed) => {
                    Err(Box::pin(judged(writer, operation, error)).await)
                }
                result => result,
            }
        }
    };
    let mut last: Option<AwsError> = None;
    for conflicts in 0..MOST_CONFLICTS {
        let result = Box::pin(patiently(writer, operation, &mut attempt)).await;
        match result.map_err(|error| last.iter().fold(error, AwsError::following)) {
            Err(error) if error.class == ErrorClass::InProgress => {
                let Some(name) = name(operation, "function_name") else { return Err(error) };
                let waited = wait_for_other(writer.reader(), name, &operation.address, conflicts).await;
                waited.map_err(|later| later.following(&error))?;
                last = Some(error);
            }
            result => return result.map_err(|error| explained(error, writer, operation)),
        }
    }
    attempt().await.map_err(|error| last.iter().fold(error, AwsError::following))
}

/// Waits for roles and for EC2.
async fn patiently<T, F>(writer: &Writer, operation: &Operation, mut attempt: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let patience =
        |cause, limit_ms| Patience { first_ms: 500, cap_ms: 4_000, ..Patience::new(cause, limit_ms) }.for_address(&operation.address);
    let of_role = patience(awaited(operation), role_limit_ms(writer, operation));
    let of_ec2 = patience("EC2 to take more calls".to_owned(), EC2_LIMIT_MS);
    let is_early = |error: &AwsError| error.class == ErrorClass::NotYetConsistent && !is_ec2_busy(error);
    match retry_while(writer.reader(), &of_role, is_early, &mut attempt).await {
        Err(error) if is_ec2_busy(&error) => {
            let result = retry_while(writer.reader(), &of_ec2, is_ec2_busy, &mut attempt).await;
            result.map_err(|later| later.following(&error))
        }
        result => result,
    }
}

/// Whether Lambda's calls of EC2, which make network interfaces, are throttled.
fn is_ec2_busy(error: &AwsError) -> bool {
    error.class == ErrorClass::NotYetConsistent && error.says("throttled by EC2")
}

fn is_unassumable(error: &AwsError) -> bool {
    error.class == ErrorClass::NotYetConsistent && error.says("cannot be assumed")
}

fn role_of(operation: &Operation) -> Option<&str> {
    operation.arguments.get("role").and_then(Value::as_str)
}

fn role_limit_ms(writer: &Writer, operation: &Operation) -> u64 {
    let is_old = role_of(operation).is_some_and(|role| !writer.hold_off().is_fresh(role));
    if is_old { OLD_ROLE_LIMIT_MS } else { ROLE_LIMIT_MS }
}

/// What a change that comes too early waits for.
pub(super) fn awaited(operation: &Operation) -> String {
    let role = role_of(operation).and_then(|arn| arn.rsplit('/').next());
    role.map_or_else(|| format!("`{}` to be seen by Lambda", operation.address), |role| format!("role `{role}` to be assumable"))
}

/// Looks at a role that Lambda cannot assume and that this run did not touch: where it is the role itself that
/// is wrong, waiting does not help.
async fn judged(writer: &Writer, operation: &Operation, error: AwsError) -> AwsError {
    let Some(arn) = role_of(operation).filter(|arn| !writer.hold_off().is_fresh(arn)) else { return error };
    let reason = match role::trust(writer.reader(), arn).await {
        Trust::Missing => format!(" (role `{arn}` does not exist)"),
        Trust::WithoutLambda => format!(" (the trust policy of `{arn}` does not let `lambda.amazonaws.com` do `sts:AssumeRole`)"),
        Trust::WithLambda | Trust::Unknown => return error,
    };
    AwsError { class: ErrorClass::Invalid, message: error.message.clone() + &reason, ..error }
}

/// Adds what can be looked at when a role stays unusable.
fn explained(mut error: AwsError, writer: &Writer, operation: &Operation) -> AwsError {
    if error.class != ErrorClass::NotYetConsistent {
        return error;
    }
    let Some(role) = role_of(operation) else { return error };
    let question = if is_unassumable(&error) {
        format!("does the trust policy of `{role}` let `lambda.amazonaws.com` do `sts:AssumeRole`?")
    } else if error.says("does not have permissions") {
        format!("do the policies of `{role}` allow what the message names?")
    } else if error.says("KMS") || error.says("valid principal") {
        format!("does the key's policy let the account's roles use it, and is `{role}` still the role that it knows?")
    } else {
        return error;
    };
    let seconds = role_limit_ms(writer, operation) / 1_000;
    error.message.push_str(&format!(" (for {seconds} s; {question})"));
    error
}

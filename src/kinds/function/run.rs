//! Sending the operations of a function, with the retries that their meaning asks for.

use super::live::{attributes, put};
use super::request;
use super::settle::{Until, wait, wait_until_gone};
use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::{gone_is_done, name, number, refused, strings, text, unknown_call};
use crate::kinds::{Done, RunContext, tagging};
use crate::model::{Operation, PhysicalId, Table, Value, observed::tag};
use aws_sdk_lambda::operation::delete_function::builders::DeleteFunctionInputBuilder;
use aws_sdk_lambda::operation::delete_function_concurrency::builders::DeleteFunctionConcurrencyInputBuilder;
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use aws_sdk_lambda::operation::put_function_concurrency::builders::PutFunctionConcurrencyInputBuilder;
use aws_sdk_lambda::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_lambda::operation::untag_resource::builders::UntagResourceInputBuilder;

/// How long a role may take until Lambda can assume it. It takes 5 to 30 seconds.
const ROLE_LIMIT_MS: u64 = 120_000;
/// How often a change is tried again after another one was waited for.
const MOST_CONFLICTS: usize = 20;
/// The status of a delete that goes on after the answer (Lambda API, `DeleteFunction`).
const ACCEPTED: i32 = 202;

pub(super) async fn run(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    match operation.call.as_str() {
        "lambda:CreateFunction" => create(writer, operation, context).await,
        "lambda:UpdateFunctionCode" => update_code(writer, operation, context).await,
        "lambda:UpdateFunctionConfiguration" => update_configuration(writer, operation).await,
        "lambda:TagResource" => tag(writer, operation).await,
        "lambda:UntagResource" => untag(writer, operation).await,
        "lambda:PutFunctionConcurrency" => put_concurrency(writer, operation).await,
        "lambda:DeleteFunctionConcurrency" => delete_concurrency(writer, operation).await,
        "lambda:DeleteFunction" => delete(writer, operation).await,
        _ => Err(unknown_call(operation)),
    }
}

async fn create(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let name = text(operation, "function_name")?;
    text(operation, "role")?;
    let request = request::create(&operation.arguments, zip(operation, context).await?).map_err(|why| refused(operation, why))?;
    let physical_id = Some(PhysicalId::from(name));
    match steadily(writer, operation, || writer.create_function(request.clone())).await {
        Ok(answer) => {
            let mut attributes = Table::new();
            put(&mut attributes, "arn", answer.function_arn());
            put(&mut attributes, "role", answer.role());
            put(&mut attributes, "code_sha256", answer.code_sha256());
            put(&mut attributes, "version", answer.version());
            Ok(Done { physical_id, attributes })
        }
        Err(error) if error.class == ErrorClass::AlreadyExists => {
            let attributes = ours(writer, name, context.lineage).await.ok_or(error)?;
            Ok(Done { physical_id, attributes })
        }
        Err(error) => Err(error),
    }
}

/// The attributes of a function that an earlier try of ours made, whose answer was lost.
async fn ours(writer: &Writer, name: &str, lineage: &str) -> Option<Table> {
    let answer = writer.reader().get_function(GetFunctionInputBuilder::default().function_name(name)).await.ok()?;
    answer.tags().filter(|tags| tags.get(tag::LINEAGE).is_some_and(|owner| owner == lineage))?;
    answer.configuration().map(attributes)
}

async fn update_code(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let request = request::code(&operation.arguments, zip(operation, context).await?);
    let answer = steadily(writer, operation, || writer.update_function_code(request.clone())).await?;
    then_wait(writer, operation).await?;
    let mut attributes = Table::new();
    put(&mut attributes, "code_sha256", answer.code_sha256());
    put(&mut attributes, "version", answer.version());
    Ok(Done { physical_id: None, attributes })
}

async fn update_configuration(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    if operation.arguments.contains_key("role") {
        text(operation, "role")?;
    }
    let request = request::configuration(&operation.arguments).map_err(|why| refused(operation, why))?;
    let answer = steadily(writer, operation, || writer.update_function_configuration(request.clone())).await?;
    then_wait(writer, operation).await?;
    let mut attributes = Table::new();
    put(&mut attributes, "role", answer.role());
    Ok(Done { physical_id: None, attributes })
}

async fn tag(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = TagResourceInputBuilder::default().resource(text(operation, "arn")?);
    let request = tagging::given(&operation.arguments).fold(request, |request, (key, value)| request.tags(key, value));
    steadily(writer, operation, || writer.tag_function(request.clone())).await.map(|_| Done::default())
}

async fn untag(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let keys = strings(&operation.arguments, "keys");
    let request = UntagResourceInputBuilder::default().resource(text(operation, "arn")?).set_tag_keys(keys);
    steadily(writer, operation, || writer.untag_function(request.clone())).await.map(|_| Done::default())
}

async fn put_concurrency(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = PutFunctionConcurrencyInputBuilder::default()
        .function_name(text(operation, "function_name")?)
        .set_reserved_concurrent_executions(number(&operation.arguments, "reserved_concurrent_executions"));
    steadily(writer, operation, || writer.put_function_concurrency(request.clone())).await.map(|_| Done::default())
}

async fn delete_concurrency(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = DeleteFunctionConcurrencyInputBuilder::default().function_name(text(operation, "function_name")?);
    steadily(writer, operation, || writer.delete_function_concurrency(request.clone())).await.map(|_| Done::default())
}

/// Deletes; a delete that goes on after the answer is waited for, since the name is taken until then.
async fn delete(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let name = text(operation, "function_name")?;
    let request = DeleteFunctionInputBuilder::default().function_name(name);
    match steadily(writer, operation, || writer.delete_function(request.clone())).await {
        Ok(answer) if answer.status_code() == ACCEPTED => {
            wait_until_gone(writer.reader(), name, &operation.address).await.map(|()| Done::default())
        }
        result => gone_is_done(result),
    }
}

/// Sends a change until Lambda takes it: the role may not be assumable yet, and another change may be
/// under way, which is waited for.
async fn steadily<T, F>(writer: &Writer, operation: &Operation, mut attempt: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let patience = Patience { first_ms: 500, cap_ms: 4_000, ..Patience::new(awaited(operation), ROLE_LIMIT_MS) };
    let patience = patience.for_address(&operation.address);
    for _ in 0..MOST_CONFLICTS {
        let is_early = |error: &AwsError| error.class == ErrorClass::NotYetConsistent;
        match retry_while(writer.reader(), &patience, is_early, &mut attempt).await {
            Err(error) if error.class == ErrorClass::InProgress => wait_for_other(writer, operation, error).await?,
            Err(error) if error.class == ErrorClass::NotYetConsistent => return Err(explained(error, operation)),
            result => return result,
        }
    }
    attempt().await
}

/// What a change that comes too early waits for.
fn awaited(operation: &Operation) -> String {
    let role = operation.arguments.get("role").and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next());
    role.map_or_else(|| format!("`{}` to be seen by Lambda", operation.address), |role| format!("role `{role}` to be assumable"))
}

/// Adds what can be looked at when a role stays unusable.
fn explained(mut error: AwsError, operation: &Operation) -> AwsError {
    if let Some(role) = operation.arguments.get("role").and_then(Value::as_str)
        && error.message.contains("assumed")
    {
        let seconds = ROLE_LIMIT_MS / 1_000;
        let advice = format!(" (for {seconds} s; does the trust policy of `{role}` let `lambda.amazonaws.com` do `sts:AssumeRole`?)");
        error.message.push_str(&advice);
    }
    error
}

/// Waits for another change of the function. Where its name is not known, the conflict is the error.
async fn wait_for_other(writer: &Writer, operation: &Operation, conflict: AwsError) -> Result<(), AwsError> {
    let Some(name) = name(operation, "function_name") else { return Err(conflict) };
    wait(writer.reader(), name, &operation.address, Until::Idle).await
}

async fn then_wait(writer: &Writer, operation: &Operation) -> Result<(), AwsError> {
    if operation.arguments.get("then_wait").and_then(Value::as_boolean) != Some(true) {
        return Ok(());
    }
    wait(writer.reader(), text(operation, "function_name")?, &operation.address, Until::Ready).await
}

async fn zip(operation: &Operation, context: &RunContext<'_>) -> Result<Vec<u8>, AwsError> {
    let hash = text(operation, "code")?;
    context.artifacts.zip(hash).await.map_err(|why| AwsError::own(&operation.call, ErrorClass::Other, why))
}

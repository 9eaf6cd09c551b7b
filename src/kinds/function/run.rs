//! Sending the operations of a function, with the retries that their meaning asks for.

use super::environment;
use super::live::{attributes, put};
use super::request;
use super::settle::{Until, wait, wait_until_gone};
use crate::aws::{AwsError, ErrorClass, Package, Patience, Writer, poll_until, retry_while, ripen};
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
/// How long EC2 may be too busy to make network interfaces. Terraform waits nine minutes more for it.
const EC2_LIMIT_MS: u64 = 600_000;
/// How long a function that is said to exist may stay unseen.
const UNSEEN_LIMIT_MS: u64 = 5_000;
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
    let role = text(operation, "role")?;
    let request = request::create(&operation.arguments).map_err(|why| refused(operation, why))?;
    let package = package(operation, context)?;
    let physical_id = Some(PhysicalId::from(name));
    ripen(writer, &operation.call, role, &operation.address).await?;
    let mut tries = 0;
    let attempt = || {
        tries += 1;
        let sent = writer.create_function(request.clone(), &package);
        async move { sent.await.inspect_err(|error| learn(writer, role, error)) }
    };
    match steadily(writer, operation, attempt).await {
        Ok(answer) => {
            if tries == 1 {
                writer.hold_off().taken_at_once(role);
            }
            let mut attributes = Table::new();
            put(&mut attributes, "arn", answer.function_arn());
            put(&mut attributes, "role", answer.role());
            put(&mut attributes, "code_sha256", answer.code_sha256());
            put(&mut attributes, "version", answer.version());
            Ok(Done { physical_id, attributes })
        }
        Err(error) if error.class == ErrorClass::AlreadyExists => {
            let attributes = ours(writer, operation, name, context.lineage).await.ok_or(error)?;
            Ok(Done { physical_id, attributes })
        }
        Err(error) => Err(environment::without_values(error, &operation.arguments)),
    }
}

/// A role that comes too early tells how long to leave others alone.
fn learn(writer: &Writer, role: &str, error: &AwsError) {
    if error.class == ErrorClass::NotYetConsistent && error.says("cannot be assumed") {
        writer.hold_off().refused(role);
    }
}

/// The attributes of a function that an earlier try of ours made, whose answer was lost. It may not be
/// seen everywhere yet.
async fn ours(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Option<Table> {
    let patience = Patience::new(format!("function `{name}` to be seen"), UNSEEN_LIMIT_MS).for_address(&operation.address);
    let reader = writer.reader();
    let look = async || match reader.get_function(GetFunctionInputBuilder::default().function_name(name)).await {
        Err(error) if error.is_not_found() => Ok(None),
        result => result.map(Some),
    };
    let answer = poll_until(reader, &patience, look).await.ok()?;
    answer.tags().filter(|tags| tags.get(tag::LINEAGE).is_some_and(|owner| owner == lineage))?;
    answer.configuration().map(attributes)
}

async fn update_code(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let (request, package) = (request::code(&operation.arguments), package(operation, context)?);
    let answer = steadily(writer, operation, || writer.update_function_code(request.clone(), &package)).await?;
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
    let sent = steadily(writer, operation, || writer.update_function_configuration(request.clone())).await;
    let answer = sent.map_err(|error| environment::without_values(error, &operation.arguments))?;
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

/// Sends a change until Lambda takes it: the role may not be assumable yet, EC2 may be too busy, and
/// another change may be under way, which is waited for.
async fn steadily<T, F>(writer: &Writer, operation: &Operation, mut attempt: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let patience =
        |cause, limit_ms| Patience { first_ms: 500, cap_ms: 4_000, ..Patience::new(cause, limit_ms) }.for_address(&operation.address);
    let of_role = patience(awaited(operation), ROLE_LIMIT_MS);
    let of_ec2 = patience("EC2 to take more calls".to_owned(), EC2_LIMIT_MS);
    let is_early = |error: &AwsError| error.class == ErrorClass::NotYetConsistent && !is_ec2_busy(error);
    let mut last: Option<AwsError> = None;
    for _ in 0..MOST_CONFLICTS {
        let result = match retry_while(writer.reader(), &of_role, is_early, &mut attempt).await {
            Err(error) if is_ec2_busy(&error) => {
                let result = retry_while(writer.reader(), &of_ec2, is_ec2_busy, &mut attempt).await;
                result.map_err(|later| later.following(&error))
            }
            result => result,
        };
        match result.map_err(|error| last.iter().fold(error, AwsError::following)) {
            Err(error) if error.class == ErrorClass::InProgress => {
                let waited = wait_for_other(writer, operation, error.clone()).await;
                waited.map_err(|later| later.following(&error))?;
                last = Some(error);
            }
            Err(error) if error.class == ErrorClass::NotYetConsistent => return Err(explained(error, operation)),
            result => return result,
        }
    }
    attempt().await.map_err(|error| last.iter().fold(error, AwsError::following))
}

/// Whether Lambda's calls of EC2, which make network interfaces, are throttled.
fn is_ec2_busy(error: &AwsError) -> bool {
    error.class == ErrorClass::NotYetConsistent && error.says("throttled by EC2")
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

fn package<'a>(operation: &'a Operation, context: &RunContext<'a>) -> Result<Package<'a>, AwsError> {
    Ok(Package { source: context.artifacts, content_hash: text(operation, "code")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::kinds::function::tests::table;
    use crate::model::{Address, ArtifactSource, Transition};
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::Instant;

    const ROLE: &str = "arn:aws:iam::123456789012:role/demo-hash";
    const INVALID: &str = "InvalidParameterValueException";

    struct Zips;

    #[async_trait]
    impl ArtifactSource for Zips {
        async fn zip(&self, _content_hash: &str) -> Result<Vec<u8>, String> {
            Ok(vec![1, 2, 3])
        }

        fn expected_bytes(&self, _content_hash: &str) -> usize {
            3
        }
    }

    fn operation(call: &str) -> Operation {
        let arguments = table([
            ("function_name", "demo-hash".into()),
            ("role", ROLE.into()),
            ("code", "sha256:aa".into()),
            ("environment", table([("PASSWORD", "hunter2".into())])),
        ]);
        Operation {
            address: Address::new("function", "hash"),
            physical_id: Some("demo-hash".into()),
            call: call.into(),
            arguments: arguments.as_table().unwrap().clone(),
            carries: vec![],
            transition: Transition::Update,
            waits: vec![],
            serial_key: None,
        }
    }

    async fn sent(cloud: &Cloud, call: &str) -> Result<Done, AwsError> {
        run(&cloud.writer, &operation(call), &RunContext { artifacts: &Zips, lineage: "l-1" }).await
    }

    /// Refuses so many times and then goes through; reads find what `get` answers.
    fn refusing(times: usize, message: &'static str) -> Cloud {
        let tries = AtomicUsize::new(0);
        Cloud::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
            tried if tried < times => (400, failure(INVALID, message)),
            _ => (201, "{}".to_owned()),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_function_with_a_fresh_role_waits_as_long_as_the_last_one_had_to() {
        let cloud = refusing(2, "The role defined for the function cannot be assumed by Lambda.");
        cloud.writer.hold_off().made(ROLE);
        sent(&cloud, "lambda:CreateFunction").await.unwrap();
        assert_eq!(cloud.sent("POST").len(), 3);
        cloud.writer.hold_off().made(ROLE);
        let started = Instant::now();
        sent(&cloud, "lambda:CreateFunction").await.unwrap();
        assert_eq!((cloud.sent("POST").len(), started.elapsed().as_secs()), (4, 4));
        // That it was taken at once makes the next wait shorter.
        cloud.writer.hold_off().made(ROLE);
        let started = Instant::now();
        sent(&cloud, "lambda:CreateFunction").await.unwrap();
        assert_eq!(started.elapsed().as_millis(), 3_600);
    }

    #[tokio::test(start_paused = true)]
    async fn ec2_may_be_busy_for_longer_than_a_role_takes() {
        let cloud = refusing(60, "Lambda was not able to create an ENI: throttled by EC2");
        let started = Instant::now();
        sent(&cloud, "lambda:CreateFunction").await.unwrap();
        assert!(started.elapsed().as_secs() > 180, "{:?}", started.elapsed());
        assert_eq!(cloud.waits(), ["EC2 to take more calls"]);
        let hopeless = refusing(usize::MAX, "The role defined for the function cannot be assumed by Lambda.");
        let started = Instant::now();
        let error = sent(&hopeless, "lambda:CreateFunction").await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), 120);
        assert!(error.message.contains("trust policy"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn errors_do_not_tell_the_values_of_variables() {
        for call in ["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"] {
            let cloud = refusing(1, "Value hunter2 is not to be liked");
            assert_eq!(sent(&cloud, call).await.unwrap_err().message, "Value (value) is not to be liked", "{call}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_exists_is_looked_for_until_it_shows_whose_it_is() {
        for (lineage, ours) in [("l-1", true), ("l-2", false)] {
            let looks = AtomicUsize::new(0);
            let cloud = Cloud::new(move |request| match request {
                create if create.starts_with("POST") => (409, failure("ResourceConflictException", "Function already exist: demo-hash")),
                _ if looks.fetch_add(1, Ordering::Relaxed) < 2 => (404, failure("ResourceNotFoundException", "Function not found")),
                _ => (200, format!(r#"{{"Configuration":{{"FunctionArn":"arn:f"}},"Tags":{{"lambdo:lineage":"{lineage}"}}}}"#)),
            });
            let result = sent(&cloud, "lambda:CreateFunction").await;
            assert_eq!(result.as_ref().ok().and_then(|done| done.attributes.get("arn")), ours.then_some(&"arn:f".into()), "{result:?}");
            assert_eq!(cloud.sent("GET").len(), 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_after_a_conflict_and_a_lost_answer_leaves_open_what_happened() {
        let tries = AtomicUsize::new(0);
        let cloud = Cloud::new(move |request| match request {
            get if get.starts_with("GET") => (200, r#"{"Configuration":{"State":"Active"}}"#.to_owned()),
            _ => match tries.fetch_add(1, Ordering::Relaxed) {
                0 => (503, String::new()),
                1 => (409, failure("ResourceConflictException", "An update is in progress for resource: arn")),
                _ => (403, failure("AccessDeniedException", "no")),
            },
        });
        let error = sent(&cloud, "lambda:UpdateFunctionConfiguration").await.unwrap_err();
        assert_eq!((error.class, error.uncertain), (ErrorClass::Denied, true));
    }
}

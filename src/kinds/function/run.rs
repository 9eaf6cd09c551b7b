//! Sending the operations of a function, with the retries that their meaning asks for.

use super::code::{Code, etag_attribute};
use super::drafts::{JUST_MADE, LIVE_CODE};
use super::environment;
use super::live::{attributes, put};
use super::request;
use super::settle::{Until, is_going, wait, wait_until_gone};
use super::steady::{awaited, steadily};
use crate::aws::{AwsError, ErrorClass, Patience, Writer, poll_until, retry_while, ripen};
use crate::kinds::arguments::{gone_is_done, number, refused, strings, text, unknown_call};
use crate::kinds::{Done, RunContext, tagging};
use crate::model::{Operation, PhysicalId, Table, Value, observed::tag};
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionInputBuilder;
use aws_sdk_lambda::operation::delete_function::builders::DeleteFunctionInputBuilder;
use aws_sdk_lambda::operation::delete_function_concurrency::builders::DeleteFunctionConcurrencyInputBuilder;
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use aws_sdk_lambda::operation::put_function_concurrency::builders::PutFunctionConcurrencyInputBuilder;
use aws_sdk_lambda::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_lambda::operation::untag_resource::builders::UntagResourceInputBuilder;

/// How long a function that is said to exist may stay unseen.
const UNSEEN_LIMIT_MS: u64 = 5_000;
/// How long a function that was just made may be unknown to the next call.
const EARLY_LIMIT_MS: u64 = 15_000;

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
    let (name, role) = (text(operation, "function_name")?, text(operation, "role")?);
    let request = request::create(&operation.arguments).map_err(|why| refused(operation, why))?;
    let _concealed = writer.conceal(environment::values(&operation.arguments));
    let code = Code::of(operation, context)?;
    let etag = etag_attribute(writer.reader(), operation).await;
    ripen(writer, &operation.call, role, &operation.address).await?;
    let result = match Box::pin(send_create(writer, operation, role, &request, &code)).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => {
            match Box::pin(namesake(writer, operation, name, context.lineage)).await {
                Some(Namesake::Ours(attributes)) => Ok(attributes),
                Some(Namesake::Going) => {
                    wait_until_gone(writer.reader(), name, &operation.address).await.map_err(|later| later.following(&error))?;
                    Box::pin(send_create(writer, operation, role, &request, &code)).await.map_err(|later| later.following(&error))
                }
                None => Err(error),
            }
        }
        result => result,
    };
    let mut attributes = result.map_err(|error| code.explained(error))?;
    attributes.extend(etag);
    Ok(Done { physical_id: Some(PhysicalId::from(name)), attributes })
}

/// Makes the function; gives what AWS says of it.
async fn send_create(
    writer: &Writer,
    operation: &Operation,
    role: &str,
    request: &CreateFunctionInputBuilder,
    code: &Code<'_>,
) -> Result<Table, AwsError> {
    let mut tries = 0;
    let attempt = || {
        tries += 1;
        let sent = code.create(writer, request.clone());
        async move { sent.await.inspect_err(|error| learn(writer, role, error)) }
    };
    let answer = steadily(writer, operation, attempt).await?;
    if tries == 1 {
        writer.hold_off().taken_at_once(role);
    }
    let mut attributes = Table::new();
    put(&mut attributes, "arn", answer.function_arn());
    put(&mut attributes, "role", answer.role());
    put(&mut attributes, "code_sha256", answer.code_sha256());
    put(&mut attributes, "version", answer.version());
    Ok(attributes)
}

/// A role that comes too early tells how long to leave others alone.
fn learn(writer: &Writer, role: &str, error: &AwsError) {
    if error.class == ErrorClass::NotYetConsistent && error.says("cannot be assumed") {
        writer.hold_off().refused(role);
    }
}

/// A function that has the name which is wanted, seen from the run that wants it.
enum Namesake {
    /// An earlier try of ours made it, whose answer was lost; its attributes.
    Ours(Table),
    /// It is being deleted, and the name will be free.
    Going,
}

/// What stands under the name that is taken; it may not be seen everywhere yet. `None` for a stranger.
async fn namesake(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Option<Namesake> {
    let patience = Patience::new(format!("function `{name}` to be seen"), UNSEEN_LIMIT_MS).for_address(&operation.address);
    let reader = writer.reader();
    let look = async || match reader.get_function(GetFunctionInputBuilder::default().function_name(name)).await {
        Err(error) if error.is_not_found() => Ok(None),
        result => result.map(Some),
    };
    let answer = poll_until(reader, &patience, look).await.ok()?;
    if is_going(&answer) {
        return Some(Namesake::Going);
    }
    answer.tags().filter(|tags| tags.get(tag::LINEAGE).is_some_and(|owner| owner == lineage))?;
    answer.configuration().map(|configuration| Namesake::Ours(attributes(configuration)))
}

async fn update_code(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let code = Code::of(operation, context)?;
    if let Some(live) = live_if_same(operation, &code).await? {
        // Lambda would make an update of it all the same.
        return Ok(Done { physical_id: None, attributes: Table::from_iter([("code_sha256".to_owned(), live.into())]) });
    }
    let request = request::code(&operation.arguments);
    let mut attributes = etag_attribute(writer.reader(), operation).await;
    let answer = steadily(writer, operation, || code.update(writer, request.clone())).await;
    let answer = answer.map_err(|error| code.explained(error))?;
    then_wait(writer, operation).await?;
    put(&mut attributes, "code_sha256", answer.code_sha256());
    put(&mut attributes, "version", answer.version());
    Ok(Done { physical_id: None, attributes })
}

/// The hash of the code that lives, where it may be the same as what is wanted, and is.
async fn live_if_same<'a>(operation: &'a Operation, code: &Code<'_>) -> Result<Option<&'a str>, AwsError> {
    let Some(live) = operation.arguments.get(LIVE_CODE).and_then(Value::as_str) else { return Ok(None) };
    Ok(code.is(live, operation).await?.then_some(live))
}

async fn update_configuration(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    if operation.arguments.contains_key("role") {
        text(operation, "role")?;
    }
    let request = request::configuration(&operation.arguments).map_err(|why| refused(operation, why))?;
    let _concealed = writer.conceal(environment::values(&operation.arguments));
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
    let is_just_made = operation.arguments.get(JUST_MADE).and_then(Value::as_boolean) == Some(true);
    let is_early = |error: &AwsError| is_just_made && error.is_not_found();
    let patience = Patience::new(awaited(operation), EARLY_LIMIT_MS).for_address(&operation.address);
    let attempt = || steadily(writer, operation, || writer.put_function_concurrency(request.clone()));
    retry_while(writer.reader(), &patience, is_early, attempt).await.map(|_| Done::default())
}

async fn delete_concurrency(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = DeleteFunctionConcurrencyInputBuilder::default().function_name(text(operation, "function_name")?);
    steadily(writer, operation, || writer.delete_function_concurrency(request.clone())).await.map(|_| Done::default())
}

/// Deletes. A delete may go on after its answer; only what wants the name again waits for its end.
async fn delete(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = DeleteFunctionInputBuilder::default().function_name(text(operation, "function_name")?);
    gone_is_done(steadily(writer, operation, || writer.delete_function(request.clone())).await)
}

async fn then_wait(writer: &Writer, operation: &Operation) -> Result<(), AwsError> {
    if operation.arguments.get("then_wait").and_then(Value::as_boolean) != Some(true) {
        return Ok(());
    }
    let waited = wait(writer.reader(), text(operation, "function_name")?, &operation.address, Until::Ready).await;
    // AWS has taken the change, whatever becomes of the wait.
    waited.map_err(|error| AwsError { uncertain: true, ..error })
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
            follows: vec![],
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
    }

    /// Lambda refuses for ever; the role's trust policy names this service. Gives the error and the seconds.
    async fn hopeless(service: &'static str, message: &'static str, is_fresh: bool) -> (AwsError, u64) {
        let trust = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"Service":"{service}"}}}}}}"#);
        let ids =
            "<Path>/</Path><RoleName>demo-hash</RoleName><RoleId>A</RoleId><Arn>arn:x</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>";
        let role = format!("<Role>{ids}<AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument></Role>");
        let cloud = Cloud::new(move |request| match request.contains("Action=GetRole") {
            true => (200, format!("<GetRoleResponse><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>")),
            false => (400, failure(INVALID, message)),
        });
        if is_fresh {
            cloud.writer.hold_off().made(ROLE);
        }
        let started = Instant::now();
        let error = sent(&cloud, "lambda:CreateFunction").await.unwrap_err();
        assert!(cloud.sent("Action=GetRole").len() <= 1, "one look is enough");
        (error, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_is_waited_for_only_as_long_as_it_can_be_hoped_for() {
        let unassumable = "The role defined for the function cannot be assumed by Lambda.";
        let (error, seconds) = hopeless("ec2.amazonaws.com", unassumable, true).await;
        assert_eq!((error.class, seconds), (ErrorClass::NotYetConsistent, 120));
        assert!(error.message.contains("for 120 s; does the trust policy of"), "{error}");
        let (error, seconds) = hopeless("lambda.amazonaws.com", unassumable, false).await;
        assert_eq!((error.class, seconds), (ErrorClass::NotYetConsistent, 30));
        let (error, seconds) = hopeless("ec2.amazonaws.com", unassumable, false).await;
        assert_eq!((error.class, seconds), (ErrorClass::Invalid, 0));
        assert!(error.message.contains("does not let `lambda.amazonaws.com` do `sts:AssumeRole`"), "{error}");
        let vpc = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
        let (error, seconds) = hopeless("lambda.amazonaws.com", vpc, true).await;
        assert_eq!(seconds, 120);
        assert!(error.message.contains("do the policies of"), "{error}");
        let (error, _) = hopeless("lambda.amazonaws.com", "The KMS key is invalid for CreateGrant", false).await;
        assert!(error.message.contains("the key's policy"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_code_is_not_sent_again() {
        let cloud = refusing(0, "");
        let mut operation = operation("lambda:UpdateFunctionCode");
        for (live, sent) in [("A5BYxvLAy0ksUzsKTRTvd8wPeKvMztUofYShogEc+4E=", 0), ("other", 1)] {
            operation.arguments.insert(LIVE_CODE.to_owned(), live.into());
            run(&cloud.writer, &operation, &RunContext { artifacts: &Zips, lineage: "l-1" }).await.unwrap();
            assert_eq!(cloud.sent("PUT").len(), sent, "{live}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_a_deleted_function_still_has_is_waited_for() {
        let looks = AtomicUsize::new(0);
        let cloud = Cloud::new(move |request| match request {
            create if create.starts_with("POST") && looks.load(Ordering::Relaxed) < 3 => {
                (409, failure("ResourceConflictException", "Function already exist: demo-hash"))
            }
            create if create.starts_with("POST") => (201, r#"{"FunctionArn":"arn:new"}"#.to_owned()),
            _ if looks.fetch_add(1, Ordering::Relaxed) < 2 => {
                (200, r#"{"Configuration":{"State":"Deleting"},"Tags":{"lambdo:lineage":"l-1"}}"#.to_owned())
            }
            _ => (404, failure("ResourceNotFoundException", "Function not found")),
        });
        let done = sent(&cloud, "lambda:CreateFunction").await.unwrap();
        assert_eq!(done.attributes.get("arn"), Some(&"arn:new".into()));
        assert_eq!(cloud.sent("POST").len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrency_may_come_too_early_for_a_function_that_was_just_made() {
        for (is_just_made, sends) in [(true, 3), (false, 1)] {
            let tries = AtomicUsize::new(0);
            let cloud = Cloud::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => (404, failure("ResourceNotFoundException", "Function not found")),
                _ => (200, "{}".to_owned()),
            });
            let mut operation = operation("lambda:PutFunctionConcurrency");
            operation.arguments.insert(JUST_MADE.to_owned(), is_just_made.into());
            let result = run(&cloud.writer, &operation, &RunContext { artifacts: &Zips, lineage: "l-1" }).await;
            assert_eq!((result.is_ok(), cloud.sent("PUT").len()), (is_just_made, sends));
        }
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

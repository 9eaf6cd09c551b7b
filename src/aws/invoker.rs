//! Calling a function: neither a read nor a change of what is deployed, so it has a client of its own.

use super::error::{AwsError, ErrorClass};
use super::reader::Reader;
use super::wait::{Patience, retry_while};
use crate::model::Address;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::operation::invoke::builders::InvokeInputBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_types::request_id::RequestId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often an invocation is sent that Lambda takes no more of for now.
const THROTTLED_ATTEMPTS: u32 = 4;
/// How long a function is waited for that was made or changed just now, in milliseconds.
const READY_LIMIT_MS: u64 = 60_000;

/// What is asked of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The resource, for whoever watches.
    pub address: Address,
    /// The function's name or ARN in AWS.
    pub function_name: String,
    /// The event: JSON.
    pub payload: Vec<u8>,
    /// Whether Lambda only queues the event and runs the function later.
    pub is_async: bool,
}

/// What Lambda answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The id of the request, which stands in the function's log too.
    pub request_id: Option<String>,
    /// `Unhandled` or `Handled` when the function failed; the payload says why.
    pub function_error: Option<String>,
    /// What the function answered, byte by byte; empty for a queued event.
    pub payload: Vec<u8>,
    /// The last 4 KB of the log.
    pub log_tail: Option<String>,
    /// The version that ran.
    pub executed_version: Option<String>,
    /// How often it was sent until Lambda took it.
    pub attempts: u32,
}

/// Calls functions.
#[derive(Clone)]
pub struct Invoker {
    /// Its limits allow one attempt: what is sent again is decided here.
    reader: Reader,
    lambda: aws_sdk_lambda::Client,
}

impl Invoker {
    pub(super) fn new(reader: Reader, lambda: aws_sdk_lambda::Client) -> Self {
        Self { reader, lambda }
    }

    /// Sends one event. It is sent again only when Lambda said that it did not take it: when it throttles, and when
    /// the function is not ready yet. After a lost answer it is not, since the function may have run.
    ///
    /// # Errors
    /// What Lambda refused, or what went wrong on the way. That the function failed is no error here.
    pub async fn invoke(&self, invocation: &Invocation) -> Result<Answer, AwsError> {
        let attempts = AtomicU32::new(0);
        let cause = format!("Lambda to take an invocation of {}", invocation.function_name);
        let patience = Patience { first_ms: 500, ..Patience::new(cause, READY_LIMIT_MS).for_address(&invocation.address) };
        let is_retryable = |error: &AwsError| match error.class {
            ErrorClass::Throttled => attempts.load(Ordering::Relaxed) < THROTTLED_ATTEMPTS,
            // A function whose creation failed never gets ready.
            ErrorClass::InProgress => !error.says("state: failed"),
            _ => false,
        };
        let attempt = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            self.reader.caller().call_sdk("lambda:Invoke", 0, || input(invocation).send_with(&self.lambda))
        };
        let output = retry_while(&self.reader, &patience, is_retryable, attempt).await?;
        Ok(answer(output, attempts.load(Ordering::Relaxed)))
    }
}

fn input(invocation: &Invocation) -> InvokeInputBuilder {
    let input = InvokeInputBuilder::default().function_name(&invocation.function_name).payload(Blob::new(invocation.payload.clone()));
    match invocation.is_async {
        true => input.invocation_type(InvocationType::Event),
        false => input.invocation_type(InvocationType::RequestResponse).log_type(LogType::Tail),
    }
}

fn answer(output: InvokeOutput, attempts: u32) -> Answer {
    let decoded = output.log_result.as_deref().and_then(|tail| STANDARD.decode(tail).ok());
    Answer {
        request_id: output.request_id().map(str::to_owned),
        function_error: output.function_error,
        payload: output.payload.map(Blob::into_inner).unwrap_or_default(),
        log_tail: decoded.map(|tail| String::from_utf8_lossy(&tail).into_owned()),
        executed_version: output.executed_version,
        attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};

    fn invocation(is_async: bool) -> Invocation {
        let payload = br#"{"a":1}"#.to_vec();
        Invocation { address: Address::new("function", "hash"), function_name: "demo-hash".into(), payload, is_async }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_sent_as_it_is_and_the_answer_comes_back_byte_by_byte() {
        let cloud = Cloud::new(|_| (200, "{ \"b\" : 2 }".to_owned()));
        let answer = cloud.invoker().invoke(&invocation(false)).await.unwrap();
        assert_eq!((answer.payload.as_slice(), answer.attempts), (&b"{ \"b\" : 2 }"[..], 1));
        let sent = cloud.sent("POST /2015-03-31/functions/demo-hash/invocations");
        assert!(sent.len() == 1 && sent[0].ends_with(r#"{"a":1}"#), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_lambda_did_not_take_is_sent_again_and_what_it_may_have_run_is_not() {
        for (status, code, message, sent) in [
            (429, "TooManyRequestsException", "Rate Exceeded.", 4),
            (500, "ServiceException", "An internal error occurred", 1),
            (503, "", "", 1),
            (403, "AccessDeniedException", "no", 1),
            (409, "ResourceConflictException", "The function is currently in the following state: Failed", 1),
        ] {
            let cloud = Cloud::new(move |_| (status, failure(code, message)));
            let error = cloud.invoker().invoke(&invocation(false)).await.unwrap_err();
            assert_eq!((cloud.sent("/invocations").len(), error.leaves_open()), (sent, status >= 500), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_is_made_just_now_is_waited_for() {
        let calls = AtomicU32::new(0);
        let cloud = Cloud::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0..3 => (409, failure("ResourceConflictException", "The function is currently in the following state: Pending")),
            _ => (202, String::new()),
        });
        assert_eq!(cloud.invoker().invoke(&invocation(true)).await.unwrap().attempts, 4);
        assert_eq!(cloud.waits(), ["Lambda to take an invocation of demo-hash"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_may_take_its_fifteen_minutes() {
        let cloud = Cloud::slow(std::time::Duration::from_secs(900), |_| (200, "1".to_owned()));
        assert_eq!(cloud.invoker().invoke(&invocation(false)).await.unwrap().payload, b"1");
    }
}

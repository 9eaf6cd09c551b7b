//! The SDK's clients: they are made here and nowhere else.

use super::guard::ReadOnly;
use super::notify::Topics;
use super::plain_http::PlainHttp;
use super::secrets::JsonServices;
use super::signed::Signer;
use aws_config::SdkConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_millis(3_100);
/// How long the first call may take, which only asks who we are: nobody waits a minute for an address that is wrong.
const PROBE: Duration = Duration::from_secs(10);
/// How long one attempt of an ordinary call may take; the SDK itself sets no limit.
const ATTEMPT: Duration = Duration::from_secs(60);
/// How long one attempt may take that carries a zip: 50 MB on a slow line are minutes.
const UPLOAD: Duration = Duration::from_secs(300);
/// How long a function may take to answer: Lambda's 15 minutes, and the start before them.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const INVOCATION: Duration = Duration::from_secs(16 * 60);

/// One client per service, all over one HTTP client and one identity cache.
pub(super) struct Clients {
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) events: aws_sdk_eventbridge::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) lambda_upload: aws_sdk_lambda::Client,
    pub(super) ecr: aws_sdk_ecr::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) s3_upload: aws_sdk_s3::Client,
    pub(super) json: JsonServices,
    pub(super) topics: Topics,
}

/// Makes the client of one service, with the guard where it may only read.
macro_rules! client {
    ($sdk:ident, $config:expr, $read_only:expr) => {{
        let builder = $sdk::config::Builder::from($config);
        let builder = if $read_only { builder.interceptor(ReadOnly) } else { builder };
        $sdk::Client::from_conf(builder.build())
    }};
}

impl Clients {
    /// Makes the clients; those that are `read_only` refuse what is not a read.
    pub(super) fn new(config: &SdkConfig, read_only: bool, http: &PlainHttp) -> Self {
        let upload = config.to_builder().timeout_config(timeouts(UPLOAD)).build();
        let probe = config.to_builder().timeout_config(timeouts(PROBE)).build();
        let signer = Arc::new(Signer::new(config, http.clone()));
        Self {
            sts: client!(aws_sdk_sts, &probe, read_only),
            iam: client!(aws_sdk_iam, config, read_only),
            logs: client!(aws_sdk_cloudwatchlogs, config, read_only),
            events: client!(aws_sdk_eventbridge, config, read_only),
            lambda: client!(aws_sdk_lambda, config, read_only),
            lambda_upload: client!(aws_sdk_lambda, &upload, read_only),
            ecr: client!(aws_sdk_ecr, config, read_only),
            s3: objects(config, read_only),
            s3_upload: objects(&upload, read_only),
            json: JsonServices::new(Arc::clone(&signer)),
            topics: Topics::new(signer),
        }
    }
}

/// The client of S3. Another endpoint than AWS's has no host name for each bucket.
fn objects(config: &SdkConfig, read_only: bool) -> aws_sdk_s3::Client {
    let builder = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
    let builder = if read_only { builder.interceptor(ReadOnly) } else { builder };
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The client that calls functions.
pub(super) fn invoking(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let config = config.to_builder().timeout_config(timeouts(INVOCATION)).build();
    client!(aws_sdk_lambda, &config, false)
}

/// The time limits of an ordinary call.
pub(super) fn ordinary_timeouts() -> TimeoutConfig {
    timeouts(ATTEMPT)
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(attempt).build()
}

#[cfg(test)]
mod tests {
    use crate::aws::testing::{Cloud, failure};
    use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_wrong_is_made_up_for_at_the_second_attempt_and_later_calls() {
        let cloud = Cloud::new(|request| match request.contains(" 2099") {
            false => (403, failure("InvalidSignatureException", "Signature expired")),
            true => (200, "{}".to_owned()),
        });
        for _ in 0..2 {
            cloud.writer.reader().get_function(GetFunctionInputBuilder::default().function_name("x")).await.unwrap();
        }
        assert_eq!((cloud.sent("GET").len(), cloud.sent(" 2099").len()), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_made_up_for_where_there_is_no_client_of_the_sdk_too() {
        let cloud = Cloud::new(|request| match request.contains(" 2099") {
            false => (400, failure("InvalidSignatureException", "Signature expired")),
            true => (200, r#"{"Parameter":{"Value":"v"}}"#.to_owned()),
        });
        for _ in 0..2 {
            assert_eq!(cloud.writer.reader().parameter("/x").await.unwrap(), "v");
        }
        assert_eq!((cloud.sent("GetParameter").len(), cloud.sent(" 2099").len()), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_cannot_be_read_is_asked_for_again() {
        for broken in ["", "{\"Configuration\":{\"Fun", "<html>Please log in</html>"] {
            let is_first = AtomicBool::new(true);
            let cloud = Cloud::new(move |_| {
                let is_broken = is_first.swap(false, Ordering::Relaxed);
                (200, if is_broken { broken.to_owned() } else { r#"{"Configuration":{"FunctionName":"x"}}"#.to_owned() })
            });
            let answer = cloud.writer.reader().get_function(GetFunctionInputBuilder::default().function_name("x")).await;
            // An empty answer is a good one to the SDK, with nothing in it.
            assert_eq!((answer.is_ok(), cloud.sent("GET").len()), (true, 1 + usize::from(!broken.is_empty())), "{broken}");
        }
        let cloud = Cloud::new(|_| (200, "{".to_owned()));
        let error = cloud.writer.reader().get_function(GetFunctionInputBuilder::default().function_name("x")).await.unwrap_err();
        assert!(error.leaves_open() && error.message.contains("cannot be read (HTTP status 200)"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_wrong_is_not_taken_for_a_clock_for_ever() {
        let cloud = Cloud::new(|_| (403, failure("InvalidSignatureException", "the signature does not match")));
        let error = cloud.writer.reader().get_function(GetFunctionInputBuilder::default().function_name("x")).await.unwrap_err();
        assert!(error.may_be_the_clock(), "{error}");
        assert!(cloud.sent("GET").len() <= 6, "{:?}", cloud.sent("GET").len());
    }
}

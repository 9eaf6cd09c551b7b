//! What an error means: its code first, a fragment of its message second, never a whole sentence.
//!
//! Codes and fragments are those that mature tools match and that were seen from AWS itself.

use super::error::{AwsError, BROKEN_OFF, ErrorClass, UNTRUSTED};
use super::unconnected::WITHOUT_CREDENTIALS;
use super::uploads::Unreadable;
use crate::diagnostic::chain;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::time::Duration;

/// A failed attempt: what it means, and for how long AWS asked to be left alone.
pub(super) struct Failed {
    pub(super) error: AwsError,
    pub(super) quiet: Option<Duration>,
}

impl Failed {
    /// Reads an error of the SDK.
    pub(super) fn new<E>(operation: &str, endpoint: Option<&str>, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let header = |name: &str| response.and_then(|response| response.headers().get(name)).map(str::to_owned);
        let code = error.code().map(|code| short_code(code).to_owned()).filter(|code| !code.is_empty());
        let (class, message) = match error {
            // Done, as the status says, but in words that are cut off or somebody else's: a gateway's, a login page.
            SdkError::ServiceError(_) if code.is_none() && status.is_some_and(|status| (200..=299).contains(&status)) => {
                response_error(status, endpoint, &chain(error))
            }
            SdkError::ServiceError(_) => {
                let message = error.message().filter(|text| !text.is_empty()).map_or_else(|| without_message(status), str::to_owned);
                (classify(operation, code.as_deref().unwrap_or_default(), &message, status), message)
            }
            SdkError::DispatchFailure(failure) => failure
                .as_connector_error()
                .map_or_else(|| (ErrorClass::Transient, chain(error)), |connector| dispatch_failure(connector, endpoint)),
            SdkError::TimeoutError(_) => (ErrorClass::Transient, format!("{} did not answer in time", place(endpoint))),
            SdkError::ResponseError(_) => response_error(status, endpoint, &chain(error)),
            _ if unreadable(error) => (ErrorClass::Other, chain(error)),
            _ => construction_failure(&chain(error)),
        };
        let request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).or_else(|| header("x-amzn-request-id"));
        let error = AwsError { code, request_id, status, ..AwsError::own(operation, class, message) };
        let clocks = error.may_be_the_clock().then(|| clocks(header("date").as_deref())).flatten();
        let error = AwsError { clocks, ..error };
        Self { error, quiet: quiet_time(header("retry-after").as_deref(), header("x-amz-retry-after").as_deref()) }
    }
}

/// The time here, and the one that AWS's answer was made at.
fn clocks(date: Option<&str>) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let there = jiff::fmt::rfc2822::parse(date?).ok()?;
    Some((jiff::Timestamp::now(), there.timestamp()))
}

/// `Retry-After` counts seconds; AWS's own header counts milliseconds.
fn quiet_time(seconds: Option<&str>, milliseconds: Option<&str>) -> Option<Duration> {
    let seconds = seconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let quiet = seconds.or_else(|| milliseconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_millis));
    // A proxy's idea of hours is not followed.
    quiet.map(|quiet| quiet.min(Duration::from_secs(60)))
}

/// Codes may come as `namespace#Code` or `Code:http://…`.
fn short_code(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code)
}

fn without_message(status: Option<u16>) -> String {
    status.map_or_else(|| "no message".to_owned(), |status| format!("HTTP status {status} without a message"))
}

fn place(endpoint: Option<&str>) -> String {
    endpoint.map_or_else(|| "AWS".to_owned(), |endpoint| format!("`{endpoint}`"))
}

/// Whether it is the package that could not be read: its path may hold any word.
fn unreadable(error: &dyn Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Unreadable>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn construction_failure(message: &str) -> (ErrorClass, String) {
    let class = if message.to_lowercase().contains("credential") { ErrorClass::Credentials } else { ErrorClass::Invalid };
    (class, message.to_owned())
}

fn dispatch_failure(connector: &ConnectorError, endpoint: Option<&str>) -> (ErrorClass, String) {
    unsent(&chain(connector), connector.is_timeout(), endpoint)
}

/// What it means that no answer came, and a plain sentence with the endpoint.
fn unsent(message: &str, is_timeout: bool, endpoint: Option<&str>) -> (ErrorClass, String) {
    let place = place(endpoint);
    let lower = message.to_lowercase();
    let has = |fragments: &[&str]| fragments.iter().any(|fragment| lower.contains(fragment));
    if has(&["credential"]) {
        return (ErrorClass::Credentials, without_credentials(message));
    }
    if has(&["certificate", "unknownissuer"]) {
        return (ErrorClass::Other, format!("{UNTRUSTED} {place} is not trusted: {message}"));
    }
    if has(&["invalidcontenttype"]) {
        return (ErrorClass::Other, format!("{place} does not speak TLS: an address without it begins with `http://`"));
    }
    let sentence = if has(&["connection refused"]) {
        format!("nothing listens at {place}: the connection was refused")
    } else if has(&["dns error", "failed to lookup", "name or service not known", "name resolution"]) {
        format!("the host name of {place} cannot be resolved")
    } else if is_timeout || has(&["timed out", "timeout"]) {
        format!("{place} did not answer in time")
    } else if has(&["reset", "broken pipe", "connection closed", "incomplete message", "unexpected eof"]) {
        format!("{place} {BROKEN_OFF}")
    } else {
        format!("{place} could not be reached: {message}")
    };
    (ErrorClass::Transient, sentence)
}

/// The SDK lists each source that had nothing; only a source that failed is worth a word.
fn without_credentials(message: &str) -> String {
    // The instance's own service is the last in the chain: the others had nothing.
    if message.contains("IMDS") {
        return format!("{WITHOUT_CREDENTIALS}, neither in the environment nor in the AWS profile nor from the machine");
    }
    if message.contains("no credentials found in chain") || message.contains("no providers in chain provided credentials") {
        return format!("{WITHOUT_CREDENTIALS}, neither in the environment nor in the AWS profile");
    }
    let lines: Vec<&str> = message.strip_prefix("other: ").unwrap_or(message).lines().map(str::trim).collect();
    lines.join(" ")
}

/// An answer that the SDK could not read. One that broke off may be any answer, whatever its status.
fn response_error(status: Option<u16>, endpoint: Option<&str>, message: &str) -> (ErrorClass, String) {
    let has_broken_off = ["reading a body", "minimum throughput"].iter().any(|fragment| message.contains(fragment));
    let class = match status {
        _ if has_broken_off => ErrorClass::Transient,
        Some(429) => ErrorClass::Throttled,
        Some(200..=299 | 500 | 502..=504) => ErrorClass::Transient,
        _ => ErrorClass::Other,
    };
    let status = status.map_or_else(String::new, |status| format!(" (HTTP status {status})"));
    (class, format!("the answer of {} cannot be read{status}: {message}", place(endpoint)))
}

/// What AWS's answer means.
fn classify(operation: &str, code: &str, message: &str, status: Option<u16>) -> ErrorClass {
    let message = message.to_lowercase();
    by_code_and_message(operation, code, &message).or_else(|| by_code(code)).unwrap_or_else(|| by_status(status))
}

/// Codes that mean several things.
fn by_code_and_message(operation: &str, code: &str, message: &str) -> Option<ErrorClass> {
    let says = |fragments: &[&str]| fragments.iter().any(|fragment| message.contains(fragment));
    match code {
        "ResourceConflictException" if says(&["already exist"]) => Some(ErrorClass::AlreadyExists),
        "ResourceConflictException" => Some(ErrorClass::InProgress),
        "InvalidParameterValueException" | "InvalidArnException"
            if says(&[
                "cannot be assumed by lambda",
                "execution role does not have permissions",
                "ensure the role can perform",
                "kms key is invalid for creategrant",
                "valid principal",
                "throttled by ec2",
                // An image that was just pushed, or a policy of a repository that was just set, is not seen everywhere.
                "source image",
                "permission to access the ecr image",
            ]) =>
        {
            Some(ErrorClass::NotYetConsistent)
        }
        "InvalidParameterValueException" if says(&["unreservedconcurrentexecution"]) => Some(ErrorClass::Quota),
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" if says(&["invalid principal in policy"]) => {
            Some(ErrorClass::NotYetConsistent)
        }
        "ValidationException" if says(&["cannot be assumed by principal", "to assume the role"]) => Some(ErrorClass::NotYetConsistent),
        "ValidationException" if says(&["since it has targets"]) => Some(ErrorClass::InProgress),
        "ValidationException" if operation == "events:ListTargetsByRule" && says(&["not found", "does not exist"]) => {
            Some(ErrorClass::NotFound)
        }
        _ => None,
    }
}

/// What AWS's codes mean, where one code means one thing.
const CODES: &[(ErrorClass, &[&str])] = &[
    (
        ErrorClass::Throttled,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "SlowDown",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
            "ProvisionedThroughputExceededException",
            // The codes in capitals are those of container registries.
            "TOOMANYREQUESTS",
        ],
    ),
    (
        ErrorClass::Transient,
        &[
            "InternalFailure",
            "InternalError",
            "InternalException",
            "InternalServerError",
            "InternalServerException",
            "ServerException",
            "ServiceException",
            "ServiceFailure",
            "ServiceFailureException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "RequestTimeout",
            "RequestTimeoutException",
            // Two conditional writes of one object at the same time (S3 API model).
            "ConditionalRequestConflict",
        ],
    ),
    (
        ErrorClass::AlreadyExists,
        &[
            "EntityAlreadyExists",
            "EntityAlreadyExistsException",
            "ResourceAlreadyExistsException",
            "RepositoryAlreadyExistsException",
            "ImageTagAlreadyExistsException",
            "PreconditionFailed",
        ],
    ),
    (
        ErrorClass::NotFound,
        &[
            "NoSuchEntity",
            "NoSuchEntityException",
            "ResourceNotFoundException",
            "NotFoundException",
            "RepositoryNotFoundException",
            "RepositoryPolicyNotFoundException",
            "LifecyclePolicyNotFoundException",
            "ImageNotFoundException",
            "ParameterNotFound",
            "NAME_UNKNOWN",
            "NoSuchUpload",
        ],
    ),
    (
        ErrorClass::InProgress,
        &[
            "ConcurrentModification",
            "ConcurrentModificationException",
            "EntityTemporarilyUnmodifiable",
            "EntityTemporarilyUnmodifiableException",
            "DeleteConflict",
            "DeleteConflictException",
            "OperationAbortedException",
            "ResourceInUseException",
            "ResourceNotReadyException",
        ],
    ),
    (
        ErrorClass::Denied,
        &["AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation", "DENIED"],
    ),
    (
        ErrorClass::Credentials,
        &[
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "InvalidAccessKeyId",
            "InvalidToken",
            "AuthFailure",
            "OptInRequired",
            "RequestTimeTooSkewed",
            "UNAUTHORIZED",
        ],
    ),
    (ErrorClass::Quota, &["LimitExceeded", "LimitExceededException", "ServiceQuotaExceededException", "CodeStorageExceededException"]),
    (
        ErrorClass::Invalid,
        &[
            "ValidationException",
            "ValidationError",
            "InvalidParameterValueException",
            "InvalidParameterException",
            "InvalidParameterValue",
            "InvalidInput",
            "InvalidInputException",
            "InvalidRequestContentException",
            "MalformedPolicyDocument",
            "MalformedPolicyDocumentException",
            "RequestTooLargeException",
            "RequestEntityTooLargeException",
            "PolicyLengthExceededException",
            "PublicPolicyException",
            "UnmodifiableEntity",
            "UnmodifiableEntityException",
            "InvalidEventPatternException",
            "ManagedRuleException",
            "SerializationException",
            "InvalidOperationException",
            // Lambda answers these with 502, and has run nothing.
            "InvalidRuntimeException",
            "InvalidZipFileException",
            "PreconditionFailedException",
            "RepositoryNotEmptyException",
            "InvalidTagParameterException",
            "TooManyTagsException",
            "KmsException",
        ],
    ),
];

fn by_code(code: &str) -> Option<ErrorClass> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

fn by_status(status: Option<u16>) -> ErrorClass {
    match status {
        Some(429) => ErrorClass::Throttled,
        Some(500 | 502..=504) => ErrorClass::Transient,
        Some(404) => ErrorClass::NotFound,
        Some(403) => ErrorClass::Denied,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::*;

    #[test]
    fn every_known_error_has_its_meaning() {
        let cases = [
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                400,
                NotYetConsistent,
            ),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
                400,
                NotYetConsistent,
            ),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "Lambda was not able to create an ENI: throttled by EC2",
                400,
                NotYetConsistent,
            ),
            ("lambda:CreateFunction", "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes", 400, Invalid),
            ("lambda:CreateFunction", "ResourceConflictException", "Function already exist: hash", 409, AlreadyExists),
            (
                "lambda:UpdateFunctionCode",
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: arn",
                409,
                InProgress,
            ),
            (
                "lambda:UpdateFunctionCode",
                "ResourceConflictException",
                "The function is currently in the following state: Pending",
                409,
                InProgress,
            ),
            ("lambda:AddPermission", "ResourceConflictException", "The statement id (x) provided already exists.", 409, AlreadyExists),
            ("lambda:AddPermission", "TooManyRequestsException", "Rate exceeded", 429, Throttled),
            (
                "lambda:PutFunctionConcurrency",
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
                400,
                Quota,
            ),
            ("lambda:GetFunction", "ResourceNotFoundException", "Function not found", 404, NotFound),
            ("lambda:GetFunction", "ServiceException", "", 500, Transient),
            ("lambda:UpdateFunctionCode", "PreconditionFailedException", "", 412, Invalid),
            ("iam:CreateRole", "Throttling", "Rate exceeded", 400, Throttled),
            ("iam:CreateRole", "EntityAlreadyExists", "Role with name x already exists.", 409, AlreadyExists),
            ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn\"", 400, NotYetConsistent),
            ("iam:CreateRole", "MalformedPolicyDocument", "Syntax errors in policy.", 400, Invalid),
            ("iam:CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409, Quota),
            ("iam:DeleteRole", "DeleteConflict", "must detach all policies first", 409, InProgress),
            ("iam:GetRole", "NoSuchEntity", "", 404, NotFound),
            ("iam:GetRole", "AccessDenied", "User: x is not authorized", 403, Denied),
            ("logs:CreateLogGroup", "OperationAbortedException", "A conflicting operation is currently in progress", 400, InProgress),
            ("logs:CreateLogGroup", "ResourceAlreadyExistsException", "", 400, AlreadyExists),
            ("logs:CreateLogGroup", "LimitExceededException", "", 400, Quota),
            ("logs:PutRetentionPolicy", "AccessDeniedException", "", 400, Denied),
            ("events:DeleteRule", "ValidationException", "Rule can't be deleted since it has targets.", 400, InProgress),
            ("events:PutRule", "ValidationException", "Parameter ScheduleExpression is not valid.", 400, Invalid),
            ("events:ListTargetsByRule", "ValidationException", "Rule x does not exist on EventBus default.", 400, NotFound),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "Source image 123456789012.dkr.ecr.us-east-1.amazonaws.com/x@sha256:00 does not exist. Provide a valid source image.",
                400,
                NotYetConsistent,
            ),
            ("ecr:DescribeRepositories", "RepositoryNotFoundException", "The repository with name 'x' does not exist", 400, NotFound),
            ("ecr:GetLifecyclePolicy", "LifecyclePolicyNotFoundException", "", 400, NotFound),
            ("ssm:GetParameter", "ParameterNotFound", "", 400, NotFound),
            ("ecr:GetRepositoryPolicy", "RepositoryPolicyNotFoundException", "", 400, NotFound),
            ("ecr:CreateRepository", "RepositoryAlreadyExistsException", "", 400, AlreadyExists),
            ("ecr:DeleteRepository", "RepositoryNotEmptyException", "", 400, Invalid),
            ("ecr:CreateRepository", "ServerException", "", 500, Transient),
            ("ecr:CreateRepository", "LimitExceededException", "", 400, Quota),
            ("sts:GetCallerIdentity", "ExpiredToken", "", 403, Credentials),
            ("lambda:GetFunction", "UnrecognizedClientException", "", 403, Credentials),
            ("lambda:GetFunction", "", "", 503, Transient),
            ("lambda:Invoke", "InvalidRuntimeException", "", 502, Invalid),
            ("lambda:GetFunction", "NotImplemented", "", 501, Other),
        ];
        for (operation, code, message, status, class) in cases {
            assert_eq!(classify(operation, code, message, Some(status)), class, "{operation} {code} {message}");
        }
    }

    #[test]
    fn an_answer_that_broke_off_is_asked_for_again_whatever_its_status() {
        let broken = "response error: error reading a body from connection: unexpected EOF during chunk size line";
        for status in [200, 400, 403, 409, 429] {
            assert_eq!(response_error(Some(status), None, broken).0, Transient, "{status}");
        }
        assert_eq!(response_error(Some(403), None, "response error: expected value at line 1 column 1").0, Other, "a proxy's page");
    }

    #[test]
    fn what_went_wrong_before_an_answer_is_a_plain_sentence() {
        let endpoint = Some("http://127.0.0.1:1");
        let say = |message: &str| unsent(message, false, endpoint);
        insta::assert_snapshot!(say("dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)").1, @"nothing listens at `http://127.0.0.1:1`: the connection was refused");
        insta::assert_snapshot!(say("client error (Connect): dns error: failed to lookup address information").1, @"the host name of `http://127.0.0.1:1` cannot be resolved");
        insta::assert_snapshot!(say("HTTP connect timeout occurred after 3.1s").1, @"`http://127.0.0.1:1` did not answer in time");
        insta::assert_snapshot!(say("connection closed before message completed").1, @"`http://127.0.0.1:1` closed the connection before it answered");
        assert_eq!(say("the credential provider was not enabled").0, Credentials);
        let machine = "an error occurred while loading credentials: failed to load IMDS session token: request forbidden";
        insta::assert_snapshot!(say(machine).1, @"no credentials were found, neither in the environment nor in the AWS profile nor from the machine");
        insta::assert_snapshot!(say("other: the credential provider was not enabled: no credentials found in chain. Attempted:\n  Environment: x").1, @"no credentials were found, neither in the environment nor in the AWS profile");
        assert_eq!(say("invalid peer certificate: UnknownIssuer").0, Other);
    }

    #[test]
    fn codes_lose_their_namespaces() {
        for code in
            ["com.amazonaws.logs#LimitExceededException", "LimitExceededException:http://internal.amazon.com", "LimitExceededException"]
        {
            assert_eq!(short_code(code), "LimitExceededException");
        }
    }

    #[test]
    fn quiet_times_are_seconds_or_milliseconds_and_never_hours() {
        assert_eq!(quiet_time(Some("2"), None), Some(Duration::from_secs(2)));
        assert_eq!(quiet_time(None, Some("250")), Some(Duration::from_millis(250)));
        assert_eq!(quiet_time(Some("7200"), None), Some(Duration::from_secs(60)));
        assert_eq!(quiet_time(Some("Wed, 21 Oct 2026 07:28:00 GMT"), None), None);
    }
}

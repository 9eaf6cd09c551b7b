//! What each service says when it refuses: status, code and words.

use super::denied_words;
use super::facts::Facts;
use crate::local::error::ApiError;

/// Too many requests.
pub(super) fn throttled(facts: &Facts, retry_after_seconds: Option<u64>) -> ApiError {
    let (status, code, message) = match facts.service.as_str() {
        "lambda" => (429, "TooManyRequestsException", "Rate exceeded"),
        "iam" | "sts" => (400, "Throttling", "Rate exceeded"),
        "s3" => (503, "SlowDown", "Please reduce your request rate."),
        "registry" => (429, "TOOMANYREQUESTS", "Rate exceeded"),
        _ => (400, "ThrottlingException", "Rate exceeded"),
    };
    let mut error = ApiError::new(status, code, message);
    // Lambda says how long it wants to be left alone; the others do so only on request.
    let seconds = retry_after_seconds.or((facts.service == "lambda").then_some(1));
    error.headers.extend(seconds.map(|seconds| ("retry-after", seconds.to_string())));
    if facts.service == "lambda" { error.with("Reason", "CallerRateLimitExceeded") } else { error }
}

/// The credentials have ended.
pub(super) fn expired(facts: &Facts) -> ApiError {
    let message = "The security token included in the request is expired";
    match facts.service.as_str() {
        "iam" | "sts" => ApiError::new(403, "ExpiredToken", message),
        "s3" => ApiError::new(400, "ExpiredToken", "The provided token has expired."),
        "registry" => ApiError::new(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."),
        "lambda" => ApiError::new(403, "ExpiredTokenException", message),
        _ => ApiError::new(400, "ExpiredTokenException", message),
    }
}

/// The credentials may not do this.
pub(super) fn denied(facts: &Facts, account: &str) -> ApiError {
    let (action, resource) = (denied_words::action(facts), denied_words::resource(facts, account));
    let message = format!(
        "User: arn:aws:iam::{account}:user/local is not authorized to perform: {action} on resource: {resource} \
         because no identity-based policy allows the {action} action"
    );
    match facts.service.as_str() {
        "iam" | "sts" | "s3" => ApiError::new(403, "AccessDenied", message),
        "registry" => ApiError::new(403, "DENIED", message),
        "lambda" => ApiError::new(403, "AccessDeniedException", message),
        _ => ApiError::new(400, "AccessDeniedException", message),
    }
}

/// The service has a fault of its own.
pub(super) fn unavailable(facts: &Facts) -> ApiError {
    match facts.service.as_str() {
        "lambda" => ApiError::new(500, "ServiceException", "An internal error occurred."),
        "s3" => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
        "events" => ApiError::new(500, "InternalException", "This exception occurs due to unexpected causes."),
        "ecr" => ApiError::new(500, "ServerException", "A server-side issue."),
        "logs" => ApiError::new(503, "ServiceUnavailableException", "The service cannot complete the request."),
        _ => ApiError::new(503, "ServiceUnavailable", "Service is unable to handle request."),
    }
}

/// The signature is of another time.
pub(super) fn skewed(facts: &Facts) -> ApiError {
    let code = if matches!(facts.service.as_str(), "iam" | "sts") { "SignatureDoesNotMatch" } else { "InvalidSignatureException" };
    ApiError::new(403, code, "Signature expired: the time of the request is too far from the service's.")
}

/// Something else goes on with the thing, and will end.
pub(super) fn conflict(facts: &Facts, account: &str) -> ApiError {
    match facts.service.as_str() {
        "lambda" => in_progress(facts, account),
        "iam" => ApiError::new(
            409,
            "ConcurrentModification",
            "The request was rejected because multiple requests to change this object were submitted simultaneously.",
        ),
        "logs" => ApiError::new(
            400,
            "OperationAbortedException",
            "A conflicting operation is currently in progress against this resource. Please try again.",
        ),
        "s3" => ApiError::new(
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        _ => ApiError::new(
            400,
            "ConcurrentModificationException",
            format!("Rule {} was changed by another request at the same time.", facts.resource),
        ),
    }
}

fn function_arn(facts: &Facts, account: &str) -> String {
    format!("arn:aws:lambda:{}:{account}:function:{}", facts.region, facts.resource)
}

/// Lambda takes one change at a time.
pub(super) fn in_progress(facts: &Facts, account: &str) -> ApiError {
    let arn = function_arn(facts, account);
    busy(&format!("An update is in progress for resource: {arn}"))
}

/// The function is not in a state in which it can be changed.
pub(super) fn in_state(state: &str) -> ApiError {
    busy(&format!("The function is currently in the following state: {state}"))
}

fn busy(reason: &str) -> ApiError {
    ApiError::new(409, "ResourceConflictException", format!("The operation cannot be performed at this time. {reason}"))
}

/// What was just made is not known there yet.
pub(super) fn not_seen(facts: &Facts, account: &str) -> ApiError {
    let name = &facts.resource;
    match facts.service.as_str() {
        "iam" => ApiError::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found.")),
        "lambda" => ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {}", function_arn(facts, account))),
        "logs" => ApiError::new(400, "ResourceNotFoundException", "The specified log group does not exist."),
        "ecr" => ApiError::new(
            400,
            "RepositoryNotFoundException",
            format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
        ),
        _ => ApiError::new(400, "ResourceNotFoundException", format!("Rule {name} does not exist on EventBus default.")),
    }
}

/// Lambda does not know the role, or may not assume it, yet.
pub(super) fn not_assumable() -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
}

/// Something of the role is still thought to be there.
pub(super) fn delete_conflict() -> ApiError {
    ApiError::new(409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
}

/// A group that may not be deleted.
pub(super) fn protected() -> ApiError {
    ApiError::new(400, "ValidationException", "The log group has deletion protection enabled.")
}

/// A quota of the account is full.
pub(super) fn full(facts: &Facts) -> ApiError {
    match (facts.service.as_str(), facts.operation.as_str()) {
        ("iam", _) => ApiError::new(409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000"),
        ("lambda", "PutFunctionConcurrency") => ApiError::new(
            400,
            "InvalidParameterValueException",
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
        ),
        ("lambda", _) => ApiError::new(400, "CodeStorageExceededException", "Code storage limit exceeded."),
        ("logs", _) => ApiError::new(400, "LimitExceededException", "Resource limit exceeded."),
        ("ecr", _) => ApiError::new(400, "LimitExceededException", "The registry has reached its limit of repositories."),
        _ => ApiError::new(400, "LimitExceededException", "The requested resource exceeds the maximum number allowed."),
    }
}

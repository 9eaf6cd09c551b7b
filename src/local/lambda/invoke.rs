//! Invoke: now, later, or only whether one could.

use super::layers::Used;
use super::name::LATEST;
use super::record::{Function, Progress};
use super::{Lambda, images};
use crate::local::common::Call;
use crate::local::error::ApiError;
use crate::local::logs::{self, Logs};
use crate::local::run::{self, Deployment, INVALID_IMAGE, INVALID_ZIP_FILE, Invocation, Layer, LogSink, Outcome, Refusal};
use crate::local::wire::rest::{Answer, Request};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use std::sync::Arc;

/// The most that an event may weigh, for an answer and without.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_EVENT_BYTES: usize = 6_291_456;
const LARGEST_QUEUED_EVENT_BYTES: usize = 1_048_576;

/// Takes what functions write to the log groups; to none where the role may not write.
pub(super) struct Sink(pub Arc<Logs>);

impl LogSink for Sink {
    fn append(&self, region: &str, group: &str, stream: &str, events: Vec<run::LogEvent>) {
        if group.is_empty() {
            return;
        }
        let events = events.into_iter().map(|event| logs::LogEvent { timestamp_ms: event.timestamp_ms, message: event.message });
        self.0.append(region, group, stream, events.collect());
    }
}

impl Lambda {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    pub(super) async fn invoke(&self, call: &Call, request: &Request, name: &str) -> Result<Answer, ApiError> {
        let function = self.find(&call.region, name)?;
        let kind = request.header("x-amz-invocation-type").unwrap_or("RequestResponse");
        let largest = if kind == "Event" { LARGEST_QUEUED_EVENT_BYTES } else { LARGEST_EVENT_BYTES };
        let payload = checked_event(&request.body, kind, largest)?;
        match kind {
            "DryRun" => Ok(Answer::empty(204)),
            "Event" => {
                self.enqueue(&function, String::from_utf8_lossy(&payload).into_owned(), &call.request_id).await?;
                Ok(Answer::empty(202))
            }
            "RequestResponse" => {
                let wants_tail = request.header("x-amz-log-type") == Some("Tail");
                let invocation = Invocation {
                    payload,
                    request_id: call.request_id.clone(),
                    trace_id: request.header("x-amzn-trace-id").map(str::to_owned),
                    client_context: decoded_context(request.header("x-amz-client-context"))?,
                    qualifier: request.parameter("Qualifier").map(str::to_owned),
                    wants_tail,
                };
                Ok(answer(&self.run(&function, invocation).await?, wants_tail))
            }
            other => {
                let message = format!(
                    "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
                );
                Err(ApiError::new(400, "ValidationException", message))
            }
        }
    }

    /// Runs a function to its end; as it is then, if it was updated meanwhile and its package is gone.
    pub(super) async fn run(&self, function: &Function, invocation: Invocation) -> Result<Outcome, ApiError> {
        let outcome = self.run_as(function, invocation.clone()).await;
        match outcome {
            Err(error) if error.code == INVALID_ZIP_FILE || error.code == INVALID_IMAGE => {
                let now = self.find(&function.region, &function.name)?;
                if now.code_sha256 == function.code_sha256 { Err(error) } else { self.run_as(&now, invocation).await }
            }
            outcome => outcome,
        }
    }

    async fn run_as(&self, function: &Function, invocation: Invocation) -> Result<Outcome, ApiError> {
        if function.progress(self.now_ms()) == Progress::Pending {
            let message = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
            return Err(ApiError::new(409, "ResourceConflictException", message));
        }
        let deployment = self.deployment(function);
        self.runner.invoke(&deployment, invocation).await.map_err(refused)
    }

    /// A log group comes into being with the first invocation, if the role may make one; without it, and
    /// without the right to write, what the function says is lost, as on AWS.
    pub(super) fn deployment(&self, function: &Function) -> Deployment {
        let settings = &function.settings;
        let role = settings.role.as_deref().unwrap_or_default();
        let group = function.log_group();
        let group_arn = format!("arn:aws:logs:{}:{}:log-group:{group}", function.region, self.common.account);
        if !self.logs.has_group(&function.region, &group) && self.iam.allows(role, "logs:CreateLogGroup", &group_arn) {
            // Without its group the function runs all the same, and what it says is lost.
            let _ = self.logs.create_group_quietly(&function.region, &group);
        }
        let may_write = self.iam.allows(role, "logs:PutLogEvents", &format!("{group_arn}:log-stream:any"));
        let image = self.image_code(function);
        let handler = image.as_ref().map(images::handler).or_else(|| settings.handler.clone()).unwrap_or_default();
        let whole = |number: Option<i64>| u32::try_from(number.unwrap_or_default()).unwrap_or(u32::MAX);
        Deployment {
            arn: self.arn(&function.region, &function.name),
            name: function.name.clone(),
            version: LATEST.into(),
            // What runs without a log, because its role may not write one, is not what runs with it.
            generation: format!("{} {may_write}", function.revisions[1]),
            code: self.packages.path(&function.code_sha256),
            code_sha256: function.code_sha256.clone(),
            handler,
            runtime: settings.runtime.clone().unwrap_or_default(),
            memory_mb: whole(settings.memory_size),
            timeout_ms: u64::from(whole(settings.timeout)) * 1000,
            ephemeral_storage_mb: whole(settings.ephemeral_storage.as_ref().map(|storage| storage.size)),
            environment: settings.variables(),
            reserved_concurrency: function.reserved_concurrency,
            log_group: if may_write { group } else { String::new() },
            region: function.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            image,
            layers: function.layers.iter().map(|layer| self.layer_of(layer)).collect(),
        }
    }
}

impl Lambda {
    fn layer_of(&self, used: &Used) -> Layer {
        let package = used.code_sha256.as_ref().map(|sha256| (self.packages.path(sha256), sha256.clone()));
        Layer { arn: used.arn.clone(), package }
    }
}

fn answer(outcome: &Outcome, wants_tail: bool) -> Answer {
    let mut headers = vec![("content-type", "application/json".to_owned()), ("x-amz-executed-version", LATEST.to_owned())];
    if let Some(error) = outcome.function_error {
        headers.push(("x-amz-function-error", error.as_str().to_owned()));
    }
    if wants_tail {
        headers.push(("x-amz-log-result", BASE64_STANDARD.encode(&outcome.log_tail)));
    }
    Answer { status: 200, headers, body: outcome.payload.clone() }
}

/// The event as the function gets it: an empty body is an empty object.
fn checked_event(body: &Bytes, kind: &str, largest: usize) -> Result<Bytes, ApiError> {
    if body.len() > largest {
        // The model calls it RequestTooLargeException; this is what stands on the wire.
        let message = format!("{} byte payload is too large for the {kind} invocation type (limit {largest} bytes)", body.len());
        return Err(ApiError::new(413, "RequestEntityTooLargeException", message));
    }
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => Ok(body.clone()),
        Err(error) => {
            let message = format!("Could not parse request body into json: {error}");
            Err(ApiError::new(400, "InvalidRequestContentException", message))
        }
    }
}

fn decoded_context(header: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(text) = header else { return Ok(None) };
    let context = BASE64_STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let invalid = || ApiError::new(400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.");
    context.map(Some).ok_or_else(invalid)
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::TooManyRequests(reason) => {
            ApiError::new(429, "TooManyRequestsException", "Rate Exceeded.").with("Reason", reason.as_str())
        }
        Refusal::CannotRun { code, message } => ApiError::new(502, code, message),
        Refusal::ShuttingDown => ApiError::new(500, "ServiceException", "The local cloud is shutting down"),
    }
}

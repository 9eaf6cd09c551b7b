//! The HTTP side of the cloud: which service a request is for, and how answers leave.

use super::cloud::Cloud;
use super::common::{Call, random_id};
use super::error::ApiError;
use super::signature::{Scope, is_from_a_page, is_loopback};
use super::wire::{json, query, rest};
use super::{ecr, faults, iam, s3, sts};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The paths that are the cloud's own and no AWS service's.
pub const OWN_PATHS: &str = "/_lambdo/";

/// Where GetFunction says that packages lie.
pub const CODE_PATH: &str = "/_lambdo/code/";

/// The largest request that Lambda takes: a zip of 50 MB in base64.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_REQUEST_BYTES: usize = 70_167_211;
/// How much of a request that is too large is read all the same.
const LARGEST_READ_BYTES: usize = 512 * 1024 * 1024;

/// Serves until told to stop; requests under way are answered first.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(cloud: Arc<Cloud>, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().fallback(answer).with_state(cloud);
    // Small answers must not wait for the acknowledgement of what went before them.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await
}

async fn answer(State(cloud): State<Arc<Cloud>>, request: Request) -> Response {
    answered(&cloud, request).await
}

/// Answers a request, as the fault plan has it where there is one.
pub async fn answered(cloud: &Arc<Cloud>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_own = parts.uri.path().starts_with(OWN_PATHS);
    if cloud.faults.are_on() && !is_own && admit(&parts).is_ok() {
        return faults::answer(cloud, parts, body).await;
    }
    pass(cloud, parts, body).await
}

/// Answers a request as the service does that it is for.
pub async fn pass(cloud: &Arc<Cloud>, parts: Parts, body: Body) -> Response {
    let request_id = random_id();
    let scope = Scope::of(&parts.headers);
    // Objects are too large to be read before they are looked at.
    if let Some(scope) = scope.as_ref().filter(|scope| scope.service == "s3" && admit(&parts).is_ok()) {
        let call = Call { region: scope.region.clone(), request_id };
        return cloud.s3.answer(&call, &parts, body).await;
    }
    if scope.is_none() && parts.uri.path().starts_with(ecr::PATH) && admit(&parts).is_ok() {
        return ecr::answer(&cloud.ecr, &parts, body).await;
    }
    let service = scope.map(|scope| scope.service).unwrap_or_default();
    let answer = async {
        admit(&parts)?;
        dispatch(cloud, &parts, read(body).await?, &request_id).await
    };
    finished(answer.await.unwrap_or_else(|error| refusal(&service, &error, &request_id)), &request_id)
}

/// Reads to the end also what is too large: a client that is still sending does not listen.
pub async fn read(body: Body) -> Result<Bytes, ApiError> {
    let (mut chunks, mut whole, mut length) = (body.into_data_stream(), BytesMut::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ApiError::new(400, "RequestAbortedException", format!("The request broke off: {error}")))?;
        length += chunk.len();
        match length {
            length if length <= LARGEST_REQUEST_BYTES => whole.extend_from_slice(&chunk),
            length if length <= LARGEST_READ_BYTES => whole.clear(),
            _ => break,
        }
    }
    if length <= LARGEST_REQUEST_BYTES {
        return Ok(whole.freeze());
    }
    let message = format!("Request must be smaller than {LARGEST_REQUEST_BYTES} bytes");
    Err(ApiError::new(413, "RequestEntityTooLargeException", message))
}

/// Refuses what did not come from a client on this machine: a page in somebody's browser can reach
/// loopback, but it cannot send a header that says who signed, and says itself that it is one.
fn admit(parts: &Parts) -> Result<(), ApiError> {
    if header(&parts.headers, "host").is_some_and(is_loopback) && !is_from_a_page(&parts.headers) {
        return Ok(());
    }
    Err(ApiError::new(403, "AccessDeniedException", "The local cloud answers AWS clients on this machine only"))
}

async fn dispatch(cloud: &Cloud, parts: &Parts, body: Bytes, request_id: &str) -> Result<rest::Answer, ApiError> {
    if let Some(path) = parts.uri.path().strip_prefix(OWN_PATHS) {
        return Ok(own(cloud, parts.method.as_str(), path, &body).await);
    }
    let missing = || ApiError::new(403, "MissingAuthenticationToken", "Missing Authentication Token");
    let scope = Scope::of(&parts.headers).ok_or_else(missing)?;
    let call = Call { region: scope.region, request_id: request_id.to_owned() };
    let answer = match scope.service.as_str() {
        "sts" | "iam" => form(cloud, &scope.service, &body, request_id).await,
        service if is_document(service) => document(cloud, &scope.service, &call, &parts.headers, &body).await,
        "lambda" => cloud.lambda.call(&call, &taken_apart(parts, body.clone())).await,
        other => {
            let message = format!(
                "The local cloud has no service `{other}`; it has STS, IAM, CloudWatch Logs, ECR, S3, Lambda, EventBridge, \
                 CloudTrail, parameters of SSM, and the Secrets Manager"
            );
            Err(ApiError::new(501, "NotImplemented", message))
        }
    };
    if answer.is_ok() {
        cloud.trail.note(parts, &body, cloud.common.clock.now_ms());
    }
    answer
}

/// A refusal of a service, as it leaves.
pub fn refused(service: &str, error: &ApiError) -> Response {
    let request_id = random_id();
    let (content_type, body) = match service {
        "s3" => ("application/xml", s3::refusal(error, &request_id)),
        "registry" => ("application/json", ecr::refusal(&error.code, &error.message).to_string()),
        _ => return finished(refusal(service, error, &request_id), &request_id),
    };
    // What was refused before it was read still stands in the connection, which is of no use any more.
    let mut headers = vec![("content-type", content_type.to_owned()), ("connection", "close".to_owned())];
    headers.extend(error.headers.clone());
    finished(rest::Answer { status: error.status, headers, body: body.into() }, &request_id)
}

/// A refusal in the words of the service's protocol.
fn refusal(service: &str, error: &ApiError, request_id: &str) -> rest::Answer {
    let (content_type, body) = match service {
        "sts" => ("text/xml", query::refusal(error, sts::NAMESPACE, request_id)),
        "iam" => ("text/xml", query::refusal(error, iam::NAMESPACE, request_id)),
        service if is_document(service) => ("application/x-amz-json-1.1", json::refusal(error).to_string()),
        _ => ("application/json", rest::refusal(error).to_string()),
    };
    let mut headers = error.headers.clone();
    headers.push(("content-type", content_type.to_owned()));
    if !matches!(service, "sts" | "iam") && !is_document(service) {
        headers.push(("x-amzn-errortype", error.code.clone()));
    }
    rest::Answer { status: error.status, headers, body: body.into() }
}

/// The cloud's own paths: is it there, and the packages that GetFunction points at.
async fn own(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> rest::Answer {
    match (method, path.split_once('/')) {
        (_, None) if path == "faults" => faults_call(cloud, method, body),
        ("GET", None) if path == "health" => rest::Answer::json(200, &cloud.health()),
        ("GET", Some(("code", hash))) => match cloud.lambda.package(hash).await {
            Some(body) => rest::Answer { status: 200, headers: vec![("content-type", "application/zip".into())], body },
            None => rest::Answer::empty(404),
        },
        _ => rest::Answer::empty(404),
    }
}

/// `GET` tells what was played so far, `PUT` sets a plan, `DELETE` ends it.
fn faults_call(cloud: &Cloud, method: &str, body: &[u8]) -> rest::Answer {
    match method {
        "GET" => {}
        "PUT" => match faults::Plan::parse(&String::from_utf8_lossy(body)) {
            Ok(plan) => cloud.faults.set(plan, cloud.common.clock.now_ms()),
            Err(error) => return rest::Answer::json(400, &serde_json::json!({ "errors": error.0 })),
        },
        "DELETE" => cloud.faults.end(),
        _ => return rest::Answer::empty(405),
    }
    rest::Answer::json(200, &cloud.faults.report())
}

/// The query protocol.
async fn form(cloud: &Cloud, service: &str, body: &[u8], request_id: &str) -> Result<rest::Answer, ApiError> {
    let parameters = query::Parameters::parse(body);
    let (namespace, xml) = match service {
        "sts" => (sts::NAMESPACE, sts::call(&cloud.common, &parameters)?),
        _ => (iam::NAMESPACE, cloud.iam.call(&parameters).await?),
    };
    let body = query::answer(parameters.action(), namespace, &xml, request_id).into();
    Ok(rest::Answer { status: 200, headers: vec![("content-type", "text/xml".into())], body })
}

/// Whether a service speaks one of the JSON protocols.
fn is_document(service: &str) -> bool {
    matches!(service, "logs" | "events" | "ecr" | "ssm" | "secretsmanager" | "cloudtrail")
}

/// The JSON protocols.
async fn document(cloud: &Cloud, service: &str, call: &Call, headers: &HeaderMap, body: &[u8]) -> Result<rest::Answer, ApiError> {
    let operation = header(headers, "x-amz-target").and_then(|target| target.rsplit_once('.')).map_or("", |(_, operation)| operation);
    let input = json::body(body)?;
    let answer = match service {
        "logs" => cloud.logs.call(call, operation, input).await?,
        "ecr" => cloud.ecr.call(call, operation, input).await?,
        "ssm" => cloud.parameters.call(call, operation, input).await?,
        "secretsmanager" => cloud.secrets.call(call, operation, input).await?,
        "cloudtrail" => cloud.trail.call(call, &cloud.common.account, operation, &input)?,
        _ => cloud.events.call(call, operation, input).await?,
    };
    Ok(rest::Answer { status: 200, headers: vec![("content-type", "application/x-amz-json-1.1".into())], body: answer.to_string().into() })
}

fn taken_apart(parts: &Parts, body: Bytes) -> rest::Request {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let path = parts.uri.path().trim_matches('/').split('/').map(decoded).collect();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let headers =
        parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    rest::Request { method: parts.method.as_str().to_owned(), path, query, headers: headers.collect(), body }
}

fn finished(answer: rest::Answer, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let own = [("x-amzn-requestid", request_id.to_owned())];
    for (name, value) in answer.headers.into_iter().chain(own) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    // Nothing of the cloud belongs into a cache or a page.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

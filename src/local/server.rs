//! The HTTP side of the cloud: which service a request is for, and how answers leave.

use super::cloud::Cloud;
use super::common::{Call, random_id};
use super::error::ApiError;
use super::signature::{Scope, is_loopback};
use super::wire::{json, query, rest};
use super::{iam, sts};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
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
    let (parts, body) = request.into_parts();
    let request_id = random_id();
    let answer = match axum::body::to_bytes(body, LARGEST_REQUEST_BYTES).await {
        Ok(body) => dispatch(&cloud, &parts, body, &request_id).await,
        Err(_) => rest_refusal(&ApiError::new(413, "RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes")),
    };
    finished(answer, &request_id)
}

/// Refuses what did not come from an AWS client on this machine: a page in somebody's browser can reach
/// loopback, but can neither sign a request nor name another host than its own.
async fn dispatch(cloud: &Cloud, parts: &Parts, body: Bytes, request_id: &str) -> rest::Answer {
    if !header(&parts.headers, "host").is_some_and(is_loopback) {
        return rest_refusal(&ApiError::new(403, "AccessDeniedException", "The local cloud answers on loopback only"));
    }
    if let Some(path) = parts.uri.path().strip_prefix(OWN_PATHS) {
        return own(cloud, parts.method.as_str(), path).await;
    }
    let Some(scope) = Scope::of(&parts.headers, parts.uri.query().unwrap_or_default()) else {
        return rest_refusal(&ApiError::new(403, "MissingAuthenticationToken", "Missing Authentication Token"));
    };
    let call = Call { region: scope.region, request_id: request_id.to_owned() };
    match scope.service.as_str() {
        "sts" | "iam" => form(cloud, &scope.service, &body, request_id).await,
        "logs" | "events" => document(cloud, &scope.service, &call, &parts.headers, &body).await,
        "lambda" => cloud.lambda.call(&call, &taken_apart(parts, body)).await.unwrap_or_else(|error| rest_refusal(&error)),
        other => rest_refusal(&ApiError::new(
            501,
            "NotImplemented",
            format!("The local cloud has no service `{other}`; it has STS, IAM, CloudWatch Logs, Lambda and EventBridge"),
        )),
    }
}

/// The cloud's own paths: is it there, and the packages that GetFunction points at.
async fn own(cloud: &Cloud, method: &str, path: &str) -> rest::Answer {
    match (method, path.split_once('/')) {
        ("GET", None) if path == "health" => rest::Answer::json(200, &cloud.health()),
        ("GET", Some(("code", hash))) => match cloud.lambda.package(hash).await {
            Some(body) => rest::Answer { status: 200, headers: vec![("content-type", "application/zip".into())], body },
            None => rest::Answer::empty(404),
        },
        _ => rest::Answer::empty(404),
    }
}

/// The query protocol.
async fn form(cloud: &Cloud, service: &str, body: &[u8], request_id: &str) -> rest::Answer {
    let parameters = query::Parameters::parse(body);
    let (namespace, result) = match service {
        "sts" => (sts::NAMESPACE, sts::call(&cloud.common, &parameters)),
        _ => (iam::NAMESPACE, cloud.iam.call(&parameters).await),
    };
    let (status, text) = match &result {
        Ok(xml) => (200, query::answer(parameters.action(), namespace, xml, request_id)),
        Err(error) => (error.status, query::refusal(error, namespace, request_id)),
    };
    let mut headers = result.err().map(|error| error.headers).unwrap_or_default();
    headers.push(("content-type", "text/xml".into()));
    rest::Answer { status, headers, body: text.into() }
}

/// The JSON protocols.
async fn document(cloud: &Cloud, service: &str, call: &Call, headers: &HeaderMap, body: &[u8]) -> rest::Answer {
    let operation = header(headers, "x-amz-target").and_then(|target| target.rsplit_once('.')).map_or("", |(_, operation)| operation);
    let result = match json::body(body) {
        Ok(input) if service == "logs" => cloud.logs.call(call, operation, input).await,
        Ok(input) => cloud.events.call(call, operation, input).await,
        Err(error) => Err(error),
    };
    let (status, body) = match &result {
        Ok(answer) => (200, answer.to_string()),
        Err(error) => (error.status, json::refusal(error).to_string()),
    };
    let mut headers = result.err().map(|error| error.headers).unwrap_or_default();
    headers.push(("content-type", "application/x-amz-json-1.1".into()));
    rest::Answer { status, headers, body: body.into() }
}

fn taken_apart(parts: &Parts, body: Bytes) -> rest::Request {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let path = parts.uri.path().trim_matches('/').split('/').map(decoded).collect();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let headers =
        parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    rest::Request { method: parts.method.as_str().to_owned(), path, query, headers: headers.collect(), body }
}

fn rest_refusal(error: &ApiError) -> rest::Answer {
    let mut answer = rest::Answer::json(error.status, &rest::refusal(error));
    answer.headers.push(("x-amzn-errortype", error.code.clone()));
    answer.headers.extend(error.headers.clone());
    answer
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

//! The registry's other entrance: what docker, podman and skopeo speak
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>,
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html>).
//!
//! Nothing is answered without the token of GetAuthorizationToken: it tells the region, and a page in a
//! browser does not have it.

mod blobs;
mod manifests;

use super::Ecr;
use crate::local::error::ApiError;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where it stands.
pub const PATH: &str = "/v2/";

/// A refusal in the registry's own form.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let (status, code) = match error.code.as_str() {
            "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
            "LayersNotFoundException" => (400, "MANIFEST_BLOB_UNKNOWN"),
            "ReferencedImagesNotFoundException" => (400, "MANIFEST_BLOB_UNKNOWN"),
            "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
            "ImageDigestDoesNotMatchException" => (400, "DIGEST_INVALID"),
            "InvalidParameterException" => (400, "MANIFEST_INVALID"),
            _ => (error.status, "UNKNOWN"),
        };
        Self::new(status, code, error.message)
    }
}

/// A request, taken apart.
struct Request<'a> {
    ecr: &'a Arc<Ecr>,
    parts: &'a Parts,
    region: &'a str,
    /// The repository.
    name: &'a str,
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// Answers a request.
pub async fn answer(ecr: &Arc<Ecr>, parts: &Parts, body: Body) -> Response {
    let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let Some(region) = ecr.region_of(authorization) else {
        let refusal = Refusal::new(401, "UNAUTHORIZED", "Log in as `AWS` with the password that `aws ecr get-login-password` prints");
        let mut response = refused(&refusal);
        let realm = format!("Basic realm=\"{}/\",service=\"ecr.amazonaws.com\"", ecr.endpoint_url);
        insert(&mut response, "www-authenticate", &realm);
        return finished(response);
    };
    finished(route(ecr, parts, &region, body).await.unwrap_or_else(|refusal| refused(&refusal)))
}

/// Repositories have slashes in their names, so a path is read from its end.
async fn route(ecr: &Arc<Ecr>, parts: &Parts, region: &str, body: Body) -> Result<Response, Refusal> {
    let path = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let method = parts.method.as_str();
    let pieces: Vec<&str> = path.split('/').collect();
    let named = |name: &[&str]| name.join("/");
    match (method, &pieces[..]) {
        ("GET" | "HEAD", [""]) => Ok(with(200, &[])),
        ("POST", [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"]) => {
            blobs::begin(&Request { ecr, parts, region, name: &named(name) }, body).await
        }
        (_, [name @ .., "blobs", "uploads", id]) => blobs::of_upload(&Request { ecr, parts, region, name: &named(name) }, id, body).await,
        ("GET" | "HEAD", [name @ .., "blobs", digest]) => blobs::get(&Request { ecr, parts, region, name: &named(name) }, digest),
        (_, [name @ .., "manifests", reference]) => {
            manifests::of_reference(&Request { ecr, parts, region, name: &named(name) }, reference, body).await
        }
        ("GET", [name @ .., "tags", "list"]) => manifests::tags(&Request { ecr, parts, region, name: &named(name) }),
        _ => Err(Refusal::new(404, "UNSUPPORTED", format!("The local registry does not know {method} {path}"))),
    }
}

/// An answer without a body.
fn with(status: u16, headers: &[(&'static str, &str)]) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    headers.iter().for_each(|(name, value)| insert(&mut response, name, value));
    response
}

fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// A refusal's body.
pub fn refusal(code: &str, message: &str) -> Value {
    json!({ "errors": [{ "code": code, "message": message }] })
}

fn refused(refused: &Refusal) -> Response {
    let body = refusal(refused.code, &refused.message);
    let mut response = with(refused.status, &[("content-type", "application/json")]);
    *response.body_mut() = Body::from(body.to_string());
    response
}

fn finished(mut response: Response) -> Response {
    insert(&mut response, "docker-distribution-api-version", "registry/2.0");
    insert(&mut response, "cache-control", "no-store");
    response
}

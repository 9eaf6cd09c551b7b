//! Manifests by tag and by digest, and the list of tags.

use super::{Refusal, Request, insert, with};
use crate::local::ecr::blobs::is_digest;
use crate::local::ecr::manifest::LARGEST_BYTES;
use crate::local::ecr::push::Push;
use axum::body::Body;
use axum::response::Response;
use serde_json::json;

pub(super) async fn of_reference(request: &Request<'_>, reference: &str, body: Body) -> Result<Response, Refusal> {
    match request.parts.method.as_str() {
        "GET" | "HEAD" => get(request, reference),
        "PUT" => put(request, reference, body).await,
        other => {
            Err(Refusal::new(405, "UNSUPPORTED", format!("{other} is not for manifests here: images are deleted with BatchDeleteImage")))
        }
    }
}

fn get(request: &Request<'_>, reference: &str) -> Result<Response, Refusal> {
    let missing = || Refusal::new(404, "MANIFEST_UNKNOWN", format!("Requested image not found: {}:{reference}", request.name));
    let image =
        request.ecr.look(request.region, request.name, |repository| Ok(repository.find(reference).cloned()))?.ok_or_else(missing)?;
    let mut response = with(200, &[("content-type", &image.media_type), ("docker-content-digest", &image.digest)]);
    insert(&mut response, "content-length", &image.manifest.len().to_string());
    if request.parts.method == "GET" {
        *response.body_mut() = Body::from(image.manifest);
    }
    Ok(response)
}

async fn put(request: &Request<'_>, reference: &str, body: Body) -> Result<Response, Refusal> {
    let invalid = |reason: String| Refusal::new(400, "MANIFEST_INVALID", reason);
    let bytes = axum::body::to_bytes(body, LARGEST_BYTES).await.map_err(|error| invalid(error.to_string()))?;
    let manifest = std::str::from_utf8(&bytes).map_err(|error| invalid(error.to_string()))?;
    let (tag, digest) = if is_digest(reference) { (None, Some(reference)) } else { (Some(reference), None) };
    let media_type = request.header("content-type").map(|text| text.split(';').next().unwrap_or_default().trim());
    let push = Push { region: request.region, name: request.name, manifest, media_type, tag, digest, must_be_new: false };
    let (digest, _) = request.ecr.push(&push).await?;
    let location = format!("/v2/{}/manifests/{digest}", request.name);
    Ok(with(201, &[("location", &location), ("docker-content-digest", &digest)]))
}

/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags>
pub(super) fn tags(request: &Request<'_>) -> Result<Response, Refusal> {
    let mut tags: Vec<String> = request.ecr.look(request.region, request.name, |repository| {
        Ok(repository.images.values().flat_map(|image| image.tags.iter().cloned()).collect())
    })?;
    tags.sort();
    if let Some(last) = request.parameter("last") {
        tags.retain(|tag| *tag > last);
    }
    if let Some(most) = request.parameter("n").and_then(|text| text.parse().ok()) {
        tags.truncate(most);
    }
    let mut response = with(200, &[("content-type", "application/json")]);
    *response.body_mut() = Body::from(json!({ "name": request.name, "tags": tags }).to_string());
    Ok(response)
}

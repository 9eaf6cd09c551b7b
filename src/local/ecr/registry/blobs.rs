//! Layers and configurations: up in one piece or in many, down whole or in part.

use super::{Refusal, Request, insert, with};
use crate::local::ecr::blobs::is_digest;
use crate::local::ecr::record::Layer;
use crate::local::ecr::uploads::{Session, UploadError};
use crate::local::stream::body_of;
use axum::body::Body;
use axum::response::Response;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use tokio::sync::OwnedMutexGuard;

/// HEAD and GET, whole or from a byte on.
pub(super) fn get(request: &Request<'_>, digest: &str) -> Result<Response, Refusal> {
    let missing = || Refusal::new(404, "BLOB_UNKNOWN", format!("{} has no layer {digest}", request.name));
    let layer = request.ecr.look(request.region, request.name, |repository| Ok(repository.settings.layers.get(digest).copied()))?;
    let size = layer.ok_or_else(missing)?.size_bytes;
    let (status, (from, to)) = match request.header("range").and_then(|text| range(text, size)) {
        Some(Some(range)) => (206, range),
        Some(None) => return Err(Refusal::new(416, "BLOB_UNKNOWN", format!("{digest} has {size} bytes, and no such part"))),
        None => (200, (0, size)),
    };
    let mut response =
        with(status, &[("content-type", "application/octet-stream"), ("docker-content-digest", digest), ("accept-ranges", "bytes")]);
    insert(&mut response, "content-length", &(to - from).to_string());
    if status == 206 {
        insert(&mut response, "content-range", &format!("bytes {from}-{}/{size}", to - 1));
    }
    if request.parts.method == "GET" {
        let mut file = request.ecr.blobs.path(digest).and_then(|path| File::open(path).ok()).ok_or_else(missing)?;
        file.seek(SeekFrom::Start(from)).map_err(|error| unwritable(&error))?;
        *response.body_mut() = body_of(file.take(to - from));
    }
    Ok(response)
}

/// `bytes=FROM-` or `bytes=FROM-TO` as start and end, the end no further than there are bytes; no part where it begins
/// behind the last one. Anything else is answered whole.
fn range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (from, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let end = if last.is_empty() { size } else { last.parse::<u64>().ok()?.saturating_add(1).min(size) };
    let is_backwards = !last.is_empty() && end <= from && from < size;
    (!is_backwards).then(|| (from < size).then_some((from, end)))
}

/// POST: takes over a layer of another repository, or a whole one, or says where to send it.
pub(super) async fn begin(request: &Request<'_>, body: Body) -> Result<Response, Refusal> {
    if let Some(digest) = request.parameter("digest").filter(|digest| !is_digest(digest)) {
        return Err(no_digest(&digest));
    }
    if let (Some(digest), Some(from)) = (request.parameter("mount"), request.parameter("from"))
        && mount(request, &digest, &from).await?
    {
        return Ok(taken(request, &digest));
    }
    let id = request.ecr.begin_upload(request.region, request.name)?;
    let Some(digest) = request.parameter("digest") else { return Ok(under_way(request, &id, 202, 0)) };
    let session = session(request, &id).await?;
    // Nobody was told the upload's name, so that nobody could go on with it.
    let session = append(request, &id, session, body).await.inspect_err(|_| request.ecr.uploads.forget(&id))?;
    finish(request, &id, session, &digest).await
}

fn no_digest(text: &str) -> Refusal {
    Refusal::new(400, "DIGEST_INVALID", format!("The layer's digest must be a SHA-256, and not `{}`", text.escape_debug()))
}

async fn mount(request: &Request<'_>, digest: &str, from: &str) -> Result<bool, Refusal> {
    let (ecr, region) = (request.ecr, request.region);
    let _in_use = ecr.blobs.being_used().await;
    let layer: Option<Layer> = ecr.look(region, from, |other| Ok(other.settings.layers.get(digest).copied())).ok().flatten();
    let Some(layer) = layer else { return Ok(false) };
    ecr.add_layer(region, request.name, digest, Layer { pushed_ms: ecr.now_ms(), ..layer }).await?;
    Ok(true)
}

/// What is done with an upload that has begun.
pub(super) async fn of_upload(request: &Request<'_>, id: &str, body: Body) -> Result<Response, Refusal> {
    let session = session(request, id).await?;
    match request.parts.method.as_str() {
        "GET" => Ok(under_way(request, id, 204, session.received_bytes)),
        "PATCH" => {
            check_start(request, session.received_bytes)?;
            let session = append(request, id, session, body).await?;
            Ok(under_way(request, id, 202, session.received_bytes))
        }
        "PUT" => {
            check_start(request, session.received_bytes)?;
            let digest = request.parameter("digest").unwrap_or_default();
            is_digest(&digest).then_some(()).ok_or_else(|| no_digest(&digest))?;
            let session = append(request, id, session, body).await?;
            finish(request, id, session, &digest).await
        }
        "DELETE" => {
            request.ecr.uploads.forget(id);
            Ok(with(204, &[]))
        }
        other => Err(Refusal::new(405, "UNSUPPORTED", format!("{other} is not for uploads"))),
    }
}

async fn session(request: &Request<'_>, id: &str) -> Result<OwnedMutexGuard<Session>, Refusal> {
    let key = (request.region.to_owned(), request.name.to_owned());
    let missing = || Refusal::new(404, "BLOB_UPLOAD_UNKNOWN", format!("{} has no upload {id}", request.name));
    request.ecr.uploads.find(id, &key).await.ok_or_else(missing)
}

/// A part must follow what is there.
fn check_start(request: &Request<'_>, received_bytes: u64) -> Result<(), Refusal> {
    let start = request.header("content-range").and_then(|text| text.trim_start_matches("bytes ").split('-').next()?.parse::<u64>().ok());
    match start {
        Some(start) if start != received_bytes => {
            Err(Refusal::new(416, "BLOB_UPLOAD_INVALID", format!("{received_bytes} bytes are there, and the part begins at {start}")))
        }
        _ => Ok(()),
    }
}

async fn append(
    request: &Request<'_>,
    id: &str,
    session: OwnedMutexGuard<Session>,
    body: Body,
) -> Result<OwnedMutexGuard<Session>, Refusal> {
    let (session, outcome) = Session::append(session, body.into_data_stream()).await;
    match (session, outcome) {
        (Some(session), Ok(())) => Ok(session),
        (_, Err(UploadError::BrokenOff(reason))) => {
            Err(Refusal::new(400, "BLOB_UPLOAD_INVALID", format!("The upload broke off: {reason}")))
        }
        (_, outcome) => {
            request.ecr.uploads.forget(id);
            let reason = outcome.err().map_or_else(String::new, |error| format!("{error:?}"));
            Err(Refusal::new(500, "UNKNOWN", format!("The layer could not be written to disk: {reason}")))
        }
    }
}

async fn finish(request: &Request<'_>, id: &str, session: OwnedMutexGuard<Session>, digest: &str) -> Result<Response, Refusal> {
    match request.ecr.finish_upload(id, session, digest).await {
        Ok(()) => Ok(taken(request, digest)),
        Err(UploadError::OtherDigest(found)) => {
            Err(Refusal::new(400, "DIGEST_INVALID", format!("What was uploaded has the digest {found}, and not {digest}")))
        }
        Err(UploadError::BrokenOff(reason)) => Err(Refusal::new(400, "BLOB_UPLOAD_INVALID", reason)),
        Err(UploadError::Disk(error)) => Err(unwritable(&error)),
    }
}

fn unwritable(error: &std::io::Error) -> Refusal {
    Refusal::new(500, "UNKNOWN", format!("The layer could not be written to disk: {error}"))
}

fn taken(request: &Request<'_>, digest: &str) -> Response {
    with(201, &[("location", &format!("/v2/{}/blobs/{digest}", request.name)), ("docker-content-digest", digest)])
}

/// Where the rest is sent, and how much is there. `0-0` is what docker's own registry says of nothing.
fn under_way(request: &Request<'_>, id: &str, status: u16, received_bytes: u64) -> Response {
    let location = format!("/v2/{}/blobs/uploads/{id}", request.name);
    let range = format!("0-{}", received_bytes.saturating_sub(1));
    with(status, &[("location", &location), ("range", &range), ("docker-upload-uuid", id)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_within_a_layer_are_parts() {
        for (text, expected) in [
            ("bytes=0-", Some(Some((0, 10)))),
            ("bytes=4-", Some(Some((4, 10)))),
            ("bytes=4-4", Some(Some((4, 5)))),
            ("bytes=0-9", Some(Some((0, 10)))),
            ("bytes=4-99", Some(Some((4, 10)))),
            ("bytes=0-18446744073709551615", Some(Some((0, 10)))),
            ("bytes=10-", Some(None)),
            ("bytes=10-12", Some(None)),
            ("bytes=5-4", None),
            ("bytes=-3", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
    }
}

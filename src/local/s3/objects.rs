//! Objects: put, read, deleted.

use super::S3;
use super::blobs::refused;
use super::body::receive;
use super::call::{Ask, Reply};
use super::parts::{read_small, texts_of};
use super::state::{Object, State};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use crate::local::stream::body_of;
use crate::local::wire::xml::Xml;
use axum::body::Body;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How much of a hash stands in an entity tag: as much as S3's own have, which need not be an MD5.
const ETAG_DIGITS: usize = 32;

/// What an object's bytes are known by.
pub(super) fn etag(sha256: &str) -> String {
    sha256[..sha256.len().min(ETAG_DIGITS)].to_owned()
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// Whether a condition names this entity tag.
fn names(condition: &str, etag: &str) -> bool {
    condition == "*" || condition.trim_matches('"') == etag
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
pub(super) fn refuse_unless_as_expected(state: &State, ask: &Ask) -> Result<(), ApiError> {
    let there = state.object(&ask.bucket, &ask.key).ok();
    let failed = || {
        let message = "At least one of the pre-conditions you specified did not hold";
        Err(ApiError::new(412, "PreconditionFailed", message))
    };
    match (ask.header("if-none-match"), ask.header("if-match"), there) {
        (Some(_), _, Some(_)) => failed(),
        (_, Some(_), None) => Err(ApiError::new(404, "NoSuchKey", "The specified key does not exist.")),
        (_, Some(wanted), Some(there)) if !names(wanted, &there.etag) => failed(),
        _ => Ok(()),
    }
}

impl S3 {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
    pub(super) async fn put_object(&self, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        refuse_unless_as_expected(&self.locked(), ask)?;
        let draft = self.blobs.draft()?;
        let received = receive(&ask.headers, body, &draft).await?;
        let object = Object {
            bucket: ask.bucket.clone(),
            key: ask.key.clone(),
            blob: draft.keep().await?,
            size_bytes: received.size_bytes,
            etag: etag(&received.sha256),
            saying: ask.saying(),
            modified_ms: self.common.clock.now_ms(),
        };
        let etag = quoted(&object.etag);
        let (saved, old) = {
            let mut state = self.locked();
            let blob = object.blob.clone();
            let put = refuse_unless_as_expected(&state, ask).and_then(|()| state.put_object(Batch::new(), object));
            let (batch, old) = put.inspect_err(|_| self.blobs.forget(&blob))?;
            (self.common.disk.commit(batch), old)
        };
        saved.wait().await?;
        old.iter().for_each(|old| self.blobs.forget(&old.blob));
        let reply = Reply::empty(200).with("etag", etag);
        Ok(received.checksums.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value)))
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    pub(super) fn get_object(&self, ask: &Ask) -> Result<Reply, ApiError> {
        // The file is opened before the object can go.
        let (object, mut file) = {
            let state = self.locked();
            let object = state.object(&ask.bucket, &ask.key)?.clone();
            let file = File::open(self.blobs.path(&object.blob)).map_err(refused)?;
            (object, file)
        };
        if ask.parameter("versionId").is_some_and(|version| version != "null") {
            return Err(ApiError::new(404, "NoSuchVersion", "The specified version does not exist."));
        }
        if ask.header("if-match").is_some_and(|wanted| !names(wanted, &object.etag)) {
            return Err(ApiError::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"));
        }
        if ask.header("if-none-match").is_some_and(|known| names(known, &object.etag)) {
            return Ok(Reply::empty(304).with("etag", quoted(&object.etag)));
        }
        let (from, to) = match ask.header("range") {
            Some(range) => range_of(range, object.size_bytes)?,
            None => (0, object.size_bytes),
        };
        let is_part = ask.header("range").is_some();
        let body = if ask.method == "HEAD" {
            Body::empty()
        } else {
            file.seek(SeekFrom::Start(from)).map_err(refused)?;
            body_of(file.take(to - from))
        };
        let reply = Reply::body(if is_part { 206 } else { 200 }, body)
            .with("etag", quoted(&object.etag))
            .with("content-length", (to - from).to_string())
            .with("accept-ranges", "bytes")
            .with("content-type", object.saying.content_type.as_deref().unwrap_or("binary/octet-stream"))
            .with("last-modified", http_time(object.modified_ms));
        let range = is_part.then(|| format!("bytes {from}-{}/{}", to.saturating_sub(1), object.size_bytes));
        let reply = range.into_iter().fold(reply, |reply, range| reply.with("content-range", range));
        Ok(object.saying.metadata.iter().fold(reply, |reply, (name, value)| reply.with(&format!("x-amz-meta-{name}"), value)))
    }

    /// Also of what is not there: S3 does not tell.
    pub(super) async fn delete_object(&self, ask: &Ask) -> Result<Reply, ApiError> {
        if ask.header("if-match").is_some() {
            refuse_unless_as_expected(&self.locked(), ask)?;
        }
        self.remove(&ask.bucket, &ask.key).await?;
        Ok(Reply::empty(204))
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
    pub(super) async fn delete_objects(&self, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        let mut done = Xml::new();
        for key in texts_of(&read_small(body).await?, "Key") {
            self.remove(&ask.bucket, &key).await?;
            done = done.element("Deleted", Xml::new().text("Key", key));
        }
        Ok(Reply::xml("DeleteResult", &done))
    }

    async fn remove(&self, bucket: &str, key: &str) -> Result<(), ApiError> {
        let removed = self.locked().remove_object(bucket, key).map(|(batch, object)| (self.common.disk.commit(batch), object));
        if let Some((saved, object)) = removed {
            saved.wait().await?;
            self.blobs.forget(&object.blob);
        }
        Ok(())
    }
}

/// The first byte of a range, and the first behind it.
fn range_of(text: &str, size: u64) -> Result<(u64, u64), ApiError> {
    let range = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let found = range.and_then(|(from, to)| match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) => Some((from, to.saturating_add(1).min(size))),
        (Ok(from), Err(_)) if to.is_empty() => Some((from, size)),
        (Err(_), Ok(last)) if from.is_empty() => Some((size.saturating_sub(last), size)),
        _ => None,
    });
    found.filter(|(from, to)| from < to).ok_or_else(|| ApiError::new(416, "InvalidRange", "The requested range is not satisfiable"))
}

/// `Sun, 22 Nov 2026 05:00:00 GMT`
fn http_time(at_ms: i64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    timestamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

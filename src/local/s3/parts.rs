//! Objects that come in parts.

use super::S3;
use super::blobs::{Draft, refused};
use super::body::receive;
use super::buckets::time;
use super::call::{Ask, Reply};
use super::objects::{etag, refuse_unless_as_expected};
use super::state::{Object, Part, Upload};
use crate::local::common::random_id;
use crate::local::error::ApiError;
use crate::local::wire::xml::Xml;
use axum::body::Body;
use futures::StreamExt as _;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;

/// The most parts of an object, and the least that any but the last must weigh (S3 quotas).
const MOST_PARTS: u32 = 10_000;
const LEAST_PART_BYTES: u64 = 5 << 20;
/// The largest body that is a document and no object.
const LARGEST_DOCUMENT_BYTES: usize = 2 << 20;

impl S3 {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>
    pub(super) async fn begin_upload(&self, ask: &Ask) -> Result<Reply, ApiError> {
        let upload = Upload {
            id: random_id(),
            bucket: ask.bucket.clone(),
            key: ask.key.clone(),
            saying: ask.saying(),
            started_ms: self.common.clock.now_ms(),
            parts: std::collections::BTreeMap::new(),
        };
        let inside = Xml::new().text("Bucket", &upload.bucket).text("Key", &upload.key).text("UploadId", &upload.id);
        let saved = {
            let batch = self.locked().put_upload(upload)?;
            self.common.disk.commit(batch)
        };
        saved.wait().await?;
        Ok(Reply::xml("InitiateMultipartUploadResult", &inside))
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html>
    pub(super) async fn put_part(&self, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        let id = ask.parameter("uploadId").unwrap_or_default();
        let number: u32 = ask.parameter("partNumber").and_then(|text| text.parse().ok()).unwrap_or_default();
        if !(1..=MOST_PARTS).contains(&number) {
            let message = format!("Part number must be an integer between 1 and {MOST_PARTS}, inclusive");
            return Err(ApiError::new(400, "InvalidArgument", message));
        }
        self.locked().upload(&ask.bucket, &ask.key, id)?;
        let draft = self.blobs.draft()?;
        let received = receive(&ask.headers, body, &draft).await?;
        let part = Part { blob: draft.keep().await?, size_bytes: received.size_bytes, etag: etag(&received.sha256) };
        let reply = Reply::empty(200).with("etag", format!("\"{}\"", part.etag));
        let (saved, old) = {
            let mut state = self.locked();
            let upload = state.upload(&ask.bucket, &ask.key, id).cloned().inspect_err(|_| self.blobs.forget(&part.blob));
            let mut upload = upload?;
            let old = upload.parts.insert(number, part);
            (self.common.disk.commit(state.put_upload(upload)?), old)
        };
        saved.wait().await?;
        old.iter().for_each(|old| self.blobs.forget(&old.blob));
        Ok(received.checksums.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value)))
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
    pub(super) async fn complete_upload(&self, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        let text = read_small(body).await?;
        let id = ask.parameter("uploadId").unwrap_or_default();
        let upload = self.locked().upload(&ask.bucket, &ask.key, id)?.clone();
        refuse_unless_as_expected(&self.locked(), ask)?;
        let parts = named(&text, &upload)?;
        let mut draft = self.blobs.draft()?;
        let blobs: Vec<File> =
            parts.iter().map(|part| File::open(self.blobs.path(&part.blob))).collect::<io::Result<_>>().map_err(refused)?;
        let joined = tokio::task::spawn_blocking(move || join(&mut draft, blobs).map(|size| (draft, size)));
        let (draft, size_bytes) = joined.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(refused)?;
        let all: String = parts.iter().map(|part| part.etag.as_str()).collect();
        let hash: String = Sha256::digest(all).iter().map(|byte| format!("{byte:02x}")).collect();
        let object = Object {
            bucket: upload.bucket.clone(),
            key: upload.key.clone(),
            blob: draft.keep().await?,
            size_bytes,
            etag: format!("{}-{}", etag(&hash), parts.len()),
            saying: upload.saying.clone(),
            modified_ms: self.common.clock.now_ms(),
        };
        let inside = Xml::new().text("Bucket", &object.bucket).text("Key", &object.key).text("ETag", format!("\"{}\"", object.etag));
        let (saved, old) = {
            let mut state = self.locked();
            let blob = object.blob.clone();
            let is_fine = state.upload(&ask.bucket, &ask.key, id).and_then(|_| refuse_unless_as_expected(&state, ask));
            let put = is_fine.and_then(|()| {
                let (batch, _) = state.remove_upload(id);
                state.put_object(batch, object)
            });
            let (batch, old) = put.inspect_err(|_| self.blobs.forget(&blob))?;
            (self.common.disk.commit(batch), old)
        };
        saved.wait().await?;
        old.iter().for_each(|old| self.blobs.forget(&old.blob));
        upload.parts.values().for_each(|part| self.blobs.forget(&part.blob));
        Ok(Reply::xml("CompleteMultipartUploadResult", &inside))
    }

    pub(super) async fn abort_upload(&self, ask: &Ask) -> Result<Reply, ApiError> {
        let id = ask.parameter("uploadId").unwrap_or_default();
        let (saved, upload) = {
            let mut state = self.locked();
            state.upload(&ask.bucket, &ask.key, id)?;
            let (batch, upload) = state.remove_upload(id);
            (self.common.disk.commit(batch), upload)
        };
        saved.wait().await?;
        upload.iter().flat_map(|upload| upload.parts.values()).for_each(|part| self.blobs.forget(&part.blob));
        Ok(Reply::empty(204))
    }

    pub(super) fn list_parts(&self, ask: &Ask) -> Result<Reply, ApiError> {
        let state = self.locked();
        let upload = state.upload(&ask.bucket, &ask.key, ask.parameter("uploadId").unwrap_or_default())?;
        let inside = Xml::new().text("Bucket", &upload.bucket).text("Key", &upload.key).text("UploadId", &upload.id);
        let inside = upload.parts.iter().fold(inside.text("IsTruncated", "false"), |list, (number, part)| {
            let shown = Xml::new().text("PartNumber", number.to_string()).text("ETag", format!("\"{}\"", part.etag));
            list.element("Part", shown.text("Size", part.size_bytes.to_string()))
        });
        Ok(Reply::xml("ListPartsResult", &inside))
    }

    pub(super) fn list_uploads(&self, ask: &Ask) -> Result<Reply, ApiError> {
        let prefix = ask.parameter("prefix").unwrap_or_default();
        let state = self.locked();
        let found = state.uploads.values().filter(|upload| upload.bucket == ask.bucket && upload.key.starts_with(prefix));
        let inside = Xml::new().text("Bucket", &ask.bucket).text("Prefix", prefix).text("IsTruncated", "false");
        let inside = found.fold(inside, |list, upload| {
            let shown = Xml::new().text("Key", &upload.key).text("UploadId", &upload.id);
            list.element("Upload", shown.text("Initiated", time(upload.started_ms)))
        });
        Ok(Reply::xml("ListMultipartUploadsResult", &inside))
    }
}

/// The parts that a completion names, in their order.
fn named(text: &str, upload: &Upload) -> Result<Vec<Part>, ApiError> {
    let (numbers, etags) = (texts_of(text, "PartNumber"), texts_of(text, "ETag"));
    let numbers: Vec<u32> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    if numbers.is_empty() || numbers.len() != etags.len() {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(ApiError::new(400, "MalformedXML", message));
    }
    if numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
        let message = "The list of parts was not in ascending order. The parts list must be specified in order by part number.";
        return Err(ApiError::new(400, "InvalidPartOrder", message));
    }
    let found = numbers.iter().zip(etags).map(|(number, etag)| upload.parts.get(number).filter(|part| etag.trim_matches('"') == part.etag));
    let missing = || {
        let message = "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
        ApiError::new(400, "InvalidPart", message)
    };
    let parts: Vec<Part> = found.map(|part| part.cloned()).collect::<Option<_>>().ok_or_else(missing)?;
    if parts.iter().rev().skip(1).any(|part| part.size_bytes < LEAST_PART_BYTES) {
        return Err(ApiError::new(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"));
    }
    Ok(parts)
}

fn join(draft: &mut Draft, parts: Vec<File>) -> io::Result<u64> {
    parts.into_iter().try_fold(0, |size, mut part| Ok(size + io::copy(&mut part, &mut draft.file)?))
}

/// A body that is a document.
pub(super) async fn read_small(body: Body) -> Result<String, ApiError> {
    let (mut stream, mut whole) = (body.into_data_stream(), Vec::new());
    while let Some(bytes) = stream.next().await {
        whole.extend_from_slice(&bytes.map_err(|error| ApiError::new(400, "IncompleteBody", error.to_string()))?);
        if whole.len() > LARGEST_DOCUMENT_BYTES {
            return Err(ApiError::new(400, "MaxMessageLengthExceeded", "Your request was too large."));
        }
    }
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

/// The texts of all elements of this name, wherever they stand: the documents that clients send are that simple.
pub(super) fn texts_of(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = xml.split(open.as_str()).skip(1).filter_map(|rest| rest.split(close.as_str()).next());
    inner.map(unescaped).collect()
}

fn unescaped(text: &str) -> String {
    [("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

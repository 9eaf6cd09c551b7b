//! Buckets, and what is listed of them.

use super::S3;
use super::call::{Ask, Reply};
use super::parts::{read_small, texts_of};
use super::state::{Bucket, Object};
use crate::local::common::Call;
use crate::local::error::ApiError;
use crate::local::wire::xml::Xml;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

/// The most that one page holds.
const PAGE: usize = 1000;
/// The region that S3 has no name for.
const NAMELESS_REGION: &str = "us-east-1";

impl S3 {
    pub(super) fn list_buckets(&self) -> Reply {
        let buckets = self.locked().buckets.values().fold(Xml::new(), |list, bucket| {
            list.element("Bucket", Xml::new().text("Name", &bucket.name).text("CreationDate", time(bucket.created_ms)))
        });
        let owner = Xml::new().text("ID", &self.common.account);
        Reply::xml("ListAllMyBucketsResult", &Xml::new().element("Owner", owner).element("Buckets", buckets))
    }

    pub(super) async fn create_bucket(&self, call: &Call, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        check_name(&ask.bucket)?;
        let text = read_small(body).await?;
        let wanted = texts_of(&text, "LocationConstraint").into_iter().next();
        let region = wanted.unwrap_or_else(|| NAMELESS_REGION.to_owned());
        if region != call.region {
            let message =
                format!("The {region} location constraint is incompatible for the region specific endpoint this request was sent to.");
            return Err(ApiError::new(400, "IllegalLocationConstraintException", message));
        }
        let saved = {
            let mut state = self.locked();
            if state.buckets.contains_key(&ask.bucket) {
                let message = "Your previous request to create the named bucket succeeded and you already own it.";
                return Err(ApiError::new(409, "BucketAlreadyOwnedByYou", message));
            }
            let bucket = Bucket { name: ask.bucket.clone(), region, created_ms: self.common.clock.now_ms() };
            self.common.disk.commit(state.put_bucket(bucket))
        };
        saved.wait().await?;
        Ok(Reply::empty(200).with("location", format!("/{}", ask.bucket)))
    }

    pub(super) async fn delete_bucket(&self, name: &str) -> Result<Reply, ApiError> {
        let (saved, ended) = {
            let mut state = self.locked();
            state.bucket(name)?;
            if state.under(name, "", "").next().is_some() {
                return Err(ApiError::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
            }
            let (batch, ended) = state.remove_bucket(name);
            (self.common.disk.commit(batch), ended)
        };
        saved.wait().await?;
        ended.iter().flat_map(|upload| upload.parts.values()).for_each(|part| self.blobs.forget(&part.blob));
        Ok(Reply::empty(204))
    }

    pub(super) fn location(region: &str) -> Reply {
        let named = if region == NAMELESS_REGION { "" } else { region };
        Reply::body(200, super::document("LocationConstraint", Some(super::call::NAMESPACE), &Xml::plain(named)).into())
            .with("content-type", "application/xml")
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    pub(super) fn list_objects(&self, ask: &Ask) -> Result<Reply, ApiError> {
        let prefix = ask.parameter("prefix").unwrap_or_default();
        let delimiter = ask.parameter("delimiter").filter(|delimiter| !delimiter.is_empty());
        let most = ask.number("max-keys", PAGE)?;
        let after = match ask.parameter("continuation-token") {
            Some(token) => decoded(token)?,
            None => ask.parameter("start-after").unwrap_or_default().to_owned(),
        };
        let state = self.locked();
        let (mut list, mut groups, mut count, mut last, mut is_cut) = (Xml::new(), Vec::<String>::new(), 0, String::new(), false);
        for object in state.under(&ask.bucket, prefix, &after).filter(|object| object.key > after) {
            let group = delimiter.and_then(|delimiter| {
                let at = object.key[prefix.len()..].find(delimiter)?;
                Some(object.key[..prefix.len() + at + delimiter.len()].to_owned())
            });
            let is_known = group.as_ref().is_some_and(|group| groups.last() == Some(group) || after.starts_with(group.as_str()));
            if !is_known && count == most {
                is_cut = true;
                break;
            }
            last.clone_from(&object.key);
            if is_known {
                continue;
            }
            count += 1;
            match group {
                Some(group) => groups.push(group),
                None => list = list.element("Contents", listed(object)),
            }
        }
        let inside = Xml::new().text("Name", &ask.bucket).text("Prefix", prefix).text("KeyCount", count.to_string());
        let inside = inside.text("MaxKeys", most.to_string()).text("IsTruncated", is_cut.to_string()).optional("Delimiter", delimiter);
        let inside = inside.optional("NextContinuationToken", is_cut.then(|| BASE64.encode(last))).joined(list);
        let groups = groups.into_iter().fold(inside, |inside, group| inside.element("CommonPrefixes", Xml::new().text("Prefix", group)));
        Ok(Reply::xml("ListBucketResult", &groups))
    }
}

fn listed(object: &Object) -> Xml {
    Xml::new()
        .text("Key", &object.key)
        .text("LastModified", time(object.modified_ms))
        .text("ETag", format!("\"{}\"", object.etag))
        .text("Size", object.size_bytes.to_string())
        .text("StorageClass", "STANDARD")
}

fn decoded(token: &str) -> Result<String, ApiError> {
    let text = BASE64.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| ApiError::new(400, "InvalidArgument", "The continuation token provided is incorrect"))
}

/// `2026-11-22T05:00:00.000Z`
pub(super) fn time(at_ms: i64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_name(name: &str) -> Result<(), ApiError> {
    let is_plain = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-".contains(letter));
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_name = (3..=63).contains(&name.len()) && is_plain && is_end(name.chars().next()) && is_end(name.chars().next_back());
    if is_name { Ok(()) } else { Err(ApiError::new(400, "InvalidBucketName", "The specified bucket is not valid.")) }
}

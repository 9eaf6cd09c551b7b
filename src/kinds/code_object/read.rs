//! Reading objects: one `HeadObject` each, whose metadata say whose it is.

use super::{METADATA, split};
use crate::aws::{AwsError, Reader};
use crate::kinds::ReadTarget;
use crate::kinds::reading::{AT_ONCE, in_turn, sighting};
use crate::model::{Live, PhysicalId, Sighting, Table, Value};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::head_object::builders::HeadObjectInputBuilder;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    in_turn(targets.iter().copied(), AT_ONCE, |target| Box::pin(read_one(reader, target))).await
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>) -> Sighting {
    let recorded = target.applied.map(|entry| &entry.attributes);
    match head(reader, target.physical_id).await {
        Ok(answer) => Sighting::Found(live(&answer, target.physical_id, recorded)),
        Err(error) => sighting(&explained(error)),
    }
}

/// Asks for an object of this account.
///
/// # Errors
/// What S3 refused, such as that there is none.
pub(super) async fn head(reader: &Reader, id: &PhysicalId) -> Result<HeadObjectOutput, AwsError> {
    let (bucket, key) = split(id);
    let input = HeadObjectInputBuilder::default().bucket(bucket).key(key).expected_bucket_owner(reader.account());
    reader.head_object(input).await.map_err(|error| error.on_object(reader.region(), bucket, key))
}

/// Answers to `HeadObject` have no body that could say more.
fn explained(mut error: AwsError) -> AwsError {
    let more = match error.status {
        Some(403) => {
            "S3 also says so of an object that is not there, where `s3:ListBucket` is not allowed, and of a bucket of another account"
        }
        Some(301 | 400) => "the bucket lies in another region; Lambda reads code from its own region only",
        _ => return error,
    };
    error.message = format!("{} ({more})", error.message);
    error
}

/// An object as it lives. Its content is the applied one only while S3 knows it by what was recorded.
fn live(answer: &HeadObjectOutput, id: &PhysicalId, recorded: Option<&Table>) -> Live {
    let mut live = Live::new(id.clone());
    let (bucket, key) = split(id);
    live.attributes = Table::from_iter([
        ("bucket".to_owned(), bucket.into()),
        ("key".to_owned(), key.into()),
        ("etag".to_owned(), answer.e_tag().unwrap_or_default().into()),
        ("version_id".to_owned(), version(answer.version_id()).into()),
    ]);
    let metadata = || answer.metadata().into_iter().flatten();
    let tags = metadata().filter_map(|(name, value)| Some((format!("lambdo:{}", name.strip_prefix(METADATA)?), value.clone())));
    live.tags = Some(tags.collect());
    let etag = recorded.and_then(|recorded| recorded.get("etag")).and_then(Value::as_str);
    let is_as_recorded = etag.is_none_or(|etag| Some(etag) == answer.e_tag());
    let content = metadata().find(|(name, _)| *name == "lambdo-content").map(|(_, value)| value.as_str()).filter(|_| is_as_recorded);
    let content = content.map_or_else(|| format!("live:{}", answer.e_tag().unwrap_or_default()), str::to_owned);
    live.fields = Table::from_iter([("bucket".to_owned(), bucket.into()), ("key".to_owned(), key.into())]);
    live.fields.insert("content".to_owned(), content.into());
    live
}

/// A bucket that keeps no versions, or has paused that, calls its only one `null`.
pub(super) fn version(id: Option<&str>) -> &str {
    id.filter(|id| *id != "null").unwrap_or_default()
}

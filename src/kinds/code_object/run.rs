//! Sending and deleting objects.

use super::drafts::IS_NEW;
use super::multipart::{self, PART_BYTES};
use super::read::{head, version};
use super::{KIND, METADATA, split};
use crate::aws::{AwsError, ErrorClass, Stretch, Writer};
use crate::kinds::arguments::{gone_is_done, optional, refused, text, unknown_call};
use crate::kinds::{Done, RunContext};
use crate::model::{Operation, PhysicalId, Table, Value, observed::tag};
use aws_sdk_s3::operation::delete_object::builders::DeleteObjectInputBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectInputBuilder;
use aws_sdk_s3::types::ChecksumAlgorithm;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An object on its way.
pub(super) struct Upload<'a> {
    pub writer: &'a Writer,
    pub bucket: &'a str,
    pub key: &'a str,
    /// What it says about itself.
    pub metadata: BTreeMap<String, String>,
    /// Whether there must be none yet.
    pub is_new: bool,
    /// What is sent.
    pub path: PathBuf,
    pub bytes: u64,
}

/// What S3 calls the object that it was given.
pub(super) struct Stored {
    pub etag: Option<String>,
    pub version_id: Option<String>,
}

pub(super) async fn run(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    match operation.call.as_str() {
        "s3:PutObject" => put(writer, operation, context).await,
        "s3:DeleteObject" => delete(writer, operation).await,
        _ => Err(unknown_call(operation)),
    }
}

async fn put(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let content = text(operation, "content")?;
    let unreadable = |why: String| AwsError::own(&operation.call, ErrorClass::Other, why);
    let path = context.artifacts.zip_file(content).await.map_err(unreadable)?;
    let bytes = std::fs::metadata(&path).map_err(|error| unreadable(format!("`{}` cannot be read: {error}", path.display())))?.len();
    let upload = Upload {
        writer,
        bucket: text(operation, "bucket")?,
        key: text(operation, "key")?,
        metadata: metadata(operation, content, context.lineage),
        is_new: operation.arguments.get(IS_NEW).and_then(Value::as_boolean) == Some(true),
        path,
        bytes,
    };
    let stored = if bytes <= PART_BYTES { upload.in_one_piece().await } else { multipart::send(&upload).await };
    let attributes = match stored {
        Ok(stored) => attributes(stored.etag, stored.version_id.as_deref()),
        Err(error) if may_be_done(&error) => ours(&upload, context.lineage, error).await?,
        Err(error) => return Err(error),
    };
    Ok(Done { physical_id: Some(PhysicalId(format!("{}/{}", upload.bucket, upload.key))), attributes })
}

fn metadata(operation: &Operation, content: &str, lineage: &str) -> BTreeMap<String, String> {
    let said = [("lineage", lineage.to_owned()), ("address", operation.address.to_string()), ("content", content.to_owned())];
    said.into_iter().map(|(name, value)| (format!("{METADATA}{name}"), value)).collect()
}

fn attributes(etag: Option<String>, version_id: Option<&str>) -> Table {
    Table::from_iter([("etag".to_owned(), etag.unwrap_or_default().into()), ("version_id".to_owned(), version(version_id).into())])
}

/// Whether an earlier try may have gone through whose answer was lost: then the object is there, or its upload is
/// over.
fn may_be_done(error: &AwsError) -> bool {
    error.class == ErrorClass::AlreadyExists || (error.is_not_found() && error.uncertain)
}

/// An object that came up meanwhile is ours if an earlier try made it whose answer was lost.
async fn ours(upload: &Upload<'_>, lineage: &str, taken: AwsError) -> Result<Table, AwsError> {
    let id = PhysicalId(format!("{}/{}", upload.bucket, upload.key));
    let answer = match head(upload.writer.reader(), &id).await {
        Err(error) if error.is_not_found() => return Err(taken),
        result => result.map_err(|later| later.following(&taken))?,
    };
    let says = |name: &str| answer.metadata().and_then(|metadata| metadata.get(&format!("{METADATA}{name}")));
    let own = tag::LINEAGE.rsplit(':').next().unwrap_or_default();
    if says(own).is_some_and(|owner| owner == lineage) && says("content") == upload.metadata.get("lambdo-content") {
        return Ok(attributes(answer.e_tag().map(str::to_owned), answer.version_id()));
    }
    Err(AwsError { message: format!("`{id}` was made by another project or state a moment ago"), ..taken })
}

async fn delete(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let id = operation.physical_id.as_ref().ok_or_else(|| refused(operation, format!("the {KIND} has no name")))?;
    let (bucket, key) = split(id);
    let version = optional(&operation.arguments, "version_id").filter(|version| !version.is_empty());
    let input = DeleteObjectInputBuilder::default().bucket(bucket).key(key).set_version_id(version);
    gone_is_done(writer.delete_object(input.expected_bucket_owner(writer.reader().account())).await)
}

impl Upload<'_> {
    /// What is sent between `from` and the end of a part.
    pub fn stretch(&self, from: u64) -> Stretch {
        let bytes = usize::try_from((self.bytes - from).min(PART_BYTES)).unwrap_or(usize::MAX);
        Stretch { path: self.path.clone(), from, bytes }
    }

    async fn in_one_piece(&self) -> Result<Stored, AwsError> {
        let input = || {
            PutObjectInputBuilder::default()
                .bucket(self.bucket)
                .key(self.key)
                .expected_bucket_owner(self.writer.reader().account())
                .content_type("application/zip")
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .set_metadata(Some(self.metadata.clone().into_iter().collect()))
                .set_if_none_match(self.is_new.then(|| "*".to_owned()))
        };
        let answer = self.writer.put_object(&input, &self.stretch(0)).await?;
        Ok(Stored { etag: answer.e_tag, version_id: answer.version_id })
    }
}

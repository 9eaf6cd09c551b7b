//! Sending a large object in parts, some at the same time: only those are in memory.

use super::run::{Stored, Upload};
use crate::aws::AwsError;
use aws_sdk_s3::operation::abort_multipart_upload::builders::AbortMultipartUploadInputBuilder;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadInputBuilder;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadInputBuilder;
use aws_sdk_s3::operation::list_multipart_uploads::builders::ListMultipartUploadsInputBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartInputBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures::{StreamExt as _, TryStreamExt as _, stream};

/// The size of a part, in bytes; S3 takes no smaller one but for the last.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub(super) const PART_BYTES: u64 = 5 << 20;
/// How many parts are under way at once; the room for uploads may let fewer go.
const PARALLEL: usize = 4;

/// Sends the object. What was sent of one that fails is taken away again.
///
/// # Errors
/// What S3 refused.
pub(super) async fn send(upload: &Upload<'_>) -> Result<Stored, AwsError> {
    forget_leftovers(upload).await?;
    let id = begin(upload).await?;
    match finish(upload, &id).await {
        Ok(stored) => Ok(stored),
        Err(error) => {
            // The parts cost money as long as they lie there; the error that counts is the first one.
            let _ = abort(upload, &id).await;
            Err(error)
        }
    }
}

/// Parts of an earlier run that was killed.
async fn forget_leftovers(upload: &Upload<'_>) -> Result<(), AwsError> {
    let owner = upload.writer.reader().account();
    let input = ListMultipartUploadsInputBuilder::default().bucket(upload.bucket).prefix(upload.key).expected_bucket_owner(owner);
    let found = match upload.writer.reader().list_multipart_uploads(input).await {
        // Who may not list them does without.
        Err(error) if error.is_denied() => return Ok(()),
        result => result?,
    };
    for old in found.uploads().iter().filter(|old| old.key() == Some(upload.key)).filter_map(|old| old.upload_id()) {
        abort(upload, old).await?;
    }
    Ok(())
}

async fn begin(upload: &Upload<'_>) -> Result<String, AwsError> {
    let input = CreateMultipartUploadInputBuilder::default()
        .bucket(upload.bucket)
        .key(upload.key)
        .expected_bucket_owner(upload.writer.reader().account())
        .content_type("application/zip")
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .set_metadata(Some(upload.metadata.clone().into_iter().collect()));
    Ok(upload.writer.create_multipart_upload(input).await?.upload_id.unwrap_or_default())
}

async fn finish(upload: &Upload<'_>, id: &str) -> Result<Stored, AwsError> {
    let numbers = (0..upload.bytes.div_ceil(PART_BYTES)).zip(1..);
    let parts = stream::iter(numbers.map(|(at, number)| send_part(upload, id, at * PART_BYTES, number)));
    let parts: Vec<CompletedPart> = parts.buffered(PARALLEL).try_collect().await?;
    let input = CompleteMultipartUploadInputBuilder::default()
        .bucket(upload.bucket)
        .key(upload.key)
        .upload_id(id)
        .expected_bucket_owner(upload.writer.reader().account())
        .set_if_none_match(upload.is_new.then(|| "*".to_owned()))
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
    let answer = upload.writer.complete_multipart_upload(input).await?;
    Ok(Stored { etag: answer.e_tag, version_id: answer.version_id })
}

async fn send_part(upload: &Upload<'_>, id: &str, from: u64, number: i32) -> Result<CompletedPart, AwsError> {
    let input = || {
        UploadPartInputBuilder::default()
            .bucket(upload.bucket)
            .key(upload.key)
            .upload_id(id)
            .part_number(number)
            .expected_bucket_owner(upload.writer.reader().account())
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
    };
    let answer = upload.writer.upload_part(&input, &upload.stretch(from)).await?;
    Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).set_checksum_crc32(answer.checksum_crc32).build())
}

async fn abort(upload: &Upload<'_>, id: &str) -> Result<(), AwsError> {
    let input = AbortMultipartUploadInputBuilder::default().bucket(upload.bucket).key(upload.key).upload_id(id);
    match upload.writer.abort_multipart_upload(input.expected_bucket_owner(upload.writer.reader().account())).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

//! What a function is made of, on its way to Lambda: with the call itself, or named where it lies in AWS.

use super::package_type::is_image;
use crate::aws::{AwsError, ErrorClass, Package, Reader, Writer};
use crate::kinds::RunContext;
use crate::kinds::arguments::text;
use crate::kinds::code_object::{LARGE, stored};
use crate::model::{Operation, StoredCode, Table, Value};
use aws_sdk_lambda::operation::create_function::CreateFunctionOutput;
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionInputBuilder;
use aws_sdk_lambda::operation::update_function_code::UpdateFunctionCodeOutput;
use aws_sdk_lambda::operation::update_function_code::builders::UpdateFunctionCodeInputBuilder;
use aws_sdk_lambda::types::{FunctionCode, PackageType};
use aws_sdk_s3::operation::head_object::builders::HeadObjectInputBuilder;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// A lost connection of an upload of this size may mean that it was too large for Lambda, which then does not
/// always answer. In bytes; the limit itself is 50 MB.
const NEAR_THE_LIMIT: usize = 40 << 20;

/// What a function is made of.
pub(super) enum Code<'a> {
    /// A zip that is sent with the call.
    Package(Package<'a>),
    /// An image in a registry of ECR, by its address.
    Image(&'a str),
    /// A zip in S3.
    Stored(StoredCode),
}

impl<'a> Code<'a> {
    /// What an operation's arguments name.
    ///
    /// # Errors
    /// When they name nothing.
    pub fn of(operation: &'a Operation, context: &RunContext<'a>) -> Result<Self, AwsError> {
        let code = text(operation, "code")?;
        if is_image(&operation.arguments) {
            return Ok(Self::Image(code));
        }
        let package = Self::Package(Package { source: context.artifacts, content_hash: code });
        Ok(stored(&operation.arguments).map_or(package, Self::Stored))
    }

    /// Makes a function of it.
    ///
    /// # Errors
    /// What Lambda refused.
    pub async fn create(&self, writer: &Writer, request: CreateFunctionInputBuilder) -> Result<CreateFunctionOutput, AwsError> {
        match self {
            Self::Package(package) => writer.create_function(request, package).await,
            Self::Image(uri) => {
                let code = FunctionCode::builder().image_uri(*uri).build();
                writer.create_function_by_reference(request.package_type(PackageType::Image).code(code)).await
            }
            Self::Stored(StoredCode { bucket, key, version }) => {
                let code = FunctionCode::builder().s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone());
                writer.create_function_by_reference(request.code(code.build())).await
            }
        }
    }

    /// Gives it to a function that is there.
    ///
    /// # Errors
    /// What Lambda refused.
    pub async fn update(&self, writer: &Writer, request: UpdateFunctionCodeInputBuilder) -> Result<UpdateFunctionCodeOutput, AwsError> {
        match self {
            Self::Package(package) => writer.update_function_code(request, package).await,
            Self::Image(uri) => writer.update_function_code_by_reference(request.image_uri(*uri)).await,
            Self::Stored(StoredCode { bucket, key, version }) => {
                let request = request.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone());
                writer.update_function_code_by_reference(request).await
            }
        }
    }

    /// Whether it certainly is what Lambda knows by this hash.
    ///
    /// # Errors
    /// When the package cannot be read.
    pub async fn is(&self, code_sha256: &str, operation: &Operation) -> Result<bool, AwsError> {
        let Self::Package(package) = self else { return Ok(false) };
        let zip = package.source.zip(package.content_hash).await;
        let zip = zip.map_err(|why| AwsError::own(&operation.call, ErrorClass::Other, why))?;
        Ok(BASE64.encode(Sha256::digest(&zip)) == code_sha256)
    }

    /// Says of an upload that failed when its size may be the reason. Lambda answers with 413 or, on a slow line,
    /// ends the connection before it has read everything.
    pub fn explained(&self, mut error: AwsError) -> AwsError {
        let Self::Package(package) = self else { return error };
        let bytes = package.source.expected_bytes(package.content_hash);
        let is_refused = error.status == Some(413) || error.code.as_deref().is_some_and(|code| code.starts_with("RequestEntityTooLarge"));
        let is_cut = error.class == ErrorClass::Transient && error.status.is_none() && bytes >= NEAR_THE_LIMIT;
        if is_refused || is_cut {
            let megabytes = bytes.div_ceil(1_000_000);
            error.message.push_str(&format!(" (the zip has {megabytes} MB, and Lambda takes about 50 MB with the call itself; {LARGE})"));
        }
        error
    }
}

/// Where code lies in S3 without a version, so that it can change behind its name.
pub(super) fn unversioned(code: Option<&Value>) -> Option<StoredCode> {
    StoredCode::parse(code?.as_str()?).filter(|stored| stored.version.is_none())
}

/// The attribute with what S3 knew the object by that a function was made of.
pub(super) const CODE_ETAG: &str = "code_etag";

/// What S3 knows an object by now.
///
/// # Errors
/// What S3 refused.
pub(super) async fn etag(reader: &Reader, code: &StoredCode) -> Result<String, AwsError> {
    let input = HeadObjectInputBuilder::default().bucket(&code.bucket).key(&code.key);
    let answer = reader.head_object(input).await.map_err(|error| error.on_object(reader.region(), &code.bucket, &code.key))?;
    Ok(answer.e_tag.unwrap_or_default())
}

/// The same as an attribute, for code that can change behind its name; nothing where it may not be asked for.
pub(super) async fn etag_attribute(reader: &Reader, operation: &Operation) -> Table {
    let Some(code) = unversioned(operation.arguments.get("code")) else { return Table::new() };
    let etag = etag(reader, &code).await.ok();
    etag.map(|etag| (CODE_ETAG.to_owned(), etag.into())).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ArtifactSource;
    use async_trait::async_trait;

    /// A package of so many bytes.
    struct Large(usize);

    #[async_trait]
    impl ArtifactSource for Large {
        async fn zip(&self, _content_hash: &str) -> Result<Vec<u8>, String> {
            Ok(vec![0; self.0])
        }

        fn expected_bytes(&self, _content_hash: &str) -> usize {
            self.0
        }
    }

    #[test]
    fn an_upload_that_is_refused_or_cut_near_the_limit_is_told_to_be_large() {
        let refused = AwsError { status: Some(413), ..AwsError::own("lambda:CreateFunction", ErrorClass::Invalid, "too large.") };
        let cut = || AwsError::own("lambda:CreateFunction", ErrorClass::Transient, "cut.");
        let told = |error, bytes| Code::Package(Package { source: &Large(bytes), content_hash: "sha256:aa" }).explained(error).message;
        insta::assert_snapshot!(told(refused, 52_000_000), @"too large. (the zip has 52 MB, and Lambda takes about 50 MB with the call itself; larger packages go through S3: name a bucket of this region as `code_bucket` in `[aws]`, leave files out with a `.lambdoignore`, or strip the binary)");
        assert!(told(cut(), 50 << 20).contains("the zip has 53 MB"));
        assert_eq!(told(cut(), 1 << 20), "cut.");
        assert_eq!(told(AwsError { status: Some(503), ..cut() }, 50 << 20), "cut.");
    }
}

//! The kind `code_object`: a package that is too large for Lambda's own calls, as an object in S3.
//!
//! Nobody writes a section for it: it stands between a bucket that is there already (`code_bucket` in `[aws]`) and the
//! functions and layers that are made of it. Its key has the package's content hash in it, so that it is sent once,
//! however many need it.

mod drafts;
mod multipart;
mod read;
mod run;
mod store;

pub use store::store;

use super::arguments::optional;
use super::{Context, Done, Kind, Lowered, Place, ReadTarget, RunContext};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::field::ANY_STRING;
use crate::model::{
    Address, Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, StoredCode, Table, Update, Value,
};
use async_trait::async_trait;

/// The kind's name.
pub(crate) const KIND: &str = "code_object";

/// What to do about a package that is too large for a call: the end of a sentence.
pub(crate) const LARGE: &str = "larger packages go through S3: name a bucket of this region as `code_bucket` in `[aws]`, leave files out with a `.lambdoignore`, or strip the binary";

/// What the metadata of an object begin with that say whose it is. S3 knows no colon there.
const METADATA: &str = "lambdo-";

const FIELDS: &[Field] = &[
    Field::new("bucket", ANY_STRING, "The bucket.").replaces(),
    Field::new("key", ANY_STRING, "The object's key.").replaces(),
    Field::new("content", ANY_STRING, "The content hash of the package in it."),
];

/// The kind `code_object`.
pub struct CodeObject;

/// Bucket and key. A bucket has no slash in its name.
fn split(id: &PhysicalId) -> (&str, &str) {
    id.as_str().split_once('/').unwrap_or((id.as_str(), ""))
}

/// The arguments with which a call of Lambda names the object that `owner` is made of, if it is made of one.
pub(crate) fn arguments(owner: &Resource) -> Table {
    let object = owner.dependencies.iter().map(|dependency| &dependency.on).find(|on| on.kind == KIND);
    let reference = |object: &Address, key: &str| (format!("s3_{key}"), Value::reference(object, key));
    object.map(|object| ["bucket", "key", "version_id"].map(|key| reference(object, key))).into_iter().flatten().collect()
}

/// Where the code in an operation's arguments lies in S3: an object that lambdo has put there before, or one that the
/// spec names. `None` for a package that is sent with the call.
pub(crate) fn stored(arguments: &Table) -> Option<StoredCode> {
    let version = optional(arguments, "s3_version_id").filter(|version| !version.is_empty());
    let object = optional(arguments, "s3_bucket").zip(optional(arguments, "s3_key"));
    let named = || StoredCode::parse(arguments.get("code")?.as_str()?);
    object.map(|(bucket, key)| StoredCode { bucket, key, version }).or_else(named)
}

impl Rules for CodeObject {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    /// Its metadata say whose it is; it has no tags.
    fn is_taggable(&self) -> bool {
        false
    }

    fn lasting_attributes(&self) -> &'static [&'static str] {
        &["etag", "version_id"]
    }

    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("s3:{physical_id}"))
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        drafts::create(desired)
    }

    fn update(&self, update: &Update<'_>) -> Vec<Draft> {
        drafts::update(update)
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        drafts::delete(removal)
    }
}

#[async_trait]
impl Kind for CodeObject {
    fn places(&self) -> &'static [Place] {
        &[]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("bucket", "The bucket that it lies in."),
            ("key", "Its key."),
            ("etag", "What S3 knows its content by."),
            ("version_id", "Its version; empty in a bucket that keeps none."),
        ]
    }

    fn lower(&self, _section: &Section, _context: &Context<'_>) -> Lowered {
        Lowered::default()
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context).await
    }
}

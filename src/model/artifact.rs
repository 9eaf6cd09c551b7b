//! A package that is ready to be uploaded, known by the hash of its contents.

use super::{Address, TemplatePart, Value};
use crate::diagnostic::Span;
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A function or a layer that needs a package.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRequest {
    /// Whose package it is, such as `function.hash`.
    pub address: Address,
    /// Its `code`.
    pub code: Option<Value>,
    /// Its `build`.
    pub build: Option<Value>,
    /// Its `image`.
    pub image: Option<Value>,
    /// Its `image_config`, which says what the image starts instead.
    pub image_config: Option<Value>,
    /// Its runtime, such as `provided.al2023`.
    pub runtime: String,
    /// Its handler; empty where none is given.
    pub handler: String,
    /// Its architectures; AWS's default `x86_64` where empty.
    pub architectures: Vec<String>,
    /// Its `layers`, those of the spec as references to them.
    pub layers: Option<Value>,
    /// Its `environment`, of which only what changes where code is sought is of interest.
    pub environment: Option<Value>,
    /// Where its `code`, `build` or `image` stands.
    pub span: Option<Span>,
}

impl PackageRequest {
    /// Whether layers bring files that its package need not have.
    pub fn has_layers(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.is_unresolved() || !layers.strings().is_empty())
    }

    /// The layers of the spec among its `layers`.
    pub fn layers_of_spec(&self) -> BTreeSet<&Address> {
        let mut layers = BTreeSet::new();
        self.layers.iter().for_each(|value| {
            value.visit_parts(&mut |part| {
                if let TemplatePart::Attribute { address, .. } = part {
                    layers.insert(address);
                }
            });
        });
        layers
    }

    /// Whether lambdo itself makes it of sources, and not only packs what is there.
    pub fn is_built(&self) -> bool {
        let image = self.image.as_ref().and_then(Value::as_table);
        self.build.is_some() || image.is_some_and(|image| !image.contains_key("uri"))
    }

    /// What people call the one that needs it: a function by its name, anything else by its address.
    pub fn shown(&self) -> String {
        if self.address.kind == "function" { self.address.name.clone() } else { self.address.to_string() }
    }
}

/// What is known of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Of a zip: SHA-256 over the contents, modes and paths, as `sha256:` and 64 hex digits, and not of zip
    /// bytes, which depend on the compressor's version. Of an image: the digest of its manifest.
    pub content_hash: String,
    /// What is deployed.
    pub form: Form,
    /// Size of all files in bytes.
    pub unzipped_bytes: u64,
    /// How many files.
    pub files: usize,
}

/// What a package is when it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Files in a zip.
    Zip,
    /// A zip that lies in S3 already. Its content hash says where: [`StoredCode`].
    Stored,
    /// A container image for one architecture.
    Image,
}

/// Code that lies in S3 already, as `code.s3` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The object's version; without one it is whichever is the latest.
    pub version: Option<String>,
}

impl StoredCode {
    const SCHEME: &str = "s3://";
    const VERSION: &str = "?version=";

    /// What stands for a content hash: `s3://BUCKET/KEY`, and `?version=VERSION` behind it where there is one.
    pub fn content_hash(&self) -> String {
        let version = self.version.as_ref().map_or_else(String::new, |version| format!("{}{version}", Self::VERSION));
        format!("{}{}/{}{version}", Self::SCHEME, self.bucket, self.key)
    }

    /// Reads what [`StoredCode::content_hash`] has written; `None` for any other content hash.
    pub fn parse(content_hash: &str) -> Option<Self> {
        let rest = content_hash.strip_prefix(Self::SCHEME)?;
        let (place, version) = rest.rsplit_once(Self::VERSION).map_or((rest, None), |(place, version)| (place, Some(version)));
        let (bucket, key) = place.split_once('/')?;
        Some(Self { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) })
    }
}

/// An image that is ready to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The manifest's bytes, whose SHA-256 is the image's digest.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub media_type: String,
    /// What the manifest names: the configuration and the layers, in their order, each once.
    pub blobs: Vec<Blob>,
}

impl Image {
    /// What the image is known by: `sha256:` and 64 hex digits.
    pub fn digest(&self) -> String {
        format!("sha256:{:x}", Sha256::digest(&self.manifest))
    }
}

/// One blob of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Gives packages when an operation uploads them.
#[async_trait]
pub trait ArtifactSource: Send + Sync {
    /// The deterministic zip of the package with this content hash.
    ///
    /// # Errors
    /// A sentence for people, when the files cannot be read or are not what was hashed any more.
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String>;

    /// A file with the same zip, for packages that are too large to be held in memory. It is there as long as
    /// this source is.
    ///
    /// # Errors
    /// Those of [`ArtifactSource::zip`], and what keeps the file from being written.
    async fn zip_file(&self, content_hash: &str) -> Result<PathBuf, String> {
        Err(format!("No package with the content hash `{content_hash}` was made in this run. Run again."))
    }

    /// About how large that zip is in bytes, to share out the room for uploads before it is read.
    fn expected_bytes(&self, content_hash: &str) -> usize;

    /// The image with this digest.
    ///
    /// # Errors
    /// A sentence for people, when no such image was made in this run.
    async fn image(&self, digest: &str) -> Result<Image, String> {
        Err(format!("No image with the digest `{digest}` was made in this run. Run again."))
    }

    /// A file with a blob of an image; one of a base image is fetched when it is asked for.
    ///
    /// # Errors
    /// A sentence for people, when it cannot be fetched or is not what its digest says.
    async fn blob(&self, digest: &str) -> Result<PathBuf, String> {
        Err(format!("No blob with the digest `{digest}` belongs to an image of this run. Run again."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_code_reads_back_as_it_is_written() {
        for (key, version) in [("a/b c.zip", None), ("a?version=1/x.zip", Some("3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"))] {
            let stored = StoredCode { bucket: "b".into(), key: key.into(), version: version.map(str::to_owned) };
            assert_eq!(StoredCode::parse(&stored.content_hash()), Some(stored));
        }
        assert_eq!(StoredCode::parse("sha256:aa"), None);
    }
}

//! A package that is ready to be uploaded, known by the hash of its contents.

use super::{Address, Value};
use crate::diagnostic::Span;
use async_trait::async_trait;
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
    /// Its runtime, such as `provided.al2023`.
    pub runtime: String,
    /// Its handler; empty where none is given.
    pub handler: String,
    /// Its architectures; AWS's default `x86_64` where empty.
    pub architectures: Vec<String>,
    /// Where its `code`, `build` or `image` stands.
    pub span: Option<Span>,
}

impl PackageRequest {
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
    /// A container image for one architecture.
    Image,
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

//! A package that is ready to be uploaded, known by the hash of its contents.

use super::Value;
use crate::diagnostic::Span;
use async_trait::async_trait;

/// A function that needs a package.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRequest {
    /// The function's name in the spec.
    pub function: String,
    /// Its `code`.
    pub code: Option<Value>,
    /// Its `build`.
    pub build: Option<Value>,
    /// Its runtime, such as `provided.al2023`.
    pub runtime: String,
    /// Its architectures; AWS's default `x86_64` where empty.
    pub architectures: Vec<String>,
    /// Where its `code` or `build` stands.
    pub span: Option<Span>,
}

/// What is known of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// SHA-256 over the contents, modes and paths, as `sha256:` and 64 hex digits. Not of zip bytes:
    /// those depend on the compressor's version.
    pub content_hash: String,
    /// Size of all files in bytes.
    pub unzipped_bytes: u64,
    /// How many files.
    pub files: usize,
}

/// Gives the zip bytes of a package when an operation uploads it.
#[async_trait]
pub trait ArtifactSource: Send + Sync {
    /// The deterministic zip of the package with this content hash.
    ///
    /// # Errors
    /// A sentence for people, when the files cannot be read or are not what was hashed any more.
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String>;

    /// About how large that zip is in bytes, to share out the room for uploads before it is read.
    fn expected_bytes(&self, content_hash: &str) -> usize;
}

//! A package that is ready to be uploaded, known by the hash of its contents.

use async_trait::async_trait;

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
}

//! How much is uploaded at once: zips are sent from memory, as text that is a third larger than they are.

use crate::model::ArtifactSource;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How much may be under way at once, in KiB. The memory that it takes is about four times as much.
const MOST_KIB: u32 = 16 * 1024;

/// The package that a call carries: read anew for each attempt, so that what waits takes no memory.
pub struct Package<'a> {
    /// Where it comes from.
    pub source: &'a dyn ArtifactSource,
    /// Which one.
    pub content_hash: &'a str,
}

/// Why a package could not be read: a sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);

impl Package<'_> {
    pub(super) async fn read(&self) -> Result<Vec<u8>, Unreadable> {
        self.source.zip(self.content_hash).await.map_err(Unreadable)
    }

    pub(super) fn expected_bytes(&self) -> usize {
        self.source.expected_bytes(self.content_hash)
    }
}

/// A stretch of a file that a call carries: read anew for each attempt, so that what waits takes no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The file.
    pub path: PathBuf,
    /// Where it begins, in bytes.
    pub from: u64,
    /// How long it is.
    pub bytes: usize,
}

impl Stretch {
    pub(super) async fn body<E>(&self) -> Result<ByteStream, SdkError<E, HttpResponse>> {
        let stretch = self.clone();
        let read = tokio::task::spawn_blocking(move || stretch.read()).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let unreadable = |error: std::io::Error| Unreadable(format!("`{}` cannot be read: {error}", self.path.display()));
        read.map(ByteStream::from).map_err(|error| SdkError::construction_failure(unreadable(error)))
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut bytes = vec![0; self.bytes];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// The room that uploads share. One that is larger than all of it goes alone.
pub(super) struct Uploads {
    kib: Semaphore,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { kib: Semaphore::new(MOST_KIB as usize) }
    }
}

impl Uploads {
    /// Waits for room for so many bytes, first come first served; `None` where none is needed.
    pub(super) async fn room(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(MOST_KIB).min(MOST_KIB);
        if kib == 0 {
            return None;
        }
        // It fails only once the semaphore is closed, which nobody does.
        self.kib.acquire_many(kib).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn uploads_share_16_mib_and_a_larger_one_goes_alone() {
        let uploads = Uploads::default();
        let room = |bytes| uploads.room(bytes).now_or_never();
        let (half, other) = (room(8 * MIB), room(8 * MIB));
        assert!(half.is_some() && other.is_some());
        assert!(room(1).is_none(), "all of it is taken");
        assert!(matches!(room(0), Some(None)), "what carries nothing needs no room");
        drop(half);
        assert!(room(8 * MIB).is_some());
        assert!(room(99 * MIB).is_none(), "not alone yet");
        drop(other);
        let large = room(99 * MIB);
        assert!(large.is_some() && room(1).is_none());
    }
}

//! Layers in the making: what has come in so far, and its SHA-256. A stop of the cloud ends them all, and
//! clients begin anew.

use super::blobs::{Blobs, digest_of};
use crate::local::common::random_id;
use crate::local::disk::DiskError;
use crate::local::stream::{Cut, fed};
use bytes::Bytes;
use futures::Stream;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

const FOLDER: &str = "registry/uploads";
/// Uploads that one cloud takes at once: each has a file open. The one that was begun first gives way.
const MOST_UPLOADS: usize = 1000;

/// The uploads.
pub(super) struct Uploads {
    folder: PathBuf,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_id: BTreeMap<String, Arc<tokio::sync::Mutex<Session>>>,
    /// Ids in the order of their coming; some may be gone.
    begun: VecDeque<String>,
}

/// One of them.
pub(super) struct Session {
    /// Region and name of the repository.
    pub repository: (String, String),
    pub received_bytes: u64,
    hash: Sha256,
    file: File,
    path: PathBuf,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(super) enum UploadError {
    /// The client went away; what it sent before stays.
    BrokenOff(String),
    /// The disk refused.
    Disk(io::Error),
    /// What came in has another digest.
    OtherDigest(String),
}

impl Uploads {
    pub fn open(cloud: &Path) -> Result<Self, DiskError> {
        let folder = cloud.join(FOLDER);
        // What a killed process left half written.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| DiskError::Storage { file: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder, sessions: Mutex::default() })
    }

    fn locked(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; gives its id.
    pub fn begin(&self, repository: (String, String)) -> io::Result<String> {
        let id = random_id();
        let path = self.folder.join(&id);
        let file = File::create_new(&path)?;
        let session = Session { repository, received_bytes: 0, hash: Sha256::new(), file, path };
        let mut sessions = self.locked();
        let Sessions { by_id, begun } = &mut *sessions;
        begun.retain(|id| by_id.contains_key(id));
        if begun.len() >= MOST_UPLOADS
            && let Some(oldest) = begun.pop_front()
        {
            by_id.remove(&oldest);
        }
        by_id.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(session)));
        begun.push_back(id.clone());
        Ok(id)
    }

    /// One that goes to this repository.
    pub async fn find(&self, id: &str, repository: &(String, String)) -> Option<OwnedMutexGuard<Session>> {
        let session = self.locked().by_id.get(id).cloned()?;
        let session = session.lock_owned().await;
        (session.repository == *repository).then_some(session)
    }

    /// Nothing more comes.
    pub fn forget(&self, id: &str) {
        self.locked().by_id.remove(id);
    }
}

impl Session {
    /// Takes what a client sends.
    pub async fn append<E: std::fmt::Display>(
        session: OwnedMutexGuard<Self>,
        pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> (Option<OwnedMutexGuard<Self>>, Result<(), UploadError>) {
        let (session, outcome) = fed(session, pieces, |session, piece| session.write(piece)).await;
        let outcome = outcome.map_err(|cut| match cut {
            Cut::BrokenOff(reason) => UploadError::BrokenOff(reason),
            Cut::Refused(error) => UploadError::Disk(error),
            Cut::Lost(reason) => UploadError::Disk(io::Error::other(reason)),
        });
        (session, outcome)
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hash.update(piece);
        self.received_bytes += piece.len() as u64;
        Ok(())
    }

    /// Ends it: what came in must have this digest, and is on disk for good when this returns.
    pub fn finish(&mut self, blobs: &Blobs, digest: &str) -> Result<(), UploadError> {
        let found = digest_of(&self.hash.clone().finalize());
        if found != digest {
            return Err(UploadError::OtherDigest(found));
        }
        blobs.take(&self.file, &self.path, digest).map_err(UploadError::Disk)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It is not there any more where it was taken over.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_upload_that_was_begun_first_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(folder.path()).unwrap();
        let repository = || ("eu-central-1".to_owned(), "demo".to_owned());
        let ids: Vec<String> = (0..MOST_UPLOADS + 2).map(|_| uploads.begin(repository()).unwrap()).collect();
        uploads.forget(&ids[MOST_UPLOADS]);
        uploads.begin(repository()).unwrap();
        assert!(uploads.find(&ids[0], &repository()).await.is_none() && uploads.find(&ids[1], &repository()).await.is_none());
        for id in &ids[2..MOST_UPLOADS] {
            assert!(uploads.find(id, &repository()).await.is_some());
        }
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), MOST_UPLOADS, "what gave way leaves no file");
    }
}

//! Layers in the making: what has come in so far, and its SHA-256. A stop of the cloud ends them all, and
//! clients begin anew.

use super::blobs::{Blobs, digest_of};
use crate::local::common::random_id;
use crate::local::disk::DiskError;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

const FOLDER: &str = "registry/uploads";
/// Chunks on their way to the disk; a client that is faster waits.
const CHUNKS_UNDER_WAY: usize = 16;
/// Uploads that one cloud takes at once.
const MOST_UPLOADS: usize = 10_000;

/// The uploads.
pub(super) struct Uploads {
    folder: PathBuf,
    sessions: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Session>>>>,
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

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Arc<tokio::sync::Mutex<Session>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; gives its id.
    pub fn begin(&self, repository: (String, String)) -> io::Result<String> {
        let id = random_id();
        let path = self.folder.join(&id);
        let file = File::create_new(&path)?;
        let session = Session { repository, received_bytes: 0, hash: Sha256::new(), file, path };
        let mut sessions = self.locked();
        if sessions.len() >= MOST_UPLOADS {
            sessions.pop_first();
        }
        sessions.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(session)));
        Ok(id)
    }

    /// One that goes to this repository.
    pub async fn find(&self, id: &str, repository: &(String, String)) -> Option<tokio::sync::OwnedMutexGuard<Session>> {
        let session = self.locked().get(id).cloned()?;
        let session = session.lock_owned().await;
        (session.repository == *repository).then_some(session)
    }

    /// Nothing more comes.
    pub fn forget(&self, id: &str) {
        self.locked().remove(id);
    }
}

impl Session {
    /// Takes what a client sends, without ever holding much of it.
    pub async fn append<E: std::fmt::Display>(
        session: tokio::sync::OwnedMutexGuard<Self>,
        mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> (Option<tokio::sync::OwnedMutexGuard<Self>>, Result<(), UploadError>) {
        let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
        let writing = tokio::task::spawn_blocking(move || {
            let mut session = session;
            let outcome = session.write(receiver);
            (session, outcome)
        });
        let mut outcome = Ok(());
        while let Some(chunk) = chunks.next().await {
            match chunk {
                // A disk that refuses says so below.
                Ok(chunk) => {
                    if sender.send(chunk).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    outcome = Err(UploadError::BrokenOff(error.to_string()));
                    break;
                }
            }
        }
        drop(sender);
        match writing.await {
            Ok((session, Ok(()))) => (Some(session), outcome),
            Ok((session, Err(error))) => (Some(session), Err(UploadError::Disk(error))),
            Err(error) => (None, Err(UploadError::Disk(io::Error::other(error)))),
        }
    }

    fn write(&mut self, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<()> {
        while let Some(chunk) = chunks.blocking_recv() {
            self.file.write_all(&chunk)?;
            self.hash.update(&chunk);
            self.received_bytes += chunk.len() as u64;
        }
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

//! Layers and configurations: files that are called after the SHA-256 of what is in them. They stay as long
//! as a repository or a function names them.

use crate::local::disk::DiskError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{RwLock, RwLockReadGuard};

const FOLDER: &str = "registry/blobs";

/// The folder of layers.
pub struct Blobs {
    folder: PathBuf,
    /// What must stay, by who says so.
    named: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Held while a layer is there and not named yet, and alone while what nobody names is removed.
    in_use: RwLock<()>,
}

impl Blobs {
    pub(super) fn open(cloud: &Path) -> Result<Self, DiskError> {
        let folder = cloud.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|error| DiskError::Storage { file: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder, named: Mutex::default(), in_use: RwLock::new(()) })
    }

    /// Where what has this digest lies; nowhere for what is no digest.
    pub fn path(&self, digest: &str) -> Option<PathBuf> {
        is_digest(digest).then(|| self.folder.join(digest.trim_start_matches("sha256:")))
    }

    /// From now on these stay on disk for `owner`, and what it named before does not for its sake.
    pub fn name(&self, owner: &str, digests: BTreeSet<String>) {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.to_owned(), digests);
    }

    /// `owner` needs nothing any more.
    pub fn release(&self, owner: &str) {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
    }

    /// Keeps everything on disk until somebody has named what is there.
    pub async fn being_used(&self) -> RwLockReadGuard<'_, ()> {
        self.in_use.read().await
    }

    /// Removes what nobody names.
    pub async fn collect(&self) {
        let _alone = self.in_use.write().await;
        self.collect_now();
    }

    /// The same, before anybody else is there.
    pub fn collect_now(&self) {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: BTreeSet<PathBuf> = named.values().flatten().filter_map(|digest| self.path(digest)).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !kept.contains(&entry.path()) {
                // One that stays costs space and nothing else; the next start removes it.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Takes a file in that is whole and has this digest; it is there for good when this returns.
    pub(super) fn take(&self, file: &File, path: &Path, digest: &str) -> io::Result<()> {
        let Some(place) = self.path(digest) else { return Err(io::ErrorKind::InvalidInput.into()) };
        file.sync_all()?;
        fs::rename(path, place)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// `sha256:` and 64 hex digits in lower case.
pub fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A SHA-256 as digests are written.
pub fn digest_of(hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

//! The lock: the operating system's, so that it ends with its process, with a note about the
//! holder beside it for the message.

use super::folder::{at, is_file, private, read_if_there, remove_if_there};
use crate::store::{Holder, Lease, StoreError};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whoever asks for the holder has the lock for a moment, which must not look like a holder.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct FileLease {
    file: File,
    note: PathBuf,
}

impl Lease for FileLease {}

impl Drop for FileLease {
    fn drop(&mut self) {
        // A failure leaves a note that nobody believes without the lock, or a lock that ends when
        // the file is closed right after this.
        let _ = remove_if_there(&self.note);
        let _ = self.file.unlock();
    }
}

pub(super) async fn take(path: &Path, note: &Path, holder: &Holder) -> Result<FileLease, StoreError> {
    let file = is_file(path).and_then(|()| private().create(true).write(true).truncate(false).open(path)).map_err(at("open", path))?;
    for attempt in 1.. {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(at("lock", path)(error)),
            Err(TryLockError::WouldBlock) if attempt >= ATTEMPTS => return Err(StoreError::Locked(read_note(note))),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
        }
    }
    let lease = FileLease { file, note: note.to_owned() };
    let text = serde_json::to_string_pretty(holder).map_err(|error| at("write", note)(error.into()))?;
    is_file(note).and_then(|()| fs::write(note, text + "\n")).map_err(at("write", note))?;
    Ok(lease)
}

pub(super) fn holder(path: &Path, note: &Path) -> Result<Option<Holder>, StoreError> {
    let file = match is_file(path).and_then(|()| File::open(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_note(note))),
        Err(TryLockError::Error(error)) => Err(at("lock", path)(error)),
    }
}

fn read_note(note: &Path) -> Holder {
    let bytes = read_if_there(note).ok().flatten().unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Holder::unknown())
}

//! The few things that are done with files, each with an error that says what and where.

use crate::store::StoreError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// Turns the system's error into one that names what was tried with which file.
pub(super) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let place = path.display().to_string();
    move |source| StoreError::Io { action, place, source }
}

/// Refuses what is there and no file: a pipe that nobody writes to would be waited for, for ever.
pub(super) fn is_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is no file")),
        _ => Ok(()),
    }
}

/// The whole file; `None` when it is not there.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match is_file(path).and_then(|()| fs::read(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    }
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Options that make a new file readable for its owner only: a state names every resource.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces a file in one piece: readers see the old one or the new one, also after a crash. What a crash leaves beside it
/// is overwritten by the next one.
pub(super) fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.tmp"));
    let written = write(&temporary, bytes).map_err(at("write", path));
    let replaced = written.and_then(|()| fs::rename(&temporary, path).map_err(at("replace", path)));
    if replaced.is_err() {
        // What could not be written is of no use, and a full disk needs the room.
        let _ = fs::remove_file(&temporary);
    }
    replaced.and_then(|()| sync(folder))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private().create(true).write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes sure that names in a folder survive a crash. Where folders cannot be opened, as on
/// Windows, the system does so itself.
pub(super) fn sync(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()).map_err(at("write", folder)) } else { Ok(()) }
}

/// A time in RFC 3339, in whole seconds.
pub(super) fn timestamp(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    jiff::Timestamp::from_second(time.as_second()).ok().map(|time| time.to_string())
}

#[cfg(all(test, unix))]
mod tests {
    use crate::store::{FileStore, StateStore, suite};
    use std::process::Command;

    /// Nothing ever writes to these pipes.
    #[tokio::test]
    async fn what_is_no_file_is_refused_and_not_waited_for() {
        for name in ["demo.json", "demo.journal", "demo.lock"] {
            let folder = tempfile::tempdir().unwrap();
            assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
            let store = FileStore::new(folder.path().into(), "demo", None);
            let refused = match name {
                "demo.lock" => [store.lock(&suite::holder()).await.map(drop), store.holder().await.map(drop)],
                _ => [store.load().await.map(drop), store.load().await.map(drop)],
            };
            for refused in refused {
                let error = refused.unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("it is no file"), "{error}");
            }
        }
    }
}

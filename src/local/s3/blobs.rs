//! The bytes of objects and parts, in files of their own.

use crate::local::common::random_id;
use crate::local::disk::{DiskError, make_private};
use crate::local::error::ApiError;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "objects";

/// The folder of blobs.
pub struct Blobs {
    folder: PathBuf,
}

/// A blob that is being written; it goes again unless it is kept.
pub struct Draft {
    pub name: String,
    path: PathBuf,
    pub file: File,
    is_kept: bool,
}

impl Blobs {
    pub fn open(cloud: &Path) -> Result<Self, DiskError> {
        let folder = cloud.join(FOLDER);
        make_private(&folder).map_err(|error| DiskError::Storage { file: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes what nothing needs, such as what a killed process left.
    pub fn keep_only<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let kept: BTreeSet<PathBuf> = names.map(|name| self.path(name)).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten().filter(|entry| !kept.contains(&entry.path())) {
            // One that stays costs space and nothing else.
            let _ = fs::remove_file(entry.path());
        }
    }

    /// A new file.
    pub fn draft(&self) -> Result<Draft, ApiError> {
        let name = random_id();
        let path = self.path(&name);
        let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(refused)?;
        Ok(Draft { name, path, file, is_kept: false })
    }

    /// Removes a file. Who reads it at the moment reads it to its end.
    pub fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }
}

impl Draft {
    /// Makes sure that the file is there for good; gives its name.
    pub async fn keep(mut self) -> Result<String, ApiError> {
        let (file, folder) = (self.file.try_clone().map_err(refused)?, self.path.parent().map(Path::to_path_buf));
        let synced = tokio::task::spawn_blocking(move || {
            file.sync_all()?;
            folder.map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        });
        synced.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(refused)?;
        self.is_kept = true;
        Ok(self.name.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What the system said, as an error of the cloud.
pub fn refused(error: io::Error) -> ApiError {
    ApiError::new(500, "InternalError", format!("The object could not be written or read: {error}"))
}

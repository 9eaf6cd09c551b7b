//! Deployment packages: zips by their hash, in files of their own.

use crate::local::disk::DiskError;
use crate::local::error::ApiError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use tokio::sync::{RwLock, RwLockReadGuard};

const FOLDER: &str = "code";

/// The most that a zip in a request may weigh: 50 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_ZIP_BYTES: usize = 52_428_800;
/// The most that its contents may weigh: 250 MB. (same page)
pub(super) const LARGEST_CONTENTS_BYTES: u64 = 262_144_000;

/// A package that was looked through.
pub(super) struct Package {
    content: Content,
    about: About,
}

/// What is known of a package.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// In hex.
    pub sha256: String,
    /// Of the zip.
    pub size_bytes: u64,
    /// Of what is in it.
    pub contents_bytes: u64,
}

/// Where a package comes from.
enum Content {
    Bytes(Vec<u8>),
    /// The file may go at any time, but not while it is open.
    File(File),
}

/// The folder of packages.
pub(super) struct Packages {
    folder: PathBuf,
    /// Held while a package is written and not named by a function yet, and alone while one is removed.
    in_use: RwLock<()>,
}

impl Packages {
    pub fn open(cloud: &Path) -> Result<Self, DiskError> {
        let folder = cloud.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|error| DiskError::Storage { file: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder, in_use: RwLock::new(()) })
    }

    /// Where a package lies.
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.zip"))
    }

    /// Puts a package on disk, for good before this returns.
    pub async fn keep(&self, package: Package) -> Result<(), ApiError> {
        let path = self.path(&package.about.sha256);
        let folder = self.folder.clone();
        let kept = tokio::task::spawn_blocking(move || write(&folder, &path, package.content)).await;
        let refused = |reason: String| ApiError::internal(format!("The package could not be written to disk: {reason}"));
        kept.map_err(|error| refused(error.to_string()))?.map_err(|error| refused(error.to_string()))
    }

    /// A package's bytes.
    pub async fn read(&self, sha256: &str) -> Option<Bytes> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let path = is_hash.then(|| self.path(sha256))?;
        tokio::task::spawn_blocking(move || fs::read(path)).await.ok()?.ok().map(Bytes::from)
    }

    /// Keeps packages from being removed until a function names the one that is being written.
    pub async fn being_used(&self) -> RwLockReadGuard<'_, ()> {
        self.in_use.read().await
    }

    /// Removes a package if no function has it any more.
    pub async fn forget_unless(&self, sha256: &str, is_used: impl FnOnce() -> bool) {
        let _alone = self.in_use.write().await;
        if !is_used() {
            // One that stays costs space and nothing else; the next start removes it.
            let _ = fs::remove_file(self.path(sha256));
        }
    }

    /// Removes all packages but these, and what a killed process left half written.
    pub fn keep_only<'a>(&self, hashes: impl Iterator<Item = &'a str>) {
        let kept: BTreeSet<PathBuf> = hashes.map(|hash| self.path(hash)).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !kept.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Package {
    /// From a request's `ZipFile`.
    ///
    /// # Errors
    /// What Lambda says to what is too large or no zip.
    pub fn decode(zip_file: &str) -> Result<Self, ApiError> {
        let bytes = BASE64_STANDARD
            .decode(zip_file)
            .map_err(|error| ApiError::new(400, "SerializationException", format!("ZipFile is not base64: {error}")))?;
        if bytes.len() > LARGEST_ZIP_BYTES {
            return Err(ApiError::new(
                413,
                "RequestEntityTooLargeException",
                "Request must be smaller than 70167211 bytes for the CreateFunction operation",
            ));
        }
        let contents_bytes = checked_contents(Cursor::new(&bytes))?;
        let about = About { sha256: hex(&Sha256::digest(&bytes)), size_bytes: bytes.len() as u64, contents_bytes };
        Ok(Self { content: Content::Bytes(bytes), about })
    }

    /// From an object of S3, which may be larger than a request.
    ///
    /// # Errors
    /// What Lambda says to what is no zip or holds too much.
    pub async fn stored(path: PathBuf) -> Result<Self, ApiError> {
        let read = tokio::task::spawn_blocking(move || Self::read(&path)).await;
        read.unwrap_or_else(|error| Err(ApiError::internal(error.to_string())))
    }

    fn read(path: &Path) -> Result<Self, ApiError> {
        let refused = |error: io::Error| ApiError::internal(format!("The object could not be read: {error}"));
        let mut file = File::open(path).map_err(refused)?;
        let contents_bytes = checked_contents(io::BufReader::new(&file))?;
        file.rewind().map_err(refused)?;
        let mut hasher = Sha256::new();
        let size_bytes = io::copy(&mut file, &mut hasher).map_err(refused)?;
        Ok(Self { about: About { sha256: hex(&hasher.finalize()), size_bytes, contents_bytes }, content: Content::File(file) })
    }

    /// What is known of it.
    pub fn about(&self) -> About {
        self.about.clone()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a zip's files weigh together, where Lambda takes them.
fn checked_contents(zip: impl Read + Seek) -> Result<u64, ApiError> {
    let contents_bytes =
        contents_size(zip).ok_or_else(|| invalid("Could not unzip uploaded file. Please check your file, then try to upload again."))?;
    if contents_bytes == 0 {
        return Err(invalid("Uploaded file must be a non-empty zip"));
    }
    if contents_bytes > LARGEST_CONTENTS_BYTES {
        return Err(invalid(&format!("Unzipped size must be smaller than {LARGEST_CONTENTS_BYTES} bytes")));
    }
    Ok(contents_bytes)
}

/// The hash as GetFunction shows it.
pub(super) fn code_sha256(hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect();
    BASE64_STANDARD.encode(bytes)
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

/// What a zip's files weigh together; `None` for what is no zip.
fn contents_size(zip: impl Read + Seek) -> Option<u64> {
    let mut archive = zip::ZipArchive::new(zip).ok()?;
    (0..archive.len()).try_fold(0u64, |sum, index| Some(sum.saturating_add(archive.by_index_raw(index).ok()?.size())))
}

fn write(folder: &Path, path: &Path, content: Content) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    match content {
        Content::Bytes(bytes) => beside.write_all(&bytes)?,
        Content::File(mut file) => {
            file.rewind()?;
            io::copy(&mut file, beside.as_file_mut())?;
        }
    }
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    File::open(folder)?.sync_all()
}

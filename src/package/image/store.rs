//! Blobs in files that are named by what they hold.

use super::super::cache;
use super::super::hash::hex;
use crate::model::Blob;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The folder of all blobs.
#[derive(Clone, Debug)]
pub(in crate::package) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Below lambdo's folder for builds.
    pub fn new(cache: &Path) -> Self {
        Self { folder: cache.join("blobs").join("sha256") }
    }

    /// Where a blob lies, or would lie.
    ///
    /// # Errors
    /// A sentence when it is not a SHA-256 digest: such a name could lead anywhere.
    pub fn path(&self, digest: &str) -> Result<PathBuf, String> {
        let name = digest.strip_prefix("sha256:").filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        name.map(|name| self.folder.join(name)).ok_or_else(|| format!("`{digest}` is not a SHA-256 digest."))
    }

    /// Whether a blob is there as a whole.
    pub fn has(&self, blob: &Blob) -> bool {
        let Ok(path) = self.path(&blob.digest) else { return false };
        let is_whole = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == blob.bytes);
        if is_whole {
            cache::used(&path);
        }
        is_whole
    }

    /// Whether the file that is there holds what its name says; what does not is taken away, so that it can come anew.
    pub fn is_sound(&self, digest: &str) -> bool {
        let Ok(path) = self.path(digest) else { return false };
        let mut hash = Hashing::new(io::sink());
        let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hash));
        let is_sound = read.is_ok() && hash.digest() == digest;
        if is_sound {
            cache::used(&path);
        } else {
            // It fails when nothing is there.
            let _ = fs::remove_file(path);
        }
        is_sound
    }

    /// What a small blob holds, where it is there and is what its name says.
    pub fn read(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(digest).ok()?;
        let bytes = fs::read(&path).ok()?;
        cache::used(&path);
        (digest_of(&bytes) == digest).then_some(bytes)
    }

    /// Keeps bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Blob> {
        let mut sink = self.sink()?;
        sink.write_all(bytes)?;
        sink.keep()
    }

    /// Keeps what can be read.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn take(&self, from: &mut dyn Read) -> io::Result<Blob> {
        let mut sink = self.sink()?;
        io::copy(from, &mut sink)?;
        sink.keep()
    }

    /// A blob in the making.
    ///
    /// # Errors
    /// When no file can be made.
    pub(super) fn sink(&self) -> io::Result<Sink> {
        fs::create_dir_all(&self.folder)?;
        Ok(Sink { file: NamedTempFile::new_in(&self.folder)?, hash: Hashing::new(io::sink()), folder: self.folder.clone() })
    }
}

/// A blob in the making; its name is known at the end.
pub(super) struct Sink {
    file: NamedTempFile,
    hash: Hashing<io::Sink>,
    folder: PathBuf,
}

impl Sink {
    /// Puts it among the others.
    pub fn keep(self) -> io::Result<Blob> {
        let blob = Blob { digest: self.hash.digest(), bytes: self.hash.bytes };
        let name = blob.digest.trim_start_matches("sha256:");
        self.file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        Ok(blob)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.write_all(&bytes[..written])?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Hashes what goes through.
pub(super) struct Hashing<W> {
    pub inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// The SHA-256 of all that went through so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// The same as a digest.
    pub fn digest(&self) -> String {
        format!("sha256:{}", hex(&self.sha256()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of bytes: `sha256:` and 64 hex digits.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_found_by_what_it_holds_and_only_while_it_holds_that() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let blob = store.put(b"hello").unwrap();
        assert_eq!(blob.digest, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert!(store.has(&blob) && store.read(&blob.digest).as_deref() == Some(b"hello"));
        fs::write(store.path(&blob.digest).unwrap(), "hallo").unwrap();
        assert_eq!(store.read(&blob.digest), None);
        assert!(!store.has(&Blob { bytes: 6, ..blob }));
    }

    #[test]
    fn a_name_that_is_no_digest_leads_nowhere() {
        let store = Store::new(Path::new("cache"));
        for digest in
            ["sha256:../../etc/passwd", "sha512:aa", "", "sha256:", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"]
        {
            assert!(store.path(digest).is_err(), "{digest}");
        }
    }
}

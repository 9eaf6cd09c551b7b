//! Packages, unpacked once for all environments that run them.

use super::deployment::{Deployment, Refusal};
use super::image;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;

/// The most that a package may hold, unpacked
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LARGEST_PACKAGE_BYTES: u64 = 262_144_000;

/// The code of the refusal to run a package that is missing or broken.
pub const INVALID_ZIP_FILE: &str = "InvalidZipFileException";
/// The same for an image.
pub const INVALID_IMAGE: &str = "ResourceNotReadyException";

/// An unpacked package; its folder is removed with its last user.
#[derive(Debug)]
pub struct Unpacked(PathBuf);

impl Unpacked {
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        // A thread of its own, since a large package takes long and the last user may be an async task.
        std::thread::spawn(move || remove(&folder));
    }
}

/// Removes a folder whose parts may have been made read-only.
pub fn remove(folder: &Path) {
    if std::fs::remove_dir_all(folder).is_err() {
        allow_writing(folder);
        // Whatever is left goes with the runner's own folder.
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn allow_writing(folder: &Path) {
    let _ = std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            allow_writing(&entry.path());
        }
    }
}

type Cell = Arc<OnceCell<Weak<Unpacked>>>;

/// The packages that are unpacked now, by their SHA-256.
pub struct Packages {
    folder: PathBuf,
    cells: Mutex<BTreeMap<String, Cell>>,
}

impl Packages {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, cells: Mutex::default() }
    }

    /// The unpacked package of a deployment.
    pub async fn get(&self, deployment: &Deployment) -> Result<Arc<Unpacked>, Refusal> {
        self.unpacked(deployment, &deployment.code_sha256, std::slice::from_ref(&deployment.code)).await
    }

    /// What the layers of a deployment are together, if it has any.
    pub async fn layers(&self, deployment: &Deployment) -> Result<Option<Arc<Unpacked>>, Refusal> {
        let (zips, hashes): (Vec<PathBuf>, Vec<String>) = deployment.layers.iter().filter_map(|layer| layer.package.clone()).unzip();
        if zips.is_empty() {
            return Ok(None);
        }
        self.unpacked(deployment, &format!("layers {}", hashes.join(" ")), &zips).await.map(Some)
    }

    /// Zips, unpacked over each other; who comes second waits for the first.
    async fn unpacked(&self, deployment: &Deployment, known_as: &str, zips: &[PathBuf]) -> Result<Arc<Unpacked>, Refusal> {
        loop {
            let cell = self.cell(known_as);
            let mut fresh = None;
            let weak = cell
                .get_or_try_init(|| async {
                    let unpacked = Arc::new(self.unpack(deployment, zips).await?);
                    let weak = Arc::downgrade(&unpacked);
                    fresh = Some(unpacked);
                    Ok(weak)
                })
                .await?;
            if let Some(unpacked) = weak.upgrade() {
                return Ok(unpacked);
            }
            // Its last user has left since.
            self.forget(known_as, &cell);
        }
    }

    fn cell(&self, sha256: &str) -> Cell {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|_, cell| cell.get().is_none_or(|weak| weak.strong_count() > 0));
        Arc::clone(cells.entry(sha256.to_owned()).or_default())
    }

    fn forget(&self, sha256: &str, cell: &Cell) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.get(sha256).is_some_and(|known| Arc::ptr_eq(known, cell)) {
            cells.remove(sha256);
        }
    }

    async fn unpack(&self, deployment: &Deployment, zips: &[PathBuf]) -> Result<Unpacked, Refusal> {
        let (zips, parent) = (zips.to_vec(), self.folder.clone());
        let image = deployment.image.clone();
        let unpacking = tokio::task::spawn_blocking(move || {
            let folder = tempfile::Builder::new().prefix("code-").tempdir_in(parent).map_err(|error| error.to_string())?.keep();
            let unpacked = Unpacked(folder);
            if let Some(image) = image {
                image::unpack(&image.layers, unpacked.folder())?;
                return Ok(unpacked);
            }
            let mut left_bytes = LARGEST_PACKAGE_BYTES;
            zips.iter().try_for_each(|zip| unpack(zip, unpacked.folder(), &mut left_bytes))?;
            protect_folders(unpacked.folder()).map_err(|error| error.to_string())?;
            Ok(unpacked)
        });
        let outcome = unpacking.await.unwrap_or_else(|error| Err(error.to_string()));
        let (code, what) = match &deployment.image {
            Some(_) => (INVALID_IMAGE, "unpack the image"),
            None => (INVALID_ZIP_FILE, "unzip the deployment package"),
        };
        outcome
            .map_err(|problem| Refusal::CannotRun { code, message: format!("Lambda could not {what} of `{}`: {problem}", deployment.name) })
    }
}

/// Unpacks a zip. Modes are kept but for the right to write, symbolic links are made last, so that
/// nothing is written through one.
fn unpack(code: &Path, folder: &Path, left_bytes: &mut u64) -> Result<(), String> {
    let file = std::fs::File::open(code).map_err(|error| format!("`{}`: {error}", code.display()))?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| error.to_string())?;
    let mut links = Vec::new();
    for index in 0..archive.len() {
        if let Some(link) = unpack_entry(&mut archive, index, folder, left_bytes)? {
            links.push(link);
        }
    }
    for (target, place) in links {
        make_way(&place);
        symlink(target, &place).map_err(|error| format!("`{}`: {error}", place.display()))?;
    }
    Ok(())
}

/// A layer may have a file that a layer below it has too.
fn make_way(place: &Path) {
    if place.symlink_metadata().is_ok_and(|there| !there.is_dir()) {
        let _ = std::fs::remove_file(place);
    }
}

type Link = (String, PathBuf);

fn unpack_entry<R: Read + Seek>(
    archive: &mut zip::ZipArchive<R>,
    index: usize,
    folder: &Path,
    left_bytes: &mut u64,
) -> Result<Option<Link>, String> {
    let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
    let Some(inside) = entry.enclosed_name() else {
        return Err(format!("the entry number {} points out of the package", index + 1));
    };
    let place = folder.join(&inside);
    let describe = |error: std::io::Error| format!("`{}`: {error}", inside.display());
    if entry.is_dir() {
        std::fs::create_dir_all(&place).map_err(describe)?;
        return Ok(None);
    }
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent).map_err(describe)?;
    }
    if entry.is_symlink() {
        let mut target = String::new();
        entry.by_ref().take(4096).read_to_string(&mut target).map_err(describe)?;
        return Ok(Some((target, place)));
    }
    let mode = entry.unix_mode().unwrap_or(0o644);
    make_way(&place);
    let mut file = std::fs::File::create(&place).map_err(describe)?;
    let written = std::io::copy(&mut entry.by_ref().take(*left_bytes + 1), &mut file).map_err(describe)?;
    *left_bytes = left_bytes
        .checked_sub(written)
        .ok_or_else(|| format!("it holds more than {LARGEST_PACKAGE_BYTES} bytes, which is the most that Lambda takes"))?;
    file.set_permissions(PermissionsExt::from_mode(mode & 0o555)).map_err(describe)?;
    Ok(None)
}

/// Nothing may be added to the code either.
fn protect_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            protect_folders(&entry.path())?;
        }
    }
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o555))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Entry, zip_of};
    use super::*;

    fn unpacked(entries: &[Entry<'_>]) -> (tempfile::TempDir, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("code.zip");
        std::fs::write(&code, zip_of(entries)).unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        let out = folder.path().join("out");
        let outcome = unpack(&code, &out, &mut 1_000_000).and_then(|()| protect_folders(&out).map_err(|error| error.to_string()));
        (folder, outcome)
    }

    #[test]
    fn modes_and_links_are_kept() {
        let (folder, outcome) = unpacked(&[
            Entry::File("bin/tool", 0o755, b"#!/bin/sh\n"),
            Entry::File("data.txt", 0o640, b"data"),
            Entry::Link("link", "bin/tool"),
        ]);
        outcome.unwrap();
        let out = folder.path().join("out");
        let mode = |name: &str| std::fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bin/tool"), mode("data.txt"), mode("bin")), (0o555, 0o440, 0o555));
        assert_eq!(std::fs::read_link(out.join("link")).unwrap(), Path::new("bin/tool"));
        remove(&out);
        assert!(!out.exists());
    }

    #[test]
    fn a_layer_lies_over_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        for (name, entries) in [
            ("1", vec![Entry::File("lib/a", 0o444, b"one"), Entry::File("lib/b", 0o644, b"one"), Entry::Link("link", "lib/a")]),
            ("2", vec![Entry::File("lib/a", 0o644, b"two"), Entry::Link("link", "lib/b")]),
        ] {
            std::fs::write(folder.path().join(name), zip_of(&entries)).unwrap();
            unpack(&folder.path().join(name), &out, &mut 1000).unwrap();
        }
        let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(
            (text("lib/a"), text("lib/b"), std::fs::read_link(out.join("link")).unwrap()),
            ("two".into(), "one".into(), "lib/b".into())
        );
    }

    #[test]
    fn nothing_is_written_outside() {
        let (_folder, outcome) = unpacked(&[Entry::File("../evil", 0o644, b"")]);
        assert!(outcome.unwrap_err().contains("points out of the package"));
        let (folder, outcome) = unpacked(&[Entry::Link("way", "/"), Entry::File("way/lambdo-evil", 0o644, b"")]);
        assert!(outcome.is_err());
        assert!(!Path::new("/lambdo-evil").exists());
        drop(folder);
    }
}

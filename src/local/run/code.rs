//! Packages, unpacked once for all environments that run them.

use super::deployment::{Deployment, Refusal};
use super::image;
use super::jail::{Jail, Links, Place};
use super::sandbox::is_root;
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;
use zip::read::ZipFile;

/// The most that a package may hold, unpacked
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LARGEST_PACKAGE_BYTES: u64 = 262_144_000;
/// The most files, folders and links; more of them would fill a disk without weighing anything.
const MOST_ENTRIES: u64 = 1_000_000;
/// Longer ones no system takes.
const LONGEST_TARGET: u64 = 4096;

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
    // A link that a function puts there meanwhile is not followed: what it leads to is not the function's to open.
    match rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(opened) => drop(rustix::fs::fchmod(opened, Mode::RWXU)),
        // The cloud's own user may change no more than the function itself, and cannot open what it may not read.
        Err(_) if !is_root() => drop(std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))),
        Err(_) => {}
    }
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
            let mut left = Left { bytes: LARGEST_PACKAGE_BYTES, entries: MOST_ENTRIES };
            zips.iter().try_for_each(|zip| unpack(zip, unpacked.folder(), &mut left))?;
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

/// What may still come out of the zips of a package.
struct Left {
    bytes: u64,
    entries: u64,
}

/// A zip on its way into a folder, over what others have put there.
struct Unzipping<'a> {
    jail: Jail,
    left: &'a mut Left,
    /// What it has put there itself.
    own: BTreeSet<PathBuf>,
    /// Its symbolic links and where they lead: they are made last, so that none of its own files goes through one.
    links: Vec<(PathBuf, String)>,
}

/// Unpacks a zip. Modes are kept but for the right to write.
fn unpack(code: &Path, folder: &Path, left: &mut Left) -> Result<(), String> {
    let file = std::fs::File::open(code).map_err(|error| format!("`{}`: {error}", code.display()))?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| error.to_string())?;
    let mut unzipping = Unzipping { jail: Jail::new(folder, Links::Replaced), left, own: BTreeSet::new(), links: Vec::new() };
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let Some(inside) = entry.enclosed_name() else {
            return Err(format!("the entry number {} points out of the package", index + 1));
        };
        unzipping.entry(&mut entry, &inside).map_err(|error| format!("`{}`: {error}", inside.display().to_string().escape_debug()))?;
    }
    unzipping.finish()
}

impl Unzipping<'_> {
    fn entry<R: Read>(&mut self, entry: &mut ZipFile<'_, R>, inside: &Path) -> io::Result<()> {
        let mut made = 1;
        let reached = self.jail.reach(inside, &mut |_| made += 1)?;
        let too_many = || io::Error::other(format!("the package holds more than {MOST_ENTRIES} files"));
        self.left.entries = self.left.entries.checked_sub(made).ok_or_else(too_many)?;
        let Some(place) = reached else { return Ok(()) };
        self.own.insert(place.path().to_owned());
        if entry.is_dir() {
            return place.make_folder();
        }
        if entry.is_symlink() {
            let mut target = String::new();
            entry.take(LONGEST_TARGET).read_to_string(&mut target)?;
            self.links.push((inside.to_owned(), target));
            return Ok(());
        }
        self.file(entry, &place)
    }

    fn file<R: Read>(&mut self, entry: &mut ZipFile<'_, R>, place: &Place) -> io::Result<()> {
        let mode = entry.unix_mode().unwrap_or(0o644);
        let mut file = place.make_file()?;
        let written = io::copy(&mut entry.take(self.left.bytes + 1), &mut file)?;
        let too_large =
            || io::Error::other(format!("the package holds more than {LARGEST_PACKAGE_BYTES} bytes, which is the most that Lambda takes"));
        self.left.bytes = self.left.bytes.checked_sub(written).ok_or_else(too_large)?;
        file.set_permissions(PermissionsExt::from_mode(mode & 0o555))
    }

    fn finish(self) -> Result<(), String> {
        for (inside, target) in &self.links {
            self.link(inside, target).map_err(|error| format!("`{}`: {error}", inside.display().to_string().escape_debug()))?;
        }
        Ok(())
    }

    fn link(&self, inside: &Path, target: &str) -> io::Result<()> {
        // The links that were made since may have changed the way.
        let Some(place) = self.jail.reach(inside, &mut |_| ())? else { return Ok(()) };
        let mut own = self.own.range(place.path().to_owned()..).take_while(|own| own.starts_with(place.path()));
        if own.any(|own| own != place.path()) {
            return Err(io::Error::other("the package has a symbolic link and a folder of this name"));
        }
        place.make_link(Path::new(target))
    }
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
        let outcome = unpack(&code, &out, &mut Left { bytes: 1_000_000, entries: 100 })
            .and_then(|()| protect_folders(&out).map_err(|error| error.to_string()));
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
            unpack(&folder.path().join(name), &out, &mut Left { bytes: 1000, entries: 100 }).unwrap();
        }
        let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(
            (text("lib/a"), text("lib/b"), std::fs::read_link(out.join("link")).unwrap()),
            ("two".into(), "one".into(), "lib/b".into())
        );
    }

    /// Zips over each other, and what is beside the folder that they are unpacked into.
    fn over_each_other(zips: &[&[Entry<'_>]]) -> (tempfile::TempDir, Result<(), String>) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::fs::create_dir(folder.path().join("beside")).unwrap();
        let mut left = Left { bytes: 1000, entries: 20 };
        let outcome = zips.iter().try_for_each(|entries| {
            let zip = folder.path().join("zip");
            std::fs::write(&zip, zip_of(entries)).unwrap();
            unpack(&zip, &out, &mut left)
        });
        (folder, outcome)
    }

    #[test]
    fn nothing_is_written_outside() {
        let (_folder, outcome) = unpacked(&[Entry::File("../evil", 0o644, b"")]);
        assert!(outcome.unwrap_err().contains("points out of the package"));
        use Entry::{File, Link};
        let refused: &[&[Entry<'_>]] = &[
            &[Link("way", "../beside"), File("way/evil", 0o644, b"")],
            &[File("way/evil", 0o644, b""), Link("way", "../beside")],
            &[Link("way", "../beside"), Link("way/evil", "/etc")],
            &[Link("way/evil", "/etc"), Link("way", "../beside")],
        ];
        for zip in refused {
            let (folder, outcome) = over_each_other(&[zip]);
            assert!(outcome.unwrap_err().contains("a symbolic link and a folder"));
            assert_eq!(std::fs::read_dir(folder.path().join("beside")).unwrap().count(), 0);
        }
        let overlaid: &[&[&[Entry<'_>]]] = &[
            &[&[Link("way", "../beside")], &[File("way/evil", 0o644, b"")]],
            &[&[Link("a/way", "../../beside")], &[File("a/way/deep/evil", 0o644, b"")]],
            &[&[Link("one", "../beside"), Link("two", "one")], &[Link("two/evil", "/etc")]],
            &[&[Link("way", "../beside/evil")], &[File("way", 0o644, b"")]],
            &[&[File("way/x", 0o644, b"")], &[Link("way", "../beside")], &[File("way/evil", 0o644, b"")]],
        ];
        for zips in overlaid {
            let (folder, outcome) = over_each_other(zips);
            assert_eq!(outcome, Ok(()));
            assert_eq!(std::fs::read_dir(folder.path().join("beside")).unwrap().count(), 0);
            protect_folders(&folder.path().join("out")).unwrap();
            let beside = std::fs::metadata(folder.path().join("beside")).unwrap().permissions().mode();
            assert_ne!(beside & 0o200, 0, "what links lead to is protected from nobody");
            remove(&folder.path().join("out"));
            assert!(folder.path().join("beside").exists());
        }
    }

    #[test]
    fn an_upper_layer_hides_what_has_another_kind_below_it() {
        use Entry::{File, Link};
        let lower: &[Entry<'_>] = &[File("folder/x", 0o644, b"x"), File("file", 0o644, b"f"), Link("link", "file")];
        let upper: &[Entry<'_>] = &[File("folder", 0o644, b"now a file"), File("file/y", 0o644, b"y"), File("link/z", 0o644, b"z")];
        let (folder, outcome) = over_each_other(&[lower, upper]);
        assert_eq!(outcome, Ok(()));
        let text = |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
        assert_eq!((text("folder"), text("file/y"), text("link/z")), ("now a file".into(), "y".into(), "z".into()));
    }

    #[test]
    fn what_fills_a_disk_is_refused() {
        let large = [b'x'; 600];
        let (_folder, outcome) = over_each_other(&[&[Entry::File("a", 0o644, &large)], &[Entry::File("b", 0o644, &large)]]);
        assert!(outcome.unwrap_err().contains("which is the most that Lambda takes"));
        let (_folder, outcome) = over_each_other(&[&[Entry::File("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v", 0o644, b"")]]);
        assert!(outcome.unwrap_err().contains("more than 1000000 files"));
        let (_folder, outcome) = unpacked(&[Entry::File("a\n\u{1b}[31m\0", 0o644, b"")]);
        assert!(!outcome.unwrap_err().contains('\u{1b}'), "a name is no order to a terminal");
    }
}

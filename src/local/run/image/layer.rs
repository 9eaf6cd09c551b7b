//! One layer after the other: files as they are, and files that say that something of a lower layer is gone
//! (<https://github.com/opencontainers/image-spec/blob/main/layer.md>).

use crate::local::run::inside::resolve;
use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};
use tar::{Entry, EntryType};

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// What only some of Docker's file systems had to say to themselves.
const PRIVATE_WHITEOUT: &str = ".wh..wh.";

/// Long names and other attributes of one entry; they are read into memory.
const LARGEST_HEADER_BYTES: u64 = 1024 * 1024;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Unpacks layers into a folder.
pub struct Unpacker<'a> {
    root: &'a Path,
    left_bytes: u64,
    left_entries: u64,
    /// What folders may be used for in the end; while layers are unpacked, anything.
    modes: BTreeMap<PathBuf, u32>,
    /// What the layer has made that is being unpacked; whiteouts are not about that.
    own: BTreeSet<PathBuf>,
}

/// Reads no more than is allowed at the moment.
struct Metered<R> {
    inner: R,
    allowed: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.allowed.get().checked_sub(length as u64);
        self.allowed.set(left.ok_or_else(|| io::Error::other("the attributes of an entry are too long"))?);
        Ok(length)
    }
}

impl<'a> Unpacker<'a> {
    pub fn new(root: &'a Path, left_bytes: u64, left_entries: u64) -> Self {
        Self { root, left_bytes, left_entries, modes: BTreeMap::new(), own: BTreeSet::new() }
    }

    /// Unpacks one layer over what is there.
    pub fn unpack(&mut self, layer: &Path) -> Result<(), String> {
        let allowed = Rc::new(Cell::new(LARGEST_HEADER_BYTES));
        let inner = opened(layer)?;
        let mut archive = tar::Archive::new(Metered { inner, allowed: Rc::clone(&allowed) });
        self.own.clear();
        for entry in archive.entries().map_err(|error| error.to_string())? {
            let mut entry = entry.map_err(|error| error.to_string())?;
            allowed.set(u64::MAX);
            self.left_entries = self.left_entries.checked_sub(1).ok_or("the image has too many files")?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            self.entry(&mut entry).map_err(|error| format!("`{name}`: {error}"))?;
            // What nobody wanted of the entry must not count as attributes of the next one.
            let rest = io::copy(&mut entry.take(self.left_bytes + 1), &mut io::sink()).map_err(|error| error.to_string())?;
            self.spend(rest).map_err(|error| error.to_string())?;
            allowed.set(LARGEST_HEADER_BYTES);
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let path = entry.path()?.into_owned();
        let Some((parent, name)) = taken_apart(&path)? else { return Ok(()) };
        let parent = resolve(self.root, &parent)?;
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            return self.whiteout(&parent, &name, gone);
        }
        self.make_folders(&parent)?;
        let place = parent.join(&name);
        let mode = entry.header().mode()? & 0o777;
        match entry.header().entry_type() {
            EntryType::Directory => self.folder(&place, mode)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(&place, mode, entry)?,
            EntryType::Symlink => {
                let target = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?;
                remove(&place)?;
                symlink(target, &place)?;
            }
            EntryType::Link => {
                let target = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?;
                self.hard_link(&target, &place)?;
            }
            // Devices and pipes are of no use where no device may be used.
            _ => return Ok(()),
        }
        self.own.insert(place);
        Ok(())
    }

    fn folder(&mut self, place: &Path, mode: u32) -> io::Result<()> {
        if !place.symlink_metadata().is_ok_and(|details| details.is_dir()) {
            remove(place)?;
            make_folder(place)?;
        }
        self.modes.insert(place.to_owned(), mode);
        Ok(())
    }

    fn file<R: Read>(&mut self, place: &Path, mode: u32, entry: &mut Entry<'_, R>) -> io::Result<()> {
        remove(place)?;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(place)?;
        let written = io::copy(&mut entry.take(self.left_bytes + 1), &mut file)?;
        self.spend(written)?;
        if let Ok(seconds) = entry.header().mtime() {
            // Python believes compiled files only if their source has the right time.
            let _ = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map(|time| file.set_modified(time));
        }
        file.set_permissions(PermissionsExt::from_mode(mode))
    }

    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        let left = self.left_bytes.checked_sub(bytes);
        self.left_bytes = left.ok_or_else(|| io::Error::other("the image holds more than 10 GB, which is the most that Lambda takes"))?;
        Ok(())
    }

    fn hard_link(&self, target: &Path, place: &Path) -> io::Result<()> {
        let Some((parent, name)) = taken_apart(target)? else { return Err(io::ErrorKind::InvalidData.into()) };
        let target = resolve(self.root, &parent)?.join(name);
        if target == place {
            return Ok(());
        }
        remove(place)?;
        fs::hard_link(target, place)
    }

    fn make_folders(&mut self, folder: &Path) -> io::Result<()> {
        if folder == self.root || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make_folders(parent)?;
        }
        make_folder(folder)?;
        self.modes.insert(folder.to_owned(), 0o755);
        Ok(())
    }

    fn whiteout(&mut self, parent: &Path, name: &str, gone: &str) -> io::Result<()> {
        if name == OPAQUE {
            for entry in fs::read_dir(parent).into_iter().flatten() {
                self.remove_lower(&entry?.path())?;
            }
            return Ok(());
        }
        if name.starts_with(PRIVATE_WHITEOUT) {
            return Ok(());
        }
        if matches!(gone, "" | "." | "..") {
            return Err(io::Error::other("this is no name of a file that could be gone"));
        }
        self.remove_lower(&parent.join(gone))
    }

    /// Removes what lower layers have made, and keeps what this one has.
    fn remove_lower(&self, place: &Path) -> io::Result<()> {
        let is_own = self.own.range(place.to_owned()..).next().is_some_and(|own| own.starts_with(place));
        if !is_own {
            return remove(place);
        }
        if place.symlink_metadata().is_ok_and(|details| details.is_dir()) {
            for entry in fs::read_dir(place)? {
                self.remove_lower(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Gives folders the rights that they shall have, from the innermost out.
    pub fn finish(self) -> io::Result<()> {
        for (folder, mode) in self.modes.iter().rev() {
            if folder.symlink_metadata().is_ok_and(|details| details.is_dir()) {
                fs::set_permissions(folder, PermissionsExt::from_mode(*mode))?;
            }
        }
        Ok(())
    }
}

fn make_folder(place: &Path) -> io::Result<()> {
    fs::create_dir(place)?;
    // Whatever the umask is, its own cloud must get in.
    fs::set_permissions(place, PermissionsExt::from_mode(0o755))
}

/// What is uncompressed, gzip or zstd says so in its first bytes; an empty layer is none of them.
fn opened(layer: &Path) -> Result<Box<dyn Read>, String> {
    let describe = |error: io::Error| error.to_string();
    let mut head = Vec::new();
    File::open(layer).map_err(describe)?.take(4).read_to_end(&mut head).map_err(describe)?;
    let file = BufReader::new(File::open(layer).map_err(describe)?);
    if head.starts_with(&ZSTD) {
        return Err("it is compressed with zstd, which Lambda does not take; build the image with gzip".to_owned());
    }
    Ok(if head.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The folder and the name of an entry; nothing for the root itself.
///
/// # Errors
/// Where it points out of the image.
fn taken_apart(path: &Path) -> io::Result<Option<(PathBuf, String)>> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(io::Error::other("it points out of the image")),
        }
    }
    let Some(name) = inside.file_name() else { return Ok(None) };
    let name = name.to_str().ok_or_else(|| io::Error::other("its name is no UTF-8"))?.to_owned();
    inside.pop();
    Ok(Some((inside, name)))
}

/// Removes whatever is there, if anything is.
fn remove(place: &Path) -> io::Result<()> {
    match place.symlink_metadata() {
        Ok(details) if details.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

//! One layer after the other: files as they are, and files that say that something of a lower layer is gone
//! (<https://github.com/opencontainers/image-spec/blob/main/layer.md>).

use crate::local::run::jail::{Jail, Links, Place};
use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};
use tar::{Entry, EntryType};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What only some of Docker's file systems had to say to themselves.
const PRIVATE_WHITEOUT: &[u8] = b".wh..wh.";

/// Long names and other attributes of one entry; they are read into memory.
const LARGEST_HEADER_BYTES: u64 = 1024 * 1024;

const TOO_MANY: &str = "the image has too many files";

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Unpacks layers into a folder.
pub struct Unpacker {
    jail: Jail,
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

impl Unpacker {
    pub fn new(root: &Path, left_bytes: u64, left_entries: u64) -> Self {
        Self { jail: Jail::new(root, Links::Followed), left_bytes, left_entries, modes: BTreeMap::new(), own: BTreeSet::new() }
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
            self.left_entries = self.left_entries.checked_sub(1).ok_or(TOO_MANY)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).escape_debug().to_string();
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
        let name = path.file_name().unwrap_or_default().as_bytes();
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            return self.whiteout(&path, name, OsStr::from_bytes(gone));
        }
        let Some(place) = self.reach(&path)? else { return Ok(()) };
        let mode = entry.header().mode()? & 0o777;
        match entry.header().entry_type() {
            EntryType::Directory => {
                place.make_folder()?;
                self.modes.insert(place.path().to_owned(), mode);
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(&place, mode, entry)?,
            EntryType::Symlink => place.make_link(&entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?)?,
            EntryType::Link => self.hard_link(&entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?, &place)?,
            // Devices and pipes are of no use where no device may be used.
            _ => return Ok(()),
        }
        self.own.insert(place.path().to_owned());
        Ok(())
    }

    /// Folders that no entry named count as entries too.
    fn reach(&mut self, path: &Path) -> io::Result<Option<Place>> {
        let mut made = Vec::new();
        let reached = self.jail.reach(path, &mut |folder| made.push(folder.to_owned()));
        self.left_entries = self.left_entries.checked_sub(made.len() as u64).ok_or_else(|| io::Error::other(TOO_MANY))?;
        self.modes.extend(made.into_iter().map(|folder| (folder, 0o755)));
        reached
    }

    fn file<R: Read>(&mut self, place: &Place, mode: u32, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let mut file = place.make_file()?;
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

    fn hard_link(&self, target: &Path, place: &Place) -> io::Result<()> {
        let target = self.jail.find(target)?.ok_or(io::ErrorKind::NotFound)?;
        place.make_hard_link(&target)
    }

    fn whiteout(&mut self, path: &Path, name: &[u8], gone: &OsStr) -> io::Result<()> {
        // Where there is no such folder, nothing is in it.
        let Some(place) = self.jail.find(path)? else { return Ok(()) };
        if name == OPAQUE {
            let lower = place.folder().children()?;
            return lower.iter().try_for_each(|place| self.remove_lower(place));
        }
        if name.starts_with(PRIVATE_WHITEOUT) {
            return Ok(());
        }
        self.remove_lower(&place.beside(gone)?)
    }

    /// Removes what lower layers have made, and keeps what this one has.
    fn remove_lower(&self, place: &Place) -> io::Result<()> {
        let mut own = self.own.range(place.path().to_owned()..);
        if own.next().is_some_and(|own| own.starts_with(place.path())) {
            return place.children()?.iter().try_for_each(|child| self.remove_lower(child));
        }
        place.remove()
    }

    /// Gives folders the rights that they shall have, from the innermost out.
    pub fn finish(self) -> io::Result<()> {
        self.modes.iter().rev().try_for_each(|(folder, mode)| self.jail.set_mode(folder, *mode))
    }
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

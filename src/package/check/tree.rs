//! The files of a package, whether they lie in folders or in a zip, read only where a rule looks.

use super::elf;
use super::format::{Format, HEAD_BYTES};
use crate::package::contents::Contents;
use crate::package::hash::Item;
use object::ReadCache;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// The most that is read of a file with code, in bytes. What is larger is not judged.
const TEXT_LIMIT_BYTES: u64 = 64 << 20;

/// What a package consists of.
pub(super) struct Tree<'a> {
    files: BTreeMap<&'a str, Place<'a>>,
    archive: Option<RefCell<ZipArchive<BufReader<File>>>>,
}

/// One file.
struct Place<'a> {
    bytes: u64,
    /// Where it lies; `None` in a zip.
    path: Option<&'a Path>,
}

impl<'a> Tree<'a> {
    /// The files of a package that was read before.
    ///
    /// # Errors
    /// A zip that cannot be opened any more.
    pub fn new(contents: &'a Contents, items: &'a [Item]) -> io::Result<Self> {
        let paths: BTreeMap<&str, &Path> = match contents {
            Contents::Files(entries) => entries.iter().map(|entry| (entry.name.as_str(), entry.path.as_path())).collect(),
            Contents::Archive(_) => BTreeMap::new(),
        };
        let archive = match contents {
            Contents::Archive(path) => Some(RefCell::new(ZipArchive::new(BufReader::new(File::open(path)?))?)),
            Contents::Files(_) => None,
        };
        let place = |item: &'a Item| Place { bytes: item.bytes, path: paths.get(item.name.as_str()).copied() };
        let files = items.iter().map(|item| (item.name.as_str(), place(item))).collect();
        Ok(Self { files, archive })
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.files.keys().copied()
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whether there is something in such a folder.
    pub fn has_folder(&self, name: &str) -> bool {
        let prefix = format!("{name}/");
        self.files.range(prefix.as_str()..).next().is_some_and(|(first, _)| first.starts_with(&prefix))
    }

    /// What a file is, by its content.
    pub fn format(&self, name: &str) -> io::Result<Format> {
        let Some(place) = self.files.get(name) else { return Err(io::ErrorKind::NotFound.into()) };
        let head = self.read(name, HEAD_BYTES)?;
        let format = Format::of(&head);
        if format != Format::Elf(None) {
            return Ok(format);
        }
        let found = match place.path {
            Some(path) => elf::read(&ReadCache::new(File::open(path)?)),
            None => elf::read(&self.read(name, place.bytes)?[..]),
        };
        Ok(Format::Elf(found))
    }

    /// The whole of a file with code; `None` where it is no text, or too long to be judged.
    pub fn text(&self, name: &str) -> io::Result<Option<String>> {
        let bytes = self.files.get(name).map_or(0, |place| place.bytes);
        if bytes > TEXT_LIMIT_BYTES {
            return Ok(None);
        }
        Ok(String::from_utf8(self.read(name, bytes)?).ok())
    }

    /// The first bytes of a file.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let Some(place) = self.files.get(name) else { return Err(io::ErrorKind::NotFound.into()) };
        let mut bytes = Vec::new();
        match (place.path, &self.archive) {
            (Some(path), _) => File::open(path)?.take(limit).read_to_end(&mut bytes)?,
            (None, Some(archive)) => archive.borrow_mut().by_name(name)?.take(limit).read_to_end(&mut bytes)?,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(bytes)
    }
}

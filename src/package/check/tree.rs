//! The files of a package, whether they lie in folders or in a zip, read only where a rule looks.

use super::elf;
use super::format::{Format, HEAD_BYTES};
use super::program::{TASK_ROOT, plain};
use crate::package::contents::Contents;
use crate::package::hash::Item;
use crate::package::zip::{KIND, SYMLINK};
use object::ReadCache;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::path::Path;
use zip::ZipArchive;

/// The most that is read of a file with code, in bytes. What is larger is not judged.
const TEXT_LIMIT_BYTES: u64 = 64 << 20;

/// How many links are followed, as by Linux (<https://man7.org/linux/man-pages/man7/path_resolution.7.html>).
const LINKS: usize = 40;

/// Where a link leads that does not end at a file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// To itself, through others or not.
    InCircles,
    /// To a folder of the package.
    ToFolder(String),
    /// To something that is not in the package.
    Elsewhere(String),
}

/// What a package consists of.
pub(super) struct Tree<'a> {
    files: BTreeMap<&'a str, Place<'a>>,
    archive: Option<RefCell<ZipArchive<BufReader<File>>>>,
    /// Files and folders of a zip with their modes, as far as they have one.
    modes: BTreeMap<String, u32>,
}

/// One file.
struct Place<'a> {
    bytes: u64,
    mode: u32,
    /// Whether it leads to another; only in a zip.
    is_link: bool,
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
        let mut archive = match contents {
            Contents::Archive(path) => Some(ZipArchive::new(BufReader::new(File::open(path)?))?),
            Contents::Files(_) => None,
        };
        let modes = archive.as_mut().map_or(Ok(BTreeMap::new()), modes)?;
        let is_link = |item: &Item| item.mode & KIND == SYMLINK;
        let place = |item: &'a Item| Place {
            bytes: item.bytes,
            mode: item.mode,
            is_link: is_link(item),
            path: paths.get(item.name.as_str()).copied(),
        };
        let files = items.iter().map(|item| (item.name.as_str(), place(item))).collect();
        Ok(Self { files, archive: archive.map(RefCell::new), modes })
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.files.keys().copied()
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whether it has an execute bit.
    pub fn is_executable(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|place| place.mode & 0o111 != 0)
    }

    /// Whether there is something in such a folder.
    pub fn has_folder(&self, name: &str) -> bool {
        self.beginning(&format!("{name}/")).next().is_some()
    }

    /// All names that begin so, sorted.
    pub fn beginning<'b>(&'b self, start: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        let following = self.files.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        following.map(|(name, _)| *name).take_while(move |name| name.starts_with(start))
    }

    /// Where a link leads to, if not to a file of the package.
    pub fn astray(&self, name: &str) -> io::Result<Option<Astray>> {
        let end = self.end(name)?;
        Ok(match self.files.get(end.as_str()) {
            Some(place) => place.is_link.then_some(Astray::InCircles),
            None if self.has_folder(&end) => Some(Astray::ToFolder(end)),
            None => Some(Astray::Elsewhere(end)),
        })
    }

    /// Files and folders of a zip by name, with their modes; nothing of what lambdo zips itself, which everybody may read.
    pub fn modes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.modes.iter().map(|(name, mode)| (name.as_str(), *mode))
    }

    /// Links, with where they say that they lead.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn links(&self) -> io::Result<Vec<(&'a str, String)>> {
        let links = self.files.iter().filter(|(_, place)| place.is_link);
        links.map(|(name, place)| Ok((*name, String::from_utf8_lossy(&self.bytes(name, place.bytes)?).into_owned()))).collect()
    }

    /// The file at the end of links.
    pub fn end(&self, name: &str) -> io::Result<String> {
        let mut end = name.to_owned();
        for _ in 0..LINKS {
            let Some(place) = self.files.get(end.as_str()).filter(|place| place.is_link) else { break };
            let to = String::from_utf8_lossy(&self.bytes(&end, place.bytes)?).into_owned();
            let folder = end.rsplit_once('/').map_or("", |(folder, _)| folder);
            let to = if to.starts_with('/') { to } else { format!("{TASK_ROOT}{folder}/{to}") };
            let to = plain(&to);
            end = to.strip_prefix(TASK_ROOT).unwrap_or(&to).to_owned();
        }
        Ok(end)
    }

    /// What a file is, by its content.
    pub fn format(&self, name: &str) -> io::Result<Format> {
        let name = &self.end(name)?;
        if !self.has(name) {
            return Ok(Format::Other);
        }
        let Some(place) = self.files.get(name.as_str()) else { return Err(io::ErrorKind::NotFound.into()) };
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
        Ok(self.whole(name)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The whole of a file; `None` where it is too long to be judged.
    pub fn whole(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let name = &self.end(name)?;
        let bytes = self.files.get(name.as_str()).map_or(0, |place| place.bytes);
        if bytes > TEXT_LIMIT_BYTES || !self.has(name) { Ok(None) } else { self.read(name, bytes).map(Some) }
    }

    /// The first bytes of a file.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.bytes(&self.end(name)?, limit)
    }

    /// The first bytes of a file, or where a link leads.
    fn bytes(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
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

/// The modes of what is in a zip, folders without the slash at their end.
fn modes(archive: &mut ZipArchive<BufReader<File>>) -> io::Result<BTreeMap<String, u32>> {
    let mut modes = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if let (Ok(name), Some(mode)) = (entry.name(), entry.unix_mode()) {
            modes.insert(name.trim_end_matches('/').to_owned(), mode & 0o7777);
        }
    }
    Ok(modes)
}

//! What lies in the layers of an image, once all of them are laid over each other.
//! <https://github.com/opencontainers/image-spec/blob/main/layer.md>

use super::archive::unzipped;
use super::document::{Descriptor, Document};
use super::layer::Folders;
use super::store::{Hashing, Store};
use crate::model::Image;
use crate::package::check::led;
use crate::package::hash::{Item, hex};
use crate::package::index::unhex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, EntryType};

/// Part of the name under which a listing is remembered: a new number makes all of them anew.
const FORMAT: u32 = 4;
/// Before the name of a file that is gone, and the name that says that nothing of the layers below is left in a folder.
const GONE: &str = ".wh.";
const EMPTIED: &str = ".wh..wh..opq";

/// The files of an image. Paths have no first slash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::package) struct Listing {
    files: BTreeMap<String, Listed>,
    /// Where symbolic links lead, as they say it.
    pub links: BTreeMap<String, String>,
    /// Folders that have an entry of their own.
    folders: BTreeMap<String, Folder>,
    /// What all layers unpack to, in bytes.
    pub unpacked_bytes: u64,
}

/// What an image says of a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folder {
    pub mode: u32,
    /// The numbers of its user and its group.
    pub owner: (u64, u64),
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    mode: u32,
    bytes: u64,
    sha256: String,
    /// In which layer it lies, and under which name there.
    layer: String,
    name: String,
}

impl Listing {
    /// What lies in the layers of an image, which the store has; remembered, since nothing of it ever changes.
    ///
    /// # Errors
    /// A sentence when a layer cannot be read.
    pub fn of(image: &Image, store: &Store, cache: &Path) -> Result<Self, String> {
        match Self::known(&image.digest(), cache) {
            Some(known) => Ok(known),
            None => Self::of_layers(&image.digest(), &layers(image)?, store, cache),
        }
    }

    /// What was remembered of the image whose manifest has this digest.
    pub fn known(digest: &str, cache: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::record(digest, cache)).ok()?).ok()
    }

    fn record(digest: &str, cache: &Path) -> PathBuf {
        cache.join("images").join("listings").join(format!("{FORMAT}-{}.json", digest.trim_start_matches("sha256:")))
    }

    /// The same as [`Listing::of`], read now from the layers that the image with this digest has.
    ///
    /// # Errors
    /// Those of [`Listing::of`].
    pub(super) fn of_layers(digest: &str, layers: &[Descriptor], store: &Store, cache: &Path) -> Result<Self, String> {
        let listing = layers.iter().try_fold(Self::default(), |listing, layer| listing.under(&layer.digest, store))?;
        let record = Self::record(digest, cache);
        // What cannot be remembered is read again.
        let _ = record.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&record, serde_json::to_vec(&listing)?));
        Ok(listing)
    }

    /// The same, read now.
    ///
    /// # Errors
    /// Those of [`Listing::of`].
    pub fn read(image: &Image, store: &Store) -> Result<Self, String> {
        layers(image)?.iter().try_fold(Self::default(), |listing, layer| listing.under(&layer.digest, store))
    }

    /// The same under one more layer, which the store has.
    ///
    /// # Errors
    /// Those of [`Listing::of`].
    pub fn under(mut self, layer: &str, store: &Store) -> Result<Self, String> {
        self.lay(layer, store).map_err(|error| format!("The layer `{layer}` cannot be read: {error}."))?;
        Ok(self)
    }

    /// Where what a layer above calls so lies: a folder may be a link to another one.
    pub fn place(&self, path: &str) -> String {
        self.placed(&Self::default(), path)
    }

    /// What it says of a folder, where that has an entry of its own.
    pub(super) fn folder(&self, path: &str) -> Option<Folder> {
        self.folders.get(path).copied()
    }

    /// The modes of folders that have an entry of their own.
    pub fn folder_modes(&self) -> BTreeMap<String, u32> {
        self.folders.iter().map(|(path, folder)| (path.clone(), folder.mode)).collect()
    }

    /// Whether there is such a folder, with an entry or because something lies in it.
    pub fn has_folder(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let begins = |name: Option<&String>| name.is_some_and(|name| name.starts_with(&prefix));
        self.folders.contains_key(path)
            || begins(self.files.range(prefix.clone()..).map(|(name, _)| name).next())
            || begins(self.links.range(prefix.clone()..).map(|(name, _)| name).next())
            || begins(self.folders.range(prefix.clone()..).map(|(name, _)| name).next())
    }

    /// The same under a layer with these folders and files, which need not be read again for it.
    pub(super) fn under_files(mut self, layer: &str, folders: &Folders<'_>, items: &[Item]) -> Self {
        let mut above = Self::default();
        for (name, folder) in folders {
            let path = self.placed(&above, name);
            self.put_folder(&mut above, path, *folder);
        }
        for Item { name, mode, bytes, sha256 } in items {
            let listed = Listed { mode: mode & 0o7777, bytes: *bytes, sha256: hex(sha256), layer: layer.to_owned(), name: name.clone() };
            let path = self.placed(&above, name);
            self.put(&mut above, path, Some(listed));
            above.unpacked_bytes += bytes;
        }
        self.join(above);
        self
    }

    /// Each file as `lambdo diff` compares it.
    pub fn items(&self) -> Vec<Item> {
        let item = |(name, file): (&String, &Listed)| {
            Some(Item { name: name.clone(), mode: file.mode, bytes: file.bytes, sha256: unhex(&file.sha256)? })
        };
        self.files.iter().filter_map(item).collect()
    }

    /// Each file's path and mode.
    pub fn modes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file.mode))
    }

    /// How a file begins; remembered, since a whole layer may have to be unpacked for it.
    pub fn head(&self, path: &str, bytes: u64, cache: &Path) -> Option<Vec<u8>> {
        let listed = self.files.get(path)?;
        let record = cache.join("images").join("heads").join(format!("{}-{bytes}", listed.sha256));
        if let Ok(known) = fs::read(&record) {
            return Some(known);
        }
        let head = Self::begin(listed, bytes, &Store::new(cache))?;
        // What cannot be remembered is read again.
        let _ = record.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&record, &head));
        Some(head)
    }

    fn begin(listed: &Listed, bytes: u64, store: &Store) -> Option<Vec<u8>> {
        let mut tar = open(&listed.layer, store).ok()?;
        let is_it = |entry: &tar::Entry<'_, _>| entry.path().ok().and_then(|path| inner(&path)).as_deref() == Some(&listed.name);
        // A layer may have a file twice; the last one counts.
        let mut head = None;
        for mut entry in tar.entries().ok()?.flatten().filter(is_it) {
            let mut read = Vec::new();
            entry.by_ref().take(bytes).read_to_end(&mut read).ok()?;
            head = Some(read);
        }
        head
    }

    /// Lays one layer over what is there.
    fn lay(&mut self, layer: &str, store: &Store) -> io::Result<()> {
        let mut tar = open(layer, store)?;
        let mut above = Self::default();
        for entry in tar.entries()? {
            let mut entry = entry?;
            let Some(named) = inner(&entry.path()?) else { continue };
            let path = self.placed(&above, &named);
            let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
            let within = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            match (name, entry.header().entry_type()) {
                (EMPTIED, _) => self.empty(folder),
                (gone, _) if gone.starts_with(GONE) => self.remove(&within(&gone[GONE.len()..])),
                (_, EntryType::Directory) => {
                    let owner = (entry.header().uid().unwrap_or(0), entry.header().gid().unwrap_or(0));
                    self.put_folder(&mut above, path, Folder { mode: entry.header().mode()? & 0o7777, owner });
                }
                (_, EntryType::Symlink) => {
                    let target = entry.link_name()?.map(|target| target.to_string_lossy().into_owned()).unwrap_or_default();
                    self.remove(&path);
                    above.remove(&path);
                    above.links.insert(path, target);
                }
                (_, EntryType::Link) => {
                    let target = entry.link_name()?.and_then(|target| inner(&target));
                    let same = target.and_then(|target| above.files.get(&target).or_else(|| self.files.get(&target)).cloned());
                    self.put(&mut above, path, same);
                }
                (_, kind) if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => {
                    let mode = entry.header().mode()? & 0o7777;
                    let mut hash = Hashing::new(io::sink());
                    let bytes = io::copy(&mut entry, &mut hash)?;
                    above.unpacked_bytes += bytes;
                    let listed = Listed { mode, bytes, sha256: hex(&hash.sha256()), layer: layer.to_owned(), name: named };
                    self.put(&mut above, path, Some(listed));
                }
                // Devices and pipes are nothing that a function starts.
                _ => {}
            }
        }
        self.join(above);
        Ok(())
    }

    fn join(&mut self, mut above: Self) {
        self.files.append(&mut above.files);
        self.links.append(&mut above.links);
        self.folders.append(&mut above.folders);
        self.unpacked_bytes += above.unpacked_bytes;
    }

    /// A folder takes the place of a file or a link; what lies in one stays.
    fn put_folder(&mut self, above: &mut Self, path: String, folder: Folder) {
        above.links.remove(&path);
        self.links.remove(&path);
        self.files.remove(&path);
        above.folders.insert(path, folder);
    }

    /// Where what has this name goes: a folder may be a link to another one.
    fn placed(&self, above: &Self, path: &str) -> String {
        let Some((folder, name)) = path.rsplit_once('/') else { return path.to_owned() };
        let links = |path: &str| above.links.get(path).or_else(|| self.links.get(path)).map(String::as_str);
        let folder = led(folder, links).unwrap_or_else(|| format!("/{folder}"));
        format!("{}/{name}", folder.trim_end_matches('/')).trim_start_matches('/').to_owned()
    }

    /// A file takes the place of whatever was there.
    fn put(&mut self, above: &mut Self, path: String, file: Option<Listed>) {
        self.remove(&path);
        above.remove(&path);
        above.files.extend(file.map(|file| (path, file)));
    }

    fn remove(&mut self, path: &str) {
        self.files.remove(path);
        self.links.remove(path);
        self.folders.remove(path);
        self.empty(path);
    }

    /// Takes away what lies in a folder.
    fn empty(&mut self, folder: &str) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below =
            |names: Vec<&String>| -> Vec<String> { names.into_iter().take_while(|name| name.starts_with(&prefix)).cloned().collect() };
        let files = below(self.files.range(prefix.clone()..).map(|(name, _)| name).collect());
        let links = below(self.links.range(prefix.clone()..).map(|(name, _)| name).collect());
        let folders = below(self.folders.range(prefix.clone()..).map(|(name, _)| name).collect());
        files.iter().for_each(|name| drop(self.files.remove(name)));
        self.folders.retain(|name, _| !folders.contains(name));
        links.iter().for_each(|name| drop(self.links.remove(name)));
    }
}

fn open(layer: &str, store: &Store) -> io::Result<Archive<Box<dyn Read>>> {
    Ok(Archive::new(unzipped(&store.path(layer).map_err(io::Error::other)?)?))
}

fn layers(image: &Image) -> Result<Vec<Descriptor>, String> {
    match Document::parse(&image.manifest) {
        Ok(Document::Image(manifest)) => Ok(manifest.layers),
        _ => Err("The image has no manifest.".into()),
    }
}

/// A path inside the image; nothing for the image's root and for what would lead out of it.
fn inner(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Blob;
    use crate::package::image::document::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, image};
    use std::io::Write;

    /// An entry of a layer: its path, and a mode with what it holds, or where it leads.
    pub enum Put<'a> {
        File(&'a str, u32, &'a [u8]),
        Link(&'a str, &'a str),
        Same(&'a str, &'a str),
        Folder(&'a str, u32),
    }

    pub fn layer(store: &Store, entries: &[Put<'_>]) -> Blob {
        let mut tar = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            let (path, kind, mode, content, target) = match entry {
                Put::File(path, mode, content) => (path, EntryType::Regular, *mode, *content, None),
                Put::Link(path, target) => (path, EntryType::Symlink, 0o777, &b""[..], Some(target)),
                Put::Same(path, target) => (path, EntryType::Link, 0o644, &b""[..], Some(target)),
                Put::Folder(path, mode) => (path, EntryType::Directory, *mode, &b""[..], None),
            };
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_size(content.len() as u64);
            match target {
                Some(target) => tar.append_link(&mut header, path, target).unwrap(),
                None => tar.append_data(&mut header, path, content).unwrap(),
            }
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        store.put(&gzip.finish().unwrap()).unwrap()
    }

    fn listed(layers: &[&[Put<'_>]]) -> (Listing, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let config = store.put(b"{}").unwrap();
        let layers: Vec<(String, Blob)> = layers.iter().map(|entries| (OCI_LAYER.to_owned(), layer(&store, entries))).collect();
        let image = image(OCI_MANIFEST, (OCI_CONFIG, config), &layers);
        let listing = Listing::of(&image, &store, folder.path()).unwrap();
        assert_eq!(Listing::of(&image, &store, folder.path()), Ok(listing.clone()), "what is remembered is the same");
        (listing, folder)
    }

    #[test]
    fn layers_lie_over_each_other() {
        let below: &[Put<'_>] = &[
            Put::Folder("usr/bin/", 0o755),
            Put::File("usr/bin/dash", 0o755, b"dash"),
            Put::Link("usr/bin/sh", "dash"),
            Put::Link("bin", "usr/bin"),
            Put::File("etc/gone", 0o644, b"1"),
            Put::File("var/old/a", 0o644, b"2"),
            Put::File("var/old/deep/b", 0o644, b"3"),
            Put::File("var/older", 0o644, b"4"),
            Put::File("opt/folder/x", 0o644, b"5"),
        ];
        let above: &[Put<'_>] = &[
            Put::File("./app", 0o700, b"first"),
            Put::File("app", 0o755, b"program"),
            Put::Same("other", "app"),
            Put::File("etc/.wh.gone", 0o644, b""),
            Put::File("var/old/.wh..wh..opq", 0o644, b""),
            Put::File("var/old/new", 0o644, b"6"),
            Put::File("opt/folder", 0o644, b"7"),
            Put::File("bin/through", 0o644, b"8"),
        ];
        let (listing, folder) = listed(&[below, above]);
        let names: Vec<(&str, u32)> = listing.modes().collect();
        let expected = [
            ("app", 0o755),
            ("opt/folder", 0o644),
            ("other", 0o755),
            ("usr/bin/dash", 0o755),
            ("usr/bin/through", 0o644),
            ("var/old/new", 0o644),
            ("var/older", 0o644),
        ];
        assert_eq!(names, expected);
        assert_eq!(listing.links.iter().map(|(path, to)| format!("{path} {to}")).collect::<Vec<_>>(), ["bin usr/bin", "usr/bin/sh dash"]);
        for (path, head) in [("usr/bin/through", "8"), ("app", "prog"), ("other", "prog"), ("usr/bin/dash", "dash")] {
            assert_eq!(listing.head(path, 4, folder.path()).as_deref(), Some(head.as_bytes()), "{path}");
        }
        assert_eq!(listing.head("nowhere", 4, folder.path()), None);
        assert_eq!(listing.unpacked_bytes, 24);
        assert_eq!(listing.folder_modes(), BTreeMap::from([("usr/bin".to_owned(), 0o755)]));
        assert_eq!(listing.items().len(), 7);
    }

    #[test]
    fn a_layer_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let (config, blob) = (store.put(b"{}").unwrap(), store.put(b"no gzip").unwrap());
        let image = image(OCI_MANIFEST, (OCI_CONFIG, config), &[(OCI_LAYER.to_owned(), blob)]);
        let why = Listing::of(&image, &store, folder.path()).unwrap_err();
        assert!(why.contains("cannot be read: "), "{why}");
    }
}

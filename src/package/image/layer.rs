//! The one layer that lambdo makes: the same bytes for the same files, whoever makes it, where and when.

use super::super::contents::Entry;
use super::super::hash::{Item, content_hash, hex};
use super::listing::{Folder, Listing};
use super::store::{Hashing, Store};
use crate::model::Blob;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Part of the name under which a layer is remembered: a new number makes all of them anew.
const FORMAT: u32 = 2;
const LEVEL: u32 = 6;

/// Folders that everybody may write to.
const SHARED: [&str; 2] = ["tmp", "var/tmp"];

/// Folders by name.
pub(super) type Folders<'a> = BTreeMap<&'a str, Folder>;

/// An entry of the layer.
enum Put<'a> {
    Folder(Folder),
    File(&'a Entry),
}

/// A layer in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    digest: String,
    bytes: u64,
    /// The digest of the uncompressed tar, which an image's configuration names.
    pub diff_id: String,
}

impl Layer {
    /// The blob.
    pub fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), bytes: self.bytes }
    }
}

/// The layer with these files; made only where the store does not have it. `items` is what the files held when they
/// were looked at, `beneath` what lies below it: folders stay what they are there.
pub(super) fn layer(entries: &[Entry], items: &[Item], beneath: Option<&Listing>, cache: &Path) -> Result<Layer, String> {
    let store = Store::new(cache);
    let (name, folders) = (content_hash(items), folders(entries, beneath));
    let below = hex(&Sha256::digest(format!("{folders:?}")));
    let name = format!("{FORMAT}-{}-{}.json", name.trim_start_matches("sha256:"), below.get(..16).unwrap_or_default());
    let record = cache.join("images").join("layers").join(name);
    let known = fs::read(&record).ok().and_then(|text| serde_json::from_slice::<Layer>(&text).ok());
    if let Some(layer) = known.filter(|layer| store.has(&layer.blob())) {
        return Ok(layer);
    }
    let unwritable = |error: io::Error| format!("The layer cannot be made: {error}.");
    let (layer, read) = write(entries, &folders, &store).map_err(unwritable)?;
    if content_hash(&read) != content_hash(items) {
        let changed = read.iter().zip(items).find(|(now, then)| now != then).map_or("A file", |(now, _)| now.name.as_str());
        return Err(format!("`{changed}` changed while the layer was made. Run again."));
    }
    // What cannot be remembered is made again.
    let _ = record.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&record, serde_json::to_vec(&layer)?));
    Ok(layer)
}

fn write(entries: &[Entry], folders: &Folders<'_>, store: &Store) -> io::Result<(Layer, Vec<Item>)> {
    // Without a time and a name in its head.
    let compressed: GzEncoder<_> = GzBuilder::new().write(store.sink()?, Compression::new(LEVEL));
    let mut tar = Builder::new(Hashing::new(compressed));
    let mut items = Vec::with_capacity(entries.len());
    // All names in their order, each folder before what lies in it.
    let mut all: BTreeMap<String, Put<'_>> = folders.iter().map(|(name, of)| (format!("{name}/"), Put::Folder(*of))).collect();
    all.extend(entries.iter().map(|entry| (entry.name.clone(), Put::File(entry))));
    for (name, put) in all {
        match put {
            Put::File(entry) => items.push(file(&mut tar, entry).map_err(|error| named(&error, &entry.path))?),
            Put::Folder(of) => folder(&mut tar, &name, of)?,
        }
    }
    let hashing = tar.into_inner()?;
    let diff_id = hashing.digest();
    let Blob { digest, bytes } = hashing.inner.finish()?.keep()?;
    items.sort();
    Ok((Layer { digest, bytes, diff_id }, items))
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// The folders above these files, each as it is below the layer. Each has an entry: who unpacks a layer differs in what it
/// makes of a folder without one.
pub(super) fn folders<'a>(entries: &'a [Entry], beneath: Option<&Listing>) -> Folders<'a> {
    let usual = |name: &str| Folder { mode: if SHARED.contains(&name) { 0o1777 } else { 0o755 }, owner: (0, 0) };
    let folder = |name| (name, beneath.and_then(|beneath| beneath.folder(name)).unwrap_or_else(|| usual(name)));
    entries.iter().flat_map(|entry| above(&entry.name)).map(folder).collect()
}

/// The folders above what has this name.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

fn header(kind: EntryType, mode: u32, bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn folder(tar: &mut Builder<impl Write>, name: &str, folder: Folder) -> io::Result<()> {
    let mut header = header(EntryType::Directory, folder.mode, 0);
    header.set_uid(folder.owner.0);
    header.set_gid(folder.owner.1);
    tar.append_data(&mut header, name, io::empty())
}

fn file(tar: &mut Builder<impl Write>, entry: &Entry) -> io::Result<Item> {
    let file = File::open(&entry.path)?;
    let bytes = file.metadata()?.len();
    let mut reading = Reading { file, hash: Hashing::new(io::sink()) };
    tar.append_data(&mut header(EntryType::Regular, entry.mode, bytes), &entry.name, &mut reading)?;
    let mut read = Item { name: entry.name.clone(), mode: entry.mode, bytes, sha256: [0; 32] };
    read.sha256 = reading.hash.sha256();
    Ok(read)
}

/// A file that is hashed while it is read.
struct Reading {
    file: File,
    hash: Hashing<io::Sink>,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hash.write_all(&buffer[..length])?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::image::listing::tests::Put;
    use crate::package::index::Index;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    fn entries(folder: &Path, names: &[(&str, u32)]) -> Vec<Entry> {
        let entry = |(name, mode): &(&str, u32)| {
            let path = folder.join(name.replace('/', "-"));
            fs::write(&path, name).unwrap();
            Entry { name: (*name).to_owned(), path, mode: *mode, bytes: name.len() as u64 }
        };
        names.iter().map(entry).collect()
    }

    fn made(entries: &[Entry], beneath: Option<&Listing>, cache: &Path) -> Layer {
        let held = |path: &PathBuf| Index::default().held(path).unwrap();
        let item =
            |entry: &Entry| Item { name: entry.name.clone(), mode: entry.mode, bytes: entry.bytes, sha256: held(&entry.path).sha256 };
        layer(entries, &entries.iter().map(item).collect::<Vec<_>>(), beneath, cache).unwrap()
    }

    fn listed(layer: &Layer, cache: &Path) -> Vec<String> {
        let file = File::open(Store::new(cache).path(&layer.digest).unwrap()).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let line = |entry: io::Result<tar::Entry<'_, _>>| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            format!("{:o} {} {}", header.mode().unwrap(), header.size().unwrap(), entry.path().unwrap().display())
        };
        tar.entries().unwrap().map(line).collect()
    }

    #[test]
    fn folders_come_before_what_lies_in_them_and_stay_what_they_are_below() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("opt/{}", "x".repeat(180));
        let entries = entries(folder.path(), &[("var/runtime/bootstrap", 0o755), ("tmp/a", 0o644), ("lib64/ö.so", 0o755), (&long, 0o644)]);
        let alone = listed(&made(&entries, None, folder.path()), folder.path()).join("\n").replace(&"x".repeat(180), "xxx");
        insta::assert_snapshot!(alone, @r"
        755 0 lib64/
        755 11 lib64/ö.so
        755 0 opt/
        644 184 opt/xxx
        1777 0 tmp/
        644 5 tmp/a
        755 0 var/
        755 0 var/runtime/
        755 21 var/runtime/bootstrap
        ");
        let store = Store::new(folder.path());
        let below = crate::package::image::listing::tests::layer(&store, &[Put::Folder("opt/", 0o700), Put::Folder("tmp/", 0o755)]);
        let below = Listing::default().under(&below.digest, &store).unwrap();
        let on_base = listed(&made(&entries, Some(&below), folder.path()), folder.path());
        assert!(["700 0 opt/", "755 0 tmp/", "755 0 var/"].iter().all(|line| on_base.iter().any(|made| made == line)), "{on_base:?}");
    }

    #[test]
    fn the_same_files_are_the_same_bytes_elsewhere_and_at_another_time() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let names = [("bootstrap", 0o755), ("etc/a", 0o644)];
        let layers = [&one, &other].map(|folder| {
            let entries = entries(folder.path(), &names);
            let file = File::options().write(true).open(&entries[0].path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(u64::from(folder.path() == one.path()) * 999)).unwrap();
            made(&entries, None, folder.path())
        });
        assert_eq!(layers[0], layers[1]);
        insta::assert_snapshot!(layers[0].diff_id, @"sha256:08b6984abf160127557656f1b96907df0b3df5a8e1b50e0f5cc9a66ea7092809");
    }

    #[test]
    fn a_layer_that_is_there_is_not_made_again_and_one_that_went_is() {
        let folder = tempfile::tempdir().unwrap();
        let entries = entries(folder.path(), &[("bootstrap", 0o755)]);
        let layer = made(&entries, None, folder.path());
        let path = Store::new(folder.path()).path(&layer.digest).unwrap();
        let made_at = || fs::metadata(&path).unwrap().modified().unwrap();
        let first = made_at();
        made(&entries, None, folder.path());
        assert_eq!(made_at(), first);
        fs::remove_file(&path).unwrap();
        assert_eq!(made(&entries, None, folder.path()), layer);
        assert!(path.is_file());
    }
}

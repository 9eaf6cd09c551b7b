//! Images in archives, as build engines write them.

use super::document::{Descriptor, Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, check_config, image, neutral};
use super::store::{Store, digest_of};
use crate::model::{Blob, Image};
use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The most that a document may weigh, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
const LEVEL: u32 = 6;
/// What is in an archive of the OCI, and in one of Docker.
const INDEX: &str = "index.json";
const LIST: &str = "manifest.json";

/// An image that was read, with its configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub image: Image,
    pub config: Value,
}

/// How Docker lists what is in an archive, where it does not use the format of the OCI.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    layers: Vec<String>,
}

/// What the folder of an unpacked image has, and what people call it.
struct Opened<'a> {
    folder: &'a Path,
    store: &'a Store,
    /// Such as `What the engine exported`, at the beginning of a sentence.
    shown: &'a str,
}

/// Takes the image of an archive into the store; `shown` is what people call the archive, at the beginning of a sentence.
///
/// # Errors
/// A sentence that says why there is no image in it that Lambda would take.
pub(super) fn read(archive: &Path, store: &Store, scratch: &Path, shown: &str) -> Result<Read, String> {
    let broken = |error: &io::Error| format!("{shown} cannot be read: {error}.");
    let folder = tempfile::tempdir_in(scratch).map_err(|error| broken(&error))?;
    let mut tar = tar::Archive::new(unzipped(archive).map_err(|error| broken(&error))?);
    tar.set_preserve_permissions(false);
    tar.unpack(folder.path()).map_err(|error| broken(&error))?;
    read_folder(folder.path(), store, shown)
}

/// The same for what is unpacked already.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_folder(folder: &Path, store: &Store, shown: &str) -> Result<Read, String> {
    let opened = Opened { folder, store, shown };
    if folder.join(INDEX).is_file() { opened.of_layout() } else { opened.of_list() }
}

/// Whether a folder is an image in the layout of the OCI.
pub(super) fn is_layout(folder: &Path) -> bool {
    folder.join("oci-layout").is_file() && folder.join(INDEX).is_file()
}

/// Whether a file is an archive with an image in it, as engines export them.
pub(super) fn is_archive(path: &Path) -> bool {
    let Ok(file) = unzipped(path) else { return false };
    let mut tar = tar::Archive::new(file);
    let Ok(entries) = tar.entries() else { return false };
    // What is no tar ends with an error at its first entry.
    let names = entries.map_while(Result::ok).filter_map(|entry| entry.path().ok().map(|path| path.into_owned()));
    names.into_iter().any(|path| [INDEX, LIST].iter().any(|name| path.strip_prefix(".").unwrap_or(&path) == Path::new(name)))
}

/// What a file holds, without gzip where it has that (`docker save | gzip`, and most layers).
///
/// # Errors
/// When it cannot be read.
pub(super) fn unzipped(path: &Path) -> io::Result<Box<dyn io::Read>> {
    let mut file = File::open(path)?;
    let is_gzip = is_gzip(&mut file)?;
    let file = io::BufReader::new(file);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Whether a file begins as gzip does; it is at its begin afterwards.
fn is_gzip(file: &mut File) -> io::Result<bool> {
    let mut magic = [0; 2];
    let is_gzip = io::Read::read_exact(file, &mut magic).is_ok() && magic == [0x1f, 0x8b];
    io::Seek::rewind(file)?;
    Ok(is_gzip)
}

impl Opened<'_> {
    fn broken(&self, error: &io::Error) -> String {
        format!("{} cannot be read: {error}.", self.shown)
    }

    /// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
    fn of_layout(&self) -> Result<Read, String> {
        let entries = match self.document(INDEX)? {
            Document::Index(entries) => entries,
            Document::Image(_) => return Err(format!("{} has no index of what is in it.", self.shown)),
        };
        let [entry] = &entries[..] else { return Err(self.several(&entries)) };
        let manifest = match self.document(&self.place(&entry.digest)?)? {
            Document::Image(manifest) => manifest,
            Document::Index(entries) => return Err(self.several(&entries)),
        };
        let config = self.small(&self.place(&manifest.config.digest)?)?;
        let layers = manifest.layers.iter().map(|layer| self.layer(layer)).collect::<Result<_, _>>()?;
        self.finish(&config, layers)
    }

    /// Why an index is not taken.
    fn several(&self, entries: &[Descriptor]) -> String {
        let attested = entries.iter().any(Descriptor::is_attestation);
        let platforms: Vec<String> = entries.iter().filter_map(|entry| entry.platform.as_ref()).map(|platform| platform.shown()).collect();
        let why = if attested { " One of them only says how the other was made; `--provenance=false` leaves it out." } else { "" };
        format!(
            "{} is an index of {} images ({}), and Lambda takes an image for one platform only.{why}",
            self.shown,
            entries.len(),
            if platforms.is_empty() { "of unknown platforms".to_owned() } else { platforms.join(", ") }
        )
    }

    fn place(&self, digest: &str) -> Result<String, String> {
        let name = digest.strip_prefix("sha256:").filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        name.map(|name| format!("blobs/sha256/{name}"))
            .ok_or_else(|| format!("{} names `{digest}`, which is no SHA-256 digest.", self.shown))
    }

    fn document(&self, name: &str) -> Result<Document, String> {
        Document::parse(&self.small(name)?).map_err(|why| format!("{} has a `{name}` that {why}.", self.shown))
    }

    fn small(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        match fs::metadata(&path).map(|metadata| metadata.len()) {
            Ok(bytes) if bytes <= DOCUMENT_BYTES_MAX => fs::read(&path).map_err(|error| self.broken(&error)),
            Ok(bytes) => Err(format!("{} has a `{name}` of {bytes} bytes, which is too much for a document.", self.shown)),
            Err(error) => Err(format!("{} has no `{name}`: {error}.", self.shown)),
        }
    }

    fn layer(&self, layer: &Descriptor) -> Result<Blob, String> {
        if let Some(why) = layer.trouble() {
            return Err(format!("{} {why}.", self.shown));
        }
        let blob = compressed(&self.folder.join(self.place(&layer.digest)?), self.store).map_err(|error| self.broken(&error))?;
        let is_as_it_was = layer.media_type.ends_with("gzip");
        if is_as_it_was && blob.digest != layer.digest {
            return Err(format!("{} has a layer `{}` that is not what its name says.", self.shown, layer.digest));
        }
        Ok(blob)
    }

    /// The format of Docker before it took that of the OCI.
    fn of_list(&self) -> Result<Read, String> {
        let listed: Vec<Listed> = serde_json::from_slice(&self.small(LIST)?)
            .map_err(|error| format!("{} has a `{LIST}` that cannot be understood: {error}.", self.shown))?;
        let [listed] = &listed[..] else { return Err(format!("{} has {} images in it, and one is wanted.", self.shown, listed.len())) };
        let inside = |name: &str| crate::package::contents::check_name(name).map(|()| self.folder.join(name));
        inside(&listed.config)?;
        let config = self.small(&listed.config)?;
        let layers = listed.layers.iter().map(|name| compressed(&inside(name)?, self.store).map_err(|error| self.broken(&error)));
        self.finish(&config, layers.collect::<Result<_, String>>()?)
    }

    /// The same image with nothing in its documents that another build of the same would not have.
    fn finish(&self, config: &[u8], layers: Vec<Blob>) -> Result<Read, String> {
        let mut config: Value = serde_json::from_slice(config)
            .map_err(|error| format!("{} has the configuration {}, which is not JSON: {error}.", self.shown, digest_of(config)))?;
        check_config(&config, layers.len()).map_err(|why| format!("{} {why}.", self.shown))?;
        neutral(&mut config);
        let blob = self.store.put(config.to_string().as_bytes()).map_err(|error| self.broken(&error))?;
        let layers: Vec<(String, Blob)> = layers.into_iter().map(|layer| (OCI_LAYER.to_owned(), layer)).collect();
        Ok(Read { image: image(OCI_MANIFEST, (OCI_CONFIG, blob), &layers), config })
    }
}

/// The layer in the store, with gzip where it had none.
fn compressed(path: &Path, store: &Store) -> io::Result<Blob> {
    let mut file = File::open(path)?;
    if is_gzip(&mut file)? {
        return store.take(&mut file);
    }
    let mut gzip = GzBuilder::new().write(store.sink()?, Compression::new(LEVEL));
    io::copy(&mut file, &mut gzip)?;
    gzip.finish()?.keep()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;

    /// An archive of these files.
    fn archive(folder: &Path, files: &[(String, Vec<u8>)]) -> PathBuf {
        let path = folder.join("image.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        tar.finish().unwrap();
        path
    }

    fn blob(bytes: &[u8]) -> (String, Vec<u8>) {
        (format!("blobs/sha256/{}", digest_of(bytes).trim_start_matches("sha256:")), bytes.to_vec())
    }

    fn layout(media_type: &str, layer: &[u8], entries: usize) -> Vec<(String, Vec<u8>)> {
        let config = json!({ "architecture": "arm64", "created": "2024-01-01T00:00:00Z", "history": [{ "created": "2024-01-01T00:00:00Z" }], "rootfs": { "diff_ids": ["sha256:dd"] } });
        let config = config.to_string().into_bytes();
        let describe = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() });
        let manifest = json!({ "schemaVersion": 2, "config": describe("c", &config), "layers": [describe(media_type, layer)] });
        let manifest = manifest.to_string().into_bytes();
        let index = json!({ "schemaVersion": 2, "manifests": vec![describe(OCI_MANIFEST, &manifest); entries] });
        vec![("index.json".into(), index.to_string().into_bytes()), blob(&manifest), blob(&config), blob(layer)]
    }

    fn taken(files: &[(String, Vec<u8>)]) -> Result<(Read, Store, tempfile::TempDir), String> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let read = read(&archive(folder.path(), files), &store, folder.path(), "It")?;
        Ok((read, store, folder))
    }

    #[test]
    fn a_layer_without_gzip_gets_it_and_times_go() {
        let (read, store, _folder) = taken(&layout("application/vnd.oci.image.layer.v1.tar", b"tar", 1)).unwrap();
        assert_eq!(store.read(&read.image.blobs[1].digest).unwrap()[..2], [0x1f, 0x8b]);
        assert_eq!(read.config["created"], "1970-01-01T00:00:00Z");
        assert_eq!(read.config["history"][0]["created"], "1970-01-01T00:00:00Z");
        let listed = json!([{ "Config": "c.json", "RepoTags": null, "Layers": ["l/layer.tar"] }]).to_string().into_bytes();
        let config = read.config.to_string().into_bytes();
        let docker = [("manifest.json".to_owned(), listed), ("c.json".to_owned(), config), ("l/layer.tar".to_owned(), b"tar".to_vec())];
        assert_eq!(taken(&docker).unwrap().0, read, "Docker's own format of the same image");
    }

    #[test]
    fn an_archive_is_told_from_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let of = |files: &[(&str, &str)]| {
            let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
            is_archive(&archive(folder.path(), &files))
        };
        assert!(of(&[("blobs/x", "1"), ("index.json", "{}")]) && of(&[("manifest.json", "[]")]));
        assert!(!of(&[("sub/index.json", "{}")]) && !of(&[]));
        let zipped = folder.path().join("image.tar.gz");
        for (name, is_image) in [("manifest.json", true), ("other.json", false)] {
            of(&[(name, "[]")]);
            let mut gzip = GzBuilder::new().write(File::create(&zipped).unwrap(), Compression::fast());
            io::copy(&mut File::open(folder.path().join("image.tar")).unwrap(), &mut gzip).unwrap();
            gzip.finish().unwrap();
            assert_eq!(is_archive(&zipped), is_image, "{name}");
        }
        of(&[("manifest.json", "[]")]);
        let read = |name: &str| read(&folder.path().join(name), &Store::new(folder.path()), folder.path(), "It").unwrap_err();
        fs::write(&zipped, fs::read(&zipped).unwrap()).unwrap();
        assert_eq!(read("image.tar"), "It has 0 images in it, and one is wanted.");
        assert_eq!(read("image.tar.gz"), "It has no `manifest.json`: No such file or directory (os error 2).", "it was unpacked");
        fs::write(folder.path().join("program"), [7; 4096]).unwrap();
        assert!(!is_archive(&folder.path().join("program")) && !is_archive(folder.path()));
    }

    #[test]
    fn what_lambda_would_not_take_is_refused_with_the_reason() {
        let refusal = |files: &[(String, Vec<u8>)]| taken(files).map(|_| ()).unwrap_err();
        let zstd = refusal(&layout("application/vnd.oci.image.layer.v1.tar+zstd", b"x", 1));
        let several = refusal(&layout("application/vnd.oci.image.layer.v1.tar", b"x", 2));
        let mut torn = layout("application/vnd.oci.image.layer.v1.tar+gzip", &[0x1f, 0x8b, 1], 1);
        torn[3].1 = vec![0x1f, 0x8b, 2];
        insta::assert_snapshot!([zstd, several, refusal(&torn), refusal(&[])].join("\n"), @r"
        It has layers that are compressed with zstd, and Lambda takes layers with gzip only.
        It is an index of 2 images (of unknown platforms), and Lambda takes an image for one platform only.
        It has a layer `sha256:4605ac23c042fc362ef2c2f444793f8d64007657d64059663af4340c4436495e` that is not what its name says.
        It has no `manifest.json`: No such file or directory (os error 2).
        ");
    }
}

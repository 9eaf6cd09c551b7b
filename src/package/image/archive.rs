//! Images in archives, as build engines write them.

use super::document::{Descriptor, Document, Manifest, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, image, without_times};
use super::store::{Store, digest_of};
use crate::model::{Blob, Image};
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The most that a document may weigh, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
const LEVEL: u32 = 6;

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

/// Takes the image of an archive into the store.
///
/// # Errors
/// A sentence that says why there is no image in it that Lambda would take.
pub(super) fn read(archive: &Path, store: &Store, scratch: &Path) -> Result<Read, String> {
    let folder = tempfile::tempdir_in(scratch).map_err(|error| broken(&error))?;
    let file = File::open(archive).map_err(|error| broken(&error))?;
    let mut tar = tar::Archive::new(io::BufReader::new(file));
    tar.set_preserve_permissions(false);
    tar.unpack(folder.path()).map_err(|error| broken(&error))?;
    if folder.path().join("index.json").is_file() { of_layout(folder.path(), store) } else { of_list(folder.path(), store) }
}

fn broken(error: &io::Error) -> String {
    format!("What the engine exported cannot be read: {error}.")
}

/// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
fn of_layout(folder: &Path, store: &Store) -> Result<Read, String> {
    let entries = match document(folder, "index.json")? {
        Document::Index(entries) => entries,
        Document::Image(_) => return Err("What the engine exported has no index of what is in it.".into()),
    };
    let [entry] = &entries[..] else { return Err(several(&entries)) };
    let manifest = match document(folder, &place(&entry.digest)?)? {
        Document::Image(manifest) => manifest,
        Document::Index(entries) => return Err(several(&entries)),
    };
    let config = fs::read(folder.join(place(&manifest.config.digest)?)).map_err(|error| broken(&error))?;
    let layers = layers(folder, &manifest, store)?;
    finish(&config, layers, store)
}

/// Why an index is not taken.
fn several(entries: &[Descriptor]) -> String {
    let attested = entries.iter().any(Descriptor::is_attestation);
    let platforms: Vec<String> = entries.iter().filter_map(|entry| entry.platform.as_ref()).map(|platform| platform.shown()).collect();
    let why = if attested { " One of them only says how the other was made; `--provenance=false` leaves it out." } else { "" };
    format!(
        "The engine made an index of {} images ({}), and Lambda takes an image for one platform only.{why}",
        entries.len(),
        if platforms.is_empty() { "of unknown platforms".to_owned() } else { platforms.join(", ") }
    )
}

fn place(digest: &str) -> Result<String, String> {
    let name = digest.strip_prefix("sha256:").filter(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.map(|name| format!("blobs/sha256/{name}"))
        .ok_or_else(|| format!("`{digest}` in what the engine exported is not a SHA-256 digest."))
}

fn document(folder: &Path, name: &str) -> Result<Document, String> {
    Document::parse(&small(folder, name)?).map_err(|why| format!("`{name}` in what the engine exported {why}."))
}

fn small(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    match fs::metadata(&path).map(|metadata| metadata.len()) {
        Ok(bytes) if bytes <= DOCUMENT_BYTES_MAX => fs::read(&path).map_err(|error| broken(&error)),
        Ok(bytes) => Err(format!("`{name}` in what the engine exported has {bytes} bytes, which is too much for a document.")),
        Err(error) => Err(format!("`{name}` is not in what the engine exported: {error}.")),
    }
}

fn layers(folder: &Path, manifest: &Manifest, store: &Store) -> Result<Vec<Blob>, String> {
    let layer = |layer: &Descriptor| {
        if layer.media_type.ends_with("zstd") {
            return Err("A layer is compressed with zstd, and Lambda takes layers with gzip only.".to_owned());
        }
        let path = folder.join(place(&layer.digest)?);
        let blob = compressed(&path, store).map_err(|error| broken(&error))?;
        let is_as_it_was = layer.media_type.ends_with("gzip");
        if is_as_it_was && blob.digest != layer.digest {
            return Err(format!("The layer `{}` in what the engine exported is not what its name says.", layer.digest));
        }
        Ok(blob)
    };
    manifest.layers.iter().map(layer).collect()
}

/// The format of Docker before it took that of the OCI.
fn of_list(folder: &Path, store: &Store) -> Result<Read, String> {
    let listed: Vec<Listed> = serde_json::from_slice(&small(folder, "manifest.json")?)
        .map_err(|error| format!("`manifest.json` in what the engine exported cannot be understood: {error}."))?;
    let [listed] = &listed[..] else { return Err(format!("The engine exported {} images, and one was asked for.", listed.len())) };
    let inside = |name: &str| crate::package::contents::check_name(name).map(|()| folder.join(name));
    let config = fs::read(inside(&listed.config)?).map_err(|error| broken(&error))?;
    let layers = listed.layers.iter().map(|name| compressed(&inside(name)?, store).map_err(|error| broken(&error)));
    finish(&config, layers.collect::<Result<_, String>>()?, store)
}

/// The layer in the store, with gzip where it had none.
fn compressed(path: &Path, store: &Store) -> io::Result<Blob> {
    let mut file = File::open(path)?;
    let mut magic = [0; 2];
    let is_gzip = io::Read::read_exact(&mut file, &mut magic).is_ok() && magic == [0x1f, 0x8b];
    io::Seek::rewind(&mut file)?;
    if is_gzip {
        return store.take(&mut file);
    }
    let mut gzip = GzBuilder::new().write(store.sink()?, Compression::new(LEVEL));
    io::copy(&mut file, &mut gzip)?;
    gzip.finish()?.keep()
}

/// The same image with nothing in its documents that another build of the same would not have.
fn finish(config: &[u8], layers: Vec<Blob>, store: &Store) -> Result<Read, String> {
    let mut config: Value =
        serde_json::from_slice(config).map_err(|error| format!("The image's configuration {} is not JSON: {error}.", digest_of(config)))?;
    without_times(&mut config);
    let blob = store.put(config.to_string().as_bytes()).map_err(|error| broken(&error))?;
    let layers: Vec<(String, Blob)> = layers.into_iter().map(|layer| (OCI_LAYER.to_owned(), layer)).collect();
    Ok(Read { image: image(OCI_MANIFEST, (OCI_CONFIG, blob), &layers), config })
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
        (place(&digest_of(bytes)).unwrap(), bytes.to_vec())
    }

    fn layout(media_type: &str, layer: &[u8], entries: usize) -> Vec<(String, Vec<u8>)> {
        let config =
            json!({ "architecture": "arm64", "created": "2024-01-01T00:00:00Z", "history": [{ "created": "2024-01-01T00:00:00Z" }] });
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
        let read = read(&archive(folder.path(), files), &store, folder.path())?;
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
    fn what_lambda_would_not_take_is_refused_with_the_reason() {
        let refusal = |files: &[(String, Vec<u8>)]| taken(files).map(|_| ()).unwrap_err();
        let zstd = refusal(&layout("application/vnd.oci.image.layer.v1.tar+zstd", b"x", 1));
        let several = refusal(&layout("application/vnd.oci.image.layer.v1.tar", b"x", 2));
        let mut torn = layout("application/vnd.oci.image.layer.v1.tar+gzip", &[0x1f, 0x8b, 1], 1);
        torn[3].1 = vec![0x1f, 0x8b, 2];
        insta::assert_snapshot!([zstd, several, refusal(&torn), refusal(&[])].join("\n"), @r"
        A layer is compressed with zstd, and Lambda takes layers with gzip only.
        The engine made an index of 2 images (of unknown platforms), and Lambda takes an image for one platform only.
        The layer `sha256:4605ac23c042fc362ef2c2f444793f8d64007657d64059663af4340c4436495e` in what the engine exported is not what its name says.
        `manifest.json` is not in what the engine exported: No such file or directory (os error 2).
        ");
    }
}

//! Whether an image will start, as far as it is known what is in it.

use super::Store;
use super::document::texts;
use super::listing::Listing;
use crate::diagnostic::Diagnostic;
use crate::model::{Image, Value};
use crate::package::check::{ImageFacts, ImageFile, check_image};
use crate::package::contents::Entry;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// As much of a file as tells what it is.
const HEAD_BYTES: u64 = 4096;
/// What is searched where an image has no `PATH` of its own.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What the files of an image are known from.
#[derive(Clone, Copy)]
pub(in crate::package) enum Known<'a> {
    /// From the files that were laid on a base, if that is all of them.
    Laid { entries: &'a [Entry], is_whole: bool },
    /// From its layers.
    Listed(&'a Listing),
}

/// An image that is looked at.
pub(in crate::package) struct Verified<'a> {
    pub shown: &'a str,
    pub image: &'a Image,
    pub known: Known<'a>,
    /// Names of the files that were put on a base.
    pub laid: &'a [Entry],
    /// What the function says of what is started.
    pub own: Option<&'a Value>,
}

/// Everything that keeps an image from starting on the function that needs it, without address and span.
pub(in crate::package) fn verify(verified: &Verified<'_>, architecture: &str, cache: &Path) -> Vec<Diagnostic> {
    let config = verified.image.blobs.first().and_then(|blob| Store::new(cache).read(&blob.digest));
    let config: Json = config.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let text = |key: &str| config.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (command, folder) = started(&config, verified.own);
    let path = texts(&config, "Env").into_iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(USUAL_PATH).to_owned();
    let (files, links, folders) = (verified.known.files(), verified.known.links(), verified.known.folders());
    let laid: Vec<String> = verified.laid.iter().map(|entry| format!("/{}", entry.name)).collect();
    let user = config.pointer("/config/User").and_then(Json::as_str).unwrap_or_default();
    let facts = ImageFacts {
        shown: verified.shown,
        system: &text("os"),
        processor: &text("architecture"),
        command: &command,
        path: &path,
        folder: &folder,
        user,
        files: &files,
        links: &links,
        folders: &folders,
        laid: &laid,
        is_whole: verified.known.is_whole(),
        unpacked_bytes: verified.known.unpacked_bytes(),
    };
    let Some(program) = facts.program().map(|program| program.path.clone()) else { return check_image(&facts, architecture) };
    let files = with_head(&files, &program, verified.known, cache);
    let facts = ImageFacts { files: &files, ..facts };
    let Some(interpreter) = facts.interpreter().map(|file| file.path.clone()) else { return check_image(&facts, architecture) };
    let files = with_head(&files, &interpreter, verified.known, cache);
    check_image(&ImageFacts { files: &files, ..facts }, architecture)
}

/// The files, with how the one at `path` begins.
fn with_head(files: &[ImageFile], path: &str, known: Known<'_>, cache: &Path) -> Vec<ImageFile> {
    let mut files = files.to_vec();
    files.iter_mut().filter(|file| file.path == path).for_each(|file| file.head = known.head(path, cache));
    files
}

impl Known<'_> {
    fn files(self) -> Vec<ImageFile> {
        let file = |path: &str, mode: u32| ImageFile { path: format!("/{path}"), mode, head: Vec::new() };
        match self {
            Self::Laid { entries, .. } => entries.iter().map(|entry| file(&entry.name, entry.mode)).collect(),
            Self::Listed(listing) => listing.modes().map(|(path, mode)| file(path, mode)).collect(),
        }
    }

    fn links(self) -> BTreeMap<String, String> {
        match self {
            Self::Laid { .. } => BTreeMap::new(),
            Self::Listed(listing) => listing.links.clone(),
        }
    }

    fn folders(self) -> BTreeMap<String, u32> {
        match self {
            // Those that lambdo makes are open to everybody.
            Self::Laid { .. } => BTreeMap::new(),
            Self::Listed(listing) => listing.folder_modes(),
        }
    }

    fn is_whole(self) -> bool {
        match self {
            Self::Laid { is_whole, .. } => is_whole,
            Self::Listed(_) => true,
        }
    }

    fn unpacked_bytes(self) -> u64 {
        match self {
            Self::Laid { entries, .. } => entries.iter().map(|entry| entry.bytes).sum(),
            Self::Listed(listing) => listing.unpacked_bytes,
        }
    }

    /// How the file at an absolute path begins; what cannot be read is told where it is put into the layer.
    fn head(self, path: &str, cache: &Path) -> Vec<u8> {
        let path = path.trim_start_matches('/');
        match self {
            Self::Laid { entries, .. } => {
                let mut head = Vec::new();
                let file = entries.iter().find(|entry| entry.name == path).and_then(|entry| File::open(&entry.path).ok());
                let _ = file.map(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
                head
            }
            Self::Listed(listing) => listing.head(path, HEAD_BYTES, cache).unwrap_or_default(),
        }
    }
}

/// What Lambda starts, and in which folder: what the function says beats what the image says.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-parms>
fn started(config: &Json, own: Option<&Value>) -> (Vec<String>, String) {
    let own = |key: &str| own.and_then(Value::as_table).and_then(|table| table.get(key));
    let list = |key: &str, theirs: &str| -> Vec<String> {
        let ours: Vec<String> = own(key).map(Value::strings).unwrap_or_default().into_iter().map(str::to_owned).collect();
        if ours.is_empty() { texts(config, theirs).into_iter().map(str::to_owned).collect() } else { ours }
    };
    let folder = own("working_directory").and_then(Value::as_str).map(str::to_owned);
    let theirs = config.pointer("/config/WorkingDir").and_then(Json::as_str);
    let folder = folder.or_else(|| theirs.map(str::to_owned)).filter(|folder| !folder.is_empty());
    ([list("entry_point", "Entrypoint"), list("command", "Cmd")].concat(), folder.unwrap_or_else(|| "/".to_owned()))
}

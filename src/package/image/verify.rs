//! Whether an image will start, as far as it is known what is in it.

use super::document::texts;
use super::{Made, Store};
use crate::diagnostic::Diagnostic;
use crate::model::{PackageRequest, Value};
use crate::package::check::{ImageFacts, ImageFile, check_image};
use crate::package::contents::Entry;
use serde_json::Value as Json;
use std::fs::File;
use std::io::Read;

/// As much of a file as tells what it is.
const HEAD_BYTES: u64 = 4096;
/// What is searched where an image has no `PATH` of its own.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Refuses an image that would not start on the function that needs it.
///
/// # Errors
/// The first reason, without address and span.
pub(in crate::package) fn verify(made: &Made, request: &PackageRequest, architecture: &str, store: &Store) -> Result<(), Diagnostic> {
    let config = made.image.blobs.first().and_then(|blob| store.read(&blob.digest));
    let config: Json = config.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let text = |key: &str| config.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (command, folder) = started(&config, request.image_config.as_ref());
    let path = texts(&config, "Env").into_iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(USUAL_PATH).to_owned();
    let files: Vec<ImageFile> = made.entries.iter().map(|entry| file(entry, &command)).collect();
    let facts = ImageFacts {
        shown: &format!("The image of `{}`", request.shown()),
        system: &text("os"),
        processor: &text("architecture"),
        command: &command,
        path: &path,
        folder: &folder,
        files: &files,
        is_whole: made.is_whole,
        unpacked_bytes: made.items.iter().map(|item| item.bytes).sum(),
    };
    check_image(&facts, architecture).into_iter().find(Diagnostic::is_error).map_or(Ok(()), Err)
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

/// The head is read of what is started only.
fn file(entry: &Entry, command: &[String]) -> ImageFile {
    let path = format!("/{}", entry.name);
    let mut head = Vec::new();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if command.first().is_some_and(|started| name(started) == name(&path)) {
        // What cannot be read is told where it is put into the layer.
        let _ = File::open(&entry.path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    }
    ImageFile { path, mode: entry.mode, head }
}

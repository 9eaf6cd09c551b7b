//! Blobs of base images: fetched once, checked, and gone on with where a connection broke.

use super::pull::chain;
use super::store::{Hashing, hash_file};
use futures::StreamExt;
use futures::stream::BoxStream;
use oci_client::client::BlobResponse;
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a blob is asked for.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; the next ones are longer.
const PAUSE: Duration = Duration::from_millis(500);
/// So many pieces wait to be written.
const WAITING: usize = 16;

/// Where a blob comes from.
#[derive(Clone)]
pub(super) struct Origin {
    pub client: Client,
    pub reference: Reference,
    pub auth: RegistryAuth,
}

type Pieces = BoxStream<'static, Result<bytes::Bytes, io::Error>>;

/// What went wrong, and whether another attempt may help.
struct Trouble {
    sentence: String,
    is_passing: bool,
}

/// Fetches a blob to `path`.
///
/// # Errors
/// A sentence when it cannot be fetched.
pub(super) async fn fetch(origin: &Origin, digest: &str, path: &Path) -> Result<(), String> {
    let part = path.with_extension("part");
    let mut made = 0;
    loop {
        made += 1;
        match attempt(origin, digest, &part).await {
            Ok(()) => return fs::rename(&part, path).map_err(|error| format!("`{}` cannot be written: {error}.", path.display())),
            Err(trouble) if made >= ATTEMPTS || !trouble.is_passing => return Err(trouble.sentence),
            Err(_) => tokio::time::sleep(PAUSE * made).await,
        }
    }
}

async fn attempt(origin: &Origin, digest: &str, part: &Path) -> Result<(), Trouble> {
    let shown = format!("The layer `{digest}` of `{}`", origin.reference);
    let unwritable = |error: &io::Error| Trouble { sentence: format!("{shown} cannot be written: {error}."), is_passing: false };
    let offset = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let (pieces, offset) = ask(origin, digest, offset).await.map_err(|error| {
        let sentence = format!("{shown} cannot be fetched: {}.", chain(&error).trim_end_matches('.'));
        // Where there is nothing to go on with, it begins anew.
        let begins_anew = offset > 0 && !is_passing(&error) && fs::remove_file(part).is_ok();
        Trouble { sentence, is_passing: begins_anew || is_passing(&error) }
    })?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let to = part.to_owned();
    let writing = tokio::task::spawn_blocking(move || write(&to, offset, receiver));
    let cut = hand_over(pieces, sender).await.err();
    let written = writing.await.map_err(|error| unwritable(&io::Error::other(error)))?;
    let found = written.map_err(|error| unwritable(&error))?;
    if let Some(error) = cut {
        return Err(Trouble { sentence: format!("{shown} was cut off: {error}."), is_passing: true });
    }
    if found == digest {
        return Ok(());
    }
    // It may have been torn by a run before.
    let _ = fs::remove_file(part);
    Err(Trouble { sentence: format!("{shown} is not what its digest says: it is `{found}`."), is_passing: true })
}

fn is_passing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code >= 500 || *code == 429,
        _ => false,
    }
}

/// What is left of the blob, and from where on.
async fn ask(origin: &Origin, digest: &str, offset: u64) -> Result<(Pieces, u64), OciDistributionError> {
    let Origin { client, reference, auth } = origin;
    client.store_auth_if_needed(reference.resolve_registry(), auth).await;
    if offset == 0 {
        return Ok((client.pull_blob_stream(reference, digest).await?.stream, 0));
    }
    match client.pull_blob_stream_partial(reference, digest, offset, None).await? {
        BlobResponse::Full(stream) => Ok((stream.stream, 0)),
        BlobResponse::Partial(stream) => Ok((stream.stream, offset)),
    }
}

async fn hand_over(mut pieces: Pieces, to: mpsc::Sender<bytes::Bytes>) -> io::Result<()> {
    while let Some(piece) = pieces.next().await {
        if to.send(piece?).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Appends what comes, and says what the whole is.
fn write(part: &PathBuf, offset: u64, mut pieces: mpsc::Receiver<bytes::Bytes>) -> io::Result<String> {
    part.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut hash = if offset > 0 { hash_file(part)? } else { Hashing::new(io::sink()) };
    let mut file = if offset > 0 { File::options().append(true).open(part)? } else { File::create(part)? };
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
        hash.write_all(&piece)?;
    }
    Ok(hash.digest())
}

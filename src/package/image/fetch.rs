//! Blobs of base images: fetched once, checked, and gone on with where a connection broke.

use super::answers::is_busy;
use super::store::{Hashing, Store};
use crate::diagnostic::chain;
use crate::model::{Blob, Event, EventSink};
use futures::StreamExt;
use futures::stream::BoxStream;
use oci_client::client::BlobResponse;
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

/// How often a blob is asked for.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; the next ones are longer.
const PAUSE: Duration = Duration::from_millis(500);
/// The same where the registry asks for less, which it does not say for how long.
const PAUSE_IF_BUSY: Duration = Duration::from_secs(3);
/// So many pieces wait to be written.
const WAITING: usize = 16;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(250);

/// Where a blob comes from.
#[derive(Clone)]
pub(super) struct Origin {
    pub client: Client,
    pub reference: Reference,
    pub auth: RegistryAuth,
    pub blob: Blob,
    /// Told how far it is.
    pub events: EventSink,
}

type Pieces = BoxStream<'static, Result<bytes::Bytes, io::Error>>;

/// What went wrong, and when another attempt may help.
struct Trouble {
    sentence: String,
    pause: Option<Duration>,
}

/// What has come of a blob so far.
struct Part {
    file: Arc<File>,
    path: PathBuf,
    /// Goes with the part where another lambdo is at the blob too: that one will be left to go on with its own.
    _own: Option<NamedTempFile>,
}

impl Part {
    /// What a run before left of it, unless another one writes to that now.
    fn open(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let shared = path.with_extension("part");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&shared)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file: Arc::new(file), path: shared, _own: None }),
            // Also where the file system has no locks.
            Err(_) => {
                let own = NamedTempFile::new_in(folder)?;
                Ok(Self { file: Arc::new(own.reopen()?), path: own.path().to_owned(), _own: Some(own) })
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn begin_anew(&self) {
        // What cannot be cut is found to be another blob at the end.
        let _ = self.file.set_len(0);
    }

    /// Puts it in its place once it is on the disk: a name that promises a blob must not lead to half of it.
    fn keep(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)
    }
}

/// Fetches a blob into the store.
///
/// # Errors
/// A sentence when it cannot be fetched.
pub(super) async fn fetch(origin: &Origin, store: &Store) -> Result<PathBuf, String> {
    let path = store.path(&origin.blob.digest)?;
    let unwritable = |error: io::Error| format!("`{}` cannot be written: {error}.", path.display());
    let part = Part::open(&path).map_err(unwritable)?;
    // Another lambdo may have been faster, and the part was what it has put in its place.
    if store.has(&origin.blob) {
        return Ok(path);
    }
    let mut made = 0;
    loop {
        made += 1;
        match (attempt(origin, &part).await, made < ATTEMPTS) {
            (Ok(()), _) => break,
            (Err(Trouble { pause: Some(pause), .. }), true) => tokio::time::sleep(pause * made).await,
            (Err(trouble), _) => return Err(trouble.sentence),
        }
    }
    part.keep(&path).map(|()| path.clone()).map_err(unwritable)
}

async fn attempt(origin: &Origin, part: &Part) -> Result<(), Trouble> {
    let Blob { digest, bytes } = &origin.blob;
    let shown = format!("The layer `{digest}` of `{}`", origin.reference);
    let unwritable = |error: &io::Error| Trouble { sentence: format!("{shown} cannot be written: {error}."), pause: None };
    if part.bytes() >= *bytes {
        part.begin_anew();
    }
    let offset = part.bytes();
    let (pieces, offset) = ask(origin, offset).await.map_err(|error| {
        let sentence = format!("{shown} cannot be fetched: {}.", chain(&error).trim_end_matches('.'));
        let pause = pause_after(&error).or_else(|| {
            // Where there is nothing to go on with, it begins anew.
            (offset > 0).then(|| part.begin_anew()).map(|()| PAUSE)
        });
        Trouble { sentence, pause }
    })?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let file = Arc::clone(&part.file);
    let writing = tokio::task::spawn_blocking(move || write(&file, offset, receiver));
    let cut = hand_over(origin, pieces, offset, sender).await.err();
    let written = writing.await.map_err(|error| unwritable(&io::Error::other(error)))?;
    let found = written.map_err(|error| unwritable(&error))?;
    if found == *digest {
        return Ok(());
    }
    match cut {
        Some(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Trouble { sentence: format!("{shown} cannot be fetched: {error}."), pause: None })
        }
        Some(error) if part.bytes() < *bytes => Err(Trouble { sentence: format!("{shown} was cut off: {error}."), pause: Some(PAUSE) }),
        _ => {
            part.begin_anew();
            // What a run before left of it may have been torn.
            let pause = (offset > 0).then_some(PAUSE);
            Err(Trouble { sentence: format!("{shown} is not what its digest says: it is `{found}`."), pause })
        }
    }
}

/// How long to wait until another attempt may help; `None` where none would.
fn pause_after(error: &OciDistributionError) -> Option<Duration> {
    match error {
        OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => Some(PAUSE),
        _ if is_busy(error) => Some(PAUSE_IF_BUSY),
        OciDistributionError::ServerError { code, .. } if *code >= 500 => Some(PAUSE),
        _ => None,
    }
}

/// What is left of the blob, and from where on.
async fn ask(origin: &Origin, offset: u64) -> Result<(Pieces, u64), OciDistributionError> {
    let Origin { client, reference, auth, blob, .. } = origin;
    client.store_auth_if_needed(reference.resolve_registry(), auth).await;
    if offset == 0 {
        return Ok((client.pull_blob_stream(reference, blob.digest.as_str()).await?.stream, 0));
    }
    match client.pull_blob_stream_partial(reference, blob.digest.as_str(), offset, None).await? {
        BlobResponse::Full(stream) => Ok((stream.stream, 0)),
        BlobResponse::Partial(stream) => Ok((stream.stream, offset)),
    }
}

/// Hands on what comes, as long as it is no more than the blob has, and tells how far it is.
async fn hand_over(origin: &Origin, mut pieces: Pieces, offset: u64, to: mpsc::Sender<bytes::Bytes>) -> io::Result<()> {
    let (mut bytes_done, mut told_at) = (offset, None::<Instant>);
    let tell = |bytes_done: u64| {
        let Blob { digest, bytes } = origin.blob.clone();
        (origin.events)(Event::Fetching { image: origin.reference.to_string(), digest, bytes_done, bytes, resumed_at: offset });
    };
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        bytes_done += piece.len() as u64;
        if bytes_done > origin.blob.bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the registry sends more than the blob has"));
        }
        if told_at.is_none_or(|told_at| told_at.elapsed() >= TICK) {
            told_at = Some(Instant::now());
            tell(bytes_done);
        }
        if to.send(piece).await.is_err() {
            break;
        }
    }
    tell(bytes_done);
    Ok(())
}

/// Appends what comes, and says what the whole is.
fn write(mut file: &File, offset: u64, mut pieces: mpsc::Receiver<bytes::Bytes>) -> io::Result<String> {
    file.set_len(offset)?;
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Hashing::new(io::sink());
    io::copy(&mut file, &mut hash)?;
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
        hash.write_all(&piece)?;
    }
    Ok(hash.digest())
}

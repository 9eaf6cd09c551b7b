//! Container registries, as far as a push needs them.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>
//!
//! A blob goes up in one request: ECR answers to a second chunk of the same upload that it has it, and drops it.
//! <https://github.com/aws/containers-roadmap/issues/2831>

mod body;
mod exchange;
mod target;
#[cfg(test)]
mod tests;
mod upload;

pub use target::{Login, PushTarget};

use super::error::{AwsError, ErrorClass};
use super::locked;
use super::plain_http::PlainHttp;
use super::writer::Writer;
use crate::model::{ArtifactSource, Blob, Event, Image};
use aws_smithy_types::body::SdkBody;
use exchange::{Answer, Ask};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use upload::Upload;

/// So many blobs of one image are looked for or sent at once.
const AT_ONCE: usize = 4;
/// So many blobs of all images are sent at once.
const SENT_AT_ONCE: usize = 6;
/// How long a login is used again; ECR's tokens end after twelve hours.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>
const LOGIN: Duration = Duration::from_secs(3600);
/// How often progress is told.
const TICK: Duration = Duration::from_millis(250);

/// What a push has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushProgress {
    /// Blobs that are there, or were sent.
    pub blobs_done: usize,
    /// Blobs that had to be sent.
    pub blobs: usize,
    /// Bytes that were sent.
    pub bytes_done: u64,
    /// Bytes that had to be sent.
    pub bytes: u64,
    /// Bytes that had arrived before a connection broke, and were not sent again.
    pub resumed_bytes: u64,
}

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest, as the registry has it.
    pub digest: String,
    /// How many blobs were sent; those that were there are not.
    pub sent_blobs: usize,
    /// How many bytes they have.
    pub sent_bytes: u64,
}

/// The way to registries, and what was learned of them in this run.
pub struct Registry {
    http: PlainHttp,
    room: Semaphore,
    /// Where the account's registry is, who pushes there, and since when that is known.
    login: tokio::sync::Mutex<Option<(Instant, (String, Login))>>,
    /// A repository that has a blob, by registry and digest: another one may take it from there.
    homes: Mutex<BTreeMap<(String, String), String>>,
    /// Two pushes send the same blob to one repository only once.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Registry {
    /// Nothing is learned yet.
    pub(super) fn new(http: PlainHttp) -> Self {
        let (homes, turns) = (Mutex::default(), Mutex::default());
        Self { http, room: Semaphore::new(SENT_AT_ONCE), login: tokio::sync::Mutex::default(), homes, turns }
    }

    fn turn(&self, target: &PushTarget, digest: &str) -> Arc<tokio::sync::Mutex<()>> {
        let key = format!("{}/{}@{digest}", target.registry, target.repository);
        Arc::clone(locked(&self.turns).entry(key).or_default())
    }

    fn home(&self, target: &PushTarget, digest: &str) -> Option<String> {
        let home = locked(&self.homes).get(&(target.registry.clone(), digest.to_owned())).cloned();
        home.filter(|repository| *repository != target.repository)
    }

    fn lives(&self, target: &PushTarget, digest: &str) {
        locked(&self.homes).insert((target.registry.clone(), digest.to_owned()), target.repository.clone());
    }
}

/// One push.
struct Push<'a> {
    writer: &'a Writer,
    target: &'a PushTarget,
    source: &'a dyn ArtifactSource,
}

impl Writer {
    /// Tells whoever shows or records the run.
    pub fn tell(&self, event: Event) {
        (self.caller().events)(event);
    }

    /// Where the account's registry is, and who pushes there: as `ask` tells it, which is asked once for all images.
    ///
    /// # Errors
    /// What `ask` says.
    pub async fn login(&self, ask: impl Future<Output = Result<(String, Login), AwsError>> + Send) -> Result<(String, Login), AwsError> {
        let mut known = self.registry().login.lock().await;
        if let Some((_, login)) = known.as_ref().filter(|(since, _)| since.elapsed() < LOGIN) {
            return Ok(login.clone());
        }
        let login = ask.await?;
        *known = Some((Instant::now(), login.clone()));
        Ok(login)
    }

    /// Pushes an image: blobs that the repository has are not sent again, and an image that it has with this tag
    /// needs two requests. `progress` is told a few times a second.
    ///
    /// # Errors
    /// What the registry refused, or what went wrong on the way; of class [`ErrorClass::Other`] when a blob cannot be
    /// had from `source`, or the registry took the image for another one.
    pub async fn push_image(
        &self,
        target: &PushTarget,
        image: &Image,
        source: &dyn ArtifactSource,
        progress: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, AwsError> {
        let push = Push { writer: self, target, source };
        let pushed = push.run(image, progress).await;
        pushed.map_err(|error| match error.class {
            ErrorClass::Transient if error.status.is_none() => {
                AwsError { message: format!("the registry `{}`: {}", target.registry, error.message), ..error }
            }
            _ => error,
        })
    }
}

impl Push<'_> {
    async fn run(&self, image: &Image, progress: &(dyn Fn(PushProgress) + Send + Sync)) -> Result<Pushed, AwsError> {
        let digest = image.digest();
        if self.has_manifest(image, &digest).await? {
            return Ok(Pushed { digest, sent_blobs: 0, sent_bytes: 0 });
        }
        let missing = self.missing(image).await?;
        let uploads: Vec<Upload<'_>> = missing.iter().map(|blob| Upload::new(self, blob)).collect();
        self.send_all(&uploads, progress).await?;
        self.put_manifest(image, &digest).await?;
        Ok(Pushed { digest, sent_blobs: missing.len(), sent_bytes: missing.iter().map(|blob| blob.bytes).sum() })
    }

    /// Whether the tag leads to this image; without a tag, whether the image is there.
    async fn has_manifest(&self, image: &Image, digest: &str) -> Result<bool, AwsError> {
        let reference = self.target.tag.as_deref().unwrap_or(digest);
        let answer = self
            .ask("ecr:BatchGetImage", || Ask::new("HEAD", self.target.manifest(reference)).header("accept", image.media_type.as_str()))
            .await?;
        Ok(answer.status == 200 && answer.digest.as_deref() == Some(digest))
    }

    /// The blobs that the repository lacks.
    async fn missing<'b>(&self, image: &'b Image) -> Result<Vec<&'b Blob>, AwsError> {
        let look = |blob: &'b Blob| async move { self.has_blob(blob).await.map(|has| (!has).then_some(blob)) };
        // A stream that maps would not be known to be `Send`.
        let looks: Vec<_> = image.blobs.iter().map(look).collect();
        let found: Vec<Option<&Blob>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn has_blob(&self, blob: &Blob) -> Result<bool, AwsError> {
        let answer = self.ask("ecr:BatchCheckLayerAvailability", || Ask::new("HEAD", self.target.blob(&blob.digest))).await?;
        let is_there = answer.status < 400;
        if is_there {
            self.writer.registry().lives(self.target, &blob.digest);
        }
        Ok(is_there)
    }

    async fn send_all(&self, uploads: &[Upload<'_>], progress: &(dyn Fn(PushProgress) + Send + Sync)) -> Result<(), AwsError> {
        let (blobs, bytes) = (uploads.len(), uploads.iter().map(|upload| upload.blob.bytes).sum());
        let tell = || {
            let blobs_done = uploads.iter().filter(|upload| upload.is_done()).count();
            let bytes_done = uploads.iter().map(Upload::sent_bytes).sum();
            let resumed_bytes = uploads.iter().map(Upload::resumed_bytes).sum();
            progress(PushProgress { blobs_done, blobs, bytes_done, bytes, resumed_bytes });
        };
        let sending: Vec<_> = uploads.iter().map(Upload::run).collect();
        let sending = stream::iter(sending).buffer_unordered(AT_ONCE).try_collect::<()>();
        tokio::pin!(sending);
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                sent = &mut sending => {
                    tell();
                    return sent;
                }
                _ = ticks.tick() => tell(),
            }
        }
    }

    async fn put_manifest(&self, image: &Image, digest: &str) -> Result<(), AwsError> {
        let reference = self.target.tag.as_deref().unwrap_or(digest);
        let answer = self
            .ask("ecr:PutImage", || {
                let ask = Ask::new("PUT", self.target.manifest(reference)).header("content-type", image.media_type.as_str());
                ask.body(SdkBody::from(image.manifest.clone()))
            })
            .await?;
        let is_put = matches!(answer.status, 200..=299);
        match answer.digest.as_deref().unwrap_or(digest) {
            theirs if is_put && theirs == digest => Ok(()),
            theirs if is_put => Err(self.strange(&format!("took the image `{digest}` for `{theirs}`"))),
            _ => Err(self.strange(&format!("did not take the manifest, with the HTTP status {}", answer.status))),
        }
    }

    /// Sends a request, with the credentials, in the loop of all calls.
    async fn ask(&self, operation: &str, make: impl Fn() -> Ask) -> Result<Answer, AwsError> {
        let connector = self.writer.registry().http.connector();
        self.writer.caller().call(operation, 0, || self.target.login(make()).send(&connector)).await
    }

    fn strange(&self, what: &str) -> AwsError {
        AwsError::own("ecr:PutImage", ErrorClass::Other, format!("the registry `{}` {what}", self.target.registry))
    }
}

/// Raised while a blob is sent.
type Counter = Arc<AtomicU64>;

fn count(counter: &Counter) -> u64 {
    counter.load(Ordering::Relaxed)
}

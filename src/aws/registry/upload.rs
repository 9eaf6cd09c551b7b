//! The way of one blob into a repository.

use super::exchange::{Answer, Ask, Trouble};
use super::{Counter, Push, body, count};
use crate::aws::error::{AwsError, ErrorClass};
use crate::aws::locked;
use crate::model::Blob;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const OPERATION: &str = "ecr:UploadLayerPart";
/// The media type of what a blob is made of.
const BYTES: &str = "application/octet-stream";

/// One blob that is to be sent.
pub(super) struct Upload<'a> {
    push: &'a Push<'a>,
    pub(super) blob: &'a Blob,
    sent: Counter,
    resumed: Counter,
    is_done: AtomicBool,
    /// Where the last attempt went, to go on from where it broke off.
    begun: Mutex<Option<String>>,
}

impl<'a> Upload<'a> {
    pub(super) fn new(push: &'a Push<'a>, blob: &'a Blob) -> Self {
        Self { push, blob, sent: Counter::default(), resumed: Counter::default(), is_done: AtomicBool::new(false), begun: Mutex::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        if self.is_done() { self.blob.bytes } else { count(&self.sent).min(self.blob.bytes) }
    }

    pub(super) fn resumed_bytes(&self) -> u64 {
        count(&self.resumed)
    }

    /// Sends it, unless another push to the same repository was faster.
    pub(super) async fn run(&self) -> Result<(), AwsError> {
        let registry = self.push.writer.registry();
        let turn = registry.turn(self.push.target, &self.blob.digest);
        let was_taken = turn.try_lock().is_err();
        let _turn = turn.lock().await;
        if !(was_taken && self.push.has_blob(self.blob).await?) {
            let path = self.push.source.blob(&self.blob.digest).await;
            let path = path.map_err(|sentence| AwsError::own(OPERATION, ErrorClass::Other, sentence))?;
            // It fails only once the semaphore is closed, which nobody does.
            let _room = registry.room.acquire().await.ok();
            self.push.writer.caller().call(OPERATION, 0, || self.attempt(&path)).await?;
            registry.lives(self.push.target, &self.blob.digest);
        }
        self.is_done.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Goes on where the attempt before broke off, where the registry knows; else begins anew.
    async fn attempt(&self, path: &Path) -> Result<(), Trouble> {
        let begun = locked(&self.begun).take();
        if let Some((location, offset)) = self.arrived(begun).await
            && self.go_on(path, location, offset).await.is_ok()
        {
            return Ok(());
        }
        let Some(location) = self.begin().await? else { return Ok(()) };
        *locked(&self.begun) = Some(location.clone());
        self.sent.store(0, Ordering::Relaxed);
        self.resumed.store(0, Ordering::Relaxed);
        self.finish(&location, body::file_body(path, 0, self.blob.bytes, &self.sent)).await
    }

    /// Asks for a place to send it to; `None` when the registry took it from another repository.
    async fn begin(&self) -> Result<Option<String>, Trouble> {
        let home = self.push.writer.registry().home(self.push.target, &self.blob.digest);
        let ask = Ask::new("POST", self.push.target.uploads(&self.blob.digest, home.as_deref()));
        let answer = self.expect(ask, &[201, 202]).await?;
        match (answer.status, answer.location) {
            (201, _) => Ok(None),
            (_, Some(location)) => Ok(Some(self.push.target.resolve(&location))),
            (_, None) => Err(strange("the registry did not say where the upload goes")),
        }
    }

    /// Where to go on and how much has arrived, if the registry tells.
    async fn arrived(&self, begun: Option<String>) -> Option<(String, u64)> {
        let location = begun?;
        let answer = self.expect(Ask::new("GET", location.clone()), &[204]).await.ok()?;
        let end: u64 = answer.range?.split_once('-')?.1.parse().ok()?;
        let location = answer.location.map_or(location, |location| self.push.target.resolve(&location));
        (end > 0 && end < self.blob.bytes).then_some((location, end + 1))
    }

    async fn go_on(&self, path: &Path, mut location: String, offset: u64) -> Result<(), Trouble> {
        self.sent.store(offset, Ordering::Relaxed);
        self.resumed.store(offset, Ordering::Relaxed);
        if offset < self.blob.bytes {
            let body = body::file_body(path, offset, self.blob.bytes, &self.sent);
            let range = format!("{offset}-{}", self.blob.bytes - 1);
            let ask = Ask::new("PATCH", location.clone()).header("content-type", BYTES).header("content-range", range);
            let answer = self.expect(ask.body(body), &[201, 202, 204]).await?;
            location = answer.location.map_or(location, |location| self.push.target.resolve(&location));
        }
        self.finish(&location, SdkBody::empty()).await
    }

    /// Sends what is left and says what the whole is.
    async fn finish(&self, location: &str, body: SdkBody) -> Result<(), Trouble> {
        let url = format!("{location}{}digest={}", if location.contains('?') { '&' } else { '?' }, self.blob.digest);
        self.expect(Ask::new("PUT", url).header("content-type", BYTES).body(body), &[200, 201, 204]).await.map(|_| ())
    }

    async fn expect(&self, ask: Ask, statuses: &[u16]) -> Result<Answer, Trouble> {
        let answer = self.push.target.login(ask).send(&self.push.writer.registry().http.connector()).await?;
        if statuses.contains(&answer.status) {
            return Ok(answer);
        }
        Err(strange(&format!("the registry answered with the HTTP status {}", answer.status)))
    }
}

fn strange(sentence: &str) -> Trouble {
    SdkError::construction_failure(sentence.to_owned())
}

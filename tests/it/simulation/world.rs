//! The local cloud in this process, how the engine reaches it, a clock that jumps, and a switch that ends a process.

use super::medium::{Medium, appended, torn};
use super::scenario::Kill;
use super::wall::{Leap, Wall};
use crate::support::cloud::package;
use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use axum::body::{Body, Bytes};
use lambdo::engine::Interrupt;
use lambdo::local::InProcess;
use lambdo::model::{Address, Artifact, ArtifactSource, Blob, Form, Image, Record, SecretKey, State};
use lambdo::store::{Generation, Holder, JournalHeader, Lease, StateStore, StoreError};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Time in which nothing happens takes none.
#[derive(Debug)]
pub struct Jumping(Instant);

impl Jumping {
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since 1970.
    pub fn milliseconds(&self) -> i64 {
        1_790_000_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }

    /// As it stands in the headers of answers.
    pub fn date(&self) -> String {
        jiff::Timestamp::from_millisecond(self.milliseconds()).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

#[async_trait]
impl lambdo::local::Clock for Jumping {
    fn now_ms(&self) -> i64 {
        self.milliseconds()
    }

    async fn sleep_until(&self, at_ms: i64) {
        let left_ms = u64::try_from(at_ms - self.now_ms()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left_ms)).await;
    }
}

/// Whether a process still lives. One that is dead sends nothing and writes nothing any more.
#[derive(Default)]
pub struct Switch {
    kill: Option<Kill>,
    /// When the machine's clock is set.
    leaps: Vec<Leap>,
    calls: AtomicU64,
    writes: AtomicU64,
    /// What each write has added to the journal; nothing for those of the state.
    written: Mutex<Vec<Option<Vec<u8>>>>,
    is_dead: AtomicBool,
    died: Notify,
    /// How the process is asked to end.
    pub interrupt: Interrupt,
}

impl Switch {
    pub fn new(kill: Option<Kill>) -> Arc<Self> {
        Self::on_a_machine(kill, &[])
    }

    /// The same where the clock is set meanwhile.
    pub fn on_a_machine(kill: Option<Kill>, leaps: &[Leap]) -> Arc<Self> {
        Arc::new(Self { kill, leaps: leaps.to_vec(), ..Self::default() })
    }

    /// Returns when the process dies.
    pub async fn died(&self) {
        while !self.is_dead.load(Ordering::SeqCst) {
            self.died.notified().await;
        }
    }

    /// How many calls were sent.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// What each write has added to the journal; nothing for those of the state.
    pub fn written(&self) -> Vec<Option<Vec<u8>>> {
        self.written.lock().unwrap().clone()
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Never returns for what a dead process does.
    async fn alive(&self) {
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn called(&self, wall: &Wall) -> bool {
        let count = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.leaps.iter().filter(|leap| leap.at_call == count).for_each(|leap| wall.leap(leap.by_seconds));
        if self.kill == Some(Kill::Interrupt(count)) {
            self.interrupt.drain.cancel();
        }
        self.kill == Some(Kill::AtCall(count))
    }

    fn writes(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Calls that are on their way, also those of processes that are dead by now.
#[derive(Default)]
pub struct Traffic {
    count: AtomicUsize,
    calm: Notify,
}

impl Traffic {
    /// Returns when the cloud has nothing left to do.
    pub async fn settled(&self) {
        while self.count.load(Ordering::SeqCst) > 0 {
            self.calm.notified().await;
        }
    }
}

/// Takes requests of the SDK to the cloud.
#[derive(Clone)]
pub struct Line {
    pub cloud: InProcess,
    pub switch: Arc<Switch>,
    pub traffic: Arc<Traffic>,
    pub wall: Wall,
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Line")
    }
}

type Answer = (u16, Vec<(String, String)>, Option<Bytes>);

impl Line {
    /// As the client of the SDK.
    pub fn client(&self) -> SharedHttpClient {
        let connector = self.connector();
        SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()))
    }

    /// As what carries the requests of a client.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// What the cloud answers; no body where the connection was cut.
    async fn ask(&self, request: axum::http::Request<Body>) -> Answer {
        self.traffic.count.fetch_add(1, Ordering::SeqCst);
        let (line, parts) = (self.clone(), request);
        // A task of its own: what has arrived is done, whatever becomes of the one that asked.
        let answering = tokio::spawn(async move {
            let (parts, body) = line.cloud.answer(parts).await.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.ok();
            if line.traffic.count.fetch_sub(1, Ordering::SeqCst) == 1 {
                line.traffic.calm.notify_waiters();
            }
            let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
            let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            (parts.status.as_u16(), headers, body)
        });
        match answering.await {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut asked = axum::http::Request::builder().method(request.method()).uri(request.uri()).header("host", "localhost");
        for (name, value) in request.headers().iter() {
            asked = asked.header(name, value);
        }
        let asked = asked.body(request.into_body()).unwrap();
        let line = self.clone();
        HttpConnectorFuture::new(async move {
            line.switch.alive().await;
            let is_last = line.switch.called(&line.wall);
            if is_last {
                line.switch.die();
            }
            let (parts, body) = asked.into_parts();
            // Files are sent as they are read.
            let body = ByteStream::new(body).collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
            let asked = axum::http::Request::from_parts(parts, Body::from(body));
            // A way that differs from call to call lets parallel calls overtake each other.
            let way_ms = 1 + line.switch.calls.load(Ordering::SeqCst) * 7 % 23;
            tokio::time::sleep(Duration::from_millis(way_ms)).await;
            let (status, mut headers, body) = match line.wall.judge(asked.headers()) {
                Some((status, headers, body)) => (status, headers, Some(body)),
                None => line.ask(asked).await,
            };
            if !headers.iter().any(|(name, _)| name == "date") {
                headers.push(("date".to_owned(), line.wall.date()));
            }
            line.switch.alive().await;
            tokio::time::sleep(Duration::from_millis(way_ms)).await;
            let Some(body) = body else { return Err(ConnectorError::io("the connection was reset".into())) };
            let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
            for (name, value) in headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
    }
}

/// A store that ends with its process, also in the middle of a write.
pub struct Mortal {
    medium: Medium,
    inner: Box<dyn StateStore>,
    switch: Arc<Switch>,
}

impl Mortal {
    pub fn new(medium: Medium, switch: Arc<Switch>) -> Self {
        Self { inner: medium.open(), medium, switch }
    }

    /// Writes; where the process dies at it, only a part of it is there.
    async fn write(&self, work: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        self.switch.alive().await;
        let number = self.switch.writes();
        let before = self.medium.picture();
        let result = work.await;
        let after = self.medium.picture();
        self.switch.written.lock().unwrap().push(appended(&before, &after).map(<[u8]>::to_vec));
        match self.switch.kill {
            Some(Kill::AtWrite(last, part)) if last == number => {
                self.medium.restore(&torn(&before, &after, part));
                self.switch.die();
            }
            Some(Kill::AfterWrite(last)) if last == number => self.switch.die(),
            _ => {}
        }
        self.switch.alive().await;
        result
    }
}

#[async_trait]
impl StateStore for Mortal {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.inner.load().await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Lease>, StoreError> {
        self.inner.lock(holder).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.holder().await
    }

    async fn append(&self, header: &JournalHeader, records: &[Record]) -> Result<(), StoreError> {
        self.write(self.inner.append(header, records)).await
    }

    async fn save(&self, state: &State, expected_serial: u64) -> Result<(), StoreError> {
        self.write(self.inner.save(state, expected_serial)).await
    }

    async fn history(&self) -> Result<Vec<Generation>, StoreError> {
        self.inner.history().await
    }

    async fn generation(&self, serial: u64) -> Result<Option<State>, StoreError> {
        self.inner.generation(serial).await
    }

    async fn secret_key(&self) -> Result<SecretKey, StoreError> {
        self.inner.secret_key().await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// The programs of functions, as packages and images.
#[derive(Default)]
pub struct Programs {
    zips: BTreeMap<String, Vec<u8>>,
    images: BTreeMap<String, Image>,
    /// Where files are that are sent as they are read.
    folder: PathBuf,
    pub artifacts: BTreeMap<Address, Artifact>,
}

/// More than Lambda takes with a call, in bytes.
const LARGE_BYTES: u64 = 60_000_000;

impl Programs {
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// Another mark is another program. One that is said to be large goes through S3.
    pub fn add(&mut self, owner: Address, mark: u64, is_large: bool) {
        let zip = package(&format!("{mark}")).into_inner();
        let content_hash = digest(mark.to_string().as_bytes());
        let unzipped_bytes = if is_large { LARGE_BYTES } else { 20 };
        let artifact = Artifact { content_hash: content_hash.clone(), form: Form::Zip, unzipped_bytes, files: 1 };
        self.artifacts.insert(owner, artifact);
        self.keep(&content_hash, &zip);
        self.zips.insert(content_hash, zip);
    }

    /// The same as an image.
    pub fn add_image(&mut self, owner: Address, mark: u64) {
        let layer = format!("{mark:1024}").into_bytes();
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/bootstrap"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
        let kind = "application/vnd.oci.image";
        let parts = [(format!("{kind}.config.v1+json"), config.to_string().into_bytes()), (format!("{kind}.layer.v1.tar"), layer)];
        let described =
            |(media_type, bytes): &(String, Vec<u8>)| json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()});
        let media_type = format!("{kind}.manifest.v1+json");
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": described(&parts[0]), "layers": [described(&parts[1])]});
        let blobs = parts.iter().map(|(_, bytes)| Blob { digest: digest(bytes), bytes: bytes.len() as u64 }).collect();
        parts.iter().for_each(|(_, bytes)| self.keep(&digest(bytes), bytes));
        let image = Image { manifest: manifest.to_string().into_bytes(), media_type, blobs };
        let artifact = Artifact { content_hash: image.digest(), form: Form::Image, unzipped_bytes: 1024, files: 1 };
        self.artifacts.insert(owner, artifact);
        self.images.insert(image.digest(), image);
    }

    fn keep(&self, digest: &str, bytes: &[u8]) {
        std::fs::write(self.folder.join(digest), bytes).unwrap();
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

#[async_trait]
impl ArtifactSource for Programs {
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String> {
        self.zips.get(content_hash).cloned().ok_or_else(|| format!("there is no package {content_hash}"))
    }

    async fn zip_file(&self, content_hash: &str) -> Result<PathBuf, String> {
        Ok(self.folder.join(content_hash))
    }

    async fn image(&self, digest: &str) -> Result<Image, String> {
        self.images.get(digest).cloned().ok_or_else(|| format!("there is no image {digest}"))
    }

    async fn blob(&self, digest: &str) -> Result<PathBuf, String> {
        Ok(self.folder.join(digest))
    }

    fn expected_bytes(&self, content_hash: &str) -> usize {
        self.zips.get(content_hash).map_or(0, Vec::len)
    }
}

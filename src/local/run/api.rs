//! The Runtime API of one environment, on a port of its own
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>). States, statuses and messages are
//! those of AWS's runtime interface emulator.

use super::failure::LARGEST_RESPONSE_BYTES;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// An invocation, as the runtime sees it.
#[derive(Debug)]
pub struct Work {
    pub request_id: String,
    pub payload: Bytes,
    pub invoked_arn: String,
    pub trace_id: String,
    pub client_context: Option<String>,
    /// Milliseconds since 1970.
    pub deadline_ms: i64,
}

/// What the runtime told.
#[derive(Debug)]
pub enum Event {
    /// It asks for work.
    Ready,
    /// It cannot initialise.
    InitError { error_type: String, body: Bytes },
    /// The function's answer.
    Response(Bytes),
    /// The function's error.
    Error(Bytes),
    /// An answer larger than Lambda takes.
    TooLarge,
}

/// The listener of one environment; it ends when this is dropped.
pub struct RuntimeApi {
    port: u16,
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    server: JoinHandle<()>,
}

struct Shared {
    desk: Mutex<Desk>,
    offered: Notify,
    events: mpsc::UnboundedSender<Event>,
}

struct Desk {
    phase: Phase,
    /// Offered and not yet fetched.
    work: Option<Work>,
    /// The request id of the work that was fetched last.
    running: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Started,
    InitError,
    Ready,
    Running,
    ResponseSent,
}

impl RuntimeApi {
    /// Listens on a free port of loopback.
    pub async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, events) = mpsc::unbounded_channel();
        let desk = Mutex::new(Desk { phase: Phase::Started, work: None, running: String::new() });
        let shared = Arc::new(Shared { desk, offered: Notify::new(), events: sender });
        let router = router(Arc::clone(&shared), port);
        // Answers are small and waited for.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move {
            // It only ends when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, shared, events, server })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lays out work for the next request of the runtime.
    pub fn offer(&self, work: Work) {
        self.shared.desk().work = Some(work);
        self.shared.offered.notify_one();
    }

    /// The next thing that the runtime tells.
    pub async fn event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            // The sender lives as long as this.
            None => std::future::pending().await,
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more if the environment is ending.
        let _ = self.events.send(event);
    }

    /// Moves on from running, if that is allowed and the id is right.
    fn finish(&self, request_id: &str, wanted: &str) -> Result<(), Response> {
        let mut desk = self.desk();
        desk.check(request_id, wanted)?;
        desk.phase = Phase::ResponseSent;
        Ok(())
    }
}

impl Desk {
    fn check(&self, request_id: &str, wanted: &str) -> Result<(), Response> {
        if self.phase != Phase::Running {
            return Err(wrong_order(self.phase, wanted));
        }
        if self.running != request_id {
            return Err(refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"));
        }
        Ok(())
    }
}

/// Nothing but the runtime is to talk here: no page of a browser, whatever its host's name resolves to.
async fn only_the_runtime(State(port): State<u16>, request: Request, next: Next) -> Response {
    let is_ours = |host: &str| match host.rsplit_once(':') {
        Some((name, given)) => is_loopback(name) && given.parse() == Ok(port),
        None => is_loopback(host),
    };
    let headers = request.headers();
    // A client of HTTP/1.0 names no host; browsers always do.
    let is_right = headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(is_ours));
    if !is_right || headers.contains_key(header::ORIGIN) {
        return refuse(StatusCode::FORBIDDEN, "Forbidden", "The Runtime API answers the runtime of its environment only");
    }
    next.run(request).await
}

fn is_loopback(name: &str) -> bool {
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

fn router(shared: Arc<Shared>, port: u16) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .fallback(|| async {
            refuse(StatusCode::NOT_FOUND, "NotFound", "The local cloud has the Runtime API only, and no such path in it")
        })
        .layer(from_fn_with_state(port, only_the_runtime))
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    {
        let mut desk = shared.desk();
        match desk.phase {
            Phase::Started | Phase::ResponseSent => {
                desk.phase = Phase::Ready;
                shared.tell(Event::Ready);
            }
            Phase::Ready => {}
            Phase::InitError | Phase::Running => return wrong_order(desk.phase, "Ready"),
        }
    }
    loop {
        if let Some(work) = take_work(&shared) {
            return handed_out(work);
        }
        shared.offered.notified().await;
    }
}

fn take_work(shared: &Shared) -> Option<Work> {
    let mut desk = shared.desk();
    let work = desk.work.take()?;
    desk.phase = Phase::Running;
    desk.running.clone_from(&work.request_id);
    Some(work)
}

fn handed_out(work: Work) -> Response {
    let mut headers = HeaderMap::new();
    let deadline = work.deadline_ms.to_string();
    let fields = [
        ("content-type", Some("application/json")),
        ("lambda-runtime-aws-request-id", Some(work.request_id.as_str())),
        ("lambda-runtime-trace-id", Some(work.trace_id.as_str())),
        ("lambda-runtime-client-context", work.client_context.as_deref()),
        ("lambda-runtime-invoked-function-arn", Some(work.invoked_arn.as_str())),
        ("lambda-runtime-deadline-ms", Some(deadline.as_str())),
    ];
    for (name, value) in fields {
        // A context that does not fit into a header is left out, as nothing could be done with it.
        if let Some(Ok(value)) = value.map(|value| header::HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    (headers, work.payload).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Body) -> Response {
    if let Err(refusal) = shared.desk().check(&id, "InvocationResponse") {
        return refusal;
    }
    let Ok(payload) = read(body).await else {
        return refuse(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated");
    };
    if let Err(refusal) = shared.finish(&id, "InvocationResponse") {
        return refusal;
    }
    let Some(payload) = payload else {
        shared.tell(Event::TooLarge);
        let message = format!("Exceeded maximum allowed payload size ({LARGEST_RESPONSE_BYTES} bytes).");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    };
    shared.tell(Event::Response(payload));
    accepted()
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Body) -> Response {
    if let Err(refusal) = shared.desk().check(&id, "InvocationErrorResponse") {
        return refusal;
    }
    let payload = read(body).await.ok().flatten().unwrap_or_default();
    if let Err(refusal) = shared.finish(&id, "InvocationErrorResponse") {
        return refusal;
    }
    shared.tell(Event::Error(payload));
    accepted()
}

async fn init_error(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response {
    let body = read(body).await.ok().flatten().unwrap_or_default();
    let mut desk = shared.desk();
    if desk.phase != Phase::Started {
        return wrong_order(desk.phase, "InitError");
    }
    desk.phase = Phase::InitError;
    let told = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    shared.tell(Event::InitError { error_type: known_error_type(told), body });
    accepted()
}

/// Lambda passes on types that look like its own.
fn known_error_type(told: Option<&str>) -> String {
    let is_known = |told: &&str| ["Runtime.", "Function."].iter().any(|family| told.starts_with(family));
    told.filter(is_known).unwrap_or("Runtime.Unknown").to_owned()
}

/// The whole body; nothing if it is too large. It is read to its end in any case, since a client that is
/// cut off while it sends does not see the answer.
async fn read(body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut stream = body.into_data_stream();
    let mut whole = BytesMut::new();
    let mut fits = true;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        fits = fits && whole.len() + piece.len() <= LARGEST_RESPONSE_BYTES;
        if fits {
            whole.extend_from_slice(&piece);
        }
    }
    Ok(fits.then(|| whole.freeze()))
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], "{\"status\":\"OK\"}\n").into_response()
}

fn wrong_order(phase: Phase, wanted: &str) -> Response {
    let name = if phase == Phase::ResponseSent { "RuntimeResponseSentState".to_owned() } else { format!("{phase:?}") };
    let message = format!("State transition from {name} to {wanted} failed for runtime. Error: State transition is not allowed");
    refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = json!({ "errorMessage": message, "errorType": error_type }).to_string() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

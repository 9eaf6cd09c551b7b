//! A proxy between lambdo and the emulator that counts calls and lets them go wrong.

use super::process;
use super::rule::{Act, Rule};
use super::wire::Operation;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// One call that passed.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// Its path with the query.
    pub path: String,
    /// Its body.
    pub body: Bytes,
    /// When it came.
    pub at: Instant,
    /// The HTTP status of the answer; `None` while it is on its way.
    pub status: Option<u16>,
}

#[derive(Default)]
struct Ledger {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    latency: Duration,
    child: Option<u32>,
}

struct Shared {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    ledger: Mutex<Ledger>,
    in_flight: AtomicUsize,
    release: watch::Sender<()>,
}

impl Call {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {:?}", self.operation.name, self.body))
    }
}

/// The proxy; it listens as long as its runtime lives.
pub struct Proxy {
    /// What lambdo is given as the endpoint.
    pub url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a free port and forwards to `upstream`, a `host:port`.
    pub fn start(runtime: &Handle, upstream: &str) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Kept connections would be closed by the emulator at moments of its own choice.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let ledger = Mutex::new(Ledger::default());
        let shared =
            Shared { upstream: upstream.to_owned(), client, ledger, in_flight: AtomicUsize::new(0), release: watch::Sender::new(()) };
        let shared = Arc::new(shared);
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { url, shared }
    }

    /// Sets what goes wrong from now on, and forgets the calls so far.
    pub fn rules(&self, rules: impl IntoIterator<Item = Rule>) {
        let mut ledger = self.shared.ledger.lock().unwrap();
        ledger.rules = rules.into_iter().collect();
        ledger.calls.clear();
    }

    /// Lets everything pass from now on, and forgets the calls so far.
    pub fn clear(&self) {
        self.rules([]);
    }

    /// Delays each call by this much.
    pub fn latency(&self, latency: Duration) {
        self.shared.ledger.lock().unwrap().latency = latency;
    }

    /// Lets go what [`Rule::hold`] keeps.
    pub fn release(&self) {
        self.shared.release.send_replace(());
    }

    /// Says which process gets the signals.
    pub fn watch(&self, pid: Option<u32>) {
        self.shared.ledger.lock().unwrap().child = pid;
    }

    /// The calls since the rules were last set.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.ledger.lock().unwrap().calls.clone()
    }

    /// The calls of one operation since the rules were last set.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.operation.name == operation).collect()
    }

    /// How many calls changed something.
    pub fn mutating(&self) -> usize {
        self.calls().iter().filter(|call| call.operation.is_mutating()).count()
    }

    /// How many calls only read.
    pub fn reading(&self) -> usize {
        self.calls().len() - self.mutating()
    }

    /// The calls by operation, for messages.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for call in self.calls() {
            *tally.entry(format!("{}:{}", call.operation.service, call.operation.name)).or_default() += 1;
        }
        tally
    }

    /// Waits until `count` calls of `operation` have arrived.
    pub fn wait_for(&self, operation: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.calls().iter().filter(|call| call.operation.name == operation).count() < count {
            assert!(Instant::now() < deadline, "no {operation} came: {:?}", self.tally());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the emulator has ended what it was asked, also for a client that is gone.
    pub fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < deadline, "calls are stuck in the proxy: {:?}", self.tally());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                // A task of its own: what has begun goes on when the client is killed, as at AWS.
                async move { tokio::spawn(handle(shared, request)).await.map_err(io::Error::other)? }
            });
            // An error here is a broken connection, which some rules ask for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = Result<Response<Full<Bytes>>, io::Error>;

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    shared.in_flight.fetch_add(1, Ordering::SeqCst);
    let answer = serve(&shared, Request::from_parts(parts, body)).await;
    shared.in_flight.fetch_sub(1, Ordering::SeqCst);
    answer
}

async fn serve(shared: &Shared, request: Request<Bytes>) -> Answer {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let operation = Operation::recognise(request.method(), &path, request.headers(), request.body());
    // From before anybody can know of the call: it may be let go of at once.
    let mut release = shared.release.subscribe();
    let (index, act, latency) = shared.enter(&operation, &path, request.body());
    tokio::time::sleep(latency).await;
    let answer = match &act {
        Some(Act::Refuse { status, code, message, retry_after }) => {
            let mut response = refuse(&operation, *status, code, message);
            response.headers_mut().extend(retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into())));
            response
        }
        Some(Act::Answer { status, body }) => {
            let mut response = Response::new(Full::new(Bytes::from(body.clone())));
            *response.status_mut() = StatusCode::from_u16(*status).unwrap();
            response
        }
        Some(Act::Cut) => return Err(io::Error::other("the connection is cut")),
        Some(Act::Delay(delay)) => {
            tokio::time::sleep(*delay).await;
            shared.forward(&path, request).await?
        }
        Some(Act::Rewrite(rewrite)) => {
            let (parts, body) = shared.forward(&path, request).await?.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let body = rewrite.apply(parts.status, &body);
            Response::from_parts(parts, Full::new(body))
        }
        Some(Act::Throttle) => {
            let (status, code, message) = operation.throttle();
            refuse(&operation, status, code, message)
        }
        Some(Act::Hold) => {
            let _ = release.changed().await;
            shared.forward(&path, request).await?
        }
        _ => shared.forward(&path, request).await?,
    };
    shared.leave(index, answer.status());
    match act {
        Some(Act::DropAnswer) => Err(io::Error::other("the answer is lost")),
        Some(Act::Signal(name)) => {
            shared.signal(name).await;
            if name == "KILL" { Err(io::Error::other("the client is dead")) } else { Ok(answer) }
        }
        _ => Ok(answer),
    }
}

fn refuse(operation: &Operation, status: u16, code: &str, message: &str) -> Response<Full<Bytes>> {
    let (headers, body) = operation.refusal(code, message);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Shared {
    fn enter(&self, operation: &Operation, path: &str, body: &Bytes) -> (usize, Option<Act>, Duration) {
        let mut ledger = self.ledger.lock().unwrap();
        // Every rule counts every call; the first that hits decides.
        let Ledger { rules, calls, .. } = &mut *ledger;
        let seen = |name: &str| calls.iter().any(|call| call.operation.name == name);
        let acts: Vec<Act> = rules.iter_mut().filter_map(|rule| rule.judge(operation, path, body, seen)).collect();
        let call = Call { operation: operation.clone(), path: path.to_owned(), body: body.clone(), at: Instant::now(), status: None };
        calls.push(call);
        (calls.len() - 1, acts.into_iter().next(), ledger.latency)
    }

    fn leave(&self, index: usize, status: StatusCode) {
        // The ledger may have been cleared meanwhile.
        if let Some(call) = self.ledger.lock().unwrap().calls.get_mut(index) {
            call.status = Some(status.as_u16());
        }
    }

    async fn forward(&self, path: &str, request: Request<Bytes>) -> Answer {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("http://{}{path}", self.upstream).parse::<Uri>().map_err(io::Error::other)?;
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::EXPECT] {
            parts.headers.remove(name);
        }
        let response = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(io::Error::other)?;
        let (mut parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            parts.headers.remove(name);
        }
        parts.version = hyper::Version::HTTP_11;
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    /// Signals the watched process; waits for a moment until the test has said which it is.
    async fn signal(&self, name: &'static str) {
        for _ in 0..200 {
            let child = self.ledger.lock().unwrap().child;
            if let Some(pid) = child {
                return tokio::task::spawn_blocking(move || process::signal(pid, name)).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no lambdo is being watched");
    }
}

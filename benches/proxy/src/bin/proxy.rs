//! A proxy between a tool and the emulator: it delays each call, counts it, and can refuse what is over a quota.
//!
//! usage: `proxy LISTEN UPSTREAM LATENCY_MS LOG [--throttle]`, the first two as `host:port`
//!
//! For the harness, never passed on: `POST /__benchmark/reset?PHASE` and `GET /__benchmark/sums`.

use benchmark_proxy::{Account, Call, Error, Gate, Operation};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

/// Kept shorter than the emulator keeps a connection, so that none is closed under a call.
const IDLE: Duration = Duration::from_secs(3);

type Answer = Response<Full<Bytes>>;

struct Proxy {
    upstream: String,
    latency: Duration,
    gate: Option<Mutex<Gate>>,
    account: Mutex<Account>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (listen, proxy) = configured(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    let listener = TcpListener::bind(listen).await?;
    let proxy = Arc::new(proxy);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move {
            let service = service_fn(|request| proxy.answer(request));
            // A client that ends in the middle of a call is none of our business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Where to listen, and the proxy that the arguments describe.
fn configured<'a>(arguments: &[&'a str]) -> Result<(&'a str, Proxy), Error> {
    let (listen, upstream, latency_ms, log, throttle) = match arguments {
        [listen, upstream, latency_ms, log] => (listen, upstream, latency_ms, log, false),
        [listen, upstream, latency_ms, log, "--throttle"] => (listen, upstream, latency_ms, log, true),
        _ => return Err("usage: proxy LISTEN UPSTREAM LATENCY_MS LOG [--throttle]".into()),
    };
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector);
    let proxy = Proxy {
        upstream: format!("http://{upstream}"),
        latency: Duration::from_secs_f64(latency_ms.parse::<f64>()? / 1_000.0),
        gate: throttle.then(Mutex::default),
        account: Mutex::new(Account::new(Some(File::create(log)?))),
        client,
    };
    Ok((listen, proxy))
}

impl Proxy {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Error> {
        match request.uri().path() {
            "/__benchmark/reset" => {
                if let Some(gate) = &self.gate {
                    *locked(gate) = Gate::default();
                }
                locked(&self.account).reset(request.uri().query().unwrap_or_default())?;
                Ok(Answer::default())
            }
            "/__benchmark/sums" => Ok(Response::new(locked(&self.account).sums()?.to_string().into())),
            _ => self.pass(request).await,
        }
    }

    /// Delays, counts and passes on one call.
    async fn pass(&self, request: Request<Incoming>) -> Result<Answer, Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let operation = Operation::of(&head, &body);
        let started_at = Instant::now();
        locked(&self.account).begin();
        tokio::time::sleep(self.latency).await;
        let sent_at = Instant::now();
        let is_throttled = self.gate.as_ref().is_some_and(|gate| !locked(gate).admits(&operation, sent_at));
        let answer =
            if is_throttled { refusal(&operation.service) } else { self.forward(Request::from_parts(head, Full::new(body))).await };
        let (status, ended_at) = (answer.as_ref().map_or(502, |answer| answer.status().as_u16()), Instant::now());
        locked(&self.account).end(Call { operation, started_at, ended_at, upstream: ended_at - sent_at, status, is_throttled })?;
        answer
    }

    async fn forward(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{path}", self.upstream).parse()?;
        for header in [EXPECT, TRANSFER_ENCODING, CONNECTION, CONTENT_LENGTH] {
            request.headers_mut().remove(header);
        }
        let (mut head, body) = self.client.request(request).await?.into_parts();
        for header in [TRANSFER_ENCODING, CONNECTION] {
            head.headers.remove(header);
        }
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    }
}

/// What the service says when a call is too much.
fn refusal(service: &str) -> Result<Answer, Error> {
    let (status, media, body) = match service {
        "lambda" => (StatusCode::TOO_MANY_REQUESTS, "application/json", r#"{"Type":"User","message":"Rate exceeded"}"#),
        "iam" => (StatusCode::BAD_REQUEST, "text/xml", XML_REFUSAL),
        _ => (StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
    };
    let mut answer = Response::builder().status(status).header(CONTENT_TYPE, media).body(Full::from(body))?;
    if service == "lambda" {
        answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("TooManyRequestsException"));
    }
    Ok(answer)
}

const XML_REFUSAL: &str =
    "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

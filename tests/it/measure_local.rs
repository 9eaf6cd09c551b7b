//! How fast the local cloud is. Printed, never asserted: `scripts/measure` runs it.

use crate::support::emulator::{Backend, Emulator, REGION};
use crate::support::{World, spec};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const INVOCATIONS: usize = 1000;
const CONNECTIONS: usize = 16;
const LOAD: Duration = Duration::from_secs(3);

/// A client that signs nothing but says whom it calls, as the local cloud wants to know.
#[derive(Clone)]
struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: String,
}

impl Caller {
    async fn call(&self, method: Method, path: &str, body: &'static str) -> (u16, Bytes) {
        let scope = format!("AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/lambda/aws4_request, SignedHeaders=host, Signature=none");
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.authority)).header("authorization", scope);
        let answer = self.client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    }
}

#[test]
#[ignore = "a measurement, not a test: run `scripts/measure`"]
fn the_local_cloud() {
    let world = World::start(Backend::Local);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("lambdas/target/release/hash");
    assert!(program.exists(), "{} is built by `scripts/measure`", program.display());
    let sandbox = world.sandbox(&format!(
        "{}[function.hash]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = {{ file = {:?} }}\nenvironment = {{ LOG_LEVEL = \"warn\" }}\n",
        spec::header(),
        program.display().to_string()
    ));
    sandbox.expect(0, &["up", "--yes"]);
    let caller = Caller { client: Client::builder(TokioExecutor::new()).build_http(), authority: world.authority() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{:<44} {:>10}", "local cloud", "");
    start();
    runtime.block_on(warm(&caller));
    runtime.block_on(reads(&caller));
}

/// From the start of the process to its first answer.
fn start() {
    let mut times: Vec<Duration> = (0..10)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            let begun = Instant::now();
            let _emulator = Emulator::start(Backend::Local, folder.path());
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("{:<44} {:>10.1} ms (p50 of 10)", "start to first answer, empty", times[5].as_secs_f64() * 1e3);
}

/// The whole way of an invocation, one after the other.
async fn warm(caller: &Caller) {
    let path = "/2015-03-31/functions/demo-hash/invocations";
    let (status, body) = caller.call(Method::POST, path, "\"hello world\"").await;
    assert_eq!((status, &body[..]), (200, &br#""uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek=""#[..]));
    let mut times = Vec::new();
    for _ in 0..INVOCATIONS {
        let begun = Instant::now();
        assert_eq!(caller.call(Method::POST, path, "\"hello world\"").await.0, 200);
        times.push(begun.elapsed());
    }
    times.sort();
    for (name, at) in [("p50", INVOCATIONS / 2), ("p99", INVOCATIONS * 99 / 100)] {
        println!("{:<44} {:>10.2} ms ({name} of {INVOCATIONS})", "warm invocation of hash, whole way", times[at].as_secs_f64() * 1e3);
    }
}

/// GetFunction as fast as it goes.
async fn reads(caller: &Caller) {
    let (count, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (caller, count) = (caller.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while begun.elapsed() < LOAD {
                    assert_eq!(caller.call(Method::GET, "/2015-03-31/functions/demo-hash", "").await.0, 200);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    println!("{:<44} {rate:>10.0} per second", format!("GetFunction, {CONNECTIONS} connections"));
}

//! Base images out of registries that behave as real ones do.

use super::document::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use super::froms::Leads;
use super::pull::{Registries, Wanted};
use super::store::{Store, digest_of};
use crate::model::{Event, EventSink};
use crate::package::environment::Environment;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request: its first line and its headers, in lower case.
type Request = Vec<String>;
/// A status with further headers, and a body of which only so much is sent.
type Answer = (String, Vec<u8>, usize);

/// A server on this machine, and what it was asked.
struct Server {
    authority: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn start(answer: impl Fn(&str, &Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let known = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let request = read(&stream);
                let (status, body, sent) = answer(&request[0], &request);
                known.lock().unwrap().push(request);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                // Who asks may have gone.
                let _ = (&stream).write_all(&[head.as_bytes(), &body[..sent]].concat());
            }
        });
        Self { authority, asked }
    }

    fn asked(&self, fragment: &str) -> Vec<Request> {
        self.asked.lock().unwrap().iter().filter(|request| request[0].contains(fragment)).cloned().collect()
    }
}

fn read(stream: &TcpStream) -> Request {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).map(|line| line.to_ascii_lowercase()).collect()
}

fn whole(status: &str, body: &[u8]) -> Answer {
    (status.to_owned(), body.to_vec(), body.len())
}

/// The documents of an image with this layer, for this machine's registry.
fn image(layer: &[u8], layer_type: &str) -> (Vec<u8>, Vec<u8>) {
    let config = json!({ "architecture": "arm64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": ["sha256:dd"] } }).to_string();
    let describe = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest_of(bytes), "size": bytes.len() });
    let layers = [describe(layer_type, layer)];
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(OCI_CONFIG, config.as_bytes()), "layers": layers });
    (manifest.to_string().into_bytes(), config.into_bytes())
}

/// Pulls `NAME/base:1` and its layer.
async fn pulled(registries: &Registries, authority: &str, layer: &[u8], events: &EventSink) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("{authority}/base:1");
    let wanted = Wanted { name: &name, architecture: "arm64", is_logged_in: false, may_ask: true, is_here: false, events };
    registries.base(wanted, folder.path()).await.map_err(|problem| problem.detail)?;
    let path = registries.blob(&digest_of(layer), &Store::new(folder.path())).await?;
    Ok(std::fs::read(path).unwrap())
}

fn silent() -> EventSink {
    Arc::new(|_| {})
}

/// As ECR and Docker's own registry: a token is fetched first, and blobs lie with somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_and_goes_to_nobody_else_and_what_was_cut_goes_on() {
    let layer: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let (manifest, config) = image(&layer, OCI_LAYER);
    let stored = layer.clone();
    let storage = Server::start(move |_, request| match request.iter().find_map(|line| line.strip_prefix("range: bytes=")) {
        None => ("200 OK".into(), stored.clone(), 200_000),
        Some(range) => {
            let from: usize = range.split('-').next().unwrap().parse().unwrap();
            whole("206 Partial Content", &stored[from..])
        }
    });
    let (place, blob) = (storage.authority.clone(), digest_of(&layer));
    let registry = Server::start(move |line, request| {
        let own = request.iter().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let has_token = request.iter().any(|line| line == "authorization: bearer t0ken");
        match line {
            _ if line.contains("/token?") => whole("200 OK", br#"{"token":"t0ken"}"#),
            _ if !has_token => {
                whole(&format!("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{own}/token\",service=\"registry\""), b"")
            }
            _ if line.contains(&blob) => whole(&format!("307 Temporary Redirect\r\nLocation: http://{place}/stored"), b""),
            _ if line.contains("/blobs/") => whole("200 OK", &config),
            _ => whole(&format!("200 OK\r\nContent-Type: {OCI_MANIFEST}\r\nDocker-Content-Digest: {}", digest_of(&manifest)), &manifest),
        }
    });
    let told: Arc<Mutex<Vec<u64>>> = Arc::default();
    let known = Arc::clone(&told);
    let events: EventSink = Arc::new(move |event| {
        if let Event::Fetching { resumed_at, .. } = event {
            known.lock().unwrap().push(resumed_at);
        }
    });
    let registries = Registries::new(Environment::default());
    assert!(pulled(&registries, &registry.authority, &layer, &events).await.unwrap() == layer);
    let asked = storage.asked("/stored");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().flatten().all(|line| !line.starts_with("authorization:")), "{asked:?}");
    assert!(told.lock().unwrap().contains(&200_000), "{told:?}");
    let name = format!("{}/base:1", registry.authority);
    assert!(matches!(registries.leads(&name).await, Leads::To(digest) if digest.starts_with("sha256:")));
    let asked = registry.asked("head ").len();
    registries.leads(&name).await;
    assert_eq!(registry.asked("head ").len(), asked, "it is asked once in a run");
}

/// Serves one image without asking who it is.
fn open(manifest: Vec<u8>, config: Vec<u8>, layer: Vec<u8>) -> Server {
    let known = digest_of(&config);
    Server::start(move |line, _| match line {
        _ if line.contains(&known) => whole("200 OK", &config),
        _ if line.contains("/blobs/") => whole("200 OK", &layer),
        _ => whole(&format!("200 OK\r\nContent-Type: {OCI_MANIFEST}"), &manifest),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_it_is_called_or_nothing_for_lambda_is_refused() {
    let refusal = async |server: Server| {
        let registries = Registries::new(Environment::default());
        let why = pulled(&registries, &server.authority, b"layer", &silent()).await.unwrap_err();
        why.replace(&server.authority, "R").replace(&digest_of(b"layer"), "D")
    };
    let (manifest, config) = image(b"layer", OCI_LAYER);
    let mut said = vec![refusal(open(manifest.clone(), config.clone(), b"other".to_vec())).await];
    said.push(refusal(open(manifest.clone(), config.clone(), b"layer and more".to_vec())).await);
    for kind in ["application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"] {
        let (manifest, config) = image(b"layer", kind);
        said.push(refusal(open(manifest, config, b"layer".to_vec())).await);
    }
    said.push(refusal(open(br#"{"schemaVersion":1}"#.to_vec(), config.clone(), vec![])).await);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        { "mediaType": OCI_MANIFEST, "digest": digest_of(b"x"), "size": 1, "platform": { "os": "linux", "architecture": "s390x" } },
    ] });
    said.push(refusal(open(index.to_string().into_bytes(), config, vec![])).await);
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_busy_says_nothing_of_where_a_name_leads_and_one_without_the_image_does() {
    let answers = async |status: &'static str| {
        let server = Server::start(move |_, _| whole(status, b""));
        Registries::new(Environment::default()).leads(&format!("{}/base:1", server.authority)).await
    };
    assert!(matches!(answers("429 Too Many Requests\r\nRetry-After: 60").await, Leads::Unknown(_)));
    assert!(matches!(answers("503 Service Unavailable").await, Leads::Unknown(_)));
    assert_eq!(answers("404 Not Found").await, Leads::Nowhere);
    assert_eq!(answers("403 Forbidden").await, Leads::Nowhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_for_a_moment_is_asked_again() {
    let (manifest, config) = image(b"layer", OCI_LAYER);
    let known = digest_of(&config);
    let left = Mutex::new(2);
    let server = Server::start(move |line, _| match line {
        _ if line.contains(&known) => whole("200 OK", &config),
        _ if line.contains("/blobs/") => whole("200 OK", b"layer"),
        _ => {
            let mut left = left.lock().unwrap();
            *left -= 1;
            if *left >= 0 {
                whole("503 Service Unavailable", b"")
            } else {
                whole(&format!("200 OK\r\nContent-Type: {OCI_MANIFEST}"), &manifest)
            }
        }
    });
    let registries = Registries::new(Environment::default());
    assert_eq!(pulled(&registries, &server.authority, b"layer", &silent()).await.unwrap(), b"layer");
    let down = Server::start(|_, _| whole("503 Service Unavailable", b""));
    assert!(pulled(&Registries::new(Environment::default()), &down.authority, b"layer", &silent()).await.is_err());
    assert_eq!(down.asked("/manifests/").len(), 3);
}

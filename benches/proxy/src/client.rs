//! AWS's three protocols over plain HTTP, with as little around them as there can be: no SDK, no TLS, no real signature.

use crate::{Error, Operation, Pace};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant, sleep, sleep_until};

/// How many calls are under way at once.
const AT_ONCE: usize = 50;
/// The longest pause after a call that was too much.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A client of one endpoint.
pub struct Client {
    url: String,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    room: Semaphore,
    pace: Option<Mutex<Pace>>,
}

/// One call, whatever its protocol.
struct Ask {
    operation: Operation,
    method: &'static str,
    path: String,
    media: &'static str,
    target: Option<String>,
    body: Bytes,
}

impl Client {
    /// A client that keeps to the quotas by itself if it is to `pace` its calls.
    pub fn new(url: &str, pace: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { url: url.to_owned(), http, room: Semaphore::new(AT_ONCE), pace: pace.then(Mutex::default) }
    }

    /// A call of the query protocol: IAM and STS.
    ///
    /// # Errors
    /// The call did not go through.
    pub async fn query(&self, service: &str, version: &str, action: &str, form: &[(&str, &str)]) -> Result<String, Error> {
        let pairs = form.iter().map(|(key, value)| format!("&{key}={}", escaped(value)));
        let body = format!("Action={action}&Version={version}{}", pairs.collect::<String>());
        let media = "application/x-www-form-urlencoded";
        self.send(Ask {
            operation: operation(service, action),
            method: "POST",
            path: "/".to_owned(),
            media,
            target: None,
            body: body.into(),
        })
        .await
    }

    /// A call of a JSON protocol; `prefix` stands before the operation's name in its header.
    ///
    /// # Errors
    /// The call did not go through, or its answer is not JSON.
    pub async fn json(&self, service: &str, prefix: &str, name: &str, body: &Value) -> Result<Value, Error> {
        let (target, body) = (Some(format!("{prefix}.{name}")), body.to_string().into());
        let media = "application/x-amz-json-1.1";
        parsed(&self.send(Ask { operation: operation(service, name), method: "POST", path: "/".to_owned(), media, target, body }).await?)
    }

    /// A call of Lambda; `path` comes after `/2015-03-31/functions`.
    ///
    /// # Errors
    /// The call did not go through, or its answer is not JSON.
    pub async fn lambda(&self, name: &str, method: &'static str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let (path, body) = (format!("/2015-03-31/functions{path}"), body.map_or_else(Bytes::new, |body| body.to_string().into()));
        parsed(&self.send(Ask { operation: operation("lambda", name), method, path, media: "application/json", target: None, body }).await?)
    }

    /// Sends a call until it is not too much.
    async fn send(&self, ask: Ask) -> Result<String, Error> {
        let mut pause = Duration::from_millis(100);
        loop {
            self.wait_for_slot(&ask.operation).await;
            let (status, text) = self.attempt(&ask).await?;
            if status.is_success() {
                return Ok(text);
            }
            if !text.contains("Rate exceeded") {
                return Err(format!("{}: {status} {text}", ask.operation).into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn wait_for_slot(&self, operation: &Operation) {
        if let Some(pace) = &self.pace {
            let slot = pace.lock().unwrap_or_else(PoisonError::into_inner).slot(operation, Instant::now());
            sleep_until(slot).await;
        }
    }

    async fn attempt(&self, ask: &Ask) -> Result<(hyper::StatusCode, String), Error> {
        let _room = self.room.acquire().await?;
        let scope = format!("KEY/20260101/us-east-1/{}/aws4_request", ask.operation.service);
        let request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.url, ask.path))
            .header("content-type", ask.media)
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
        let request = ask.target.iter().fold(request, |request, target| request.header("x-amz-target", target));
        let answer = self.http.request(request.body(Full::new(ask.body.clone()))?).await?;
        let status = answer.status();
        Ok((status, String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?))
    }
}

fn operation(service: &str, name: &str) -> Operation {
    Operation { service: service.to_owned(), name: name.to_owned() }
}

/// An answer without a body is `null`.
fn parsed(text: &str) -> Result<Value, Error> {
    if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(text)?) }
}

fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

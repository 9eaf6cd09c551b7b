//! One request to a registry and its answer.

use crate::aws::plain_http::beginning;
use crate::aws::refusal::Refusal;
pub(super) use crate::aws::refusal::Trouble;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::{HttpError, StatusCode};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use std::time::Duration;

/// How long an answer may take, besides the time for the body.
const PATIENCE: Duration = Duration::from_secs(60);
/// The slowest line that a body is sent over, in bytes per second.
const SLOWEST: u64 = 32 * 1024;

/// As much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A request that can be sent.
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: SdkBody,
}

/// What a registry answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where an upload goes on, as the registry wrote it.
    pub(super) location: Option<String>,
    /// The digest of a manifest or a blob.
    pub(super) digest: Option<String>,
    /// What has arrived of an upload, such as `0-1023`.
    pub(super) range: Option<String>,
}

impl Ask {
    /// A request without a body.
    pub(super) fn new(method: &'static str, url: String) -> Self {
        Self { method, url, headers: Vec::new(), body: SdkBody::empty() }
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
    pub(super) fn body(mut self, body: SdkBody) -> Self {
        self.body = body;
        self
    }

    fn request(self) -> Result<HttpRequest, HttpError> {
        let length = self.body.content_length().unwrap_or_default();
        let mut request = HttpRequest::new(self.body);
        request.set_method(self.method)?;
        request.set_uri(self.url)?;
        let length = (!matches!(self.method, "GET" | "HEAD")).then(|| ("content-length", length.to_string()));
        for (name, value) in self.headers.into_iter().chain(length) {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }

    /// Sends it. What is missing (404) and what lies elsewhere (3xx) are answers, all else that is no success an error.
    pub(super) async fn send(self, connector: &SharedHttpConnector) -> Result<Answer, Trouble> {
        let request = self.request().map_err(SdkError::construction_failure)?;
        let bytes = request.body().content_length().unwrap_or_default();
        let patience = PATIENCE + Duration::from_secs(bytes / SLOWEST);
        let exchange = async {
            let mut response = connector.call(request).await.map_err(SdkError::dispatch_failure)?;
            // Nothing but refusals is read; what is cut off is told as far as it came.
            let (body, _) = beginning(response.take_body(), ANSWER_BYTES_MAX).await;
            Ok::<_, Trouble>((response, body))
        };
        let (response, body) = tokio::time::timeout(patience, exchange).await.map_err(SdkError::timeout_error)??;
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let status = response.status().as_u16();
        let answer = Answer { status, location: header("location"), digest: header("docker-content-digest"), range: header("range") };
        match status {
            200..=399 | 404 => Ok(answer),
            _ => Err(SdkError::service_error(refusal(response.status(), &body), response)),
        }
    }
}

/// The first error of the answer's list.
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>
fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let first = parsed.pointer("/errors/0");
    let text = |key: &str| first.and_then(|error| error.get(key)).and_then(serde_json::Value::as_str);
    let code = text("code").unwrap_or(if status.as_u16() == 401 { "UNAUTHORIZED" } else { "" });
    let message = text("message").map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), str::to_owned);
    let message = if message.is_empty() { format!("HTTP status {}", status.as_u16()) } else { message };
    Refusal(ErrorMetadata::builder().code(code).message(message).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::error::metadata::ProvideErrorMetadata;
    use bytes::Bytes;
    use http_body::{Body, Frame};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Sends pieces without an end, or after the first one nothing any more.
    #[derive(Clone, Copy, Debug)]
    struct Endless {
        is_silent: bool,
        has_sent: bool,
    }

    impl Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            if self.is_silent && self.has_sent {
                return Poll::Pending;
            }
            self.has_sent = true;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 1000])))))
        }
    }

    impl HttpConnector for Endless {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from_body_1_x(*self))))
        }
    }

    async fn asked(is_silent: bool) -> Trouble {
        let connector = SharedHttpConnector::new(Endless { is_silent, has_sent: false });
        Ask::new("GET", "https://r.example/v2/".into()).send(&connector).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_end_is_cut_off() {
        let SdkError::ServiceError(refused) = asked(false).await else { panic!("a refusal") };
        assert_eq!(refused.err().meta().message().unwrap().len(), ANSWER_BYTES_MAX);
        assert!(matches!(asked(true).await, SdkError::TimeoutError(_)));
    }
}

//! Requests to services that the SDK brings no client for here: signed by the SDK, answered within limits.

use super::plain_http::{PlainHttp, beginning};
use super::refusal::Trouble;
use super::time::{between_ms, later};
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::body::SdkBody;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much of an answer is read, in bytes: a secret has 64 KiB at most, and JSON may write each byte as six.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
pub(super) const LARGEST_ANSWER_BYTES: usize = 1 << 20;

/// Makes requests to such services, and keeps to their time as the SDK's clients do.
pub(super) struct Signer {
    config: SdkConfig,
    http: PlainHttp,
    /// By how much the services' clock is ahead of this machine's, as far as their last answer told.
    ahead_ms: AtomicI64,
}

impl Signer {
    pub(super) fn new(config: &SdkConfig, http: PlainHttp) -> Self {
        Self { config: config.clone(), http, ahead_ms: AtomicI64::new(0) }
    }

    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// What a request to a service in a region is answered with, and all of the answer's body.
    pub(super) async fn ask(
        &self,
        place: (&str, &str),
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(HttpResponse, Vec<u8>), Trouble> {
        let request = self.signed(place, url, headers, body).await.map_err(SdkError::construction_failure)?;
        let answer = answered(&self.http, request).await?;
        if let Some(ahead_ms) = answer.0.headers().get("date").and_then(|date| self.measured(date)) {
            self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        }
        Ok(answer)
    }

    async fn signed(
        &self,
        (service, region): (&str, &str),
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<HttpRequest, BoxError> {
        let provider = self.config.credentials_provider().ok_or("the credential provider was not enabled")?;
        let identity: Identity = provider.provide_credentials().await?.into();
        let parameters = SigningParams::builder().identity(&identity).region(region).name(service);
        let parameters = parameters.time(self.time()).settings(SigningSettings::default()).build()?.into();
        let signable = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(url.to_owned())?;
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }

    /// The time by the services' clock.
    fn time(&self) -> SystemTime {
        later(self.here(), self.ahead_ms.load(Ordering::Relaxed))
    }

    fn here(&self) -> SystemTime {
        self.config.time_source().map_or_else(SystemTime::now, |time| time.now())
    }

    /// By how much a service is ahead whose answer has just come, in milliseconds.
    fn measured(&self, date: &str) -> Option<i64> {
        let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
        Some(between_ms(self.here(), SystemTime::from(there)))
    }
}

async fn answered(http: &PlainHttp, request: HttpRequest) -> Result<(HttpResponse, Vec<u8>), Trouble> {
    let exchange = async {
        let mut response = http.connector().call(request).await.map_err(SdkError::dispatch_failure)?;
        let (body, is_whole) = beginning(response.take_body(), LARGEST_ANSWER_BYTES).await;
        let is_whole = is_whole.map_err(|error| SdkError::dispatch_failure(ConnectorError::io(error.into())))?;
        Ok::<_, Trouble>((response, body, is_whole))
    };
    let (response, body, is_whole) = tokio::time::timeout(PATIENCE, exchange).await.map_err(SdkError::timeout_error)??;
    match is_whole {
        true => Ok((response, body)),
        false => Err(SdkError::construction_failure("the answer is larger than 1 MiB, which none of this service is")),
    }
}

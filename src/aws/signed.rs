//! Requests to services that the SDK brings no client for here: signed by the SDK, answered within limits.

use super::plain_http::{PlainHttp, beginning};
use super::refusal::Trouble;
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
use std::time::{Duration, SystemTime};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much of an answer is read, in bytes: a secret has 64 KiB at most, and JSON may write each byte as six.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
pub(super) const LARGEST_ANSWER_BYTES: usize = 1 << 20;

/// A signed request to a service in a region.
pub(super) async fn signed(
    config: &SdkConfig,
    (service, region): (&str, &str),
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<HttpRequest, BoxError> {
    let provider = config.credentials_provider().ok_or("the credential provider was not enabled")?;
    let identity: Identity = provider.provide_credentials().await?.into();
    let parameters = SigningParams::builder().identity(&identity).region(region).name(service);
    let parameters = parameters.time(SystemTime::now()).settings(SigningSettings::default()).build()?.into();
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

/// What a request is answered with, and all of the answer's body.
pub(super) async fn answered(http: &PlainHttp, request: HttpRequest) -> Result<(HttpResponse, Vec<u8>), Trouble> {
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

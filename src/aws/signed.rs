//! Signing requests to services that the SDK brings no client for here.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use std::time::SystemTime;

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

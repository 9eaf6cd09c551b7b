//! Telling over HTTP. The address is where it goes: nobody is followed to another one.

use super::{Message, Outcome, Refusal, answer};
use crate::model::hmac_sha256;
use crate::model::notify::WebhookFormat;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use std::time::Duration;

/// The largest body, in bytes.
const BODY_MAX: usize = 60 << 10;
/// As much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 10;
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);

/// Names the message, also when it is sent again.
const ID: &str = "lambdo-delivery";
/// When it was signed, in seconds since 1970: who checks refuses what is old, so that nothing can be replayed.
const TIMESTAMP: &str = "lambdo-timestamp";
/// `v1=` and the HMAC-SHA256 of the timestamp, a dot and the body, in hex.
const SIGNATURE: &str = "lambdo-signature";

/// Sends a message, signed where there is a secret.
pub async fn send(url: &str, format: WebhookFormat, secret: Option<&str>, message: &Message) -> Result<(), Refusal> {
    let body = match format {
        WebhookFormat::Json => message.document_within(BODY_MAX),
        WebhookFormat::Slack => message.slack().to_string(),
    };
    let request = request(url, &body, secret, &message.id, jiff::Timestamp::now().as_second())?;
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).connector_settings(settings);
    let connector = connector.proxy_config(ProxyConfig::from_env()).build();
    // The error may have the address in it, which may be a secret.
    let response = connector.call(request).await.map_err(|error| {
        let why = if error.is_timeout() { "no answer in time" } else { "it cannot be reached" };
        Refusal::for_now(why)
    })?;
    judged(response).await
}

fn request(url: &str, body: &str, secret: Option<&str>, id: &str, seconds: i64) -> Result<HttpRequest, Refusal> {
    let wrong = || Refusal::for_ever("the address is no `http://` or `https://` without a user in it");
    let (_, rest) = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)).ok_or_else(wrong)?;
    if rest.split(['/', '?', '#']).next().is_none_or(|host| host.is_empty() || host.contains('@')) {
        return Err(wrong());
    }
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").map_err(|_| wrong())?;
    request.set_uri(url.trim().to_owned()).map_err(|_| wrong())?;
    let timestamp = seconds.to_string();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("lambdo/", env!("CARGO_PKG_VERSION")).to_owned()),
        (ID, id.to_owned()),
        (TIMESTAMP, timestamp.clone()),
    ];
    headers.extend(secret.map(|secret| (SIGNATURE, signature(secret, &timestamp, body))));
    for (name, value) in headers {
        request.headers_mut().try_insert(name, value).map_err(|_| wrong())?;
    }
    Ok(request)
}

fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    format!("v1={}", hmac_sha256(secret.as_bytes(), format!("{timestamp}.{body}").as_bytes()))
}

async fn judged(mut response: HttpResponse) -> Result<(), Refusal> {
    let status = response.status().as_u16();
    let asked = response.headers().get("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    if (200..300).contains(&status) {
        return Ok(());
    }
    let said = beginning(response.take_body()).await;
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(match status {
        300..400 => Refusal::for_ever(format!("HTTP {status}: it leads to another address, and nobody is followed there")),
        408 | 425 | 429 | 500.. => Refusal { text: format!("HTTP {status}{said}"), outcome: Outcome::Failed(asked) },
        _ => Refusal::for_ever(format!("HTTP {status}{said}")),
    })
}

async fn beginning(body: SdkBody) -> String {
    let (mut body, mut bytes) = (ByteStream::new(body), Vec::new());
    while let Some(Ok(chunk)) = body.next().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    bytes.truncate(ANSWER_BYTES_MAX);
    answer(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_time_and_the_body() {
        let request = request("https://example.com/hook?a=b", "{}", Some("hunter22"), "m-1", 1_800_000_000).unwrap();
        let header = |name: &str| request.headers().get(name).unwrap().to_owned();
        // printf '1800000000.{}' | openssl dgst -sha256 -hmac hunter22
        assert_eq!(header(SIGNATURE), "v1=8c7bb6477fe7d7ae2185d69a3e07eac05d532e249c6bd1dc8b7deb8c66f59a64");
        assert_eq!((header(TIMESTAMP).as_str(), header(ID).as_str(), request.method()), ("1800000000", "m-1", "POST"));
        assert_ne!(signature("hunter22", "1800000001", "{}"), signature("hunter22", "1800000000", "{}"));
    }

    #[test]
    fn an_address_with_a_user_or_another_scheme_is_no_webhook() {
        for url in ["file:///etc/passwd", "https://u:p@example.com", "https://", "example.com", "ftp://example.com"] {
            assert_eq!(request(url, "{}", None, "m", 0).unwrap_err().outcome, Outcome::Refused, "{url}");
        }
    }
}

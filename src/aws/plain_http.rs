//! Requests to what the SDK brings no client for: one connection pool for all of it, and answers of a bounded size.

use super::locked;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{ByteStream, error::Error as BodyError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The way there. Clones share their connections.
#[derive(Clone)]
pub(super) struct PlainHttp {
    /// Made when it is needed: most runs need none.
    connector: Arc<Mutex<Option<SharedHttpConnector>>>,
    /// Whether proxies of the environment are left alone, so that nothing can leave this machine.
    is_local: bool,
}

impl PlainHttp {
    /// No connection yet. Without proxies where it `is_local`.
    pub(super) fn new(is_local: bool) -> Self {
        Self { connector: Arc::default(), is_local }
    }

    /// One that goes over this connector.
    pub(super) fn over(connector: SharedHttpConnector) -> Self {
        Self { connector: Arc::new(Mutex::new(Some(connector))), is_local: true }
    }

    pub(super) fn connector(&self) -> SharedHttpConnector {
        let made = || {
            let proxy = if self.is_local { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
            let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
            let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            SharedHttpConnector::new(builder.connector_settings(settings).proxy_config(proxy).build())
        };
        locked(&self.connector).get_or_insert_with(made).clone()
    }
}

/// As much of a body as came before it ended, broke off or had `most_bytes`; and whether that is all of it.
///
/// Who sends without end is not listened to.
pub(super) async fn beginning(body: SdkBody, most_bytes: usize) -> (Vec<u8>, Result<bool, BodyError>) {
    let (mut body, mut read) = (ByteStream::new(body), Vec::new());
    while let Some(piece) = body.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return (read, Err(error)),
        };
        let room = most_bytes.saturating_sub(read.len());
        read.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return (read, Ok(false));
        }
    }
    (read, Ok(true))
}

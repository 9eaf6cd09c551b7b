//! Answers of a bounded size: the SDK reads all of an answer into memory, however long it gets.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// As much of an answer is read, in bytes. A function answers with 6 MB at most, and the longest pages that AWS gives, those of
/// IAM with all roles and their policies, are not much longer.
const MOST_BYTES: u64 = 32 << 20;

/// A client whose answers end with an error where they get too long.
#[derive(Debug)]
pub(super) struct Bounded<T>(pub(super) T);

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, bag)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(components, bag)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { Ok::<HttpResponse, _>(answer.await?.map(|body| bounded(body, MOST_BYTES))) })
    }
}

fn bounded(body: SdkBody, most_bytes: u64) -> SdkBody {
    SdkBody::from_body_1_x(BoundedBody { body: Box::pin(body), left: most_bytes })
}

struct BoundedBody {
    body: Pin<Box<SdkBody>>,
    left: u64,
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(self.body.as_mut().poll_frame(context)) else { return Poll::Ready(None) };
        let bytes = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        Poll::Ready(Some(match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                frame
            }
            None => Err(format!("it is longer than {} MiB, which no answer of AWS is", MOST_BYTES >> 20).into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&*self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::byte_stream::ByteStream;

    #[tokio::test]
    async fn what_is_too_long_ends_with_an_error() {
        let read = async |bytes: usize| ByteStream::new(bounded(SdkBody::from(vec![7; bytes]), 100)).collect().await;
        assert_eq!(read(100).await.unwrap().into_bytes().len(), 100);
        assert!(read(101).await.is_err());
    }
}

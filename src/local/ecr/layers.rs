//! AWS's operations on layers. Docker and its like do not use them: they come to `registry`.

use super::blobs::is_digest;
use super::record::Layer;
use super::uploads::{Session, UploadError};
use super::{Ecr, Input, checks};
use crate::local::error::ApiError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// What clients are asked to send at once.
const PART_BYTES: u64 = 10_485_760;

impl Ecr {
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html>
    pub(super) fn check_layers(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let digests = input.layer_digests.clone().unwrap_or_default();
        self.look(region, name, |repository| {
            let (mut layers, mut failures) = (Vec::new(), Vec::new());
            for digest in &digests {
                match repository.settings.layers.get(digest) {
                    _ if !is_digest(digest) => failures.push(json!({
                        "layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest",
                    })),
                    Some(layer) => layers.push(json!({
                        "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": layer.size_bytes,
                    })),
                    None => layers.push(json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" })),
                }
            }
            Ok(json!({ "layers": layers, "failures": failures }))
        })
    }

    /// Unlike on AWS, the address wants the token too.
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html>
    pub(super) fn download_url(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let digest = input.layer_digest.as_deref().unwrap_or_default();
        self.look(region, name, |repository| {
            if !repository.settings.layers.contains_key(digest) {
                let message = format!("The layer {digest} does not exist in the repository with name '{name}'");
                return Err(ApiError::new(400, "LayersNotFoundException", message));
            }
            Ok(json!({ "downloadUrl": format!("{}/v2/{name}/blobs/{digest}", self.endpoint_url), "layerDigest": digest }))
        })
    }

    pub(super) fn initiate_upload(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        Ok(json!({ "uploadId": self.begin_upload(region, name)?, "partSize": PART_BYTES }))
    }

    /// Begins to take a layer; gives the upload's id.
    pub(super) fn begin_upload(&self, region: &str, name: &str) -> Result<String, ApiError> {
        let key = self.look(region, name, |repository| Ok(repository.settings.key()))?;
        self.uploads.begin(key).map_err(|error| ApiError::internal(format!("The layer cannot be written to disk: {error}")))
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html>
    pub(super) async fn upload_part(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let (name, id, session) = self.session(region, input).await?;
        let part = BASE64_STANDARD.decode(input.layer_part_blob.as_deref().unwrap_or_default());
        let part = part.map_err(|error| checks::invalid("layerPartBlob", &error.to_string()))?;
        let (first, last) = (input.part_first_byte.unwrap_or_default(), input.part_last_byte.unwrap_or_default());
        let is_next = first == session.received_bytes && last.checked_sub(first) == (part.len() as u64).checked_sub(1);
        if !is_next {
            let received = session.received_bytes;
            let message = format!("The part of bytes {first} to {last} does not follow the {received} bytes that are there");
            let error = ApiError::new(400, "InvalidLayerPartException", message).with("uploadId", id).with("repositoryName", name);
            return Err(error.with("lastValidByteReceived", received.saturating_sub(1)));
        }
        let part = futures::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(part))]);
        let (_, outcome) = Session::append(session, part).await;
        outcome.map_err(|error| self.failed(id, &error))?;
        Ok(json!({ "registryId": self.common.account, "repositoryName": name, "uploadId": id, "lastByteReceived": last }))
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html>
    pub(super) async fn complete_upload(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let (name, id, session) = self.session(region, input).await?;
        if session.received_bytes == 0 {
            return Err(ApiError::new(400, "EmptyUploadException", "The specified layer upload does not contain any layer parts"));
        }
        let digest = input.layer_digests.iter().flatten().next().cloned().unwrap_or_default();
        if self.look(region, name, |repository| Ok(repository.settings.layers.contains_key(&digest)))? {
            let message = format!("Layer with digest '{digest}' already exists in the repository with name '{name}'");
            return Err(ApiError::new(400, "LayerAlreadyExistsException", message));
        }
        self.finish_upload(id, session, &digest).await.map_err(|error| self.failed(id, &error))?;
        Ok(json!({ "registryId": self.common.account, "repositoryName": name, "uploadId": id, "layerDigest": digest }))
    }

    async fn session<'a>(
        &self,
        region: &str,
        input: &'a Input,
    ) -> Result<(&'a str, &'a str, tokio::sync::OwnedMutexGuard<Session>), ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let id = input.upload_id.as_deref().unwrap_or_default();
        let missing = || ApiError::new(400, "UploadNotFoundException", format!("The upload {id} does not exist"));
        let session = self.uploads.find(id, &(region.to_owned(), name.to_owned())).await.ok_or_else(missing)?;
        Ok((name, id, session))
    }

    /// Takes a layer over that is whole; it is there for good when this returns.
    pub(super) async fn finish_upload(
        &self,
        id: &str,
        mut session: tokio::sync::OwnedMutexGuard<Session>,
        digest: &str,
    ) -> Result<(), UploadError> {
        self.uploads.forget(id);
        let (region, name) = session.repository.clone();
        let layer = Layer { size_bytes: session.received_bytes, pushed_ms: self.now_ms() };
        let _in_use = self.blobs.being_used().await;
        let (blobs, wanted) = (Arc::clone(&self.blobs), digest.to_owned());
        let finished = tokio::task::spawn_blocking(move || session.finish(&blobs, &wanted)).await;
        finished.unwrap_or_else(|error| Err(UploadError::Disk(std::io::Error::other(error))))?;
        self.add_layer(&region, &name, digest, layer).await.map_err(|error| UploadError::Disk(std::io::Error::other(error.message)))
    }

    /// From now on the repository has this layer, which is on disk.
    pub(super) async fn add_layer(&self, region: &str, name: &str, digest: &str, layer: Layer) -> Result<(), ApiError> {
        self.set(region, name, |settings| {
            settings.layers.insert(digest.to_owned(), layer);
            Ok(())
        })
        .await
    }

    fn failed(&self, id: &str, error: &UploadError) -> ApiError {
        match error {
            UploadError::OtherDigest(found) => {
                ApiError::new(400, "InvalidLayerException", format!("What was uploaded has the digest {found}"))
            }
            UploadError::BrokenOff(reason) => ApiError::new(400, "InvalidLayerPartException", reason.clone()),
            UploadError::Disk(error) => {
                self.uploads.forget(id);
                ApiError::internal(format!("The layer could not be written to disk: {error}"))
            }
        }
    }
}

//! Taking an image in, by whichever entrance its manifest came.

use super::blobs::digest_of;
use super::manifest::Manifest;
use super::record::{Image, Repository};
use super::{Ecr, checks};
use crate::local::error::ApiError;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// An image as it is sent.
pub(super) struct Push<'a> {
    pub region: &'a str,
    pub name: &'a str,
    pub manifest: &'a str,
    pub media_type: Option<&'a str>,
    pub tag: Option<&'a str>,
    pub digest: Option<&'a str>,
    /// Whether the same image under the same tag is refused, as AWS's own operation does.
    pub must_be_new: bool,
}

impl Ecr {
    /// Takes an image in; gives its digest and its media type. It is on disk by then.
    ///
    /// # Errors
    /// What ECR refuses.
    pub(super) async fn push(&self, push: &Push<'_>) -> Result<(String, String), ApiError> {
        let name = checks::name(Some(push.name))?;
        push.tag.map(checks::tag).transpose()?;
        let invalid = |reason: String| {
            let message = format!("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax': {reason}");
            ApiError::new(400, "InvalidParameterException", message)
        };
        let (manifest, media_type) = Manifest::parse(push.manifest, push.media_type).map_err(invalid)?;
        let digest = digest_of(&Sha256::digest(push.manifest.as_bytes()));
        if push.digest.is_some_and(|wanted| wanted != digest) {
            let message = format!("The manifest has the digest {digest}, and was sent for {}", push.digest.unwrap_or_default());
            return Err(ApiError::new(400, "ImageDigestDoesNotMatchException", message));
        }
        let image = Image {
            region: push.region.to_owned(),
            repository: name.to_owned(),
            digest: digest.clone(),
            media_type: media_type.clone(),
            manifest: push.manifest.to_owned(),
            artifact_type: manifest.artifact_type.clone().or_else(|| manifest.config.as_ref().map(|config| config.media_type.clone())),
            tags: BTreeSet::new(),
            pushed_ms: self.now_ms(),
            size_bytes: manifest.layers.iter().map(|layer| layer.size).sum(),
            layers: manifest.blobs().map(|blob| blob.digest.clone()).collect(),
            images: manifest.manifests.iter().map(|image| image.digest.clone()).collect(),
        };
        let ((), saved) = self.change(push.region, name, |repository| {
            self.check_complete(repository, &manifest)?;
            self.check_tag(repository, push, &digest)?;
            Ok(((), repository.put(image, push.tag)))
        })?;
        saved.wait().await?;
        Ok((digest, media_type))
    }

    /// Everything that an image consists of must be there before.
    fn check_complete(&self, repository: &Repository, manifest: &Manifest) -> Result<(), ApiError> {
        let name = &repository.settings.name;
        let missing: Vec<&str> =
            manifest.blobs().map(|blob| blob.digest.as_str()).filter(|digest| !repository.settings.layers.contains_key(*digest)).collect();
        if !missing.is_empty() {
            let message = format!(
                "Layers with digests '{missing:?}' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist",
                self.common.account
            );
            return Err(ApiError::new(400, "LayersNotFoundException", message));
        }
        let missing: Vec<&str> = manifest
            .manifests
            .iter()
            .map(|image| image.digest.as_str())
            .filter(|digest| !repository.images.contains_key(*digest))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Images with digests '{missing:?}' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist",
            self.common.account
        );
        Err(ApiError::new(400, "ReferencedImagesNotFoundException", message))
    }

    fn check_tag(&self, repository: &Repository, push: &Push<'_>, digest: &str) -> Result<(), ApiError> {
        let name = &repository.settings.name;
        let known = repository.images.get(digest);
        let holder = push.tag.and_then(|tag| repository.tagged(tag));
        let is_same = match push.tag {
            Some(_) => holder.is_some_and(|holder| holder.digest == digest),
            None => known.is_some(),
        };
        if is_same && push.must_be_new {
            let account = &self.common.account;
            let tag = push.tag.map_or_else(|| "null".to_owned(), str::to_owned);
            let message = format!(
                "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in registry with id '{account}'"
            );
            return Err(ApiError::new(400, "ImageAlreadyExistsException", message));
        }
        match push.tag {
            Some(tag) if holder.is_some() && !is_same && repository.settings.is_immutable(tag) => {
                let message = format!(
                    "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
                );
                Err(ApiError::new(400, "ImageTagAlreadyExistsException", message))
            }
            _ => Ok(()),
        }
    }
}

impl Repository {
    /// Puts an image in, and moves the tag to it; tells which images have changed.
    fn put(&mut self, image: Image, tag: Option<&str>) -> Vec<String> {
        let mut touched = vec![image.digest.clone()];
        if let Some(tag) = tag {
            for other in self.images.values_mut().filter(|other| other.digest != image.digest) {
                if other.tags.remove(tag) {
                    touched.push(other.digest.clone());
                }
            }
        }
        let image = self.images.entry(image.digest.clone()).or_insert(image);
        image.tags.extend(tag.map(str::to_owned));
        touched
    }
}

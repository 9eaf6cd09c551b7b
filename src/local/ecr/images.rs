//! AWS's operations on images.

use super::push::Push;
use super::record::{Image, Repository};
use super::repositories::{seconds, with_next};
use super::{Ecr, Input, checks, lifecycle};
use crate::local::error::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MOST_IDS: usize = 100;

/// An image by digest, by tag, or by both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImageId {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tag: Option<String>,
}

/// Which images are listed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    tag_status: Option<String>,
}

impl Filter {
    fn takes(&self, image: &Image) -> bool {
        match self.tag_status.as_deref() {
            Some("TAGGED") => !image.tags.is_empty(),
            Some("UNTAGGED") => image.tags.is_empty(),
            _ => true,
        }
    }
}

/// What is said of an image that is not to be had: code and reason.
type Failure = (&'static str, &'static str);

impl ImageId {
    fn find<'a>(&self, repository: &'a Repository) -> Result<&'a Image, Failure> {
        const MISSING: Failure = ("ImageNotFound", "Requested image not found");
        match (&self.image_digest, &self.image_tag) {
            (None, None) => Err(("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")),
            (Some(digest), _) if !super::blobs::is_digest(digest) => Err((
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            )),
            (Some(digest), None) => repository.images.get(digest).ok_or(MISSING),
            (None, Some(tag)) => repository.tagged(tag).ok_or(MISSING),
            (Some(digest), Some(tag)) => {
                let image = repository.images.get(digest).ok_or(MISSING)?;
                let mismatch = ("ImageTagDoesNotMatchDigest", "Invalid request parameters: image tag does not match image digest");
                if image.tags.contains(tag) { Ok(image) } else { Err(mismatch) }
            }
        }
    }

    fn failed(&self, (code, reason): Failure) -> Value {
        json!({ "imageId": self, "failureCode": code, "failureReason": reason })
    }
}

impl Ecr {
    /// Expires what the lifecycle policy says before anybody looks.
    async fn settle(&self, region: &str, name: &str) -> Result<(), ApiError> {
        let now_ms = self.now_ms();
        if self.look(region, name, |repository| Ok(lifecycle::expired(repository, now_ms).is_empty()))? {
            return Ok(());
        }
        let ((), saved) = self.change(region, name, |repository| {
            let expired = lifecycle::expired(repository, now_ms);
            expired.iter().for_each(|digest| repository.remove(digest));
            if let Some(lifecycle) = &mut repository.settings.lifecycle {
                lifecycle.evaluated_ms = now_ms;
            }
            Ok(((), expired))
        })?;
        saved.wait().await?;
        self.blobs.collect().await;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>
    pub(super) async fn describe_images(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let most = checks::page(input.max_results)?;
        self.settle(region, name).await?;
        let filter = input.filter.clone().unwrap_or_default();
        self.look(region, name, |repository| {
            if let Some(ids) = input.image_ids.as_ref().filter(|ids| !ids.is_empty()) {
                check_count(ids)?;
                let find = |id: &ImageId| id.find(repository).map(|image| self.detail(image)).map_err(|_| self.no_image(name, id));
                return Ok(json!({ "imageDetails": ids.iter().map(find).collect::<Result<Vec<_>, _>>()? }));
            }
            let images = repository.images.values().filter(|image| filter.takes(image));
            let images = images.map(|image| (image.digest.clone(), self.detail(image)));
            let (page, next) = checks::paged(images, input.next_token.as_deref(), most);
            Ok(with_next(json!({ "imageDetails": page }), next))
        })
    }

    fn detail(&self, image: &Image) -> Value {
        let mut detail = json!({
            "registryId": self.common.account,
            "repositoryName": image.repository,
            "imageDigest": image.digest,
            "imageSizeInBytes": image.size_bytes,
            "imagePushedAt": seconds(image.pushed_ms),
            "imageManifestMediaType": image.media_type,
            "imageStatus": "ACTIVE",
        });
        if !image.tags.is_empty() {
            detail["imageTags"] = json!(image.tags);
        }
        if let Some(artifact_type) = &image.artifact_type {
            detail["artifactMediaType"] = artifact_type.as_str().into();
        }
        detail
    }

    fn no_image(&self, name: &str, id: &ImageId) -> ApiError {
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
        let message = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' in the registry with id '{}'",
            text(&id.image_digest),
            text(&id.image_tag),
            self.common.account
        );
        ApiError::new(400, "ImageNotFoundException", message)
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html>
    pub(super) async fn list_images(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let most = checks::page(input.max_results)?;
        self.settle(region, name).await?;
        let filter = input.filter.clone().unwrap_or_default();
        self.look(region, name, |repository| {
            let images = repository.images.values().filter(|image| filter.takes(image));
            let ids = images.flat_map(|image| {
                let of_tag = |tag: &String| (format!("{} {tag}", image.digest), json!({ "imageDigest": image.digest, "imageTag": tag }));
                let untagged = image.tags.is_empty().then(|| (image.digest.clone(), json!({ "imageDigest": image.digest })));
                image.tags.iter().map(of_tag).chain(untagged).collect::<Vec<_>>()
            });
            let (page, next) = checks::paged(ids, input.next_token.as_deref(), most);
            Ok(with_next(json!({ "imageIds": page }), next))
        })
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>
    pub(super) async fn batch_get_image(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let ids = input.image_ids.clone().unwrap_or_default();
        check_count(&ids)?;
        self.settle(region, name).await?;
        self.look(region, name, |repository| {
            let (mut images, mut failures) = (Vec::new(), Vec::new());
            for id in &ids {
                match id.find(repository) {
                    Ok(image) => images.push(self.shown_image(image, id.image_tag.as_deref())),
                    Err(failure) => failures.push(id.failed(failure)),
                }
            }
            Ok(json!({ "images": images, "failures": failures }))
        })
    }

    fn shown_image(&self, image: &Image, tag: Option<&str>) -> Value {
        let id = ImageId { image_digest: Some(image.digest.clone()), image_tag: tag.map(str::to_owned) };
        json!({
            "registryId": self.common.account, "repositoryName": image.repository, "imageId": id,
            "imageManifest": image.manifest, "imageManifestMediaType": image.media_type,
        })
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>
    pub(super) async fn batch_delete_image(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let ids = input.image_ids.clone().unwrap_or_default();
        check_count(&ids)?;
        let (answer, saved) = self.change(region, name, |repository| {
            let (mut gone, mut failures, mut touched) = (Vec::new(), Vec::new(), Vec::new());
            for id in &ids {
                match delete(repository, id) {
                    Ok((ids, digest)) => {
                        gone.extend(ids);
                        touched.push(digest);
                    }
                    Err(failure) => failures.push(id.failed(failure)),
                }
            }
            Ok((json!({ "imageIds": gone, "failures": failures }), touched))
        })?;
        saved.wait().await?;
        self.blobs.collect().await;
        Ok(answer)
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html>
    pub(super) async fn put_image(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let manifest = input.image_manifest.as_deref().unwrap_or_default();
        let tag = input.image_tag.as_deref();
        let (digest, media_type) = self
            .push(&Push {
                region,
                name,
                manifest,
                media_type: input.image_manifest_media_type.as_deref(),
                tag,
                digest: input.image_digest.as_deref(),
                must_be_new: true,
            })
            .await?;
        let id = ImageId { image_digest: Some(digest), image_tag: tag.map(str::to_owned) };
        Ok(json!({ "image": {
            "registryId": self.common.account, "repositoryName": name, "imageId": id,
            "imageManifest": manifest, "imageManifestMediaType": media_type,
        } }))
    }
}

fn check_count(ids: &[ImageId]) -> Result<(), ApiError> {
    let rule = format!("must have length between 1 and {MOST_IDS}");
    if (1..=MOST_IDS).contains(&ids.len()) { Ok(()) } else { Err(checks::invalid("imageIds", &rule)) }
}

/// A digest takes the image with all its tags; a tag only itself, and the image with the last of them.
fn delete(repository: &mut Repository, id: &ImageId) -> Result<(Vec<ImageId>, String), Failure> {
    let image = id.find(repository)?;
    let digest = image.digest.clone();
    let named = |tag: &String| ImageId { image_digest: Some(digest.clone()), image_tag: Some(tag.clone()) };
    let (gone, is_last) = match &id.image_tag {
        Some(tag) => (vec![named(tag)], image.tags.len() == 1),
        None if image.tags.is_empty() => (vec![id.clone()], true),
        None => (image.tags.iter().map(named).collect(), true),
    };
    if is_last && repository.images.values().any(|other| other.images.contains(&digest)) {
        return Err(("ImageReferencedByManifestList", "Requested image referenced by manifest list"));
    }
    if is_last {
        repository.remove(&digest);
    } else if let (Some(image), Some(tag)) = (repository.images.get_mut(&digest), &id.image_tag) {
        image.tags.remove(tag);
    }
    Ok((gone, digest))
}

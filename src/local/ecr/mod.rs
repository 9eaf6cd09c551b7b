//! The Elastic Container Registry: repositories, and the images that are pushed to them.
//!
//! AWS's own operations are dispatched here: `repositories` has what can be said of a repository, `images`
//! what is in one, `layers` the upload of layers by AWS's operations. `registry` is the other entrance, which
//! docker and its like use: the OCI distribution protocol. Layers and configurations are files (`blobs`), in
//! the making while they are uploaded (`uploads`); manifests are small and stand in the database.

mod blobs;
mod checks;
mod images;
mod layers;
mod lifecycle;
mod manifest;
mod policy;
mod pull;
mod push;
mod record;
mod registry;
mod repositories;
mod tags;
mod token;
mod uploads;

use super::common::{Call, Common};
use super::disk::{Batch, DiskError, Saved};
use super::error::ApiError;
use super::wire::json;
use blobs::Blobs;
use record::{Image, Repository, Settings};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uploads::Uploads;

pub use pull::Pulled;
pub use registry::{PATH, answer, refusal};

const REPOSITORIES: &str = "ecr/repository";
const IMAGES: &str = "ecr/image";

/// The service.
pub struct Ecr {
    common: Common,
    endpoint_url: String,
    /// What tokens are made with.
    secret: String,
    repositories: Mutex<BTreeMap<(String, String), Repository>>,
    blobs: Arc<Blobs>,
    uploads: Uploads,
}

/// What the operations are given, all members of all of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    registry_id: Option<String>,
    repository_name: Option<String>,
    repository_names: Option<Vec<String>>,
    tags: Option<Vec<tags::Tag>>,
    tag_keys: Option<Vec<String>>,
    resource_arn: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<record::ExclusionFilter>>,
    image_scanning_configuration: Option<record::Scanning>,
    encryption_configuration: Option<record::Encryption>,
    lifecycle_policy_text: Option<String>,
    policy_text: Option<String>,
    force: Option<bool>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<images::Filter>,
    image_ids: Option<Vec<images::ImageId>>,
    image_manifest: Option<String>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
    layer_digest: Option<String>,
    layer_digests: Option<Vec<String>>,
    upload_id: Option<String>,
    part_first_byte: Option<u64>,
    part_last_byte: Option<u64>,
    layer_part_blob: Option<String>,
}

impl Ecr {
    /// Loads the repositories; an upload that a stop interrupted begins anew.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn open(common: Common, folder: &Path, endpoint_url: &str) -> Result<Self, DiskError> {
        let mut repositories: BTreeMap<_, _> = common
            .disk
            .load::<Settings>(REPOSITORIES)?
            .into_iter()
            .map(|(_, settings)| (settings.key(), Repository { settings, images: BTreeMap::new() }))
            .collect();
        for (_, image) in common.disk.load::<Image>(IMAGES)? {
            if let Some(repository) = repositories.get_mut(&image.repository_key()) {
                repository.images.insert(image.digest.clone(), image);
            }
        }
        let secret = token::secret(&common.disk)?;
        let blobs = Arc::new(Blobs::open(folder)?);
        let now_ms = common.clock.now_ms();
        for repository in repositories.values_mut() {
            repository.forget_abandoned(now_ms);
            blobs.name(&repository.settings.owner(), repository.digests());
        }
        let uploads = Uploads::open(folder)?;
        Ok(Self { endpoint_url: endpoint_url.to_owned(), secret, repositories: Mutex::new(repositories), blobs, uploads, common })
    }

    /// The layers and configurations, which functions keep too.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Answers a call of AWS's own protocol.
    ///
    /// # Errors
    /// What ECR refuses, with its code; `UnknownOperationException` for an operation that is not here.
    pub async fn call(&self, call: &Call, operation: &str, body: Value) -> Result<Value, ApiError> {
        let region = call.region.as_str();
        let input: Input = json::input(body)?;
        checks::registry(input.registry_id.as_deref(), &self.common.account)?;
        match operation {
            "CreateRepository" => self.create_repository(region, input).await,
            "DescribeRepositories" => self.describe_repositories(region, &input),
            "DeleteRepository" => self.delete_repository(region, &input).await,
            "PutImageTagMutability" => self.put_tag_mutability(region, input).await,
            "PutImageScanningConfiguration" => self.put_scanning(region, input).await,
            "PutLifecyclePolicy" => self.put_lifecycle_policy(region, &input).await,
            "GetLifecyclePolicy" => self.lifecycle_policy(region, &input),
            "DeleteLifecyclePolicy" => self.delete_lifecycle_policy(region, &input).await,
            "SetRepositoryPolicy" => self.set_policy(region, &input).await,
            "GetRepositoryPolicy" => self.policy(region, &input),
            "DeleteRepositoryPolicy" => self.delete_policy(region, &input).await,
            "TagResource" => self.tag_resource(region, input).await,
            "UntagResource" => self.untag_resource(region, &input).await,
            "ListTagsForResource" => self.list_tags(region, &input),
            "GetAuthorizationToken" => Ok(self.authorization_token(region)),
            "DescribeImages" => self.describe_images(region, &input).await,
            "ListImages" => self.list_images(region, &input).await,
            "BatchGetImage" => self.batch_get_image(region, &input).await,
            "BatchDeleteImage" => self.batch_delete_image(region, &input).await,
            "PutImage" => self.put_image(region, &input).await,
            "BatchCheckLayerAvailability" => self.check_layers(region, &input),
            "GetDownloadUrlForLayer" => self.download_url(region, &input),
            "InitiateLayerUpload" => self.initiate_upload(region, &input),
            "UploadLayerPart" => self.upload_part(region, &input).await,
            "CompleteLayerUpload" => self.complete_upload(region, &input).await,
            other => Err(json::unknown_operation(other)),
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(String, String), Repository>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        self.common.clock.now_ms()
    }

    fn not_found(&self, name: &str) -> ApiError {
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{}'", self.common.account);
        ApiError::new(400, "RepositoryNotFoundException", message)
    }

    /// Looks at a repository.
    fn look<T>(&self, region: &str, name: &str, look: impl FnOnce(&Repository) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let repositories = self.locked();
        look(repositories.get(&(region.to_owned(), name.to_owned())).ok_or_else(|| self.not_found(name))?)
    }

    /// Changes a repository, and hands the change to the disk: its settings, and the images that `change`
    /// says it has touched.
    ///
    /// # Errors
    /// Where there is no such repository, and what `change` refuses, before it changes anything.
    fn change<T>(
        &self,
        region: &str,
        name: &str,
        change: impl FnOnce(&mut Repository) -> Result<(T, Vec<String>), ApiError>,
    ) -> Result<(T, Saved), ApiError> {
        let mut repositories = self.locked();
        let repository = repositories.get_mut(&(region.to_owned(), name.to_owned())).ok_or_else(|| self.not_found(name))?;
        let (outcome, touched) = change(repository)?;
        self.blobs.name(&repository.settings.owner(), repository.digests());
        let mut batch = Batch::new().put(REPOSITORIES, &repository.settings.disk_key(), &repository.settings);
        for digest in touched {
            let key = repository.image_key(&digest);
            batch = match repository.images.get(&digest) {
                Some(image) => batch.put(IMAGES, &key, image),
                None => batch.delete(IMAGES, &key),
            };
        }
        Ok((outcome, self.common.disk.commit(batch)))
    }

    /// The same where no image changes.
    async fn set<T>(&self, region: &str, name: &str, set: impl FnOnce(&mut Settings) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let (outcome, saved) = self.change(region, name, |repository| Ok((set(&mut repository.settings)?, Vec::new())))?;
        saved.wait().await.map(|()| outcome)
    }
}

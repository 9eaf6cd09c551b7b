//! Making, showing, changing and deleting repositories.

use super::record::{Encryption, ExclusionFilter, Lifecycle, Repository, Scanning, Settings};
use super::{Ecr, IMAGES, Input, REPOSITORIES, checks, lifecycle, policy, tags};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MUTABILITIES: [&str; 4] = ["MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"];
const ENCRYPTIONS: [&str; 3] = ["AES256", "KMS", "KMS_DSSE"];
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
const MOST_FILTERS: usize = 5;

/// A moment as the JSON protocol writes it: seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
pub(super) fn seconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1000.0
}

impl Ecr {
    pub(super) fn arn(&self, region: &str, name: &str) -> String {
        format!("arn:aws:ecr:{region}:{}:repository/{name}", self.common.account)
    }

    /// What people write before `:TAG` and `@DIGEST`: as on AWS, so that it stays the same whatever port the
    /// cloud has. Pushes go to the address that comes with the token.
    pub(super) fn uri(&self, region: &str, name: &str) -> String {
        format!("{}.dkr.ecr.{region}.amazonaws.com/{name}", self.common.account)
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
    pub(super) async fn create_repository(&self, region: &str, input: Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?.to_owned();
        let tag_mutability = input.image_tag_mutability.unwrap_or_else(|| "MUTABLE".to_owned());
        let exclusion_filters = input.image_tag_mutability_exclusion_filters.unwrap_or_default();
        check_mutability(&tag_mutability, &exclusion_filters)?;
        let encryption = checked(input.encryption_configuration.unwrap_or_default(), region, &self.common.account)?;
        let settings = Settings {
            region: region.to_owned(),
            name: name.clone(),
            created_ms: self.now_ms(),
            tag_mutability,
            exclusion_filters,
            scanning: input.image_scanning_configuration.unwrap_or_default(),
            encryption,
            lifecycle: None,
            policy: None,
            tags: tags::merged(BTreeMap::new(), input.tags.unwrap_or_default())?,
            layers: BTreeMap::new(),
        };
        let answer = json!({ "repository": self.shown(&settings) });
        let saved = {
            let mut repositories = self.locked();
            if repositories.contains_key(&settings.key()) {
                let message = format!("The repository with name '{name}' already exists in the registry with id '{}'", self.common.account);
                return Err(ApiError::new(400, "RepositoryAlreadyExistsException", message));
            }
            let saved = self.common.disk.commit(Batch::new().put(REPOSITORIES, &settings.disk_key(), &settings));
            repositories.insert(settings.key(), Repository { settings, images: BTreeMap::new() });
            saved
        };
        saved.wait().await.map(|()| answer)
    }

    fn shown(&self, settings: &Settings) -> Value {
        let mut shown = json!({
            "repositoryArn": self.arn(&settings.region, &settings.name),
            "registryId": self.common.account,
            "repositoryName": settings.name,
            "repositoryUri": self.uri(&settings.region, &settings.name),
            "createdAt": seconds(settings.created_ms),
            "imageTagMutability": settings.tag_mutability,
            "imageScanningConfiguration": settings.scanning,
            "encryptionConfiguration": settings.encryption,
        });
        if !settings.exclusion_filters.is_empty() {
            shown["imageTagMutabilityExclusionFilters"] = json!(settings.exclusion_filters);
        }
        shown
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html>
    pub(super) fn describe_repositories(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let most = checks::page(input.max_results)?;
        let repositories = self.locked();
        if let Some(names) = input.repository_names.as_ref().filter(|names| !names.is_empty()) {
            if names.len() > 100 {
                return Err(checks::invalid("repositoryNames", "must have length less than or equal to 100"));
            }
            let find = |name: &String| {
                let found = repositories.get(&(region.to_owned(), checks::name(Some(name))?.to_owned()));
                found.map(|repository| self.shown(&repository.settings)).ok_or_else(|| self.not_found(name))
            };
            return Ok(json!({ "repositories": names.iter().map(find).collect::<Result<Vec<_>, _>>()? }));
        }
        let ours = repositories.values().map(|repository| &repository.settings).filter(|settings| settings.region == region);
        let ours = ours.map(|settings| (settings.name.clone(), self.shown(settings)));
        let (page, next) = checks::paged(ours, input.next_token.as_deref(), most);
        Ok(with_next(json!({ "repositories": page }), next))
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html>
    pub(super) async fn delete_repository(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let key = (region.to_owned(), name.to_owned());
        let (answer, saved) = {
            let mut repositories = self.locked();
            let repository = repositories.get(&key).ok_or_else(|| self.not_found(name))?;
            if !repository.images.is_empty() && input.force != Some(true) {
                let account = &self.common.account;
                let message = format!(
                    "The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still contains images"
                );
                return Err(ApiError::new(400, "RepositoryNotEmptyException", message));
            }
            let batch = Batch::new().delete(REPOSITORIES, &repository.settings.disk_key());
            let batch = repository.images.keys().fold(batch, |batch, digest| batch.delete(IMAGES, &repository.image_key(digest)));
            let answer = json!({ "repository": self.shown(&repository.settings) });
            self.blobs.release(&repository.settings.owner());
            repositories.remove(&key);
            (answer, self.common.disk.commit(batch))
        };
        saved.wait().await?;
        self.blobs.collect().await;
        Ok(answer)
    }

    pub(super) async fn put_tag_mutability(&self, region: &str, input: Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let mutability = input.image_tag_mutability.clone().unwrap_or_default();
        let filters = input.image_tag_mutability_exclusion_filters.clone().unwrap_or_default();
        check_mutability(&mutability, &filters)?;
        let mut answer = json!({ "registryId": self.common.account, "repositoryName": name, "imageTagMutability": mutability });
        if !filters.is_empty() {
            answer["imageTagMutabilityExclusionFilters"] = json!(filters);
        }
        self.set(region, name, |settings| {
            settings.tag_mutability = mutability;
            settings.exclusion_filters = filters;
            Ok(answer)
        })
        .await
    }

    pub(super) async fn put_scanning(&self, region: &str, input: Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let scanning: Scanning =
            input.image_scanning_configuration.ok_or_else(|| checks::invalid("imageScanningConfiguration", "must not be null"))?;
        self.set(region, name, |settings| {
            settings.scanning = scanning;
            Ok(json!({ "registryId": self.common.account, "repositoryName": name, "imageScanningConfiguration": scanning }))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html>
    pub(super) async fn put_lifecycle_policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let (text, rules) = lifecycle::parsed(input.lifecycle_policy_text.as_deref().unwrap_or_default())?;
        let answer = json!({ "registryId": self.common.account, "repositoryName": name, "lifecyclePolicyText": text });
        let evaluated_ms = self.now_ms();
        self.set(region, name, |settings| {
            settings.lifecycle = Some(Lifecycle { text, rules, evaluated_ms });
            Ok(answer)
        })
        .await
    }

    pub(super) fn lifecycle_policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        self.look(region, name, |repository| self.shown_lifecycle(&repository.settings))
    }

    pub(super) async fn delete_lifecycle_policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        self.set(region, name, |settings| {
            let answer = self.shown_lifecycle(settings)?;
            settings.lifecycle = None;
            Ok(answer)
        })
        .await
    }

    fn shown_lifecycle(&self, settings: &Settings) -> Result<Value, ApiError> {
        let (name, account) = (&settings.name, &self.common.account);
        let Some(lifecycle) = &settings.lifecycle else {
            let message =
                format!("Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{account}'");
            return Err(ApiError::new(400, "LifecyclePolicyNotFoundException", message));
        };
        Ok(json!({
            "registryId": account, "repositoryName": name, "lifecyclePolicyText": lifecycle.text,
            "lastEvaluatedAt": seconds(lifecycle.evaluated_ms),
        }))
    }

    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html>
    pub(super) async fn set_policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        let text = policy::checked(input.policy_text.as_deref().unwrap_or_default())?;
        self.set(region, name, |settings| {
            settings.policy = Some(text);
            self.shown_policy(settings)
        })
        .await
    }

    pub(super) fn policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        self.look(region, name, |repository| self.shown_policy(&repository.settings))
    }

    pub(super) async fn delete_policy(&self, region: &str, input: &Input) -> Result<Value, ApiError> {
        let name = checks::name(input.repository_name.as_deref())?;
        self.set(region, name, |settings| {
            let answer = self.shown_policy(settings)?;
            settings.policy = None;
            Ok(answer)
        })
        .await
    }

    fn shown_policy(&self, settings: &Settings) -> Result<Value, ApiError> {
        let (name, account) = (&settings.name, &self.common.account);
        match &settings.policy {
            Some(text) => Ok(json!({ "registryId": account, "repositoryName": name, "policyText": text })),
            None => {
                let message =
                    format!("Repository policy does not exist for the repository with name '{name}' in the registry with id '{account}'");
                Err(ApiError::new(400, "RepositoryPolicyNotFoundException", message))
            }
        }
    }
}

/// An answer, and where it goes on.
pub(super) fn with_next(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    answer
}

fn check_mutability(mutability: &str, filters: &[ExclusionFilter]) -> Result<(), ApiError> {
    checks::one_of(mutability, "imageTagMutability", &MUTABILITIES)?;
    let takes_filters = mutability.ends_with("_WITH_EXCLUSION");
    if takes_filters == filters.is_empty() {
        let rule = if takes_filters { "must have an exclusion filter" } else { "must have no exclusion filters" };
        return Err(checks::invalid("imageTagMutabilityExclusionFilters", &format!("{mutability} {rule}")));
    }
    if filters.len() > MOST_FILTERS {
        return Err(checks::invalid("imageTagMutabilityExclusionFilters", "must have length less than or equal to 5"));
    }
    let is_fine = |character: char| character.is_ascii_alphanumeric() || "._*-".contains(character);
    for filter in filters {
        checks::one_of(&filter.filter_type, "filterType", &["WILDCARD"])?;
        if filter.filter.is_empty() || filter.filter.len() > 128 || !filter.filter.chars().all(is_fine) {
            return Err(checks::invalid("filter", "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'"));
        }
    }
    Ok(())
}

fn checked(mut encryption: Encryption, region: &str, account: &str) -> Result<Encryption, ApiError> {
    checks::one_of(&encryption.encryption_type, "encryptionType", &ENCRYPTIONS)?;
    match (encryption.encryption_type.as_str(), &encryption.kms_key) {
        ("AES256", Some(_)) => return Err(checks::invalid("kmsKey", "must be null where encryptionType is AES256")),
        // AWS uses its own key for ECR then; its id is made up, and always the same.
        ("KMS" | "KMS_DSSE", None) => {
            encryption.kms_key = Some(format!("arn:aws:kms:{region}:{account}:key/00000000-0000-0000-0000-0000000000ec"));
        }
        _ => {}
    }
    Ok(encryption)
}

//! Layers: versions that are published, never changed, and deleted one by one.

use super::Lambda;
use super::functions::CodeInput;
use super::packages::{LARGEST_CONTENTS_BYTES, code_sha256};
use crate::local::common::Call;
use crate::local::disk::{Batch, Disk, DiskError, Saved};
use crate::local::error::{ApiError, Constraints};
use crate::local::server::CODE_PATH;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

const TABLE: &str = "lambda/layer";
/// How many versions each layer ever had: a number is never given twice.
const COUNTS: &str = "lambda/layer-count";
/// The most that a list answers at once.
const PAGE: usize = 50;

/// A version, as it stands on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub region: String,
    pub name: String,
    pub number: u64,
    pub description: String,
    pub runtimes: Vec<String>,
    pub architectures: Vec<String>,
    pub license: Option<String>,
    pub created: String,
    /// In hex.
    pub code_sha256: String,
    pub code_size_bytes: u64,
    pub contents_bytes: u64,
}

/// A version that a function uses: it stays with the function when it is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Used {
    pub arn: String,
    /// In hex; `None` for a layer of another account, which is not here.
    pub code_sha256: Option<String>,
    pub code_size_bytes: u64,
    pub contents_bytes: u64,
}

/// All versions by region, name and number.
#[derive(Default)]
pub(super) struct Layers {
    versions: BTreeMap<(String, String, u64), Version>,
    counts: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub(super) struct PublishInput {
    description: Option<String>,
    content: CodeInput,
    compatible_runtimes: Option<Vec<String>>,
    compatible_architectures: Option<Vec<String>>,
    license_info: Option<String>,
}

impl Layers {
    pub fn load(disk: &Disk) -> Result<Self, DiskError> {
        let versions = disk.load::<Version>(TABLE)?.into_iter().map(|(_, version)| (version.key(), version));
        Ok(Self { versions: versions.collect(), counts: disk.load(COUNTS)?.into_iter().collect() })
    }

    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        self.versions.values().map(|version| version.code_sha256.as_str())
    }

    fn of<'a>(&'a self, region: &'a str, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Version> {
        let key = |number| (region.to_owned(), name.to_owned(), number);
        self.versions.range(key(0)..=key(u64::MAX)).map(|(_, version)| version)
    }
}

impl Version {
    fn key(&self) -> (String, String, u64) {
        (self.region.clone(), self.name.clone(), self.number)
    }

    fn disk_key(&self) -> String {
        format!("{}/{}/{}", self.region, self.name, self.number)
    }
}

impl Lambda {
    pub(super) fn layers(&self) -> MutexGuard<'_, Layers> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layer_arn(&self, region: &str, name: &str) -> String {
        format!("arn:aws:lambda:{region}:{}:layer:{name}", self.common.account)
    }

    /// The name that a path gives, which may be an ARN.
    pub(super) fn layer_name(&self, call: &Call, reference: &str) -> Result<String, ApiError> {
        let own = self.layer_arn(&call.region, "");
        let name = reference.strip_prefix(&own).unwrap_or(reference);
        let mut constraints = Constraints::new();
        constraints.length(name, "layerName", 1, 140);
        constraints.pattern(name, "layerName", "[a-zA-Z0-9-_]+", |letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        constraints.check(400, "ValidationException")?;
        Ok(name.to_owned())
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>
    pub(super) async fn publish_layer(&self, call: &Call, name: &str, input: PublishInput) -> Result<Value, ApiError> {
        check(&input)?;
        let package = self.package_of(&call.region, &input.content).await?;
        let being_used = self.packages.being_used().await;
        let kept = package.about();
        self.packages.keep(package).await?;
        let (version, saved) = {
            let mut layers = self.layers();
            let count_key = format!("{}/{name}", call.region);
            let number = layers.counts.get(&count_key).copied().unwrap_or_default() + 1;
            let version = Version {
                region: call.region.clone(),
                name: name.to_owned(),
                number,
                description: input.description.unwrap_or_default(),
                runtimes: input.compatible_runtimes.unwrap_or_default(),
                architectures: input.compatible_architectures.unwrap_or_default(),
                license: input.license_info,
                created: super::render::last_modified(self.now_ms()),
                code_sha256: kept.sha256,
                code_size_bytes: kept.size_bytes,
                contents_bytes: kept.contents_bytes,
            };
            let batch = Batch::new().put(TABLE, &version.disk_key(), &version).put(COUNTS, &count_key, &number);
            layers.counts.insert(count_key, number);
            layers.versions.insert(version.key(), version.clone());
            (version, self.common.disk.commit(batch))
        };
        drop(being_used);
        saved.wait().await?;
        Ok(self.shown_layer(&version))
    }

    pub(super) fn layer_version(&self, region: &str, name: &str, number: &str) -> Result<Version, ApiError> {
        let missing =
            || ApiError::new(404, "ResourceNotFoundException", format!("The resource you requested does not exist: {name}:{number}."));
        let number = number.parse().map_err(|_| missing())?;
        let key = (region.to_owned(), name.to_owned(), number);
        self.layers().versions.get(&key).cloned().ok_or_else(missing)
    }

    /// What GetLayerVersion and PublishLayerVersion answer.
    pub(super) fn shown_layer(&self, version: &Version) -> Value {
        let mut shown = self.listed_layer(version);
        shown["LayerArn"] = self.layer_arn(&version.region, &version.name).into();
        shown["Content"] = json!({
            "Location": format!("{}{CODE_PATH}{}", self.endpoint_url, version.code_sha256),
            "CodeSha256": code_sha256(&version.code_sha256),
            "CodeSize": version.code_size_bytes,
        });
        shown
    }

    fn listed_layer(&self, version: &Version) -> Value {
        let mut listed = json!({
            "LayerVersionArn": format!("{}:{}", self.layer_arn(&version.region, &version.name), version.number),
            "Version": version.number,
            "Description": version.description,
            "CreatedDate": version.created,
        });
        if !version.runtimes.is_empty() {
            listed["CompatibleRuntimes"] = json!(version.runtimes);
        }
        if !version.architectures.is_empty() {
            listed["CompatibleArchitectures"] = json!(version.architectures);
        }
        if let Some(license) = &version.license {
            listed["LicenseInfo"] = license.as_str().into();
        }
        listed
    }

    /// Newest first; the marker is the number of the last one of the page before.
    pub(super) fn list_layer_versions(&self, region: &str, name: &str, marker: Option<&str>, most: usize) -> Value {
        let before = marker.and_then(|marker| marker.parse().ok()).unwrap_or(u64::MAX);
        let layers = self.layers();
        let mut found = layers.of(region, name).rev().filter(|version| version.number < before);
        let page: Vec<&Version> = found.by_ref().take(most.clamp(1, PAGE)).collect();
        let next = found.next().and(page.last().map(|last| last.number.to_string()));
        let listed: Vec<Value> = page.into_iter().map(|version| self.listed_layer(version)).collect();
        json!({ "LayerVersions": listed, "NextMarker": next })
    }

    /// Each layer with its newest version.
    pub(super) fn list_layers(&self, region: &str) -> Value {
        let layers = self.layers();
        let newest: BTreeMap<&str, &Version> =
            layers.versions.values().filter(|version| version.region == region).map(|version| (version.name.as_str(), version)).collect();
        let listed = newest.into_iter().map(|(name, version)| {
            json!({ "LayerName": name, "LayerArn": self.layer_arn(region, name), "LatestMatchingVersion": self.listed_layer(version) })
        });
        json!({ "Layers": listed.collect::<Vec<_>>() })
    }

    /// Also of what is not there: AWS does not tell.
    pub(super) async fn delete_layer(&self, region: &str, name: &str, number: &str) -> Result<(), ApiError> {
        let removed: Option<(Version, Saved)> = number.parse().ok().and_then(|number: u64| {
            let version = self.layers().versions.remove(&(region.to_owned(), name.to_owned(), number))?;
            let saved = self.common.disk.commit(Batch::new().delete(TABLE, &version.disk_key()));
            Some((version, saved))
        });
        if let Some((version, saved)) = removed {
            saved.wait().await?;
            self.forget_package(&version.code_sha256).await;
        }
        Ok(())
    }

    /// What the versions are that a function names.
    ///
    /// # Errors
    /// What Lambda says to one that is not there, and to more than it can unpack.
    pub(super) fn used_layers(&self, region: &str, arns: &[String], contents_bytes: u64) -> Result<Vec<Used>, ApiError> {
        let used = arns.iter().map(|arn| self.used_layer(region, arn)).collect::<Result<Vec<Used>, ApiError>>()?;
        let whole = contents_bytes + used.iter().map(|used| used.contents_bytes).sum::<u64>();
        if whole > LARGEST_CONTENTS_BYTES {
            return Err(invalid(format!(
                "Function code combined with layers exceeds the maximum allowed size of {LARGEST_CONTENTS_BYTES} bytes. The actual size is {whole} bytes."
            )));
        }
        Ok(used)
    }

    fn used_layer(&self, region: &str, arn: &str) -> Result<Used, ApiError> {
        let own = format!("{}:{}:layer:", "arn:aws:lambda", format_args!("{region}:{}", self.common.account));
        let Some((name, number)) = arn.strip_prefix(&own).and_then(|rest| rest.split_once(':')) else {
            return Ok(Used { arn: arn.to_owned(), ..Used::default() });
        };
        let version = self.layer_version(region, name, number).map_err(|_| invalid(format!("Layer version {arn} does not exist.")))?;
        Ok(Used {
            arn: arn.to_owned(),
            code_sha256: Some(version.code_sha256),
            code_size_bytes: version.code_size_bytes,
            contents_bytes: version.contents_bytes,
        })
    }
}

fn check(input: &PublishInput) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    if let Some(description) = &input.description {
        constraints.length(description, "description", 0, 256);
    }
    if let Some(license) = &input.license_info {
        constraints.length(license, "licenseInfo", 0, 512);
    }
    if input.compatible_runtimes.as_ref().is_some_and(|runtimes| runtimes.len() > 15) {
        constraints.broken_without_value("compatibleRuntimes", "have length less than or equal to 15");
    }
    for architecture in input.compatible_architectures.iter().flatten() {
        constraints.one_of(architecture, "compatibleArchitectures", &["x86_64", "arm64"]);
    }
    constraints.check(400, "ValidationException")
}

fn invalid(message: String) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

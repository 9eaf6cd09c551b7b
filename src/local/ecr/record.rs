//! What a repository is.

use super::lifecycle::Rule;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A layer that no image names for so long was given up by whoever pushed it.
const ABANDONED_AFTER_MS: i64 = 24 * 3_600_000;

/// A repository with its images.
pub(super) struct Repository {
    pub settings: Settings,
    /// By digest.
    pub images: BTreeMap<String, Image>,
}

/// What stands on disk of a repository beside its images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub region: String,
    pub name: String,
    pub created_ms: i64,
    pub tag_mutability: String,
    pub exclusion_filters: Vec<ExclusionFilter>,
    pub scanning: Scanning,
    pub encryption: Encryption,
    pub lifecycle: Option<Lifecycle>,
    pub policy: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Its layers and configurations by digest.
    pub layers: BTreeMap<String, Layer>,
}

/// A layer or a configuration that is there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Layer {
    pub size_bytes: u64,
    pub pushed_ms: i64,
}

/// Its lifecycle policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lifecycle {
    pub text: String,
    pub rules: Vec<Rule>,
    pub evaluated_ms: i64,
}

/// A tag that may be moved, or may not, in spite of what the repository says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExclusionFilter {
    pub filter_type: String,
    pub filter: String,
}

/// Whether images are scanned when they are pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Scanning {
    pub scan_on_push: bool,
}

/// How layers are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Encryption {
    pub encryption_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { encryption_type: "AES256".into(), kms_key: None }
    }
}

/// An image: a manifest, and what it names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Image {
    pub region: String,
    pub repository: String,
    /// `sha256:` and 64 hex digits, of the manifest.
    pub digest: String,
    pub media_type: String,
    pub manifest: String,
    /// What an OCI manifest says that it is, or its configuration.
    pub artifact_type: Option<String>,
    pub tags: BTreeSet<String>,
    pub pushed_ms: i64,
    pub size_bytes: u64,
    /// Digests of its layers and its configuration.
    pub layers: Vec<String>,
    /// Of an index: digests of its images.
    pub images: Vec<String>,
}

impl Image {
    pub fn repository_key(&self) -> (String, String) {
        (self.region.clone(), self.repository.clone())
    }
}

impl Settings {
    pub fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }

    pub fn disk_key(&self) -> String {
        format!("{}/{}", self.region, self.name)
    }

    /// As whom it names what must stay on disk.
    pub fn owner(&self) -> String {
        format!("repository {}/{}", self.region, self.name)
    }

    /// Whether a tag stays where it is once it is there.
    pub fn is_immutable(&self, tag: &str) -> bool {
        let is_excluded = self.exclusion_filters.iter().any(|filter| crate::local::names::matches(&filter.filter, tag));
        match self.tag_mutability.as_str() {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !is_excluded,
            "MUTABLE_WITH_EXCLUSION" => is_excluded,
            _ => false,
        }
    }
}

impl Repository {
    /// The image that has a tag.
    pub fn tagged(&self, tag: &str) -> Option<&Image> {
        self.images.values().find(|image| image.tags.contains(tag))
    }

    /// The image of a digest or a tag.
    pub fn find(&self, reference: &str) -> Option<&Image> {
        if reference.contains(':') { self.images.get(reference) } else { self.tagged(reference) }
    }

    pub fn image_key(&self, digest: &str) -> String {
        format!("{}@{digest}", self.settings.disk_key())
    }

    /// What must stay on disk for it.
    pub fn digests(&self) -> BTreeSet<String> {
        self.settings.layers.keys().cloned().collect()
    }

    fn named(&self) -> BTreeSet<&String> {
        self.images.values().flat_map(|image| &image.layers).collect()
    }

    /// Removes an image, and the layers that nobody else names.
    pub fn remove(&mut self, digest: &str) {
        let Some(removed) = self.images.remove(digest) else { return };
        let named: BTreeSet<String> = self.named().into_iter().cloned().collect();
        for layer in removed.layers.iter().filter(|layer| !named.contains(*layer)) {
            self.settings.layers.remove(layer);
        }
    }

    /// Forgets layers that no image came to name.
    pub fn forget_abandoned(&mut self, now_ms: i64) {
        let named: BTreeSet<String> = self.named().into_iter().cloned().collect();
        self.settings.layers.retain(|digest, layer| named.contains(digest) || now_ms - layer.pushed_ms < ABANDONED_AFTER_MS);
    }
}

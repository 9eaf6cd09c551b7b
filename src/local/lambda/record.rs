//! What a function is.

use super::layers::Used;
use super::settings::Settings;
use crate::local::ecr::Pulled;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A function, as it stands on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Function {
    pub region: String,
    pub name: String,
    /// Everything that UpdateFunctionConfiguration changes, with Lambda's defaults filled in.
    pub settings: Settings,
    /// `x86_64` or `arm64`.
    pub architectures: Vec<String>,
    /// The package's SHA-256 in hex.
    pub code_sha256: String,
    pub code_size_bytes: u64,
    /// What its files weigh together.
    #[serde(default)]
    pub contents_bytes: u64,
    /// What its layers are.
    #[serde(default)]
    pub layers: Vec<Used>,
    /// Set if its code is an image; the hash is the image's digest then.
    #[serde(default)]
    pub image: Option<Pulled>,
    pub tags: BTreeMap<String, String>,
    /// The statements of its policy, in the order of their coming.
    pub statements: Vec<Value>,
    /// Changes with the policy; empty without one.
    pub policy_revision: String,
    pub reserved_concurrency: Option<u32>,
    pub modified_ms: i64,
    /// When it turns from Pending to Active.
    pub active_at_ms: i64,
    /// When its last update turns from InProgress to Successful.
    pub updated_at_ms: i64,
    /// Its revision while it is not settled, and after: AWS changes it when the state settles.
    pub revisions: [String; 2],
}

/// How far a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Pending,
    Updating,
    Settled,
}

impl Function {
    pub fn key(&self) -> (String, String) {
        (self.region.clone(), self.name.clone())
    }

    /// The packages that it runs with.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.code_sha256.as_str()).chain(self.layers.iter().filter_map(|layer| layer.code_sha256.as_deref()))
    }

    pub fn disk_key(&self) -> String {
        format!("{}/{}", self.region, self.name)
    }

    pub fn progress(&self, now_ms: i64) -> Progress {
        match now_ms {
            now_ms if now_ms < self.active_at_ms => Progress::Pending,
            now_ms if now_ms < self.updated_at_ms => Progress::Updating,
            _ => Progress::Settled,
        }
    }

    /// The id that callers may demand to be still the same.
    pub fn revision(&self, now_ms: i64) -> &str {
        &self.revisions[usize::from(self.progress(now_ms) == Progress::Settled)]
    }

    /// The log group that it writes to.
    pub fn log_group(&self) -> String {
        let own = self.settings.logging_config.as_ref().and_then(|logging| logging.get("LogGroup")).and_then(Value::as_str);
        own.map_or_else(|| format!("/aws/lambda/{}", self.name), str::to_owned)
    }
}

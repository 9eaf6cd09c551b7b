//! What can be said of a function: the members that CreateFunction and UpdateFunctionConfiguration share.

use super::images::ImageConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Absent members say nothing: Lambda's default on creation, no change on an update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Settings {
    pub runtime: Option<String>,
    pub role: Option<String>,
    pub handler: Option<String>,
    pub description: Option<String>,
    pub timeout: Option<i64>,
    pub memory_size: Option<i64>,
    pub environment: Option<Environment>,
    pub ephemeral_storage: Option<EphemeralStorage>,
    pub layers: Option<Vec<String>>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<String>,
    // What the cloud stores and shows, and does nothing with.
    pub vpc_config: Option<Value>,
    pub dead_letter_config: Option<Value>,
    pub tracing_config: Option<Value>,
    pub logging_config: Option<Value>,
    pub snap_start: Option<Value>,
    pub file_system_configs: Option<Vec<Value>>,
    pub image_config: Option<ImageConfig>,
}

/// The environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Environment {
    pub variables: Option<BTreeMap<String, String>>,
}

/// The size of `/tmp`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EphemeralStorage {
    pub size: i64,
}

/// What Lambda takes for what CreateFunction leaves out.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const TIMEOUT_S: i64 = 3;
const MEMORY_MB: i64 = 128;
const EPHEMERAL_STORAGE_MB: i64 = 512;

impl Settings {
    /// The settings of a new function.
    pub fn with_defaults(self) -> Self {
        let defaults = Self {
            description: Some(String::new()),
            timeout: Some(TIMEOUT_S),
            memory_size: Some(MEMORY_MB),
            ephemeral_storage: Some(EphemeralStorage { size: EPHEMERAL_STORAGE_MB }),
            tracing_config: Some(json!({ "Mode": "PassThrough" })),
            snap_start: Some(json!({ "ApplyOn": "None" })),
            ..Self::default()
        };
        defaults.updated(self)
    }

    /// These settings, changed by what an update says.
    pub fn updated(mut self, update: Self) -> Self {
        replace(&mut self.runtime, update.runtime);
        replace(&mut self.role, update.role);
        replace(&mut self.handler, update.handler);
        replace(&mut self.description, update.description);
        replace(&mut self.timeout, update.timeout);
        replace(&mut self.memory_size, update.memory_size);
        replace(&mut self.environment, update.environment);
        replace(&mut self.ephemeral_storage, update.ephemeral_storage);
        replace(&mut self.layers, update.layers);
        replace(&mut self.kms_key_arn, update.kms_key_arn);
        replace(&mut self.vpc_config, update.vpc_config);
        replace(&mut self.dead_letter_config, update.dead_letter_config);
        replace(&mut self.tracing_config, update.tracing_config);
        replace(&mut self.logging_config, update.logging_config);
        replace(&mut self.snap_start, update.snap_start);
        replace(&mut self.file_system_configs, update.file_system_configs);
        replace(&mut self.image_config, update.image_config);
        self
    }

    /// The function's own variables.
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.environment.as_ref().and_then(|environment| environment.variables.clone()).unwrap_or_default()
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

//! Functions whose code is an image.

use super::Lambda;
use super::record::Function;
use super::settings::Settings;
use crate::local::ecr::Pulled;
use crate::local::error::{ApiError, Constraints};
use crate::local::run::ImageCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a function says otherwise than its image: an absent member, and an empty one, say nothing.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ImageConfig.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

const MOST_WORDS: usize = 1500;
const LONGEST_DIRECTORY: usize = 1000;
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_CONFIG_BYTES: usize = 16 * 1024;

impl ImageConfig {
    /// What is left of it when nothing is overridden with nothing.
    pub fn given(&self) -> Option<Self> {
        let given = Self {
            entry_point: self.entry_point.clone().filter(|words| !words.is_empty()),
            command: self.command.clone().filter(|words| !words.is_empty()),
            working_directory: self.working_directory.clone().filter(|folder| !folder.is_empty()),
        };
        (given != Self::default()).then_some(given)
    }

    /// Refuses what Lambda's model forbids.
    pub fn check(&self, constraints: &mut Constraints) {
        for (words, member) in [(&self.entry_point, "imageConfig.entryPoint"), (&self.command, "imageConfig.command")] {
            if words.as_ref().is_some_and(|words| words.len() > MOST_WORDS) {
                constraints.broken_without_value(member, &format!("have length less than or equal to {MOST_WORDS}"));
            }
        }
        if let Some(folder) = &self.working_directory {
            constraints.length(folder, "imageConfig.workingDirectory", 0, LONGEST_DIRECTORY);
        }
        let size_bytes = serde_json::to_string(self).map_or(0, |text| text.len());
        if size_bytes > LARGEST_CONFIG_BYTES {
            constraints.broken_without_value("imageConfig", &format!("be smaller than {LARGEST_CONFIG_BYTES} bytes"));
        }
    }
}

/// An image brings its runtime, and knows what it starts.
pub(super) fn refuse_settings_of_zips(settings: &Settings) -> Result<(), ApiError> {
    let has_text = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let has_layers = settings.layers.as_ref().is_some_and(|layers| !layers.is_empty());
    if has_text(&settings.runtime) || has_text(&settings.handler) || has_layers {
        return Err(invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."));
    }
    Ok(())
}

/// A zip is started by its runtime.
pub(super) fn refuse_image_config(settings: &Settings) -> Result<(), ApiError> {
    match &settings.image_config {
        Some(_) => Err(invalid("ImageConfig is not supported for functions with package type Zip")),
        None => Ok(()),
    }
}

/// As whom a function names the layers that it needs.
fn owner(function: &Function) -> String {
    format!("function {}", function.disk_key())
}

impl Lambda {
    /// Finds an image that a call names.
    pub(super) async fn image(&self, region: &str, uri: Option<&str>) -> Result<Pulled, ApiError> {
        let uri = uri.ok_or_else(|| invalid("Please provide ImageUri when the function's PackageType is Image."))?;
        self.ecr.pull(region, uri).await
    }

    /// Keeps a function's image, whatever becomes of its repository; what it had before is not kept for its sake.
    pub(super) fn keep_image(&self, function: &Function) {
        match &function.image {
            Some(image) => self.ecr.blobs().name(&owner(function), image.digests()),
            None => self.ecr.blobs().release(&owner(function)),
        }
    }

    /// A function that is gone needs no image.
    pub(super) async fn forget_image(&self, function: &Function) {
        if function.image.is_some() {
            self.ecr.blobs().release(&owner(function));
            self.ecr.blobs().collect().await;
        }
    }

    /// How a function's image runs.
    pub(super) fn image_code(&self, function: &Function) -> Option<ImageCode> {
        let image = function.image.as_ref()?;
        let config = function.settings.image_config.clone().unwrap_or_default();
        let start = &image.start;
        // As in Docker, another entry point takes nothing of the image's command with it.
        let own_command = if config.entry_point.is_some() { None } else { start.cmd.clone() };
        let entry_point = config.entry_point.or_else(|| start.entrypoint.clone()).unwrap_or_default();
        let command = config.command.or(own_command).unwrap_or_default();
        let working_folder = config.working_directory.or_else(|| start.working_dir.clone()).filter(|folder| !folder.is_empty());
        let architecture = function.architectures.first().map_or("x86_64", String::as_str);
        let is_foreign = image.architecture != if architecture == "arm64" { "arm64" } else { "amd64" };
        Some(ImageCode {
            layers: image.layers.iter().map(|digest| self.ecr.blobs().path(digest).unwrap_or_default()).collect(),
            command: entry_point.into_iter().chain(command).collect(),
            working_folder: working_folder.unwrap_or_else(|| "/".to_owned()),
            environment: variables(start.env.as_deref().unwrap_or_default()),
            is_foreign,
        })
    }
}

fn variables(env: &[String]) -> BTreeMap<String, String> {
    env.iter().filter_map(|text| text.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What stands in `_HANDLER`: what an image's runtime is told to call.
pub(super) fn handler(code: &ImageCode) -> String {
    code.command.last().filter(|_| code.command.len() > 1).cloned().unwrap_or_default()
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

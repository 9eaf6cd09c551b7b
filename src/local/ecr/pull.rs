//! Images as Lambda takes them.

use super::manifest::{DOCKER_MANIFEST, Manifest, OCI_MANIFEST};
use super::record::Image;
use super::{Ecr, policy};
use crate::local::error::ApiError;
use crate::local::names::is_account;
use crate::local::signature::is_loopback;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;

/// A configuration is a few kilobytes.
const LARGEST_CONFIGURATION_BYTES: u64 = 4_194_304;
/// What Lambda takes as layers.
const LAYERS: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

/// An image for a function, which keeps it whatever becomes of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// As the caller wrote it.
    pub uri: String,
    /// By digest.
    pub resolved_uri: String,
    /// Of the manifest.
    pub digest: String,
    /// Of the configuration.
    pub configuration: String,
    /// Digests, from the lowest layer up.
    pub layers: Vec<String>,
    /// In Docker's words, such as `amd64`.
    pub architecture: String,
    /// What the image says of how it is started.
    pub start: Start,
}

/// How an image is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Start {
    /// The program and its first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// What comes behind them.
    pub cmd: Option<Vec<String>>,
    /// `NAME=VALUE` each.
    pub env: Option<Vec<String>>,
    /// Where it is started.
    pub working_dir: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Option<Start>,
}

/// An image's URI, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    /// Of an address of AWS.
    place: Option<(&'a str, &'a str)>,
    name: &'a str,
    /// A digest, else a tag.
    version: &'a str,
}

impl<'a> Reference<'a> {
    /// Of an image in a registry that is ECR's; nothing for any other.
    fn parse(uri: &'a str) -> Option<Self> {
        let (host, rest) = uri.split_once('/')?;
        let place = match host.split_once(".dkr.ecr.") {
            Some((account, rest)) if is_account(account) => Some((account, rest.split_once('.')?.0)),
            _ if is_loopback(host) => None,
            _ => return None,
        };
        let (name, version) = match rest.split_once('@') {
            Some((name, digest)) => (name.split(':').next()?, digest),
            None => rest.split_once(':').unwrap_or((rest, "latest")),
        };
        (!name.is_empty() && !version.is_empty()).then_some(Self { place, name, version })
    }
}

impl Pulled {
    /// What must stay on disk for it.
    pub fn digests(&self) -> BTreeSet<String> {
        self.layers.iter().chain([&self.configuration]).cloned().collect()
    }
}

impl Ecr {
    /// Finds an image for a function, and has the repository's policy let Lambda pull it, as Lambda does.
    ///
    /// # Errors
    /// What Lambda says of an image that it cannot take.
    pub async fn pull(&self, region: &str, uri: &str) -> Result<Pulled, ApiError> {
        let invalid = |message: String| ApiError::new(400, "InvalidParameterValueException", message);
        let reference = Reference::parse(uri).ok_or_else(|| {
            let message = format!(
                "Source image {uri} is not valid. Provide a valid source image. The local cloud takes images that were pushed to its own ECR, which answers at {}",
                self.endpoint_url
            );
            invalid(message)
        })?;
        self.check_place(&reference, region, uri)?;
        let missing = || invalid(format!("Source image {uri} does not exist. Provide a valid source image."));
        let image = self.look(region, reference.name, |repository| Ok(repository.find(reference.version).cloned()));
        let image = image.map_err(|_| missing())?.ok_or_else(missing)?;
        let unsupported =
            || invalid(format!("The image manifest, config or layer media type for the source image {uri} is not supported."));
        let pulled = self.pulled(&image, uri).ok_or_else(unsupported)?;
        self.admit_lambda(region, reference.name).await?;
        Ok(pulled)
    }

    fn check_place(&self, reference: &Reference<'_>, region: &str, uri: &str) -> Result<(), ApiError> {
        match reference.place {
            Some((account, _)) if account != self.common.account => {
                let message = format!(
                    "Lambda does not have permission to access the ECR image {uri}. Check the ECR permissions: the local cloud is the account {}, and knows no other",
                    self.common.account
                );
                Err(ApiError::new(403, "AccessDeniedException", message))
            }
            Some((_, other)) if other != region => {
                let message =
                    format!("Source image {uri} is in {other}, and the function is in {region}. Provide an image of the same region.");
                Err(ApiError::new(400, "InvalidParameterValueException", message))
            }
            _ => Ok(()),
        }
    }

    /// Nothing for an index, and whatever else Lambda does not take.
    fn pulled(&self, image: &Image, uri: &str) -> Option<Pulled> {
        if !matches!(image.media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST) {
            return None;
        }
        let (manifest, _) = Manifest::parse(&image.manifest, None).ok()?;
        if !manifest.layers.iter().all(|layer| LAYERS.contains(&layer.media_type.as_str())) {
            return None;
        }
        let configuration = manifest.config?.digest;
        let mut bytes = Vec::new();
        let file = std::fs::File::open(self.blobs.path(&configuration)?).ok()?;
        file.take(LARGEST_CONFIGURATION_BYTES).read_to_end(&mut bytes).ok()?;
        let Configuration { architecture, config } = serde_json::from_slice(&bytes).ok()?;
        Some(Pulled {
            uri: uri.to_owned(),
            resolved_uri: format!("{}@{}", self.uri(&image.region, &image.repository), image.digest),
            digest: image.digest.clone(),
            configuration,
            layers: manifest.layers.into_iter().map(|layer| layer.digest).collect(),
            architecture,
            start: config.unwrap_or_default(),
        })
    }

    async fn admit_lambda(&self, region: &str, name: &str) -> Result<(), ApiError> {
        if self.look(region, name, |repository| Ok(policy::with_lambda(repository.settings.policy.as_deref())))?.is_none() {
            return Ok(());
        }
        self.set(region, name, |settings| {
            settings.policy = policy::with_lambda(settings.policy.as_deref()).or_else(|| settings.policy.take());
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_on_aws_or_by_the_clouds_address() {
        let aws = "000000000000.dkr.ecr.eu-central-1.amazonaws.com";
        let place = Some(("000000000000", "eu-central-1"));
        let digest = format!("sha256:{}", "0".repeat(64));
        for (uri, expected) in [
            (format!("{aws}/a/b:v1"), Some((place, "a/b", "v1"))),
            (format!("{aws}/a"), Some((place, "a", "latest"))),
            (format!("{aws}/a:v1@{digest}"), Some((place, "a", digest.as_str()))),
            (format!("127.0.0.1:4566/a@{digest}"), Some((None, "a", digest.as_str()))),
            ("localhost:4566/a:1".to_owned(), Some((None, "a", "1"))),
            ("public.ecr.aws/lambda/python:3.13".to_owned(), None),
            ("docker.io/library/alpine".to_owned(), None),
            ("hello:1".to_owned(), None),
            (String::new(), None),
        ] {
            let found = Reference::parse(&uri).map(|found| (found.place, found.name, found.version));
            assert_eq!(found, expected, "{uri}");
        }
    }
}

//! Manifests: what an image consists of
//! (<https://github.com/opencontainers/image-spec/blob/main/manifest.md>,
//! <https://distribution.github.io/distribution/spec/manifest-v2-2/>).

use super::blobs::is_digest;
use serde::Deserialize;

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The largest one. <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html>
pub(super) const LARGEST_BYTES: usize = 4_194_304;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    schema_version: u32,
    pub media_type: Option<String>,
    pub artifact_type: Option<String>,
    pub config: Option<Descriptor>,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

/// Something that a manifest names.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
}

impl Manifest {
    /// Reads a manifest, and tells its media type: what it says itself, else what the client says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, said: Option<&str>) -> Result<(Self, String), String> {
        if text.len() > LARGEST_BYTES {
            return Err(format!("the manifest is larger than {LARGEST_BYTES} bytes"));
        }
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let media_type = manifest.media_type.clone().or_else(|| said.map(str::to_owned)).unwrap_or_else(|| manifest.guess());
        if said.is_some_and(|said| said != media_type) {
            return Err(format!("it says that it is `{media_type}`, and was sent as something else"));
        }
        if manifest.schema_version != 2 {
            return Err(format!("schema version {} is not taken any more", manifest.schema_version));
        }
        let is_index = matches!(media_type.as_str(), OCI_INDEX | DOCKER_LIST);
        if !is_index && !matches!(media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST) {
            return Err(format!("the media type `{media_type}` is not that of an image"));
        }
        if is_index == manifest.config.is_some() {
            return Err("an image has a configuration, and an index has none".to_owned());
        }
        if let Some(descriptor) = manifest.all().find(|descriptor| !is_digest(&descriptor.digest)) {
            return Err(format!("`{}` is no digest", descriptor.digest));
        }
        Ok((manifest, media_type))
    }

    fn guess(&self) -> String {
        if self.config.is_some() { OCI_MANIFEST } else { OCI_INDEX }.to_owned()
    }

    /// Layers and configuration.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    fn all(&self) -> impl Iterator<Item = &Descriptor> {
        self.blobs().chain(&self.manifests)
    }
}

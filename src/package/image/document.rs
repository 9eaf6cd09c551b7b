//! The documents that an image is made of.
//! <https://github.com/opencontainers/image-spec/blob/main/spec.md>

use super::layer::Layer;
use super::store::Store;
use crate::model::{Blob, Image};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
pub(super) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The time of everything that lambdo makes.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What a manifest or an index says of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default)]
    pub platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    pub architecture: String,
    pub os: String,
    #[serde(default)]
    pub variant: Option<String>,
}

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    #[serde(default)]
    pub media_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// What a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Image(Manifest),
    /// Images for several platforms.
    Index(Vec<Descriptor>),
}

impl Descriptor {
    pub fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), bytes: self.size }
    }

    /// Why an image with such a layer cannot be used, as the end of a sentence.
    pub fn trouble(&self) -> Option<String> {
        let is = |fragment: &str| self.media_type.contains(fragment);
        if is("foreign") || is("nondistributable") {
            return Some("has layers that may not be copied, as images of Windows have, and Lambda runs Linux only".into());
        }
        if is("zstd") {
            return Some("has layers that are compressed with zstd, and Lambda takes layers with gzip only".into());
        }
        let is_layer = self.media_type == DOCKER_LAYER || is(".image.layer.");
        (!is_layer).then(|| format!("has something else than layers of files in it, `{}`", self.media_type))
    }

    /// Whether it is no image but says how one was made.
    /// <https://docs.docker.com/build/metadata/attestations/attestation-storage/>
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
    }
}

impl Platform {
    /// As people write it, such as `linux/arm64`.
    pub fn shown(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Why it is none of these, as the end of a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
        if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
            return Err("is in Docker's first format, which is gone; the image must be built anew".into());
        }
        let document = match value.get("manifests") {
            Some(manifests) => Deserialize::deserialize(manifests).map(Self::Index),
            None => Deserialize::deserialize(&value).map(Self::Image),
        };
        document.map_err(|error| format!("is neither an image nor an index of images: {error}"))
    }
}

/// AWS's name for an architecture as images call it.
pub(super) fn image_architecture(architecture: &str) -> &'static str {
    if architecture == "arm64" { "arm64" } else { "amd64" }
}

/// What runs, and how, where it differs from the base image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub entry_point: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
    pub environment: BTreeMap<String, String>,
}

/// The list under a key of an image configuration's `config`.
pub(super) fn texts<'a>(config: &'a Value, key: &str) -> Vec<&'a str> {
    let list = config.pointer("/config").and_then(|inner| inner.get(key)).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The image that has one layer more than its base.
pub(super) fn compose(
    base: Option<(&Manifest, &Value)>,
    layer: &Layer,
    architecture: &str,
    settings: &Settings,
    store: &Store,
) -> io::Result<Image> {
    let config = config(base, layer, architecture, settings);
    let config = store.put(config.to_string().as_bytes())?;
    let is_docker = base.is_some_and(|(manifest, _)| manifest.media_type.as_deref() == Some(DOCKER_MANIFEST));
    let (media_type, config_type, layer_type) =
        if is_docker { (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) } else { (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER) };
    let below = base.into_iter().flat_map(|(manifest, _)| &manifest.layers);
    let mut layers: Vec<(String, Blob)> = below.map(|layer| (layer.media_type.clone(), layer.blob())).collect();
    layers.push((layer_type.to_owned(), layer.blob()));
    Ok(image(media_type, (config_type, config), &layers))
}

/// An image of these blobs, with nothing in its manifest but them.
pub(super) fn image(media_type: &str, config: (&str, Blob), layers: &[(String, Blob)]) -> Image {
    let describe = |media_type: &str, blob: &Blob| json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.bytes });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": describe(config.0, &config.1),
        "layers": layers.iter().map(|(media_type, blob)| describe(media_type, blob)).collect::<Vec<_>>(),
    });
    let mut blobs: Vec<Blob> = Vec::new();
    for blob in std::iter::once(&config.1).chain(layers.iter().map(|(_, blob)| blob)) {
        if !blobs.contains(blob) {
            blobs.push(blob.clone());
        }
    }
    Image { manifest: manifest.to_string().into_bytes(), media_type: media_type.to_owned(), blobs }
}

fn config(base: Option<(&Manifest, &Value)>, layer: &Layer, architecture: &str, settings: &Settings) -> Value {
    let mut config = base.map_or_else(|| json!({}), |(_, config)| config.clone());
    let below = base.map_or(0, |(manifest, _)| manifest.layers.len());
    // A base may have been made by a run that has nothing to do with ours.
    for key in ["created", "container", "container_config", "docker_version", "moby.buildkit.buildinfo.v1"] {
        config.as_object_mut().map(|config| config.shift_remove(key));
    }
    config["created"] = EPOCH.into();
    config["architecture"] = image_architecture(architecture).into();
    config["os"] = "linux".into();
    apply(&mut config["config"], settings);
    config["rootfs"]["type"] = "layers".into();
    push(&mut config["rootfs"]["diff_ids"], layer.diff_id.as_str().into());
    complete_history(&mut config["history"], below);
    push(&mut config["history"], json!({ "created": EPOCH, "created_by": "lambdo" }));
    config
}

fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(item),
        None => *list = Value::Array(vec![item]),
    }
}

/// As many entries as there are layers: some tools refuse an image that has fewer, and AWS's own base images have none.
/// <https://github.com/aws/aws-lambda-base-images/issues/2>
fn complete_history(history: &mut Value, layers: usize) {
    let is_layer = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) != Some(true);
    let known = history.as_array().into_iter().flatten().filter(is_layer).count();
    for _ in known..layers {
        push(history, json!({ "created": EPOCH, "created_by": "base" }));
    }
}

/// An entry point of one's own makes the base's arguments meaningless.
fn apply(config: &mut Value, settings: &Settings) {
    if let Some(entry_point) = &settings.entry_point {
        config["Entrypoint"] = entry_point.clone().into();
        config["Cmd"] = Value::Null;
    }
    if let Some(command) = &settings.command {
        config["Cmd"] = command.clone().into();
    }
    if config.get("Cmd").is_some_and(Value::is_null) {
        config.as_object_mut().map(|config| config.shift_remove("Cmd"));
    }
    if let Some(folder) = &settings.working_directory {
        config["WorkingDir"] = folder.as_str().into();
    }
    if config.is_null() {
        *config = json!({});
    }
    for (name, value) in &settings.environment {
        let prefix = format!("{name}=");
        if let Some(list) = config["Env"].as_array_mut() {
            list.retain(|entry| !entry.as_str().is_some_and(|entry| entry.starts_with(&prefix)));
        }
        push(&mut config["Env"], format!("{prefix}{value}").into());
    }
}

/// Takes out of a configuration that a build engine made what another build of the same would not have: times, and
/// sums over files with their times and owners.
pub(super) fn neutral(config: &mut Value) {
    let history = config.get_mut("history").and_then(Value::as_array_mut);
    for entry in history.into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.insert("created".into(), EPOCH.into());
        if let Some(Value::String(text)) = entry.get_mut("created_by") {
            *text = without_sums(text);
        }
    }
    config.as_object_mut().map(|config| config.insert("created".into(), EPOCH.into()));
}

/// `COPY file:SUM in /x`, as buildah notes it, without the sum.
fn without_sums(text: &str) -> String {
    let is_sum = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| match word.split_once(':') {
        Some((what @ ("file" | "dir" | "multi"), sum)) if is_sum(sum) => what.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Refuses a configuration that no image of so many layers has.
///
/// # Errors
/// Why, as the end of a sentence.
pub(super) fn check_config(config: &Value, layers: usize) -> Result<(), String> {
    let is_table = |key: &str| config.get(key).is_none_or(|value| value.is_object() || value.is_null());
    if !config.is_object() || !is_table("config") || !is_table("rootfs") {
        return Err("has a configuration that is none of an image".into());
    }
    let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).map_or(0, Vec::len);
    if diff_ids != layers {
        return Err(format!("has a configuration for {diff_ids} layers, and {layers} of them"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        serde_json::from_value(json!({ "digest": "sha256:aa", "bytes": 7, "diff_id": "sha256:dd" })).unwrap()
    }

    fn shown(image: &Image, store: &Store) -> String {
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        let config: Value = serde_json::from_slice(&store.read(&image.blobs[0].digest).unwrap()).unwrap();
        format!("{manifest:#}\n{config:#}")
    }

    #[test]
    fn an_image_from_scratch_has_one_layer_and_no_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let settings = Settings { entry_point: Some(vec!["/bootstrap".into()]), ..Settings::default() };
        let image = compose(None, &layer(), "arm64", &settings, &store).unwrap();
        insta::assert_snapshot!(shown(&image, &store), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "sha256:79fddfe168f2d537eed71803505d7d9900b4ef78cbe64df5fdd7e6872ba1cdbc",
            "size": 230
          },
          "layers": [
            {
              "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              "digest": "sha256:aa",
              "size": 7
            }
          ]
        }
        {
          "created": "1970-01-01T00:00:00Z",
          "architecture": "arm64",
          "os": "linux",
          "config": {
            "Entrypoint": [
              "/bootstrap"
            ]
          },
          "rootfs": {
            "type": "layers",
            "diff_ids": [
              "sha256:dd"
            ]
          },
          "history": [
            {
              "created": "1970-01-01T00:00:00Z",
              "created_by": "lambdo"
            }
          ]
        }
        "#);
    }

    #[test]
    fn what_a_base_says_stays_where_nothing_else_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": { "mediaType": DOCKER_CONFIG, "digest": "sha256:cc", "size": 1 },
            "layers": [{ "mediaType": DOCKER_LAYER, "digest": "sha256:bb", "size": 3 }],
        });
        let Ok(Document::Image(manifest)) = Document::parse(manifest.to_string().as_bytes()) else { panic!("an image") };
        let config = json!({
            "architecture": "amd64",
            "created": "2024-01-01T00:00:00Z",
            "config": { "Env": ["PATH=/bin", "A=1"], "Entrypoint": ["/lambda-entrypoint.sh"], "WorkingDir": "/var/task" },
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": ["sha256:ee"] },
        });
        let settings = Settings {
            command: Some(vec!["bootstrap".into()]),
            environment: BTreeMap::from([("A".to_owned(), "2".to_owned())]),
            ..Settings::default()
        };
        let image = compose(Some((&manifest, &config)), &layer(), "x86_64", &settings, &store).unwrap();
        insta::assert_snapshot!(shown(&image, &store), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
          "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": "sha256:d2262458a3af104feae632341c34d653757ec79937eadc1ddaeb2f22b3defdba",
            "size": 379
          },
          "layers": [
            {
              "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
              "digest": "sha256:bb",
              "size": 3
            },
            {
              "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
              "digest": "sha256:aa",
              "size": 7
            }
          ]
        }
        {
          "architecture": "amd64",
          "config": {
            "Env": [
              "PATH=/bin",
              "A=2"
            ],
            "Entrypoint": [
              "/lambda-entrypoint.sh"
            ],
            "WorkingDir": "/var/task",
            "Cmd": [
              "bootstrap"
            ]
          },
          "os": "linux",
          "rootfs": {
            "type": "layers",
            "diff_ids": [
              "sha256:ee",
              "sha256:dd"
            ]
          },
          "created": "1970-01-01T00:00:00Z",
          "history": [
            {
              "created": "1970-01-01T00:00:00Z",
              "created_by": "base"
            },
            {
              "created": "1970-01-01T00:00:00Z",
              "created_by": "lambdo"
            }
          ]
        }
        "#);
    }

    #[test]
    fn configurations_that_no_image_has_are_refused_and_not_tripped_over() {
        let of = |text: &str, layers: usize| check_config(&serde_json::from_str(text).unwrap(), layers);
        assert_eq!(of(r#"{"config":null,"rootfs":{"diff_ids":["sha256:aa"]}}"#, 1), Ok(()));
        assert_eq!(of("{}", 0), Ok(()));
        for odd in ["[]", "7", r#"{"config":[]}"#, r#"{"rootfs":"x"}"#] {
            assert_eq!(of(odd, 0).unwrap_err(), "has a configuration that is none of an image", "{odd}");
        }
        assert_eq!(of(r#"{"rootfs":{"diff_ids":[]}}"#, 2).unwrap_err(), "has a configuration for 0 layers, and 2 of them");
        let mut config =
            json!({ "history": [{ "created_by": format!("COPY dir:{} in /x  a", "0a".repeat(32)) }, { "created_by": "RUN x:0a" }] });
        neutral(&mut config);
        assert_eq!(
            (&config["history"][0]["created_by"], &config["history"][1]["created_by"]),
            (&json!("COPY dir in /x  a"), &json!("RUN x:0a"))
        );
        for odd in [r#"{"history":["x",{"created":"2024"}]}"#, r#"{"history":{}}"#, "[]"] {
            let mut config = serde_json::from_str(odd).unwrap();
            neutral(&mut config);
            assert!(!config.to_string().contains("2024"), "{config}");
        }
    }

    #[test]
    fn only_layers_that_can_be_copied_and_read_are_taken() {
        let layer = |media_type: &str| Descriptor {
            media_type: media_type.into(),
            digest: String::new(),
            size: 0,
            platform: None,
            annotations: BTreeMap::new(),
        };
        for good in [OCI_LAYER, DOCKER_LAYER, "application/vnd.oci.image.layer.v1.tar"] {
            assert_eq!(layer(good).trouble(), None, "{good}");
        }
        for (bad, why) in [
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "may not be copied"),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "may not be copied"),
            ("application/vnd.oci.image.layer.v1.tar+zstd", "zstd"),
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "something else"),
        ] {
            assert!(layer(bad).trouble().unwrap().contains(why), "{bad}");
        }
    }

    #[test]
    fn what_a_reference_leads_to_is_told_apart() {
        let index = r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:aa","size":1,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}"#;
        let Ok(Document::Index(entries)) = Document::parse(index.as_bytes()) else { panic!("an index") };
        assert_eq!(entries[0].platform.as_ref().unwrap().shown(), "linux/arm64/v8");
        for (text, expected) in [("{", "is not JSON"), (r#"{"schemaVersion":1}"#, "first format"), ("{}", "neither an image")] {
            assert!(Document::parse(text.as_bytes()).unwrap_err().contains(expected), "{text}");
        }
    }
}

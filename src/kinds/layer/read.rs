//! Reading versions: by their number where it is recorded, else by the mark in their descriptions.

use super::live::live;
use super::mark::Mark;
use super::split;
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::ReadTarget;
use crate::kinds::reading::{AT_ONCE, in_turn, sighting};
use crate::model::{Live, Resource, Sighting, Value};
use aws_sdk_lambda::operation::get_layer_version::builders::GetLayerVersionInputBuilder;
use aws_sdk_lambda::operation::list_layer_versions::builders::ListLayerVersionsInputBuilder;
use aws_sdk_lambda::types::LayerVersionsListItem;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    in_turn(targets.iter().copied(), AT_ONCE, |target| Box::pin(read_one(reader, target))).await
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>) -> Sighting {
    let recorded = target.applied.and_then(|entry| entry.attributes.get("version")?.as_str()?.parse().ok());
    let found = match recorded {
        Some(version) => seen(reader, &target, version).await,
        None => sought(reader, &target).await,
    };
    found.unwrap_or_else(|error| sighting(&error))
}

async fn seen(reader: &Reader, target: &ReadTarget<'_>, version: i64) -> Result<Sighting, AwsError> {
    let input = GetLayerVersionInputBuilder::default().layer_name(split(target.physical_id).0).version_number(version);
    Ok(Sighting::Found(live(&reader.get_layer_version(input).await?, target)))
}

/// The youngest version with this content; none where it is to be made and several are there already, since publishing takes
/// the youngest and deletes the others, which a lost answer has left. A layer of this name of which this state made no version
/// is somebody else's.
async fn sought(reader: &Reader, target: &ReadTarget<'_>) -> Result<Sighting, AwsError> {
    let (name, content) = split(target.physical_id);
    let versions = versions(reader, name).await?;
    let is_own = |version: &LayerVersionsListItem| mark(version).lineage == Some(target.lineage);
    let is_ours = versions.iter().any(is_own);
    let is_it = |version: &&LayerVersionsListItem| {
        mark(version).content == content && (is_own(version) || (!is_ours && mark(version).lineage.is_some()))
    };
    let is_wanted = target.desired.and_then(Resource::physical_id) == Some(target.physical_id);
    if is_wanted && is_ours && versions.iter().filter(is_it).count() > 1 {
        return Ok(Sighting::Missing);
    }
    if let Some(found) = versions.iter().filter(is_it).max_by_key(|version| version.version()) {
        return seen(reader, target, found.version()).await;
    }
    let Some(newest) = versions.iter().filter(|_| !is_ours).max_by_key(|version| version.version()) else { return Ok(Sighting::Missing) };
    let mut foreign = Live::new(name.into());
    foreign.tags = Some(mark(newest).tags());
    foreign.fields.insert("layer_name".to_owned(), Value::from(name));
    Ok(Sighting::Found(foreign))
}

/// What the description of a version says.
pub(super) fn mark(version: &LayerVersionsListItem) -> Mark<'_> {
    Mark::read(version.description().unwrap_or_default())
}

/// All versions of a layer; none where there is no such layer.
///
/// # Errors
/// What Lambda refused.
pub(super) async fn versions(reader: &Reader, name: &str) -> Result<Vec<LayerVersionsListItem>, AwsError> {
    let (mut found, mut pages) = (Vec::new(), Pages::of("lambda:ListLayerVersions"));
    loop {
        let input = ListLayerVersionsInputBuilder::default().layer_name(name).set_marker(pages.token());
        let page = match reader.list_layer_versions(input).await {
            Err(error) if error.is_not_found() => return Ok(found),
            result => result?,
        };
        found.extend(page.layer_versions.unwrap_or_default());
        if !pages.go_on(page.next_marker)? {
            return Ok(found);
        }
    }
}

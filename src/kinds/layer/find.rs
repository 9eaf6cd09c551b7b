//! Looking for the versions of layers that a project has made, also where the spec does not have the layer any more.
//!
//! A version says which state has made it, and not for which project: those count whose state has made something else here.

use super::read::{mark, versions};
use super::{KIND, split};
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::names::usual_name;
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use crate::model::{Address, PhysicalId};
use aws_sdk_lambda::operation::list_layers::builders::ListLayersInputBuilder;
use aws_sdk_lambda::types::LayerVersionsListItem;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let lineages: BTreeSet<&str> = search.found.iter().map(|found| found.lineage.as_str()).collect();
    if lineages.is_empty() {
        return Ok(Vec::new());
    }
    let mut layers = match listed(reader, &usual_name(search.project, search.stage, ""), &lineages).await {
        Err(error) if error.is_denied() => {
            search.skip("layers".to_owned(), &error);
            BTreeMap::new()
        }
        result => result?,
    };
    let wanted = search.desired.resources.values().filter(|resource| resource.address.kind == KIND);
    layers.extend(wanted.filter_map(|layer| Some((split(layer.physical_id()?).0.to_owned(), layer.address.clone()))));
    let found = in_turn(layers, AT_ONCE, |layer| Box::pin(made(reader, layer, &lineages))).await;
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The layers whose names begin so, each with the address that the rest of its name is, and those with another name whose newest
/// version these states have made.
async fn listed(reader: &Reader, prefix: &str, lineages: &BTreeSet<&str>) -> Result<BTreeMap<String, Address>, AwsError> {
    let is_made = |version: &LayerVersionsListItem| mark(version).lineage.is_some_and(|lineage| lineages.contains(lineage));
    let (mut layers, mut pages) = (BTreeMap::new(), Pages::of("lambda:ListLayers"));
    loop {
        let page = reader.list_layers(ListLayersInputBuilder::default().set_marker(pages.token())).await?;
        layers.extend(page.layers.unwrap_or_default().into_iter().filter_map(|layer| {
            let name = layer.layer_name?;
            let is_made = layer.latest_matching_version.as_ref().is_some_and(is_made);
            let rest = name.strip_prefix(prefix).or(is_made.then_some(name.as_str()))?;
            let address = format!("{KIND}.{rest}").parse().ok()?;
            Some((name, address))
        }));
        if !pages.go_on(page.next_marker)? {
            return Ok(layers);
        }
    }
}

/// The versions of a layer that these states have made, once each.
async fn made(reader: &Reader, (name, address): (String, Address), lineages: &BTreeSet<&str>) -> Result<Vec<Found>, AwsError> {
    let versions = versions(reader, &name).await?;
    let marks = versions.iter().map(mark);
    let ours: BTreeSet<(&str, &str)> =
        marks.filter_map(|mark| Some((mark.lineage?, mark.content))).filter(|(lineage, _)| lineages.contains(lineage)).collect();
    let found = |(lineage, content): (&str, &str)| Found {
        address: address.clone(),
        physical_id: PhysicalId::from(format!("{name}@{content}")),
        lineage: lineage.to_owned(),
        stays: false,
    };
    Ok(ours.into_iter().map(found).collect())
}

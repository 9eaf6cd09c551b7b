//! Looking for the versions of layers that a project has made, also where the spec does not have the layer any more.
//!
//! A version says which state has made it, and not for which project: those count whose state has made something else here,
//! under the name that a layer of the project has, or one that the spec gives.

use super::read::{mark, versions};
use super::{KIND, split};
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::names::usual_name;
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use crate::model::{Address, PhysicalId};
use aws_sdk_lambda::operation::list_layers::builders::ListLayersInputBuilder;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let lineages: BTreeSet<&str> = search.found.iter().map(|found| found.lineage.as_str()).collect();
    if lineages.is_empty() {
        return Ok(Vec::new());
    }
    let mut layers = match listed(reader, &usual_name(search.project, search.stage, "")).await {
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

/// The layers whose names begin so, each with the address that the rest of its name is.
async fn listed(reader: &Reader, prefix: &str) -> Result<BTreeMap<String, Address>, AwsError> {
    let (mut layers, mut pages) = (BTreeMap::new(), Pages::of("lambda:ListLayers"));
    loop {
        let page = reader.list_layers(ListLayersInputBuilder::default().set_marker(pages.token())).await?;
        let names = page.layers.unwrap_or_default().into_iter().filter_map(|layer| layer.layer_name);
        layers.extend(names.filter_map(|name| {
            let address = format!("{KIND}.{}", name.strip_prefix(prefix)?).parse().ok()?;
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

//! Reading functions: one `GetFunction` each, which shows tags and reserved concurrency too.

use super::code::{CODE_ETAG, etag, unversioned};
use super::live::{Known, live};
use super::moved_tags;
use super::settle::is_going;
use super::strangers;
use crate::aws::Reader;
use crate::kinds::ReadTarget;
use crate::kinds::reading::{AT_ONCE, in_turn, sighting, unchecked};
use crate::model::{Live, Path, Sighting, Value};
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use aws_sdk_lambda::operation::list_functions::builders::ListFunctionsInputBuilder;
use aws_sdk_lambda::types::FunctionConfiguration;
use std::collections::BTreeSet;

/// Up to so many functions of which nothing is known are looked for one by one.
const FEW: usize = 2;
/// Names on a page of `ListFunctions`.
const PAGE: usize = 50;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let unknown = targets.iter().filter(|target| target.applied.is_none()).map(|target| target.physical_id.as_str());
    let absent = absent(reader, &unknown.collect::<BTreeSet<_>>()).await;
    let mut seen = in_turn(targets.iter().copied(), AT_ONCE, |target| Box::pin(read_unless(reader, target, &absent))).await;
    moved_tags::look(reader, &mut seen).await;
    strangers::look(reader, targets, &mut seen).await;
    seen
}

/// Those of the names that no function has, as far as a list that is cheaper than single reads tells.
pub(crate) async fn absent(reader: &Reader, names: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut absent: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    if names.len() <= FEW {
        return BTreeSet::new();
    }
    let mut marker = None;
    for _ in 0..names.len().div_ceil(PAGE) + 1 {
        let Ok(page) = reader.list_functions(ListFunctionsInputBuilder::default().set_marker(marker)).await else { break };
        page.functions().iter().filter_map(FunctionConfiguration::function_name).for_each(|name| {
            absent.remove(name);
        });
        marker = page.next_marker;
        if marker.is_none() {
            return absent;
        }
    }
    BTreeSet::new()
}

async fn read_unless(reader: &Reader, target: ReadTarget<'_>, absent: &BTreeSet<String>) -> Sighting {
    let is_absent = target.applied.is_none() && absent.contains(target.physical_id.as_str());
    if is_absent { Sighting::Missing } else { read_one(reader, target).await }
}

/// Code that the spec names without a version can change behind its name.
async fn look_into_the_bucket(reader: &Reader, known: &Known<'_>, live: &mut Live) {
    let wanted = known.desired.or(known.applied).and_then(|inputs| inputs.get("code"));
    let recorded = known.attributes.and_then(|attributes| attributes.get(CODE_ETAG)).and_then(Value::as_str);
    let (Some(code), Some(recorded)) = (unversioned(wanted), recorded) else { return };
    match etag(reader, &code).await {
        Ok(etag) if etag == recorded => {}
        Ok(etag) => drop(live.fields.insert("code".to_owned(), format!("live:{etag}").into())),
        Err(error) => live.unchecked.push(unchecked(Path::key("code"), &error)),
    }
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>) -> Sighting {
    let request = GetFunctionInputBuilder::default().function_name(target.physical_id.as_str());
    let known = Known {
        applied: target.applied.map(|entry| &entry.inputs),
        attributes: target.applied.map(|entry| &entry.attributes),
        desired: target.desired.map(|resource| &resource.inputs),
    };
    match reader.get_function(request).await {
        // What is being deleted is as good as gone; a create waits for its end.
        Ok(answer) if is_going(&answer) => Sighting::Missing,
        Ok(answer) => {
            let mut live = live(&answer, target.physical_id, &known);
            look_into_the_bucket(reader, &known, &mut live).await;
            Sighting::Found(live)
        }
        Err(error) => sighting(&error),
    }
}

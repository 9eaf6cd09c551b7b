//! Reading functions: one `GetFunction` each, which shows tags and reserved concurrency too.

use super::live::{Known, live};
use crate::aws::Reader;
use crate::kinds::ReadTarget;
use crate::kinds::arguments::sighting;
use crate::model::Sighting;
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use futures::stream::{self, StreamExt};

/// How many reads are under way at once; the quota paces them.
pub(crate) const AT_ONCE: usize = 64;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let reads: Vec<_> = targets.iter().map(|target| read_one(reader, *target)).collect();
    stream::iter(reads).buffered(AT_ONCE).collect().await
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>) -> Sighting {
    let request = GetFunctionInputBuilder::default().function_name(target.physical_id.as_str());
    let known = Known {
        applied: target.applied.map(|entry| &entry.inputs),
        attributes: target.applied.map(|entry| &entry.attributes),
        desired: target.desired.map(|resource| &resource.inputs),
    };
    match reader.get_function(request).await {
        Ok(answer) => Sighting::Found(live(&answer, target.physical_id, &known)),
        Err(error) => sighting(&error),
    }
}

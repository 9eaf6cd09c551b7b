//! Looking for the statements that lambdo has put into the policies of a project's functions.
//!
//! A statement carries no tags: it is known by what the spec asks for, or by an id that lambdo made up.

use super::{KIND, split, statements};
use crate::aws::{AwsError, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use crate::model::{Address, PhysicalId, Resource};
use aws_sdk_lambda::operation::get_policy::builders::GetPolicyInputBuilder;

/// What the ids begin with that lambdo makes up: this, the kind of the trigger, and its name.
pub(super) const MADE_UP: &str = "lambdo-";

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let found = in_turn(search.found_of("function"), AT_ONCE, |function| Box::pin(of_function(reader, function, search))).await;
    let found: Result<Vec<Vec<Found>>, AwsError> = found.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
}

async fn of_function(reader: &Reader, function: &Found, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let name = function.physical_id.as_str();
    let policy = match reader.get_policy(GetPolicyInputBuilder::default().function_name(name)).await {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        answer => answer?.policy.unwrap_or_default(),
    };
    let found = statements(&policy).into_iter().filter_map(|(sid, _)| {
        let physical_id = PhysicalId(format!("{name}/{sid}"));
        let address = address(&sid, function, search)?;
        Some(Found { address, physical_id, lineage: function.lineage.clone(), stays: function.stays })
    });
    Ok(found.collect())
}

/// The address of a statement that is ours. The function says whose it is, not its name in AWS, which may stem from an
/// address of before.
fn address(sid: &str, function: &Found, search: &Search<'_>) -> Option<Address> {
    let is_it = |resource: &&Resource| {
        let id =
            resource.physical_id().filter(|_| (resource.address.kind.as_str(), &resource.address.name) == (KIND, &function.address.name));
        id.is_some_and(|id| split(id).1 == sid)
    };
    let wanted = search.desired.resources.values().find(is_it).map(|resource| resource.address.clone());
    let made_up = || sid.strip_prefix(MADE_UP)?.split_once('-').filter(|(_, part)| !part.is_empty() && !part.contains('.'));
    wanted.or_else(|| made_up().map(|(_, part)| Address::with_part(KIND, &function.address.name, part)))
}

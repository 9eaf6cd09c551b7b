//! Looking for the rules of a project: all of the default bus and of the buses that the spec names, and the tags of each.

use super::fields::DEFAULT_BUS;
use super::read::list_rules;
use super::split;
use crate::aws::{AwsError, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use aws_sdk_eventbridge::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use std::collections::BTreeSet;

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let wanted = search.wanted(super::KIND).map(|id| split(id).0);
    let buses: BTreeSet<&str> = wanted.chain([DEFAULT_BUS]).collect();
    let mut rules = Vec::new();
    for bus in buses {
        let listed = match list_rules(reader, bus, "").await {
            Err(error) if error.is_not_found() => continue,
            listed => listed?,
        };
        rules.extend(listed.into_iter().map(|(name, rule)| (format!("{bus}/{name}"), rule.arn.unwrap_or_default())));
    }
    let found = in_turn(rules, AT_ONCE, |(id, arn)| Box::pin(tagged(reader, id, arn, search))).await;
    found.into_iter().filter_map(Result::transpose).collect()
}

/// The name in an id, without the bus.
fn name_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, name)| name)
}

async fn tagged(reader: &Reader, id: String, arn: String, search: &Search<'_>) -> Result<Option<Found>, AwsError> {
    match reader.list_tags_for_rule(ListTagsForResourceInputBuilder::default().resource_arn(arn)).await {
        Ok(answer) => {
            let tags = answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            Ok(search.found(id, &tags))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.is_denied() && !search.may_be_ours(super::KIND, name_of(&id), &id) => {
            search.skip(format!("rule `{id}`"), &error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

//! Looking for the repositories of a project: all of the registry's, and the tags of each.

use super::read::all;
use crate::aws::{AwsError, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use aws_sdk_ecr::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let repositories = all(reader).await?.into_iter().map(|(name, repository)| (name, repository.repository_arn.unwrap_or_default()));
    let found = in_turn(repositories, AT_ONCE, |(name, arn)| Box::pin(tagged(reader, name, arn, search))).await;
    found.into_iter().filter_map(Result::transpose).collect()
}

async fn tagged(reader: &Reader, name: String, arn: String, search: &Search<'_>) -> Result<Option<Found>, AwsError> {
    match reader.list_tags_for_repository(ListTagsForResourceInputBuilder::default().resource_arn(arn)).await {
        Ok(answer) => {
            let tags = answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            Ok(search.found(name, &tags))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.is_denied() && !search.may_be_ours(super::KIND, &name, &name) => {
            search.skip(format!("repository `{name}`"), &error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

//! Looking for the log groups of a project: those that its functions write to or have names for, and those that the spec names.
//!
//! An account may have many thousands of groups, and the tags of each cost a call.

use super::read::find as group;
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::names::usual_name;
use crate::kinds::reading::in_turn;
use crate::kinds::{Found, Search};
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::builders::DescribeLogGroupsInputBuilder;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use std::collections::BTreeSet;

/// Where the groups of functions are.
const FOLDER: &str = "/aws/lambda/";
/// Tag reads that go on at the same time; the quota sets the pace.
const PARALLEL: usize = 5;

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let mut names = listed(reader, &format!("{FOLDER}{}", usual_name(search.project, search.stage, ""))).await?;
    names.extend(search.wanted(super::KIND).map(|id| id.as_str().to_owned()));
    names.extend(written_to(reader, search).await?);
    let found = in_turn(names, PARALLEL, |name| Box::pin(tagged(reader, name, search))).await;
    found.into_iter().filter_map(Result::transpose).collect()
}

/// Those that the project's functions write to, which may have any name.
async fn written_to(reader: &Reader, search: &Search<'_>) -> Result<Vec<String>, AwsError> {
    let functions: BTreeSet<&str> = search.found_of("function").map(|function| function.physical_id.as_str()).collect();
    if functions.is_empty() {
        return Ok(Vec::new());
    }
    let by_group = reader.functions_by_log_group().await?;
    Ok(by_group.into_iter().filter(|(_, function)| functions.contains(function.as_str())).map(|(group, _)| group).collect())
}

async fn listed(reader: &Reader, prefix: &str) -> Result<BTreeSet<String>, AwsError> {
    let (mut names, mut pages) = (BTreeSet::new(), Pages::of("logs:DescribeLogGroups"));
    loop {
        let input = DescribeLogGroupsInputBuilder::default().log_group_name_prefix(prefix).set_next_token(pages.token());
        let page = reader.describe_log_groups(input).await?;
        names.extend(page.log_groups().iter().filter_map(|group| group.log_group_name().map(str::to_owned)));
        if !pages.go_on(page.next_token)? {
            return Ok(names);
        }
    }
}

async fn tagged(reader: &Reader, name: String, search: &Search<'_>) -> Result<Option<Found>, AwsError> {
    let Some(group) = group(reader, &name).await? else { return Ok(None) };
    let arn = group.log_group_arn().or(group.arn()).map(|arn| arn.trim_end_matches(":*").to_owned());
    match reader.list_tags_for_log_group(ListTagsForResourceInputBuilder::default().set_resource_arn(arn)).await {
        Ok(answer) => Ok(search.found(name, &answer.tags.unwrap_or_default().into_iter().collect())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

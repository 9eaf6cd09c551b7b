//! Looking for the roles of a project: by one bulk call for the account, else below the project's own path.

use super::read::role;
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use aws_sdk_iam::operation::get_account_authorization_details::builders::GetAccountAuthorizationDetailsInputBuilder;
use aws_sdk_iam::operation::list_roles::builders::ListRolesInputBuilder;
use aws_sdk_iam::types::{EntityType, Tag};
use std::collections::BTreeMap;

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    match in_bulk(reader, search).await {
        // Not everybody may read all roles of an account.
        Err(error) if error.is_denied() => below_the_path(reader, search).await,
        found => found,
    }
}

fn table(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

async fn in_bulk(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let (mut found, mut pages) = (Vec::new(), Pages::of("iam:GetAccountAuthorizationDetails"));
    loop {
        let input =
            GetAccountAuthorizationDetailsInputBuilder::default().filter(EntityType::Role).max_items(1000).set_marker(pages.token());
        let page = reader.get_account_authorization_details(input).await?;
        let details = page.role_detail_list().iter();
        found.extend(details.filter_map(|detail| search.found(detail.role_name()?, &table(detail.tags()))));
        if !pages.go_on(page.marker.filter(|_| page.is_truncated))? {
            return Ok(found);
        }
    }
}

async fn below_the_path(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let path = format!("/lambdo/{}/", search.project);
    let (mut names, mut pages) = (Vec::new(), Pages::of("iam:ListRoles"));
    loop {
        let page = reader.list_roles(ListRolesInputBuilder::default().path_prefix(&path).max_items(1000).set_marker(pages.token())).await?;
        names.extend(page.roles().iter().map(|role| role.role_name().to_owned()));
        if !pages.go_on(page.marker.filter(|_| page.is_truncated))? {
            break;
        }
    }
    let found = in_turn(names, AT_ONCE, |name| Box::pin(tagged(reader, name, search))).await;
    found.into_iter().filter_map(Result::transpose).collect()
}

async fn tagged(reader: &Reader, name: String, search: &Search<'_>) -> Result<Option<Found>, AwsError> {
    match role(reader, &name).await {
        Ok(role) => Ok(search.found(name, &table(role.tags()))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

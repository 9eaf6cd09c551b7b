//! Reading roles: one bulk call per thousand roles of the account, or a few calls per role.
//!
//! The bulk call shows no description and no session duration; those come from `ListRoles` by path.

use super::seen::{Part, Seen, Settings};
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::reading;
use crate::model::{Sighting, Table, Value};
use aws_sdk_iam::operation::get_account_authorization_details::builders::GetAccountAuthorizationDetailsInputBuilder;
use aws_sdk_iam::operation::get_role::builders::GetRoleInputBuilder;
use aws_sdk_iam::operation::get_role_policy::builders::GetRolePolicyInputBuilder;
use aws_sdk_iam::operation::list_attached_role_policies::builders::ListAttachedRolePoliciesInputBuilder;
use aws_sdk_iam::operation::list_role_policies::builders::ListRolePoliciesInputBuilder;
use aws_sdk_iam::operation::list_roles::builders::ListRolesInputBuilder;
use aws_sdk_iam::types::{EntityType, Role, RoleDetail};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many roles are read one by one.
const FEW: usize = 2;
/// After so many pages the account is taken to be much larger than the project.
const PAGES: usize = 3;
/// Single reads that go on at the same time; the quota sets the pace.
const PARALLEL: usize = 8;

/// A role to be read.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    /// Its name.
    pub(super) text: &'a str,
    /// Its settings as applied, where the state knows it.
    pub(super) applied: Option<&'a Table>,
}

impl Name<'_> {
    fn is_known(&self) -> bool {
        self.applied.is_some()
    }

    /// The inline policies that it should have.
    fn policies(&self) -> Vec<&str> {
        let inline = self.applied.and_then(|inputs| inputs.get("inline_policy")).and_then(Value::as_table);
        inline.map(|policies| policies.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

/// Reads the roles with these names, in their order.
pub(super) async fn read(reader: &Reader, names: &[Name<'_>]) -> Vec<Sighting> {
    let few = names.len() <= FEW;
    let (mut found, is_complete) = if few { (BTreeMap::new(), false) } else { bulk(reader, names).await };
    // What the bulk read did not show may stand on a later page, or have been made a moment ago.
    let open = |name: &&Name<'_>| (name.is_known() || !is_complete) && !found.contains_key(&name.text.to_lowercase());
    let reads: Vec<_> = names.iter().filter(open).map(|name| keyed(reader, name)).collect();
    found.extend(stream::iter(reads).buffer_unordered(PARALLEL).collect::<Vec<_>>().await);
    // Two addresses may have one name, so nothing is taken out.
    names.iter().map(|name| sighting(found.get(&name.text.to_lowercase()), name.text)).collect()
}

async fn keyed(reader: &Reader, name: &Name<'_>) -> (String, Part<Seen>) {
    (name.text.to_lowercase(), single(reader, name).await)
}

fn sighting(found: Option<&Part<Seen>>, name: &str) -> Sighting {
    match found {
        Some(Ok(seen)) => Sighting::Found(seen.clone().into_live(name.into())),
        Some(Err(error)) => reading::sighting(error),
        None => Sighting::Missing,
    }
}

/// What the bulk calls show of the wanted roles, by name in lower case, and whether they showed all
/// roles of the account. Nothing where they may not be called.
async fn bulk(reader: &Reader, names: &[Name<'_>]) -> (BTreeMap<String, Part<Seen>>, bool) {
    let wanted: BTreeSet<String> = names.iter().map(|name| name.text.to_lowercase()).collect();
    let (details, is_complete) = details(reader, &wanted).await;
    let paths: BTreeSet<&str> = details.values().filter_map(RoleDetail::path).collect();
    let mut settings = BTreeMap::new();
    for under in join_all(paths.into_iter().map(|path| settings_under(reader, path, &wanted))).await {
        settings.extend(under);
    }
    let reads: Vec<_> = details.iter().map(|(key, detail)| completed(reader, key, detail, settings.remove(key))).collect();
    let seen = stream::iter(reads).buffer_unordered(PARALLEL).collect::<Vec<_>>().await;
    (seen.into_iter().collect(), is_complete)
}

/// What the bulk call shows of a role, with its settings: those that a list showed, or read now.
async fn completed(reader: &Reader, key: &str, detail: &RoleDetail, listed: Option<Settings>) -> (String, Part<Seen>) {
    let settings = match listed {
        Some(settings) => Ok(settings),
        None => role(reader, detail.role_name().unwrap_or_default()).await.map(|role| Settings::of(&role)),
    };
    (key.to_owned(), Ok(Seen::from_detail(detail, settings)))
}

async fn details(reader: &Reader, wanted: &BTreeSet<String>) -> (BTreeMap<String, RoleDetail>, bool) {
    let mut found = BTreeMap::new();
    let mut marker = None;
    for _ in 0..PAGES {
        let input = GetAccountAuthorizationDetailsInputBuilder::default().filter(EntityType::Role).max_items(1000).set_marker(marker);
        let Ok(page) = reader.get_account_authorization_details(input).await else { return (found, false) };
        let details = page.role_detail_list.unwrap_or_default().into_iter();
        let named = details.filter_map(|detail| Some((detail.role_name()?.to_lowercase(), detail)));
        found.extend(named.filter(|(name, _)| wanted.contains(name)));
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() || found.len() == wanted.len() {
            return (found, true);
        }
    }
    (found, false)
}

/// Descriptions and session durations of the roles under a path. The root is not walked: everybody's
/// roles are there.
async fn settings_under(reader: &Reader, path: &str, wanted: &BTreeSet<String>) -> BTreeMap<String, Settings> {
    let mut found = BTreeMap::new();
    let mut marker = None;
    for _ in 0..if path == "/" { 0 } else { PAGES } {
        let input = ListRolesInputBuilder::default().path_prefix(path).max_items(1000).set_marker(marker);
        let Ok(page) = reader.list_roles(input).await else { break };
        let roles = page.roles.iter().map(|role| (role.role_name().to_lowercase(), Settings::of(role)));
        found.extend(roles.filter(|(name, _)| wanted.contains(name)));
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    found
}

/// One role.
pub(super) async fn role(reader: &Reader, name: &str) -> Result<Role, AwsError> {
    let answer = reader.get_role(GetRoleInputBuilder::default().role_name(name)).await?;
    answer.role.ok_or_else(|| AwsError::own("iam:GetRole", crate::aws::ErrorClass::Other, "the answer has no role"))
}

/// One role with its policies; a part that may not be read does not hide the others. Of a role that the state knows
/// all parts are read at once, of another one only when there is one.
async fn single(reader: &Reader, name: &Name<'_>) -> Part<Seen> {
    let (role, inline, managed) = if name.is_known() {
        let expected = name.policies();
        let (role, inline, managed) =
            futures::join!(role(reader, name.text), inline(reader, name.text, &expected), managed(reader, name.text));
        (role?, inline, managed)
    } else {
        let role = role(reader, name.text).await?;
        let (inline, managed) = futures::join!(inline(reader, name.text, &[]), managed(reader, name.text));
        (role, inline, managed)
    };
    // A role that goes while it is being read is gone.
    match (&inline, &managed) {
        (Err(error), _) | (_, Err(error)) if error.is_not_found() => Err(error.clone()),
        _ => Ok(Seen::from_role(&role, inline, managed)),
    }
}

/// All inline policies; those that are expected are read while the list is.
async fn inline(reader: &Reader, name: &str, expected: &[&str]) -> Part<BTreeMap<String, String>> {
    let early = join_all(expected.iter().map(|policy| document(reader, name, policy)));
    let (names, early) = futures::join!(inline_names(reader, name), early);
    let mut early: BTreeMap<&str, Part<String>> = expected.iter().copied().zip(early).collect();
    let mut policies = BTreeMap::new();
    for policy in names? {
        let text = match early.remove(policy.as_str()) {
            Some(Ok(text)) => text,
            _ => document(reader, name, &policy).await?,
        };
        policies.insert(policy, text);
    }
    Ok(policies)
}

async fn document(reader: &Reader, name: &str, policy: &str) -> Part<String> {
    let input = GetRolePolicyInputBuilder::default().role_name(name).policy_name(policy);
    Ok(reader.get_role_policy(input).await?.policy_document)
}

async fn inline_names(reader: &Reader, name: &str) -> Part<Vec<String>> {
    let (mut names, mut pages) = (Vec::new(), Pages::of("iam:ListRolePolicies"));
    loop {
        let input = ListRolePoliciesInputBuilder::default().role_name(name).set_marker(pages.token());
        let page = reader.list_role_policies(input).await?;
        names.extend(page.policy_names);
        if !pages.go_on(page.marker.filter(|_| page.is_truncated))? {
            return Ok(names);
        }
    }
}

async fn managed(reader: &Reader, name: &str) -> Part<Vec<String>> {
    let (mut arns, mut pages) = (Vec::new(), Pages::of("iam:ListAttachedRolePolicies"));
    loop {
        let input = ListAttachedRolePoliciesInputBuilder::default().role_name(name).set_marker(pages.token());
        let page = reader.list_attached_role_policies(input).await?;
        arns.extend(page.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn));
        if !pages.go_on(page.marker.filter(|_| page.is_truncated))? {
            return Ok(arns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::Cloud;
    use std::time::Duration;
    use tokio::time::Instant;

    fn role_xml(name: &str) -> String {
        let ids = format!("<RoleName>{name}</RoleName><RoleId>A</RoleId><Arn>arn:{name}</Arn>");
        format!("<Path>/</Path>{ids}<CreateDate>2026-01-01T00:00:00Z</CreateDate>")
    }

    /// An account with roles `r0`, `r1` and so on under `/`, whose answers take a tenth of a second.
    fn account(count: usize) -> Cloud {
        Cloud::slow(Duration::from_millis(100), move |request| {
            let members: String = (0..count).map(|number| format!("<member>{}</member>", role_xml(&format!("r{number}")))).collect();
            let name = request.split("RoleName=").nth(1).unwrap_or_default();
            let (action, result) = match request {
                bulk if bulk.contains("GetAccountAuthorizationDetails") => {
                    ("GetAccountAuthorizationDetails", format!("<RoleDetailList>{members}</RoleDetailList>"))
                }
                role if role.contains("Action=GetRole&") => ("GetRole", format!("<Role>{}</Role>", role_xml(name))),
                inline if inline.contains("ListRolePolicies") => ("ListRolePolicies", "<PolicyNames></PolicyNames>".to_owned()),
                _ => ("ListAttachedRolePolicies", "<AttachedPolicies></AttachedPolicies>".to_owned()),
            };
            (200, format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
        })
    }

    const NOTHING: &Table = &Table::new();

    fn known(text: &str) -> Name<'_> {
        Name { text, applied: Some(NOTHING) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_two_addresses_have_is_found_for_both() {
        for names in [&["r0", "R0"][..], &["r0", "r1", "R0"]] {
            let names: Vec<Name<'_>> = names.iter().map(|name| known(name)).collect();
            let seen = read(account(2).writer.reader(), &names).await;
            assert!(seen.iter().all(|sighting| sighting.live().is_some()), "{seen:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn settings_that_no_list_shows_are_read_side_by_side() {
        let (cloud, started) = (account(16), Instant::now());
        let names: Vec<String> = (0..16).map(|number| format!("r{number}")).collect();
        let seen = read(cloud.writer.reader(), &names.iter().map(|name| known(name)).collect::<Vec<_>>()).await;
        assert!(seen.iter().all(|sighting| sighting.live().is_some()), "{seen:?}");
        assert_eq!(cloud.sent("Action=GetRole&").len(), 16);
        assert_eq!(started.elapsed().as_millis() / 50, 300 / 50, "one bulk read and two rounds of eight");
    }
}

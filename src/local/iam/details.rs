//! The whole account in one call.

use super::check::Checks;
use super::paging::Paging;
use super::render;
use super::state::{PolicyFacts, Role, State};
use crate::local::error::ApiError;
use crate::local::wire::query::Parameters;
use crate::local::wire::xml::Xml;
use std::collections::BTreeSet;

/// The sorts of things that IAM tells apart.
pub(super) const ENTITIES: &[&str] = &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

/// One thing of the account.
enum Entity<'a> {
    Policy(PolicyFacts<'a>),
    Role(&'a Role),
}

/// `GetAccountAuthorizationDetails`. Of AWS's policies it shows those that are in use.
pub(super) fn get(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let filter = checks.some_of("Filter", ENTITIES);
    let paging = Paging::of(&mut checks);
    checks.done()?;
    let wants = |sort: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == sort);
    // The order of the keys is the order of these, so that pages can be cut by key.
    let foreign = wants("AWSManagedPolicy").then(|| in_use(state)).into_iter().flatten();
    let foreign = foreign.map(|facts| (format!("a {}", facts.arn), Entity::Policy(facts)));
    let own = state.policies.iter().filter(|_| wants("LocalManagedPolicy"));
    let own = own.filter_map(|(key, policy)| Some((format!("b {key}"), Entity::Policy(state.policy_of(&policy.arn)?))));
    let roles = state.roles.iter().filter(|_| wants("Role")).map(|(key, role)| (format!("c {key}"), Entity::Role(role)));
    let page = paging.page(foreign.chain(own).chain(roles));
    let role_of = |entity: &Entity<'_>| match entity {
        Entity::Role(role) => Some(render::role_detail(role)),
        Entity::Policy(_) => None,
    };
    let policy_of = |entity: &Entity<'_>| match entity {
        Entity::Policy(facts) => Some(render::policy_detail(facts, state)),
        Entity::Role(_) => None,
    };
    let xml = Xml::new().element("UserDetailList", Xml::new()).element("GroupDetailList", Xml::new());
    let xml = xml.members("RoleDetailList", page.items.iter().filter_map(role_of));
    Ok(page.end(xml.members("Policies", page.items.iter().filter_map(policy_of))))
}

/// AWS's policies that roles have, in the order of their ARNs.
fn in_use(state: &State) -> Vec<PolicyFacts<'_>> {
    let of_roles = state.roles.values().flat_map(|role| role.attached.iter().chain(&role.boundary));
    let arns: BTreeSet<&String> = of_roles.collect();
    arns.into_iter().filter_map(|arn| state.policy_of(arn)).filter(|facts| facts.customer.is_none()).collect()
}

//! What a role may do: its inline policies, and the managed ones attached to it.

use super::check::Checks;
use super::document::{self, Purpose};
use super::paging::Paging;
use super::render;
use super::state::{Changed, Request, State, limit_exceeded, no_such_entity};
use super::statement::size;
use crate::local::error::ApiError;
use crate::local::wire::query::Parameters;
use crate::local::wire::xml::Xml;

/// All inline policies of a role together, in characters that are not white space.
const MOST_INLINE_CHARACTERS: usize = 10_240;

/// Managed policies that can be attached to a role. The default was 10 for years; in September 2026 the
/// service answered `Cannot exceed quota for PoliciesPerRole: 20`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MOST_ATTACHED: usize = 20;

fn no_such_policy(name: &str) -> ApiError {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

/// `PutRolePolicy`.
pub(super) fn put(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let (name, policy) = (checks.role_name(), checks.policy_name());
    let document = checks.document("PolicyDocument");
    checks.done()?;
    let role = state.role_mut(name)?;
    document::check(document, Purpose::Inline)?;
    let others = role.inline.iter().filter(|(other, _)| *other != policy).map(|(_, document)| size(document));
    if others.sum::<usize>() + size(document) > MOST_INLINE_CHARACTERS {
        let message = format!("Maximum policy size of {MOST_INLINE_CHARACTERS} bytes exceeded for role {}", role.name);
        return Err(limit_exceeded(message));
    }
    role.inline.insert(policy.to_owned(), document.to_owned());
    Ok((Xml::new(), role.saved()))
}

/// `GetRolePolicy`.
pub(super) fn get(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let (name, policy) = (checks.role_name(), checks.policy_name());
    checks.done()?;
    let role = state.role(name)?;
    let document = role.inline.get(policy).ok_or_else(|| no_such_policy(policy))?;
    Ok(Xml::new().text("RoleName", &role.name).text("PolicyName", policy).text("PolicyDocument", render::encoded(document)))
}

/// `DeleteRolePolicy`.
pub(super) fn delete(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let (name, policy) = (checks.role_name(), checks.policy_name());
    checks.done()?;
    let role = state.role_mut(name)?;
    role.inline.remove(policy).ok_or_else(|| no_such_policy(policy))?;
    Ok((Xml::new(), role.saved()))
}

/// `ListRolePolicies`.
pub(super) fn list(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let name = checks.role_name();
    let paging = Paging::of(&mut checks);
    checks.done()?;
    let page = paging.page(state.role(name)?.inline.keys().map(|policy| (policy.clone(), policy)));
    Ok(page.end(Xml::new().texts("PolicyNames", &page.items)))
}

/// `AttachRolePolicy`; one that is attached already stays so.
pub(super) fn attach(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let arn = checks.policy_arn("PolicyArn");
    checks.done()?;
    let attached = &state.role(name)?.attached;
    let is_full = attached.len() >= MOST_ATTACHED && !attached.contains(arn);
    let missing = || no_such_entity(format!("Policy {arn} does not exist or is not attachable."));
    let policy = state.policy_of(arn).ok_or_else(missing)?;
    if policy.path.starts_with("/aws-service-role/") {
        return Err(ApiError::new(400, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role."));
    }
    if is_full {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    let role = state.role_mut(name)?;
    role.attached.insert(arn.to_owned());
    Ok((Xml::new(), role.saved()))
}

/// `DetachRolePolicy`.
pub(super) fn detach(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let arn = checks.policy_arn("PolicyArn");
    checks.done()?;
    let role = state.role_mut(name)?;
    if !role.attached.remove(arn) {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    Ok((Xml::new(), role.saved()))
}

/// `ListAttachedRolePolicies`.
pub(super) fn list_attached(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let name = checks.role_name();
    let prefix = checks.path_prefix();
    let paging = Paging::of(&mut checks);
    checks.done()?;
    let is_under = |arn: &&String| state.policy_of(arn).is_some_and(|facts| facts.path.starts_with(prefix));
    let page = paging.page(state.role(name)?.attached.iter().filter(is_under).map(|arn| (arn.clone(), arn)));
    Ok(page.end(Xml::new().members("AttachedPolicies", page.items.iter().map(|arn| render::attached(arn)))))
}

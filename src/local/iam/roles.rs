//! Roles, their trust policies, boundaries and tags.

use super::check::{Checks, MOST_TAGS};
use super::paging::{Paging, none};
use super::render;
use super::state::{Changed, DEFAULT_SESSION_SECONDS, ROLES, Request, Role, State, limit_exceeded, no_such_entity, unique_id};
use super::trust;
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use crate::local::wire::query::Parameters;
use crate::local::wire::xml::Xml;

/// How many roles an account can have, unless the quota was raised.
const MOST_ROLES: usize = 1_000;
const SESSION_SECONDS: (i64, i64) = (3_600, 43_200);

/// `CreateRole`.
pub(super) fn create(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let path = checks.path(|character| ('!'..='~').contains(&character));
    let trust = checks.document("AssumeRolePolicyDocument");
    let description = checks.description().filter(|text| !text.is_empty());
    let session_seconds = checks.number("MaxSessionDuration", SESSION_SECONDS.0, SESSION_SECONDS.1);
    let boundary = checks.optional("PermissionsBoundary").map(|_| checks.policy_arn("PermissionsBoundary"));
    let tags = checks.tags();
    checks.done()?;
    check_trust(state, request.account, trust)?;
    boundary.map_or(Ok(()), |arn| check_boundary(state, arn))?;
    let key = name.to_lowercase();
    if state.roles.contains_key(&key) {
        return Err(ApiError::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    if state.roles.len() >= MOST_ROLES {
        return Err(limit_exceeded(format!("Cannot exceed quota for RolesPerAccount: {MOST_ROLES}")));
    }
    let role = Role {
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("AROA"),
        arn: format!("arn:aws:iam::{}:role{path}{name}", request.account),
        created_ms: request.now_ms,
        trust: trust.to_owned(),
        description: description.map(str::to_owned),
        session_seconds: session_seconds.unwrap_or(DEFAULT_SESSION_SECONDS),
        boundary: boundary.map(str::to_owned),
        inline: Default::default(),
        attached: Default::default(),
        tags,
    };
    let changed = (Xml::new().element("Role", render::role(&role)), role.saved());
    state.roles.insert(key, role);
    Ok(changed)
}

fn check_trust(state: &State, account: &str, document: &str) -> Result<(), ApiError> {
    let user = format!("arn:aws:iam::{account}:user/local");
    trust::check(document, account, |arn| arn == user || state.role_of(arn).is_some())
}

fn check_boundary(state: &State, arn: &str) -> Result<(), ApiError> {
    let missing = || no_such_entity(format!("Scope ARN: {arn} does not exist or is not attachable."));
    state.policy_of(arn).map(drop).ok_or_else(missing)
}

/// `GetRole`.
pub(super) fn get(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let name = named(parameters)?;
    Ok(Xml::new().element("Role", render::role(state.role(name)?)))
}

/// The role's name, where a call has no other parameter.
fn named(parameters: &Parameters) -> Result<&str, ApiError> {
    let mut checks = Checks::new(parameters);
    let name = checks.role_name();
    checks.done().map(|()| name)
}

/// `UpdateRole`: a session duration that is left out is reset, a description is kept.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>
pub(super) fn update(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let description = checks.description();
    let session_seconds = checks.number("MaxSessionDuration", SESSION_SECONDS.0, SESSION_SECONDS.1);
    checks.done()?;
    let role = state.role_mut(name)?;
    role.session_seconds = session_seconds.unwrap_or(DEFAULT_SESSION_SECONDS);
    if let Some(description) = description {
        role.description = Some(description.to_owned()).filter(|text| !text.is_empty());
    }
    Ok((Xml::new(), role.saved()))
}

/// `UpdateRoleDescription`.
pub(super) fn update_description(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    checks.required("Description");
    let description = checks.description();
    checks.done()?;
    let role = state.role_mut(name)?;
    role.description = description.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok((Xml::new().element("Role", render::role(role)), role.saved()))
}

/// `UpdateAssumeRolePolicy`.
pub(super) fn update_trust(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let document = checks.document("PolicyDocument");
    checks.done()?;
    state.role(name)?;
    check_trust(state, request.account, document)?;
    let role = state.role_mut(name)?;
    document.clone_into(&mut role.trust);
    Ok((Xml::new(), role.saved()))
}

/// `DeleteRole`.
pub(super) fn delete(state: &mut State, request: &Request<'_>) -> Changed {
    let name = named(request.parameters)?;
    let role = state.role(name)?;
    let conflict = |what: &str| Err(ApiError::new(409, "DeleteConflict", format!("Cannot delete entity, must {what} first.")));
    if !role.attached.is_empty() {
        return conflict("detach all policies");
    }
    if !role.inline.is_empty() {
        return conflict("delete policies");
    }
    let key = name.to_lowercase();
    state.roles.remove(&key);
    Ok((Xml::new(), Batch::new().delete(ROLES, &key)))
}

/// `ListRoles`.
pub(super) fn list(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let prefix = checks.path_prefix();
    let paging = Paging::of(&mut checks);
    checks.done()?;
    let roles = state.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
    let page = paging.page(roles.map(|(key, role)| (key.clone(), role)));
    Ok(page.end(Xml::new().members("Roles", page.items.iter().map(|role| render::listed_role(role)))))
}

/// `PutRolePermissionsBoundary`.
pub(super) fn put_boundary(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let arn = checks.policy_arn("PermissionsBoundary");
    checks.done()?;
    state.role(name)?;
    check_boundary(state, arn)?;
    let role = state.role_mut(name)?;
    role.boundary = Some(arn.to_owned());
    Ok((Xml::new(), role.saved()))
}

/// `DeleteRolePermissionsBoundary`; without one there is nothing to do.
pub(super) fn delete_boundary(state: &mut State, request: &Request<'_>) -> Changed {
    let name = named(request.parameters)?;
    let role = state.role_mut(name)?;
    role.boundary = None;
    Ok((Xml::new(), role.saved()))
}

/// `TagRole`.
pub(super) fn tag(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let tags = checks.required_tags();
    checks.done()?;
    let role = state.role_mut(name)?;
    let fresh = tags.keys().filter(|key| !role.tags.contains_key(*key)).count();
    if role.tags.len() + fresh > MOST_TAGS {
        return Err(limit_exceeded("The number of tags has reached the maximum limit."));
    }
    role.tags.extend(tags);
    Ok((Xml::new(), role.saved()))
}

/// `UntagRole`.
pub(super) fn untag(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.role_name();
    let keys = checks.tag_keys();
    checks.done()?;
    let role = state.role_mut(name)?;
    role.tags.retain(|key, _| !keys.contains(key));
    Ok((Xml::new(), role.saved()))
}

/// `ListRoleTags`.
pub(super) fn list_tags(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let name = checks.role_name();
    let paging = Paging::of(&mut checks);
    checks.done()?;
    let tags = state.role(name)?.tags.clone();
    let page = paging.page(render::tags(&tags).zip(tags.keys()).map(|(tag, key)| (key.clone(), tag)));
    Ok(page.end(Xml::new().members("Tags", page.items.iter().cloned())))
}

/// `ListInstanceProfilesForRole`: there are none.
pub(super) fn list_instance_profiles(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    state.role(named(parameters)?)?;
    Ok(none("InstanceProfiles"))
}

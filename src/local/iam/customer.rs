//! Managed policies by themselves: AWS's to look at, a customer's to make and delete. A customer's
//! policy has one version; another one cannot be made here.

use super::check::Checks;
use super::document::{self, Purpose};
use super::paging::Paging;
use super::render;
use super::state::{Changed, POLICIES, Policy, PolicyFacts, Request, State, limit_exceeded, no_such_entity, unique_id};
use super::statement::size;
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use crate::local::wire::query::Parameters;
use crate::local::wire::xml::Xml;

/// The document of a managed policy, in characters that are not white space.
const MOST_CHARACTERS: usize = 6_144;
/// Policies of an account's own, unless the quota was raised.
const MOST_POLICIES: usize = 1_500;

/// `CreatePolicy`.
pub(super) fn create(state: &mut State, request: &Request<'_>) -> Changed {
    let mut checks = Checks::new(request.parameters);
    let name = checks.policy_name();
    let path = checks.path(|character| character.is_ascii_alphanumeric() || "/.,+@=_-".contains(character));
    let document = checks.document("PolicyDocument");
    let description = checks.description().filter(|text| !text.is_empty());
    let tags = checks.tags();
    checks.done()?;
    document::check(document, Purpose::Managed)?;
    if size(document) > MOST_CHARACTERS {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {MOST_CHARACTERS}")));
    }
    let key = name.to_lowercase();
    if state.policies.contains_key(&key) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(ApiError::new(409, "EntityAlreadyExists", message));
    }
    if state.policies.len() >= MOST_POLICIES {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerAccount: {MOST_POLICIES}")));
    }
    let policy = Policy {
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("ANPA"),
        arn: format!("arn:aws:iam::{}:policy{path}{name}", request.account),
        created_ms: request.now_ms,
        description: description.map(str::to_owned),
        document: document.to_owned(),
        tags,
    };
    let (arn, batch) = (policy.arn.clone(), Batch::new().put(POLICIES, &key, &policy));
    state.policies.insert(key, policy);
    Ok((Xml::new().element("Policy", render::policy(&found(state, &arn)?, state)), batch))
}

fn found<'a>(state: &'a State, arn: &str) -> Result<PolicyFacts<'a>, ApiError> {
    state.policy_of(arn).ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
}

/// The policy's ARN, where a call has no other parameter.
fn named(parameters: &Parameters) -> Result<&str, ApiError> {
    let mut checks = Checks::new(parameters);
    let arn = checks.policy_arn("PolicyArn");
    checks.done().map(|()| arn)
}

/// `GetPolicy`.
pub(super) fn get(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let facts = found(state, named(parameters)?)?;
    Ok(Xml::new().element("Policy", render::policy(&facts, state)))
}

/// `GetPolicyVersion`. Of most of AWS's policies the document is not known here, and that is said.
pub(super) fn get_version(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let arn = checks.policy_arn("PolicyArn");
    let version = checks.required("VersionId");
    checks.done()?;
    let facts = found(state, arn)?;
    if facts.version != version {
        return Err(no_such_entity(format!("Policy {arn} version {version} does not exist or is not attachable.")));
    }
    let unknown = || ApiError::new(400, "NotImplemented", format!("The local cloud knows that {arn} exists, but not its document."));
    Ok(Xml::new().element("PolicyVersion", render::version(&facts).ok_or_else(unknown)?))
}

/// `ListPolicyVersions`: without the documents, as AWS.
pub(super) fn list_versions(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let facts = found(state, named(parameters)?)?;
    let version = render::listed_version(&facts, Xml::new());
    Ok(Xml::new().members("Versions", [version]).text("IsTruncated", "false"))
}

/// `DeletePolicy`.
pub(super) fn delete(state: &mut State, request: &Request<'_>) -> Changed {
    let arn = named(request.parameters)?;
    let Some(policy) = found(state, arn)?.customer else {
        return Err(ApiError::new(403, "AccessDenied", format!("The policy {arn} belongs to AWS and cannot be deleted.")));
    };
    if state.attached_to(arn).chain(state.bounded_by(arn)).next().is_some() {
        return Err(ApiError::new(409, "DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    let key = policy.name.to_lowercase();
    state.policies.remove(&key);
    Ok((Xml::new(), Batch::new().delete(POLICIES, &key)))
}

/// `ListEntitiesForPolicy`: of users and groups there are none.
pub(super) fn list_entities(state: &State, parameters: &Parameters) -> Result<Xml, ApiError> {
    let mut checks = Checks::new(parameters);
    let arn = checks.policy_arn("PolicyArn");
    let filter = checks.one_of("EntityFilter", super::details::ENTITIES);
    let usage = checks.one_of("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"]);
    let prefix = checks.path_prefix();
    let paging = Paging::of(&mut checks);
    checks.done()?;
    found(state, arn)?;
    let is_user = |role: &super::state::Role| {
        let as_policy = usage != Some("PermissionsBoundary") && role.attached.contains(arn);
        as_policy || (usage != Some("PermissionsPolicy") && role.boundary.as_deref() == Some(arn))
    };
    let wants_roles = filter.is_none_or(|filter| filter == "Role");
    let roles = state.roles.iter().filter(|(_, role)| wants_roles && role.path.starts_with(prefix) && is_user(role));
    let page = paging.page(roles.map(|(key, role)| (key.clone(), role)));
    let member = |role: &&super::state::Role| Xml::new().text("RoleName", &role.name).text("RoleId", &role.id);
    let xml = Xml::new().element("PolicyGroups", Xml::new()).element("PolicyUsers", Xml::new());
    Ok(page.end(xml.members("PolicyRoles", page.items.iter().map(member))))
}

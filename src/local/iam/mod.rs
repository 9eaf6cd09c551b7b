//! Identity and Access Management: roles and their policies. It is global, and there is one account.
//!
//! A call goes `Iam::call` → one function per operation in `roles`, `policies`, `customer` or `details`.
//! Each looks at its parameters through `check`, at documents through `document` and `trust`, and only
//! then changes anything.

mod check;
mod customer;
mod details;
mod document;
mod evaluate;
mod managed;
mod paging;
mod policies;
mod render;
mod resource;
mod roles;
mod state;
mod statement;
mod trust;

use super::common::Common;
use super::disk::DiskError;
use super::error::ApiError;
use super::wire::query::{Parameters, unknown_action};
use super::wire::xml::Xml;
use evaluate::{Decision, decide};
use state::{Changed, POLICIES, ROLES, Request, State};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The namespace of its answers.
pub const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// An operation that only looks.
type Read = fn(&State, &Parameters) -> Result<Xml, ApiError>;
/// An operation that changes something.
type Change = fn(&mut State, &Request<'_>) -> Changed;

/// The service.
pub struct Iam {
    common: Common,
    state: Mutex<State>,
}

impl Iam {
    /// Loads what is on disk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(common: Common) -> Result<Self, DiskError> {
        let roles = common.disk.load(ROLES)?.into_iter().collect();
        let policies = common.disk.load(POLICIES)?.into_iter().collect();
        Ok(Self { common, state: Mutex::new(State { roles, policies }) })
    }

    /// Answers a call, with a change on disk.
    ///
    /// # Errors
    /// What IAM would refuse, in its words; `InvalidAction` for operations that are not here.
    pub async fn call(&self, parameters: &Parameters) -> Result<Xml, ApiError> {
        let action = parameters.action();
        match (read(action), change(action)) {
            (Some(read), _) => read(&self.state(), parameters),
            (None, Some(change)) => self.changed(change, parameters).await,
            (None, None) => Err(unknown_action(action, "2010-05-08")),
        }
    }

    async fn changed(&self, change: Change, parameters: &Parameters) -> Result<Xml, ApiError> {
        let request = Request { parameters, account: &self.common.account, now_ms: self.common.clock.now_ms() };
        let (xml, saved) = {
            let mut state = self.state();
            let (xml, batch) = change(&mut state, &request)?;
            (xml, self.common.disk.commit(batch))
        };
        saved.wait().await?;
        Ok(xml)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a service, such as `lambda.amazonaws.com`, may assume a role; `None` if there is no role
    /// with that ARN. A condition does not stop an `Allow` here, and a `Deny` with one does not count: in
    /// trust policies they name the account or resource that the service acts for, which is the caller's.
    pub fn trusts(&self, role_arn: &str, service: &str) -> Option<bool> {
        self.state().role_of(role_arn).map(|role| evaluate::trusts(&role.trust, service))
    }

    /// Whether a role may do something, such as `logs:PutLogEvents`, to a resource: its inline and
    /// attached policies allow it, none of them denies it, and its permissions boundary allows it too.
    ///
    /// A statement with a condition neither allows nor denies, since what the condition asks for is not
    /// known here. AWS's policies whose document is not known here say nothing, nor do they bound.
    pub fn allows(&self, role_arn: &str, action: &str, resource: &str) -> bool {
        let state = self.state();
        let Some(role) = state.role_of(role_arn) else { return false };
        let attached = role.attached.iter().filter_map(|arn| state.policy_of(arn)?.document);
        let documents = role.inline.values().map(String::as_str).chain(attached);
        let boundary = role.boundary.as_ref().and_then(|arn| state.policy_of(arn)?.document);
        let is_allowed = |decision| decision == Decision::Allow;
        is_allowed(decide(documents, action, resource)) && boundary.is_none_or(|document| is_allowed(decide([document], action, resource)))
    }
}

fn read(action: &str) -> Option<Read> {
    Some(match action {
        "GetRole" => roles::get,
        "ListRoles" => roles::list,
        "ListRoleTags" => roles::list_tags,
        "ListInstanceProfilesForRole" => roles::list_instance_profiles,
        "GetRolePolicy" => policies::get,
        "ListRolePolicies" => policies::list,
        "ListAttachedRolePolicies" => policies::list_attached,
        "GetPolicy" => customer::get,
        "GetPolicyVersion" => customer::get_version,
        "ListPolicyVersions" => customer::list_versions,
        "ListEntitiesForPolicy" => customer::list_entities,
        "GetAccountAuthorizationDetails" => details::get,
        "ListAccountAliases" => |_, _| Ok(paging::none("AccountAliases")),
        _ => return None,
    })
}

fn change(action: &str) -> Option<Change> {
    Some(match action {
        "CreateRole" => roles::create,
        "UpdateRole" => roles::update,
        "UpdateRoleDescription" => roles::update_description,
        "UpdateAssumeRolePolicy" => roles::update_trust,
        "DeleteRole" => roles::delete,
        "PutRolePermissionsBoundary" => roles::put_boundary,
        "DeleteRolePermissionsBoundary" => roles::delete_boundary,
        "TagRole" => roles::tag,
        "UntagRole" => roles::untag,
        "PutRolePolicy" => policies::put,
        "DeleteRolePolicy" => policies::delete,
        "AttachRolePolicy" => policies::attach,
        "DetachRolePolicy" => policies::detach,
        "CreatePolicy" => customer::create,
        "DeletePolicy" => customer::delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

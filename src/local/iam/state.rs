//! What IAM remembers.

use super::managed;
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use crate::local::wire::query::Parameters;
use crate::local::wire::xml::Xml;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The table of roles on disk.
pub(super) const ROLES: &str = "iam-role";
/// The table of customer managed policies on disk.
pub(super) const POLICIES: &str = "iam-policy";
/// How long a session may last where nothing is said, in seconds.
pub(super) const DEFAULT_SESSION_SECONDS: i64 = 3_600;

/// A tag, with its key as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// Tags by their key in lower case: IAM keeps a key's case and does not tell keys apart by it.
pub(super) type Tags = BTreeMap<String, Tag>;

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created_ms: i64,
    pub(super) trust: String,
    pub(super) description: Option<String>,
    pub(super) session_seconds: i64,
    pub(super) boundary: Option<String>,
    pub(super) inline: BTreeMap<String, String>,
    pub(super) attached: BTreeSet<String>,
    pub(super) tags: Tags,
}

impl Role {
    /// The change that writes it to disk as it now is.
    pub(super) fn saved(&self) -> Batch {
        Batch::new().put(ROLES, &self.name.to_lowercase(), self)
    }
}

/// A customer managed policy; it has one version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created_ms: i64,
    pub(super) description: Option<String>,
    pub(super) document: String,
    pub(super) tags: Tags,
}

/// What there is to say about a managed policy, whoever made it.
pub(super) struct PolicyFacts<'a> {
    pub(super) name: &'a str,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) version: &'a str,
    /// The policy in full, if a customer made it.
    pub(super) customer: Option<&'a Policy>,
    /// Unknown of most of AWS's own.
    pub(super) document: Option<&'a str>,
}

/// One call.
pub(super) struct Request<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) account: &'a str,
    pub(super) now_ms: i64,
}

/// The answer to a call that changed something, and what has to reach the disk before it is given.
pub(super) type Changed = Result<(Xml, Batch), ApiError>;

/// Everything, by name in lower case: IAM's names are unique without regard to case.
#[derive(Default)]
pub(super) struct State {
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) policies: BTreeMap<String, Policy>,
}

impl State {
    pub(super) fn role(&self, name: &str) -> Result<&Role, ApiError> {
        self.roles.get(&name.to_lowercase()).ok_or_else(|| no_such_role(name))
    }

    pub(super) fn role_mut(&mut self, name: &str) -> Result<&mut Role, ApiError> {
        self.roles.get_mut(&name.to_lowercase()).ok_or_else(|| no_such_role(name))
    }

    /// The role that has exactly that ARN.
    pub(super) fn role_of(&self, arn: &str) -> Option<&Role> {
        let name = arn.rsplit('/').next()?.to_lowercase();
        self.roles.get(&name).filter(|role| role.arn == arn)
    }

    /// The managed policy that has exactly that ARN, AWS's or a customer's.
    pub(super) fn policy_of<'a>(&'a self, arn: &str) -> Option<PolicyFacts<'a>> {
        let name = arn.rsplit('/').next()?.to_lowercase();
        match self.policies.get(&name).filter(|policy| policy.arn == arn) {
            Some(policy) => Some(PolicyFacts {
                name: &policy.name,
                path: policy.path.clone(),
                id: policy.id.clone(),
                arn: policy.arn.clone(),
                version: "v1",
                customer: Some(policy),
                document: Some(&policy.document),
            }),
            None => managed::find(arn),
        }
    }

    /// Roles that have the policy attached.
    pub(super) fn attached_to<'a>(&'a self, arn: &'a str) -> impl Iterator<Item = &'a Role> {
        self.roles.values().filter(move |role| role.attached.contains(arn))
    }

    /// Roles that have the policy as their permissions boundary.
    pub(super) fn bounded_by<'a>(&'a self, arn: &'a str) -> impl Iterator<Item = &'a Role> {
        self.roles.values().filter(move |role| role.boundary.as_deref() == Some(arn))
    }
}

/// `NoSuchEntity`.
pub(super) fn no_such_entity(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

fn no_such_role(name: &str) -> ApiError {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

/// `LimitExceeded`.
pub(super) fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "LimitExceeded", message)
}

/// A unique id in IAM's form: four letters that tell its kind, and 17 random ones.
pub(super) fn unique_id(kind: &str) -> String {
    let mut bytes = [0u8; 17];
    // Without randomness ids are equal; nothing is looked up by them.
    let _ = getrandom::fill(&mut bytes);
    id_of(kind, &bytes)
}

/// An id made of bytes, a letter each.
pub(super) fn id_of(kind: &str, bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = bytes.iter().take(17).map(|byte| char::from(LETTERS[usize::from(byte & 31)]));
    kind.chars().chain(letters).collect()
}

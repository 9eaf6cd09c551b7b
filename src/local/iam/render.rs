//! IAM's things as XML.

use super::state::{PolicyFacts, Role, State, Tags};
use crate::local::wire::xml::Xml;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 reserves; documents are encoded so in answers.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as IAM answers it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// A moment as IAM writes it: seconds, UTC.
pub(super) fn moment(at_ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn identity(role: &Role) -> Xml {
    Xml::new()
        .text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", &role.arn)
        .text("CreateDate", moment(role.created_ms))
        .text("AssumeRolePolicyDocument", encoded(&role.trust))
}

/// A role as lists show it: without tags and boundary.
pub(super) fn listed_role(role: &Role) -> Xml {
    let session = role.session_seconds.to_string();
    identity(role).optional("Description", role.description.as_ref()).text("MaxSessionDuration", session)
}

/// A role in full.
pub(super) fn role(role: &Role) -> Xml {
    boundary(listed_role(role), role).members("Tags", tags(&role.tags)).element("RoleLastUsed", Xml::new())
}

fn boundary(xml: Xml, role: &Role) -> Xml {
    let Some(arn) = &role.boundary else { return xml };
    let inside = Xml::new().text("PermissionsBoundaryType", "Policy").text("PermissionsBoundaryArn", arn);
    xml.element("PermissionsBoundary", inside)
}

/// Tags, one each.
pub(super) fn tags(tags: &Tags) -> impl Iterator<Item = Xml> {
    tags.values().map(|tag| Xml::new().text("Key", &tag.key).text("Value", &tag.value))
}

/// A policy that is attached.
pub(super) fn attached(arn: &str) -> Xml {
    Xml::new().text("PolicyName", arn.rsplit('/').next().unwrap_or(arn)).text("PolicyArn", arn)
}

/// A role as `GetAccountAuthorizationDetails` shows it: with its policies, without description and session duration.
pub(super) fn role_detail(role: &Role) -> Xml {
    let inline = |(name, document): (&String, &String)| Xml::new().text("PolicyName", name).text("PolicyDocument", encoded(document));
    let xml = identity(role)
        .element("InstanceProfileList", Xml::new())
        .members("RolePolicyList", role.inline.iter().map(inline))
        .members("AttachedManagedPolicies", role.attached.iter().map(|arn| attached(arn)));
    boundary(xml, role).members("Tags", tags(&role.tags)).element("RoleLastUsed", Xml::new())
}

fn managed(facts: &PolicyFacts<'_>, state: &State) -> Xml {
    let created = facts.customer.map(|policy| moment(policy.created_ms));
    Xml::new()
        .text("PolicyName", facts.name)
        .text("PolicyId", &facts.id)
        .text("Arn", &facts.arn)
        .text("Path", &facts.path)
        .text("DefaultVersionId", facts.version)
        .text("AttachmentCount", state.attached_to(&facts.arn).count().to_string())
        .text("PermissionsBoundaryUsageCount", state.bounded_by(&facts.arn).count().to_string())
        .text("IsAttachable", "true")
        .optional("CreateDate", created.as_ref())
        .optional("UpdateDate", created.as_ref())
}

/// A managed policy.
pub(super) fn policy(facts: &PolicyFacts<'_>, state: &State) -> Xml {
    let xml = managed(facts, state);
    match facts.customer {
        Some(policy) => xml.optional("Description", policy.description.as_ref()).members("Tags", tags(&policy.tags)),
        None => xml,
    }
}

/// A managed policy as `GetAccountAuthorizationDetails` shows it: with its version, without tags.
pub(super) fn policy_detail(facts: &PolicyFacts<'_>, state: &State) -> Xml {
    managed(facts, state).members("PolicyVersionList", version(facts))
}

/// The one version of a policy, where its document is known.
pub(super) fn version(facts: &PolicyFacts<'_>) -> Option<Xml> {
    let document = facts.document?;
    Some(listed_version(facts, Xml::new().text("Document", encoded(document))))
}

/// The one version of a policy, after what stands before it.
pub(super) fn listed_version(facts: &PolicyFacts<'_>, before: Xml) -> Xml {
    let created = facts.customer.map(|policy| moment(policy.created_ms));
    before.text("VersionId", facts.version).text("IsDefaultVersion", "true").optional("CreateDate", created)
}

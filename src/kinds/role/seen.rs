//! What IAM shows of a role, from whichever read, and the live resource that it makes.

use super::document::from_wire;
use crate::aws::AwsError;
use crate::kinds::reading::unchecked;
use crate::kinds::tagging;
use crate::model::{Live, Path, PhysicalId, Table, Value};
use aws_sdk_iam::types::{Role, RoleDetail, Tag};
use std::collections::BTreeMap;

/// A part of a role, or why it could not be read.
pub(super) type Part<T> = Result<T, AwsError>;

/// A role as IAM shows it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) path: String,
    arn: String,
    unique_id: String,
    trust: Option<String>,
    boundary: Option<String>,
    tags: BTreeMap<String, String>,
    /// Name and document, as on the wire.
    pub(super) inline: Part<BTreeMap<String, String>>,
    pub(super) managed: Part<Vec<String>>,
    pub(super) settings: Part<Settings>,
}

/// What the bulk read leaves out.
#[derive(Clone)]
pub(super) struct Settings {
    description: String,
    max_session_duration: i32,
}

impl Settings {
    pub(super) fn of(role: &Role) -> Self {
        let description = role.description().unwrap_or_default().to_owned();
        Self { description, max_session_duration: role.max_session_duration().unwrap_or(3600) }
    }
}

/// Whether a text is an ARN. Right after a create IAM may show the role's id in its place.
pub(super) fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// The ids in a trust policy that stand where a role or user was named which is deleted by now.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn deleted_principals(trust: &Value) -> Vec<String> {
    let statements = trust.as_table().and_then(|trust| trust.get("Statement"));
    let statements = statements.map_or(&[][..], |statements| statements.as_list().unwrap_or(std::slice::from_ref(statements)));
    let principals = statements.iter().filter_map(|statement| statement.as_table()?.get("Principal")?.as_table()?.get("AWS"));
    let names = principals.flat_map(|names| names.as_list().unwrap_or(std::slice::from_ref(names))).filter_map(Value::as_str);
    let is_id = |name: &&str| ["AROA", "AIDA"].iter().any(|prefix| name.starts_with(prefix));
    names.filter(is_id).map(str::to_owned).collect()
}

fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

impl Seen {
    /// From `GetRole` and the two lists of policies.
    pub(super) fn from_role(role: &Role, inline: Part<BTreeMap<String, String>>, managed: Part<Vec<String>>) -> Self {
        Self {
            name: role.role_name().to_owned(),
            path: role.path().to_owned(),
            arn: role.arn().to_owned(),
            unique_id: role.role_id().to_owned(),
            trust: role.assume_role_policy_document().map(str::to_owned),
            boundary: role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()).map(str::to_owned),
            tags: tag_map(role.tags()),
            inline,
            managed,
            settings: Ok(Settings::of(role)),
        }
    }

    /// From `GetAccountAuthorizationDetails`, with the settings from elsewhere.
    pub(super) fn from_detail(detail: &RoleDetail, settings: Part<Settings>) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let policies = detail.role_policy_list().iter();
        let attached = detail.attached_managed_policies().iter();
        Self {
            name: text(detail.role_name()),
            path: text(detail.path()),
            arn: text(detail.arn()),
            unique_id: text(detail.role_id()),
            trust: detail.assume_role_policy_document().map(str::to_owned),
            boundary: detail.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()).map(str::to_owned),
            tags: tag_map(detail.tags()),
            inline: Ok(policies.map(|policy| (text(policy.policy_name()), text(policy.policy_document()))).collect()),
            managed: Ok(attached.filter_map(|policy| policy.policy_arn().map(str::to_owned)).collect()),
            settings,
        }
    }

    /// The live resource under the name that it was asked for by.
    pub(super) fn into_live(self, physical_id: PhysicalId) -> Live {
        let mut live = Live::new(physical_id);
        let mut set = |key: &str, value: Value| live.fields.insert(key.to_owned(), value);
        set("role_name", self.name.as_str().into());
        set("path", self.path.as_str().into());
        let trust = self.trust.map(|document| from_wire(&document));
        let deleted = trust.as_ref().map(deleted_principals).unwrap_or_default();
        trust.map(|trust| set("trust_policy", trust));
        self.boundary.map(|arn| set("permissions_boundary", arn.into()));
        live.attributes = Table::from_iter([("name".to_owned(), self.name.into()), ("unique_id".to_owned(), self.unique_id.into())]);
        live.attributes.extend(Some(self.arn).filter(|arn| is_arn(arn)).map(|arn| ("arn".to_owned(), arn.into())));
        let broken =
            |id| format!("the trust is broken: `{id}` is what is left of a role or user that was deleted; its name must be put anew");
        live.remarks.extend(deleted.into_iter().map(broken));
        tagging::show(&mut live, self.tags);
        match self.inline {
            Ok(policies) => {
                let policies = policies.into_iter().map(|(name, document)| (name, from_wire(&document))).collect();
                live.fields.insert("inline_policy".into(), Value::Table(policies));
            }
            Err(error) => live.unchecked.push(unchecked(Path::key("inline_policy"), &error)),
        }
        match self.managed {
            Ok(mut arns) => {
                arns.sort();
                live.fields.insert("managed_policies".into(), Value::string_list(arns));
            }
            Err(error) => live.unchecked.push(unchecked(Path::key("managed_policies"), &error)),
        }
        match self.settings {
            Ok(settings) => {
                live.fields.insert("description".into(), settings.description.into());
                live.fields.insert("max_session_duration".into(), i64::from(settings.max_session_duration).into());
            }
            Err(error) => {
                live.unchecked.extend(["description", "max_session_duration"].map(|key| unchecked(Path::key(key), &error)));
            }
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::default_trust;
    use super::*;
    use crate::aws::ErrorClass;
    use crate::kinds::arguments::as_json;
    use aws_sdk_iam::primitives::DateTime;
    use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, PolicyDetail};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    fn tag(key: &str, value: &str) -> Tag {
        Tag::builder().key(key).value(value).build().unwrap()
    }

    fn encoded(document: &str) -> String {
        utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
    }

    fn trust() -> String {
        encoded(&as_json(&default_trust()))
    }

    fn detail() -> RoleDetail {
        RoleDetail::builder()
            .role_name("demo-hash")
            .path("/lambdo/demo/")
            .arn("arn:aws:iam::1:role/lambdo/demo/demo-hash")
            .role_id("AROA1")
            .assume_role_policy_document(trust())
            .role_policy_list(PolicyDetail::builder().policy_name("allow").policy_document(encoded(r#"{"Id":"a+b"}"#)).build())
            .attached_managed_policies(AttachedPolicy::builder().policy_arn("arn:z").build())
            .attached_managed_policies(AttachedPolicy::builder().policy_arn("arn:a").build())
            .permissions_boundary(AttachedPermissionsBoundary::builder().permissions_boundary_arn("arn:b").build())
            .tags(tag("lambdo:lineage", "l"))
            .tags(tag("aws:x", "y"))
            .build()
    }

    fn role() -> Role {
        Role::builder()
            .role_name("demo-hash")
            .path("/lambdo/demo/")
            .arn("arn:aws:iam::1:role/lambdo/demo/demo-hash")
            .role_id("AROA1")
            .create_date(DateTime::from_secs(0))
            .assume_role_policy_document(trust())
            .permissions_boundary(AttachedPermissionsBoundary::builder().permissions_boundary_arn("arn:b").build())
            .tags(tag("lambdo:lineage", "l"))
            .tags(tag("aws:x", "y"))
            .build()
            .unwrap()
    }

    #[test]
    fn both_ways_of_reading_show_the_same() {
        let bulk = Seen::from_detail(&detail(), Ok(Settings::of(&role()))).into_live("demo-hash".into());
        let inline = BTreeMap::from([("allow".to_owned(), encoded(r#"{"Id":"a+b"}"#))]);
        let single = Seen::from_role(&role(), Ok(inline), Ok(vec!["arn:z".into(), "arn:a".into()])).into_live("demo-hash".into());
        assert_eq!(bulk, single);
        assert_eq!(bulk.fields[&"trust_policy".to_owned()], default_trust());
        insta::assert_snapshot!(serde_json::to_string_pretty(&bulk.fields.into_iter().filter(|(key, _)| key != "trust_policy").collect::<Table>()).unwrap(), @r#"
        {
          "description": "",
          "inline_policy": {
            "allow": {
              "Id": "a+b"
            }
          },
          "managed_policies": [
            "arn:a",
            "arn:z"
          ],
          "max_session_duration": 3600,
          "path": "/lambdo/demo/",
          "permissions_boundary": "arn:b",
          "role_name": "demo-hash",
          "tags": {
            "lambdo:lineage": "l"
          }
        }
        "#);
    }

    #[test]
    fn a_principal_that_was_deleted_is_told_and_an_id_is_no_arn() {
        let mut role = role();
        let statement = r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["AROAEXAMPLEID","arn:aws:iam::1:root"]}}"#;
        role.assume_role_policy_document = Some(encoded(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)));
        role.arn = "AROAEXAMPLE".to_owned();
        let live = Seen::from_role(&role, Ok(BTreeMap::new()), Ok(vec![])).into_live("demo-hash".into());
        insta::assert_snapshot!(live.remarks.join("\n"), @"the trust is broken: `AROAEXAMPLEID` is what is left of a role or user that was deleted; its name must be put anew");
        assert!(!live.attributes.contains_key("arn"));
    }

    #[test]
    fn what_may_not_be_read_is_unchecked_and_not_missing() {
        let denied = || AwsError::own("iam:ListRolePolicies", ErrorClass::Denied, "no");
        let live = Seen::from_role(&role(), Err(denied()), Err(denied())).into_live("demo-hash".into());
        assert!(live.is_unread(&"inline_policy.x".parse().unwrap()) && live.is_unread(&Path::key("managed_policies")));
        assert!(!live.fields.contains_key("inline_policy"));
        insta::assert_snapshot!(format!("{} {}", live.unchecked[0].why, live.unchecked[0].detail), @"access_denied iam:ListRolePolicies: no");
    }
}

//! The operations that make, change and delete a role.

use crate::kinds::arguments::{all_at_once, name_of, picked};
use crate::kinds::tagging;
use crate::model::{Carry, Change, Draft, Path, Removal, Resource, Table, Update, Value};

/// The setting with the role's name, which every call needs.
const NAME: &str = "role_name";
/// What `CreateRole` can carry.
const CREATED: &[&str] = &["role_name", "path", "description", "max_session_duration", "trust_policy", "permissions_boundary", "tags"];

/// The role, then its policies: additions are harmless in any order.
pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let name = name_of(desired, NAME);
    let mut carries = Carry::fields(&desired.inputs, CREATED);
    // The policies come one by one; what they are put into has to be there.
    carries.push(Carry::set(Path::key("managed_policies"), Value::List(vec![])));
    carries.push(Carry::set(Path::key("inline_policy"), Value::Table(Table::new())));
    let mut drafts = vec![Draft::new("iam:CreateRole", picked(&desired.inputs, CREATED)).carrying(carries)];
    let inline = desired.input("inline_policy").and_then(Value::as_table).into_iter().flatten();
    drafts.extend(inline.map(|(policy, document)| put_policy(&name, policy, document)));
    let managed = desired.input("managed_policies").map(Value::strings).unwrap_or_default();
    drafts.extend(managed.into_iter().map(|arn| attach(&name, arn)));
    drafts
}

/// Additions before removals, so that the role is never short of a right it keeps.
pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    let name = name_of(update.desired, NAME);
    let inline = update.of("inline_policy");
    let (tagged, untagged) = tagging::drafts(update, "iam:TagRole", "iam:UntagRole", &with_name(&name, []));
    let (attached, detached) = managed(&update.of("managed_policies"));
    let mut drafts = Vec::new();
    drafts.extend(trust(update, &name));
    drafts.extend(settings(update, &name));
    drafts.extend(inline.iter().filter_map(|change| Some(put_policy(&name, change.path.0.get(1)?, change.desired.as_ref()?))));
    drafts.extend(attached.iter().map(|arn| attach(&name, arn)));
    drafts.extend(boundary(update, &name));
    drafts.extend(tagged);
    drafts.extend(detached.iter().map(|arn| detach(&name, arn)));
    let gone = inline.iter().filter(|change| change.desired.is_none());
    drafts.extend(gone.filter_map(|change| Some(delete_policy(&name, change.path.0.get(1)?))));
    drafts.extend(untagged);
    drafts
}

/// IAM deletes only a bare role: what really hangs on it goes first, not what the state remembers.
pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let name: Value = removal.physical_id.as_str().into();
    let field = |key: &str| {
        let live = removal.live.filter(|live| !live.is_unread(&Path::key(key)));
        live.map_or(removal.inputs, |live| &live.fields).get(key)
    };
    let mut drafts: Vec<Draft> = Vec::new();
    drafts.extend(field("managed_policies").map(Value::strings).unwrap_or_default().into_iter().map(|arn| detach(&name, arn)));
    let inline = field("inline_policy").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    drafts.extend(inline.map(|policy| delete_policy(&name, policy)));
    drafts.push(Draft::new("iam:DeleteRole", with_name(&name, [])));
    drafts
}

fn with_name<const N: usize>(name: &Value, others: [(&str, Value); N]) -> Table {
    let others = others.into_iter().map(|(key, value)| (key.to_owned(), value));
    std::iter::once((NAME.to_owned(), name.clone())).chain(others).collect()
}

fn trust(update: &Update<'_>, name: &Value) -> Option<Draft> {
    let document = update.desired.input("trust_policy").filter(|_| update.touches("trust_policy"))?;
    let arguments = with_name(name, [("trust_policy", document.clone())]);
    Some(Draft::new("iam:UpdateAssumeRolePolicy", arguments).carrying(Carry::changes(update.of("trust_policy"))))
}

/// `UpdateRole` resets the session duration when it is left out, so both go each time.
fn settings(update: &Update<'_>, name: &Value) -> Option<Draft> {
    let changes: Vec<&Change> = ["description", "max_session_duration"].iter().flat_map(|key| update.of(key)).collect();
    if changes.is_empty() {
        return None;
    }
    let mut arguments = with_name(name, []);
    arguments.extend(all_at_once(update, &["description", "max_session_duration"]));
    Some(Draft::new("iam:UpdateRole", arguments).carrying(Carry::changes(changes)))
}

fn boundary(update: &Update<'_>, name: &Value) -> Option<Draft> {
    if !update.touches("permissions_boundary") {
        return None;
    }
    let carries = Carry::changes(update.of("permissions_boundary"));
    let draft = match update.desired.input("permissions_boundary") {
        Some(arn) => Draft::new("iam:PutRolePermissionsBoundary", with_name(name, [("permissions_boundary", arn.clone())])),
        None => Draft::new("iam:DeleteRolePermissionsBoundary", with_name(name, [])),
    };
    Some(draft.carrying(carries))
}

/// What is attached and what is detached.
fn managed<'a>(changes: &[&'a Change]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut attached, mut detached) = (Vec::new(), Vec::new());
    for change in changes {
        let of = |value: &'a Option<Value>| value.as_ref().map(Value::strings).unwrap_or_default();
        let (desired, live) = (of(&change.desired), of(&change.live));
        attached.extend(desired.iter().filter(|arn| !live.contains(arn)));
        detached.extend(live.iter().filter(|arn| !desired.contains(arn)));
    }
    (attached, detached)
}

fn put_policy(name: &Value, policy: &str, document: &Value) -> Draft {
    let path = Path::key("inline_policy").join(policy);
    let arguments = with_name(name, [("policy_name", policy.into()), ("document", document.clone())]);
    Draft::new("iam:PutRolePolicy", arguments).carrying(vec![Carry::set(path, document.clone())])
}

fn delete_policy(name: &Value, policy: &str) -> Draft {
    let path = Path::key("inline_policy").join(policy);
    Draft::new("iam:DeleteRolePolicy", with_name(name, [("policy_name", policy.into())])).carrying(vec![Carry::remove(path)])
}

fn attach(name: &Value, arn: &str) -> Draft {
    let carry = Carry::element(Path::key("managed_policies"), arn);
    Draft::new("iam:AttachRolePolicy", with_name(name, [("policy_arn", arn.into())])).carrying(vec![carry])
}

fn detach(name: &Value, arn: &str) -> Draft {
    let path = Path::key("managed_policies").join(arn);
    Draft::new("iam:DetachRolePolicy", with_name(name, [("policy_arn", arn.into())])).carrying(vec![Carry::remove(path)])
}

#[cfg(test)]
mod tests {
    use super::super::document::{allow, default_trust, document};
    use super::*;
    use crate::model::{Address, Cause, Effect, Live, PhysicalId};

    const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

    fn policy(action: &str) -> Value {
        document(vec![allow(&[action], "*".into())])
    }

    fn resource() -> Resource {
        let mut resource = Resource::new(Address::new("role", "hash"), "demo-hash");
        let inputs: [(&str, Value); 8] = [
            ("role_name", "demo-hash".into()),
            ("path", "/lambdo/demo/".into()),
            ("description", "".into()),
            ("max_session_duration", 3600.into()),
            ("trust_policy", default_trust()),
            ("managed_policies", Value::string_list([BASIC])),
            ("inline_policy", Value::Table(Table::from_iter([("allow".to_owned(), policy("s3:*"))]))),
            ("tags", Value::Table(Table::from_iter([("team".to_owned(), "a".into())]))),
        ];
        resource.inputs = inputs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        resource
    }

    fn calls(drafts: &[Draft]) -> String {
        let line = |draft: &Draft| {
            let paths: Vec<String> = draft.carries.iter().map(|carry| carry.path.to_string()).collect();
            format!("{} {}", draft.call, paths.join(" "))
        };
        drafts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn change(path: Path, live: Option<Value>, desired: Option<Value>) -> Change {
        Change { path, applied: live.clone(), live, desired, effect: Effect::InPlace, cause: Cause::Spec }
    }

    #[test]
    fn a_create_carries_everything_exactly_once_and_ends_in_the_inputs() {
        let resource = resource();
        let drafts = create(&resource);
        insta::assert_snapshot!(calls(&drafts), @r#"
        iam:CreateRole role_name path description max_session_duration trust_policy tags managed_policies inline_policy
        iam:PutRolePolicy inline_policy.allow
        iam:AttachRolePolicy managed_policies."arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        "#);
        let mut inputs = Table::new();
        drafts.iter().flat_map(|draft| &draft.carries).for_each(|carry| carry.apply(&mut inputs));
        assert_eq!(inputs, resource.inputs);
    }

    #[test]
    fn an_update_adds_before_it_removes() {
        let mut desired = resource();
        desired.inputs.insert("permissions_boundary".into(), "arn:aws:iam::1:policy/b".into());
        let live = Live::new(PhysicalId::from("demo-hash"));
        let changes = [
            change(Path::key("description"), Some("old".into()), Some("".into())),
            change(Path::key("trust_policy"), Some("x".into()), Some(default_trust())),
            change(Path::key("inline_policy").join("allow"), None, Some(policy("s3:*"))),
            change(Path::key("inline_policy").join("old"), Some(policy("a:b")), None),
            change(Path::key("managed_policies"), Some(Value::string_list(["arn:old"])), Some(Value::string_list([BASIC]))),
            change(Path::key("permissions_boundary"), None, Some("arn:aws:iam::1:policy/b".into())),
            change(Path::key("tags").join("team"), Some("b".into()), Some("a".into())),
            change(Path::key("tags").join("gone"), Some("b".into()), None),
        ];
        let drafts = update(&Update { desired: &desired, live: &live, changes: &changes });
        insta::assert_snapshot!(calls(&drafts), @r#"
        iam:UpdateAssumeRolePolicy trust_policy
        iam:UpdateRole description
        iam:PutRolePolicy inline_policy.allow
        iam:AttachRolePolicy managed_policies."arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        iam:PutRolePermissionsBoundary permissions_boundary
        iam:TagRole tags.team
        iam:DetachRolePolicy managed_policies."arn:old"
        iam:DeleteRolePolicy inline_policy.old
        iam:UntagRole tags.gone
        "#);
        insta::assert_snapshot!(Value::Table(drafts[1].arguments.clone()).to_json(), @r#"{"description":"","max_session_duration":3600,"role_name":"demo-hash"}"#);
    }

    #[test]
    fn a_delete_takes_off_what_is_really_there() {
        let id = PhysicalId::from("demo-hash");
        let mut live = Live::new(id.clone());
        live.fields.insert("managed_policies".into(), Value::string_list(["arn:by-hand"]));
        live.fields.insert("inline_policy".into(), Value::Table(Table::from_iter([("foreign".to_owned(), policy("a:b"))])));
        let inputs = resource().inputs;
        let of = |live: &Live| {
            calls(&delete(&Removal {
                physical_id: &id,
                inputs: &inputs,
                attributes: &inputs,
                live: Some(live),
                entries: &std::collections::BTreeMap::new(),
                dependants: &[],
            }))
        };
        insta::assert_snapshot!(of(&live), @r#"
        iam:DetachRolePolicy managed_policies."arn:by-hand"
        iam:DeleteRolePolicy inline_policy.foreign
        iam:DeleteRole 
        "#);
        live.skipped.push(Path::key("managed_policies"));
        insta::assert_snapshot!(of(&live), @r#"
        iam:DetachRolePolicy managed_policies."arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        iam:DeleteRolePolicy inline_policy.foreign
        iam:DeleteRole 
        "#);
    }
}

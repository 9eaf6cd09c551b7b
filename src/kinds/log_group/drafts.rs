//! Which calls make, change and delete a log group.

use super::fields::is_never;
use crate::kinds::arguments::{by_arn, name_of, picked};
use crate::kinds::tagging;
use crate::model::{Carry, Draft, Removal, Resource, Table, Update};

/// The setting with the group's name, which every call but those for tags needs.
const NAME: &str = "log_group_name";
/// What `CreateLogGroup` can carry.
const CREATED: &[&str] = &[NAME, "log_group_class", KEY, "tags"];
/// What needs calls of its own.
const RETENTION: &str = "retention_in_days";
const KEY: &str = "kms_key_id";
/// The argument that tells that the group was made by the operation before.
pub(super) const JUST_MADE: &str = "just_made";

/// AWS cannot take the retention with the create.
pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let mut arguments = picked(&desired.inputs, CREATED);
    arguments.extend(picked(&desired.attributes, &["arn"]));
    let mut carries = Carry::fields(&desired.inputs, CREATED);
    let retention = Carry::fields(&desired.inputs, &[RETENTION]);
    if desired.input(RETENTION).is_none_or(is_never) {
        carries.extend(retention);
        return vec![Draft::new("logs:CreateLogGroup", arguments).carrying(carries)];
    }
    let mut follows = set_retention(desired).carrying(retention);
    follows.arguments.insert(JUST_MADE.to_owned(), true.into());
    vec![Draft::new("logs:CreateLogGroup", arguments).carrying(carries), follows]
}

pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if update.touches(RETENTION) {
        drafts.push(set_retention(update.desired).carrying(Carry::changes(update.of(RETENTION))));
    }
    if update.touches(KEY) {
        drafts.push(set_key(update.desired).carrying(Carry::changes(update.of(KEY))));
    }
    let base = by_arn([&update.live.attributes, &update.desired.attributes]);
    let (set, remove) = tagging::drafts(update, "logs:TagResource", "logs:UntagResource", &base);
    drafts.extend(set.into_iter().chain(remove));
    drafts
}

pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let name = (NAME.to_owned(), removal.physical_id.as_str().into());
    vec![Draft::new("logs:DeleteLogGroup", Table::from([name]))]
}

/// The group's name, and the settings with these keys.
fn with(desired: &Resource, keys: &[&str]) -> Table {
    let mut arguments = picked(&desired.inputs, keys);
    arguments.insert(NAME.to_owned(), name_of(desired, NAME));
    arguments
}

fn set_retention(desired: &Resource) -> Draft {
    match desired.input(RETENTION) {
        Some(days) if !is_never(days) => Draft::new("logs:PutRetentionPolicy", with(desired, &[RETENTION])),
        _ => Draft::new("logs:DeleteRetentionPolicy", with(desired, &[])),
    }
}

fn set_key(desired: &Resource) -> Draft {
    let call = if desired.input(KEY).is_some() { "logs:AssociateKmsKey" } else { "logs:DisassociateKmsKey" };
    Draft::new(call, with(desired, &[KEY]))
}

#[cfg(test)]
mod tests {
    use super::super::fields::NEVER;
    use super::*;
    use crate::kinds::log_group::tests::{lowered, table};
    use crate::model::{Cause, Change, Effect, Live, Value};

    fn calls(drafts: &[Draft]) -> String {
        let line = |draft: &Draft| {
            let paths: Vec<String> = draft.carries.iter().map(|carry| carry.path.to_string()).collect();
            format!("{} {} {}", draft.call, Value::Table(draft.arguments.clone()).to_json(), paths.join(" "))
        };
        drafts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_function_gets_a_group_of_thirty_days_that_may_be_there_already() {
        let resource = lowered(Table::new());
        assert!(resource.adopt_untagged && !resource.keep);
        insta::assert_snapshot!(calls(&create(&resource)), @r#"
        logs:CreateLogGroup {"arn":"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/demo-hash","log_group_class":"STANDARD","log_group_name":"/aws/lambda/demo-hash","tags":{}} log_group_name log_group_class tags
        logs:PutRetentionPolicy {"just_made":true,"log_group_name":"/aws/lambda/demo-hash","retention_in_days":30} retention_in_days
        "#);
    }

    #[test]
    fn creating_carries_every_input_exactly_once() {
        for retention in [Value::from(30), NEVER.into()] {
            let resource = lowered(table("retention_in_days", retention));
            let drafts = create(&resource);
            let mut inputs = Table::new();
            drafts.iter().flat_map(|draft| &draft.carries).for_each(|carry| carry.apply(&mut inputs));
            assert_eq!(inputs, resource.inputs);
        }
    }

    #[test]
    fn each_change_is_the_call_that_makes_it() {
        let mut desired = lowered(table("retention_in_days", NEVER.into()));
        desired.inputs.insert("kms_key_id".into(), "arn:key".into());
        let mut live = Live::new("/aws/lambda/demo-hash".into());
        live.attributes = table("arn", "arn:live".into());
        let change = |path: &str, desired: Option<Value>| Change {
            path: path.parse().unwrap(),
            applied: None,
            live: None,
            desired,
            effect: Effect::InPlace,
            cause: Cause::Spec,
        };
        let changes = [
            change("retention_in_days", Some(NEVER.into())),
            change("kms_key_id", Some("arn:key".into())),
            change("tags.a", Some("1".into())),
            change("tags.b", None),
        ];
        insta::assert_snapshot!(calls(&update(&Update { desired: &desired, live: &live, changes: &changes })), @r#"
        logs:DeleteRetentionPolicy {"log_group_name":"/aws/lambda/demo-hash"} retention_in_days
        logs:AssociateKmsKey {"kms_key_id":"arn:key","log_group_name":"/aws/lambda/demo-hash"} kms_key_id
        logs:TagResource {"arn":"arn:live","tags":{"a":"1"}} tags.a
        logs:UntagResource {"arn":"arn:live","keys":["b"]} tags.b
        "#);
        desired.inputs.remove("kms_key_id");
        let changes = [change("kms_key_id", None)];
        insta::assert_snapshot!(calls(&update(&Update { desired: &desired, live: &live, changes: &changes })), @r#"logs:DisassociateKmsKey {"log_group_name":"/aws/lambda/demo-hash"} kms_key_id"#);
    }
}

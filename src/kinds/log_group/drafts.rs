//! Which calls make, change and delete a log group.

use super::fields::is_never;
use crate::kinds::arguments::{by_arn, name_of, picked};
use crate::kinds::tagging;
use crate::model::{Address, Carry, Draft, Entry, Removal, Resource, Table, Update, Value};

/// The setting with the group's name, which every call but those for tags needs.
const NAME: &str = "log_group_name";
/// What `CreateLogGroup` can carry.
const CREATED: &[&str] = &[NAME, "log_group_class", KEY, "tags"];
/// What needs calls of its own.
const RETENTION: &str = "retention_in_days";
const KEY: &str = "kms_key_id";
/// AWS's managed policies that allow to make groups.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>
const MAKERS: &[&str] = &[
    "AWSLambdaBasicExecutionRole",
    "AWSLambdaBasicDurableExecutionRolePolicy",
    "AWSLambdaDynamoDBExecutionRole",
    "AWSLambdaKinesisExecutionRole",
    "AWSLambdaMSKExecutionRole",
    "AWSLambdaSQSQueueExecutionRole",
    "AWSLambdaVPCAccessExecutionRole",
    "AdministratorAccess",
    "CloudWatchLogsFullAccess",
    "PowerUserAccess",
];
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

/// A group of a function whose role may make groups goes after that role: Lambda delivers lines some seconds after a
/// function has ended, and would make it anew.
pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let name = (NAME.to_owned(), removal.physical_id.as_str().into());
    let mut draft = Draft::new("logs:DeleteLogGroup", Table::from_iter([name]));
    draft.follows = makers(removal);
    vec![draft]
}

/// The roles of the functions that write to the group which may make groups. lambdo's own policy never allows it.
fn makers(removal: &Removal<'_>) -> Vec<Address> {
    let writes_here = |entry: &&Entry| {
        let config = entry.inputs.get("logging_config").and_then(Value::as_table);
        config.and_then(|config| config.get("log_group")?.as_str()) == Some(removal.physical_id.as_str())
    };
    let functions = removal.dependants.iter().filter(|address| address.kind == "function");
    let writers = functions.filter_map(|address| removal.entries.get(*address)).filter(writes_here);
    let used = writers.flat_map(|function| &function.dependencies).map(|dependency| &dependency.on);
    let makes = |address: &&Address| removal.entries.get(*address).is_some_and(|entry| may_make_groups(&entry.inputs));
    used.filter(|address| address.kind == "role").filter(makes).cloned().collect()
}

fn may_make_groups(role: &Table) -> bool {
    let managed = role.get("managed_policies").map(Value::strings).unwrap_or_default();
    let is_known_to = |arn: &&str| MAKERS.iter().any(|name| arn.ends_with(&format!("/{name}")));
    let inline = role.get("inline_policy").and_then(Value::as_table);
    managed.iter().any(is_known_to) || inline.into_iter().flat_map(Table::values).any(allows_making)
}

/// Whether a policy document allows to make groups, whatever its resources and conditions are.
fn allows_making(document: &Value) -> bool {
    let statements = document.as_table().and_then(|document| document.get("Statement"));
    let statements = statements.map_or(&[][..], |statements| statements.as_list().unwrap_or(std::slice::from_ref(statements)));
    let allowing = statements.iter().filter_map(Value::as_table).filter(|it| it.get("Effect").and_then(Value::as_str) == Some("Allow"));
    let actions = allowing.filter_map(|statement| statement.get("Action"));
    let mut actions = actions.flat_map(|actions| actions.as_list().unwrap_or(std::slice::from_ref(actions))).filter_map(Value::as_str);
    actions.any(|action| ["*", "logs:*", "logs:create*", "logs:createloggroup"].contains(&action.to_lowercase().as_str()))
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
    use crate::model::{Address, Cause, Change, Dependency, Effect, Live, PhysicalId, Strength, Until};
    use std::collections::BTreeMap;

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

    /// How many roles go before the group while the function's role has these settings.
    fn followed(role: &str) -> usize {
        let entry = |json: &str| {
            let mut entry = Entry::new("x".into());
            entry.inputs = Value::from_json(&serde_json::from_str(json).unwrap()).as_table().unwrap().clone();
            entry.attributes = table("arn", "arn:role".into());
            entry
        };
        let function = r#"{"role":"arn:role","logging_config":{"log_group":"/g"}}"#;
        let (writer, maker) = (Address::new("function", "x"), Address::new("role", "x"));
        let mut function = entry(function);
        function.dependencies = vec![Dependency { on: maker.clone(), strength: Strength::Hard, until: Until::Complete, gates: None }];
        let entries = BTreeMap::from([(writer.clone(), function), (maker, entry(role))]);
        let (id, nothing) = (PhysicalId::from("/g"), Table::new());
        let of_group =
            Removal { physical_id: &id, inputs: &nothing, attributes: &nothing, live: None, entries: &entries, dependants: &[&writer] };
        delete(&of_group)[0].follows.len()
    }

    #[test]
    fn a_group_that_late_lines_can_bring_back_goes_after_the_role() {
        let inline = |action: &str| format!(r#"{{"inline_policy":{{"a":{{"Statement":{{"Effect":"Allow","Action":{action}}}}}}}}}"#);
        assert_eq!(followed(r#"{"managed_policies":["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]}"#), 1);
        assert_eq!(followed(&inline(r#"["logs:CreateLogStream","logs:CreateLogGroup"]"#)), 1);
        assert_eq!(followed(&inline(r#""logs:*""#)), 1);
        assert_eq!(followed(&inline(r#"["logs:CreateLogStream","logs:PutLogEvents"]"#)), 0);
        assert_eq!(followed(r#"{"managed_policies":["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]}"#), 0);
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

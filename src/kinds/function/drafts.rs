//! Which calls make, change and delete a function.

use super::fields::FIELDS;
use super::live::FAILED;
use super::package_type::{CONFIG, PACKAGE_TYPE, is_image};
use crate::kinds::arguments::{by_arn, name_of, picked};
use crate::kinds::{code_object, tagging};
use crate::model::field::find;
use crate::model::{Carry, Change, Draft, Path, Removal, Resource, Table, Update, Value};
use std::collections::BTreeSet;

/// Made with a call of its own, after the function.
const CONCURRENCY: &str = "reserved_concurrent_executions";
/// The argument that tells that the function was made by the operation before.
pub(super) const JUST_MADE: &str = "just_made";
/// The argument with the hash of the code that lives, where the same code need not be sent again.
pub(super) const LIVE_CODE: &str = "live_code_sha256";

/// What `UpdateFunctionConfiguration` changes; `UpdateFunctionCode` changes code and architectures.
pub(super) const CONFIGURATION: &[&str] = &[
    "role",
    "description",
    "runtime",
    "handler",
    "memory_size",
    "timeout",
    "environment",
    "kms_key_arn",
    "ephemeral_storage",
    "layers",
    "vpc_config",
    "file_system_configs",
    "dead_letter_config",
    "tracing_config",
    "logging_config",
    "snap_start",
    CONFIG,
];

/// One call with everything, tags too; the reserved concurrency follows, where there is one.
pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let mut arguments = desired.inputs.clone();
    let concurrency = arguments.remove(CONCURRENCY);
    let keys: Vec<&str> = arguments.keys().map(String::as_str).collect();
    let carries = Carry::fields(&desired.inputs, &keys);
    arguments.extend(code_object::arguments(desired));
    let mut drafts = vec![Draft::new("lambda:CreateFunction", arguments).carrying(carries)];
    drafts.extend(concurrency.map(|number| {
        let mut draft = put_concurrency(desired, number);
        draft.arguments.insert(JUST_MADE.to_owned(), true.into());
        draft
    }));
    drafts
}

/// Code, configuration, tags, concurrency, in this order; the first of code and configuration waits
/// until Lambda has taken it up, since Lambda refuses the second until then.
pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = code(update).into_iter().chain(configuration(update)).collect();
    if let [first, _] = &mut drafts[..] {
        first.arguments.insert("then_wait".to_owned(), true.into());
    }
    let base = by_arn([&update.desired.attributes, &update.live.attributes]);
    let (set, remove) = tagging::drafts(update, "lambda:TagResource", "lambda:UntagResource", &base);
    drafts.extend(set.into_iter().chain(remove));
    drafts.extend(concurrency(update));
    drafts
}

pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    vec![Draft::new("lambda:DeleteFunction", named(removal.physical_id.as_str().into()))]
}

fn named(name: Value) -> Table {
    Table::from_iter([("function_name".to_owned(), name)])
}

fn name(desired: &Resource) -> Value {
    name_of(desired, "function_name")
}

/// A change of the architecture sends the code again too: Lambda takes it with code only.
fn code(update: &Update<'_>) -> Option<Draft> {
    let changes: Vec<&Change> = [update.of("code"), update.of("architectures")].concat();
    let code = update.desired.input("code").filter(|_| !changes.is_empty())?;
    let mut arguments = named(name(update.desired));
    arguments.insert("code".to_owned(), code.clone());
    arguments.extend(picked(&update.desired.inputs, &[PACKAGE_TYPE]));
    arguments.extend(code_object::arguments(update.desired));
    let is_theirs = is_ignored(update, &Path::key("architectures"));
    let inputs = if is_theirs { &update.live.fields } else { &update.desired.inputs };
    arguments.extend(picked(inputs, &["architectures"]));
    arguments.extend(live_code(update).map(|hash| (LIVE_CODE.to_owned(), hash)));
    Some(Draft::new("lambda:UpdateFunctionCode", arguments).carrying(Carry::changes(changes)))
}

/// The hash of the code that lives, where that may be what is wanted although nobody wrote it down, as after a state
/// was lost. Not where something else than the code is to change, or Lambda could not take up what was sent.
fn live_code(update: &Update<'_>) -> Option<Value> {
    let changes = update.of("code");
    let change = changes.first().filter(|change| change.applied != change.live && !update.touches("architectures"))?;
    let is_failed = change.live.as_ref().and_then(Value::as_str) == Some(FAILED);
    update.live.attributes.get("code_sha256").filter(|_| !is_failed && !is_image(&update.desired.inputs)).cloned()
}

/// One call with every changed setting in whole. What the spec does not have any more is sent as its
/// default, because Lambda keeps what a call leaves out.
fn configuration(update: &Update<'_>) -> Option<Draft> {
    let changes: Vec<&Change> = update.changes.iter().filter(|change| CONFIGURATION.contains(&change.path.first())).collect();
    if changes.is_empty() {
        return None;
    }
    let mut arguments = named(name(update.desired));
    for change in &changes {
        insert(update, change.path.first(), &mut arguments);
    }
    if update.touches("kms_key_arn") {
        // Lambda encrypts the environment with the new key only when the variables come along.
        insert(update, "environment", &mut arguments);
    }
    Some(Draft::new("lambda:UpdateFunctionConfiguration", arguments).carrying(Carry::changes(changes)))
}

fn insert(update: &Update<'_>, key: &str, arguments: &mut Table) {
    let default = || if key == CONFIG { Some(Table::new().into()) } else { find(FIELDS, key)?.default.value() };
    let wanted = update.desired.input(key).cloned().or_else(default);
    let value = match wanted {
        Some(Value::Table(wanted)) if key == "environment" => Some(with_ignored(update, key, wanted).into()),
        wanted => wanted,
    };
    arguments.extend(value.map(|value| (key.to_owned(), value)));
}

/// A map that is sent in whole, with what AWS has under the keys that others manage. What AWS did not
/// let anybody read stays as it is wanted.
fn with_ignored(update: &Update<'_>, key: &str, mut map: Table) -> Table {
    let live = update.live.fields.get(key).and_then(Value::as_table);
    let names: BTreeSet<String> = live.into_iter().flat_map(Table::keys).chain(map.keys()).cloned().collect();
    for name in names {
        let path = Path::key(key).join(&name);
        if !is_ignored(update, &path) || update.live.is_unread(&path) {
            continue;
        }
        match live.and_then(|live| live.get(&name)) {
            Some(value) => map.insert(name, value.clone()),
            None => map.remove(&name),
        };
    }
    map
}

fn is_ignored(update: &Update<'_>, path: &Path) -> bool {
    update.desired.ignore.iter().any(|pattern| path.is_covered_by(pattern))
}

fn concurrency(update: &Update<'_>) -> Option<Draft> {
    let changes = update.of(CONCURRENCY);
    if changes.is_empty() {
        return None;
    }
    let draft = match update.desired.input(CONCURRENCY) {
        Some(number) => put_concurrency(update.desired, number.clone()),
        None => Draft::new("lambda:DeleteFunctionConcurrency", named(name(update.desired))),
    };
    Some(draft.carrying(Carry::changes(changes)))
}

fn put_concurrency(desired: &Resource, number: Value) -> Draft {
    let mut arguments = named(name(desired));
    arguments.insert(CONCURRENCY.to_owned(), number);
    Draft::new("lambda:PutFunctionConcurrency", arguments).carrying(Carry::fields(&desired.inputs, &[CONCURRENCY]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::{lowered, table};
    use crate::model::{Cause, Effect, Live, PhysicalId};

    /// The calls that changes of these paths cause, with arguments and carried paths.
    fn calls(values: &[(&str, Value)], paths: &[&str]) -> Vec<String> {
        calls_on(Live::new("demo-hash".into()), values, paths)
    }

    fn calls_on(live: Live, values: &[(&str, Value)], paths: &[&str]) -> Vec<String> {
        let desired = lowered(values).resources.remove(0);
        let changes: Vec<Change> = paths.iter().map(|path| change(path, &desired)).collect();
        let drafts = update(&Update { desired: &desired, live: &live, changes: &changes });
        drafts.iter().map(shown).collect()
    }

    fn change(path: &str, desired: &Resource) -> Change {
        let path: Path = path.parse().unwrap();
        let root = desired.input(path.first());
        let wanted = path.0.get(1).map_or(root, |key| root?.as_table()?.get(key));
        Change { desired: wanted.cloned(), path, applied: None, live: None, effect: Effect::InPlace, cause: Cause::Spec }
    }

    fn shown(draft: &Draft) -> String {
        let carries: Vec<String> = draft.carries.iter().map(|carry| carry.path.to_string()).collect();
        format!("{} {} [{}]", draft.call, Value::Table(draft.arguments.clone()).to_json(), carries.join(" "))
    }

    #[test]
    fn a_create_is_one_call_and_one_more_for_reserved_concurrency() {
        let drafts = create(&lowered(&[("reserved_concurrent_executions", 0.into())]).resources[0]);
        assert_eq!(drafts.iter().map(|draft| draft.call).collect::<Vec<_>>(), ["lambda:CreateFunction", "lambda:PutFunctionConcurrency"]);
        assert!(drafts[0].arguments.contains_key("code") && drafts[0].arguments.contains_key("tags"));
        assert!(drafts[0].carries.iter().all(|carry| carry.path.first() != CONCURRENCY));
        insta::assert_snapshot!(shown(&drafts[1]), @r#"lambda:PutFunctionConcurrency {"function_name":"demo-hash","just_made":true,"reserved_concurrent_executions":0} [reserved_concurrent_executions]"#);
        assert_eq!(create(&lowered(&[]).resources[0]).len(), 1);
    }

    #[test]
    fn changed_settings_go_in_one_call_each_in_whole() {
        let values = [("memory_size", 256.into()), ("environment", table([("AA", "1".into()), ("BB", "2".into())]))];
        insta::assert_snapshot!(calls(&values, &["memory_size", "environment.AA"]).join("\n"), @r#"lambda:UpdateFunctionConfiguration {"environment":{"AA":"1","BB":"2"},"function_name":"demo-hash","memory_size":256} [memory_size environment.AA]"#);
    }

    #[test]
    fn what_the_spec_dropped_is_sent_as_the_default() {
        insta::assert_snapshot!(calls(&[], &["layers", "vpc_config", "environment.AA", "kms_key_arn"]).join("\n"), @r#"lambda:UpdateFunctionConfiguration {"environment":{},"function_name":"demo-hash","kms_key_arn":"","layers":[],"vpc_config":{"ipv6_allowed_for_dual_stack":false,"security_group_ids":[],"subnet_ids":[]}} [layers vpc_config environment.AA kms_key_arn]"#);
    }

    #[test]
    fn a_new_key_takes_the_environment_along() {
        let values = [("kms_key_arn", "arn:k".into()), ("environment", table([("AA", "1".into())]))];
        insta::assert_snapshot!(calls(&values, &["kms_key_arn"]).join("\n"), @r#"lambda:UpdateFunctionConfiguration {"environment":{"AA":"1"},"function_name":"demo-hash","kms_key_arn":"arn:k"} [kms_key_arn]"#);
    }

    /// A live function with these variables.
    fn with_variables<const COUNT: usize>(variables: [(&str, Value); COUNT]) -> Live {
        let mut live = Live::new("demo-hash".into());
        live.fields.insert("environment".to_owned(), table(variables));
        live
    }

    #[test]
    fn variables_that_others_manage_are_sent_as_they_live() {
        let ours = [("AA", "2".into()), ("FEATURE_OURS", "ours".into()), ("FEATURE_GONE", "ours".into())];
        let values = [("environment", table(ours)), ("ignore", "environment.FEATURE_*".into()), ("kms_key_arn", "arn:k".into())];
        let live = || with_variables([("AA", "1".into()), ("FEATURE_OURS", "theirs".into()), ("FEATURE_NEW", "theirs".into())]);
        for path in ["environment.AA", "kms_key_arn"] {
            let sent = calls_on(live(), &values, &[path]).join("\n");
            assert!(sent.contains(r#""environment":{"AA":"2","FEATURE_NEW":"theirs","FEATURE_OURS":"theirs"}"#), "{sent}");
        }
        let mut unread = live();
        unread.fields.insert("environment".to_owned(), table([]));
        unread.skipped.push(Path::key("environment"));
        let sent = calls_on(unread, &values, &["kms_key_arn"]).join("\n");
        assert!(sent.contains(r#""FEATURE_GONE":"ours""#), "{sent}");
    }

    #[test]
    fn an_ignored_setting_stays_as_it_lives_when_another_one_is_sent() {
        let values = [("ignore", Value::string_list(["architectures", "layers", "vpc_config"])), ("timeout", 9.into())];
        let mut live = Live::new("demo-hash".into());
        live.fields.insert("architectures".to_owned(), Value::string_list(["arm64"]));
        insta::assert_snapshot!(calls_on(live, &values, &["code", "timeout"]).join("\n"), @r#"
        lambda:UpdateFunctionCode {"architectures":["arm64"],"code":"sha256:aa","function_name":"demo-hash","then_wait":true} [code]
        lambda:UpdateFunctionConfiguration {"function_name":"demo-hash","timeout":9} [timeout]
        "#);
    }

    #[test]
    fn another_architecture_sends_the_code_again() {
        insta::assert_snapshot!(calls(&[("architectures", "arm64".into())], &["architectures"]).join("\n"), @r#"lambda:UpdateFunctionCode {"architectures":["arm64"],"code":"sha256:aa","function_name":"demo-hash"} [architectures]"#);
    }

    #[test]
    fn the_first_of_code_and_configuration_waits() {
        let drafts = calls(&[("timeout", 9.into())], &["code", "timeout", "tags.team", "reserved_concurrent_executions"]);
        insta::assert_snapshot!(drafts.join("\n"), @r#"
        lambda:UpdateFunctionCode {"architectures":["x86_64"],"code":"sha256:aa","function_name":"demo-hash","then_wait":true} [code]
        lambda:UpdateFunctionConfiguration {"function_name":"demo-hash","timeout":9} [timeout]
        lambda:UntagResource {"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash","keys":["team"]} [tags.team]
        lambda:DeleteFunctionConcurrency {"function_name":"demo-hash"} [reserved_concurrent_executions]
        "#);
    }

    #[test]
    fn a_delete_is_one_call() {
        let id = PhysicalId::from("demo-hash");
        let removal = Removal {
            physical_id: &id,
            inputs: &Table::new(),
            attributes: &Table::new(),
            live: None,
            entries: &std::collections::BTreeMap::new(),
            dependants: &[],
        };
        insta::assert_snapshot!(shown(&delete(&removal)[0]), @r#"lambda:DeleteFunction {"function_name":"demo-hash"} []"#);
    }

    #[test]
    fn every_setting_has_a_call_that_changes_it() {
        let elsewhere = ["function_name", "code", PACKAGE_TYPE, "architectures", "tags", CONCURRENCY];
        for field in FIELDS.iter().filter(|field| !field.internal) {
            assert!(CONFIGURATION.contains(&field.key) != elsewhere.contains(&field.key), "{}", field.key);
        }
    }
}

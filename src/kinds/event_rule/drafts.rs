//! Which calls make, change and delete a rule.

use super::{OUR_TARGET, STATE};
use crate::kinds::arguments::{all_at_once, by_arn, picked};
use crate::kinds::tagging;
use crate::model::{Carry, Change, Draft, Removal, Resource, Table, Update, Value};

/// What `PutRule` sets. It nulls whatever it is not given, so it is always given all of it.
const RULE: &[&str] = &["name", "event_bus_name", "schedule_expression", "event_pattern", "description", "enabled", "role_arn"];

pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let mut arguments = picked(&desired.inputs, RULE);
    arguments.extend(picked(&desired.inputs, &["tags"]));
    let carries = Carry::fields(&desired.inputs, &[RULE, &["tags"]].concat());
    vec![
        Draft::new("events:PutRule", arguments).carrying(carries),
        put_targets(desired).carrying(Carry::fields(&desired.inputs, &["targets"])),
    ]
}

/// Tags of a rule that exists are changed by calls of their own: `PutRule` ignores them.
pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let of_rule: Vec<&Change> = update.changes.iter().filter(|change| RULE.contains(&change.path.first())).collect();
    if !of_rule.is_empty() {
        let arguments = [all_at_once(update, RULE), picked(&update.live.attributes, &[STATE])].into_iter().flatten().collect();
        drafts.push(Draft::new("events:PutRule", arguments).carrying(Carry::changes(of_rule)));
    }
    if update.touches("targets") {
        drafts.extend(targets(update));
    }
    let base = by_arn([&update.desired.attributes, &update.live.attributes]);
    let (set, remove) = tagging::drafts(update, "events:TagResource", "events:UntagResource", &base);
    drafts.extend(set.into_iter().chain(remove));
    drafts
}

/// Ours comes before those go whose place it takes: in between an event is rather handled twice than not at all. What was
/// applied is known when all of it is done.
fn targets(update: &Update<'_>) -> Vec<Draft> {
    let live = update.live.fields.get("targets").and_then(Value::as_table);
    let others: Vec<&str> = live.into_iter().flat_map(Table::keys).map(String::as_str).filter(|id| *id != OUR_TARGET).collect();
    let mut drafts = vec![put_targets(update.desired)];
    if !others.is_empty() {
        let mut arguments = picked(&update.desired.inputs, &["name", "event_bus_name"]);
        arguments.insert("ids".to_owned(), Value::string_list(others));
        drafts.push(Draft::new("events:RemoveTargets", arguments));
    }
    let last = drafts.pop().map(|last| last.carrying(Carry::changes(update.of("targets"))));
    drafts.into_iter().chain(last).collect()
}

/// A rule with targets cannot be deleted. Targets of others are left, and then so is the rule.
pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let (bus, name) = super::split(removal.physical_id);
    let named = Table::from_iter([("event_bus_name".to_owned(), bus.into()), ("name".to_owned(), name.into())]);
    let mut drafts = Vec::new();
    let targets = removal.live.map_or(removal.inputs, |live| &live.fields).get("targets").and_then(Value::as_table);
    if let Some(targets) = targets.filter(|targets| !targets.is_empty()) {
        let mut arguments = named.clone();
        arguments.insert("ids".to_owned(), Value::string_list(targets.keys().map(String::as_str)));
        drafts.push(Draft::new("events:RemoveTargets", arguments));
    }
    drafts.push(Draft::new("events:DeleteRule", named));
    drafts
}

fn put_targets(desired: &Resource) -> Draft {
    Draft::new("events:PutTargets", picked(&desired.inputs, &["name", "event_bus_name", "targets"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::event_rule::tests::lowered;
    use crate::model::{Cause, Effect, Live, Path, PhysicalId};

    fn rule() -> Resource {
        lowered(&[("schedule_expression", "rate(1 hour)".into())]).resources.remove(0)
    }

    fn shown(drafts: &[Draft]) -> String {
        let line = |draft: &Draft| {
            let carries: Vec<String> = draft.carries.iter().map(|carry| carry.path.to_string()).collect();
            format!("{} {} [{}]", draft.call, Value::Table(draft.arguments.clone()).to_json(), carries.join(" "))
        };
        drafts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn changed(paths: &[&str]) -> String {
        let desired = rule();
        let change = |path: &&str| {
            let path: Path = path.parse().unwrap();
            Change { path, applied: None, live: None, desired: Some("x".into()), effect: Effect::InPlace, cause: Cause::Spec }
        };
        let changes: Vec<Change> = paths.iter().map(change).collect();
        shown(&update(&Update { desired: &desired, live: &Live::new("default/x".into()), changes: &changes }))
    }

    #[test]
    fn a_create_puts_the_rule_with_its_tags_and_then_the_target() {
        insta::assert_snapshot!(shown(&create(&rule())), @r#"
        events:PutRule {"description":"","enabled":true,"event_bus_name":"default","name":"demo-hash-monthly","schedule_expression":"rate(1 hour)","tags":{}} [name event_bus_name schedule_expression description enabled tags]
        events:PutTargets {"event_bus_name":"default","name":"demo-hash-monthly","targets":{"lambdo":{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash"}}} [targets]
        "#);
    }

    #[test]
    fn an_update_puts_the_whole_rule() {
        insta::assert_snapshot!(changed(&["description"]), @r#"events:PutRule {"description":"","enabled":true,"event_bus_name":"default","name":"demo-hash-monthly","schedule_expression":"rate(1 hour)"} [description]"#);
        insta::assert_snapshot!(changed(&["targets", "tags.team"]), @r#"
        events:PutTargets {"event_bus_name":"default","name":"demo-hash-monthly","targets":{"lambdo":{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash"}}} [targets]
        events:TagResource {"arn":"arn:aws:events:us-east-1:123456789012:rule/demo-hash-monthly","tags":{"team":"x"}} [tags.team]
        "#);
    }

    #[test]
    fn a_rule_that_means_more_than_enabled_goes_on_doing_so() {
        let mut live = Live::new("default/x".into());
        live.attributes.insert(STATE.to_owned(), "MORE".into());
        let path: Path = "description".parse().unwrap();
        let changes = [Change { path, applied: None, live: None, desired: None, effect: Effect::InPlace, cause: Cause::Spec }];
        let drafts = update(&Update { desired: &rule(), live: &live, changes: &changes });
        assert_eq!(drafts[0].arguments.get(STATE), Some(&"MORE".into()));
    }

    #[test]
    fn a_target_whose_place_ours_takes_goes_when_ours_is_there() {
        let desired = rule();
        let mut live = Live::new("default/x".into());
        live.fields.insert("targets".to_owned(), Value::Table(Table::from_iter([("1".to_owned(), Value::Table(Table::new()))])));
        let path: Path = "targets".parse().unwrap();
        let changes = [Change { path, applied: None, live: None, desired: Some("x".into()), effect: Effect::InPlace, cause: Cause::Spec }];
        insta::assert_snapshot!(shown(&update(&Update { desired: &desired, live: &live, changes: &changes })), @r#"
        events:PutTargets {"event_bus_name":"default","name":"demo-hash-monthly","targets":{"lambdo":{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash"}}} []
        events:RemoveTargets {"event_bus_name":"default","ids":["1"],"name":"demo-hash-monthly"} [targets]
        "#);
    }

    #[test]
    fn a_delete_takes_our_target_away_first_if_it_is_there() {
        let id = PhysicalId::from("default/x");
        let nothing = Table::new();
        let mut live = Live::new(id.clone());
        let calls = |live: Option<&Live>, inputs: &Table| {
            let drafts = delete(&Removal {
                physical_id: &id,
                inputs,
                attributes: &nothing,
                live,
                entries: &std::collections::BTreeMap::new(),
                dependants: &[],
            });
            drafts.iter().map(|draft| draft.call).collect::<Vec<_>>()
        };
        assert_eq!(calls(None, &rule().inputs), ["events:RemoveTargets", "events:DeleteRule"]);
        assert_eq!(calls(Some(&live), &rule().inputs), ["events:DeleteRule"]);
        live.fields = rule().inputs;
        assert_eq!(calls(Some(&live), &nothing), ["events:RemoveTargets", "events:DeleteRule"]);
    }
}

//! Reading rules: one list per bus, then the targets of each, and its tags where they are asked for.

use super::fields::FIELDS;
use super::live::{add_targets, as_listed, live};
use super::split;
use crate::aws::{AwsError, ErrorClass, Pages, Reader};
use crate::kinds::reading::{AT_ONCE, common_prefix, in_turn, sighting, unchecked};
use crate::kinds::{ReadTarget, tagging};
use crate::model::{ExtraClass, Live, Path, Sighting};
use aws_sdk_eventbridge::operation::describe_rule::builders::DescribeRuleInputBuilder;
use aws_sdk_eventbridge::operation::list_rules::builders::ListRulesInputBuilder;
use aws_sdk_eventbridge::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_eventbridge::operation::list_targets_by_rule::builders::ListTargetsByRuleInputBuilder;
use aws_sdk_eventbridge::types::{Rule, Target};
use std::collections::BTreeMap;

/// Up to this many rules are cheaper to read one by one.
const FEW: usize = 2;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let mut buses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for target in targets {
        let (bus, name) = split(target.physical_id);
        buses.entry(bus).or_default().push(name);
    }
    let mut listed: BTreeMap<&str, BTreeMap<String, Rule>> = BTreeMap::new();
    for (bus, names) in buses {
        if names.len() > FEW
            && let Ok(rules) = list_rules(reader, bus, common_prefix(&names)).await
        {
            listed.insert(bus, rules);
        }
    }
    in_turn(targets.iter().copied(), AT_ONCE, |target| Box::pin(read_one(reader, target, &listed))).await
}

/// The rules of a bus whose names begin so.
///
/// # Errors
/// What AWS refused.
pub(super) async fn list_rules(reader: &Reader, bus: &str, prefix: &str) -> Result<BTreeMap<String, Rule>, AwsError> {
    let (mut rules, mut pages) = (BTreeMap::new(), Pages::of("events:ListRules"));
    loop {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let request = ListRulesInputBuilder::default().event_bus_name(bus).set_name_prefix(prefix).limit(100).set_next_token(pages.token());
        let answer = reader.list_rules(request).await?;
        rules.extend(answer.rules().iter().filter_map(|rule| Some((rule.name()?.to_owned(), rule.clone()))));
        if !pages.go_on(answer.next_token)? {
            return Ok(rules);
        }
    }
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>, listed: &BTreeMap<&str, BTreeMap<String, Rule>>) -> Sighting {
    let (bus, name) = split(target.physical_id);
    let rules = listed.get(bus);
    let (rule, found_targets) = match rules.and_then(|rules| rules.get(name)) {
        Some(rule) => (rule.clone(), list_targets(reader, bus, name).await),
        None if rules.is_some() && target.applied.is_none() => return Sighting::Missing,
        // One that is known and that the list does not show may have been made a moment ago.
        None => match described(reader, bus, name, target.applied.is_some()).await {
            Ok(described) => described,
            Err(error) => return sighting(&error),
        },
    };
    let mut live = live(&rule, target.physical_id);
    let applied = target.applied.and_then(|entry| entry.inputs.get("targets"));
    let wanted = target.desired.map_or(applied, |resource| resource.inputs.get("targets"));
    match found_targets {
        Ok(targets) => add_targets(&mut live, &targets, wanted, applied),
        // It went away in between.
        Err(error) if error.class == ErrorClass::NotFound => return Sighting::Missing,
        Err(error) => live.unchecked.push(unchecked(Path::key("targets"), &error)),
    }
    let keeps_name = target.desired.is_some_and(|desired| desired.physical_id().is_none_or(|id| id == target.physical_id));
    if !keeps_name {
        live.undeletable = held(&live);
    }
    if target.is_read_deeply() || !target.stays_as_applied(FIELDS, &live) {
        read_tags(reader, rule.arn().unwrap_or_default(), &mut live).await;
    } else {
        live.skipped.push(Path::key("tags"));
    }
    Sighting::Found(live)
}

/// EventBridge deletes no rule that has targets, and those of others are not ours to take off.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html>
fn held(live: &Live) -> Option<String> {
    let foreign: Vec<&str> =
        live.extras.iter().filter(|extra| extra.class == ExtraClass::Foreign).map(|extra| extra.text.as_str()).collect();
    (!foreign.is_empty()).then(|| format!("others have put targets into it, which must be taken off before: {}", foreign.join("; ")))
}

/// A rule and its targets: read at the same time where the rule should be there.
async fn described(reader: &Reader, bus: &str, name: &str, is_known: bool) -> Result<(Rule, Result<Vec<Target>, AwsError>), AwsError> {
    let rule = reader.describe_rule(DescribeRuleInputBuilder::default().event_bus_name(bus).name(name));
    if !is_known {
        let rule = as_listed(rule.await?);
        return Ok((rule, list_targets(reader, bus, name).await));
    }
    let (rule, targets) = futures::join!(rule, list_targets(reader, bus, name));
    Ok((as_listed(rule?), targets))
}

/// All targets of a rule.
///
/// # Errors
/// What AWS refused.
pub(super) async fn list_targets(reader: &Reader, bus: &str, name: &str) -> Result<Vec<Target>, AwsError> {
    let (mut targets, mut pages) = (Vec::new(), Pages::of("events:ListTargetsByRule"));
    loop {
        let request = ListTargetsByRuleInputBuilder::default().event_bus_name(bus).rule(name).set_next_token(pages.token());
        let answer = reader.list_targets_by_rule(request).await?;
        targets.extend_from_slice(answer.targets());
        if !pages.go_on(answer.next_token)? {
            return Ok(targets);
        }
    }
}

async fn read_tags(reader: &Reader, arn: &str, live: &mut Live) {
    match reader.list_tags_for_rule(ListTagsForResourceInputBuilder::default().resource_arn(arn)).await {
        Ok(answer) => tagging::show(live, answer.tags().iter().map(|tag| (tag.key(), tag.value()))),
        Err(error) => live.unchecked.push(unchecked(Path::key("tags"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::kinds::event_rule::tests::lowered;
    use crate::model::{Entry, PhysicalId, Resource};

    fn rule() -> Resource {
        lowered(&[("schedule_expression", "rate(1 hour)".into())]).resources.remove(0)
    }

    #[tokio::test]
    async fn a_known_rule_that_the_list_does_not_show_is_looked_for() {
        let cloud = Cloud::new(|request| match request {
            listed if listed.contains("ListRules") => (200, r#"{"Rules":[]}"#.to_owned()),
            made if made.contains("DescribeRule") && made.contains("made") => (200, r#"{"Name":"made","Arn":"arn:r"}"#.to_owned()),
            described if described.contains("DescribeRule") => (400, failure("ResourceNotFoundException", "no")),
            targets if targets.contains("ListTargetsByRule") => (200, r#"{"Targets":[]}"#.to_owned()),
            _ => (200, r#"{"Tags":[]}"#.to_owned()),
        });
        let resource = rule();
        let entry = Entry::new("default/made".into());
        let ids = ["default/made", "default/gone", "default/new"].map(PhysicalId::from);
        let target = |index: usize, is_known: bool| ReadTarget {
            address: &resource.address,
            physical_id: &ids[index],
            desired: None,
            applied: is_known.then_some(&entry),
            deep: false,
            strangers: false,
            undeclared: false,
            has_parts: false,
            lineage: "l",
        };
        let seen = read(cloud.writer.reader(), &[target(0, true), target(1, true), target(2, false)]).await;
        assert!(matches!(seen[..], [Sighting::Found(_), Sighting::Missing, Sighting::Missing]), "{seen:?}");
        assert_eq!(cloud.sent("DescribeRule").len(), 2, "what nobody knows is missing as the list says");
    }

    #[tokio::test]
    async fn a_list_without_end_is_not_followed() {
        let cloud = Cloud::new(|_| (200, r#"{"Targets":[],"NextToken":"x"}"#.to_owned()));
        let error = list_targets(cloud.writer.reader(), "default", "demo-a-nightly").await.unwrap_err();
        assert!(error.message.contains("in circles"), "{error}");
        assert_eq!(cloud.sent("ListTargetsByRule").len(), 2);
    }
}

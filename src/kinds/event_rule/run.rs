//! Sending the operations of a rule.

use super::read::list_targets;
use super::target::from_table;
use super::{OUR_TARGET, STATE, split};
use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::{as_json, gone_is_done, optional, refused, strings, text, unknown_call};
use crate::kinds::{Done, tagging};
use crate::model::{Operation, Table, Value};
use aws_sdk_eventbridge::operation::delete_rule::builders::DeleteRuleInputBuilder;
use aws_sdk_eventbridge::operation::put_rule::builders::PutRuleInputBuilder;
use aws_sdk_eventbridge::operation::put_targets::PutTargetsOutput;
use aws_sdk_eventbridge::operation::put_targets::builders::PutTargetsInputBuilder;
use aws_sdk_eventbridge::operation::remove_targets::RemoveTargetsOutput;
use aws_sdk_eventbridge::operation::remove_targets::builders::RemoveTargetsInputBuilder;
use aws_sdk_eventbridge::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_eventbridge::operation::untag_resource::builders::UntagResourceInputBuilder;
use aws_sdk_eventbridge::types::{RuleState, Tag};

/// How long a rule is tried again that is not seen yet, or that others change.
const LIMIT_MS: u64 = 120_000;
/// How long targets that were removed may still hold up the delete of their rule.
const DELETE_LIMIT_MS: u64 = 300_000;

pub(super) async fn run(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    match operation.call.as_str() {
        "events:PutRule" => put_rule(writer, operation).await,
        "events:PutTargets" => put_targets(writer, operation).await,
        "events:RemoveTargets" => remove_targets(writer, operation).await,
        "events:DeleteRule" => delete_rule(writer, operation).await,
        "events:TagResource" => tag(writer, operation).await,
        "events:UntagResource" => untag(writer, operation).await,
        _ => Err(unknown_call(operation)),
    }
}

async fn put_rule(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = rule_request(operation)?;
    let answer = steadily(writer, operation, is_busy, || writer.put_rule(request.clone())).await?;
    let attributes = Table::from_iter(answer.rule_arn().map(|arn| ("arn".to_owned(), arn.into())));
    let physical_id = format!("{}/{}", text(operation, "event_bus_name")?, text(operation, "name")?);
    Ok(Done { physical_id: Some(physical_id.into()), attributes })
}

fn rule_request(operation: &Operation) -> Result<PutRuleInputBuilder, AwsError> {
    let arguments = &operation.arguments;
    if arguments.values().any(Value::is_unresolved) {
        return Err(refused(operation, "something that it refers to is not known"));
    }
    let tags = Some(tags(operation)?).filter(|tags| !tags.is_empty());
    Ok(PutRuleInputBuilder::default()
        .name(text(operation, "name")?)
        .event_bus_name(text(operation, "event_bus_name")?)
        .set_schedule_expression(optional(arguments, "schedule_expression"))
        .set_event_pattern(arguments.get("event_pattern").map(as_json))
        .set_description(optional(arguments, "description").filter(|description| !description.is_empty()))
        .set_role_arn(optional(arguments, "role_arn"))
        .state(state(arguments))
        .set_tags(tags))
}

/// A state that means more than enabled is put again in AWS's word for it.
fn state(arguments: &Table) -> RuleState {
    match arguments.get("enabled") {
        Some(Value::Boolean(false)) => RuleState::Disabled,
        _ => optional(arguments, STATE).map_or(RuleState::Enabled, |more| RuleState::from(more.as_str())),
    }
}

fn tags(operation: &Operation) -> Result<Vec<Tag>, AwsError> {
    let tags = tagging::given(&operation.arguments).map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>().map_err(|error| refused(operation, error.to_string()))
}

async fn put_targets(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = targets_request(operation)?;
    let is_early = |error: &AwsError| is_busy(error) || error.class == ErrorClass::NotFound;
    let attempt = || async {
        let answer = writer.put_targets(request.clone()).await?;
        put_failure(operation, &answer).map_or(Ok(()), Err)
    };
    steadily(writer, operation, is_early, attempt).await.map(|()| Done::default())
}

fn targets_request(operation: &Operation) -> Result<PutTargetsInputBuilder, AwsError> {
    let mut targets = Vec::new();
    for (id, target) in operation.arguments.get("targets").and_then(Value::as_table).into_iter().flatten() {
        if target.is_unresolved() {
            return Err(refused(operation, format!("the target `{id}` refers to something that is not known")));
        }
        let target = target.as_table().cloned().unwrap_or_default();
        targets.push(from_table(id, &target).map_err(|problem| refused(operation, format!("the target `{id}` {problem}")))?);
    }
    Ok(PutTargetsInputBuilder::default()
        .rule(text(operation, "name")?)
        .event_bus_name(text(operation, "event_bus_name")?)
        .set_targets(Some(targets)))
}

/// The call succeeds even where its entries failed.
fn put_failure(operation: &Operation, answer: &PutTargetsOutput) -> Option<AwsError> {
    let entry = answer.failed_entries().first();
    let code = entry.and_then(|entry| entry.error_code());
    let message = entry.and_then(|entry| entry.error_message());
    (answer.failed_entry_count() > 0).then(|| entry_error(operation, code, message))
}

fn remove_failure(operation: &Operation, answer: &RemoveTargetsOutput) -> Option<AwsError> {
    let entry = answer.failed_entries().first();
    let code = entry.and_then(|entry| entry.error_code());
    let message = entry.and_then(|entry| entry.error_message());
    (answer.failed_entry_count() > 0).then(|| entry_error(operation, code, message))
}

fn entry_error(operation: &Operation, code: Option<&str>, message: Option<&str>) -> AwsError {
    let class = match code.unwrap_or_default() {
        code if code.contains("ConcurrentModification") => ErrorClass::InProgress,
        code if code.contains("Internal") => ErrorClass::Transient,
        code if code.contains("Throttl") => ErrorClass::Throttled,
        code if code.contains("NotFound") => ErrorClass::NotFound,
        code if code.contains("LimitExceeded") => ErrorClass::Quota,
        _ => ErrorClass::Invalid,
    };
    let message = message.unwrap_or("EventBridge did not take the target");
    AwsError { code: code.map(str::to_owned), ..AwsError::own(&operation.call, class, message) }
}

async fn remove_targets(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = RemoveTargetsInputBuilder::default()
        .rule(text(operation, "name")?)
        .event_bus_name(text(operation, "event_bus_name")?)
        .set_ids(strings(&operation.arguments, "ids"));
    let attempt = || async {
        let answer = writer.remove_targets(request.clone()).await?;
        remove_failure(operation, &answer).map_or(Ok(()), Err)
    };
    gone_is_done(steadily(writer, operation, is_busy, attempt).await)
}

/// Deletes. Targets that were just removed may hold it up for a while; targets of others hold it up for good.
async fn delete_rule(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let (bus, name) = (text(operation, "event_bus_name")?, text(operation, "name")?);
    let request = DeleteRuleInputBuilder::default().event_bus_name(bus).name(name);
    let attempt = || async {
        match writer.delete_rule(request.clone()).await {
            Err(error) if is_busy(&error) => Err(held_by_others(writer, operation, bus, name).await.unwrap_or(error)),
            result => result.map(|_| ()),
        }
    };
    let patience = Patience::new(format!("rule `{name}` to let go of its targets"), DELETE_LIMIT_MS).for_address(&operation.address);
    gone_is_done(retry_while(writer.reader(), &patience, is_busy, attempt).await)
}

/// The error that names targets which are not ours, where there are any.
async fn held_by_others(writer: &Writer, operation: &Operation, bus: &str, name: &str) -> Option<AwsError> {
    let targets = list_targets(writer.reader(), bus, name).await.ok()?;
    let others: Vec<String> =
        targets.iter().filter(|target| target.id() != OUR_TARGET).map(|target| format!("`{}`", target.id())).collect();
    let message = format!(
        "the rule has targets that lambdo did not make: {}. They are kept, and a rule with targets cannot be deleted; remove them first",
        others.join(", ")
    );
    (!others.is_empty()).then(|| refused(operation, message))
}

async fn tag(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = TagResourceInputBuilder::default().resource_arn(text(operation, "arn")?).set_tags(Some(tags(operation)?));
    steadily(writer, operation, is_busy, || writer.tag_rule(request.clone())).await.map(|_| Done::default())
}

async fn untag(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let keys = strings(&operation.arguments, "keys");
    let request = UntagResourceInputBuilder::default().resource_arn(text(operation, "arn")?).set_tag_keys(keys);
    steadily(writer, operation, is_busy, || writer.untag_rule(request.clone())).await.map(|_| Done::default())
}

fn is_busy(error: &AwsError) -> bool {
    match error.class {
        ErrorClass::InProgress | ErrorClass::NotYetConsistent => true,
        // Of a call as a whole these were tried again already.
        ErrorClass::Transient | ErrorClass::Throttled => error.code.is_some() && error.status.is_none(),
        _ => false,
    }
}

async fn steadily<T, F>(
    writer: &Writer,
    operation: &Operation,
    is_retryable: impl Fn(&AwsError) -> bool,
    attempt: impl FnMut() -> F,
) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let name = operation.physical_id.as_ref().map_or("", |id| split(id).1);
    let patience = Patience::new(format!("rule `{name}` to take the change"), LIMIT_MS).for_address(&operation.address);
    retry_while(writer.reader(), &patience, is_retryable, attempt).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::event_rule::tests::lowered;
    use crate::kinds::event_rule::{EventRule, KIND};
    use crate::kinds::function::tests::table as table_of;
    use crate::model::{Address, Rules, Transition};
    use aws_sdk_eventbridge::types::PutTargetsResultEntry;

    fn operations(values: &[(&str, Value)]) -> Vec<Operation> {
        let drafts = EventRule.create(&lowered(values).resources[0]);
        let operation = |draft: crate::model::Draft| Operation {
            address: Address::with_part(KIND, "hash", "monthly"),
            physical_id: None,
            call: draft.call.to_owned(),
            arguments: draft.arguments,
            carries: draft.carries,
            transition: Transition::Update,
            follows: vec![],
            waits: Vec::new(),
            serial_key: None,
        };
        drafts.into_iter().map(operation).collect()
    }

    #[test]
    fn the_whole_rule_is_sent() {
        let operations = operations(&[
            ("event_pattern", table_of([("source", Value::string_list(["x"]))])),
            ("description", "d".into()),
            ("enabled", false.into()),
            ("tags", table_of([("team", "y".into())])),
            ("input", "text".into()),
        ]);
        let rule = rule_request(&operations[0]).unwrap().build().unwrap();
        assert_eq!((rule.event_pattern(), rule.description()), (Some(r#"{"source":["x"]}"#), Some("d")));
        assert_eq!((rule.state(), rule.tags().len(), rule.schedule_expression()), (Some(&RuleState::Disabled), 1, None));
        let targets = targets_request(&operations[1]).unwrap().build().unwrap();
        let target = &targets.targets()[0];
        assert_eq!((target.id(), target.input()), ("lambdo", Some("\"text\"")));
    }

    #[test]
    fn what_others_have_set_is_put_as_it_was_where_it_is_what_was_applied() {
        let mut operations = operations(&[("schedule_expression", "rate(1 hour)".into())]);
        let more = RuleState::EnabledWithAllCloudtrailManagementEvents;
        let theirs = [(STATE, more.as_str().into()), ("role_arn", "arn:r".into())];
        operations[0].arguments.extend(theirs.map(|(key, value): (&str, Value)| (key.to_owned(), value)));
        let rule = rule_request(&operations[0]).unwrap().build().unwrap();
        assert_eq!((rule.state(), rule.role_arn()), (Some(&more), Some("arn:r")));
        let target = table_of([("arn", "arn:f".into()), ("retry_policy", table_of([("maximum_retry_attempts", 3.into())]))]);
        operations[1].arguments.insert("targets".to_owned(), table_of([("1", target)]));
        let targets = targets_request(&operations[1]).unwrap().build().unwrap();
        assert_eq!(targets.targets()[0].retry_policy().and_then(|policy| policy.maximum_retry_attempts()), Some(3));
    }

    #[test]
    fn a_failed_entry_is_an_error_although_the_call_succeeded() {
        let operation = &operations(&[("schedule_expression", "rate(1 hour)".into())])[1];
        let failure = |code: &str| {
            let entry = PutTargetsResultEntry::builder().target_id("lambdo").error_code(code).error_message("m").build();
            let answer = PutTargetsOutput::builder().failed_entry_count(1).failed_entries(entry).build();
            put_failure(operation, &answer).unwrap()
        };
        assert_eq!(failure("ConcurrentModificationException").class, ErrorClass::InProgress);
        assert_eq!(failure("InternalException").class, ErrorClass::Transient);
        assert_eq!(failure("ValidationException").class, ErrorClass::Invalid);
        assert_eq!(failure("ValidationException").to_string(), "events:PutTargets: ValidationException: m");
        assert_eq!(put_failure(operation, &PutTargetsOutput::builder().failed_entry_count(0).build()), None);
    }
}

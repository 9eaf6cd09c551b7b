//! A target in the words of the spec, and as EventBridge takes it.

use crate::kinds::arguments::{number, optional, texts};
use crate::model::document::parsed;
use crate::model::{Table, Value};
use aws_sdk_eventbridge::error::BuildError;
use aws_sdk_eventbridge::types::{DeadLetterConfig, InputTransformer, RetryPolicy, Target};

/// How often EventBridge hands over an event again, unless told otherwise.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>
const USUAL_ATTEMPTS: i32 = 185;
/// For how long it does so.
const USUAL_AGE_SECONDS: i32 = 86_400;
/// What a target invokes, and what that gets. All else is about how an event gets there.
const JOB: &[&str] = &["arn", "input", "input_path", "input_template", "input_paths"];
/// Names of settings that no function takes and whose values lambdo does not read.
const OTHERS: &str = "other_parameters";

/// The target with what lambdo sets, and with all that others may have set: `PutTargets` drops what it is not given.
///
/// An input is a document, but one whose text had a reference in it stays text until it is filled in, as in `wanted`.
pub(super) fn as_table(target: &Target, wanted: Option<&Value>) -> Table {
    let document = |input: &str| {
        let text = Value::from(input);
        if wanted == Some(&text) && is_document(input) { text } else { parsed(&text) }
    };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Value::from);
    let transformer = target.input_transformer();
    let settings = [
        ("arn", Some(target.arn().into())),
        ("input", target.input().map(document)),
        ("input_path", text(target.input_path())),
        ("input_template", transformer.map(|transformer| transformer.input_template().into())),
        ("input_paths", transformer.and_then(input_paths)),
        ("role_arn", text(target.role_arn())),
        ("dead_letter_config", text(target.dead_letter_config().and_then(DeadLetterConfig::arn)).map(|arn| only("arn", arn))),
        ("retry_policy", target.retry_policy().and_then(retry_policy)),
        (OTHERS, others(target)),
    ];
    settings.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// Whether both invoke the same with the same, however often and in whatever way they try to.
pub(super) fn is_same_job(left: &Table, right: &Table) -> bool {
    JOB.iter().all(|key| left.get(*key) == right.get(*key))
}

/// What [`as_table`] has read, to be put. Of a setting that lambdo cannot write the error tells, as the end of a sentence
/// about the target.
pub(super) fn from_table(id: &str, target: &Table) -> Result<Target, String> {
    if let Some(others) = target.get(OTHERS) {
        return Err(format!("has `{}`, which lambdo does not write and would take off", others.strings().join("`, `")));
    }
    build(id, target).map_err(|error| format!("cannot be put: {error}"))
}

fn build(id: &str, target: &Table) -> Result<Target, BuildError> {
    let within = |key: &str| target.get(key).and_then(Value::as_table);
    let paths = within("input_paths").map(|paths| texts(paths).collect());
    let transformer = optional(target, "input_template")
        .map(|template| InputTransformer::builder().input_template(template).set_input_paths_map(paths).build())
        .transpose()?;
    let queue = within("dead_letter_config").map(|config| DeadLetterConfig::builder().set_arn(optional(config, "arn")).build());
    let policy = within("retry_policy").map(|policy| {
        let attempts = number(policy, "maximum_retry_attempts");
        let age_seconds = number(policy, "maximum_event_age_in_seconds");
        RetryPolicy::builder().set_maximum_retry_attempts(attempts).set_maximum_event_age_in_seconds(age_seconds).build()
    });
    Target::builder()
        .id(id)
        .set_arn(optional(target, "arn"))
        .set_input(target.get("input").map(input_text))
        .set_input_path(optional(target, "input_path"))
        .set_input_transformer(transformer)
        .set_role_arn(optional(target, "role_arn"))
        .set_dead_letter_config(queue)
        .set_retry_policy(policy)
        .build()
}

fn only(key: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(key.to_owned(), value)]))
}

fn input_paths(transformer: &InputTransformer) -> Option<Value> {
    let paths = transformer.input_paths_map().filter(|paths| !paths.is_empty())?;
    Some(Value::Table(paths.iter().map(|(name, path)| (name.clone(), path.as_str().into())).collect()))
}

/// What of it is not as always: AWS's console writes down the usual values, too.
fn retry_policy(policy: &RetryPolicy) -> Option<Value> {
    let settings = [
        ("maximum_retry_attempts", policy.maximum_retry_attempts(), USUAL_ATTEMPTS),
        ("maximum_event_age_in_seconds", policy.maximum_event_age_in_seconds(), USUAL_AGE_SECONDS),
    ];
    let unusual = settings.into_iter().filter_map(|(key, value, usual)| {
        let value = value.filter(|value| *value != usual)?;
        Some((key.to_owned(), i64::from(value).into()))
    });
    let unusual: Table = unusual.collect();
    (!unusual.is_empty()).then_some(Value::Table(unusual))
}

fn others(target: &Target) -> Option<Value> {
    let settings = [
        ("app_sync_parameters", target.app_sync_parameters().is_some()),
        ("batch_parameters", target.batch_parameters().is_some()),
        ("ecs_parameters", target.ecs_parameters().is_some()),
        ("http_parameters", target.http_parameters().is_some()),
        ("kinesis_parameters", target.kinesis_parameters().is_some()),
        ("redshift_data_parameters", target.redshift_data_parameters().is_some()),
        ("run_command_parameters", target.run_command_parameters().is_some()),
        ("sage_maker_pipeline_parameters", target.sage_maker_pipeline_parameters().is_some()),
        ("sqs_parameters", target.sqs_parameters().is_some()),
    ];
    let given: Vec<&str> = settings.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
    (!given.is_empty()).then(|| Value::string_list(given))
}

/// An input as JSON. A text is written with its quotes, unless it is a document whose references were
/// filled in.
fn input_text(input: &Value) -> String {
    input.as_str().filter(|text| is_document(text)).map_or_else(|| input.to_json().to_string(), str::to_owned)
}

/// Whether a text is itself the JSON of an object or a list.
pub(super) fn is_document(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::table;
    use aws_sdk_eventbridge::types::SqsParameters;
    use aws_sdk_eventbridge::types::builders::TargetBuilder;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:demo-hash";

    fn target() -> TargetBuilder {
        Target::builder().id("1").arn(ARN)
    }

    fn policy(attempts: Option<i32>, age_seconds: Option<i32>) -> RetryPolicy {
        RetryPolicy::builder().set_maximum_retry_attempts(attempts).set_maximum_event_age_in_seconds(age_seconds).build()
    }

    #[test]
    fn an_input_is_sent_as_json() {
        assert_eq!(input_text(&"text".into()), "\"text\"");
        assert_eq!(input_text(&r#"{"arn": "x"}"#.into()), r#"{"arn": "x"}"#);
        assert_eq!(input_text(&table([("a", 1.into())])), r#"{"a":1}"#);
    }

    #[test]
    fn all_that_others_have_set_is_read_and_put_as_it_was() {
        let queue = DeadLetterConfig::builder().arn("arn:aws:sqs:us-east-1:123456789012:q").build();
        let whole = || target().role_arn("arn:r").dead_letter_config(queue.clone()).retry_policy(policy(Some(3), Some(60)));
        let transformer = InputTransformer::builder().input_template("\"<a>\"").input_paths_map("a", "$.detail").build().unwrap();
        let given = [whole().input(r#"{"a":1}"#), whole().input_path("$.detail"), whole().input_transformer(transformer)];
        for target in given.map(|target| target.build().unwrap()) {
            assert_eq!(from_table("1", &as_table(&target, None)).as_ref(), Ok(&target));
        }
        insta::assert_snapshot!(Value::Table(as_table(&whole().build().unwrap(), None)).to_json(), @r#"{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash","dead_letter_config":{"arn":"arn:aws:sqs:us-east-1:123456789012:q"},"retry_policy":{"maximum_event_age_in_seconds":60,"maximum_retry_attempts":3},"role_arn":"arn:r"}"#);
    }

    #[test]
    fn what_is_as_always_is_nothing() {
        let bare = table([("arn", ARN.into())]);
        for policy in [policy(None, None), policy(Some(185), Some(86_400)), policy(Some(185), None)] {
            let target = target().retry_policy(policy).dead_letter_config(DeadLetterConfig::builder().build());
            assert_eq!(Value::Table(as_table(&target.build().unwrap(), None)), bare);
        }
        let fewer = as_table(&target().retry_policy(policy(Some(0), Some(86_400))).build().unwrap(), None);
        assert_eq!(fewer.get("retry_policy"), Some(&table([("maximum_retry_attempts", 0.into())])));
    }

    #[test]
    fn what_cannot_be_written_is_read_by_its_name_and_never_dropped() {
        let queue = target().sqs_parameters(SqsParameters::builder().message_group_id("g").build()).build().unwrap();
        let read = as_table(&queue, None);
        assert_eq!(read.get(OTHERS), Some(&Value::string_list(["sqs_parameters"])));
        assert_eq!(from_table("1", &read).unwrap_err(), "has `sqs_parameters`, which lambdo does not write and would take off");
    }
}

//! What others attached to functions, and settings of theirs that lambdo does not write: looked for by checks for drift.

use super::package_type::{IMAGE, PACKAGE_TYPE};
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::ReadTarget;
use crate::kinds::reading::{AT_ONCE, in_turn, unchecked};
use crate::kinds::strangers_of_policy;
use crate::model::{Default, Extra, Field, Live, Path, Shape, Sighting, Table, Value, field::ANY_STRING};
use aws_sdk_lambda::operation::get_function_code_signing_config::builders::GetFunctionCodeSigningConfigInputBuilder;
use aws_sdk_lambda::operation::get_function_event_invoke_config::builders::GetFunctionEventInvokeConfigInputBuilder;
use aws_sdk_lambda::operation::get_function_recursion_config::builders::GetFunctionRecursionConfigInputBuilder;
use aws_sdk_lambda::operation::get_function_url_config::builders::GetFunctionUrlConfigInputBuilder;
use aws_sdk_lambda::operation::get_policy::builders::GetPolicyInputBuilder;
use aws_sdk_lambda::operation::get_runtime_management_config::builders::GetRuntimeManagementConfigInputBuilder;
use aws_sdk_lambda::operation::list_event_source_mappings::builders::ListEventSourceMappingsInputBuilder;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration as Mapping, FunctionUrlAuthType};
use std::collections::BTreeMap;

/// Settings of a function beyond its fields, with what stands where nobody set them.
///
/// Source: the pages of the four `Get…Config` operations of the Lambda API reference.
pub(super) const UNDECLARED: &[Field] = &[
    Field::new("code_signing_config_arn", ANY_STRING, "Which code may be deployed."),
    Field::new("event_invoke_config", Shape::Document, "What becomes of asynchronous events that fail."),
    Field::new("recursive_loop", ANY_STRING, "Whether loops of a function that calls itself are ended.")
        .default(Default::Text("Terminate")),
    Field::new("runtime_management_config", ANY_STRING, "When Lambda gives it a newer runtime.").default(Default::Text("Auto")),
];

/// The key that a trigger of another kind would have in the spec.
const EVENT_SOURCE: &str = "event_source";
const FUNCTION_URL: &str = "function_url";
/// Where drift tells of what others attached; statements of its policy are read with the permissions.
pub(super) const ATTACHED: &[&str] = &["statement", EVENT_SOURCE, FUNCTION_URL];
const STATEMENT: &str = "statement";

type Mappings = Result<BTreeMap<String, Vec<Mapping>>, AwsError>;

/// Adds to functions that were seen what others attached to them.
pub(super) async fn look(reader: &Reader, targets: &[ReadTarget<'_>], sightings: &mut [Sighting]) {
    look_at_what_would_go(reader, targets, sightings).await;
    let seen = targets.iter().zip(sightings).filter_map(|(target, sighting)| match sighting {
        Sighting::Found(live) if target.strangers => Some((target, live)),
        _ => None,
    });
    let mut seen: Vec<(&ReadTarget<'_>, &mut Live)> = seen.collect();
    if seen.is_empty() {
        return;
    }
    let only = if let [(target, _)] = &seen[..] { Some(target.physical_id.as_str()) } else { None };
    let mappings = mappings(reader, only).await;
    seen.iter_mut().for_each(|(target, live)| add_mappings(live, target.physical_id.as_str(), &mappings));
    let (deep, usual): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(target, _)| target.deep);
    usual.into_iter().for_each(|(target, live)| live.skipped.extend(left_out(target)));
    in_turn(deep, AT_ONCE, |(target, live)| Box::pin(look_deeply(reader, target, live))).await;
}

/// What a usual look says nothing about: what a deep one found there before is not gone because of that.
fn left_out(target: &ReadTarget<'_>) -> impl Iterator<Item = Path> {
    let statement = (!target.has_parts).then_some(STATEMENT);
    let settings = UNDECLARED.iter().filter(|_| target.undeclared).map(|field| field.key);
    [FUNCTION_URL].into_iter().chain(statement).chain(settings).map(Path::key)
}

/// A function that is packed otherwise is made anew under its name, and its policy goes with it.
async fn look_at_what_would_go(reader: &Reader, targets: &[ReadTarget<'_>], sightings: &mut [Sighting]) {
    let packed = |fields: &Table| fields.get(PACKAGE_TYPE).and_then(Value::as_str) == Some(IMAGE);
    let is_made_anew = |target: &ReadTarget<'_>, live: &Live| {
        !target.strangers && target.desired.is_some_and(|desired| packed(&desired.inputs) != packed(&live.fields))
    };
    let seen = targets.iter().zip(sightings).filter_map(|(target, sighting)| match sighting {
        Sighting::Found(live) if is_made_anew(target, live) => Some((target, live)),
        _ => None,
    });
    in_turn(seen, AT_ONCE, |(target, live)| Box::pin(look_at_policy(reader, target, live))).await;
}

async fn look_at_policy(reader: &Reader, target: &ReadTarget<'_>, live: &mut Live) {
    let name = target.physical_id.as_str();
    let policy = reader.get_policy(GetPolicyInputBuilder::default().function_name(name)).await;
    add(live, STATEMENT, policy.map(|answer| strangers_of_policy(name, answer.policy().unwrap_or_default())));
}

/// The event source mappings by the name of their function: of one function, or all that there are.
async fn mappings(reader: &Reader, only: Option<&str>) -> Mappings {
    let mut found: BTreeMap<String, Vec<Mapping>> = BTreeMap::new();
    let mut pages = Pages::of("lambda:ListEventSourceMappings");
    loop {
        let input = ListEventSourceMappingsInputBuilder::default().set_function_name(only.map(str::to_owned)).set_marker(pages.token());
        let page = reader.list_event_source_mappings(input).await?;
        for mapping in page.event_source_mappings.unwrap_or_default() {
            found.entry(function_of(&mapping).to_owned()).or_default().push(mapping);
        }
        if !pages.go_on(page.next_marker)? {
            return Ok(found);
        }
    }
}

/// The name in a function's ARN, with or without a qualifier behind it.
fn function_of(mapping: &Mapping) -> &str {
    mapping.function_arn().and_then(|arn| arn.split(':').nth(6)).unwrap_or_default()
}

fn add_mappings(live: &mut Live, name: &str, mappings: &Mappings) {
    let described = |mapping: &Mapping| {
        let (id, source) = (mapping.uuid().unwrap_or("?"), mapping.event_source_arn().unwrap_or("a source of its own"));
        Extra::foreign(Path::key(EVENT_SOURCE).join(id), format!("event source mapping `{id}`: `{source}`"))
    };
    match mappings {
        Ok(mappings) => live.extras.extend(mappings.get(name).into_iter().flatten().map(described)),
        Err(error) => live.unchecked.push(unchecked(Path::key(EVENT_SOURCE), error)),
    }
}

async fn look_deeply(reader: &Reader, target: &ReadTarget<'_>, live: &mut Live) {
    let name = target.physical_id.as_str();
    let url = reader.get_function_url_config(GetFunctionUrlConfigInputBuilder::default().function_name(name)).await;
    let url = url.map(|url| {
        vec![
            Extra::foreign(Path::key(FUNCTION_URL), format!("function URL `{}`, open to `{}`", url.function_url(), url.auth_type()))
                .public(*url.auth_type() == FunctionUrlAuthType::None),
        ]
    });
    add(live, FUNCTION_URL, url);
    // A function with a permission of ours is looked at with that.
    if !target.has_parts {
        look_at_policy(reader, target, live).await;
    }
    if target.undeclared {
        look_at_settings(reader, name, live).await;
    }
}

async fn look_at_settings(reader: &Reader, name: &str, live: &mut Live) {
    // An image brings its runtime, and is not signed in this way.
    if live.fields.get(PACKAGE_TYPE).and_then(Value::as_str) != Some(IMAGE) {
        look_at_settings_of_a_zip(reader, name, live).await;
    }
    let recursion = reader.get_function_recursion_config(GetFunctionRecursionConfigInputBuilder::default().function_name(name)).await;
    set(live, "recursive_loop", recursion.map(|it| it.recursive_loop().map(|it| it.as_str().into())));
    let invoke = reader.get_function_event_invoke_config(GetFunctionEventInvokeConfigInputBuilder::default().function_name(name)).await;
    set(live, "event_invoke_config", invoke.map(|it| Some(event_invoke(it.maximum_retry_attempts(), it.maximum_event_age_in_seconds()))));
}

async fn look_at_settings_of_a_zip(reader: &Reader, name: &str, live: &mut Live) {
    let signing = GetFunctionCodeSigningConfigInputBuilder::default().function_name(name);
    let signing = reader.get_function_code_signing_config(signing).await;
    let arn = signing.map(|it| Some(it.code_signing_config_arn().to_owned()).filter(|arn| !arn.is_empty()));
    set(live, "code_signing_config_arn", arn.map(|arn| arn.map(Value::from)));
    let runtime = reader.get_runtime_management_config(GetRuntimeManagementConfigInputBuilder::default().function_name(name)).await;
    set(live, "runtime_management_config", runtime.map(|it| it.update_runtime_on().map(|it| it.as_str().into())));
}

/// What nobody attached is not there.
fn add(live: &mut Live, key: &str, found: Result<Vec<Extra>, AwsError>) {
    match found {
        Ok(found) => live.extras.extend(found),
        Err(error) if error.is_not_found() => {}
        Err(error) => live.unchecked.push(unchecked(Path::key(key), &error)),
    }
}

fn set(live: &mut Live, key: &str, value: Result<Option<Value>, AwsError>) {
    match value {
        Ok(value) => live.undeclared.extend(value.map(|value| (key.to_owned(), value))),
        Err(error) if error.is_not_found() => {}
        Err(error) => live.unchecked.push(unchecked(Path::key(key), &error)),
    }
}

fn event_invoke(retries: Option<i32>, age_seconds: Option<i32>) -> Value {
    let pairs = [("maximum_retry_attempts", retries), ("maximum_event_age_in_seconds", age_seconds)];
    Value::Table(pairs.into_iter().filter_map(|(key, number)| Some((key.to_owned(), i64::from(number?).into()))).collect::<Table>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::Cloud;
    use crate::model::{Address, Entry, PhysicalId};
    use serde_json::json;

    async fn seen(deep: bool, has_parts: bool, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Live {
        let cloud = Cloud::new(move |request| answer(request));
        let (address, id, entry) = (Address::new("function", "a"), PhysicalId::from("demo-a"), Entry::new("demo-a".into()));
        let target = ReadTarget {
            address: &address,
            physical_id: &id,
            desired: None,
            applied: Some(&entry),
            deep,
            strangers: true,
            undeclared: true,
            has_parts,
            lineage: "l",
        };
        let mut sightings = [Sighting::Found(Live::new(id.clone()))];
        look(cloud.writer.reader(), &[target], &mut sightings).await;
        sightings[0].live().unwrap().clone()
    }

    fn attached(path: &str) -> (u16, String) {
        let arn = "arn:aws:lambda:eu-central-1:1:function:demo-a";
        let body = match path
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .split('?')
            .next()
            .unwrap_or_default()
            .rsplit('/')
            .find(|part| !part.is_empty())
            .unwrap_or_default()
        {
            "event-source-mappings" => json!({ "EventSourceMappings": [
                { "UUID": "u1", "FunctionArn": format!("{arn}:live"), "EventSourceArn": "arn:aws:sqs:eu-central-1:1:q" },
                { "UUID": "u2", "FunctionArn": "arn:aws:lambda:eu-central-1:1:function:other", "EventSourceArn": "arn:x" },
            ] }),
            "url" => json!({ "FunctionUrl": "https://x.example/", "FunctionArn": arn, "AuthType": "NONE", "CreationTime": "t" }),
            "policy" => {
                json!({ "Policy": r#"{"Statement":[{"Sid":"theirs","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"}]}"# })
            }
            "recursion-config" => json!({ "RecursiveLoop": "Allow" }),
            "runtime-management-config" => json!({ "UpdateRuntimeOn": "Auto", "FunctionArn": arn }),
            _ => return (404, json!({ "Type": "User", "Message": "no" }).to_string()),
        };
        (200, body.to_string())
    }

    fn paths(live: &Live) -> Vec<String> {
        live.extras.iter().map(|extra| extra.path.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn mappings_are_always_seen_and_the_rest_deeply() {
        assert_eq!(paths(&seen(false, false, attached).await), ["event_source.u1"]);
        let live = seen(true, false, attached).await;
        assert_eq!(paths(&live), ["event_source.u1", "function_url", "statement.theirs"]);
        assert_eq!(live.undeclared.get("recursive_loop"), Some(&"Allow".into()));
        assert_eq!(paths(&seen(true, true, attached).await), ["event_source.u1", "function_url"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_a_deep_look_shows_is_not_known_to_a_usual_one() {
        let skipped = |live: &Live| live.skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let all = "function_url statement code_signing_config_arn event_invoke_config recursive_loop runtime_management_config";
        assert_eq!(skipped(&seen(false, false, attached).await), all);
        assert_eq!(skipped(&seen(false, true, attached).await), all.replace(" statement", ""));
        assert_eq!(skipped(&seen(true, false, attached).await), "");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_be_read_is_not_known_and_not_absent() {
        let denied = |_: &str| (403, json!({ "Type": "User", "Message": "no", "code": "AccessDeniedException" }).to_string());
        let live = seen(true, false, denied).await;
        assert!(live.extras.is_empty());
        let unread: Vec<String> = live.unchecked.iter().map(|unread| unread.path.to_string()).collect();
        insta::assert_snapshot!(unread.join(" "), @"event_source function_url statement code_signing_config_arn runtime_management_config recursive_loop event_invoke_config");
    }
}

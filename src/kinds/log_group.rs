//! CloudWatch log groups: one per function, made before it, so that retention holds from the first
//! line on.

use super::role::tags::{self, Split};
use super::role::{tag_key, unchecked, unseen};
use super::{Context, Done, Kind, Lowered, Place, ReadTarget, RunContext};
use crate::aws::{AwsError, ErrorClass, Patience, Reader, Writer, retry_while};
use crate::model::field::{self, Compare, Default, Field, Shape};
use crate::model::{
    Address, Carry, Draft, Live, Operation, Path, PhysicalId, Removal, Replacement, Resource, Rules, Section, Sighting, Table, Update,
    Value,
};
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::operation::associate_kms_key::builders::AssociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::create_log_group::builders::CreateLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_log_group::builders::DeleteLogGroupInputBuilder;
use aws_sdk_cloudwatchlogs::operation::delete_retention_policy::builders::DeleteRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::builders::DescribeLogGroupsInputBuilder;
use aws_sdk_cloudwatchlogs::operation::disassociate_kms_key::builders::DisassociateKmsKeyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::builders::PutRetentionPolicyInputBuilder;
use aws_sdk_cloudwatchlogs::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::operation::untag_resource::builders::UntagResourceInputBuilder;
use aws_sdk_cloudwatchlogs::types::{LogGroup as SdkGroup, LogGroupClass};
use futures::stream::{self, StreamExt};
use std::collections::BTreeMap;

/// The retentions that AWS takes, in days.
const RETENTIONS: &[i64] = &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// The word for logs that are kept for ever; AWS has no number for it.
const NEVER: &str = "never";
/// The most groups that one `DescribeLogGroups` shows.
const PAGE: i32 = 50;
/// Tag reads that go on at the same time; the quota sets the pace.
const PARALLEL: usize = 5;
/// How long AWS may be busy with a group. Terraform waits as long for a delete.
const LIMIT_MS: u64 = 60_000;

const FIELDS: &[Field] = &[
    Field::new("log_group_name", Shape::checked(1, 512, group_name), "The name; else `/aws/lambda/` and the function's name.").replaces(),
    Field::new(
        "retention_in_days",
        Shape::AnyOf(&[Shape::IntegerChoice(RETENTIONS), Shape::Choice(&[NEVER])]),
        "After how many days lines are deleted, or `never`.",
    )
    .default(Default::Integer(30)),
    Field::new("log_group_class", Shape::Choice(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]), "What can be done with the lines.")
        .default(Default::Text("STANDARD"))
        .replaces(),
    Field::new("kms_key_id", Shape::text(1, 256), "The ARN of the key that encrypts the lines."),
    Field::new("tags", Shape::Map { value: &Shape::text(0, 256), check: Some(tag_key) }, "Tags; those of others are kept.")
        .default(Default::EmptyTable)
        .compare(Compare::Exact)
        .additive()
        .deep(),
    Field::new("skip_destroy", Shape::Boolean, "Whether the group stays in AWS when the function goes.").internal(),
];

fn group_name(text: &str) -> Result<(), String> {
    if text.starts_with("aws/") {
        return Err("begins with `aws/`, which is reserved; `/aws/` is not".into());
    }
    let is_fine = |character: char| character.is_ascii_alphanumeric() || ".-_/#".contains(character);
    if text.chars().all(is_fine) { Ok(()) } else { Err("has characters other than letters, digits and `.-_/#`".into()) }
}

/// The kind `log_group`.
pub struct LogGroup;

impl Rules for LogGroup {
    fn name(&self) -> &'static str {
        "log_group"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn replacement(&self) -> Replacement {
        Replacement::DeleteFirst
    }

    /// Parallel changes of one group end in `OperationAborted`.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("log_group:{physical_id}"))
    }

    /// AWS cannot take the retention with the create.
    fn create(&self, desired: &Resource) -> Vec<Draft> {
        let made = ["log_group_name", "log_group_class", "kms_key_id", "tags"];
        let mut arguments: Table = made.iter().filter_map(|key| Some(((*key).to_owned(), desired.inputs.get(*key)?.clone()))).collect();
        arguments.extend(desired.attributes.get("arn").map(|arn| ("arn".to_owned(), arn.clone())));
        let mut carries = Carry::fields(&desired.inputs, &made);
        let retention = Carry::fields(&desired.inputs, &["retention_in_days"]);
        if desired.input("retention_in_days").is_none_or(is_never) {
            carries.extend(retention);
            return vec![Draft::new("logs:CreateLogGroup", arguments).carrying(carries)];
        }
        vec![Draft::new("logs:CreateLogGroup", arguments).carrying(carries), set_retention(desired).carrying(retention)]
    }

    fn update(&self, update: &Update<'_>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        if update.touches("retention_in_days") {
            drafts.push(set_retention(update.desired).carrying(Carry::changes(update.of("retention_in_days"))));
        }
        if update.touches("kms_key_id") {
            let key = update.desired.input("kms_key_id");
            let call = if key.is_some() { "logs:AssociateKmsKey" } else { "logs:DisassociateKmsKey" };
            let arguments = key.map(|key| ("kms_key_id".to_owned(), key.clone())).into_iter().chain([name_argument(update.desired)]);
            drafts.push(Draft::new(call, arguments.collect()).carrying(Carry::changes(update.of("kms_key_id"))));
        }
        let split = Split::additive(&update.of("tags"));
        let arn = update.live.attributes.get("arn").or_else(|| update.desired.attributes.get("arn")).cloned().unwrap_or(Value::Null);
        let with_arn = |key: &str, value: Value| Table::from([("arn".to_owned(), arn.clone()), (key.to_owned(), value)]);
        if !split.set.is_empty() {
            let draft = Draft::new("logs:TagResource", with_arn("tags", Value::Table(split.set.clone())));
            drafts.push(draft.carrying(split.set_carries("tags")));
        }
        if !split.removed.is_empty() {
            let draft = Draft::new("logs:UntagResource", with_arn("keys", Value::string_list(&split.removed)));
            drafts.push(draft.carrying(split.removed_carries("tags")));
        }
        drafts
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        let name = ("log_group_name".to_owned(), removal.physical_id.as_str().into());
        vec![Draft::new("logs:DeleteLogGroup", Table::from([name]))]
    }
}

fn is_never(value: &Value) -> bool {
    value.as_str() == Some(NEVER)
}

fn name_argument(desired: &Resource) -> (String, Value) {
    let name = desired.physical_id().map_or("", PhysicalId::as_str);
    ("log_group_name".to_owned(), name.into())
}

fn set_retention(desired: &Resource) -> Draft {
    match desired.input("retention_in_days").filter(|days| !is_never(days)) {
        Some(days) => {
            let arguments = Table::from([name_argument(desired), ("retention_in_days".to_owned(), days.clone())]);
            Draft::new("logs:PutRetentionPolicy", arguments)
        }
        None => Draft::new("logs:DeleteRetentionPolicy", Table::from([name_argument(desired)])),
    }
}

#[async_trait]
impl Kind for LogGroup {
    fn places(&self) -> &'static [Place] {
        &[Place::One { always: true }]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("arn", "The group's ARN, without `:*`."), ("name", "The group's name.")]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        let Some(facts) = context.functions.get(&section.name) else { return Lowered::default() };
        let name = section.string("log_group_name").unwrap_or(&facts.log_group_name).to_owned();
        let target = context.target;
        let arn = format!("arn:{}:logs:{}:{}:log-group:{name}", target.partition, target.region, target.account);
        let mut resource = Resource::new(Address::new("log_group", &section.name), name.as_str());
        resource.adopt_untagged = name == format!("/aws/lambda/{}", facts.function_name);
        resource.keep = section.boolean("skip_destroy", false);
        resource.inputs = section.values.clone();
        resource.inputs.remove("skip_destroy");
        resource.inputs.insert("log_group_name".into(), name.as_str().into());
        field::fill_defaults(FIELDS, &mut resource.inputs);
        resource.attributes = Table::from([("arn".to_owned(), arn.into()), ("name".to_owned(), name.into())]);
        Lowered { resources: vec![resource], diagnostics: vec![] }
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        let names: Vec<&str> = targets.iter().map(|target| target.physical_id.as_str()).collect();
        let known: Vec<&str> = targets.iter().filter(|target| target.applied.is_some()).map(|target| target.physical_id.as_str()).collect();
        let groups = match describe(reader, &names, &known).await {
            Ok(groups) => groups,
            Err(error) => return targets.iter().map(|_| unseen(&error)).collect(),
        };
        let sightings: Vec<_> = targets.iter().map(|target| sighting(reader, target, groups.get(target.physical_id.as_str()))).collect();
        stream::iter(sightings).buffered(PARALLEL).collect().await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, _context: &RunContext<'_>) -> Result<Done, AwsError> {
        let name = operation.arguments.get("log_group_name").and_then(Value::as_str);
        let name = name.or(operation.physical_id.as_ref().map(PhysicalId::as_str)).unwrap_or_default();
        let patience = Patience::new(format!("CloudWatch Logs to take the change of {name}"), LIMIT_MS).for_address(&operation.address);
        let attempt = || send(writer, &operation.call, name, &operation.arguments);
        let is_retryable = |error: &AwsError| error.class == ErrorClass::InProgress;
        match retry_while(writer.reader(), &patience, is_retryable, attempt).await {
            Err(error) if error.is_not_found() && takes_away(&operation.call) => Ok(Done::default()),
            Err(error) => Err(error),
            Ok(()) if operation.call == "logs:CreateLogGroup" => Ok(Done { physical_id: Some(name.into()), attributes: Table::new() }),
            Ok(()) => Ok(Done::default()),
        }
    }
}

/// Whether "not there" is what was wanted.
fn takes_away(call: &str) -> bool {
    matches!(call, "logs:DeleteLogGroup" | "logs:UntagResource")
}

async fn send(writer: &Writer, call: &str, name: &str, arguments: &Table) -> Result<(), AwsError> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str).map(str::to_owned);
    match call {
        "logs:CreateLogGroup" => create(writer, name, arguments).await,
        "logs:PutRetentionPolicy" => {
            let days = arguments.get("retention_in_days").and_then(Value::as_integer).and_then(|days| i32::try_from(days).ok());
            let input = PutRetentionPolicyInputBuilder::default().log_group_name(name).set_retention_in_days(days);
            writer.put_retention_policy(input).await.map(drop)
        }
        "logs:DeleteRetentionPolicy" => {
            writer.delete_retention_policy(DeleteRetentionPolicyInputBuilder::default().log_group_name(name)).await.map(drop)
        }
        "logs:AssociateKmsKey" => {
            let input = AssociateKmsKeyInputBuilder::default().log_group_name(name).set_kms_key_id(text("kms_key_id"));
            writer.associate_kms_key(input).await.map(drop)
        }
        "logs:DisassociateKmsKey" => {
            writer.disassociate_kms_key(DisassociateKmsKeyInputBuilder::default().log_group_name(name)).await.map(drop)
        }
        "logs:TagResource" => tag(writer, text("arn"), arguments).await,
        "logs:UntagResource" => {
            let keys: Vec<String> = arguments.get("keys").map(Value::strings).unwrap_or_default().into_iter().map(str::to_owned).collect();
            let input = UntagResourceInputBuilder::default().set_resource_arn(text("arn")).set_tag_keys(Some(keys));
            writer.untag_log_group(input).await.map(drop)
        }
        "logs:DeleteLogGroup" => writer.delete_log_group(DeleteLogGroupInputBuilder::default().log_group_name(name)).await.map(drop),
        _ => Err(AwsError::own(call, ErrorClass::Invalid, "a log group has no such operation")),
    }
}

/// Lambda makes the group itself at the first line, if its role may; then it becomes ours.
async fn create(writer: &Writer, name: &str, arguments: &Table) -> Result<(), AwsError> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    let input = CreateLogGroupInputBuilder::default()
        .log_group_name(name)
        .set_tags(tags::sdk_map(arguments.get("tags")))
        .set_kms_key_id(text("kms_key_id").map(str::to_owned))
        // Spelling out the default would only shut out what does not know classes.
        .set_log_group_class(text("log_group_class").filter(|class| *class != "STANDARD").map(LogGroupClass::from));
    match writer.create_log_group(input).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => tag(writer, text("arn").map(str::to_owned), arguments).await,
        result => result.map(drop),
    }
}

async fn tag(writer: &Writer, arn: Option<String>, arguments: &Table) -> Result<(), AwsError> {
    let Some(tags) = tags::sdk_map(arguments.get("tags")) else { return Ok(()) };
    writer.tag_log_group(TagResourceInputBuilder::default().set_resource_arn(arn).set_tags(Some(tags))).await.map(drop)
}

/// The groups with these names: by their common prefix as long as that is cheaper than one by one.
/// A known one that the list does not show is looked for again: it may have been made a moment ago.
async fn describe(reader: &Reader, names: &[&str], known: &[&str]) -> Result<BTreeMap<String, SdkGroup>, AwsError> {
    let mut found = BTreeMap::new();
    let is_complete = under(reader, common_prefix(names), names, names.len(), &mut found).await?;
    for name in if is_complete { known } else { names } {
        if !found.contains_key(*name) && names.len() > 1 {
            under(reader, name, &[name], usize::MAX, &mut found).await?;
        }
    }
    Ok(found)
}

/// Collects the wanted groups under a prefix from up to so many pages; says whether it saw all there are.
async fn under(
    reader: &Reader,
    prefix: &str,
    names: &[&str],
    pages: usize,
    found: &mut BTreeMap<String, SdkGroup>,
) -> Result<bool, AwsError> {
    let last = names.iter().max().copied().unwrap_or_default();
    let mut token = None;
    for _ in 0..pages {
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let input = DescribeLogGroupsInputBuilder::default().set_log_group_name_prefix(prefix).limit(PAGE).set_next_token(token);
        let page = reader.describe_log_groups(input).await?;
        token = page.next_token;
        let groups = page.log_groups.unwrap_or_default();
        // AWS answers in the order of the names.
        let is_past = groups.last().and_then(SdkGroup::log_group_name).is_some_and(|name| name > last);
        let named = groups.into_iter().filter_map(|group| Some((group.log_group_name()?.to_owned(), group)));
        found.extend(named.filter(|(name, _)| names.contains(&name.as_str())));
        if token.is_none() || is_past || names.iter().all(|name| found.contains_key(*name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some((first, others)) = names.split_first() else { return "" };
    let shared = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
    let length = others.iter().map(shared).min().unwrap_or(first.len());
    first.get(..length).unwrap_or_default()
}

async fn sighting(reader: &Reader, target: &ReadTarget<'_>, group: Option<&SdkGroup>) -> Sighting {
    let Some(group) = group else { return Sighting::Missing };
    let mut live = live(group, target.physical_id);
    if target.deep || target.applied.is_none() {
        let arn = live.attributes.get("arn").and_then(Value::as_str).map(str::to_owned);
        match reader.list_tags_for_log_group(ListTagsForResourceInputBuilder::default().set_resource_arn(arn)).await {
            Ok(answer) => {
                let found: BTreeMap<String, String> = answer.tags.unwrap_or_default().into_iter().collect();
                live.fields.insert("tags".into(), tags::as_field(&found));
                live.tags = Some(found);
            }
            Err(error) if error.is_not_found() => return Sighting::Missing,
            Err(error) => live.unchecked.push(unchecked(Path::key("tags"), &error)),
        }
    } else {
        live.skipped.push(Path::key("tags"));
    }
    Sighting::Found(live)
}

/// What `DescribeLogGroups` shows of a group.
fn live(group: &SdkGroup, physical_id: &PhysicalId) -> Live {
    let mut live = Live::new(physical_id.clone());
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
    let name = group.log_group_name().unwrap_or_default();
    // The `arn` of a group ends in `:*`, which only some actions take.
    live.attributes = Table::from([("arn".to_owned(), arn.strip_suffix(":*").unwrap_or(arn).into()), ("name".to_owned(), name.into())]);
    live.fields.insert("log_group_name".into(), name.into());
    live.fields.insert("log_group_class".into(), group.log_group_class().map_or("STANDARD", LogGroupClass::as_str).into());
    live.fields.extend(group.kms_key_id().map(|key| ("kms_key_id".to_owned(), key.into())));
    match group.retention_policy_name() {
        // The account's policy overrides the group's own retention, which then cannot be read.
        Some(policy) => {
            live.skipped.push(Path::key("retention_in_days"));
            live.foreign.push(format!("the retention comes from the account's policy `{policy}`"));
        }
        None => {
            let days = group.retention_in_days().map_or_else(|| NEVER.into(), |days| Value::from(i64::from(days)));
            live.fields.insert("retention_in_days".into(), days);
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::FunctionFacts;
    use crate::model::{Artifact, Cause, Change, Effect, Target};

    fn lowered(values: Table) -> Resource {
        let facts = FunctionFacts {
            name: "hash".into(),
            function_name: "demo-hash".into(),
            arn: String::new(),
            role: None,
            log_group_name: "/aws/lambda/demo-hash".into(),
            values: Table::new(),
        };
        let section = Section { kind: "log_group".into(), name: "hash".into(), part: None, values, spans: BTreeMap::new(), span: None };
        let (functions, artifacts) = (BTreeMap::from([("hash".to_owned(), facts)]), BTreeMap::<String, Artifact>::new());
        let target = Target::placeholder();
        let context = Context { project: "demo", stage: None, target: &target, functions: &functions, artifacts: &artifacts };
        LogGroup.lower(&section, &context).resources.remove(0)
    }

    fn with(key: &str, value: Value) -> Table {
        Table::from([(key.to_owned(), value)])
    }

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
        insta::assert_snapshot!(calls(&LogGroup.create(&resource)), @r#"
        logs:CreateLogGroup {"arn":"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/demo-hash","log_group_class":"STANDARD","log_group_name":"/aws/lambda/demo-hash","tags":{}} log_group_name log_group_class tags
        logs:PutRetentionPolicy {"log_group_name":"/aws/lambda/demo-hash","retention_in_days":30} retention_in_days
        "#);
    }

    #[test]
    fn creating_carries_every_input_exactly_once() {
        for retention in [Value::from(30), NEVER.into()] {
            let resource = lowered(with("retention_in_days", retention));
            let drafts = LogGroup.create(&resource);
            let mut inputs = Table::new();
            drafts.iter().flat_map(|draft| &draft.carries).for_each(|carry| carry.apply(&mut inputs));
            assert_eq!(inputs, resource.inputs);
        }
    }

    #[test]
    fn a_group_with_another_name_is_not_taken_over_unasked() {
        assert!(!lowered(with("log_group_name", "/shop/logs".into())).adopt_untagged);
        assert!(lowered(with("skip_destroy", true.into())).keep);
    }

    #[test]
    fn each_change_is_the_call_that_makes_it() {
        let mut desired = lowered(with("retention_in_days", NEVER.into()));
        desired.inputs.insert("kms_key_id".into(), "arn:key".into());
        let mut live = Live::new("/aws/lambda/demo-hash".into());
        live.attributes = with("arn", "arn:live".into());
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
        insta::assert_snapshot!(calls(&LogGroup.update(&Update { desired: &desired, live: &live, changes: &changes })), @r#"
        logs:DeleteRetentionPolicy {"log_group_name":"/aws/lambda/demo-hash"} retention_in_days
        logs:AssociateKmsKey {"kms_key_id":"arn:key","log_group_name":"/aws/lambda/demo-hash"} kms_key_id
        logs:TagResource {"arn":"arn:live","tags":{"a":"1"}} tags.a
        logs:UntagResource {"arn":"arn:live","keys":["b"]} tags.b
        "#);
        desired.inputs.remove("kms_key_id");
        let changes = [change("kms_key_id", None)];
        insta::assert_snapshot!(calls(&LogGroup.update(&Update { desired: &desired, live: &live, changes: &changes })), @r#"logs:DisassociateKmsKey {"log_group_name":"/aws/lambda/demo-hash"} kms_key_id"#);
    }

    fn group() -> aws_sdk_cloudwatchlogs::types::builders::LogGroupBuilder {
        SdkGroup::builder().log_group_name("/g").arn("arn:aws:logs:r:1:log-group:/g:*")
    }

    #[test]
    fn a_live_group_is_read_in_the_words_of_the_spec() {
        let live_of = |group: SdkGroup| live(&group, &"/g".into());
        insta::assert_snapshot!(serde_json::to_string(&live_of(group().build()).fields).unwrap(), @r#"{"log_group_class":"STANDARD","log_group_name":"/g","retention_in_days":"never"}"#);
        let full = live_of(group().retention_in_days(7).kms_key_id("arn:key").log_group_class(LogGroupClass::InfrequentAccess).build());
        insta::assert_snapshot!(serde_json::to_string(&full.fields).unwrap(), @r#"{"kms_key_id":"arn:key","log_group_class":"INFREQUENT_ACCESS","log_group_name":"/g","retention_in_days":7}"#);
        assert_eq!(full.attributes["arn"], Value::from("arn:aws:logs:r:1:log-group:/g"));
    }

    #[test]
    fn a_retention_of_the_account_is_no_drift() {
        let live = live(&group().retention_in_days(7).retention_policy_name("all").build(), &"/g".into());
        assert!(live.is_unread(&Path::key("retention_in_days")) && !live.fields.contains_key("retention_in_days"));
        insta::assert_snapshot!(live.foreign.join(""), @"the retention comes from the account's policy `all`");
    }

    #[test]
    fn groups_are_asked_for_by_what_their_names_share() {
        assert_eq!(common_prefix(&["/aws/lambda/demo-a", "/aws/lambda/demo-b", "/aws/lambda/demo"]), "/aws/lambda/demo");
        assert_eq!(common_prefix(&["/x"]), "/x");
        assert_eq!(common_prefix(&["/x", "y"]), "");
        assert_eq!(common_prefix(&[]), "");
    }

    #[test]
    fn names_that_aws_refuses_are_refused() {
        assert!(group_name("/aws/lambda/x#1").is_ok());
        assert!(group_name("aws/x").is_err() && group_name("a b").is_err());
    }
}

//! The kind `permission`: one statement of a function's policy, which lets someone invoke it.

mod check;
mod fields;
mod find;

use crate::aws::{AwsError, ErrorClass, Patience, Reader, Writer, retry_while};
use crate::kinds::arguments::{gone_is_done, optional, refused, text, unknown_call};
use crate::kinds::function::{absent, wait_for_other};
use crate::kinds::lowering::{facts_of, settings};
use crate::kinds::names::fitted_name;
use crate::kinds::reading::{AT_ONCE, in_turn, opens_to_everybody, sighting};
use crate::kinds::{Context, Done, Found, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::model::field::fill_defaults;
use crate::model::value::scalar_text;
use crate::model::{
    Address, Carry, Dependency, Draft, Extra, Field, Live, Operation, Path, PhysicalId, Removal, Resource, Rules, Section, Sighting, Table,
    Update, Value,
};
use async_trait::async_trait;
use aws_sdk_lambda::operation::add_permission::builders::AddPermissionInputBuilder;
use aws_sdk_lambda::operation::get_policy::builders::GetPolicyInputBuilder;
use aws_sdk_lambda::operation::remove_permission::builders::RemovePermissionInputBuilder;
use fields::FIELDS;
use find::MADE_UP;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};

/// The kind's name.
pub(crate) const KIND: &str = "permission";

/// How long a function that was just made may stay unseen by the policy's side of Lambda.
const UNSEEN_LIMIT_MS: u64 = 60_000;

/// How often a change of a policy is tried again after another change of the function was waited for.
const MOST_CONFLICTS: u32 = 20;

/// The kind `permission`.
pub struct Permission;

impl Rules for Permission {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn attached(&self) -> &'static [&'static str] {
        &["statement"]
    }

    fn dies_with_parent(&self) -> bool {
        true
    }

    fn is_part_of(&self, physical_id: &PhysicalId, parent: &PhysicalId) -> bool {
        split(physical_id).0 == parent.as_str()
    }

    fn is_taggable(&self) -> bool {
        false
    }

    fn is_given_name(&self, physical_id: &PhysicalId) -> bool {
        !split(physical_id).1.starts_with(MADE_UP)
    }

    /// Lambda loses statements when one function's policy is changed in parallel.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        let (function, _) = split(physical_id);
        Some(format!("lambda-policy:{function}"))
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        let mut arguments = desired.inputs.clone();
        let function = desired.physical_id().map_or("", |id| split(id).0);
        arguments.insert("function_name".to_owned(), function.into());
        let keys: Vec<&str> = FIELDS.iter().map(|field| field.key).collect();
        vec![Draft::new("lambda:AddPermission", arguments).carrying(Carry::fields(&desired.inputs, &keys))]
    }

    fn update(&self, _update: &Update<'_>) -> Vec<Draft> {
        Vec::new()
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        let (function, statement_id) = split(removal.physical_id);
        let arguments = Table::from_iter([("function_name".to_owned(), function.into()), ("statement_id".to_owned(), statement_id.into())]);
        vec![Draft::new("lambda:RemovePermission", arguments)]
    }
}

/// Function name and statement id; neither can have a slash.
fn split(id: &PhysicalId) -> (&str, &str) {
    id.as_str().split_once('/').unwrap_or((id.as_str(), ""))
}

/// One statement as a resource. `values` are fields of this kind, without the statement's id.
pub(crate) fn resource(function: &str, function_name: &str, part: &str, statement_id: &str, mut values: Table) -> Resource {
    let id = format!("{function_name}/{statement_id}");
    let mut resource = Resource::new(Address::with_part(KIND, function, part), id);
    let parent = Address::new(super::function::KIND, function);
    values.insert("statement_id".to_owned(), statement_id.into());
    if let Some(Value::String(principal)) = values.get_mut("principal") {
        *principal = account_of_root(principal);
    }
    fill_defaults(FIELDS, &mut values);
    resource.attributes = Table::from_iter([("statement_id".to_owned(), statement_id.into())]);
    resource.inputs = values;
    resource.dependencies = vec![Dependency::hard(parent.clone()).until_exists()];
    resource.parent = Some(parent);
    resource
}

/// An account's root ARN means the same as its twelve digits; AWS answers the ARN.
fn account_of_root(principal: &str) -> String {
    let root = principal.strip_suffix(":root").filter(|head| head.starts_with("arn:"));
    let account = root.and_then(|head| head.split_once(":iam::")).map(|(_, account)| account);
    account.unwrap_or(principal).to_owned()
}

#[async_trait]
impl Kind for Permission {
    fn places(&self) -> &'static [Place] {
        &[Place::Named]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("statement_id", "The statement's id.")]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        let part = section.part.as_deref().unwrap_or_default();
        let usual = || fitted_name(format!("lambdo-permission-{part}"), 100);
        let statement_id = section.string("statement_id").map_or_else(usual, str::to_owned);
        let function_name = facts_of(section, context).function_name;
        let resource = resource(&section.name, &function_name, part, &statement_id, settings(section, FIELDS));
        let diagnostics = check::all(section, &resource.inputs, context);
        Lowered { resources: vec![resource], diagnostics }
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, target) in targets.iter().enumerate() {
            groups.entry(split(target.physical_id).0).or_default().push(index);
        }
        // A function that is not there has no policy either.
        let is_unknown = |members: &Vec<usize>| members.iter().all(|index| targets[*index].applied.is_none());
        let unknown = groups.iter().filter(|(_, members)| is_unknown(members)).map(|(function, _)| *function).collect();
        let absent = absent(reader, &unknown).await;
        let found: Vec<Vec<(usize, Sighting)>> =
            in_turn(groups, AT_ONCE, |(function, members)| Box::pin(read_policy(reader, function, members, targets, &absent))).await;
        let mut found: Vec<(usize, Sighting)> = found.into_iter().flatten().collect();
        found.sort_by_key(|(index, _)| *index);
        found.into_iter().map(|(_, sighting)| sighting).collect()
    }

    async fn find(&self, reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        find::find(reader, search).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, _context: &RunContext<'_>) -> Result<Done, AwsError> {
        match operation.call.as_str() {
            "lambda:AddPermission" => add(writer, operation).await,
            "lambda:RemovePermission" => remove(writer, operation).await,
            _ => Err(unknown_call(operation)),
        }
    }
}

async fn read_policy(
    reader: &Reader,
    function: &str,
    members: Vec<usize>,
    targets: &[ReadTarget<'_>],
    absent: &BTreeSet<String>,
) -> Vec<(usize, Sighting)> {
    if absent.contains(function) {
        return members.into_iter().map(|index| (index, Sighting::Missing)).collect();
    }
    let ids: Vec<&PhysicalId> = members.iter().map(|index| targets[*index].physical_id).collect();
    let sightings = match reader.get_policy(GetPolicyInputBuilder::default().function_name(function)).await {
        Ok(answer) => sightings(function, answer.policy().unwrap_or_default(), &ids),
        Err(error) => ids.iter().map(|_| sighting(&error)).collect(),
    };
    members.into_iter().zip(sightings).collect()
}

/// What a policy says about each of some statements of one function. The first one that is found
/// also tells what others put into the policy.
fn sightings(function: &str, policy: &str, ids: &[&PhysicalId]) -> Vec<Sighting> {
    let statements = statements(policy);
    let mut foreign = foreign(function, &statements, ids);
    let of = |id: &&PhysicalId| {
        let (_, wanted) = split(id);
        let Some((_, statement)) = statements.iter().find(|(sid, _)| sid == wanted) else { return Sighting::Missing };
        let mut live = Live::new((*id).clone());
        live.fields = fields(wanted, statement);
        live.attributes = Table::from_iter([("statement_id".to_owned(), wanted.into())]);
        live.extras = std::mem::take(&mut foreign);
        Sighting::Found(live)
    };
    ids.iter().map(of).collect()
}

/// What of a function's policy is not known to be ours.
pub(crate) fn strangers(function: &str, policy: &str) -> Vec<Extra> {
    foreign(function, &statements(policy), &[])
}

fn foreign(function: &str, statements: &[(String, Table)], ids: &[&PhysicalId]) -> Vec<Extra> {
    let of_others = statements.iter().filter(|(sid, _)| !ids.iter().any(|id| split(id).1 == sid));
    let shown = |(sid, statement): &(String, Table)| {
        Extra::foreign(Path::key("statement").join(sid), described(sid, statement))
            .called(format!("{function}/{sid}").into())
            .public(opens_to_everybody(statement))
    };
    of_others.map(shown).collect()
}

fn described(sid: &str, statement: &Table) -> String {
    let fields = fields(sid, statement);
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let source = fields.get("source_arn").and_then(Value::as_str).map(|arn| format!(" for `{arn}`")).unwrap_or_default();
    format!("policy statement `{sid}`: `{}` by `{}`{source}", text("action"), text("principal"))
}

/// The statements of a policy by their ids.
fn statements(policy: &str) -> Vec<(String, Table)> {
    let document = serde_json::from_str(policy).map_or(Value::Null, |json| Value::from_json(&json));
    let found = document.as_table().and_then(|document| document.get("Statement"));
    let list = found.map_or(&[][..], |found| found.as_list().unwrap_or(std::slice::from_ref(found)));
    let tables = list.iter().filter_map(Value::as_table);
    tables.map(|table| (optional(table, "Sid").unwrap_or_default(), table.clone())).collect()
}

/// A statement in the words of the spec. What `AddPermission` cannot make shows as another action.
fn fields(statement_id: &str, statement: &Table) -> Table {
    let mut fields = Table::from_iter([("statement_id".to_owned(), statement_id.into())]);
    let mut action = statement.get("Action").map(lone).unwrap_or_default();
    if let Some(effect) = optional(statement, "Effect").filter(|effect| effect != "Allow") {
        action = format!("{effect} {action}");
    }
    fields.extend(statement.get("Principal").map(|principal| ("principal".to_owned(), account_of_root(&lone(principal)).into())));
    let operators = statement.get("Condition").and_then(Value::as_table);
    for (operator, keys) in operators.into_iter().flatten() {
        for (key, value) in keys.as_table().into_iter().flatten() {
            match condition_field(key).filter(|_| OPERATORS.contains(&operator.to_ascii_lowercase().as_str())) {
                Some(field) => drop(fields.insert(field.to_owned(), condition_value(field, value))),
                None => action.push_str(&format!(" if {operator} {key} {}", lone(value))),
            }
        }
    }
    fields.insert("action".to_owned(), action.into());
    fields
}

/// The operators that `AddPermission` writes, and those that mean the same for the values that it writes.
const OPERATORS: &[&str] = &["arnlike", "arnequals", "stringlike", "stringequals", "bool"];

/// The texts of a value that is a text, a list, or a table of kinds of principals; `AddPermission` makes one only.
fn lone(value: &Value) -> String {
    let joined = |values: &mut dyn Iterator<Item = &Value>| values.map(lone).collect::<Vec<_>>().join(", ");
    match value {
        Value::List(items) => joined(&mut items.iter()),
        Value::Table(table) => joined(&mut table.values()),
        value => scalar_text(value).unwrap_or_default(),
    }
}

/// The field behind a condition key; IAM's keys know no case.
fn condition_field(key: &str) -> Option<&'static str> {
    Some(match key.to_ascii_lowercase().as_str() {
        "aws:sourcearn" => "source_arn",
        "aws:sourceaccount" => "source_account",
        "aws:principalorgid" => "principal_org_id",
        "lambda:eventsourcetoken" => "event_source_token",
        "lambda:functionurlauthtype" => "function_url_auth_type",
        "lambda:invokedviafunctionurl" => "invoked_via_function_url",
        _ => return None,
    })
}

fn condition_value(field: &str, value: &Value) -> Value {
    if field == "invoked_via_function_url" {
        return (lone(value) == "true").into();
    }
    lone(value).into()
}

fn request(operation: &Operation) -> Result<AddPermissionInputBuilder, AwsError> {
    let arguments = &operation.arguments;
    if arguments.values().any(Value::is_unresolved) {
        return Err(refused(operation, "something that it refers to is not known"));
    }
    Ok(AddPermissionInputBuilder::default()
        .function_name(text(operation, "function_name")?)
        .statement_id(text(operation, "statement_id")?)
        .action(text(operation, "action")?)
        .principal(text(operation, "principal")?)
        .set_source_arn(optional(arguments, "source_arn"))
        .set_source_account(optional(arguments, "source_account"))
        .set_principal_org_id(optional(arguments, "principal_org_id"))
        .set_event_source_token(optional(arguments, "event_source_token"))
        .set_function_url_auth_type(optional(arguments, "function_url_auth_type").map(|kind| kind.as_str().into()))
        .set_invoked_via_function_url(arguments.get("invoked_via_function_url").and_then(Value::as_boolean)))
}

async fn add(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let request = request(operation)?;
    let (function, statement_id) = (text(operation, "function_name")?, text(operation, "statement_id")?);
    let is_early = |error: &AwsError| matches!(error.class, ErrorClass::NotFound | ErrorClass::NotYetConsistent);
    let attempt = async || match while_busy(writer, operation, function, || writer.add_permission(request.clone()).boxed()).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => compared(writer.reader(), operation, function, statement_id, error).await,
        result => result.map(drop),
    };
    retry_while(writer.reader(), &patience(operation, function), is_early, attempt).await?;
    Ok(Done { physical_id: Some(format!("{function}/{statement_id}").into()), ..Done::default() })
}

/// A statement that is there already is ours if it says the same: an earlier try whose answer was lost. One that
/// the policy does not show is not seen everywhere yet, or just going.
async fn compared(reader: &Reader, operation: &Operation, function: &str, id: &str, error: AwsError) -> Result<(), AwsError> {
    let seen = match reader.get_policy(GetPolicyInputBuilder::default().function_name(function)).await {
        Ok(answer) => statements(answer.policy().unwrap_or_default()),
        Err(later) if later.is_not_found() => Vec::new(),
        Err(later) => return Err(later.following(&error)),
    };
    let Some((_, statement)) = seen.iter().find(|(sid, _)| sid == id) else {
        return Err(AwsError { class: ErrorClass::NotYetConsistent, ..error });
    };
    let mut wanted = operation.arguments.clone();
    wanted.remove("function_name");
    if fields(id, statement) == wanted {
        return Ok(());
    }
    let message = format!("the function's policy has another statement with the id `{id}`: {}", error.message);
    Err(AwsError::own(&operation.call, ErrorClass::AlreadyExists, message).following(&error))
}

async fn remove(writer: &Writer, operation: &Operation) -> Result<Done, AwsError> {
    let function = text(operation, "function_name")?;
    let request = RemovePermissionInputBuilder::default().function_name(function).statement_id(text(operation, "statement_id")?);
    gone_is_done(while_busy(writer, operation, function, || writer.remove_permission(request.clone()).boxed()).await)
}

/// Waits for another change of the function by looking, since each try costs more of Lambda's quota than a look.
async fn while_busy<'a, T>(
    writer: &Writer,
    operation: &Operation,
    function: &str,
    attempt: impl Fn() -> BoxFuture<'a, Result<T, AwsError>>,
) -> Result<T, AwsError> {
    let mut last: Option<AwsError> = None;
    for conflicts in 0..MOST_CONFLICTS {
        match attempt().await.map_err(|error| last.iter().fold(error, AwsError::following)) {
            Err(error) if error.class == ErrorClass::InProgress => {
                let waited = wait_for_other(writer.reader(), function, &operation.address, conflicts).await;
                waited.map_err(|later| later.following(&error))?;
                last = Some(error);
            }
            result => return result,
        }
    }
    attempt().await.map_err(|error| last.iter().fold(error, AwsError::following))
}

fn patience(operation: &Operation, function: &str) -> Patience {
    let patience = Patience::new(format!("function `{function}` to take a change of its policy"), UNSEEN_LIMIT_MS);
    Patience { cap_ms: 2_000, ..patience }.for_address(&operation.address)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kinds::function::tests::{in_context, section};

    const POLICY: &str = r#"{"Version":"2012-10-17","Id":"default","Statement":[
        {"Sid":"lambdo-event_rule-monthly","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:f","Condition":{"ArnLike":{"AWS:SourceArn":"arn:rule"}}},
        {"Sid":"mine","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"lambda:InvokeFunction","Resource":"arn:f","Condition":{"StringEquals":{"aws:sourceaccount":"123456789012","lambda:FunctionUrlAuthType":"NONE"},"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}},
        {"Sid":"denied","Effect":"Deny","Principal":"*","Action":"lambda:InvokeFunction","Resource":"arn:f"}]}"#;

    fn lowered_whole(values: &[(&str, Value)]) -> Lowered {
        let function = section("function", None, &[]);
        in_context(&function, |context| Permission.lower(&section(KIND, Some("s3"), values), context))
    }

    fn lowered(values: &[(&str, Value)]) -> Resource {
        lowered_whole(values).resources.remove(0)
    }

    /// What is said of a section with these values.
    pub(in crate::kinds::permission) fn lowered_with_findings(values: &[(&str, Value)]) -> Vec<crate::diagnostic::Diagnostic> {
        lowered_whole(values).diagnostics
    }

    #[test]
    fn a_section_becomes_a_statement_that_lives_with_its_function() {
        let resource = lowered(&[("principal", "s3.amazonaws.com".into()), ("source_arn", "arn:aws:s3:::b".into())]);
        assert_eq!(resource.physical_id().unwrap().as_str(), "demo-hash/lambdo-permission-s3");
        assert_eq!(resource.parent, Some(Address::new("function", "hash")));
        assert_eq!(resource.dependencies, [Dependency::hard(Address::new("function", "hash")).until_exists()]);
        insta::assert_snapshot!(Value::Table(resource.inputs.clone()).to_json(), @r#"{"action":"lambda:InvokeFunction","principal":"s3.amazonaws.com","source_arn":"arn:aws:s3:::b","statement_id":"lambdo-permission-s3"}"#);
        assert_eq!(Permission.serial_key(resource.physical_id().unwrap()), Some("lambda-policy:demo-hash".into()));
        let draft = Permission.create(&resource).remove(0);
        assert_eq!(draft.arguments.get("function_name"), Some(&"demo-hash".into()));
        assert_eq!(draft.carries.len(), 4);
    }

    #[test]
    fn an_account_is_the_same_as_its_root() {
        let root = lowered(&[("principal", "arn:aws:iam::123456789012:root".into())]);
        assert_eq!(root.input("principal"), Some(&"123456789012".into()));
        assert_eq!(account_of_root("arn:aws:iam::123456789012:role/x"), "arn:aws:iam::123456789012:role/x");
    }

    #[test]
    fn statements_are_found_by_id_and_those_of_others_are_told_once() {
        let ids: Vec<PhysicalId> = ["f/gone", "f/lambdo-event_rule-monthly", "f/mine"].map(PhysicalId::from).into();
        let found = sightings("f", POLICY, &ids.iter().collect::<Vec<_>>());
        assert_eq!(found[0], Sighting::Missing);
        let shown = |index: usize| Value::Table(found[index].live().unwrap().fields.clone()).to_json().to_string();
        insta::assert_snapshot!(shown(1), @r#"{"action":"lambda:InvokeFunction","principal":"events.amazonaws.com","source_arn":"arn:rule","statement_id":"lambdo-event_rule-monthly"}"#);
        insta::assert_snapshot!(shown(2), @r#"{"action":"lambda:InvokeFunction","function_url_auth_type":"NONE","invoked_via_function_url":true,"principal":"123456789012","source_account":"123456789012","statement_id":"mine"}"#);
        let text = "policy statement `denied`: `Deny lambda:InvokeFunction` by `*`";
        assert_eq!(found[1].live().unwrap().extras, [Extra::foreign("statement.denied".parse().unwrap(), text).called("f/denied".into())]);
        assert!(found[2].live().unwrap().extras.is_empty());
    }

    #[test]
    fn what_add_permission_cannot_make_shows_as_another_action() {
        let seen = |json: &str| {
            let policy = format!(r#"{{"Statement":{{"Sid":"s","Effect":"Allow","Action":"lambda:InvokeFunction",{json}}}}}"#);
            let id = PhysicalId::from("f/s");
            Value::Table(sightings("f", &policy, &[&id])[0].live().unwrap().fields.clone()).to_json().to_string()
        };
        let lines = [
            seen(r#""Principal":{"Service":["a.amazonaws.com","b.amazonaws.com"]}"#),
            seen(r#""Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
            seen(r#""Principal":"*","Condition":{"ArnNotLike":{"AWS:SourceArn":"arn:x"}}"#),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"action":"lambda:InvokeFunction","principal":"a.amazonaws.com, b.amazonaws.com","statement_id":"s"}
        {"action":"lambda:InvokeFunction if IpAddress aws:SourceIp 10.0.0.0/8","principal":"*","statement_id":"s"}
        {"action":"lambda:InvokeFunction if ArnNotLike AWS:SourceArn arn:x","principal":"*","statement_id":"s"}
        "#);
    }

    #[test]
    fn every_setting_replaces_the_statement_and_another_id_comes_before_the_old_one_goes() {
        assert_eq!(Permission.replacement(), crate::model::Replacement::CreateFirst);
        assert!(FIELDS.iter().all(|field| field.effect == crate::model::Effect::Replace));
    }
}

//! Answers as AWS could have given them instead: pure, from text to text.

use super::decide::Then;
use super::facts::Facts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// What RFC 3986 reserves; IAM's documents are encoded so.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A token that no service gives: the page after the empty one is the first.
pub(super) const AFTER_THE_EMPTY_PAGE: &str = "bm90aGluZyB5ZXQ";

/// A word that no version of AWS has yet.
const UNKNOWN: &str = "FromTheFuture";

/// An answer after this happened to it.
pub(super) fn rewritten(facts: &Facts, then: &Then, body: &str) -> String {
    match facts.service.as_str() {
        "iam" => of_iam(then, body),
        _ => match serde_json::from_str(body) {
            Ok(mut answer) => {
                of_json(facts, then, &mut answer);
                answer.to_string()
            }
            Err(_) => body.to_owned(),
        },
    }
}

fn of_iam(then: &Then, body: &str) -> String {
    match then {
        Then::Leave(names) => without_members(body, names),
        Then::RoleIds(names) => names.iter().fold(body.to_owned(), |body, name| with_role_id(&body, name)),
        Then::Respell => of_documents(body, &respelled),
        Then::DeletedPrincipals => of_documents(body, &with_deleted_principals),
        Then::UnknownWords => body.replace("<RoleName>", &format!("<{UNKNOWN}>new</{UNKNOWN}><RoleName>")),
        _ => body.to_owned(),
    }
}

/// Each list without the members of these roles.
fn without_members(body: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("<RoleName>{name}</RoleName>")).collect();
    let mut left = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find("<member>") {
        let end = end_of_member(&rest[start..]).map_or(rest.len(), |end| start + end);
        let member = rest[start..end].to_lowercase();
        left.push_str(&rest[..start]);
        if !names.iter().any(|name| member.contains(&name.to_lowercase())) {
            left.push_str(&rest[start..end]);
        }
        rest = &rest[end..];
    }
    left + rest
}

/// Where a member ends that begins the text; members have members.
fn end_of_member(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    loop {
        let end = text[at..].find("</member>")? + at;
        depth += text[at..end].matches("<member>").count();
        depth -= 1;
        at = end + "</member>".len();
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The role's unique id in the place of its ARN.
fn with_role_id(body: &str, name: &str) -> String {
    of_elements(body, "Arn", |arn| {
        let is_meant = arn.contains(":role/") && arn.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name));
        is_meant.then(|| "AROAFRESHROLE00000001".to_owned())
    })
}

/// The text of each element of that name, changed where `change` gives another one.
fn of_elements(body: &str, element: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut changed = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find(&open).map(|at| at + open.len()) {
        let Some(end) = rest[start..].find(&close).map(|at| start + at) else { break };
        changed.push_str(&rest[..start]);
        let text = &rest[start..end];
        changed.push_str(&change(text).unwrap_or_else(|| text.to_owned()));
        rest = &rest[end..];
    }
    changed + rest
}

/// All policy documents of an answer of IAM's.
fn of_documents(body: &str, change: &dyn Fn(&mut Value)) -> String {
    let changed = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().ok()?;
        let mut document: Value = serde_json::from_str(&decoded).ok()?;
        change(&mut document);
        Some(utf8_percent_encode(&document.to_string(), RESERVED).to_string())
    };
    ["AssumeRolePolicyDocument", "PolicyDocument"].iter().fold(body.to_owned(), |body, element| of_elements(&body, element, changed))
}

/// The statements of a document; one alone may stand without a list.
fn each_statement(document: &mut Value, change: impl Fn(&mut Map<String, Value>)) {
    match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().filter_map(Value::as_object_mut).for_each(change),
        Some(Value::Object(statement)) => change(statement),
        _ => {}
    }
}

/// The same document in another spelling: a string for a list of one and the other way round, accounts as their root.
fn respelled(document: &mut Value) {
    let turned = |value: &mut Value| {
        *value = match value.take() {
            Value::Array(mut list) if list.len() == 1 => list.remove(0),
            Value::String(text) => json!([text]),
            other => other,
        };
    };
    each_statement(document, |statement| {
        for key in ["Action", "NotAction", "Resource", "NotResource"] {
            statement.get_mut(key).iter_mut().for_each(|value| turned(value));
        }
        let principals = statement.get_mut("Principal").and_then(Value::as_object_mut);
        for value in principals.into_iter().flat_map(Map::values_mut) {
            if let Some(account) = value.as_str().filter(|text| crate::local::names::is_account(text)) {
                *value = format!("arn:aws:iam::{account}:root").into();
            }
            turned(value);
        }
    });
    if let Some(statements) = document.get_mut("Statement").and_then(Value::as_array_mut) {
        statements.reverse();
    }
}

/// Roles and users that a document names were deleted meanwhile: their ids stand in their place.
fn with_deleted_principals(document: &mut Value) {
    let renamed = |value: &mut Value| {
        let is_named = value.as_str().is_some_and(|text| text.contains(":role/") || text.contains(":user/"));
        if is_named {
            *value = "AROADELETEDPRINCIPAL1".into();
        }
    };
    each_statement(document, |statement| {
        let Some(principal) = statement.get_mut("Principal").and_then(|principal| principal.get_mut("AWS")) else { return };
        match principal {
            Value::Array(list) => list.iter_mut().for_each(renamed),
            alone => renamed(alone),
        }
    });
}

fn of_json(facts: &Facts, then: &Then, answer: &mut Value) {
    match then {
        Then::Leave(names) => leave_out(answer, names),
        Then::State { state, is_update } => of_configuration(answer, |configuration| set_state(configuration, state, *is_update)),
        Then::Respell | Then::DeletedPrincipals => of_lambda_policy(answer),
        Then::HideTags => {
            let error = json!({ "ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags" });
            answer.as_object_mut().into_iter().for_each(|members| drop(members.remove("Tags")));
            answer["TagsError"] = error;
        }
        Then::HideEnvironment => of_configuration(answer, |configuration| {
            let error =
                json!({ "ErrorCode": "AccessDeniedException", "Message": "Lambda was unable to decrypt the environment variables" });
            if configuration.contains_key("Environment") {
                configuration.insert("Environment".into(), json!({ "Error": error }));
            }
        }),
        Then::UnknownWords => unknown_words(facts, answer),
        Then::Retention { days } => each(answer, "logGroups", |group| {
            group.insert("retentionInDays".into(), (*days).into());
            group.insert("retentionPolicyName".into(), "account-default".into());
        }),
        Then::Protected => each(answer, "logGroups", |group| drop(group.insert("deletionProtectionEnabled".into(), true.into()))),
        Then::Lose | Then::Undo { .. } | Then::RoleIds(_) | Then::Return { .. } => {}
    }
}

/// The lists in an answer, and by what their members are named.
const LISTS: &[(&str, &str)] =
    &[("Functions", "FunctionName"), ("logGroups", "logGroupName"), ("Rules", "Name"), ("repositories", "repositoryName")];

fn leave_out(answer: &mut Value, names: &[String]) {
    for (list, key) in LISTS {
        if let Some(members) = answer.get_mut(*list).and_then(Value::as_array_mut) {
            let is_left_out = |member: &Value| member[*key].as_str().is_some_and(|name| names.contains(&name.to_lowercase()));
            members.retain(|member| !is_left_out(member));
        }
    }
}

fn each(answer: &mut Value, list: &str, change: impl Fn(&mut Map<String, Value>)) {
    let members = answer.get_mut(list).and_then(Value::as_array_mut);
    members.into_iter().flatten().filter_map(Value::as_object_mut).for_each(change);
}

/// The configuration in what GetFunction answers, and in what the others do.
fn of_configuration(answer: &mut Value, change: impl Fn(&mut Map<String, Value>)) {
    if answer.get("Functions").is_some() {
        return each(answer, "Functions", change);
    }
    let is_inside = answer.get("Configuration").is_some();
    let configuration = if is_inside { answer.get_mut("Configuration") } else { Some(answer) };
    configuration.and_then(Value::as_object_mut).into_iter().for_each(change);
}

fn set_state(configuration: &mut Map<String, Value>, state: &str, is_update: bool) {
    if is_update {
        configuration.insert("State".into(), "Active".into());
        configuration.insert("LastUpdateStatus".into(), state.into());
        return;
    }
    configuration.insert("State".into(), state.into());
    configuration.insert("StateReason".into(), format!("The function is {state}.").into());
    configuration.insert("StateReasonCode".into(), "Creating".into());
    configuration.remove("LastUpdateStatus");
}

/// A function on its way out.
pub(super) fn deleting(shown: &Value) -> Value {
    let mut shown = shown.clone();
    of_configuration(&mut shown, |configuration| set_state(configuration, "Deleting", false));
    shown
}

fn of_lambda_policy(answer: &mut Value) {
    let document = answer.get("Policy").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    if let Some(mut document) = document {
        respelled(&mut document);
        answer["Policy"] = document.to_string().into();
    }
}

fn unknown_words(facts: &Facts, answer: &mut Value) {
    if facts.service == "lambda" {
        of_configuration(answer, |configuration| {
            for (key, known) in [("State", "Active"), ("LastUpdateStatus", "Successful")] {
                if configuration.get(key).is_some_and(|state| state == known) {
                    configuration.insert(key.into(), UNKNOWN.into());
                }
            }
            configuration.insert("SnapStart".into(), json!({ "ApplyOn": "None", "OptimizationStatus": UNKNOWN }));
        });
    }
    for (list, _) in LISTS {
        each(answer, list, |member| drop(member.insert(format!("{UNKNOWN}Setting"), json!({ "Mode": UNKNOWN }))));
    }
    each(answer, "logGroups", |group| drop(group.insert("logGroupClass".into(), UNKNOWN.into())));
}

/// A first page without anything on it, and a token for the next one.
pub(super) fn empty_page(facts: &Facts) -> String {
    let token = AFTER_THE_EMPTY_PAGE;
    match (facts.service.as_str(), facts.operation.as_str()) {
        ("lambda", _) => json!({ "Functions": [], "NextMarker": token }).to_string(),
        ("logs", _) => json!({ "logGroups": [], "nextToken": token }).to_string(),
        ("events", "ListRules") => json!({ "Rules": [], "NextToken": token }).to_string(),
        ("events", _) => json!({ "Targets": [], "NextToken": token }).to_string(),
        (_, "ListRoles") => format!("<Roles/><IsTruncated>true</IsTruncated><Marker>{token}</Marker>"),
        _ => format!("<RoleDetailList/><Policies/><IsTruncated>true</IsTruncated><Marker>{token}</Marker>"),
    }
}

/// A request for the page behind the empty one, as one for the first.
pub(super) fn without_token(facts: &Facts, body: &[u8]) -> Vec<u8> {
    match facts.service.as_str() {
        "iam" => {
            let pairs = form_urlencoded::parse(body).filter(|(key, _)| key != "Marker");
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
        }
        _ => match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(mut members) => {
                members.retain(|key, _| !key.eq_ignore_ascii_case("nextToken"));
                Value::Object(members).to_string().into_bytes()
            }
            Err(_) => body.to_vec(),
        },
    }
}

/// The request without its first entry, and the id of that; none where there is no other.
pub(super) fn without_first_entry(operation: &str, body: &[u8]) -> (Option<String>, Option<Vec<u8>>) {
    let list = if operation == "PutTargets" { "Targets" } else { "Ids" };
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else { return (None, None) };
    let Some(entries) = request.get_mut(list).and_then(Value::as_array_mut).filter(|entries| !entries.is_empty()) else {
        return (None, None);
    };
    let first = entries.remove(0);
    let is_left = !entries.is_empty();
    let id = first.as_str().or_else(|| first["Id"].as_str()).map(str::to_owned);
    (id, is_left.then(|| request.to_string().into_bytes()))
}

/// What EventBridge says of an entry that failed, with status 200.
pub(super) fn failed_entry(id: &str, code: &str) -> String {
    let entry = json!({ "TargetId": id, "ErrorCode": code, "ErrorMessage": "The entry could not be changed." });
    json!({ "FailedEntryCount": 1, "FailedEntries": [entry] }).to_string()
}

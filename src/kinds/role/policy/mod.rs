//! What IAM would refuse in a policy document, found without asking it.
//!
//! IAM answers all of this with `MalformedPolicyDocument`, mostly without a place. What it refuses and
//! what it takes was measured on AWS by cdk-preflight (`rules/iam`), where the guide does not say.

mod condition;
mod principal;
mod resource;

use crate::diagnostic::nearest;
use crate::model::value::TemplatePart;
use crate::model::{Table, Value};

/// All inline policies of a role together, without white space.
pub(super) const INLINE_LIMIT: usize = 10_240;
/// A trust policy, unless the quota was raised.
pub(super) const TRUST_LIMIT: usize = 2_048;
/// A trust policy with the quota raised as far as AWS does.
pub(super) const TRUST_CEILING: usize = 8_192;

const DOCUMENT_KEYS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_KEYS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];

/// All that a trust policy can allow, in exactly this spelling: patterns such as `sts:*` are refused.
const TRUST_ACTIONS: &[&str] = &[
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What the role may do.
    Identity,
    /// Who may assume the role.
    Trust,
}

/// What a document is looked at for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes, as far as that is known.
    pub partition: Option<&'a str>,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// In which statement, counted from 0; nothing where it is the document's own.
    pub statement: Option<usize>,
    /// A sentence without its period, in AWS's words.
    pub message: String,
}

/// Everything that is wrong with a document.
pub(super) fn check(document: &Value, policy: Policy<'_>) -> Vec<Problem> {
    let Value::Table(given) = document else {
        return if document.is_unresolved() { vec![] } else { of_document(["it is not a policy document, but a plain value".into()]) };
    };
    let odd_id = given.get("Id").filter(|id| id.as_str().is_none() && !id.is_unresolved()).map(|_| "its `Id` is not a text".to_owned());
    let of_all = unknown_keys(given, DOCUMENT_KEYS, "the document");
    let mut problems = of_document(of_all.into_iter().chain(version(given)).chain(odd_id).chain(odd_character(document)));
    match given.get("Statement") {
        Some(Value::List(statements)) if !statements.is_empty() => {
            problems.extend(statements.iter().enumerate().flat_map(|(index, item)| of_statement(item, index, policy)));
            problems.extend(duplicate_sids(statements));
        }
        Some(lone @ Value::Table(_)) => problems.extend(of_statement(lone, 0, policy)),
        Some(other) if other.is_unresolved() => {}
        _ => problems.extend(of_document(["it has no statement".into()])),
    }
    problems
}

fn of_document(messages: impl IntoIterator<Item = String>) -> Vec<Problem> {
    messages.into_iter().map(|message| Problem { statement: None, message }).collect()
}

fn of_statement(value: &Value, index: usize, policy: Policy<'_>) -> Vec<Problem> {
    statement(value, index, policy).into_iter().map(|message| Problem { statement: Some(index), message }).collect()
}

/// The size that IAM counts: white space is free. What is not known yet counts as nothing.
pub(super) fn size(document: &Value) -> usize {
    let known = |part: &TemplatePart| (!matches!(part, TemplatePart::Text(_))).then(|| Value::from(""));
    document.resolve(&known).to_json().to_string().chars().filter(|character| !character.is_whitespace()).count()
}

fn unknown_keys(given: &Table, known: &[&str], place: &str) -> Vec<String> {
    let unknown = given.keys().filter(|key| !known.contains(&key.as_str()));
    let message = |key: &String| {
        let hint = nearest(key, known.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("{place} has the key `{key}`, which IAM does not know{hint}")
    };
    unknown.map(message).collect()
}

fn version(given: &Table) -> Option<String> {
    let version = given.get("Version").filter(|version| !version.is_unresolved())?;
    let is_known = version.as_str().is_some_and(|text| text == "2012-10-17" || text == "2008-10-17");
    (!is_known).then(|| "its version is not `2012-10-17`, which is the only one to use".to_owned())
}

/// IAM takes tab, line feed, carriage return and U+0020 to U+00FF.
fn odd_character(document: &Value) -> Option<String> {
    let text = document.to_json().to_string();
    let odd = text.chars().find(|character| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FF}'))?;
    Some(format!("it has the character `{odd}`, which IAM does not take (it takes Latin-1 only)"))
}

fn duplicate_sids(statements: &[Value]) -> Vec<Problem> {
    let sid = |item: &Value| item.as_table()?.get("Sid")?.as_str().map(str::to_owned).filter(|sid| !sid.is_empty());
    let sids: Vec<Option<String>> = statements.iter().map(sid).collect();
    let told = |(index, sid): (usize, &Option<String>)| {
        let sid = sid.as_ref().filter(|_| sids[..index].contains(sid))?;
        Some(Problem { statement: Some(index), message: format!("two statements have the `Sid` `{sid}`") })
    };
    sids.iter().enumerate().filter_map(told).collect()
}

fn statement(value: &Value, index: usize, policy: Policy<'_>) -> Vec<String> {
    let place = format!("statement {}", index + 1);
    let Value::Table(given) = value else {
        return if value.is_unresolved() { vec![] } else { vec![format!("{place} is {} and not a table", value.type_name())] };
    };
    let mut problems = unknown_keys(given, STATEMENT_KEYS, &place);
    let mut told = |found: Vec<String>| problems.extend(found.into_iter().map(|problem| format!("{place} {problem}")));
    told(effect(given).into_iter().chain(sid(given, policy.purpose)).chain(one_of(given, "Action", "NotAction")).collect());
    told(texts_only(given));
    told(actions(given, policy.purpose));
    told(given.get("Condition").map(condition::problems).unwrap_or_default());
    told(match policy.purpose {
        Purpose::Identity => identity(given, policy.partition),
        Purpose::Trust => trust(given, policy.partition),
    });
    problems
}

fn effect(given: &Table) -> Option<String> {
    match given.get("Effect") {
        None => Some("has no `Effect`; it is `Allow` or `Deny`".to_owned()),
        Some(effect) if effect.is_unresolved() || matches!(effect.as_str(), Some("Allow" | "Deny")) => None,
        Some(effect) => Some(format!("has the `Effect` {}; IAM takes exactly `Allow` or `Deny`", effect.to_json())),
    }
}

/// Only documents that say what may be done are held to it.
fn sid(given: &Table, purpose: Purpose) -> Option<String> {
    let sid = given.get("Sid").filter(|sid| !sid.is_unresolved())?;
    let Some(text) = sid.as_str() else { return Some("has a `Sid` that is not a text".to_owned()) };
    let is_fine = purpose == Purpose::Trust || text.chars().all(|character| character.is_ascii_alphanumeric());
    (!is_fine).then(|| format!("has the `Sid` `{text}`, which has characters other than letters and digits"))
}

/// Exactly one of the two must stand there, and not as an empty list.
fn one_of(given: &Table, key: &str, negation: &str) -> Option<String> {
    let is_empty = |key: &&str| given.get(*key).and_then(Value::as_list).is_some_and(<[Value]>::is_empty);
    match (given.contains_key(key), given.contains_key(negation)) {
        (false, false) => Some(format!("has no `{key}`")),
        (true, true) => Some(format!("has both `{key}` and `{negation}`; only one of them can stand there")),
        _ => [key, negation].iter().find(|key| is_empty(key)).map(|key| format!("has an empty `{key}`")),
    }
}

/// Actions and resources are texts, alone or in lists.
fn texts_only(given: &Table) -> Vec<String> {
    let is_text = |value: &Value| value.as_str().is_some() || value.is_unresolved();
    let odd =
        |value: &Value| value.as_list().unwrap_or(std::slice::from_ref(value)).iter().find(|item| !is_text(item)).map(Value::type_name);
    let keys = ["Action", "NotAction", "Resource", "NotResource"].into_iter();
    keys.filter_map(|key| Some(format!("has {} in its `{key}`, where only texts can stand", odd(given.get(key)?)?))).collect()
}

fn actions(given: &Table, purpose: Purpose) -> Vec<String> {
    let actions = ["Action", "NotAction"].iter().filter_map(|key| given.get(*key)).flat_map(texts);
    match purpose {
        Purpose::Identity => actions.filter_map(identity_action).collect(),
        Purpose::Trust => actions.filter_map(trust_action).collect(),
    }
}

fn identity_action(action: &str) -> Option<String> {
    let (service, rest) = match action.split_once(':') {
        None if action == "*" => return None,
        None => return Some(format!("has the action `{action}`, which is not `*` and names no service, such as `s3:GetObject`")),
        Some(parts) => parts,
    };
    let is_service = !service.is_empty() && service.chars().all(|character| character.is_ascii_alphanumeric() || "-.".contains(character));
    if rest.contains(':') {
        return Some(format!("has the action `{action}` with two colons; an action is `SERVICE:NAME`"));
    }
    if service.contains(['*', '?']) {
        return Some(format!(
            "has the action `{action}`: the service before the colon must be written out; `*` alone means all of all services"
        ));
    }
    (!is_service).then(|| format!("has the action `{action}`, and `{service}` is no name of a service"))
}

fn trust_action(action: &str) -> Option<String> {
    if TRUST_ACTIONS.contains(&action) {
        return None;
    }
    let hint = nearest(action, TRUST_ACTIONS.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let known = TRUST_ACTIONS.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
    Some(format!("has the action `{action}`; in a trust policy only these can stand, in this spelling: {known}{hint}"))
}

fn identity(given: &Table, partition: Option<&str>) -> Vec<String> {
    let principal = ["Principal", "NotPrincipal"].iter().find(|key| given.contains_key(**key));
    let refused = principal.map(|key| format!("has a `{key}`, which stands only in trust policies"));
    let resources = ["Resource", "NotResource"].iter().filter_map(|key| given.get(*key)).flat_map(texts);
    let of_resources = resources.filter_map(|text| resource::problem(text, partition));
    refused.into_iter().chain(one_of(given, "Resource", "NotResource")).chain(of_resources).collect()
}

fn trust(given: &Table, partition: Option<&str>) -> Vec<String> {
    let resource = ["Resource", "NotResource"].iter().find(|key| given.contains_key(**key));
    let refused = resource.map(|key| format!("has a `{key}`, which a trust policy cannot have: it is for the role itself"));
    refused.into_iter().chain(principal::problems(given, partition)).collect()
}

/// Whether the trust policy lets Lambda assume the role; what is not known yet counts as yes.
pub(super) fn lets_lambda_assume(document: &Value) -> bool {
    if document.is_unresolved() {
        return true;
    }
    let Some(statements) = document.as_table().and_then(|table| table.get("Statement")) else { return false };
    let statements = statements.as_list().unwrap_or(std::slice::from_ref(statements));
    let about: Vec<&Table> = statements.iter().filter_map(Value::as_table).filter(|given| is_about_lambda(given)).collect();
    // What is denied under a condition may be allowed to Lambda.
    about.iter().any(|given| has_effect(given, "Allow"))
        && !about.iter().any(|given| has_effect(given, "Deny") && !given.contains_key("Condition"))
}

fn has_effect(statement: &Table, effect: &str) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some(effect)
}

/// Whether a statement is about what Lambda does with a role. What denies everybody is about Lambda, too.
fn is_about_lambda(statement: &Table) -> bool {
    let names = |key: &str, name: &str| {
        let given = statement.get("Principal").and_then(Value::as_table).and_then(|principal| principal.get(key));
        given.is_some_and(|given| texts(given).any(|text| text == name))
    };
    let is_everybody =
        has_effect(statement, "Deny") && (names("AWS", "*") || statement.get("Principal").and_then(Value::as_str) == Some("*"));
    let assumes = statement.get("Action").is_some_and(|actions| texts(actions).any(|action| action == "sts:AssumeRole"));
    assumes && (names("Service", "lambda.amazonaws.com") || is_everybody)
}

/// The texts of a lone text or a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_list().unwrap_or(std::slice::from_ref(value)).iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::role::document::{default_trust, to_aws};

    fn of(json: &str, purpose: Purpose) -> String {
        let problems = check(&to_aws(&json.into()), Policy { purpose, partition: Some("aws") });
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn good_documents_pass() {
        assert_eq!(check(&default_trust(), Policy { purpose: Purpose::Trust, partition: None }), []);
        let json = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A1","Effect":"Allow","Action":["s3:Get*","*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}]}"#;
        assert_eq!(of(json, Purpose::Identity), "");
    }

    #[test]
    fn each_refusal_of_iam_is_found() {
        let statement = |json: &str| of(&format!(r#"{{"Version":"2012-10-17","Statement":[{json}]}}"#), Purpose::Identity);
        insta::assert_snapshot!(statement(r#"{"Effect":"Allow","Actions":"s3:Get","Resource":"*"}"#), @r"
        statement 1 has the key `Actions`, which IAM does not know; did you mean `Action`?
        statement 1 has no `Action`
        ");
        insta::assert_snapshot!(statement(r#"{"Effect":"allow","Action":"s3","Resource":"*"}"#), @r#"
        statement 1 has the `Effect` "allow"; IAM takes exactly `Allow` or `Deny`
        statement 1 has the action `s3`, which is not `*` and names no service, such as `s3:GetObject`
        "#);
        insta::assert_snapshot!(statement(r#"{"Sid":"a-b","Effect":"Allow","Action":"*","Principal":"*"}"#), @r"
        statement 1 has the `Sid` `a-b`, which has characters other than letters and digits
        statement 1 has a `Principal`, which stands only in trust policies
        statement 1 has no `Resource`
        ");
        insta::assert_snapshot!(statement(r#"{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a":{"b":1}}}}"#), @r"
        statement 2 has for the condition key `a` a table; a condition compares texts
        two statements have the `Sid` `A`
        ");
        insta::assert_snapshot!(of(r#"{"Version":"2020-01-01","Statements":[]}"#, Purpose::Identity), @r"
        the document has the key `Statements`, which IAM does not know; did you mean `Statement`?
        its version is not `2012-10-17`, which is the only one to use
        it has no statement
        ");
        insta::assert_snapshot!(statement(r#"{"Sid":1,"Effect":"Allow","NotAction":["s3:Get:x","*:Get","a b:c",1],"NotResource":[],"Resource":"*"}"#), @r"
        statement 1 has a `Sid` that is not a text
        statement 1 has an integer in its `NotAction`, where only texts can stand
        statement 1 has the action `s3:Get:x` with two colons; an action is `SERVICE:NAME`
        statement 1 has the action `*:Get`: the service before the colon must be written out; `*` alone means all of all services
        statement 1 has the action `a b:c`, and `a b` is no name of a service
        statement 1 has both `Resource` and `NotResource`; only one of them can stand there
        ");
        insta::assert_snapshot!(statement(r#"{"Effect":"Allow","Action":[],"Resource":[]}"#), @r"
        statement 1 has an empty `Action`
        statement 1 has an empty `Resource`
        ");
        assert!(statement(r#"{"Effect":"Allow","Action":"*","Resource":"a’b"}"#).contains("Latin-1"));
        assert!(of("no json", Purpose::Identity).contains("not a policy document"));
    }

    #[test]
    fn trust_policies_have_rules_of_their_own() {
        let json = r#"{"Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}]}"#;
        insta::assert_snapshot!(of(json, Purpose::Trust), @r#"
        statement 1 has the action `lambda:InvokeFunction`; in a trust policy only these can stand, in this spelling: `sts:AssumeRole`, `sts:AssumeRoleWithSAML`, `sts:AssumeRoleWithWebIdentity`, `sts:SetContext`, `sts:SetSourceIdentity`, `sts:TagSession`
        statement 1 has a `Resource`, which a trust policy cannot have: it is for the role itself
        statement 1 has no `Principal`; it names who may assume the role, such as `{ Service = "lambda.amazonaws.com" }`
        "#);
    }

    #[test]
    fn a_trust_without_lambda_is_noticed() {
        assert!(lets_lambda_assume(&default_trust()));
        let json = |service: &str, action: &str| {
            let text = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Service":{service}}},"Action":"{action}"}}}}"#);
            to_aws(&text.into())
        };
        assert!(lets_lambda_assume(&json(r#"["edgelambda.amazonaws.com","lambda.amazonaws.com"]"#, "sts:AssumeRole")));
        assert!(!lets_lambda_assume(&json(r#""ec2.amazonaws.com""#, "sts:AssumeRole")));
        assert!(!lets_lambda_assume(&json(r#""lambda.amazonaws.com""#, "sts:TagSession")));
    }

    #[test]
    fn a_trust_that_denies_lambda_is_noticed() {
        let lets = |denied: &str| {
            let allowed = r#"{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
            let maybe = r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:PrincipalIsAWSService":false}}}"#;
            lets_lambda_assume(&to_aws(&format!(r#"{{"Statement":[{allowed},{maybe},{denied}]}}"#).as_str().into()))
        };
        for principal in [r#"{"AWS":"*"}"#, r#""*""#, r#"{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}"#] {
            assert!(!lets(&format!(r#"{{"Effect":"Deny","Principal":{principal},"Action":"sts:AssumeRole"}}"#)), "{principal}");
        }
        assert!(lets(r#"{"Effect":"Deny","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#));
        assert!(lets(r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:TagSession"}"#));
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(size(&to_aws(&r#"{ "Statement" : [ ] }"#.into())), r#"{"Statement":[]}"#.len());
    }

    #[test]
    fn what_is_not_known_yet_counts_as_nothing() {
        let arn = Value::reference(&crate::model::Address::new("function", "hash"), "arn");
        let document = Value::Table(Table::from_iter([("Statement".to_owned(), arn)]));
        assert_eq!(size(&document), r#"{"Statement":""}"#.len());
    }
}

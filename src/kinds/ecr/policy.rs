//! The policy of a repository, statement by statement: ours by their `Sid`, those of others as they are.

use crate::kinds::reading::opens_to_everybody;
use crate::kinds::role::statement_in_aws_words;
use crate::model::document::parsed;
use crate::model::{Extra, Path, Table, Value};
use std::collections::BTreeSet;

/// The statement that lets Lambda fetch images. Lambda puts one of this name in itself where it may; one that is there
/// first leaves nothing to chance.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
pub(super) const OF_LAMBDA: &str = "LambdaECRImageRetrievalPolicy";
/// What Lambda needs to fetch an image.
const ACTIONS: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
/// Who fetches it.
const LAMBDA: &str = "lambda.amazonaws.com";

/// What must hold for the name of a statement.
pub(super) fn check_sid(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("is empty, and a statement is known by it".to_owned()) } else { Ok(()) }
}

/// The statements that a repository has without asking.
pub(super) fn of_lambda() -> Value {
    Table::from_iter([(OF_LAMBDA.to_owned(), lambda_statement())]).into()
}

fn lambda_statement() -> Value {
    let principal = Table::from_iter([("Service".to_owned(), LAMBDA.into())]);
    as_document(Table::from_iter([
        ("Effect".to_owned(), "Allow".into()),
        ("Principal".to_owned(), principal.into()),
        ("Action".to_owned(), Value::string_list(ACTIONS)),
    ]))
}

/// A statement in the one form that is compared: a document with it alone, without its `Sid`.
fn as_document(mut statement: Table) -> Value {
    statement.remove("Sid");
    Table::from_iter([("Statement".to_owned(), Value::List(vec![statement.into()]))]).into()
}

/// The statements of the spec, with the one for Lambda.
pub(super) fn wanted(given: &Table) -> Table {
    let canonical = |value: &Value| match statement_in_aws_words(&parsed(value)) {
        Value::Table(statement) if statement.contains_key("Statement") => Value::Table(statement),
        Value::Table(mut statement) => {
            statement.entry("Effect".to_owned()).or_insert_with(|| "Allow".into());
            as_document(statement)
        }
        other => other,
    };
    let given = given.iter().map(|(sid, value)| (sid.clone(), canonical(value)));
    [(OF_LAMBDA.to_owned(), lambda_statement())].into_iter().chain(given).collect()
}

/// The policy as it lives: the statements with a name, and those of others, to be shown. `ours` are the names that
/// the spec or the state know.
pub(super) fn seen(policy: &str, ours: &BTreeSet<&str>) -> (Table, Vec<Extra>) {
    let (mut named, mut foreign) = (Table::new(), Vec::new());
    for statement in statements(policy) {
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !ours.contains(sid.as_str()) {
            let path = Path::key("repository_policy").join(&sid);
            foreign
                .push(Extra::foreign(path, format!("statement `{sid}` of the repository's policy")).public(opens_to_everybody(&statement)));
        } else if sid == OF_LAMBDA && lets_lambda_fetch(&statement) {
            named.insert(sid, lambda_statement());
        } else {
            named.insert(sid, as_document(statement));
        }
    }
    (named, foreign)
}

/// The policy with these of our statements set, of which there is one at least, and those taken away.
pub(super) fn merged(policy: Option<&str>, set: &Table, remove: &[String]) -> String {
    let is_replaced = |statement: &Table| {
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
        set.contains_key(sid) || remove.iter().any(|gone| gone == sid)
    };
    let kept = policy.map(statements).unwrap_or_default().into_iter().filter(|statement| !is_replaced(statement));
    let ours = set.iter().filter_map(|(sid, document)| {
        let mut statement = document.as_table()?.get("Statement")?.as_list()?.first()?.as_table()?.clone();
        statement.insert("Sid".to_owned(), sid.as_str().into());
        Some(statement)
    });
    let all: Vec<Value> = kept.chain(ours).map(Value::Table).collect();
    let version = policy.and_then(|policy| parsed(&policy.into()).as_table()?.get("Version").cloned());
    let document = Table::from_iter([
        ("Version".to_owned(), version.unwrap_or_else(|| "2012-10-17".into())),
        ("Statement".to_owned(), Value::List(all)),
    ]);
    Value::Table(document).to_json().to_string()
}

fn statements(policy: &str) -> Vec<Table> {
    let document = parsed(&policy.into());
    match document.as_table().and_then(|document| document.get("Statement")) {
        Some(Value::List(statements)) => statements.iter().filter_map(Value::as_table).cloned().collect(),
        Some(Value::Table(lone)) => vec![lone.clone()],
        _ => Vec::new(),
    }
}

/// Whether a statement lets Lambda do what it needs, and perhaps more: Lambda's own statement differs from ours.
fn lets_lambda_fetch(statement: &Table) -> bool {
    let texts = |value: Option<&Value>| match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(value) => value.strings().into_iter().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let actions = texts(statement.get("Action"));
    let services = texts(statement.get("Principal").and_then(Value::as_table).and_then(|principal| principal.get("Service")));
    let allows = |action: &str| actions.iter().any(|allowed| allowed == action || allowed == "ecr:*" || allowed == "*");
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
        && services.iter().any(|service| service == LAMBDA)
        && ACTIONS.into_iter().all(allows)
        && !statement.contains_key("Condition")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table) -> String {
        Value::Table(table.clone()).to_json().to_string()
    }

    #[test]
    fn the_statement_for_lambda_comes_unasked_and_can_be_given_otherwise() {
        insta::assert_snapshot!(shown(&wanted(&Table::new())), @r#"{"LambdaECRImageRetrievalPolicy":{"Statement":[{"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}}"#);
        let given = Table::from_iter([(OF_LAMBDA.to_owned(), r#"{"effect":"Deny","principal":"*","action":"ecr:*"}"#.into())]);
        insta::assert_snapshot!(shown(&wanted(&given)), @r#"{"LambdaECRImageRetrievalPolicy":{"Statement":[{"Action":"ecr:*","Effect":"Deny","Principal":"*"}]}}"#);
    }

    #[test]
    fn what_lambda_wrote_itself_is_no_drift_and_what_others_wrote_is_shown() {
        let policy = r#"{"Version":"2008-10-17","Statement":[
            {"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},
             "Action":["ecr:BatchGetImage","ecr:DeleteRepositoryPolicy","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:SetRepositoryPolicy"]},
            {"Sid":"Theirs","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}"#;
        let (named, foreign) = seen(policy, &BTreeSet::from([OF_LAMBDA]));
        assert_eq!(named, wanted(&Table::new()));
        let path = "repository_policy.Theirs".parse().unwrap();
        assert_eq!(foreign, [Extra::foreign(path, "statement `Theirs` of the repository's policy").public(true)]);
        let narrow = r#"{"Statement":{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage"}}"#;
        assert_ne!(seen(narrow, &BTreeSet::from([OF_LAMBDA])).0, wanted(&Table::new()));
    }

    #[test]
    fn statements_of_others_stay_when_ours_change() {
        let policy = r#"{"Version":"2008-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":"*","Action":"a"},{"Sid":"Old","Effect":"Deny","Principal":"*","Action":"b"}]}"#;
        let merged_with = |set: &Table| merged(Some(policy), set, &["Old".to_owned()]);
        insta::assert_snapshot!(merged_with(&Table::new()), @r#"{"Statement":[{"Action":"a","Effect":"Allow","Principal":"*","Sid":"Theirs"}],"Version":"2008-10-17"}"#);
        assert!(merged_with(&wanted(&Table::new())).contains(OF_LAMBDA));
        for emptied in [None, Some(r#"{"Statement":[]}"#)] {
            let text = merged(emptied, &wanted(&Table::new()), &["Old".to_owned()]);
            assert_eq!(seen(&text, &BTreeSet::from([OF_LAMBDA])).0, wanted(&Table::new()));
        }
    }
}

//! What all reads have in common: what an error says about a resource, and how much is asked at once.

use crate::aws::AwsError;
use crate::model::{Path, Sighting, Table, Unchecked, Value};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt as _};

/// How many reads of one kind are under way at once, whatever the quota. Three kinds read so at the same
/// time; together they stay below 128 connections, the backlog of many a listener, beyond which a
/// connection costs a second of retransmission.
pub(crate) const AT_ONCE: usize = 32;

/// Reads all items, in their order, `parallel` of them at the same time. A read is a large thing while it is under way,
/// so each is made only when its turn comes.
pub(crate) async fn in_turn<'a, T, R>(
    items: impl IntoIterator<Item = T>,
    parallel: usize,
    read: impl Fn(T) -> BoxFuture<'a, R> + Send,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let (mut items, mut running, mut done) = (items.into_iter(), FuturesOrdered::new(), Vec::new());
    loop {
        while running.len() < parallel {
            let Some(item) = items.next() else { break };
            running.push_back(read(item));
        }
        match running.next().await {
            Some(result) => done.push(result),
            None => return done,
        }
    }
}

/// What an error says about a whole resource: missing only where AWS says so.
pub(crate) fn sighting(error: &AwsError) -> Sighting {
    if error.is_not_found() { Sighting::Missing } else { Sighting::Unreadable(unchecked(Path::default(), error)) }
}

/// A path that could not be read because of an error.
pub(crate) fn unchecked(path: Path, error: &AwsError) -> Unchecked {
    Unchecked { path, why: error.class.name().to_owned(), detail: error.to_string(), hints: error.diagnostic().hints }
}

/// Named texts as the value of a field.
pub(crate) fn text_table<'a>(texts: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    Value::Table(texts.into_iter().map(|(key, text)| (key.clone(), text.as_str().into())).collect())
}

/// What all names begin with, so that one list can show them all.
pub(crate) fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let Some((first, others)) = names.split_first() else { return "" };
    let agrees = |length: &usize| others.iter().all(|other| other.get(..*length) == first.get(..*length));
    let length = (0..=first.len()).rev().filter(|length| first.is_char_boundary(*length)).find(agrees).unwrap_or(0);
    &first[..length]
}

/// Whether a statement of a resource's policy lets everybody in. That a function's URL asks for no signature is a
/// condition, and keeps nobody out.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>
pub(crate) fn opens_to_everybody(statement: &Table) -> bool {
    let is_allowed = statement.get("Effect").is_none_or(|effect| effect.as_str() == Some("Allow"));
    let names_all = |value: &Value| value.as_str() == Some("*") || value.strings().iter().any(|one| *one == "*");
    let is_anybody = statement.get("Principal").is_some_and(|principal| match principal {
        Value::Table(sorts) => sorts.get("AWS").is_some_and(names_all),
        other => names_all(other),
    });
    let keys = statement.get("Condition").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    is_allowed && is_anybody && keys.flat_map(Table::keys).all(|key| key.eq_ignore_ascii_case("lambda:FunctionUrlAuthType"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ErrorClass;

    #[test]
    fn a_resource_is_missing_only_where_aws_says_so() {
        let of = |class| sighting(&AwsError::own("iam:GetRole", class, "no"));
        assert_eq!(of(ErrorClass::NotFound), Sighting::Missing);
        let Sighting::Unreadable(unchecked) = of(ErrorClass::Denied) else { panic!("not unreadable") };
        assert_eq!(
            (unchecked.path, unchecked.why.as_str(), unchecked.detail.as_str()),
            (Path::default(), "access_denied", "iam:GetRole: no")
        );
    }

    #[test]
    fn things_are_listed_by_what_their_names_have_in_common() {
        for (names, prefix) in [
            (&["demo-a-x", "demo-b-y", "demo-bc"][..], "demo-"),
            (&["/aws/lambda/demo-a", "/aws/lambda/demo-b", "/aws/lambda/demo"], "/aws/lambda/demo"),
            (&["demo", "demo-b"], "demo"),
            (&["/x"], "/x"),
            (&["/x", "y"], ""),
            (&["same", "same"], "same"),
            (&["é1", "è1"], ""),
            (&[], ""),
        ] {
            assert_eq!(common_prefix(names), prefix, "{names:?}");
        }
    }

    #[test]
    fn who_lets_everybody_in_is_told_from_who_does_not() {
        let is_open = |statement: &str| {
            let Value::Table(statement) = Value::from_json(&serde_json::from_str(statement).unwrap()) else { panic!("a table") };
            opens_to_everybody(&statement)
        };
        for (statement, expected) in [
            (r#"{"Effect":"Allow","Principal":"*"}"#, true),
            (r#"{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]}}"#, true),
            (r#"{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}"#, true),
            (r#"{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}"#, false),
            (r#"{"Effect":"Deny","Principal":"*"}"#, false),
            (r#"{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"}}"#, false),
        ] {
            assert_eq!(is_open(statement), expected, "{statement}");
        }
    }
}

//! What IAM refuses in the principals of a trust policy (measured on AWS by cdk-preflight,
//! `pf-iam-trust-policy-*`).

use crate::diagnostic::nearest;
use crate::kinds::arn::{Arn, is_account};
use crate::kinds::names::is_service_principal;
use crate::model::{Table, Value};

const KINDS: &[&str] = &["AWS", "Service", "Federated", "CanonicalUser"];
const COGNITO: &str = "cognito-identity.amazonaws.com";

/// What is wrong, as ends of sentences that begin with the statement.
pub(super) fn problems(given: &Table, partition: Option<&str>) -> Vec<String> {
    if given.contains_key("NotPrincipal") {
        return vec!["has a `NotPrincipal`, which a trust policy cannot have; name in `Principal` who may assume the role".to_owned()];
    }
    let kinds = match given.get("Principal") {
        None => {
            return vec![
                "has no `Principal`; it names who may assume the role, such as `{ Service = \"lambda.amazonaws.com\" }`".to_owned(),
            ];
        }
        Some(Value::Table(kinds)) => kinds,
        Some(other) if other.is_unresolved() => return Vec::new(),
        Some(other) if other.as_str() == Some("*") => {
            return vec![
                "has the `Principal` `*`; a trust policy takes `{ AWS = \"*\" }`, which lets anyone in who meets the `Condition`"
                    .to_owned(),
            ];
        }
        Some(_) => return vec!["has a `Principal` that is not a table, such as `{ Service = \"lambda.amazonaws.com\" }`".to_owned()],
    };
    let empty = kinds.is_empty().then(|| "has an empty `Principal`".to_owned());
    let has_condition = given.contains_key("Condition");
    empty.into_iter().chain(kinds.iter().flat_map(|(kind, names)| of_kind(kind, names, has_condition, partition))).collect()
}

fn of_kind(kind: &str, names: &Value, has_condition: bool, partition: Option<&str>) -> Vec<String> {
    if !KINDS.contains(&kind) {
        let hint = nearest(kind, KINDS.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return vec![format!("has a principal of the kind `{kind}`, which IAM does not know{hint}")];
    }
    let names = names.as_list().unwrap_or(std::slice::from_ref(names));
    if names.is_empty() {
        return vec![format!("has no name under the principal `{kind}`")];
    }
    let problem = |name: &Value| match name {
        Value::String(text) => of_name(kind, text, has_condition, partition),
        other if other.is_unresolved() => None,
        other => Some(format!("has {} under the principal `{kind}`, where only texts can stand", other.type_name())),
    };
    names.iter().filter_map(problem).collect()
}

fn of_name(kind: &str, name: &str, has_condition: bool, partition: Option<&str>) -> Option<String> {
    match kind {
        "Service" if !is_service_principal(name) => {
            let meant = if name.contains(['*', '?', ' ']) || name.contains('.') || name.is_empty() { "lambda" } else { name };
            Some(format!("has the service `{name}`; a service is named in full, such as `{meant}.amazonaws.com`"))
        }
        "AWS" => of_identity(name, partition),
        "Federated" if name.is_empty() => Some("has an empty name under the principal `Federated`".to_owned()),
        "Federated" if name == COGNITO && !has_condition => {
            Some(format!("trusts `{COGNITO}`, and has no `Condition` that says which identity pool: IAM asks for one"))
        }
        _ => None,
    }
}

/// Anyone, an account, or a root, user, role or session of one. Whether it exists only AWS knows.
fn of_identity(name: &str, partition: Option<&str>) -> Option<String> {
    if name == "*" || is_account(&name.replace('-', "")) {
        return None;
    }
    let kinds: &[&str] = match Arn::parse(name).map(|arn| arn.service) {
        Some("iam") => &["user/", "role/", "group/"],
        Some("sts") => &["assumed-role/", "federated-user/"],
        _ => &[],
    };
    let Some(arn) = Arn::parse(name).filter(|arn| arn.region.is_empty() && is_account(arn.account) && !kinds.is_empty()) else {
        return Some(format!(
            "has the principal `{name}`; it is twelve digits of an account, an ARN such as `arn:aws:iam::123456789012:role/NAME`, or `*`"
        ));
    };
    if name.contains(['*', '?', ' ']) {
        return Some(format!("has the principal `{name}`; names of principals are exact, `*` stands for anyone and only alone"));
    }
    let is_kind = kinds.iter().any(|kind| arn.resource.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
    if !is_kind && arn.resource != "root" {
        return Some(format!("has the principal `{name}`, which is no root, user or role"));
    }
    let other = partition.filter(|partition| arn.partition != *partition)?;
    Some(format!("has the principal `{name}` of the partition `{}`, and this is deployed to `{other}`", arn.partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> String {
        let statement = Value::from_json(&serde_json::from_str(json).unwrap());
        problems(statement.as_table().unwrap(), Some("aws")).join("\n")
    }

    #[test]
    fn principals_that_iam_takes_pass() {
        for json in [
            r#"{"Principal":{"Service":["lambda.amazonaws.com","s3.amazonaws.com.cn"],"AWS":["123456789012","1234-5678-9012","*"]}}"#,
            r#"{"Principal":{"AWS":["arn:aws:iam::123456789012:root","arn:aws:iam::123456789012:role/a/b","arn:aws:sts::123456789012:assumed-role/a/b"]}}"#,
            r#"{"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Condition":{}}"#,
            r#"{"Principal":{"Federated":["accounts.google.com","arn:aws:iam::123456789012:saml-provider/x"]}}"#,
        ] {
            assert_eq!(told(json), "", "{json}");
        }
    }

    #[test]
    fn principals_that_iam_refuses_are_explained() {
        insta::assert_snapshot!(told("{}"), @r#"has no `Principal`; it names who may assume the role, such as `{ Service = "lambda.amazonaws.com" }`"#);
        insta::assert_snapshot!(told(r#"{"NotPrincipal":{"AWS":"*"}}"#), @"has a `NotPrincipal`, which a trust policy cannot have; name in `Principal` who may assume the role");
        insta::assert_snapshot!(told(r#"{"Principal":"*"}"#), @r#"has the `Principal` `*`; a trust policy takes `{ AWS = "*" }`, which lets anyone in who meets the `Condition`"#);
        insta::assert_snapshot!(told(r#"{"Principal":"123456789012"}"#), @r#"has a `Principal` that is not a table, such as `{ Service = "lambda.amazonaws.com" }`"#);
        insta::assert_snapshot!(told(r#"{"Principal":{}}"#), @"has an empty `Principal`");
        insta::assert_snapshot!(told(r#"{"Principal":{"service":"x","Service":["lambda","*","lambda.example.com"],"Federated":["","cognito-identity.amazonaws.com"]}}"#), @r"
        has an empty name under the principal `Federated`
        trusts `cognito-identity.amazonaws.com`, and has no `Condition` that says which identity pool: IAM asks for one
        has the service `lambda`; a service is named in full, such as `lambda.amazonaws.com`
        has the service `*`; a service is named in full, such as `lambda.amazonaws.com`
        has the service `lambda.example.com`; a service is named in full, such as `lambda.amazonaws.com`
        has a principal of the kind `service`, which IAM does not know; did you mean `Service`?
        ");
        insta::assert_snapshot!(told(r#"{"Principal":{"AWS":["12345","arn:aws:iam::123456789012:user/*","arn:aws:iam::123456789012:policy/x","arn:aws-cn:iam::123456789012:root","AROAEXAMPLE",1,[]]}}"#), @r"
        has the principal `12345`; it is twelve digits of an account, an ARN such as `arn:aws:iam::123456789012:role/NAME`, or `*`
        has the principal `arn:aws:iam::123456789012:user/*`; names of principals are exact, `*` stands for anyone and only alone
        has the principal `arn:aws:iam::123456789012:policy/x`, which is no root, user or role
        has the principal `arn:aws-cn:iam::123456789012:root` of the partition `aws-cn`, and this is deployed to `aws`
        has the principal `AROAEXAMPLE`; it is twelve digits of an account, an ARN such as `arn:aws:iam::123456789012:role/NAME`, or `*`
        has an integer under the principal `AWS`, where only texts can stand
        has a list under the principal `AWS`, where only texts can stand
        ");
    }
}

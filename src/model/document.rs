//! When two documents mean the same.

use super::{Compare, Table, Value};

impl Compare {
    /// Whether two values of a field mean the same. Absent equals an empty list or table.
    pub fn is_equal(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let left = left.filter(|value| !is_empty(value)).map(|value| self.canonical(value));
        let right = right.filter(|value| !is_empty(value)).map(|value| self.canonical(value));
        left == right
    }

    /// The value in the one form that all its equals have.
    pub fn canonical(self, value: &Value) -> Value {
        match self {
            Self::Exact => value.clone(),
            Self::Set => sorted(value.as_list().unwrap_or(std::slice::from_ref(value)).to_vec()),
            Self::Json => parsed(value),
            Self::Policy => canonical_policy(&parsed(value)),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Table(table) => table.is_empty(),
        _ => false,
    }
}

/// The document inside a JSON text; any other value as it is.
pub fn parsed(value: &Value) -> Value {
    let json = value.as_str().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    json.map_or_else(|| value.clone(), |json| Value::from_json(&json))
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(|item| item.to_json().to_string());
    items.dedup();
    Value::List(items)
}

/// One form for all spellings of a policy: lists sorted, lone values as lists, account ids as root
/// ARNs, condition keys in lower case, scalars as text.
///
/// Follows what Terraform's policy equivalence does, and IAM's case rules for condition keys.
fn canonical_policy(document: &Value) -> Value {
    let document = match document {
        Value::List(items) if items.len() == 1 => &items[0],
        other => other,
    };
    let Value::Table(table) = document else { return document.clone() };
    let canonical = table.iter().map(|(key, value)| match key.as_str() {
        "Statement" => (key.clone(), sorted(as_list(value).iter().map(canonical_statement).collect())),
        _ => (key.clone(), value.clone()),
    });
    Value::Table(canonical.collect())
}

fn as_list(value: &Value) -> Vec<Value> {
    value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec)
}

fn canonical_statement(statement: &Value) -> Value {
    let Value::Table(table) = statement else { return statement.clone() };
    let canonical = table.iter().filter(|(key, value)| !(key.as_str() == "Sid" && value.as_str() == Some(""))).map(|(key, value)| {
        let value = match key.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => sorted(as_list(value)),
            "Principal" | "NotPrincipal" => canonical_principal(value),
            "Condition" => canonical_condition(value),
            "Effect" => value.as_str().map_or_else(|| value.clone(), |text| text.to_lowercase().into()),
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Table(canonical.collect())
}

fn canonical_principal(value: &Value) -> Value {
    let Value::Table(table) = value else { return value.clone() };
    let canonical =
        table.iter().map(|(kind, names)| (kind.clone(), sorted(as_list(names).iter().map(|name| root_arn(kind, name)).collect())));
    Value::Table(canonical.collect())
}

/// An account's root ARN means the same as its twelve digits.
fn root_arn(kind: &str, name: &Value) -> Value {
    let account = name.as_str().filter(|_| kind == "AWS").and_then(|text| {
        let (head, account) = text.strip_suffix(":root")?.split_once(":iam::")?;
        head.starts_with("arn:").then_some(account)
    });
    account.map_or_else(|| name.clone(), Value::from)
}

fn canonical_condition(value: &Value) -> Value {
    let Value::Table(operators) = value else { return value.clone() };
    let canonical = operators.iter().map(|(operator, keys)| {
        let Value::Table(keys) = keys else { return (operator.to_lowercase(), keys.clone()) };
        let keys: Table =
            keys.iter().map(|(key, values)| (key.to_lowercase(), sorted(as_list(values).iter().map(as_text).collect()))).collect();
        (operator.to_lowercase(), Value::Table(keys))
    });
    Value::Table(canonical.collect())
}

fn as_text(value: &Value) -> Value {
    super::value::scalar_text(value).map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, right: &str) -> bool {
        Compare::Policy.is_equal(Some(&left.into()), Some(&right.into()))
    }

    #[test]
    fn spelling_and_order_do_not_make_a_policy_another() {
        assert!(same(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get","Resource":["a","b"],"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Condition":{"StringEquals":{"AWS:SourceAccount":1}}}}"#,
            r#"{"Statement":[{"Sid":"","Resource":["b","a"],"Action":["s3:Get"],"Effect":"Allow","Principal":{"AWS":["123456789012"]},"Condition":{"stringequals":{"aws:sourceaccount":["1"]}}}],"Version":"2012-10-17"}"#,
        ));
    }

    #[test]
    fn another_action_or_version_makes_it_another() {
        let base = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}"#;
        assert!(!same(base, &base.replace("a:b", "a:c")));
        assert!(!same(base, &base.replace("2012-10-17", "2008-10-17")));
        assert!(!same(base, &base.replace("Allow", "Deny")));
    }

    #[test]
    fn absent_equals_empty() {
        assert!(Compare::Exact.is_equal(None, Some(&Value::List(vec![]))));
        assert!(!Compare::Exact.is_equal(None, Some(&"".into())));
    }
}

//! Documents in a form in which only what differs differs.

use crate::model::document::parsed;
use crate::model::{Compare, Table, Value};
use std::collections::BTreeMap;

/// Both sides of a change in the form that all their equals have, so that a diff of them shows no
/// change of mere spelling. Words that a policy may spell in any case stand as the user or AWS wrote them.
pub fn comparable(before: &Value, after: &Value, compare: Compare) -> (Value, Value) {
    let (canonical_before, canonical_after) = (compare.canonical(before), compare.canonical(after));
    if compare != Compare::Policy {
        return (canonical_before, canonical_after);
    }
    let mut spelling = Spelling::default();
    spelling.learn(&parsed(before));
    spelling.learn(&parsed(after));
    (spelling.restored(&canonical_before), spelling.restored(&canonical_after))
}

/// Words by their lower case.
#[derive(Default)]
struct Spelling(BTreeMap<String, String>);

impl Spelling {
    fn learn(&mut self, document: &Value) {
        match document {
            Value::List(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Table(table) => {
                for (key, value) in table {
                    self.0.insert(key.to_lowercase(), key.clone());
                    self.learn(value);
                }
                let effect = table.get("Effect").and_then(Value::as_str);
                self.0.extend(effect.map(|effect| (effect.to_lowercase(), effect.to_owned())));
            }
            _ => {}
        }
    }

    fn restored(&self, document: &Value) -> Value {
        match document {
            Value::List(items) => Value::List(items.iter().map(|item| self.restored(item)).collect()),
            Value::Table(table) => {
                let pair = |(key, value): (&String, &Value)| {
                    let value = if key == "Effect" { self.effect(value) } else { self.restored(value) };
                    (self.word(key), value)
                };
                Value::Table(table.iter().map(pair).collect::<Table>())
            }
            other => other.clone(),
        }
    }

    fn effect(&self, value: &Value) -> Value {
        value.as_str().map_or_else(|| value.clone(), |effect| self.word(effect).into())
    }

    fn word(&self, word: &str) -> String {
        self.0.get(&word.to_lowercase()).cloned().unwrap_or_else(|| word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_left_to_differ() {
        let before = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}}"#;
        let after = r#"{"Statement":[{"Resource":["*"],"Action":["s3:GetObject"],"Effect":"Allow","Condition":{"stringequals":{"AWS:sourceaccount":["1"]}}}],"Version":"2012-10-17"}"#;
        let (left, right) = comparable(&before.into(), &after.into(), Compare::Policy);
        assert_eq!(left, right);
        let (left, _) = comparable(&before.into(), &before.replace("s3:GetObject", "s3:PutObject").into(), Compare::Policy);
        insta::assert_snapshot!(left.to_json(), @r#"{"Statement":[{"Action":["s3:GetObject"],"Condition":{"StringEquals":{"aws:SourceAccount":["1"]}},"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn an_effect_keeps_its_capital() {
        let statement = |effect: &str| Value::from(format!(r#"{{"Statement":[{{"Effect":"{effect}","Action":"a:b","Resource":"*"}}]}}"#));
        let (left, right) = comparable(&statement("Allow"), &statement("Deny"), Compare::Policy);
        assert!(left.to_json().to_string().contains(r#""Effect":"Allow""#) && right.to_json().to_string().contains(r#""Effect":"Deny""#));
    }
}

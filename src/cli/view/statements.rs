//! What the statements of a policy come to, piece by piece, so that two policies can be compared by what they allow.

use super::human::output;
use crate::model::document::parsed;
use crate::model::{Table, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One action that is allowed or denied on one resource, or one principal that may assume a role by one action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Atom {
    /// Whether it is denied.
    pub is_denied: bool,
    /// Under which conditions, as words; empty for none.
    pub condition: String,
    /// On what, or who.
    pub object: String,
    /// What.
    pub action: String,
}

/// Actions with all that they hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Whether it is denied.
    pub is_denied: bool,
    /// Under which conditions, as words; empty for none.
    pub condition: String,
    /// What.
    pub actions: Vec<String>,
    /// On what, or who.
    pub objects: Vec<String>,
}

/// What a policy that is attached to a role says; `None` for what is no document, such as one that only AWS can complete.
pub fn of_policy(document: &Value) -> Option<BTreeSet<Atom>> {
    atoms(document, |statement| {
        let side = |name: &str, negated: &str| match words(field(statement, name)) {
            items if items.is_empty() => vec![format!("all but {}", words(field(statement, negated)).join(", "))],
            items => items,
        };
        (side("Action", "NotAction"), side("Resource", "NotResource"))
    })
}

/// What a trust policy says: who may assume the role, and how.
pub fn of_trust(document: &Value) -> Option<BTreeSet<Atom>> {
    atoms(document, |statement| {
        let principals = match words(field(statement, "Principal")) {
            items if items.is_empty() => vec![format!("all but {}", words(field(statement, "NotPrincipal")).join(", "))],
            items => items,
        };
        (words(field(statement, "Action")), principals)
    })
}

fn atoms(document: &Value, sides: impl Fn(&Table) -> (Vec<String>, Vec<String>)) -> Option<BTreeSet<Atom>> {
    let document = parsed(document);
    let statements = field(document.as_table()?, "Statement")?;
    let items = statements.as_list().unwrap_or(std::slice::from_ref(statements));
    let mut all = BTreeSet::new();
    for statement in items.iter().filter_map(Value::as_table) {
        let is_denied = field(statement, "Effect").and_then(Value::as_str).is_some_and(|effect| effect.eq_ignore_ascii_case("deny"));
        let condition = condition(statement);
        let (actions, objects) = sides(statement);
        for object in &objects {
            let atom = |action: &String| Atom { is_denied, condition: condition.clone(), object: object.clone(), action: action.clone() };
            all.extend(actions.iter().map(atom));
        }
    }
    Some(all)
}

/// The fewest clauses that say the same: actions on one resource together, then resources with the same actions.
pub fn clauses<'a>(atoms: impl IntoIterator<Item = &'a Atom>) -> Vec<Clause> {
    let mut by_object: BTreeMap<(bool, &str, &str), Vec<String>> = BTreeMap::new();
    for atom in atoms {
        by_object.entry((atom.is_denied, &atom.condition, &atom.object)).or_default().push(atom.action.clone());
    }
    let mut by_actions: BTreeMap<(bool, &str, Vec<String>), Vec<String>> = BTreeMap::new();
    for ((is_denied, condition, object), actions) in by_object {
        by_actions.entry((is_denied, condition, actions)).or_default().push(object.to_owned());
    }
    let clause = |((is_denied, condition, actions), objects): ((bool, &str, Vec<String>), Vec<String>)| Clause {
        is_denied,
        condition: condition.to_owned(),
        actions,
        objects,
    };
    by_actions.into_iter().map(clause).collect()
}

/// AWS writes `Action`, the spec may write `action`.
fn field<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    table.get(name).or_else(|| table.get(&name.to_lowercase()))
}

/// One or several texts; a principal's kind is left out.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::List(items)) => items.iter().flat_map(|item| words(Some(item))).collect(),
        Some(Value::Table(table)) => table.values().flat_map(|names| words(Some(names))).collect(),
        Some(value) => vec![output(value)],
    }
}

fn condition(statement: &Table) -> String {
    field(statement, "Condition").map(|condition| format!(" when {}", output(condition))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(policy: &str) -> Vec<String> {
        let atoms = of_policy(&policy.into()).unwrap();
        let sentence = |clause: Clause| format!("{} on {}{}", clause.actions.join(" "), clause.objects.join(" "), clause.condition);
        clauses(&atoms).into_iter().map(sentence).collect()
    }

    #[test]
    fn clauses_say_what_the_statements_say() {
        assert_eq!(
            said(
                r#"{"Statement":[{"Action":["s3:Get","s3:Put"],"Resource":["a","b"]},{"Action":"s3:Get","Resource":"c"},{"Action":"s3:Put","Resource":"c"}]}"#
            ),
            ["s3:Get s3:Put on a b c"]
        );
        assert_eq!(
            said(r#"{"Statement":{"NotAction":"s3:*","NotResource":["x"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}"#),
            [r#"all but s3:* on all but x when {"Bool":{"aws:SecureTransport":"false"}}"#]
        );
    }

    #[test]
    fn the_order_of_statements_does_not_count() {
        let (one, two) = (r#"{"Action":"a:b","Resource":"*"}"#, r#"{"Effect":"Deny","Action":"c:d","Resource":"*"}"#);
        let of = |statements: String| of_policy(&format!(r#"{{"Statement":[{statements}]}}"#).into());
        assert_eq!(of(format!("{one},{two}")), of(format!("{two},{one}")));
        assert_eq!(of_policy(&"no JSON".into()), None);
    }
}

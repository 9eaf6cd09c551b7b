//! What functions of one project differ in by nothing but their names looks the same once the names are left out.

use crate::model::{Address, Plan, TemplatePart, Value};
use std::collections::BTreeMap;

/// What stands for a function's name where a text holds for several functions.
pub const ANY_NAME: &str = "<name>";
const FUNCTION: &str = "function";

/// How each function is called in AWS.
pub struct OwnNames(BTreeMap<String, Naming>);

struct Naming {
    /// The texts that hold the name, the longer first, and what stands for them.
    spellings: Vec<(String, String)>,
}

impl OwnNames {
    /// The names of all functions in `plan`.
    pub fn of(plan: &Plan) -> Self {
        let functions = plan.steps.iter().filter(|step| step.address.kind == FUNCTION);
        let named = functions.filter_map(|step| {
            let name = &step.address.name;
            let physical = step.physical_id.as_ref()?.as_str();
            let shown = physical.strip_suffix(name.as_str()).map_or_else(|| "<function name>".into(), |head| format!("{head}{ANY_NAME}"));
            let spellings = vec![(format!("{FUNCTION}.{name}"), format!("{FUNCTION}.{ANY_NAME}")), (physical.to_owned(), shown)];
            Some((name.clone(), Naming { spellings }))
        });
        Self(named.collect())
    }

    /// `text`, said of the resource at `address`, without the name of its function.
    pub fn without(&self, address: &Address, text: &str) -> String {
        let Some(naming) = self.0.get(&address.name) else { return text.to_owned() };
        naming.spellings.iter().fold(text.to_owned(), |text, (name, shown)| replaced(&text, name, shown))
    }

    /// A value of the resource at `address` without the name of its function.
    pub fn without_in(&self, address: &Address, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.without(address, text)),
            Value::List(items) => Value::List(items.iter().map(|item| self.without_in(address, item)).collect()),
            Value::Table(table) => {
                Value::Table(table.iter().map(|(key, item)| (self.without(address, key), self.without_in(address, item))).collect())
            }
            Value::Unresolved(parts) => Value::Unresolved(parts.iter().map(|part| self.without_part(address, part)).collect()),
            other => other.clone(),
        }
    }

    fn without_part(&self, address: &Address, part: &TemplatePart) -> TemplatePart {
        match part {
            TemplatePart::Text(text) => TemplatePart::Text(self.without(address, text)),
            TemplatePart::Attribute { address: other, attribute } if other.name == address.name => {
                TemplatePart::Attribute { address: Address { name: ANY_NAME.into(), ..other.clone() }, attribute: attribute.clone() }
            }
            other => other.clone(),
        }
    }
}

/// `text` with `name` replaced where it stands by itself: `demo-a` is no part of `demo-ab`.
fn replaced(text: &str, name: &str, shown: &str) -> String {
    let (mut output, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let goes_on = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        let is_whole = !goes_on(before.chars().last().or(output.chars().last())) && !goes_on(after.chars().next());
        output.push_str(before);
        output.push_str(if is_whole { shown } else { name });
        rest = after;
    }
    output + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{new_step, plan_of};

    #[test]
    fn a_name_is_left_out_only_where_it_stands_by_itself() {
        let names = OwnNames::of(&plan_of(vec![new_step("function.a"), new_step("function.other")]));
        let rule = Address::new("event_rule", "a");
        for (text, shown) in [
            ("arn:aws:logs:x:1:log-group:/aws/lambda/demo-a:*", "arn:aws:logs:x:1:log-group:/aws/lambda/demo-<name>:*"),
            ("demo-a-daily of function.a", "demo-<name>-daily of function.<name>"),
            ("demo-ab, xdemo-a, demo-other", "demo-ab, xdemo-a, demo-other"),
            ("a demo", "a demo"),
        ] {
            assert_eq!(names.without(&rule, text), shown);
        }
        assert_eq!(names.without(&Address::new("role", "shared"), "demo-a"), "demo-a");
    }

    #[test]
    fn a_function_whose_name_is_given_has_another_word_for_it() {
        let mut step = new_step("function.a");
        step.physical_id = Some("legacy".into());
        assert_eq!(OwnNames::of(&plan_of(vec![step])).without(&Address::new("function", "a"), "legacy-x"), "<function name>-x");
    }

    #[test]
    fn values_are_looked_through() {
        let names = OwnNames::of(&plan_of(vec![new_step("function.a")]));
        let function = Address::new("function", "a");
        let value = Value::from_json(&serde_json::json!({"list": ["demo-a", 1], "demo-a": true}));
        insta::assert_snapshot!(names.without_in(&function, &value).to_json(), @r#"{"demo-<name>":true,"list":["demo-<name>",1]}"#);
        let reference = Value::reference(&Address::new("role", "a"), "unique_id");
        assert_eq!(names.without_in(&function, &reference), Value::reference(&Address::new("role", ANY_NAME), "unique_id"));
    }
}

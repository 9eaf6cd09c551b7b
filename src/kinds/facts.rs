//! What other kinds need to know about a function.

use super::names::usual_name;
use super::{FunctionFacts, repository_facts};
use crate::model::{Address, Section, Target, TemplatePart, Value};
use std::collections::BTreeMap;

/// All functions of a spec, found by their names and by their roles.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: BTreeMap<String, FunctionFacts>,
    /// The names of those that have a role.
    by_role: BTreeMap<Address, Vec<String>>,
}

impl Functions {
    /// The function of this name.
    pub fn get(&self, name: &str) -> Option<&FunctionFacts> {
        self.by_name.get(name)
    }

    /// Those that run as this role, by name.
    pub fn with_role<'a>(&'a self, role: &Address) -> impl Iterator<Item = &'a FunctionFacts> {
        self.by_role.get(role).into_iter().flatten().filter_map(|name| self.by_name.get(name))
    }
}

impl FromIterator<FunctionFacts> for Functions {
    fn from_iter<I: IntoIterator<Item = FunctionFacts>>(all: I) -> Self {
        let by_name: BTreeMap<String, FunctionFacts> = all.into_iter().map(|facts| (facts.name.clone(), facts)).collect();
        let mut by_role: BTreeMap<Address, Vec<String>> = BTreeMap::new();
        for (name, facts) in &by_name {
            facts.role.iter().for_each(|role| by_role.entry(role.clone()).or_default().push(name.clone()));
        }
        Self { by_name, by_role }
    }
}

/// Works out the facts of one function. A name pattern in `function_name` is resolved already.
///
/// `role` and `log_group` are the sections of those kinds under the function, where the spec has
/// them.
pub fn function_facts(
    section: &Section,
    role: Option<&Section>,
    log_group: Option<&Section>,
    project: &str,
    stage: Option<&str>,
    target: &Target,
) -> FunctionFacts {
    let function_name = section.string("function_name").map_or_else(|| usual_name(project, stage, &section.name), str::to_owned);
    let Target { partition, account, region } = target;
    let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{function_name}");
    let logging = section.values.get("logging_config").and_then(Value::as_table);
    let log_group_name = logging
        .and_then(|config| config.get("log_group")?.as_str())
        .or_else(|| log_group?.string("log_group_name"))
        .map_or_else(|| format!("/aws/lambda/{function_name}"), str::to_owned);
    let mut values = section.values.clone();
    let role = match given_role(section, role) {
        None => Some(Address::new("role", &section.name)),
        Some(given) => {
            values.insert("role".to_owned(), given.clone());
            managed_role(given)
        }
    };
    let repository = repository_facts(section, &BTreeMap::new(), project, stage);
    FunctionFacts { name: section.name.clone(), function_name, arn, role, log_group_name, repository, values }
}

/// The key under which a role section holds what stands in `role = "…"`: the shorthand of the kind `role`.
pub(crate) const ROLE_SHORTHAND: &str = "reference";

/// What stands in `role = "…"`: a name, an ARN or a reference. `None` where the role is the
/// function's own.
fn given_role<'a>(section: &'a Section, role: Option<&'a Section>) -> Option<&'a Value> {
    let is_lone = |value: &&Value| matches!(value, Value::String(_) | Value::Unresolved(_));
    let shorthand = role.and_then(|role| role.values.get(ROLE_SHORTHAND));
    shorthand.or_else(|| section.values.get("role")).filter(is_lone)
}

/// The address behind what stands in `role = "…"`; `None` for an ARN.
fn managed_role(given: &Value) -> Option<Address> {
    match given {
        Value::String(text) if text.starts_with("arn:") => None,
        Value::String(text) => Some(Address::new("role", text)),
        Value::Unresolved(parts) => match &parts[..] {
            [TemplatePart::Attribute { address, attribute }] if address.kind == "role" && attribute == "arn" => Some(address.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Table;

    fn section(kind: &str, values: &[(&str, Value)]) -> Section {
        Section {
            kind: kind.into(),
            name: "hash".into(),
            part: None,
            values: values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            spans: BTreeMap::new(),
            span: None,
        }
    }

    fn facts(function: &Section, role: Option<&Section>, log_group: Option<&Section>) -> FunctionFacts {
        function_facts(function, role, log_group, "demo", Some("dev"), &Target::placeholder())
    }

    #[test]
    fn names_come_from_project_and_stage_unless_given() {
        let facts_of = |values: &[(&str, Value)]| facts(&section("function", values), None, None);
        assert_eq!(facts_of(&[]).arn, "arn:aws:lambda:us-east-1:123456789012:function:demo-dev-hash");
        assert_eq!(facts_of(&[]).log_group_name, "/aws/lambda/demo-dev-hash");
        assert_eq!(facts_of(&[("function_name", "mine".into())]).log_group_name, "/aws/lambda/mine");
    }

    #[test]
    fn the_log_group_is_what_the_function_says_and_else_what_the_group_is_called() {
        let group = section("log_group", &[("log_group_name", "/group".into())]);
        let logging = Value::Table(Table::from_iter([("log_group".to_owned(), "/function".into())]));
        assert_eq!(facts(&section("function", &[]), None, Some(&group)).log_group_name, "/group");
        assert_eq!(facts(&section("function", &[("logging_config", logging)]), None, Some(&group)).log_group_name, "/function");
    }

    #[test]
    fn a_role_is_own_shared_referred_to_or_foreign() {
        let shared = Address::new("role", "shared");
        let function = section("function", &[]);
        let with = |value: Value| facts(&function, Some(&section("role", &[(ROLE_SHORTHAND, value)])), None);
        assert_eq!(facts(&function, Some(&section("role", &[])), None).role, Some(Address::new("role", "hash")));
        assert_eq!(with("shared".into()).role, Some(shared.clone()));
        assert_eq!(with(Value::reference(&shared, "arn")).role, Some(shared));
        let foreign = with("arn:aws:iam::123456789012:role/x".into());
        assert_eq!((foreign.role, foreign.values.get("role").and_then(Value::as_str)), (None, Some("arn:aws:iam::123456789012:role/x")));
    }
}

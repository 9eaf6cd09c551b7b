//! What something new is made with: only what the spec had to say.

use super::step::{Purpose, Steps};
use super::text::{DIM, fitted_value, listed, shortened, styled, value, width};
use crate::model::{Action, Address, Field, PhysicalId, Plan, Shape, Step, Table, Value, field};
use std::collections::BTreeMap;

const INDENT: usize = 6;
/// Settings of something new that are shown elsewhere: policies stand in the block of rights.
const HIDDEN: [&str; 4] = ["tags", "trust_policy", "inline_policy", "managed_policies"];
/// What a rule invokes: its function, by ARN.
const TARGETS: &str = "targets";

/// Whom the names and ARNs in a plan belong to.
pub struct Names(BTreeMap<String, Address>);

impl Names {
    /// The names and ARNs of everything in `plan`, as far as they are predicted.
    pub fn of(plan: &Plan) -> Self {
        let mut names = BTreeMap::new();
        for step in &plan.steps {
            let arn = step.settles.as_ref().and_then(|facts| facts.attributes.get("arn")).and_then(Value::as_str);
            let known = [step.physical_id.as_ref().map(PhysicalId::as_str), arn];
            names.extend(known.into_iter().flatten().map(|name| (name.to_owned(), step.address.clone())));
        }
        Self(names)
    }

    fn owner(&self, value: &Value) -> Option<&Address> {
        self.0.get(value.as_str()?)
    }
}

/// The lines below a new resource.
pub fn lines(step: &Step, steps: &Steps<'_>) -> Vec<String> {
    let parts: Vec<String> = of(step, steps, false).iter().map(|(name, value)| text(name, value, steps)).collect();
    listed(&parts, INDENT, steps.columns).iter().map(|line| styled(DIM, line)).collect()
}

/// What a new resource is made with. Left out is what it has without being asked: defaults, what is empty, its own
/// name, and what belongs to the same function; of a part of a function also that it is the function's.
pub fn of(step: &Step, steps: &Steps<'_>, is_part: bool) -> Vec<(String, Value)> {
    if step.action != Action::Create || steps.purpose == Purpose::Drift {
        return Vec::new();
    }
    let told = Told { step, plan: steps.plan, names: &steps.names };
    let fields = steps.rules.rules(&step.address.kind).map(crate::model::Rules::fields).unwrap_or_default();
    let operations = step.operations.iter().filter_map(|id| steps.plan.operations.get(id.0));
    let carries = operations.flat_map(|operation| &operation.carries).filter(|carry| !HIDDEN.contains(&carry.path.first()));
    let is_own = |value: &Value| steps.names.owner(value).is_some_and(|owner| owner.name == step.address.name);
    carries
        .filter_map(|carry| {
            let field = field::find(fields, carry.path.first()).filter(|_| carry.path.0.len() == 1);
            Some((&carry.path, told.worth(carry.path.0.last()?, field, carry.value.as_ref()?)?))
        })
        .flat_map(|(path, value)| if path.first() == TARGETS { targets(&value) } else { vec![(path.to_string(), value)] })
        .filter(|(_, value)| !(is_part && is_own(value)))
        .collect()
}

/// `name = value`, cut to one line at most; only the function's ARN is worth more.
pub fn text(name: &str, setting: &Value, steps: &Steps<'_>) -> String {
    let shown = match steps.names.owner(setting) {
        Some(owner) if name != TARGETS => owner.to_string(),
        _ => value(Some(&shortened(setting))),
    };
    let space = if name == TARGETS { usize::MAX } else { steps.columns.saturating_sub(INDENT + width(name) + 4).max(20) };
    format!("{name} = {}", fitted_value(&shown, space))
}

struct Told<'a> {
    step: &'a Step,
    plan: &'a Plan,
    names: &'a Names,
}

impl Told<'_> {
    /// What of a setting says something; nested tables lose their defaults, too.
    fn worth(&self, key: &str, field: Option<&Field>, value: &Value) -> Option<Value> {
        let default = field.and_then(|field| field.default.value());
        let is_default = field.is_some_and(|field| default.is_some() && field.compare.is_equal(Some(value), default.as_ref()));
        if is_default || is_empty(value) || self.is_derived(key, value) {
            return None;
        }
        let (Value::Table(table), Some(Shape::Table(fields))) = (value, field.map(|field| field.shape)) else { return Some(value.clone()) };
        let kept: Table =
            table.iter().filter_map(|(key, value)| Some((key.clone(), self.worth(key, field::find(fields, key), value)?))).collect();
        (!kept.is_empty()).then_some(Value::Table(kept))
    }

    /// Whether the headline says it already, or it is what a function and all of its own have in common.
    fn is_derived(&self, key: &str, value: &Value) -> bool {
        let is_same_function = self.names.owner(value).is_some_and(|owner| owner.name == self.step.address.name);
        is_same_function || self.is_own_name(key, value) || self.is_usual_path(key, value)
    }

    /// A name of several parts is put together with `/`, such as bus and rule.
    fn is_own_name(&self, key: &str, value: &Value) -> bool {
        let is_name = key == "name" || key.ends_with("_name") || key.ends_with("_id");
        let (Some(id), Some(name), true) = (&self.step.physical_id, value.as_str(), is_name) else { return false };
        let id = id.as_str();
        let is_part = |rest: Option<&str>, is_cut: fn(&str) -> bool| rest.is_some_and(|rest| rest.is_empty() || is_cut(rest));
        is_part(id.strip_prefix(name), |rest| rest.starts_with('/')) || is_part(id.strip_suffix(name), |rest| rest.ends_with('/'))
    }

    /// Roles stand below the project's path unless the spec says otherwise; no table has that default.
    fn is_usual_path(&self, key: &str, value: &Value) -> bool {
        key == "path" && value.as_str() == Some(&format!("/lambdo/{}/", self.plan.project))
    }
}

/// What is set for each target: a name and a value each, without the names that targets have in AWS.
fn targets(setting: &Value) -> Vec<(String, Value)> {
    let targets = setting.as_table().into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let name = |key: &str| if key == "arn" { TARGETS.to_owned() } else { key.to_owned() };
    targets.flatten().map(|(key, value)| (name(key), value.clone())).collect()
}

/// Whether a setting says nothing: AWS's empty text for "none", at any depth.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Table(table) => table.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{facts, new_step, operation, plan_of};
    use crate::kinds::Registry;
    use crate::model::OperationId;

    /// What a create of `address`, called `id`, shows of `settings`, beside a role and a group of the same function.
    fn shown(address: &str, id: &str, settings: &str) -> String {
        let mut step = new_step(address);
        step.physical_id = Some(id.into());
        step.operations = vec![OperationId(0)];
        let (mut role, mut group) = (new_step("role.hash"), new_step("log_group.hash"));
        role.settles = Some(facts("arn:aws:iam::123456789012:role/lambdo/demo/demo-hash"));
        group.physical_id = Some("/aws/lambda/demo-hash".into());
        let mut shared = new_step("role.shared");
        shared.settles = Some(facts("arn:aws:iam::123456789012:role/lambdo/demo/shared"));
        let mut plan = plan_of(vec![step, role, group, shared]);
        let Value::Table(settings) = Value::from_json(&serde_json::from_str(settings).unwrap()) else { panic!("a table") };
        plan.operations = vec![operation(address, settings)];
        let registry = Registry::new();
        let lines = super::lines(&plan.steps[0], &Steps::new(&plan, &plan.steps, Purpose::Deploy, &registry, 80));
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    const HASH: &str = "sha256:e283b4e76c870f1622b107ab4211f6d63a427b13d5463db7678c730340f2b090";

    #[test]
    fn a_new_function_shows_what_differs_from_the_defaults() {
        let settings = r#"{"function_name":"demo-hash","architectures":["arm64"],"runtime":"provided.al2023","handler":"bootstrap","timeout":3,
            "memory_size":256,"ephemeral_storage":{"size":512},"vpc_config":{"subnet_ids":["subnet-1"],"security_group_ids":[],"ipv6_allowed_for_dual_stack":false},
            "tracing_config":{"mode":"PassThrough"},"logging_config":{"log_format":"Text","log_group":"/aws/lambda/demo-hash"},"environment":{"LEVEL":"info"},
            "role":"arn:aws:iam::123456789012:role/lambdo/demo/demo-hash","tags":{"a":"b"},"code":"HASH"}"#;
        insta::assert_snapshot!(shown("function.hash", "demo-hash", &settings.replace("HASH", HASH)), @r#"
        architectures = ["arm64"], code = "sha256:e283b4e76c87",
        environment = {"LEVEL":"info"}, memory_size = 256,
        vpc_config = {"subnet_ids":["subnet-1"]}
        "#);
    }

    #[test]
    fn a_role_that_is_shared_is_named_and_one_of_others_stands_as_its_arn() {
        let role = |arn: &str| shown("function.hash", "demo-hash", &format!(r#"{{"role":"{arn}"}}"#));
        assert_eq!(role("arn:aws:iam::123456789012:role/lambdo/demo/shared"), "      role = role.shared");
        assert_eq!(role("arn:aws:iam::123456789012:role/theirs"), r#"      role = "arn:aws:iam::123456789012:role/theirs""#);
    }

    #[test]
    fn a_rule_shows_when_it_fires_and_what_it_invokes() {
        let settings = |target: &str| {
            format!(
                r#"{{"name":"demo-hash-daily","event_bus_name":"orders","schedule_expression":"rate(1 day)","enabled":true,"targets":{{"lambdo":{target}}}}}"#
            )
        };
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:demo-hash";
        insta::assert_snapshot!(shown("event_rule.hash.daily", "orders/demo-hash-daily", &settings(&format!(r#"{{"arn":"{arn}"}}"#))), @r#"
        schedule_expression = "rate(1 day)",
        targets = "arn:aws:lambda:eu-central-1:123456789012:function:demo-hash"
        "#);
        let with_input = settings(&format!(r#"{{"arn":"{arn}","input":"{{}}"}}"#));
        assert!(shown("event_rule.hash.daily", "orders/demo-hash-daily", &with_input).ends_with(r#"input = "{}""#));
    }

    #[test]
    fn what_is_as_always_is_not_told() {
        for (address, id, settings) in [
            ("role.hash", "demo-hash", r#"{"role_name":"demo-hash","path":"/lambdo/demo/","max_session_duration":3600,"description":""}"#),
            (
                "log_group.hash",
                "/aws/lambda/x",
                r#"{"log_group_name":"/aws/lambda/x","retention_in_days":30,"log_group_class":"STANDARD"}"#,
            ),
            ("permission.hash.x", "demo-hash/lambdo-x", r#"{"statement_id":"lambdo-x","action":"lambda:InvokeFunction"}"#),
        ] {
            assert_eq!(shown(address, id, settings), "", "{address}");
        }
        assert_eq!(shown("role.hash", "demo-hash", r#"{"path":"/"}"#), r#"      path = "/""#);
    }
}

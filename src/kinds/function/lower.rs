//! A function's section becomes a resource.

use super::fields::FIELDS;
use super::live::sorted;
use super::{KIND, check, environment, package_type};
use crate::diagnostic::Diagnostic;
use crate::kinds::lowering::{self, facts_of, finding};
use crate::kinds::{Context, FunctionFacts, Lowered};
use crate::model::field::fill_defaults;
use crate::model::{Address, Dependency, Path, Resource, Section, Table, Value};
use std::str::FromStr;

pub(super) fn lower(section: &Section, context: &Context<'_>) -> Lowered {
    let facts = facts_of(section, context);
    let mut diagnostics = Vec::new();
    let mut resource = Resource::new(Address::new(KIND, &section.name), facts.function_name.as_str());
    resource.inputs = inputs(section, &facts, context);
    resource.attributes = attributes(&facts, &resource.inputs);
    resource.dependencies = dependencies(section, &facts, &mut diagnostics);
    resource.ignore = ignored(section, &mut diagnostics);
    resource.protect = section.boolean("protect", false);
    let waits = package_type::needed(section, context).into_iter().map(Dependency::hard);
    resource.dependencies.extend(waits);
    diagnostics.extend(check::all(section, &resource.inputs, context));
    let resources = std::iter::once(resource).chain(package_type::company(section, context)).collect();
    Lowered { resources, diagnostics }
}

/// The settings in their one canonical form, defaults filled in.
fn inputs(section: &Section, facts: &FunctionFacts, context: &Context<'_>) -> Table {
    let mut inputs = lowering::settings(section, FIELDS);
    // The spec says where the package comes from; the input is what it holds.
    inputs.remove("code");
    if let Some(Value::Table(variables)) = inputs.get_mut("environment") {
        *variables = environment::as_text(variables);
    }
    for key in ["architectures", "layers", "file_system_configs"] {
        if let Some(lone) = inputs.get_mut(key).filter(|value| value.as_list().is_none()) {
            *lone = Value::List(vec![lone.clone()]);
        }
    }
    storage_as_table(&mut inputs);
    sort_vpc(&mut inputs);
    inputs.insert("function_name".to_owned(), facts.function_name.as_str().into());
    let logging = inputs.entry("logging_config".to_owned()).or_insert_with(|| Table::new().into());
    if let Value::Table(logging) = logging {
        logging.entry("log_group".to_owned()).or_insert_with(|| facts.log_group_name.as_str().into());
    }
    let config = inputs.remove(package_type::CONFIG).and_then(|config| package_type::canonical_config(config.as_table()?));
    inputs.extend(config.map(|config| (package_type::CONFIG.to_owned(), config.into())));
    fill_defaults(FIELDS, &mut inputs);
    inputs.insert("role".to_owned(), role(facts));
    code(section, context, &mut inputs);
    inputs
}

/// What it is made of: a package by its content, an image by its address.
fn code(section: &Section, context: &Context<'_>, inputs: &mut Table) {
    let artifact = context.artifacts.get(&Address::new(KIND, &section.name));
    inputs.remove(package_type::PACKAGE_TYPE);
    if !section.values.contains_key(package_type::SOURCE) {
        inputs.extend(artifact.map(|artifact| ("code".to_owned(), artifact.content_hash.as_str().into())));
        return;
    }
    inputs.insert(package_type::PACKAGE_TYPE.to_owned(), package_type::IMAGE.into());
    inputs.extend(package_type::image_uri(section, context, artifact).map(|uri| ("code".to_owned(), uri)));
    package_type::without_foreign(inputs);
}

/// `ephemeral_storage = 1024` means `{ size = 1024 }`.
fn storage_as_table(inputs: &mut Table) {
    if let Some(size) = inputs.get_mut("ephemeral_storage").filter(|storage| storage.as_table().is_none()) {
        *size = Table::from_iter([("size".to_owned(), size.clone())]).into();
    }
}

/// Puts subnets and security groups in one order, since theirs has no meaning.
fn sort_vpc(inputs: &mut Table) {
    let Some(Value::Table(config)) = inputs.get_mut("vpc_config") else { return };
    for key in ["subnet_ids", "security_group_ids"] {
        if let Some(list) = config.get_mut(key) {
            *list = sorted(std::mem::replace(list, Value::Null));
        }
    }
}

fn role(facts: &FunctionFacts) -> Value {
    let given = || facts.values.get("role").cloned().unwrap_or_else(|| "".into());
    facts.role.as_ref().map_or_else(given, |role| Value::reference(role, "arn"))
}

fn attributes(facts: &FunctionFacts, inputs: &Table) -> Table {
    let mut attributes = Table::from_iter([
        ("arn".to_owned(), facts.arn.as_str().into()),
        ("function_name".to_owned(), facts.function_name.as_str().into()),
    ]);
    if let Some(Value::String(role)) = inputs.get("role") {
        attributes.insert("role".to_owned(), role.as_str().into());
    }
    attributes
}

fn dependencies(section: &Section, facts: &FunctionFacts, diagnostics: &mut Vec<Diagnostic>) -> Vec<Dependency> {
    let mut dependencies: Vec<Dependency> = facts.role.iter().cloned().map(Dependency::hard).collect();
    dependencies.push(Dependency::soft(Address::new("log_group", &section.name)));
    let addresses = parsed(section, "depends_on", diagnostics, |problem| {
        Diagnostic::error("bad-address", "Not an address").detail(format!("{problem}."))
    });
    dependencies.extend(addresses.into_iter().map(Dependency::hard));
    dependencies
}

fn ignored(section: &Section, diagnostics: &mut Vec<Diagnostic>) -> Vec<Path> {
    parsed(section, "ignore", diagnostics, |problem| {
        let detail = format!("{problem}; a path is a key, such as `environment.LOG_LEVEL`.");
        Diagnostic::error("bad-path", "Not the path of a setting").detail(detail)
    })
}

/// The texts at `key`, read; those that cannot be read are told.
fn parsed<T: FromStr<Err = String>>(
    section: &Section,
    key: &str,
    diagnostics: &mut Vec<Diagnostic>,
    complaint: impl Fn(String) -> Diagnostic,
) -> Vec<T> {
    let mut read = Vec::new();
    for (at, text) in texts(section, key).into_iter().enumerate() {
        match text.parse() {
            Ok(value) => read.push(value),
            Err(problem) => diagnostics.push(finding(section, &Path::key(key).join(&at.to_string()), complaint(problem))),
        }
    }
    read
}

fn texts<'a>(section: &'a Section, key: &str) -> Vec<&'a str> {
    match section.values.get(key) {
        Some(Value::String(text)) => vec![text],
        Some(value) => value.strings(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::{lowered, table};
    use crate::model::{Strength, Until};

    #[test]
    fn the_smallest_section_becomes_a_function_with_all_defaults() {
        let lowered = lowered(&[]);
        assert_eq!(lowered.diagnostics, []);
        let resource = &lowered.resources[0];
        assert_eq!(resource.physical_id().unwrap().as_str(), "demo-hash");
        insta::assert_snapshot!(Value::Table(resource.inputs.clone()).to_json(), @r#"{"architectures":["x86_64"],"code":"sha256:aa","dead_letter_config":{"target_arn":""},"description":"","environment":{},"ephemeral_storage":{"size":512},"file_system_configs":[],"function_name":"demo-hash","handler":"bootstrap","kms_key_arn":"","layers":[],"logging_config":{"log_format":"Text","log_group":"/aws/lambda/demo-hash"},"memory_size":128,"role":{"$unknown":"role.hash.arn"},"runtime":"provided.al2023","snap_start":{"apply_on":"None"},"tags":{},"timeout":3,"tracing_config":{"mode":"PassThrough"},"vpc_config":{"ipv6_allowed_for_dual_stack":false,"security_group_ids":[],"subnet_ids":[]}}"#);
        insta::assert_snapshot!(Value::Table(resource.attributes.clone()).to_json(), @r#"{"arn":"arn:aws:lambda:us-east-1:123456789012:function:demo-hash","function_name":"demo-hash"}"#);
    }

    #[test]
    fn it_waits_hard_for_the_whole_role_and_softly_for_the_log_group() {
        let lowered = lowered(&[("depends_on", Value::string_list(["function.other"]))]);
        let waits: Vec<_> = lowered.resources[0].dependencies.iter().map(|wait| (wait.on.to_string(), wait.strength, wait.until)).collect();
        assert_eq!(
            waits,
            [
                ("role.hash".to_owned(), Strength::Hard, Until::Complete),
                ("log_group.hash".to_owned(), Strength::Soft, Until::Exists),
                ("function.other".to_owned(), Strength::Hard, Until::Complete),
            ]
        );
    }

    #[test]
    fn what_steers_lambdo_is_no_input() {
        let lowered = lowered(&[
            ("build", "lambdas/hash".into()),
            ("code", table([("zip", "a.zip".into())])),
            ("protect", true.into()),
            ("ignore", Value::string_list(["environment.FEATURE_*"])),
            ("architectures", "arm64".into()),
            ("environment", table([("LEVEL", 3.into())])),
        ]);
        let resource = &lowered.resources[0];
        assert!(resource.protect);
        assert_eq!(resource.ignore[0].to_string(), "environment.FEATURE_*");
        assert_eq!(resource.input("code"), Some(&"sha256:aa".into()));
        assert_eq!(resource.input("architectures"), Some(&Value::string_list(["arm64"])));
        assert_eq!(resource.input("environment"), Some(&table([("LEVEL", "3".into())])));
        assert!(["build", "protect", "ignore"].iter().all(|key| resource.input(key).is_none()));
    }

    #[test]
    fn storage_is_a_size_or_a_table_with_one_and_always_read_as_a_table() {
        let size = |number: i64| table([("size", number.into())]);
        for (given, wanted) in [(1024.into(), size(1024)), (size(1024), size(1024)), (table([]), size(512))] {
            let lowered = lowered(&[("ephemeral_storage", given)]);
            assert_eq!(lowered.resources[0].input("ephemeral_storage"), Some(&wanted));
        }
    }

    #[test]
    fn bad_addresses_and_paths_are_pointed_out() {
        let lowered = lowered(&[("depends_on", "hash".into()), ("ignore", Value::string_list(["a..b"]))]);
        let codes: Vec<_> = lowered.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, ["bad-address", "bad-path"]);
    }
}

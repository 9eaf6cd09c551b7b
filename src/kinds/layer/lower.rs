//! A layer's section becomes a resource: the version that has this content and these settings.

use super::KIND;
use super::fields::{FIELDS, KEEP};
use crate::diagnostic::Diagnostic;
use crate::kinds::lowering::{self, finding};
use crate::kinds::names::usual_name;
use crate::kinds::{Context, Lowered};
use crate::model::field::fill_defaults;
use crate::model::{Address, Path, Resource, Section, Table, Value};
use sha2::{Digest, Sha256};

/// How many hex digits of the hash tell versions apart.
const DIGITS: usize = 12;
/// Those settings whose order has no meaning.
const SETS: &[&str] = &["compatible_runtimes", "compatible_architectures"];

pub(super) fn lower(section: &Section, context: &Context<'_>) -> Lowered {
    let given = section.string("layer_name").map(str::to_owned);
    let name = given.unwrap_or_else(|| usual_name(context.project, context.stage, &section.name));
    let address = Address::new(KIND, &section.name);
    let inputs = inputs(section, &name, context.artifacts.get(&address).map(|artifact| artifact.content_hash.as_str()));
    let mut resource = Resource::new(address, format!("{name}@{}", hash(&inputs)));
    let target = context.target;
    let arn = format!("arn:{}:lambda:{}:{}:layer:{name}", target.partition, target.region, target.account);
    resource.attributes = Table::from_iter([("layer_arn".to_owned(), arn.into()), ("layer_name".to_owned(), name.into())]);
    resource.protect = section.boolean("protect", false);
    resource.inputs = inputs;
    Lowered { resources: vec![resource], diagnostics: source(section).into_iter().collect() }
}

fn inputs(section: &Section, name: &str, content_hash: Option<&str>) -> Table {
    let mut inputs = lowering::settings(section, FIELDS);
    // The spec says where the content comes from; the input is what it is.
    inputs.remove("code");
    inputs.insert("layer_name".to_owned(), name.into());
    for key in SETS {
        if let Some(value) = inputs.get_mut(*key) {
            let mut texts: Vec<String> =
                value.as_str().map_or_else(|| value.strings(), |lone| vec![lone]).into_iter().map(Into::into).collect();
            texts.sort();
            *value = Value::string_list(texts);
        }
    }
    inputs.extend(content_hash.map(|hash| ("code".to_owned(), hash.into())));
    fill_defaults(FIELDS, &mut inputs);
    inputs
}

/// What tells a version from others of its layer.
fn hash(inputs: &Table) -> String {
    let told: Table = inputs.iter().filter(|(key, _)| *key != KEEP).map(|(key, value)| (key.clone(), value.clone())).collect();
    let digest = Sha256::digest(Value::Table(told).to_json().to_string());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..DIGITS].to_owned()
}

/// A layer is made of one thing.
fn source(section: &Section) -> Option<Diagnostic> {
    let has = |key: &str| section.values.contains_key(key);
    let (found, key) = match (has("code"), has("build")) {
        (true, true) => (
            Diagnostic::error("two-sources", "A layer has two sources of code")
                .detail("It has `code` and `build`; its content comes from one of them.")
                .hint("keep one of the two"),
            "code",
        ),
        (false, false) => (
            Diagnostic::error("no-code", "A layer has no content")
                .detail("It says neither what is built nor where its files lie.")
                .hint("for files that are there: `code = { dir = \"PATH\" }`, whose folders `python`, `nodejs`, `bin` and `lib` are found below `/opt`")
                .hint("to build it from source: `build = \"FOLDER\"`"),
            "",
        ),
        _ => return None,
    };
    Some(finding(section, &Path::key(key), found))
}

#[cfg(test)]
mod tests {
    use crate::kinds::layer::tests::{lowered, lowered_of};
    use crate::model::Value;

    fn id(content_hash: &str, values: &[(&str, Value)]) -> String {
        lowered_of(content_hash, values).resources[0].physical_id().unwrap().as_str().to_owned()
    }

    #[test]
    fn a_section_becomes_the_version_that_has_its_content() {
        let layer = lowered(&[("compatible_runtimes", Value::string_list(["python3.13", "nodejs22.x"]))]);
        insta::assert_snapshot!(Value::Table(layer.inputs.clone()).to_json(), @r#"{"code":"sha256:aa","compatible_architectures":[],"compatible_runtimes":["nodejs22.x","python3.13"],"description":"","keep":1,"layer_name":"demo-tools","license_info":""}"#);
        insta::assert_snapshot!(Value::Table(layer.attributes.clone()).to_json(), @r#"{"layer_arn":"arn:aws:lambda:us-east-1:123456789012:layer:demo-tools","layer_name":"demo-tools"}"#);
    }

    #[test]
    fn other_content_or_settings_are_another_version_and_the_rest_is_not() {
        let first = id("sha256:aa", &[]);
        assert!(first.starts_with("demo-tools@"), "{first}");
        assert_ne!(first, id("sha256:bb", &[]));
        assert_ne!(first, id("sha256:aa", &[("description", "x".into())]));
        assert_eq!(first, id("sha256:aa", &[("keep", 3.into()), ("protect", true.into())]));
        let runtimes = |names: [&str; 2]| id("sha256:aa", &[("compatible_runtimes", Value::string_list(names))]);
        assert_eq!(runtimes(["python3.13", "python3.12"]), runtimes(["python3.12", "python3.13"]));
    }

    #[test]
    fn a_layer_is_made_of_one_thing() {
        let code = Value::from_json(&serde_json::json!({ "dir": "x" }));
        let codes: Vec<_> = lowered_of("sha256:aa", &[("code", code)]).diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(codes, ["two-sources"]);
    }
}

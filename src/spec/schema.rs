//! The JSON Schema of `config.toml`, from the field tables.

use super::FUNCTION;
use super::discover;
use super::header::TOP;
use crate::kinds::{Kind, Place, Registry};
use crate::model::{Field, Shape, Value};
use serde_json::{Map, Value as Json, json};

/// What a reference looks like: any value can be one.
const REFERENCE: &str = r"\$\{[^}]+\}";
/// What names look like.
const NAME: &str = "^[A-Za-z][A-Za-z0-9_-]{0,62}$";

/// The JSON Schema (draft 2020-12) of the file.
pub fn schema(registry: &Registry) -> Json {
    let mut properties = object(&fields(TOP, &[]));
    for kind in registry.iter().filter(|kind| kind.name() != FUNCTION && kind.places().contains(&Place::TopLevel)) {
        properties.insert(kind.name().into(), named(with_unset(section(kind))));
    }
    let function = json!({ "$ref": "#/$defs/function" });
    properties.insert(FUNCTION.into(), named(function.clone()));
    properties
        .insert("template".into(), described(named(function.clone()), "Settings that functions take with `use`, by the template's name."));
    properties.insert("defaults".into(), described(function, "Settings of all functions; what a function says itself beats them."));
    let discovery =
        described(named(with_unset(fields(discover::FIELDS, &[]))), "Folders that become functions, each called like its path.");
    properties.insert(discover::DISCOVER.into(), discovery);
    properties
        .insert("vars".into(), described(json!({ "type": "object" }), "Values for `${var.NAME}`; also `{ env = \"NAME\", default = … }`."));
    properties
        .insert("outputs".into(), described(json!({ "type": "object" }), "What `lambdo output` shows: references, or bare addresses."));
    let stage = json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": { "$ref": "#/$defs/stage" } });
    properties.insert("stage".into(), described(stage, "Patches to this file, by the stage's name."));
    let overlay = json!({ "$ref": "#/$defs/stage" });
    properties.insert("local".into(), described(overlay, "A patch to this file that is merged last, under `--local` only."));
    let mut patch = properties.clone();
    patch.remove("stage");
    patch.remove("local");
    patch.insert("unset".into(), unset());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lambdo's config.toml",
        "type": "object",
        "properties": properties,
        "required": ["project"],
        "additionalProperties": false,
        "$defs": {
            "function": function_section(registry),
            "stage": { "type": "object", "properties": patch, "additionalProperties": false },
        },
    })
}

fn object(value: &Json) -> Map<String, Json> {
    value.get("properties").and_then(Json::as_object).cloned().unwrap_or_default()
}

fn named(section: Json) -> Json {
    json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": section })
}

fn described(mut schema: Json, text: &str) -> Json {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), text.into());
    }
    schema
}

fn unset() -> Json {
    json!({ "type": "array", "items": { "type": "string" }, "description": "Inherited keys that are removed, such as `environment.DEBUG`." })
}

/// A stage can take keys away from a section of the top level.
fn with_unset(mut section: Json) -> Json {
    let table = if section.get("anyOf").is_some() { &mut section["anyOf"][1] } else { &mut section };
    table["properties"]["unset"] = unset();
    section
}

fn function_section(registry: &Registry) -> Json {
    let below: Vec<&dyn Kind> = registry.iter().filter(|kind| kind.places().iter().any(|place| *place != Place::TopLevel)).collect();
    let hidden: Vec<&str> = below.iter().map(|kind| kind.name()).collect();
    let own = registry.find(FUNCTION).map(|kind| kind.fields()).unwrap_or_default();
    let mut properties = object(&fields(own, &hidden));
    properties.insert("unset".into(), unset());
    for kind in below {
        let is_named = kind.places().contains(&Place::Named);
        properties.insert(kind.name().into(), if is_named { named(section(kind)) } else { section(kind) });
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn section(kind: &dyn Kind) -> Json {
    let table = fields(kind.fields(), kind.shorthand().as_slice());
    let lone = kind.shorthand().and_then(|key| kind.fields().iter().find(|field| field.key == key));
    match lone {
        Some(field) => json!({ "anyOf": [described(json!({ "type": "string" }), field.doc), table] }),
        None => table,
    }
}

/// A closed table. A key that is required may still be inherited or come from a stage, so that only
/// the loader asks for it.
fn fields(fields: &[Field], hidden: &[&str]) -> Json {
    let shown = fields.iter().filter(|field| !hidden.contains(&field.key));
    let properties: Map<String, Json> = shown.map(|field| (field.key.to_owned(), property(field))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn property(field: &Field) -> Json {
    let mut schema = described(shape(&field.shape), field.doc);
    if let (Some(object), Some(default)) = (schema.as_object_mut(), field.default.value().filter(|value| *value != Value::Null)) {
        object.insert("default".into(), default.to_json());
    }
    schema
}

fn shape(shape: &Shape) -> Json {
    match shape {
        Shape::String { min, max, .. } => string(*min, *max),
        Shape::Choice(choices) => or_reference(json!({ "enum": choices })),
        Shape::Integer { min, max } => or_reference(integer(*min, *max)),
        Shape::IntegerChoice(choices) => or_reference(json!({ "enum": choices })),
        Shape::Boolean => or_reference(json!({ "type": "boolean" })),
        Shape::List { item, max } => {
            let item = self::shape(item);
            let mut list = json!({ "type": "array", "items": item });
            if *max != usize::MAX {
                list["maxItems"] = json!(max);
            }
            json!({ "anyOf": [list, item] })
        }
        Shape::Map { value, .. } => json!({ "type": "object", "additionalProperties": map_value(value) }),
        Shape::Table(inner) => fields(inner, &[]),
        Shape::Document => json!({ "type": ["object", "array", "string"] }),
        Shape::AnyOf(shapes) => json!({ "anyOf": shapes.iter().map(self::shape).collect::<Vec<_>>() }),
    }
}

/// A text that holds a reference may be longer or shorter than what it becomes.
fn string(min: usize, max: usize) -> Json {
    let mut string = json!({ "type": "string" });
    if min > 0 {
        string["minLength"] = json!(min);
    }
    if max != usize::MAX {
        string["maxLength"] = json!(max);
    }
    if max == usize::MAX && min <= 1 { string } else { or_reference(string) }
}

fn integer(min: i64, max: i64) -> Json {
    let mut integer = json!({ "type": "integer" });
    if min != i64::MIN {
        integer["minimum"] = json!(min);
    }
    if max != i64::MAX {
        integer["maximum"] = json!(max);
    }
    integer
}

fn or_reference(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "string", "pattern": REFERENCE }] })
}

/// Numbers and booleans become text where a map holds text.
fn map_value(value: &Shape) -> Json {
    match value {
        Shape::String { .. } => json!({ "anyOf": [shape(value), { "type": ["integer", "boolean"] }] }),
        other => shape(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::registry;
    use crate::spec::tree::{Source, parse};

    fn complaints(text: &str) -> Vec<String> {
        let (root, _) = parse(&Source::new(std::path::Path::new("config.toml"), text));
        let validator = jsonschema::draft202012::new(&schema(&registry())).unwrap();
        validator.iter_errors(&root.value().to_json()).map(|error| error.instance_path().to_string()).collect()
    }

    #[test]
    fn the_schema_takes_what_the_loader_takes() {
        let good = r#"project = "demo"
[aws]
allowed_account_ids = "123456789012"
[defaults]
architectures = "arm64"
[stage.prod]
unset = ["defaults.architectures"]
[stage.prod.defaults]
memory_size = "${var.memory}"
[vars]
memory = { env = "MEMORY", default = 128 }
[role.shared]
[function.hash]
build = "lambdas/hash"
role = "shared"
unset = ["memory_size"]
environment = { A = 1, B = "x", C = true }
log_group.retention_in_days = "never"
event_rule.x = { schedule_expression = "rate(1 hour)", event_pattern = { source = ["aws.s3"] } }
[outputs]
a = "function.hash"
"#;
        assert_eq!(complaints(good), [""; 0]);
        jsonschema::draft202012::new(&schema(&Registry::new())).unwrap();
    }

    #[test]
    fn the_schema_refuses_what_the_loader_refuses() {
        let cases = [
            ("[function.a]\nmemory = 1", "/function/a"),
            ("[function.a]\nmemory_size = 1", "/function/a/memory_size"),
            ("[function.a]\narchitectures = \"arm46\"", "/function/a/architectures"),
            ("[function.a.event_rule.x]\nschedule = 1", "/function/a/event_rule/x"),
            ("[function.\"a b\"]", "/function"),
            ("[aws]\nregoin = \"x\"", "/aws"),
            ("drift.schedlue = \"x\"", "/drift"),
        ];
        for (text, path) in cases {
            assert_eq!(complaints(&format!("project = \"demo\"\n{text}")), [path], "{text}");
        }
        assert_eq!(complaints(""), [""], "project is missing");
    }
}

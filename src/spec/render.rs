//! `lambdo spec`: the resolved spec as TOML, with the line behind each value.

use super::daemon;
use super::drift;
use super::lower::address_of;
use super::notify;
use super::references::escape;
use super::{FUNCTION, Spec};
use crate::diagnostic::Span;
use crate::model::field::{self, fill_defaults};
use crate::model::{Field, Path, Section, Shape, Table, TemplatePart, Value};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The resolved spec, or the functions in it that `names` (names or globs) asks for. What comes from
/// no file is marked `# built-in`. It can be read again, and means the same; only what stands in a
/// stage or in the environment is written out.
pub fn render(spec: &Spec, names: &[String]) -> String {
    let mut page = Page::new(spec);
    if names.is_empty() {
        page.header();
    }
    for (at, section) in spec.sections.iter().enumerate() {
        if names.is_empty() || page.is_wanted(section, names) {
            page.section(at, section);
        }
    }
    if names.is_empty() && !spec.outputs.is_empty() {
        page.table("outputs", &spec.outputs, &|path| spec.output_spans.get(path.first()).cloned());
    }
    if let Some(stage) = spec.header.stage.as_ref().filter(|_| names.is_empty()) {
        page.line(&format!("\n[stage.{stage}]"));
    }
    page.text.trim_start().to_owned()
}

/// The same as JSON: each section with its address, its values with defaults filled in, and the file and
/// line of each value that comes from the file.
pub fn document(spec: &Spec, names: &[String]) -> Json {
    let page = Page::new(spec);
    let is_shown = |section: &&Section| names.is_empty() || page.is_wanted(section, names);
    let sections = spec.sections.iter().filter(is_shown).map(|section| page.section_document(section));
    json!({
        "version": 1, "command": "spec", "project": spec.header.project, "stage": spec.header.stage,
        "sections": sections.collect::<Vec<_>>(), "outputs": Value::Table(spec.outputs.clone()).to_json(),
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    Path::key(name).is_covered_by(&Path::key(pattern))
}

struct Page<'a> {
    spec: &'a Spec,
    text: String,
    /// Where each line of the file begins.
    lines: Vec<usize>,
    /// Which of the sections is the first function: those before it stand at the top level.
    first_function: usize,
    functions: BTreeSet<&'a str>,
    /// The sections that were given as a lone string, by the function that they stand under.
    lone: BTreeMap<&'a str, Vec<&'a Section>>,
}

type Places<'a> = dyn Fn(&Path) -> Option<Span> + 'a;

impl<'a> Page<'a> {
    fn new(spec: &'a Spec) -> Self {
        let mut lone: BTreeMap<&str, Vec<&Section>> = BTreeMap::new();
        for section in spec.sections.iter().filter(|section| lone_of(spec, section).is_some()) {
            lone.entry(&section.name).or_default().push(section);
        }
        let starts = spec.source.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            spec,
            text: String::new(),
            lines: std::iter::once(0).chain(starts).collect(),
            first_function: spec.sections.iter().position(|section| section.kind == FUNCTION).unwrap_or(usize::MAX),
            functions: spec.functions().map(|function| function.name.as_str()).collect(),
            lone,
        }
    }

    /// Names are those of functions: a shared section of the same name is not meant.
    fn is_wanted(&self, section: &Section, names: &[String]) -> bool {
        self.functions.contains(section.name.as_str()) && names.iter().any(|name| matches(name, &section.name))
    }

    fn header(&mut self) {
        let header = &self.spec.header;
        if let Some(stage) = &header.stage {
            self.line(&format!(
                "# The stage `{stage}`: its values stand where they were merged into. Read it again with `--stage {stage}`."
            ));
        }
        let place = |path: &Path| self.spec.header_spans.get(path).cloned();
        let mut top = Table::from_iter([("project".to_owned(), Value::from(header.project.as_str()))]);
        self.values(&mut top, &[], &place);
        let moves = header.moved.iter().map(|one| [("from", &one.from), ("to", &one.to)]);
        let moves: Vec<Value> = moves
            .map(|sides| Value::Table(sides.into_iter().map(|(key, address)| (key.to_owned(), address.to_string().into())).collect()))
            .collect();
        let mut rest = Table::new();
        rest.extend((!moves.is_empty()).then(|| ("moved".to_owned(), Value::List(moves))));
        let told = notify::tables(&header.notify);
        rest.extend((!told.is_empty()).then(|| (notify::NOTIFY.to_owned(), Value::List(told))));
        rest.extend(header.protect.then(|| ("protect".to_owned(), true.into())));
        rest.extend(header.max_deletions.map(|most| ("max_deletions".to_owned(), Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)))));
        self.values(&mut rest, &[], &place);
        let aws = &header.aws;
        let texts = [
            ("region", &aws.region),
            ("profile", &aws.profile),
            ("assume_role_arn", &aws.assume_role_arn),
            ("endpoint_url", &aws.endpoint_url),
        ];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text.as_deref()?))));
        let mut table: Table = given.collect();
        if !aws.allowed_account_ids.is_empty() {
            table.insert("allowed_account_ids".into(), Value::string_list(&aws.allowed_account_ids));
        }
        let spans = &self.spec.header_spans;
        let below = |table: &'static str| move |path: &Path| spans.get(&Path([vec![table.to_owned()], path.0.clone()].concat())).cloned();
        if !table.is_empty() {
            self.table("aws", &table, &below("aws"));
        }
        if let Some(path) = &header.state_path {
            self.table("state", &Table::from_iter([("path".to_owned(), Value::from(path.as_str()))]), &below("state"));
        }
        let watched = daemon::table(&header.daemon);
        if !watched.is_empty() {
            self.table(daemon::DAEMON, &watched, &below(daemon::DAEMON));
        }
        let drift = drift::table(&header.drift);
        if !drift.is_empty() {
            self.table(drift::DRIFT, &drift, &below(drift::DRIFT));
        }
    }

    fn table(&mut self, header: &str, table: &Table, place: &Places<'_>) {
        self.line(&format!("\n[{header}]"));
        self.values(&mut table.clone(), &[], place);
    }

    fn section(&mut self, at: usize, section: &Section) {
        let fields = self.spec.fields.get(&section.kind).copied().unwrap_or_default();
        let place = |path: &Path| section.spans.get(path).cloned();
        let mut values = section.values.clone();
        if lone_of(self.spec, section).is_some() {
            return; // It stands among the function's own keys.
        }
        fill_defaults(fields, &mut values);
        if !values.is_empty() || section.kind == FUNCTION {
            self.line(&format!("\n[{}]", self.header_of(at, section)));
            self.values(&mut values, fields, &place);
        }
        if section.kind == FUNCTION {
            self.lone_below(&section.name);
        }
    }

    fn lone_below(&mut self, function: &str) {
        for section in self.lone.get(function).cloned().unwrap_or_default() {
            if let Some((key, value)) = lone_of(self.spec, section) {
                self.value(&Path::key(&section.kind), value, section.spans.get(&Path::key(key)).cloned());
            }
        }
    }

    fn header_of(&self, at: usize, section: &Section) -> String {
        let Section { kind, name, part, .. } = section;
        match part {
            Some(part) => format!("function.{name}.{kind}.{part}"),
            None if kind == FUNCTION || at < self.first_function => format!("{kind}.{name}"),
            None => format!("function.{name}.{kind}"),
        }
    }

    /// The values in the order of the field table, then the others.
    fn values(&mut self, values: &mut Table, fields: &[Field], place: &Places<'_>) {
        let ordered = fields
            .iter()
            .filter_map(|field| Some(((field.key.to_owned(), values.remove(field.key)?), Some(field.shape))))
            .collect::<Vec<_>>();
        let others = std::mem::take(values).into_iter().map(|entry| (entry, None));
        for ((key, value), shape) in ordered.into_iter().chain(others) {
            self.value_with_places(&Path::key(&key), &value, shape.as_ref(), place);
        }
    }

    /// A table becomes dotted keys, so that each value has its own line.
    fn value_with_places(&mut self, path: &Path, value: &Value, shape: Option<&Shape>, place: &Places<'_>) {
        let is_document = matches!(shape, Some(Shape::Document));
        match value {
            _ if is_document && !is_toml_document(value) => self.line_of(path, &json_text(value), place(path)),
            Value::Table(table) if !table.is_empty() => {
                let outer = place(path);
                for (key, value) in table {
                    let place = |path: &Path| place(path).or_else(|| outer.clone());
                    self.value_with_places(&path.join(key), value, shape.and_then(|shape| shape_below(shape, key)), &place);
                }
            }
            _ => self.value(path, value, place(path)),
        }
    }

    fn value(&mut self, path: &Path, value: &Value, span: Option<Span>) {
        self.line_of(path, &written(value), span);
    }

    fn line_of(&mut self, path: &Path, written: &str, span: Option<Span>) {
        let place = span.map_or_else(|| "built-in".to_owned(), |span| self.place(&span));
        let keys: Vec<String> = path.0.iter().map(|key| written_key(key)).collect();
        self.line(&format!("{} = {}  # {place}", keys.join("."), written));
    }

    fn section_document(&self, section: &Section) -> Json {
        let mut values = section.values.clone();
        if lone_of(self.spec, section).is_none() {
            fill_defaults(self.spec.fields.get(&section.kind).copied().unwrap_or_default(), &mut values);
        }
        let origins: BTreeMap<String, String> = section.spans.iter().map(|(path, span)| (path.to_string(), self.place(span))).collect();
        json!({ "address": address_of(section).to_string(), "values": Value::Table(values).to_json(), "origins": origins })
    }

    fn place(&self, span: &Span) -> String {
        let line = self.lines.partition_point(|start| *start <= span.start);
        format!("{}:{line}", span.file.file_name().unwrap_or(span.file.as_os_str()).display())
    }

    fn line(&mut self, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// What a section holds that was given as `role = "NAME"`.
fn lone_of<'a>(spec: &'a Spec, section: &'a Section) -> Option<(&'a str, &'a Value)> {
    let key = spec.shorthands.get(&section.kind)?;
    let (given, value) = section.values.first().filter(|_| section.values.len() == 1)?;
    (given == key).then_some((given.as_str(), value))
}

fn shape_below<'a>(shape: &'a Shape, key: &str) -> Option<&'a Shape> {
    match shape {
        Shape::Table(fields) => field::find(fields, key).map(|field| &field.shape),
        Shape::Map { value, .. } => Some(value),
        Shape::AnyOf(shapes) => shapes.iter().find_map(|shape| shape_below(shape, key)),
        _ => None,
    }
}

/// Whether a document reads back as itself when it is written as TOML, which has no null, takes a
/// lone text for JSON and a lone `file` for the name of one.
fn is_toml_document(value: &Value) -> bool {
    let is_file = |table: &Table| table.len() == 1 && table.get("file").is_some_and(|value| value.as_str().is_some());
    match value {
        Value::Table(table) => !has_null(value) && !is_file(table),
        Value::List(_) => !has_null(value),
        Value::Unresolved(_) => true,
        _ => false,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.iter().any(has_null),
        Value::Table(table) => table.values().any(has_null),
        _ => false,
    }
}

fn json_text(value: &Value) -> String {
    quoted(&with_references_as_text(value).to_json().to_string())
}

fn with_references_as_text(value: &Value) -> Value {
    match value {
        Value::String(text) => escape(text).into(),
        Value::Unresolved(parts) => parts.iter().map(written_part).collect::<String>().into(),
        Value::List(items) => Value::List(items.iter().map(with_references_as_text).collect()),
        Value::Table(table) => Value::Table(table.iter().map(|(key, value)| (key.clone(), with_references_as_text(value))).collect()),
        other => other.clone(),
    }
}

fn written(value: &Value) -> String {
    match value {
        // TOML has no null; only documents have one, and those may be JSON text.
        Value::Null => json_text(value),
        Value::Table(_) if has_null(value) => json_text(value),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "nan".into(),
        Value::Float(number) => format!("{number:?}"),
        Value::String(text) => quoted(&escape(text)),
        Value::Unresolved(parts) => quoted(&parts.iter().map(written_part).collect::<String>()),
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => written_table(table),
        // The spec has where a secret comes from, as a table.
        Value::Secret(secret) => quoted(&secret.source.to_string()),
    }
}

fn written_table(table: &Table) -> String {
    if table.is_empty() {
        return "{}".into();
    }
    let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{} = {}", written_key(key), written(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn written_part(part: &TemplatePart) -> String {
    match part {
        TemplatePart::Text(text) => escape(text),
        other => format!("${{{}}}", other.expression()),
    }
}

fn written_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-');
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string: JSON's escapes are TOML's, except that TOML also wants DEL escaped.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Header;
    use crate::spec::testing::loaded;
    use proptest::prelude::*;

    type Meant = (String, String, Option<String>, Table);

    /// What two specs must share to mean the same: every value, defaults filled in.
    fn meaning(spec: &Spec) -> (Header, Vec<Meant>, Table) {
        let sections = spec.sections.iter().map(|section| {
            let mut values = section.values.clone();
            fill_defaults(spec.fields[&section.kind], &mut values);
            (section.kind.clone(), section.name.clone(), section.part.clone(), values)
        });
        (spec.header.clone(), sections.collect(), spec.outputs.clone())
    }

    const RICH: &str = r#"project = "demo"
[aws]
region = "eu-central-1"
allowed_account_ids = ["123456789012"]
[defaults]
memory_size = 256
environment = { LOG = "info" }
[role.shared]
managed_policies = "AWSXRayDaemonWriteAccess"
[role.shared.inline_policy]
json = '{"a": null, "b": ["${aws.region}"], "c": {"d": null}}'
file = '{"file": "x"}'
text = '"x"'
[function.hash]
build = "lambdas/hash"
role = "shared"
environment = { "odd key" = "$${x} \"q\" \n", N = 1 }
[function.log-cleanup]
code = { zip = "x.zip" }
role.allow = [{ action = "logs:*", resource = ["${function.hash.arn}/*"] }]
log_group.retention_in_days = "never"
[function.log-cleanup.event_rule.monthly]
schedule_expression = "rate(1 hour)"
event_pattern = { source = ["aws.s3"], deep = { numeric = [1.5, true] } }
[outputs]
lambda = "${function.hash.arn}"
"#;

    #[test]
    fn each_value_has_its_line_behind_it() {
        insta::assert_snapshot!(render(&loaded(RICH), &[]), @r#"
project = "demo"  # config.toml:1

[aws]
allowed_account_ids = ["123456789012"]  # config.toml:4
region = "eu-central-1"  # config.toml:3

[role.shared]
inline_policy.file = "{\"file\":\"x\"}"  # config.toml:12
inline_policy.json = "{\"a\":null,\"b\":[\"${aws.region}\"],\"c\":{\"d\":null}}"  # config.toml:11
inline_policy.text = "\"x\""  # config.toml:13
managed_policies = ["AWSXRayDaemonWriteAccess"]  # config.toml:9

[function.hash]
description = ""  # built-in
runtime = "provided.al2023"  # built-in
memory_size = 256  # config.toml:6
timeout = 3  # built-in
environment.LOG = "info"  # config.toml:7
environment.N = "1"  # config.toml:17
environment."odd key" = "$${x} \"q\" \n"  # config.toml:17
architectures = ["x86_64"]  # built-in
build = "lambdas/hash"  # config.toml:15
tags = {}  # built-in
role = "shared"  # config.toml:16

[function.hash.log_group]
retention_in_days = 30  # built-in

[function.log-cleanup]
description = ""  # built-in
runtime = "provided.al2023"  # built-in
memory_size = 256  # config.toml:6
timeout = 3  # built-in
environment.LOG = "info"  # config.toml:7
architectures = ["x86_64"]  # built-in
code.zip = "x.zip"  # config.toml:19
tags = {}  # built-in

[function.log-cleanup.role]
allow = [{ action = ["logs:*"], resource = ["${function.hash.arn}/*"] }]  # config.toml:20
managed_policies = []  # built-in

[function.log-cleanup.log_group]
retention_in_days = "never"  # config.toml:21

[function.log-cleanup.event_rule.monthly]
schedule_expression = "rate(1 hour)"  # config.toml:23
event_pattern.deep.numeric = [1.5, true]  # config.toml:24
event_pattern.source = ["aws.s3"]  # config.toml:24

[outputs]
lambda = "${function.hash.arn}"  # config.toml:26
"#);
    }

    #[test]
    fn names_and_globs_choose_functions() {
        let text = render(&loaded(RICH), &["log-*".into()]);
        assert!(
            text.contains("[function.log-cleanup.event_rule.monthly]") && !text.contains("hash]") && !text.contains("project"),
            "{text}"
        );
    }

    #[test]
    fn what_is_rendered_reads_back_as_the_same() {
        let spec = loaded(RICH);
        assert_eq!(meaning(&loaded(&render(&spec, &[]))), meaning(&spec));
    }

    proptest! {
        #[test]
        fn any_text_and_key_reads_back_as_the_same(key in "[^$\n]{1,8}", text in "[ -~\\n\\t\u{7f}é${}:\"'\\\\]{0,12}", number in any::<i64>()) {
            let text = written(&Value::String(text));
            let file = format!("project = \"demo\"\n[function.a]\nbuild = \"a\"\nenvironment = {{ {} = {text}, NUMBER_OF_A_KIND = {number} }}\n", quoted(&key));
            let spec = loaded(&file);
            prop_assert_eq!(meaning(&loaded(&render(&spec, &[]))), meaning(&spec));
        }
    }
}

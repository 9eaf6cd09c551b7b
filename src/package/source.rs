//! What `code` and `build` say, without looking at any file.

use super::builder::{Build, Builders};
use super::problem::{list, not_supported_yet, unknown_key, wrong_type};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Table, Value};
use std::collections::BTreeMap;

const CODE_KEYS: [&str; 5] = ["file", "files", "dir", "zip", "s3"];

/// Kinds of builds that the spec decides; those without a [`super::Builder`] come later.
const BUILD_KINDS: [&str; 5] = ["go", "rust", "python", "node", "command"];

/// Where a package comes from. Paths are as the user wrote them.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One file: the program of the function.
    File(String),
    /// Paths by their names in the package. A path may be a folder.
    Files(BTreeMap<String, String>),
    /// What lies in a folder.
    Directory(String),
    /// A zip that somebody else made.
    Zip(String),
    /// What a build makes.
    Build(Build),
}

/// Reads the `code` or `build` of a function.
///
/// # Errors
/// Everything that is wrong with them, without address and span.
pub fn parse(code: Option<&Value>, build: Option<&Value>, builders: &Builders) -> Result<Source, Vec<Diagnostic>> {
    if let Some(open) = code.into_iter().chain(build).find(|value| value.is_unresolved()) {
        return Err(vec![open_reference(open)]);
    }
    match (code, build) {
        (Some(code), None) => parse_code(code),
        (None, Some(build)) => parse_build(build, builders),
        (None, None) => Err(vec![
            Diagnostic::error("no-code", "The function has no code")
                .detail("Neither `build` nor `code` says what to deploy.")
                .hint("for a program that is there already: `code = { file = \"PATH\" }`"),
        ]),
        (Some(_), Some(_)) => Err(vec![
            Diagnostic::error("two-codes", "The function has code from two places")
                .detail("`build` and `code` both say what to deploy; keep one of them."),
        ]),
    }
}

fn open_reference(value: &Value) -> Diagnostic {
    let mut expression = String::new();
    value.visit_parts(&mut |part| {
        if !matches!(part, crate::model::TemplatePart::Text(_)) {
            expression = part.expression();
        }
    });
    Diagnostic::error("reference-in-code", "This reference is not known when packages are made")
        .detail(format!("`${{{expression}}}` is known only after AWS was asked, but packages are made before. Write the value itself."))
}

fn parse_code(code: &Value) -> Result<Source, Vec<Diagnostic>> {
    let Value::Table(table) = code else {
        return Err(vec![
            wrong_type("code", "a table such as `{ file = \"PATH\" }`", code.type_name())
                .hint("a folder is given as `code = { dir = \"PATH\" }`"),
        ]);
    };
    let mut problems: Vec<Diagnostic> =
        table.keys().filter(|key| !CODE_KEYS.contains(&key.as_str())).map(|key| unknown_key("code", key, &CODE_KEYS)).collect();
    let given: Vec<(&String, &Value)> = table.iter().filter(|(key, _)| CODE_KEYS.contains(&key.as_str())).collect();
    match given[..] {
        [(key, value)] => match code_source(key, value) {
            Ok(source) if problems.is_empty() => return Ok(source),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        },
        [] if !problems.is_empty() => {}
        _ => problems.push(how_many(&given.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())),
    }
    Err(problems)
}

fn how_many(given: &[&str]) -> Diagnostic {
    let found = if given.is_empty() { "none of them".to_owned() } else { list(given) };
    Diagnostic::error("two-codes", "`code` needs exactly one source")
        .detail(format!("`code` takes one of {}; it has {found}.", list(&CODE_KEYS)))
}

fn code_source(key: &str, value: &Value) -> Result<Source, Diagnostic> {
    match key {
        "s3" => Err(not_supported_yet(
            "Code that lies in S3 already, `code.s3`, is decided but not built. Use `code.zip` with the file itself.".into(),
        )),
        "files" => files(value).map(Source::Files),
        _ => {
            let path = path(&format!("code.{key}"), value)?;
            Ok(match key {
                "file" => Source::File(path),
                "dir" => Source::Directory(path),
                _ => Source::Zip(path),
            })
        }
    }
}

fn path(key: &str, value: &Value) -> Result<String, Diagnostic> {
    match value {
        Value::String(path) if !path.is_empty() => Ok(path.clone()),
        Value::String(_) => Err(wrong_type(key, "a path", "empty")),
        other => Err(wrong_type(key, "a path", other.type_name())),
    }
}

fn files(value: &Value) -> Result<BTreeMap<String, String>, Diagnostic> {
    let Value::Table(table) = value else {
        return Err(wrong_type("code.files", "a table such as `{ bootstrap = \"PATH\" }`", value.type_name()));
    };
    table.iter().map(|(name, value)| Ok((name.clone(), path(&format!("code.files.{name}"), value)?))).collect()
}

fn parse_build(build: &Value, builders: &Builders) -> Result<Source, Vec<Diagnostic>> {
    let table = match build {
        Value::Table(table) => table,
        Value::String(_) => return Err(vec![language_not_found_yet()]),
        other => return Err(vec![wrong_type("build", "a folder or a table", other.type_name())]),
    };
    let build = build_of(table).map_err(|problem| vec![problem])?;
    let Some(builder) = builders.find(&build.kind) else { return Err(vec![no_builder(&build.kind)]) };
    match builder.check(&build) {
        problems if problems.is_empty() => Ok(Source::Build(build)),
        problems => Err(problems),
    }
}

fn build_of(table: &Table) -> Result<Build, Diagnostic> {
    let kind = match table.get("kind") {
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => return Err(wrong_type("build.kind", "a kind of build", other.type_name())),
        None if table.contains_key("command") => "command".to_owned(),
        None => return Err(language_not_found_yet()),
    };
    let path = table.get("path").map_or_else(|| Ok(".".to_owned()), |value| path("build.path", value))?;
    let options = table.iter().filter(|(key, _)| !matches!(key.as_str(), "kind" | "path"));
    Ok(Build { kind, path, options: options.map(|(key, value)| (key.clone(), value.clone())).collect() })
}

const COMMAND_EXAMPLE: &str = "`build = { kind = \"command\", command = \"make\", output = \"bin/bootstrap\" }` runs any build";

fn language_not_found_yet() -> Diagnostic {
    not_supported_yet("A build whose language is found from what lies in its folder is decided but not built. Name a command.".into())
        .hint(COMMAND_EXAMPLE)
}

fn no_builder(kind: &str) -> Diagnostic {
    if BUILD_KINDS.contains(&kind) {
        return not_supported_yet(format!("Builds of the kind `{kind}` are decided but not built. Name a command.")).hint(COMMAND_EXAMPLE);
    }
    let diagnostic = Diagnostic::error("unknown-build-kind", "This kind of build is not known")
        .detail(format!("`build.kind` is `{kind}`. It takes {}.", list(&BUILD_KINDS)));
    match nearest(kind, BUILD_KINDS) {
        Some(near) => diagnostic.hint(format!("`{near}` is meant?")),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(&serde_json::from_str(json).unwrap())
    }

    fn parsed(code: Option<&str>, build: Option<&str>) -> Result<Source, Vec<Diagnostic>> {
        parse(code.map(value).as_ref(), build.map(value).as_ref(), &Builders::new())
    }

    #[test]
    fn each_form_of_code_is_understood() {
        for (json, expected) in [
            (r#"{"file":"a"}"#, Source::File("a".into())),
            (r#"{"files":{"bootstrap":"a"}}"#, Source::Files(BTreeMap::from([("bootstrap".into(), "a".into())]))),
            (r#"{"dir":"a"}"#, Source::Directory("a".into())),
            (r#"{"zip":"a"}"#, Source::Zip("a".into())),
        ] {
            assert_eq!(parsed(Some(json), None), Ok(expected), "{json}");
        }
    }

    #[test]
    fn a_command_is_understood_with_and_without_its_kind() {
        let options = Table::from([("command".into(), "make".into()), ("output".into(), "o".into())]);
        let build = |path: &str| Ok(Source::Build(Build { kind: "command".into(), path: path.into(), options: options.clone() }));
        assert_eq!(parsed(None, Some(r#"{"kind":"command","path":"x","command":"make","output":"o"}"#)), build("x"));
        assert_eq!(parsed(None, Some(r#"{"command":"make","output":"o"}"#)), build("."));
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        for (code, build, expected) in [
            (None, None, "no-code"),
            (Some(r#"{"file":"a"}"#), Some(r#""b""#), "two-codes"),
            (Some("{}"), None, "two-codes"),
            (Some(r#"{"file":"a","dir":"b"}"#), None, "two-codes"),
            (Some(r#"{"directory":"a"}"#), None, "unknown-key"),
            (Some(r#""a""#), None, "wrong-type"),
            (Some(r#"{"file":3}"#), None, "wrong-type"),
            (Some(r#"{"files":{"a":3}}"#), None, "wrong-type"),
            (Some(r#"{"s3":{"bucket":"b"}}"#), None, "not-supported-yet"),
            (Some(r#"{"file":{"$unknown":"role.a.arn"}}"#), None, "reference-in-code"),
            (None, Some(r#""folder""#), "not-supported-yet"),
            (None, Some(r#"{"path":"folder"}"#), "not-supported-yet"),
            (None, Some(r#"{"kind":"go"}"#), "not-supported-yet"),
            (None, Some(r#"{"kind":"comand"}"#), "unknown-build-kind"),
            (None, Some("3"), "wrong-type"),
        ] {
            let problems = parsed(code, build).unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [expected], "{code:?} {build:?}");
        }
    }
}

//! What `code` and `build` say. Files are looked at only where `build` does not say its kind.

use super::builder::{Build, Builders};
use super::filter::{self, Filter};
use super::image::{self, ImageSource};
use super::language;
use super::problem::{list, unknown_key, wrong_type};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{PackageRequest, StoredCode, Table, Value};
use std::collections::BTreeMap;
use std::path::Path;

const CODE_KEYS: [&str; 5] = ["file", "files", "dir", "zip", "s3"];

/// Kinds of builds; each has its [`super::Builder`].
const BUILD_KINDS: [&str; 5] = ["go", "rust", "python", "node", "command"];
/// Those of them that are languages, and may have a table of options in the defaults.
const LANGUAGES: [&str; 4] = ["go", "rust", "python", "node"];

/// Where a package comes from. Paths are as the user wrote them.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One file: the program of the function.
    File(String),
    /// Paths by their names in the package. A path may be a folder.
    Files(BTreeMap<String, String>),
    /// What lies in a folder, or a part of it.
    Directory(String, Filter),
    /// A zip that somebody else made.
    Zip(String),
    /// A zip in S3 that somebody else put there.
    Stored(StoredCode),
    /// What a build makes.
    Build(Build),
    /// A container image.
    Image(ImageSource),
}

impl Source {
    /// The build that something is made by.
    pub fn build(&self) -> Option<&Build> {
        match self {
            Self::Build(build) => Some(build),
            Self::Image(image) => image.build(),
            _ => None,
        }
    }
}

/// Reads what a request says; `folder` is the spec's.
///
/// # Errors
/// Everything that is wrong with it, without address and span.
pub fn parse_request(request: &PackageRequest, folder: &Path, builders: &Builders) -> Result<Source, Vec<Diagnostic>> {
    let Some(image) = &request.image else { return parse(request.code.as_ref(), request.build.as_ref(), folder, builders) };
    let others: Vec<&str> =
        [("code", &request.code), ("build", &request.build)].iter().filter(|(_, value)| value.is_some()).map(|(key, _)| *key).collect();
    if !others.is_empty() {
        let detail = format!("`image` and {} both say what to deploy; keep one of them.", list(&others));
        return Err(vec![Diagnostic::error("two-codes", "The function has code from two places").detail(detail)]);
    }
    // What lies in a registry already is needed only when its function is made.
    let lies_there = image.as_table().is_some_and(|image| image.len() == 1 && image.contains_key("uri"));
    match image.is_unresolved() && !lies_there {
        true => Err(vec![open_reference(image)]),
        false => image::parse(image, folder, builders).map(Source::Image),
    }
}

/// Reads the `code` or `build` of a function; `folder` is the spec's.
///
/// # Errors
/// Everything that is wrong with them, without address and span.
pub fn parse(code: Option<&Value>, build: Option<&Value>, folder: &Path, builders: &Builders) -> Result<Source, Vec<Diagnostic>> {
    if let Some(open) = code.into_iter().chain(build).find(|value| value.is_unresolved()) {
        return Err(vec![open_reference(open)]);
    }
    match (code, build) {
        (Some(code), None) => parse_code(code),
        (None, Some(build)) => self::build(build, "build", folder, builders).map(Source::Build),
        (None, None) => Err(vec![
            Diagnostic::error("no-code", "The function has no code")
                .detail("Neither `build` nor `code` says what to deploy.")
                .hint("for a program that is there already: `code = { file = \"PATH\" }`")
                .hint("for a container image: `image = { dockerfile = \"PATH\" }`"),
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
    let known = [&CODE_KEYS[..], &filter::KEYS].concat();
    let mut problems: Vec<Diagnostic> =
        table.keys().filter(|key| !known.contains(&key.as_str())).map(|key| unknown_key("code", key, &known)).collect();
    let given: Vec<(&String, &Value)> = table.iter().filter(|(key, _)| CODE_KEYS.contains(&key.as_str())).collect();
    match given[..] {
        [(key, value)] => match code_source(key, value, table) {
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

fn code_source(key: &str, value: &Value, table: &Table) -> Result<Source, Diagnostic> {
    if let Some(beside) = filter::KEYS.into_iter().find(|beside| key != "dir" && table.contains_key(*beside)) {
        return Err(Diagnostic::error("key-not-taken", "A key does not go with the others")
            .detail(format!("`code.{beside}` chooses among the files of a folder, and `code.{key}` is none."))
            .hint("a folder is given as `code = { dir = \"PATH\", include = [\"**/*.py\"] }`"));
    }
    match key {
        "s3" => stored(value).map(Source::Stored),
        "files" => files(value).map(Source::Files),
        _ => {
            let path = path(&format!("code.{key}"), value)?;
            Ok(match key {
                "file" => Source::File(path),
                "dir" => Source::Directory(path, Filter::parse(table)?),
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

fn stored(value: &Value) -> Result<StoredCode, Diagnostic> {
    let Value::Table(table) = value else {
        return Err(wrong_type("code.s3", "a table such as `{ bucket = \"NAME\", key = \"KEY\" }`", value.type_name()));
    };
    let text = |key: &str| match table.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        other => Err(wrong_type(&format!("code.s3.{key}"), "a string", other.map_or("absent", Value::type_name))),
    };
    let version = table.contains_key("version").then(|| text("version")).transpose()?;
    Ok(StoredCode { bucket: text("bucket")?, key: text("key")?, version })
}

fn files(value: &Value) -> Result<BTreeMap<String, String>, Diagnostic> {
    let Value::Table(table) = value else {
        return Err(wrong_type("code.files", "a table such as `{ bootstrap = \"PATH\" }`", value.type_name()));
    };
    table.iter().map(|(name, value)| Ok((name.clone(), path(&format!("code.files.{name}"), value)?))).collect()
}

/// Reads a build; `key` is where it stands.
///
/// # Errors
/// Everything that is wrong with it, without address and span.
pub(super) fn build(value: &Value, key: &str, folder: &Path, builders: &Builders) -> Result<Build, Vec<Diagnostic>> {
    let table = match value {
        Value::Table(table) => table.clone(),
        Value::String(_) => Table::from_iter([("path".to_owned(), value.clone())]),
        other => return Err(vec![wrong_type(key, "a folder or a table", other.type_name())]),
    };
    let build = build_of(&table, folder).map_err(|problem| vec![problem])?;
    let Some(builder) = builders.find(&build.kind) else { return Err(vec![unknown_kind(&build.kind)]) };
    match builder.check(&build) {
        problems if problems.is_empty() => Ok(build),
        problems => Err(problems),
    }
}

fn build_of(table: &Table, folder: &Path) -> Result<Build, Diagnostic> {
    let path = table.get("path").map_or_else(|| Ok(".".to_owned()), |value| path("build.path", value))?;
    let kind = match table.get("kind") {
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => return Err(wrong_type("build.kind", "a kind of build", other.type_name())),
        None if table.contains_key("command") => "command".to_owned(),
        None => language::find(&folder.join(&path), &path)?.0.to_owned(),
    };
    let own = table.iter().filter(|(key, _)| !matches!(key.as_str(), "kind" | "path") && !LANGUAGES.contains(&key.as_str()));
    let mut options = language_options(table, &kind)?;
    options.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    Ok(Build { kind, path, options })
}

/// `[defaults.build.rust]` holds for every build of this language and for no other; what the build
/// says itself beats it.
fn language_options(table: &Table, kind: &str) -> Result<Table, Diagnostic> {
    match table.get(kind).filter(|_| LANGUAGES.contains(&kind)) {
        None => Ok(Table::new()),
        Some(Value::Table(options)) => Ok(options.clone()),
        Some(other) => Err(wrong_type(&format!("build.{kind}"), "a table of options", other.type_name())),
    }
}

fn unknown_kind(kind: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-build-kind", "This kind of build is not known")
        .detail(format!("`build.kind` is `{kind}`. It takes {}.", list(&BUILD_KINDS)));
    match nearest(kind, BUILD_KINDS) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
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
        let folder = tempfile::tempdir().unwrap();
        for file in ["app/Cargo.toml", "mixed/Cargo.toml", "mixed/package.json", "empty/x"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        parse(code.map(value).as_ref(), build.map(value).as_ref(), folder.path(), &Builders::new())
    }

    #[test]
    fn each_form_of_code_is_understood() {
        for (json, expected) in [
            (r#"{"file":"a"}"#, Source::File("a".into())),
            (r#"{"files":{"bootstrap":"a"}}"#, Source::Files(BTreeMap::from([("bootstrap".into(), "a".into())]))),
            (r#"{"dir":"a"}"#, Source::Directory("a".into(), Filter::default())),
            (r#"{"zip":"a"}"#, Source::Zip("a".into())),
        ] {
            assert_eq!(parsed(Some(json), None), Ok(expected), "{json}");
        }
    }

    #[test]
    fn a_command_is_understood_with_and_without_its_kind() {
        let options = Table::from_iter([("command".into(), "make".into()), ("output".into(), "o".into())]);
        let build = |path: &str| Ok(Source::Build(Build { kind: "command".into(), path: path.into(), options: options.clone() }));
        assert_eq!(parsed(None, Some(r#"{"kind":"command","path":"x","command":"make","output":"o"}"#)), build("x"));
        assert_eq!(parsed(None, Some(r#"{"command":"make","output":"o"}"#)), build("."));
    }

    #[test]
    fn the_language_of_a_folder_is_found_and_has_options_of_its_own() {
        let build = |options: &[(&str, &str)]| {
            let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
            Ok(Source::Build(Build { kind: "rust".into(), path: "app".into(), options }))
        };
        assert_eq!(parsed(None, Some(r#""app""#)), build(&[]));
        assert_eq!(parsed(None, Some(r#"{"path":"app","bin":"x"}"#)), build(&[("bin", "x")]));
        let json = r#"{"path":"app","profile":"small","rust":{"profile":"large","bin":"x"},"go":{"tags":"y"}}"#;
        assert_eq!(parsed(None, Some(json)), build(&[("bin", "x"), ("profile", "small")]));
        assert_eq!(parsed(None, Some(r#"{"kind":"rust","path":"nowhere"}"#)).map(|_| ()), Ok(()));
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        for (code, build, expected) in [
            (None, None, "no-code"),
            (Some(r#"{"file":"a"}"#), Some(r#""b""#), "two-codes"),
            (Some("{}"), None, "two-codes"),
            (Some(r#"{"file":"a","dir":"b"}"#), None, "two-codes"),
            (Some(r#"{"directory":"a"}"#), None, "unknown-key"),
            (Some(r#"{"zip":"a","exclude":["b"]}"#), None, "key-not-taken"),
            (Some(r#"{"dir":"a","exclude":"b"}"#), None, "wrong-type"),
            (Some(r#""a""#), None, "wrong-type"),
            (Some(r#"{"file":3}"#), None, "wrong-type"),
            (Some(r#"{"files":{"a":3}}"#), None, "wrong-type"),
            (Some(r#"{"s3":{"bucket":"b"}}"#), None, "wrong-type"),
            (Some(r#"{"s3":"s3://b/k"}"#), None, "wrong-type"),
            (Some(r#"{"file":{"$unknown":"role.a.arn"}}"#), None, "reference-in-code"),
            (None, Some(r#""folder""#), "missing-file"),
            (None, Some(r#""app/Cargo.toml""#), "wrong-file-type"),
            (None, Some(r#"{"path":"empty"}"#), "no-language"),
            (None, Some(r#"{"path":"mixed"}"#), "two-languages"),
            (None, Some(r#"{"path":"app","rust":3}"#), "wrong-type"),
            (None, Some(r#"{"path":"app","rust":{"bins":"x"}}"#), "unknown-key"),
            (None, Some(r#"{"kind":"comand"}"#), "unknown-build-kind"),
            (None, Some("3"), "wrong-type"),
        ] {
            let problems = parsed(code, build).unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [expected], "{code:?} {build:?}");
        }
    }
}

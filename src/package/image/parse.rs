//! What `image` says.

use super::document::Settings;
use crate::diagnostic::Diagnostic;
use crate::model::{Table, Value};
use crate::package::builder::{Build, Builders};
use crate::package::engine::Engine;
use crate::package::problem::{list, strings, unknown_key, wrong_type};
use crate::package::source;
use oci_client::Reference;
use std::collections::BTreeMap;
use std::path::Path;

/// No base: the image has nothing but what is put into it.
const SCRATCH: &str = "scratch";
/// Keys that any form may have.
const COMMON: [&str; 2] = ["repository", "keep"];
const LAYERED: [&str; 8] = ["base", "build", "files", "entry_point", "command", "working_directory", "environment", "credentials"];
const DOCKERFILE: [&str; 7] = ["dockerfile", "context", "target", "build_args", "secrets", "cache", "engine"];
const EXISTING: [&str; 1] = ["uri"];

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageSource {
    /// Files on top of a base image.
    Layered(Box<Layered>),
    /// What a build engine makes.
    Dockerfile(Dockerfile),
    /// An image that is in a registry already: there is nothing to make.
    Existing,
}

/// Files on top of a base image.
#[derive(Clone, Debug, PartialEq)]
pub struct Layered {
    /// The base image; `None` without one.
    pub(super) base: Option<String>,
    /// Whether the base's registry is asked with the credentials of the user's docker configuration.
    pub(super) is_logged_in: bool,
    /// The build whose output goes in.
    pub(super) build: Option<Build>,
    /// Paths by their places in the image, without the first slash.
    pub(super) files: BTreeMap<String, String>,
    pub(super) settings: Settings,
}

/// A build by an engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dockerfile {
    pub(super) path: String,
    /// The folder that the engine gets; the Dockerfile's where it is not given.
    pub(super) context: Option<String>,
    pub(super) target: Option<String>,
    pub(super) arguments: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, SecretSource>,
    pub(super) cache_from: Vec<String>,
    pub(super) cache_to: Vec<String>,
    /// The engine; the first that is there where it is not given.
    pub(super) engine: Option<Engine>,
}

/// Where the engine finds a secret; lambdo does not read it.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// A file, relative to the spec's folder.
    File(String),
    /// A variable of the environment.
    Variable(String),
}

impl ImageSource {
    /// The build whose output goes into the image.
    pub fn build(&self) -> Option<&Build> {
        match self {
            Self::Layered(layered) => layered.build.as_ref(),
            _ => None,
        }
    }
}

/// Reads `image`; `folder` is the spec's.
///
/// # Errors
/// Everything that is wrong with it, without address and span.
pub fn parse(image: &Value, folder: &Path, builders: &Builders) -> Result<ImageSource, Vec<Diagnostic>> {
    let Value::Table(table) = image else {
        let problem = wrong_type("image", "a table such as `{ dockerfile = \"PATH\" }`", image.type_name());
        return Err(vec![problem.hint("an image that is in a registry already is given as `image = { uri = \"…\" }`")]);
    };
    let (keys, form) = form(table).map_err(|problem| vec![problem])?;
    let known: Vec<&str> = keys.iter().chain(&COMMON).copied().collect();
    let mut problems: Vec<Diagnostic> = strangers(table, &known);
    match form(table, folder, builders) {
        Ok(source) if problems.is_empty() => return Ok(source),
        Ok(_) => {}
        Err(found) => problems.extend(found),
    }
    Err(problems)
}

type Form = fn(&Table, &Path, &Builders) -> Result<ImageSource, Vec<Diagnostic>>;

/// The form of the table and the keys that it may have.
fn form(table: &Table) -> Result<(&'static [&'static str], Form), Diagnostic> {
    let has = |key: &str| table.contains_key(key);
    let given: Vec<&str> = ["dockerfile", "uri"].into_iter().filter(|key| has(key)).collect();
    let is_layered = has("files") || has("build") || has("base");
    match (given[..].first(), given.len(), is_layered) {
        (Some(&"dockerfile"), 1, false) => Ok((&DOCKERFILE, dockerfile)),
        (Some(_), 1, false) => Ok((&EXISTING, existing)),
        (None, _, true) => Ok((&LAYERED, layered)),
        (None, _, false) => Err(Diagnostic::error("no-image", "`image` does not say what the image is made from")
            .detail("`image` takes `dockerfile`, or `base` with `files` or `build`, or the `uri` of an image that is there.")),
        _ => {
            let all = ["dockerfile", "uri", "base", "files", "build"].into_iter().filter(|key| has(key)).collect::<Vec<_>>();
            let detail = format!("{} exclude each other: an image has one origin.", list(&all));
            Err(Diagnostic::error("two-images", "`image` names several origins").detail(detail))
        }
    }
}

/// Keys that this form does not have; one that another form has is told so.
fn strangers(table: &Table, known: &[&str]) -> Vec<Diagnostic> {
    let elsewhere = [(&LAYERED[..], "`base`, `files` and `build`"), (&DOCKERFILE, "`dockerfile`")];
    let strange = table.keys().filter(|key| !known.contains(&key.as_str()));
    strange
        .map(|key| {
            let problem = unknown_key("image", key, known);
            match elsewhere.iter().find(|(keys, _)| keys.contains(&key.as_str())) {
                Some((_, form)) => problem.hint(format!("`{key}` goes with {form}")),
                None => problem,
            }
        })
        .collect()
}

fn existing(table: &Table, _folder: &Path, _builders: &Builders) -> Result<ImageSource, Vec<Diagnostic>> {
    if table.get("uri").is_some_and(Value::is_unresolved) {
        return Ok(ImageSource::Existing);
    }
    text(table, "uri", "the URI of an image").map(|_| ImageSource::Existing).map_err(|problem| vec![problem])
}

/// Collects what is wrong and goes on.
fn good<T: Default>(value: Result<T, Diagnostic>, problems: &mut Vec<Diagnostic>) -> T {
    value.unwrap_or_else(|problem| {
        problems.push(problem);
        T::default()
    })
}

fn layered(table: &Table, folder: &Path, builders: &Builders) -> Result<ImageSource, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let settings = Settings {
        entry_point: good(texts(table, "entry_point"), &mut problems),
        command: good(texts(table, "command"), &mut problems),
        working_directory: good(text(table, "working_directory", "a folder in the image"), &mut problems),
        environment: good(scalars(table, "environment"), &mut problems),
    };
    let base = good(base(table), &mut problems);
    let is_logged_in = good(credentials(table), &mut problems);
    let files = good(files(table), &mut problems);
    let build = match table.get("build").map(|build| source::build(build, "image.build", folder, builders)) {
        None => None,
        Some(Ok(build)) => Some(build),
        Some(Err(found)) => {
            problems.extend(found);
            None
        }
    };
    if problems.is_empty() && files.is_empty() && build.is_none() {
        problems.push(nothing_inside());
    }
    if problems.is_empty() {
        return Ok(ImageSource::Layered(Box::new(Layered { base, is_logged_in, build, files, settings })));
    }
    Err(problems)
}

fn nothing_inside() -> Diagnostic {
    Diagnostic::error("no-image", "`image` does not say what the image is made from")
        .detail("`image` has a `base` and nothing that goes on top of it. Give `files` or `build`.")
        .hint("to deploy an image as it is: `image = { uri = \"…\" }`, with an image in ECR")
}

fn base(table: &Table) -> Result<Option<String>, Diagnostic> {
    let Some(base) = text(table, "base", "the name of an image")?.filter(|base| base != SCRATCH) else { return Ok(None) };
    match base.parse::<Reference>() {
        Ok(_) => Ok(Some(base)),
        Err(error) => Err(Diagnostic::error("bad-reference", "This is not the name of an image")
            .detail(format!("`image.base` is `{base}`, which cannot be understood: {error}."))
            .hint("such as `public.ecr.aws/lambda/provided:al2023`, or with a digest, `NAME@sha256:…`")),
    }
}

/// Another word than the one that there is the table of fields refuses.
fn credentials(table: &Table) -> Result<bool, Diagnostic> {
    Ok(text(table, "credentials", "`docker-config`")?.is_some())
}

fn files(table: &Table) -> Result<BTreeMap<String, String>, Diagnostic> {
    let wanted = "a table such as `{ \"/app/data.json\" = \"PATH\" }`";
    let mut files = BTreeMap::new();
    for (name, value) in inner(table, "files", wanted)? {
        let Value::String(path) = value else { return Err(wrong_type(&format!("image.files.{name}"), "a path", value.type_name())) };
        let inside = name.trim_start_matches('/').trim_end_matches('/').to_owned();
        crate::package::contents::check_name(&inside)
            .map_err(|detail| Diagnostic::error("bad-entry-name", "A file cannot have this name in a package").detail(detail))?;
        if let Some(other) = files.insert(inside.clone(), path.clone()) {
            let detail = format!("`image.files` puts both `{other}` and `{path}` at `/{inside}`.");
            return Err(Diagnostic::error("bad-entry-name", "A file cannot have this name in a package").detail(detail));
        }
    }
    Ok(files)
}

fn dockerfile(table: &Table, _folder: &Path, _builders: &Builders) -> Result<ImageSource, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let cache = good(inner(table, "cache", "a table such as `{ from = [\"…\"], to = [\"…\"] }`"), &mut problems);
    let cached = Table::from_iter(cache.into_iter().map(|(key, value)| (key.clone(), value.clone())));
    problems.extend(
        cached.keys().filter(|key| !["from", "to"].contains(&key.as_str())).map(|key| unknown_key("image.cache", key, &["from", "to"])),
    );
    let source = Dockerfile {
        path: good(text(table, "dockerfile", "the path of a Dockerfile"), &mut problems).unwrap_or_default(),
        context: good(text(table, "context", "a folder"), &mut problems),
        target: good(text(table, "target", "a stage of the Dockerfile"), &mut problems),
        arguments: good(scalars(table, "build_args"), &mut problems),
        secrets: good(secrets(table), &mut problems),
        cache_from: good(texts(&cached, "from"), &mut problems).unwrap_or_default(),
        cache_to: good(texts(&cached, "to"), &mut problems).unwrap_or_default(),
        engine: good(engine(table), &mut problems),
    };
    if problems.is_empty() { Ok(ImageSource::Dockerfile(source)) } else { Err(problems) }
}

/// A name that is none of an engine the table of fields refuses.
fn engine(table: &Table) -> Result<Option<Engine>, Diagnostic> {
    let name = text(table, "engine", "the name of a build engine")?;
    Ok(name.and_then(|name| Engine::called(&name)))
}

fn secrets(table: &Table) -> Result<BTreeMap<String, SecretSource>, Diagnostic> {
    let wanted = "a table such as `{ token = { env = \"TOKEN\" } }`";
    let secret = |(name, value): (&String, &Value)| {
        let one = value.as_table().filter(|table| table.len() == 1).and_then(|table| table.iter().next());
        match one.map(|(key, value)| (key.as_str(), value.as_str())) {
            Some(("file", Some(path))) => Ok((name.clone(), SecretSource::File(path.to_owned()))),
            Some(("env", Some(variable))) => Ok((name.clone(), SecretSource::Variable(variable.to_owned()))),
            _ => Err(wrong_type(&format!("image.secrets.{name}"), "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`", value.type_name())
                .hint("a secret's value never stands in the spec: the engine reads it from where it is")),
        }
    };
    inner(table, "secrets", wanted)?.into_iter().map(secret).collect()
}

/// The entries of the table at `key`; none where it is not given.
fn inner<'a>(table: &'a Table, key: &str, wanted: &str) -> Result<Vec<(&'a String, &'a Value)>, Diagnostic> {
    match table.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Table(inner)) => Ok(inner.iter().collect()),
        Some(other) => Err(wrong_type(&format!("image.{key}"), wanted, other.type_name())),
    }
}

fn scalars(table: &Table, key: &str) -> Result<BTreeMap<String, String>, Diagnostic> {
    let scalar = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Integer(number) => Ok((name.clone(), number.to_string())),
        Value::Boolean(value) => Ok((name.clone(), value.to_string())),
        other => {
            let problem = wrong_type(&format!("image.{key}.{name}"), "a text, a number or a truth value", other.type_name());
            let is_argument = key == "build_args" && other.as_table().is_some();
            Err(if is_argument {
                problem.hint("build arguments stand in the image; for what is secret there is `secrets`")
            } else {
                problem
            })
        }
    };
    inner(table, key, "a table of texts")?.into_iter().map(scalar).collect()
}

fn text(table: &Table, key: &str, wanted: &str) -> Result<Option<String>, Diagnostic> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(wrong_type(&format!("image.{key}"), wanted, "empty")),
        Some(other) => Err(wrong_type(&format!("image.{key}"), wanted, other.type_name())),
    }
}

fn texts(table: &Table, key: &str) -> Result<Option<Vec<String>>, Diagnostic> {
    let Some(value) = table.get(key) else { return Ok(None) };
    match value {
        Value::String(text) => Ok(Some(vec![text.clone()])),
        _ => strings(&format!("image.{key}"), value, "a list of texts").map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<ImageSource, Vec<Diagnostic>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("app")).unwrap();
        std::fs::write(folder.path().join("app/Cargo.toml"), "").unwrap();
        parse(&Value::from_json(&serde_json::from_str(json).unwrap()), folder.path(), &Builders::new())
    }

    #[test]
    fn each_form_is_understood() {
        let Ok(ImageSource::Layered(layered)) = parsed(r#"{"base":"scratch","files":{"/a/b":"c"},"repository":"r"}"#) else { panic!() };
        assert_eq!((layered.base, layered.files), (None, BTreeMap::from([("a/b".to_owned(), "c".to_owned())])));
        let json = r#"{"build":"app","base":"alpine:3","entry_point":"/x","environment":{"A":1},"credentials":"docker-config"}"#;
        let Ok(ImageSource::Layered(layered)) = parsed(json) else { panic!() };
        assert_eq!(layered.build.unwrap().kind, "rust");
        assert_eq!((layered.base.as_deref(), layered.is_logged_in), (Some("alpine:3"), true));
        assert_eq!(layered.settings.entry_point, Some(vec!["/x".to_owned()]));
        let json = r#"{"dockerfile":"D","build_args":{"A":true},"secrets":{"t":{"env":"T"}},"cache":{"from":"x"},"engine":"buildah"}"#;
        let Ok(ImageSource::Dockerfile(dockerfile)) = parsed(json) else { panic!() };
        assert_eq!((dockerfile.engine, dockerfile.cache_from), (Some(Engine::Buildah), vec!["x".to_owned()]));
        assert_eq!(dockerfile.secrets["t"], SecretSource::Variable("T".into()));
        assert_eq!(parsed(r#"{"uri":"1.dkr.ecr.x.amazonaws.com/a@sha256:b"}"#), Ok(ImageSource::Existing));
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        for (json, expected) in [
            (r#""alpine""#, &["wrong-type"][..]),
            ("{}", &["no-image"]),
            (r#"{"repository":"x"}"#, &["no-image"]),
            (r#"{"base":"alpine"}"#, &["no-image"]),
            (r#"{"base":"alpine","dockerfile":"D"}"#, &["two-images"]),
            (r#"{"uri":"a","dockerfile":"D"}"#, &["two-images"]),
            (r#"{"base":"UPPER","files":{"a":"b"}}"#, &["bad-reference"]),
            (r#"{"files":{"../a":"b"}}"#, &["bad-entry-name"]),
            (r#"{"files":{"a":3},"command":4,"platform":"x"}"#, &["unknown-key", "wrong-type", "wrong-type"]),
            (r#"{"files":{"a":"b"},"target":"x"}"#, &["unknown-key"]),
            (r#"{"dockerfile":""}"#, &["wrong-type"]),
            (r#"{"dockerfile":"D","secrets":{"a":"literal"}}"#, &["wrong-type"]),
            (r#"{"dockerfile":"D","build_args":{"a":{"env":"X"}}}"#, &["wrong-type"]),
            (r#"{"dockerfile":"D","cache":{"into":"x"}}"#, &["unknown-key"]),
            (r#"{"build":{"kind":"rust","path":"app","bins":"x"}}"#, &["unknown-key"]),
        ] {
            let problems = parsed(json).unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), expected, "{json}");
        }
    }
}

//! Where in the spec stands what packages and secrets are told of.

use crate::diagnostic::Diagnostic;
use crate::model::{Address, Path, SecretSource, Section, Table};
use crate::spec::Spec;

/// The settings that packages are made from; what is said of one of them begins with its name.
const SETTINGS: [&str; 4] = ["build.", "code.", "image.", "image_config."];
/// Where several files can be named, below the key `files`.
const SOURCES: [&str; 2] = ["code", "image"];
const FILES: &str = "files";
/// The code of what is not there.
const MISSING_FILE: &str = "missing-file";
/// How the codes of what is wrong with a handler begin.
const HANDLER: &str = "no-handler";
/// Other codes of what is wrong with a handler.
const OF_HANDLERS: [&str; 3] = ["handler-form", "handler-parameters", "handler-async"];

/// Diagnostics of packages point at the whole of `code`, `build` or `image`; here they come to point at the setting that
/// they are about.
pub fn of_packages(spec: &Spec, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.into_iter().map(|one| placed(spec, one)).collect()
}

/// What cannot be looked up is told of the source alone; here it comes to point at the setting that names the source.
pub fn of_secrets(spec: &Spec, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let placed = |one: Diagnostic| {
        let section = section_of(spec, &one);
        let span = section.and_then(|section| section.span_of(&path_of_secret(&section.values, &Path::default(), &one.detail)?));
        Diagnostic { span: span.or(one.span), ..one }
    };
    found.into_iter().map(placed).collect()
}

/// Where the source stands that these words begin with.
fn path_of_secret(values: &Table, place: &Path, told: &str) -> Option<Path> {
    values.iter().find_map(|(key, value)| {
        let (table, place) = (value.as_table()?, place.join(key));
        match SecretSource::from_table(table) {
            Ok(source) => told.starts_with(&format!("The {source} ")).then_some(place),
            Err(_) => path_of_secret(table, &place, told),
        }
    })
}

fn section_of<'a>(spec: &'a Spec, found: &Diagnostic) -> Option<&'a Section> {
    let address: Address = found.address.as_deref()?.parse().ok()?;
    spec.sections.iter().find(|section| (&section.kind, &section.name) == (&address.kind, &address.name))
}

fn placed(spec: &Spec, found: Diagnostic) -> Diagnostic {
    let Some(section) = section_of(spec, &found) else { return found };
    let Some(path) = path_of(&found).or_else(|| path_of_file(section, &found)) else { return found };
    match section.span_of(&path).filter(|_| section.values.contains_key(path.first())) {
        Some(span) => found.span(span),
        None => found,
    }
}

/// Which of several files is not there.
fn path_of_file(section: &Section, found: &Diagnostic) -> Option<Path> {
    let missing = found.detail.split('`').nth(1).filter(|_| found.code == MISSING_FILE)?;
    SOURCES.iter().find_map(|source| {
        let files = section.values.get(*source)?.as_table()?.get(FILES)?.as_table()?;
        let (name, _) = files.iter().find(|(_, path)| path.as_str() == Some(missing))?;
        Some(Path::key(source).join(FILES).join(name))
    })
}

fn path_of(found: &Diagnostic) -> Option<Path> {
    if found.code.starts_with(HANDLER) || OF_HANDLERS.contains(&found.code) {
        return Some(Path::key("handler"));
    }
    let first = found.detail.strip_prefix('`')?.split('`').next()?;
    SETTINGS.iter().any(|setting| first.starts_with(setting)).then(|| first.parse().ok()).flatten()
}

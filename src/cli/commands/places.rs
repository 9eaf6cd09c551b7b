//! Where in the spec stands what packages are told of.

use crate::diagnostic::Diagnostic;
use crate::model::{Address, Path};
use crate::spec::Spec;

/// The settings that packages are made from; what is said of one of them begins with its name.
const SETTINGS: [&str; 4] = ["build.", "code.", "image.", "image_config."];
/// How the codes of what is wrong with a handler begin.
const HANDLER: &str = "no-handler";
/// Other codes of what is wrong with a handler.
const OF_HANDLERS: [&str; 3] = ["handler-form", "handler-parameters", "handler-async"];

/// Diagnostics of packages point at the whole of `code`, `build` or `image`; here they come to point at the setting that
/// they are about.
pub fn of_packages(spec: &Spec, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.into_iter().map(|one| placed(spec, one)).collect()
}

fn placed(spec: &Spec, found: Diagnostic) -> Diagnostic {
    let address: Option<Address> = found.address.as_deref().and_then(|address| address.parse().ok());
    let section =
        address.and_then(|address| spec.sections.iter().find(|section| (&section.kind, &section.name) == (&address.kind, &address.name)));
    let (Some(section), Some(path)) = (section, path_of(&found)) else { return found };
    match section.span_of(&path).filter(|_| section.values.contains_key(path.first())) {
        Some(span) => found.span(span),
        None => found,
    }
}

fn path_of(found: &Diagnostic) -> Option<Path> {
    if found.code.starts_with(HANDLER) || OF_HANDLERS.contains(&found.code) {
        return Some(Path::key("handler"));
    }
    let first = found.detail.strip_prefix('`')?.split('`').next()?;
    SETTINGS.iter().any(|setting| first.starts_with(setting)).then(|| first.parse().ok()).flatten()
}

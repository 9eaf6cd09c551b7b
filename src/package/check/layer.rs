//! Whether the runtimes find what a layer brings.

use super::Subject;
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::problem::list;

/// The folders of a layer that runtimes look into, all below `/opt`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html>).
const FOLDERS: [&str; 7] = ["bin", "lib", "extensions", "python", "nodejs", "java", "ruby"];
/// How many names are shown.
const NAMED: usize = 4;

/// Warns of a layer with nothing in any folder that a runtime looks into. It may be meant: functions can read `/opt` themselves.
pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<Diagnostic> {
    let is_found = FOLDERS.iter().any(|folder| tree.has_folder(folder)) || tree.has("bootstrap");
    if is_found {
        return of_another_language(tree, subject);
    }
    let mut roots: Vec<&str> = tree.names().map(|name| name.split_inclusive('/').next().unwrap_or_default()).collect();
    roots.dedup();
    let more = if roots.len() > NAMED { " and more" } else { "" };
    roots.truncate(NAMED);
    let folder = match roots.contains(&"node_modules/") {
        true => "nodejs",
        false if subject.runtime.starts_with("python") || tree.names().any(|name| name.ends_with(".py")) => "python",
        false => "lib",
    };
    let detail = format!(
        "The layer has {}{more}, but runtimes look only into its folders {}. What lies elsewhere is found only by code that reads `/opt` itself.",
        list(&roots),
        list(&FOLDERS)
    );
    let diagnostic = Diagnostic::warning("layer-folders", "Nothing in the layer lies where runtimes look").detail(detail);
    Some(diagnostic.hint(format!("put what it has into a folder `{folder}/`")))
}

/// Warns of a layer that has something for other languages than that of the function that uses it.
fn of_another_language(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<Diagnostic> {
    const LANGUAGES: [&str; 4] = ["python", "nodejs", "java", "ruby"];
    let own = LANGUAGES.iter().find(|language| subject.runtime.starts_with(**language))?;
    let there: Vec<&str> = FOLDERS.iter().copied().filter(|folder| tree.has_folder(folder)).collect();
    if there.is_empty() || !there.iter().all(|folder| LANGUAGES.contains(folder) && folder != own) {
        return None;
    }
    let detail =
        format!("The layer has only {}, and `{}`, with which a function uses it, does not look there.", list(&there), subject.runtime);
    let diagnostic = Diagnostic::warning("layer-folders", "A layer has nothing for the runtime that uses it").detail(detail);
    Some(diagnostic.hint(format!("what it finds lies in the layer's folder `{own}/`")))
}

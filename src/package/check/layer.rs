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
        return None;
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

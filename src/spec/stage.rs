//! `[stage.NAME]` and `[local]`: patches to the file.

use super::header::check_name;
use super::merge::{Level, Merging, merge};
use super::top::invalid_name;
use super::tree::{Node, Source};
use super::wanted::not_a_table;
use crate::diagnostic::{Diagnostic, nearest};

const STAGE: &str = "stage";
const LOCAL: &str = "local";

/// The stages that the file declares.
pub(crate) fn declared(root: &Node) -> Vec<String> {
    root.get("stage").and_then(Node::table).map(|stages| stages.keys().cloned().collect()).unwrap_or_default()
}

/// A stage's name becomes a part of names in AWS.
pub(crate) fn bad_names(root: &Node) -> Vec<Diagnostic> {
    let stages = root.get(STAGE).and_then(Node::table).into_iter().flatten();
    let bad = stages.filter_map(|(name, node)| Some(invalid_name(name, &check_name(name).err()?, node.key_span())));
    bad.collect()
}

/// The stage that is meant.
///
/// # Errors
/// The file declares stages and none or another one was given, or it declares none and one was given.
pub(crate) fn choose(source: &Source, root: &Node, wanted: Option<&str>) -> Result<Option<String>, Diagnostic> {
    let stages = declared(root);
    let place = root.get("stage").and_then(Node::key_span).unwrap_or_else(|| source.span(0..0));
    let list = stages.iter().map(|stage| format!("`{stage}`")).collect::<Vec<_>>().join(", ");
    match wanted {
        None if stages.is_empty() => Ok(None),
        None => Err(Diagnostic::error("stage-needed", "A stage is needed")
            .detail(format!("The file declares the stages {list}, and none was given."))
            .hint(format!("give one, such as `--stage {}`", stages[0]))
            .span(place)),
        Some(name) if stages.iter().any(|stage| stage == name) => Ok(Some(name.to_owned())),
        Some(name) if stages.is_empty() => Err(Diagnostic::error("no-stages", "There are no stages")
            .detail(format!("The stage `{name}` was asked for, and the file declares none."))
            .hint(format!("declare it as `[stage.{name}]`, or leave `--stage` out"))
            .span(place)),
        Some(name) => {
            let finding = Diagnostic::error("unknown-stage", "The stage is not declared")
                .detail(format!("The stage `{name}` was asked for; the file declares {list}."))
                .span(place);
            Err(match nearest(name, stages.iter().map(String::as_str)) {
                Some(found) => finding.hint(format!("did you mean `{found}`?")),
                None => finding,
            })
        }
    }
}

/// The file as if it had been written with the patch of `stage` and, for a local run, with `[local]`
/// on top; and without any stages and overlays.
pub(crate) fn patched(root: &Node, stage: Option<&str>, is_local: bool, merging: &mut Merging) -> Node {
    let mut file = root.clone();
    let mut taken = |key: &str| file.table_mut().and_then(|table| table.remove(key));
    let (stages, overlay) = (taken(STAGE), taken(LOCAL));
    if let Some(stages) = &stages {
        if stages.table().is_none() {
            merging.findings.push(not_a_table("`stage`", stages).hint("write `[stage.NAME]`"));
        }
        if let Some(patch) = stage.and_then(|stage| stages.get(stage)) {
            patch_with(&mut file, patch, &format!("The stage `{}`", stage.unwrap_or_default()), merging);
        }
    }
    match &overlay {
        Some(overlay) if is_local => patch_with(&mut file, overlay, "`local`", merging),
        Some(overlay) if overlay.table().is_none() => {
            merging.findings.push(not_a_table("`local`", overlay).hint("write `[local]`, or a table below it such as `[local.defaults]`"))
        }
        _ => {}
    }
    file
}

fn patch_with(file: &mut Node, patch: &Node, what: &str, merging: &mut Merging) {
    if patch.table().is_none() {
        merging.findings.push(not_a_table(what, patch));
        return;
    }
    for (inner, inside) in [(patch.get(STAGE), "stages"), (patch.get(LOCAL), "an overlay")] {
        let Some(inner) = inner else { continue };
        let detail = format!("{what} cannot declare {inside}.");
        merging.findings.push(Diagnostic::error("invalid-value", "A value is not allowed").detail(detail).span(inner.key_span()));
    }
    merge(file, patch.clone(), Level::File, merging);
    if let Some(table) = file.table_mut() {
        for key in [STAGE, LOCAL, "unset"] {
            table.remove(key);
        }
    }
}

//! `[stage.NAME]`: a patch to the file.

use super::merge::{Level, merge};
use super::tree::{Node, Source};
use crate::diagnostic::{Diagnostic, nearest};

/// The stages that the file declares.
pub(crate) fn declared(root: &Node) -> Vec<String> {
    root.get("stage").and_then(Node::table).map(|stages| stages.keys().cloned().collect()).unwrap_or_default()
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

/// The file as if it had been written with the patch of `stage`, and without any stages.
pub(crate) fn patched(root: &Node, stage: Option<&str>, findings: &mut Vec<Diagnostic>) -> Node {
    let mut file = root.clone();
    let Some(stages) = file.table_mut().and_then(|table| table.remove("stage")) else { return file };
    if stages.table().is_none() {
        findings.push(not_a_table("`stage`", &stages));
    }
    let Some(patch) = stage.and_then(|stage| stages.get(stage)) else { return file };
    if patch.table().is_none() {
        findings.push(not_a_table("A stage", patch));
        return file;
    }
    if let Some(inner) = patch.get("stage") {
        findings.push(
            Diagnostic::error("invalid-value", "A value is not allowed").detail("A stage cannot declare stages.").span(inner.key_span()),
        );
    }
    merge(&mut file, patch.clone(), Level::File, findings);
    if let Some(table) = file.table_mut() {
        table.remove("stage");
        table.remove("unset");
    }
    file
}

fn not_a_table(what: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("wrong-type", "A value has the wrong type")
        .detail(format!("{what} must be a table; it is {}.", node.type_name()))
        .span(node.span.clone())
}

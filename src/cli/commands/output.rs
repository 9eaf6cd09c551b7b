//! `lambdo output`: what was put out, or one bare value.

use crate::cli::args::Format;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Exit, Failure, Path, State, Table, Value};
use crate::store::StateStore;

/// Prints all outputs as `name = value`, or the one value of a name or of `ADDRESS.attribute`.
pub async fn run(workspace: &Workspace, name: Option<&str>) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    let state = workspace.store(&header).load().await?;
    let Some(name) = name else {
        let is_deployed = state.as_ref().is_some_and(|state| !state.entries.is_empty());
        let outputs = state.map(|state| state.outputs).unwrap_or_default();
        match workspace.ui.format() {
            Format::Human | Format::Markdown if outputs.is_empty() => workspace.ui.status(no_outputs(is_deployed)),
            Format::Human | Format::Markdown => {
                outputs.iter().for_each(|(name, value)| workspace.ui.data(&format!("{name} = {}", human::output(value))))
            }
            Format::Json => workspace.ui.document(&json::output(&outputs)),
        }
        return Ok(Exit::Success);
    };
    let value = state.as_ref().and_then(|state| find(state, name)).ok_or_else(|| unknown(state.as_ref(), name))?;
    match workspace.ui.format() {
        Format::Human | Format::Markdown => workspace.ui.data(&human::output(&value)),
        Format::Json => workspace.ui.document(&json::output(&Table::from_iter([(name.to_owned(), value)]))),
    }
    Ok(Exit::Success)
}

fn no_outputs(is_deployed: bool) -> &'static str {
    if is_deployed {
        "There are no outputs: the spec had no `[outputs]` at the last `lambdo up`. `lambdo output function.NAME.arn` prints any attribute."
    } else {
        "There are no outputs: nothing is deployed yet."
    }
}

/// The output of this name; else of a resource an attribute, a setting as applied, or its physical id.
fn find(state: &State, name: &str) -> Option<Value> {
    if let Some(value) = state.outputs.get(name) {
        return Some(value.clone());
    }
    state.entries.iter().find_map(|(address, entry)| {
        let path: Path = name.strip_prefix(&address.to_string())?.strip_prefix('.')?.parse().ok()?;
        if path == Path::key("physical_id") {
            return Some(entry.physical_id.as_str().into());
        }
        at(&entry.attributes, &path).or_else(|| at(&entry.inputs, &path)).cloned()
    })
}

fn at<'a>(table: &'a Table, path: &Path) -> Option<&'a Value> {
    let (first, rest) = path.0.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, key| value.as_table()?.get(key))
}

fn unknown(state: Option<&State>, name: &str) -> Failure {
    let diagnostic = Diagnostic::error("unknown-output", "No such output");
    let Some(state) = state else {
        return Failure::new(Exit::Usage, diagnostic.detail(format!("There is no `{name}`: nothing is deployed yet.")));
    };
    let attributes = state
        .entries
        .iter()
        .flat_map(|(address, entry)| entry.attributes.keys().chain(entry.inputs.keys()).map(move |key| format!("{address}.{key}")));
    let names: Vec<String> = state.outputs.keys().cloned().chain(attributes).collect();
    let diagnostic =
        diagnostic.detail(format!("Neither `[outputs]` as last applied nor an attribute of a deployed resource is called `{name}`."));
    let diagnostic = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint("`lambdo output` lists the outputs, `lambdo state show ADDRESS` the attributes"),
    };
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-dev-hash";

    #[test]
    fn names_attributes_settings_and_physical_ids_are_found() {
        let state = fixtures::state();
        for (name, expected) in [
            ("lambda", Some(Value::from(ARN))),
            ("function.hash.arn", Some(ARN.into())),
            ("function.hash.memory_size", Some(128.into())),
            ("log_group.hash.physical_id", Some("/aws/lambda/demo-dev-hash".into())),
            ("function.hash", None),
            ("function.has.arn", None),
        ] {
            assert_eq!(find(&state, name), expected, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let failure = unknown(Some(&fixtures::state()), "function.hash.am");
        assert_eq!(failure.diagnostics[0].hints, ["did you mean `function.hash.arn`?"]);
        assert!(unknown(None, "x").diagnostics[0].detail.contains("nothing is deployed yet"));
    }
}

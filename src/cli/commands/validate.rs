//! `lambdo validate`: the spec alone, without AWS and without a build.

use super::deploy::checked;
use crate::cli::args::Format;
use crate::cli::render::file_name;
use crate::cli::ui;
use crate::cli::view::human::counted;
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use crate::spec::Checked;
use std::collections::BTreeSet;

/// Checks the spec and says what it would make.
pub fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let Checked { desired, warnings, .. } = checked(workspace, &config, &|_| true, true)?;
    let functions: BTreeSet<&str> =
        desired.resources.keys().filter(|address| address.kind == "function").map(|address| address.name.as_str()).collect();
    workspace.ui.diagnostics(&warnings);
    match workspace.ui.format() {
        Format::Human | Format::Markdown => {
            let (functions, resources) = (counted(functions.len(), "function"), counted(desired.resources.len(), "resource"));
            workspace.ui.data(&format!("`{}` is valid: {functions}, {resources}", file_name(&config.path)));
        }
        Format::Json => {
            let functions: Vec<String> = functions.iter().map(ToString::to_string).collect();
            let (stage, sources) = (desired.stage.as_deref(), ui::sources(&warnings));
            workspace.ui.document(&json::validate(&desired.project, stage, &functions, desired.resources.len(), &warnings, &sources));
        }
    }
    Ok(Exit::Success)
}

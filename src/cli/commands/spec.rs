//! `lambdo spec`: the resolved spec.

use super::deploy::unmatched;
use crate::cli::args::Format;
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use crate::spec;

/// Prints the resolved spec, or the sections of some functions.
pub fn run(workspace: &Workspace, names: &[String]) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let functions: Vec<String> = spec.functions().map(|function| function.name.clone()).collect();
    unmatched(names, &functions).map_or(Ok(()), Err)?;
    workspace.ui.diagnostics(&spec.diagnostics);
    match workspace.ui.format() {
        Format::Human | Format::Markdown => workspace.ui.data(spec::render(&spec, names).trim_end()),
        Format::Json => workspace.ui.document(&spec::document(&spec, names)),
    }
    Ok(Exit::Success)
}

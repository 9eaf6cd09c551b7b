//! `lambdo spec`: the resolved spec.

use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use crate::spec;

/// Prints the resolved spec, or the sections of some functions.
pub fn run(workspace: &Workspace, names: &[String]) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    workspace.ui.diagnostics(&spec.diagnostics);
    workspace.ui.data(spec::render(&spec, names).trim_end());
    Ok(Exit::Success)
}

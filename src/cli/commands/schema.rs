//! `lambdo schema`: the JSON Schema of config.toml.

use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use crate::spec;

/// Prints the schema; it needs no spec.
pub fn run(workspace: &Workspace) -> Result<Exit, Failure> {
    workspace.ui.document(&spec::schema(&workspace.registry));
    Ok(Exit::Success)
}

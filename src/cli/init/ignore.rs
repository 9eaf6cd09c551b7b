//! The `.lambdoignore` of a project whose root is the folder of a function: packages of it hold nothing that is only about
//! the project, and change with nothing but its code.

use super::{Code, Found};
use std::path::Path;

/// What it is called.
pub const FILE: &str = ".lambdoignore";
/// What is about the project, or is secret.
const USUAL: [&str; 6] = ["/README*", "/CHANGELOG*", "/LICENSE*", "/Dockerfile*", ".env", ".env.*"];

/// Its text, if a function takes the whole folder and none is there.
pub fn text(folder: &Path, found: &Found) -> Option<String> {
    let is_whole = found.functions.iter().any(|one| one.folder == "." && matches!(one.code, Code::Script { .. }));
    if !is_whole || folder.join(FILE).symlink_metadata().is_ok() {
        return None;
    }
    let others = found.foreign.iter().map(|(_, file)| format!("/{file}"));
    let lines: Vec<String> = others.chain(USUAL.map(str::to_owned)).collect();
    Some(format!("# What of this folder stays out of packages, written as in a .gitignore.\n{}\n", lines.join("\n")))
}

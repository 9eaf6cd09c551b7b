//! What a `[discover.NAME]` can say.

use super::folders::Pattern;
use crate::diagnostic::Diagnostic;
use crate::model::field::ANY_STRING;
use crate::model::{Field, Shape};
use crate::spec::wanted::POSSIBLE;

const PATTERNS: Shape = Shape::List { item: &Shape::checked(1, 4096, check_pattern), max: usize::MAX };

/// The keys of a discovery.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "root",
        Shape::text(1, 4096),
        "The folder that is looked through, relative to this file; a function is called like its path below it. Folders that begin with `.` or `_` are passed over.",
    )
    .required(),
    Field::new(
        "match",
        PATTERNS,
        "The file that makes a folder a function, `main.go` unless given; with `Cargo.toml` each binary is one. Patterns are possible.",
    ),
    Field::new("exclude", PATTERNS, "Folders that are left out: names, or with a `/` paths below the root. Patterns are possible."),
    Field::new("use", Shape::List { item: &ANY_STRING, max: usize::MAX }, "The templates that the functions take."),
];

fn check_pattern(text: &str) -> Result<(), String> {
    Pattern::new(text).map(|_| ()).map_err(|reason| format!("is a pattern that cannot be understood: {reason}"))
}

/// Adds to what is said of a key that no discovery has where the settings of its functions stand.
pub(super) fn of_functions(finding: Diagnostic) -> Diagnostic {
    if !finding.hints.iter().any(|hint| hint.starts_with(POSSIBLE)) {
        return finding;
    }
    finding.hint("settings of the functions stand in a `[template.NAME]`, which `use = [\"NAME\"]` takes, or in `[defaults]`")
}

//! Verbs that are not ours, or not ours yet.

use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Exit, Failure};

/// Other tools' words for our verbs.
const FOREIGN: &[(&str, &str)] = &[
    ("apply", "up"),
    ("call", "invoke"),
    ("call", "invoke"),
    ("check", "validate"),
    ("delete", "destroy"),
    ("deploy", "up"),
    ("diagnose", "status"),
    ("down", "destroy"),
    ("force-unlock", "unlock"),
    ("history", "runs"),
    ("info", "status"),
    ("list", "status"),
    ("ls", "status"),
    ("log", "logs"),
    ("new", "init"),
    ("outputs", "output"),
    ("package", "build"),
    ("preview", "plan"),
    ("refresh", "drift"),
    ("remove", "destroy"),
    ("rm", "destroy"),
    ("show", "status"),
    ("stack", "state"),
    ("run", "invoke"),
    ("serve", "local"),
    ("start", "local"),
    ("synth", "spec"),
    ("tail", "logs"),
    ("tail", "logs"),
    ("teardown", "destroy"),
    ("update", "up"),
];

const OURS: &[&str] = &[
    "build",
    "completions",
    "daemon",
    "destroy",
    "diff",
    "drift",
    "gc",
    "import",
    "init",
    "invoke",
    "local",
    "log-groups",
    "logs",
    "notify",
    "output",
    "plan",
    "policy",
    "runs",
    "schema",
    "spec",
    "state",
    "status",
    "unlock",
    "up",
    "validate",
];

const STATE_OURS: &[&str] = &["diff", "forget", "history", "list", "move", "rebuild", "show"];

/// Why `lambdo VERB` is not done.
pub fn unknown(verb: &str) -> Failure {
    let foreign = FOREIGN.iter().find(|(theirs, _)| *theirs == verb).map(|(_, ours)| *ours);
    let ours = foreign.or_else(|| nearest(verb, OURS.iter().copied()));
    unknown_verb(&format!("lambdo {verb}"), ours.map(|ours| format!("lambdo {ours}")))
}

/// Why `lambdo state VERB` is not done.
pub fn unknown_state(verb: &str) -> Failure {
    let ours = match verb {
        "ls" => Some("list"),
        "mv" | "rename" => Some("move"),
        "rm" | "remove" | "delete" => Some("forget"),
        _ => nearest(verb, STATE_OURS.iter().copied()),
    };
    unknown_verb(&format!("lambdo state {verb}"), ours.map(|ours| format!("lambdo state {ours}")))
}

/// Whether a verb of ours has nothing to say in a pull request.
pub fn refuses_markdown(verb: &str) -> bool {
    let verb = verb.split(' ').next().unwrap_or_default();
    OURS.contains(&verb) && !["plan", "drift", "log-groups"].contains(&verb)
}

/// Refuses `--format markdown` for what is no news for a pull request.
pub fn without_markdown(verb: &str) -> Failure {
    let diagnostic = Diagnostic::error("format-not-supported", "No Markdown for this command")
        .detail(format!(
            "`--format markdown` is for pull requests, so only `lambdo plan`, `lambdo drift` and `lambdo log-groups audit` write it; `lambdo {verb}` does not."
        ))
        .hint("for programs: `--format json`");
    Failure::new(Exit::Usage, diagnostic)
}

/// Refuses a fault plan for a cloud that nobody serves here.
pub fn faults_without_local() -> Failure {
    let diagnostic = Diagnostic::error("faults-without-local", "Only the local cloud misbehaves on purpose")
        .detail("`--faults` was given without `--local`.")
        .hint("add `--local`, or start one with `lambdo local --faults FILE`");
    Failure::new(Exit::Usage, diagnostic)
}

/// The local cloud has an endpoint of its own.
pub fn endpoint_with_local() -> Failure {
    let diagnostic = Diagnostic::error("endpoint-with-local", "There is one place to call, and two were named")
        .detail("`--endpoint-url` was given with `--local`, which calls the local cloud of this project and nothing else.")
        .hint("leave out one of the two");
    Failure::new(Exit::Usage, diagnostic)
}

fn unknown_verb(given: &str, ours: Option<String>) -> Failure {
    let diagnostic = Diagnostic::error("unknown-command", "Unknown command").detail(format!("There is no `{given}`."));
    let diagnostic = match ours {
        Some(ours) => diagnostic.hint(format!("use `{ours}`")),
        None => diagnostic.hint("`lambdo --help` lists all commands"),
    };
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_and_mistyped_verbs_name_ours() {
        for (given, ours) in [
            ("deploy", "lambdo up"),
            ("apply", "lambdo up"),
            ("preview", "lambdo plan"),
            ("down", "lambdo destroy"),
            ("remove", "lambdo destroy"),
            ("rm", "lambdo destroy"),
            ("delete", "lambdo destroy"),
            ("plam", "lambdo plan"),
            ("destory", "lambdo destroy"),
        ] {
            let failure = unknown(given);
            assert_eq!(failure.exit, Exit::Usage);
            assert_eq!(failure.diagnostics[0].hints, [format!("use `{ours}`")], "{given}");
        }
    }

    #[test]
    fn verbs_of_the_state_have_foreign_names_too() {
        assert_eq!(unknown_state("rm").diagnostics[0].hints, ["use `lambdo state forget`"]);
        assert_eq!(unknown_state("lst").diagnostics[0].hints, ["use `lambdo state list`"]);
    }

    #[test]
    fn every_foreign_verb_leads_to_one_of_ours() {
        for (theirs, ours) in FOREIGN {
            assert!(OURS.contains(ours) && !OURS.contains(theirs), "{theirs}");
        }
    }
}

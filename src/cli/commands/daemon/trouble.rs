//! Why something could not be done, in the daemon's words.

use crate::cli::render::{file_name, position};
use crate::cli::ui::sources;
use crate::daemon::{Trouble, TroubleKind};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure, Scrubber};

/// What a failure means for a loop that goes on.
pub fn trouble(failure: &Failure, scrubber: &Scrubber) -> Trouble {
    let first = failure.diagnostics.iter().find(|one| one.is_error()).or(failure.diagnostics.first());
    let more = failure.diagnostics.iter().filter(|one| one.is_error()).count().saturating_sub(1);
    let more = if more == 0 { String::new() } else { format!(" ({more} more)") };
    let text = first.map_or_else(|| "it failed without a word".to_owned(), |one| format!("{}{}{more}", place(one), sentence(one)));
    let hints = first.map(|one| one.hints.iter().map(|hint| scrubber.clean(hint).into_owned()).collect()).unwrap_or_default();
    Trouble { kind: kind(failure), text: scrubber.clean(&text).into_owned(), hints }
}

/// Where in the user's file something is wrong: file, line and column, as editors and terminals follow them.
fn place(diagnostic: &Diagnostic) -> String {
    let Some(span) = &diagnostic.span else { return String::new() };
    let file = file_name(&span.file);
    match sources(std::slice::from_ref(diagnostic)).get(&span.file) {
        Some(text) => {
            let (line, column) = position(text, span.start);
            format!("{file}:{line}:{column}: ")
        }
        None => format!("{file}: "),
    }
}

/// What a diagnostic says, without its hints.
pub fn sentence(diagnostic: &Diagnostic) -> String {
    if diagnostic.detail.is_empty() { diagnostic.summary.clone() } else { format!("{}: {}", diagnostic.summary, diagnostic.detail) }
}

fn kind(failure: &Failure) -> TroubleKind {
    let has = |code: &str| failure.diagnostics.iter().any(|one| one.code == code);
    match failure.exit {
        Exit::Interrupted => TroubleKind::Stopped,
        Exit::Locked => TroubleKind::Locked,
        Exit::Usage => TroubleKind::Spec,
        Exit::Refused if has("account-not-allowed") || has("state-of-another-place") => TroubleKind::Denied,
        Exit::Refused => TroubleKind::Refused,
        _ if has("aws-credentials") => TroubleKind::Credentials,
        _ if has("aws-access-denied") => TroubleKind::Denied,
        _ if has("aws-throttled") => TroubleKind::Throttled,
        _ if has("aws-unreachable") => TroubleKind::Away,
        _ if failure.diagnostics.iter().any(|one| one.code.starts_with("state-")) => TroubleKind::State,
        _ => TroubleKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_decides_how_long_it_is_waited() {
        let failure = |exit, code| Failure::new(exit, Diagnostic::error(code, "It is so").detail("Because.").hint("do it"));
        for (exit, code, expected) in [
            (Exit::Failed, "aws-unreachable", TroubleKind::Away),
            (Exit::Failed, "aws-credentials", TroubleKind::Credentials),
            (Exit::Failed, "aws-access-denied", TroubleKind::Denied),
            (Exit::Failed, "aws-throttled", TroubleKind::Throttled),
            (Exit::Failed, "state-garbled", TroubleKind::State),
            (Exit::Failed, "other", TroubleKind::Other),
            (Exit::Usage, "unknown-key", TroubleKind::Spec),
            (Exit::Locked, "state-locked", TroubleKind::Locked),
            (Exit::Refused, "account-not-allowed", TroubleKind::Denied),
            (Exit::Refused, "saved-plan-stale", TroubleKind::Refused),
            (Exit::Interrupted, "interrupted", TroubleKind::Stopped),
        ] {
            let trouble = trouble(&failure(exit, code), &Scrubber::default());
            assert_eq!((trouble.kind, trouble.text.as_str(), trouble.hints.len()), (expected, "It is so: Because.", 1), "{code}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::sync::Arc::new(folder.path().join("config.toml"));
        std::fs::write(file.as_path(), "project = \"demo\"\nregoin = 1\n").unwrap();
        let span = crate::diagnostic::Span { file: std::sync::Arc::clone(&file), start: 17, end: 23 };
        let diagnostic = |number: usize| Diagnostic::error("unknown-key", format!("Wrong {number}")).span(span.clone());
        let told = trouble(&Failure { exit: Exit::Usage, diagnostics: vec![diagnostic(1), diagnostic(2)] }, &Scrubber::default());
        assert_eq!(told.text, format!("{}:2:1: Wrong 1 (1 more)", file.display()));
    }

    #[test]
    fn no_secret_stands_in_it() {
        let scrubber = Scrubber::default();
        scrubber.learn("hunter2hunter2");
        let failure = Failure::new(Exit::Failed, Diagnostic::error("aws-error", "No").detail("hunter2hunter2").hint("hunter2hunter2"));
        assert!(!format!("{:?}", trouble(&failure, &scrubber)).contains("hunter2"));
    }
}

//! What is said to a person when something is wrong: data only, printing is the business of `cli`.

use std::path::PathBuf;
use std::sync::Arc;

/// How much a [`Diagnostic`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is done until it is mended.
    Error,
    /// Work goes on, but the user should know.
    Warning,
    /// A fact worth knowing.
    Note,
}

/// A place in a file that the user wrote: byte offsets, `end` exclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The file as the user named it.
    pub file: Arc<PathBuf>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One finding: a constant summary that readers learn to recognise, a detail in full sentences
/// (what is wrong with which thing, why, what to do), and hints that stand on lines of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable kebab-case identifier, such as `unknown-key`.
    pub code: &'static str,
    /// A constant sentence without a final period.
    pub summary: String,
    /// What is wrong with which thing, why that is a problem, what to do.
    pub detail: String,
    /// The resource concerned, as an address.
    pub address: Option<String>,
    /// Where in the user's file.
    pub span: Option<Span>,
    /// Suggestions, each a line of its own.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// Makes an error with a summary and no detail.
    pub fn error(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary.into())
    }

    /// Makes a warning with a summary and no detail.
    pub fn warning(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary.into())
    }

    /// Makes a note with a summary and no detail.
    pub fn note(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, summary.into())
    }

    fn new(severity: Severity, code: &'static str, summary: String) -> Self {
        Self { severity, code, summary, detail: String::new(), address: None, span: None, hints: Vec::new() }
    }

    /// Sets the detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Names the resource concerned.
    #[must_use]
    pub fn address(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Sets the place in the user's file, where there is one.
    #[must_use]
    pub fn span(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Whether it is an [`Severity::Error`].
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The candidate nearest to `given`, if one is near enough to be meant.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&given, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed_distance(candidate.len().min(given.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// All messages of an error and its sources, since the outermost one says little.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut messages = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !messages.iter().any(|known| known.contains(&message)) {
            messages.push(message);
        }
        source = inner.source();
    }
    messages.join(": ")
}

/// How many letters may differ: in a very short word everything is near everything.
fn allowed_distance(length: usize) -> usize {
    if length < 2 { 0 } else { 1 + length / 5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_typo_and_not_a_stranger() {
        let keys = ["memory_size", "timeout", "runtime"];
        assert_eq!(nearest("memory_sise", keys), Some("memory_size"));
        assert_eq!(nearest("Timeout", keys), Some("timeout"));
        assert_eq!(nearest("vpc", keys), None);
        assert_eq!(nearest("dist", ["rust"]), None);
        assert_eq!(nearest("3", ["e"]), None);
        assert_eq!(nearest("hsh", ["hash"]), Some("hash"));
        assert_eq!(nearest("retention_days", ["retention_in_days"]), Some("retention_in_days"));
    }
}

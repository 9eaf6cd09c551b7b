//! What shows only after the file was read, without what merely follows from an earlier finding.

use super::layers::is_inherited;
use super::wanted::POSSIBLE;
use crate::diagnostic::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Findings that nothing else follows from: the value stays as it is, or fits everywhere.
const HARMLESS: &[&str] = &[
    "invalid-choice",
    "invalid-name",
    "invalid-value",
    "missing-variable",
    "no-stage",
    "out-of-range",
    "reference-in-key",
    "reference-in-text",
    "reference-not-here",
    "too-long",
    "too-many",
    "too-short",
    "unclosed-reference",
    "unknown-reference",
    "unknown-variable",
    "variable-cycle",
    "variable-type",
];

/// Findings that something is not there.
const MISSING: &[&str] = &["missing-key", "no-code"];

/// The finding that a section stands for nothing: whatever else is said of it follows from that.
const NOWHERE: &str = "unknown-function";

/// Those of `found` that are no consequence of `before`: a setting that could not be read is not there
/// afterwards, and that may be wrong, too. A consequence speaks of the same section and of the same words.
pub(crate) fn without_consequences(before: &[Diagnostic], found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let is_broken = |finding: &&Diagnostic| finding.is_error() && !HARMLESS.contains(&finding.code);
    let broken: Vec<(&Diagnostic, BTreeSet<String>)> = before.iter().filter(is_broken).map(|finding| (finding, words(finding))).collect();
    let (of_sections, others): (Vec<_>, Vec<_>) = broken.iter().partition(|(first, _)| first.address.as_deref().is_some_and(is_own));
    // Each section is compared with its own findings: with thousands of mistakes, all with all would not end.
    let mut by_section: BTreeMap<&str, Vec<&(&Diagnostic, BTreeSet<String>)>> = BTreeMap::new();
    for one in of_sections {
        by_section.entry(one.0.address.as_deref().unwrap_or_default()).or_default().push(one);
    }
    let nowhere: BTreeSet<&str> = before.iter().filter(|one| one.code == NOWHERE).filter_map(|one| one.address.as_deref()).collect();
    let told: BTreeSet<_> = before.iter().map(|one| (one.code, &one.address, &one.detail)).collect();
    let follows = |finding: &Diagnostic| {
        if finding.address.as_deref().is_some_and(|address| nowhere.contains(address)) {
            return true;
        }
        // A setting that waits for facts of the account is read twice, then as a whole.
        if told.contains(&(finding.code, &finding.address, &finding.detail)) {
            return true;
        }
        let words = words(finding);
        let is_cause = |one: &&(&Diagnostic, BTreeSet<String>)| {
            is_about_the_same(one.0, finding) && (!words.is_disjoint(&one.1) || is_left_over(one.0, finding))
        };
        match finding.address.as_deref() {
            Some(address) => by_section.get(address).into_iter().flatten().copied().chain(others.iter().copied()).any(|one| is_cause(&one)),
            None => broken.iter().any(|one| is_cause(&one)),
        }
    };
    found.into_iter().filter(|finding| !follows(finding)).collect()
}

/// Whether findings of this address are about that section alone.
fn is_own(address: &str) -> bool {
    !is_inherited(address)
}

/// What is missing only because its key is mistyped: then the hint there names it.
pub(crate) fn without_mistyped(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let (missing, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| MISSING.contains(&finding.code));
    let mut named: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for finding in others.iter().filter(|finding| finding.code == "unknown-key") {
        named.entry(finding.address.as_deref()).or_default().extend(hinted(finding));
    }
    let is_mistyped = |finding: &Diagnostic| {
        let wanted = hinted(finding);
        named.get(&finding.address.as_deref()).is_some_and(|named| !named.is_disjoint(&wanted))
    };
    let kept: Vec<Diagnostic> = missing.into_iter().filter(|finding| !is_mistyped(finding)).collect();
    others.into_iter().chain(kept).collect()
}

/// Whether two findings are about one section, or about one place of the file.
fn is_about_the_same(first: &Diagnostic, later: &Diagnostic) -> bool {
    let encloses = |outer: &Span, inner: &Span| outer.start <= inner.start && inner.end <= outer.end;
    match (&first.address, &later.address) {
        (Some(first), Some(later)) => first == later || is_inherited(first),
        _ => later.span.as_ref().zip(first.span.as_ref()).is_some_and(|(later, first)| encloses(later, first)),
    }
}

/// A table of which only an unknown key was given has none of those that it needs.
fn is_left_over(first: &Diagnostic, later: &Diagnostic) -> bool {
    let is_inside =
        later.span.as_ref().zip(first.span.as_ref()).is_some_and(|(later, first)| later.start <= first.start && first.end <= later.end);
    first.code == "unknown-key" && later.code == "two-codes" && is_inside
}

/// The words in backticks that say what a finding is about, without the address among them. An unknown key
/// is about the one that was meant.
fn words(finding: &Diagnostic) -> BTreeSet<String> {
    let first_sentence = finding.detail.split(". ").next().unwrap_or_default();
    let detail = if finding.code == "unknown-key" { "" } else { first_sentence };
    let own = words_of(detail).filter(|(quoted, _)| Some(*quoted) != finding.address.as_deref());
    own.map(|(_, word)| word.to_lowercase()).chain(hinted(finding)).collect()
}

/// Those of the hints.
fn hinted(finding: &Diagnostic) -> BTreeSet<String> {
    finding
        .hints
        .iter()
        .filter(|hint| !hint.starts_with(POSSIBLE))
        .flat_map(|hint| words_of(hint))
        .map(|(_, word)| word.to_lowercase())
        .collect()
}

/// What stands in backticks, and each word in it.
fn words_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.flat_map(move |quoted| {
        quoted.split(move |letter| !is_word(letter)).filter(|word| !word.is_empty()).map(move |word| (quoted, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_error_is_not_told_and_the_rest_is() {
        let error = |code, detail: &str| Diagnostic::error(code, "").address("function.a").detail(detail);
        let typo = error("unknown-key", "`handlr` is no setting of `function.a`.").hint("did you mean `handler`?");
        let consequence = error("no-handler", "`python3.13` has to be told.").hint("add `handler = \"x\"`");
        let other = error("missing-file", "There is no folder `lambdas/a`.");
        let elsewhere = Diagnostic::error("no-handler", "").address("function.b").hint("add `handler = \"x\"`");
        let found = without_consequences(&[typo], vec![consequence.clone(), other.clone(), elsewhere.clone()]);
        assert_eq!(found, [other, elsewhere]);
        let harmless = error("out-of-range", "`handler` is 3.");
        assert_eq!(without_consequences(&[harmless], vec![consequence.clone()]), std::slice::from_ref(&consequence));
        let value = error("invalid-value", "The key `P` is no name.");
        assert_eq!(without_consequences(std::slice::from_ref(&value), vec![value.clone()]), []);
        let nowhere = error("unknown-function", "`function.a` stands only in a patch.");
        assert_eq!(without_consequences(&[nowhere], vec![consequence]), []);
    }
}

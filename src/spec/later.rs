//! What shows only after the file was read, without what merely follows from an earlier finding.

use super::layers::is_inherited;
use crate::diagnostic::Diagnostic;
use std::collections::BTreeSet;

/// Findings that leave the value as it is, so that nothing else follows from them.
const HARMLESS: &[&str] = &["invalid-choice", "invalid-name", "invalid-value", "out-of-range", "too-long", "too-many", "too-short"];

/// Those of `found` that are no consequence of `before`: a setting that could not be read is not there
/// afterwards, and that may be wrong, too. A consequence speaks of the same section and of the same words.
pub(crate) fn without_consequences(before: &[Diagnostic], found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let broken: Vec<(Option<&str>, BTreeSet<&str>)> = before
        .iter()
        .filter(|finding| finding.is_error() && !HARMLESS.contains(&finding.code))
        .map(|finding| (finding.address.as_deref(), words(finding)))
        .collect();
    let follows = |finding: &Diagnostic| {
        let words = words(finding);
        broken.iter().any(|(address, of_before)| {
            let is_about = address.is_none_or(|address| Some(address) == finding.address.as_deref() || is_inherited(address));
            is_about && !words.is_disjoint(of_before)
        })
    };
    found.into_iter().filter(|finding| !follows(finding)).collect()
}

/// The words in backticks, without the addresses among them.
fn words(finding: &Diagnostic) -> BTreeSet<&str> {
    let texts = std::iter::once(finding.detail.as_str()).chain(finding.hints.iter().map(String::as_str));
    let quoted = texts.flat_map(|text| text.split('`').skip(1).step_by(2));
    let words = quoted.filter(|quoted| Some(*quoted) != finding.address.as_deref());
    words.flat_map(|quoted| quoted.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'))).filter(|word| !word.is_empty()).collect()
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
        assert_eq!(without_consequences(&[harmless], vec![consequence.clone()]), [consequence]);
    }
}

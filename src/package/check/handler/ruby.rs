//! Ruby: `FOLDER/FILE.METHOD` or `FOLDER/FILE.CLASS.METHOD`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/ruby-handler.html>).

use super::{Subject, Tree, has_word, leading_name, no_file, no_function};
use crate::diagnostic::Diagnostic;
use std::io;

/// Code with one of these in it may have methods that do not stand in it.
const UNSURE: [&str; 11] =
    ["require", "load", "eval", "define_", "method_missing", "include", "extend", "prepend", "_exec", "delegat", "const_"];

/// The file of the handler.
pub(super) fn file(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<String> {
    let path = subject.handler.split('.').next()?;
    Some(format!("{}.rb", path.trim_start_matches("./"))).filter(|file| tree.has(file))
}

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let mut parts = subject.handler.split('.');
    let (Some(path), Some(method)) = (parts.next(), parts.next_back()) else { return Ok(Vec::new()) };
    let Some(file) = file(tree, subject) else {
        let wanted = format!("{}.rb", path.trim_start_matches("./"));
        let missing = (!subject.has_more).then(|| no_file(tree, subject, &[wanted], &[".rb"]));
        return Ok(missing.into_iter().collect());
    };
    let Some(text) = tree.text(&file)? else { return Ok(Vec::new()) };
    let text = without_comments(&text);
    if UNSURE.iter().any(|piece| text.contains(piece)) {
        return Ok(Vec::new());
    }
    let classes = parts.next().unwrap_or_default().split("::");
    if let Some(class) = classes.filter(|class| !class.is_empty()).find(|class| !has_word(&text, class)) {
        let there: Vec<String> = ["class ", "module "].iter().flat_map(|word| named_behind(&text, word)).collect();
        return Ok(vec![no_function(subject, &file, class, &there)]);
    }
    if has_word(&text, method) {
        return Ok(Vec::new());
    }
    Ok(vec![no_function(subject, &file, method, &named_behind(&text, "def "))])
}

/// The names that stand behind a word at the beginning of a line.
fn named_behind(text: &str, word: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix(word));
    names.map(|rest| leading_name(rest.trim_start().trim_start_matches("self.")).to_owned()).collect()
}

/// The text without the lines that are nothing but a comment, and without those between `=begin` and `=end`.
fn without_comments(text: &str) -> String {
    let mut is_inside = false;
    let is_code = |line: &&str| {
        let was_inside = is_inside;
        is_inside = (is_inside || line.starts_with("=begin")) && !line.starts_with("=end");
        !was_inside && !is_inside && !line.trim_start().starts_with('#')
    };
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_code() {
        let text = "# a\nb # c\n=begin\nd\n=end\n  # e\nf\n";
        assert_eq!(without_comments(text), "b # c\nf");
    }
}

//! Ruby: `FOLDER/FILE.METHOD` or `FOLDER/FILE.CLASS.METHOD`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/ruby-handler.html>).

use super::{Subject, Tree, has_word, leading_name, no_file, no_function};
use crate::diagnostic::Diagnostic;
use std::io;

/// Code with one of these in it may have methods that do not stand in it.
const UNSURE: [&str; 8] = ["require", "load", "eval", "define_method", "method_missing", "include", "extend", "instance_exec"];

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
        let missing = (!subject.has_layers).then(|| no_file(tree, subject, &[wanted], &[".rb"]));
        return Ok(missing.into_iter().collect());
    };
    let Some(text) = tree.text(&file)? else { return Ok(Vec::new()) };
    if has_word(&text, method) || UNSURE.iter().any(|word| has_word(&text, word)) {
        return Ok(Vec::new());
    }
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("def "));
    let names: Vec<String> = names.map(|rest| leading_name(rest.trim_start().trim_start_matches("self.")).to_owned()).collect();
    Ok(vec![no_function(subject, &file, method, &names)])
}

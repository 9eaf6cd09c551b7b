//! Python: `FOLDER/FILE.FUNCTION`, where dots may stand for slashes
//! (<https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html>).

use super::{Subject, Tree, has_word, leading_name, no_file, no_function};
use crate::diagnostic::Diagnostic;
use std::io;

/// Code with one of these in it may make names while it runs.
const UNSURE: [&str; 6] = ["import *", "globals(", "setattr(", "exec(", "__getattr__", "sys.modules"];

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    // Without a dot the handler names no function, of which the spec's own checks tell.
    let Some((module, function)) = subject.handler.rsplit_once('.') else { return Ok(Vec::new()) };
    let path = module.replace('.', "/");
    let Some(file) = find(tree, &path) else {
        let wanted = [format!("{path}.py"), format!("{path}/__init__.py")];
        let missing = (!subject.has_layers).then(|| {
            match module.strip_suffix(".py").filter(|module| find(tree, &module.replace('.', "/")).is_some()) {
                Some(module) => {
                    no_file(tree, subject, &wanted, &[]).hint(format!("without the file's ending: `handler = \"{module}.{function}\"`"))
                }
                None => no_file(tree, subject, &wanted, &[".py"]),
            }
        });
        return Ok(missing.into_iter().collect());
    };
    let Some(text) = tree.text(&file)?.filter(|_| file.ends_with(".py")) else { return Ok(Vec::new()) };
    let code = without_texts(&text);
    if has_name(&code, function) || UNSURE.iter().any(|piece| code.contains(piece)) {
        return Ok(Vec::new());
    }
    Ok(vec![no_function(subject, &file, function, &functions(&code))])
}

/// The file of the handler.
pub(super) fn file(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<String> {
    find(tree, &subject.handler.rsplit_once('.')?.0.replace('.', "/")).filter(|file| file.ends_with(".py"))
}

/// The file that Python imports under this path: a package before a module, and native ones too.
fn find(tree: &Tree<'_>, path: &str) -> Option<String> {
    let usual = ["/__init__.py", ".py", ".pyc", "/__init__.pyc"].iter().map(|ending| format!("{path}{ending}"));
    let native = || tree.names().find(|name| name.starts_with(&format!("{path}.")) && name.ends_with(".so")).map(str::to_owned);
    usual.into_iter().find(|name| tree.has(name)).or_else(native)
}

/// Whether a name stands anywhere but behind a dot, where it would belong to something else.
fn has_name(code: &str, name: &str) -> bool {
    code.lines().any(|line| has_word(&line.replace(&format!(".{name}"), "."), name))
}

/// The functions at the left margin.
fn functions(code: &str) -> Vec<String> {
    let names = code.lines().filter_map(|line| line.strip_prefix("def ").or_else(|| line.strip_prefix("async def ")));
    names.map(|rest| leading_name(rest.trim_start()).to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The code without comments and texts, in which names do not count.
fn without_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => length_of_text(rest, first),
            _ => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        code.push(' ');
        code.extend(rest[..length].chars().filter(|character| *character == '\n'));
        rest = &rest[length..];
    }
    code
}

/// How long the text is that begins here, with its quotes, in bytes.
fn length_of_text(rest: &str, quote: char) -> usize {
    let long = quote.to_string().repeat(3);
    let end = if rest.starts_with(&long) { long } else { quote.to_string() };
    let mut at = end.len();
    while at < rest.len() {
        let left = &rest[at..];
        if left.starts_with(&end) {
            return at + end.len();
        }
        let Some(character) = left.chars().next() else { break };
        // Only long texts go over the end of a line.
        if character == '\n' && end.len() == 1 {
            return at;
        }
        let escaped = if character == '\\' { left.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
        at += character.len_utf8() + escaped;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_texts_and_comments_do_not_count() {
        let code = without_texts("a = 'x\\'handler' # handler\n\"\"\"handler\n'\"\"\"\ndef b(): pass\nc = \"ü\"\nd = f'{e}'\n");
        assert!(!has_name(&code, "handler") && !has_name(&code, "x"), "{code}");
        assert_eq!(functions(&code), ["b"]);
        assert_eq!(code.lines().count(), 6);
    }

    #[test]
    fn names_count_wherever_they_may_be_made() {
        for code in [
            "def handler(event, context):",
            "async def handler(event, context):",
            "handler = App()",
            "from app.api import (\n    first,\n    handler,\n)",
            "from x import y as handler",
            "handler: Handler = make()",
            "a, handler = make()",
        ] {
            assert!(has_name(&without_texts(code), "handler"), "{code}");
        }
        for code in ["def lambda_handler(event, context):", "app.handler(x)", "import logging.handler", "def handler2(): pass"] {
            assert!(!has_name(&without_texts(code), "handler"), "{code}");
        }
    }
}

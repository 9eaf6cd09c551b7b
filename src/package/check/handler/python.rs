//! Python: `FOLDER/FILE.FUNCTION`, where dots may stand for slashes
//! (<https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html>).

use super::python_scope::{Statement, keywords, lambda_parameters, parameters, statements};
use super::{NO_FUNCTION, NO_FUNCTION_SUMMARY, PARAMETERS, Subject, Tree, has_word, leading_name, no_file, no_function};
use crate::diagnostic::Diagnostic;
use std::borrow::Cow;
use std::io;

/// Code with one of these in it may make names while it runs.
const UNSURE: [&str; 8] = ["import *", "globals(", "locals(", "vars(", "setattr(", "exec(", "__getattr__", "sys.modules"];

/// Modules that are part of Python itself on Lambda: AWS's runtime refuses a handler in one of these names
/// (<https://github.com/aws/aws-lambda-python-runtime-interface-client>).
const BUILT_IN: [&str; 11] = ["atexit", "builtins", "errno", "faulthandler", "gc", "itertools", "marshal", "posix", "pwd", "sys", "time"];
/// Modules that AWS's runtime has imported before it comes to the handler, so that Python seeks no file for them.
const LOADED: [&str; 10] = ["datetime", "decimal", "enum", "importlib", "json", "logging", "math", "os", "site", "traceback"];

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    // Without a dot the handler names no function, which is told where its form is looked at.
    let Some((module, function)) = subject.handler.rsplit_once('.') else { return Ok(Vec::new()) };
    let path = module.replace('.', "/");
    let Some(file) = find(tree, &path) else {
        let wanted = [format!("{path}.py"), format!("{path}/__init__.py")];
        let missing = (!subject.has_more && !tree.is_mounted(&path)).then(|| {
            match module.strip_suffix(".py").filter(|module| find(tree, &module.replace('.', "/")).is_some()) {
                Some(module) => {
                    no_file(tree, subject, &wanted, &[]).hint(format!("without the file's ending: `handler = \"{module}.{function}\"`"))
                }
                None => no_file(tree, subject, &wanted, &[".py"]),
            }
        });
        return Ok(missing.into_iter().collect());
    };
    if let Some(problem) = taken(subject, module, &file) {
        return Ok(vec![problem]);
    }
    let Some(bytes) = tree.whole(&file)?.filter(|_| file.ends_with(".py")) else { return Ok(Vec::new()) };
    if let Some(problem) = unreadable(&file, &bytes) {
        return Ok(vec![problem]);
    }
    let code = without_texts(&with_usual_lines(&String::from_utf8_lossy(&bytes)));
    if UNSURE.iter().any(|piece| code.contains(piece)) {
        return Ok(Vec::new());
    }
    Ok(judge(subject, &file, function, &statements(&code)).into_iter().collect())
}

/// Refuses a module that Python has loaded, under the same name, before it would look at the handler's file.
fn taken(subject: &Subject<'_>, module: &str, file: &str) -> Option<Diagnostic> {
    let first = module.split(['.', '/']).next().filter(|_| !subject.is_here())?;
    let why = if BUILT_IN.contains(&first) {
        "which is part of Python itself: AWS's runtime refuses the handler, `Runtime.BuiltInModuleConflict`"
    } else if LOADED.contains(&first) {
        "which AWS's runtime has loaded before: Python takes that of its own library"
    } else {
        return None;
    };
    let found = Diagnostic::error("handler-module-taken", "The handler's file is called like a module of Python").detail(format!(
        "The handler `{}` makes `{}` import `{first}`, {why}. `{file}` is never loaded.",
        subject.handler, subject.runtime
    ));
    Some(found.hint("give the file, or its folder, another name, such as `app.py`"))
}

/// Whether the module has the function, and can be called as Lambda does it.
fn judge(subject: &Subject<'_>, file: &str, function: &str, statements: &[Statement]) -> Option<Diagnostic> {
    let binding: Vec<usize> = (0..statements.len()).filter(|at| statements[*at].binds(function)).collect();
    if let Some(last) = binding.last().filter(|last| statements[**last].deletes(function)) {
        let detail = format!(
            "The handler is `{}`, but `{file}` takes the name `{function}` away again when it is loaded: `{}`.",
            subject.handler, statements[*last].text
        );
        return Some(Diagnostic::error(NO_FUNCTION, NO_FUNCTION_SUMMARY).detail(detail).hint("take that line out"));
    }
    match binding[..] {
        [] => Some(not_of_the_module(subject, file, function, statements)),
        [only] => {
            let is_decorated = only > 0 && statements[only - 1].text.starts_with('@');
            let found = || uncallable(subject, file, function, &statements[only].text);
            let generates = || statements.iter().any(|statement| statement.yields_in(function));
            (!is_decorated).then(|| found().or_else(|| generates().then(|| generator(file, function)))).flatten()
        }
        _ => None,
    }
}

fn not_of_the_module(subject: &Subject<'_>, file: &str, function: &str, statements: &[Statement]) -> Diagnostic {
    let inner = statements.iter().find(|statement| statement.function().as_deref() == Some(function));
    if let Some(scope) = inner.and_then(|statement| statement.within.as_ref()) {
        let (what, name) = (if scope.is_class { "class" } else { "function" }, &scope.name);
        let found = Diagnostic::error(NO_FUNCTION, NO_FUNCTION_SUMMARY).detail(format!(
            "The handler is `{}`, but `{function}` in `{file}` belongs to the {what} `{name}`, and Lambda calls functions of the module.",
            subject.handler
        ));
        return match scope.is_class {
            true => found.hint(format!("at the end of `{file}`, without indentation: `{function} = {name}().{function}`")),
            false => found.hint(format!("write `def {function}` without indentation")),
        };
    }
    if statements.iter().any(|statement| statement.within.is_none() && statement.only_annotates(function)) {
        let found = Diagnostic::error(NO_FUNCTION, NO_FUNCTION_SUMMARY).detail(format!(
            "The handler is `{}`, but `{file}` only says of what type `{function}` is, and gives it no value: there is no such name when Lambda calls it.",
            subject.handler
        ));
        return found.hint(format!("`{function}: TYPE = VALUE`, or `def {function}(event, context):`"));
    }
    let there: Vec<String> = statements.iter().filter(|statement| statement.within.is_none()).filter_map(Statement::function).collect();
    no_function(subject, file, function, &there)
}

/// What a generator gives back is no answer: nothing of it has run yet, and it is no JSON.
fn generator(file: &str, function: &str) -> Diagnostic {
    let detail = format!(
        "`{function}` in `{file}` has a `yield`, so that a call gives back a generator, which Lambda cannot turn into an answer: each call fails."
    );
    let found = Diagnostic::error(PARAMETERS, "The handler's function gives no answer").detail(detail);
    found.hint(format!("`return` the answer; `{function}` may collect what another function yields: `return list(NAME(event))`"))
}

/// Lambda calls a handler with two arguments (<https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html>).
fn uncallable(subject: &Subject<'_>, file: &str, function: &str, definition: &str) -> Option<Diagnostic> {
    let is_it = |start: &str| definition.strip_prefix(start).is_some_and(|rest| leading_name(rest.trim_start()) == function);
    if is_it("async def ") {
        let detail =
            format!("`{function}` in `{file}` is `async`: `{}` gets a coroutine from it, and does not wait for it.", subject.runtime);
        let found = Diagnostic::warning("handler-async", "The handler's function is not run to its end").detail(detail);
        return Some(found.hint(format!("`def {function}(event, context): return asyncio.run(NAME(event, context))` calls it to its end")));
    }
    if let Some(value) = constant(definition, function) {
        let detail = format!("`{function}` in `{file}` is {value}, and no function: each call fails.");
        let found = Diagnostic::error(PARAMETERS, "The handler's function cannot be called").detail(detail);
        return Some(found.hint(format!("`def {function}(event, context):`")));
    }
    let of_lambda = || {
        lambda_parameters(
            definition.strip_prefix(function).filter(|rest| !rest.contains(';'))?.trim_start().strip_prefix('=')?.trim_start(),
        )
    };
    let (required, most) = if is_it("def ") { parameters(definition) } else { of_lambda() }?;
    if let Some(keyword) = keywords(definition).into_iter().next().filter(|_| is_it("def ")) {
        let detail = format!(
            "`{function}` in `{file}` needs `{keyword}` by its name, and Lambda gives it two arguments without names: each call fails."
        );
        let found = Diagnostic::error(PARAMETERS, "The handler's function cannot be called").detail(detail);
        return Some(found.hint(format!("a value makes it optional: `{keyword}=None`")));
    }
    if required <= 2 && most.is_none_or(|most| most >= 2) {
        return None;
    }
    let takes = match (required, most) {
        (0, Some(0)) => "no arguments".to_owned(),
        (1, Some(1)) => "one argument".to_owned(),
        (0, Some(1)) => "at most one argument".to_owned(),
        (needed, _) => format!("{needed} arguments"),
    };
    let detail =
        format!("`{function}` in `{file}` takes {takes}, and Lambda calls it with two, the event and the context: each call fails.");
    let found = Diagnostic::error(PARAMETERS, "The handler's function cannot be called").detail(detail);
    Some(found.hint(format!("`def {function}(event, context):`")))
}

/// The value that an assignment without texts gives a name, where it is one that nobody can call.
fn constant(statement: &str, name: &str) -> Option<String> {
    let rest = statement.strip_prefix(name)?.trim_start();
    let value = match rest.strip_prefix(':') {
        Some(annotated) => annotated.split_once('=')?.1,
        None => rest.strip_prefix('=')?,
    };
    match value.trim() {
        "" => Some("a text".into()),
        "[]" => Some("a list".into()),
        "{}" => Some("a dictionary".into()),
        word @ ("None" | "True" | "False") => Some(format!("`{word}`")),
        number if number.starts_with(|first: char| first.is_ascii_digit() || "-.".contains(first)) => {
            number.replace('_', "").parse::<f64>().ok().map(|_| "a number".into())
        }
        _ => None,
    }
}

/// The file of the handler.
pub(super) fn file(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<String> {
    find(tree, &subject.handler.rsplit_once('.')?.0.replace('.', "/")).filter(|file| file.ends_with(".py"))
}

/// The file that Python imports under this path: a package before a module, and native ones too.
pub(in super::super) fn find(tree: &Tree<'_>, path: &str) -> Option<String> {
    let usual = ["/__init__.py", ".py", ".pyc", "/__init__.pyc"].iter().map(|ending| format!("{path}{ending}"));
    let native =
        || tree.beginning(&format!("{path}.")).find(|name| name.ends_with(".so") && !name[path.len()..].contains('/')).map(Cow::into_owned);
    usual.into_iter().find(|name| tree.has(name)).or_else(native)
}

/// What keeps Python from reading a source at all: it is UTF-8 unless one of its first two lines says otherwise
/// (<https://peps.python.org/pep-0263/>), and has no zero bytes.
pub(in super::super) fn unreadable(file: &str, bytes: &[u8]) -> Option<Diagnostic> {
    let found = Diagnostic::error("source-encoding", "A source is not written as Python reads it");
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some(found.detail(format!("`{file}` is saved as UTF-16, and Python refuses that. Save it as UTF-8.")));
    }
    let line = |at: usize| 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Some(found.detail(format!("Line {} of `{file}` has a zero byte in it, and Python refuses that.", line(at))));
    }
    let is_declared = bytes.split(|byte| *byte == b'\n').take(2).any(|line| {
        let line = String::from_utf8_lossy(line);
        line.trim_start().starts_with('#') && (line.contains("coding:") || line.contains("coding="))
    });
    let at = std::str::from_utf8(bytes).err().filter(|_| !is_declared)?.valid_up_to();
    let detail = format!("Line {} of `{file}` has bytes in it that are not UTF-8, and Python refuses that. Save it as UTF-8.", line(at));
    Some(found.detail(detail).hint("or let the first line say how it is written: `# -*- coding: latin-1 -*-`"))
}

/// Python ends lines as Unix, Windows and old Macs do
/// (<https://docs.python.org/3/reference/lexical_analysis.html#physical-lines>).
fn with_usual_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Whether a name stands anywhere but behind a dot, where it would belong to something else.
pub(in super::super) fn has_name(code: &str, name: &str) -> bool {
    code.lines().any(|line| has_word(&line.replace(&format!(".{name}"), "."), name))
}

/// The code without comments and texts, in which names do not count.
pub(in super::super) fn without_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
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
    use crate::package::check::tests::{ON_LAMBDA, told};

    #[test]
    fn names_in_texts_and_comments_do_not_count() {
        assert_eq!(without_texts("\u{feff}def b(): pass"), "def b(): pass");
        let code = without_texts("a = 'x\\'handler' # handler\n\"\"\"handler\n'\"\"\"\ndef b(): pass\nc = \"ü\"\nd = f'{e}'\n");
        assert!(!has_name(&code, "handler") && !has_name(&code, "x"), "{code}");
        assert_eq!(statements(&code).iter().filter_map(Statement::function).collect::<Vec<_>>(), ["b"]);
        assert_eq!(code.lines().count(), 6);
    }

    #[test]
    fn a_name_with_a_plain_value_cannot_be_called() {
        let value = |code: &str| constant(&without_texts(code), "handler");
        for (code, expected) in [
            ("handler = 3", "a number"),
            ("handler = -1_000.5", "a number"),
            ("handler: int = 3", "a number"),
            ("handler = 'app.handler'", "a text"),
            ("handler = None  # later", "`None`"),
            ("handler = []", "a list"),
            ("handler = {}", "a dictionary"),
        ] {
            assert_eq!(value(code).as_deref(), Some(expected), "{code}");
        }
        for code in [
            "handler = f",
            "handler == 3",
            "handlers = 3",
            "handler = [f][0]",
            "handler = 'a' and f",
            "handler = app.run",
            "handler: F",
            "handler = inf",
        ] {
            assert_eq!(value(code), None, "{code}");
        }
    }

    #[test]
    fn a_source_is_utf_8_or_says_what_it_is() {
        for good in [
            &b"a = 'x'\n"[..],
            "\u{feff}a = 'ä'".as_bytes(),
            b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\na = '\xe4'",
            b"# vim: fileencoding=cp1252\n\xe4",
        ] {
            assert_eq!(unreadable("app.py", good), None);
        }
        let told = |bytes: &[u8]| unreadable("app.py", bytes).unwrap().detail;
        assert!(told(b"import x\n\na = '\xe4'").starts_with("Line 3 of `app.py` has bytes in it that are not UTF-8"));
        assert!(told(b"\n\n# coding: latin-1\n\xe4").starts_with("Line 4"), "it stands too late");
        assert!(told(b"a\n\0").starts_with("Line 2 of `app.py` has a zero byte"));
        assert!(told(b"\xff\xfea\0").contains("UTF-16"));
    }

    fn found(handler: &str, file: &str, code: &str) -> String {
        told(&[(file, code.as_bytes())], &Subject { runtime: "python3.13", handler, ..ON_LAMBDA })
    }

    #[test]
    fn a_module_that_python_has_loaded_hides_the_handlers_file() {
        let code = "def handler(event, context): return 1\n";
        insta::assert_snapshot!(found("time.handler", "time.py", code), @r##"Error handler-module-taken: The handler `time.handler` makes `python3.13` import `time`, which is part of Python itself: AWS's runtime refuses the handler, `Runtime.BuiltInModuleConflict`. `time.py` is never loaded. ["give the file, or its folder, another name, such as `app.py`"]"##);
        insta::assert_snapshot!(found("json.app.handler", "json/app.py", code), @r##"Error handler-module-taken: The handler `json.app.handler` makes `python3.13` import `json`, which AWS's runtime has loaded before: Python takes that of its own library. `json/app.py` is never loaded. ["give the file, or its folder, another name, such as `app.py`"]"##);
        for (handler, file) in [("app.handler", "app.py"), ("code/json.handler", "code/json.py"), ("times.handler", "times.py")] {
            assert_eq!(found(handler, file, code), "", "{file}");
        }
        let here =
            Subject { place: crate::package::check::Place::ThisMachine, runtime: "python3.13", handler: "json.handler", ..ON_LAMBDA };
        assert_eq!(told(&[("json.py", code.as_bytes())], &here), "");
    }

    #[test]
    fn a_handler_that_can_never_answer_is_refused() {
        for (code, why) in [
            ("def handler(event, context, *, extra): return 1\n", "needs `extra` by its name"),
            ("def handler(*all, extra: int): return 1\n", "needs `extra` by its name"),
            ("handler = lambda event: 1\n", "takes one argument"),
            ("handler = lambda: 1\n", "takes no arguments"),
            ("def handler(event, context): yield 1\n", "has a `yield`"),
            ("def handler(event, context):\n    for a in event:\n        x = yield a\n", "has a `yield`"),
        ] {
            let told = found("app.handler", "app.py", code);
            assert!(told.starts_with("Error handler-parameters") && told.contains(why), "{code}: {told}");
        }
        for code in [
            "def handler(event, context, *, extra=1, **rest): return 1\n",
            "def handler(event, context, **rest): return 1\n",
            "handler = lambda event, context: 1\n",
            "handler = lambda *all: 1\n",
            "handler = lambda event, context=None: 1\n",
            "handler = lambda event: 1; handler = f\n",
            "def handler(event, context):\n    def inner():\n        yield 1\n    return list(inner())\n",
            "def handler(event, context):\n    def inner(): yield 1\n    return list(inner())\n",
            "class A:\n    def handler(self):\n        yield 1\ndef handler(event, context): return 1\n",
            "@contextmanager\ndef handler(event, context):\n    yield 1\n",
        ] {
            assert_eq!(found("app.handler", "app.py", code), "", "{code}");
        }
    }
}

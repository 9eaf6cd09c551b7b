//! Whether Lambda can call what a file of Node plainly exports: the parameters that it takes, and what is no function.

use super::{PARAMETERS, Subject, arguments, leading_name};
use crate::diagnostic::Diagnostic;

/// The first version for which Lambda refuses functions that take a callback: it counts the parameters, as
/// `Function.length` does, and ends with `Runtime.CallbackHandlerDeprecated` before the first call
/// (<https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html>,
/// <https://aws.amazon.com/blogs/compute/node-js-24-runtime-now-available-in-aws-lambda/>).
const FIRST_WITHOUT_CALLBACKS: u32 = 24;

/// Refuses what is exported under this name where it cannot be called; `text` has no lines that are comments.
pub(super) fn uncallable(subject: &Subject<'_>, file: &str, text: &str, export: &str) -> Option<Diagnostic> {
    let definition = definition(text, export)?;
    let found = Diagnostic::error(PARAMETERS, "The handler's function cannot be called");
    if let Some(value) = constant(definition) {
        let detail = format!("`{export}` in `{file}` is {value}, and no function: each call fails.");
        return Some(found.detail(detail).hint(format!("`{export} = async (event, context) => …`")));
    }
    let refuses = super::node::version(subject.runtime).is_some_and(|version| version >= FIRST_WITHOUT_CALLBACKS);
    if !refuses || parameters(definition)? < 3 {
        return None;
    }
    let detail = format!(
        "`{export}` in `{file}` takes a third parameter, the callback, and `{}` starts no such function: `Runtime.CallbackHandlerDeprecated`.",
        subject.runtime
    );
    let found =
        found.detail(detail).hint("take two, `async (event, context) => …`: `return` gives the answer, and `throw` tells of an error");
    Some(found.hint(format!("`runtime = \"nodejs{}.x\"` is the last that takes callbacks", FIRST_WITHOUT_CALLBACKS - 2)))
}

/// What stands behind `exports.NAME =`, `export const NAME =` or before `function NAME`, where that is all that the file says.
fn definition<'a>(text: &'a str, export: &str) -> Option<&'a str> {
    let mut found = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = ["module.exports.", "exports.", "export const ", "export let ", "export var "].iter().find_map(|start| {
            let rest = line.strip_prefix(start)?.trim_start();
            rest.strip_prefix(export)?.trim_start().strip_prefix('=').filter(|rest| !rest.starts_with(['=', '>']))
        });
        let function = line.strip_prefix("export ").filter(|rest| {
            let rest = rest.strip_prefix("async ").unwrap_or(rest).trim_start();
            rest.strip_prefix("function ").is_some_and(|rest| leading_name(rest.trim_start()) == export)
        });
        let start = rest.or(function).map(|rest| at + line.len() - rest.len());
        found = found.or(start.map(|start| (start, rest.is_some())));
        at += line.len();
    }
    let (start, is_assigned) = found?;
    // What stands in a comment or in a template is no code.
    let before = &text[..start];
    if before.rfind("/*") > before.rfind("*/") || before.matches('`').count() % 2 == 1 {
        return None;
    }
    (assignments(text, export) == usize::from(is_assigned)).then(|| text[start..].trim_start())
}

/// How often a name, or something of this name, may be given a value.
fn assignments(text: &str, name: &str) -> usize {
    let is_name = |character: char| character.is_alphanumeric() || "_$".contains(character);
    let found = text.match_indices(name).filter(|(at, _)| {
        let (before, after) = (&text[..*at], text[at + name.len()..].trim_start());
        // Also as a part of an object.
        !before.ends_with(is_name) && after.starts_with(['=', ':', ',', '}']) && !after.starts_with("==") && !after.starts_with("=>")
    });
    found.count()
}

/// What a value is that nobody can call.
fn constant(value: &str) -> Option<&'static str> {
    let line = value.lines().next()?.trim().trim_end_matches(';').trim_end();
    let is_text = ['"', '\'', '`'].iter().any(|quote| {
        let inner = line.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote));
        inner.is_some_and(|inner| !inner.contains(*quote))
    });
    match line {
        _ if is_text => Some("a text"),
        "null" => Some("`null`"),
        "undefined" => Some("`undefined`"),
        "true" => Some("`true`"),
        "false" => Some("`false`"),
        number if number.starts_with(|first: char| first.is_ascii_digit() || "-.".contains(first)) => {
            number.replace('_', "").parse::<f64>().ok().map(|_| "a number")
        }
        _ => None,
    }
}

/// How many parameters a function says that it takes, up to the first that has a value or takes all that are left
/// (<https://tc39.es/ecma262/#sec-function-definitions-static-semantics-expectedargumentcount>).
fn parameters(definition: &str) -> Option<usize> {
    let rest = definition.strip_prefix("async").filter(|rest| rest.starts_with([' ', '('])).unwrap_or(definition).trim_start();
    let (rest, ending) = match rest.strip_prefix("function") {
        Some(rest) => (rest.trim_start_matches('*').trim_start(), "{"),
        None => (rest, "=>"),
    };
    let rest = if ending == "{" { rest[leading_name(rest).len()..].trim_start() } else { rest };
    let (parts, rest) = arguments(rest.strip_prefix('(')?)?;
    // Within texts and comments brackets and commas would not count.
    if parts.iter().any(|part| part.contains(['"', '\'', '`', '/'])) || !rest.trim_start().starts_with(ending) {
        return None;
    }
    let is_counted = |part: &&&str| !part.trim().is_empty() && !part.contains('=') && !part.trim_start().starts_with("...");
    Some(parts.iter().take_while(is_counted).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::check::tests::{ON_LAMBDA, told};

    fn found(runtime: &str, code: &str) -> String {
        told(&[("index.js", code.as_bytes())], &Subject { runtime, handler: "index.handler", ..ON_LAMBDA })
    }

    #[test]
    fn callbacks_are_refused_from_node_24_on() {
        for code in [
            "exports.handler = (event, context, callback) => callback(null, 1);\n",
            "exports.handler = async function (\n  event,\n  { id },\n  callback,\n) {\n};\n",
            "module.exports.handler = function main(a, b, c) {}\n",
            "export const handler = async (event, context, callback) => 1;\n",
            "export function handler(event, context, callback) { callback(null, 1); }\n",
        ] {
            let told = found("nodejs24.x", code);
            assert!(told.starts_with("Error handler-parameters") && told.contains("CallbackHandlerDeprecated"), "{code}: {told}");
            assert!(!found("nodejs22.x", code).contains("handler-parameters"), "{code}");
        }
        for code in [
            "exports.handler = async (event, context) => 1;\n",
            "exports.handler = (event, context, callback = null) => 1;\n",
            "exports.handler = (event, context, ...rest) => 1;\n",
            "exports.handler = (event) => [1].map((a, b, c) => a);\n",
            "exports.handler = middy((event, context, callback) => 1);\n",
            "exports.handler = awslambda.streamifyResponse(async (event, stream, context) => 1);\n",
            "exports.handler = (event, context, callback) => 1;\nexports.handler = wrap(exports.handler);\n",
            "// exports.handler = (event, context, callback) => 1;\nexports.handler = async () => 1;\n",
        ] {
            assert_eq!(found("nodejs24.x", code), "", "{code}");
        }
    }

    #[test]
    fn a_plain_value_is_no_function() {
        for code in ["exports.handler = 5\n", "exports.handler = 'index.main';\n", "export const handler = null;\n"] {
            let told = found("nodejs24.x", code);
            assert!(told.starts_with("Error handler-parameters") && told.contains("and no function"), "{code}: {told}");
        }
        for code in
            ["exports.handler = undefined;\nexports.handler = main;\n", "exports.handler = 5 > 4 ? a : b;\n", "exports.handler = main;\n"]
        {
            assert_eq!(found("nodejs24.x", code), "", "{code}");
        }
    }
}

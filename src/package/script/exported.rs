//! Functions of any name that are made for Lambda, told by what they take: an event and a context.

use super::handlers::starts;

/// What the first parameter of a handler is called.
const EVENT: [&str; 3] = ["event", "_event", "evt"];
/// What the second one is called.
const CONTEXT: [&str; 5] = ["context", "_context", "ctx", "_ctx", "_"];
/// How a value begins that only handlers are wrapped in (<https://middy.js.org/docs/intro/getting-started>).
const WRAPPERS: [&str; 2] = ["middy(", "middy<"];
/// The types of handlers (<https://www.npmjs.com/package/@types/aws-lambda>).
const TYPES: [&str; 2] = ["\"aws-lambda\"", "'aws-lambda'"];

/// The functions of a Python module that take an event and a context, and nothing else.
pub fn python_functions(text: &str) -> Vec<String> {
    let lines = text.match_indices("def ").filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n'));
    let function = |(at, start): (usize, &str)| {
        let (name, rest) = text[at + start.len()..].split_once('(')?;
        let parameters = parameters(rest)?;
        let is_handler = parameters.len() == 2 && EVENT.contains(&parameters[0]) && CONTEXT.contains(&parameters[1]);
        (is_handler && is_name(name) && !name.starts_with('_')).then(|| name.to_owned())
    };
    lines.filter_map(function).collect()
}

/// The functions that a JavaScript or TypeScript file exports and that take an event.
pub fn exported_functions(text: &str) -> Vec<String> {
    let has_types = TYPES.iter().any(|types| text.contains(types));
    let mut names: Vec<String> = starts(text).filter_map(|rest| exported(rest, has_types)).map(str::to_owned).collect();
    names.dedup();
    names
}

/// The name of a handler that a statement exports. `has_types`: whether types of handlers are known in its file.
fn exported(statement: &str, has_types: bool) -> Option<&str> {
    if let Some(rest) = statement.strip_prefix("module.exports.").or_else(|| statement.strip_prefix("exports.")) {
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_end();
        return (is_name(name) && is_handler(value.trim_start(), true)).then_some(name);
    }
    let rest = statement.strip_prefix("export ")?.trim_start();
    let function = rest.strip_prefix("async ").unwrap_or(rest).trim_start().strip_prefix("function ");
    if let Some((name, _)) = function.and_then(|function| function.split_once('(')) {
        return (is_name(name.trim()) && is_handler(rest, false)).then_some(name.trim());
    }
    let rest = ["const ", "let ", "var "].iter().find_map(|word| rest.strip_prefix(word))?.trim_start();
    let (left, value) = rest.split_once('=')?;
    let (name, kind) = left.split_once(':').unwrap_or((left, ""));
    let kind = kind.split('<').next().unwrap_or_default().trim();
    let is_typed = has_types && (kind.ends_with("Handler") || kind.ends_with("HandlerV2"));
    (is_name(name.trim()) && (is_typed || is_handler(value.trim_start(), false))).then_some(name.trim())
}

/// Whether an expression is a function that takes what Lambda hands over. What only takes an event may as well wait for a
/// click, unless it is `async` or in a module of Node.js.
fn is_handler(expression: &str, is_of_node: bool) -> bool {
    if WRAPPERS.iter().any(|wrapper| expression.starts_with(wrapper)) {
        return true;
    }
    let (is_async, rest) = match expression.strip_prefix("async") {
        Some(rest) if rest.starts_with([' ', '(']) => (true, rest.trim_start()),
        _ => (false, expression),
    };
    let inside = match rest.strip_prefix("function") {
        Some(rest) => rest.split_once('(').filter(|(name, _)| name.trim().is_empty() || is_name(name.trim())).map(|(_, inside)| inside),
        None => rest.strip_prefix('('),
    };
    let parameters = match inside {
        Some(inside) => parameters(inside).unwrap_or_default(),
        None => rest.split_once("=>").map(|(name, _)| name.trim()).into_iter().collect(),
    };
    match parameters[..] {
        [event] => EVENT.contains(&event) && (is_async || is_of_node),
        [event, context] | [event, context, _] => EVENT.contains(&event) && CONTEXT.contains(&context),
        _ => false,
    }
}

/// The names of parameters up to the bracket that ends them.
fn parameters(inside: &str) -> Option<Vec<&str>> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        match character {
            ')' if depth == 0 => {
                parts.push(&inside[from..at]);
                return Some(parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(leading_name).collect());
            }
            ',' if depth == 0 => {
                parts.push(&inside[from..at]);
                from = at + 1;
            }
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn leading_name(text: &str) -> &str {
    &text[..text.find(|letter: char| !is_of_name(letter)).unwrap_or(text.len())]
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_name) && !text.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_python_that_take_an_event_and_a_context_are_found() {
        for (text, found) in [
            ("import json\n\ndef main(event, context):\n    return 1\n", &["main"][..]),
            (
                "def a(event: dict[str, int], context: LambdaContext) -> dict:\n    pass\ndef b(\n    _event,\n    _context,\n):\n",
                &["a", "b"],
            ),
            ("def a(event, context, key=1): pass\ndef b(event): pass\ndef c(first, second): pass\n", &[]),
            ("class A:\n    def a(self, event, context): pass\n    def b(event, context): pass\n", &[]),
            ("def _inner(event, context): pass\n# def x(event, context)\ndef y(event, context", &[]),
        ] {
            assert_eq!(python_functions(text), found, "{text}");
        }
    }

    #[test]
    fn exported_functions_that_take_an_event_are_found() {
        for (text, found) in [
            ("module.exports.hello = async (event) => {\n  return 1;\n};\n", &["hello"][..]),
            ("exports.a = async function (event, context) {};exports.b = event => 1\n", &["a", "b"]),
            ("exports.a = (event, context, callback) => callback()", &["a"]),
            ("import middy from '@middy/core';\nexport const main = middy(base).use(x);\n", &["main"]),
            ("export const hello = async (\n  event: APIGatewayProxyEvent,\n  _context: Context,\n): Promise<X> => ({});\n", &["hello"]),
            ("export async function run(event) {}\nexport function go(event, context) {}\n", &["run", "go"]),
            (
                "import type { SQSHandler } from 'aws-lambda';\nexport const consume: SQSHandler = async ({ Records }) => {};\n",
                &["consume"],
            ),
        ] {
            assert_eq!(exported_functions(text), found, "{text}");
        }
    }

    #[test]
    fn what_may_wait_for_a_click_or_is_no_function_is_passed_over() {
        for text in [
            "export const onClick = (event) => {};",
            "export function onChange(event) {}",
            "export const onKey: KeyboardEventHandler = (event) => {};",
            "export const add = async (first, second) => {};",
            "// module.exports.hello = async (event) => {}",
            "module.exports.hello = 1",
            "const hello = async (event) => 1;",
            "export default { a: async (event) => 1 }",
            "exports.handlers = [async (event) => 1]",
            "exports.a = async (event",
            "export const asynchronous = asyncify(event => 1)",
        ] {
            assert_eq!(exported_functions(text), Vec::<String>::new(), "{text}");
        }
    }
}

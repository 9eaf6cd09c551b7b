//! Statements of JavaScript that load modules, found without understanding the language: comments, templates and regular
//! expressions are taken out, brackets are counted.

/// What a file loads when it is loaded itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Load {
    pub line: usize,
    /// Such as `./db` or `express`.
    pub specifier: String,
    /// Whether it stands in an `import` or `export`, which find only what is named whole.
    pub is_import: bool,
}

/// A statement with one of these in it may load nothing, or later.
const UNSURE: [&str; 7] = ["=>", "function", "?", "&&", "||", "class ", "try"];

/// What is loaded by statements at the left margin, outside of all brackets.
pub(in super::super) fn loads(text: &str) -> Vec<Load> {
    let code = plain(text);
    let lines: Vec<&str> = code.lines().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let (statement, length) = statement(&lines[at..]);
        let loads = pieces(&statement).into_iter().flat_map(loaded);
        found.extend(loads.map(|(specifier, is_import)| Load { line: at + 1, specifier, is_import }));
        at += length;
    }
    found
}

/// The statement that begins with the first of these lines, and how many lines it has.
fn statement(lines: &[&str]) -> (String, usize) {
    let (mut statement, mut open) = (String::new(), 0i32);
    let is_from = |text: &str| text.contains('"') || text.contains('\'') || text.contains(';');
    for (at, line) in lines.iter().enumerate() {
        open += depth(line);
        statement.push_str(line);
        statement.push(' ');
        let waits = (statement.starts_with("import ") || statement.starts_with("import{")) && !is_from(&statement);
        if open <= 0 && !waits {
            return (statement, at + 1);
        }
    }
    // Brackets that are never closed are misunderstood: what is in them is not looked at.
    (String::new(), lines.len())
}

fn depth(line: &str) -> i32 {
    let (mut depth, mut quote) = (0, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(end), _) if character == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '(' | '[') => depth += 1,
            (None, '}' | ')' | ']') => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// What a statement loads, and whether by `import`.
fn loaded(statement: &str) -> Vec<(String, bool)> {
    let starts = |words: &[&str]| words.iter().any(|word| statement.starts_with(word));
    if starts(&["import ", "import{", "import*", "import\"", "import'"]) {
        let from = statement.rsplit_once(" from").or_else(|| statement.rsplit_once("}from")).map(|(_, rest)| rest);
        let named = from.or_else(|| statement.strip_prefix("import").filter(|rest| rest.trim_start().starts_with(['"', '\''])));
        return named.and_then(quoted).map(|specifier| (specifier, true)).into_iter().collect();
    }
    if starts(&["export ", "export{", "export*"]) && !starts(&["export const", "export default", "export function", "export async"]) {
        let from = statement.rsplit_once(" from").or_else(|| statement.rsplit_once("}from"));
        return from.and_then(|(_, rest)| quoted(rest)).map(|specifier| (specifier, true)).into_iter().collect();
    }
    if !starts(&["const ", "let ", "var ", "require("]) || UNSURE.iter().any(|piece| statement.contains(piece)) {
        return Vec::new();
    }
    let is_call = |before: &str| {
        let is_outside = before.matches('{').count() == before.matches('}').count();
        is_outside && !before.ends_with(|last: char| last.is_alphanumeric() || "_$.".contains(last))
    };
    let calls = statement.match_indices("require(").filter(|(at, _)| is_call(&statement[..*at]));
    calls.filter_map(|(at, call)| quoted(&statement[at + call.len()..])).map(|specifier| (specifier, false)).collect()
}

/// The statements of a line: what stands between semicolons that are in no bracket and in no text.
fn pieces(statement: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut open, mut quote) = (Vec::new(), 0, 0i32, None);
    let mut characters = statement.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(end), _) if character == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '(' | '[') => open += 1,
            (None, '}' | ')' | ']') => open -= 1,
            (None, ';') if open == 0 => {
                pieces.push(statement[from..at].trim_start());
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(statement[from..].trim_start());
    pieces
}

/// The text in quotes that begins here and is all of an argument.
fn quoted(rest: &str) -> Option<String> {
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let (text, after) = rest[1..].split_once(quote)?;
    let is_whole = !after.trim_start().starts_with('+') && !text.is_empty() && !text.contains('\\');
    is_whole.then(|| text.to_owned())
}

/// The code with spaces in the place of comments, templates and regular expressions; lines stay what they are.
pub(in super::super) fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut code, mut at, mut before) = (Vec::with_capacity(bytes.len()), 0, b';');
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest[0] {
            b'/' if rest.starts_with(b"//") => length_to(rest, b"\n").saturating_sub(1).max(1),
            b'/' if rest.starts_with(b"/*") => 2 + length_to(&rest[2..], b"*/"),
            b'`' => length_of_template(rest),
            b'/' if is_expression(before, &code) => length_of_expression(rest),
            b'"' | b'\'' => {
                let length = length_of_text(rest);
                // Names of modules are short, and code in a text is no code.
                let is_code = rest[..length].windows(8).any(|window| window == b"require(");
                code.extend_from_slice(if is_code { b"''" } else { &rest[..length] });
                (at, before) = (at + length, b'"');
                continue;
            }
            other => {
                code.push(other);
                before = if other.is_ascii_whitespace() { before } else { other };
                at += 1;
                continue;
            }
        };
        if !rest.starts_with(b"//") && !rest.starts_with(b"/*") {
            before = b'"';
        }
        code.push(b' ');
        code.extend(rest[..length].iter().filter(|byte| **byte == b'\n'));
        at += length;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// How far it is to the end of `end`, or to the end of all.
fn length_to(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).map_or(rest.len(), |at| at + end.len())
}

/// A text in quotes ends with its line at the latest.
fn length_of_text(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'\n' {
        match rest[at] {
            b'\\' => at += 1,
            end if end == rest[0] => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at.min(rest.len())
}

/// A template may have code in it, and that templates.
fn length_of_template(rest: &[u8]) -> usize {
    let (mut at, mut open) = (1, 0usize);
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            b'`' if open == 0 => return at + 1,
            b'`' => at += length_of_template(&rest[at..]) - 1,
            b'$' if open == 0 && rest[at..].starts_with(b"${") => (open, at) = (1, at + 1),
            b'"' | b'\'' if open > 0 => at += length_of_text(&rest[at..]) - 1,
            b'{' if open > 0 => open += 1,
            b'}' if open > 0 => open -= 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

/// Whether a slash begins a regular expression, and does not divide.
fn is_expression(before: u8, code: &[u8]) -> bool {
    let ends_with = |word: &str| code.trim_ascii_end().ends_with(word.as_bytes());
    b"(,=:[!&|?{};+-*%~^<>".contains(&before) || ["return", "typeof", "case", "in", "of"].iter().any(|word| ends_with(word))
}

fn length_of_expression(rest: &[u8]) -> usize {
    let (mut at, mut is_in_class) = (1, false);
    while at < rest.len() && rest[at] != b'\n' {
        match rest[at] {
            b'\\' => at += 1,
            b'[' => is_in_class = true,
            b']' => is_in_class = false,
            b'/' if !is_in_class => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at.min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Vec<String> {
        loads(code).iter().map(|one| format!("{} {}{}", one.line, one.specifier, if one.is_import { " imported" } else { "" })).collect()
    }

    #[test]
    fn what_a_file_loads_in_any_case_is_found() {
        let script = "'use strict';\nconst a = require('a'), b = require(\"b\").c;\nrequire('c/register');\nconst {\n  d,\n  e,\n} = require('d');\nvar f = __importDefault(require(\"f\"));\nconst g = require('./g')(1);\n";
        assert_eq!(shown(script), ["2 a", "2 b", "3 c/register", "4 d", "8 f", "9 ./g"]);
        let module = "import a from 'a';\nimport { b,\n  c } from \"b\"\nimport 'd'\nimport{e}from'e';\nexport * from './f.js';\nexport { g } from 'g';\nimport * as h from 'h'\nimport i, { j } from 'i' with { type: 'json' }\nimport\n";
        let expected = ["1 a", "2 b", "4 d", "5 e", "6 ./f.js", "7 g", "8 h", "9 i"].map(|one| format!("{one} imported"));
        assert_eq!(shown(module), expected);
        let line = "const a=require('a;b'),b=';';require(\"c\");exports.d=()=>a;const e={f:';'};var g=require('g')";
        assert_eq!(shown(line), ["1 a;b", "1 c", "1 g"]);
        assert_eq!(shown("import a from 'a';import{b}from\"b\";\n"), ["1 a imported", "1 b imported"]);
    }

    #[test]
    fn what_may_be_meant_to_be_missing_is_not_looked_at() {
        for code in [
            "try {\nconst a = require('a');\n} catch {}\n",
            "if (x) {\nvar a = require('a')\n}\n",
            "const load = () => require('a');\n",
            "const a = process.env.X ? require('a') : null;\n",
            "const a = process.env.X && require('a');\n",
            "function f() {\nreturn require('a');\n}\n",
            "var require_a = __commonJS({\n  \"a.js\"(exports) {\nvar b = require('b');\n  }\n});\n",
            "// const a = require('a');\n/*\nconst a = require('a');\nimport a from 'a';\n*/\n",
            "const text = `\nimport a from 'a';\n${`\nconst b = require('b')\n`}`;\n",
            "const a = await import('a');\nimport('b');\n",
            "const a = require('a' + b);\nconst c = require(d);\nconst e = module.require('e');\n",
            "const x = \"const a = require('a')\";\n",
            "export const x = { from: 'y' };\nexport default { from: 'y' };\n",
            "const a = require(`a`);\n",
            "(()=>{var a=1;const b=require('b')})();for(let i=0;i<1;){const c=require('c')}\n",
        ] {
            assert_eq!(shown(code), [""; 0], "{code}");
        }
    }

    #[test]
    fn expressions_and_templates_do_not_lead_astray() {
        let code =
            "const a = x.replace(/[/'\"`]/g, '') / 2 / y;\nconst b = /`/;\nconst c = `'${d ? `}` : \"}\"}`;\nconst e = require('e');\n";
        assert_eq!(shown(code), ["4 e"]);
        let code = "const url = 'http://x'; // it's\nconst re = () => { return /'/ };\nconst e = require('e');\n";
        assert_eq!(shown(code), ["3 e"]);
    }
}

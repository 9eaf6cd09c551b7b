//! The names that a file of Node exports, where all of them stand in it for certain.

use super::{has_word, leading_name};
use std::collections::BTreeSet;

/// What compilers write into each file; it brings no name.
pub(super) const MARK: &str = "defineProperty(exports, \"__esModule\"";

/// Everything that is exported, and perhaps more; nothing where code may export `wanted` in a way that is not seen here.
pub(super) fn names(text: &str, wanted: &str) -> Option<BTreeSet<String>> {
    if is_hidden(text, wanted) {
        return None;
    }
    let mut names = BTreeSet::new();
    for (at, _) in words(text, "exports") {
        let of_module = text[..at].strip_suffix("module.");
        let before = of_module.unwrap_or(&text[..at]);
        if !begins_statement(before.trim_end()) {
            return None;
        }
        let rest = text[at + "exports".len()..].trim_start();
        match rest.strip_prefix('.') {
            Some(rest) => drop(names.insert(leading_name(rest).to_owned())),
            // What also goes elsewhere may get more names there.
            None => {
                let is_alone = of_module.is_some() && line_before(before).trim().is_empty();
                names.extend(listed(rest.strip_prefix('=').filter(|_| is_alone)?)?);
            }
        }
    }
    for (at, _) in words(text, "export") {
        if !begins_statement(line_before(&text[..at])) {
            return None;
        }
        names.extend(exported(text[at + "export".len()..].trim_start())?);
    }
    words(text, "module").all(|(at, _)| text[at..].starts_with("module.exports")).then_some(names)
}

/// Whether something else than an export that can be seen may bring the name.
fn is_hidden(text: &str, wanted: &str) -> bool {
    // Such as the second of `export let a = 1, b = 2;`.
    let is_declared_later = text.match_indices(wanted).any(|(at, _)| {
        let rest = text[at + wanted.len()..].trim_start_matches(' ');
        text[..at].trim_end().ends_with(',') && rest.starts_with(['=', ',', ';', '\r', '\n']) && !rest.starts_with("=>")
    });
    // At the margin of a file that `require` loads, `this` is what it exports.
    let is_given_on = |(at, _): (usize, &str)| {
        let rest = text[at + "this".len()..].trim_start();
        !rest.starts_with("&&") && rest.strip_prefix('.').is_none_or(|rest| leading_name(rest) == wanted)
    };
    is_declared_later || words(text, "this").any(is_given_on) || has_word(text, "eval") || has_word(text, "arguments")
}

/// What stands before this in the same line.
fn line_before(before: &str) -> &str {
    before.rsplit('\n').next().unwrap_or_default()
}

/// Where a word stands in a text.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_name = |character: char| character.is_alphanumeric() || "_$".contains(character);
    text.match_indices(word).filter(move |(at, _)| !text[..*at].ends_with(is_name) && !text[at + word.len()..].starts_with(is_name))
}

/// Whether a statement may begin behind this, or a value that is given on.
fn begins_statement(before: &str) -> bool {
    before.is_empty() || before.ends_with([';', '}', '{', ')', '=', '\n']) || before.ends_with(|last: char| last.is_alphanumeric())
}

/// All words in an object that is given to `module.exports`.
fn listed(rest: &str) -> Option<BTreeSet<String>> {
    let (inner, _) = in_braces(rest)?;
    let words = inner.split(|character: char| !(character.is_alphanumeric() || "_$".contains(character)));
    (!inner.contains(['[', '\\'])).then(|| words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// The names behind `export`.
fn exported(rest: &str) -> Option<BTreeSet<String>> {
    let one = |name: &str| Some(BTreeSet::from([name.to_owned()])).filter(|_| !name.is_empty());
    if let Some((inner, _)) = in_braces(rest) {
        let name = |part: &str| part.split_whitespace().last().map(|name| name.trim_matches(['"', '\'']).to_owned());
        return Some(inner.split(',').filter_map(name).collect());
    }
    let word = leading_name(rest);
    let behind = rest[word.len()..].trim_start();
    match word {
        "default" => one("default"),
        "async" => exported(behind).filter(|_| behind.starts_with("function")),
        "function" | "class" => one(leading_name(behind.trim_start_matches('*').trim_start())),
        "const" | "let" | "var" if behind.starts_with('{') => listed(behind),
        "const" | "let" | "var" => one(leading_name(behind)),
        _ => None,
    }
}

/// What stands in the braces at the start of a text, and what stands behind them.
fn in_braces(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start().strip_prefix('{')?;
    let mut depth = 0_usize;
    for (at, character) in inner.char_indices() {
        match character {
            '}' if depth == 0 => return Some((&inner[..at], &inner[at + 1..])),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::package::check::Subject;
    use crate::package::check::tests::{ON_LAMBDA, told};

    fn found(file: &str, code: &str) -> String {
        told(&[(file, code.as_bytes())], &Subject { runtime: "nodejs22.x", handler: "index.handler", ..ON_LAMBDA })
    }

    #[test]
    fn a_default_export_is_not_called_by_a_name() {
        for (file, code) in [
            ("index.mjs", "export default async function handler(event) { return 1 }\n"),
            ("index.mjs", "const handler = async () => 1;\nexport default handler;\n"),
            ("index.mjs", "async function handler() {}\nexport { handler as default };\n"),
            ("index.js", "async function handler(event) { return 1 }\nexports.default = handler;\n"),
            (
                "index.js",
                "\"use strict\";\nvar __i = (this && this.__i) || function (m) { return m; };\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.default = handler;\nasync function handler() {}\n",
            ),
            ("index.js", "const handler = () => 1;\nmodule.exports.main = handler\n"),
            ("index.js", "const handler = () => 1;\nmodule.exports = { main: f, other };\n"),
            ("index.mjs", "function handler() {}\nexport const main = () => 1;\n"),
        ] {
            let told = found(file, code);
            assert!(told.starts_with("Error no-handler-function") && told.contains("under the name `handler`"), "{code}: {told}");
        }
        insta::assert_snapshot!(found("index.mjs", "export default function handler() {}\n"), @r##"Error no-handler-function: The handler is `index.handler`, but `index.mjs` exports nothing under the name `handler`. ["what is there: `default`", "what is exported as `default` has no other name: the runtime takes the name that stands in the handler"]"##);
    }

    #[test]
    fn what_may_bring_the_name_passes() {
        for (file, code) in [
            ("index.mjs", "export async function handler(event) { return 1 }\nexport default handler;\n"),
            ("index.mjs", "function handler() {}\nexport { main, handler };\n"),
            ("index.mjs", "function main() {}\nexport{main as handler,a as default};"),
            ("index.mjs", "export const { main, handler } = make();\n"),
            ("index.mjs", "export let main = 1, handler = () => 1;\n"),
            ("index.mjs", "export let main,\n  handler;\n"),
            ("index.mjs", "export * from './handler.mjs';\nexport default 1;\n"),
            ("index.js", "module.exports = { main, handler };\n"),
            ("index.js", "module.exports = {\n  handler: async () => ({ a: { b: 1 } }),\n};\n"),
            ("index.js", "exports.default = exports.handler = () => 1;\n"),
            ("index.js", "Object.assign(exports, { handler });\nexports.default = handler;\n"),
            ("index.js", "const self = module.exports = { main };\nself.handler = () => 1;\n"),
            ("index.js", "const e = exports;\ne.handler = () => 1;\nexports.default = 1;\n"),
            ("index.js", "exports.default = 1;\nthis.handler = () => 1;\n"),
            ("index.js", "fill(module, handler);\nexports.default = 1;\n"),
            ("index.js", "fill(exports, 'handler');\nexports.default = 1;\n"),
            ("index.js", "var x = {};\n__export(x, { handler: () => handler });\nmodule.exports = __toCommonJS(x);\n"),
            ("index.js", "module.exports = require('./x');\nmodule.exports.default = handler;\n"),
        ] {
            assert!(!found(file, code).contains("no-handler-function"), "{code}");
        }
    }
}

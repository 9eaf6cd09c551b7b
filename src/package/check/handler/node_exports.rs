//! The names that a file of Node exports, where all of them stand in it for certain.

use super::{has_word, leading_name, words};
use std::collections::BTreeSet;

/// What compilers write into each file; it brings no name.
const MARK: &str = "defineProperty(exports, \"__esModule\"";

/// Words that may bring names which do not stand in the file.
const HIDING: [&str; 3] = ["eval", "arguments", "__proto__"];

/// Everything that is exported, and perhaps more; nothing where code may export `wanted` in a way that is not seen here.
/// Comments and texts are read as code, which adds names and takes away none.
pub(super) fn names(text: &str, wanted: &str) -> Option<BTreeSet<String>> {
    let text = &text.replace(MARK, "");
    if is_hidden(text, wanted) {
        return None;
    }
    let mut names = BTreeSet::new();
    for (at, _) in words(text, "exports") {
        names.extend(of_script(text, at)?);
    }
    for (at, _) in words(text, "export") {
        if !begins_statement(line_before(&text[..at])) {
            return None;
        }
        names.extend(of_module(text[at + "export".len()..].trim_start(), wanted)?);
    }
    words(text, "module").all(|(at, _)| text[at..].starts_with("module.exports")).then_some(names)
}

/// Whether something else than an export that can be seen may bring the name.
fn is_hidden(text: &str, wanted: &str) -> bool {
    // At the margin of a file that `require` loads, `this` is what it exports.
    let is_given_on = |(at, _): (usize, &str)| {
        let rest = text[at + "this".len()..].trim_start();
        let name = rest.strip_prefix('.').map(|rest| leading_name(rest.trim_start()));
        !rest.starts_with("&&") && name.is_none_or(|name| name.is_empty() || name == wanted)
    };
    // Names may be written in other characters than they are read.
    let is_written_otherwise = text.contains("\\u") || !wanted.is_ascii();
    is_written_otherwise || HIDING.iter().any(|word| has_word(text, word)) || words(text, "this").any(is_given_on)
}

/// What stands before this in the same line.
fn line_before(before: &str) -> &str {
    before.rsplit('\n').next().unwrap_or_default()
}

/// Whether a statement may begin behind this, or a value that is given on.
fn begins_statement(before: &str) -> bool {
    before.is_empty() || before.ends_with([';', '}', '{', ')', '=', '\n']) || before.ends_with(|last: char| last.is_alphanumeric())
}

/// The names that the `exports` at this place brings.
fn of_script(text: &str, at: usize) -> Option<BTreeSet<String>> {
    let of_module = text[..at].strip_suffix("module.");
    let before = of_module.unwrap_or(&text[..at]);
    if !begins_statement(before.trim_end()) {
        return None;
    }
    let rest = text[at + "exports".len()..].trim_start();
    if let Some(rest) = rest.strip_prefix('.') {
        return one(leading_name(rest.trim_start()));
    }
    // What also goes elsewhere may get more names there.
    let is_alone = of_module.is_some() && line_before(before).trim().is_empty();
    let (inner, behind) = in_braces(rest.strip_prefix('=').filter(|_| is_alone)?)?;
    // More may be done with the object where that is no statement's end.
    let is_whole = |next: char| ";}\"'_$".contains(next) || next.is_alphanumeric();
    listed(inner).filter(|_| behind.trim_start().chars().next().is_none_or(is_whole))
}

/// The names behind `export`.
fn of_module(rest: &str, wanted: &str) -> Option<BTreeSet<String>> {
    if let Some((inner, _)) = in_braces(rest) {
        let name = |part: &str| part.split_whitespace().last().map(|name| name.trim_matches(['"', '\'']).to_owned());
        return Some(inner.split(',').filter_map(name).collect());
    }
    let word = leading_name(rest);
    let behind = rest[word.len()..].trim_start();
    match word {
        "default" => one("default"),
        "async" => of_module(behind, wanted).filter(|_| behind.starts_with("function")),
        "function" | "class" => one(leading_name(behind.trim_start_matches('*').trim_start())),
        "const" | "let" | "var" if behind.starts_with('{') => listed(in_braces(behind)?.0).filter(|names| declares(behind, names, wanted)),
        "const" | "let" | "var" => one(leading_name(behind)).filter(|names| declares(behind, names, wanted)),
        _ => None,
    }
}

/// Whether these are all names of a declaration: `export let a = 1, b = 2;` has another one.
fn declares(declaration: &str, names: &BTreeSet<String>, wanted: &str) -> bool {
    let end = end(declaration, ';').unwrap_or(declaration.len());
    names.contains(wanted) || !has_word(&declaration[..end], wanted)
}

fn one(name: &str) -> Option<BTreeSet<String>> {
    Some(BTreeSet::from([name.to_owned()])).filter(|_| !name.is_empty())
}

/// All words in the braces of an object, where all its names stand there.
fn listed(inner: &str) -> Option<BTreeSet<String>> {
    let words = inner.split(|character: char| !(character.is_alphanumeric() || "_$".contains(character)));
    let is_plain = !inner.contains('[') && !inner.contains("...");
    is_plain.then(|| words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// What stands in the braces at the start of a text, and what stands behind them.
fn in_braces(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start().strip_prefix('{')?;
    let end = end(inner, '}')?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// Where this stands outside of brackets and texts; nothing where comments, regular expressions or templates may have
/// brackets in them.
fn end(text: &str, wanted: char) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (_, '\\') | (None, '/' | '`') | (Some(_), '\n') => return None,
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, _) if depth == 0 && character == wanted => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            (None, _) => {}
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

    /// Sound files that `require` loads.
    const SCRIPTS: [&str; 72] = [
        // What is written by hand, with texts, regular expressions and comments.
        "module.exports = { pattern: \"}\", handler };\n",
        "module.exports = { brace: /}/, handler };\n",
        "module.exports = { a: 1, // } end\n  handler };\n",
        "module.exports = { a: 1, /* } */ handler };\n",
        "module.exports = { a: `}`, handler };\n",
        "module.exports = { a: '\\'}', handler };\n",
        "module.exports = { 'handler': main };\n",
        "module.exports = { ...require('./other') };\n",
        "module.exports = { ['hand' + 'ler']: main };\n",
        "module.exports = { get handler() { return main; } };\n",
        "module.exports = { async handler(event) { return '}'; } };\n",
        "module.exports = { __proto__: require('./other') };\n",
        "module.exports = { main }, Object.assign(module.exports, require('./other'));\n",
        "module.exports = { main } && require('./other');\n",
        "module.exports = {\r\n  main, // it's }\r\n  handler,\r\n};\r\n",
        "module . exports . handler = main;\n",
        "module\n  .exports\n  .handler = main;\n",
        "module['exports'] = { handler: main };\n",
        "module.exports.main = module.exports.handler = main;\n",
        "exports. handler = main;\nexports.main = main;\n",
        "exports\n  .handler = main;\n",
        "exports./* the one */handler = main;\nexports.main = 1;\n",
        "exports['handler'] = main;\n",
        "exports.h\\u0061ndler = main;\nexports.main = 1;\n",
        "\\u0065xports.handler = main;\n",
        "exports.main = main, exports.handler = main;\n",
        "exports = module.exports = { main }; exports.handler = main;\n",
        "(0, exports).handler = main;\nexports.main = 1;\n",
        "this.handler = main;\n",
        "this . handler = main;\nexports.main = 1;\n",
        "(function () { this.handler = main; }).call(this);\n",
        "(function (root) { root.handler = main; })(this);\n",
        "for (const name of ['handler']) exports[name] = main;\n",
        "require('./routes')(exports);\n",
        "require('./routes').fill(module);\n",
        "_.extend(exports, require('./routes'));\n",
        "const { exports: out } = module;\nout.handler = main;\n",
        "Object.defineProperty(exports, \"handler\", { enumerable: true, get: function () { return main; } });\n",
        "Object.defineProperty( exports, 'hand' + 'ler', { value: main });\n",
        "Object.setPrototypeOf(exports, require('./other'));\nexports.main = 1;\n",
        "Reflect.set(module.exports, 'handler', main);\n",
        "eval('exp' + 'orts.handler = main');\n",
        "const list = `\n/*\n/api/*\n`;\nexports.handler = main;\n",
        "const list = `\n// ${`/*`}\n`;\nexports.handler = main;\n",
        "const text = 'a\\\n/* b \\\n'; exports.handler = main;\n",
        "/* it's */ exports.handler = main; // exports.main\n",
        "/*\n */ exports.handler = main;\n",
        "a(); /* x\n// */ exports.handler = main;\n",
        "// by hand\rexports.handler = main;\r",
        "// by hand\u{2028}exports.handler = main;\n",
        "\u{feff}exports.handler = main;\r\n",
        "#!/usr/bin/env node\n\"use strict\";\nexports.handler = main;\n",
        "module.exports = { main };\nmodule.exports.handler = main;\n",
        "module.exports = require('./other');\n",
        "module.exports = new (class { handler() {} })();\n",
        "module.exports = { main }\n[0] || Object.assign(module.exports, require('./other'));\n",
        "const a = 1; /* as it was:\nexports.handler = null;\n*/\nmodule.exports = { handler };\n",
        "const a = `\nexports.handler = null;\n`;\nmodule.exports = { handler };\n",
        "exports.handler = null;\nmodule.exports = { main, handler };\n",
        "/*\nimport x from './x.json' assert { type: 'json' };\n*/\nexports.handler = main;\n",
        // TypeScript, with and without its helpers.
        "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.handler = void 0;\nconst handler = async () => 1;\nexports.handler = handler;\n//# sourceMappingURL=index.js.map\n",
        "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.handler = handler;\nasync function handler() {}\n",
        "\"use strict\";\nvar __createBinding = (this && this.__createBinding) || (Object.create ? (function(o, m, k, k2) {\n    if (k2 === undefined) k2 = k;\n    Object.defineProperty(o, k2, { enumerable: true, get: function() { return m[k]; } });\n}) : (function(o, m, k, k2) {\n    if (k2 === undefined) k2 = k;\n    o[k2] = m[k];\n}));\nvar __exportStar = (this && this.__exportStar) || function(m, exports) {\n    for (var p in m) if (p !== \"default\" && !Object.prototype.hasOwnProperty.call(exports, p)) __createBinding(exports, m, p);\n};\nObject.defineProperty(exports, \"__esModule\", { value: true });\n__exportStar(require(\"./other\"), exports);\n",
        "\"use strict\";\nfunction __export(m) {\n    for (var p in m) if (!exports.hasOwnProperty(p)) exports[p] = m[p];\n}\nObject.defineProperty(exports, \"__esModule\", { value: true });\n__export(require(\"./other\"));\n",
        "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nconst tslib_1 = require(\"tslib\");\ntslib_1.__exportStar(require(\"./other\"), exports);\n",
        "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.handler = exports.main = void 0;\nvar other_1 = require(\"./other\");\nObject.defineProperty(exports, \"handler\", { enumerable: true, get: function () { return other_1.handler; } });\n",
        // Bundles.
        "var __defProp = Object.defineProperty;\nvar __export = (target, all) => {\n  for (var name in all)\n    __defProp(target, name, { get: all[name], enumerable: true });\n};\nvar index_exports = {};\n__export(index_exports, {\n  handler: () => handler\n});\nmodule.exports = __toCommonJS(index_exports);\nvar handler = async () => 1;\n// Annotate the CommonJS export names for ESM import in node:\n0 && (module.exports = {\n  handler\n});\n",
        "\"use strict\";\nmodule.exports = __toCommonJS(index_exports);\n__reExport(index_exports, require(\"./other\"), module.exports);\n// Annotate the CommonJS export names for ESM import in node:\n0 && (module.exports = {\n  ...require(\"./other\")\n});\n",
        "\"use strict\";var o=Object.defineProperty;var c={};for(var e in{handler:1})o(c,e,{get:()=>d});module.exports=c;var d=async()=>({a:/[`'\"{]/});0&&(module.exports={handler});\n",
        "!function(e,t){\"object\"==typeof exports&&\"object\"==typeof module?module.exports=t():e.handler=t()}(this,(()=>({handler:()=>1})));\n",
        "(()=>{\"use strict\";var e={};e.handler=()=>1,module.exports=e})();\n",
        "\"use strict\";Object.defineProperty(exports,\"__esModule\",{value:!0}),exports.main=void 0,exports.handler=async()=>1;\n",
    ];

    /// Sound files that `import` loads.
    const MODULES: [&str; 35] = [
        "export { h as handler // the one\n};\n",
        "export { h as handler /* the one */ };\n",
        "export { /* { */ h as handler };\n",
        "export { a, // , b }\n  h as handler };\n",
        "export { h as \"handler\" };\n",
        "export { h as 'h\\x61ndler' };\n",
        "export { default as handler } from './other.mjs';\n",
        "export * from './other.mjs';\n",
        "export*from'./other.mjs';\n",
        "export * as other from './other.mjs';\nexport * from './other.mjs';\n",
        "export const a = 1, /* second */ handler = main;\n",
        "export const a = 1, // second\n  handler = main;\n",
        "export let a = 1,\thandler\t= main;\n",
        "handler = main;\nexport var a, handler",
        "export const a = ';', handler = main;\n",
        "export const a = /;/, handler = main;\n",
        "export const a = 1, { handler } = make();\n",
        "export const { a } = make(), handler = main;\n",
        "export const { a, handler = () => a } = make();\n",
        "export const [a, handler] = make();\n",
        "export const { [key]: handler } = make();\n",
        "export /* the one */ const handler = main;\n",
        "export const/* the one */handler = main;\n",
        "export async function* handler() {}\n",
        "export\nasync function handler() {}\n",
        "export default main;\nexport { main as handler };\n",
        "export class handler {}\n",
        "\u{feff}export const handler = main;\r\n",
        "  // It exports one thing.\n  export const handler = main;\n",
        "/*\nconst fs = require('fs');\n*/\nimport fs from 'fs';\nexport const handler = main;\n",
        "const text = `\nconst fs = require('fs');\n`;\nimport fs from 'fs';\nexport const handler = main;\n",
        "import { require } from './other.mjs';\nconst fs = require('./other');\nexport const handler = main;\n",
        "import fs from 'fs';\ntry {\nvar fs2 = require('fs');\n} catch {}\nexport const handler = main;\n",
        "var r=(e,t)=>()=>(t||e((t={exports:{}}).exports,t),t.exports);var i=r((e,t)=>{t.exports=1});export{i as a,i as handler};\n",
        "import{a as b}from\"./other.mjs\";var c=b;export{c as handler};\n",
    ];

    #[test]
    fn sound_files_of_every_style_pass() {
        for (file, code) in SCRIPTS.map(|code| ("index.js", code)).into_iter().chain(MODULES.map(|code| ("index.mjs", code))) {
            for code in [code.to_owned(), code.replace("\r\n", "\n").replace('\n', "\r\n")] {
                let told = found(file, &code);
                assert!(!told.contains("handler") && !told.contains("module-system") && !told.contains("Error syntax"), "{code}: {told}");
            }
        }
    }

    #[test]
    fn a_handler_that_is_missing_for_certain_is_refused() {
        for (file, code) in [
            ("index.js", "module.exports = { pattern: \"}\", main };\n"),
            ("index.js", "module.exports = {\r\n  main: async () => ({ statusCode: 200, body: \"it's\" }),\r\n};\r\n"),
            ("index.js", "/* exports.handler = 1;\n */\n// exports.handler = 2;\nexports.main = async () => 1;\n"),
            ("index.js", "\u{feff}exports.main = async () => 1;\n"),
            ("index.js", "const a = 1, handler = async () => 1;\n"),
            ("index.js", "class A { constructor() { this.x = 1; } }\nasync function handler() {}\n"),
            (
                "index.js",
                "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.main = void 0;\nconst main = async () => 1;\nexports.main = main;\n",
            ),
            ("index.js", "module.exports = { main };\nconst url = 'https://x';\n"),
            ("index.mjs", "export { h as main, g as other };\n"),
            ("index.mjs", "export const { main, other } = make();\n"),
            ("index.mjs", "export const a = 1;\nexport default async function handler() {}\n"),
            ("index.mjs", "var h=()=>1;export{h as main};\n"),
            ("index.mjs", "export const main = async () => \"a;b\";\nconst handler = main;\n"),
            ("index.mjs", "const handler = () => `// ${1}`;\nexport async function main() {}\n"),
        ] {
            let told = found(file, code);
            assert!(told.starts_with("Error no-handler-function"), "{code}: {told}");
        }
    }
}

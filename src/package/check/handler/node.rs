//! Node: `FOLDER/FILE.EXPORT` (<https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html>). Which file is loaded,
//! and how, is decided as AWS's runtime decides it
//! (<https://github.com/aws/aws-lambda-nodejs-runtime-interface-client>).

use super::{NO_FUNCTION, NO_FUNCTION_SUMMARY, Subject, Tree, has_word, no_file, no_function, node_exports, node_function, words};
use crate::diagnostic::Diagnostic;
use crate::package::check::imports::{loads, plain};
use std::io;

/// The last version in which Lambda does not let Node find out by itself how a file is written
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html>).
const LAST_WITHOUT_DETECTION: u32 = 22;

/// The first version without import assertions.
const FIRST_WITHOUT_ASSERTIONS: u32 = 22;

const WRONG_SYSTEM: &str = "The handler's file is loaded in another way than it is written";

const DEFAULT: &str = "what is exported as `default` has no other name: the runtime takes the name that stands in the handler";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines of JavaScript end with these, too (<https://tc39.es/ecma262/#sec-line-terminators>).
const LINE_ENDS: [char; 3] = ['\r', '\u{2028}', '\u{2029}'];

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let Some((path, module, export)) = parts(subject) else { return Ok(Vec::new()) };
    let Some(file) = find(tree, &path, module) else { return Ok(missing(tree, subject, &path).into_iter().collect()) };
    // Node takes a module by where it really lies.
    let file = tree.end(&file).into_owned();
    let Some(text) = tree.text(&file)?.filter(|_| is_script(&file)) else { return Ok(Vec::new()) };
    if let Some(problem) = broken_package(tree, &file)? {
        return Ok(vec![problem]);
    }
    let is_module = is_loaded_as_module(tree, &file)?;
    let (text, code) = (text.trim_start_matches('\u{feff}'), plain(&text));
    if let Some(problem) = old_assertion(subject, &file, &code) {
        return Ok(vec![problem]);
    }
    // Lines of comments and templates look like code, and what takes them out may be led astray: both have to say it.
    let wrong_system = [code.as_str(), text].into_iter().map(|text| wrong_system(subject, &file, text, is_module));
    let wrong_system = wrong_system.collect::<Option<Vec<_>>>().and_then(|mut found| found.pop()).filter(|_| !subject.has_options);
    Ok(wrong_system.or_else(|| not_exported(subject, &file, text, export)).into_iter().collect())
}

/// The path of the handler's file without its ending, the last part of it, and what the file exports.
fn parts<'a>(subject: &Subject<'a>) -> Option<(String, &'a str, &'a str)> {
    let (folder, last) = subject.handler.rsplit_once('/').map_or(("", subject.handler), |(folder, last)| (folder, last));
    let (module, export) = last.split_once('.')?;
    let path = if folder.is_empty() { module.to_owned() } else { format!("{}/{module}", folder.trim_start_matches("./")) };
    Some((path, module, export.split('.').next().unwrap_or_default()))
}

/// The file of the handler.
pub(super) fn file(tree: &Tree<'_>, subject: &Subject<'_>) -> Option<String> {
    let (path, module, _) = parts(subject)?;
    find(tree, &path, module).filter(|file| is_script(file))
}

/// Whether a file is to be read as an ECMAScript module: it is loaded as one, or Node finds out that it is.
pub(in super::super) fn is_module(tree: &Tree<'_>, file: &str, text: &str) -> io::Result<bool> {
    Ok(is_loaded_as_module(tree, file)? || (file.ends_with(".js") && statements(text).any(is_module_syntax)))
}

pub(in super::super) fn is_loaded_as_module(tree: &Tree<'_>, file: &str) -> io::Result<bool> {
    Ok(file.ends_with(".mjs") || (file.ends_with(".js") && is_of_type_module(tree, file)?))
}

pub(in super::super) fn is_script(file: &str) -> bool {
    [".js", ".mjs", ".cjs"].iter().any(|ending| file.ends_with(ending))
}

/// The file that is loaded: as it is named, with an ending, or as Node finds packages.
fn find(tree: &Tree<'_>, path: &str, module: &str) -> Option<String> {
    let endings = ["", ".js", ".mjs", ".cjs", "/index.js", "/index.cjs", "/package.json", ".json", ".node"];
    let own = endings.iter().map(|ending| format!("{path}{ending}")).find(|name| tree.has(name));
    own.or_else(|| tree.has_folder(&format!("node_modules/{module}")).then(|| format!("node_modules/{module}")))
}

fn missing(tree: &Tree<'_>, subject: &Subject<'_>, path: &str) -> Option<Diagnostic> {
    let source = [".ts", ".mts", ".cts", ".tsx"].iter().map(|ending| format!("{path}{ending}")).find(|name| tree.has(name));
    if let Some(source) = source {
        let detail = format!("The handler's file `{source}` is TypeScript, and `{}` runs only JavaScript.", subject.runtime);
        let diagnostic = Diagnostic::error("typescript", "The handler is not compiled").detail(detail);
        return Some(diagnostic.hint(format!("`esbuild {source} --bundle --platform=node --outfile={path}.js` compiles it")));
    }
    // The modules of layers are found by `require` too.
    let wanted: Vec<String> = ["js", "mjs", "cjs"].iter().map(|ending| format!("{path}.{ending}")).collect();
    (!subject.has_more && !tree.is_mounted(path)).then(|| no_file(tree, subject, &wanted, &[".js", ".mjs", ".cjs"]))
}

/// The nearest `package.json` above a file.
fn nearest_package(tree: &Tree<'_>, file: &str) -> Option<String> {
    let folders = file.rmatch_indices('/').map(|(at, _)| &file[..=at]).chain([""]);
    folders.map(|folder| format!("{folder}package.json")).find(|name| tree.has(name))
}

/// Whether the nearest `package.json` above says `"type": "module"`.
fn is_of_type_module(tree: &Tree<'_>, file: &str) -> io::Result<bool> {
    let Some(package) = nearest_package(tree, file) else { return Ok(false) };
    let json: serde_json::Value = serde_json::from_str(&tree.text(&package)?.unwrap_or_default()).unwrap_or_default();
    Ok(json["type"] == "module")
}

/// Node reads it before it loads a file that is called `.js`, and loads nothing where it cannot.
fn broken_package(tree: &Tree<'_>, file: &str) -> io::Result<Option<Diagnostic>> {
    let Some(package) = nearest_package(tree, file).filter(|_| file.ends_with(".js")) else { return Ok(None) };
    let Some(bytes) = tree.whole(&package)? else { return Ok(None) };
    let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes)) else {
        return Ok(None);
    };
    let detail = format!("`{package}`, which says how `{file}` is to be loaded, is not JSON: {error}. Node loads nothing beside it.");
    Ok(Some(Diagnostic::error("bad-package-json", "The package.json cannot be read").detail(detail)))
}

/// One of the two ways to write modules in a file that is loaded as the other.
fn wrong_system(subject: &Subject<'_>, file: &str, text: &str, is_module: bool) -> Option<Diagnostic> {
    let has_module_syntax = statements(text).any(is_module_syntax);
    let has_exports = has_word(text, "exports");
    if is_module && has_module_syntax && !makes_require(text) && loads(text).iter().any(|load| !load.is_import) {
        let detail =
            format!("`{file}` is loaded as an ECMAScript module, in which there is no `require`, and it calls that when it is loaded.");
        let diagnostic = Diagnostic::error("module-system", WRONG_SYSTEM).detail(detail);
        return Some(diagnostic.hint("write `import NAME from \"MODULE\"` in its place"));
    }
    let (detail, hint) = if is_module && has_exports && !has_word(text, "export") && !has_word(text, "import") {
        (
            format!("`{file}` is loaded as an ECMAScript module, in which there is no `exports`, and it exports with that alone."),
            if file.ends_with(".mjs") {
                format!("call it `{}.js`", file.trim_end_matches(".mjs"))
            } else {
                "call it `.cjs`, or take `\"type\": \"module\"` out of `package.json`".to_owned()
            },
        )
    } else if !is_module
        && has_module_syntax
        && !detects(subject.runtime)
        && !file.ends_with(".cjs")
        && (!has_exports || loads(text).iter().any(|load| load.is_import))
    {
        let (what, refused) =
            if has_exports { ("has `import` and `exports`", "the former") } else { ("is written with `import` and `export`", "them") };
        let base = file.trim_end_matches(".js");
        (
            format!("`{file}` {what}, and `{}` loads it with `require`, which refuses {refused}.", subject.runtime),
            if has_exports {
                format!(
                    "write `const NAME = require(\"MODULE\")` in the place of `import`; or `export` what is called, and call it `{base}.mjs`"
                )
            } else {
                format!("call it `{base}.mjs`, or write `\"type\": \"module\"` in `package.json`")
            },
        )
    } else {
        return None;
    };
    Some(Diagnostic::error("module-system", WRONG_SYSTEM).detail(detail).hint(hint))
}

/// What newer versions of Node do not read any more (<https://nodejs.org/api/esm.html#import-attributes>).
fn old_assertion(subject: &Subject<'_>, file: &str, text: &str) -> Option<Diagnostic> {
    let is_old = |line: &str| line.starts_with("import") && [" assert {", " assert{"].iter().any(|old| line.contains(old));
    let (at, _) = text.lines().enumerate().find(|(_, line)| is_old(line))?;
    let is_refused = version(subject.runtime).is_some_and(|version| version >= FIRST_WITHOUT_ASSERTIONS);
    let detail = format!("Line {} of `{file}` imports with `assert {{ … }}`, which `{}` does not read any more.", at + 1, subject.runtime);
    let found = || Diagnostic::error("syntax", "The handler's file cannot be read by its language").detail(detail);
    is_refused.then(found).map(|found| found.hint("write `with { … }` in its place"))
}

pub(in super::super) fn detects(runtime: &str) -> bool {
    version(runtime).is_none_or(|version| version > LAST_WITHOUT_DETECTION)
}

/// `22` of `nodejs22.x`.
pub(in super::super) fn version(runtime: &str) -> Option<u32> {
    runtime.strip_prefix("nodejs")?.trim_end_matches(".x").parse().ok()
}

/// The lines at the left margin.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with([' ', '\t', '*', '/']))
}

fn is_module_syntax(line: &str) -> bool {
    let starts = |word: &str, next: &[char]| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(next));
    starts("import", &[' ', '{', '*', '"', '\'']) && (line.contains(" from ") || line.contains("from\"") || line.contains(['"', '\'']))
        || starts("export", &[' ', '{', '*'])
}

/// Whether a file may have a `require` of its own.
fn makes_require(text: &str) -> bool {
    let is_made =
        |(at, _): (usize, &str)| text[..at].trim_end().ends_with("function") || !text[at + "require".len()..].trim_start().starts_with('(');
    text.contains("createRequire") || words(text, "require").any(is_made)
}

fn not_exported(subject: &Subject<'_>, file: &str, text: &str, export: &str) -> Option<Diagnostic> {
    let text = &without_comment_lines(text);
    let names = node_exports::names(text, export);
    let Some(names) = names.filter(|names| !names.contains(export)) else {
        return node_function::uncallable(subject, file, text, export);
    };
    if names.is_empty() {
        let detail = format!("`{file}` exports nothing, so that `{}` cannot call `{export}` in it.", subject.runtime);
        let diagnostic = Diagnostic::error(NO_FUNCTION, NO_FUNCTION_SUMMARY).detail(detail);
        let hint = if file.ends_with(".mjs") {
            format!("`export const {export} = async (event) => …`")
        } else {
            format!("`exports.{export} = async (event) => …`")
        };
        return Some(diagnostic.hint(hint));
    }
    let shown: Vec<String> = names.into_iter().collect();
    let found = no_function(subject, file, export, &shown);
    let detail = format!("The handler is `{}`, but `{file}` exports nothing under the name `{export}`.", subject.handler);
    let is_default = shown.iter().any(|name| name == "default");
    let found = found.detail(detail);
    Some(if is_default { found.hint(DEFAULT) } else { found })
}

/// The text without the lines that are nothing but a comment. All stay where a template may have lines that look so.
fn without_comment_lines(text: &str) -> String {
    if text.contains('`') {
        return text.to_owned();
    }
    let (mut is_inside, mut goes_on) = (false, false);
    let is_code = |line: &&str| {
        // A text goes on in the next line behind this, and that may begin as a comment does.
        let is_text = std::mem::replace(&mut goes_on, line.ends_with('\\'));
        let line = line.trim();
        let (is_text, has_more) = (is_text && !is_inside, line.contains(LINE_ENDS));
        is_inside |= line.starts_with("/*") && !is_text;
        // Behind a comment there may be code in the same line.
        if let Some((_, rest)) = line.split_once("*/").filter(|_| is_inside) {
            is_inside = false;
            return has_more || !rest.trim().is_empty();
        }
        is_text || has_more || !is_inside && (!line.starts_with("//") || line.contains("*/"))
    };
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_nothing_but_a_comment_go() {
        let text = "// a\n/* b\n * c\n */\n/** x */ d /* y */\ne // f\n";
        assert_eq!(without_comment_lines(text), "/** x */ d /* y */\ne // f");
        for text in ["x = `\n/*\n`;\ny", "'\\\n/* \\\n'; y", "a /*\n// */ y", "// a\ry", "/* a\r*/ b\ny", "// a\u{2028}y"] {
            assert!(without_comment_lines(text).ends_with('y'), "{text}");
        }
    }

    #[test]
    fn statements_of_modules_are_told_from_others() {
        for line in [
            "import x from 'y';",
            "import { x } from \"y\"",
            "import{x}from\"y\";",
            "import 'y'",
            "export const x = 1",
            "export{x as y};",
            "export default x",
        ] {
            assert!(is_module_syntax(line), "{line}");
        }
        for line in ["importScripts('y')", "import('y')", "exports.x = 1", "const x = require('y')"] {
            assert!(!is_module_syntax(line), "{line}");
        }
    }
}

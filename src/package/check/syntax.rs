//! Whether the code of a handler can be read by its language, asked of an interpreter of this machine, which runs none
//! of it.

use super::Subject;
use super::handler::python::without_texts;
use super::handler::{self, has_word, is_module, node};
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::contents::Contents;
use crate::package::hash::Item;
use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

/// What came of it.
#[derive(Default)]
pub(super) struct Syntax {
    /// What is wrong.
    pub finding: Option<Diagnostic>,
    /// What was not looked at.
    pub unseen: Option<String>,
}

/// An interpreter that reads code without running it.
struct Tool {
    /// How the runtimes begin that it is for.
    family: &'static str,
    program: &'static str,
    /// What makes it print its version.
    version: &'static [&'static str],
    /// What makes it read the file that is named behind.
    check: &'static [&'static str],
}

/// Compiles a file, and where the Python is newer than the wanted one, reads it once more as that would
/// (<https://docs.python.org/3/library/ast.html#ast.parse>).
const READ_BY_PYTHON: &str = r#"
import ast, sys
name, wanted = sys.argv[1], sys.argv[2].split(".")
source = open(name, "rb").read()
compile(source, name, "exec", dont_inherit=True)
if wanted[0] == "3" and (3, 9) <= sys.version_info and int(wanted[1]) < sys.version_info[1]:
    try:
        ast.parse(source, name, feature_version=(3, int(wanted[1])))
    except SyntaxError as error:
        if "only supported in Python" in str(error):
            raise
"#;

/// Variables with which interpreters run code before they read any.
const HOOKS: [&str; 3] = ["NODE_OPTIONS", "RUBYOPT", "RUBYLIB"];

const TOOLS: [Tool; 3] = [
    Tool {
        family: "python",
        program: "python3",
        version: &["-I", "-S", "-c", "import sys; print(\"%d.%d\" % sys.version_info[:2])"],
        check: &["-I", "-S", "-c", READ_BY_PYTHON],
    },
    Tool { family: "nodejs", program: "node", version: &["--version"], check: &["--check"] },
    Tool { family: "ruby", program: "ruby", version: &["-e", "print RUBY_VERSION"], check: &["-c"] },
];

impl Syntax {
    /// Nothing was looked at.
    pub fn unseen(what: &str) -> Self {
        Self { finding: None, unseen: Some(what.to_owned()) }
    }
}

/// The interpreters of this machine, each asked once which it is.
#[derive(Default)]
pub(super) struct Interpreters {
    versions: Mutex<BTreeMap<String, Option<String>>>,
}

/// An interpreter that starts.
struct Interpreter {
    program: String,
    version: String,
}

impl Interpreters {
    /// That of the runtime's own version where there is one, or else any.
    fn choose(&self, tool: &Tool, subject: &Subject<'_>) -> Option<Interpreter> {
        let own = (tool.family == "python").then(|| subject.runtime.to_owned());
        own.into_iter().chain([tool.program.to_owned()]).find_map(|program| {
            let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            let version = versions.entry(program.clone()).or_insert_with(|| tool.version(&program)).clone()?;
            Some(Interpreter { program, version })
        })
    }
}

/// What the code of a handler is found to be, and what of it was not looked at.
///
/// # Errors
/// A file that cannot be read, or written for the interpreter.
pub(super) fn of_handler(contents: &Contents, items: &[Item], subject: &Subject<'_>, interpreters: &Interpreters) -> io::Result<Syntax> {
    if subject.handler.is_empty() {
        return Ok(Syntax::unseen("the function that is called: no handler is given"));
    }
    let tree = Tree::new(contents, items)?;
    match handler::file(&tree, subject) {
        Some(file) => check(&tree, &file, subject, interpreters),
        None => Ok(Syntax::unseen("the code of the handler")),
    }
}

/// Has the file read by an interpreter of its language, if there is one.
fn check(tree: &Tree<'_>, file: &str, subject: &Subject<'_>, interpreters: &Interpreters) -> io::Result<Syntax> {
    let (Some(tool), Some(text)) = (TOOLS.iter().find(|tool| subject.runtime.starts_with(tool.family)), tree.text(file)?) else {
        return Ok(Syntax::unseen(&format!("the code in `{file}`")));
    };
    let Some(interpreter) = interpreters.choose(tool, subject) else {
        return Ok(Syntax::unseen(&format!("the syntax of `{file}`: there is no `{}` here", tool.program)));
    };
    // Node tells by the name how a file is written, and newer ones try both where that says nothing.
    let endings: &[&str] = match tool.family {
        "nodejs" if is_module(tree, file, &text)? => &[".mjs"],
        "nodejs" if file.ends_with(".js") && node::detects(subject.runtime) => &[".cjs", ".mjs"],
        "nodejs" => &[".cjs"],
        _ => &[""],
    };
    let mut refusal = None;
    for ending in endings {
        let Some(said) = tool.refuses(&interpreter, &text, ending, (file, subject))? else { return Ok(Syntax::default()) };
        refusal = refusal.or(Some(said));
    }
    Ok(Syntax { finding: refusal.map(|said| broken(file, &said, &text, (tool, &interpreter), subject)), unseen: None })
}

impl Tool {
    fn version(&self, program: &str) -> Option<String> {
        let output = output(Command::new(program).args(self.version)).ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_owned())
    }

    /// What the interpreter says against a copy of the file whose name ends so; nothing where it reads it.
    fn refuses(
        &self,
        interpreter: &Interpreter,
        text: &str,
        ending: &str,
        (file, subject): (&str, &Subject<'_>),
    ) -> io::Result<Option<String>> {
        let copy = tempfile::Builder::new().prefix("lambdo-").suffix(ending).tempfile()?;
        std::fs::write(copy.path(), text)?;
        let mut command = Command::new(&interpreter.program);
        let output = output(command.args(self.check).arg(copy.path()).args((self.family == "python").then(|| self.wanted(subject))))?;
        let said = || String::from_utf8_lossy(&output.stderr).replace(&*copy.path().to_string_lossy(), file);
        Ok((!output.status.success()).then(said))
    }

    /// The version of the language that the runtime has.
    fn wanted<'a>(&self, subject: &Subject<'a>) -> &'a str {
        subject.runtime.trim_start_matches(self.family).trim_end_matches(".x")
    }
}

fn output(command: &mut Command) -> io::Result<Output> {
    for hook in HOOKS {
        command.env_remove(hook);
    }
    command.stdin(Stdio::null()).output()
}

/// An interpreter that is older than the runtime may only not know what is new in its language.
fn broken(
    file: &str,
    said: &str,
    text: &str,
    (tool, Interpreter { program, version }): (&Tool, &Interpreter),
    subject: &Subject<'_>,
) -> Diagnostic {
    let (own, needed) = (numbers(version), numbers(tool.wanted(subject)));
    let line = line(file, said);
    let what = said.lines().rev().find(|line| line.contains("rror")).unwrap_or("it is refused").trim();
    let is_old = own < needed;
    let is_sure = match tool.family {
        "python" => !is_old || never_was_python(what, line, text) || is_same_in_python(&own, &needed, what, line, text),
        "nodejs" if is_old || own.first() > needed.first() => is_same_in_node(&own, &needed, what, line, text),
        _ => !is_old,
    };
    let (code, summary) = ("syntax", "The handler's file cannot be read by its language");
    let diagnostic = if is_sure { Diagnostic::error(code, summary) } else { Diagnostic::warning(code, summary) };
    let place = line.map_or_else(String::new, |line| format!(" in line {line}"));
    let found = diagnostic.detail(format!("`{program}` {version} finds in `{file}`{place}: {what}"));
    let age = if is_old { "older" } else { "newer" };
    if is_sure { found } else { found.hint(format!("`{}` may know it: `{program}` {version} of this machine is {age}", subject.runtime)) }
}

/// The versions of Node.js whose syntax is known here, from the first to the last.
const KNOWN_NODES: (u32, u32) = (18, 24);
/// What stands in a line that not all of these versions read: resources that are closed, what modules are imported with
/// (<https://node.green/>).
const NOT_IN_ALL_NODES: [&str; 5] = ["using", "import", "export", "assert", "with"];
/// What newer versions do not read any more.
const NOT_IN_NEWER_NODES: [&str; 1] = ["assert"];

/// Whether the wanted version of Node.js refuses what another one does. Regular expressions are syntax, too, and grow.
fn is_same_in_node(own: &[u32], needed: &[u32], what: &str, line: Option<u32>, text: &str) -> bool {
    let is_known = |version: &[u32]| version.first().is_some_and(|major| (KNOWN_NODES.0..=KNOWN_NODES.1).contains(major));
    let Some(at) = line.and_then(|line| usize::try_from(line).ok()) else { return false };
    // What is not understood may begin in the line before.
    let has = |words: &[&str]| text.lines().skip(at.saturating_sub(2)).take(2).any(|line| words.iter().any(|word| has_word(line, word)));
    if own > needed {
        return !has(&NOT_IN_NEWER_NODES);
    }
    is_known(own) && is_known(needed) && !has(&NOT_IN_ALL_NODES) && !what.contains("regular expression")
}

/// What Python says of mistakes that no later version can take for something new.
const NEVER: [&str; 6] =
    ["IndentationError:", "TabError:", "Missing parentheses in call to", "unterminated ", "unmatched '", "outside function"];
/// What ends its line with a colon in every version.
const COMPOUND: [&str; 9] = ["def ", "class ", "if ", "elif ", "else", "for ", "while ", "try", "with "];

/// Whether no version of Python reads the code, so that one that is older than the runtime can tell. Later versions read
/// more inside of f-strings, so that nothing is sure beside one (<https://peps.python.org/pep-0701/>).
fn never_was_python(what: &str, line: Option<u32>, text: &str) -> bool {
    if has_templates(text) {
        return false;
    }
    let code = without_texts(text);
    let at = line.and_then(|line| usize::try_from(line).ok()).and_then(|line| line.checked_sub(1));
    let lacks_colon = at.and_then(|at| code.lines().nth(at)).is_some_and(lacks_colon);
    lacks_colon || NEVER.iter().any(|never| what.contains(never))
}

fn lacks_colon(line: &str) -> bool {
    let line = line.trim();
    let is_compound = COMPOUND.iter().any(|word| line.strip_prefix(word).is_some_and(|rest| word.ends_with(' ') || rest.is_empty()));
    let is_whole = line.matches(['(', '[', '{']).count() == line.matches([')', ']', '}']).count();
    is_compound && is_whole && !line.contains(':') && !line.ends_with('\\')
}

/// The versions of Python 3 whose syntax is known here, from the first to the last.
const KNOWN_PYTHONS: (u32, u32) = (9, 14);
/// How many lines around a mistake may belong to the text of which parts are code that it is in.
const LINES_OF_A_TEXT: usize = 10;

/// Whether all these versions of Python refuse what one of them does: what came into the language between them is neither
/// where the mistake is nor in the line before (<https://docs.python.org/3/whatsnew/>).
fn is_same_in_python(own: &[u32], needed: &[u32], what: &str, line: Option<u32>, text: &str) -> bool {
    let is_known = |version: &[u32]| matches!(version, [3, minor, ..] if (KNOWN_PYTHONS.0..=KNOWN_PYTHONS.1).contains(minor));
    let Some(at) = line.and_then(|line| usize::try_from(line).ok()) else { return false };
    let lines = |before: usize, count: usize| text.lines().skip(at.saturating_sub(before)).take(count).collect::<Vec<_>>();
    let is_new = |line: &&str| {
        let line = line.trim_start();
        let has_parameters = line.contains('[') && ["def ", "class "].iter().any(|word| line.contains(word));
        has_parameters || line.starts_with("type ") || line.contains("except") || line.starts_with("case") || line.starts_with("match")
    };
    let around = lines(LINES_OF_A_TEXT, 2 * LINES_OF_A_TEXT).join("\n");
    let may_be_in_a_text = has_templates(&around) || what.contains("f-string");
    is_known(own) && is_known(needed) && !lines(2, 2).iter().any(is_new) && !may_be_in_a_text
}

/// Whether there is a text of which parts are code.
fn has_templates(text: &str) -> bool {
    text.match_indices(['"', '\'']).any(|(at, _)| {
        let prefix = text[..at].trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let prefix = &text[prefix.len()..at];
        (1..=2).contains(&prefix.len()) && prefix.contains(['f', 'F', 't', 'T'])
    })
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

/// The line that an interpreter names: `File "app.py", line 3`, or `index.js:3`.
fn line(file: &str, said: &str) -> Option<u32> {
    let rest = [format!("\"{file}\", line "), format!("{file}:")]
        .iter()
        .find_map(|before| said.split_once(before.as_str()).map(|(_, rest)| rest))?;
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[test]
    fn what_an_interpreter_says_is_told_in_one_sentence() {
        let subject = Subject {
            runtime: "python3.13",
            handler: "app.handler",
            architecture: "arm64",
            has_more: false,
            has_options: false,
            is_layer: false,
            place: Place::Lambda,
        };
        let python = "  File \"app.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
        let interpreter = |program: &str, version: &str| Interpreter { program: program.to_owned(), version: version.to_owned() };
        let told = |version| broken("app.py", python, "\n\ndef f(:\n", (&TOOLS[0], &interpreter("python3", version)), &subject);
        assert_eq!(told("3.13").detail, "`python3` 3.13 finds in `app.py` in line 3: SyntaxError: invalid syntax");
        assert!(told("3.14").is_error() && told("3.9").is_error() && !told("3.8").is_error());
        let node = "index.js:12\nexports.a = = 1\n    ^\n\nSyntaxError: Unexpected token '='\n    at wrap\n\nNode.js v22.1.0\n";
        assert_eq!(line("index.js", node), Some(12));
    }

    #[test]
    fn what_all_versions_of_python_refuse_is_refused_by_another_one_too() {
        let is_sure = |needed: u32, what: &str, line: u32, code: &str| is_same_in_python(&[3, 11], &[3, needed], what, Some(line), code);
        let invalid = "SyntaxError: invalid syntax";
        assert!(is_sure(13, invalid, 1, "<<<<<<< HEAD\n") && is_sure(14, invalid, 2, "x = 1\nx = = 2\n"));
        for code in ["type X = int\n", "def f[T](a: T): pass\n", "class A[T]:\n    x = = 1\n", "x = f'{y['a']}' z\n"] {
            assert!(!is_sure(13, invalid, code.lines().count() as u32, code), "{code}");
        }
        assert!(!is_sure(14, "SyntaxError: multiple exception types must be parenthesized", 3, "try:\n  x\nexcept A, B:\n  y\n"));
        assert!(!is_sure(15, invalid, 1, "x = = 2\n"), "nobody knows what that reads");
    }

    #[test]
    fn what_all_versions_of_node_refuse_is_refused_by_another_one_too() {
        let is_sure = |own: &str, needed: &str, code: &str| {
            is_same_in_node(&numbers(own), &numbers(needed), "SyntaxError: Unexpected token", Some(2), code)
        };
        assert!(is_sure("20.20.2", "24", "a();\nexports.a = = 1;\n") && is_sure("24.1.0", "18", "\nlet a = ;\n"));
        assert!(!is_sure("20.20.2", "24", "\nawait using x = open();\n"), "it came with version 24");
        assert!(is_sure("24.1.0", "16", "\nexport const a = = 1;\n"), "what is newer reads more");
        assert!(!is_sure("24.1.0", "20", "\nimport x from './x.json' assert { type: 'json' };\n"), "it went with version 22");
        assert!(!is_sure("20.20.2", "26", "\nlet a = ;\n"), "nobody knows what that reads");
        assert!(!is_same_in_node(&[20], &[24], "SyntaxError: Invalid regular expression: /(?i:a)/", Some(1), "/(?i:a)/;\n"));
    }

    #[test]
    fn what_no_version_reads_is_refused_by_an_older_one_too() {
        for (what, text) in [
            ("SyntaxError: expected ':'", "def handler(event, context)\n    return 1\n"),
            ("SyntaxError: expected ':'", "else\n"),
            ("IndentationError: unexpected indent", "a = 1\n  b = 2\n"),
            ("TabError: inconsistent use of tabs and spaces in indentation", ""),
            ("SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?", "print x\n"),
            ("SyntaxError: unterminated string literal (detected at line 1)", "a = 'b\n"),
        ] {
            assert!(never_was_python(what, Some(1), text), "{what}");
        }
        for (what, text) in [
            ("SyntaxError: invalid syntax", "type X = int\n"),
            ("SyntaxError: expected '('", "def f[T](a: T): pass\n"),
            ("SyntaxError: expected ':'", "class A[T]: pass\n"),
            ("SyntaxError: unterminated string literal (detected at line 1)", "a = f'{\n1}'\n"),
            ("SyntaxError: '(' was never closed", "x = (\n  lazy y\n)\n"),
            ("SyntaxError: expected ':'", "elsewhere\n"),
            ("SyntaxError: expected ':'", "if (a\n"),
        ] {
            assert!(!never_was_python(what, Some(1), text), "{what} {text}");
        }
    }
}

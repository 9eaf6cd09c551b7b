//! Whether the code of a handler can be read by its language, asked of an interpreter of this machine, which runs none
//! of it.

use super::Subject;
use super::handler::is_module;
use super::handler::python::without_texts;
use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use std::io;
use std::process::Command;

/// What came of it.
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

const TOOLS: [Tool; 3] = [
    Tool {
        family: "python",
        program: "python3",
        version: &["-I", "-S", "-c", "import sys; print(\"%d.%d\" % sys.version_info[:2])"],
        check: &["-I", "-S", "-c", "import sys; compile(open(sys.argv[1], \"rb\").read(), sys.argv[1], \"exec\")"],
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

/// Has the file read by an interpreter of its language, if there is one.
///
/// # Errors
/// A file that cannot be read, or written for the interpreter.
pub(super) fn check(tree: &Tree<'_>, file: &str, subject: &Subject<'_>) -> io::Result<Syntax> {
    let (Some(tool), Some(text)) = (TOOLS.iter().find(|tool| subject.runtime.starts_with(tool.family)), tree.text(file)?) else {
        return Ok(Syntax::unseen(&format!("the code in `{file}`")));
    };
    let Some(version) = tool.version() else {
        return Ok(Syntax::unseen(&format!("the syntax of `{file}`: there is no `{}` here", tool.program)));
    };
    // Node tells by the name how a file is written.
    let ending = match tool.family {
        "nodejs" if is_module(tree, file, &text)? => ".mjs",
        "nodejs" => ".cjs",
        _ => "",
    };
    let copy = tempfile::Builder::new().prefix("lambdo-").suffix(ending).tempfile()?;
    std::fs::write(copy.path(), &text)?;
    let output = Command::new(tool.program).args(tool.check).arg(copy.path()).output()?;
    let finding = (!output.status.success()).then(|| {
        let said = String::from_utf8_lossy(&output.stderr).replace(&*copy.path().to_string_lossy(), file);
        broken(file, &said, &text, (tool, &version), subject)
    });
    Ok(Syntax { finding, unseen: None })
}

impl Tool {
    fn version(&self) -> Option<String> {
        let output = Command::new(self.program).args(self.version).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_owned())
    }
}

/// An interpreter that is older than the runtime may only not know what is new in its language.
fn broken(file: &str, said: &str, text: &str, (tool, version): (&Tool, &str), subject: &Subject<'_>) -> Diagnostic {
    let needed = subject.runtime.trim_start_matches(tool.family).trim_end_matches(".x");
    let line = line(file, said);
    let what = said.lines().rev().find(|line| line.contains("rror")).unwrap_or("it is refused").trim();
    let is_old = numbers(version) < numbers(needed);
    let is_sure = !is_old || (tool.family == "python" && never_was_python(what, line, text));
    let (code, summary) = ("syntax", "The handler's file cannot be read by its language");
    let diagnostic = if is_sure { Diagnostic::error(code, summary) } else { Diagnostic::warning(code, summary) };
    let place = line.map_or_else(String::new, |line| format!(" in line {line}"));
    let found = diagnostic.detail(format!("`{}` {version} finds in `{file}`{place}: {what}", tool.program));
    if is_sure {
        found
    } else {
        found.hint(format!("`{}` may know it: `{}` {version} of this machine is older", subject.runtime, tool.program))
    }
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
            has_layers: false,
            is_layer: false,
            place: Place::Lambda,
        };
        let python = "  File \"app.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
        let told = |version| broken("app.py", python, "\n\ndef f(:\n", (&TOOLS[0], version), &subject);
        assert_eq!(told("3.13").detail, "`python3` 3.13 finds in `app.py` in line 3: SyntaxError: invalid syntax");
        assert!(told("3.14").is_error() && !told("3.9").is_error());
        let node = "index.js:12\nexports.a = = 1\n    ^\n\nSyntaxError: Unexpected token '='\n    at wrap\n\nNode.js v22.1.0\n";
        assert_eq!(line("index.js", node), Some(12));
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

//! Whether the code of a handler can be read by its language, asked of an interpreter of this machine, which runs none
//! of it.

use super::Subject;
use super::handler::is_module;
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
        broken(file, &said, tool, &version, subject)
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
fn broken(file: &str, said: &str, tool: &Tool, version: &str, subject: &Subject<'_>) -> Diagnostic {
    let needed = subject.runtime.trim_start_matches(tool.family).trim_end_matches(".x");
    let is_sure = numbers(version) >= numbers(needed);
    let (code, summary) = ("syntax", "The handler's file cannot be read by its language");
    let diagnostic = if is_sure { Diagnostic::error(code, summary) } else { Diagnostic::warning(code, summary) };
    let line = line(file, said).map_or_else(String::new, |line| format!(" in line {line}"));
    let what = said.lines().rev().find(|line| line.contains("rror")).unwrap_or("it is refused").trim();
    diagnostic.detail(format!("`{}` {version} finds in `{file}`{line}: {what}", tool.program))
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
        let told = |version| broken("app.py", python, &TOOLS[0], version, &subject);
        assert_eq!(told("3.13").detail, "`python3` 3.13 finds in `app.py` in line 3: SyntaxError: invalid syntax");
        assert!(told("3.14").is_error() && !told("3.9").is_error());
        let node = "index.js:12\nexports.a = = 1\n    ^\n\nSyntaxError: Unexpected token '='\n    at wrap\n\nNode.js v22.1.0\n";
        assert_eq!(line("index.js", node), Some(12));
    }
}

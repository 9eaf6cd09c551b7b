//! What `build` says for Python.

use crate::diagnostic::Diagnostic;
use crate::model::Table;
use crate::package::option::{Reader, own_flag};
use crate::package::script::sources::check_patterns;
use std::collections::BTreeMap;

/// Every key, with those that each kind has.
const KEYS: [&str; 10] = ["kind", "path", "requirements", "installer", "interpreter", "source", "include", "exclude", "flags", "env"];
/// Flags that would change where the packages go or for whom they are, and what to do instead.
const OWN_FLAGS: [(&str, &str); 15] = [
    ("--target", "the package is lambdo's to lay out"),
    ("-t", "the package is lambdo's to lay out"),
    ("--prefix", "the package is lambdo's to lay out"),
    ("--root", "the package is lambdo's to lay out"),
    ("--user", "the package is lambdo's to lay out"),
    ("--python-version", "`runtime` says it"),
    ("--platform", "`architectures` and `runtime` say it"),
    ("--python-platform", "`architectures` and `runtime` say it"),
    ("--requirement", "`build.requirements` says it"),
    ("--requirements", "`build.requirements` says it"),
    ("-r", "`build.requirements` says it"),
    ("--editable", "only a link to a folder of this machine would be deployed"),
    ("-e", "only a link to a folder of this machine would be deployed"),
    ("--python", "`build.interpreter` says it"),
    ("-p", "`build.interpreter` says it"),
];

/// The options, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The file that names what is installed, relative to the project's folder.
    pub requirements: Option<String>,
    /// What installs it: `uv` or `pip`.
    pub installer: Option<String>,
    /// The interpreter that installs.
    pub interpreter: Option<String>,
    /// The folder of the sources, relative to the project's.
    pub source: Option<String>,
    /// Patterns of the sources that are taken.
    pub include: Vec<String>,
    /// Patterns of the sources that are not.
    pub exclude: Vec<String>,
    /// Further arguments of the installer.
    pub flags: Vec<String>,
    /// Further variables of the installer's environment.
    pub variables: BTreeMap<String, String>,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(options: &Table) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader::new(options, &KEYS);
        let read = Self {
            requirements: reader.text("requirements", "the path of a file"),
            installer: reader.choice("installer", &["uv", "pip"]),
            interpreter: reader.text("interpreter", "the name or the path of an interpreter"),
            source: reader.text("source", "the path of a folder"),
            include: reader.texts("include").unwrap_or_default(),
            exclude: reader.texts("exclude").unwrap_or_default(),
            flags: reader.texts("flags").unwrap_or_default(),
            variables: reader.variables(),
        };
        let bad = check_patterns("include", &read.include).into_iter().chain(check_patterns("exclude", &read.exclude));
        bad.chain(read.flags.iter().filter_map(|flag| own_flag("the installer's", without_value(flag), &OWN_FLAGS)))
            .for_each(|problem| reader.note(problem));
        reader.finish(read)
    }
}

/// The value of a short flag may follow it without a space.
fn without_value(flag: &str) -> &str {
    if flag.starts_with("--") { flag } else { flag.get(..2).unwrap_or(flag) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn parsed(json: &str) -> Result<Options, Vec<Diagnostic>> {
        let Value::Table(table) = Value::from_json(&serde_json::from_str(json).unwrap()) else { panic!("{json}") };
        Options::parse(&table)
    }

    #[test]
    fn every_option_is_read() {
        let json = r#"{"requirements":"r.txt","installer":"pip","interpreter":"python3","source":"src","include":"a","exclude":["b"],"flags":["-v"],"env":{"A":1}}"#;
        let expected = Options {
            requirements: Some("r.txt".into()),
            installer: Some("pip".into()),
            interpreter: Some("python3".into()),
            source: Some("src".into()),
            include: vec!["a".into()],
            exclude: vec!["b".into()],
            flags: vec!["-v".into()],
            variables: BTreeMap::from([("A".into(), "1".into())]),
        };
        assert_eq!(parsed(json), Ok(expected));
        assert_eq!(parsed("{}"), Ok(Options::default()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let json = r#"{"requirement":"r","installer":"conda","interpreter":3,"source":"","include":["a["],"flags":["--target=x","-v","-rother.txt","--find-links"],"env":[]}"#;
        let told: Vec<String> = parsed(json).unwrap_err().iter().map(|problem| format!("{}: {}", problem.code, problem.detail)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        unknown-key: `build` has no key `requirement`. It has `kind`, `path`, `requirements`, `installer`, `interpreter`, `source`, `include`, `exclude`, `flags`, `env`.
        wrong-type: `build.interpreter` is an integer; it takes the name or the path of an interpreter.
        wrong-type: `build.source` is empty; it takes the path of a folder.
        wrong-type: `build.env` is a list; it takes a table of variables and their texts.
        bad-pattern: `a[` in `build.include`: unclosed character class; missing ']'.
        own-flag: `build.flags` has `--target`; the package is lambdo's to lay out.
        own-flag: `build.flags` has `-r`; `build.requirements` says it.
        ");
    }
}

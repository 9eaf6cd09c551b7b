//! What `build` says for Node.js.

use crate::diagnostic::Diagnostic;
use crate::model::Table;
use crate::package::option::{Reader, own_flag};
use crate::package::script::sources::check_patterns;
use std::collections::BTreeMap;

/// Every key, with those that each kind has.
const KEYS: [&str; 14] = [
    "kind",
    "path",
    "entry",
    "format",
    "minify",
    "sourcemap",
    "external",
    "script",
    "inputs",
    "output",
    "include",
    "exclude",
    "flags",
    "env",
];
/// Flags that would change where things go, and what to do instead.
const OWN_FLAGS: [(&str, &str); 8] = [
    ("--outfile", "the package is lambdo's to lay out"),
    ("--outdir", "the package is lambdo's to lay out"),
    ("--metafile", "lambdo reads it"),
    ("--watch", "a build must end"),
    ("--serve", "a build must end"),
    ("--format", "`build.format` says it"),
    ("--platform", "Lambda runs Node.js"),
    ("--prefix", "the package is lambdo's to lay out"),
];

/// The options, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The file that is bundled, where the handler does not tell.
    pub entry: Option<String>,
    /// `esm` or `cjs`.
    pub format: Option<String>,
    /// Whether the bundle is made small.
    pub minify: bool,
    /// Whether a source map lies beside the bundle.
    pub sourcemap: bool,
    /// Packages that are left out of the bundle.
    pub external: Option<Vec<String>>,
    /// The script of `package.json` that builds.
    pub script: Option<String>,
    /// Patterns of the files outside of the folder that the script reads.
    pub inputs: Option<Vec<String>>,
    /// The folder that the script makes.
    pub output: Option<String>,
    /// Patterns of files: those that a package consists of, or those that lie beside a bundle.
    pub include: Vec<String>,
    /// Patterns of files that stay out.
    pub exclude: Vec<String>,
    /// Further arguments of esbuild, or else of the installer.
    pub flags: Vec<String>,
    /// Further variables of their environment.
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
            entry: reader.text("entry", "the path of a file"),
            format: reader.choice("format", &["esm", "cjs"]),
            minify: reader.boolean("minify"),
            sourcemap: reader.boolean("sourcemap"),
            external: reader.texts("external"),
            script: reader.text("script", "the name of a script of `package.json`"),
            inputs: reader.texts("inputs"),
            output: reader.text("output", "the path of a folder"),
            include: reader.texts("include").unwrap_or_default(),
            exclude: reader.texts("exclude").unwrap_or_default(),
            flags: reader.texts("flags").unwrap_or_default(),
            variables: reader.variables(),
        };
        let inputs = read.inputs.iter().flat_map(|inputs| check_patterns("inputs", inputs));
        let bad = inputs.chain(check_patterns("include", &read.include)).chain(check_patterns("exclude", &read.exclude));
        bad.chain(read.flags.iter().filter_map(|flag| own_flag("the build's tool", flag, &OWN_FLAGS)))
            .for_each(|problem| reader.note(problem));
        reader.finish(read)
    }
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
        let json = r#"{"entry":"e","format":"cjs","minify":true,"sourcemap":true,"external":[],"include":"a","exclude":"b","flags":["-v"],"env":{"A":1}}"#;
        let expected = Options {
            entry: Some("e".into()),
            format: Some("cjs".into()),
            minify: true,
            sourcemap: true,
            external: Some(Vec::new()),
            include: vec!["a".into()],
            exclude: vec!["b".into()],
            flags: vec!["-v".into()],
            variables: BTreeMap::from([("A".into(), "1".into())]),
            ..Options::default()
        };
        assert_eq!(parsed(json), Ok(expected));
        let expected = Options { script: Some("compile".into()), output: Some("out".into()), ..Options::default() };
        assert_eq!(parsed(r#"{"script":"compile","output":"out"}"#), Ok(expected));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let json = r#"{"entries":"e","format":"umd","minify":"yes","external":3,"script":"x","sourcemap":true,"include":"a[","flags":["--outdir=x"]}"#;
        let told: Vec<String> = parsed(json).unwrap_err().iter().map(|problem| format!("{}: {}", problem.code, problem.detail)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        unknown-key: `build` has no key `entries`. It has `kind`, `path`, `entry`, `format`, `minify`, `sourcemap`, `external`, `script`, `inputs`, `output`, `include`, `exclude`, `flags`, `env`.
        wrong-type: `build.minify` is a string; it takes `true` or `false`.
        wrong-type: `build.external` is an integer; it takes a list of strings.
        bad-pattern: `a[` in `build.include`: unclosed character class; missing ']'.
        own-flag: `build.flags` has `--outdir`; the package is lambdo's to lay out.
        ");
    }
}

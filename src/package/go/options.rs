//! What `build` says for Go.

use crate::diagnostic::Diagnostic;
use crate::model::{Table, Value};
use crate::package::container::Mode;
use crate::package::option::{container, own_flag, text, texts, variables};
use crate::package::problem::unknown_key;
use std::collections::BTreeMap;

/// Every key, with those that each kind has.
const KEYS: [&str; 9] = ["kind", "path", "package", "ldflags", "tags", "flags", "env", "container", "container_image"];
/// Flags that would change what is made behind lambdo's back, and what to do instead.
const OWN_FLAGS: [(&str, &str); 7] = [
    ("-o", "lambdo decides where the program lies until it is uploaded"),
    ("-C", "`build.path` says it"),
    ("-ldflags", "`build.ldflags` says it"),
    ("-tags", "`build.tags` says it"),
    ("-buildmode", "Lambda starts a program, which is what is built without it"),
    ("-n", "nothing would be built"),
    ("-json", "lambdo reads what Go says"),
];
/// Variables that would do the same.
const OWN_VARIABLES: [(&str, &str); 2] =
    [("GOOS", "Lambda runs Linux, and what is tried with `--local` runs on this machine"), ("GOARCH", "`architectures` says it")];
/// Without symbols and debug information; stack traces stay readable.
const DEFAULT_LDFLAGS: &str = "-s -w";
/// Leaves the RPC server of `go1.x` out of `aws-lambda-go`.
/// <https://github.com/aws/aws-lambda-go/blob/main/README.md>
const DEFAULT_TAG: &str = "lambda.norpc";
const DEFAULT_PACKAGE: &str = ".";

/// The options, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The package of the program, as Go takes it: relative with a dot first, or an import path.
    pub package: String,
    /// Arguments of the linker.
    pub ldflags: String,
    /// Build tags.
    pub tags: Vec<String>,
    /// Further arguments of `go build`.
    pub flags: Vec<String>,
    /// Further variables of Go's environment.
    pub variables: BTreeMap<String, String>,
    /// Whether it is built in a container.
    pub container: Mode,
    /// The image of that container.
    pub container_image: Option<String>,
}

/// A pattern means all packages that fit, and a function has one program.
fn several_packages(package: &str) -> Option<Diagnostic> {
    let detail = format!("`build.package` is `{package}`, a pattern for any number of packages; a function starts one program.");
    let found = Diagnostic::error("several-programs", "More than one program could be deployed").detail(detail);
    package.contains("...").then(|| {
        found
            .hint("name one: `package = \"./cmd/NAME\"`")
            .hint("`[discover.NAME]` with `root = \"cmd\"` makes each folder with a `main.go` a function")
    })
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(options: &Table) -> Result<Self, Vec<Diagnostic>> {
        let mut problems: Vec<Diagnostic> =
            options.keys().filter(|key| !KEYS.contains(&key.as_str())).map(|key| unknown_key("build", key, &KEYS)).collect();
        let mut note = |problem| problems.push(problem);
        let names = ["package", "container_image"].map(|key| text(options, key).map_err(&mut note).unwrap_or_default());
        let lists = ["tags", "flags"].map(|key| texts(options, key).map_err(&mut note).unwrap_or_default());
        let ldflags = ldflags(options).map_err(&mut note).unwrap_or_default();
        let variables = variables(options.get("env")).map_err(&mut note).unwrap_or_default();
        let container = container(options).map_err(&mut note).unwrap_or_default();
        let ([package, container_image], [tags, flags]) = (names, lists);
        let flags = flags.unwrap_or_default();
        problems.extend(package.as_deref().and_then(several_packages));
        problems.extend(flags.iter().filter_map(|flag| own_flag("Go's", &single_dash(flag), &OWN_FLAGS)));
        problems.extend(variables.keys().filter_map(|name| own_variable(name)));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            package: package.unwrap_or_else(|| DEFAULT_PACKAGE.to_owned()),
            ldflags: ldflags.unwrap_or_else(|| DEFAULT_LDFLAGS.to_owned()),
            tags: tags.unwrap_or_else(|| vec![DEFAULT_TAG.to_owned()]),
            flags,
            variables,
            container,
            container_image,
        })
    }
}

/// One text as a person types it, or a list of its words. Empty, it keeps symbols.
fn ldflags(options: &Table) -> Result<Option<String>, Diagnostic> {
    match options.get("ldflags") {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        _ => Ok(texts(options, "ldflags")?.map(|words| words.join(" "))),
    }
}

/// Go takes every flag with one dash or two.
fn single_dash(flag: &str) -> String {
    if flag.starts_with("--") { flag[1..].to_owned() } else { flag.to_owned() }
}

fn own_variable(name: &str) -> Option<Diagnostic> {
    let (name, why) = OWN_VARIABLES.iter().find(|(own, _)| *own == name)?;
    let detail = format!("`build.env` has `{name}`; {why}.");
    Some(Diagnostic::error("own-variable", "A variable of Go's is lambdo's to give").detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Options, Vec<Diagnostic>> {
        let Value::Table(table) = Value::from_json(&serde_json::from_str(json).unwrap()) else { panic!("{json}") };
        Options::parse(&table)
    }

    #[test]
    fn every_option_has_a_default_and_is_read() {
        let options = parsed("{}").unwrap();
        assert_eq!((options.package.as_str(), options.ldflags.as_str()), (".", "-s -w"));
        assert_eq!((options.tags, options.flags, options.container), (vec!["lambda.norpc".to_owned()], vec![], Mode::Never));
        let json = r#"{"package":"./cmd/x","ldflags":["-s","-X a.b=c"],"tags":[],"flags":"-race","env":{"CGO_ENABLED":1},"container":"auto","container_image":"i"}"#;
        let options = parsed(json).unwrap();
        assert_eq!((options.package.as_str(), options.ldflags.as_str()), ("./cmd/x", "-s -X a.b=c"));
        assert_eq!((options.tags.len(), options.flags, options.container), (0, vec!["-race".to_owned()], Mode::Auto));
        assert_eq!(options.variables, BTreeMap::from([("CGO_ENABLED".into(), "1".into())]));
        assert_eq!(options.container_image.as_deref(), Some("i"));
        assert_eq!(parsed(r#"{"ldflags":""}"#).unwrap().ldflags, "");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let json = r#"{"packages":"b","package":"./cmd/...","tags":[1],"ldflags":3,"flags":["-o=x","--buildmode=plugin","-race"],"env":{"GOOS":"darwin"},"container":true}"#;
        let told: Vec<String> = parsed(json).unwrap_err().iter().map(|problem| format!("{}: {}", problem.code, problem.detail)).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        unknown-key: `build` has no key `packages`. It has `kind`, `path`, `package`, `ldflags`, `tags`, `flags`, `env`, `container`, `container_image`.
        wrong-type: `build.tags` is a list; it takes a list of strings.
        wrong-type: `build.ldflags` is an integer; it takes a list of strings.
        wrong-type: `build.container` is a boolean; it takes `auto`, `never`, `always` or an engine's name.
        several-programs: `build.package` is `./cmd/...`, a pattern for any number of packages; a function starts one program.
        own-flag: `build.flags` has `-o`; lambdo decides where the program lies until it is uploaded.
        own-flag: `build.flags` has `-buildmode`; Lambda starts a program, which is what is built without it.
        own-variable: `build.env` has `GOOS`; Lambda runs Linux, and what is tried with `--local` runs on this machine.
        "#);
    }
}

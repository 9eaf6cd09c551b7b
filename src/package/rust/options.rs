//! What `build` says for Rust.

use crate::diagnostic::Diagnostic;
use crate::model::Table;
use crate::package::container::Mode;
use crate::package::option::{container, own_flag, text, texts, variables};
use crate::package::problem::unknown_key;
use std::collections::BTreeMap;

/// Every key, with those that each kind has.
const KEYS: [&str; 11] =
    ["kind", "path", "bin", "package", "features", "profile", "target", "flags", "env", "container", "container_image"];
/// Flags that would change what is made or how it is told behind lambdo's back, and what to do instead.
const OWN_FLAGS: [(&str, &str); 4] = [
    ("--target", "`build.target` says it, and must fit `architectures`"),
    ("--message-format", "lambdo reads what cargo says"),
    ("--manifest-path", "`build.path` says it"),
    ("--bin", "`build.bin` says it"),
];
const DEFAULT_PROFILE: &str = "release";

/// The options, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The binary, where it is not the only one.
    pub bin: Option<String>,
    /// The member of a workspace.
    pub package: Option<String>,
    /// Features that are switched on.
    pub features: Vec<String>,
    /// Cargo's profile.
    pub profile: String,
    /// A target of one's own; `TRIPLE.VERSION` asks for an older glibc, as cargo-zigbuild writes it.
    pub target: Option<String>,
    /// Further arguments of `cargo build`.
    pub flags: Vec<String>,
    /// Further variables of cargo's environment.
    pub variables: BTreeMap<String, String>,
    /// Whether it is built in a container.
    pub container: Mode,
    /// The image of that container.
    pub container_image: Option<String>,
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
        let names =
            ["bin", "package", "profile", "target", "container_image"].map(|key| text(options, key).map_err(&mut note).unwrap_or_default());
        let lists = ["features", "flags"].map(|key| texts(options, key).map_err(&mut note).ok().flatten().unwrap_or_default());
        let variables = variables(options.get("env")).map_err(&mut note).unwrap_or_default();
        let container = container(options).map_err(&mut note).unwrap_or_default();
        let ([bin, package, profile, target, container_image], [features, flags]) = (names, lists);
        problems.extend(flags.iter().filter_map(|flag| own_flag("cargo's", flag, &OWN_FLAGS)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let profile = profile.unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
        Ok(Self { bin, package, features, profile, target, flags, variables, container, container_image })
    }

    /// Files of settings that flags name, as cargo takes them: relative to where it is called.
    pub fn named_files(&self) -> impl Iterator<Item = &str> {
        let values =
            self.flags.iter().zip(self.flags.iter().skip(1)).filter(|(flag, _)| *flag == "--config").map(|(_, value)| value.as_str());
        values.chain(self.flags.iter().filter_map(|flag| flag.strip_prefix("--config=")))
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
        let json = r#"{"bin":"b","package":"p","features":["x","y"],"profile":"small","target":"t","flags":"-v","env":{"A":1,"B":"c"}}"#;
        let options = parsed(json).unwrap();
        assert_eq!((options.bin.as_deref(), options.package.as_deref(), options.target.as_deref()), (Some("b"), Some("p"), Some("t")));
        assert_eq!((options.features, options.flags, options.profile), (vec!["x".into(), "y".into()], vec!["-v".into()], "small".into()));
        assert_eq!(options.variables, BTreeMap::from([("A".into(), "1".into()), ("B".into(), "c".into())]));
        assert_eq!((parsed("{}").unwrap().profile.as_str(), parsed("{}").unwrap().container), ("release", Mode::Never));
        let options = parsed(r#"{"container":"auto","container_image":"i","flags":["--config","a.toml","--config=b.toml","-v"]}"#).unwrap();
        assert_eq!((options.container, options.container_image.as_deref()), (Mode::Auto, Some("i")));
        assert_eq!(options.named_files().collect::<Vec<_>>(), ["a.toml", "b.toml"]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let json = r#"{"bins":"b","package":3,"features":[1],"profile":"","flags":["--target=x","-v"],"env":["A"]}"#;
        let told: Vec<String> = parsed(json).unwrap_err().iter().map(|problem| format!("{}: {}", problem.code, problem.detail)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        unknown-key: `build` has no key `bins`. It has `kind`, `path`, `bin`, `package`, `features`, `profile`, `target`, `flags`, `env`, `container`, `container_image`.
        wrong-type: `build.package` is an integer; it takes a name.
        wrong-type: `build.profile` is empty; it takes a name.
        wrong-type: `build.features` is a list; it takes a list of strings.
        wrong-type: `build.env` is a list; it takes a table of variables and their texts.
        own-flag: `build.flags` has `--target`; `build.target` says it, and must fit `architectures`.
        ");
    }
}

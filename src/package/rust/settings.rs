//! What cargo's configuration files and variables say that decides for which processor is built, and with what.

use crate::model::{Table, Value};
use crate::package::environment::Environment;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The flag for code of one processor, as rustc reads it.
const PROCESSOR: [&str; 2] = ["target-cpu=", "target_cpu="];
/// How many files may include one another.
const INCLUDED_MAX: usize = 100;
/// Variables with flags for rustc, the first of which that is set hides all others.
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>
const FLAGS: [&str; 2] = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"];

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether cargo builds for another target than the host when nobody names one.
    pub has_default_target: bool,
    /// Whether somebody has chosen a linker for the target.
    pub has_linker: bool,
    /// What keeps `target-cpu=native` out.
    pub neutral: Neutral,
}

/// Which processors are not meant for Lambda's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwanted {
    /// The one of the machine that compiles. Another one is meant where the project or `build.env` says it.
    Native,
    /// Any: what the user's own folder and variables say is about the machine that compiles.
    Any,
}

/// Variables and arguments that put a common processor in the place of this machine's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Neutral {
    /// The variables that had it, as they must be instead.
    pub variables: BTreeMap<String, String>,
    /// Arguments of cargo.
    pub arguments: Vec<String>,
    /// Where it stands, for people.
    pub places: BTreeSet<String>,
}

impl Settings {
    /// Reads what holds for a target in a folder. `processor` is the one that takes the place of this machine's; `own` are
    /// the variables that `build.env` gives.
    pub fn read(environment: &Environment, folder: &Path, (target, processor): (&str, &str), own: &BTreeMap<String, String>) -> Self {
        let flags = variable(target, "RUSTFLAGS");
        let linker = variable(target, "LINKER");
        let mut settings = Self {
            has_default_target: environment.get("CARGO_BUILD_TARGET").is_some(),
            has_linker: environment.get(&linker).is_some(),
            neutral: Neutral::default(),
        };
        let hiding = FLAGS.into_iter().find(|name| environment.get(name).is_some());
        let names = hiding.map_or_else(|| vec!["CARGO_BUILD_RUSTFLAGS", flags.as_str()], |name| vec![name]);
        for (name, text) in names.into_iter().filter_map(|name| Some((name, environment.get(name)?))) {
            settings.has_linker |= text.contains("linker=");
            let unwanted = if own.contains_key(name) { Unwanted::Native } else { Unwanted::Any };
            settings.neutral.variable(name, text, processor, unwanted);
        }
        for File { path, table, is_users } in files(environment, folder) {
            let unwanted = if is_users { Unwanted::Any } else { Unwanted::Native };
            settings.file(&path, &table, target, processor, hiding.is_none().then_some(unwanted));
        }
        settings
    }

    fn file(&mut self, path: &Path, table: &Table, target: &str, processor: &str, unwanted: Option<Unwanted>) {
        let build = table.get("build").and_then(Value::as_table);
        self.has_default_target |= build.is_some_and(|build| build.contains_key("target"));
        let targets = table.get("target").and_then(Value::as_table).into_iter().flatten();
        let targets = targets.filter(|(key, _)| *key == target || key.starts_with("cfg("));
        let targets = targets.filter_map(|(key, value)| Some((format!("target.{}", quoted(key)), value.as_table()?)));
        for (key, table) in build.map(|build| ("build".to_owned(), build)).into_iter().chain(targets) {
            self.has_linker |= table.contains_key("linker");
            if let (Some(flags), Some(unwanted)) = (table.get("rustflags"), unwanted) {
                self.has_linker |= texts(flags).any(|flag| flag.contains("linker="));
                if texts(flags).any(|flag| unwanted.replaced(flag, processor).is_some()) {
                    self.neutral.key(&format!("{key}.rustflags"), flags, processor, path);
                }
            }
        }
    }
}

impl Unwanted {
    /// The flags with another processor in the place of those that are not meant, where there are such.
    fn replaced(self, flags: &str, processor: &str) -> Option<String> {
        let (mut neutral, mut rest, mut is_found) = (String::new(), flags, false);
        while let Some(at) = PROCESSOR.iter().filter_map(|flag| rest.find(flag)).min() {
            let (before, value) = rest.split_at(at + PROCESSOR[0].len());
            let end = value.find(|letter: char| letter.is_whitespace() || "\x1f\"'".contains(letter)).unwrap_or(value.len());
            let is_meant = self == Self::Native && &value[..end] != "native" || &value[..end] == processor;
            is_found |= !is_meant;
            neutral.push_str(before);
            neutral.push_str(if is_meant { &value[..end] } else { processor });
            rest = &value[end..];
        }
        is_found.then(|| neutral + rest)
    }
}

impl Neutral {
    fn variable(&mut self, name: &str, text: &str, processor: &str, unwanted: Unwanted) {
        if let Some(text) = unwanted.replaced(text, processor) {
            self.variables.insert(name.to_owned(), text);
            self.places.insert(name.to_owned());
        }
    }

    /// Cargo joins lists of several places, and rustc takes the last word; a text replaces the one below.
    fn key(&mut self, key: &str, flags: &Value, processor: &str, path: &Path) {
        self.places.insert(path.display().to_string());
        let neutral = format!("target-cpu={processor}");
        let flags = match flags {
            // The last word counts.
            Value::String(text) => quoted(&format!("{text} -C{neutral}")),
            _ => format!("[{}]", quoted(&format!("-C{neutral}"))),
        };
        let argument = format!("{key}={flags}");
        if !self.arguments.contains(&argument) {
            self.arguments.extend(["--config".to_owned(), argument]);
        }
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let lone = value.as_str().into_iter();
    lone.chain(value.strings())
}

/// A string of JSON is one of TOML, too.
fn quoted(text: &str) -> String {
    Value::from(text).to_json().to_string()
}

/// The tables, lists and texts of a file, which is all that counts here.
fn tables(text: &str) -> Option<Table> {
    let table = DeTable::parse(text).ok()?;
    Some(table.get_ref().iter().map(|(key, value)| (key.get_ref().to_string(), value_of(value.get_ref()))).collect())
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| value_of(item.get_ref())).collect()),
        DeValue::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.get_ref().to_string(), value_of(value.get_ref()))).collect())
        }
        _ => Value::Null,
    }
}

/// The variable that stands for `target.TRIPLE.KEY`.
pub(super) fn variable(target: &str, key: &str) -> String {
    format!("CARGO_TARGET_{}_{key}", target.to_uppercase().replace(['-', '.'], "_"))
}

/// Cargo's folder of the user's.
/// <https://doc.rust-lang.org/cargo/guide/cargo-home.html>
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    environment.get("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(environment.get("HOME")?).join(".cargo")))
}

/// A file of cargo's configuration.
struct File {
    path: PathBuf,
    table: Table,
    /// Whether it is the user's, and not the project's.
    is_users: bool,
}

/// The files that cargo reads when it is started in a folder, with those that they include.
/// <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>
fn files(environment: &Environment, folder: &Path) -> Vec<File> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let home = home(environment);
    let mut places: Vec<PathBuf> = folder.ancestors().map(|folder| folder.join(".cargo")).collect();
    places.extend(home.clone().filter(|home| !places.contains(home)));
    let mut files = Vec::new();
    for place in places {
        // Where both are there, cargo takes the one without an ending.
        let path = ["config", "config.toml"].map(|name| place.join(name)).into_iter().find(|path| path.is_file());
        read(path.into_iter().collect(), home.as_ref() == Some(&place), &mut files);
    }
    files
}

/// Reads files, and those that they include (<https://doc.rust-lang.org/cargo/reference/config.html#including-extra-configuration-files>).
fn read(mut waiting: Vec<PathBuf>, is_users: bool, files: &mut Vec<File>) {
    while let Some(path) = waiting.pop().filter(|_| files.len() < INCLUDED_MAX) {
        let is_known = files.iter().any(|file| file.path == path);
        let Some(table) = std::fs::read_to_string(&path).ok().filter(|_| !is_known).and_then(|text| tables(&text)) else { continue };
        let beside = path.parent().unwrap_or(Path::new(""));
        waiting.extend(included(&table).map(|name| beside.join(name)));
        files.push(File { path, table, is_users });
    }
}

fn included(table: &Table) -> impl Iterator<Item = &str> {
    let include = table.get("include");
    let items =
        include.into_iter().flat_map(|value| if let Value::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) });
    items.filter_map(|item| item.as_str().or_else(|| item.as_table()?.get("path")?.as_str()))
}

/// The files of cargo's configuration for a folder, which decide what is made.
pub(super) fn paths(environment: &Environment, folder: &Path) -> impl Iterator<Item = PathBuf> {
    files(environment, folder).into_iter().map(|file| file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "x86_64-unknown-linux-gnu";

    fn settings(file: &str, variables: &[(&str, &str)]) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(folder.path().join("a/.cargo")).unwrap();
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(folder.path().join("a/.cargo/config.toml"), file).unwrap();
        let mut environment = Environment::default();
        environment.set("CARGO_HOME", &folder.path().join("none").display().to_string());
        variables.iter().for_each(|(name, value)| environment.set(name, value));
        Settings::read(&environment, &inner, (TARGET, "x86-64"), &BTreeMap::from([("RUSTFLAGS".into(), String::new())]))
    }

    #[test]
    fn native_code_is_found_wherever_cargo_would_find_it() {
        for (file, variables, expected) in [
            ("build.rustflags = ['-Cdebuginfo=0']", &[][..], &[][..]),
            ("build.rustflags = ['-C', 'target-cpu=native']", &[], &["--config", "build.rustflags=[\"-Ctarget-cpu=x86-64\"]"]),
            (
                "build.rustflags = '-C target-cpu=native -g'",
                &[],
                &["--config", "build.rustflags=\"-C target-cpu=native -g -Ctarget-cpu=x86-64\""],
            ),
            (
                "target.x86_64-unknown-linux-gnu.rustflags = ['-Ctarget-cpu=native']",
                &[],
                &["--config", "target.\"x86_64-unknown-linux-gnu\".rustflags=[\"-Ctarget-cpu=x86-64\"]"],
            ),
            (
                "target.'cfg(unix)'.rustflags = ['-Ctarget-cpu=native']",
                &[],
                &["--config", "target.\"cfg(unix)\".rustflags=[\"-Ctarget-cpu=x86-64\"]"],
            ),
            ("target.aarch64-apple-darwin.rustflags = ['-Ctarget-cpu=native']", &[], &[]),
            ("build.rustflags = ['-Ctarget-cpu=native']", &[("RUSTFLAGS", "-g")], &[]),
            ("build.rustflags = ['-C', 'target_cpu=native']", &[], &["--config", "build.rustflags=[\"-Ctarget-cpu=x86-64\"]"]),
            ("build.rustflags = ['-C', 'target_cpu=x86-64-v3']", &[], &[]),
        ] {
            assert_eq!(settings(file, variables).neutral.arguments, expected, "{file} {variables:?}");
        }
    }

    #[test]
    fn a_processor_of_the_users_folder_is_this_machines_and_one_of_the_project_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let (home, project) = (folder.path().join("home/.cargo"), folder.path().join("home/app/.cargo"));
        for place in [&home, &project] {
            std::fs::create_dir_all(place).unwrap();
        }
        let mut environment = Environment::default();
        environment.set("HOME", &folder.path().join("home").canonicalize().unwrap().display().to_string());
        let arguments = || Settings::read(&environment, project.parent().unwrap(), (TARGET, "x86-64"), &BTreeMap::new()).neutral.arguments;
        std::fs::write(project.join("config.toml"), "build.rustflags = ['-Ctarget-cpu=x86-64-v3']").unwrap();
        assert_eq!(arguments(), [] as [&str; 0]);
        std::fs::write(home.join("config.toml"), "build.rustflags = ['-Ctarget-cpu=znver4']").unwrap();
        assert_eq!(arguments(), ["--config", "build.rustflags=[\"-Ctarget-cpu=x86-64\"]"]);
    }

    #[test]
    fn files_that_are_included_count_with_those_that_include_them() {
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join(".cargo");
        std::fs::create_dir_all(cargo.join("more")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(cargo.join(name), text).unwrap();
        write("config.toml", "include = ['more/a.toml', { path = 'none.toml', optional = true }]");
        write("more/a.toml", "include = '../b.toml'\nbuild.target = 'x'");
        write("b.toml", "include = ['config.toml']\nbuild.rustflags = ['-Ctarget-cpu=native']");
        let environment = Environment::default();
        let settings = Settings::read(&environment, folder.path(), (TARGET, "x86-64"), &BTreeMap::new());
        assert!(settings.has_default_target);
        assert_eq!(settings.neutral.arguments, ["--config", "build.rustflags=[\"-Ctarget-cpu=x86-64\"]"]);
        let names: Vec<String> = paths(&environment, folder.path()).map(|path| path.file_name().unwrap().display().to_string()).collect();
        assert!(names.starts_with(&["config.toml".into(), "a.toml".into(), "b.toml".into()]), "{names:?}");
    }

    #[test]
    fn native_code_in_variables_is_replaced_where_it_stands() {
        for (variables, expected) in [
            (&[("RUSTFLAGS", "-g -C target-cpu=native")][..], &[("RUSTFLAGS", "-g -C target-cpu=x86-64")][..]),
            (
                &[("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-cpu=native\x1f-g"), ("RUSTFLAGS", "-Ctarget-cpu=native")],
                &[("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-cpu=x86-64\x1f-g")],
            ),
            (
                &[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Ctarget-cpu=native")],
                &[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Ctarget-cpu=x86-64")],
            ),
            (&[("RUSTFLAGS", "-Ctarget-cpu=znver4")], &[]),
            (&[("CARGO_BUILD_RUSTFLAGS", "-g -Ctarget_cpu=znver4 -O")], &[("CARGO_BUILD_RUSTFLAGS", "-g -Ctarget_cpu=x86-64 -O")]),
            (&[("CARGO_BUILD_RUSTFLAGS", "-Ctarget-cpu=x86-64 -g")], &[]),
        ] {
            let expected = expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>();
            assert_eq!(settings("", variables).neutral.variables, expected, "{variables:?}");
        }
    }

    #[test]
    fn targets_and_linkers_that_somebody_chose_are_seen() {
        for (file, variables, expected) in [
            ("", &[][..], (false, false)),
            ("build.target = 'x'", &[], (true, false)),
            ("", &[("CARGO_BUILD_TARGET", "x")], (true, false)),
            ("target.x86_64-unknown-linux-gnu.linker = 'clang'", &[], (false, true)),
            ("target.'cfg(all())'.linker = 'clang'", &[], (false, true)),
            ("target.other.linker = 'clang'", &[], (false, false)),
            ("", &[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "clang")], (false, true)),
            ("", &[("RUSTFLAGS", "-C linker=clang")], (false, true)),
            ("not toml", &[], (false, false)),
        ] {
            let settings = settings(file, variables);
            assert_eq!((settings.has_default_target, settings.has_linker), expected, "{file} {variables:?}");
        }
    }
}

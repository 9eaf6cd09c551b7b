//! What requirements, flags and settings of installers name: everything that decides what is installed.

use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::environment::Environment;
use crate::package::own::Own;
use crate::package::problem::{brief, missing, unreadable};
use crate::package::script::named;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Flags whose files have the form of requirements.
const LIMITS: [&str; 9] = [
    "-c",
    "--constraint",
    "--constraints",
    "--override",
    "--overrides",
    "--build-constraint",
    "--build-constraints",
    "--exclude",
    "--excludes",
];
/// Variables of the installers whose values may be places of this machine, without `PIP_` or `UV_`
/// (<https://pip.pypa.io/en/stable/topics/configuration/>, <https://docs.astral.sh/uv/reference/environment/>).
const PLACES: [&str; 9] =
    ["FIND_LINKS", "CONSTRAINT", "BUILD_CONSTRAINT", "OVERRIDE", "CONFIG_FILE", "INDEX_URL", "EXTRA_INDEX_URL", "INDEX", "DEFAULT_INDEX"];
const INSTALLERS: [&str; 2] = ["PIP_", "UV_"];
/// Variables of the installers that decide nothing of what is installed.
const CACHES: &str = "CACHE_DIR";
/// Where installers look for settings beside a project and around it.
const BESIDE: [&str; 2] = ["uv.toml", "pyproject.toml"];
/// Where they look on a machine, below a folder of settings.
const SETTINGS: [&str; 2] = ["uv/uv.toml", "pip/pip.conf"];
/// Endings of what can be installed by its path alone.
const ARCHIVES: [&str; 5] = [".whl", ".tar.gz", ".tar.bz2", ".zip", ".tgz"];

/// What has been read so far.
pub(super) struct Reading<'a> {
    /// The project's folder, from which on installers understand paths.
    pub folder: &'a Path,
    /// The same as the user wrote it.
    pub shown: &'a str,
    /// What is nobody's requirement.
    pub own: &'a Own,
    /// Files that decide what is installed.
    pub inputs: BTreeSet<PathBuf>,
    /// Variables of the environment that do, too.
    pub variables: BTreeSet<String>,
    /// Whether anything is required.
    pub has_any: bool,
    /// Folders that are required, and built by the installer.
    pub folders: BTreeSet<PathBuf>,
}

impl<'a> Reading<'a> {
    /// Nothing yet.
    pub fn new(folder: &'a Path, shown: &'a str, own: &'a Own) -> Self {
        Self { folder, shown, own, inputs: BTreeSet::new(), variables: BTreeSet::new(), has_any: false, folders: BTreeSet::new() }
    }

    /// A file of requirements, with the files that it names
    /// (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).
    ///
    /// # Errors
    /// When one cannot be read, or asks for what cannot be deployed.
    pub fn file(&mut self, path: &Path) -> Result<(), Diagnostic> {
        if !self.inputs.insert(path.to_owned()) {
            return Ok(());
        }
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(path, &brief(path), "file"),
            _ => unreadable(&brief(path), &error),
        })?;
        self.variables.extend(variables(&text));
        let text = text.replace("\r\n", "\n").replace("\\\n", " ");
        text.lines().map(without_comment).filter(|line| !line.is_empty()).try_for_each(|line| self.line(path, line))
    }

    /// One requirement, or an option, of a file.
    ///
    /// # Errors
    /// The same.
    pub fn line(&mut self, file: &Path, line: &str) -> Result<(), Diagnostic> {
        let beside = |name: &str| file.parent().unwrap_or(Path::new("")).join(name);
        if option(line, &["-e", "--editable"]).is_some() {
            return Err(editable(line, self.shown));
        }
        if let Some(name) = option(line, &["-r", "--requirement", "-c", "--constraint"]) {
            return if name.contains("://") { Ok(()) } else { self.file(&beside(name)) };
        }
        if line.starts_with('-') {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            return self.flags(&words, file.parent().unwrap_or(self.folder));
        }
        self.has_any = true;
        let named = path_of(line);
        for folder in [Some(self.folder), file.parent()].into_iter().flatten() {
            self.required(named.and_then(|named| named::place(named, folder)))?;
        }
        Ok(())
    }

    /// Something of this machine that is installed itself.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn required(&mut self, place: Option<PathBuf>) -> Result<(), Diagnostic> {
        self.folders.extend(place.iter().filter(|place| place.is_dir()).cloned());
        self.local(place)
    }

    /// What flags name, which paths of this machine among it count from `beside` on, too.
    ///
    /// # Errors
    /// When one of their files cannot be read.
    pub fn flags(&mut self, flags: &[String], beside: &Path) -> Result<(), Diagnostic> {
        for (at, flag) in flags.iter().enumerate() {
            let next = flags.get(at + 1).map(String::as_str);
            let value = match flag.split_once('=') {
                Some((name, value)) if LIMITS.contains(&name) => Some(value),
                _ if LIMITS.contains(&flag.as_str()) => next,
                _ => flag.strip_prefix("-c").filter(|rest| !rest.is_empty()),
            };
            if let Some(path) = value.and_then(|value| named::place(value, self.folder)).filter(|path| path.is_file()) {
                self.file(&path)?;
            }
        }
        let folders = [self.folder, beside];
        folders.iter().flat_map(|folder| named::by_flags(flags, folder)).try_for_each(|place| self.local(Some(place)))
    }

    /// What the machine says to installers beside.
    ///
    /// # Errors
    /// When a file that it names cannot be read.
    pub fn settings(&mut self, options: &Options, environment: &Environment) -> Result<(), Diagnostic> {
        self.flags(&options.flags, self.folder)?;
        let of_installers =
            environment.names().filter(|name| INSTALLERS.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(CACHES));
        self.variables.extend(of_installers.map(str::to_owned));
        for name in INSTALLERS.iter().flat_map(|begin| PLACES.map(|name| format!("{begin}{name}"))) {
            let words: Vec<String> = environment.get(&name).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            let flags = if name.ends_with("CONSTRAINT") || name.ends_with("OVERRIDE") { limits(&words) } else { words };
            self.flags(&flags, self.folder)?;
        }
        let around = BESIDE.iter().filter_map(|name| self.folder.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file()));
        let home = environment.get("HOME").map(|home| Path::new(home).join(".config"));
        let personal = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).or(home);
        let old = environment.get("HOME").map(|home| Path::new(home).join(".pip/pip.conf"));
        let of_machine = [PathBuf::from("/etc"), PathBuf::from("/etc/xdg")].into_iter().chain(personal);
        let virtual_environment = environment.get("VIRTUAL_ENV").map(|folder| Path::new(folder).join("pip.conf"));
        let known = of_machine.flat_map(|folder| SETTINGS.map(|name| folder.join(name)));
        let known = known.chain([PathBuf::from("/etc/pip.conf")]).chain(old).chain(virtual_environment);
        self.inputs.extend(around.chain(known).filter(|path| path.is_file()));
        Ok(())
    }

    /// What lies on this machine may change without a word in the requirements.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn local(&mut self, place: Option<PathBuf>) -> Result<(), Diagnostic> {
        if let Some(place) = place {
            self.inputs.extend(named::files(place, self.own)?);
        }
        Ok(())
    }
}

fn limits(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("--constraint={word}")).collect()
}

/// The path or URL of a requirement, if it can be one of this machine.
fn path_of(line: &str) -> Option<&str> {
    let place = line.split(" --").next().unwrap_or(line);
    let place = place.split_once(" @ ").map_or(place, |(_, place)| place);
    let place = place.split(" ;").next().unwrap_or(place).split(';').next().unwrap_or(place).trim();
    let place = if place.starts_with("file:") { place } else { without_extras(place) };
    let is_path =
        place.contains(['/', '\\']) || place.starts_with("file:") || place == "." || ARCHIVES.iter().any(|ending| place.ends_with(ending));
    is_path.then_some(place)
}

/// `./lib[extra]` is `./lib`.
fn without_extras(place: &str) -> &str {
    place.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')).map_or(place, |(path, _)| path.trim_end())
}

/// The names in `${NAME}`, which installers fill in.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default().trim_end() }
}

/// What follows one of these options.
fn option<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let rest = line.strip_prefix(name)?;
        let is_short = name.len() == 2;
        (is_short || rest.starts_with([' ', '='])).then(|| rest.trim_start_matches([' ', '=']).trim())
    })
}

fn editable(line: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("editable-dependency", "An editable dependency cannot be deployed")
        .detail(format!("The requirements of `{shown}` have `{line}`, which installs only a link to a folder of this machine."))
        .hint("write the folder without `-e`: it is then installed as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 13] = [
        (
            "requirements.txt",
            "-r more/base.txt\r\n./lib[extra] ; python_version > '3'\nx @ file:///nowhere/x.whl\n--find-links=wheels\na==1 \\\n  --hash=sha256:0 # why\n--index-url https://${TOKEN}@example.com\npkgs/b-1-py3-none-any.whl --hash=sha256:0\nc.zip\n",
        ),
        ("more/base.txt", "-c limits.txt\nb\n"),
        ("more/limits.txt", "b<2\n"),
        ("lib/setup.py", ""),
        ("lib/build/x", ""),
        ("wheels/a-1-py3-none-any.whl", ""),
        ("pkgs/b-1-py3-none-any.whl", ""),
        ("c.zip", ""),
        ("limits.txt", "-c more/limits.txt\n"),
        ("links/d.whl", ""),
        ("home/.config/pip/pip.conf", ""),
        ("uv.toml", ""),
        ("state/wheels/x.whl", ""),
    ];

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(reading: &Reading<'_>) -> Vec<String> {
        let plain =
            |path: &PathBuf| path.strip_prefix(reading.folder).map(|path| path.components().collect::<PathBuf>().display().to_string());
        let names: BTreeSet<String> = reading.inputs.iter().filter_map(|path| plain(path).ok()).collect();
        names.into_iter().collect()
    }

    #[test]
    fn whatever_a_file_of_requirements_names_counts() {
        let (folder, own) = (folder(), Own::default());
        let mut reading = Reading::new(folder.path(), "app", &own);
        reading.file(&folder.path().join("requirements.txt")).unwrap();
        let expected = [
            "c.zip",
            "lib/setup.py",
            "more/base.txt",
            "more/limits.txt",
            "pkgs/b-1-py3-none-any.whl",
            "requirements.txt",
            "wheels/a-1-py3-none-any.whl",
        ];
        assert_eq!(names(&reading), expected);
        assert_eq!(reading.folders.iter().collect::<Vec<_>>(), [&folder.path().join("./lib")]);
        assert_eq!(reading.variables.iter().collect::<Vec<_>>(), ["TOKEN"]);
        let problem = reading.line(Path::new("x"), "--editable=../shared").unwrap_err();
        assert_eq!(problem.code, "editable-dependency");
    }

    #[test]
    fn whatever_flags_and_the_machine_name_counts() {
        let (folder, own) = (folder(), Own::new([]));
        let read = |flags: &[&str], variables: &[(&str, &str)]| {
            let own = own.clone();
            let mut reading = Reading::new(folder.path(), "app", &own);
            let mut environment = Environment::default();
            variables.iter().for_each(|(name, value)| environment.set(name, value));
            let options = Options { flags: flags.iter().map(ToString::to_string).collect(), ..Options::default() };
            reading.settings(&options, &environment).unwrap();
            (names(&reading), reading.variables.into_iter().collect::<Vec<_>>().join(" "))
        };
        let with = |more: &[&'static str]| [more, &["uv.toml"]].concat();
        assert_eq!(read(&["--find-links", "links"], &[]).0, with(&["links/d.whl"]));
        assert_eq!(read(&["-c", "limits.txt"], &[]).0, with(&["limits.txt", "more/limits.txt"]));
        assert_eq!(read(&["--constraint=limits.txt"], &[]).0, with(&["limits.txt", "more/limits.txt"]));
        assert_eq!(
            read(&["-climits.txt", "pkgs/b-1-py3-none-any.whl"], &[]).0,
            with(&["limits.txt", "more/limits.txt", "pkgs/b-1-py3-none-any.whl"])
        );
        let home = folder.path().join("home").display().to_string();
        let variables = [
            ("HOME", home.as_str()),
            ("PIP_FIND_LINKS", "links"),
            ("UV_CONSTRAINT", "limits.txt"),
            ("UV_CACHE_DIR", "lib"),
            ("OTHER", "lib"),
        ];
        let (files, names) = read(&[], &variables);
        assert_eq!(files, ["home/.config/pip/pip.conf", "limits.txt", "links/d.whl", "more/limits.txt", "uv.toml"]);
        assert_eq!(names, "PIP_FIND_LINKS UV_CONSTRAINT");
    }
}

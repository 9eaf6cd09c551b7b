//! What decides a program, kept so that the next run can tell without cargo whether it still holds.

use super::message::Message;
use super::options::Options;
use super::toolchain::Toolchain;
use super::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::package::builder::Job;
use crate::package::environment::Environment;
use crate::package::fingerprint::{self, Excluded, Facts, Sources};
use crate::package::index::Index;
use crate::package::own::Own;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The beginnings of variables that cargo, rustc and rustup read for what they make.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>
const READ: [&str; 9] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP_",
];
/// Variables that cargo sets for each package, and build scripts for their own.
const SET_BY_CARGO: [&str; 2] = ["CARGO", "OUT_DIR"];
/// What makes binaries or a build script where it lies, without being named anywhere.
const FOUND: [&str; 3] = ["build.rs", "src/lib.rs", "src/main.rs"];

/// What of a job it takes to read files, on a thread that may wait for them.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The folder that cargo is called in.
    folder: PathBuf,
    /// The spec's folder.
    base: PathBuf,
    own: Own,
    index: Index,
    architecture: String,
}

impl Site {
    pub fn of(job: &Job<'_>) -> Self {
        let (folder, base) = (job.path(), job.folder.to_owned());
        Self { folder, base, own: job.own.clone(), index: job.index.clone(), architecture: job.architecture.to_owned() }
    }
}

/// Where everything lies that a program was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// Files, those included that would count if they were there.
    files: BTreeSet<PathBuf>,
    /// Folders in which every file counts.
    folders: BTreeSet<PathBuf>,
    /// The packages of the workspace, in which cargo finds binaries by their names.
    packages: BTreeSet<PathBuf>,
    /// The folders in which members of the workspace lie, of which there may be more by a pattern.
    groups: BTreeSet<PathBuf>,
    /// The names of variables that were read.
    variables: BTreeSet<String>,
    /// With what it was made.
    pub toolchain: Toolchain,
}

impl Inputs {
    /// Reads what cargo wrote down beside the program; nothing where that does not tell all.
    pub fn of(
        program: &Path,
        messages: &[Message],
        workspace: &Workspace,
        site: &Site,
        options: &Options,
        toolchain: Toolchain,
    ) -> Option<Self> {
        // <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
        let listed = listed(&fs::read_to_string(program.with_extension("d")).ok()?);
        if listed.is_empty() || !listed.iter().all(|path| path.is_absolute() && path.exists()) {
            return None;
        }
        let folder = site.folder.canonicalize().ok()?;
        let mut inputs = Self { toolchain, ..Self::default() };
        let is_made = |path: &PathBuf| path.starts_with(&workspace.target_directory);
        for path in listed.into_iter().filter(|path| !is_made(path)) {
            inputs.files.extend(above(&path, &["Cargo.toml"]));
            if path.is_dir() {
                inputs.folders.insert(path)
            } else {
                inputs.files.insert(path)
            };
        }
        inputs.packages = workspace.folders().map(Path::to_owned).collect();
        let members = workspace.folders().filter(|folder| *folder != workspace.workspace_root);
        inputs.groups = members.filter_map(|folder| Some(folder.parent()?.to_owned())).collect();
        for folder in workspace.folders() {
            inputs.files.extend(above(&folder.join("Cargo.toml"), &["Cargo.toml"]));
        }
        inputs.files.insert(workspace.workspace_root.join("Cargo.lock"));
        let beside = folder.join("Cargo.toml");
        let settings = [".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];
        inputs.files.extend(above(&beside, &settings));
        inputs.files.extend(options.named_files().map(|path| folder.join(path)));
        messages.iter().for_each(|message| inputs.note(message, program));
        Some(inputs)
    }

    /// Adds the settings that those of the project include.
    pub fn with_included_settings(mut self, seen: &Environment, site: &Site) -> Self {
        self.files.extend(super::settings::paths(seen, &site.folder));
        self
    }

    /// Adds what cargo's settings in the user's folder say.
    pub fn with_users_settings(mut self, environment: &Environment) -> Self {
        let home = super::settings::home(environment);
        self.files.extend(home.into_iter().flat_map(|home| ["config", "config.toml"].map(|name| home.join(name))));
        self
    }

    fn note(&mut self, message: &Message, program: &Path) {
        for dep_info in message.dep_infos(program) {
            let text = fs::read_to_string(dep_info).unwrap_or_default();
            let names = text.lines().filter_map(|line| line.strip_prefix("# env-dep:"));
            let names = names.map(|line| line.split('=').next().unwrap_or(line).to_owned());
            self.variables.extend(names.filter(|name| !SET_BY_CARGO.iter().any(|own| name.starts_with(own))));
        }
        let Some(said) = message.script_output() else { return };
        let said: Vec<&str> = said.lines().filter_map(|line| Some(line.strip_prefix("cargo:")?.trim_start_matches(':'))).collect();
        let values = |key: &str| said.iter().filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect::<Vec<_>>();
        self.variables.extend(values("rerun-if-env-changed="));
        // Relative ones of this workspace stand in what cargo wrote beside the program; those of other packages never change.
        self.files.extend(values("rerun-if-changed=").into_iter().map(PathBuf::from).filter(|path| path.is_absolute()));
        if !said.iter().any(|line| line.starts_with("rerun-if-")) {
            self.folders.extend(message.local_package());
        }
    }

    /// What an earlier build remembered.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Remembers it; what cannot be kept costs the next run a call of cargo.
    pub fn save(&self, path: &Path) {
        let save = || fs::write(path, serde_json::to_vec(self)?);
        let _: io::Result<()> = save();
    }

    /// What they are now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn sources(&self, site: &Site, options: &Options, environment: &Environment) -> Result<Sources, Diagnostic> {
        let base = site.base.canonicalize().unwrap_or_else(|_| site.base.clone());
        let paths = self.paths(site)?;
        let files: BTreeMap<String, PathBuf> = paths.into_iter().map(|path| (shown(&path, &base), path)).collect();
        Sources::read(&site.index, self.facts(site, options, environment), &files)
    }

    fn paths(&self, site: &Site) -> Result<BTreeSet<PathBuf>, Diagnostic> {
        let mut paths: BTreeSet<PathBuf> = self.files.iter().filter(|path| path.is_file()).cloned().collect();
        for folder in self.folders.iter().filter(|folder| folder.is_dir()) {
            let excluded = Excluded::new(folder, &folder.join("target"), &site.own, true);
            paths.extend(fingerprint::inputs(folder, None, &excluded)?.into_values());
        }
        Ok(paths)
    }

    /// Whether none of the files was written since `started`: cargo may have seen another one than is there now. A lock
    /// file that was not there before is cargo's own.
    pub fn are_settled(&self, site: &Site, started: SystemTime, had_lock: bool) -> bool {
        let is_older =
            |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified < started);
        let is_own = |path: &PathBuf| !had_lock && path.file_name().is_some_and(|name| name == "Cargo.lock");
        self.paths(site).is_ok_and(|paths| paths.iter().all(|path| is_own(path) || is_older(path)))
    }

    fn facts(&self, site: &Site, options: &Options, environment: &Environment) -> Facts {
        let facts = Facts::default().shown("architecture", &site.architecture).shown("rust", self.toolchain.release());
        let facts = facts.hidden("build options", &format!("{options:?}")).hidden("binaries", &self.binaries());
        let is_read = |name: &str| self.variables.contains(name) || READ.iter().any(|beginning| name.starts_with(beginning));
        let set = environment.all().filter(|(name, _)| is_read(name));
        set.fold(facts, |facts, (name, value)| facts.hidden(name, &value.to_string_lossy()))
    }

    /// The names by which cargo finds binaries, build scripts and members of a workspace.
    fn binaries(&self) -> String {
        let mut found = BTreeSet::new();
        for package in &self.packages {
            found.extend(FOUND.map(|name| package.join(name)).into_iter().filter(|path| path.is_file()));
            found.extend(entries(&package.join("src/bin")));
        }
        for group in &self.groups {
            found.extend(entries(group).into_iter().map(|path| path.join("Cargo.toml")).filter(|path| path.is_file()));
        }
        format!("{found:?}")
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Where files of these names would lie beside `path` and in all folders above.
fn above<'a>(path: &'a Path, names: &'a [&'a str]) -> impl Iterator<Item = PathBuf> {
    path.ancestors().skip(1).flat_map(move |folder| names.iter().map(move |name| folder.join(name)))
}

/// The files after the first colon, as in a makefile: spaces in names have a backslash before them.
fn listed(text: &str) -> Vec<PathBuf> {
    let line = text.lines().next().unwrap_or_default();
    let Some((_, files)) = line.split_once(": ") else { return Vec::new() };
    let files = files.replace("\\ ", "\0");
    files.split(' ').filter(|file| !file.is_empty()).map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

/// As a person calls it: from the spec's folder on, where it lies there.
fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_after_the_colon_and_may_have_spaces() {
        let text = "/t/release/hash: /p/src/a\\ b.rs /p/src/main.rs\n\n/p/src/main.rs:\n";
        assert_eq!(listed(text), [PathBuf::from("/p/src/a b.rs"), PathBuf::from("/p/src/main.rs")]);
        assert!(listed("nonsense").is_empty() && listed("").is_empty());
    }

    #[test]
    fn what_build_scripts_and_sources_read_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [
            (
                "t/build/a-1/output",
                "cargo:rerun-if-env-changed=OLD\ncargo::rerun-if-env-changed=NEW\ncargo::rerun-if-changed=/etc/x\ncargo::rerun-if-changed=y\n",
            ),
            ("t/build/b-1/output", "cargo::rustc-cfg=x\n"),
            ("t/deps/lib-1.d", "x: y\n\n# env-dep:MINE=1\n# env-dep:CARGO_PKG_NAME=a\n# env-dep:OUT_DIR\n"),
            ("t/deps/my_bin-0123456789abcdef.d", "# env-dep:OTHER\n"),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        let mut inputs = Inputs::default();
        let messages = [
            format!(r#"{{"reason":"build-script-executed","package_id":"path+file:///p/a#1.0.0","out_dir":{:?}}}"#, at("t/build/a-1/out")),
            format!(
                r#"{{"reason":"build-script-executed","package_id":"path+file:///p/b%20c#1.0.0","out_dir":{:?}}}"#,
                at("t/build/b-1/out")
            ),
            format!(
                r#"{{"reason":"build-script-executed","package_id":"registry+https://x#b@1.0.0","out_dir":{:?}}}"#,
                at("t/build/b-1/out")
            ),
            format!(r#"{{"reason":"compiler-artifact","filenames":[{:?}]}}"#, at("t/deps/liblib-1.rlib")),
            format!(r#"{{"reason":"compiler-artifact","executable":{:?}}}"#, at("t/my-bin")),
        ];
        for message in messages.iter().map(|line| Message::parse(line).unwrap()) {
            inputs.note(&message, &at("t/my-bin"));
        }
        assert_eq!(inputs.variables, ["MINE", "NEW", "OLD", "OTHER"].map(str::to_owned).into());
        assert_eq!((inputs.files, inputs.folders), (["/etc/x".into()].into(), ["/p/b c".into()].into()));
    }
}

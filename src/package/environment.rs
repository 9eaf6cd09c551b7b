//! The variables of the environment and the programs that are found through it.

use super::process::apart;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What programs are started with. Handed in, so that it can be another one than the process's.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The process's own.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// A variable's text, where it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(&OsString::from(name))?.to_str().filter(|text| !text.is_empty())
    }

    /// All variables whose names are text, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())))
    }

    /// The names of all variables that are text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(name, _)| name)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.into(), value.into());
    }

    #[cfg(test)]
    pub fn remove(&mut self, name: &str) {
        self.variables.remove(&OsString::from(name));
    }

    /// The program of this name in the `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        self.programs(program).next()
    }

    /// All programs of this name in the `PATH`, the first one first.
    pub fn find_all(&self, program: &str) -> Vec<PathBuf> {
        self.programs(program).collect()
    }

    fn programs(&self, program: &str) -> impl Iterator<Item = PathBuf> {
        let path = self.variables.get(&OsString::from("PATH"));
        let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        let folders = path.into_iter().flat_map(std::env::split_paths);
        folders.map(move |folder| folder.join(&name)).filter(|path| is_program(path))
    }

    /// A command in this environment that dies with who waits for it.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        apart(&mut command);
        command
    }
}

/// A program's path and what moves when it is replaced; empty where there is none.
pub(super) fn stamp(program: &Path) -> String {
    let Ok(metadata) = program.metadata() else { return String::new() };
    format!("{} {} {:?}", program.display(), metadata.len(), metadata.modified().ok())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

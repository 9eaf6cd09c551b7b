//! The lines that cargo prints for each thing that it made.

use super::workspace::Binary;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One line of `--message-format=json`.
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    reason: String,
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    pub executable: Option<PathBuf>,
    pub fresh: bool,
    out_dir: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Message {
    /// Whether a line is one that is understood here.
    pub fn is_one(line: &str) -> bool {
        ["\"compiler-artifact\"", "\"build-script-executed\""].iter().any(|reason| line.contains(reason))
    }

    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Whether it tells of this binary's program.
    pub fn is_of(&self, binary: &Binary) -> bool {
        let is_program = self.executable.is_some() && self.target.kind.iter().any(|kind| kind == "bin");
        is_program && self.target.name == binary.name && self.manifest_path == binary.manifest
    }

    /// The files in which rustc wrote down what it read for this.
    pub fn dep_infos(&self, program: &Path) -> Vec<PathBuf> {
        let of_library = |file: &PathBuf| {
            let stem = file.file_stem()?.to_str()?.strip_prefix("lib")?.to_owned();
            Some(file.with_file_name(format!("{stem}.d")))
        };
        let mut found: Vec<PathBuf> = self.filenames.iter().filter_map(of_library).collect();
        if self.executable.as_deref() == Some(program) {
            let name = program.file_stem().map(|name| name.to_string_lossy().replace('-', "_")).unwrap_or_default();
            let is_its = |path: &PathBuf| {
                let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.rsplit_once('-'));
                path.extension().is_some_and(|ending| ending == "d") && stem.is_some_and(|(stem, _)| stem == name)
            };
            let entries = std::fs::read_dir(program.with_file_name("deps")).into_iter().flatten().flatten();
            found.extend(entries.map(|entry| entry.path()).filter(is_its));
        }
        found
    }

    /// What a build script said to cargo.
    pub fn script_output(&self) -> Option<String> {
        let file = self.out_dir.as_ref().filter(|_| self.reason == "build-script-executed")?.with_file_name("output");
        std::fs::read_to_string(file).ok()
    }

    /// The folder of its package, where that lies on this machine and not in a registry.
    /// <https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>
    pub fn local_package(&self) -> Option<PathBuf> {
        let url = self.package_id.strip_prefix("path+file://")?;
        let path = url.rsplit_once('#').map_or(url, |(path, _)| path);
        Some(PathBuf::from(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()))
    }
}

//! What a Node.js project says of itself, and how it is built.

use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::Job;
use crate::package::call::tool_missing;
use crate::package::problem::{list, missing, unreadable};
use crate::package::script::handlers;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Extensions of sources, in the order in which a handler's file is looked for.
pub(super) const EXTENSIONS: [&str; 8] = ["ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx"];
/// Those of them that Node.js does not run, or Lambda does not find.
const COMPILED: [&str; 5] = ["ts", "mts", "cts", "tsx", "jsx"];
pub(super) const MANIFEST: &str = "package.json";
/// Where installers are told of registries, and the second version of yarn of all else.
pub(super) const SETTINGS: [&str; 3] = [".npmrc", ".yarnrc", ".yarnrc.yml"];
const ESBUILD: &str = "esbuild";
const BUILD: &str = "build";

/// Who locked the project's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    Npm,
    Pnpm,
    Yarn,
    /// By a tool whose files only it reads.
    Other(&'static str),
}

/// Lock files by their names.
pub(super) const LOCKS: [(&str, Locked); 6] = [
    ("npm-shrinkwrap.json", Locked::Npm),
    ("package-lock.json", Locked::Npm),
    ("pnpm-lock.yaml", Locked::Pnpm),
    ("yarn.lock", Locked::Yarn),
    ("bun.lock", Locked::Other("bun")),
    ("bun.lockb", Locked::Other("bun")),
];

/// A project, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Project {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// The folder as the user wrote it.
    pub shown: String,
    /// Whether `*.js` are modules of ECMAScript.
    pub is_module: bool,
    /// What is needed at run time: versions by name.
    pub dependencies: BTreeMap<String, String>,
    /// The names of all packages that it asks for.
    pub packages: Vec<String>,
    scripts: Vec<String>,
    /// Whether this project or one around it asks for esbuild.
    asks_for_esbuild: bool,
    /// The lock file in its folder.
    pub lock: Option<(PathBuf, Locked)>,
}

/// How it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By esbuild.
    Bundle {
        /// The program.
        esbuild: PathBuf,
        /// The file that is bundled.
        entry: PathBuf,
    },
    /// By a script of the project's.
    Script(String),
    /// Not at all.
    Plain,
}

impl Project {
    /// Reads what lies in a folder; `shown` is what the user wrote.
    ///
    /// # Errors
    /// When `package.json` cannot be read.
    pub fn read(folder: &Path, shown: &str) -> Result<Self, Diagnostic> {
        let manifest = manifest(&folder.join(MANIFEST), &format!("{shown}/{MANIFEST}"))?;
        let names = |key: &str| manifest[key].as_object().map(|table| table.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let versions = |key: &str| manifest[key].as_object().into_iter().flatten().map(|(name, version)| (name.clone(), text(version)));
        let lock = LOCKS.iter().find_map(|(name, by)| Some((folder.join(name), *by)).filter(|(path, _)| path.is_file()));
        Ok(Self {
            folder: folder.to_owned(),
            shown: shown.to_owned(),
            is_module: manifest["type"] == "module",
            dependencies: versions("dependencies").chain(versions("optionalDependencies")).collect(),
            packages: ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]
                .iter()
                .flat_map(|key| names(key))
                .collect(),
            scripts: names("scripts"),
            asks_for_esbuild: above(folder).any(|folder| asks_for_esbuild(&folder.join(MANIFEST))),
            lock,
        })
    }

    /// The files that decide which packages are installed.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let beside = SETTINGS.iter().chain([&MANIFEST]).map(|name| self.folder.join(name));
        let files = beside.chain(self.lock.iter().map(|(path, _)| path.clone()));
        files.chain(self.archives().map(|path| self.folder.join(path))).filter(|path| path.is_file()).collect()
    }

    /// The archives in the folder that are installed from there.
    pub fn archives(&self) -> impl Iterator<Item = &str> {
        self.dependencies.values().filter_map(|version| version.strip_prefix("file:")).map(|path| path.trim_start_matches("./"))
    }

    /// How it is built: by the script that is named, by the esbuild that it has, by the script that is there.
    ///
    /// # Errors
    /// When something that it needs is not there.
    pub fn way(&self, job: &Job<'_>, options: &Options) -> Result<Way, Diagnostic> {
        if let Some(script) = &options.script {
            return if self.scripts.contains(script) { Ok(Way::Script(script.clone())) } else { Err(self.no_script(script)) };
        }
        // A layer is for whoever uses it, and has no handler that a bundle could begin with.
        if self.asks_for_esbuild && !job.is_layer {
            let esbuild = self.find(".bin/esbuild").ok_or_else(|| self.not_installed(ESBUILD))?;
            return Ok(Way::Bundle { esbuild, entry: self.entry(job, options)? });
        }
        if self.scripts.iter().any(|script| script == BUILD) {
            return Ok(Way::Script(BUILD.to_owned()));
        }
        if job.is_layer {
            return Ok(Way::Plain);
        }
        match self.entry(job, options) {
            Ok(entry) if is_compiled(&entry) => Err(self.no_compiler(&entry)),
            // Whether the handler is there is looked at in what is deployed.
            _ => Ok(Way::Plain),
        }
    }

    /// A file of the packages that are installed here or further up, as Node.js would find it.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        above(&self.folder).map(|folder| folder.join("node_modules").join(name)).find(|path| path.exists())
    }

    /// Whether what it names was installed.
    ///
    /// # Errors
    /// When it was not, with the way to do it.
    pub fn check_installed(&self) -> Result<(), Diagnostic> {
        if !self.packages.is_empty() && self.find("").is_none() { Err(self.not_installed("what it needs")) } else { Ok(()) }
    }

    /// The file of the handler, or the one that is named.
    fn entry(&self, job: &Job<'_>, options: &Options) -> Result<PathBuf, Diagnostic> {
        if let Some(entry) = &options.entry {
            let path = self.folder.join(entry);
            return if path.is_file() { Ok(path) } else { Err(missing(&path, &format!("{}/{entry}", self.shown), "file")) };
        }
        let module = module(job.handler);
        let places = ["", "src/"].map(|place| self.folder.join(place).join(module).display().to_string());
        let files = places.iter().flat_map(|place| EXTENSIONS.iter().map(move |extension| PathBuf::from(format!("{place}.{extension}"))));
        files.into_iter().find(|file| file.is_file()).ok_or_else(|| self.no_entry(job, module))
    }

    fn no_entry(&self, job: &Job<'_>, module: &str) -> Diagnostic {
        let found = Diagnostic::error("no-entry", "The handler's file is not there").detail(format!(
            "The handler `{}` is in `{module}`, and there is no `{module}.ts`, `.js` or the like in `{}` or its `src`.",
            job.handler, self.shown
        ));
        let found = handlers::with_candidates(found, &super::files_of(&self.folder, &self.shown), &super::candidate, super::USUAL_HANDLER);
        found.hint("`entry = \"PATH\"` in `build` names the file that is bundled, whatever it is called")
    }

    fn no_script(&self, script: &str) -> Diagnostic {
        let has = if self.scripts.is_empty() { "none".to_owned() } else { list(&self.scripts) };
        Diagnostic::error("no-script", "The project has no such script")
            .detail(format!("`build.script` is `{script}`, and the scripts in `{}/{MANIFEST}` are {has}.", self.shown))
    }

    fn not_installed(&self, what: &str) -> Diagnostic {
        let what = if what == ESBUILD { "`esbuild`, which its `package.json` asks for," } else { what };
        let (command, place) = self.install();
        tool_missing(format!("To build `{}`, {what} must be installed, and is not.", self.shown))
            .hint(format!("run `{command}` in `{place}`; lambdo does not touch your `node_modules`"))
    }

    /// The command that installs its packages, and the folder for that: where the lock file lies, or else the manifest.
    fn install(&self) -> (&'static str, String) {
        let locked = |folder: &Path| LOCKS.iter().find(|(name, _)| folder.join(name).is_file()).map(|(_, by)| *by);
        let Some((folder, by)) = above(&self.folder).find_map(|folder| Some((folder, locked(folder)?))) else {
            let folder = above(&self.folder).find(|folder| folder.join(MANIFEST).is_file()).unwrap_or(&self.folder);
            return ("npm install", self.shown_above(folder));
        };
        let command = match by {
            Locked::Npm => "npm ci",
            Locked::Pnpm => "pnpm install --frozen-lockfile",
            Locked::Other(_) => "bun install --frozen-lockfile",
            Locked::Yarn => "yarn install",
        };
        (command, self.shown_above(folder))
    }

    /// This folder or one around it, as the user would write it.
    fn shown_above(&self, folder: &Path) -> String {
        if folder == self.folder { self.shown.clone() } else { folder.display().to_string() }
    }

    fn no_compiler(&self, entry: &Path) -> Diagnostic {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        tool_missing(format!("`{name}` in `{}` must be compiled, and the project has neither esbuild nor a script `{BUILD}`.", self.shown))
            .hint(format!("`npm install --save-dev esbuild` in `{}`: lambdo then makes a bundle with it", self.shown))
            .hint(format!("or write a script `{BUILD}` into `{MANIFEST}`; `output = \"dist\"` in `build` names the folder that it makes"))
    }
}

fn is_compiled(entry: &Path) -> bool {
    entry.extension().is_some_and(|extension| COMPILED.iter().any(|one| extension == *one))
}

/// The file of a handler without its extension: up to the first dot of its last part, as Lambda reads it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html>).
pub(super) fn module(handler: &str) -> &str {
    let name = handler.rfind('/').map_or(0, |at| at + 1);
    handler[name..].find('.').map_or(handler, |dot| &handler[..name + dot])
}

/// A folder and those around it, up to that of the repository.
pub(super) fn above(folder: &Path) -> impl Iterator<Item = &Path> {
    let mut is_inside = true;
    folder.ancestors().take_while(move |folder| std::mem::replace(&mut is_inside, !folder.join(".git").exists()))
}

fn asks_for_esbuild(file: &Path) -> bool {
    let asks = |manifest: Json| ["devDependencies", "dependencies"].iter().any(|key| manifest[*key].get(ESBUILD).is_some());
    manifest(file, "").is_ok_and(asks)
}

/// A file that is not there is an empty one.
fn manifest(path: &Path, shown: &str) -> Result<Json, Diagnostic> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Json::Null),
        read => read.map_err(|error| unreadable(shown, &error))?,
    };
    serde_json::from_slice(&text).map_err(|error| {
        Diagnostic::error("bad-project", "The project's file cannot be read").detail(format!("`{shown}` is not valid JSON: {error}."))
    })
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_names_its_file() {
        for (handler, file) in
            [("index.handler", "index"), ("src/api/users.get.handler", "src/api/users"), ("a.b/c.d", "a.b/c"), ("x", "x")]
        {
            assert_eq!(module(handler), file, "{handler}");
        }
    }
}

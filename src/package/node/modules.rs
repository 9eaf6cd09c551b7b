//! The packages that a function needs at run time, installed into a folder of their own.

use super::Task;
use super::project::{Locked, MANIFEST};
use crate::diagnostic::Diagnostic;
use crate::package::call::tool_missing;
use crate::package::fingerprint::Facts;
use crate::package::problem::{blocking, list, unreadable};
use crate::package::script::installed::Installed;
use crate::package::script::package::sources;
use crate::package::script::tool;
use crate::package::script::{digest, stage};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MODULES: &str = "node_modules";
/// What installers note about themselves, and programs for the command line.
const NOTES: [&str; 6] = [".package-lock.json", ".bin", ".cache", ".modules.yaml", ".pnpm", ".pnpm-workspace-state-v1.json"];
/// Where an installer is told of registries.
const SETTINGS: &str = ".npmrc";
const LOCAL: [&str; 2] = ["file:", "link:"];

/// A folder with `node_modules`; nothing where nothing is needed.
pub(super) async fn install(task: &Task<'_>, installed: &Installed) -> Result<Option<PathBuf>, Diagnostic> {
    if task.project.dependencies.is_empty() {
        return Ok(None);
    }
    let local: Vec<&String> = task.project.dependencies.iter().filter(|(_, version)| is_elsewhere(version)).map(|(name, _)| name).collect();
    if !local.is_empty() {
        return Err(local_dependency(&task.job.build.path, &local));
    }
    let (lock, by) = task.project.lock.clone().ok_or_else(|| no_lock(&task.job.build.path))?;
    let (tool, arguments) = match by {
        Locked::Npm => ("npm", npm(task)),
        Locked::Pnpm => ("pnpm", pnpm(task)),
        Locked::Other(tool) => return Err(other_lock(tool, &task.job.build.path)),
    };
    let program = task.environment.find(tool).ok_or_else(|| no_tool(tool, &task.job.build.path))?;
    let place = if task.job.for_this_machine { "this machine" } else { task.job.architecture };
    let facts = Facts::default().shown("architecture", place).shown("runtime", task.job.runtime);
    let facts = facts.hidden("flags", &arguments.join("\0")).hidden("env", &format!("{:?}", task.options.variables));
    let key = digest(&format!("{:?}", sources(task.job, facts, task.project.inputs()).await?));
    let place = task.job.cache.join(format!("node-installed-{key}"));
    let run = |to: PathBuf| async move {
        prepare(task, &lock, &to)?;
        let said = tool::run(&program, &arguments, &to, &task.environment).await?;
        if !said.status.success() {
            let failed = said.failed(&format!("{tool} {}", arguments.first().map_or("", String::as_str)), &task.job.build.path);
            let offline = "the registry of packages could not be reached";
            return Err(if said.is_offline() { failed.hint(offline) } else { failed });
        }
        blocking(move || tidy(&to).map_err(|error| unreadable(&to.display().to_string(), &error))).await
    };
    installed.get(place, run).await.map(Some)
}

/// Whether a dependency lies outside of the project, or is a folder, which would only be linked to.
fn is_elsewhere(version: &str) -> bool {
    let Some(path) = LOCAL.iter().find_map(|prefix| version.strip_prefix(prefix)) else { return version.starts_with("workspace:") };
    !(is_archive(path) && !path.starts_with(['/', '~']) && !path.contains(".."))
}

fn is_archive(path: &str) -> bool {
    [".tgz", ".tar.gz", ".tar"].iter().any(|ending| path.ends_with(ending))
}

fn npm(task: &Task<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = ["ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"].map(str::to_owned).into();
    if !task.job.for_this_machine {
        // Packages with native parts choose by these (<https://docs.npmjs.com/cli/v11/commands/npm-ci>).
        let processor = if task.job.architecture == "arm64" { "arm64" } else { "x64" };
        arguments.extend(["--os=linux".to_owned(), format!("--cpu={processor}"), "--libc=glibc".to_owned()]);
    }
    arguments.extend(task.options.flags.iter().cloned());
    arguments
}

fn pnpm(task: &Task<'_>) -> Vec<String> {
    let fixed = [
        "install",
        "--prod",
        "--frozen-lockfile",
        "--ignore-workspace",
        "--config.node-linker=hoisted",
        "--config.package-import-method=copy",
    ];
    fixed.into_iter().map(str::to_owned).chain(task.options.flags.iter().cloned()).collect()
}

/// What the installer reads, in a folder beside which nothing of the user's lies.
fn prepare(task: &Task<'_>, lock: &Path, to: &Path) -> Result<(), Diagnostic> {
    let folder = task.job.path();
    let copy = |from: &Path, to: &Path| stage::copy(from, to).map_err(|error| unreadable(&from.display().to_string(), &error));
    let beside = [folder.join(MANIFEST), folder.join(SETTINGS), lock.to_owned()];
    for file in beside.iter().filter(|file| file.is_file()) {
        copy(file, &to.join(file.file_name().unwrap_or_default()))?;
    }
    let archives = task.project.dependencies.values().filter_map(|version| version.strip_prefix("file:"));
    archives.map(|path| path.trim_start_matches("./")).try_for_each(|path| copy(&folder.join(path), &to.join(path)))
}

/// Leaves nothing but the packages.
fn tidy(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != MODULES {
            remove(&entry.path())?;
        }
    }
    NOTES.iter().try_for_each(|name| remove(&folder.join(MODULES).join(name)))
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A program that is needed and not there.
pub(super) fn no_tool(name: &str, shown: &str) -> Diagnostic {
    let how = if name == "pnpm" {
        "`corepack enable pnpm`, or <https://pnpm.io/installation>"
    } else {
        "Node.js with npm comes from <https://nodejs.org>"
    };
    tool_missing(format!("To build `{shown}`, `{name}` is needed, and none is in the `PATH`.")).hint(how)
}

const BUNDLE: &str = "or let esbuild make a bundle: `npm install --save-dev esbuild`, and no packages are uploaded at all";

fn no_lock(shown: &str) -> Diagnostic {
    Diagnostic::error("no-lock-file", "The packages are not locked")
        .detail(format!("`{shown}` has dependencies and no lock file, so that what is deployed would differ from day to day."))
        .hint(format!("`npm install --package-lock-only` in `{shown}` writes `package-lock.json`; keep it"))
        .hint(BUNDLE)
}

fn other_lock(tool: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("other-lock-file", "A lock file that lambdo does not read")
        .detail(format!("The packages of `{shown}` are locked by {tool}. lambdo installs by `npm ci` and by pnpm."))
        .hint(BUNDLE)
        .hint("or `build = { kind = \"command\", … }` with a command of your own that installs them")
}

fn local_dependency(shown: &str, names: &[&String]) -> Diagnostic {
    Diagnostic::error("local-dependency", "A dependency is only a link to a folder")
        .detail(format!("`{shown}` needs {}, which lie in folders of this machine and would not come along.", list(names)))
        .hint("`npm pack` makes an archive of a folder; `file:NAME.tgz` inside of the project is taken along")
        .hint(BUNDLE)
}

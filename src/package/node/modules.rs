//! The packages that a function needs at run time, installed into a folder of their own.

use super::project::{LOCKS, Locked, MANIFEST, Project, SETTINGS, above};
use super::{Task, inputs};
use crate::diagnostic::Diagnostic;
use crate::package::call::{self, Said, tool_missing};
use crate::package::environment::Environment;
use crate::package::fingerprint::Facts;
use crate::package::problem::{blocking, list, unreadable};
use crate::package::script::installed::Installed;
use crate::package::script::package::sources;
use crate::package::script::{digest, is_offline, stage};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MODULES: &str = "node_modules";
/// What installers note about themselves, and programs for the command line.
const NOTES: [&str; 9] = [
    ".package-lock.json",
    ".bin",
    ".cache",
    ".modules.yaml",
    ".pnpm",
    ".pnpm-workspace-state-v1.json",
    ".yarn-integrity",
    ".yarn-state.yml",
    ".package-map.json",
];
/// What yarn reads of its own folder: itself, its plugins and the changes to packages.
const YARN: [&str; 3] = [".yarn/releases", ".yarn/plugins", ".yarn/patches"];
/// What only the lock files of yarn since its second version have in them
/// (<https://yarnpkg.com/advanced/lexicon#lockfile>).
const BERRY: &[u8] = b"\n__metadata:";
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
    let (lock, by) = task.project.lock.clone().ok_or_else(|| no_lock(&task.project))?;
    let (tool, calls) = match by {
        Locked::Npm => ("npm", vec![npm(task)]),
        Locked::Pnpm => ("pnpm", vec![pnpm(task)]),
        Locked::Yarn => ("yarn", yarn(task, is_berry(&lock)?)),
        Locked::Other(tool) => return Err(other_lock(tool, &task.job.build.path)),
    };
    let program = task.environment.find(tool).ok_or_else(|| no_tool(tool, &task.job.build.path))?;
    let place = if task.job.for_this_machine { "this machine" } else { task.job.architecture };
    let facts = Facts::default().shown("architecture", place).shown("runtime", task.job.runtime);
    let facts = facts.hidden("flags", &calls.concat().join("\0")).hidden("env", &format!("{:?}", task.options.variables));
    let facts = facts.hidden("environment", &inputs::variables(&task.environment));
    let files = task.project.inputs().into_iter().chain(inputs::of_program(&program)).chain(inputs::flags(task)).collect();
    let key = digest(&format!("{:?}", sources(task.job, facts, files).await?));
    let place = task.job.cache.join(format!("node-installed-{key}"));
    let run = |to: PathBuf| async move {
        let (folder, project, fresh) = (task.job.path(), task.project.clone(), to.clone());
        blocking(move || prepare(&folder, &project, &lock, &fresh)).await?;
        for arguments in &calls {
            let said = call::run(&program, arguments, &to, &with_folders(&task.environment)).await?;
            if !said.status.success() {
                return Err(not_installed(&said, tool, arguments, &task.job.build.path));
            }
        }
        blocking(move || tidy(&to).map_err(|error| unreadable(&to.display().to_string(), &error))).await
    };
    installed.get(place, run).await.map(Some)
}

fn not_installed(said: &Said, tool: &str, arguments: &[String], shown: &str) -> Diagnostic {
    let failed = said.failed(&format!("`{tool} {}`", arguments.first().map_or("", String::as_str)), shown);
    match tool {
        _ if is_offline(said) => failed.hint("the registry of packages could not be reached"),
        "yarn" => {
            failed.hint("the lock file may be for another version of yarn: `corepack enable` brings the one that `package.json` names")
        }
        _ => failed,
    }
}

/// Only packages that lie in folders go into a package (<https://yarnpkg.com/configuration/yarnrc#nodeLinker>).
fn with_folders(environment: &Environment) -> Environment {
    let mut environment = environment.clone();
    environment.set("YARN_NODE_LINKER", "node-modules");
    environment
}

fn is_berry(lock: &Path) -> Result<bool, Diagnostic> {
    let text = fs::read(lock).map_err(|error| unreadable(&lock.display().to_string(), &error))?;
    Ok(text.windows(BERRY.len()).any(|part| part == BERRY))
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

/// The first yarn does it in one call; since the second, one sees to it that the lock file holds, and leaves it as it
/// is, and another one takes away what only the development needs (<https://yarnpkg.com/cli/workspaces/focus>).
fn yarn(task: &Task<'_>, is_berry: bool) -> Vec<Vec<String>> {
    let calls: &[&[&str]] = match is_berry {
        false => &[&["install", "--production", "--frozen-lockfile", "--non-interactive", "--no-progress"]],
        true => &[&["install", "--immutable", "--mode=skip-build"], &["workspaces", "focus", "--production"]],
    };
    let with_flags = |call: &&[&str]| call.iter().map(|&word| word.to_owned()).chain(task.options.flags.iter().cloned()).collect();
    calls.iter().map(with_flags).collect()
}

/// What the installer reads, in a folder beside which nothing of the user's lies.
fn prepare(folder: &Path, project: &Project, lock: &Path, to: &Path) -> Result<(), Diagnostic> {
    let copy = |from: &Path, to: &Path| stage::copy(from, to).map_err(|error| unreadable(&from.display().to_string(), &error));
    let beside = [folder.join(MANIFEST), lock.to_owned()];
    for file in beside.iter().filter(|file| file.is_file()) {
        copy(file, &to.join(file.file_name().unwrap_or_default()))?;
    }
    for name in SETTINGS.iter().chain(&YARN).filter(|name| folder.join(name).exists()) {
        let (from, at) = (folder.join(name), to.join(name));
        let made = at.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| point_at(&from, &at)).map_err(|error| unreadable(&from.display().to_string(), &error))?;
    }
    project.archives().try_for_each(|path| copy(&folder.join(path), &to.join(path)))
}

/// It may have tokens in it, of which no copy is left behind when a run is killed.
#[cfg(unix)]
fn point_at(settings: &Path, from: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(std::path::absolute(settings)?, from)
}

#[cfg(not(unix))]
fn point_at(settings: &Path, from: &Path) -> io::Result<()> {
    if settings.is_dir() { Ok(()) } else { stage::copy(settings, from) }
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
    let how = match name {
        "pnpm" => "`corepack enable pnpm`, or <https://pnpm.io/installation>",
        "yarn" => "`corepack enable yarn`, or <https://yarnpkg.com/getting-started/install>",
        _ => "Node.js with npm comes from <https://nodejs.org>",
    };
    tool_missing(format!("To build `{shown}`, `{name}` is needed, and none is in the `PATH`.")).hint(how)
}

const BUNDLE: &str = "let esbuild make a bundle: `npm install --save-dev esbuild`, and no packages are uploaded at all";

fn no_lock(project: &Project) -> Diagnostic {
    let shown = &project.shown;
    let problem = Diagnostic::error("no-lock-file", "The packages are not locked");
    let detail = format!("`{shown}` has dependencies and no lock file, so that what is deployed would differ from day to day.");
    let of_workspace = above(&project.folder).skip(1).flat_map(|folder| LOCKS.iter().map(|(name, _)| folder.join(name)));
    match of_workspace.into_iter().find(|path| path.is_file()) {
        None => problem
            .detail(detail)
            .hint(format!("`npm install --package-lock-only` in `{shown}` writes `package-lock.json`; keep it"))
            .hint(format!("or {BUNDLE}")),
        // A bundle needs no lock file of its own.
        Some(lock) => problem
            .detail(format!(
                "{detail} `{}` is that of a workspace, and what it locks for `{shown}` alone cannot be installed.",
                lock.display()
            ))
            .hint(BUNDLE)
            .hint(format!("or `npm install --package-lock-only --workspaces=false` in `{shown}` writes a lock file of its own; keep it")),
    }
}

fn other_lock(tool: &str, shown: &str) -> Diagnostic {
    Diagnostic::error("other-lock-file", "A lock file that lambdo does not read")
        .detail(format!(
            "The packages of `{shown}` are locked by {tool}. lambdo installs by npm, pnpm and yarn, from their own lock files."
        ))
        .hint(BUNDLE)
        .hint("or `build = { kind = \"command\", … }` with a command of your own that installs them")
}

fn local_dependency(shown: &str, names: &[&String]) -> Diagnostic {
    Diagnostic::error("local-dependency", "A dependency is only a link to a folder")
        .detail(format!("`{shown}` needs {}, which lie in folders of this machine and would not come along.", list(names)))
        .hint("`npm pack` makes an archive of a folder; `file:NAME.tgz` inside of the project is taken along")
        .hint(format!("or {BUNDLE}"))
}

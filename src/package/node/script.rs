//! Projects that build themselves.

use super::{Task, inputs, modules};
use crate::diagnostic::Diagnostic;
use crate::package::contents::Entry;
use crate::package::fingerprint::{self, Excluded};
use crate::package::problem::{blocking, missing};
use crate::package::script::installed::Installed;
use crate::package::script::package::sources;
use crate::package::script::sources::Selection;
use crate::package::walk::walk_but;
use crate::package::{Built, call};
use std::path::{Path, PathBuf};

/// The folder that a script makes unless the user names another one.
const OUTPUT: &str = "dist";

/// Runs the script, and takes what it makes together with the packages that are needed at run time.
pub(super) async fn build(task: Task<'_>, installed: &Installed, script: &str) -> Result<Built, Diagnostic> {
    let name = task.options.output.as_deref().unwrap_or(OUTPUT);
    let output: PathBuf = task.job.path().join(name).components().collect();
    let mut selection = task.selection();
    selection.include.clear();
    selection.own = selection.own.and([output.clone()]);
    // Functions that share the folder share its output, too.
    let _turn = installed.turn(&output).await;
    let mut files = files(&task, selection).await?;
    files.extend(declared(&task, &output).await?);
    // Before the script runs: what is edited meanwhile must count as a change.
    let sources = sources(task.job, task.facts().shown("build.script", script), files).await?;
    if output.is_dir() && task.package.holds(&sources).await? {
        return Ok(task.package.built(sources, true));
    }
    task.project.check_installed()?;
    run(&task, script).await?;
    if !output.is_dir() {
        return Err(no_output(&task, script, name, &output));
    }
    let installed = modules::install(&task, installed).await?;
    let entries = entries(&task, output, name).await?;
    task.package.make(sources.clone(), installed, entries).await?;
    Ok(task.package.built(sources, false))
}

/// What the script may read: the project, what is said around it, and the packages that it is linked to.
async fn files(task: &Task<'_>, selection: Selection) -> Result<Vec<PathBuf>, Diagnostic> {
    let (project, flags, npm, own) =
        (task.project.clone(), task.options.flags.clone(), task.environment.find("npm"), selection.own.clone());
    blocking(move || {
        let files = selection.entries()?.into_iter().map(|entry| entry.path).chain(project.inputs());
        let more = inputs::around(&project, &flags).into_iter().chain(inputs::linked(&project, &own)?);
        Ok(files.chain(more).chain(npm.iter().flat_map(|npm| inputs::of_program(npm))).collect())
    })
    .await
}

/// What the user says that the script reads elsewhere.
async fn declared(task: &Task<'_>, output: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let Some(patterns) = task.options.inputs.clone() else { return Ok(Vec::new()) };
    let folder = task.job.path();
    let excluded = Excluded::new(&folder, output, task.job.own, false);
    blocking(move || Ok(fingerprint::inputs(&folder, Some(&patterns), &excluded)?.into_values().collect())).await
}

async fn run(task: &Task<'_>, script: &str) -> Result<(), Diagnostic> {
    let npm = task.environment.find("npm").ok_or_else(|| modules::no_tool("npm", &task.job.build.path))?;
    let arguments = ["run", "--silent", script].map(str::to_owned);
    let said = call::run(&npm, &arguments, &task.job.path(), &task.environment).await?;
    if said.status.success() { Ok(()) } else { Err(said.failed(&format!("`npm run {script}`"), &task.job.build.path)) }
}

fn no_output(task: &Task<'_>, script: &str, name: &str, output: &Path) -> Diagnostic {
    let mut diagnostic = missing(output, &format!("{}/{name}", task.job.build.path), "folder");
    diagnostic.code = "no-output";
    diagnostic.summary = "The build did not make its output".into();
    diagnostic.detail = format!("`npm run {script}` in `{}` ended well, but made no folder `{name}`.", task.job.build.path);
    diagnostic.hint("`output = \"FOLDER\"` in `build` names the folder whose contents become the package")
}

/// What the script made, and the `package.json` that tells Node.js which kind of modules these are.
async fn entries(task: &Task<'_>, output: PathBuf, shown: &str) -> Result<Vec<Entry>, Diagnostic> {
    let (manifest, shown) = (task.job.path().join(super::project::MANIFEST), format!("{}/{shown}", task.job.build.path));
    let own = task.job.own.clone();
    blocking(move || {
        let mut entries = walk_but(&output, &shown, "", &own, |path, _| path.ends_with("node_modules"))?.all()?;
        let has_manifest = entries.iter().any(|entry| entry.name == super::project::MANIFEST);
        if let Some(bytes) = manifest.metadata().ok().filter(|_| !has_manifest).map(|metadata| metadata.len()) {
            entries.push(Entry { name: super::project::MANIFEST.to_owned(), path: manifest, mode: 0o644, bytes });
        }
        Ok(entries)
    })
    .await
}

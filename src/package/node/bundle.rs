//! Bundles by the project's own esbuild (<https://esbuild.github.io/api/>).

use super::project::module;
use super::{Task, inputs, version};
use crate::diagnostic::Diagnostic;
use crate::package::contents::Entry;
use crate::package::fingerprint::{Facts, Sources};
use crate::package::problem::{blocking, unreadable};
use crate::package::script::package::sources;
use crate::package::script::stage::Stage;
use crate::package::{Built, call};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What Lambda's runtimes bring along from Node.js 18 on
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-sdk-included>).
const IN_THE_RUNTIME: [&str; 2] = ["@aws-sdk/*", "@smithy/*"];
/// Modules of ECMAScript have no `require`, which bundled packages of the older kind call.
const REQUIRE: &str =
    "--banner:js=import { createRequire as lambdoRequire } from \"node:module\"; const require = lambdoRequire(import.meta.url);";
const METAFILE: &str = "metafile.json";

/// The bundle and what lies beside it.
pub(super) async fn build(task: Task<'_>, esbuild: &Path, entry: &Path) -> Result<Built, Diagnostic> {
    let beside = beside(&task).await?;
    let remembered = task.package.folder().with_extension("inputs");
    let shown = entry.strip_prefix(&task.project.folder).unwrap_or(entry).display().to_string();
    let facts = || task.facts().shown("entry", &shown);
    let before = Inputs::find(&task, esbuild, &remembered).await?;
    let made_from = before.read(&task, facts()).await?;
    if task.package.holds(&made_from).await? {
        return Ok(task.package.built(made_from, true));
    }
    let (bundled, started) = call(&task, esbuild, entry).await?;
    let (folder, named) = (task.job.path(), (remembered.clone(), bundled.clone()));
    blocking(move || {
        remember(&named.0, &named.1, &folder);
        Ok(())
    })
    .await?;
    let after = Inputs::find(&task, esbuild, &remembered).await?;
    // What was edited meanwhile must count as a change: then nothing is remembered.
    let is_quiet = before.read(&task, facts()).await.is_ok_and(|again| again == made_from) && after.is_quiet_since(&before, started);
    let made_from = after.read(&task, facts()).await?;
    task.package.make(if is_quiet { made_from.clone() } else { Sources::default() }, Some(bundled), beside).await?;
    Ok(task.package.built(made_from, false))
}

/// The files that decide what the bundle is.
struct Inputs {
    /// Those in the project's folder: a new one may be found in the place of another.
    own: BTreeSet<PathBuf>,
    all: BTreeSet<PathBuf>,
}

impl Inputs {
    async fn find(task: &Task<'_>, esbuild: &Path, remembered: &Path) -> Result<Self, Diagnostic> {
        let mut selection = task.selection();
        selection.include.clear();
        let (project, flags) = (task.project.clone(), task.options.flags.clone());
        let (esbuild, remembered) = (esbuild.to_owned(), remembered.to_owned());
        blocking(move || {
            let own: BTreeSet<PathBuf> = selection.entries()?.into_iter().map(|entry| entry.path).chain(project.inputs()).collect();
            let bundled = listed(&remembered);
            let said = inputs::around(&project, &flags).into_iter().chain(inputs::of_bundle(&project, &bundled));
            let all = own.iter().cloned().chain(said).chain(inputs::of_program(&esbuild)).chain(bundled);
            Ok(Self { all: all.collect(), own })
        })
        .await
    }

    async fn read(&self, task: &Task<'_>, facts: Facts) -> Result<Sources, Diagnostic> {
        sources(task.job, facts, self.all.iter().cloned().collect()).await
    }

    /// Whether nothing of what was not known before moved since then, and nothing came or went in the project's folder.
    fn is_quiet_since(&self, before: &Self, started: SystemTime) -> bool {
        self.own == before.own && !self.all.difference(&before.all).any(|path| has_moved(path, started))
    }
}

/// Whether a file was written to, or put where it lies, after a moment of the file system's own clock.
fn has_moved(path: &Path, since: SystemTime) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return true };
    let changed = Some(&metadata).and_then(changed);
    metadata.modified().ok().into_iter().chain(changed).any(|moved| moved > since)
}

#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, rest) = (u64::try_from(metadata.ctime()).ok()?, u32::try_from(metadata.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, rest))
}

#[cfg(not(unix))]
fn changed(_metadata: &fs::Metadata) -> Option<SystemTime> {
    None
}

/// Files that the user wants beside the bundle.
async fn beside(task: &Task<'_>) -> Result<Vec<Entry>, Diagnostic> {
    if task.options.include.is_empty() {
        return Ok(Vec::new());
    }
    let selection = task.selection();
    blocking(move || selection.entries()).await
}

/// The files that the last bundle was made from, also those of packages and of other folders.
fn listed(inputs: &Path) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = fs::read(inputs).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    listed.into_iter().filter(|path| path.is_file()).collect()
}

/// What cannot be kept costs the next run a build, and nothing else.
fn remember(inputs: &Path, bundled: &Path, folder: &Path) {
    let metafile = bundled.with_extension(METAFILE);
    let text: Json = fs::read(&metafile).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let names = text["inputs"].as_object().into_iter().flatten().map(|(name, _)| name);
    let paths: Vec<PathBuf> = names.filter_map(|name| folder.join(name).canonicalize().ok()).filter(|path| path.is_file()).collect();
    let _ = fs::write(inputs, serde_json::to_vec(&paths).unwrap_or_default());
    let _ = fs::remove_file(metafile);
}

/// Makes the bundle in a folder whose name is the same each time, since it may stand in source maps, and says when
/// it was begun.
async fn call(task: &Task<'_>, esbuild: &Path, entry: &Path) -> Result<(PathBuf, SystemTime), Diagnostic> {
    let folder = std::path::absolute(task.package.folder()).map_err(|error| unreadable(&task.job.build.path, &error))?;
    let bundled = folder.with_extension("bundle");
    let started = blocking({
        let (bundled, shown) = (bundled.clone(), task.job.build.path.clone());
        move || {
            Stage::new(&bundled)?.finish()?;
            fs::metadata(&bundled).and_then(|metadata| metadata.modified()).map_err(|error| unreadable(&shown, &error))
        }
    })
    .await?;
    let said = call::run(esbuild, &arguments(task, entry, &bundled), &task.job.path(), &task.environment).await?;
    if said.status.success() {
        return Ok((bundled, started));
    }
    let failed = said.failed("`esbuild --bundle`", &task.job.build.path);
    let is_unresolved = said.complains_of("Could not resolve");
    Err(if is_unresolved { failed.hint("is it installed? A package that the runtime brings along is named in `external`") } else { failed })
}

fn arguments(task: &Task<'_>, entry: &Path, bundled: &Path) -> Vec<String> {
    let options = task.options;
    let format = options.format.as_deref().unwrap_or_else(|| format(task, entry));
    let extension = if format == "esm" { "mjs" } else { "cjs" };
    let outfile = bundled.join(format!("{}.{extension}", module(task.job.handler)));
    let mut arguments = vec![
        entry.strip_prefix(&task.project.folder).map_or_else(|_| entry.display().to_string(), |name| format!("./{}", name.display())),
        "--bundle".to_owned(),
        "--platform=node".to_owned(),
        format!("--target=node{}", version(task.job.runtime).unwrap_or_default()),
        format!("--format={format}"),
        format!("--outfile={}", outfile.display()),
        format!("--metafile={}", bundled.with_extension(METAFILE).display()),
        "--log-level=warning".to_owned(),
    ];
    arguments.extend((format == "esm").then(|| REQUIRE.to_owned()));
    arguments.extend(options.minify.then(|| "--minify".to_owned()));
    arguments.extend(options.sourcemap.then(|| "--sourcemap".to_owned()));
    arguments.extend(external(task).into_iter().map(|name| format!("--external:{name}")));
    arguments.extend(options.flags.iter().cloned());
    arguments
}

/// What Node.js would take the file for; sources of TypeScript become the older kind unless the project says otherwise.
fn format(task: &Task<'_>, entry: &Path) -> &'static str {
    match entry.extension().and_then(|extension| extension.to_str()) {
        Some("mjs" | "mts") => "esm",
        Some("cjs" | "cts") => "cjs",
        _ if task.project.is_module => "esm",
        _ => "cjs",
    }
}

/// On this machine nobody brings the SDK along, so it is bundled where it is installed.
fn external(task: &Task<'_>) -> Vec<String> {
    if let Some(names) = &task.options.external {
        return names.clone();
    }
    let is_bundled = task.job.for_this_machine && task.project.find("@aws-sdk").is_some();
    if is_bundled { Vec::new() } else { IN_THE_RUNTIME.map(str::to_owned).into() }
}

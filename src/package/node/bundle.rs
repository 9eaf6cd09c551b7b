//! Bundles by the project's own esbuild (<https://esbuild.github.io/api/>).

use super::project::module;
use super::{Task, version};
use crate::diagnostic::Diagnostic;
use crate::package::Built;
use crate::package::contents::Entry;
use crate::package::fingerprint::Sources;
use crate::package::problem::{blocking, unreadable};
use crate::package::script::package::sources;
use crate::package::script::stage::Stage;
use crate::package::script::tool;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

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
    let inputs = task.package.folder().with_extension("inputs");
    let own = own_files(&task).await?;
    let shown = entry.strip_prefix(&task.project.folder).unwrap_or(entry).display().to_string();
    let facts = || task.facts().shown("entry", &shown);
    let all = |own: &[PathBuf]| own.iter().cloned().chain(remembered(&inputs)).collect::<Vec<_>>();
    let made_from = sources(task.job, facts(), all(&own)).await?;
    if task.package.holds(&made_from).await? {
        return Ok(task.package.built(made_from, true));
    }
    let before = sources(task.job, facts(), own.clone()).await?;
    let bundled = call(&task, esbuild, entry).await?;
    remember(&inputs, &bundled, &task.job.path());
    let after = sources(task.job, facts(), own.clone()).await?;
    let made_from = sources(task.job, facts(), all(&own)).await?;
    task.package.make(known(&before, &after, &made_from), Some(bundled), beside).await?;
    Ok(task.package.built(made_from, false))
}

/// What was edited meanwhile must count as a change: then nothing is remembered.
fn known(before: &Sources, after: &Sources, made_from: &Sources) -> Sources {
    if before == after { made_from.clone() } else { Sources::default() }
}

/// Files that the user wants beside the bundle.
async fn beside(task: &Task<'_>) -> Result<Vec<Entry>, Diagnostic> {
    if task.options.include.is_empty() {
        return Ok(Vec::new());
    }
    let selection = task.selection();
    blocking(move || selection.entries()).await
}

/// Everything in the folder: a new file may be found in the place of another one.
async fn own_files(task: &Task<'_>) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut selection = task.selection();
    selection.include.clear();
    let entries = blocking(move || selection.entries()).await?;
    Ok(entries.into_iter().map(|entry| entry.path).chain(task.project.inputs()).collect())
}

/// The files that the last bundle was made from, also those of packages and of other folders.
fn remembered(inputs: &Path) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = fs::read(inputs).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    listed.into_iter().filter(|path| path.is_file()).collect()
}

/// What cannot be kept costs the next run a build, and nothing else.
fn remember(inputs: &Path, bundled: &Path, folder: &Path) {
    let metafile = bundled.with_extension(METAFILE);
    let text: Json = fs::read(&metafile).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let names = text["inputs"].as_object().into_iter().flatten().map(|(name, _)| name);
    let paths: Vec<PathBuf> = names.map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    let _ = fs::write(inputs, serde_json::to_vec(&paths).unwrap_or_default());
    let _ = fs::remove_file(metafile);
}

/// Makes the bundle in a folder whose name is the same each time, since it may stand in source maps.
async fn call(task: &Task<'_>, esbuild: &Path, entry: &Path) -> Result<PathBuf, Diagnostic> {
    let folder = std::path::absolute(task.package.folder()).map_err(|error| unreadable(&task.job.build.path, &error))?;
    let bundled = folder.with_extension("bundle");
    blocking({
        let bundled = bundled.clone();
        move || Stage::new(&bundled)?.finish()
    })
    .await?;
    let said = tool::run(esbuild, &arguments(task, entry, &bundled), &task.job.path(), &task.environment).await?;
    if said.status.success() {
        return Ok(bundled);
    }
    let failed = said.failed("esbuild --bundle", &task.job.build.path);
    let is_unresolved = said.says(&["Could not resolve"]);
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

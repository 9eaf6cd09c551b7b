//! Builds of Rust, by plain cargo.

mod cargo;
mod goal;
mod options;
mod settings;
mod sources;
#[cfg(all(test, unix))]
mod tests;
mod workspace;

use super::builder::{Build, Builder, Built, Job};
use super::call::Said;
use super::contents::BOOTSTRAP;
use super::environment::Environment;
use super::fingerprint::Sources;
use super::hash::{Item, content_hash};
use super::problem::{blocking, missing, not_built};
use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use async_trait::async_trait;
use cargo::{Tool, failed};
use goal::Goal;
use options::Options;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use workspace::{Binary, Workspace};

/// `build = { kind = "rust", path = "lambdas/hash" }`
pub(super) struct RustBuilder {
    environment: Environment,
    /// By cargo's target folder. Who holds one may build there and take what was built: the next
    /// build may put another program in the same place.
    folders: Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<Done>>>>,
}

/// What was built already in this run, by the arguments that cargo was called with.
type Done = BTreeMap<String, Made>;

/// A program, in lambdo's own folder.
#[derive(Clone, Debug)]
struct Made {
    program: PathBuf,
    is_fresh: bool,
    /// What it was made from, where cargo said it.
    sources: Option<Sources>,
}

/// The lines that cargo prints for each thing that it made.
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: ArtifactTarget,
    executable: Option<PathBuf>,
    fresh: bool,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
    kind: Vec<String>,
}

/// A call of cargo that is to happen.
struct Call {
    arguments: Vec<String>,
    environment: Environment,
    binary: Binary,
}

impl RustBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment, folders: Mutex::default() }
    }

    /// The lock of a target folder.
    fn folder(&self, path: &Path) -> Arc<tokio::sync::Mutex<Done>> {
        Arc::clone(self.folders.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default())
    }

    async fn make(&self, job: &Job<'_>, options: &Options, program: PathBuf) -> Result<Built, Diagnostic> {
        let mut environment = self.environment.clone();
        options.variables.iter().for_each(|(name, value)| environment.set(name, value));
        // What it says is shown among other words, and cargo may have been told to use colours.
        environment.set("CARGO_TERM_COLOR", "never");
        let workspace = workspace(job, &environment).await?;
        let binary = workspace.binary(&job.path(), &job.build.path, options, job.function)?;
        let goal = goal::of(job, options, &environment).await?;
        goal.variables.iter().for_each(|(name, value)| environment.set(name, value));
        let is_locked = !job.for_this_machine && workspace.workspace_root.join("Cargo.lock").is_file();
        let call = Call { arguments: arguments(&binary, options, &goal, is_locked), environment, binary };
        let folder = self.folder(&workspace.target_directory);
        let mut done = folder.lock().await;
        // Functions that share a program differ in nothing but their names.
        let key = format!("{:?} {:?} {:?}", call.arguments, options.variables, goal.variables);
        let made = match done.get(&key) {
            Some(made) => keep(made.clone(), program).await?,
            None => {
                let made = sources::with(build(job, &call).await?, job, &workspace.workspace_root, &call.arguments).await?;
                keep(made, program).await?
            }
        };
        done.entry(key).or_insert_with(|| made.clone());
        Ok(Built { output: made.program, sources: made.sources, is_cached: made.is_fresh, warnings: goal.warnings })
    }
}

#[async_trait]
impl Builder for RustBuilder {
    fn kind(&self) -> &'static str {
        "rust"
    }

    fn check(&self, build: &Build) -> Vec<Diagnostic> {
        Options::parse(&build.options).err().unwrap_or_default()
    }

    fn makes_a_program(&self) -> bool {
        true
    }

    /// Where no binary is named, the function's name may choose it.
    fn is_per_function(&self, build: &Build) -> bool {
        !build.options.contains_key("bin")
    }

    fn output(&self, _job: &Job<'_>) -> Option<PathBuf> {
        None
    }

    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        // `check` has said all of them before.
        let options = Options::parse(&job.build.options).map_err(|mut problems| problems.remove(0))?;
        let program = job.cache.join(identity(job, &options)).join(BOOTSTRAP);
        if !job.may_run {
            return last_build(job, program);
        }
        let folder = job.path();
        if !folder.is_dir() {
            return Err(missing(&folder, &job.build.path, "folder"));
        }
        self.make(job, &options, program).await
    }
}

fn last_build(job: &Job<'_>, program: PathBuf) -> Result<Built, Diagnostic> {
    if program.is_file() {
        return Ok(Built { output: program, sources: None, is_cached: true, warnings: Vec::new() });
    }
    Err(not_built(&format!("a program of `{}`", job.build.path)))
}

/// Names the program of a build: the same for the next run of the same build.
fn identity(job: &Job<'_>, options: &Options) -> String {
    let function = options.bin.as_deref().map_or(job.function, |_| "");
    let place = if job.for_this_machine { "here" } else { job.architecture };
    let facts = format!("{}\0{function}\0{place}\0{options:?}", job.build.path);
    let item = Item { name: facts, mode: 0, bytes: 0, sha256: [0; 32] };
    format!("rust-{}", content_hash(&[item]).trim_start_matches("sha256:").get(..16).unwrap_or_default())
}

async fn workspace(job: &Job<'_>, environment: &Environment) -> Result<Workspace, Diagnostic> {
    const ARGUMENTS: [&str; 4] = ["metadata", "--no-deps", "--format-version", "1"];
    let said = Tool::cargo(job, environment)?.run(&ARGUMENTS).await?;
    if !said.status.success() {
        return Err(failed(&said, "`cargo metadata`", &job.build.path));
    }
    serde_json::from_str(&said.output.join("\n")).map_err(|error| {
        Diagnostic::error(BUILD_FAILED, "A build failed")
            .detail(format!("What `cargo metadata` says about `{}` is not understood: {error}.", job.build.path))
    })
}

fn arguments(binary: &Binary, options: &Options, goal: &Goal, is_locked: bool) -> Vec<String> {
    let verb = if goal.is_zig { "zigbuild" } else { "build" };
    let manifest = binary.manifest.display().to_string();
    let mut arguments: Vec<String> = [verb, "--manifest-path", &manifest, "--bin", &binary.name].map(str::to_owned).into();
    match options.profile.as_str() {
        "release" => arguments.push("--release".to_owned()),
        profile => arguments.extend(["--profile".to_owned(), profile.to_owned()]),
    }
    if !options.features.is_empty() {
        arguments.extend(["--features".to_owned(), options.features.join(",")]);
    }
    arguments.extend(goal.target.iter().flat_map(|target| ["--target".to_owned(), target.clone()]));
    arguments.extend(is_locked.then(|| "--locked".to_owned()));
    arguments.extend(goal.arguments.iter().chain(&options.flags).cloned());
    arguments.push("--message-format=json-render-diagnostics".to_owned());
    arguments
}

/// Cargo knows best what must be compiled, so it is always asked.
async fn build(job: &Job<'_>, call: &Call) -> Result<Made, Diagnostic> {
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    let is_artifact = |line: &str| line.contains("\"compiler-artifact\"") && !line.contains("\"executable\":null");
    let said = Tool::cargo(job, &call.environment)?.run_keeping(&arguments, is_artifact).await?;
    let shown = format!("`cargo {}`", shown(&call.arguments));
    if !said.status.success() {
        return Err(failed(&said, &shown, &job.build.path));
    }
    executable(&said, &call.binary).ok_or_else(|| {
        Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!(
            "{shown} in `{}` ended well, but does not say that it made the program `{}`.",
            job.build.path, call.binary.name
        ))
    })
}

/// The arguments that a person would type.
fn shown(arguments: &[String]) -> String {
    let hidden = |at: usize| arguments[at] == "--manifest-path" || at > 0 && arguments[at - 1] == "--manifest-path";
    let words = (0..arguments.len().saturating_sub(1)).filter(|at| !hidden(*at)).map(|at| arguments[at].as_str());
    words.collect::<Vec<_>>().join(" ")
}

fn executable(said: &Said, binary: &Binary) -> Option<Made> {
    let artifacts = said.output.iter().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let mut ours = artifacts.filter(|artifact| {
        let is_program = artifact.target.kind.iter().any(|kind| kind == "bin");
        is_program && artifact.target.name == binary.name && artifact.manifest_path == binary.manifest
    });
    ours.find_map(|artifact| Some(Made { program: artifact.executable?, is_fresh: artifact.fresh, sources: None }))
}

/// Copies a program to where the next build cannot reach it, in one step.
async fn keep(made: Made, to: PathBuf) -> Result<Made, Diagnostic> {
    if made.program == to {
        return Ok(made);
    }
    blocking(move || {
        let copy = || {
            let folder = to.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let temporary = tempfile::NamedTempFile::new_in(folder)?.into_temp_path();
            std::fs::copy(&made.program, &temporary)?;
            temporary.persist(&to).map_err(|error| error.error)
        };
        copy().map_err(|error| {
            let detail = format!("`{}` cannot be copied to `{}`: {error}.", made.program.display(), to.display());
            Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
        })?;
        Ok(Made { program: to.clone(), ..made })
    })
    .await
}

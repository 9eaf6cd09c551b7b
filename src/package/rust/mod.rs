//! Builds of Rust, by plain cargo.
//!
//! # How
//!
//! `package/rust/` asks `cargo metadata` for the binary, decides the target in `goal.rs` (with `--local` this
//! machine's, else from `architectures`), and calls plain cargo. A target or linker that is missing is an error
//! with the command that adds it. `inputs.rs` keeps what cargo wrote down about a program, `toolchain.rs` which
//! Rust made it: while both hold, nothing is started. Else cargo decides what is fresh; one build at a time per
//! target folder, and the program is copied from there to lambdo's. `contained.rs` calls cargo in a container.

mod cargo;
mod contained;
mod goal;
mod inputs;
mod message;
mod options;
mod settings;
#[cfg(all(test, unix))]
mod tests;
mod toolchain;
mod workspace;

use super::builder::{Build, Builder, Built, Job};
use super::call::Said;
use super::container::{Containers, Mode};
use super::contents::BOOTSTRAP;
use super::engine::Engines;
use super::environment::Environment;
use super::fingerprint::{Record, Sources};
use super::hash::{Item, content_hash};
use super::problem::{blocking, missing, not_built};
use crate::diagnostic::Diagnostic;
use crate::package::{BUILD_FAILED, TOOL_MISSING};
use async_trait::async_trait;
use cargo::{Tool, failed};
use contained::Contained;
use goal::Goal;
use inputs::{Inputs, Site};
use message::Message;
use options::Options;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use toolchain::Toolchain;
use workspace::{Binary, Workspace};

/// `build = { kind = "rust", path = "lambdas/hash" }`
pub(super) struct RustBuilder {
    environment: Environment,
    engines: Engines,
    /// By cargo's target folder. Who holds one may build there and take what was built: the next
    /// build may put another program in the same place.
    folders: Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<Done>>>>,
    /// Whether it was told that a container builds.
    has_told: AtomicBool,
}

/// What was built already in this run, by the arguments that cargo was called with.
type Done = BTreeMap<String, Made>;

/// A program, in lambdo's own folder.
#[derive(Clone, Debug)]
struct Made {
    program: PathBuf,
    is_fresh: bool,
    /// What it was made from, where cargo said all of it.
    inputs: Option<(Inputs, Sources)>,
    /// Whether nothing of that moved meanwhile.
    is_settled: bool,
}

/// A build that is to happen.
struct Task<'a> {
    job: &'a Job<'a>,
    options: &'a Options,
    engines: &'a Engines,
    /// What the machine's own cargo is started with.
    environment: Environment,
    /// Where the program will lie.
    program: PathBuf,
}

/// A call of cargo that is to happen.
struct Call {
    arguments: Vec<String>,
    environment: Environment,
    contained: Option<Contained>,
    goal: Goal,
    binary: Binary,
    workspace: Workspace,
    started: SystemTime,
}

impl RustBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment, engines: Engines) -> Self {
        Self { environment, engines, folders: Mutex::default(), has_told: AtomicBool::new(false) }
    }

    /// The lock of a target folder.
    fn folder(&self, path: &Path) -> Arc<tokio::sync::Mutex<Done>> {
        Arc::clone(self.folders.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default())
    }

    async fn make(&self, task: &Task<'_>) -> Result<Built, Diagnostic> {
        if let Some(built) = task.held().await? {
            return Ok(built);
        }
        let call = task.prepare().await?;
        let mut warnings = call.goal.warnings.clone();
        // That a container builds is told once, whatever the number of functions.
        if let Some(contained) = call.contained.as_ref().filter(|_| !self.has_told.swap(true, Ordering::Relaxed)) {
            warnings.extend(contained.note().await);
        }
        let folder = self.folder(&call.workspace.target_directory);
        let mut done = folder.lock().await;
        // Functions that share a program differ in nothing but their names.
        let key = format!("{:?} {:?} {:?} {:?}", call.arguments, task.options.variables, call.goal.variables, call.goal.aim);
        let made = match done.get(&key) {
            Some(made) => made.clone(),
            None => build(task, &call).await?,
        };
        let made = keep(made, task.program.clone()).await?;
        done.entry(key).or_insert_with(|| made.clone());
        drop(done);
        task.remember(&made).await?;
        Ok(Built { output: made.program, sources: made.inputs.map(|(_, sources)| sources), is_cached: made.is_fresh, warnings })
    }
}

impl Task<'_> {
    fn record(&self) -> PathBuf {
        self.program.with_file_name("record.json")
    }

    fn remembered_inputs(&self) -> PathBuf {
        self.program.with_file_name("inputs.json")
    }

    /// The last program, where nothing moved that it was made from, or with.
    async fn held(&self) -> Result<Option<Built>, Diagnostic> {
        let (record, remembered) = (self.record(), self.remembered_inputs());
        let last = blocking(move || Ok((Record::load(&record), Inputs::load(&remembered)))).await?;
        let (Some(record), Some(inputs)) = last else { return Ok(None) };
        if !inputs.toolchain.holds(self.job, &self.environment).await {
            return Ok(None);
        }
        let (site, options, seen) = (Site::of(self.job), self.options.clone(), self.seen(inputs.toolchain.is_contained));
        let (index, program) = (self.job.index.clone(), self.program.clone());
        blocking(move || {
            // What cannot be read is cargo's to complain about.
            let sources = inputs.sources(&site, &options, &seen).ok().filter(|sources| record.holds(&index, sources, &program));
            Ok(sources.map(|sources| Built { output: program, sources: Some(sources), is_cached: true, warnings: Vec::new() }))
        })
        .await
    }

    /// The variables that decide.
    fn seen(&self, is_contained: bool) -> Environment {
        if is_contained { contained::environment(self.options) } else { self.environment.clone() }
    }

    /// Remembers what the program was made from, unless something moved while it was made.
    async fn remember(&self, made: &Made) -> Result<(), Diagnostic> {
        let Some((inputs, sources)) = made.inputs.clone().filter(|_| made.is_settled) else { return Ok(()) };
        let (index, program, record, remembered) = (self.job.index.clone(), self.program.clone(), self.record(), self.remembered_inputs());
        blocking(move || {
            inputs.save(&remembered);
            Record::of(&index, sources, &program).save(&record);
            Ok(())
        })
        .await
    }

    /// Finds out who builds what for which target.
    async fn prepare(&self) -> Result<Call, Diagnostic> {
        let (job, options, started) = (self.job, self.options, SystemTime::now());
        let contained = |missing| Contained::new(job, options, (self.engines, &self.environment), missing);
        let is_contained = options.container.is_contained(|| self.environment.find("cargo").is_some());
        let mut contained = if is_contained { Some(contained("no `cargo` is in the `PATH`")?) } else { None };
        let mut workspace = workspace(job, &self.environment, contained.as_ref()).await?;
        let binary = workspace.binary(&job.path(), &job.build.path, options, job.function)?;
        let goal = if is_contained { goal::in_container(job, options) } else { goal::of(job, options, &self.environment).await };
        let goal = match goal {
            Err(problem) if self.may_escape(&problem) && contained.is_none() => {
                let why = "the machine's Rust lacks what the target takes";
                let there = Contained::new(job, options, (self.engines, &self.environment), why)?;
                workspace = match self::workspace(job, &self.environment, Some(&there)).await {
                    // What the machine lacks is what is to be told.
                    Err(none) if none.code == TOOL_MISSING => {
                        return Err(none.hints.into_iter().fold(problem, |problem, hint| problem.hint(hint)));
                    }
                    workspace => workspace?,
                };
                contained = Some(there);
                goal::in_container(job, options)?
            }
            goal => goal?,
        };
        let has_lock = workspace.workspace_root.join("Cargo.lock").is_file();
        if let Some(contained) = contained.as_mut() {
            goal.variables.iter().for_each(|(name, value)| contained.set(name, value));
            if !has_lock {
                contained.open(&workspace.workspace_root);
            }
        }
        let mut environment = self.environment.clone();
        goal.variables.iter().for_each(|(name, value)| environment.set(name, value));
        let arguments = arguments(&binary, options, &goal, has_lock && !job.for_this_machine);
        Ok(Call { arguments, environment, contained, goal, binary, workspace, started })
    }

    /// Whether a container can do what the machine lacks.
    fn may_escape(&self, problem: &Diagnostic) -> bool {
        problem.code == TOOL_MISSING && self.options.container == Mode::Auto && Containers::first(&self.environment).is_some()
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
        let mut environment = self.environment.clone();
        options.variables.iter().for_each(|(name, value)| environment.set(name, value));
        // What it says is shown among other words, and cargo may have been told to use colours.
        environment.set("CARGO_TERM_COLOR", "never");
        self.make(&Task { job, options: &options, engines: &self.engines, environment, program }).await
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

async fn workspace(job: &Job<'_>, environment: &Environment, contained: Option<&Contained>) -> Result<Workspace, Diagnostic> {
    const ARGUMENTS: [&str; 4] = ["metadata", "--no-deps", "--format-version", "1"];
    let said = match contained {
        Some(contained) => contained.cargo(None, &ARGUMENTS, |_| true).await?,
        None => Tool::cargo(job, environment)?.run(&ARGUMENTS).await?,
    };
    if !said.status.success() {
        return Err(failed(&said, "`cargo metadata`", &job.build.path));
    }
    serde_json::from_str(&said.output.join("\n")).map_err(|error| {
        Diagnostic::error(BUILD_FAILED, "A build failed")
            .detail(format!("What `cargo metadata` says about `{}` is not understood: {error}.", job.build.path))
    })
}

/// Paths of cargo's own folder stand in the program, where dependencies say where they panic, so that another
/// `CARGO_HOME` makes other bytes. What would leave them out is not stable in cargo, and rustc's `--remap-path-prefix` is
/// one of the flags of which those of one place hide those of another: the user's own would get lost, and all that is
/// compiled already would be compiled again. <https://doc.rust-lang.org/cargo/reference/unstable.html#profile-trim-paths-option>
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

/// Asks cargo, which knows best what must be compiled.
async fn build(task: &Task<'_>, call: &Call) -> Result<Made, Diagnostic> {
    let (job, had_lock) = (task.job, call.workspace.workspace_root.join("Cargo.lock").is_file());
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    let said = match &call.contained {
        Some(contained) => contained.cargo(call.goal.aim.as_ref(), &arguments, Message::is_one).await?,
        None => Tool::cargo(job, &call.environment)?.run_keeping(&arguments, Message::is_one).await?,
    };
    let shown = format!("`cargo {}`", shown(&call.arguments));
    if !said.status.success() {
        return Err(failed(&said, &shown, &job.build.path));
    }
    let messages = messages(&said);
    let Some((program, is_fresh)) = executable(&messages, &call.binary) else {
        return Err(Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!(
            "{shown} in `{}` ended well, but does not say that it made the program `{}`.",
            job.build.path, call.binary.name
        )));
    };
    let toolchain = match &call.contained {
        Some(contained) => Toolchain::contained(contained.image(), &task.environment),
        None => Toolchain::of(job, &task.environment).await,
    };
    let (site, options, workspace, started) = (Site::of(job), task.options.clone(), call.workspace.clone(), call.started);
    let (is_contained, environment, seen) = (call.contained.is_some(), task.environment.clone(), task.seen(call.contained.is_some()));
    blocking(move || {
        let inputs = Inputs::of(&program, &messages, &workspace, &site, &options, toolchain);
        let inputs = inputs.map(|inputs| inputs.with_included_settings(&seen, &site));
        let inputs = inputs.map(|inputs| if is_contained { inputs } else { inputs.with_users_settings(&environment) });
        let is_settled = inputs.as_ref().is_some_and(|inputs| inputs.are_settled(&site, started, had_lock));
        // A file that is gone meanwhile only leaves untold what it was made from.
        let inputs = inputs.and_then(|inputs| inputs.sources(&site, &options, &seen).ok().map(|sources| (inputs, sources)));
        Ok(Made { program, is_fresh, inputs, is_settled })
    })
    .await
}

fn messages(said: &Said) -> Vec<Message> {
    said.output.iter().filter_map(|line| Message::parse(line)).collect()
}

/// Where the program lies, and whether it lay there already.
fn executable(messages: &[Message], binary: &Binary) -> Option<(PathBuf, bool)> {
    messages.iter().filter(|message| message.is_of(binary)).find_map(|message| Some((message.executable.clone()?, message.fresh)))
}

/// The arguments that a person would type.
fn shown(arguments: &[String]) -> String {
    let hidden = |at: usize| arguments[at] == "--manifest-path" || at > 0 && arguments[at - 1] == "--manifest-path";
    let words = (0..arguments.len().saturating_sub(1)).filter(|at| !hidden(*at)).map(|at| arguments[at].as_str());
    words.collect::<Vec<_>>().join(" ")
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

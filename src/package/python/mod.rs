//! Builds of Python: the sources as they lie there, and wheels for where the function runs.

mod dependencies;
mod installer;
mod interpreter;
mod leftovers;
mod options;
mod platform;
mod requirements;
#[cfg(all(test, unix))]
mod tests;
mod tidy;

use super::builder::{Build, Builder, Built, Job};
use super::contents::Entry;
use super::environment::Environment;
use super::fingerprint::Facts;
use super::own::Own;
use super::problem::{blocking, missing};
use super::script::installed::Installed;
use super::script::package::{Package, sources};
use super::script::sources::Selection;
use super::script::{digest, handlers};
use crate::diagnostic::Diagnostic;
use crate::model::PackageRequest;
use async_trait::async_trait;
use dependencies::Needs;
use interpreter::Interpreters;
use leftovers::Leftovers;
use options::Options;
use platform::Platform;
use requirements::Reading;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a new function takes (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
pub const PYTHON_RUNTIME: &str = "python3.14";

const USUAL_HANDLER: &str = "`handler = \"app.handler\"` calls the function `handler` in `app.py`";

/// `build = { kind = "python", path = "lambdas/resize" }`
pub(super) struct PythonBuilder {
    environment: Environment,
    installed: Installed,
    interpreters: Interpreters,
}

impl PythonBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment, installed: Installed::default(), interpreters: Interpreters::default() }
    }

    async fn make(&self, job: &Job<'_>, options: &Options, package: Package) -> Result<Built, Diagnostic> {
        let mut environment = self.environment.clone();
        options.variables.iter().for_each(|(name, value)| environment.set(name, value));
        let Project { entries, needs, mut inputs, variables, folders } = Project::read(job, options, &environment).await?;
        if needs != Needs::Nothing && platform::version(job.runtime).is_none() {
            return Err(no_version(job));
        }
        let (platform, note) = Platform::of(job, options, &needs, (&self.interpreters, &environment)).await?;
        inputs.extend(installer::programs(job, options, &needs, &platform, &environment));
        let needed = needed_facts(job, options, &platform, &needs).hidden("environment", &variables);
        let facts = needed.clone().hidden("build", &format!("{:?} {:?} {:?}", options.source, options.include, options.exclude));
        let files = entries.iter().map(|entry| entry.path.clone()).chain(inputs.iter().cloned()).collect();
        // Before anything is installed: what is edited meanwhile must count as a change.
        let sources = sources(job, facts, files).await?;
        if package.holds(&sources).await? {
            return Ok(package.built(sources, true));
        }
        let installed = if needs == Needs::Nothing {
            None
        } else {
            let key = digest(&format!("{:?}", self::sources(job, needed, inputs).await?));
            let place = job.cache.join(format!("python-installed-{key}"));
            let platform = platform.started(job, options, (&self.interpreters, &environment)).await;
            let (needs, platform, environment, folders) = (&needs, &platform, &environment, &folders);
            let install = |to: PathBuf| async move { installer::install(job, options, (needs, folders), platform, environment, &to).await };
            Some(self.installed.get(place, install).await?)
        };
        package.make(sources.clone(), installed, entries).await?;
        Ok(Built { warnings: note.into_iter().collect(), ..package.built(sources, false) })
    }
}

/// What was found in a project's folder.
struct Project {
    /// Its own files.
    entries: Vec<Entry>,
    needs: Needs,
    /// The files that decide what is installed.
    inputs: Vec<PathBuf>,
    /// The variables that do, with their values.
    variables: String,
    /// Folders that are required.
    folders: BTreeSet<PathBuf>,
}

impl Project {
    async fn read(job: &Job<'_>, options: &Options, environment: &Environment) -> Result<Self, Diagnostic> {
        let selection = selection(job, options);
        let (options, folder, shown) = (options.clone(), job.path(), job.build.path.clone());
        let (environment, own) = (environment.clone(), job.own.clone());
        blocking(move || {
            let mut entries = selection.entries()?;
            let needs = Needs::of(&folder, &options, &shown, &own)?;
            let mut reading = Reading::new(&folder, &shown, &own);
            if needs != Needs::Nothing {
                needs.read(&mut reading)?;
                reading.settings(&options, &environment)?;
            }
            let value = |name: &String| format!("{name}={}", environment.get(name).unwrap_or_default());
            let variables = reading.variables.iter().map(value).collect::<Vec<_>>().join("\0");
            // The installer builds in the folders themselves, and what it leaves there would be a change the next time.
            let leftovers = Leftovers::of(&reading.folders);
            entries.retain(|entry| !leftovers.has(&entry.path));
            let inputs = reading.inputs.into_iter().filter(|path| !leftovers.has(path)).collect();
            Ok(Self { entries, needs, inputs, variables, folders: reading.folders })
        })
        .await
    }
}

/// What besides files decides what is installed. Flags may have secrets in them.
fn needed_facts(job: &Job<'_>, options: &Options, platform: &Platform, needs: &Needs) -> Facts {
    let facts = Facts::default().shown("runtime", job.runtime);
    if *needs == Needs::Nothing {
        return facts;
    }
    let installer = options.installer.as_deref().unwrap_or_default();
    let facts = facts.shown("python", &platform.shown()).shown("build.installer", installer).hidden("dependencies", &needs.listed());
    facts.hidden("build.flags", &options.flags.join("\0")).hidden("build.env", &format!("{:?}", options.variables))
}

/// The files of the project that go into the package.
fn selection(job: &Job<'_>, options: &Options) -> Selection {
    Selection { own: job.own.clone(), ..files_of(&job.path(), &job.build.path, options) }
}

fn files_of(folder: &Path, shown: &str, options: &Options) -> Selection {
    let folder = options.source.as_ref().map_or_else(|| folder.to_owned(), |source| folder.join(source));
    Selection {
        folder,
        shown: options.source.as_ref().map_or_else(|| shown.to_owned(), |source| format!("{shown}/{source}")),
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        left_out: &["node_modules", ".python-version"],
        own: Own::default(),
    }
}

#[async_trait]
impl Builder for PythonBuilder {
    fn kind(&self) -> &'static str {
        "python"
    }

    fn check(&self, build: &Build) -> Vec<Diagnostic> {
        Options::parse(&build.options).err().unwrap_or_default()
    }

    fn misfit(&self, build: &Build, request: &PackageRequest, folder: &Path) -> Option<Diagnostic> {
        let is_python = platform::version(&request.runtime).is_some();
        let problem = if !is_python {
            wrong_runtime(build, request, &folder.join(&build.path))
        } else if handlers::is_given(&request.handler) {
            return None;
        } else {
            handlers::missing(&request.runtime)
        };
        let options = Options::parse(&build.options).unwrap_or_default();
        let selection = files_of(&folder.join(&build.path), &build.path, &options);
        let problem = if handlers::is_given(&request.handler) {
            problem
        } else {
            handlers::with_candidates(problem, &selection, &candidate, USUAL_HANDLER)
        };
        Some(problem)
    }

    fn variant(&self, request: &PackageRequest) -> String {
        request.runtime.clone()
    }

    fn folder_in_layers(&self) -> Option<&'static str> {
        Some("python")
    }

    fn output(&self, _job: &Job<'_>) -> Option<PathBuf> {
        None
    }

    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        // `check` has said all of them before.
        let options = Options::parse(&job.build.options).map_err(|mut problems| problems.remove(0))?;
        let place = if job.for_this_machine { "here" } else { job.architecture };
        let identity = digest(&format!("{}\0{place}\0{}\0{options:?}", job.build.path, job.runtime));
        let package = Package::new(job, &format!("python-{identity}"));
        if !job.may_run {
            return package.last(job);
        }
        let folder = job.path();
        if !folder.is_dir() {
            return Err(missing(&folder, &job.build.path, "folder"));
        }
        self.make(job, &options, package).await
    }
}

/// A function would have been refused before.
fn no_version(job: &Job<'_>) -> Diagnostic {
    Diagnostic::error("no-runtime", "Nothing says for which version of Python")
        .detail(format!("`{}` becomes a layer with packages of Python, which differ from version to version.", job.build.path))
        .hint(format!(
            "`compatible_runtimes = [\"{PYTHON_RUNTIME}\"]` in `[layer.{}]` says it, or a function with such a runtime that uses the layer",
            job.function
        ))
}

fn wrong_runtime(build: &Build, request: &PackageRequest, folder: &Path) -> Diagnostic {
    let wanted = dependencies::wanted_version(folder).map_or_else(|| PYTHON_RUNTIME.to_owned(), |version| format!("python{version}"));
    Diagnostic::error("wrong-runtime", "The runtime does not fit what is built")
        .detail(format!(
            "`{}` is built as Python, which only the runtimes `python3.*` run; {}.",
            build.path,
            handlers::has(&request.runtime)
        ))
        .hint(format!("write `runtime = \"{wanted}\"`, in the function or in `[defaults]`"))
}

/// The handler in a file, as Lambda writes it.
fn candidate(name: &str, text: &str) -> Option<String> {
    let module = name.strip_suffix(".py")?;
    Some(format!("{module}.{}", handlers::python(text)?))
}

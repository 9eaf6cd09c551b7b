//! Builds of Python: the sources as they lie there, and wheels for where the function runs.

mod dependencies;
mod installer;
mod options;
mod platform;
#[cfg(all(test, unix))]
mod tests;
mod tidy;

use super::builder::{Build, Builder, Built, Job};
use super::contents::Entry;
use super::environment::Environment;
use super::fingerprint::{self, Record};
use super::problem::{blocking, missing, not_built};
use super::script::installed::Installed;
use super::script::sources::Selection;
use super::script::stage::Stage;
use super::script::{digest, handlers};
use crate::diagnostic::Diagnostic;
use crate::model::PackageRequest;
use async_trait::async_trait;
use dependencies::Needs;
use options::Options;
use platform::Platform;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a new function takes (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
pub const PYTHON_RUNTIME: &str = "python3.14";

/// `build = { kind = "python", path = "lambdas/resize" }`
pub(super) struct PythonBuilder {
    environment: Environment,
    installed: Installed,
}

impl PythonBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment, installed: Installed::default() }
    }

    async fn make(&self, job: &Job<'_>, options: &Options, package: PathBuf) -> Result<Built, Diagnostic> {
        let selection = selection(job, options);
        let (entries, needs) = blocking({
            let (options, shown) = (options.clone(), job.build.path.clone());
            move || Ok((selection.entries()?, Needs::of(&selection.folder, &options, &shown)?))
        })
        .await?;
        let mut environment = self.environment.clone();
        options.variables.iter().for_each(|(name, value)| environment.set(name, value));
        let platform = Platform::of(job, options, &needs, &environment).await?;
        let key = needs.key(&platform, options)?;
        let fingerprint = fingerprint(&entries, &key)?;
        let record = package.with_extension("json");
        let is_made = Record::load(&record).is_some_and(|last| last.fingerprint == fingerprint) && package.is_dir();
        if !is_made {
            let installed = match &needs {
                Needs::Nothing => None,
                needs => {
                    let place = job.cache.join(format!("python-installed-{key}"));
                    let install = |to: PathBuf| async move { installer::install(job, options, needs, &platform, &environment, &to).await };
                    Some(self.installed.get(place, install).await?)
                }
            };
            put_together(package.clone(), installed, entries, record, fingerprint.clone()).await?;
        }
        Ok(Built { output: package, fingerprint, is_cached: is_made, warnings: Vec::new() })
    }
}

/// The files of the project that go into the package.
fn selection(job: &Job<'_>, options: &Options) -> Selection {
    sources(&job.path(), &job.build.path, options, job.cache.parent())
}

fn sources(folder: &Path, shown: &str, options: &Options, state: Option<&Path>) -> Selection {
    let folder = options.source.as_ref().map_or_else(|| folder.to_owned(), |source| folder.join(source));
    Selection {
        folder,
        shown: options.source.as_ref().map_or_else(|| shown.to_owned(), |source| format!("{shown}/{source}")),
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        left_out: &["node_modules", ".python-version"],
        elsewhere: state.into_iter().map(Path::to_owned).collect(),
    }
}

fn fingerprint(entries: &[Entry], key: &str) -> Result<String, Diagnostic> {
    let programs: Vec<&str> = entries.iter().filter(|entry| entry.mode & 0o111 != 0).map(|entry| entry.name.as_str()).collect();
    let files: BTreeMap<String, PathBuf> = entries.iter().map(|entry| (entry.name.clone(), entry.path.clone())).collect();
    fingerprint::of(&[env!("CARGO_PKG_VERSION"), key, &programs.join("\n")], &files)
}

async fn put_together(
    package: PathBuf,
    installed: Option<PathBuf>,
    entries: Vec<Entry>,
    record: PathBuf,
    fingerprint: String,
) -> Result<(), Diagnostic> {
    blocking(move || {
        let stage = Stage::new(&package)?;
        installed.iter().try_for_each(|installed| stage.link(installed))?;
        stage.copy(&entries)?;
        stage.finish()?;
        // A fingerprint that cannot be kept costs the next run a build, and nothing else.
        let _ = Record { fingerprint, output: String::new() }.save(&record);
        Ok(())
    })
    .await
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
        let selection = sources(&folder.join(&build.path), &build.path, &options, None);
        let problem = if handlers::is_given(&request.handler) { problem } else { handlers::with_candidates(problem, &selection, &candidate) };
        Some(problem)
    }

    fn variant(&self, request: &PackageRequest) -> String {
        request.runtime.clone()
    }

    fn output(&self, _job: &Job<'_>) -> Option<PathBuf> {
        None
    }

    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        // `check` has said all of them before.
        let options = Options::parse(&job.build.options).map_err(|mut problems| problems.remove(0))?;
        let place = if job.for_this_machine { "here" } else { job.architecture };
        let identity = digest(&format!("{}\0{place}\0{}\0{options:?}", job.build.path, job.runtime));
        let package = job.cache.join(format!("python-{identity}"));
        if !job.may_run {
            return last_build(job, package);
        }
        let folder = job.path();
        if !folder.is_dir() {
            return Err(missing(&folder, &job.build.path, "folder"));
        }
        self.make(job, &options, package).await
    }
}

fn last_build(job: &Job<'_>, package: PathBuf) -> Result<Built, Diagnostic> {
    if package.is_dir() {
        return Ok(Built { output: package, fingerprint: String::new(), is_cached: true, warnings: Vec::new() });
    }
    Err(not_built(&format!("a package of `{}`", job.build.path)))
}

fn wrong_runtime(build: &Build, request: &PackageRequest, folder: &Path) -> Diagnostic {
    let wanted = dependencies::wanted_version(folder).map_or_else(|| PYTHON_RUNTIME.to_owned(), |version| format!("python{version}"));
    Diagnostic::error("wrong-runtime", "The runtime does not fit what is built")
        .detail(format!(
            "`{}` is built as Python, which only the runtimes `python3.*` run; the function has `{}`, which also stands where no `runtime` is given.",
            build.path, request.runtime
        ))
        .hint(format!("write `runtime = \"{wanted}\"`, in the function or in `[defaults]`"))
}

/// The handler in a file, as Lambda writes it.
fn candidate(name: &str, text: &str) -> Option<String> {
    let module = name.strip_suffix(".py")?;
    Some(format!("{module}.{}", handlers::python(text)?))
}

//! Builds of Node.js: a bundle by the project's esbuild, what its own script makes, or its files as they lie there.

mod bundle;
mod inputs;
mod modules;
mod options;
mod project;
mod script;
#[cfg(all(test, unix))]
mod tests;

use super::builder::{Build, Builder, Built, Job};
use super::environment::Environment;
use super::fingerprint::Facts;
use super::problem::{blocking, missing, unreadable};
use super::script::installed::Installed;
use super::script::package::Package;
use super::script::sources::Selection;
use super::script::{digest, handlers};
use crate::diagnostic::Diagnostic;
use crate::model::PackageRequest;
use async_trait::async_trait;
use options::Options;
use project::{Project, Way};
use std::path::{Path, PathBuf};

/// What a new function takes (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
pub const NODE_RUNTIME: &str = "nodejs24.x";

/// What lies beside the sources and is of no use at run time, or has tokens in it.
const LEFT_OUT: [&str; 11] = [
    "node_modules",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    ".npmrc",
    ".yarn",
    ".yarnrc",
    ".yarnrc.yml",
];

const USUAL_HANDLER: &str = "`handler = \"index.handler\"` calls what `index.js`, `index.mjs` or `index.ts` exports as `handler`";

/// `build = { kind = "node", path = "lambdas/web" }`
pub(super) struct NodeBuilder {
    environment: Environment,
    installed: Installed,
}

/// A build that is to happen.
struct Task<'a> {
    job: &'a Job<'a>,
    options: &'a Options,
    project: Project,
    environment: Environment,
    package: Package,
}

impl NodeBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment, installed: Installed::default() }
    }

    async fn make(&self, job: &Job<'_>, options: &Options, package: Package) -> Result<Built, Diagnostic> {
        let project = blocking({
            let (folder, shown) = (job.path(), job.build.path.clone());
            // Programs that lie in it are started from elsewhere.
            move || Project::read(&std::path::absolute(&folder).map_err(|error| unreadable(&shown, &error))?, &shown)
        })
        .await?;
        let way = project.way(job, options)?;
        if options.inputs.is_some() && !matches!(way, Way::Script(_)) {
            return Err(inputs_of_nothing(job));
        }
        let mut environment = self.environment.clone();
        options.variables.iter().for_each(|(name, value)| environment.set(name, value));
        environment.set("NO_COLOR", "1");
        let task = Task { job, options, project, environment, package };
        match way {
            Way::Bundle { esbuild, entry } => bundle::build(task, &esbuild, &entry).await,
            Way::Script(name) => script::build(task, &self.installed, &name).await,
            Way::Plain => plain(task, &self.installed).await,
        }
    }
}

/// Files that would decide nothing.
fn inputs_of_nothing(job: &Job<'_>) -> Diagnostic {
    Diagnostic::error("unused-inputs", "Inputs are named where no script builds")
        .detail(format!(
            "`build.inputs` names files that a script of `package.json` reads, and `{}` is built without one: what counts is known.",
            job.build.path
        ))
        .hint("take `inputs` out; or `script = \"NAME\"` names the script that builds")
}

/// The files as they lie there, and the packages that they need.
async fn plain(task: Task<'_>, installed: &Installed) -> Result<Built, Diagnostic> {
    let selection = task.selection();
    let entries = blocking(move || selection.entries()).await?;
    let files = entries.iter().map(|entry| entry.path.clone()).chain(task.project.inputs()).chain(inputs::flags(&task)).collect();
    let sources = super::script::package::sources(task.job, task.facts(), files).await?;
    if task.package.holds(&sources).await? {
        return Ok(task.package.built(sources, true));
    }
    let installed = modules::install(&task, installed).await?;
    task.package.make(sources.clone(), installed, entries).await?;
    Ok(task.package.built(sources, false))
}

impl Task<'_> {
    /// The files of the project.
    fn selection(&self) -> Selection {
        let (include, exclude) = (self.options.include.clone(), self.options.exclude.clone());
        Selection { include, exclude, own: self.job.own.clone(), ..files_of(&self.job.path(), &self.job.build.path) }
    }

    /// What besides files decides what is made. Flags may have secrets in them.
    fn facts(&self) -> Facts {
        let place = if self.job.for_this_machine { "this machine" } else { self.job.architecture };
        let facts = Facts::default().shown("runtime", self.job.runtime);
        let facts = if self.project.dependencies.is_empty() { facts } else { facts.shown("architecture", place) };
        let Options { flags, variables, .. } = self.options;
        let others = Options { flags: Vec::new(), variables: std::collections::BTreeMap::new(), ..self.options.clone() };
        let facts = facts.hidden("build", &format!("{others:?}")).hidden("build.flags", &flags.join("\0"));
        let facts = facts.hidden("build.env", &format!("{variables:?}"));
        facts.hidden("environment", &inputs::variables(&self.environment))
    }
}

fn files_of(folder: &Path, shown: &str) -> Selection {
    Selection { folder: folder.to_owned(), shown: shown.to_owned(), left_out: &LEFT_OUT, ..Selection::default() }
}

/// The major version of a runtime `nodejs*.x`.
fn version(runtime: &str) -> Option<u32> {
    runtime.strip_prefix("nodejs")?.strip_suffix(".x")?.parse().ok()
}

#[async_trait]
impl Builder for NodeBuilder {
    fn kind(&self) -> &'static str {
        "node"
    }

    fn check(&self, build: &Build) -> Vec<Diagnostic> {
        Options::parse(&build.options).err().unwrap_or_default()
    }

    fn misfit(&self, build: &Build, request: &PackageRequest, folder: &Path) -> Option<Diagnostic> {
        let is_given = handlers::is_given(&request.handler);
        let problem = match version(&request.runtime) {
            None => wrong_runtime(build, request),
            Some(_) if is_given => return None,
            Some(_) => handlers::missing(&request.runtime),
        };
        let selection = files_of(&folder.join(&build.path), &build.path);
        Some(if is_given { problem } else { handlers::with_candidates(problem, &selection, &candidate, USUAL_HANDLER) })
    }

    fn variant(&self, request: &PackageRequest) -> String {
        format!("{} {} {}", request.runtime, request.handler, request.address.kind)
    }

    fn folder_in_layers(&self) -> Option<&'static str> {
        Some("nodejs")
    }

    fn output(&self, _job: &Job<'_>) -> Option<PathBuf> {
        None
    }

    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        // `check` has said all of them before.
        let options = Options::parse(&job.build.options).map_err(|mut problems| problems.remove(0))?;
        let place = if job.for_this_machine { "here" } else { job.architecture };
        let identity = digest(&format!("{}\0{place}\0{}\0{}\0{}\0{options:?}", job.build.path, job.runtime, job.handler, job.is_layer));
        let package = Package::new(job, &format!("node-{identity}"));
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

fn wrong_runtime(build: &Build, request: &PackageRequest) -> Diagnostic {
    Diagnostic::error("wrong-runtime", "The runtime does not fit what is built")
        .detail(format!(
            "`{}` is built for Node.js, which only the runtimes `nodejs*.x` run; {}.",
            build.path,
            handlers::has(&request.runtime)
        ))
        .hint(format!("write `runtime = \"{NODE_RUNTIME}\"`, in the function or in `[defaults]`"))
}

/// The handler in a file, as Lambda writes it.
fn candidate(name: &str, text: &str) -> Option<String> {
    let (module, extension) = name.rsplit_once('.')?;
    let is_source = project::EXTENSIONS.contains(&extension) && ![".test", ".spec", ".d"].iter().any(|part| module.ends_with(part));
    (is_source && handlers::exports_handler(text)).then(|| format!("{}.handler", module.strip_prefix("src/").unwrap_or(module)))
}

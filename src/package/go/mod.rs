//! Builds of Go.

mod module;
mod names;
mod options;
mod packages;
mod surroundings;
#[cfg(all(test, unix))]
mod tests;
mod toolchain;

use super::builder::{Build, Builder, Built, Job};
use super::contents::BOOTSTRAP;
use super::engine::Engines;
use super::environment::Environment;
use super::fingerprint::{Facts, Record, Sources};
use super::hash::{Item, content_hash};
use super::problem::{blocking, blocking_io, missing, not_built};
use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use async_trait::async_trait;
use module::Place;
use options::Options;
use packages::{Inputs, check_program, with_programs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;
use toolchain::{Go, MODULE_CACHE, ROOT, Settings, failed};

/// The flags of `go build` whose values are files that count.
const FILE_FLAGS: [&str; 3] = ["overlay", "modfile", "pgo"];

/// `build = { kind = "go", path = "api/users" }`
pub(super) struct GoBuilder {
    environment: Environment,
    engines: Engines,
    /// Go's settings by what they follow from: a hundred folders of one module ask once.
    settings: Mutex<BTreeMap<String, Result<Settings, Diagnostic>>>,
    /// Whether a build has gone through. The first one compiles what all share, which others that run
    /// beside it would compile again.
    is_warm: Mutex<bool>,
    /// Whether it was told that a container builds.
    has_told: AtomicBool,
}

/// A build that is to happen.
struct Task<'a> {
    job: &'a Job<'a>,
    options: Options,
    place: Place,
    go: Go,
    /// The folder that Go is called in.
    folder: PathBuf,
    /// What Go is told to build: a package, or without a module the files of the folder.
    target: Vec<String>,
    /// What Go's settings follow from.
    surroundings: String,
    /// What is made.
    program: PathBuf,
    /// The spec's folder, with links resolved as Go resolves them.
    base: PathBuf,
}

impl GoBuilder {
    /// A builder that starts programs in this environment.
    pub fn new(environment: Environment, engines: Engines) -> Self {
        Self { environment, engines, settings: Mutex::default(), is_warm: Mutex::default(), has_told: AtomicBool::new(false) }
    }

    /// Go's settings: of another folder in this run, of the last build while nothing moved that they follow from, or asked for.
    async fn settings(&self, task: &Task<'_>, last: Option<&Inputs>) -> Result<Settings, Diagnostic> {
        let mut known = self.settings.lock().await;
        if let Some(settings) = known.get(&task.surroundings) {
            return settings.clone();
        }
        let held = last.filter(|last| last.surroundings == task.surroundings && task.go.is_sure(&last.settings));
        let settings = match held {
            Some(last) => Ok(last.settings.clone()),
            None => task.go.settings(&task.folder, &task.job.build.path).await,
        };
        known.entry(task.surroundings.clone()).or_insert(settings).clone()
    }

    async fn make(&self, task: &Task<'_>) -> Result<Built, Diagnostic> {
        let (record, last) = (task.record(), task.remembered_inputs());
        let (record, last) = blocking(move || Ok((Record::load(&record), Inputs::load(&last)))).await?;
        let settings = self.settings(task, last.as_ref()).await?;
        let facts = task.facts(&settings);
        if let (Some(record), Some(last)) = (record, last)
            && let Some(sources) = task.held(facts.clone(), &settings, record, last).await?
        {
            return Ok(task.built(sources, true, Vec::new()));
        }
        let inputs = task.inputs(&settings).await?;
        // Before the build: what is edited meanwhile must count as a change.
        let sources = task.sources(facts, &settings, inputs.clone()).await?;
        let warnings = self.note(&task.go).await;
        let is_warm = self.is_warm.lock().await;
        let first = if *is_warm { None } else { Some(is_warm) };
        task.compile().await?;
        if let Some(mut is_warm) = first {
            *is_warm = true;
        }
        task.remember(sources.clone(), inputs).await?;
        Ok(task.built(sources, false, warnings))
    }

    /// That a container builds is told once, whatever the number of functions.
    async fn note(&self, go: &Go) -> Vec<Diagnostic> {
        let is_told = !go.is_contained() || self.has_told.swap(true, Ordering::Relaxed);
        if is_told { Vec::new() } else { go.note().await.into_iter().collect() }
    }
}

#[async_trait]
impl Builder for GoBuilder {
    fn kind(&self) -> &'static str {
        "go"
    }

    fn check(&self, build: &Build) -> Vec<Diagnostic> {
        Options::parse(&build.options).err().unwrap_or_default()
    }

    fn makes_a_program(&self) -> bool {
        true
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
        self.make(&Task::prepare(job, options, program, (&self.engines, &self.environment)).await?).await
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
    let place = if job.for_this_machine { "here" } else { job.architecture };
    let facts = format!("{}\0{place}\0{options:?}", job.build.path);
    let item = Item { name: facts, mode: 0, bytes: 0, sha256: [0; 32] };
    format!("go-{}", content_hash(&[item]).trim_start_matches("sha256:").get(..16).unwrap_or_default())
}

impl<'a> Task<'a> {
    /// Looks at what lies there.
    async fn prepare(
        job: &'a Job<'a>,
        options: Options,
        program: PathBuf,
        (engines, environment): (&Engines, &Environment),
    ) -> Result<Self, Diagnostic> {
        let (folder, base, path, package) = (job.path(), job.folder.to_owned(), job.build.path.clone(), options.package.clone());
        let (own, outer) = (toolchain::variables(job, &options), environment.clone());
        let is_contained = options.container.is_contained(|| environment.find("go").is_some());
        let look = move || {
            if !folder.is_dir() {
                return Err(missing(&folder, &path, "folder"));
            }
            let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            let (folder, base) = (canonical(&folder), canonical(&base));
            // A container has none of the machine's settings.
            let gowork = if is_contained { own.get("GOWORK").cloned() } else { surroundings::variable("GOWORK", &own, &outer) };
            let place = Place::find(&folder, gowork.as_deref());
            let target = target(&place, &folder, &path, package)?;
            Ok((folder, base, place, target))
        };
        let (folder, base, place, target) = blocking(look).await?;
        let go = Go::choose(job, &options, &place, (engines, environment))?;
        let surroundings = go.surroundings(&place);
        Ok(Self { job, options, place, go, folder, target, surroundings, program, base })
    }

    fn built(&self, sources: Sources, is_cached: bool, warnings: Vec<Diagnostic>) -> Built {
        Built { output: self.program.clone(), sources: Some(sources), is_cached, warnings }
    }

    fn record(&self) -> PathBuf {
        self.program.with_file_name("record.json")
    }

    fn remembered_inputs(&self) -> PathBuf {
        self.program.with_file_name("inputs.json")
    }

    /// What besides files decides what is made. Flags may have secrets in them.
    fn facts(&self, settings: &Settings) -> Facts {
        let Options { package, ldflags, tags, flags, variables, .. } = &self.options;
        let version = settings.get("GOVERSION").map_or("", |version| version.trim_start_matches("go"));
        let facts = Facts::default().shown("go", version).shown("architecture", self.job.architecture);
        let facts = facts.shown("build.package", package).shown("build.tags", &tags.join(",")).hidden("build.ldflags", ldflags);
        let facts = facts.hidden("build.flags", &flags.join("\0")).hidden("build.env", &format!("{variables:?}"));
        let rest = settings.iter().filter(|(name, _)| !["GOVERSION", MODULE_CACHE, ROOT].contains(&name.as_str()));
        rest.fold(facts, |facts, (name, value)| facts.hidden(name, value))
    }

    /// The flags of Go, of the build and of the machine's settings, in single words.
    fn all_flags(&self, settings: &Settings) -> Vec<String> {
        let machines = settings.get("GOFLAGS").map_or("", String::as_str).split_whitespace().map(str::to_owned);
        machines.chain(self.options.flags.iter().cloned()).collect()
    }

    async fn sources(&self, facts: Facts, settings: &Settings, inputs: Inputs) -> Result<Sources, Diagnostic> {
        let (index, place, base, folder) = (self.job.index.clone(), self.place.clone(), self.base.clone(), self.folder.clone());
        let flags = self.all_flags(settings);
        blocking(move || Sources::read(&index, facts, &inputs.files(&place, &named_files(&flags, &folder), &base)?)).await
    }

    /// What the program was made from, if that and the program are as the last build left them.
    async fn held(&self, facts: Facts, settings: &Settings, record: Record, inputs: Inputs) -> Result<Option<Sources>, Diagnostic> {
        let sources = self.sources(facts, settings, inputs).await?;
        let (index, program) = (self.job.index.clone(), self.program.clone());
        blocking(move || Ok(record.holds(&index, &sources, &program).then_some(sources))).await
    }

    /// Asks Go which files the program is made from, and whether it is one.
    async fn inputs(&self, settings: &Settings) -> Result<Inputs, Diagnostic> {
        let mut arguments = vec!["list", "-e", "-deps", packages::FIELDS];
        let tags = self.options.tags.join(",");
        arguments.extend(["-tags", &tags]);
        // Any of them may decide which files are compiled: `-overlay`, `-race`, `-modfile`.
        arguments.extend(self.options.flags.iter().chain(&self.target).map(String::as_str));
        let said = self.go.run(&arguments, &self.folder, None).await?;
        if !said.status.success() {
            return Err(failed(&said, "`go list`", &self.job.build.path));
        }
        let packages = packages::parse(&said.output)?;
        match check_program(&packages, &self.shown()) {
            Ok(()) => Ok(Inputs::of(&packages, self.go.target(), settings, &self.surroundings)),
            Err(problem) if self.place.workspace.is_some() && packages::is_outside_workspace(&packages) => {
                Err(self.outside_workspace(problem))
            }
            Err(problem) if toolchain::is_of_excluded(&problem) => Err(toolchain::of_excluded(problem)),
            Err(problem) if self.place.is_lone() => Err(problem),
            Err(problem) => Err(match self.programs().await {
                Some(programs) => with_programs(problem, &programs, &self.base),
                None => problem,
            }),
        }
    }

    /// What the user calls it.
    fn shown(&self) -> String {
        match (self.job.build.path.as_str(), self.options.package.as_str()) {
            (path, ".") => path.to_owned(),
            (path, package) => Path::new(path).join(package.strip_prefix("./").unwrap_or(package)).display().to_string(),
        }
    }

    /// The folders of the module's programs, where Go tells them.
    async fn programs(&self) -> Option<Vec<String>> {
        const PROGRAMS: [&str; 5] = ["list", "-e", "-f", r#"{{if eq .Name "main"}}{{.Dir}}{{end}}"#, "./..."];
        let top = self.place.module.as_deref().and_then(Path::parent)?;
        let said = self.go.run(&PROGRAMS, top, None).await.ok()?;
        said.status.success().then_some(said.output)
    }

    /// What to do about a module that a workspace around it does not list.
    fn outside_workspace(&self, problem: Diagnostic) -> Diagnostic {
        let folder = |file: &Option<PathBuf>| file.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        let (module, workspace) = (folder(&self.place.module), folder(&self.place.workspace));
        let inner = module.strip_prefix(&workspace).map_or_else(|_| module.display().to_string(), |inner| format!("./{}", inner.display()));
        let file = packages::shown_path(self.place.workspace.as_deref().unwrap_or(&workspace), &self.base);
        Diagnostic {
            detail: format!("The module of `{}` is not one of those that `{file}` lists, so that Go builds nothing of it.", self.shown()),
            ..problem
        }
        .hint(format!("`go work use {inner}` in `{}` adds it to the workspace", packages::shown_path(&workspace, &self.base)))
        .hint("or `env = { GOWORK = \"off\" }` in `build` builds it without the workspace")
    }

    /// Calls the compiler. The program comes to its place in one step.
    async fn compile(&self) -> Result<(), Diagnostic> {
        let cannot = |what: &str, error: std::io::Error| {
            Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("`{}` cannot be {what}: {error}.", self.program.display()))
        };
        let program = std::path::absolute(&self.program).map_err(|error| cannot("found", error))?;
        let folder = program.parent().unwrap_or(Path::new(".")).to_owned();
        let beside = folder.clone();
        let scratch = blocking_io(move || {
            std::fs::create_dir_all(&beside)?;
            // A name of its own: what an earlier run left running may still write.
            tempfile::Builder::new().prefix(".new-").tempdir_in(&beside)
        });
        let scratch = scratch.await.map_err(|error| cannot("made", error))?;
        let new = scratch.path().join(BOOTSTRAP);
        let arguments = self.arguments(&new);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = self.go.run(&words, &self.folder, Some(&folder)).await?;
        if !said.status.success() {
            return Err(failed(&said, &format!("`go {}`", shown(&arguments)), &self.job.build.path));
        }
        std::fs::rename(&new, &program).map_err(|error| cannot("put into its place", error))
    }

    fn arguments(&self, output: &Path) -> Vec<String> {
        let Options { ldflags, tags, flags, .. } = &self.options;
        let mut arguments: Vec<String> = ["build", "-trimpath", "-buildvcs=false"].map(str::to_owned).into();
        if !tags.is_empty() {
            arguments.extend(["-tags".to_owned(), tags.join(",")]);
        }
        if !ldflags.is_empty() {
            arguments.extend(["-ldflags".to_owned(), ldflags.clone()]);
        }
        arguments.extend(flags.iter().cloned());
        arguments.extend(["-o".to_owned(), output.display().to_string()]);
        arguments.extend(self.target.iter().cloned());
        arguments
    }

    async fn remember(&self, sources: Sources, inputs: Inputs) -> Result<(), Diagnostic> {
        let (index, program) = (self.job.index.clone(), self.program.clone());
        let (record, remembered) = (self.record(), self.remembered_inputs());
        blocking(move || {
            inputs.save(&remembered);
            Record::of(&index, sources, &program).save(&record);
            Ok(())
        })
        .await
    }
}

/// What Go is told to build: a package, or without a module the files of the folder.
fn target(place: &Place, folder: &Path, shown: &str, package: String) -> Result<Vec<String>, Diagnostic> {
    if !place.is_lone() || package != "." {
        return Ok(vec![package]);
    }
    let is_file = |name: &String| name.ends_with(".go") && !name.ends_with("_test.go") && !name.starts_with(['.', '_']);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_file).collect();
    files.sort();
    if files.is_empty() { check_program(&[], shown).map(|()| files) } else { Ok(files) }
}

/// Files that flags name, and those that one of them puts into the place of others.
fn named_files(flags: &[String], folder: &Path) -> Vec<PathBuf> {
    let mut named = Vec::new();
    for (at, flag) in flags.iter().enumerate() {
        let flag = flag.strip_prefix('-').map_or(flag.as_str(), |rest| rest.strip_prefix('-').unwrap_or(rest));
        let (name, value) = flag.split_once('=').unwrap_or((flag, flags.get(at + 1).map_or("", String::as_str)));
        if FILE_FLAGS.contains(&name) {
            let path = folder.join(value);
            named.extend((name == "overlay").then(|| replacements(&path, folder)).into_iter().flatten());
            named.push(path);
        }
    }
    named.retain(|path| path.is_file());
    named
}

/// The files that an overlay puts into the place of others.
/// <https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies>, at `-overlay`.
fn replacements(overlay: &Path, folder: &Path) -> Vec<PathBuf> {
    let json: Option<serde_json::Value> = std::fs::read(overlay).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let replaced = json.as_ref().and_then(|json| json.get("Replace")?.as_object());
    replaced.into_iter().flatten().filter_map(|(_, by)| Some(folder.join(by.as_str()?))).collect()
}

/// The arguments that a person would type.
fn shown(arguments: &[String]) -> String {
    let is_hidden = |at: usize| arguments[at] == "-o" || at > 0 && arguments[at - 1] == "-o";
    let quoted = |word: &String| if word.contains(' ') { format!("'{word}'") } else { word.clone() };
    (0..arguments.len()).filter(|at| !is_hidden(*at)).map(|at| quoted(&arguments[at])).collect::<Vec<_>>().join(" ")
}

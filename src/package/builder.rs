//! The seam for builders: one per kind of build.

use super::check::is_provided;
use super::command::CommandBuilder;
use super::engine::Engines;
use super::environment::Environment;
use super::fingerprint::Sources;
use super::go::GoBuilder;
use super::image::Images;
use super::index::Index;
use super::node::NodeBuilder;
use super::own::Own;
use super::python::PythonBuilder;
use super::rust::RustBuilder;
use super::script::handlers;
use crate::diagnostic::Diagnostic;
use crate::model::{PackageRequest, Table};
use async_trait::async_trait;
use std::path::{Path, PathBuf};

/// A build as the spec asks for it. Equal builds for one architecture are run once.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// The builder that it needs.
    pub kind: String,
    /// The folder that it happens in, as the user wrote it.
    pub path: String,
    /// What else its table says.
    pub options: Table,
}

/// A build that is to happen now.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What to build.
    pub build: &'a Build,
    /// The function that needs it, or the first of several.
    pub function: &'a str,
    /// `arm64` or `x86_64`.
    pub architecture: &'a str,
    /// The function's runtime, such as `python3.14`.
    pub runtime: &'a str,
    /// The function's handler; empty where none is given.
    pub handler: &'a str,
    /// Whether what is built becomes a layer.
    pub is_layer: bool,
    /// The spec's folder.
    pub folder: &'a Path,
    /// Where facts about earlier builds are kept.
    pub cache: &'a Path,
    /// What never belongs to what is built, nor to what it is built from.
    pub own: &'a Own,
    /// What files held when they were last read.
    pub index: &'a Index,
    /// Whether the build may run.
    pub may_run: bool,
    /// Whether what is built runs on this machine, and not on Lambda.
    pub for_this_machine: bool,
}

impl Job<'_> {
    /// The folder that the build happens in.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.build.path).components().collect()
    }
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// A file, a folder or a zip.
    pub output: PathBuf,
    /// What it was made from; nothing when nobody looked, as without permission to run.
    pub sources: Option<Sources>,
    /// Whether an earlier build still held.
    pub is_cached: bool,
    /// What the user should know, without address and span.
    pub warnings: Vec<Diagnostic>,
}

/// Knows how to build one kind.
#[async_trait]
pub trait Builder: Send + Sync {
    /// The `kind` in the spec.
    fn kind(&self) -> &'static str;

    /// What is wrong with the options, without looking at any file.
    fn check(&self, build: &Build) -> Vec<Diagnostic>;

    /// Whether it makes a program that needs no language's runtime, and so one of `provided.*`.
    fn makes_a_program(&self) -> bool {
        false
    }

    /// Whether a function with these settings could run what is made; `folder` is the spec's.
    fn misfit(&self, build: &Build, request: &PackageRequest, _folder: &Path) -> Option<Diagnostic> {
        if self.makes_a_program() {
            return (!is_provided(&request.runtime)).then(|| no_program_wanted(build, request));
        }
        let is_lacking = !is_provided(&request.runtime) && !handlers::is_given(&request.handler);
        is_lacking.then(|| handlers::missing(&request.runtime).hint("`handler = \"FILE.FUNCTION\"` names both, without the file's ending"))
    }

    /// What of a function's settings decides what is made, besides its build and its architecture.
    fn variant(&self, _request: &PackageRequest) -> String {
        String::new()
    }

    /// Whether equal builds of different functions differ all the same.
    fn is_per_function(&self, _build: &Build) -> bool {
        false
    }

    /// The folder of a layer in which the runtimes look for what it makes
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html>).
    fn folder_in_layers(&self) -> Option<&'static str> {
        None
    }

    /// Where it will write, where that is the user's to say: two builds must not write to one place.
    fn output(&self, job: &Job<'_>) -> Option<PathBuf>;

    /// Builds, unless an earlier build still holds.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic>;
}

/// A program in the place of a language's module would fail at its first invocation.
fn no_program_wanted(build: &Build, request: &PackageRequest) -> Diagnostic {
    Diagnostic::error("wrong-runtime", "The runtime does not fit what is built")
        .detail(format!(
            "A build of the kind `{}` makes a program, which only the runtimes `provided.*` start; the function has `{}`.",
            build.kind, request.runtime
        ))
        .hint("write `runtime = \"provided.al2023\"`, which also stands without any `runtime`")
}

/// All builders.
pub struct Builders {
    builders: Vec<Box<dyn Builder>>,
    images: Images,
}

impl Builders {
    /// The builders that there are.
    pub fn new() -> Self {
        Self::with(Environment::of_process())
    }

    /// The same, with programs sought and started in another environment.
    pub(super) fn with(environment: Environment) -> Self {
        let engines = Engines::default();
        Self {
            images: Images::new(environment.clone(), engines.clone()),
            builders: vec![
                Box::new(CommandBuilder),
                Box::new(GoBuilder::new(environment.clone(), engines.clone())),
                Box::new(RustBuilder::new(environment.clone(), engines)),
                Box::new(PythonBuilder::new(environment.clone())),
                Box::new(NodeBuilder::new(environment)),
            ],
        }
    }

    /// What makes images.
    pub(super) fn images(&self) -> &Images {
        &self.images
    }

    /// The builder for a kind.
    pub fn find(&self, kind: &str) -> Option<&dyn Builder> {
        self.builders.iter().map(AsRef::as_ref).find(|builder| builder.kind() == kind)
    }
}

impl Default for Builders {
    fn default() -> Self {
        Self::new()
    }
}

//! The seam for builders: one per kind of build.

use super::command::CommandBuilder;
use super::environment::Environment;
use super::fingerprint::Sources;
use super::go::GoBuilder;
use super::index::Index;
use super::rust::RustBuilder;
use crate::diagnostic::Diagnostic;
use crate::model::Table;
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
    /// The spec's folder.
    pub folder: &'a Path,
    /// Where facts about earlier builds are kept.
    pub cache: &'a Path,
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

    /// Whether equal builds of different functions differ all the same.
    fn is_per_function(&self, _build: &Build) -> bool {
        false
    }

    /// Where it will write, where that is the user's to say: two builds must not write to one place.
    fn output(&self, job: &Job<'_>) -> Option<PathBuf>;

    /// Builds, unless an earlier build still holds.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic>;
}

/// All builders.
pub struct Builders {
    builders: Vec<Box<dyn Builder>>,
}

impl Builders {
    /// The builders that there are.
    pub fn new() -> Self {
        Self::with(Environment::of_process())
    }

    /// The same, with programs sought and started in another environment.
    pub(super) fn with(environment: Environment) -> Self {
        let (go, rust) = (GoBuilder::new(environment.clone()), RustBuilder::new(environment));
        Self { builders: vec![Box::new(CommandBuilder), Box::new(go), Box::new(rust)] }
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

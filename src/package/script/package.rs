//! Packages that are put together from files of a project and from what was installed for it.

use super::stage::Stage;
use crate::diagnostic::Diagnostic;
use crate::package::contents::Entry;
use crate::package::fingerprint::{Facts, Record, Sources};
use crate::package::index::Index;
use crate::package::problem::{blocking, not_built};
use crate::package::{Built, Job};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A package of a build, and where it lies.
#[derive(Clone)]
pub(in crate::package) struct Package {
    folder: PathBuf,
    index: Index,
}

impl Package {
    /// The package of a build that is known by `identity`.
    pub fn new(job: &Job<'_>, identity: &str) -> Self {
        Self { folder: job.cache.join(identity), index: job.index.clone() }
    }

    /// What the last build made, where builds may not run.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn last(self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        if self.folder.is_dir() {
            return Ok(Built { output: self.folder, sources: None, is_cached: true, warnings: Vec::new() });
        }
        Err(not_built(&format!("a package of `{}`", job.build.path)))
    }

    /// Whether it is made from these sources, and nobody touched it since.
    pub async fn holds(&self, sources: &Sources) -> Result<bool, Diagnostic> {
        let (package, sources) = (self.clone(), sources.clone());
        blocking(move || Ok(Record::load(&package.record()).is_some_and(|record| record.holds(&package.index, &sources, &package.folder))))
            .await
    }

    /// Puts it together: what was installed first, so that the project's own files beat it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub async fn make(&self, sources: Sources, installed: Option<PathBuf>, entries: Vec<Entry>) -> Result<(), Diagnostic> {
        let package = self.clone();
        blocking(move || {
            let stage = Stage::new(&package.folder)?;
            installed.iter().try_for_each(|installed| stage.link(installed))?;
            stage.copy(&entries)?;
            stage.finish()?;
            Record::of(&package.index, sources, &package.folder).with(installed.as_deref()).save(&package.record());
            Ok(())
        })
        .await
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is told of it.
    pub fn built(self, sources: Sources, is_cached: bool) -> Built {
        Built { output: self.folder, sources: Some(sources), is_cached, warnings: Vec::new() }
    }

    fn record(&self) -> PathBuf {
        self.folder.with_extension("json")
    }
}

/// Reads what a package is made from; files are known by their paths as seen from the spec's folder.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::package) async fn sources(job: &Job<'_>, facts: Facts, files: Vec<PathBuf>) -> Result<Sources, Diagnostic> {
    let (index, base) = (job.index.clone(), job.folder.to_owned());
    blocking(move || Sources::read(&index, facts, &named(files, &base))).await
}

fn named(files: Vec<PathBuf>, base: &Path) -> BTreeMap<String, PathBuf> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = absolute(base);
    let name = |path: &PathBuf| absolute(path).strip_prefix(&base).unwrap_or(path).display().to_string();
    files.into_iter().map(|path| (name(&path), path)).collect()
}

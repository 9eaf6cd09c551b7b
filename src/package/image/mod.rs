//! Container images: files on top of a base image, put together here, and Dockerfiles, built by an engine.

mod archive;
mod context;
mod credentials;
mod dockerfile;
mod document;
mod engine;
mod fetch;
mod lay;
mod layer;
mod parse;
mod pull;
mod store;
#[cfg(all(test, unix))]
mod tests;
mod verify;

pub use parse::ImageSource;
pub(super) use parse::parse;
pub(super) use store::Store;
pub(super) use verify::verify;

use super::builder::Built;
use super::contents::Entry;
use super::environment::Environment;
use super::fingerprint::Sources;
use super::hash::Item;
use super::index::Index;
use super::own::Own;
use super::problem::{blocking, missing};
use crate::diagnostic::Diagnostic;
use crate::model::Image;
use lay::Laying;
use parse::Layered;
use pull::{Registries, Wanted};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes images.
#[derive(Clone)]
pub(super) struct Images {
    environment: Environment,
    registries: Arc<Registries>,
}

/// An image that is to be made now.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageJob<'a> {
    /// `arm64` or `x86_64`.
    pub architecture: &'a str,
    /// The spec's folder.
    pub folder: &'a Path,
    /// Where blobs and facts about earlier builds are kept.
    pub cache: &'a Path,
    /// What never belongs to an image, nor to what an engine makes one from.
    pub own: &'a Own,
    /// What files held when they were last read.
    pub index: &'a Index,
    /// Whether engines may run and registries may be asked.
    pub may_run: bool,
}

/// An image that is ready.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub image: Image,
    /// The files that lie on top of the base, as far as they are known.
    pub entries: Vec<Entry>,
    pub items: Vec<Item>,
    /// Whether `entries` are all files of the image.
    pub is_whole: bool,
    /// What an engine made it from.
    pub sources: Option<Sources>,
    /// Whether an earlier build still held.
    pub is_cached: bool,
    /// What the user should know, without address and span.
    pub warnings: Vec<Diagnostic>,
}

impl Images {
    /// Engines and credentials are sought in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { registries: Arc::new(Registries::new(environment.clone())), environment }
    }

    /// Makes an image. `built` is what its build made.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    pub async fn make(&self, source: &ImageSource, built: Option<&Built>, job: ImageJob<'_>) -> Result<Made, Diagnostic> {
        match source {
            ImageSource::Dockerfile(dockerfile) => dockerfile::make(dockerfile, &self.environment, job).await,
            ImageSource::Layered(layered) => self.lay(layered, built, job).await,
            // `group` has left it out.
            ImageSource::Existing => Err(Diagnostic::error("no-image", "There is nothing to make")),
        }
    }

    /// A file with a blob of an image of this run.
    ///
    /// # Errors
    /// A sentence for people.
    pub async fn blob(&self, digest: &str, store: &Store) -> Result<PathBuf, String> {
        self.registries.blob(digest, store).await
    }

    async fn lay(&self, layered: &Layered, built: Option<&Built>, job: ImageJob<'_>) -> Result<Made, Diagnostic> {
        let base = match &layered.base {
            None => None,
            Some(name) => {
                let (architecture, is_logged_in, may_ask) = (job.architecture, layered.is_logged_in, job.may_run);
                Some(self.registries.base(Wanted { name, architecture, is_logged_in, may_ask }, job.cache).await?)
            }
        };
        let laying = Laying {
            layered: layered.clone(),
            output: built.map(|built| built.output.clone()),
            base,
            architecture: job.architecture.to_owned(),
            folder: job.folder.to_owned(),
            cache: job.cache.to_owned(),
            own: job.own.clone(),
            index: job.index.clone(),
        };
        let made = blocking(move || laying.run()).await?;
        Ok(Made { is_cached: built.is_none_or(|built| built.is_cached), ..made })
    }
}

/// What is wrong with an image as far as it shows without making it.
pub(super) fn check(source: &ImageSource, folder: &Path) -> Result<(), Diagnostic> {
    let there = |shown: &str, what: &str| {
        let path = folder.join(shown);
        if path.exists() { Ok(()) } else { Err(missing(&path, shown, what)) }
    };
    match source {
        ImageSource::Existing => Ok(()),
        ImageSource::Dockerfile(dockerfile) => {
            there(&dockerfile.path, "file")?;
            dockerfile.context.iter().try_for_each(|context| there(context, "folder"))
        }
        ImageSource::Layered(layered) => {
            layered.files.values().try_for_each(|path| there(path, "file"))?;
            layered.build.iter().try_for_each(|build| there(&build.path, "folder"))
        }
    }
}

//! Container images: files on top of a base image, put together here, and Dockerfiles, built by an engine.

mod answers;
mod archive;
mod beneath;
mod call;
mod context;
mod credentials;
mod dockerfile;
mod document;
mod engine;
mod fetch;
mod froms;
mod lay;
mod layer;
mod listing;
mod parse;
mod pull;
#[cfg(test)]
mod pull_tests;
mod store;
#[cfg(all(test, unix))]
mod tests;
mod verify;

pub use parse::ImageSource;
pub(super) use parse::parse;
pub(super) use store::Store;
use verify::{Known, Verified, verify};

use super::builder::Built;
use super::contents::Entry;
use super::engine::Engines;
use super::environment::Environment;
use super::fingerprint::Sources;
use super::hash::Item;
use super::index::Index;
use super::own::Own;
use super::problem::{blocking, missing};
use crate::diagnostic::Diagnostic;
use crate::model::{Artifact, EventSink, Form, Image, PackageRequest};
use lay::Laying;
use listing::Listing;
use parse::Layered;
use pull::{Registries, Wanted};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes images.
#[derive(Clone)]
pub(super) struct Images {
    environment: Environment,
    engines: Engines,
    registries: Arc<Registries>,
}

/// An image that is to be made now.
#[derive(Clone, Copy)]
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
    /// Whether it runs on this machine, whatever the spec says.
    pub for_this_machine: bool,
    /// Told what happens.
    pub events: &'a EventSink,
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
    /// What lies in its layers, where they were looked into.
    pub listing: Option<Listing>,
    /// What it was made from.
    pub sources: Option<Sources>,
    /// Whether an earlier build still held.
    pub is_cached: bool,
    /// What the user should know, without address and span.
    pub warnings: Vec<Diagnostic>,
}

impl Made {
    /// The same with what should be known of it, if it starts on all functions that need it.
    ///
    /// # Errors
    /// Why it does not start, without address and span.
    pub fn verified(mut self, requests: &[PackageRequest], architecture: &str, cache: &Path) -> Result<Self, Diagnostic> {
        let found: Vec<Diagnostic> = requests.iter().flat_map(|request| self.verify(request, architecture, cache)).collect();
        for found in found {
            if found.is_error() {
                return Err(found);
            }
            if !self.warnings.iter().any(|known| known.code == found.code) {
                self.warnings.push(found);
            }
        }
        Ok(self)
    }

    fn verify(&self, request: &PackageRequest, architecture: &str, cache: &Path) -> Vec<Diagnostic> {
        let known = match &self.listing {
            Some(listing) => Known::Listed(listing),
            None => Known::Laid { entries: &self.entries, is_whole: self.is_whole },
        };
        let shown = format!("The image of `{}`", request.shown());
        let laid = if self.is_whole { &[][..] } else { &self.entries };
        let own = request.image_config.as_ref();
        verify(&Verified { shown: &shown, image: &self.image, known, laid, own }, architecture, cache)
    }
}

impl Images {
    /// Engines and credentials are sought in this environment.
    pub fn new(environment: Environment, engines: Engines) -> Self {
        Self { registries: Arc::new(Registries::new(environment.clone())), environment, engines }
    }

    /// Makes an image. `built` is what its build made.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    pub async fn make(&self, source: &ImageSource, built: Option<&Built>, job: ImageJob<'_>) -> Result<Made, Diagnostic> {
        match source {
            ImageSource::Dockerfile(dockerfile) => dockerfile::make(dockerfile, self, job).await,
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
                let ImageJob { architecture, may_run, for_this_machine, events, .. } = job;
                let is_logged_in = layered.is_logged_in;
                let wanted = Wanted { name, architecture, is_logged_in, may_ask: may_run, is_here: for_this_machine, events };
                Some(self.registries.base(wanted, job.cache).await?)
            }
        };
        let mut laying = Laying {
            layered: layered.clone(),
            output: built.map(|built| built.output.clone()),
            built: built.and_then(|built| built.sources.clone()),
            base: base.clone(),
            architecture: job.architecture.to_owned(),
            folder: job.folder.to_owned(),
            cache: job.cache.to_owned(),
            own: job.own.clone(),
            index: job.index.clone(),
        };
        let (laying, files) = blocking(move || laying.files().map(|files| (laying, files))).await?;
        let beneath = match &base {
            None => None,
            Some(base) => {
                let needed = laying.unknown_place(&files);
                beneath::beneath(base, needed.as_deref(), &self.registries, job.may_run, job.cache).await?
            }
        };
        let made = blocking(move || laying.run(files, beneath.as_ref())).await?;
        Ok(Made { is_cached: built.is_none_or(|built| built.is_cached), ..made })
    }
}

/// An image in a file or a folder, whoever made it, that was looked at.
pub(super) struct Looked {
    pub artifact: Artifact,
    pub findings: Vec<Diagnostic>,
}

/// Looks at an archive or a layout of the OCI; nothing where `path` is neither.
///
/// # Errors
/// It has no image in it that Lambda would take.
pub(super) fn look(path: &Path, shown: &str, request: &PackageRequest, architecture: &str) -> Result<Option<Looked>, Diagnostic> {
    let is_layout = archive::is_layout(path);
    if !is_layout && !archive::is_archive(path) {
        return Ok(None);
    }
    let unusable = |why: String| Diagnostic::error("bad-image", "The image cannot be deployed").detail(why);
    let scratch = tempfile::tempdir().map_err(|error| unusable(format!("There is no room to look at `{shown}`: {error}.")))?;
    let (store, named) = (Store::new(scratch.path()), format!("`{shown}`"));
    let read = match is_layout {
        true => archive::read_folder(path, &store, &named),
        false => archive::read(path, &store, scratch.path(), &named),
    };
    let image = read.map_err(unusable)?.image;
    let listing = Listing::read(&image, &store).map_err(unusable)?;
    let verified = Verified { shown: &named, image: &image, known: Known::Listed(&listing), laid: &[], own: request.image_config.as_ref() };
    let findings = verify(&verified, architecture, scratch.path());
    let artifact = Artifact {
        content_hash: image.digest(),
        form: Form::Image,
        unzipped_bytes: listing.unpacked_bytes,
        files: listing.modes().count(),
    };
    Ok(Some(Looked { artifact, findings }))
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
            dockerfile::check(dockerfile, folder)?;
            dockerfile.context.iter().try_for_each(|context| there(context, "folder"))
        }
        ImageSource::Layered(layered) => {
            layered.files.values().try_for_each(|path| there(path, "file"))?;
            layered.build.iter().try_for_each(|build| there(&build.path, "folder"))
        }
    }
}

//! The packages of a run, and their zips while they are needed.

use super::contents::Contents;
use super::hash::{Item, content_hash};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, ArtifactSource};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempPath;
use tokio::sync::OnceCell;

/// How many zips are kept in memory for functions that share a package.
const KEPT_ZIPS: usize = 4;

/// The packages that are ready.
pub struct Packages {
    /// What is known of them, by whose they are.
    pub artifacts: BTreeMap<Address, Artifact>,
    /// What the user should know about them.
    pub diagnostics: Vec<Diagnostic>,
    contents: BTreeMap<String, Arc<Planned>>,
    /// Sizes by content hash, in bytes.
    sizes: BTreeMap<String, usize>,
    zips: Mutex<VecDeque<(String, Zip)>>,
    /// Zips in files by content hash.
    files: Mutex<BTreeMap<String, ZipFile>>,
}

type Zip = Arc<OnceCell<Vec<u8>>>;
type ZipFile = Arc<OnceCell<TempPath>>;

/// Contents as they were hashed.
pub(super) struct Planned {
    pub contents: Contents,
    pub items: Vec<Item>,
}

impl Packages {
    pub(super) fn new(
        artifacts: BTreeMap<Address, Artifact>,
        contents: BTreeMap<String, Arc<Planned>>,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        let size = |artifact: &Artifact| usize::try_from(artifact.unzipped_bytes).unwrap_or(usize::MAX);
        let sizes = artifacts.values().map(|artifact| (artifact.content_hash.clone(), size(artifact))).collect();
        Self { artifacts, diagnostics, contents, sizes, zips: Mutex::default(), files: Mutex::default() }
    }

    #[cfg(test)]
    pub(super) fn kept_zips(&self) -> usize {
        self.zips.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn planned(&self, content_hash: &str) -> Result<Arc<Planned>, String> {
        let planned = self.contents.get(content_hash).map(Arc::clone);
        planned.ok_or_else(|| format!("No package with the content hash `{content_hash}` was made in this run. Run again."))
    }

    /// The cell for a zip, moved to the front; the one that was not asked for longest goes.
    fn cell(&self, content_hash: &str) -> Zip {
        let mut zips = self.zips.lock().unwrap_or_else(PoisonError::into_inner);
        let at = zips.iter().position(|(hash, _)| hash == content_hash);
        let zip = at.and_then(|at| zips.remove(at)).map_or_else(Zip::default, |(_, zip)| zip);
        zips.push_front((content_hash.to_owned(), Arc::clone(&zip)));
        zips.truncate(KEPT_ZIPS);
        zip
    }
}

#[async_trait]
impl ArtifactSource for Packages {
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String> {
        let planned = self.planned(content_hash)?;
        let make = || zipping(move || planned.checked(planned.contents.zip()?));
        self.cell(content_hash).get_or_try_init(make).await.cloned()
    }

    async fn zip_file(&self, content_hash: &str) -> Result<PathBuf, String> {
        let planned = self.planned(content_hash)?;
        let cell = Arc::clone(self.files.lock().unwrap_or_else(PoisonError::into_inner).entry(content_hash.to_owned()).or_default());
        let make = || zipping(move || planned.checked(planned.contents.zip_file()?));
        cell.get_or_try_init(make).await.map(|path| path.to_path_buf())
    }

    /// The size of what goes into the zip, which is seldom smaller than that.
    fn expected_bytes(&self, content_hash: &str) -> usize {
        self.sizes.get(content_hash).copied().unwrap_or_default()
    }
}

/// Zips away from the threads that wait for other things.
async fn zipping<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(format!("The package cannot be zipped: {error}.")))
}

impl Planned {
    /// The zip, if the files still are what was hashed: what is uploaded is what was planned.
    fn checked<T>(&self, (zip, items): (T, Vec<Item>)) -> Result<T, String> {
        if content_hash(&items) == content_hash(&self.items) {
            return Ok(zip);
        }
        let changed = items.iter().zip(&self.items).find(|(now, then)| now != then);
        let name = changed.map_or("a file", |(now, _)| now.name.as_str());
        Err(format!("`{name}` changed after the package was planned, so it is not uploaded. Run again."))
    }
}

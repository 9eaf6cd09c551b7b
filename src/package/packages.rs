//! The packages of a run, and their zips while they are needed.

use super::contents::Contents;
use super::hash::{Item, content_hash};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, ArtifactSource};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
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
}

type Zip = Arc<OnceCell<Vec<u8>>>;

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
        Self { artifacts, diagnostics, contents, sizes, zips: Mutex::default() }
    }

    /// What the package with this content hash consists of.
    pub(super) fn planned(&self, content_hash: &str) -> Option<&Planned> {
        self.contents.get(content_hash).map(AsRef::as_ref)
    }

    #[cfg(test)]
    pub(super) fn kept_zips(&self) -> usize {
        self.zips.lock().unwrap_or_else(PoisonError::into_inner).len()
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
        let Some(planned) = self.contents.get(content_hash) else {
            return Err(format!("No package with the content hash `{content_hash}` was made in this run. Run again."));
        };
        let planned = Arc::clone(planned);
        let make = async move {
            let made = tokio::task::spawn_blocking(move || planned.zip()).await;
            made.unwrap_or_else(|error| Err(format!("The package cannot be zipped: {error}.")))
        };
        self.cell(content_hash).get_or_try_init(|| make).await.cloned()
    }

    /// The size of what goes into the zip, which is seldom smaller than that.
    fn expected_bytes(&self, content_hash: &str) -> usize {
        self.sizes.get(content_hash).copied().unwrap_or_default()
    }
}

impl Planned {
    /// The zip, if the files still are what was hashed: what is uploaded is what was planned.
    fn zip(&self) -> Result<Vec<u8>, String> {
        let (bytes, items) = self.contents.zip()?;
        if content_hash(&items) == content_hash(&self.items) {
            return Ok(bytes);
        }
        let changed = items.iter().chain(&self.items).find(|item| !(items.contains(item) && self.items.contains(item)));
        let name = changed.map_or("a file", |item| item.name.as_str());
        Err(format!("`{name}` changed after the package was planned, so it is not uploaded. Run again."))
    }
}

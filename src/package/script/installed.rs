//! What installers brought, kept for the next build that needs the same.

use super::stage::Stage;
use crate::diagnostic::Diagnostic;
use crate::package::problem::blocking;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Folders with what was installed, by what it was installed for.
#[derive(Default)]
pub(in crate::package) struct Installed {
    /// Who holds one may install: whoever comes later finds it done.
    places: Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

impl Installed {
    /// What lies at `place`, or what `install` puts into a new folder that will lie there.
    ///
    /// # Errors
    /// Those of `install`.
    pub async fn get<F, Installing>(&self, place: PathBuf, install: F) -> Result<PathBuf, Diagnostic>
    where
        F: FnOnce(PathBuf) -> Installing,
        Installing: Future<Output = Result<(), Diagnostic>>,
    {
        let _turn = self.turn(&place).await;
        let begun = blocking({
            let place = place.clone();
            move || if place.is_dir() { Ok(None) } else { Stage::new(&place).map(Some) }
        });
        let Some(stage) = begun.await? else { return Ok(place) };
        install(stage.folder().to_owned()).await?;
        blocking(move || stage.finish()).await
    }

    /// Waits until nobody else of this run works at a place.
    pub async fn turn(&self, place: &Path) -> OwnedMutexGuard<()> {
        let lock = Arc::clone(self.places.lock().unwrap_or_else(PoisonError::into_inner).entry(place.to_owned()).or_default());
        lock.lock_owned().await
    }
}

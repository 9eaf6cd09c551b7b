//! The first keys of a spec as they were when it was last in order. By them one is known that says nothing any more, such as a
//! file that was emptied, also by a daemon that begins only then: what it is called, what it lives in, and who is told.

use crate::cli::workspace::{Config, Workspace};
use crate::spec::{self, Header};
use crate::store::Shelf;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// So many bytes of the hash of a path tell files of one name apart that share a folder of states.
const HASH_BYTES: usize = 4;

/// What is kept of one file, for all of its stages.
pub struct LastGood {
    /// The name of the file, and what tells it apart from others of that name.
    pub name: String,
    shelf: Shelf,
    config: PathBuf,
    document: Mutex<Option<Document>>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    config: PathBuf,
    text: String,
}

impl LastGood {
    /// What is kept of the file at `config`. It lies where a spec that says nothing has its state.
    pub fn of(workspace: &Workspace, config: &Path) -> Self {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_path_buf());
        let beside = Header::without_file(config.parent().map(Path::to_path_buf).unwrap_or_default());
        let hash = Sha256::digest(config.as_os_str().as_encoded_bytes());
        let hash: String = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}.{hash}", super::watched_spec::name_of_file(&config));
        let shelf = Shelf::new(workspace.state_folder(&beside).join(super::FOLDER).join(format!("{name}.last-good.json")));
        let document = shelf.load().document.filter(|document: &Document| document.config == config);
        Self { name, shelf, config, document: Mutex::new(document) }
    }

    /// Keeps the first keys of a file that is in order.
    ///
    /// # Errors
    /// Why they cannot be kept; the same ones are not tried again.
    pub fn keep(&self, text: &str) -> Result<(), String> {
        let Some(text) = spec::first_keys(text) else { return Ok(()) };
        let document = Document { config: self.config.clone(), text };
        let mut before = self.document.lock().unwrap_or_else(PoisonError::into_inner);
        if before.as_ref() == Some(&document) {
            return Ok(());
        }
        let saved = self.shelf.save(&document).map_err(|error| error.to_string());
        *before = Some(document);
        saved
    }

    /// The stages that it had.
    pub fn stages(&self) -> Vec<String> {
        self.text().map(|text| spec::salvage_stages(&self.config, &text)).unwrap_or_default()
    }

    /// What it said, unless what the broken file still says of its name contradicts that.
    pub fn header(&self, workspace: &Workspace, broken: &Config) -> Option<Header> {
        let kept = Config { path: broken.path.clone(), text: self.text()? };
        let header = workspace.header(&kept).ok()?;
        let is_of_another = |other: Header| (&other.project, &other.stage) != (&header.project, &header.stage);
        (!workspace.salvaged(broken).is_some_and(is_of_another)).then_some(header)
    }

    fn text(&self) -> Option<String> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|document| document.text.clone())
    }
}

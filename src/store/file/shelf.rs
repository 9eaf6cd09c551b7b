//! A document of its own beside the states: replaced in one piece, and the one before is kept.

use super::folder::{at, is_file, private, read_if_there, remove_if_there, replace};
use crate::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Where one document is kept.
#[derive(Clone, Debug)]
pub struct Shelf {
    path: PathBuf,
}

/// Ends with its process, by the operating system's word.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "open as long as it is claimed")] Option<File>);

/// What was found on a shelf.
#[derive(Debug)]
pub struct Kept<T> {
    /// The document, or the one before where that one cannot be read; `None` where there is nothing that can.
    pub document: Option<T>,
    /// What is wrong with what lies there, if something is.
    pub problem: Option<String>,
}

impl Shelf {
    /// How the file of the document before ends.
    pub const BEFORE: &str = "before.json";

    /// A document at `path`; its folder is made when it is needed.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn before(&self) -> PathBuf {
        self.path.with_extension(Self::BEFORE)
    }

    /// Reads it. What cannot be read is put aside, so that nothing is lost and nothing stops.
    pub fn load<T: DeserializeOwned>(&self) -> Kept<T> {
        let problem = match read(&self.path) {
            Ok(Some(document)) => return Kept { document: Some(document), problem: None },
            Ok(None) => None,
            Err(problem) => {
                let aside = self.path.with_extension("broken.json");
                // Where even that cannot be, the next save replaces it.
                let _ = std::fs::rename(&self.path, aside);
                Some(problem)
            }
        };
        match read(&self.before()) {
            Ok(document) => Kept { document, problem },
            Err(before) => Kept { document: None, problem: problem.or(Some(before)) },
        }
    }

    /// Replaces it in one piece; on return it survives a crash.
    ///
    /// # Errors
    /// When it cannot be written. What was there before is found by the next [`Shelf::load`] then.
    pub fn save<T: Serialize>(&self, document: &T) -> Result<(), StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(at("make", folder))?;
        let bytes = serde_json::to_vec(document).map_err(|error| at("write", &self.path)(error.into()))?;
        self.keep_before()?;
        replace(folder, &self.path, &bytes)
    }

    /// Gives what lies there a second name, so that it is there at each instant.
    fn keep_before(&self) -> Result<(), StoreError> {
        let before = self.before();
        if !self.path.exists() {
            return Ok(());
        }
        remove_if_there(&before)?;
        // Some file systems have no second names.
        std::fs::hard_link(&self.path, &before).or_else(|_| std::fs::rename(&self.path, &before)).map_err(at("keep", &self.path))
    }

    /// Keeps other processes from writing to it, until what is answered is dropped or this process ends; `None` where another
    /// does so already. A folder that cannot be written to keeps everybody from that, so it keeps nobody from reading.
    pub fn claim(&self) -> Option<Claim> {
        let lock = self.path.with_extension("lock");
        let made = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let file = made.and_then(|()| is_file(&lock)).and_then(|()| private().create(true).write(true).truncate(false).open(&lock));
        match file {
            Ok(file) => match file.try_lock() {
                Err(TryLockError::WouldBlock) => None,
                _ => Some(Claim(Some(file))),
            },
            Err(_) => Some(Claim(None)),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let Some(bytes) = read_if_there(path).map_err(|error| error.to_string())? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("`{}` is damaged: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back_and_a_broken_one_gives_way_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("new").join("demo.json"));
        assert!(matches!(shelf.load::<u32>(), Kept { document: None, problem: None }));
        shelf.save(&1).unwrap();
        shelf.save(&2).unwrap();
        assert!(matches!(shelf.load::<u32>(), Kept { document: Some(2), problem: None }));
        std::fs::write(shelf.path(), "{").unwrap();
        let kept = shelf.load::<u32>();
        assert!(kept.document == Some(1) && kept.problem.unwrap().contains("demo.json"));
        assert!(matches!(shelf.load::<u32>(), Kept { document: Some(1), problem: None }));
        shelf.save(&3).unwrap();
        assert!(matches!(shelf.load::<u32>(), Kept { document: Some(3), problem: None }));
    }

    #[test]
    fn one_at_a_time_writes() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("new").join("demo.json"));
        let claim = shelf.claim();
        assert!(claim.is_some() && shelf.claim().is_none());
        drop(claim);
        assert!(shelf.claim().is_some());
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        assert!(Shelf::new(path.join("demo.json")).save(&1).is_err());
    }
}

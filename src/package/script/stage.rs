//! A package's files, put together in a folder of lambdo's own.

use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use crate::package::cache;
use crate::package::contents::Entry;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that takes its place in one step, so that it is there whole or not at all.
pub(in crate::package) struct Stage {
    temporary: tempfile::TempDir,
    place: PathBuf,
}

impl Stage {
    /// A folder that will lie at `place`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(place: &Path) -> Result<Self, Diagnostic> {
        let above = place.parent().unwrap_or(Path::new("."));
        let made = fs::create_dir_all(above).and_then(|()| tempfile::Builder::new().prefix(".new-").tempdir_in(above));
        let temporary = made.map_err(|error| failed(above, &error))?;
        Ok(Self { temporary, place: place.to_owned() })
    }

    /// Where it lies until it is complete.
    pub fn folder(&self) -> &Path {
        self.temporary.path()
    }

    /// Copies files; they beat what lies there already.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn copy(&self, entries: &[Entry]) -> Result<(), Diagnostic> {
        entries.iter().try_for_each(|entry| {
            let to = self.folder().join(&entry.name);
            copy(&entry.path, &to).map_err(|error| failed(&entry.path, &error))
        })
    }

    /// Takes along all files below `from`, which nobody will change: without a copy where the file system can.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn link(&self, from: &Path) -> Result<(), Diagnostic> {
        link_all(from, self.folder()).map_err(|error| failed(from, &error))
    }

    /// Puts it in its place, where another one may lie.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn finish(self) -> Result<PathBuf, Diagnostic> {
        let Self { temporary, place } = self;
        let moved = cache::remove(&place).and_then(|()| fs::rename(temporary.path(), &place));
        moved.map_err(|error| failed(&place, &error))?;
        Ok(place)
    }
}

/// What lies at `to` may be another name of a file that must stay as it is, so it is not written to.
pub(in crate::package) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::copy(from, to).map(|_| ())
}

fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            link_all(&path, &to)?;
        } else {
            let path = path.canonicalize()?;
            fs::hard_link(&path, &to).or_else(|_| copy(&path, &to))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> Diagnostic {
    let detail = format!("The package cannot be put together: `{}`: {error}.", path.display());
    Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_beat_linked_ones_and_leave_those_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("installed/lib/a.py", "theirs"), ("installed/lib/b.py", "b"), ("own/a.py", "ours"), ("place/old", "")] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        let stage = Stage::new(&at("place")).unwrap();
        stage.link(&at("installed")).unwrap();
        stage.copy(&[Entry { name: "lib/a.py".into(), path: at("own/a.py"), mode: 0o644, bytes: 4 }]).unwrap();
        let place = stage.finish().unwrap();
        let read = |name: &str| fs::read_to_string(place.join(name)).unwrap();
        assert_eq!((read("lib/a.py"), read("lib/b.py"), place.join("old").exists()), ("ours".into(), "b".into(), false));
        assert_eq!(fs::read_to_string(at("installed/lib/a.py")).unwrap(), "theirs");
    }
}

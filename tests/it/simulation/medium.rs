//! Where a state is kept, and what a process that dies in the middle of a write leaves there.

use lambdo::store::{FileStore, MemoryStore, StateStore};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The state, among what is kept.
pub const STATE: &str = "demo.json";
/// The journal.
pub const JOURNAL: &str = "demo.journal";

/// Where a state is kept.
pub enum Medium {
    /// For the many lives of the simulation.
    Memory(MemoryStore),
    /// The store that people have, in this folder.
    Files(PathBuf),
}

/// Everything that is kept, by file.
pub type Picture = BTreeMap<String, Vec<u8>>;

impl Medium {
    /// As a process finds it that has just started.
    pub fn open(&self) -> Box<dyn StateStore> {
        match self {
            Self::Memory(store) => Box::new(store.reopen()),
            Self::Files(folder) => Box::new(FileStore::new(folder.clone(), "demo", None)),
        }
    }

    /// The same for another owner.
    pub fn again(&self) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(store.reopen()),
            Self::Files(folder) => Self::Files(folder.clone()),
        }
    }

    /// What is kept now.
    pub fn picture(&self) -> Picture {
        let mut picture = Picture::new();
        match self {
            Self::Memory(store) => {
                picture.extend(store.state_text().map(|text| (STATE.to_owned(), text.into_bytes())));
                picture.extend(store.journal_bytes().map(|bytes| (JOURNAL.to_owned(), bytes)));
            }
            Self::Files(folder) => take(folder, "", &mut picture),
        }
        picture
    }

    /// Puts this in the place of everything that is kept.
    pub fn restore(&self, picture: &Picture) {
        match self {
            Self::Memory(store) => {
                store.set_state_text(picture.get(STATE).map(|bytes| std::str::from_utf8(bytes).unwrap()));
                store.set_journal_bytes(picture.get(JOURNAL).map(Vec::as_slice));
            }
            Self::Files(folder) => {
                self.picture().keys().for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
                picture.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
            }
        }
    }
}

fn take(folder: &Path, prefix: &str, picture: &mut Picture) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.path().is_dir() {
            true => take(&entry.path(), &format!("{name}/"), picture),
            false => drop(picture.insert(name, std::fs::read(entry.path()).unwrap())),
        }
    }
}

/// What a write of the journal has added; nothing for a write of the state.
pub fn appended<'a>(before: &Picture, after: &'a Picture) -> Option<&'a [u8]> {
    let journal = after.get(JOURNAL).filter(|_| before.get(STATE) == after.get(STATE))?;
    let kept = before.get(JOURNAL).filter(|before| journal.starts_with(before)).map_or(0, Vec::len);
    Some(&journal[kept..])
}

/// The moments in the middle of a write of the state, beginning with the one before it.
pub const MOMENTS: u64 = 6;

/// What is there when the process has died in the middle of a write: of what goes to the journal `part` bytes are written,
/// and of what replaces the state as many steps are taken.
pub fn torn(before: &Picture, after: &Picture, part: u64) -> Picture {
    let mut torn = before.clone();
    if let Some(added) = appended(before, after) {
        let written = usize::try_from(part).unwrap() % (added.len() + 1);
        let journal = &after[JOURNAL];
        torn.insert(JOURNAL.to_owned(), journal[..journal.len() - added.len() + written].to_vec());
        return torn;
    }
    let moment = part % MOMENTS;
    let (state, history) = (&after[STATE], after.iter().filter(|(name, _)| name.starts_with("history/")));
    if moment >= 1 {
        torn.extend(history.map(|(name, bytes)| (name.clone(), bytes.clone())));
    }
    match moment {
        0 | 1 => {}
        2 => drop(torn.insert(".demo.json.tmp".to_owned(), state[..state.len() / 2].to_vec())),
        3 => drop(torn.insert(".demo.json.tmp".to_owned(), state.clone())),
        4 => drop(torn.insert(STATE.to_owned(), state.clone())),
        _ => torn = after.clone(),
    }
    torn
}

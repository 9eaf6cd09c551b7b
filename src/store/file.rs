//! The state in files beside the spec.

mod folder;
mod key;
mod lock;
mod runs;
mod shelf;

pub use runs::{RunLog, RunRecord, RunRecords};
pub use shelf::{Claim, Kept, Shelf};

use super::journal::{self, Standing};
use super::snapshot::Head;
use super::{Generation, Holder, JournalHeader, KEPT_GENERATIONS, Lease, StateStore, StoreError, snapshot};
use crate::model::state::LAST_SERIAL;
use crate::model::{Record, SecretKey, State};
use async_trait::async_trait;
use folder::{at, private, read_if_there, remove_if_there};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps `<project>[.<stage>].json` in a folder, with a journal, a lock, and previous generations
/// in `history/`.
pub struct FileStore {
    files: Arc<Files>,
}

struct Files {
    folder: PathBuf,
    stem: String,
    owner: Owner,
    /// The journal of this run, once it was begun.
    journal: Mutex<Option<File>>,
}

/// Whose state it is.
struct Owner {
    project: String,
    stage: Option<String>,
}

impl FileStore {
    /// The store of one project and stage in `folder`, which is made when something is written.
    pub fn new(folder: PathBuf, project: &str, stage: Option<&str>) -> Self {
        let stem = stage.map_or_else(|| project.to_owned(), |stage| format!("{project}.{stage}"));
        let owner = Owner { project: project.to_owned(), stage: stage.map(str::to_owned) };
        Self { files: Arc::new(Files { folder, stem, owner, journal: Mutex::new(None) }) }
    }

    /// The stores of all projects and stages that have a state in `folder`; none where there is no such folder.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn all_in(folder: &Path) -> Result<Vec<Self>, StoreError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at("list", folder)(error)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut stems: Vec<String> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        stems.sort_unstable();
        // Names of projects and stages have no dots.
        let store = |stem: &String| match stem.split_once('.') {
            Some((project, stage)) => Self::new(folder.to_owned(), project, Some(stage)),
            None => Self::new(folder.to_owned(), stem, None),
        };
        Ok(stems.iter().filter(|stem| stem.starts_with(|first: char| first.is_ascii_alphabetic())).map(store).collect())
    }

    /// The file that holds the state.
    pub fn path(&self) -> PathBuf {
        self.files.state_path()
    }

    /// Keeps a journal whose state is gone beside the kept generations, so that a state can be made anew.
    ///
    /// # Errors
    /// What keeps it from being moved.
    pub async fn set_journal_aside(&self) -> Result<(), StoreError> {
        self.blocking(|files| {
            files.make_folder(&files.history_folder())?;
            let aside = files.history_folder().join(format!("{}.damaged.journal", files.stem));
            fs::rename(files.journal_path(), &aside).map_err(at("write", &aside))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|error| Err(at("use", &self.files.folder)(io::Error::other(error))))
    }
}

#[async_trait]
impl StateStore for FileStore {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.blocking(Files::load).await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Lease>, StoreError> {
        self.files.make_folder(&self.files.folder)?;
        self.files.is_no_link()?;
        let lease = lock::take(&self.files.path("lock"), &self.files.path("holder"), holder).await?;
        Ok(Box::new(lease))
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        lock::holder(&self.files.path("lock"), &self.files.path("holder"))
    }

    async fn append(&self, header: &JournalHeader, records: &[Record]) -> Result<(), StoreError> {
        let (header, records) = (header.clone(), records.to_vec());
        self.blocking(move |files| files.append(&header, &records)).await
    }

    async fn save(&self, state: &State, expected_serial: u64) -> Result<(), StoreError> {
        let (head, text) = (Head::of(state), snapshot::to_text(state, &self.path().display().to_string())?);
        self.blocking(move |files| files.save(&head, &text, expected_serial)).await
    }

    async fn history(&self) -> Result<Vec<Generation>, StoreError> {
        self.blocking(Files::history).await
    }

    async fn generation(&self, serial: u64) -> Result<Option<State>, StoreError> {
        self.blocking(move |files| files.generation(serial)).await
    }

    async fn secret_key(&self) -> Result<SecretKey, StoreError> {
        self.blocking(|files| key::key(&files.folder, &files.path("key"))).await
    }

    fn describe(&self) -> String {
        self.files.state_path().display().to_string()
    }
}

impl Files {
    fn path(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.stem))
    }

    fn state_path(&self) -> PathBuf {
        self.path("json")
    }

    fn journal_path(&self) -> PathBuf {
        self.path("journal")
    }

    fn history_folder(&self) -> PathBuf {
        self.folder.join("history")
    }

    fn generation_path(&self, serial: u64) -> PathBuf {
        self.history_folder().join(format!("{}.{serial}.json", self.stem))
    }

    fn make_folder(&self, folder: &Path) -> Result<(), StoreError> {
        fs::create_dir_all(folder).map_err(|source| StoreError::Folder { place: folder.display().to_string(), source })
    }

    /// Whoever wants to write needs the state itself.
    fn is_no_link(&self) -> Result<(), StoreError> {
        let path = self.state_path();
        let target = fs::read_link(&path).ok().map(|target| target.display().to_string());
        target.map_or(Ok(()), |target| Err(StoreError::Link { place: path.display().to_string(), target }))
    }

    fn load(&self) -> Result<Option<State>, StoreError> {
        // The journal first: a save that happens in between leaves a journal that is older than
        // the state, which folds to nothing. The other way round, its records would be lost.
        let path = self.journal_path();
        let place = path.display().to_string();
        let journal = journal::parse(&read_if_there(&path)?.unwrap_or_default(), &place)?;
        journal::fold(self.read_state()?, journal, &place)
    }

    fn read_state(&self) -> Result<Option<State>, StoreError> {
        self.read_state_in(&self.state_path(), &|| self.way_out())
    }

    fn generation(&self, serial: u64) -> Result<Option<State>, StoreError> {
        let way_out = || "It is a kept generation, which no run needs; `lambdo state history` lists the others.".to_owned();
        match self.read_state() {
            Ok(Some(state)) if state.serial == serial => Ok(Some(state)),
            // A generation is what is looked for when the state is damaged.
            Ok(_) | Err(StoreError::Garbled { .. } | StoreError::Contradiction { .. }) => {
                self.read_state_in(&self.generation_path(serial), &way_out)
            }
            Err(error) => Err(error),
        }
    }

    fn read_state_in(&self, path: &Path, way_out: &dyn Fn() -> String) -> Result<Option<State>, StoreError> {
        let place = path.display().to_string();
        let Some(bytes) = read_if_there(path)? else { return Ok(None) };
        let state = snapshot::parse(&String::from_utf8_lossy(&bytes), &place, way_out)?;
        self.owner.check(&Head::of(&state), &place)?;
        Ok(Some(state))
    }

    fn read_head(&self) -> Result<Option<Head>, StoreError> {
        let path = self.state_path();
        let place = path.display().to_string();
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let head = snapshot::parse_head(&String::from_utf8_lossy(&bytes), &place, || self.way_out())?;
        self.owner.check(&head, &place)?;
        Ok(Some(head))
    }

    /// What to do about a damaged state.
    fn way_out(&self) -> String {
        let rebuild = "`lambdo state rebuild` makes it anew from what is in AWS";
        let last = self.history().unwrap_or_default().pop();
        last.map_or_else(
            || format!("{rebuild}; no previous generation of it is kept here."),
            |last| {
                format!(
                    "{rebuild}. The previous generation is `{}`: `lambdo state restore {}` goes back to it, if nothing was made since.",
                    last.place, last.serial
                )
            },
        )
    }

    fn append(&self, header: &JournalHeader, records: &[Record]) -> Result<(), StoreError> {
        let mut open = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.journal_path();
        // What fails halfway leaves a torn line: without the handle, the next append cuts it off.
        let (mut file, first) = match open.take() {
            Some(file) => (file, None),
            None => (self.open_journal(header)?, Some(header)),
        };
        let lines = journal::to_lines(first, records).map_err(|error| at("write", &path)(error.into()))?;
        if !lines.is_empty() {
            file.write_all(&lines).and_then(|()| file.sync_data()).map_err(at("write", &path))?;
        }
        if first.is_some() {
            folder::sync(&self.folder)?;
        }
        *open = Some(file);
        Ok(())
    }

    /// Opens the journal behind its last sound line; one that was folded already begins anew.
    fn open_journal(&self, header: &JournalHeader) -> Result<File, StoreError> {
        snapshot::check_base(self.read_head()?.as_ref(), header, &self.state_path().display().to_string())?;
        self.make_folder(&self.folder)?;
        let path = self.journal_path();
        let place = path.display().to_string();
        let bytes = read_if_there(&path)?.unwrap_or_default();
        let sound_bytes = match journal::parse(&bytes, &place)? {
            Some(journal) if journal.standing(&header.lineage, header.serial, &place)? == Standing::Current => journal.sound_bytes,
            _ => 0,
        };
        let mut file = private().create(true).write(true).truncate(false).open(&path).map_err(at("open", &path))?;
        let cut = file.set_len(sound_bytes as u64).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(at("write", &path))?;
        Ok(file)
    }

    fn save(&self, head: &Head, text: &str, expected: u64) -> Result<(), StoreError> {
        let mut open = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.state_path();
        let place = path.display().to_string();
        self.make_folder(&self.history_folder())?;
        let current = match self.read_head() {
            // Who builds on nothing took what is there for damaged: a head may be sound where the rest of it is not.
            Ok(Some(_)) if expected == 0 => self.read_state().map(|state| state.as_ref().map(Head::of)),
            other => other,
        };
        match current {
            Ok(current) => {
                snapshot::check_save(head, current.as_ref(), expected, &place)?;
                current.map(|current| self.keep(&self.generation_path(current.serial))).transpose()?;
            }
            // Damaged since it was loaded: what is known here is all there is, so it is written.
            Err(StoreError::Garbled { .. } | StoreError::Contradiction { .. }) => {
                self.keep(&self.history_folder().join(format!("{}.damaged.json", self.stem)))?
            }
            Err(other) => return Err(other),
        }
        folder::replace(&self.folder, &path, text.as_bytes())?;
        *open = None;
        remove_if_there(&self.journal_path())?;
        self.prune()
    }

    /// Keeps the current file under another name.
    fn keep(&self, path: &Path) -> Result<(), StoreError> {
        remove_if_there(path)?;
        let current = self.state_path();
        let linked = fs::hard_link(&current, path);
        linked.or_else(|_| fs::copy(&current, path).map(|_| ())).map_err(at("write", path))?;
        folder::sync(&self.history_folder())
    }

    fn prune(&self) -> Result<(), StoreError> {
        let generations = self.history()?;
        let surplus = generations.len().saturating_sub(KEPT_GENERATIONS);
        generations[..surplus].iter().try_for_each(|generation| remove_if_there(&self.generation_path(generation.serial)))
    }

    fn history(&self) -> Result<Vec<Generation>, StoreError> {
        let folder = self.history_folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at("list", &folder)(error)),
        };
        let mut generations = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at("list", &folder))?;
            if let Some(serial) = self.serial_of(&entry.file_name().to_string_lossy()) {
                let saved_at = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(folder::timestamp);
                generations.push(Generation { serial, place: entry.path().display().to_string(), saved_at });
            }
        }
        generations.sort_by_key(|generation| generation.serial);
        Ok(generations)
    }

    fn serial_of(&self, name: &str) -> Option<u64> {
        let serial = name.strip_prefix(&self.stem)?.strip_prefix('.')?.strip_suffix(".json")?.parse().ok()?;
        // The next save must be able to have a higher one than each of them.
        (serial < LAST_SERIAL).then_some(serial)
    }
}

impl Owner {
    fn check(&self, state: &Head, place: &str) -> Result<(), StoreError> {
        if (&state.project, &state.stage) == (&self.project, &self.stage) {
            return Ok(());
        }
        let (found, wanted) = (name(&state.project, state.stage.as_deref()), name(&self.project, self.stage.as_deref()));
        Err(StoreError::OtherOwner { place: place.to_owned(), found, wanted })
    }
}

fn name(project: &str, stage: Option<&str>) -> String {
    stage.map_or_else(|| format!("project `{project}`"), |stage| format!("project `{project}`, stage `{stage}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let store = FileStore::new(folder.path().join("file/state"), "demo", None);
        let error = store.save(&suite::state(1), 0).await.unwrap_err();
        assert!(matches!(error, StoreError::Folder { .. }), "{error}");
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }

    #[tokio::test]
    async fn reading_makes_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("state"), "demo", None);
        assert_eq!(store.load().await.unwrap(), None);
        assert_eq!(store.holder().await.unwrap(), None);
        assert_eq!(store.history().await.unwrap(), vec![]);
        assert!(!folder.path().join("state").exists());
    }

    /// What stands in a state with one thing changed is still JSON, and its head is sound.
    #[tokio::test]
    async fn a_state_whose_rest_is_damaged_can_be_replaced_and_gone_back_from() {
        let damages = [
            (r#""physical_id": "demo-a""#, r#""physical_id": """#),
            (r#""physical_id": "demo-a""#, r#""physical_id": 7"#),
            (r#""format": 4"#, r#""format": 0"#),
            (r#""lineage": "l1""#, r#""lineage": """#),
            (r#""serial": 2"#, r#""serial": 9007199254740992"#),
        ];
        for (sound, damaged) in damages {
            let folder = tempfile::tempdir().unwrap();
            let store = FileStore::new(folder.path().into(), "demo", None);
            let mut state = suite::state(1);
            state.entries.insert("role.a".parse().unwrap(), crate::model::Entry::new("demo-a".into()));
            store.save(&state, 0).await.unwrap();
            state.serial = 2;
            store.save(&state, 1).await.unwrap();
            let text = fs::read_to_string(store.path()).unwrap();
            assert!(text.contains(sound), "{sound} {text}");
            let text = text.replace(sound, damaged);
            fs::write(store.path(), &text).unwrap();
            let error = store.load().await.unwrap_err();
            assert!(matches!(error, StoreError::Garbled { .. } | StoreError::Contradiction { .. }), "{damaged}: {error}");
            // Both ways out of it save what builds on nothing: the generation that was kept, or what AWS has.
            let mut kept = store.generation(1).await.unwrap().unwrap();
            assert_eq!(store.history().await.unwrap().len(), 1);
            kept.serial = 2;
            store.save(&kept, 0).await.unwrap_or_else(|error| panic!("{damaged}: {error}"));
            assert_eq!(store.load().await.unwrap(), Some(kept), "{damaged}");
            assert_eq!(fs::read_to_string(folder.path().join("history/demo.damaged.json")).unwrap(), text);
        }
        // One that is whole is nobody's to replace so.
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        store.save(&suite::state(1), 0).await.unwrap();
        assert!(matches!(store.save(&suite::state(2), 0).await.unwrap_err(), StoreError::Conflict { .. }));
    }

    #[tokio::test]
    async fn a_file_whose_serial_leaves_room_for_no_other_is_no_generation() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        store.save(&suite::state(1), 0).await.unwrap();
        store.save(&suite::state(2), 1).await.unwrap();
        for serial in [u64::MAX, LAST_SERIAL + 1, LAST_SERIAL] {
            fs::write(folder.path().join(format!("history/demo.{serial}.json")), "{}").unwrap();
        }
        let serials: Vec<u64> = store.history().await.unwrap().iter().map(|one| one.serial).collect();
        assert_eq!(serials, [1]);
    }

    #[tokio::test]
    async fn stages_keep_apart_and_do_not_see_each_other_in_the_history() {
        let folder = tempfile::tempdir().unwrap();
        let plain = FileStore::new(folder.path().into(), "demo", None);
        let lock = FileStore::new(folder.path().into(), "demo", Some("lock"));
        let mut staged = suite::state(1);
        staged.stage = Some("lock".into());
        let lease = plain.lock(&suite::holder()).await.unwrap();
        lock.save(&staged, 0).await.unwrap();
        staged.serial = 2;
        lock.save(&staged, 1).await.unwrap();
        drop(lease);
        assert_eq!(plain.load().await.unwrap(), None);
        assert_eq!(plain.history().await.unwrap(), vec![]);
        assert_eq!(lock.load().await.unwrap(), Some(staged));
        assert_eq!(lock.history().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_state_under_another_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        FileStore::new(folder.path().into(), "demo", None).save(&suite::state(1), 0).await.unwrap();
        fs::copy(folder.path().join("demo.json"), folder.path().join("demo.prod.json")).unwrap();
        let error = FileStore::new(folder.path().into(), "demo", Some("prod")).load().await.unwrap_err();
        assert!(matches!(error, StoreError::OtherOwner { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_state_that_is_damaged_during_a_run_is_kept_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        store.save(&suite::state(1), 0).await.unwrap();
        fs::write(store.path(), "<<<<<<<").unwrap();
        store.save(&suite::state(2), 1).await.unwrap();
        assert_eq!(store.load().await.unwrap().unwrap().serial, 2);
        assert_eq!(fs::read_to_string(folder.path().join("history/demo.damaged.json")).unwrap(), "<<<<<<<");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_state_and_journal() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        store.save(&suite::state(1), 0).await.unwrap();
        store.append(&JournalHeader::of(&suite::state(1)), &[]).await.unwrap();
        for file in ["demo.json", "demo.journal"] {
            assert_eq!(fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[tokio::test]
    async fn the_note_of_a_dead_holder_strands_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        fs::write(folder.path().join("demo.lock"), "").unwrap();
        fs::write(folder.path().join("demo.holder"), serde_json::to_vec(&suite::holder()).unwrap()).unwrap();
        assert_eq!(store.holder().await.unwrap(), None);
        assert!(store.lock(&suite::holder()).await.is_ok());
    }

    #[tokio::test]
    async fn a_damaged_state_points_at_the_previous_generation() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        store.save(&suite::state(1), 0).await.unwrap();
        store.save(&suite::state(2), 1).await.unwrap();
        let text = fs::read_to_string(store.path()).unwrap();
        fs::write(store.path(), &text[..text.len() / 2]).unwrap();
        let detail = store.load().await.unwrap_err().to_diagnostic().detail;
        let detail = detail.replace(&folder.path().display().to_string(), "state");
        insta::assert_snapshot!(detail, @"The state `state/demo.json` cannot be understood: EOF while parsing a value at line 7, column 21. `lambdo state rebuild` makes it anew from what is in AWS. The previous generation is `state/history/demo.1.json`: `lambdo state restore 1` goes back to it, if nothing was made since.");
    }

    #[tokio::test]
    async fn generations_are_in_the_order_of_their_serials_whatever_the_clock_said() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        for serial in 1..=4 {
            store.save(&suite::state(serial), serial - 1).await.unwrap();
        }
        let seconds = std::time::Duration::from_secs;
        for (serial, time) in [(1, seconds(4_000_000_000)), (2, seconds(0)), (3, seconds(1_000))] {
            let file = File::options().write(true).open(folder.path().join(format!("history/demo.{serial}.json"))).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH + time).unwrap();
        }
        let history = store.history().await.unwrap();
        assert_eq!(history.iter().map(|generation| generation.serial).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(history[0].saved_at.as_deref(), Some("2096-10-02T07:06:40Z"));
        store.save(&suite::state(5), 4).await.unwrap();
        assert_eq!(store.generation(1).await.unwrap(), Some(suite::state(1)));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_to_a_state_is_read_and_not_replaced() {
        let (folder, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let original = FileStore::new(shared.path().into(), "demo", None);
        original.save(&suite::state(1), 0).await.unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        std::os::unix::fs::symlink(original.path(), store.path()).unwrap();
        assert_eq!(store.load().await.unwrap(), Some(suite::state(1)));
        let refused = store.lock(&suite::holder()).await.err().unwrap();
        assert!(matches!(&refused, StoreError::Link { .. }) && refused.to_string().contains("--state-dir"), "{refused}");
        // A link to the folder is as good as the folder.
        let linked = folder.path().join("linked");
        std::os::unix::fs::symlink(shared.path(), &linked).unwrap();
        drop(FileStore::new(linked, "demo", None).lock(&suite::holder()).await.unwrap());
    }

    #[tokio::test]
    async fn a_note_about_a_holder_is_not_believed_without_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().into(), "demo", None);
        drop(store.lock(&suite::holder()).await.unwrap());
        // Its number was given to a process that lives, or it was on a machine that cannot be asked, or of tomorrow.
        let reused = Holder { pid: std::process::id(), ..suite::holder() };
        let elsewhere = Holder { host: "another".into(), since: "2999-01-01T00:00:00Z".into(), ..suite::holder() };
        for note in [reused, elsewhere] {
            fs::write(folder.path().join("demo.holder"), serde_json::to_vec(&note).unwrap()).unwrap();
            assert_eq!(store.holder().await.unwrap(), None);
            let lease = store.lock(&suite::holder()).await.unwrap();
            assert_eq!(store.holder().await.unwrap(), Some(suite::holder()));
            drop(lease);
        }
    }
}

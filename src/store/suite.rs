//! What every store must do, run over each of them.

use super::{FileStore, Holder, JournalHeader, KEPT_GENERATIONS, MemoryStore, StateStore, StoreError, next_operation};
use crate::model::state::{LAST_SERIAL, STATE_FORMAT};
use crate::model::{Address, Carry, Lineage, Path, Record, State, Table, Target, Transition, Value};
use std::fs;
use std::path::PathBuf;

pub(super) fn state(serial: u64) -> State {
    let mut state = State::new(Lineage("l1".into()), "demo", None, Target::placeholder(), None);
    state.serial = serial;
    state
}

pub(super) fn holder() -> Holder {
    let since = "2026-01-02T03:04:05Z".into();
    Holder { who: "ada".into(), pid: 41, host: "laptop".into(), operation: "up".into(), since }
}

fn begin(operation: usize, name: &str) -> Record {
    let (address, transition) = (Address::new("role", name), Transition::Create { adopted: false, discards: false });
    Record::Begin { operation, address, physical_id: Some(name.into()), call: "iam:CreateRole".into(), transition }
}

fn end(operation: usize, name: &str) -> Record {
    Record::End {
        operation,
        address: Address::new("role", name),
        physical_id: name.into(),
        transition: Transition::Create { adopted: false, discards: false },
        carries: vec![Carry::set(Path::key("description"), Value::from(name))],
        attributes: Table::new(),
        facts: None,
    }
}

fn entries(state: &State) -> Vec<String> {
    state.entries.keys().map(Address::to_string).collect()
}

fn open(state: &State) -> Vec<(usize, String)> {
    let open = state.intents.iter().map(|intent| match intent {
        Record::Begin { operation, address, .. } => (*operation, address.to_string()),
        other => panic!("{other:?}"),
    });
    open.collect()
}

/// A store whose insides a test can reach.
trait Medium {
    fn open(&self) -> Box<dyn StateStore>;
    fn state_text(&self) -> Option<String>;
    fn set_state_text(&self, text: Option<&str>);
    fn journal(&self) -> Option<Vec<u8>>;
    fn set_journal(&self, bytes: &[u8]);
}

impl Medium for MemoryStore {
    fn open(&self) -> Box<dyn StateStore> {
        Box::new(self.reopen())
    }
    fn state_text(&self) -> Option<String> {
        self.state_text()
    }
    fn set_state_text(&self, text: Option<&str>) {
        self.set_state_text(text);
    }
    fn journal(&self) -> Option<Vec<u8>> {
        self.journal_bytes()
    }
    fn set_journal(&self, bytes: &[u8]) {
        self.set_journal_bytes(Some(bytes));
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("state").join(name)
    }
}

impl Medium for Folder {
    fn open(&self) -> Box<dyn StateStore> {
        Box::new(FileStore::new(self.0.path().join("state"), "demo", None))
    }
    fn state_text(&self) -> Option<String> {
        fs::read_to_string(self.path("demo.json")).ok()
    }
    fn set_state_text(&self, text: Option<&str>) {
        match text {
            Some(text) => fs::write(self.path("demo.json"), text).unwrap(),
            None => fs::remove_file(self.path("demo.json")).unwrap(),
        }
    }
    fn journal(&self) -> Option<Vec<u8>> {
        fs::read(self.path("demo.journal")).ok()
    }
    fn set_journal(&self, bytes: &[u8]) {
        fs::write(self.path("demo.journal"), bytes).unwrap();
    }
}

async fn a_saved_state_is_loaded_as_it_was(medium: &dyn Medium) {
    assert_eq!(medium.open().load().await.unwrap(), None);
    let mut saved = state(1);
    saved.fold([begin(0, "a"), end(0, "a")]);
    medium.open().save(&saved, 0).await.unwrap();
    saved.unsaved = false;
    assert_eq!(medium.open().load().await.unwrap(), Some(saved));
}

async fn what_nobody_could_settle_is_saved_with_the_state(medium: &dyn Medium) {
    let mut saved = state(1);
    saved.fold([begin(0, "a")]);
    medium.open().save(&saved, 0).await.unwrap();
    assert_eq!(medium.journal(), None);
    assert_eq!(open(&medium.open().load().await.unwrap().unwrap()), [(0, "role.a".to_owned())]);
    medium.open().append(&JournalHeader::of(&state(1)), &[begin(0, "b")]).await.unwrap();
    let loaded = medium.open().load().await.unwrap().unwrap();
    assert_eq!(open(&loaded), [(0, "role.a".to_owned()), (1, "role.b".to_owned())]);
}

async fn the_same_state_is_stored_as_the_same_text(medium: &dyn Medium) {
    let store = medium.open();
    let mut first = state(1);
    first.fold([end(0, "b"), end(1, "a")]);
    store.save(&first, 0).await.unwrap();
    let text = medium.state_text().unwrap();
    let mut second = state(1);
    second.fold([end(0, "a"), end(1, "b")]);
    medium.set_state_text(Some(&text));
    assert_eq!(serde_json::to_string_pretty(&second).unwrap() + "\n", text);
}

async fn a_journal_without_a_state_makes_the_state(medium: &dyn Medium) {
    let store = medium.open();
    store.append(&JournalHeader::of(&state(0)), &[begin(0, "a"), end(0, "a")]).await.unwrap();
    store.append(&JournalHeader::of(&state(0)), &[begin(1, "b")]).await.unwrap();
    let loaded = medium.open().load().await.unwrap().unwrap();
    assert_eq!((loaded.serial, loaded.lineage.0.as_str()), (0, "l1"));
    assert_eq!(entries(&loaded), ["role.a"]);
    assert_eq!(open(&loaded), [(1, "role.b".to_owned())]);
    assert_eq!(medium.state_text(), None, "loading writes nothing");
}

async fn a_header_alone_fixes_the_lineage(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[]).await.unwrap();
    assert_eq!(medium.open().load().await.unwrap(), Some(state(0)));
}

async fn a_save_removes_the_journal_and_a_later_append_begins_a_new_one(medium: &dyn Medium) {
    let store = medium.open();
    store.append(&JournalHeader::of(&state(0)), &[end(0, "a")]).await.unwrap();
    let mut folded = store.load().await.unwrap().unwrap();
    folded.serial = 1;
    store.save(&folded, 0).await.unwrap();
    assert_eq!(medium.journal(), None);
    store.append(&JournalHeader::of(&folded), &[end(0, "b")]).await.unwrap();
    assert_eq!(entries(&medium.open().load().await.unwrap().unwrap()), ["role.a", "role.b"]);
}

async fn a_journal_that_was_folded_already_is_ignored(medium: &dyn Medium) {
    let store = medium.open();
    store.append(&JournalHeader::of(&state(0)), &[end(0, "a"), begin(1, "b")]).await.unwrap();
    let stale = medium.journal().unwrap();
    store.save(&state(1), 0).await.unwrap();
    medium.set_journal(&stale);
    assert_eq!(medium.open().load().await.unwrap(), Some(state(1)));
    medium.open().append(&JournalHeader::of(&state(1)), &[end(0, "c")]).await.unwrap();
    assert_eq!(entries(&medium.open().load().await.unwrap().unwrap()), ["role.c"]);
}

async fn a_torn_last_line_is_ignored_and_cut_off(medium: &dyn Medium) {
    let header = JournalHeader::of(&state(0));
    medium.open().append(&header, &[begin(0, "a"), begin(1, "b")]).await.unwrap();
    let whole = medium.journal().unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last_line..whole.len() {
        medium.set_journal(&whole[..cut]);
        let loaded = medium.open().load().await.unwrap().unwrap();
        assert_eq!(open(&loaded), [(0, "role.a".to_owned())], "cut at {cut}");
        medium.open().append(&header, &[begin(2, "c")]).await.unwrap();
        let loaded = medium.open().load().await.unwrap().unwrap();
        assert_eq!(open(&loaded), [(0, "role.a".to_owned()), (2, "role.c".to_owned())], "cut at {cut}");
    }
}

async fn a_torn_header_is_no_journal(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[]).await.unwrap();
    let whole = medium.journal().unwrap();
    medium.set_journal(&whole[..whole.len() / 2]);
    assert_eq!(medium.open().load().await.unwrap(), None);
    medium.open().append(&JournalHeader::of(&state(0)), &[end(0, "a")]).await.unwrap();
    assert_eq!(entries(&medium.open().load().await.unwrap().unwrap()), ["role.a"]);
}

async fn a_garbled_middle_line_is_an_error_with_its_number(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[begin(0, "a"), begin(1, "b")]).await.unwrap();
    let text = String::from_utf8(medium.journal().unwrap()).unwrap();
    medium.set_journal(text.replacen("{\"record\":\"begin\"", "{\"record\":\"begun\"", 1).as_bytes());
    let error = medium.open().load().await.unwrap_err();
    assert!(matches!(error, StoreError::JournalGarbled { line: 2, .. }), "{error}");
}

async fn numbers_that_no_run_leads_to_are_refused(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[begin(7, "a"), begin(8, "b")]).await.unwrap();
    let text = String::from_utf8(medium.journal().unwrap()).unwrap();
    medium.set_journal(text.replacen("\"operation\":7", "\"operation\":18446744073709551615", 1).as_bytes());
    let error = medium.open().load().await.unwrap_err();
    assert!(matches!(error, StoreError::JournalGarbled { line: 2, .. }), "{error}");
}

async fn the_last_serial_is_loaded_and_none_is_written_that_no_load_takes(medium: &dyn Medium) {
    let store = medium.open();
    store.save(&state(LAST_SERIAL), 0).await.unwrap();
    assert_eq!(medium.open().load().await.unwrap(), Some(state(LAST_SERIAL)));
    let error = store.save(&state(LAST_SERIAL + 1), LAST_SERIAL).await.unwrap_err();
    assert!(matches!(error, StoreError::OutOfSerials { .. }), "{error}");
    assert_eq!(medium.open().load().await.unwrap(), Some(state(LAST_SERIAL)));
}

async fn a_later_run_may_repeat_the_numbers_of_a_killed_one(medium: &dyn Medium) {
    let header = JournalHeader::of(&state(0));
    medium.open().append(&header, &[begin(0, "a"), begin(1, "b"), end(1, "b")]).await.unwrap();
    medium.open().append(&header, &[begin(0, "c"), begin(1, "d"), end(0, "c")]).await.unwrap();
    let loaded = medium.open().load().await.unwrap().unwrap();
    assert_eq!(entries(&loaded), ["role.b", "role.c"]);
    let names: Vec<String> = open(&loaded).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["role.a", "role.d"]);
}

async fn a_later_run_can_end_what_a_killed_one_began(medium: &dyn Medium) {
    let header = JournalHeader::of(&state(0));
    medium.open().append(&header, &[begin(0, "a"), begin(1, "b")]).await.unwrap();
    medium.open().append(&header, &[begin(0, "c"), begin(1, "d")]).await.unwrap();
    let third = medium.open();
    let loaded = third.load().await.unwrap().unwrap();
    assert_eq!(open(&loaded).len(), 4);
    let number = |name: &str| open(&loaded).into_iter().find(|(_, open)| open == name).unwrap().0;
    let (a, d) = (number("role.a"), number("role.d"));
    let next = next_operation(&loaded);
    third.append(&header, &[end(a, "a"), Record::Failed { operation: d }, begin(next, "e")]).await.unwrap();
    let loaded = medium.open().load().await.unwrap().unwrap();
    assert_eq!(entries(&loaded), ["role.a"]);
    let names: Vec<String> = open(&loaded).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["role.b", "role.c", "role.e"]);
}

async fn a_journal_of_another_lineage_is_refused_and_both_are_named(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[begin(0, "a")]).await.unwrap();
    let foreign = String::from_utf8(medium.journal().unwrap()).unwrap().replace("l1", "l2");
    medium.open().save(&state(1), 0).await.unwrap();
    medium.set_journal(foreign.as_bytes());
    for error in
        [medium.open().load().await.unwrap_err(), medium.open().append(&JournalHeader::of(&state(1)), &[begin(0, "a")]).await.unwrap_err()]
    {
        let text = error.to_string();
        assert!(matches!(error, StoreError::OtherLineage { .. }) && text.contains("l1") && text.contains("l2"), "{text}");
    }
}

async fn a_journal_that_builds_on_a_lost_state_is_refused(medium: &dyn Medium) {
    let store = medium.open();
    store.save(&state(1), 0).await.unwrap();
    let old = medium.state_text().unwrap();
    store.save(&state(2), 1).await.unwrap();
    store.append(&JournalHeader::of(&state(2)), &[begin(0, "a")]).await.unwrap();
    medium.set_state_text(Some(&old));
    assert!(matches!(medium.open().load().await, Err(StoreError::Ahead { journal: 2, .. })));
    medium.set_state_text(None);
    assert!(matches!(medium.open().load().await, Err(StoreError::Ahead { journal: 2, .. })));
}

async fn a_save_over_somebody_elses_is_refused(medium: &dyn Medium) {
    let store = medium.open();
    let conflict = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
    conflict(store.save(&state(4), 3).await);
    store.save(&state(1), 0).await.unwrap();
    conflict(store.save(&state(1), 0).await);
    conflict(store.save(&state(3), 2).await);
    let mut other = state(2);
    other.lineage = Lineage("l2".into());
    conflict(store.save(&other, 1).await);
    conflict(store.append(&JournalHeader::of(&state(2)), &[begin(0, "a")]).await);
    assert!(matches!(store.save(&state(1), 1).await, Err(StoreError::NotRaised { .. })));
    assert_eq!(medium.open().load().await.unwrap(), Some(state(1)));
}

async fn the_last_generations_are_kept(medium: &dyn Medium) {
    let store = medium.open();
    for serial in 1..=KEPT_GENERATIONS as u64 + 5 {
        store.save(&state(serial), serial - 1).await.unwrap();
    }
    let serials: Vec<u64> = store.history().await.unwrap().into_iter().map(|generation| generation.serial).collect();
    assert_eq!(serials, (5..=KEPT_GENERATIONS as u64 + 4).collect::<Vec<_>>());
}

async fn a_damaged_state_says_where_and_what_to_do(medium: &dyn Medium) {
    let store = medium.open();
    store.save(&state(1), 0).await.unwrap();
    store.save(&state(2), 1).await.unwrap();
    let text = medium.state_text().unwrap();
    medium.set_state_text(Some(&text.replace("\"serial\": 2", "\"serial\": two")));
    let error = store.load().await.unwrap_err();
    assert!(matches!(error, StoreError::Garbled { line: 4, column: 14, .. }), "{error:?}");
    assert!(error.to_string().contains("previous generation"), "{error}");
}

async fn what_contradicts_itself_is_refused(medium: &dyn Medium) {
    let store = medium.open();
    let mut saved = state(1);
    saved.fold([begin(0, "a"), end(0, "a"), begin(7, "b")]);
    store.save(&saved, 0).await.unwrap();
    store.save(&State { serial: 2, ..saved.clone() }, 1).await.unwrap();
    let text = medium.state_text().unwrap();
    for (from, to, reason) in [
        ("\"physical_id\": \"a\"", "\"physical_id\": \"\"", "`role.a` has no name in AWS"),
        ("\"serial\": 2", "\"serial\": 0", "serial is 0"),
        ("\"serial\": 2", "\"serial\": 18446744073709551615", "no number of runs"),
        ("\"format\": 4", "\"format\": 0", "formats begin at 1"),
        ("\"lineage\": \"l1\"", "\"lineage\": \"\"", "no lineage"),
        ("\"serial\": 2", "\"serial\": 9007199254740992", "no number of runs"),
        ("\"operation\": 7", "\"operation\": 18446744073709551615", "no run leads to"),
    ] {
        assert!(text.contains(from), "{text}");
        medium.set_state_text(Some(&text.replace(from, to)));
        let error = medium.open().load().await.unwrap_err();
        assert!(matches!(error, StoreError::Contradiction { .. }) && error.to_string().contains(reason), "{error}");
    }
}

async fn marks_of_a_merge_are_named(medium: &dyn Medium) {
    medium.open().save(&state(1), 0).await.unwrap();
    let text = medium.state_text().unwrap();
    medium.set_state_text(Some(&format!("{{\n<<<<<<< HEAD\n{}=======\n{text}>>>>>>> other\n", text.trim_start_matches('{'))));
    let error = medium.open().load().await.unwrap_err();
    assert!(matches!(error, StoreError::Garbled { line: 2, .. }) && error.to_string().contains("merge"), "{error}");
}

async fn each_generation_can_be_read(medium: &dyn Medium) {
    let store = medium.open();
    for serial in 1..=3 {
        store.save(&state(serial), serial - 1).await.unwrap();
    }
    for serial in 1..=3 {
        assert_eq!(medium.open().generation(serial).await.unwrap(), Some(state(serial)));
    }
    assert_eq!(medium.open().generation(9).await.unwrap(), None);
}

async fn a_newer_format_is_named(medium: &dyn Medium) {
    medium.open().append(&JournalHeader::of(&state(0)), &[begin(0, "a")]).await.unwrap();
    let journal = String::from_utf8(medium.journal().unwrap()).unwrap();
    medium.set_journal(journal.replace(&format!("\"format\":{STATE_FORMAT}"), "\"format\":7").as_bytes());
    assert!(matches!(medium.open().load().await, Err(StoreError::NewerFormat { found: 7, .. })));
    medium.set_state_text(Some("{\"format\": 7, \"elsewhere\": true}"));
    medium.set_journal(b"");
    assert!(matches!(medium.open().load().await, Err(StoreError::NewerFormat { found: 7, .. })));
}

async fn the_lock_has_one_holder_and_ends_with_its_lease(medium: &dyn Medium) {
    let store = medium.open();
    let lease = store.lock(&holder()).await.unwrap();
    assert_eq!(medium.open().holder().await.unwrap(), Some(holder()));
    let refused = medium.open().lock(&holder()).await.err().unwrap();
    assert!(matches!(&refused, StoreError::Locked(other) if *other == holder()), "{refused}");
    assert_eq!(refused.exit(), crate::model::Exit::Locked);
    drop(lease);
    assert_eq!(medium.open().holder().await.unwrap(), None);
    drop(medium.open().lock(&holder()).await.unwrap());
}

macro_rules! suite {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(&super::MemoryStore::new()).await; })*
        }
        mod file {
            $(#[tokio::test] async fn $test() { super::$test(&super::Folder::new()).await; })*
        }
    };
}

suite! {
    a_saved_state_is_loaded_as_it_was
    what_nobody_could_settle_is_saved_with_the_state
    the_same_state_is_stored_as_the_same_text
    a_journal_without_a_state_makes_the_state
    a_header_alone_fixes_the_lineage
    a_save_removes_the_journal_and_a_later_append_begins_a_new_one
    a_journal_that_was_folded_already_is_ignored
    a_torn_last_line_is_ignored_and_cut_off
    a_torn_header_is_no_journal
    a_garbled_middle_line_is_an_error_with_its_number
    a_later_run_may_repeat_the_numbers_of_a_killed_one
    a_later_run_can_end_what_a_killed_one_began
    a_journal_of_another_lineage_is_refused_and_both_are_named
    a_journal_that_builds_on_a_lost_state_is_refused
    a_save_over_somebody_elses_is_refused
    the_last_generations_are_kept
    a_damaged_state_says_where_and_what_to_do
    numbers_that_no_run_leads_to_are_refused
    the_last_serial_is_loaded_and_none_is_written_that_no_load_takes
    what_contradicts_itself_is_refused
    marks_of_a_merge_are_named
    each_generation_can_be_read
    a_newer_format_is_named
    the_lock_has_one_holder_and_ends_with_its_lease
}

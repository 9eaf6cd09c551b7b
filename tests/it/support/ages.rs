//! Log groups that are older than the test. No call of AWS's can make one, so the emulator is stopped and what it kept is
//! changed.

use super::emulator::{Backend, Emulator};
use redb::{Database, ReadableTable, TableDefinition};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How old the log groups of these names shall be, in days.
pub type AgesDays = BTreeMap<String, u32>;

impl Emulator {
    /// Makes log groups as old as that; the emulator is started again for it.
    pub fn age_groups(&self, ages: &AgesDays) {
        self.stop();
        let aged = match self.backend {
            Backend::Local => age_on_local(&self.folder().join("cloud/local/cloud/cloud.redb"), ages),
            Backend::Ministack => age_on_ministack(&self.folder().join("ministack/cloudwatch_logs.json"), ages),
            Backend::Moto => panic!("moto keeps nothing"),
        };
        assert_eq!(aged, ages.len(), "some of these groups are not there");
        self.restart();
    }
}

/// The moment so many days ago, in milliseconds since 1970.
fn created_ms(age_days: u32) -> Value {
    let moment = SystemTime::now() - DAY * age_days;
    json!(u64::try_from(moment.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

fn age_on_local(file: &Path, ages: &AgesDays) -> usize {
    let records: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
    let database = Database::create(file).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(records).unwrap();
    let mut changed = Vec::new();
    for record in table.range("logs_group\u{1}".."logs_group\u{2}").unwrap() {
        let (key, value) = record.unwrap();
        let name = key.value().split_once('/').map(|(_, name)| name).unwrap_or_default();
        if let Some(age_days) = ages.get(name) {
            let mut group: Value = serde_json::from_slice(value.value()).unwrap();
            assert!(group["created_ms"].is_i64(), "{group}");
            group["created_ms"] = created_ms(*age_days);
            changed.push((key.value().to_owned(), group.to_string()));
        }
    }
    for (key, group) in &changed {
        table.insert(key.as_str(), group.as_bytes()).unwrap();
    }
    drop(table);
    transaction.commit().unwrap();
    changed.len()
}

/// Its keys are account, region and the name as Python writes it, with NUL in between.
fn age_on_ministack(file: &Path, ages: &AgesDays) -> usize {
    let mut state: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let groups = state["payload"]["log_groups"]["data"].as_object_mut().expect("ministack keeps log groups as it did");
    let mut aged = 0;
    for (key, group) in groups {
        let name = key.rsplit('\0').next().unwrap_or_default().trim_matches('\'');
        if let Some(age_days) = ages.get(name) {
            assert!(group["creationTime"].is_i64(), "{group}");
            group["creationTime"] = created_ms(*age_days);
            aged += 1;
        }
    }
    std::fs::write(file, state.to_string()).unwrap();
    aged
}

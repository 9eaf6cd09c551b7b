//! What the service knows in memory: groups and streams, but no events.

use super::key::{EVENTS, EventKey, Position, Stored, size_bytes};
use crate::local::common::Common;
use crate::local::disk::{Batch, Disk, DiskError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const GROUPS: &str = "logs_group";
const STREAMS: &str = "logs_stream";
const REMOVED: &str = "logs_removed";
const SESSION: &str = "logs_session";

/// A start of the cloud has this many arrivals before the next start's.
const ARRIVALS_PER_SESSION_BITS: u32 = 40;

const DAY_MS: i64 = 86_400_000;

/// What is on disk of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Ours, never AWS's: a group that is made anew under its name does not have the old one's events.
    pub id: u32,
    /// When it was made.
    pub created_ms: i64,
    /// `STANDARD`, `INFREQUENT_ACCESS`, …
    pub class: String,
    /// The key's ARN.
    pub kms_key_id: Option<String>,
    /// Absent: events never expire.
    pub retention_in_days: Option<i64>,
    /// Whether it refuses to be deleted.
    pub deletion_protection_enabled: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// What is on disk of it.
    pub record: GroupRecord,
    /// Its streams by name.
    pub streams: BTreeMap<String, Stream>,
    /// The sum over its streams.
    pub stored_bytes: u64,
    /// No event is older than this.
    pub oldest_ms: i64,
    /// Whether the removal of expired events is on its way.
    pub is_sweeping: bool,
}

/// A stream, as it is on disk too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stream {
    /// Ours: what the keys of its events hold.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_ms: i64,
    /// The times of its earliest and its latest event.
    pub event_span_ms: Option<(i64, i64)>,
    /// When its latest events came in.
    pub last_ingestion_ms: Option<i64>,
    /// What its events count for.
    pub stored_bytes: u64,
}

/// Events without an owner, which are still on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The group that they were in.
    pub group: u32,
    /// The stream that they were in; absent: all of the group.
    pub stream: Option<u32>,
    /// No event of them is earlier.
    pub from_ms: i64,
    /// No event of them is later.
    pub to_ms: i64,
}

/// The groups of all regions.
#[derive(Debug, Default)]
pub struct State {
    regions: BTreeMap<String, BTreeMap<String, Group>>,
    last_id: u32,
    last_sequence: u64,
}

impl State {
    /// Reads the state from disk, together with what waits for its removal.
    ///
    /// # Errors
    /// When the disk or a record cannot be read.
    pub fn load(disk: &Disk) -> Result<(Self, Vec<Removed>), DiskError> {
        let session = disk.load::<u64>(SESSION)?.first().map_or(1, |(_, last)| last + 1);
        // Not waited for: what depends on it reaches the disk after it.
        drop(disk.commit(Batch::new().put(SESSION, "last", &session)));
        let removed: Vec<Removed> = disk.load(REMOVED)?.into_iter().map(|(_, removed)| removed).collect();
        let last_id = removed.iter().map(|removed| removed.group.max(removed.stream.unwrap_or(0))).max().unwrap_or(0);
        let mut state = Self { last_id, last_sequence: session << ARRIVALS_PER_SESSION_BITS, ..Self::default() };
        let mut streams = BTreeMap::new();
        for (key, stream) in disk.load::<Stream>(STREAMS)? {
            state.last_id = state.last_id.max(stream.id);
            let of_group: &mut Vec<Stream> = streams.entry(key.get(..8).unwrap_or_default().to_owned()).or_default();
            of_group.push(stream);
        }
        for (key, record) in disk.load::<GroupRecord>(GROUPS)? {
            state.last_id = state.last_id.max(record.id);
            let Some((region, name)) = key.split_once('/') else { continue };
            let of_group = streams.remove(&format!("{:08x}", record.id)).unwrap_or_default();
            state.regions.entry(region.to_owned()).or_default().insert(name.to_owned(), Group::new(record, of_group));
        }
        Ok((state, removed))
    }

    /// An id that no group and no stream has.
    pub fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// The arrival of one more event.
    pub fn next_sequence(&mut self) -> u64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// A region's groups by name.
    pub fn groups(&self, region: &str) -> Option<&BTreeMap<String, Group>> {
        self.regions.get(region)
    }

    /// A region's groups by name, to be changed.
    pub fn groups_mut(&mut self, region: &str) -> &mut BTreeMap<String, Group> {
        self.regions.entry(region.to_owned()).or_default()
    }

    /// A group.
    pub fn group(&self, region: &str, name: &str) -> Option<&Group> {
        self.regions.get(region)?.get(name)
    }

    /// A group, to be changed.
    pub fn group_mut(&mut self, region: &str, name: &str) -> Option<&mut Group> {
        self.regions.get_mut(region)?.get_mut(name)
    }

    /// Region and name of each group.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str, &Group)> {
        self.regions.iter().flat_map(|(region, groups)| groups.iter().map(move |(name, group)| (region.as_str(), name.as_str(), group)))
    }
}

impl Group {
    /// A group with those streams.
    pub fn new(record: GroupRecord, streams: Vec<Stream>) -> Self {
        let stored_bytes = streams.iter().map(|stream| stream.stored_bytes).sum();
        let oldest_ms = streams.iter().filter_map(|stream| Some(stream.event_span_ms?.0)).min().unwrap_or(i64::MAX);
        let streams = streams.into_iter().map(|stream| (stream.name.clone(), stream)).collect();
        Self { record, streams, stored_bytes, oldest_ms, is_sweeping: false }
    }

    /// What is older has expired; 0 where nothing ever does.
    pub fn cutoff_ms(&self, now_ms: i64) -> i64 {
        self.record.retention_in_days.map_or(0, |days| now_ms - days * DAY_MS)
    }

    /// Takes an event into a stream: its key and record, with the counters moved.
    pub fn take(&mut self, stream: &str, position: Position, now_ms: i64, message: &str, batch: Batch) -> Batch {
        let bytes = size_bytes(message);
        let Some(stream) = self.streams.get_mut(stream) else { return batch };
        let timestamp_ms = position.timestamp_ms;
        let (first_ms, last_ms) = stream.event_span_ms.unwrap_or((timestamp_ms, timestamp_ms));
        stream.event_span_ms = Some((first_ms.min(timestamp_ms), last_ms.max(timestamp_ms)));
        stream.last_ingestion_ms = Some(now_ms);
        stream.stored_bytes += bytes;
        self.stored_bytes += bytes;
        self.oldest_ms = self.oldest_ms.min(timestamp_ms);
        let key = EventKey { group: self.record.id, position, stream: stream.id };
        batch.put(EVENTS, &key.text(), &(now_ms, message))
    }

    /// Takes expired events out of the counters.
    pub fn forget(&mut self, bytes_by_stream: &BTreeMap<u32, u64>, mut batch: Batch) -> Batch {
        for stream in self.streams.values_mut() {
            let Some(bytes) = bytes_by_stream.get(&stream.id) else { continue };
            stream.stored_bytes = stream.stored_bytes.saturating_sub(*bytes);
            self.stored_bytes = self.stored_bytes.saturating_sub(*bytes);
            batch = put_stream(batch, self.record.id, stream);
        }
        batch
    }
}

/// Reads an event's record.
pub fn read_event(bytes: &[u8]) -> Option<Stored> {
    serde_json::from_slice(bytes).ok()
}

/// Writes a group.
pub fn put_group(batch: Batch, region: &str, name: &str, record: &GroupRecord) -> Batch {
    batch.put(GROUPS, &format!("{region}/{name}"), record)
}

/// Writes a stream.
pub fn put_stream(batch: Batch, group: u32, stream: &Stream) -> Batch {
    batch.put(STREAMS, &stream_key(group, stream.id), stream)
}

/// Removes a group and its streams, and notes that its events are to go.
pub fn delete_group(batch: Batch, region: &str, name: &str, group: &Group) -> (Batch, Removed) {
    let id = group.record.id;
    let batch = batch.delete(GROUPS, &format!("{region}/{name}"));
    let batch = group.streams.values().fold(batch, |batch, stream| batch.delete(STREAMS, &stream_key(id, stream.id)));
    let removed = Removed { group: id, stream: None, from_ms: 0, to_ms: i64::MAX };
    (batch.put(REMOVED, &removed_key(&removed), &removed), removed)
}

/// Removes a stream, and notes that its events are to go.
pub fn delete_stream(batch: Batch, group: u32, stream: &Stream) -> (Batch, Removed) {
    let (from_ms, to_ms) = stream.event_span_ms.unwrap_or_default();
    let removed = Removed { group, stream: Some(stream.id), from_ms, to_ms };
    let batch = batch.delete(STREAMS, &stream_key(group, stream.id));
    (batch.put(REMOVED, &removed_key(&removed), &removed), removed)
}

/// Notes that the events are gone.
pub fn settle_removed(batch: Batch, removed: &Removed) -> Batch {
    batch.delete(REMOVED, &removed_key(removed))
}

fn stream_key(group: u32, stream: u32) -> String {
    format!("{group:08x}{stream:08x}")
}

fn removed_key(removed: &Removed) -> String {
    stream_key(removed.group, removed.stream.unwrap_or(0))
}

/// A group's ARN, without the `:*` that most of AWS writes behind it.
pub fn group_arn(common: &Common, region: &str, name: &str) -> String {
    format!("arn:aws:logs:{region}:{}:log-group:{name}", common.account)
}

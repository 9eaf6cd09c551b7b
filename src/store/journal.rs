//! The journal: JSON lines that say what a run began and ended since the last save.

use super::StoreError;
use crate::model::state::{STATE_FORMAT, unreal_operation};
use crate::model::{Lineage, Record, State, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const HEADER: &str = "header";

/// The first line of each segment of a journal: which state, and which serial of it, the segment
/// builds on. A state that was never saved has the serial 0; the header is then all there is of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The version of the format.
    pub format: u32,
    /// The state's lineage.
    pub lineage: Lineage,
    /// The serial that the journal builds on.
    pub serial: u64,
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// Where everything lives.
    #[serde(flatten)]
    pub target: Target,
    /// The endpoint, where it is not AWS's own.
    pub endpoint: Option<String>,
}

impl JournalHeader {
    /// The header of a journal that builds on `state`.
    pub fn of(state: &State) -> Self {
        Self {
            format: STATE_FORMAT,
            lineage: state.lineage.clone(),
            serial: state.serial,
            project: state.project.clone(),
            stage: state.stage.clone(),
            target: state.target.clone(),
            endpoint: state.endpoint.clone(),
        }
    }

    /// The state before its first save.
    fn fresh_state(&self) -> State {
        State::new(self.lineage.clone(), &self.project, self.stage.as_deref(), self.target.clone(), self.endpoint.clone())
    }
}

/// The first operation number that no open intent of `state` has. A run that numbers its operations
/// from here can also write the end of an earlier run's intent without any doubt which is meant.
pub fn next_operation(state: &State) -> usize {
    state.intents.iter().filter_map(Record::operation).max().map_or(0, |highest| highest + 1)
}

/// A journal that was read.
#[derive(Debug)]
pub(super) struct Journal {
    /// Its first header; those of later segments agree in lineage and serial.
    pub header: JournalHeader,
    /// How many bytes from the beginning are sound; what follows was torn by a crash.
    pub sound_bytes: usize,
    /// The records of each run.
    segments: Vec<Vec<Record>>,
}

/// How a journal stands to a serial of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was folded already.
    Folded,
    /// It builds on that serial.
    Current,
}

enum Line {
    Header(Box<JournalHeader>),
    Record(Box<Record>),
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    record: &'static str,
    #[serde(flatten)]
    header: &'a JournalHeader,
}

/// The lines to be appended: the header where given, then the records.
pub(super) fn to_lines(header: Option<&JournalHeader>, records: &[Record]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    if let Some(header) = header {
        serde_json::to_writer(&mut lines, &HeaderLine { record: HEADER, header })?;
        lines.push(b'\n');
    }
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Reads a journal. A last line that was torn by a crash was never acknowledged and is left out;
/// `None` when nothing else is there.
pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Option<Journal>, StoreError> {
    let mut journal: Option<Journal> = None;
    let mut sound_bytes = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = sound_bytes + line.len();
        match parse_line(line, place)? {
            Ok(parsed) if line.ends_with(b"\n") => take(&mut journal, parsed, index + 1, place)?,
            Err(reason) if end < bytes.len() => return Err(garbled(place, index + 1, reason)),
            _ => break,
        }
        sound_bytes = end;
        if let Some(journal) = &mut journal {
            journal.sound_bytes = sound_bytes;
        }
    }
    Ok(journal)
}

fn garbled(place: &str, line: usize, reason: String) -> StoreError {
    StoreError::JournalGarbled { place: place.to_owned(), line, reason }
}

/// The outer error ends the reading whichever line it is; the inner one may be a torn last line.
fn parse_line(line: &[u8], place: &str) -> Result<Result<Line, String>, StoreError> {
    let json: serde_json::Value = match serde_json::from_slice(line) {
        Ok(json) => json,
        Err(error) => return Ok(Err(format!("{error}"))),
    };
    if json.get("record").and_then(serde_json::Value::as_str) != Some(HEADER) {
        return Ok(serde_json::from_value(json).map(|record| Line::Record(Box::new(record))).map_err(|error| error.to_string()));
    }
    let format = json.get("format").and_then(serde_json::Value::as_u64).unwrap_or_default();
    if format > u64::from(STATE_FORMAT) {
        return Err(StoreError::NewerFormat { place: place.to_owned(), found: format, known: STATE_FORMAT });
    }
    Ok(serde_json::from_value(json).map(|header| Line::Header(Box::new(header))).map_err(|error| error.to_string()))
}

fn take(journal: &mut Option<Journal>, line: Line, number: usize, place: &str) -> Result<(), StoreError> {
    match (journal, line) {
        (journal @ None, Line::Header(header)) => {
            *journal = Some(Journal { header: *header, sound_bytes: 0, segments: vec![Vec::new()] });
        }
        (None, Line::Record(_)) => return Err(garbled(place, number, "a journal begins with a header".into())),
        (Some(journal), Line::Header(header)) => {
            if (&header.lineage, header.serial) != (&journal.header.lineage, journal.header.serial) {
                return Err(garbled(place, number, "this header builds on another state than the first one".into()));
            }
            journal.segments.push(Vec::new());
        }
        (Some(journal), Line::Record(record)) => {
            if let Some(unreal) = unreal_operation(&record) {
                return Err(garbled(place, number, format!("no run leads to the operation {unreal}")));
            }
            journal.segments.last_mut().into_iter().for_each(|last| last.push((*record).clone()));
        }
    }
    Ok(())
}

impl Journal {
    /// How it stands to the serial of a state.
    pub fn standing(&self, lineage: &Lineage, serial: u64, place: &str) -> Result<Standing, StoreError> {
        if self.header.lineage != *lineage {
            let (journal, state) = (self.header.lineage.to_string(), lineage.to_string());
            return Err(StoreError::OtherLineage { place: place.to_owned(), journal, state });
        }
        match self.header.serial.cmp(&serial) {
            std::cmp::Ordering::Less => Ok(Standing::Folded),
            std::cmp::Ordering::Equal => Ok(Standing::Current),
            std::cmp::Ordering::Greater => Err(self.ahead(place, Some(serial))),
        }
    }

    fn ahead(&self, place: &str, found: Option<u64>) -> StoreError {
        StoreError::Ahead { place: place.to_owned(), journal: self.header.serial, found }
    }

    /// All records with operation numbers that are unique among open intents.
    ///
    /// A run numbers its operations as it likes, so a later segment may begin a number that an
    /// earlier, killed run left open. Folding goes by numbers and would lose that intent, and with
    /// it perhaps a resource: the later one gets a fresh number instead. An end of a number that
    /// the segment did not begin means the earlier run's.
    fn into_records(self, saved: &[Record]) -> Vec<Record> {
        let open: BTreeSet<usize> = saved.iter().filter_map(Record::operation).collect();
        let mut numbering = Numbering { next: open.last().map_or(0, |highest| highest + 1), open, ..Numbering::default() };
        let mut records = Vec::new();
        for segment in self.segments {
            numbering.renamed.clear();
            records.extend(segment.into_iter().map(|record| numbering.renumber(record)));
        }
        records
    }
}

#[derive(Default)]
struct Numbering {
    open: BTreeSet<usize>,
    next: usize,
    renamed: BTreeMap<usize, usize>,
}

impl Numbering {
    fn renumber(&mut self, mut record: Record) -> Record {
        match &mut record {
            Record::Begin { operation, .. } => *operation = self.begin(*operation),
            Record::End { operation, .. } | Record::Failed { operation } => {
                *operation = self.renamed.get(operation).copied().unwrap_or(*operation);
                self.open.remove(operation);
            }
            _ => {}
        }
        record
    }

    fn begin(&mut self, given: usize) -> usize {
        let fresh = if self.open.contains(&given) { self.next } else { given };
        let number = *self.renamed.entry(given).or_insert(fresh);
        self.next = self.next.max(number + 1);
        self.open.insert(number);
        number
    }
}

/// The state with its journal folded.
pub(super) fn fold(state: Option<State>, journal: Option<Journal>, place: &str) -> Result<Option<State>, StoreError> {
    let Some(journal) = journal else { return Ok(state) };
    let mut state = match state {
        Some(state) if journal.standing(&state.lineage, state.serial, place)? == Standing::Folded => return Ok(Some(state)),
        Some(state) => state,
        None if journal.header.serial > 0 => return Err(journal.ahead(place, None)),
        None => journal.header.fresh_state(),
    };
    let records = journal.into_records(&state.intents);
    state.fold(records);
    Ok(Some(state))
}

//! The state as text.

use super::{JournalHeader, StoreError, migration};
use crate::model::state::{LAST_SERIAL, STATE_FORMAT};
use crate::model::{Lineage, State};
use serde::Deserialize;

/// What tells states apart. With thousands of resources, reading only this takes a small part of the memory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Head {
    /// Fixed at birth.
    pub(super) lineage: Lineage,
    /// Raised by one with each save.
    pub(super) serial: u64,
    /// The project's name.
    pub(super) project: String,
    /// The stage, if there is one.
    pub(super) stage: Option<String>,
}

impl Head {
    /// That of a state.
    pub(super) fn of(state: &State) -> Self {
        let State { lineage, serial, project, stage, .. } = state;
        Self { lineage: lineage.clone(), serial: *serial, project: project.clone(), stage: stage.clone() }
    }
}

/// The state in the form that is stored: pretty, in a stable order, with a final line break.
pub(super) fn to_text(state: &State, place: &str) -> Result<String, StoreError> {
    let text = serde_json::to_string_pretty(state).map_err(|error| StoreError::Io {
        action: "write",
        place: place.to_owned(),
        source: error.into(),
    })?;
    Ok(text + "\n")
}

/// The head of the state in `text`.
pub(super) fn parse_head(text: &str, place: &str, way_out: impl FnOnce() -> String) -> Result<Head, StoreError> {
    read(text, place, way_out)
}

/// The state in `text`, which an older version may have written; `way_out` says what to do when it is damaged.
pub(super) fn parse(text: &str, place: &str, way_out: impl Fn() -> String) -> Result<State, StoreError> {
    let state: State = match format(text) {
        Some(0) => {
            let reason = "Its format is 0, and formats begin at 1.".to_owned();
            return Err(StoreError::Contradiction { place: place.to_owned(), reason, way_out: way_out() });
        }
        Some(older) if older < u64::from(STATE_FORMAT) => {
            let json = read(text, place, &way_out)?;
            serde_json::from_value(migration::migrated(json, older)).map_err(|error| garbled(&error, text, place, &way_out))?
        }
        _ => read(text, place, &way_out)?,
    };
    match state.contradiction() {
        None => Ok(state),
        Some(reason) => Err(StoreError::Contradiction { place: place.to_owned(), reason, way_out: way_out() }),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, place: &str, way_out: impl FnOnce() -> String) -> Result<T, StoreError> {
    if let Some(found) = format(text).filter(|found| *found > u64::from(STATE_FORMAT)) {
        return Err(StoreError::NewerFormat { place: place.to_owned(), found, known: STATE_FORMAT });
    }
    serde_json::from_str(text).map_err(|error| garbled(&error, text, place, way_out))
}

fn garbled(error: &serde_json::Error, text: &str, place: &str, way_out: impl FnOnce() -> String) -> StoreError {
    let is_unmerged = text.lines().any(|line| line.starts_with("<<<<<<< "));
    let reason = if is_unmerged { "it has the marks of a merge that was not finished".to_owned() } else { reason(error) };
    // The marks are worth finding, and the parser stops at the first one.
    let (line, column) = if error.line() == 0 { (1, 1) } else { (error.line(), error.column()) };
    StoreError::Garbled { place: place.to_owned(), reason, line, column, way_out: way_out() }
}

/// All that is looked for at first.
#[derive(Deserialize)]
struct Format {
    format: Option<u64>,
}

/// Only the format is known to stay, so it is looked at before anything else.
fn format(text: &str) -> Option<u64> {
    serde_json::from_str::<Format>(text).ok()?.format
}

/// The parser's words without the position, which the error says itself.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// Whether `state` may replace `current`.
pub(super) fn check_save(state: &Head, current: Option<&Head>, expected: u64, place: &str) -> Result<(), StoreError> {
    if state.serial <= expected {
        return Err(StoreError::NotRaised { place: place.to_owned(), serial: state.serial, expected });
    }
    if state.serial > LAST_SERIAL {
        return Err(StoreError::OutOfSerials { place: place.to_owned(), serial: state.serial });
    }
    let found = match current {
        None if expected == 0 => return Ok(()),
        None => "there is no state any more".to_owned(),
        Some(current) if current.lineage != state.lineage => format!("a state of the lineage {} is there", current.lineage),
        Some(current) if current.serial == expected => return Ok(()),
        Some(current) => format!("serial {} is there", current.serial),
    };
    Err(StoreError::Conflict { place: place.to_owned(), expected, found })
}

/// Whether a journal with this header builds on what is there. Otherwise the next load would take
/// it for folded, or for one of a lost state, and the run's records would be of no use.
pub(super) fn check_base(current: Option<&Head>, header: &JournalHeader, place: &str) -> Result<(), StoreError> {
    let found = match current {
        None if header.serial == 0 => return Ok(()),
        None => "there is no state any more".to_owned(),
        Some(state) if state.lineage != header.lineage => format!("a state of the lineage {} is there", state.lineage),
        Some(state) if state.serial != header.serial => format!("serial {} is there", state.serial),
        Some(_) => return Ok(()),
    };
    Err(StoreError::Conflict { place: place.to_owned(), expected: header.serial, found })
}

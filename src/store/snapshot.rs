//! The state as text.

use super::{JournalHeader, StoreError};
use crate::model::State;
use crate::model::state::STATE_FORMAT;
use serde::Deserialize;

/// The state in the form that is stored: pretty, in a stable order, with a final line break.
pub(super) fn to_text(state: &State, place: &str) -> Result<String, StoreError> {
    let text = serde_json::to_string_pretty(state).map_err(|error| StoreError::Io {
        action: "write",
        place: place.to_owned(),
        source: error.into(),
    })?;
    Ok(text + "\n")
}

/// The state in `text`; `way_out` says what to do when it is damaged.
pub(super) fn parse(text: &str, place: &str, way_out: impl FnOnce() -> String) -> Result<State, StoreError> {
    check_format(text, place)?;
    serde_json::from_str(text).map_err(|error| StoreError::Garbled {
        place: place.to_owned(),
        reason: reason(&error),
        line: error.line(),
        column: error.column(),
        way_out: way_out(),
    })
}

/// All that is looked for at first.
#[derive(Deserialize)]
struct Format {
    format: Option<u64>,
}

/// Only the format is known to stay, so it is looked at before anything else.
fn check_format(text: &str, place: &str) -> Result<(), StoreError> {
    match serde_json::from_str::<Format>(text).ok().and_then(|json| json.format) {
        Some(found) if found > u64::from(STATE_FORMAT) => {
            Err(StoreError::NewerFormat { place: place.to_owned(), found, known: STATE_FORMAT })
        }
        _ => Ok(()),
    }
}

/// The parser's words without the position, which the error says itself.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// Whether `state` may replace `current`.
pub(super) fn check_save(state: &State, current: Option<&State>, expected: u64, place: &str) -> Result<(), StoreError> {
    if state.serial <= expected {
        return Err(StoreError::NotRaised { place: place.to_owned(), serial: state.serial, expected });
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
pub(super) fn check_base(current: Option<&State>, header: &JournalHeader, place: &str) -> Result<(), StoreError> {
    let found = match current {
        None if header.serial == 0 => return Ok(()),
        None => "there is no state any more".to_owned(),
        Some(state) if state.lineage != header.lineage => format!("a state of the lineage {} is there", state.lineage),
        Some(state) if state.serial != header.serial => format!("serial {} is there", state.serial),
        Some(_) => return Ok(()),
    };
    Err(StoreError::Conflict { place: place.to_owned(), expected: header.serial, found })
}

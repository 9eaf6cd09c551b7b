//! What a run achieved.

use crate::diagnostic::Diagnostic;
use crate::model::event::Outcome;
use crate::model::{Address, Exit, State, Table};
use std::collections::BTreeMap;

/// What a run achieved.
#[derive(Clone, Debug)]
pub struct Report {
    /// The state as saved.
    pub state: State,
    /// How each step ended that had something to do.
    pub results: BTreeMap<Address, StepResult>,
    /// The outputs, as far as they are known.
    pub outputs: Table,
    /// How the process ends.
    pub exit: Exit,
    /// What belongs to no step, such as a state that could not be saved.
    pub diagnostics: Vec<Diagnostic>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// Done, failed or not tried.
    pub outcome: Outcome,
    /// Why it failed or was not tried.
    pub error: Option<Diagnostic>,
}

//! What a command leaves on record.

use super::Workspace;
use crate::cli::record::{Head, Record};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Exit, State};
use crate::spec::Header;
use crate::store::RunRecords;

impl Workspace {
    /// Writes down what this run does from now on. Where that cannot be, the run goes on without.
    pub fn begin_record(&self, header: &Header) {
        let id = format!("{}-{}", RunRecords::now(), self.verb.replace(' ', "-"));
        let head = Head { command: &self.verb, project: &header.project, stage: header.stage.as_deref() };
        match self.runs(header).begin(&id) {
            Ok(log) => self.progress.keep(Record::begin(log, self.scrubber.clone(), &head)),
            Err(error) if self.ui.is_verbose() => self.ui.status(&format!("Nothing of this run is written down: {error}")),
            Err(_) => {}
        }
    }

    /// Writes down what became of resources in a state that was changed without a plan, in a word for each.
    pub fn record_state<'a>(&self, state: &State, resources: impl IntoIterator<Item = (&'a Address, &'static str)>) {
        if let Some(record) = self.progress.record() {
            record.state_changed(state, resources);
        }
    }

    /// Ends the record that [`Workspace::begin_record`] began, for a process that goes on.
    pub fn end_record(&self, exit: Exit, elapsed_ms: u64, errors: &[Diagnostic]) {
        self.progress.release().iter().for_each(|record| record.end(exit, elapsed_ms, errors));
    }
}

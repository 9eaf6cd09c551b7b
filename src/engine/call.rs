//! One operation on its way to AWS: begin on disk, call, end on disk.

use super::journal::Journal;
use super::secrets::Secrets;
use crate::aws::{AwsError, ErrorClass, Place, Writer};
use crate::diagnostic::Diagnostic;
use crate::kinds::{Registry, RunContext};
use crate::model::event::Outcome;
use crate::model::plan::EntryFacts;
use crate::model::{
    Action, ArtifactSource, Carry, Operation, PhysicalId, Record, State, Step, Table, TemplatePart, Transition, Value, value::resolve_table,
};
use std::sync::Arc;

/// Why an operation did not go through.
pub enum Trouble {
    Aws(AwsError),
    /// What was to be written before AWS was asked, or that it refused.
    Store(Diagnostic),
    /// AWS did what was asked, and that could not be written.
    Unrecorded(Diagnostic),
    Unresolved(String),
}

impl Trouble {
    /// Skipped where the run was stopped before AWS was asked.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Aws(error) if error.class == ErrorClass::Interrupted && !error.leaves_open() => Outcome::Skipped,
            _ => Outcome::Failed,
        }
    }

    /// Whether AWS was changed, or may have been.
    pub fn may_have_changed(&self) -> bool {
        match self {
            Self::Aws(error) => !is_certain(error),
            Self::Unrecorded(_) => true,
            Self::Store(_) | Self::Unresolved(_) => false,
        }
    }

    /// What it means for `call`.
    pub fn diagnostic(&self, call: &str) -> Diagnostic {
        match self {
            Self::Aws(error) => error.diagnostic(),
            Self::Store(diagnostic) | Self::Unrecorded(diagnostic) => diagnostic.clone(),
            Self::Unresolved(reference) => Diagnostic::error("unresolved", "a reference has no value")
                .detail(format!("`${{{reference}}}` is needed for `{call}` and AWS did not give it.")),
        }
    }
}

/// One operation on its way.
pub struct Call<'a> {
    /// Its number in the journal.
    pub number: usize,
    pub operation: &'a Operation,
    pub facts: Option<EntryFacts>,
    /// The step that this operation completes.
    pub completes: Option<&'a Step>,
    pub registry: &'a Registry,
    pub writer: Writer,
    pub artifacts: &'a dyn ArtifactSource,
    pub secrets: Arc<Secrets>,
    pub lineage: Arc<str>,
    pub journal: Journal,
    /// Its place in the queue of its quota.
    pub place: Option<Place>,
}

impl Call<'_> {
    /// Fills in references, writes the begin, sends the call, writes the end.
    pub async fn run(mut self) -> Result<(), Trouble> {
        let Some(operation) = self.resolved()? else { return Ok(()) };
        let Some(kind) = self.registry.find(&operation.address.kind) else { return Err(Trouble::Unresolved(operation.address.kind)) };
        let sent = self.revealed(&operation)?;
        self.write(self.begin(&operation)).await?;
        let context = RunContext { artifacts: self.artifacts, lineage: &self.lineage };
        drop(self.place.take());
        match kind.run(&self.writer, &sent, &context).await {
            Ok(done) => {
                let physical_id = done.physical_id.or_else(|| operation.physical_id.clone()).unwrap_or_else(|| PhysicalId(String::new()));
                self.journal.write(self.ended(&operation, physical_id, done.attributes)).await.map_err(Trouble::Unrecorded)
            }
            Err(error) => {
                if is_certain(&error) {
                    self.write(Record::Failed { operation: self.number }).await?;
                }
                Err(Trouble::Aws(error))
            }
        }
    }

    /// The operation with every reference filled in; `None` when it turns out to change nothing.
    fn resolved(&self) -> Result<Option<Operation>, Trouble> {
        self.journal.with_state(|state| self.resolved_in(state))
    }

    fn resolved_in(&self, state: &State) -> Result<Option<Operation>, Trouble> {
        let mut operation = self.operation.clone();
        let was_open = operation.carries.iter().any(|carry| carry.value.as_ref().is_some_and(Value::is_unresolved));
        operation.arguments = resolve_table(&operation.arguments, &|part| attribute(part, state));
        operation.carries = resolve_carries(&operation.carries, state);
        let mut open = None;
        Value::Table(operation.arguments.clone()).visit_parts(&mut |part| {
            if !matches!(part, TemplatePart::Text(_)) {
                open = Some(part.expression());
            }
        });
        if let Some(reference) = open {
            return Err(Trouble::Unresolved(reference));
        }
        let changes_nothing = was_open
            && operation.transition == Transition::Update
            && state.entries.get(&operation.address).is_some_and(|entry| {
                let mut inputs = entry.inputs.clone();
                operation.carries.iter().for_each(|carry| carry.apply(&mut inputs));
                inputs == entry.inputs
            });
        Ok((!changes_nothing).then_some(operation))
    }

    /// The operation as it is sent: only this one has the values of secrets, and nobody writes it down.
    fn revealed(&self, operation: &Operation) -> Result<Operation, Trouble> {
        let arguments = self.secrets.revealed(&operation.arguments);
        let arguments = arguments.map_err(|source| Trouble::Unresolved(source.to_string()))?;
        Ok(Operation { arguments, ..operation.clone() })
    }

    fn begin(&self, operation: &Operation) -> Record {
        Record::Begin {
            operation: self.number,
            address: operation.address.clone(),
            physical_id: operation.physical_id.clone(),
            call: operation.call.clone(),
            transition: operation.transition.clone(),
        }
    }

    fn ended(&self, operation: &Operation, physical_id: PhysicalId, attributes: Table) -> Record {
        let records = self.completes.map(|step| self.journal.with_state(|state| resolve_carries(&step.records, state))).unwrap_or_default();
        let creates = matches!(operation.transition, Transition::Create { .. });
        Record::End {
            operation: self.number,
            address: operation.address.clone(),
            physical_id,
            transition: operation.transition.clone(),
            carries: operation.carries.iter().cloned().chain(records).collect(),
            attributes,
            facts: self.facts.clone().filter(|_| creates || self.completes.is_some()),
        }
    }

    async fn write(&self, record: Record) -> Result<(), Trouble> {
        self.journal.write(record).await.map_err(Trouble::Store)
    }
}

/// What a reference stands for by now.
pub fn attribute(part: &TemplatePart, state: &State) -> Option<Value> {
    let TemplatePart::Attribute { address, attribute } = part else { return None };
    state.entries.get(address)?.attributes.get(attribute).cloned()
}

/// The carries with every reference filled in that is known by now.
pub fn resolve_carries(carries: &[Carry], state: &State) -> Vec<Carry> {
    let resolve = |value: &Value| value.resolve(&|part| attribute(part, state));
    carries.iter().map(|carry| Carry { path: carry.path.clone(), value: carry.value.as_ref().map(resolve) }).collect()
}

/// Whether a step that changes nothing knows attributes again that the state has lost: others refer to them, and must not
/// have to wait for the end of the run.
pub fn relearns(step: &Step, state: &State) -> bool {
    let known = state.entries.get(&step.address).map(|entry| &entry.attributes);
    let is_lost = |key: &String| known.is_some_and(|known| !known.contains_key(key));
    step.operations.is_empty()
        && step.action == Action::NoOp
        && step.settles.as_ref().is_some_and(|facts| facts.attributes.keys().any(is_lost))
}

/// Whether AWS certainly changed nothing when it answered so. An earlier attempt without an answer may
/// have gone through, whatever the last answer says.
pub fn is_certain(error: &AwsError) -> bool {
    use ErrorClass::{AlreadyExists, Credentials, Denied, InProgress, Invalid, NotFound, NotYetConsistent, Quota, Throttled};
    !error.uncertain
        && matches!(
            error.class,
            Throttled | NotYetConsistent | InProgress | AlreadyExists | NotFound | Denied | Credentials | Quota | Invalid
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_after_a_lost_answer_proves_nothing() {
        let denied = AwsError::own("iam:CreateRole", ErrorClass::Denied, "no");
        let lost = AwsError::own("iam:CreateRole", ErrorClass::Transient, "lost");
        assert!(is_certain(&denied) && !is_certain(&lost));
        assert!(!is_certain(&denied.following(&lost)));
    }

    #[test]
    fn what_cannot_be_written_after_the_call_was_done_all_the_same() {
        let full = || Diagnostic::error("state-unreachable", "The state cannot be reached");
        assert!(Trouble::Unrecorded(full()).may_have_changed());
        assert!(!Trouble::Store(full()).may_have_changed());
        let of = |class| Trouble::Aws(AwsError::own("iam:CreateRole", class, "no")).may_have_changed();
        assert!(of(ErrorClass::Transient) && !of(ErrorClass::Denied));
    }
}

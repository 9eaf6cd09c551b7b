//! Applying a plan: dumb on purpose. Each operation starts when its own edges are met; its begin is
//! on disk before it is sent, and its end before anything that waits for it starts.

use super::call::{Call, Trouble, attribute, relearns, resolve_carries};
use super::journal::Journal;
use super::report::{Report, StepResult};
use super::save;
use super::schedule::{Schedule, finisher};
use super::secrets::Secrets;
use super::{Engine, Interrupt};
use crate::aws::{AwsError, ErrorClass, Writer, quota_of};
use crate::diagnostic::Diagnostic;
use crate::kinds::Registry;
use crate::model::event::Outcome;
use crate::model::plan::Refusal;
use crate::model::{
    Action, Address, ArtifactSource, Event, EventSink, Exit, Failure, OperationId, Plan, Reason, Record, State, Step, Table,
    value::resolve_table,
};
use crate::store::next_operation;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Why a step was left out of a run that was stopped.
const STOPPED: &str = "The run was interrupted before it.";

/// So many resources are waited for at the same time.
const SETTLING: usize = 24;

impl Engine {
    /// Does what the plan says and saves the state, whatever happens.
    ///
    /// # Errors
    /// [`Exit::Refused`] for a plan with refusals, [`Exit::Failed`] when the state cannot be written
    /// before anything was changed. Later failures are part of the report.
    pub async fn apply(
        &self,
        mut state: State,
        plan: &Plan,
        artifacts: Arc<dyn ArtifactSource>,
        parallel: usize,
    ) -> Result<Report, Failure> {
        if !plan.refusals.is_empty() {
            return Err(Failure { exit: Exit::Refused, diagnostics: plan.refusals.iter().map(Refusal::diagnostic).collect() });
        }
        if state.unsaved {
            save(self.store.as_ref(), &mut state).await?;
        }
        let (journal, writer) = Journal::start(self.store.clone(), state);
        (self.events)(Event::ApplyStarted { total: plan.operations.len() });
        let Finished { results, mut diagnostics, outputs, started } =
            Run::new(self, plan, artifacts.as_ref(), journal, parallel.max(1)).go().await;
        let mut state = writer.await.map_err(|error| {
            let diagnostic = Diagnostic::error("internal", "The journal's task ended early").detail(error.to_string());
            Failure::new(Exit::Failed, diagnostic)
        })?;
        if state.unsaved
            && let Err(error) = save(self.store.as_ref(), &mut state).await
        {
            diagnostics.push(error.to_diagnostic());
        }
        let exit = self.exit(&results, &diagnostics, started);
        Ok(Report { state, results, outputs, exit, diagnostics })
    }

    fn exit(&self, results: &BTreeMap<Address, StepResult>, diagnostics: &[Diagnostic], started: bool) -> Exit {
        let failed = results.values().any(|result| result.outcome != Outcome::Done) || diagnostics.iter().any(Diagnostic::is_error);
        match (self.interrupt.drain.is_cancelled(), failed, started) {
            (true, _, _) => Exit::Interrupted,
            (_, false, _) => Exit::Success,
            (_, true, true) => Exit::Partial,
            (_, true, false) => Exit::Failed,
        }
    }
}

/// What is left of a run.
struct Finished {
    results: BTreeMap<Address, StepResult>,
    diagnostics: Vec<Diagnostic>,
    outputs: Table,
    started: bool,
}

enum Ended {
    Operation { id: OperationId, result: Result<(), Trouble> },
    Settled { step: usize, result: Result<(), AwsError> },
}

struct Run<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    writer: Writer,
    artifacts: &'a dyn ArtifactSource,
    secrets: Arc<Secrets>,
    lineage: Arc<str>,
    /// Operations are numbered from here in the journal, so that open intents of earlier runs stay apart.
    first_number: usize,
    journal: Journal,
    events: &'a EventSink,
    interrupt: &'a Interrupt,
    parallel: usize,
    schedule: Schedule<'a>,
    /// How many operations of each quota were held back when it was last looked.
    held: BTreeMap<&'static str, usize>,
    step_of: Vec<usize>,
    begun: BTreeMap<usize, Instant>,
    results: BTreeMap<Address, StepResult>,
    diagnostics: Vec<Diagnostic>,
    /// Waits for resources to be ready. They begin when nothing else is left to do: most are over then.
    settling: Vec<BoxFuture<'a, Ended>>,
    /// Whether the first of these waits is over.
    has_settled: bool,
    /// Operations under way.
    working: usize,
    /// Whether AWS was changed.
    started: bool,
    /// Whether the credentials ended: every other call would be refused too.
    is_locked_out: bool,
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine, plan: &'a Plan, artifacts: &'a dyn ArtifactSource, journal: Journal, parallel: usize) -> Self {
        let (lineage, first_number) = journal.with_state(|state| (state.lineage.0.as_str().into(), next_operation(state)));
        let mut step_of = vec![0; plan.operations.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            step.operations.iter().for_each(|id| step_of[id.0] = index);
        }
        Self {
            plan,
            registry: &engine.registry,
            writer: engine.session.writer(),
            artifacts,
            secrets: engine.secrets(),
            lineage,
            first_number,
            journal,
            events: &engine.events,
            interrupt: &engine.interrupt,
            parallel,
            schedule: Schedule::new(&plan.operations, quota_of),
            held: BTreeMap::new(),
            step_of,
            begun: BTreeMap::new(),
            results: BTreeMap::new(),
            diagnostics: Vec::new(),
            settling: Vec::new(),
            has_settled: false,
            working: 0,
            started: false,
            is_locked_out: false,
        }
    }

    /// Does all of it. The journal is let go of when it is over.
    async fn go(mut self) -> Finished {
        let relearned: Vec<&Step> = self.journal.with_state(|state| self.plan.steps.iter().filter(|step| relearns(step, state)).collect());
        self.write_down(&relearned).await;
        self.work().await;
        let outputs = self.finish().await;
        Finished { results: self.results, diagnostics: self.diagnostics, outputs, started: self.started }
    }

    /// Runs every operation that can be run.
    async fn work(&mut self) {
        let mut running: FuturesUnordered<BoxFuture<'a, Ended>> = FuturesUnordered::new();
        let (abort, writer) = (self.interrupt.abort.clone(), self.writer.clone());
        loop {
            while !self.is_over() {
                let Some(id) = self.schedule.next(self.parallel, |call| writer.has_room(call)) else { break };
                running.push(self.begin(id));
                self.working += 1;
            }
            self.hold_back();
            let at_once = if self.has_settled { SETTLING } else { 1 };
            while self.working == 0 && running.len() < at_once && !self.is_over() {
                // The last to be made is looked at first: when it is ready, most others are, and one look is enough.
                let Some(mut settling) = self.settling.pop() else { break };
                match (&mut settling).now_or_never() {
                    Some(ended) => self.end(ended).await,
                    None => running.push(settling),
                }
            }
            tokio::select! {
                ended = running.next() => match ended {
                    Some(ended) => {
                        self.has_settled |= matches!(ended, Ended::Settled { .. });
                        self.end(ended).await;
                    }
                    None => break,
                },
                () = writer.quota_moved() => {}
                () = abort.cancelled() => break,
            }
        }
        self.close();
    }

    /// Whether nothing new is started.
    fn is_over(&self) -> bool {
        self.is_locked_out || self.interrupt.drain.is_cancelled()
    }

    /// Lets it be told how many operations only wait for a quota.
    fn hold_back(&mut self) {
        let held = self.schedule.held_back(|call| self.writer.has_room(call));
        let changed = held.into_iter().filter(|(quota, _, number)| self.held.insert(quota, *number).unwrap_or(0) != *number);
        changed.for_each(|(_, call, number)| self.writer.held_back(call, number));
    }

    fn note_skipped(&mut self, id: OperationId) {
        let operation = &self.plan.operations[id.0];
        let cause = operation.waits.iter().map(|wait| &self.plan.operations[wait.on.0]).find(|other| {
            other.address != operation.address && self.results.get(&other.address).is_some_and(|result| result.outcome != Outcome::Done)
        });
        let because = cause.map_or_else(|| "an earlier operation of it failed".to_owned(), |cause| format!("`{}` failed", cause.address));
        if !self.results.contains_key(&operation.address) {
            self.skip(id, &format!("It was left out because {because}."));
        }
    }

    fn begin(&mut self, id: OperationId) -> BoxFuture<'a, Ended> {
        let operation = &self.plan.operations[id.0];
        (self.events)(Event::OperationStarted { address: operation.address.clone(), call: operation.call.clone() });
        self.begun.insert(id.0, Instant::now());
        let step = &self.plan.steps[self.step_of[id.0]];
        let call = Call {
            number: self.first_number + id.0,
            operation,
            facts: step.settles.clone(),
            completes: (finisher(step, &self.plan.operations) == Some(id)).then_some(step),
            registry: self.registry,
            writer: self.writer.clone(),
            artifacts: self.artifacts,
            secrets: self.secrets.clone(),
            lineage: self.lineage.clone(),
            journal: self.journal.clone(),
            place: Some(self.writer.place(&operation.call)),
        };
        Box::pin(async move { Ended::Operation { id, result: call.run().await } })
    }

    async fn end(&mut self, ended: Ended) {
        match ended {
            Ended::Operation { id, result } => {
                self.working -= 1;
                let skipped = self.schedule.end(id, result.is_ok());
                self.announce(id, result.as_ref().map_or_else(Trouble::outcome, |()| Outcome::Done));
                match result {
                    Ok(()) => self.advance(id).await,
                    Err(trouble) => self.fail(id, &trouble),
                }
                skipped.into_iter().for_each(|id| self.note_skipped(id));
            }
            Ended::Settled { step, result: Err(error) } if error.class != ErrorClass::Interrupted => {
                let address = &self.plan.steps[step].address;
                let error = Some(error.diagnostic().address(address));
                self.results.insert(address.clone(), StepResult { outcome: Outcome::Failed, error });
            }
            Ended::Settled { .. } => {}
        }
    }

    fn announce(&self, id: OperationId, outcome: Outcome) {
        let operation = &self.plan.operations[id.0];
        let elapsed = self.begun.get(&id.0).map_or(0, |begun| begun.elapsed().as_millis());
        (self.events)(Event::OperationEnded {
            address: operation.address.clone(),
            call: operation.call.clone(),
            outcome,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            done: self.schedule.ended(),
            total: self.plan.operations.len(),
        });
    }

    fn fail(&mut self, id: OperationId, trouble: &Trouble) {
        let operation = &self.plan.operations[id.0];
        self.started |= trouble.may_have_changed();
        if let Trouble::Aws(error) = trouble {
            self.is_locked_out |= error.class == ErrorClass::Credentials;
        }
        if trouble.outcome() == Outcome::Skipped {
            return self.skip(id, STOPPED);
        }
        let error = Some(trouble.diagnostic(&operation.call).address(&operation.address));
        self.results.insert(operation.address.clone(), StepResult { outcome: Outcome::Failed, error });
    }

    /// After the last operation of a step its kind waits until the resource is ready; nothing else
    /// waits for that. A step that makes nothing is written down here.
    async fn advance(&mut self, id: OperationId) {
        self.started = true;
        let index = self.step_of[id.0];
        let step = &self.plan.steps[index];
        if step.operations.last() != Some(&id) {
            return;
        }
        self.results.insert(step.address.clone(), StepResult { outcome: Outcome::Done, error: None });
        let Some(finisher) = finisher(step, &self.plan.operations) else { return self.write_down(&[step]).await };
        let operation = &self.plan.operations[finisher.0];
        if let Some(kind) = self.registry.find(&step.address.kind) {
            let reader = self.writer.reader().clone();
            self.settling.push(Box::pin(async move { Ended::Settled { step: index, result: kind.settle(&reader, operation).await } }));
        }
    }

    /// What is true of a step without an operation that completes it.
    fn truth(&self, step: &Step) -> Option<Record> {
        match step.action {
            Action::Forget => Some(Record::Forget { address: step.address.clone(), stays: step.reason != Reason::MissingInAws }),
            Action::Delete => None,
            _ if step.records.is_empty() && step.settles.is_none() && step.adopts.is_none() => None,
            _ => Some(Record::Settle {
                address: step.address.clone(),
                adopts: step.adopts.and(step.physical_id.clone()),
                adopted: step.adopts.is_some_and(|adoption| adoption.adopted),
                discards: step.adopts.is_some_and(|adoption| adoption.discards),
                carries: self.journal.with_state(|state| resolve_carries(&step.records, state)),
                facts: step.settles.clone(),
            }),
        }
    }

    /// Writes down what is true of these steps; all of it shares an fsync.
    async fn write_down(&mut self, steps: &[&Step]) {
        let records = steps.iter().filter_map(|step| Some((*step, self.truth(step)?)));
        let journal = &self.journal;
        let written =
            records.map(|(step, record)| async move { journal.write(record).await.map_err(|error| error.address(&step.address)) });
        let failed = join_all(written).await.into_iter().filter_map(Result::err);
        self.diagnostics.extend(failed);
    }

    /// Steps that were never begun or never finished.
    fn close(&mut self) {
        let stopped = self.interrupt.drain.is_cancelled();
        let why = match (stopped, self.is_locked_out) {
            (true, _) => STOPPED,
            (_, true) => "The credentials ended before it.",
            _ => "Its operations wait for each other in a circle; this is a bug in lambdo.",
        };
        for id in self.schedule.unfinished().collect::<Vec<_>>() {
            self.skip(id, why);
        }
        self.tell_unfinished();
    }

    /// Of what was begun and left nobody shall believe that nothing of it is in AWS.
    fn tell_unfinished(&mut self) {
        for step in &self.plan.steps {
            let Some(result) = self.results.get_mut(&step.address).filter(|result| result.outcome == Outcome::Skipped) else { continue };
            if step.operations.iter().any(|operation| self.schedule.is_done(*operation)) {
                let why = result.error.as_ref().map(|error| error.detail.clone()).unwrap_or_default();
                let told = Diagnostic::warning("unfinished", "not finished").detail(format!("A part of it is done. {why}"));
                *result = StepResult { outcome: Outcome::Failed, error: Some(told.address(&step.address)) };
            }
        }
    }

    fn skip(&mut self, id: OperationId, why: &str) {
        let address = &self.plan.operations[id.0].address;
        let error = Diagnostic::warning("skipped", "not tried").detail(why).address(address);
        self.results.insert(address.clone(), StepResult { outcome: Outcome::Skipped, error: Some(error) });
    }

    /// Writes down what needs no operation, and the outputs.
    async fn finish(&mut self) -> Table {
        if self.interrupt.drain.is_cancelled() {
            return self.journal.with_state(|state| state.outputs.clone());
        }
        let plan = self.plan;
        let idle: Vec<&Step> = plan.steps.iter().filter(|step| step.operations.is_empty()).collect();
        self.write_down(&idle).await;
        for step in idle {
            // What dies with its parent is still there when the parent could not be deleted.
            let remains = step.action == Action::Delete && self.journal.with_state(|state| state.entries.contains_key(&step.address));
            if step.action != Action::NoOp && !remains {
                self.results.insert(step.address.clone(), StepResult { outcome: Outcome::Done, error: None });
            }
        }
        let (known, recorded) = self.journal.with_state(|state| (known_outputs(plan, state), state.outputs.clone()));
        if known != recorded
            && let Err(error) = self.journal.write(Record::Outputs { outputs: known.clone() }).await
        {
            self.diagnostics.push(error);
        }
        known
    }
}

fn known_outputs(plan: &Plan, state: &State) -> Table {
    let outputs = resolve_table(&plan.outputs, &|part| attribute(part, state));
    outputs.into_iter().filter(|(_, value)| !value.is_unresolved()).collect()
}

//! What `up` and `destroy` have in common: show, ask, apply, tell.

use super::premises::Premises;
use crate::cli::args::Format;
use crate::cli::signals::unless_interrupted;
use crate::cli::ui;
use crate::cli::view::{Results, StepResult, Title, human, json};
use crate::cli::workspace::{Connection, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::Report;
use crate::model::plan::Refusal;
use crate::model::{Action, ArtifactSource, Event, Exit, Failure, Plan, State, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many resources of which the same is said are named one by one.
const ALIKE_MAX: usize = 5;

/// A plan that is about to be applied.
pub struct Run<'a> {
    /// The verb.
    pub command: &'static str,
    /// What it is for.
    pub purpose: human::Purpose,
    /// Whether the question is left out.
    pub yes: bool,
    /// How many resources it may delete or replace; any number where absent.
    pub max_deletions: Option<usize>,
    /// Operations at a time.
    pub parallel: usize,
    /// How long packages were made before, in milliseconds.
    pub built_ms: u64,
    /// Where it happens.
    pub workspace: &'a Workspace,
    /// The engine.
    pub connection: &'a Connection,
}

impl Run<'_> {
    /// Shows the plan, asks, applies it and tells how it went.
    ///
    /// # Errors
    /// [`Exit::Refused`] for a plan with refusals, for a no and where AWS was changed until the yes, [`Exit::Usage`] for a
    /// question that nobody can answer, and what the engine could not do.
    pub async fn go(&self, state: State, plan: &Plan, premises: Premises, artifacts: Arc<dyn ArtifactSource>) -> Result<Exit, Failure> {
        let title = self.connection.title(&state).await;
        self.workspace.progress.record().iter().for_each(|record| record.planned(plan));
        let ui = &self.workspace.ui;
        if ui.format() == Format::Human || !self.yes {
            let view = human::PlanView {
                title: &title,
                plan,
                purpose: self.purpose,
                rules: self.workspace.registry.as_ref(),
                is_full: ui.is_verbose(),
            };
            ui.view(&human::plan(&view, ui.width()));
        }
        if !plan.refusals.is_empty() {
            return Err(Failure { exit: Exit::Refused, diagnostics: refusals(plan) });
        }
        keeps_limit(plan, self.max_deletions)?;
        let before_ms = self.workspace.progress.elapsed_ms();
        if !self.yes && plan.steps.iter().any(|step| step.action != Action::NoOp) {
            let question = if self.purpose == human::Purpose::Destroy { "Destroy?" } else { "Apply?" };
            ask(self.workspace, self.command, question).await?;
            self.workspace.progress.go();
            let holds = Box::pin(premises.hold(plan, &self.connection.engine, artifacts.as_ref()));
            let holds = unless_interrupted(&self.workspace.interrupt, holds).await;
            self.workspace.progress.rest();
            holds?;
        }
        let begin_ms = self.workspace.progress.elapsed_ms();
        let report = self.apply(state, plan, artifacts).await?;
        // Thinking about the answer is nobody's time.
        let applied_ms = self.workspace.progress.elapsed_ms().saturating_sub(begin_ms);
        let planned_ms = before_ms.saturating_sub(self.built_ms);
        self.tell(&title, plan, &report, human::Times { built_ms: self.built_ms, planned_ms, applied_ms });
        Ok(report.exit)
    }

    async fn apply(&self, state: State, plan: &Plan, artifacts: Arc<dyn ArtifactSource>) -> Result<Report, Failure> {
        let progress = &self.workspace.progress;
        progress.expect(plan);
        progress.go();
        let (events, drain) = (self.workspace.events(), self.workspace.interrupt.drain.clone());
        let told = async {
            drain.cancelled().await;
            events(Event::Draining);
            std::future::pending::<Result<Report, Failure>>().await
        };
        let report = tokio::select! {
            report = self.connection.engine.apply(state, plan, artifacts, self.parallel) => report,
            report = told => report,
        };
        progress.rest();
        report
    }

    fn tell(&self, title: &Title, plan: &Plan, report: &Report, times: human::Times) {
        let ui = &self.workspace.ui;
        let results: Results = report
            .results
            .iter()
            .map(|(address, result)| (address.clone(), StepResult { outcome: result.outcome, error: result.error.clone() }))
            .collect();
        self.workspace.progress.record().iter().for_each(|record| record.applied(plan, &results, &report.diagnostics));
        // A state that could not be saved belongs to no step, and must be told all the same.
        let of_steps = results.values().filter_map(|result| result.error.clone());
        let errors: Vec<Diagnostic> = of_steps.chain(report.diagnostics.iter().cloned()).collect();
        ui.diagnostics(&gathered(&errors));
        // That there was nothing to do is what the plan has said.
        if report.exit != Exit::Success || plan.steps.iter().any(|step| step.action != Action::NoOp) {
            let is_saved = !report.state.unsaved;
            ui.status(&human::report(&human::ReportView { plan, results: &results, exit: report.exit, is_saved, times }));
        }
        match ui.format() {
            Format::Json => {
                let errors = json::diagnostics(&errors, &ui::sources(&errors));
                self.workspace.document(json::report(self.command, title, plan, &results, &report.outputs, errors));
            }
            Format::Human | Format::Markdown => {
                report.outputs.iter().for_each(|(name, value)| ui.data(&format!("{name} = {}", human::output(value))))
            }
        }
    }
}

/// What stands in the way of a plan. Refusals with the same way out become one, with a line for each resource.
pub fn refusals(plan: &Plan) -> Vec<Diagnostic> {
    let mut alike: Vec<Vec<&Refusal>> = Vec::new();
    for refusal in &plan.refusals {
        let is_alike = |group: &&mut Vec<&Refusal>| (group[0].summary, &group[0].hints) == (refusal.summary, &refusal.hints);
        match alike.iter_mut().find(is_alike) {
            Some(group) => group.push(refusal),
            None => alike.push(vec![refusal]),
        }
    }
    alike.iter().map(|group| of_alike(group)).collect()
}

fn of_alike(group: &[&Refusal]) -> Diagnostic {
    let [first, _, ..] = group else { return group[0].diagnostic() };
    let mut lines: Vec<String> = group.iter().take(ALIKE_MAX).map(|one| one.detail.clone()).collect();
    let names: Vec<String> = group.iter().skip(ALIKE_MAX).filter_map(|one| Some(format!("`{}`", one.address.as_ref()?))).collect();
    if !names.is_empty() {
        lines.push(format!("The same holds for {}.", names.join(", ")));
    }
    Diagnostic { address: None, ..first.diagnostic() }.detail(lines.join("\n"))
}

/// Asks whether to go on.
///
/// # Errors
/// [`Exit::Refused`] for a no, [`Exit::Usage`] where nobody can be asked.
pub async fn ask(workspace: &Workspace, command: &str, question: &str) -> Result<(), Failure> {
    if !workspace.ui.is_interactive() {
        return Err(nobody_to_ask(command));
    }
    let (ui, question) = (Arc::clone(&workspace.ui), question.to_owned());
    let answer = tokio::task::spawn_blocking(move || ui.confirm(&question));
    let is_yes = unless_interrupted(&workspace.interrupt, async { Ok(answer.await.unwrap_or(false)) }).await?;
    if is_yes {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, Diagnostic::error("answered-no", "Answered no").detail("Nothing was changed.")))
}

/// Those that say the same of many resources become one.
fn gathered(all: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<(&str, &str), Vec<&Diagnostic>> = BTreeMap::new();
    all.iter().for_each(|one| seen.entry((one.code, one.detail.as_str())).or_default().push(one));
    let is_of_many = |one: &Diagnostic| one.span.is_none() && seen[&(one.code, one.detail.as_str())].len() > ALIKE_MAX;
    let mut gathered: Vec<Diagnostic> = all.iter().filter(|one| !is_of_many(one)).cloned().collect();
    gathered.extend(seen.values().filter(|alike| is_of_many(alike[0])).map(|alike| {
        let named: Vec<String> = alike.iter().take(ALIKE_MAX).filter_map(|one| one.address.as_ref().map(ToString::to_string)).collect();
        let more = alike.len() - named.len();
        let detail = format!("{}\n{} and {more} more", alike[0].detail, named.join(", "));
        Diagnostic { address: None, ..alike[0].clone() }.detail(detail)
    }));
    gathered
}

/// Refuses a plan that deletes or replaces more than was allowed.
pub fn keeps_limit(plan: &Plan, most: Option<usize>) -> Result<(), Failure> {
    too_many_deletions(plan, most).map_or(Ok(()), |diagnostic| Err(Failure::new(Exit::Refused, diagnostic)))
}

/// What is said of a plan that deletes or replaces more than was allowed: all that the plan says goes.
pub fn too_many_deletions(plan: &Plan, most: Option<usize>) -> Option<Diagnostic> {
    let most = most?;
    let goes = |step: &&Step| matches!(step.action, Action::Delete | Action::Replace);
    let mut going: Vec<String> = plan.steps.iter().filter(goes).map(|step| format!("`{}`", step.address)).collect();
    going.extend(plan.predecessors().map(|(step, id)| format!("`{id}`, a predecessor of `{}`", step.address)));
    if going.len() <= most {
        return None;
    }
    let named = going.iter().take(ALIKE_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = going.len().saturating_sub(ALIKE_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let diagnostic = Diagnostic::error("too-many-deletions", "More would be deleted or replaced than is allowed").detail(format!(
        "{} would be deleted or replaced, and the limit of deletions is {most}: {named}{more}. Nothing was changed.",
        human::counted(going.len(), "resource")
    ));
    Some(diagnostic.hint(format!("if all of them are meant: `--max-deletions {}`", going.len())))
}

/// Says that there is no terminal to ask at.
fn nobody_to_ask(command: &str) -> Failure {
    let diagnostic = Diagnostic::error("no-terminal", "Nobody can be asked")
        .detail(format!("`lambdo {command}` asks before it changes anything, but there is no terminal. Nothing was changed."))
        .hint("to do it without a question, add `--yes` to the command");
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_many_resources_is_said_once() {
        let skipped =
            |number: usize| Diagnostic::warning("skipped", "not tried").detail("It was stopped.").address(format!("role.r{number}"));
        let failed = Diagnostic::error("aws", "AWS refused").detail("no").address("function.hash");
        let few: Vec<Diagnostic> = (0..ALIKE_MAX).map(skipped).chain([failed.clone()]).collect();
        assert_eq!(gathered(&few), few);
        let many = gathered(&(0..1_010).map(skipped).chain([failed.clone()]).collect::<Vec<_>>());
        assert_eq!((many.len(), &many[0]), (2, &failed));
        assert_eq!(many[1].detail, "It was stopped.\nrole.r0, role.r1, role.r2, role.r3, role.r4 and 1005 more");
    }
}

//! `lambdo drift`: what was changed in AWS since it was applied. It cannot change anything.

use super::accept;
use super::deploy::open;
use super::status::tell_who_works;
use crate::cli::args::{DriftArguments, Format, Selection};
use crate::cli::signals::unless_interrupted;
use crate::cli::ui::sources;
use crate::cli::view::{Title, human, json, markdown};
use crate::cli::workspace::{Config, Workspace};
use crate::engine::{DriftWish, PlanOptions};
use crate::model::{Desired, DriftReport, DriftSettings, Exit, Failure, Rules, State};
use crate::spec::{self, Header, Spec};
use std::collections::BTreeMap;

/// So often it is looked while runs change the state, then it is shown as it is.
const LOOKS: usize = 3;

/// Plans towards what was applied and shows what differs.
pub async fn run(workspace: &Workspace, arguments: &DriftArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    no_such_setting(workspace, arguments).map_or(Ok(()), Err)?;
    if let Some(pattern) = &arguments.accept {
        return accept::run(workspace, &config, arguments, pattern).await;
    }
    let stages = if arguments.all_stages { spec::stages(&config.path, &config.text)? } else { Vec::new() };
    if stages.is_empty() {
        let checked = check(workspace, &config, arguments).await?;
        let view = checked.view(workspace);
        match workspace.ui.format() {
            Format::Human => workspace.ui.view(&human::drift(&view, workspace.ui.width())),
            Format::Json => workspace.document(json::drift(&view)),
            Format::Markdown => workspace.ui.data(&markdown::drift(&view)),
        }
        return Ok(checked.report.exit());
    }
    every_stage(workspace, &config, arguments, &stages).await
}

/// What one check found, and where.
struct Checked {
    title: Title,
    report: DriftReport,
}

impl Checked {
    fn view<'a>(&'a self, workspace: &'a Workspace) -> human::DriftView<'a> {
        let is_full = workspace.ui.is_verbose();
        human::DriftView { title: &self.title, report: &self.report, rules: workspace.registry.as_ref(), is_full }
    }
}

async fn check(workspace: &Workspace, config: &Config, arguments: &DriftArguments) -> Result<Checked, Failure> {
    let header = workspace.header(config)?;
    workspace.begin_record(&header);
    let settings = settings(&header.drift, arguments);
    let is_told = tell_who_works(workspace, &header).await;
    workspace.progress.go();
    let looked = unless_interrupted(&workspace.interrupt, settled(workspace, config, arguments, (&header, &settings))).await;
    workspace.progress.rest();
    let (title, report, is_moving) = looked?;
    if is_moving && !is_told {
        tell_who_works(workspace, &header).await;
    }
    workspace.progress.record().iter().for_each(|record| record.planned(&report.plan));
    workspace.ui.diagnostics(&report.warnings);
    Ok(Checked { title, report })
}

/// Looks again while runs change the state, and says whether they still do.
async fn settled(
    workspace: &Workspace,
    config: &Config,
    arguments: &DriftArguments,
    (header, settings): (&Header, &DriftSettings),
) -> Result<(Title, DriftReport, bool), Failure> {
    let (connection, _, mut state) = open(workspace, header, None).await?;
    let mut looks = 1;
    loop {
        let wanted = wanted(workspace, config, &state);
        let wish = DriftWish {
            settings,
            ignore: &arguments.ignore,
            plan: selected(arguments),
            folder: &header.folder,
            wanted: wanted.as_ref(),
            before: None,
        };
        let (report, is_moving) = connection.engine.check_beside_runs(&mut state, &wish).await?;
        if !is_moving || looks == LOOKS {
            return Ok((connection.title(&state).await, report, is_moving));
        }
        looks += 1;
        state = connection.engine.load(&header.project, header.stage.as_deref()).await?;
    }
}

/// Refuses patterns that cover no setting of what they are about: they would leave out nothing, in silence.
fn no_such_setting(workspace: &Workspace, arguments: &DriftArguments) -> Option<Failure> {
    let kinds: Vec<&dyn Rules> = workspace.registry.iter().map(|kind| kind as &dyn Rules).collect();
    let given = arguments.ignore.iter().map(|pattern| ("--ignore", pattern));
    let given = given.chain(arguments.accept.iter().map(|pattern| ("--accept", pattern)));
    let diagnostics: Vec<_> = given.filter_map(|(option, pattern)| pattern.about_no_setting(option, &kinds)).collect();
    (!diagnostics.is_empty()).then_some(Failure { exit: Exit::Usage, diagnostics })
}

/// Checks every stage; what is said of each names it.
async fn every_stage(workspace: &Workspace, config: &Config, arguments: &DriftArguments, stages: &[String]) -> Result<Exit, Failure> {
    let exit = stage_by_stage(workspace, config, arguments, stages).await;
    workspace.ui.stand_at(&workspace.global);
    exit
}

/// Checks one stage after the other. One that cannot be checked keeps no other from being.
async fn stage_by_stage(workspace: &Workspace, config: &Config, arguments: &DriftArguments, stages: &[String]) -> Result<Exit, Failure> {
    let (mut exits, mut documents) = (Vec::new(), Vec::new());
    for stage in stages {
        let of_stage = workspace.in_stage(stage);
        workspace.ui.stand_at(&of_stage.global);
        let checked = check(&of_stage, config, arguments).await;
        if let Err(failure) = &checked
            && failure.exit == Exit::Interrupted
        {
            return checked.map(|_| Exit::Interrupted);
        }
        match (&checked, workspace.ui.format()) {
            (Ok(checked), Format::Human) => {
                workspace.ui.view(&format!("{}\n", human::drift(&checked.view(workspace), workspace.ui.width())))
            }
            (Ok(checked), Format::Json) => documents.push(json::drift(&checked.view(workspace))),
            (Ok(checked), Format::Markdown) => workspace.ui.data(&format!("{}\n", markdown::drift(&checked.view(workspace)))),
            (Err(failure), format) => {
                workspace.ui.diagnostics(&failure.diagnostics);
                match format {
                    Format::Json => documents.push(json::stage_not_checked(stage, &failure.diagnostics, &sources(&failure.diagnostics))),
                    _ => workspace.ui.data(&format!("The stage `{stage}` could not be checked.\n")),
                }
            }
        }
        exits.push(checked.map_or_else(|failure| failure.exit, |checked| checked.report.exit()));
    }
    if workspace.ui.format() == Format::Json {
        workspace.document(json::every_stage(documents));
    }
    Ok(worst(&exits))
}

/// How a run over several stages ends: as the first that could not be checked, else as the worst that was found.
fn worst(exits: &[Exit]) -> Exit {
    let is_failure = |exit: &&Exit| ![Exit::Drift, Exit::Unchecked, Exit::Success].contains(exit);
    let found = [Exit::Drift, Exit::Unchecked].into_iter().find(|exit| exits.contains(exit));
    exits.iter().find(is_failure).copied().or(found).unwrap_or(Exit::Success)
}

/// The part of the project that is meant.
pub fn selected(arguments: &DriftArguments) -> PlanOptions {
    let Selection { names, targets, .. } = arguments.selection.clone();
    PlanOptions { functions: names, targets, ..PlanOptions::default() }
}

/// `[drift]` with what the command line adds to it.
pub fn settings(given: &DriftSettings, arguments: &DriftArguments) -> DriftSettings {
    let (deep, undeclared) = (given.deep || arguments.deep, given.undeclared || arguments.undeclared);
    DriftSettings { deep, undeclared, who: given.who || arguments.who, ..given.clone() }
}

/// What the spec asks for, so that what is pending can be counted; `None` for a spec that is broken, which is said. Drift
/// must be found in any case.
fn wanted(workspace: &Workspace, config: &Config, state: &State) -> Option<Desired> {
    let lower =
        |spec: &Spec| spec::lower(&spec.keeping_names(state), &state.target, &BTreeMap::new(), &workspace.registry).map_err(Failure::from);
    match workspace.spec(config).and_then(|spec| lower(&spec)) {
        Ok(desired) => Some(desired),
        Err(failure) => {
            workspace.ui.diagnostics(&failure.diagnostics);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_could_not_be_checked_weighs_most() {
        for (exits, expected) in [
            (&[Exit::Success, Exit::Unchecked][..], Exit::Unchecked),
            (&[Exit::Unchecked, Exit::Drift, Exit::Success], Exit::Drift),
            (&[Exit::Drift, Exit::Refused, Exit::Failed], Exit::Refused),
            (&[Exit::Success], Exit::Success),
        ] {
            assert_eq!(worst(exits), expected, "{exits:?}");
        }
    }
}

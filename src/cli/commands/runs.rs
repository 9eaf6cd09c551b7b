//! `lambdo runs`: what earlier runs did, from what they left behind.

use crate::cli::args::{Format, RunsArguments, RunsCommand};
use crate::cli::runs::{self, RunSummary};
use crate::cli::view::{human, json_runs};
use crate::cli::workspace::Workspace;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Exit, Failure};
use crate::spec::Header;
use crate::store::RunRecord;

/// Lists the latest runs, or shows one.
pub fn run(workspace: &Workspace, arguments: &RunsArguments) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    match &arguments.command {
        None => list(workspace, &header, usize::try_from(arguments.last).unwrap_or(usize::MAX))?,
        Some(RunsCommand::Show { id }) => show(workspace, &header, id.as_deref())?,
    }
    Ok(Exit::Success)
}

fn latest(workspace: &Workspace, header: &Header, most: usize) -> Result<Vec<RunSummary>, Failure> {
    runs::latest(&workspace.runs(header), &header.project, header.stage.as_deref(), most).map_err(Failure::from)
}

fn list(workspace: &Workspace, header: &Header, most: usize) -> Result<(), Failure> {
    let runs = latest(workspace, header, most)?;
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json_runs::list(&header.project, header.stage.as_deref(), &runs)),
        Format::Human | Format::Markdown if runs.is_empty() => {
            let place = workspace.runs(header).describe();
            workspace.ui.status(&format!("No run has left a record in `{place}` yet."));
        }
        Format::Human | Format::Markdown => human::runs(&runs).iter().for_each(|line| workspace.ui.data(line)),
    }
    Ok(())
}

fn show(workspace: &Workspace, header: &Header, wanted: Option<&str>) -> Result<(), Failure> {
    let ids: Vec<String> = latest(workspace, header, usize::MAX)?.into_iter().map(|run| run.id).collect();
    let id = chosen(&ids, wanted)?;
    let record: RunRecord = workspace.runs(header).read(id)?;
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json_runs::show(&record)),
        Format::Human | Format::Markdown => workspace.ui.data(&human::run(&record, workspace.ui.width(), workspace.ui.is_verbose())),
    }
    Ok(())
}

/// The run that is meant: by its id, by the beginning of it, or the latest.
fn chosen<'a>(ids: &'a [String], wanted: Option<&str>) -> Result<&'a str, Failure> {
    let unknown = |detail: String| Diagnostic::error("unknown-run", "No such run").detail(detail);
    let failed = |diagnostic: Diagnostic| Failure::new(Exit::Usage, diagnostic);
    let Some(wanted) = wanted else {
        let none = || failed(unknown("No run of this project and stage has left a record yet.".to_owned()));
        return ids.first().map(String::as_str).ok_or_else(none);
    };
    let found: Vec<&String> = match ids.iter().find(|id| *id == wanted) {
        Some(exact) => vec![exact],
        None => ids.iter().filter(|id| id.starts_with(wanted)).collect(),
    };
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let diagnostic = unknown(format!("No run is called `{wanted}`."));
            Err(failed(match nearest(wanted, ids.iter().map(String::as_str)) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic.hint("`lambdo runs` lists those that are kept"),
            }))
        }
        [first, ..] => {
            let detail = format!("{} runs begin with `{wanted}`, the latest of them is `{first}`.", found.len());
            Err(failed(Diagnostic::error("unknown-run", "More than one run").detail(detail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_meant_by_its_id_its_beginning_or_nothing() {
        let ids = ["20261122-100001-up-2", "20261122-100001-up", "20261121-090000-destroy"].map(str::to_owned);
        for (wanted, found) in [
            (None, Some("20261122-100001-up-2")),
            (Some("20261122-100001-up"), Some("20261122-100001-up")),
            (Some("20261121"), Some("20261121-090000-destroy")),
            (Some("20261122"), None),
            (Some("x"), None),
        ] {
            assert_eq!(chosen(&ids, wanted).ok(), found, "{wanted:?}");
        }
        assert_eq!(
            chosen(&ids, Some("20261121-090000-destry")).unwrap_err().diagnostics[0].hints,
            ["did you mean `20261121-090000-destroy`?"]
        );
        assert!(chosen(&[], None).is_err());
    }
}

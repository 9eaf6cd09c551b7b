//! `lambdo log-groups audit`: what an account keeps in CloudWatch Logs for ever or for nothing.

use super::run::ask;
use crate::cli::args::{AuditArguments, Format};
use crate::cli::signals::{interrupted, unless_interrupted};
use crate::cli::view::human::{self, LogGroupsView};
use crate::cli::view::{json_log_groups, markdown_log_groups};
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::engine::Engine;
use crate::model::log_group::{Audit, Ended, Finding, Remedy, Standard};
use crate::model::{Exit, Failure};
use crate::spec::Header;
use crate::store::{FileStore, StateStore};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often it is said how far things are.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// So many refusals are told one by one.
const ERRORS_MAX: usize = 5;

/// Lists what is wrong, and with `--fix` does something about it.
pub async fn run(workspace: &Workspace, arguments: &AuditArguments) -> Result<Exit, Failure> {
    let header = workspace.header_of_any_stage()?;
    if let Some(header) = header.as_ref().filter(|_| arguments.fix) {
        workspace.begin_record(header);
    }
    let header = header.unwrap_or_else(|| workspace.header_without_file());
    let looked = unless_interrupted(&workspace.interrupt, look(workspace, &header, arguments)).await;
    let (engine, standard, audit) = looked?;
    let view = LogGroupsView {
        target: engine.target(),
        prefix: &arguments.prefix,
        audit: &audit,
        standard: &standard,
        ends: None,
        is_fixing: arguments.fix,
        is_full: workspace.ui.is_verbose(),
    };
    let is_due = arguments.fix && audit.to_do().next().is_some();
    if !is_due || workspace.ui.format() == Format::Human || !arguments.yes {
        show(workspace, &view, is_due);
    }
    if !is_due {
        return Ok(Exit::Success);
    }
    if !arguments.yes {
        confirm(workspace, &audit).await?;
    }
    let ends = fix(workspace, &engine, &audit, &standard).await?;
    let view = LogGroupsView { ends: Some(&ends), ..view };
    tell(workspace, &view, &ends)
}

/// What is there, and how it is judged.
async fn look(workspace: &Workspace, header: &Header, arguments: &AuditArguments) -> Result<(Engine, Standard, Audit), Failure> {
    let engine = workspace.engine(header).await?;
    let place = (engine.target().account.clone(), engine.target().region.clone());
    let standard = Standard {
        now_ms: jiff::Timestamp::now().as_millisecond(),
        retention_in_days: arguments.retention,
        delete_empty: arguments.delete_empty,
        managed: managed(&workspace.state_folder(header), &place).await?,
    };
    let teller = Teller::new(workspace);
    let (audit, warnings) = engine.audit_log_groups(&arguments.prefix, &standard, |seen| teller.seen(seen)).await?;
    workspace.ui.diagnostics(&warnings);
    Ok((engine, standard, audit))
}

/// The groups that states in this folder manage in this account and region, and by which address of which project.
pub async fn managed(folder: &Path, place: &(String, String)) -> Result<BTreeMap<String, String>, Failure> {
    let mut managed = BTreeMap::new();
    for store in FileStore::all_in(folder)? {
        let Some(state) = store.load().await? else { continue };
        if (&state.target.account, &state.target.region) != (&place.0, &place.1) {
            continue;
        }
        let groups = state.entries.iter().filter(|(address, _)| address.kind == "log_group");
        let by = |address| match &state.stage {
            Some(stage) => format!("{address} of {}, stage {stage}", state.project),
            None => format!("{address} of {}", state.project),
        };
        managed.extend(groups.map(|(address, entry)| (entry.physical_id.as_str().to_owned(), by(address))));
    }
    Ok(managed)
}

async fn confirm(workspace: &Workspace, audit: &Audit) -> Result<(), Failure> {
    let deleted = audit.to_do().filter(|finding| finding.remedy == Remedy::Delete).count();
    let question = match (audit.to_do().count() - deleted, deleted) {
        (set, 0) => format!("Set the retention of {}?", human::counted(set, "log group")),
        (0, deleted) => format!("Delete {}?", human::counted(deleted, "empty log group")),
        (set, deleted) => format!("Set the retention of {} and delete {deleted} empty?", human::counted(set, "log group")),
    };
    ask(workspace, "log-groups audit --fix", &question).await
}

async fn fix(workspace: &Workspace, engine: &Engine, audit: &Audit, standard: &Standard) -> Result<BTreeMap<String, Ended>, Failure> {
    let (teller, record, total) = (Teller::new(workspace), workspace.progress.record(), audit.to_do().count());
    let mut done = 0;
    let told = |finding: &Finding, ended: &Ended| {
        done += 1;
        teller.mended(done, total);
        record.iter().for_each(|record| record.log_group(finding, ended));
    };
    engine.mend_log_groups(audit, standard, told).await
}

fn tell(workspace: &Workspace, view: &LogGroupsView<'_>, ends: &BTreeMap<String, Ended>) -> Result<Exit, Failure> {
    let errors: Vec<Diagnostic> = ends.iter().filter_map(|(name, ended)| failed(name, ended)).collect();
    workspace.ui.diagnostics(&errors[..errors.len().min(ERRORS_MAX)]);
    if errors.len() > ERRORS_MAX {
        workspace.ui.message(&format!("and {} more that failed; `--format json` names all", errors.len() - ERRORS_MAX));
    }
    match workspace.ui.format() {
        Format::Json => workspace.document(json_log_groups::audit(view)),
        Format::Markdown => workspace.ui.data(&markdown_log_groups::log_groups(view)),
        Format::Human => workspace.ui.view(&human::mended(view)),
    }
    let done = ends.values().filter(|ended| **ended == Ended::Done).count();
    match (errors.len(), done) {
        _ if workspace.interrupt.drain.is_cancelled() && done == 0 => Err(interrupted()),
        _ if workspace.interrupt.drain.is_cancelled() => Ok(Exit::Interrupted),
        (0, _) => Ok(Exit::Success),
        (_, 0) => Ok(Exit::Failed),
        _ => Ok(Exit::Partial),
    }
}

fn failed(name: &str, ended: &Ended) -> Option<Diagnostic> {
    let Ended::Failed(why) = ended else { return None };
    Some(Diagnostic::error("log-group-not-mended", "A log group could not be changed").detail(format!("`{name}`: {why}")))
}

/// Shows the audit. A document is written once, at the end.
fn show(workspace: &Workspace, view: &LogGroupsView<'_>, is_due: bool) {
    match workspace.ui.format() {
        Format::Json if !is_due => workspace.document(json_log_groups::audit(view)),
        Format::Markdown if !is_due => workspace.ui.data(&markdown_log_groups::log_groups(view)),
        _ => workspace.ui.view(&human::log_groups(view, workspace.ui.width())),
    }
}

/// Says now and then how far things are: an account may have tens of thousands of groups.
struct Teller<'a> {
    workspace: &'a Workspace,
    said: std::sync::Mutex<Instant>,
}

impl<'a> Teller<'a> {
    fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, said: std::sync::Mutex::new(Instant::now()) }
    }

    fn seen(&self, groups: usize) {
        self.now_and_then(|| format!("{groups} log groups were listed so far"));
    }

    fn mended(&self, done: usize, total: usize) {
        self.now_and_then(|| format!("{done} of {total} log groups are done"));
    }

    fn now_and_then(&self, text: impl FnOnce() -> String) {
        let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.elapsed() >= TELL_EVERY {
            *said = Instant::now();
            self.workspace.ui.status(&text());
        }
    }
}

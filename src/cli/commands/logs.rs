//! `lambdo logs`: what functions logged, all in one order of time.

use crate::aws::{AwsError, ErrorClass, LogEvent, Reader};
use crate::cli::args::{Format, LogsArguments};
use crate::cli::deployed::{self, is_meant};
use crate::cli::logs::{Follow, Since, Sources, scan};
use crate::cli::signals::{interrupted, unless_interrupted};
use crate::cli::view::{LogLine, human, json};
use crate::cli::workspace::{Config, Workspace};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure, State};
use crate::spec::Header;
use crate::store::StateStore;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

/// How far back is looked without `--since`, in milliseconds.
const HISTORY: Since = Since::Age(600_000);
/// The same with `--follow`: what was just called should be seen.
const JUST_NOW: Since = Since::Age(10_000);
/// From one look at all groups to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// What is shown after the first events of a time; RFC 3339 in UTC, as functions write it themselves.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";
/// Names are shown in a column of at most this many columns.
const COLUMN_MAX: usize = 32;

/// Shows what was logged, and with `--follow` what is.
pub async fn run(workspace: &Workspace, arguments: &LogsArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let header = workspace.header(&config)?;
    known(workspace, &config, &header, &arguments.names).await?;
    let opening = async {
        let engine = workspace.engine(&header).await?;
        let state = engine.load(&header.project, header.stage.as_deref()).await?;
        Ok((engine.reader(), state))
    };
    let (reader, state) = unless_interrupted(&workspace.interrupt, opening).await?;
    let printer = Printer::new(workspace, arguments, &state);
    if arguments.follow {
        return follow(workspace, arguments, &reader, &printer).await;
    }
    unless_interrupted(&workspace.interrupt, async { show(workspace, arguments, &reader, &printer).await }).await
}

/// Refuses names that mean no deployed function, before AWS is asked for anything.
async fn known(workspace: &Workspace, config: &Config, header: &Header, names: &[String]) -> Result<(), Failure> {
    let state = workspace.store(header).load().await?;
    let deployed: BTreeSet<&str> = state.iter().flat_map(|state| deployed::functions(state).into_keys()).collect();
    if deployed.is_empty() && names.is_empty() {
        let failure = deployed::not_deployed("No function was brought up yet, so there are no logs of one.", &[]);
        return Err(deployed::or_local(failure, workspace, header).await);
    }
    let unknown: Vec<&String> = names.iter().filter(|name| !deployed.iter().any(|function| is_meant(name, function))).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let specified = deployed::specified(workspace, config);
    let failures: Vec<Failure> = unknown.iter().map(|name| deployed::missing(name, &deployed, &specified)).collect();
    let exit = if failures.iter().any(|failure| failure.exit == Exit::Usage) { Exit::Usage } else { Exit::Failed };
    let failure = Failure { exit, diagnostics: failures.into_iter().flat_map(|failure| failure.diagnostics).collect() };
    Err(deployed::or_local(failure, workspace, header).await)
}

async fn show(workspace: &Workspace, arguments: &LogsArguments, reader: &Reader, printer: &Printer<'_>) -> Result<Exit, Failure> {
    let since_ms = arguments.since.unwrap_or(HISTORY).milliseconds(Timestamp::now());
    let groups = printer.sources.0.keys().map(|group| (group.as_str(), since_ms));
    let mut shown = 0_usize;
    let history = scan(reader, groups, |group, event| printer.take(group, &event, &mut shown)).await;
    for group in &history.missing {
        workspace.ui.status(&format!("The log group {group} does not exist: nothing was logged there."));
    }
    failed(history.errors)?;
    if shown == 0 && !history.is_stopped {
        let text = arguments.grep.as_ref().map_or_else(String::new, |text| format!(" with `{text}` in it"));
        workspace.ui.status(&format!("Nothing was logged{text} since {}; `--since 1d` looks further back.", time(since_ms)));
    }
    Ok(Exit::Success)
}

async fn follow(workspace: &Workspace, arguments: &LogsArguments, reader: &Reader, printer: &Printer<'_>) -> Result<Exit, Failure> {
    let since_ms = arguments.since.unwrap_or(JUST_NOW).milliseconds(Timestamp::now());
    let functions: Vec<&str> = printer.sources.functions().into_iter().collect();
    workspace.ui.status(&format!("Following {}; Ctrl-C ends it.", functions.join(", ")));
    let mut follow = Follow::new(reader, printer.sources.0.keys().map(String::as_str), since_ms);
    let looking = async {
        loop {
            let now_ms = Timestamp::now().as_millisecond();
            let round = follow.look(now_ms, |group, event| printer.take(group, &event, &mut 0)).await;
            round.notes.iter().for_each(|note| workspace.ui.status(&format!("({note})")));
            failed(round.errors)?;
            if round.is_stopped {
                return Ok(Exit::Success);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        // The usual end: nothing needs to be said.
        () = workspace.interrupt.drain.cancelled() => Ok(Exit::Interrupted),
        result = looking => result,
    }
}

fn failed(errors: Vec<(String, AwsError)>) -> Result<(), Failure> {
    if errors.is_empty() {
        return Ok(());
    }
    if errors.iter().any(|(_, error)| error.class == ErrorClass::Interrupted) {
        return Err(interrupted());
    }
    let diagnostic = |(group, error): (String, AwsError)| {
        let diagnostic = error.diagnostic();
        let detail = format!("The log group {group} cannot be read: {}", diagnostic.detail);
        Diagnostic { detail, ..diagnostic }
    };
    Err(Failure { exit: Exit::Failed, diagnostics: errors.into_iter().map(diagnostic).collect() })
}

fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default().strftime(TIME).to_string()
}

/// Prints the events that were asked for.
struct Printer<'a> {
    workspace: &'a Workspace,
    sources: Sources,
    grep: Option<&'a str>,
    /// The number of each function among all of the project, so that its colour does not depend on what was asked for.
    numbers: BTreeMap<String, usize>,
    column: usize,
}

impl<'a> Printer<'a> {
    fn new(workspace: &'a Workspace, arguments: &'a LogsArguments, state: &State) -> Self {
        let names = &arguments.names;
        let sources = Sources::new(state, |function| names.is_empty() || names.iter().any(|name| is_meant(name, function)));
        let numbers = deployed::functions(state).into_keys().enumerate().map(|(number, name)| (name.to_owned(), number)).collect();
        let column = sources.functions().into_iter().map(str::len).max().unwrap_or_default().min(COLUMN_MAX);
        Self { workspace, sources, grep: arguments.grep.as_deref(), numbers, column }
    }

    /// Prints one event, unless it was not asked for; breaks when nobody reads any more.
    fn take(&self, group: &str, event: &LogEvent, shown: &mut usize) -> ControlFlow<()> {
        let Some(function) = self.sources.owner(group, &event.stream) else { return ControlFlow::Continue(()) };
        if self.grep.is_some_and(|text| !event.message.contains(text)) {
            return ControlFlow::Continue(());
        }
        *shown += 1;
        let time = time(event.timestamp_ms);
        let text = match self.workspace.ui.format() {
            Format::Json => json::log_event(&LogLine { function: &function, group, time: &time, event }).to_string(),
            Format::Human | Format::Markdown => {
                let number = self.numbers.get(&function).copied().unwrap_or_default();
                let (column, message) = (self.column, event.message.as_str());
                human::log_event(&human::LogView { time: &time, function: &function, number, column, message })
            }
        };
        if self.workspace.ui.line(&text).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

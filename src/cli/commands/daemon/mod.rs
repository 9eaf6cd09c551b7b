//! `lambdo daemon`: watches over specs until a signal. What it does with each of them is what the commands do.

mod audit;
mod heal;
mod last_good;
mod limits;
mod log;
mod look;
mod proposal;
mod settings;
mod site;
mod tell;
mod trouble;
mod watched_spec;

pub use log::{LogFormat, LogLevel};
pub use site::Listen;

use crate::aws::Quotas;
use crate::cli::args::{DaemonArguments, Format};
use crate::cli::signals::{self, Asked};
use crate::cli::workspace::{CONFIG_FILE, Workspace};
use crate::daemon::notify::Switchboard;
use crate::daemon::{Board, Control, Daemon, Logs, Party, SystemTime, View, WakeUp, Watched};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use crate::spec;
use futures::future::join_all;
use last_good::LastGood;
use log::Log;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tell::People;
use watched_spec::WatchedSpec;

/// Below the state's folder, what the daemon remembers.
const FOLDER: &str = "daemon";
/// So long a daemon that ends tries to tell what it has not told yet; the next one goes on with the rest.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The same for a single look, after which nobody may come for long.
const TOLD_ONCE: Duration = Duration::from_secs(60);

/// Watches, or looks once.
pub async fn run(workspace: &Workspace, arguments: &DaemonArguments) -> Result<Exit, Failure> {
    let door = if arguments.once { None } else { site::door(workspace, arguments)? };
    let log = Arc::new(Log::new(Arc::clone(&workspace.ui), arguments.log_format, arguments.log_level));
    let switchboard = Arc::<Switchboard>::default();
    let specs = specs(workspace, arguments, &People { switchboard: Arc::clone(&switchboard), log: Arc::clone(&log) })?;
    let daemon = daemon(workspace, &specs, Arc::clone(&switchboard), &log);
    if arguments.once {
        daemon.once().await;
        switchboard.finish(TOLD_ONCE).await;
    } else {
        log.say(LogLevel::Info, "daemon_started", None, &format!("watching {}", listed(&specs)));
        let served = site::open(door, &daemon, &log).await?;
        let asked = tokio::spawn(follow_signals(daemon.control.clone(), Arc::clone(&log)));
        daemon.run().await;
        asked.abort();
        drop(served.await);
        switchboard.finish(LAST_WORDS).await;
        log.say(LogLevel::Info, "daemon_stopped", None, "stopped; what was open stays written down");
    }
    // Specs of one folder share a cloud: whoever has started it waits until the others have left it.
    join_all(specs.values().map(|spec| spec.workspace().local.stop(&workspace.interrupt, &workspace.ui))).await;
    if !arguments.once {
        return Ok(Exit::Success);
    }
    let views: Vec<Arc<View>> = daemon.control.board.all();
    match workspace.ui.format() {
        Format::Json => workspace
            .ui
            .document(&json!({ "version": 1, "command": "daemon", "specs": views.iter().map(|view| view.as_ref()).collect::<Vec<_>>() })),
        _ => views.iter().for_each(|view| workspace.ui.data(&glance(view))),
    }
    Ok(exit(&views))
}

fn daemon(workspace: &Workspace, specs: &BTreeMap<String, Arc<WatchedSpec>>, listener: Arc<Switchboard>, log: &Arc<Log>) -> Daemon {
    let board = Arc::new(Board::default());
    let memories: BTreeMap<String, PathBuf> = specs.iter().map(|(id, spec)| (id.clone(), spec.memory())).collect();
    for (id, spec) in specs {
        let config = spec.workspace().config_path().map(|path| path.display().to_string()).unwrap_or_default();
        board.update(id, |view| view.config = config);
    }
    let party = |spec: &Arc<WatchedSpec>| Party {
        bell: Arc::default(),
        watched: Arc::clone(spec) as Arc<dyn Watched>,
        logs: Arc::clone(spec) as Arc<dyn Logs>,
    };
    let parties = specs.iter().map(|(id, spec)| (id.clone(), party(spec))).collect();
    let log = Arc::clone(log);
    Daemon {
        control: Control::new(board, parties),
        listener,
        clock: Arc::new(SystemTime),
        memory: Arc::new(move |id| memories.get(id).cloned().unwrap_or_default()),
        log: Arc::new(move |id, moment| log.moment(id, moment)),
        stop: workspace.interrupt.drain.clone(),
    }
}

/// The specs by their ids. Two of the same name get a number.
fn specs(workspace: &Workspace, arguments: &DaemonArguments, people: &People) -> Result<BTreeMap<String, Arc<WatchedSpec>>, Failure> {
    let configs: Vec<PathBuf> = match arguments.configs.as_slice() {
        [] => vec![workspace.config_path().map_or_else(|| workspace.config().map(|config| config.path), Ok)?],
        given => given.iter().map(|path| in_folder(workspace.path(path))).collect(),
    };
    let quotas = Arc::new(Quotas::with_budget(usize::from(arguments.calls_per_minute)));
    let (mut specs, mut problems) = (BTreeMap::new(), Vec::new());
    for config in configs {
        for stage in in_stages(workspace, &config, &quotas)? {
            match WatchedSpec::open(stage, people, &quotas, |name| free_id(name, &specs)) {
                Ok(spec) => drop(specs.insert(spec.id.clone(), Arc::new(spec))),
                Err(failure) => problems.extend(failure.diagnostics),
            }
        }
    }
    // One that is broken keeps nobody from watching the others; where all are and never were in order, there is nothing to watch.
    if problems.is_empty() && specs.values().all(|spec: &Arc<WatchedSpec>| spec.broken.is_some() && !spec.was_good) {
        for diagnostic in specs.values().filter_map(|spec| spec.broken.clone()).flat_map(|failure| failure.diagnostics) {
            // All stages of a file say the same of it.
            if !problems.contains(&diagnostic) {
                problems.push(diagnostic);
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Usage, diagnostics: problems });
    }
    twins(&specs).map_or(Ok(()), Err)?;
    specs.values().try_for_each(|spec| spec.claim())?;
    Ok(specs)
}

/// The spec in a folder, or the file itself.
fn in_folder(path: PathBuf) -> PathBuf {
    if path.is_dir() { path.join(CONFIG_FILE) } else { path }
}

/// A spec in the stage that was given, or in each that it declares.
fn in_stages(workspace: &Workspace, config_path: &Path, quotas: &Arc<Quotas>) -> Result<Vec<Workspace>, Failure> {
    let alone = workspace.beside(config_path, quotas)?;
    let declared = || {
        let config = alone.config().ok();
        let stages = config.as_ref().map(|config| spec::salvage_stages(&config.path, &config.text)).unwrap_or_default();
        let is_in_order = config.is_some_and(|config| alone.header(&config).is_ok());
        if stages.is_empty() && !is_in_order { LastGood::of(&alone, config_path).stages() } else { stages }
    };
    let stages = if workspace.global.stage.is_some() { Vec::new() } else { declared() };
    if stages.is_empty() {
        return Ok(vec![alone]);
    }
    // Each counts its own calls, and keeps its own record of runs.
    stages.iter().map(|stage| Ok(workspace.beside(config_path, quotas)?.in_stage(stage))).collect()
}

/// The name, with a number where others have it, too.
fn free_id(name: &str, taken: &BTreeMap<String, Arc<WatchedSpec>>) -> String {
    let numbered = (2..=taken.len() + 1).map(|number| format!("{name}-{number}"));
    let mut ids = std::iter::once(name.to_owned()).chain(numbered);
    ids.find(|id| !taken.contains_key(id)).unwrap_or_default()
}

/// Refuses two specs that have one state: each would take the other's for its own.
fn twins(specs: &BTreeMap<String, Arc<WatchedSpec>>) -> Option<Failure> {
    let mut states: BTreeMap<&PathBuf, &String> = BTreeMap::new();
    for (id, spec) in specs {
        if let Some(other) = states.insert(&spec.state, id) {
            let diagnostic = Diagnostic::error("same-state", "Two specs have the same state")
                .detail(format!("`{other}` and `{id}` both keep their state in `{}`.", spec.state.display()))
                .hint("give each spec once, or another `project` or `state.path`");
            return Some(Failure::new(Exit::Usage, diagnostic));
        }
    }
    None
}

async fn follow_signals(control: Control, log: Arc<Log>) {
    while let Some(asked) = signals::asked().await {
        match asked {
            Asked::Look => {
                log.say(LogLevel::Info, "signal", None, "asked to look at everything now");
                control.check_all(WakeUp::Signal);
            }
            Asked::LogMore => log.toggle(),
        }
    }
}

fn listed(specs: &BTreeMap<String, Arc<WatchedSpec>>) -> String {
    specs.keys().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

/// A spec in a line.
fn glance(view: &View) -> String {
    let standing = json!(view.standing);
    let standing = standing.as_str().unwrap_or_default().replace('_', " ");
    let why = view.trouble.as_ref().or(view.spec_trouble.as_ref()).map_or_else(String::new, |trouble| format!(": {}", trouble.text));
    let undone = view.undone.iter().map(|undone| format!("\n  {}: {}", undone.work.title(), undone.trouble.text));
    let findings = view.findings.iter().map(|state| format!("\n  {} {}", state.finding.address, state.finding.line()));
    let unread = view.unread.iter().map(|unread| match unread.path.to_string().as_str() {
        "" => format!("\n  {} could not be read: {}", unread.address, unread.detail),
        path => format!("\n  {path} of {} could not be read: {}", unread.address, unread.detail),
    });
    format!("{}: {standing}{why}{}", view.id, undone.chain(findings).chain(unread).collect::<String>())
}

/// The worst of all specs, as `lambdo drift` ends.
fn exit(views: &[Arc<View>]) -> Exit {
    let any = |is: &dyn Fn(&View) -> bool| views.iter().any(|view| is(view));
    match () {
        () if any(&|view| view.spec_trouble.is_some()) => Exit::Usage,
        () if any(&|view| view.trouble.is_some() || view.last_check.is_none()) => Exit::Failed,
        () if any(&|view| !view.findings.is_empty()) => Exit::Drift,
        () if any(&|view| !view.unread.is_empty()) => Exit::Unchecked,
        () => Exit::Success,
    }
}

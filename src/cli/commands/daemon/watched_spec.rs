//! One spec that is watched.

use super::last_good::LastGood;
use super::tell::{People, Telling};
use super::trouble::trouble;
use super::{audit, heal, look, proposal, settings};
use crate::aws::{LogEvent, Quotas};
use crate::cli::deployed;
use crate::cli::logs::{Sources, scan};
use crate::cli::signals::unless_interrupted;
use crate::cli::workspace::{Config, Workspace};
use crate::daemon::{Audited, Check, Depth, Healed, LogLine, Logs, Order, Proposal, Settings, Trouble, Watched};
use crate::diagnostic::Diagnostic;
use crate::model::{CallAccount, DriftReport, Exit, Failure};
use crate::spec::Header;
use crate::store::{Claim, Shelf};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// What a file that is no text at all is refused with.
const NOT_UTF8: &str = "not-utf8";
/// How the files of a spec's memory end.
const MEMORY: &str = "json";
const OUTBOX: &str = "outbox.json";
const PLAN: &str = "plan.json";
/// So many lines of a function's log are shown.
const LINES_MAX: usize = 500;

/// A spec in one of its stages.
pub struct WatchedSpec {
    workspace: Workspace,
    /// The last good one.
    current: Mutex<Option<(Config, Header)>>,
    /// What the last check found, where it is asked who did that.
    before: Mutex<Option<DriftReport>>,
    telling: Telling,
    /// What it said when it was last in order, also before this process began.
    last_good: LastGood,
    /// What it is called: `project` or `project.stage`, with a number where another one is called so; the name of the file where
    /// the project's cannot be made out.
    pub id: String,
    /// What was wrong with the file's first keys when the daemon began, if something was.
    pub broken: Option<Failure>,
    /// Whether it was in order before, so that it can be watched as it was.
    pub was_good: bool,
    /// Where what the daemon knows of it is kept, and what its files there are called: the same whoever else is watched, so
    /// that every daemon finds them.
    folder: PathBuf,
    stem: String,
    /// The file of its state.
    pub state: PathBuf,
    /// Keeps another daemon from the same memory.
    claim: Mutex<Option<Claim>>,
}

impl WatchedSpec {
    /// The one of this workspace; `free` makes an id of its name that no other has. It may be broken: then it is watched all
    /// the same, by what can be made out of it, until it is mended.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a file that is not there or cannot be read.
    pub fn open(workspace: Workspace, people: &People, quotas: &Arc<Quotas>, free: impl FnOnce(&str) -> String) -> Result<Self, Failure> {
        let (config, garbled) = read_at_all(&workspace)?;
        let last_good = LastGood::of(&workspace, &config.path);
        let before = last_good.header(&workspace, &config);
        let was_good = before.is_some();
        let (header, broken) = match workspace.header(&config) {
            Ok(header) => (Some(header), None),
            Err(failure) => (before.or_else(|| workspace.salvaged(&config)), garbled.or(Some(failure))),
        };
        let id = free(&header.as_ref().map_or_else(|| name_of_file(&config.path), settings::name));
        let beside = || Header::without_file(config.path.parent().map(FilePath::to_path_buf).unwrap_or_default());
        let folder = workspace.state_folder(header.as_ref().unwrap_or(&beside())).join(super::FOLDER);
        let stage = workspace.global.stage.iter().map(|stage| format!(".{stage}"));
        let stem = header.as_ref().map_or_else(|| stage.fold(last_good.name.clone(), |name, stage| name + &stage), settings::name);
        let state = header.map_or_else(|| folder.join(&stem), |header| workspace.store(&header).path());
        let telling = Telling::new(workspace.beside(&config.path, quotas)?, people, &id, folder.join(format!("{stem}.{OUTBOX}")));
        let (current, before, claim) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { workspace, current, before, telling, last_good, id, broken, was_good, folder, stem, state, claim })
    }

    /// The file of its memory.
    pub fn memory(&self) -> PathBuf {
        self.folder.join(format!("{}.{MEMORY}", self.stem))
    }

    /// Keeps every other daemon from watching it as long as this one lives.
    ///
    /// # Errors
    /// [`Exit::Locked`] when another one watches it.
    pub fn claim(&self) -> Result<(), Failure> {
        let memory = Shelf::new(self.memory());
        let claim = memory.claim().ok_or_else(|| watched_already(&self.id, &memory))?;
        if self.id != self.stem {
            take_over(&self.folder, &self.id, &self.stem);
        }
        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim);
        Ok(())
    }

    /// What it works in.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    fn current(&self) -> Result<(Config, Header), Failure> {
        match self.current.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(current) => Ok(current),
            None => self.read(),
        }
    }

    fn read(&self) -> Result<(Config, Header), Failure> {
        let config = self.workspace.config()?;
        let header = self.workspace.spec(&config)?.header;
        Ok((config, header))
    }

    fn trouble(&self, failure: &Failure) -> Trouble {
        trouble(failure, self.workspace.ui.scrubber())
    }

    fn told<T>(&self, result: Result<T, Failure>) -> Result<T, Trouble> {
        result.map_err(|failure| self.trouble(&failure))
    }

    /// Where a plan waits.
    fn plan_file(&self, header: &Header) -> PathBuf {
        self.workspace.state_folder(header).join(super::FOLDER).join(format!("{}.{PLAN}", self.stem))
    }

    /// Work under way is finished when a signal comes; work that changes nothing is dropped.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Trouble> {
        self.told(unless_interrupted(&self.workspace.interrupt, work).await)
    }

    /// Work that changes something; its record ends with it, and not with the process. `is_whole` says whether all was done that
    /// should have been.
    async fn recorded<T>(&self, work: impl Future<Output = Result<T, Failure>>, is_whole: impl FnOnce(&T) -> bool) -> Result<T, Trouble> {
        let began = Instant::now();
        let result = work.await;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (exit, errors) = match &result {
            Ok(done) if is_whole(done) => (Exit::Success, &[][..]),
            Ok(_) => (Exit::Partial, &[][..]),
            Err(failure) => (failure.exit, failure.diagnostics.as_slice()),
        };
        self.workspace.end_record(exit, elapsed_ms, errors);
        self.told(result)
    }

    /// Whoever would be told by a spec that was broken from the beginning must hear of that, too.
    async fn follow_as_far_as_known(&self) {
        if self.telling.has_begun().await {
            return;
        }
        let Ok((config, _)) = read_at_all(&self.workspace) else { return };
        let before = self.last_good.header(&self.workspace, &config);
        if let Some(header) = before.or_else(|| self.workspace.salvaged(&config)) {
            self.telling.follow(&header).await;
        }
    }

    async fn lines(&self, function: &str, since: Duration) -> Result<Vec<LogLine>, Failure> {
        let (_, header) = self.current()?;
        let engine = self.workspace.engine(&header).await?;
        let state = engine.load(&header.project, header.stage.as_deref()).await?;
        if !deployed::functions(&state).contains_key(function) {
            return Err(deployed::not_deployed(&format!("No function is called `{function}`."), &[function]));
        }
        let sources = Sources::new(&state, |name| name == function);
        let age_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let since_ms = Timestamp::now().as_millisecond().saturating_sub(age_ms).max(0);
        let mut lines = VecDeque::new();
        let groups = sources.0.keys().map(|group| (group.as_str(), since_ms));
        let take = |group: &str, event: LogEvent| {
            if sources.owner(group, &event.stream).is_some() {
                let at = Timestamp::from_millisecond(event.timestamp_ms).unwrap_or_default();
                lines.push_back(LogLine { at, text: self.workspace.ui.scrubber().clean(event.message.trim_end()).into_owned() });
                if lines.len() > LINES_MAX {
                    lines.pop_front();
                }
            }
            ControlFlow::Continue(())
        };
        let history = scan(&engine.reader(), groups, take).await;
        match history.errors.into_iter().next() {
            Some((_, error)) => Err(Failure::new(Exit::Failed, error.diagnostic())),
            None => Ok(lines.into()),
        }
    }
}

/// The file's text, which is empty for one that is no text, with what is wrong with it.
fn read_at_all(workspace: &Workspace) -> Result<(Config, Option<Failure>), Failure> {
    match workspace.config() {
        Ok(config) => Ok((config, None)),
        Err(failure) if failure.diagnostics.iter().any(|one| one.code == NOT_UTF8) => {
            Ok((Config { path: workspace.config_path().unwrap_or_default(), text: String::new() }, Some(failure)))
        }
        Err(failure) => Err(failure),
    }
}

/// What a spec is called of which not even the project's name can be made out: its file's name, in the letters of an address.
pub fn name_of_file(path: &FilePath) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' }).collect()
}

/// Gives files that lie under the name that a spec is shown by, as an earlier version kept them, the name that they have now. They
/// are left where they may be another spec's, whose state lies beside the folder under that very name.
fn take_over(folder: &FilePath, shown: &str, stem: &str) {
    let is_anothers = folder.parent().is_some_and(|states| states.join(format!("{shown}.json")).exists());
    for kind in [MEMORY, Shelf::BEFORE, OUTBOX, PLAN] {
        let (old, new) = (folder.join(format!("{shown}.{kind}")), folder.join(format!("{stem}.{kind}")));
        if !is_anothers && !new.exists() && old.exists() {
            // Where it cannot be, what is open is told once more, and nothing else is lost.
            let _ = std::fs::rename(old, new);
        }
    }
}

fn watched_already(name: &str, memory: &Shelf) -> Failure {
    let diagnostic = Diagnostic::error("watched-already", "Another daemon watches this spec")
        .detail(format!(
            "`{name}` is watched by a process that keeps its history in `{}`; both would tell everything.",
            memory.path().display()
        ))
        .hint("stop the other one, or ask it to look now: `kill -HUP PID`");
    Failure::new(Exit::Locked, diagnostic)
}

#[async_trait(?Send)]
impl Watched for WatchedSpec {
    fn stamp(&self) -> u64 {
        let metadata = self.workspace.config_path().and_then(|path| std::fs::metadata(path).ok());
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = modified.map_or(0, |modified| modified.as_nanos());
        // Which of the bits differ is of no importance.
        #[allow(clippy::cast_possible_truncation)]
        let time = nanoseconds as u64;
        time.wrapping_mul(31).wrapping_add(metadata.map_or(1, |metadata| metadata.len()))
    }

    async fn load(&self) -> Result<Settings, Trouble> {
        match self.read().and_then(|(config, header)| Ok((settings::settings(&header)?, config, header))) {
            Ok((settings, config, header)) => {
                self.telling.follow(&header).await;
                if let Err(problem) = self.last_good.keep(&config.text) {
                    self.telling.warn("last_good_not_kept", &format!("what the spec says now is not known after a restart: {problem}"));
                }
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((config, header));
                Ok(Settings { name: self.id.clone(), ..settings })
            }
            Err(failure) => {
                self.follow_as_far_as_known().await;
                Err(self.trouble(&failure))
            }
        }
    }

    async fn first_keys(&self) -> Option<Settings> {
        let (config, _) = read_at_all(&self.workspace).ok()?;
        let header = self.workspace.header(&config).ok().or_else(|| self.last_good.header(&self.workspace, &config))?;
        let settings = settings::settings(&header).ok()?;
        self.telling.follow(&header).await;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((config, header));
        Some(Settings { name: self.id.clone(), ..settings })
    }

    async fn check(&self, depth: Depth) -> Result<Check, Trouble> {
        let (config, header) = self.told(self.current())?;
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (check, report) =
            self.unless_stopped(Box::pin(look::check(&self.workspace, (&config, &header), depth, before.as_ref()))).await?;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(report).filter(|_| header.drift.who);
        Ok(check)
    }

    async fn propose(&self) -> Result<Option<Proposal>, Trouble> {
        let (config, header) = self.told(self.current())?;
        self.unless_stopped(Box::pin(proposal::propose(&self.workspace, &config, &self.plan_file(&header)))).await
    }

    async fn apply(&self, proposal: &Proposal) -> Result<Healed, Trouble> {
        let (config, _) = self.told(self.current())?;
        self.recorded(Box::pin(proposal::apply(&self.workspace, &config, proposal)), Healed::is_whole).await
    }

    async fn heal(&self, order: &Order) -> Result<Healed, Trouble> {
        let (config, header) = self.told(self.current())?;
        self.recorded(Box::pin(heal::heal(&self.workspace, &config, &header, order)), Healed::is_whole).await
    }

    async fn deploy(&self, limits: &Order) -> Result<Healed, Trouble> {
        let (config, _) = self.told(self.current())?;
        self.recorded(Box::pin(proposal::deploy(&self.workspace, &config, limits)), Healed::is_whole).await
    }

    async fn audit(&self, may_fix: bool) -> Result<Audited, Trouble> {
        let (_, header) = self.told(self.current())?;
        let Some(rule) = &header.daemon.log_groups else { return Ok(Audited::default()) };
        if rule.fix && may_fix {
            self.recorded(Box::pin(audit::fix(&self.workspace, &header, rule)), |audited| audited.refused.is_empty()).await
        } else {
            self.unless_stopped(Box::pin(audit::look(&self.workspace, &header, rule))).await
        }
    }

    fn calls(&self) -> CallAccount {
        self.workspace.calls().unwrap_or_default()
    }
}

#[async_trait]
impl Logs for WatchedSpec {
    async fn logs(&self, function: &str, since: Duration) -> Result<Vec<LogLine>, Trouble> {
        self.told(Box::pin(self.lines(function, since)).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_under_a_numbered_name_is_taken_over_once_and_only_where_it_is_ours() {
        let states = tempfile::tempdir().unwrap();
        let folder = states.path().join("daemon");
        std::fs::create_dir(&folder).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("demo-2.json", "memory");
        write("demo-2.before.json", "before");
        write("demo-2.outbox.json", "outbox");
        write("demo-2.plan.json", "plan");
        // There is a project of this name.
        std::fs::write(states.path().join("demo-2.json"), "{}").unwrap();
        take_over(&folder, "demo-2", "demo");
        assert_eq!(read("demo.json"), None);
        std::fs::remove_file(states.path().join("demo-2.json")).unwrap();
        take_over(&folder, "demo-2", "demo");
        let names = ["demo.json", "demo.before.json", "demo.outbox.json", "demo.plan.json"];
        assert_eq!(names.map(|name| read(name).unwrap_or_default()), ["memory", "before", "outbox", "plan"]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), names.len(), "nothing is left under the number");
        write("demo-2.json", "older");
        take_over(&folder, "demo-2", "demo");
        assert_eq!(read("demo.json").as_deref(), Some("memory"));
    }
}

//! One spec that is watched.

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
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

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
    /// What it is called: `project` or `project.stage`.
    pub name: String,
    /// Where what the daemon knows of it is kept.
    pub folder: PathBuf,
    /// The file of its state.
    pub state: PathBuf,
    /// Keeps another daemon from the same memory.
    claim: Mutex<Option<Claim>>,
}

/// What changed something.
trait Work {
    /// Whether all was done that should have been.
    fn is_whole(&self) -> bool;
}

impl Work for Healed {
    fn is_whole(&self) -> bool {
        self.refused.is_empty()
    }
}

impl Work for Audited {
    fn is_whole(&self) -> bool {
        self.refused.is_empty()
    }
}

impl WatchedSpec {
    /// The one of this workspace. Its functions may be broken; where it lives must be known.
    ///
    /// # Errors
    /// [`Exit::Usage`] with what is wrong with the file's first keys.
    pub fn open(workspace: Workspace, people: &People, quotas: &Arc<Quotas>) -> Result<Self, Failure> {
        let config = workspace.config()?;
        let header = workspace.header(&config)?;
        let folder = workspace.state_folder(&header).join(super::FOLDER);
        let (name, state) = (settings::name(&header), workspace.store(&header).path());
        let telling = Telling::new(workspace.beside(&config.path, quotas)?, people, &name, folder.join(format!("{name}.outbox.json")));
        Ok(Self { workspace, current: Mutex::default(), before: Mutex::default(), telling, name, folder, state, claim: Mutex::default() })
    }

    /// Keeps every other daemon from watching it as long as this one lives.
    ///
    /// # Errors
    /// [`Exit::Locked`] when another one watches it.
    pub fn claim(&self) -> Result<(), Failure> {
        let memory = Shelf::new(self.folder.join(format!("{}.json", self.name)));
        let claim = memory.claim().ok_or_else(|| watched_already(&self.name, &memory))?;
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
        self.workspace.state_folder(header).join(super::FOLDER).join(format!("{}.plan.json", self.name))
    }

    /// Work under way is finished when a signal comes; work that changes nothing is dropped.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Trouble> {
        self.told(unless_interrupted(&self.workspace.interrupt, work).await)
    }

    /// Work that changes something; its record ends with it, and not with the process.
    async fn recorded<T: Work>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Trouble> {
        let began = Instant::now();
        let result = work.await;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (exit, errors) = match &result {
            Ok(done) if done.is_whole() => (Exit::Success, &[][..]),
            Ok(_) => (Exit::Partial, &[][..]),
            Err(failure) => (failure.exit, failure.diagnostics.as_slice()),
        };
        self.workspace.end_record(exit, elapsed_ms, errors);
        self.told(result)
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
        let read = self.read().and_then(|(config, header)| Ok((settings::settings(&header)?, config, header)));
        let (settings, config, header) = self.told(read)?;
        self.telling.follow(&header).await;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((config, header));
        Ok(settings)
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
        self.recorded(Box::pin(proposal::apply(&self.workspace, &config, proposal))).await
    }

    async fn heal(&self, order: &Order) -> Result<Healed, Trouble> {
        let (config, header) = self.told(self.current())?;
        self.recorded(Box::pin(heal::heal(&self.workspace, &config, &header, order))).await
    }

    async fn deploy(&self, limits: &Order) -> Result<Healed, Trouble> {
        let (config, _) = self.told(self.current())?;
        self.recorded(Box::pin(proposal::deploy(&self.workspace, &config, limits))).await
    }

    async fn audit(&self, may_fix: bool) -> Result<Audited, Trouble> {
        let (_, header) = self.told(self.current())?;
        let Some(rule) = &header.daemon.log_groups else { return Ok(Audited::default()) };
        if rule.fix && may_fix {
            self.recorded(Box::pin(audit::fix(&self.workspace, &header, rule))).await
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

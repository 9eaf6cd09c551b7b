//! Shows events as they happen: live lines on a terminal, plain lines elsewhere; and records them.

use super::board::Board;
use super::record::Record;
use super::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::model::{Event, EventSink, Exit, Failure, Plan};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Takes all events of a run.
pub struct Progress {
    ui: Arc<Ui>,
    board: Arc<Mutex<Board>>,
    started: Instant,
    file: Option<Mutex<File>>,
    /// What stays of the run, once it is known where.
    lasting: Mutex<Option<Arc<Record>>>,
    /// Says something now and then where nothing is drawn.
    ticking: Mutex<Option<AbortHandle>>,
}

/// How often it is looked whether something is to be said.
const TICK: Duration = Duration::from_millis(500);

impl Progress {
    /// Progress on the terminal, and as JSON lines in the file at `events`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn new(ui: Arc<Ui>, events: Option<&Path>) -> Result<Arc<Self>, Failure> {
        let file = events.map(|path| File::create(path).map_err(|error| no_events_file(path, &error))).transpose()?;
        let board = Arc::new(Mutex::new(Board::new(ui.is_verbose())));
        Ok(Arc::new(Self {
            ui,
            board,
            started: Instant::now(),
            file: file.map(Mutex::new),
            lasting: Mutex::default(),
            ticking: Mutex::default(),
        }))
    }

    /// The sink for the engine and its like.
    pub fn sink(self: &Arc<Self>) -> EventSink {
        let progress = Arc::clone(self);
        Arc::new(move |event| progress.take(&event))
    }

    /// Writes everything down from now on.
    pub fn keep(&self, record: Record) {
        *locked(&self.lasting) = Some(Arc::new(record));
    }

    /// Writes nothing more down, and hands out the record.
    pub fn release(&self) -> Option<Arc<Record>> {
        locked(&self.lasting).take()
    }

    /// The record of this run, where one is kept.
    pub fn record(&self) -> Option<Arc<Record>> {
        locked(&self.lasting).clone()
    }

    /// Learns what is about to be applied, so that finished steps can be told.
    pub fn expect(&self, plan: &Plan) {
        locked(&self.board).expect(plan);
    }

    /// Tells each package that is built, however many there are, and each that cannot be.
    pub fn tell_packages(&self) {
        locked(&self.board).tell_packages();
    }

    /// Draws live lines until [`Progress::rest`]; where there is no terminal, says now and then how far things are.
    pub fn go(self: &Arc<Self>) {
        let (board, started) = (Arc::clone(&self.board), self.started);
        let lines = move |columns, rows| locked(&board).lines(milliseconds(started), columns, rows).join("\n");
        if self.ui.start_live(lines) {
            return;
        }
        let progress = Arc::clone(self);
        let ticking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let due = locked(&progress.board).due(milliseconds(progress.started));
                due.iter().for_each(|line| progress.ui.status(line));
            }
        });
        *locked(&self.ticking) = Some(ticking.abort_handle());
    }

    /// Takes the live lines away.
    pub fn rest(&self) {
        self.ui.end_live();
        locked(&self.ticking).take().iter().for_each(AbortHandle::abort);
    }

    /// Writes down what happened without showing it.
    pub fn note(&self, event: &Event) {
        self.write(event);
    }

    /// Milliseconds since the command began.
    pub fn elapsed_ms(&self) -> u64 {
        milliseconds(self.started)
    }

    fn take(&self, event: &Event) {
        self.write(event);
        let line = locked(&self.board).take(event, milliseconds(self.started));
        if let Some(line) = line {
            self.ui.status(&line);
        }
    }

    /// A full disk must not end a run that changes AWS, so a line that cannot be written is lost.
    fn write(&self, event: &Event) {
        self.record().iter().for_each(|record| record.event(event));
        // Each request is for who asks later, not for who follows.
        if let Some(file) = self.file.as_ref().filter(|_| !matches!(event, Event::Called { .. })) {
            let line = self.ui.scrubber().clean_json(&event_line(event, &jiff::Timestamp::now().to_string()));
            let _ = writeln!(locked(file), "{line}");
        }
    }
}

/// An event as JSON.
fn event_line(event: &Event, timestamp: &str) -> serde_json::Value {
    let mut line = serde_json::Map::new();
    line.insert("version".into(), 1.into());
    line.insert("timestamp".into(), timestamp.into());
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(event) {
        line.extend(fields);
    }
    serde_json::Value::Object(line)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn no_events_file(path: &Path, error: &std::io::Error) -> Failure {
    let diagnostic = Diagnostic::error("events-file", "The events file cannot be written")
        .detail(format!("`--events {}` was given, but the file cannot be made: {error}.", path.display()));
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_version_and_time() {
        let line = event_line(&Event::Read { done: 1, total: 2 }, "2026-11-22T10:00:00Z").to_string();
        assert_eq!(line, r#"{"version":1,"timestamp":"2026-11-22T10:00:00Z","event":"read","done":1,"total":2}"#);
    }
}

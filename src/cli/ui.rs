//! The only place that prints. stdout carries data, stderr everything else.

use super::args::{Format, Global};
use super::init::text::shell;
use super::render;
use super::view::human;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::{Exit, Scrubber};
use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The columns before the detail of a diagnostic: a line number of up to four digits, and `  = `.
const DETAIL_FRAME: usize = 7;

/// The same before a hint, with its name.
const HINT_FRAME: usize = DETAIL_FRAME + 6;

/// The width of text where there is no terminal, in columns.
const WIDTH_WITHOUT_TERMINAL: usize = 100;
/// How often live lines are drawn anew, in milliseconds.
const REDRAW_MS: u64 = 100;

/// The verbs whose meaning depends on where a run works.
const PLACED_VERBS: &[&str] = &[
    "build",
    "destroy",
    "diff",
    "drift",
    "gc",
    "import",
    "invoke",
    "log-groups",
    "logs",
    "notify",
    "output",
    "plan",
    "policy",
    "runs",
    "state",
    "status",
    "unlock",
    "up",
];

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The options that lead another command to the same place.
pub fn place(global: &Global) -> String {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let options = [
        ("-C", path(&global.directory), "LAMBDO_DIRECTORY"),
        ("--config", path(&global.config), "LAMBDO_CONFIG"),
        ("--stage", global.stage.clone(), "LAMBDO_STAGE"),
        ("--region", global.region.clone(), "LAMBDO_REGION"),
        ("--profile", global.profile.clone(), "LAMBDO_PROFILE"),
        ("--endpoint-url", global.endpoint_url.clone(), "LAMBDO_ENDPOINT_URL"),
        ("--state-dir", path(&global.state_dir), "LAMBDO_STATE_DIR"),
    ];
    let local = if global.local { " --local" } else { "" };
    // What the environment says holds for the next command, too.
    let is_said = |value: &String, variable: &str| std::env::var(variable).is_ok_and(|said| said == *value);
    let given = options
        .into_iter()
        .filter_map(|(option, value, variable)| value.filter(|value| !is_said(value, variable)).map(|value| (option, value)));
    std::iter::once(local.to_owned()).chain(given.map(|(option, value)| format!(" {option} {}", shell(&value)))).collect()
}

/// Prints, asks and draws.
pub struct Ui {
    color: Color,
    format: Format,
    quiet: bool,
    verbose: bool,
    /// Whether nothing is said at all.
    is_mute: bool,
    place: Mutex<String>,
    live: Mutex<Option<ProgressBar>>,
    /// Keeps secrets out of everything that is printed.
    scrubber: Scrubber,
    /// Why data did not get to stdout, where it did not.
    unwritten: Arc<Mutex<Option<String>>>,
}

impl Ui {
    /// Printing as the global options ask.
    pub fn new(global: &Global) -> Self {
        Self {
            color: global.color,
            format: global.format,
            quiet: global.quiet,
            verbose: global.verbose,
            is_mute: false,
            place: Mutex::new(place(global)),
            live: Mutex::new(None),
            scrubber: Scrubber::default(),
            unwritten: Arc::default(),
        }
    }

    /// Printing where the options could not be read.
    pub fn plain(format: Format) -> Self {
        Self {
            color: Color::Auto,
            format,
            quiet: false,
            verbose: false,
            is_mute: false,
            place: Mutex::default(),
            live: Mutex::new(None),
            scrubber: Scrubber::default(),
            unwritten: Arc::default(),
        }
    }

    /// What is never printed.
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// Tells of a bug. Nothing is waited for: whoever draws may be the one who failed.
    pub fn panicked(&self, text: &str) {
        let text =
            format!("{text}\nThis is a bug in lambdo; the state is as the last call left it, and the same command goes on from there.");
        write_line(&mut std::io::stderr(), &self.scrubber.clean(&text));
    }

    /// How results are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether each operation is told.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether a person sits on both ends: questions can be asked and answered.
    pub fn is_interactive(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The width for text on stdout, in columns.
    pub fn width(&self) -> usize {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        columns.or_else(terminal).unwrap_or(WIDTH_WITHOUT_TERMINAL).clamp(40, 160)
    }

    /// Writes data to stdout, with a line end.
    pub fn data(&self, text: &str) {
        self.data_line(&self.scrubber.clean(text));
    }

    /// A closed pipe or a full disk is no reason to end a run that changes AWS; what was not written is told at its end.
    fn data_line(&self, text: &str) {
        self.suspended(|| drop(self.line(text)));
    }

    /// Says that data did not get to stdout, and makes a failure of the run that went well otherwise.
    pub fn answered(&self, exit: Exit) -> Exit {
        let Some(why) = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).take() else { return exit };
        let detail = format!("stdout could not be written to the end: {why}. What the command did besides is done.");
        let unwritten = Diagnostic::error("stdout-not-written", "The result was not written").detail(detail);
        self.diagnostics(&[unwritten.hint("make room, or let stdout lead somewhere else; then run it again")]);
        match exit {
            Exit::Success | Exit::SpecChanges | Exit::Drift | Exit::Both | Exit::Unchecked => Exit::Failed,
            worse => worse,
        }
    }

    /// Whether a person reads stdout.
    pub fn is_stdout_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Writes these bytes to stdout as they are.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    }

    /// Writes a line of an open end to stdout.
    ///
    /// # Errors
    /// When nobody reads any more, or the disk is full, so that there is no reason to go on.
    pub fn line(&self, text: &str) -> std::io::Result<()> {
        let mut stdout = AutoStream::new(std::io::stdout(), self.choice(&std::io::stdout()));
        writeln!(stdout, "{text}").and_then(|()| stdout.flush()).inspect_err(|error| {
            // Whoever closes a pipe has read enough.
            if error.kind() != ErrorKind::BrokenPipe {
                let why = error.to_string();
                self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
            }
        })
    }

    /// Writes a JSON document to stdout.
    pub fn document(&self, document: &serde_json::Value) {
        let mut document = self.scrubber.clean_json(document);
        self.place_hints(&mut document);
        self.data_line(&format!("{document:#}"));
    }

    /// Writes text for people: to stdout, or to stderr where stdout carries a JSON document.
    pub fn view(&self, text: &str) {
        match self.format {
            Format::Human => self.data(&self.placed(text)),
            Format::Json | Format::Markdown => self.status(text),
        }
    }

    /// Says on stderr what is going on, unless `--quiet`.
    pub fn status(&self, text: &str) {
        if !self.quiet {
            self.message(text);
        }
    }

    /// Commands that a text names, as they must be typed for the place that this run works on: without
    /// `--local`, the next command would go to AWS.
    fn placed(&self, text: &str) -> String {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        PLACED_VERBS.iter().fold(text.to_owned(), |text, verb| text.replace(&format!("`lambdo {verb}"), &format!("`lambdo{place} {verb}")))
    }

    /// The same for the hints in a document.
    fn place_hints(&self, document: &mut serde_json::Value) {
        match document {
            serde_json::Value::Object(object) => {
                for (key, value) in object {
                    match value {
                        serde_json::Value::Array(hints) if key == "hints" => hints.iter_mut().for_each(|hint| {
                            if let serde_json::Value::String(text) = hint {
                                *text = self.placed(text);
                            }
                        }),
                        value => self.place_hints(value),
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.place_hints(item)),
            _ => {}
        }
    }

    /// Commands that are named from now on stand with these options.
    pub fn stand_at(&self, global: &Global) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place(global);
    }

    /// Says something on stderr that must be seen.
    pub fn message(&self, text: &str) {
        if self.is_mute {
            return;
        }
        let text = &self.scrubber.clean(&self.placed(text)).into_owned();
        self.suspended(|| write_line(&mut AutoStream::new(std::io::stderr(), self.choice(&std::io::stderr())), text));
    }

    /// The same options for whatever is done in the background: it prints nothing, and knows the same secrets.
    pub fn muted(&self) -> Self {
        let (place, scrubber) = (self.place.lock().unwrap_or_else(PoisonError::into_inner).clone(), self.scrubber.clone());
        let unwritten = Arc::clone(&self.unwritten);
        Self { quiet: true, is_mute: true, verbose: false, place: Mutex::new(place), live: Mutex::new(None), scrubber, unwritten, ..*self }
    }

    /// Writes a line of a log to stderr.
    pub fn log(&self, line: &str) {
        let line = self.scrubber.clean(line);
        write_line(&mut AutoStream::new(std::io::stderr(), self.choice(&std::io::stderr())), &line);
    }

    /// Shows diagnostics on stderr, sorted by file position.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        let shown: Vec<Diagnostic> = diagnostics.iter().filter(|one| !self.quiet || one.severity != Severity::Note).cloned().collect();
        if !shown.is_empty() {
            let sources = sources(&shown);
            self.message(render::diagnostics(&self.folded(shown), &sources).trim_end());
        }
    }

    /// Diagnostics that fit the terminal, if there is one. Secrets are taken out before: a line's end within one would hide
    /// it.
    fn folded(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let Some((columns, _)) = terminal_size::terminal_size_of(std::io::stderr()) else { return diagnostics };
        let room = |frame: usize| usize::from(columns.0).saturating_sub(frame).max(40);
        let fold = |text: &str, frame: usize| human::folded(&self.scrubber.clean(text), room(frame));
        let fit = |one: Diagnostic| Diagnostic {
            detail: fold(&one.detail, DETAIL_FRAME),
            hints: one.hints.iter().map(|hint| fold(hint, HINT_FRAME)).collect(),
            ..one
        };
        diagnostics.into_iter().map(fit).collect()
    }

    /// Asks a question on stderr; only `y` and `yes` are a yes. Blocks until it is answered.
    pub fn confirm(&self, question: &str) -> bool {
        let mut stderr = AutoStream::new(std::io::stderr(), self.choice(&std::io::stderr()));
        // A question that nobody can read is answered by the end of stdin below.
        let _ = write!(stderr, "\n{question} [y/N] ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
        is_read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// Draws live lines on a terminal until [`Ui::end_live`]; `false` where there is none.
    /// They are asked for anew each time, with the columns and rows that there are now.
    pub fn start_live(&self, lines: impl Fn(usize, usize) -> String + Clone + Send + Sync + 'static) -> bool {
        if self.quiet || !std::io::stderr().is_terminal() {
            return false;
        }
        let Ok(style) = ProgressStyle::with_template("{live}") else { return false };
        let style = style.with_key("live", move |_: &indicatif::ProgressState, writer: &mut dyn std::fmt::Write| {
            let (columns, rows) = live_size();
            let text = anstream::adapter::strip_str(&lines(columns, rows)).to_string();
            let _ = writer.write_str(&text);
        });
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(REDRAW_MS));
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
        true
    }

    /// Takes the live lines away.
    pub fn end_live(&self) {
        if let Some(bar) = self.live.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn suspended(&self, print: impl FnOnce()) {
        match &*self.live.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(stream),
        }
    }
}

/// The room for live lines: the terminal without its last column and row, so that nothing scrolls.
fn live_size() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or((WIDTH_WITHOUT_TERMINAL, 24), |(columns, rows)| (usize::from(columns.0).max(2) - 1, usize::from(rows.0).max(2) - 1))
}

/// Where nobody reads stderr, there is nobody to tell.
fn write_line(stream: &mut impl Write, text: &str) {
    let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
}

/// The files that the diagnostics point into, as far as they can be read.
pub fn sources(diagnostics: &[Diagnostic]) -> BTreeMap<Arc<PathBuf>, String> {
    // Each file once, however many mistakes it has.
    let files: BTreeSet<_> = diagnostics.iter().filter_map(|diagnostic| diagnostic.span.as_ref()).map(|span| span.file.clone()).collect();
    files.into_iter().filter_map(|file| std::fs::read_to_string(file.as_path()).ok().map(|text| (file, text))).collect()
}

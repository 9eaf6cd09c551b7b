//! The daemon's log: what happened, a line each, on stderr.

use crate::cli::ui::Ui;
use crate::daemon::{Moment, MomentKind};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much a line weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// Somebody should look.
    Warn,
    /// Something happened.
    #[default]
    Info,
    /// Nothing happened, either.
    Debug,
}

impl LogLevel {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    fn of(kind: MomentKind) -> Self {
        match kind {
            MomentKind::Failed | MomentKind::SpecBroken => Self::Error,
            MomentKind::Opened | MomentKind::Reopened | MomentKind::Contested | MomentKind::NotHealed => Self::Warn,
            _ => Self::Info,
        }
    }
}

/// Writes lines.
pub struct Log {
    ui: Arc<Ui>,
    format: LogFormat,
    level: LogLevel,
    /// Whether everything is written for now, whatever the level.
    is_open: AtomicBool,
}

impl Log {
    /// Writes what weighs at least as much as `level`.
    pub fn new(ui: Arc<Ui>, format: LogFormat, level: LogLevel) -> Self {
        Self { ui, format, level, is_open: AtomicBool::new(false) }
    }

    /// Writes everything from now on, or no more than before.
    pub fn toggle(&self) {
        let was_open = self.is_open.fetch_xor(true, Ordering::Relaxed);
        let text = if was_open { "the log has its usual level again" } else { "everything is logged from now on" };
        // Whoever asked wants an answer, whatever the level.
        self.ui.log(&written(self.format, LogLevel::Info, Timestamp::now(), "log_level", None, None, text));
    }

    /// Writes down what happened to a spec.
    pub fn moment(&self, spec: &str, moment: &Moment) {
        let kind = json!(moment.kind);
        let address = moment.address.as_ref().map(ToString::to_string);
        self.line(LogLevel::of(moment.kind), moment.at, kind.as_str().unwrap_or_default(), Some(spec), address.as_deref(), &moment.text);
    }

    /// Writes down something else.
    pub fn say(&self, level: LogLevel, event: &str, spec: Option<&str>, text: &str) {
        self.line(level, Timestamp::now(), event, spec, None, text);
    }

    fn line(&self, level: LogLevel, at: Timestamp, event: &str, spec: Option<&str>, address: Option<&str>, text: &str) {
        if level <= self.level || self.is_open.load(Ordering::Relaxed) {
            self.ui.log(&written(self.format, level, at, event, spec, address, text));
        }
    }
}

fn written(
    format: LogFormat,
    level: LogLevel,
    at: Timestamp,
    event: &str,
    spec: Option<&str>,
    address: Option<&str>,
    text: &str,
) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    match format {
        LogFormat::Json => {
            let mut line = json!({ "timestamp": at.to_string(), "level": level.word(), "event": event, "text": text });
            for (key, value) in [("spec", spec), ("address", address)] {
                value.into_iter().for_each(|value| line[key] = value.into());
            }
            line.to_string()
        }
        LogFormat::Text => {
            let place: Vec<&str> = spec.into_iter().chain(address).collect();
            let place = if place.is_empty() { String::new() } else { format!(" {}:", place.join(" ")) };
            // What others wrote may have line ends in it, which would forge lines.
            format!("{at} {:<5}{place} {}", level.word(), text.replace(['\n', '\r'], " "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_in_both_formats() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let line =
            |format| written(format, LogLevel::Warn, at, "opened", Some("demo"), Some("function.hash"), "memory_size: 128 -> 512\nforged");
        insta::assert_snapshot!(line(LogFormat::Text), @"2026-11-22T10:00:00Z warn  demo function.hash: memory_size: 128 -> 512 forged");
        insta::assert_snapshot!(line(LogFormat::Json), @r#"{"timestamp":"2026-11-22T10:00:00Z","level":"warn","event":"opened","text":"memory_size: 128 -> 512\nforged","spec":"demo","address":"function.hash"}"#);
    }
}

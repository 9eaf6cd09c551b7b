//! The line in which Lambda accounts for an invocation, as text or as JSON.

use serde_json::Value;
use std::str::FromStr;

/// What an invocation took.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Report {
    /// How long the function ran, in milliseconds.
    pub duration_ms: f64,
    /// How long it is billed, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_duration_ms: Option<u64>,
    /// The memory that it has, in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_size_mb: Option<u64>,
    /// The memory that it used at most, in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_used_mb: Option<u64>,
    /// How long its start took, in milliseconds; absent when it was warm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_duration_ms: Option<f64>,
    /// Whether the function never finished its start, and so never asked for an event.
    #[serde(skip)]
    pub is_init_timeout: bool,
    /// Whether its start broke off with an error.
    #[serde(skip)]
    pub is_init_error: bool,
}

/// How Lambda names a start that went on within the invocation and did not end in its time.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
const INIT_PHASE: &str = "\tPhase: invoke\t";

impl Report {
    /// Finds the last report in a log.
    pub fn find(log: &str) -> Option<Self> {
        let report =
            log.lines().rev().find_map(|line| if line.starts_with('{') { Self::from_json(line) } else { Self::from_text(line) })?;
        let ended = |how| log.lines().any(|line| has_init_ended(line, how));
        Some(Self { is_init_timeout: ended("timeout"), is_init_error: ended("error"), ..report })
    }

    /// `REPORT RequestId: … Duration: 1.2 ms Billed Duration: 2 ms …`, fields apart by tabs.
    fn from_text(line: &str) -> Option<Self> {
        let fields = line.strip_prefix("REPORT RequestId: ")?;
        Some(Self {
            duration_ms: number(fields, "Duration")?,
            billed_duration_ms: number(fields, "Billed Duration"),
            memory_size_mb: number(fields, "Memory Size"),
            max_memory_used_mb: number(fields, "Max Memory Used"),
            init_duration_ms: number(fields, "Init Duration").or_else(|| number(fields, "Restore Duration")),
            is_init_timeout: false,
            is_init_error: false,
        })
    }

    /// `{"type":"platform.report","record":{"metrics":{"durationMs":…}}}` of functions that log in JSON.
    fn from_json(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let metrics = (line["type"] == "platform.report").then(|| &line["record"]["metrics"])?;
        let number = |name: &str| metrics[name].as_f64();
        let whole = |name: &str| metrics[name].as_u64();
        Some(Self {
            duration_ms: number("durationMs")?,
            billed_duration_ms: whole("billedDurationMs"),
            memory_size_mb: whole("memorySizeMB"),
            max_memory_used_mb: whole("maxMemoryUsedMB"),
            init_duration_ms: number("initDurationMs").or_else(|| number("restoreDurationMs")),
            is_init_timeout: false,
            is_init_error: false,
        })
    }
}

/// Whether a start that went on within the invocation ended so: `timeout` or `error`.
fn has_init_ended(line: &str, how: &str) -> bool {
    if line.starts_with("INIT_REPORT ") {
        return line.contains(INIT_PHASE) && line.contains(&format!("\tStatus: {how}"));
    }
    let line: Value = line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten().unwrap_or_default();
    let record = &line["record"];
    line["type"] == "platform.initReport" && record["phase"] == "invoke" && record["status"] == how
}

/// The number behind `name: ` in fields that tabs keep apart; its unit follows.
fn number<T: FromStr>(fields: &str, name: &str) -> Option<T> {
    let field = fields.split('\t').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "))?;
    field.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_never_ends_is_told_from_a_function_that_is_slow() {
        let report = "REPORT RequestId: 8f5\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t";
        let init = |phase| format!("INIT_REPORT Init Duration: 3000.11 ms\tPhase: {phase}\tStatus: timeout");
        let json = r#"{"type":"platform.initReport","record":{"phase":"invoke","status":"timeout","metrics":{"durationMs":1}}}"#;
        for (log, expected) in [
            (report.to_owned(), false),
            (format!("{}\n{report}", init("init")), false),
            (format!("{}\n{report}", init("invoke")), true),
            (format!("{json}\n{report}"), true),
        ] {
            assert_eq!(Report::find(&log).unwrap().is_init_timeout, expected, "{log}");
        }
        let error = format!("{}\tError Type: Runtime.Unknown\n{report}", init("invoke").replace("timeout", "error"));
        assert!(Report::find(&error).is_some_and(|report| report.is_init_error && !report.is_init_timeout));
    }

    #[test]
    fn both_forms_of_the_report_are_read() {
        let text = "hello\nREPORT RequestId: 8f5\tDuration: 3.25 ms\tBilled Duration: 153 ms\tMemory Size: 128 MB\tMax Memory Used: 34 MB\tInit Duration: 149.1 ms\t\nXRAY TraceId: 1";
        let json = r#"{"time":"2026-11-22T10:00:00Z","type":"platform.report","record":{"requestId":"8f5","metrics":{"durationMs":3.25,"billedDurationMs":153,"memorySizeMB":128,"maxMemoryUsedMB":34,"initDurationMs":149.1},"status":"success"}}"#;
        let expected = Report {
            duration_ms: 3.25,
            billed_duration_ms: Some(153),
            memory_size_mb: Some(128),
            max_memory_used_mb: Some(34),
            init_duration_ms: Some(149.1),
            is_init_timeout: false,
            is_init_error: false,
        };
        assert_eq!(Report::find(text), Some(expected.clone()));
        assert_eq!(Report::find(json), Some(expected));
    }

    #[test]
    fn a_log_without_a_report_has_none() {
        for log in ["", "REPORT of the day", "{\"type\":\"platform.start\"}", "REPORT RequestId: 1\tStatus: timeout"] {
            assert_eq!(Report::find(log), None, "{log}");
        }
    }
}

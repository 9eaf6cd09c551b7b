//! What passed since the last reset: a line per call in a file, and the sums.

use crate::Operation;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use tokio::time::{Duration, Instant};

/// One call, as the proxy saw it.
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// When the request had arrived.
    pub started_at: Instant,
    /// When the answer left; the latency is in between.
    pub ended_at: Instant,
    /// How long the emulator took.
    pub upstream: Duration,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Whether the proxy refused it for a quota.
    pub is_throttled: bool,
}

/// Counts calls.
pub struct Account {
    log: Option<BufWriter<File>>,
    since: Instant,
    calls: Vec<Call>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Account {
    /// An empty one that also writes a line per call to `log`.
    pub fn new(log: Option<File>) -> Self {
        Self { log: log.map(BufWriter::new), since: Instant::now(), calls: Vec::new(), in_flight: 0, most_in_flight: 0 }
    }

    /// Forgets the calls so far, and writes the name of what comes now to the log.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn reset(&mut self, phase: &str) -> io::Result<()> {
        self.since = Instant::now();
        self.calls.clear();
        self.most_in_flight = 0;
        self.line(&json!({"phase": phase}))
    }

    /// A call begins.
    pub fn begin(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// A call ended.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn end(&mut self, call: Call) -> io::Result<()> {
        self.in_flight -= 1;
        let seconds = |instant: Instant| instant.saturating_duration_since(self.since).as_secs_f64();
        let line = json!({
            "operation": call.operation.to_string(),
            "start_s": seconds(call.started_at),
            "end_s": seconds(call.ended_at),
            "upstream_s": call.upstream.as_secs_f64(),
            "status": call.status,
            "throttled": call.is_throttled,
        });
        self.calls.push(call);
        self.line(&line)
    }

    fn line(&mut self, line: &Value) -> io::Result<()> {
        match &mut self.log {
            Some(log) => writeln!(log, "{line}"),
            None => Ok(()),
        }
    }

    /// The sums; the log is on disk when they are given.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn sums(&mut self) -> io::Result<Value> {
        self.log.as_mut().map_or(Ok(()), Write::flush)?;
        let first = self.calls.iter().map(|call| call.started_at).min();
        let last = self.calls.iter().map(|call| call.ended_at).max();
        let span = first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        let busy: f64 = self.calls.iter().map(|call| (call.ended_at - call.started_at).as_secs_f64()).sum();
        let mut by_operation = BTreeMap::<String, usize>::new();
        self.calls.iter().for_each(|call| *by_operation.entry(call.operation.to_string()).or_default() += 1);
        Ok(json!({
            "calls": self.calls.len(),
            "throttled": self.calls.iter().filter(|call| call.is_throttled).count(),
            "mean_in_flight": if span > 0.0 { busy / span } else { 0.0 },
            "most_in_flight": self.most_in_flight,
            "by_operation": by_operation,
        }))
    }
}

//! The lines that the platform itself writes into a function's log.

use super::deployment::Deployment;
use super::failure::Failure;
use std::time::Duration;

/// The figures of one invocation.
pub struct Figures<'a> {
    pub request_id: &'a str,
    /// From START to the moment when the runtime asked for more.
    pub duration: Duration,
    /// Only after a cold start.
    pub init: Option<Duration>,
    /// The most memory that the environment's processes held, in bytes; nothing where it is unknown.
    pub peak_bytes: Option<u64>,
    pub failure: Option<&'a Failure>,
}

/// Milliseconds with fractions, as Lambda counts.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The first line of an environment.
pub fn init_start(runtime: &str) -> String {
    let version = match runtime.split_once('.') {
        Some((family, release)) if family == "provided" => format!("{family}:{release}"),
        _ => match runtime.find(|character: char| character.is_ascii_digit()) {
            Some(at) => format!("{}:{}", &runtime[..at], runtime[at..].trim_end_matches(".x")),
            None => runtime.to_owned(),
        },
    };
    format!("INIT_START Runtime Version: {version}.local\n")
}

/// Written only when an init phase failed; `phase` is `init` or `invoke`.
pub fn init_report(duration: Duration, phase: &str, failure: &Failure) -> String {
    format!("INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\t{}\n", milliseconds(duration), failure.status())
}

/// The line before what the function writes.
pub fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

/// What stands after what the function wrote: what went wrong, END, REPORT.
pub fn end(deployment: &Deployment, figures: &Figures<'_>) -> Vec<String> {
    let mut lines = figures.failure.map(|failure| failure.lines(figures.request_id)).unwrap_or_default();
    lines.push(format!("END RequestId: {}\n", figures.request_id));
    lines.push(report(deployment, figures));
    lines
}

/// The time to get ready is billed too
/// (<https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>).
fn report(deployment: &Deployment, figures: &Figures<'_>) -> String {
    let billed = (figures.duration + figures.init.unwrap_or_default()).as_nanos().div_ceil(1_000_000);
    let mut line = format!("REPORT RequestId: {}\tDuration: {:.2} ms\t", figures.request_id, milliseconds(figures.duration));
    line += &format!("Billed Duration: {billed} ms\tMemory Size: {} MB\t", deployment.memory_mb);
    if let Some(bytes) = figures.peak_bytes {
        let peak_mb = bytes.div_ceil(1024 * 1024).min(u64::from(deployment.memory_mb));
        line += &format!("Max Memory Used: {peak_mb} MB\t");
    }
    if let Some(init) = figures.init {
        line += &format!("Init Duration: {:.2} ms\t", milliseconds(init));
    }
    if let Some(failure) = figures.failure {
        line += &format!("{}\t", failure.status());
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_named_as_lambda_names_their_versions() {
        for (runtime, line) in [
            ("provided.al2023", "INIT_START Runtime Version: provided:al2023.local\n"),
            ("python3.13", "INIT_START Runtime Version: python:3.13.local\n"),
            ("nodejs22.x", "INIT_START Runtime Version: nodejs:22.local\n"),
        ] {
            assert_eq!(init_start(runtime), line);
        }
    }
}

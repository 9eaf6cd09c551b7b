//! What `invoke` and `logs` take.

use crate::cli::logs::Since;
use clap::Args;
use std::path::PathBuf;

/// What `invoke` takes.
#[derive(Args, Clone, Debug)]
pub struct InvokeArguments {
    /// The function, as the spec calls it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The event as JSON, @FILE for a file's content, or - for stdin [default: {}]
    #[arg(value_name = "PAYLOAD", allow_negative_numbers = true)]
    pub event: Option<String>,
    /// The same as PAYLOAD
    #[arg(long, value_name = "PAYLOAD", allow_hyphen_values = true, conflicts_with = "event")]
    pub payload: Option<String>,
    /// Write the answer to FILE instead of stdout
    #[arg(long, value_name = "FILE", conflicts_with = "is_async")]
    pub out: Option<PathBuf>,
    /// Do not wait for the function: only hand the event over, and print the request's id
    #[arg(long = "async")]
    pub is_async: bool,
}

/// What `logs` takes.
#[derive(Args, Clone, Debug)]
pub struct LogsArguments {
    /// Only these functions, as names or globs [default: all that are deployed]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Go on with what is logged from now on, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// From when on: an age such as 30s, 10m, 2h or 1d, or a time such as 2026-11-22T10:00:00Z [default: 10m, with --follow 10s]
    #[arg(long, value_name = "AGE|TIME")]
    pub since: Option<Since>,
    /// Only events with TEXT in them; capitals count
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub grep: Option<String>,
}

//! What `daemon` takes.

use crate::cli::commands::daemon::{Listen, LogFormat, LogLevel};
use clap::Args;
use std::path::PathBuf;

/// What `daemon` takes.
#[derive(Args, Clone, Debug)]
pub struct DaemonArguments {
    /// The specs to watch, or the folders that they are in [default: the one that every command finds]
    #[arg(value_name = "CONFIG")]
    pub configs: Vec<PathBuf>,
    /// Look at each of them once, print what was found, and end as `drift` does
    #[arg(long)]
    pub once: bool,
    /// How many calls a minute are sent to each AWS service at the most, for all specs together
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u16).range(1..), env = "LAMBDO_CALLS_PER_MINUTE", hide_env_values = true)]
    pub calls_per_minute: u16,
    /// Where the page, the API and the metrics are served; `none` for nowhere. Anything but loopback needs a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = Listen::USUAL, env = "LAMBDO_LISTEN", hide_env_values = true)]
    pub listen: Listen,
    /// The file with the token that whoever looks or asks must know [or the token itself in LAMBDO_TOKEN]
    #[arg(long, value_name = "FILE", env = "LAMBDO_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,
    /// A name under which browsers may call the page, besides localhost and IP addresses
    #[arg(long = "host", value_name = "NAME", env = "LAMBDO_HOSTS", value_delimiter = ',', hide_env_values = true)]
    pub hosts: Vec<String>,
    /// How the log is written to stderr
    #[arg(
        long,
        value_enum,
        value_name = "text|json",
        hide_possible_values = true,
        default_value = "text",
        env = "LAMBDO_LOG_FORMAT",
        hide_env_values = true
    )]
    pub log_format: LogFormat,
    /// The least that is logged
    #[arg(
        long,
        value_enum,
        value_name = "error|warn|info|debug",
        hide_possible_values = true,
        default_value = "info",
        env = "LAMBDO_LOG_LEVEL",
        hide_env_values = true
    )]
    pub log_level: LogLevel,
}

//! What `runs` takes.

use clap::{Args, Subcommand};

/// What `runs` takes.
#[derive(Args, Clone, Debug)]
pub struct RunsArguments {
    /// So many of the latest runs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// What else is done with them.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
}

/// What `runs` can do besides listing.
#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// Show steps, errors and calls of one run; with -v each call
    Show {
        /// The run, as `lambdo runs` calls it, or the beginning of that [default: the latest]
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
}

//! What `plan`, `up` and `destroy` take.

use super::Selection;
use crate::model::Address;
use clap::Args;
use std::path::PathBuf;

/// What `plan` takes.
#[derive(Args, Clone, Debug)]
pub struct PlanArguments {
    /// Which part of the project.
    #[command(flatten)]
    pub selection: Selection,
    /// Save the plan to FILE, for `up --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 for spec changes, 3 for drift, 4 for both, 5 when something could not be read
    #[arg(long)]
    pub exit_code: bool,
    /// Use the packages of the last build
    #[arg(long)]
    pub no_build: bool,
    /// Also read the settings that cost a call each
    #[arg(long)]
    pub deep: bool,
    /// Show what taking over the existing resource with this address would change (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    pub adopt: Vec<Address>,
    /// Make again what is missing in AWS, even where that is everything
    #[arg(long)]
    pub recreate: bool,
}

/// What `up` takes.
#[derive(Args, Clone, Debug)]
pub struct UpArguments {
    /// Which part of the project.
    #[command(flatten)]
    pub selection: Selection,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Apply the plan that `plan --out` saved to FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "targets", "adopt"])]
    pub plan: Option<PathBuf>,
    /// Take over the existing resource with this address (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    pub adopt: Vec<Address>,
    /// Also mend settings that cost a call each to read
    #[arg(long, conflicts_with = "plan")]
    pub deep: bool,
    /// Make again what is missing in AWS, even where that is everything
    #[arg(long)]
    pub recreate: bool,
    /// Refuse to delete or replace more resources than this
    #[arg(long, value_name = "N", env = "LAMBDO_MAX_DELETIONS", hide_env_values = true)]
    pub max_deletions: Option<usize>,
    /// Operations of one AWS quota at a time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub parallel: u16,
}

/// What `destroy` takes.
#[derive(Args, Clone, Debug)]
pub struct DestroyArguments {
    /// Which part of the project.
    #[command(flatten)]
    pub selection: Selection,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Take what is missing in AWS out of the state, even where that is everything
    #[arg(long)]
    pub forget_missing: bool,
    /// Refuse to delete more resources than this
    #[arg(long, value_name = "N", env = "LAMBDO_MAX_DELETIONS", hide_env_values = true)]
    pub max_deletions: Option<usize>,
}

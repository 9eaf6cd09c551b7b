//! What `state` takes.

use crate::model::Address;
use clap::Subcommand;
use std::ffi::OsString;

/// What `state` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// List the addresses and what AWS calls them
    List,
    /// Show one resource as it was applied
    Show {
        /// Such as function.hash
        address: Address,
    },
    /// List the kept generations of the state
    History,
    /// Show what differs between two generations of the state
    Diff {
        /// The serial of the first one, as `state history` lists it
        #[arg(value_name = "A")]
        before: u64,
        /// The serial of the second one [default: the state as it is now]
        #[arg(value_name = "B")]
        after: Option<u64>,
    },
    /// Go back to a kept generation of the state; AWS is left as it is
    Restore {
        /// Its serial, as `state history` lists it
        #[arg(value_name = "GENERATION")]
        serial: u64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Take a resource out of the state; AWS is left as it is
    Forget {
        /// Such as function.hash; what dies with it is forgotten, too
        #[arg(value_name = "ADDRESS", required = true)]
        addresses: Vec<Address>,
    },
    /// Give a resource another address, as when its section was renamed; AWS is left as it is
    Move {
        /// The address before, such as function.hash; what belongs to the function moves with it
        #[arg(value_name = "OLD")]
        from: Address,
        /// The address from now on
        #[arg(value_name = "NEW")]
        to: Address,
    },
    /// Make a lost state anew from what AWS has of the project, and show what differs from the spec
    Rebuild {
        /// Which state is meant, where several have made resources of the project
        #[arg(long, value_name = "ID")]
        lineage: Option<String>,
    },
    /// Words of others and mistyped ones.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

impl StateCommand {
    /// The verb, as JSON documents name it.
    pub fn name(&self) -> &str {
        match self {
            Self::List => "state list",
            Self::Show { .. } => "state show",
            Self::History => "state history",
            Self::Diff { .. } => "state diff",
            Self::Restore { .. } => "state restore",
            Self::Forget { .. } => "state forget",
            Self::Move { .. } => "state move",
            Self::Rebuild { .. } => "state rebuild",
            Self::Other(_) => "state",
        }
    }
}

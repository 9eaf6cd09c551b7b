//! Shared by the proxy and the fewest-calls client.

mod account;
mod client;
mod operation;
mod quotas;

pub use account::{Account, Call};
pub use client::Client;
pub use operation::Operation;
pub use quotas::{Gate, Pace};

/// What may go wrong in either program; it ends with it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

//! lambdo deploys AWS Lambda functions by calling AWS itself.

// The layouts of the SDK's futures nest deeper than the compiler follows unasked.
#![recursion_limit = "256"]

pub mod aws;
pub mod cli;
pub mod daemon;
pub mod diagnostic;
pub mod engine;
pub mod kinds;
pub mod local;
pub mod model;
pub mod package;
pub mod plan;
pub mod spec;
pub mod store;

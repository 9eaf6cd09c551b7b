//! lambdo deploys AWS Lambda functions by calling AWS itself.

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

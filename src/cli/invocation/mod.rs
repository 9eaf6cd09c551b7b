//! What goes into an invocation and what comes out of it.

pub mod failure;
pub mod payload;
pub mod report;

pub use failure::FunctionFailure;
pub use payload::Payload;
pub use report::Report;

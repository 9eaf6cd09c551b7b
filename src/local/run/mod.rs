//! Functions that really run: execution environments, a process each, that speak Lambda's Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
//!
//! It knows nothing of the control plane. The Lambda service hands a [`Deployment`] and an
//! [`Invocation`] to [`Runner::invoke`] and gets an [`Outcome`], or a [`Refusal`] if nothing ran; what
//! the function writes goes to a [`LogSink`].
//!
//! `runner` asks `pool` for a member: an environment that is idle, or a new one. Each is a task of its
//! own (`environment`) with a process (`process`, started in a `sandbox`), a listener for the Runtime
//! API (`api`), and a task that owns its log (`journal`). An invocation goes on to its end even when
//! whoever asked for it has left.
//!
//! Nothing outlives the cloud, not even when it is killed with SIGKILL: a shell (`home`) waits for the
//! other end of a pipe to close, and then kills the process groups it was told of and removes the
//! folder. With namespaces the rest of a tree dies with the first process of its PID namespace.

mod api;
mod code;
mod deployment;
mod emulator;
mod entrypoint;
mod environment;
mod failure;
mod home;
mod image;
mod inside;
mod jail;
mod journal;
mod live;
mod pool;
mod process;
mod report;
mod runner;
mod runtime;
mod sandbox;
mod usage;
mod variables;

pub use code::{INVALID_IMAGE, INVALID_ZIP_FILE};
pub use deployment::{Deployment, ImageCode, Invocation, Layer, LogEvent, LogSink, Options, Outcome, Refusal};
pub use runner::Runner;

#[cfg(test)]
mod tests;

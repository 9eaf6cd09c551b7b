//! The embedded local cloud: the part of AWS that lambdo calls, over AWS's own wire protocols on
//! loopback. What it is told is on disk before it is acknowledged; functions really run.
//!
//! It shares no code with the rest of lambdo, so that it cannot share its misunderstandings, and it is
//! judged by other people's clients.
//!
//! A request goes `server` → the service that its signature names → an answer or an `ApiError`.
//! A service holds its resources in memory behind a mutex, and hands each change to `disk` while it
//! still holds the mutex, so that the order on disk is the order in memory; then it lets go, and waits
//! until the change is on disk before it answers.

mod clock;
mod cloud;
mod common;
mod disk;
mod ecr;
mod error;
mod events;
mod faults;
mod iam;
mod in_process;
mod lambda;
mod launch;
mod logs;
mod names;
mod run;
mod s3;
mod server;
mod signature;
mod stream;
mod sts;
mod trail;
mod vault;
mod wire;

pub use clock::Clock;
pub use faults::{Plan as FaultPlan, PlanError as FaultPlanError};
pub use in_process::InProcess;
pub use launch::{Found, Joined, Launch, LaunchError, Running, Server};

/// The account that the local cloud is, unless it is told another one.
pub const ACCOUNT: &str = "000000000000";

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
//!
//! # How it serves
//!
//! With `--local`, `cli/local.rs` asks `local::Launch` for a cloud in `state/local/cloud/`. One process at a time
//! holds the folder's lock and serves it. A command joins the server whose address stands beside the lock, or
//! serves the folder itself; then it ends the cloud when it is done, but not before accepted events are worked off
//! and the commands that joined it have ended. `lambdo local` serves until a signal; under it, schedules fire. From
//! there on everything is as on AWS: the same engine, the same SDK, over HTTP.
//!
//! ```text
//! request ─ server.rs ─▶ the service that its signature names: sts, iam, logs, lambda, events, s3, ecr, vault, trail ─▶ answer, or ApiError
//!    (/v2/ with a token ─▶ ecr/registry)
//!                           │ mutex: check, change in memory, hand to disk; then wait ─▶ disk.rs: one writer, one fsync for many
//!                           └ lambda ─ invoke ─▶ run/runner ─▶ pool ─▶ environment: process + Runtime API + log ─▶ logs
//! ```
//!
//! A service answers when its change is on disk, so that a kill loses nothing acknowledged. `wire/` has the
//! protocols (query, JSON, REST), `events/ticker.rs` fires schedules, `clock.rs` is where time comes from. `run/`
//! knows nothing of the control plane: it is handed a `Deployment` and an `Invocation` and gives back an `Outcome`.
//! An *environment* is a process in a `sandbox` with a listener for the Runtime API; `pool.rs` keeps it for the
//! next invocation, and it ends after five idle minutes. When the cloud is killed, a shell that waits at a pipe
//! (`home.rs`) ends what is left.
//!
//! `faults/` stands where requests enter and answers leave, and plays a fault plan: `decide` is pure, `act` does
//! it. `run/jail.rs` is the only place that writes under strangers' paths. `tests/it/simulation` runs engine and
//! cloud in one process on a clock that jumps; `scripts/simulate SEEDS` runs more lives; `simulation/points.rs`
//! ends runs at each journal line and within each write.
//!
//! Layers of images are files by digest (`ecr/blobs.rs`), which stay while a repository or a function names them;
//! `run/image/` unpacks them into one folder, the root of the function's process.

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

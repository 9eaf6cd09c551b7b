//! The embedded local cloud: the part of AWS that lambdo calls, over AWS's own wire protocols on
//! loopback. What it is told is on disk before it is acknowledged; functions really run.
//!
//! It shares no code with the rest of lambdo, so that it cannot share its misunderstandings, and it is
//! judged by other people's clients.
//!
//! A request goes `server` → the service that its signature names → an answer or an [`error::ApiError`].
//! A service holds its resources in memory behind a mutex, and hands each change to `disk` while it
//! still holds the mutex, so that the order on disk is the order in memory; then it lets go, and waits
//! until the change is on disk before it answers.

pub mod clock;
pub mod common;
pub mod disk;
pub mod error;
pub mod run;
pub mod sts;
pub mod wire;

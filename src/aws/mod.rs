//! AWS as lambdo sees it: one session, a [`Reader`] that cannot write, a [`Writer`] that can,
//! and an [`Invoker`] that calls functions.
//!
//! Every call goes through one loop (`caller`): a token of AWS's own quota (`quota`), the SDK's call
//! with the SDK's retries switched off, the meaning of its error (`classify`), and retries of what
//! is throttled or lost on the way. What has to be retried because of the meaning of a call is the
//! business of the kinds, with [`retry_while`] and [`poll_until`].

mod actions;
mod advice;
mod bounded;
mod bucket;
mod budget;
mod caller;
mod classify;
mod clients;
mod denial;
mod error;
mod guard;
mod hold_off;
mod invoker;
mod keys;
mod log_events;
mod log_groups;
mod meter;
mod notify;
mod operations;
mod pages;
mod plain_http;
mod quota;
mod reader;
mod refusal;
mod registry;
mod secrets;
mod session;
mod signed;
mod sources;
#[cfg(test)]
pub(crate) mod testing;
mod time;
mod trail;
mod unconnected;
mod uploads;
mod wait;
mod writer;

pub use actions::{Need, On, Phase, ROWS, actions_of};
pub use bucket::Place;
pub use denial::passed_to_lambda;
pub use error::{AwsError, ErrorClass};
pub use hold_off::{HoldOff, ripen};
pub use invoker::{Answer, Invocation, Invoker};
pub use log_events::{LogEvent, LogPage};
pub use meter::Meter;
pub use pages::Pages;
pub use quota::{Quotas, quota_of};
pub use reader::Reader;
pub use registry::{Login, PushProgress, PushTarget, Pushed};
pub use session::{Session, Settings, local_region};
pub use sources::configured_region;
pub use uploads::{Package, Stretch};
pub use wait::{Patience, pause, poll_until, retry_while};
pub use writer::Writer;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is always left consistent, also after a panic elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

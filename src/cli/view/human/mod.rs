//! Views for people: styled text, colours taken out later where they are not wanted.

mod calls;
mod change;
mod drift;
mod fold;
mod groups;
mod invocation;
mod log;
mod package_diff;
mod packages;
mod plan;
mod policy;
mod report;
mod runs;
mod security;
mod settings;
mod status;
mod step;
mod text;

pub use calls::{calls, slowed};
pub use change::before;
pub use drift::{DriftView, drift, pending, total as drift_total};
pub use fold::{Block, blocks};
pub use invocation::{InvocationView, answer, invocation, log_tail};
pub use log::{LogView, log_event};
pub use package_diff::package_diff;
pub use packages::{built, packages};
pub use plan::{PlanView, not_deep, notes, plan, total, unchecked, verb};
pub use policy::comparable;
pub use report::{ReportView, Times, report};
pub use runs::{run, runs};
pub use security::{Shared as SharedRight, shared as shared_rights};
pub use status::{StatusView, entry, listing, status};
pub use step::{Purpose, Steps};
pub use text::{DIM, GREEN, RED, YELLOW, bytes, counted, duration, fitted, hanging, output, styled, value, width, words, wrapped};

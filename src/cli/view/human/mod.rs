//! Views for people: styled text, colours taken out later where they are not wanted.

mod calls;
mod change;
mod drift;
mod fold;
mod groups;
mod invocation;
mod log;
mod orphans;
mod package_diff;
mod packages;
mod plan;
mod policy;
mod report;
mod security;
mod settings;
mod state_diff;
mod status;
mod step;
mod text;

pub use calls::{calls, slowed};
pub use change::before;
pub use drift::{DriftView, drift, pending, total as drift_total};
pub use fold::{Block, blocks};
pub use invocation::{InvocationView, answer, invocation, log_tail};
pub use log::{LogView, log_event};
pub use orphans::orphans;
pub use package_diff::package_diff;
pub use packages::{built, packages};
pub use plan::{PlanView, heading, not_deep, notes, plan, total, unchecked, verb};
pub use policy::comparable;
pub use report::{ReportView, Times, report};
pub use security::{Shared as SharedRight, shared as shared_rights};
pub use state_diff::state_diff;
pub use status::{StatusView, entry, listing, status};
pub use step::{Purpose, Steps, shown_action};
pub use text::{DIM, GREEN, RED, YELLOW, bytes, counted, duration, fitted, hanging, output, styled, value, width, words, wrapped};

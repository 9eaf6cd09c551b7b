//! Views for people: styled text, colours taken out later where they are not wanted.

mod calls;
mod change;
mod drift;
mod invocation;
mod log;
mod plan;
mod policy;
mod report;
mod security;
mod settings;
mod status;
mod text;

pub use calls::{calls, slowed};
pub use drift::{DriftView, drift};
pub use invocation::{InvocationView, answer, invocation, log_tail};
pub use log::{LogView, log_event};
pub use plan::{PlanView, Purpose, plan};
pub use report::{ReportView, report};
pub use status::{StatusView, entry, listing, status};
pub use text::{DIM, GREEN, RED, YELLOW, bytes, counted, duration, fitted, hanging, output, styled, width, wrapped};

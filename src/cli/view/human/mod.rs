//! Views for people: styled text, colours taken out later where they are not wanted.

mod change;
mod drift;
mod plan;
mod report;
mod security;
mod status;
mod text;

pub use drift::{DriftView, drift};
pub use plan::{Purpose, plan};
pub use report::{ReportView, report};
pub use status::{StatusView, entry, status};
pub use text::{GREEN, RED, YELLOW, bytes, counted, duration, fitted, output, styled};

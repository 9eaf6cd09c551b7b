//! Who is told about a spec, and whether it arrives.

use super::words::{self, counted};
use crate::daemon::notify::Health;
use jiff::Timestamp;
use maud::{Markup, html};

/// A line for each.
pub fn section(channels: &[Health], now: Timestamp) -> Markup {
    html! {
        ul class="plain" {
            @for health in channels {
                li {
                    p class="line" {
                        strong { (health.channel) }
                        @if health.error.is_some() { span class="badge bad" { span class="sign" aria-hidden="true" { "✕" } " Not told" } }
                        @if health.waiting > 0 { span class="tag" { (counted(health.waiting, "message")) " waiting" } }
                    }
                    @if let Some(error) = &health.error { p { (words::prose(&words::shortened(error, 400))) } }
                    p class="quiet" {
                        @if let Some(at) = health.arrived_at { "last told " (words::time(at, now)) } @else { "nothing was told since the daemon runs" }
                    }
                }
            }
        }
    }
}

//! What was asked of AWS.

use super::words::{self, counted};
use crate::daemon::View;
use maud::{Markup, html};

/// Totals, and each operation.
pub fn section(view: &View) -> Markup {
    let (calls, totals) = (&view.calls, &view.totals);
    let checks = totals.checks_done + totals.checks_failed;
    html! {
        p {
            (number(calls.total, "call")) " in " (number(checks, "check")) " since the daemon runs"
            @if calls.throttled > 0 { ", " strong { (calls.throttled) " throttled" } }
            "."
        }
        @if !calls.operations.is_empty() {
            details id="operations" {
                summary { "By operation" }
                div class="scroll" tabindex="0" role="region" aria-label="Calls by operation" {
                    table {
                        thead { tr { th scope="col" { "Operation" } @for name in ["Sent", "Throttled", "Failed", "On average"] { th scope="col" class="number" { (name) } } } }
                        tbody {
                            @for (operation, count) in &calls.operations {
                                tr {
                                    th scope="row" { code { (operation) } }
                                    @for value in [count.sent, count.throttled, count.failed] { td class="number" { (value) } }
                                    td class="number" { (words::duration(count.elapsed_ms / count.sent.max(1))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn number(count: u64, word: &str) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), word)
}

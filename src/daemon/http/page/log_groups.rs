//! The account's log groups, as of the last audit.

use super::words::{self, counted};
use crate::daemon::{LogGroupFinding, LogGroupProblem, LogGroups};
use jiff::Timestamp;
use maud::{Markup, html};

/// How many there are, and the largest of those with which something is wrong.
pub fn section(seen: &LogGroups, now: Timestamp) -> Markup {
    html! {
        p {
            (counted(seen.groups, "log group")) " of the account, " (bytes(seen.stored_bytes)) " stored: "
            (seen.without_retention) " without a retention, " (seen.empty) " empty and past it; looked at " (words::time(seen.at, now)) "."
        }
        @if !seen.findings.is_empty() {
            details id="log-group-findings" {
                summary { (counted(seen.open, "log group")) " to mend" }
                div class="scroll" tabindex="0" role="region" aria-label="Log groups to mend" {
                    table {
                        thead { tr { th scope="col" { "Log group" } th scope="col" { "Problem" } th scope="col" class="number" { "Stored" } } }
                        tbody {
                            @for group in &seen.findings {
                                tr {
                                    th scope="row" { code { (group.name) } }
                                    td { (problem(group)) }
                                    td class="number" { (bytes(group.stored_bytes)) }
                                }
                            }
                        }
                    }
                }
                @if seen.open > seen.findings.len() { p class="quiet" { "and " (seen.open - seen.findings.len()) " more" } }
            }
        }
    }
}

fn problem(group: &LogGroupFinding) -> String {
    match (group.problem, group.retention_in_days) {
        (LogGroupProblem::NoRetention, _) => "kept for ever".to_owned(),
        (LogGroupProblem::Empty, Some(days)) => format!("empty for more than {}", counted(usize::try_from(days).unwrap_or(0), "day")),
        (LogGroupProblem::Empty, None) => "empty, and kept for ever".to_owned(),
    }
}

/// In the unit that leaves the fewest digits.
fn bytes(count: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| count >> bits > 0);
    unit.map_or_else(
        || format!("{count} B"),
        |(bits, word)| format!("{}.{} {word}", count >> bits, ((count >> (bits - 10)) & 1_023) * 10 / 1_024),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        assert_eq!([0, 1_023, 1_536, 5 << 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"].map(str::to_owned));
    }

    #[test]
    fn a_name_that_is_no_name_is_shown_as_it_is() {
        let group =
            LogGroupFinding { name: "<script>".into(), problem: LogGroupProblem::NoRetention, stored_bytes: 0, retention_in_days: None };
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let seen = LogGroups { at, groups: 1, stored_bytes: 0, without_retention: 1, empty: 0, open: 2, findings: vec![group] };
        let text = section(&seen, at).into_string();
        assert!(text.contains("&lt;script&gt;") && text.contains("and 1 more"), "{text}");
    }
}

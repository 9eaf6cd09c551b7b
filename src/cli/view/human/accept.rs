//! What `drift --accept` has written, for people.

use super::change::drifted;
use super::text::{BOLD, DIM, GREEN, YELLOW, counted, hanging, styled, words};
use crate::cli::view::{AcceptView, Refused};
use crate::model::Compare;

/// What was written and what was not, in lines of at most `columns`.
pub fn accepted(view: &AcceptView<'_>, columns: usize) -> String {
    let mut lines = list(view, columns);
    lines.push(accepted_total(view));
    lines.join("\n")
}

/// What would be written, before anybody is asked.
pub fn to_accept(view: &AcceptView<'_>, columns: usize) -> String {
    let mut lines = list(view, columns);
    let values = counted(view.accepted.len(), "value");
    let total = format!("To be written: {values} into `{}` and into the state, as they live. AWS stays as it is.", view.file);
    lines.extend(hanging(&total, 0, columns));
    lines.join("\n")
}

fn list(view: &AcceptView<'_>, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, one) in view.accepted.iter().enumerate() {
        if at == 0 || view.accepted[at - 1].address != one.address {
            lines.push(format!("{} {}", styled(GREEN, "  ="), styled(BOLD, &one.address.to_string())));
        }
        lines.extend(drifted(&one.change, Compare::Exact, columns));
    }
    lines.extend(view.refused.iter().flat_map(|one| refused(one, columns)));
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn refused(one: &Refused, columns: usize) -> Vec<String> {
    let what = if one.path.0.is_empty() { one.address.to_string() } else { format!("{} {}", one.address, one.path) };
    let by_hand = if one.lines.is_empty() { "" } else { "; to be written by hand:" };
    let said = words(&format!("not accepted: {what}: {}{by_hand}", one.why));
    let said = hanging(&said, 2, columns).into_iter().map(|line| styled(YELLOW, &line));
    said.chain(one.lines.lines().map(|line| styled(DIM, &format!("      {}", words(line))))).collect()
}

/// The one line at the end.
pub fn accepted_total(view: &AcceptView<'_>) -> String {
    match (view.accepted.len(), view.refused.len()) {
        (0, 0) => "No drift to accept.".to_owned(),
        (0, _) => format!("Nothing was written to `{}`.", view.file),
        (number, _) => {
            format!("Accepted: {} written to `{}` and recorded in the state; AWS was not changed.", counted(number, "value"), view.file)
        }
    }
}

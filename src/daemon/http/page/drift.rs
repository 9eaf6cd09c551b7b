//! What differs from what was applied, path by path.

use super::words::{self, counted};
use crate::daemon::{FindingKind, FindingState, Unread, View};
use crate::model::Address;
use jiff::Timestamp;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// So many resources that drifted are shown at once; the others are folded up, so that what comes after them is found.
const SHOWN: usize = 20;

/// All of it, and what is not known.
pub fn list(view: &View, now: Timestamp) -> Markup {
    let mut findings: BTreeMap<&Address, Vec<&FindingState>> = BTreeMap::new();
    view.findings.iter().for_each(|state| findings.entry(&state.finding.address).or_default().push(state));
    html! {
        @if findings.is_empty() { (nothing(view)) }
        @for (address, states) in findings.iter().take(SHOWN) { (of_one(address, states, now)) }
        @if findings.len() > SHOWN {
            details id="more-drift" {
                summary { (counted(findings.len() - SHOWN, "more resource")) }
                @for (address, states) in findings.iter().skip(SHOWN) { (of_one(address, states, now)) }
            }
        }
        (wishes(view))
        @if !view.unread.is_empty() { (unread(&view.unread)) }
        @if view.left_out > 0 {
            p class="quiet" { (counted(view.left_out, "setting")) " cost a call each and are read by the next deep check." }
        }
    }
}

fn of_one(address: &Address, states: &[&FindingState], now: Timestamp) -> Markup {
    html! {
        article class="finding" {
            h3 { code { (address) } }
            ul { @for state in states { li { (one(state, now)) } } }
        }
    }
}

fn nothing(view: &View) -> Markup {
    html! {
        div class="empty" {
            @if view.last_success.is_none() { p { "Nothing is known yet." } p class="quiet" { "No check has worked so far." } }
            @else { p { "Nothing drifted." } p class="quiet" { "AWS has what was applied, as far as the last check could see." } }
        }
    }
}

fn one(state: &FindingState, now: Timestamp) -> Markup {
    let finding = &state.finding;
    html! {
        div class="line" {
            strong class="path" { @if finding.path.0.is_empty() { "the whole resource" } @else { (finding.path) } }
            span class="tag" { (words::difference(finding.kind)) }
            @if state.contested.is_some() { span class="badge bad" { span class="sign" aria-hidden="true" { "⇄" } " Contested" } }
        }
        @if let Some(text) = &finding.text { p { (words::prose(&words::shortened(text, 400))) } }
        @if finding.text.is_none() || finding.kind == FindingKind::Undeclared {
            dl class="values" {
                div { dt { (if finding.kind == FindingKind::Undeclared { "usual" } else { "applied" }) } dd { (words::value(finding.applied.as_ref())) } }
                div { dt { "live" } dd class="live" { (words::value(finding.live.as_ref())) } }
            }
        }
        p class="quiet" {
            "first seen " (words::time(state.since, now))
            " · by " (finding.who.as_deref().unwrap_or("unknown"))
            @if let Some(contested) = state.contested { " · healing gave in " (words::time(contested, now)) }
            @if let Some(healed) = state.healed { " · taken back " (words::time(healed, now)) }
        }
        @if let Some(left) = &state.left { p class="quiet" { "Not taken back: " (words::prose(&words::shortened(left.trim_start_matches("not taken back: "), 400))) } }
    }
}

fn wishes(view: &View) -> Markup {
    html! {
        @if let Some(pending) = view.pending.filter(|pending| *pending > 0) {
            p class="note" {
                span class="sign" aria-hidden="true" { "→ " }
                (counted(pending, "resource")) " of the spec " (if pending == 1 { "waits" } else { "wait" })
                " for " code { "lambdo up" } ". That is no drift."
            }
        }
    }
}

fn unread(unread: &[Unread]) -> Markup {
    html! {
        details id="unread" {
            summary { (counted(unread.len(), "thing")) " could not be read" }
            ul class="plain" {
                @for one in unread {
                    li { code { (one.address) @if !one.path.0.is_empty() { " " (one.path) } } p class="quiet" { (one.why.replace('_', " ")) ": " (one.detail) } }
                }
            }
        }
    }
}

//! The plan that waits for a person.

use super::super::{Refusal, Site};
use super::layout::{Layout, form_token};
use super::view;
use super::words::{self, counted};
use crate::daemon::{Proposal, View};
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use std::sync::Arc;

/// The page with all of the plan.
pub async fn page(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let (view, now) = (view(&site, &id)?, site.clock.now());
    let token = site.gate.form_token();
    let body = html! {
        h1 { "Plan" }
        @if let Some(proposal) = &view.proposal {
            p class="quiet" { (counts(proposal)) ", made " (words::time(proposal.at, now)) }
            pre class="plan" tabindex="0" role="region" aria-label="The plan" { (proposal.text) }
            (button(&view, proposal, &token))
            p class="quiet" { "The same on the command line: " code { (proposal.command) } }
        } @else {
            div class="empty" {
                p { "No plan waits." }
                p class="quiet" { "With " code { "daemon.mode = \"propose\"" } " one is kept ready as long as there is something to do." }
            }
        }
    };
    Ok(Layout::of(&site, "Plan").below(&view).page(&body))
}

/// The plan in short, on the page of its spec.
pub fn banner(view: &View, proposal: &Proposal, token: &str, now: Timestamp) -> Markup {
    html! {
        section class="waiting" aria-labelledby="waiting-title" {
            div {
                h2 id="waiting-title" { "A plan waits for you" }
                p { (counts(proposal)) ", made " (words::time(proposal.at, now)) }
            }
            details id="plan" { summary { "What it would do" } pre class="plan" tabindex="0" role="region" aria-label="The plan" { (proposal.text) } }
            (button(view, proposal, token))
            a href=(words::of_spec(&view.id, "/plan")) { "On a page of its own" }
        }
    }
}

fn button(view: &View, proposal: &Proposal, token: &str) -> Markup {
    let is_applying = view.activity.as_deref() == Some("applying");
    html! {
        form method="post" action=(words::of_spec(&view.id, "/apply")) {
            (form_token(token))
            input type="hidden" name="plan" value=(proposal.id);
            button class="main" disabled[view.frozen.is_some() || is_applying] { @if is_applying { "Applying…" } @else { "Apply this plan" } }
            @if let Some(frozen) = &view.frozen { p class="quiet" { "Not now: " (frozen) } }
        }
    }
}

/// `2 to update, 1 to create`.
fn counts(proposal: &Proposal) -> String {
    let parts: Vec<String> =
        proposal.counts.iter().map(|count| format!("{} to {}", count.resources, count.action.replace('_', " "))).collect();
    if parts.is_empty() { counted(0, "change") } else { parts.join(", ") }
}

//! One spec.

use super::super::{Refusal, Site};
use super::layout::{Layout, form_token, live_part};
use super::{actions, asked, calls, channels, drift, history, log_groups, overview, plan, resources, view, words};
use crate::daemon::{Depth, Trouble, View};
use crate::model::Mode;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use std::sync::Arc;

/// The page.
pub async fn page(State(site): State<Arc<Site>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let (view, now) = (view(&site, &id)?, site.clock.now());
    let (token, channels) = (site.gate.form_token(), site.listener.health(&view.id));
    let body = html! {
        div class="head" {
            div id="standing" data-part { h1 { (view.id) " " (words::badge(&view)) } }
            form method="post" action=(words::of_spec(&id, "/check")) { (form_token(&token)) button class="quiet" { "Check now" } }
        }
        div id="troubles" data-part { (troubles(&view, now)) }
        (facts(&view, now))
        div id="waiting" data-part { @if let Some(proposal) = &view.proposal { (plan::banner(&view, proposal, &token, now)) } }
        (live_part("drift", "Drift", &drift::list(&view, now)))
        (live_part("resources", "Resources", &resources::section(&view)))
        (live_part("history", "History", &history::latest(&view, now)))
        @if let Some(seen) = &view.log_groups { (live_part("log-groups", "Log groups", &log_groups::section(seen, now))) }
        @if !channels.is_empty() { (live_part("channels", "Who is told", &channels::section(&channels, now))) }
        (live_part("calls", "Calls to AWS", &calls::section(&view)))
    };
    let told = actions::told(asked(query.as_deref(), "told").as_deref());
    Ok(Layout::live(&site, &view.id).told(told).page(&body))
}

/// What keeps the daemon from its work.
fn troubles(view: &View, now: Timestamp) -> Markup {
    html! {
        @if let Some(trouble) = &view.trouble { (alert("Checks fail", trouble, view.trouble_since, now)) }
        @if let Some(trouble) = &view.spec_trouble { (alert(broken(view), trouble, None, now)) }
        @for undone in &view.undone { (alert(undone.work.title(), &undone.trouble, Some(undone.since), now)) }
        @if let Some(problem) = &view.history_trouble {
            div class="alert bad" { p { strong { "The history cannot be kept" } } p { (words::prose(problem)) } }
        }
        @for warning in &view.warnings { div class="alert warn" { p { (words::prose(warning)) } } }
        @if let Some(frozen) = &view.frozen { div class="alert warn" { p { strong { "Nothing is changed now" } } p { (words::prose(frozen)) } } }
    }
}

fn alert(title: &str, trouble: &Trouble, since: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        div class="alert bad" {
            p { strong { (title) } @if let Some(since) = since { ", since " (words::time(since, now)) } }
            p { (words::prose(&trouble.text)) }
            @for hint in &trouble.hints { p class="quiet" { (words::prose(hint)) } }
        }
    }
}

fn facts(view: &View, now: Timestamp) -> Markup {
    let (mode, meaning) = words::mode(view.mode);
    html! {
        dl class="facts wide" id="facts" data-part {
            div { dt { "Next check" } dd { (overview::next(view, now)) } dd class="quiet" { (view.schedule) } }
            @if let Some(last) = &view.last_check {
                div {
                    dt { "Last check" }
                    dd { (words::time(last.at, now)) @if !last.is_success { ", failed" } }
                    dd class="quiet" {
                        (words::duration(last.elapsed_ms)) ", " (words::counted(usize::try_from(last.calls).unwrap_or(usize::MAX), "call"))
                        @if last.depth == Depth::Deep { ", deep" }
                    }
                }
            }
            @if let Some(success) = view.last_success.filter(|_| view.trouble.is_some()) { div { dt { "Last success" } dd { (words::time(success, now)) } } }
            div { dt { "Mode" } dd { (mode) } dd class="quiet" { (meaning) } }
            @if !view.region.is_empty() {
                div { dt { "Place" } dd class="number" { (view.account) } dd class="quiet" { (view.region) } }
            }
            div { dt { "State" } dd class="number" { "serial " (view.serial) } dd class="quiet path" { (words::path(&view.config)) } }
        }
    }
}

/// What is wrong with the spec on disk, and what is done meanwhile: without a schedule, not even its first keys could be read, and
/// without a number of wishes, only those.
fn broken(view: &View) -> &'static str {
    match (view.schedule.is_empty(), view.pending) {
        (true, _) => "The spec is broken; nothing is checked until it is mended",
        (false, None) if view.mode == Mode::Heal => {
            "The spec is broken; drift is looked for and taken back, and nothing else is done until it is mended"
        }
        (false, None) => "The spec is broken; only drift is looked for until it is mended",
        (false, Some(_)) => "The spec is broken; the last good one is used",
    }
}
